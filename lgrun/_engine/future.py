"""Futures of sync task calls, and the threads that run them.

A task call is queued for a worker at once, or in a moment if it is the only one. Whoever first needs its result and
finds that no worker has claimed it runs it there and then, so sequential code pays no thread hop. Waiting for a claimed
call cannot starve the pool: a waiter adds a worker.
"""

import os
import sys
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from queue import SimpleQueue
from typing import Any, Generic, TypeVar

from lgrun._engine.context import current
from lgrun.errors import GraphInterrupt

T = TypeVar("T")
R = TypeVar("R")

MAX_WORKERS = 32
"""Threads that take calls from the queue, not counting one for each caller that waits."""

_LEFT_ALONE = 0.001
"""Seconds for which a call that is alone is left to its caller, at least; twice that at most."""

_LOOKS = 10
"""How often a thread looks for such calls in vain before it stops looking."""

MAX_NESTED_CLAIMS = 40
"""How deep calls may run in their callers' threads, which share one Python stack."""


class _Local(threading.local):
    """How many calls run in this thread, each in its caller's code."""

    depth = 0


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

    To wake a thread for a call that its caller runs at once costs as much as the call. So a call that is alone is left
    to its caller for a moment (`_LEFT_ALONE`), while one thread looks on.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[TaskFuture[Any] | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._unclaimed = 0
        self._idle = 0
        self._total = 0
        self._alone: TaskFuture[Any] | None = None
        self._watched = False

    def submit(self, future: TaskFuture[Any], *, alone: bool = True) -> None:
        """Queue a call; start a thread if none is free. `alone`: its caller may run it, if there is no other."""
        with self._lock:
            self._unclaimed += 1
            if alone and self._unclaimed == 1:
                self._alone = future
                if self._watched:
                    return
                self._watched = True
                self._queue.put(None)
                spawn = self._spawns(self._idle == 0)
                # One that is free will look on.
                self._idle -= 1
            else:
                self._queue_alone()
                self._queue.put(future)
                spawn = self._spawns(self._idle == 0)
        if spawn:
            self._start()

    def taken(self, future: TaskFuture[Any]) -> None:
        """Take note that a queued call was claimed by its caller or cancelled."""
        with self._lock:
            self._unclaimed -= 1
            if self._alone is future:
                self._alone = None

    def over(self, future: TaskFuture[Any]) -> None:
        """Take note that a call has come to its end."""

    def lend(self) -> None:
        """Make sure that a thread is free for what is queued, because the caller is about to wait."""
        with self._lock:
            self._queue_alone()
            spawn = self._spawns(self._unclaimed > self._idle, limited=False)
        if spawn:
            self._start()

    def take_back(self) -> None:
        """Take note that a caller no longer waits."""

    def _queue_alone(self) -> None:
        if self._alone is not None:
            self._queue.put(self._alone)
            self._alone = None

    def _spawns(self, needed: bool, *, limited: bool = True) -> bool:
        """Count a thread that is needed as free, if it may be started."""
        if not needed or (limited and self._total >= MAX_WORKERS):
            return False
        self._idle += 1
        self._total += 1
        return True

    def _start(self) -> None:
        threading.Thread(target=self._work, name="lgrun-task", daemon=True).start()

    def _work(self) -> None:
        while True:
            future = self._queue.get()
            if future is None:
                self._watch()
                continue
            job = future.claim()
            if job is None:
                continue
            with self._lock:
                self._unclaimed -= 1
                self._idle -= 1
                # Each thread that begins a call sees to the next one: so as many are started as calls take time.
                spawn = self._spawns(self._unclaimed > 0 and self._idle == 0)
            if spawn:
                self._start()
            job(future)
            del future, job
            with self._lock:
                if self._total > MAX_WORKERS and self._unclaimed <= self._idle:
                    self._total -= 1
                    return
                self._idle += 1

    def _watch(self) -> None:
        """Queue a call that was left alone for too long; look on as long as such calls come."""
        seen, quiet = None, 0
        while quiet < _LOOKS:
            time.sleep(_LEFT_ALONE)
            with self._lock:
                alone = self._alone
                if alone is not None and alone is seen:
                    self._queue_alone()
                seen, quiet = alone, 0 if alone is not None else quiet + 1
                if quiet == _LOOKS:
                    self._watched = False
                    self._idle += 1
                spawn = self._spawns(self._unclaimed > 0 and self._idle == 0 and self._alone is None)
            if spawn:
                self._start()


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
        self._waiting: deque[TaskFuture[Any]] = deque()
        self._launched: set[TaskFuture[Any]] = set()

    def submit(self, future: TaskFuture[Any], *, alone: bool = True) -> None:
        """Queue a call until there is a place for it."""
        with self._lock:
            self._waiting.append(future)
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
        while self._free > 0 and self._waiting:
            future = self._waiting.popleft()
            if future.unclaimed():
                self._free -= 1
                self._launched.add(future)
                WORKERS.submit(future)


__all__ = ["MAX_NESTED_CLAIMS", "MAX_WORKERS", "WORKERS", "CancelledError", "LimitedWorkers", "TaskFuture", "Workers"]
