"""Futures of sync task calls, and the threads that run them.

A task call is queued for a worker. Whoever first needs its result and finds that no worker has claimed it runs it there
and then, so sequential code pays no thread hop. Waiting for a claimed call cannot starve the pool: a waiter adds a
worker.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from lgrun._engine.context import current
from lgrun.errors import GraphInterrupt

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 32
"""Threads that take calls from the queue, not counting one for each caller that waits."""

_LOOK = 0.001
"""Seconds between two looks at the calls that wait."""

_QUIET_LOOKS = 10
"""How many looks in a row find nothing before there are no more."""

MAX_NESTED_CLAIMS = 40
"""How deep calls may run in their callers' threads, which share one Python stack."""


class _Local(threading.local):
    """Of this thread: how many calls run in it, each in its caller's code, and whether it is one of the workers."""

    depth = 0
    is_worker = False


_local = _Local()


class _Waiters(list[Any]):
    """Where `concurrent.futures.wait` and `as_completed` register: a sign that the caller will not claim."""

    def __init__(self, workers: "Workers") -> None:
        super().__init__()
        self._workers = workers

    def append(self, waiter: Any) -> None:
        super().append(waiter)
        self._workers.lend()

    def remove(self, waiter: Any) -> None:
        super().remove(waiter)
        self._workers.take_back()


class TaskFuture(Future[T], Generic[T]):
    """The future of a task call: a `concurrent.futures.Future` that its first waiter may run itself.

    What others need to wait for it (the base class's condition and lists) is made when the first of them asks for it:
    most calls are run by their callers, and nobody waits. That costs a third of what a call costs.
    """

    _state = "PENDING"
    _result: T | None = None
    _exception: BaseException | None = None

    def __init__(self, job: Callable[["TaskFuture[T]"], None], workers: "Workers") -> None:
        self._job = [job]
        self._workers = workers

    def __getattr__(self, name: str) -> Any:
        # dict.setdefault is atomic: whoever comes second gets what the first has made.
        if name == "_condition":
            return self.__dict__.setdefault(name, threading.Condition())
        if name == "_done_callbacks":
            return self.__dict__.setdefault(name, [])
        if name == "_waiters":
            return self.__dict__.setdefault(name, _Waiters(self._workers))
        raise AttributeError(name)

    def finish(self, result: T | None, error: BaseException | None) -> None:
        """Resolve the future of a call that was claimed."""
        self._result = result
        self._exception = error
        self._state = "FINISHED"
        # Whoever made the condition before that is told; whoever makes it later looks at the state first.
        if "_condition" in self.__dict__:
            with self._condition:
                for waiter in self._waiters:
                    waiter.add_result(self) if error is None else waiter.add_exception(self)
                self._condition.notify_all()
            self._invoke_callbacks()

    def claim(self) -> Callable[["TaskFuture[T]"], None] | None:
        """Return the job to whoever asks first, None to all others."""
        try:
            job = self._job.pop()
        except IndexError:
            return None
        self._state = "RUNNING"
        return job

    def unclaimed(self) -> bool:
        """Tell whether nobody has begun the call."""
        return bool(self._job)

    def cancel(self) -> bool:
        """Cancel the call if nobody has begun it."""
        if self.claim() is None:
            return self.cancelled()
        self._workers.taken(self)
        self._state = "PENDING"
        super().cancel()
        self.set_running_or_notify_cancel()
        return True

    def result(self, timeout: float | None = None) -> T:
        """Return the task's result, running the task here if no worker has begun it and no `timeout` is given.

        Args:
            timeout: seconds to wait; None waits for ever.

        Raises:
            TimeoutError: it took longer than `timeout`.
            Exception: what the task raised, the very object.
        """
        try:
            if self._over_here(timeout) and self._exception is None:
                return self._result  # type: ignore[return-value]
            return self._lent(super().result, timeout)
        except GraphInterrupt as asked:
            frame: Any = current.get()
            if frame is not None:
                frame.saw(asked)
            raise

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the task raised, or None."""
        return self._exception if self._over_here(timeout) else self._lent(super().exception, timeout)

    def _over_here(self, timeout: float | None) -> bool:
        """Run the call here if nobody has begun it; tell whether it is over."""
        if self._state == "FINISHED":
            return True
        depth = _local.depth
        if timeout is not None or depth >= MAX_NESTED_CLAIMS or _in_event_loop():
            return False
        job = self.claim()
        if job is None:
            return False
        self._workers.taken(self)
        _local.depth = depth + 1
        try:
            job(self)
        finally:
            _local.depth = depth
        return True

    def _lent(self, get: Callable[[float | None], R], timeout: float | None) -> R:
        """Wait for whoever runs the call."""
        self._workers.lend()
        try:
            return get(timeout)
        finally:
            self._workers.take_back()


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None


class Workers:
    """Threads for task calls, kept across runs. They are daemons: a run waits for its tasks before it ends.

    To wake a thread for a call that its caller runs at once costs as much as the call, and short calls gain nothing
    from threads that take turns at one interpreter. So calls wait in a queue for their callers and for the threads that
    are at work. One thread looks on, every `_LOOK` seconds: where calls wait and none was begun since its last look, or
    the process had nothing to compute, it wakes a thread, the next time two, then four.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: deque[TaskFuture[Any]] = deque()
        self._unclaimed = 0
        self._begun = 0
        self._waiting = 0
        self._total = 0
        self._idle = 0
        self._blocked = 0
        self._wakes: SimpleQueue[None] = SimpleQueue()
        self._looks: SimpleQueue[None] | None = None
        self._is_watched = False

    def submit(self, future: TaskFuture[Any], *, now: bool = False) -> None:
        """Queue a call. `now`: its caller will not run it, so a thread is woken at once."""
        with self._lock:
            self._calls.append(future)
            self._unclaimed += 1
            if now:
                self._wake(1)
            if not self._is_watched:
                self._watch()

    def taken(self, future: TaskFuture[Any]) -> None:
        """Take note that a queued call was claimed by its caller or cancelled."""
        with self._lock:
            self._unclaimed -= 1
            self._begun += 1
            while self._calls and not self._calls[0]._job:
                self._calls.popleft()

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
        if self._unclaimed and self._total - self._idle == self._blocked:
            self._wake(1)

    def _wake(self, count: int) -> None:
        """Wake or start so many threads, as far as there may be any more."""
        woken = min(count, self._idle)
        self._idle -= woken
        for _ in range(woken):
            self._wakes.put(None)
        started = max(min(count - woken, MAX_WORKERS + self._waiting - self._total), 0)
        self._total += started
        for _ in range(started):
            threading.Thread(target=self._work, name="lgrun-task", daemon=True).start()

    def _work(self) -> None:
        _local.is_worker = True
        while True:
            while begun := self._next():
                job, future = begun
                job(future)
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
        with self._lock:
            while self._calls:
                future = self._calls.popleft()
                job = future.claim()
                if job is not None:
                    self._unclaimed -= 1
                    self._begun += 1
                    return job, future
        return None

    def _watch(self) -> None:
        """Have the queue looked at, as long as calls come."""
        self._is_watched = True
        if self._looks is None:
            self._looks = SimpleQueue()
            threading.Thread(target=self._look_on, args=(self._looks,), name="lgrun-queue", daemon=True).start()
        self._looks.put(None)

    def _look_on(self, looks: "SimpleQueue[None]") -> None:
        while True:
            looks.get()
            begun, waited, quiet, count = -1, False, 0, 1
            wall, busy = time.monotonic(), time.process_time()
            while quiet < _QUIET_LOOKS:
                time.sleep(_LOOK)
                then, spent, wall, busy = wall, busy, time.monotonic(), time.process_time()
                idle = busy - spent < (wall - then) / 2
                with self._lock:
                    if waited and self._unclaimed and (idle or begun == self._begun):
                        self._wake(min(count, self._unclaimed))
                        count *= 2
                    else:
                        count = 1
                    quiet = 0 if self._unclaimed or begun != self._begun else quiet + 1
                    begun, waited = self._begun, self._unclaimed > 0
                    self._is_watched = quiet < _QUIET_LOOKS


WORKERS = Workers()
"""The process's threads."""

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads.
    os.register_at_fork(after_in_child=WORKERS.__init__)  # type: ignore[misc]


class LimitedWorkers(Workers):
    """The process's threads, for a run that may use only some of them at a time (`max_concurrency`).

    A caller that runs a call itself uses the place that it has. One that only waits lends its place meanwhile, so that
    no limit can make a run wait for itself.

    Args:
        places: how many calls may run beside the body.
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
        self.over(future)

    def over(self, future: TaskFuture[Any]) -> None:
        """Take note that a call has come to its end: its place is free."""
        with self._lock:
            if future in self._launched:
                self._launched.discard(future)
                self._free += 1
                self._launch()

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

    def _launch(self) -> None:
        while self._free > 0 and self._held_back:
            future = self._held_back.popleft()
            if future.unclaimed():
                self._free -= 1
                self._launched.add(future)
                WORKERS.submit(future)


__all__ = ["MAX_NESTED_CLAIMS", "MAX_WORKERS", "WORKERS", "CancelledError", "LimitedWorkers", "TaskFuture", "Workers"]
