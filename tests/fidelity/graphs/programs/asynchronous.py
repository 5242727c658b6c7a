"""Graphs of coroutines, and the asynchronous methods."""

import asyncio
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, built, line, says, short, wired
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


def awaits(name: str, ran: list[str] | None = None, **update: Any) -> Any:
    """Return a coroutine function that says its name."""

    async def node(state: Any) -> Any:
        if ran is not None:
            ran.append(name)
        await asyncio.sleep(0)
        return {"log": [name], **update}

    node.__name__ = name
    return node


async def chunks(flow: Any, given: Any, config: Any = THREAD, **options: Any) -> list[Any]:
    """Return the chunks of a stream, the error it ends with as the last one."""
    found: list[Any] = []
    try:
        async for chunk in flow.astream(given, config, **options):
            found.append(chunk)
    except Exception as error:
        found.append(error)
    return found


@program
def a_line(api: Api) -> Iterator[Any]:
    """Coroutines and functions, in one graph."""
    flow = line(api, awaits("a"), says("b"), awaits("c"), checkpointer=api.new_saver())
    yield api.run(flow.ainvoke({"n": 1}, THREAD))
    yield api.run(chunks(flow, {"n": 2}, stream_mode=["updates", "values", "tasks"])), short(flow)


@program
def all_modes(api: Api) -> Iterator[Any]:
    """In one order."""
    modes = ["updates", "values", "custom", "tasks", "checkpoints", "debug"]
    flow = line(api, awaits("a"), awaits("b"), checkpointer=api.new_saver())
    yield api.run(chunks(flow, {"n": 1}, stream_mode=modes))


@program
def side_by_side(api: Api) -> Iterator[Any]:
    """They run at the same time; updates are applied by name."""

    def waits(name: str, turns: int) -> Any:
        async def node(state: Log) -> Any:
            for _ in range(turns):
                await asyncio.sleep(0.02)
            return {"log": [name]}

        node.__name__ = name
        return node

    builder = built(api, waits("a", 4), waits("b", 2), waits("c", 0))
    flow = wired(builder, "^>a", "^>b", "^>c").compile(checkpointer=api.new_saver())
    yield api.run(chunks(flow, {"n": 1}, stream_mode=["updates", "values"]))


@program
def a_failure_and_siblings(api: Api) -> Iterator[Any]:
    """A running sibling is cancelled and runs again; a finished one does not."""
    ran: list[str] = []
    fails = [ValueError("once")]

    async def bad(state: Log) -> Any:
        await asyncio.sleep(0.05)
        ran.append("bad")
        if fails:
            raise fails.pop()
        return {"log": ["bad"]}

    async def slow(state: Log) -> Any:
        try:
            await asyncio.sleep(30 if fails else 0)
        except asyncio.CancelledError:
            ran.append("cancelled")
            raise
        ran.append("slow")
        return {"log": ["slow"]}

    builder = built(api, bad, slow, awaits("quick", ran))
    flow = wired(builder, "^>bad", "^>slow", "^>quick").compile(checkpointer=api.new_saver())
    yield api.run(chunks(flow, {"n": 1})), sorted(ran)
    state = flow.get_state(THREAD)
    yield state.next, state.values, [(t.name, t.result) for t in state.tasks]
    ran.clear()
    yield Bag(api.run(chunks(flow, None))), sorted(ran), flow.get_state(THREAD).values


@program
def questions(api: Api) -> Iterator[Any]:
    """Side by side, then one after another."""

    def asks(name: str, *words: str) -> Any:
        async def node(state: Log) -> Any:
            await asyncio.sleep(0)
            return {"log": [[name, *[api.interrupt(word) for word in words]]]}

        node.__name__ = name
        return node

    builder = built(api, asks("p", "p1?", "p2?"), asks("q", "q?"), awaits("z"))
    flow = wired(builder, "^>p", "^>q", "p+q>z").compile(checkpointer=api.new_saver())
    first = api.run(flow.ainvoke({"n": 1}, THREAD))
    asked = sorted(first["__interrupt__"], key=lambda each: each.value)
    yield asked, flow.get_state(THREAD).next
    second = api.run(flow.ainvoke(api.Command(resume={each.id: each.value.upper() for each in asked}), THREAD))
    yield second
    yield api.run(chunks(flow, api.Command(resume="P2"))), short(flow)


@program
def sends_and_commands(api: Api) -> Iterator[Any]:
    """Of coroutines; a branch may be one too."""

    async def work(state: Any) -> Any:
        return api.Command(update={"log": [state["n"]]}, goto="end")

    async def route(state: Log) -> Any:
        await asyncio.sleep(0)
        return [api.Send("work", {"n": n}) for n in range(3)]

    builder = built(api, awaits("a"), work, awaits("end"))
    flow = wired(builder, "^>a").add_conditional_edges("a", route).compile(checkpointer=api.new_saver())
    yield api.run(flow.ainvoke({"n": 1}, THREAD)), short(flow)


@program
def retries(api: Api) -> Iterator[Any]:
    """A coroutine that passes the second time."""
    count: list[int] = []

    async def node(state: Log) -> Any:
        count.append(1)
        if len(count) < 2:
            raise ValueError
        return {"log": ["node"]}

    flow = wired(built(api, node, retry_policy=api.now(max_attempts=2)), "^>node").compile()
    yield api.run(chunks(flow, {"n": 1})), len(count)


@program
def inner_graphs(api: Api) -> Iterator[Any]:
    """As a node, and awaited in one; a question inside."""

    async def ask(state: Log) -> Any:
        return {"log": [api.interrupt("?")]}

    inner = line(api, awaits("x"), ask)

    async def call(state: Log) -> Any:
        return {"log": [(await inner.ainvoke({"n": state["n"]}))["log"]]}

    for node in (inner, call):
        builder = built(api, awaits("a")).add_node("inner", node)
        flow = wired(builder, "^>a", "a>inner").compile(checkpointer=api.new_saver())
        yield api.run(chunks(flow, {"n": 1}, subgraphs=True))
        yield api.run(flow.aget_state(THREAD, subgraphs=True)).tasks
        yield api.run(chunks(flow, api.Command(resume="yes"), subgraphs=True)), flow.get_state(THREAD).values


@program
def tasks_in_coroutines(api: Api) -> Iterator[Any]:
    """Awaited, gathered, and kept over a question."""
    ran: list[int] = []

    @api.task
    async def work(x: int) -> int:
        ran.append(x)
        return x + 1

    async def node(state: Log) -> Any:
        values = await asyncio.gather(*[work(n) for n in range(3)])
        return {"log": [*values, api.interrupt("?"), await work(10)]}

    flow = line(api, node, checkpointer=api.new_saver())
    yield Bag(api.run(chunks(flow, {"n": 1})))
    yield api.run(chunks(flow, api.Command(resume="yes"))), sorted(ran)


@program
def graphs_in_workflows(api: Api) -> Iterator[Any]:
    """An entrypoint awaits a graph; a node awaits an entrypoint."""

    @api.entrypoint()
    async def inner(x: int) -> Any:
        return [x, api.interrupt("inner?")]

    async def node(state: Log) -> Any:
        return {"log": await inner.ainvoke(state["n"])}

    graph = line(api, awaits("a"), node)

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        return (await graph.ainvoke({"n": x}))["log"]

    yield api.run(main.ainvoke(1, THREAD))
    yield api.run(main.ainvoke(api.Command(resume="yes"), THREAD))


@program
def state_and_history(api: Api) -> Iterator[Any]:
    """The asynchronous methods for them."""
    flow = line(api, awaits("a"), awaits("b"), checkpointer=api.new_saver(), interrupt_before=["b"])

    async def run() -> list[Any]:
        found = [await flow.ainvoke({"n": 1}, THREAD)]
        found.append(await flow.aupdate_state(THREAD, {"n": 5, "log": ["hand"]}))
        found.append(await flow.aget_state(THREAD))
        found.append(await flow.ainvoke(None, THREAD))
        found += [(s.next, s.values, s.metadata) async for s in flow.aget_state_history(THREAD)]
        old = [s async for s in flow.aget_state_history(THREAD)][-1]
        found.append(await flow.ainvoke(None, old.config))
        found.append(await flow.abulk_update_state(THREAD, [[api.StateUpdate({"n": 9}, "b")]]))
        return found

    yield from api.run(run())


@program
def cancelled_from_outside(api: Api) -> Iterator[Any]:
    """The node that ran is cancelled; the steps before are kept."""
    ran: list[str] = []

    async def slow(state: Log) -> Any:
        if "slow" not in ran:
            ran.append("slow")
            await asyncio.sleep(30)
        return {"log": ["slow"]}

    flow = line(api, awaits("a", ran), slow, checkpointer=api.new_saver())

    async def run() -> None:
        running = asyncio.create_task(flow.ainvoke({"n": 1}, THREAD))
        while "slow" not in ran:
            await asyncio.sleep(0.01)
        running.cancel()
        await running

    yield attempt(lambda: api.run(run()), text=False), flow.get_state(THREAD).next
    yield api.run(flow.ainvoke(None, THREAD)), ran


@program
def writers_of_coroutines(api: Api) -> Iterator[Any]:
    """What a node writes shows before its update."""

    async def node(state, writer):
        writer("one")
        await asyncio.sleep(0)
        api.get_stream_writer()("two")
        return {"log": ["node"]}

    yield api.run(chunks(line(api, node), {"n": 1}, {}, stream_mode=["custom", "updates"]))
