"""Threads for what waits for a device or for another process, so that an event loop need not.

They are lgrun's own: the loop's executor is for the user's code, which may wait there for this very run. And there is
one for each action that waits, because one may wait for another: for the lock of a thread, say.
"""

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

__all__ = ["WAITING", "Waiting", "apart"]

P = ParamSpec("P")
T = TypeVar("T")


class Waiting:
    """As many threads as ever waited at the same time. They are daemons: whoever asks waits for the answer."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle = 0
        self._actions: SimpleQueue[tuple[Callable[[], Any], Future[Any]]] = SimpleQueue()

    def submit(self, action: Callable[[], T]) -> "Future[T]":
        """Have an action done by a thread that does nothing else; here, if the system has no thread left."""
        future: Future[T] = Future()
        with self._lock:
            is_short = not self._idle
            self._idle -= not is_short
        self._actions.put((action, future))
        if is_short:
            try:
                threading.Thread(target=self._work, name="lgrun-io", daemon=True).start()
            except RuntimeError:
                self._do(*self._actions.get(), 0)
        return future

    def _work(self) -> None:
        while True:
            self._do(*self._actions.get(), 1)

    def _do(self, action: Callable[[], Any], future: Future[Any], idle: int) -> None:
        result = failure = None
        is_wanted = future.set_running_or_notify_cancel()
        try:
            result = action() if is_wanted else None
        except BaseException as error:
            failure = error
        # Before anybody is told: who then has another action finds a thread for it.
        with self._lock:
            self._idle += idle
        if is_wanted:
            future.set_result(result) if failure is None else future.set_exception(failure)
        # The traceback of a failure holds on to what is named here.
        del future, failure


WAITING = Waiting()
"""The process's threads."""

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads.
    os.register_at_fork(after_in_child=WAITING.__init__)  # type: ignore[misc]


async def apart(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Call what may wait, off the running event loop."""
    import asyncio

    return await asyncio.wrap_future(WAITING.submit(partial(copy_context().run, call, *args, **kwargs)))
