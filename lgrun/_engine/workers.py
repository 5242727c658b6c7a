"""The threads that run task calls which their callers have not begun."""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any

from lgrun._engine.future import TaskFuture
from lgrun._engine.ticks import QUIET, REST, TICKS

__all__ = ["MAX_WORKERS", "WORKERS", "LimitedWorkers", "Workers"]

MAX_WORKERS = 32
"""Threads that take calls from the queue, not counting one for each caller that waits."""

_LONGEST_PAUSE = 30
"""Ticks between two looks at the calls that wait, where all threads that there may be are at work."""


class _Local(threading.local):
    """Whether this thread is one of them."""

    is_worker = False


_local = _Local()


class Workers:
    """Threads for task calls, kept across runs. They are daemons: a run waits for its tasks before it ends.

    To wake a thread for a call that its caller runs at once costs as much as the call, and short calls gain nothing
    from threads that take turns at one interpreter. So calls wait in a queue for their callers and for the threads that
    are at work. They are looked at with every tick, less often while none is left waiting: where they wait and none was
    begun since the last look, or the process had nothing to compute, a thread is woken, the next time two, then four.

    What each call comes by takes no lock, only what is atomic: a thread that waits for a lock is given it before it may
    run, and the threads that are at work would wait for that one at every call, which doubles what a call costs.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[TaskFuture[Any]] = deque()
        self._begun = 0
        self._waiting = 0
        self._total = 0
        self._idle = 0
        self._blocked = 0
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._is_watched = False
        # Nobody looks for a while, because calls were begun as they came.
        self._rests = False

    def submit(self, future: TaskFuture[Any], *, now: bool = False) -> None:
        """Queue a call. `now`: its caller will not run it, so a thread is woken at once."""
        self._calls.append(future)
        if now:
            with self._lock:
                self._wake(1)
        if not self._is_watched:
            self._watch()
        elif self._rests and len(self._calls) > 1:
            self._hurry()

    def taken(self, future: TaskFuture[Any]) -> None:
        """Take note that a queued call was claimed by its caller or cancelled."""
        self._begun += 1
        try:
            while not self._calls[0].unclaimed():
                first = self._calls.popleft()
                if first.unclaimed():
                    # Another thread has taken out the one that was looked at.
                    self._calls.appendleft(first)
                    self._watch()
        except IndexError:
            return

    def over(self, future: TaskFuture[Any]) -> None:
        """Take note that a call has come to its end."""

    def lend(self) -> None:
        """Take note that this thread waits for a call, for which there may be a thread more."""
        with self._lock:
            self._waiting += 1
            self._block()

    def take_back(self) -> None:
        """Take note that it no longer waits."""
        with self._lock:
            self._waiting -= 1
            self._blocked -= _local.is_worker

    @contextmanager
    def elsewhere(self) -> Iterator[None]:
        """Take note that this thread waits for a disk inside the `with` block."""
        with self._lock:
            self._block()
        try:
            yield
        finally:
            with self._lock:
                self._blocked -= _local.is_worker

    def _block(self) -> None:
        """See that another thread is at work, where this one is not."""
        self._blocked += _local.is_worker
        if self._calls and self._total - self._idle == self._blocked:
            self._wake(1)
        elif self._calls and self._rests:
            self._hurry()

    def _wake(self, count: int) -> int:
        """Wake or start so many threads, as far as there may be any more; return how many."""
        woken = min(count, self._idle)
        self._idle -= woken
        for _ in range(woken):
            self._wakes.put(None)
        while woken < count and self._total < MAX_WORKERS + self._waiting:
            try:
                threading.Thread(target=self._work, name="lgrun-task", daemon=True).start()
            except RuntimeError:
                # The system has no thread left: those that there are will do, and callers.
                break
            self._total += 1
            woken += 1
        return woken

    def _work(self) -> None:
        _local.is_worker = True
        while True:
            while begun := self._next():
                job, future = begun
                try:
                    job(future)
                except BaseException:
                    # Of a callback. The thread ends with it, and another one may take its place.
                    with self._lock:
                        self._total -= 1
                    raise
                del begun, job, future
            with self._lock:
                if self._calls:
                    continue
                if self._total > MAX_WORKERS:
                    self._total -= 1
                    return
                self._idle += 1
            self._wakes.get()

    def _next(self) -> tuple[Callable[[TaskFuture[Any]], None], TaskFuture[Any]] | None:
        """Claim the call that has waited longest."""
        try:
            while True:
                future = self._calls.popleft()
                job = future.claim()
                if job is not None:
                    self._begun += 1
                    return job, future
        except IndexError:
            return None

    def _watch(self) -> None:
        """Have the queue looked at."""
        with self._lock:
            if not self._is_watched:
                self._is_watched = TICKS.add(self._look_on())

    def _hurry(self) -> None:
        self._rests = False
        TICKS.hurry()

    def _look_on(self) -> Iterator[int]:
        """Look at the queue, as long as calls come."""
        begun, waited, quiet, count, pause = -1, False, 0, 1, 1
        wall, busy = time.monotonic(), time.process_time()
        while quiet < QUIET:
            yield pause
            then, spent, wall, busy = wall, busy, time.monotonic(), time.process_time()
            idle = busy - spent < (wall - then) / 2
            with self._lock:
                if waited and self._calls and (idle or begun == self._begun):
                    # Where no thread can be had, there is no hurry.
                    pause = 1 if self._wake(min(count, len(self._calls))) else min(pause * 2, _LONGEST_PAUSE)
                    count *= 2
                else:
                    self._rests = not self._calls and self._begun > begun + 1
                    pause, count = REST if self._rests else 1, 1
                quiet = 0 if self._calls or begun != self._begun else quiet + 1
                begun, waited = self._begun, bool(self._calls)
                self._is_watched = quiet < QUIET
                if not self._is_watched and self._calls:
                    # It came after the look, from a thread that may have seen that calls are looked at.
                    self._is_watched, quiet = True, 0


WORKERS = Workers()
"""The process's threads."""

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads.
    os.register_at_fork(after_in_child=WORKERS.__init__)  # type: ignore[misc]


class LimitedWorkers(Workers):
    """The process's threads, for a run that may use only some of them at a time (`max_concurrency`).

    A caller that runs a call itself uses the place that it has. One that only waits lends its place meanwhile, so that
    no limit can make a run wait for itself; what took the place may still run when the caller goes on. (One that looks
    again and again whether a call is done, or waits for a callback, keeps its place: with a limit of 1, in vain.)

    Args:
        places: how many calls may run beside the body; with 0, while it waits.
    """

    def __init__(self, places: int) -> None:
        super().__init__()
        self._free = places
        self._lent: dict[int, int] = {}
        self._held_back: deque[TaskFuture[Any]] = deque()
        self._launched: set[TaskFuture[Any]] = set()

    def submit(self, future: TaskFuture[Any], *, now: bool = False) -> None:
        """Queue a call until there is a place for it."""
        with self._lock:
            self._held_back.append(future)
            self._launch()

    def taken(self, future: TaskFuture[Any]) -> None:
        """Take note that a queued call was claimed by its caller or cancelled: its place is free."""
        with self._lock:
            if future in self._launched:
                WORKERS.taken(future)
            self._free_place(future)

    def over(self, future: TaskFuture[Any]) -> None:
        """Take note that a call has come to its end: its place is free."""
        with self._lock:
            # A thread that is not one of them takes no call from the queue.
            self._free_place(future, now=not _local.is_worker)

    def lend(self) -> None:
        """Lend the caller's place while it waits; it has one, for however many calls it waits."""
        with self._lock:
            caller = threading.get_ident()
            self._lent[caller] = self._lent.get(caller, 0) + 1
            if self._lent[caller] == 1:
                self._free += 1
                self._launch()
        WORKERS.lend()

    def take_back(self) -> None:
        """Give the caller its place back, as soon as one is free."""
        with self._lock:
            caller = threading.get_ident()
            self._lent[caller] -= 1
            if not self._lent[caller]:
                del self._lent[caller]
                self._free -= 1

    def _free_place(self, future: TaskFuture[Any], *, now: bool = False) -> None:
        if future in self._launched:
            self._launched.discard(future)
            self._free += 1
            self._launch(now=now)

    def _launch(self, *, now: bool = False) -> None:
        while self._free > 0 and self._held_back:
            future = self._held_back.popleft()
            if future.unclaimed():
                self._free -= 1
                self._launched.add(future)
                WORKERS.submit(future, now=now)
