"""A run on a thread of its own, seen through its events."""

import atexit
import threading
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar
from weakref import WeakSet

from lgrun._engine.context import current
from lgrun._engine.events import Event, RunEnded
from lgrun._engine.lifecycle import run_flow
from lgrun._engine.run import Run
from lgrun._engine.sync import SyncDriver

T = TypeVar("T")

GLANCE = 0.5
"""Seconds after which a wait for what comes next begins anew."""

_MARK = object()
"""In a queue: here the run waits for its reader, or is over."""


_READ: WeakSet["Beside[Any]"] = WeakSet()
"""Those that have begun."""


@atexit.register
def _leave_all() -> None:
    """Leave the streams that nobody has read to their ends: later their threads could not end in good order."""
    for each in list(_READ):
        each.leave()


class Held(Generic[T]):
    """What comes for a reader, who gets it at once, or when it is let go.

    Args:
        take: hands it on.
    """

    def __init__(self, take: Callable[[T], None]) -> None:
        self._take = take
        self._items: list[T] | None = None

    def put(self, item: T) -> None:
        """Take what has come."""
        items = self._items
        if items is None:
            self._take(item)
        else:
            items.append(item)

    def hold(self, hold: bool) -> None:
        """Keep what comes from now on, or hand it on."""
        self._items = [] if hold else None

    def release(self) -> None:
        """Hand on what was kept, and what comes from now on."""
        items, self._items = self._items, None
        for item in items or ():
            self._take(item)


def _drive(run: Run, input: Any) -> RunEnded:
    return SyncDriver(run).drive(run_flow(run, input))


class Beside(Generic[T]):
    """A run on a thread of its own, seen through what it puts into a queue.

    Args:
        start: makes the run, which tells `put` of what happens; called at the first `next`.
        input: what the run is given.
        drive: runs it, in that thread.
        eager: what is put is never held back for the next turn of the reader.

    Attributes:
        put: takes what is to be read.
        ended: the run's last event, once it has happened.
        paced: the run waits for its reader before each step.
        left: nobody reads any more.
    """

    paced = True

    def __init__(
        self,
        start: Callable[["Beside[T]"], Run],
        input: Any,
        drive: Callable[[Run, Any], RunEnded] | None = None,
        *,
        eager: bool = True,
    ) -> None:
        self.ended: RunEnded | None = None
        self.left = False
        self._queue: SimpleQueue[Any] = SimpleQueue()
        self._turns: SimpleQueue[None] = SimpleQueue()
        self._held: Held[T] = Held(self._queue.put)
        self.put: Callable[[T], None] = self._queue.put if eager else self._held.put
        self._start = start
        self._drive = drive or _drive
        self._input = input
        self._run: Run | None = None
        self._cancelled_by: str | None = None
        self._failure: BaseException | None = None
        self._ends = False
        # Taken by whoever comes first: the thread as it begins, or the reader as it leaves before that.
        self._beginning = threading.Lock()
        self._over = threading.Event()
        self._events = self._iterate()

    def __iter__(self) -> Iterator[T]:
        return self._events

    def __next__(self) -> T:
        return next(self._events)

    def cancel(self, by: str) -> None:
        """Stop the run in good order, also one that has not begun: what runs may finish, nothing more starts.

        Args:
            by: who asked, for the history.
        """
        self._cancelled_by = by
        if self._run is not None:
            self._run.cancel(by)

    def close(self) -> None:
        """Leave, if that has not happened: the events that come are lost, the results are not."""
        self._events.close()

    def leave(self) -> None:
        """Read no more, and wait for the run to end, a graph's before its next step."""
        self.left = True
        self._turns.put(None)
        # A stream that the garbage collector finds is closed wherever that happens to run, so perhaps by a task of this
        # very run, for which the run waits.
        frame: Any = current.get()
        if frame is None or frame.run is not self._run:
            if self._beginning.acquire(blocking=False):
                self._over.set()
            self._over.wait()

    def hand_over(self, hold: bool) -> None:
        """Wait until the reader has taken all and asks for more, or leaves; `hold` what comes next for then."""
        self._held.release()
        self._queue.put(_MARK)
        if not self.left:
            self._turns.get()
        self._held.hold(hold)

    def _iterate(self) -> Generator[T, None, None]:
        self._run = run = self._start(self)
        if self._cancelled_by is not None:
            run.cancel(self._cancelled_by)
        work = (self._work, run)
        thread = threading.Thread(target=copy_context().run, args=work, name="lgrun-run", daemon=True)
        _READ.add(self)
        take = self._queue.get_nowait
        try:
            thread.start()
            while True:
                try:
                    item = take()
                except Empty:
                    item = self._wait()
                if item is not _MARK:
                    yield item
                elif self._ends:
                    break
                else:
                    self._turns.put(None)
        except KeyboardInterrupt:
            run.cancel("an interrupt")
            raise
        finally:
            self.leave()
        if self._failure is not None:
            raise self._failure

    def _wait(self) -> Any:
        # Not for ever: a signal that comes as this begins to wait would be handled only when it ends.
        while True:
            try:
                return self._queue.get(timeout=GLANCE)
            except Empty:
                pass

    def _work(self, run: Run) -> None:
        if not self._beginning.acquire(blocking=False):
            return
        try:
            self.ended = self._drive(run, self._input)
        except BaseException as error:
            self._failure = error
        finally:
            self._held.release()
            self._ends = True
            self._queue.put(_MARK)
            self._over.set()


class EventStream(Beside[Event]):
    """The events of a run, which does not wait for its reader."""

    paced = False
