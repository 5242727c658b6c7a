"""Group commit: who waits for which write, and which records say that a call began."""

import asyncio
import contextlib
import errno
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from lgrun._engine.journal import Begun, Journal
from lgrun._engine.ticks import REST, Ticks
from lgrun._fs import RealFs
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.memory import InMemorySaver, MemoryClaim
from lgrun.errors import StateIOError
from lgrun.func import entrypoint, task
from tests.engine.conftest import THREAD

PATIENCE = 30.0


class SlowClaim(MemoryClaim):
    """Every append says what it was given and waits for leave to end."""

    def __init__(self) -> None:
        super().__init__(InMemorySaver(), "t")
        self.begun: queue.Queue[list[str]] = queue.Queue()
        self.leave: queue.Queue[None] = queue.Queue()

    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        self.begun.put([write.name for write in writes])
        self.leave.get(timeout=PATIENCE)


def test_whoever_waits_is_released_by_the_write_that_was_his() -> None:
    claim = SlowClaim()
    journal = Journal(claim, 1, "sync", shared=True)

    def save(name: str) -> threading.Thread:
        ticket = journal.add(PendingWrite("result", name=name))
        thread = threading.Thread(target=journal.flush, args=(ticket,), daemon=True)
        thread.start()
        return thread

    def joined(thread: Any) -> bool:
        thread.join(PATIENCE)
        return not thread.is_alive()

    first = save("a")
    assert claim.begun.get(timeout=PATIENCE) == ["a"]
    together = [save("b"), save("c"), save("d")]
    claim.leave.put(None)
    assert joined(first)
    assert claim.begun.get(timeout=PATIENCE) == ["b", "c", "d"]
    last = save("e")
    claim.leave.put(None)
    assert claim.begun.get(timeout=PATIENCE) == ["e"]
    # The write of "e" is not over, and need not be.
    assert all(joined(thread) for thread in together)
    claim.leave.put(None)
    assert joined(last)


class Held(RealFs):
    """A disk whose syncs of journals last until they may end."""

    def __init__(self) -> None:
        self.journals: set[int] = set()
        self.leave = threading.Event()

    def open_append(self, name: str, parent: int) -> int:
        fd = super().open_append(name, parent)
        self.journals.add(fd)
        return fd

    def sync(self, fd: int) -> None:
        assert fd not in self.journals or self.leave.wait(PATIENCE)
        super().sync(fd)


def run_on(disk: Held, folder: Path, then: Callable[[list[Any]], list[int]]) -> Any:
    """Run 20 calls side by side, `then` something with them before the first of their results is on the disk."""
    ran = queue.SimpleQueue[int]()

    @task
    def work(n: int) -> int:
        ran.put(n)
        return n

    @entrypoint(checkpointer=FileSaver(folder, fs=disk))
    def flow(n: int) -> list[int]:
        calls = [work(number) for number in range(n)]
        assert sorted(ran.get(timeout=PATIENCE) for _ in calls) == list(range(n))
        return then(calls)

    return flow.invoke(20, THREAD)


def test_threads_run_the_next_call_while_a_result_is_on_its_way_to_the_disk(tmp_path: Path) -> None:
    """And nobody is told of a result before it is there."""
    disk = Held()

    def then(calls: list[Any]) -> list[int]:
        assert not any(call.done() for call in calls)
        disk.leave.set()
        return [call.result() for call in calls]

    assert run_on(disk, tmp_path, then) == list(range(20))


def test_what_is_called_for_a_result_may_wait_for_another_one_of_the_same_write(tmp_path: Path) -> None:
    disk, seen = Held(), queue.SimpleQueue[int]()

    def then(calls: list[Any]) -> list[int]:
        for call, other in pairwise(calls):
            call.add_done_callback(lambda _, other=other: seen.put(other.result()))
        disk.leave.set()
        return sorted(seen.get(timeout=PATIENCE) for _ in calls[1:])

    assert run_on(disk, tmp_path, then) == list(range(1, 20))


def test_no_more_than_some_records_wait_to_be_written() -> None:
    """Who comes then waits, too: what runs ahead of the disk would have to be run again after a crash."""
    acts: list[Any] = []
    journal = Journal(MemoryClaim(InMemorySaver(), "t"), 1, "sync", shared=True, apart=acts.append)
    told: list[Any] = []
    tickets = [journal.add(PendingWrite("result", name=str(number))) for number in range(40)]

    assert [journal.flush_apart(ticket, told.append) for ticket in tickets] == [True] * 32 + [False] * 8
    assert (len(acts), told) == (1, [])
    acts[0]()
    # There is no such checkpoint.
    assert [type(error) for error in told] == [ValueError] * 32
    assert journal.flush_apart(tickets[-1], told.append)
    assert len(acts) == 2


def test_a_result_that_was_written_before_the_disk_refused_is_there() -> None:
    claim, acts, told = Written(), list[Any](), list[tuple[str, Any]]()
    journal = Journal(claim, 1, "sync", shared=True, apart=acts.append)
    for name in "ab":
        claim.is_full = name == "b"
        ticket = journal.add(PendingWrite("result", name=name))
        assert journal.flush_apart(ticket, partial(lambda name, error: told.append((name, type(error))), name))
        with contextlib.suppress(StateIOError):
            journal.flush(ticket)
    acts[0]()
    assert told == [("a", type(None)), ("b", StateIOError)]


# --- disks that fail

MANY = 5


class Filling(RealFs):
    """A disk without room for one line of results. The first line is one result's, for which all others wait.

    Args:
        fails: the number of the line.
    """

    def __init__(self, fails: int) -> None:
        self.fails = fails
        self.lines = 0
        self.begun = threading.Event()
        self.all_wait = threading.Event()

    def write(self, fd: int, data: bytes) -> int:
        if b'"kind":"result"' in data:
            self.lines += 1
            self.begun.set()
            assert self.all_wait.wait(PATIENCE)
            if self.lines == self.fails:
                raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(fd, data)


@pytest.fixture(params=[1, 2])
def filling(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Filling:
    """The first line holds one result, the second all others."""
    disk = Filling(request.param)
    results = iter(range(1, MANY + 1))
    add = Journal.add

    def counted(journal: Journal, *writes: PendingWrite) -> int:
        ticket = add(journal, *writes)
        if any(write.kind == "result" and next(results) == MANY for write in writes):
            disk.all_wait.set()
        return ticket

    monkeypatch.setattr(Journal, "add", counted)
    return disk


def _check(filling: Filling, directory: Path, told: list[object]) -> None:
    """What was handed on is in the journal, and nothing else was."""
    saved = FileSaver(directory).load("t")
    assert saved is not None
    stored = [write for write in saved.writes if write.kind == "result"]
    assert [kind is StateIOError for kind in told].count(False) == len(stored) == filling.fails - 1
    assert filling.lines == filling.fails


def test_all_whose_records_share_a_line_are_told_that_it_was_not_stored(filling: Filling, tmp_path: Path) -> None:
    told: list[object] = []

    @task
    def work(n: int) -> int:
        assert n == 0 or filling.begun.wait(PATIENCE)
        return n

    @entrypoint(checkpointer=FileSaver(tmp_path, fs=filling))
    def flow(_: int) -> None:
        for call in [work(n) for n in range(MANY)]:
            try:
                told.append(call.result())
            except StateIOError as error:
                told.append(type(error))

    with pytest.raises(StateIOError, match="No space left"):
        flow.invoke(0, THREAD)
    _check(filling, tmp_path, told)


def test_all_whose_records_share_a_line_are_told_on_an_event_loop(filling: Filling, tmp_path: Path) -> None:
    @task
    async def work(n: int) -> int:
        assert n == 0 or await asyncio.to_thread(filling.begun.wait, PATIENCE)
        return n

    told: list[object] = []

    @entrypoint(checkpointer=FileSaver(tmp_path, fs=filling))
    async def flow(_: int) -> None:
        ends = await asyncio.gather(*(work(n) for n in range(MANY)), return_exceptions=True)
        told.extend(type(end) if isinstance(end, BaseException) else end for end in ends)

    with pytest.raises(StateIOError, match="No space left"):
        asyncio.run(flow.ainvoke(0, THREAD))
    _check(filling, tmp_path, told)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_what_the_handler_of_a_signal_cut_short_is_written_by_the_next(
    monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """The handler raises in the middle of one thread's write; the other's record was in that line, too."""

    def cut_short(*_: Any, **__: Any) -> None:
        monkeypatch.undo()
        raise error

    story = Story("sync")
    journal = story.journal
    first, second = [journal.add(PendingWrite("result", name=name)) for name in "ab"]
    monkeypatch.setattr(story.claim, "append", cut_short)
    with pytest.raises(error):
        journal.flush(first)
    journal.flush(second)
    assert story.claim.lines == ["a b"]


# --- starts


class Written(MemoryClaim):
    """Keeps what it was given: the records of each write, `+` before starts."""

    def __init__(self) -> None:
        super().__init__(InMemorySaver(), "t")
        self.lines: list[str] = []
        self.synced: list[bool] = []
        self.is_full = False

    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        if self.is_full:
            raise StateIOError("the disk is full")
        self.lines.append(" ".join("+" * (write.kind == "start") + write.name for write in writes))
        self.synced.append(sync)


class Story:
    """A journal with calls that begin and return, and ticks at will."""

    def __init__(self, durability: Any = "async") -> None:
        self.claim = Written()
        self.looks: list[Iterator[int]] = []
        self.journal = Journal(self.claim, 1, durability, shared=True, watch=self._watch, apart=lambda write: write())

    def _watch(self, look: Iterator[int]) -> bool:
        self.looks.append(look)
        return True

    def begin(self, name: str, *, plain: bool = True) -> None:
        """A call begins; its name says where it is: `ab` is what `a` calls."""
        self.journal.note(begun(name, plain=plain))

    def end(self, name: str, kind: Any = "result") -> None:
        self.journal.flush(self.journal.add(PendingWrite(kind, path=path_of(name), name=name)))

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.looks = [look for look in self.looks if next(look, self) is not self]


def begun(name: str, *, plain: bool = True) -> Begun:
    start = PendingWrite("start", path=path_of(name), name=name)
    return Begun(start.path, plain, lambda: start)


def path_of(name: str) -> Any:
    return tuple((0, ord(letter)) for letter in name)


def told(story: str, durability: Any = "async") -> list[str]:
    """Return the lines of a journal after calls that begin (`+a`), return (`a`), fail (`a!`), and ticks (`.`)."""
    told = Story(durability)
    for word in story.split():
        if word == ".":
            told.tick()
        elif word[0] == "+":
            told.begin(word[1:])
        else:
            told.end(word.rstrip("!"), "error" if word[-1] == "!" else "result")
    return told.claim.lines


def test_a_result_right_after_its_start_says_that_the_call_began() -> None:
    assert told("+a a +b b . +c . c") == ["a", "b", "c"]


def test_records_are_in_the_order_of_what_happened() -> None:
    """Also where calls run side by side, or make calls."""
    assert told("+a +b a b") == ["+a +b a", "b"]
    assert told("+a +b b a") == ["+a b", "a"]
    assert told("+a +ab ab a") == ["+a ab", "a"]
    assert told("+a +ab +abc abc +abd abd ab a") == ["+a +ab abc", "abd", "ab", "a"]
    assert told("+a a!") == ["+a a"]


def test_the_start_of_a_call_that_lasts_is_recorded() -> None:
    """After one full tick, without a sync, once."""
    story = Story("sync")
    story.begin("a")
    story.tick(2)
    assert story.claim.lines == []
    story.tick()
    assert (story.claim.lines, story.claim.synced) == (["+a"], [False])
    story.tick(3)
    story.begin("ab")
    story.tick()
    story.begin("ac")
    story.tick(2)
    story.end("ab")
    story.end("a")
    assert story.claim.lines == ["+a", "+ab +ac", "ab", "a"]


def test_calls_that_return_within_a_tick_are_not_looked_at_twice() -> None:
    assert told("+a . a +b . b +c . c . . .") == ["a", "b", "c"]


def test_a_start_that_says_more_than_its_result_is_recorded() -> None:
    story = Story()
    story.begin("a", plain=False)
    story.end("a")
    assert story.claim.lines == ["+a a"]


def test_looking_ends_with_the_calls_and_begins_again_with_them() -> None:
    story = Story()
    story.begin("a")
    story.end("a")
    story.tick(30)
    assert story.looks == []
    story.begin("b")
    story.begin("c")
    assert len(story.looks) == 1
    story.tick(30)
    assert (story.claim.lines, story.looks) == (["a", "+b +c"], [])


def test_whoever_writes_next_is_told_that_a_start_cannot_be_stored() -> None:
    story = Story()
    story.begin("a")
    story.claim.is_full = True
    story.tick(5)
    with pytest.raises(StateIOError):
        story.end("a")
    assert story.claim.lines == []


def test_whoever_looks_on_does_not_wait_for_the_disk() -> None:
    claim, looks = SlowClaim(), list[Iterator[int]]()
    journal = Journal(claim, 1, "async", shared=True, watch=lambda look: looks.append(look) or True)
    journal.note(begun("a"))
    for _ in range(3):
        next(looks[0])
    assert claim.begun.get(timeout=PATIENCE) == ["a"]
    claim.leave.put(None)


def test_a_look_that_fails_is_the_last_one_and_no_others(caplog: pytest.LogCaptureFixture) -> None:
    ticks, ended = Ticks(), threading.Event()

    def fails() -> Iterator[int]:
        raise LookupError("broken")
        yield 1

    def goes_on() -> Iterator[int]:
        yield 1
        yield 1
        ended.set()

    ticks.add(fails())
    ticks.add(goes_on())
    assert ended.wait(PATIENCE)
    assert "broken" in caplog.text


def test_a_look_comes_when_it_is_due_or_when_there_is_a_hurry() -> None:
    ticks, came = Ticks(), queue.SimpleQueue[str]()

    def looks(name: str, pause: int) -> Iterator[int]:
        for _ in range(2):
            came.put(name)
            yield pause

    ticks.add(looks("often", 1))
    ticks.add(looks("seldom", 10**6))
    assert sorted(came.get(timeout=PATIENCE) for _ in range(3)) == ["often", "often", "seldom"]
    ticks.hurry()
    assert came.get(timeout=PATIENCE) == "seldom"


def test_a_new_look_does_not_wait_for_those_that_come_seldom() -> None:
    slept, came = queue.SimpleQueue[int](), queue.SimpleQueue[str]()

    class Told(Ticks):
        def _sleep(self, wakes: Any, ticks: int) -> bool:
            slept.put(ticks)
            return super()._sleep(wakes, ticks)

    def looks(name: str) -> Iterator[int]:
        came.put(name)
        yield 10**6

    ticks = Told()
    ticks.add(looks("first"))
    assert [slept.get(timeout=PATIENCE) for _ in range(2)] == [1, 10**6]
    ticks.add(looks("second"))
    assert [came.get(timeout=PATIENCE) for _ in range(2)] == ["first", "second"]


def test_calls_that_come_and_go_are_looked_at_less_often() -> None:
    story = Story()
    story.begin("a")
    (look,) = story.looks
    assert next(look) == 1
    assert next(look) == 1
    for name in "bcd":
        story.begin(name)
        story.end(name)
    assert next(look) == REST
    story.begin("e")
    assert next(look) == 1


def test_nobody_looks_at_what_is_written_at_the_end() -> None:
    story = Story("exit")
    story.begin("a")
    story.begin("ab")
    story.end("ab")
    assert (story.looks, story.claim.lines) == ([], [])
    story.journal.flush(0, barrier=True)
    assert story.claim.lines == ["+a ab"]


def test_the_start_of_a_workflow_and_of_a_call_without_a_digest_is_recorded() -> None:
    """Only these say which run is inside, and that the call has begun; of other calls the result says all."""
    saver = InMemorySaver()

    @task
    def step(x: Any) -> int:
        return len(x)

    @entrypoint()
    def inner(x: int) -> int:
        return x

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return step("ab").result() + step({object(): x}).result() + inner.invoke(x)

    assert flow.invoke(1, THREAD) == 4
    (saved,) = [saved for saved in saver.history("t") if saved.writes]
    assert [(write.kind, write.name, write.ns is None) for write in saved.writes] == [
        ("result", "step", True),
        ("start", "step", True),
        ("result", "step", True),
        ("start", "inner", False),
        ("result", "inner", True),
    ]
