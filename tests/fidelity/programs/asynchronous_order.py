"""Async code that nests, stops early, fails beside others, or is cancelled."""

import asyncio
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program
from tests.fidelity.programs.asynchronous import collect


@program
def failing_siblings_are_cancelled(api: Api) -> Iterator[Any]:
    """Those that still run see a CancelledError, and run again."""
    seen: list[str] = []

    @api.task
    async def slow() -> str:
        seen.append("slow")
        try:
            if seen.count("slow") == 1:
                await asyncio.sleep(30)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "slow"

    @api.task
    async def bad() -> str:
        while "slow" not in seen:
            await asyncio.sleep(0)
        if "bad" not in seen:
            seen.append("bad")
            raise ValueError("bad")
        return "good"

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        later = slow()
        return [await bad(), await later]

    yield collect(api, main, 1), list(seen)
    yield Bag(collect(api, main, None)), Bag(seen)


@program
def unawaited_tasks(api: Api) -> Iterator[Any]:
    """Are waited for."""
    ran: list[str] = []

    @api.task
    async def late() -> str:
        await asyncio.sleep(0.002)
        ran.append("late")
        return "late"

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> str:
        late()
        return "done"

    yield Bag(collect(api, main, 1)), ran


@program
def nested_tasks(api: Api) -> Iterator[Any]:
    """Tasks in tasks."""

    @api.task
    async def inner(x: int) -> int:
        return x + 1

    @api.task
    async def outer(x: int) -> int:
        return await inner(await inner(x))

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> int:
        return await outer(x)

    yield collect(api, main, 1, stream_mode=["updates", "tasks"])


@program
def nested_workflows(api: Api) -> Iterator[Any]:
    """With questions and namespaces."""
    ran: list[str] = []

    @api.task
    async def leaf(x: int) -> int:
        ran.append("leaf")
        return x + 1

    @api.entrypoint()
    async def child(x: int) -> Any:
        ran.append("child")
        return [await leaf(x), api.interrupt("child?")]

    @api.entrypoint(checkpointer=api.new_saver())
    async def parent(x: int) -> Any:
        ran.append("parent")
        return [await leaf(x), await child.ainvoke(x), api.interrupt("parent?")]

    for given in (1, api.Command(resume="c"), api.Command(resume="p")):
        yield collect(api, parent, given, subgraphs=True), list(ran)


@program
def nested_workflows_in_tasks(api: Api) -> Iterator[Any]:
    """Called with the async methods inside tasks."""

    @api.entrypoint()
    async def child(x: int) -> Any:
        return [x, api.interrupt(f"child {x}?")]

    @api.task
    async def call(x: int) -> Any:
        return await child.ainvoke(x)

    @api.entrypoint(checkpointer=api.new_saver())
    async def parent(x: int) -> Any:
        return [await call(1), await call(2)]

    for given in (1, api.Command(resume="a"), api.Command(resume="b")):
        yield collect(api, parent, given, subgraphs=True)


@program
def cancelling(api: Api) -> Iterator[Any]:
    """Passes on; the run can be taken up."""
    ran: list[str] = []

    @api.task
    async def step(name: str) -> str:
        ran.append(name)
        if name == "b" and ran.count("b") == 1:
            await asyncio.sleep(30)
        return name

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        return [await step("a"), await step("b")]

    async def run() -> list[Any]:
        work = asyncio.ensure_future(main.ainvoke(1, THREAD))
        while "b" not in ran:
            await asyncio.sleep(0)
        work.cancel()
        await asyncio.wait([work])
        state = await main.aget_state(THREAD)
        return [work.cancelled(), state.next, await main.ainvoke(None, THREAD), list(ran)]

    yield from api.run(run())


@program
def a_result_is_not_there_yet(api: Api) -> Iterator[Any]:
    """Futures in async code are those of asyncio."""

    @api.task
    async def step() -> int:
        return 1

    @api.entrypoint()
    async def main(x: int) -> Any:
        future = step()
        early = attempt(future.result, text=False)
        return [type(early.error).__name__, asyncio.isfuture(future), await future, future.done(), future.result()]

    yield api.run(main.ainvoke(1))


@program
def an_async_task_of_a_sync_workflow(api: Api) -> Iterator[Any]:
    """Works on an event loop."""

    @api.task
    async def step(x: int) -> int:
        return x + 1

    @api.entrypoint()
    def main(x: int) -> Any:
        return step(x).result()

    yield api.run(main.ainvoke(1))
