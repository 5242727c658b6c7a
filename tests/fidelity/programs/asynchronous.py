"""The async twins of everything."""

import asyncio
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

MODES = ["updates", "values", "custom", "tasks", "checkpoints", "debug"]


def collect(api: Api, flow: Any, given: Any, config: Any = THREAD, **options: Any) -> list[Any]:
    """Return all chunks of an `astream`, and the error that ended it."""

    async def run() -> list[Any]:
        chunks: list[Any] = []
        try:
            async for chunk in flow.astream(given, config, **options):
                chunks.append(chunk)
        except Exception as error:
            chunks.append(error)
        return chunks

    return api.run(run())


def steps(api: Api, ran: list[str] | None = None, saver: Any = None, *, ask: bool = False) -> Any:
    """Return an async workflow of an async and a sync task, that asks between them if it is told to."""

    @api.task
    async def first(x: int) -> int:
        if ran is not None:
            ran.append("first")
        await asyncio.sleep(0)
        return x + 1

    @api.task
    def second(x: int) -> int:
        if ran is not None:
            ran.append("second")
        return x * 2

    @api.entrypoint(checkpointer=saver)
    async def main(x: int, *, previous: Any = None) -> Any:
        write = api.get_stream_writer()
        write("begin")
        y = await first(x)
        answer = api.interrupt(f"{y}?") if ask else None
        write("mid")
        return {"y": await second(y), "answer": answer, "previous": previous}

    return main


@program
def invoke(api: Api) -> Iterator[Any]:
    """With and without a saver."""
    yield api.run(steps(api).ainvoke(1))
    flow = steps(api, saver=api.new_saver())
    yield api.run(flow.ainvoke(1, THREAD)), api.run(flow.ainvoke(2, THREAD))


@program
def stream_in_all_modes(api: Api) -> Iterator[Any]:
    """One by one, and together."""
    for mode in [*MODES, ["updates", "custom", "tasks"]]:
        yield collect(api, steps(api, saver=api.new_saver()), 1, stream_mode=mode)


@program
def a_sync_workflow(api: Api) -> Iterator[Any]:
    """Run with the async methods."""

    @api.task
    def double(x: int) -> int:
        return x * 2

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [double(x).result(), api.interrupt("?")]

    yield collect(api, main, 1)
    yield collect(api, main, api.Command(resume="yes"), stream_mode=["updates", "values"])


@program
def questions(api: Api) -> Iterator[Any]:
    """Asked in the body and answered."""
    ran: list[str] = []
    flow = steps(api, ran, api.new_saver(), ask=True)
    for given in (1, None, api.Command(resume="yes"), 5, api.Command(resume=0)):
        yield collect(api, flow, given, stream_mode=["updates", "values"]), list(ran)


@program
def state_and_history(api: Api) -> Iterator[Any]:
    """The async twins of looking and writing by hand."""

    async def run() -> list[Any]:
        flow = steps(api, saver=api.new_saver(), ask=True)
        seen: list[Any] = []
        await flow.ainvoke(1, THREAD)
        seen.append(await flow.aget_state(THREAD))
        await flow.ainvoke(api.Command(resume="yes"), THREAD)
        seen.append([entry async for entry in flow.aget_state_history(THREAD)])
        seen.append([entry.values async for entry in flow.aget_state_history(THREAD, limit=1)])
        await flow.aupdate_state(THREAD, "by hand")
        seen.append((await flow.aget_state(THREAD)).values)
        await flow.abulk_update_state(THREAD, [[api.StateUpdate("a", "main")], [api.StateUpdate("b", "main")]])
        seen.append([(s.values, s.metadata) async for s in flow.aget_state_history(THREAD)])
        return seen

    yield from api.run(run())


@program
def questions_in_gathered_tasks(api: Api) -> Iterator[Any]:
    """Surfaced one at a time, answered by id."""
    ran: list[str] = []

    @api.task
    async def ask(name: str) -> Any:
        ran.append(name)
        return [name, api.interrupt(f"{name}?")]

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        futures = [ask("a"), ask("b")]
        await asyncio.wait(futures)
        return await asyncio.gather(*futures)

    first = api.run(main.ainvoke(1, THREAD))
    yield first
    second = api.run(main.ainvoke(api.Command(resume={first["__interrupt__"][0].id: "A"}), THREAD))
    yield second
    yield api.run(main.ainvoke(api.Command(resume={second["__interrupt__"][0].id: "B"}), THREAD)), Bag(ran)


@program
def gathering(api: Api) -> Iterator[Any]:
    """Results in order, chunks in any."""

    @api.task
    async def square(x: int) -> int:
        await asyncio.sleep(0)
        return x * x

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(n: int) -> Any:
        return await asyncio.gather(*[square(i) for i in range(n)])

    yield Bag(collect(api, main, 5))


@program
def gathering_with_exceptions(api: Api) -> Iterator[Any]:
    """Returned in the list."""

    @api.task
    async def maybe(x: int) -> int:
        if x == 1:
            raise ValueError("one")
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(n: int) -> Any:
        results = await asyncio.gather(*[maybe(i) for i in range(n)], return_exceptions=True)
        return [str(result) for result in results]

    yield Bag(collect(api, main, 3))


@program
def going_on_after_an_error(api: Api) -> Iterator[Any]:
    """Finished tasks do not run again."""
    ran: list[str] = []

    @api.task
    async def step(name: str) -> str:
        ran.append(name)
        if name == "b" and ran.count("b") < 3:
            raise KeyError("b")
        return name

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        return [await step("a"), await step("b")]

    for given in (1, None, None):
        yield collect(api, main, given, stream_mode=["updates", "values"]), list(ran)


@program
def retries(api: Api) -> Iterator[Any]:
    """As with threads."""
    ran: list[str] = []

    @api.task(retry_policy=api.now(max_attempts=3))
    async def flaky() -> str:
        ran.append("flaky")
        if len(ran) < 3 or len(ran) > 3:
            raise OSError(f"failure {len(ran)}")
        return "done"

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        return await flaky()

    yield collect(api, main, 1), list(ran)
    yield collect(api, main, 2), list(ran)


@program
def time_travel(api: Api) -> Iterator[Any]:
    """Going back to an old start."""

    async def run() -> list[Any]:
        ran: list[str] = []
        flow = steps(api, ran, api.new_saver())
        await flow.ainvoke(1, THREAD)
        await flow.ainvoke(2, THREAD)
        history = [entry async for entry in flow.aget_state_history(THREAD)]
        again = await flow.ainvoke(None, history[3].config)
        return [again, ran, [(s.values, s.next, s.metadata) async for s in flow.aget_state_history(THREAD)]]

    yield from api.run(run())


@program
def breakpoints(api: Api) -> Iterator[Any]:
    """Before and after the workflow's own step."""
    for options in ({"interrupt_before": "*"}, {"interrupt_after": ["main"]}):
        flow = steps(api, saver=api.new_saver())
        yield collect(api, flow, 1, **options), api.run(flow.ainvoke(None, THREAD))


@program
def version_two(api: Api) -> Iterator[Any]:
    """Parts and an output object."""
    flow = steps(api, saver=api.new_saver(), ask=True)
    yield collect(api, flow, 1, stream_mode="values", version="v2")
    yield api.run(flow.ainvoke(None, THREAD, version="v2"))
    yield api.run(flow.ainvoke(api.Command(resume=1), THREAD, version="v2"))


@program
def an_error_is_the_very_object(api: Api) -> Iterator[Any]:
    """With its notes."""
    error = ValueError("bad")

    @api.task
    async def bad() -> None:
        raise error

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> None:
        await bad()

    failed = attempt(api.run, main.ainvoke(1, THREAD))
    yield failed, failed.error is error
