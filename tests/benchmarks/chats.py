"""Threads with many runs: a chat whose transcript grows, and a counter that only has a long past."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson

from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
from tests.benchmarks.comparing import Bench, Line, Measure, grown, medians
from tests.benchmarks.libraries import Library, new_thread, timed

TURN = 600
"""Bytes that a turn adds to the transcript."""

SHARED = "/dev/shm" if os.path.isdir("/dev/shm") else None


def _message(turn: int) -> str:
    return f"{turn:010}".ljust(TURN, "x")


class Chat:
    """A chat in files, each turn of which adds a message to the transcript.

    Args:
        library: which one.
        folder: where it is kept.
    """

    def __init__(self, library: Library, folder: Path) -> None:
        final = library.func.entrypoint.final

        @library.func.entrypoint(checkpointer=library.saver("files", folder))
        def chat(message: str, *, previous: Any = None) -> Any:
            transcript = [*(previous or []), message]
            return final(value=len(transcript), save=transcript)

        self._workflow = chat
        self._folder = folder
        self._thread = new_thread()
        self._turns = 0

    def turn(self) -> float:
        """Make a turn; return how many microseconds it took."""
        self._turns += 1
        return timed(self._workflow, _message(self._turns), self._turns, self._thread, durability="sync") * 1e6

    def go_on_to(self, turns: int) -> None:
        """Make turns until there are so many."""
        while self._turns < turns:
            self.turn()

    def size(self) -> int:
        """Return its bytes on the disk."""
        return sum(path.stat().st_size for path in self._folder.rglob("*") if path.is_file())


def _in_turn(chats: Sequence[Chat], turns: int) -> list[float]:
    """Let chats go on by so many turns, each making one in turn; return the median of each."""
    taken = zip(*([chat.turn() for chat in chats] for _ in range(turns)), strict=True)
    return [statistics.median(one) for one in taken]


def _round_trip(turns: int) -> float:
    """Return the microseconds in which a transcript is read from JSON and written again."""
    text = orjson.dumps([_message(turn) for turn in range(turns)])
    began = time.perf_counter()
    orjson.dumps(orjson.loads(text))
    return (time.perf_counter() - began) * 1e6


def chat(bench: Bench) -> Iterator[Line]:
    """A chat in files: what it takes on the disk, and what a late turn costs."""
    # LangGraph writes the whole transcript with every turn, more than once.
    turns, fewer = bench.tasks, max(bench.tasks // 5, 1)
    ours, theirs = Chat(bench.lgrun, bench.fresh()), Chat(bench.langgraph, bench.fresh())
    tenth = max(fewer // 10, 1)
    ours.go_on_to(fewer - tenth)
    theirs.go_on_to(fewer - tenth)
    late, their_late = _in_turn([ours, theirs], tenth)
    size, their_size = ours.size(), theirs.size()
    tenth = max(turns // 10, 1)
    ours.go_on_to(turns - tenth)
    first, last = _in_turn([Chat(bench.lgrun, bench.fresh()), ours], tenth)
    floor = first + medians({"": lambda: _round_trip(turns)}, bench.rounds)[""]
    named = bench.langgraph.label("files")

    def line(what: str, unit: str, ours: float, against: str, other: float, at_most: float | None = None) -> Line:
        return Line(case="chat", what=what, unit=unit, lgrun=ours, against=against, other=other, at_most=at_most)

    yield line(f"disk, {turns:,} turns", "kB", ours.size() / 1e3, "the transcript", turns * TURN / 1e3, 3)
    yield line(f"disk, {fewer:,} turns", "kB", size / 1e3, named, their_size / 1e3)
    yield line("last tenth of turns", "µs per turn", last, "first tenth + decode, encode", floor, 1.5)
    yield line(f"turn {fewer:,}", "µs per turn", late, named, their_late)


def _counter(library: Library, saver: Any) -> Any:
    @library.func.entrypoint(checkpointer=saver)
    def count(n: int, *, previous: int | None = None) -> int:
        return (previous or 0) + n

    return count


def _past(saver: BaseCheckpointSaver, old: str, new: str, turns: int) -> None:
    """Make a thread of many turns of one that has had two, whose second is repeated."""
    begun = sorted(saver.history(old), key=lambda saved: saved.checkpoint.seq)
    assert len(begun) == 4

    def history() -> Iterator[Saved]:
        for number in range(2 * turns):
            seq, (model, writes) = number + 1, begun[number if number < 4 else 2 + number % 2]
            moved = number + 1 - model.seq
            yield Saved(
                replace(
                    model,
                    thread=new,
                    seq=seq,
                    id=f"{seq:08x}{model.id[8:]}",
                    step=model.step + moved,
                    parent=model.parent and model.parent + moved,
                    previous=model.previous and model.previous + moved,
                ),
                writes,
            )

    saver.copy_thread(old, new, history())


def per_turn(bench: Bench) -> Iterator[Line]:
    """What a turn costs on a thread that has had many against one that has had few; the disk itself left out."""
    few, many = max(bench.tasks // 10, 2), bench.tasks * 10
    for kind in ("memory", "files"):
        with tempfile.TemporaryDirectory(dir=SHARED) as folder:
            saver = bench.lgrun.saver(kind, Path(folder))
            count, short = _counter(bench.lgrun, saver), new_thread()
            for _ in range(2):
                count.invoke(1, short)

            def measure(turns: int) -> Measure:
                config = new_thread()
                _past(saver, short["configurable"]["thread_id"], config["configurable"]["thread_id"], turns)

                def some_turns() -> float:
                    began = time.perf_counter()
                    for _ in range(10):
                        count.invoke(1, config)
                    return (time.perf_counter() - began) / 10 * 1e6

                return some_turns

            what, against = f"turn {many:,}, {kind}", f"turn {few:,}"
            yield grown(bench, few, many, measure, what=what, against=against, unit="µs per turn")
