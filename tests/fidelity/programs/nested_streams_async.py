"""The same as in `nested_streams`, with asyncio."""

import contextlib
import io
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.programs import program


async def parts(flow: Any, given: Any, config: Any = THREAD, **options: Any) -> list[Any]:
    """Return the chunks of a stream, the error it ends with as the last one."""
    chunks: list[Any] = []
    try:
        async for chunk in flow.astream(given, config, **options):
            chunks.append(chunk)
    except Exception as error:
        chunks.append(error)
    return chunks


def three_levels(
    api: Api, use: Callable[[Any, Any], Awaitable[Any]], saver: Any = None, *, in_task: bool = False
) -> Any:
    """Return a workflow that uses one inside it, in its body or in a task, which calls a third one."""

    @api.task
    async def leaf(x: int) -> int:
        api.get_stream_writer()(f"leaf {x}")
        return x + 1

    @api.entrypoint()
    async def grandchild(x: int) -> int:
        api.get_stream_writer()(f"grandchild {x}")
        return await leaf(x)

    @api.entrypoint()
    async def child(x: int) -> int:
        api.get_stream_writer()(f"child {x}")
        return await grandchild.ainvoke(await leaf(x))

    @api.task
    async def call(x: int) -> Any:
        return await use(child, x)

    @api.entrypoint(checkpointer=saver)
    async def parent(x: int) -> Any:
        api.get_stream_writer()(f"parent {x}")
        return await call(x) if in_task else await use(child, x)

    return parent


def streaming(**options: Any) -> Callable[[Any, Any], Awaitable[Any]]:
    """Return a use of a workflow: its stream, as a list."""

    async def use(flow: Any, x: Any) -> Any:
        return [chunk async for chunk in flow.astream(x, **options)]

    return use


def invoking(**options: Any) -> Callable[[Any, Any], Awaitable[Any]]:
    """Return a use of a workflow: what it returns."""
    return lambda flow, x: flow.ainvoke(x, **options)


@program
def modes_inside(api: Api) -> Iterator[Any]:
    """What is shown inside, outside, and in both."""
    asked: list[Any] = [{}, {"subgraphs": True}, {"stream_mode": "custom"}, {"version": "v2"}]
    asked += [{"stream_mode": ["values", "custom"]}, {"stream_mode": "custom", "subgraphs": True}]
    for options in asked:
        for use in (streaming(**options), invoking(**options)):
            for in_task in (False, True):
                flow = three_levels(api, use, in_task=in_task)
                for modes in ("custom", ["updates", "custom", "values", "tasks"]):
                    yield api.run(parts(flow, 1, {}, stream_mode=modes))
                    yield api.run(parts(flow, 1, {}, stream_mode=modes, subgraphs=True))


@program
def tasks_and_checkpoints_inside(api: Api) -> Iterator[Any]:
    """They are told to a nested stream alone, and to the outermost."""
    for mode in ("tasks", "checkpoints", "debug"):
        for options in ({"subgraphs": True}, {}):
            for in_task in (False, True):
                flow = three_levels(api, streaming(stream_mode=mode, **options), api.new_saver(), in_task=in_task)
                yield api.run(parts(flow, 1, stream_mode=["updates", mode], subgraphs=True))


@program
def what_is_printed_inside(api: Api) -> Iterator[Any]:
    """By the workflow inside and by the one around."""
    for options in ({}, {"subgraphs": True}):
        flow = three_levels(api, streaming(print_mode=["custom", "updates"], **options))
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            yield api.run(parts(flow, 1, {}, print_mode="values", stream_mode=["custom", "updates"], **options))
        yield out.getvalue().splitlines()


@program
def passing_on(api: Api) -> Iterator[Any]:
    """What is read is written at once, while the workflow inside goes on."""

    @api.task
    async def step(x: int) -> int:
        return x

    @api.entrypoint()
    async def child(x: int) -> Any:
        return [await step(n) for n in range(3)]

    @api.entrypoint()
    async def parent(x: int) -> str:
        write = api.get_stream_writer()
        async for chunk in child.astream(x):
            write(chunk)
        return "done"

    yield api.run(parts(parent, 1, {}, stream_mode=["custom", "updates"]))


@program
def an_error_inside(api: Api) -> Iterator[Any]:
    """It comes after all that happened before it."""

    @api.task
    async def step(x: int) -> int:
        return x

    @api.entrypoint()
    async def child(x: int) -> None:
        await step(x)
        api.get_stream_writer()("written")
        raise ValueError("no")

    for modes in ("updates", ["updates", "custom", "tasks"]):

        @api.entrypoint(checkpointer=api.new_saver())
        async def parent(x: int) -> Any:
            return repr(await parts(child, x, None, stream_mode=modes))

        yield api.run(parts(parent, 1, subgraphs=True, stream_mode=["updates", "custom"]))


@program
def a_question_inside(api: Api) -> Iterator[Any]:
    """It is read before it stops the code that reads."""

    @api.task
    async def step(x: int) -> int:
        return x

    @api.entrypoint()
    async def child(x: int) -> Any:
        await step(x)
        return api.interrupt("child?")

    for modes in ("updates", "values", ["updates", "values", "tasks"]):
        seen: list[Any] = []

        @api.entrypoint(checkpointer=api.new_saver())
        async def parent(x: int) -> str:
            async for chunk in child.astream(x, stream_mode=modes):
                seen.append(chunk)
            return "read"

        for given in (1, api.Command(resume="yes")):
            yield api.run(parts(parent, given, subgraphs=True, stream_mode=["updates", "values"])), list(seen)


@program
def a_workflow_of_threads_inside(api: Api) -> Iterator[Any]:
    """A task in a thread streams a workflow that is not asynchronous."""

    @api.entrypoint()
    def child(x: int) -> int:
        api.get_stream_writer()("child")
        return x

    @api.task
    def call(x: int) -> Any:
        return repr(list(child.stream(x, stream_mode=["custom", "updates", "values"])))

    @api.entrypoint(checkpointer=api.new_saver())
    async def parent(x: int) -> Any:
        return await call(x)

    yield api.run(parts(parent, 1, subgraphs=True, stream_mode=["custom", "updates", "values"]))
