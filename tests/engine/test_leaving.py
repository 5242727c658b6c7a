"""Runs on an event loop that are left or cancelled at odd moments: they end, and what was finished is kept."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from lgrun._fs import RealFs
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint
from lgrun.graph import START, StateGraph
from tests.crash.faults import Call, Layer
from tests.engine.conftest import THREAD
from tests.engine.test_graphs import Log, Ran


def within(seconds: float, do: Callable[[], object]) -> None:
    """Do something on another thread, and fail if it does not come to its end."""
    thread = threading.Thread(target=do, daemon=True)
    thread.start()
    thread.join(seconds)
    assert not thread.is_alive()


def joined(ran: list[str], saver: BaseCheckpointSaver, also: Callable[[str], object] = str) -> Any:
    """Return a graph of two async nodes side by side and one behind both; `also` is done by each node that ran."""

    def node(name: str) -> Any:
        async def run(state: Any) -> dict[str, Any]:
            ran.append(name)
            also(name)
            return {"log": [name]}

        run.__name__ = name
        return run

    builder = StateGraph(Log).add_node(node("left")).add_node(node("right")).add_node(node("last"))
    builder.add_edge(START, "left").add_edge(START, "right").add_edge(["left", "right"], "last")
    return builder.compile(checkpointer=saver)


def test_cancelled_as_the_last_node_of_a_step_ends(saver: BaseCheckpointSaver) -> None:
    """The run does not go on as if nothing had happened."""
    ran: list[str] = []
    work: list[asyncio.Future[Any]] = []

    def cancel(name: str) -> None:
        if name == "right" and ran.count(name) == 1:
            asyncio.get_running_loop().call_soon(work[0].cancel)

    graph = joined(ran, saver, cancel)

    async def main() -> None:
        work.append(asyncio.ensure_future(graph.ainvoke({"log": []}, THREAD)))
        with pytest.raises(asyncio.CancelledError):
            await work[0]
        assert "last" not in ran
        assert (await graph.ainvoke(None, THREAD))["log"] == ["left", "right", "last"]

    asyncio.run(main())


def test_ctrl_c_in_the_loop_around_an_async_stream(saver: BaseCheckpointSaver) -> None:
    """All that runs on the loop is cancelled at once, and ends."""
    graph = joined([], saver)

    async def read() -> None:
        async for _ in graph.astream({"log": []}, THREAD):
            raise KeyboardInterrupt

    def run() -> None:
        with pytest.raises(KeyboardInterrupt):
            asyncio.run(read())

    within(30, run)
    assert asyncio.run(graph.ainvoke(None, THREAD))["log"] == ["left", "right", "last"]


def test_an_async_stream_is_left_between_two_steps(saver: BaseCheckpointSaver) -> None:
    """With durability `exit`, too, what was finished is kept."""
    ran = Ran()
    graph = ran.line("a", "b", checkpointer=saver)

    async def main() -> None:
        stream = graph.astream({"log": []}, THREAD, durability="exit")
        assert await anext(stream) == {"a": {"log": ["a"]}}
        await stream.aclose()

    asyncio.run(main())

    assert ran == ["a"]
    assert asyncio.run(graph.ainvoke(None, THREAD))["log"] == ["a", "b"]
    assert ran == ["a", "b"]


@pytest.mark.parametrize("durability", ["sync", "exit"])
def test_cancelled_while_the_end_is_saved(tmp_path: Any, durability: Any) -> None:
    """It is saved nevertheless, and the caller is told of the cancellation."""
    work: list[asyncio.Future[Any]] = []
    loops: list[asyncio.AbstractEventLoop] = []

    def stop(call: Call, do: Any) -> Any:
        done = do(*call.arguments)
        if call.name == "rename" and loops:
            loops.pop().call_soon_threadsafe(work[0].cancel)
        return done

    @entrypoint(checkpointer=FileSaver(tmp_path, fs=Layer(RealFs(), stop)))
    async def flow(x: int) -> int:
        loops.append(asyncio.get_running_loop())
        return x

    async def main() -> None:
        work.append(asyncio.ensure_future(flow.ainvoke(1, THREAD, durability=durability)))
        with pytest.raises(asyncio.CancelledError):
            await work[0]
        assert await flow.ainvoke(None, THREAD) == 1

    asyncio.run(main())
