"""What a workflow streams while it runs."""

import asyncio
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.benchmarks.comparing import Bench, Line, Measure, compared
from tests.benchmarks.libraries import Library, new_thread


def _stream(library: Library, saver: Any, n: int) -> float:
    @library.func.task
    def say(n: int) -> int:
        writer = library.config.get_stream_writer()
        for i in range(n):
            writer({"i": i})
        return n

    @library.func.entrypoint(checkpointer=saver)
    def talk(n: int) -> int:
        return say(n).result()  # type: ignore[no-any-return]

    def listen(n: int) -> float:
        began = time.perf_counter()
        chunks = [chunk["i"] for chunk in talk.stream(n, new_thread(), stream_mode="custom")]
        seconds = time.perf_counter() - began
        assert chunks == list(range(n))
        return seconds

    return _warm(listen, n)


def _astream(library: Library, saver: Any, n: int) -> float:
    @library.func.task
    async def say(n: int) -> int:
        writer = library.config.get_stream_writer()
        for i in range(n):
            writer({"i": i})
        return n

    @library.func.entrypoint(checkpointer=saver)
    async def talk(n: int) -> int:
        return await say(n)  # type: ignore[no-any-return]

    async def listen(n: int) -> list[int]:
        return [chunk["i"] async for chunk in talk.astream(n, new_thread(), stream_mode="custom")]

    def listened(n: int) -> float:
        began = time.perf_counter()
        chunks = asyncio.run(listen(n))
        seconds = time.perf_counter() - began
        assert chunks == list(range(n))
        return seconds

    return _warm(listened, n)


def _warm(listen: Callable[[int], float], n: int) -> float:
    """Listen a few times first: garbage was collected, which leaves nothing in the processor's caches."""
    for _ in range(3):
        listen(10)
    return listen(n)


def stream(bench: Bench) -> Iterator[Line]:
    """One task that writes many custom events."""
    n = bench.tasks
    for program, what in ((_stream, "custom events"), (_astream, "custom events, asyncio")):

        def measure(library: Library) -> Measure:
            saver = library.saver("memory", bench.fresh())
            program(library, saver, 10)
            return lambda: program(library, saver, n) / n * 1e6

        yield compared(bench, "memory", measure, case="stream", what=what, unit="µs per event", at_least=6)
