"""Following a thread that another process runs: its files are looked at again and again, and nothing is locked."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from lgrun.checkpoint.base import Saved, thread_status
from lgrun.checkpoint.file import FileSaver
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.happenings import Happening
from lgrun.cli.rebuilt import Rebuilder
from lgrun.cli.status import OF_THREAD, ExitStatus

PAUSE = 0.1
"""Seconds between two looks, at least."""
_REST = 4
"""So many times as long as the last reading took: long journals are read less often."""


@dataclass(frozen=True, slots=True)
class Until:
    """When to stop following.

    Args:
        seconds: after so long, None for never.
        first_failure: at the first task that fails for good.
        through_waiting: not while the thread waits for answers.
    """

    seconds: float | None = None
    first_failure: bool = False
    through_waiting: bool = False


@dataclass(frozen=True, slots=True)
class Left:
    """How the thread stood when it was left, and the exit code of that."""

    status: str
    exit: ExitStatus
    timed_out: bool = False


class Follower:
    """Tells what happens on a thread.

    Args:
        env: the world.
        saver: where the thread is.
        thread: which one.
        tell: called with everything that happens.
    """

    def __init__(self, env: Environment, saver: FileSaver, thread: str, tell: Callable[[Happening], None]) -> None:
        self._env = env
        self._saver = saver
        self._thread = thread
        self._tell = tell
        self._failed = False
        self._seen: Any = None
        self._pause = PAUSE
        self._status = ""
        self.past = Rebuilder()

    def follow(self, until: Until, *, whole: bool) -> Left:
        """Tell what happens until the thread stops.

        Args:
            until: what else ends it.
            whole: tell what has happened in its last run so far, too.

        Raises:
            Problem: the thread was deleted meanwhile.
        """
        deadline = None if until.seconds is None else self._env.monotonic() + until.seconds
        for happening in self._opening(self._look(), whole=whole):
            self._take(happening)
        while (left := self._left(until)) is None:
            pause = self._pause
            if deadline is not None:
                rest = deadline - self._env.monotonic()
                if rest <= 0:
                    return Left(self._status, ExitStatus.TIMEOUT, timed_out=True)
                pause = min(pause, rest)
            self._env.sleep(pause)
            for happening in self._look():
                self._take(happening)
        return left

    def _left(self, until: Until) -> Left | None:
        if self._status == "running":
            return Left("running", ExitStatus.FAILED) if until.first_failure and self._failed else None
        if self._status == "waiting" and until.through_waiting:
            return None
        return Left(self._status, OF_THREAD[self._status])

    def _take(self, happening: Happening) -> None:
        if happening.type in ("run.start", "task.error"):
            self._failed = happening.type == "task.error"
        self._tell(happening)

    def _look(self) -> list[Happening]:
        """Read what is new, if anything is."""
        # Whoever runs it comes first: once nobody does, there is nothing to come that could be missed.
        holder = self._saver.holder(self._thread)
        seen = (holder, self._saver.size(self._thread))
        if seen == self._seen:
            return []
        began = self._env.monotonic()
        found = self._since()
        new = list(self.past.feed(found))
        self._seen, self._status = seen, thread_status(found[-1], held=holder is not None)
        self._pause = max(PAUSE, _REST * (self._env.monotonic() - began))
        return new

    def _since(self) -> list[Saved]:
        """Return the checkpoints from the last one seen on, oldest first."""
        found: list[Saved] = []
        for saved in self._saver.history(self._thread):
            if saved.checkpoint.seq < self.past.seq:
                break
            found.append(saved)
        if not found:
            raise Problem("no-such-thread", f"{self._thread} was deleted", status=ExitStatus.NOT_FOUND)
        return found[::-1]

    def _opening(self, happened: list[Happening], *, whole: bool) -> list[Happening]:
        """Return what is told first: the beginning of the last run, and all of it so far if it is `whole`."""
        last = [one for one in happened if one.run == self.past.run]
        if not whole:
            last = [one for one in last if one.type == "run.start"][-1:]
        if not last or last[0].type != "run.start":
            first = happened[0]
            last.insert(0, Happening(type="run.start", at=first.at, run=self.past.run, name=first.name, continued=True))
        return last
