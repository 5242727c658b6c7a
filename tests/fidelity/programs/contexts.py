"""The context of a run, and what its runtime says and does."""

import asyncio
import dataclasses
from collections.abc import Iterator
from typing import Any, TypedDict

import pydantic

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


@dataclasses.dataclass
class Data:
    user: str
    level: int = 1


class Model(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid")
    user: str
    level: int = 1


class Typed(TypedDict):
    user: str


class State(TypedDict):
    x: Any


def shows(api: Api, schema: Any) -> Any:
    """Return a workflow that returns what its context is, in its body and in a task."""

    def look(runtime: Any) -> Any:
        return [type(runtime.context).__name__, repr(runtime.context)]

    @api.task
    def task(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return look(runtime)

    @api.entrypoint(checkpointer=api.new_saver(), context_schema=schema)
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [look(runtime), task(x).result(), look(api.get_runtime())]

    return main


def program_of(schema: Any) -> Any:
    """Return a program that gives a workflow with this schema contexts of all kinds."""

    def contexts(api: Api) -> Iterator[Any]:
        flow = shows(api, schema)
        given: list[Any] = [None, {"user": "ann"}, {"user": "ann", "level": 3}, {"level": "x"}, {"other": 1}]
        given += [Data("bob"), Model(user="eve"), 5, "text"]
        for each in given:
            yield repr(each), attempt(flow.invoke, 1, THREAD, context=each, text=False)

    return contexts


for _schema in (Data, Model, Typed, dict, None):
    _program = program_of(_schema)
    _program.__name__ = f"context_of_{getattr(_schema, '__name__', 'no_schema').lower()}"
    program(_program)


@program
def default_context(api: Api) -> Iterator[Any]:
    flow = shows(api, Data)
    yield flow.invoke(1, THREAD)


@program
def context_is_not_stored(api: Api) -> Iterator[Any]:
    @api.entrypoint(checkpointer=api.new_saver(), context_schema=Data)
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [repr(runtime.context), api.interrupt("?"), repr(runtime.context)]

    for context in (None, {"user": "later"}):
        main.invoke(1, THREAD, context={"user": "first"})
        yield main.invoke(api.Command(resume=1), THREAD, context=context)


@program
def context_of_nested_workflows(api: Api) -> Iterator[Any]:
    @api.entrypoint(context_schema=Data)
    def child(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return repr(runtime.context)

    @api.task
    def calls(x: int) -> Any:
        return [child.invoke(x), child.invoke(x, context={"user": "own", "level": 9})]

    @api.entrypoint(context_schema=Data)
    def main(x: int) -> Any:
        return [child.invoke(x), child.invoke(x, context=Data("own")), calls(x).result(), child.invoke(x)]

    yield main.invoke(1, context={"user": "outer"})
    yield main.invoke(1)


@program
def context_three_deep(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def inner(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return runtime.context

    @api.entrypoint()
    def middle(x: int) -> Any:
        return [inner.invoke(x), inner.invoke(x, context={"at": "inner"})]

    @api.entrypoint()
    def outer(x: int) -> Any:
        return [middle.invoke(x), middle.invoke(x, context={"at": "middle"})]

    yield outer.invoke(1, context={"at": "outer"})


@program
def context_in_streams_and_batches(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [x, runtime.context]

    yield list(main.stream(1, context={"a": 1}))
    yield main.batch([1, 2], context={"a": 1})


@program
def context_in_asyncio(api: Api) -> Iterator[Any]:
    @api.task
    async def task(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        return [repr(runtime.context), repr(api.get_runtime().context)]

    @api.entrypoint(context_schema=Data)
    async def main(x: int) -> Any:
        return await asyncio.gather(task(1), task(2))

    yield api.run(main.ainvoke(1, context={"user": "ann"}))
    yield attempt(lambda: api.run(main.ainvoke(1, context={"wrong": 1})), text=False)


@program
def runtime_fields(api: Api) -> Iterator[Any]:
    def fields(runtime: Any) -> Any:
        info = runtime.execution_info
        yield [runtime.context, runtime.store, runtime.previous, runtime.server_info, type(runtime.control).__name__]
        yield [info.thread_id, info.node_attempt, info.run_id, runtime.drain_requested]
        yield [type(info.checkpoint_id).__name__, info.checkpoint_ns, info.task_id, info.node_first_attempt_time > 0]

    @api.task
    def task(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return list(fields(runtime))

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [list(fields(runtime)), task(x).result()]

    yield main.invoke(1, THREAD)


@program
def previous_in_the_runtime(api: Api) -> Iterator[Any]:
    @api.task
    def task(runtime) -> Any:  # type: ignore[no-untyped-def]
        return runtime.previous

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return api.entrypoint.final(value=[runtime.previous, task().result()], save=x)

    yield [main.invoke(n, THREAD) for n in (1, 2, 3)]


@program
def attempts_in_the_runtime(api: Api) -> Iterator[Any]:
    seen: list[Any] = []

    @api.task(retry_policy=api.now(max_attempts=3))
    def flaky(name: str, runtime) -> Any:  # type: ignore[no-untyped-def]
        info = runtime.execution_info
        seen.append([name, info.node_attempt, api.get_runtime().execution_info.node_attempt])
        if info.node_attempt < 3:
            raise OSError("no")
        return name

    @api.entrypoint(checkpointer=api.new_saver(), retry_policy=api.now(max_attempts=2))
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        seen.append(["main", runtime.execution_info.node_attempt])
        flaky("a").result()
        if runtime.execution_info.node_attempt < 2:
            raise KeyError("again")
        return flaky("b").result()

    main.invoke(1, THREAD)
    yield [each for each in seen if each[0] != "a"]


@program
def attempts_start_at_the_same_time(api: Api) -> Iterator[Any]:
    times: list[Any] = []

    @api.task(retry_policy=api.now(max_attempts=3))
    async def flaky(runtime) -> Any:  # type: ignore[no-untyped-def]
        times.append(runtime.execution_info.node_first_attempt_time)
        if len(times) < 3:
            raise OSError("no")
        return len(set(times))

    @api.entrypoint()
    async def main(x: int) -> Any:
        return await flaky()

    yield api.run(main.ainvoke(1))


@program
def override_fields(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        other = runtime.override(context="mine")
        return [runtime.context, other.context, other.store, type(other).__name__]

    yield main.invoke(1, context={"a": 1})


@program
def writing_by_the_runtime(api: Api) -> Iterator[Any]:
    @api.task
    def task(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        runtime.stream_writer(["task", x])

    @api.entrypoint()
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        runtime.stream_writer("body")
        task(x).result()

    yield list(main.stream(1, stream_mode="custom"))


def slow(api: Api, refresh: str, beats: bool, writes: bool) -> Any:
    """Return a workflow with a task that takes 0.5 s and may be idle for 0.35 s."""

    @api.task(timeout=api.TimeoutPolicy(idle_timeout=0.35, refresh_on=refresh))
    async def works(runtime) -> Any:  # type: ignore[no-untyped-def]
        for _ in range(5):
            await asyncio.sleep(0.1)
            if beats:
                runtime.heartbeat()
            if writes:
                runtime.stream_writer("still here")
        return "done"

    @api.entrypoint()
    async def main(x: int) -> Any:
        try:
            return await works()
        except Exception as error:
            return [type(error).__name__, error.kind]  # type: ignore[attr-defined]

    return main


@program
def heartbeats(api: Api) -> Iterator[Any]:
    """Beats count always, other progress unless only beats do."""
    for refresh in ("auto", "heartbeat"):
        for beats, writes in ((True, False), (False, True), (False, False)):
            yield refresh, beats, writes, api.run(slow(api, refresh, beats, writes).ainvoke(1))


@program
def heartbeat_without_a_timeout(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [runtime.heartbeat(), api.get_runtime().heartbeat()]

    yield main.invoke(1)


@program
def contexts_of_parallel_runs(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    async def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        await asyncio.sleep(0)
        return [x, api.get_runtime().context == runtime.context, runtime.context]

    async def many() -> Any:
        return await asyncio.gather(*[main.ainvoke(n, context={"n": n}) for n in range(5)])

    yield Bag(api.run(many()))


@program
def draining_from_inside(api: Api) -> Iterator[Any]:
    """A run may ask itself to stop: a graph does so before its next step."""

    def one(state, runtime) -> Any:  # type: ignore[no-untyped-def]
        runtime.control.request_drain("enough")
        return {"x": [runtime.drain_requested, runtime.drain_reason]}

    builder = api.StateGraph(State)
    builder.add_node("one", one)
    builder.add_node("two", lambda state: {"x": "two"})
    builder.add_edge(api.START, "one")
    builder.add_edge("one", "two")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        runtime.control.request_drain()
        return [runtime.drain_requested, runtime.drain_reason]

    yield attempt(builder.compile().invoke, {"x": 0})
    yield main.invoke(1, THREAD)
