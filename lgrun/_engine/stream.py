"""A run on a thread of its own, seen through its events."""

import threading
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from lgrun._engine.context import current
from lgrun._engine.events import Event, RunEnded
from lgrun._engine.lifecycle import run_flow
from lgrun._engine.run import Run
from lgrun._engine.sync import SyncDriver

T = TypeVar("T")

_GLANCE = 0.5
"""Seconds after which a wait for what comes next begins anew."""

_END = object()
"""The last thing in a queue."""


def _drive(run: Run, input: Any) -> RunEnded:
    return SyncDriver(run).drive(run_flow(run, input))


class Beside(Generic[T]):
    """A run on a thread of its own, seen through what it puts into a queue.

    Args:
        start: makes the run, given where it puts things; called at the first `next`.
        input: what the run is given.
        drive: runs it, in that thread.

    Attributes:
        ended: the run's last event, once it has happened.
    """

    def __init__(
        self,
        start: Callable[[Callable[[T], None]], Run],
        input: Any,
        drive: Callable[[Run, Any], RunEnded] | None = None,
    ) -> None:
        self.ended: RunEnded | None = None
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._start = start
        self._drive = drive or _drive
        self._input = input
        self._run: Run | None = None
        self._failure: BaseException | None = None
        self._events = self._iterate()

    def __iter__(self) -> Iterator[T]:
        return self._events

    def __next__(self) -> T:
        return next(self._events)

    def cancel(self, by: str) -> None:
        """Stop the run in good order: what runs may finish and is saved, nothing more starts.

        Args:
            by: who asked, for the history.
        """
        if self._run is not None:
            self._run.cancel(by)

    def close(self) -> None:
        """Wait for the run to end, a graph's before its next step; its events are lost, its results are not."""
        self._events.close()

    def _iterate(self) -> Generator[T, None, None]:
        self._run = run = self._start(self._queue.put)
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(self._work, run), name="lgrun-run", daemon=True)
        thread.start()
        take = self._queue.get_nowait
        try:
            while True:
                try:
                    item = take()
                except Empty:
                    item = self._wait()
                if item is _END:
                    break
                yield item
        finally:
            run.left = True
            # A stream that the garbage collector finds is closed wherever that happens to run, so perhaps by a task of
            # this very run, for which the run waits.
            frame: Any = current.get()
            if frame is None or frame.run is not run:
                thread.join()
        if self._failure is not None:
            raise self._failure

    def _wait(self) -> Any:
        # Not for ever: a signal that comes as this begins to wait would be handled only when it ends.
        while True:
            try:
                return self._queue.get(timeout=_GLANCE)
            except Empty:
                pass

    def _work(self, run: Run) -> None:
        try:
            self.ended = self._drive(run, self._input)
        except BaseException as error:
            self._failure = error
        finally:
            self._queue.put(_END)


class EventStream(Beside[Event]):
    """The events of a run, as they happen. The workflow's code runs on a thread of its own."""
