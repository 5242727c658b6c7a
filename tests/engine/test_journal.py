"""Group commit: who waits for which write, and which records say that a call began."""

import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from lgrun._engine.journal import Journal
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.memory import InMemorySaver, MemoryClaim
from lgrun.errors import StateIOError

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
        self.looks: list[Iterator[None]] = []
        self.journal = Journal(self.claim, 1, durability, shared=True, watch=self._watch)

    def _watch(self, look: Iterator[None]) -> bool:
        self.looks.append(look)
        return True

    def begin(self, name: str, **more: Any) -> None:
        """A call begins; its name says where it is: `ab` is what `a` calls."""
        self.journal.note(PendingWrite("start", path=path_of(name), name=name, **{"digest": "d"} | more))

    def end(self, name: str, kind: Any = "result") -> None:
        self.journal.flush(self.journal.add(PendingWrite(kind, path=path_of(name), name=name)))

    def tick(self, times: int = 1) -> None:
        for _ in range(times):
            self.looks = [look for look in self.looks if next(look, self) is not self]


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
    """Which graph runs inside; which call it is, where its arguments have no digest."""
    for more in ({"digest": None}, {"ns": "inner"}):
        story = Story()
        story.begin("a", **more)
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


def test_nobody_looks_at_what_is_written_at_the_end() -> None:
    story = Story("exit")
    story.begin("a")
    story.begin("ab")
    story.end("ab")
    assert (story.looks, story.claim.lines) == ([], [])
    story.journal.flush(0, barrier=True)
    assert story.claim.lines == ["+a ab"]
