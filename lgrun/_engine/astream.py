"""A run on the event loop beside its reader."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from lgrun._engine.aio import over
from lgrun._engine.events import RunEnded
from lgrun._engine.stream import Held

T = TypeVar("T")

_TURN: Any = object()
"""In a queue: here the run waits for its reader."""


class Arrivals(Generic[T]):
    """What comes to a reader on the running event loop, from any thread.

    The reader is woken once for all that has come until it looks.

    Attributes:
        items: what has come.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.items: deque[T] = deque()
        # At most one, the reader. Whoever takes it out, which is atomic, wakes it.
        self._sleepers: list[asyncio.Future[None]] = []

    def put(self, item: T) -> None:
        """Add what has come."""
        self.items.append(item)
        if self._sleepers:
            self.wake()

    def wake(self) -> None:
        """Have the reader look, if it sleeps."""
        try:
            sleeper = self._sleepers.pop()
        except IndexError:
            return
        if asyncio._get_running_loop() is self._loop:
            rouse(sleeper)
        else:
            self._loop.call_soon_threadsafe(rouse, sleeper)

    async def come(self, work: "asyncio.Future[Any]") -> bool:
        """Wait until something has come, which is true, or `work` is over; whoever knows that it is calls `wake`."""
        while not self.items:
            if work.done():
                return False
            sleeper: asyncio.Future[None] = self._loop.create_future()
            self._sleepers.append(sleeper)
            # Whoever put something before that has seen no sleeper.
            if self.items:
                self._sleepers.clear()
            else:
                await sleeper
        return True

    def take(self) -> Generator[T, None, None]:
        """Take out, one after another, what has come, and what comes meanwhile."""
        items = self.items
        while items:
            yield items.popleft()


class AsyncBeside(Generic[T]):
    """A run on the running event loop, seen through what it puts into a queue, from any thread.

    Args:
        drive: makes the run, which tells `put` of what happens, and runs it.
        eager: what is put is never held back for the next turn of the reader.

    Attributes:
        put: takes what is to be read.
        paced: the run waits for its reader before each step.
        left: nobody reads any more; never, since the run is cancelled instead.
    """

    paced, left = True, False

    def __init__(self, drive: Callable[["AsyncBeside[T]"], Coroutine[Any, Any, RunEnded]], *, eager: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrivals: Arrivals[Any] = Arrivals()
        self._held: Held[T] = Held(self._arrivals.put)
        self.put: Callable[[T], None] = self._arrivals.put if eager else self._held.put
        self._turn: asyncio.Future[None] = self._loop.create_future()
        self._work = asyncio.ensure_future(drive(self))
        self._work.add_done_callback(self._over)

    async def hand_over(self, hold: bool) -> None:
        """Wait until the reader has taken all and asks for more; `hold` what comes next for then."""
        self._held.release()
        self._turn = self._loop.create_future()
        self._arrivals.put(_TURN)
        await self._turn
        self._held.hold(hold)

    def _over(self, work: "asyncio.Future[RunEnded]") -> None:
        self._held.release()
        self._arrivals.wake()

    async def come(self) -> bool:
        """Wait until something has come; tell whether it has, or the run is over."""
        return await self._arrivals.come(self._work)

    def take(self) -> Generator[T, None, None]:
        """Take out, one after another, what has come, and what comes meanwhile."""
        items = self._arrivals.items
        while items:
            item = items.popleft()
            if item is _TURN:
                rouse(self._turn)
            else:
                yield item

    async def ended(self) -> RunEnded:
        """Return the last event of the run."""
        return await self._work

    async def close(self) -> None:
        """Cancel the run, if it is not over, and wait for its end."""
        self._work.cancel()
        cancelled = await over(self._work)
        if cancelled is not None:
            raise cancelled


def rouse(sleeper: "asyncio.Future[None]") -> None:
    """Let a sleeper go on, unless it does."""
    if not sleeper.done():
        sleeper.set_result(None)
