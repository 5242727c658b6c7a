"""Futures of sync task calls.

A task call is queued for a worker. Whoever first needs its result and finds that no worker has claimed it runs it there
and then, so sequential code pays no thread hop. Waiting for a claimed call cannot starve the pool: a waiter adds a
worker.
"""

import sys
import threading
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lgrun._engine.context import current
from lgrun.errors import GraphInterrupt

if TYPE_CHECKING:
    from lgrun._engine.workers import Workers

__all__ = ["MAX_NESTED_CLAIMS", "CancelledError", "TaskFuture"]

T = TypeVar("T")
R = TypeVar("R")

MAX_NESTED_CLAIMS = 40
"""How deep calls may run in their callers' threads, which share one Python stack."""


_MOMENT = 0.01
"""Seconds for which whoever registers somewhere may hold a call's condition."""

_LOOPS = "asyncio.futures"
"""Where the callbacks are from that tell an event loop. They wait for nothing."""

_CLAIMED: list[Any] = []
"""What is left of a call's job for all who come too late."""


class _Local(threading.local):
    """How many calls run in this thread, each in its caller's code."""

    depth = 0


_local = _Local()


def in_callers_place() -> bool:
    """Tell whether this thread runs a call whose caller waits for it here."""
    return _local.depth > 0


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

    _is_awaited = False

    def __init__(self, job: Callable[["TaskFuture[T]"], None], workers: "Workers") -> None:
        self._job = [job]
        self.workers = workers
        # All that every call sets, from the beginning: what comes later costs a dict of the future's own.
        self._state = "PENDING"
        self._result: T | None = None
        self._exception: BaseException | None = None

    def __getattr__(self, name: str) -> Any:
        if name not in ("_condition", "_done_callbacks", "_waiters"):
            raise AttributeError(name)
        # Said before the condition is made, and thus before the state is looked at.
        self._is_awaited = True
        # dict.setdefault is atomic: whoever comes second gets what the first has made.
        if name == "_condition":
            return self.__dict__.setdefault(name, threading.Condition())
        if name == "_done_callbacks":
            return self.__dict__.setdefault(name, [])
        return self.__dict__.setdefault(name, _Waiters(self.workers))

    def finish(
        self,
        result: T | None,
        error: BaseException | None,
        apart: Callable[[Callable[[], None]], object] | None = None,
    ) -> None:
        """Resolve the future of a call that was claimed.

        Args:
            result: what it returned.
            error: what it raised, or None.
            apart: has another thread do what may wait: for whoever holds the condition, which one that an interrupt
                cuts short does for ever, or for other calls, in callbacks. None: it is done here.
        """
        self._result = result
        self._exception = error
        if not self._is_awaited:
            # No call, and so no other thread, comes between that look and this.
            self._state = "FINISHED"
            # Whoever makes the condition later looks at the state first.
            if not self._is_awaited:
                return
        if apart is None:
            self._tell()
        elif not self._condition.acquire(timeout=_MOMENT):
            apart(self._tell)
        else:
            try:
                self._notify()
            finally:
                self._condition.release()
            if all(getattr(call, "__module__", None) == _LOOPS for call in self._done_callbacks):
                self._invoke_callbacks()
            else:
                apart(self._invoke_callbacks)

    def _tell(self) -> None:
        with self._condition:
            self._notify()
        self._invoke_callbacks()

    def _notify(self) -> None:
        # Whoever holds the condition and sees that a call is over is not told of it once more: `as_completed` would
        # have it twice, and `wait` one too few.
        self._state = "FINISHED"
        for waiter in self._waiters:
            waiter.add_result(self) if self._exception is None else waiter.add_exception(self)
        self._condition.notify_all()

    def claim(self) -> Callable[["TaskFuture[T]"], None] | None:
        """Return the job to whoever asks first, None to all others."""
        try:
            job = self._job.pop()
        except IndexError:
            return None
        except KeyboardInterrupt as error:
            # It was taken out, and nobody else will run it.
            self.finish(None, error)
            raise
        self._job = _CLAIMED
        self._state = "RUNNING"
        return job

    def unclaimed(self) -> bool:
        """Tell whether nobody has begun the call."""
        return bool(self._job)

    def cancel(self) -> bool:
        """Cancel the call if nobody has begun it."""
        if self.claim() is None:
            return self.cancelled()
        self.workers.taken(self)
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
        try:
            self.workers.taken(self)
            _local.depth = depth + 1
            job(self)
        except BaseException as error:
            # An interrupt in the engine's own code: whoever else waits for the call must not wait for ever.
            if self._state != "FINISHED":
                self.finish(None, error)
            raise
        finally:
            _local.depth = depth
        return True

    def _lent(self, get: Callable[[float | None], R], timeout: float | None) -> R:
        """Wait for whoever runs the call."""
        self.workers.lend()
        try:
            return get(timeout)
        finally:
            self.workers.take_back()


def _in_event_loop() -> bool:
    asyncio = sys.modules.get("asyncio")
    return asyncio is not None and asyncio._get_running_loop() is not None
