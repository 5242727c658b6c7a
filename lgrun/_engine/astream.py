"""A run on the event loop beside its reader."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Generic, TypeVar

from lgrun._engine.aio import over
from lgrun._engine.events import RunEnded

T = TypeVar("T")


class AsyncBeside(Generic[T]):
    """A run on the running event loop, seen through what it puts into a queue, from any thread.

    The reader is woken once for all that has come until it looks.

    Args:
        drive: runs it, given where it puts things.
    """

    def __init__(self, drive: Callable[[Callable[[T], None]], Coroutine[Any, Any, RunEnded]]) -> None:
        self._loop = asyncio.get_running_loop()
        self._items: deque[T] = deque()
        # At most one, the reader. Whoever takes it out, which is atomic, wakes it.
        self._sleepers: list[asyncio.Future[None]] = []
        self._work = asyncio.ensure_future(drive(self._put))
        self._work.add_done_callback(lambda _: self._wake())

    def _put(self, item: T) -> None:
        self._items.append(item)
        if self._sleepers:
            self._wake()

    def _wake(self) -> None:
        try:
            sleeper = self._sleepers.pop()
        except IndexError:
            return
        if asyncio._get_running_loop() is self._loop:
            _rouse(sleeper)
        else:
            self._loop.call_soon_threadsafe(_rouse, sleeper)

    async def come(self) -> bool:
        """Wait until something has come; tell whether it has, or the run is over."""
        while not self._items:
            if self._work.done():
                return False
            sleeper: asyncio.Future[None] = self._loop.create_future()
            self._sleepers.append(sleeper)
            # Whoever put something before that has seen no sleeper.
            if self._items:
                self._sleepers.clear()
            else:
                await sleeper
        return True

    def take(self) -> Generator[T, None, None]:
        """Take out, one after another, what has come, and what comes meanwhile."""
        items = self._items
        while items:
            yield items.popleft()

    async def ended(self) -> RunEnded:
        """Return the last event of the run."""
        return await self._work

    async def close(self) -> None:
        """Cancel the run, if it is not over, and wait for its end."""
        self._work.cancel()
        cancelled = await over(self._work)
        if cancelled is not None:
            raise cancelled


def _rouse(sleeper: "asyncio.Future[None]") -> None:
    if not sleeper.done():
        sleeper.set_result(None)
