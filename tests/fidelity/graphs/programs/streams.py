"""What the streams of graphs yield, in every mode."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, built, fan, line, noting, parts, says, wired
from tests.fidelity.plain import Bag
from tests.fidelity.programs import program

MODES = ["updates", "values", "custom", "tasks", "checkpoints", "debug"]


def sample(api: Api, saver: Any = None) -> Any:
    """Return a graph of two nodes and a third that returns nothing; two write to the stream."""

    def first(state: Log) -> Any:
        api.get_stream_writer()("in first")
        return {"log": ["first"], "n": state["n"] + 1}

    def second(state: Log) -> Any:
        api.get_stream_writer()({"in": "second"})
        return {"log": [f"n={state['n']}"]}

    def third(state: Log) -> None:
        return None

    return line(api, first, second, third, checkpointer=saver)


def _single(mode: str) -> None:
    def without_saver(api: Api) -> Any:
        return list(sample(api).stream({"n": 1}, stream_mode=mode))

    def with_saver(api: Api) -> Iterator[Any]:
        flow = sample(api, api.new_saver())
        yield list(flow.stream({"n": 1, "log": ["in"]}, THREAD, stream_mode=mode))
        yield list(flow.stream({"n": 5}, THREAD, stream_mode=mode))
        yield list(flow.stream(None, THREAD, stream_mode=mode))

    without_saver.__name__ = f"{mode}_without_saver"
    with_saver.__name__ = f"{mode}_with_saver"
    program(without_saver)
    program(with_saver)


for _mode in MODES:
    _single(_mode)


@program
def default_mode(api: Api) -> Any:
    """Updates, without being asked."""
    return list(sample(api).stream({"n": 1}))


@program
def a_list_of_all_modes(api: Api) -> Any:
    """Pairs of mode and chunk, in one order."""
    return list(sample(api, api.new_saver()).stream({"n": 1}, THREAD, stream_mode=MODES))


@program
def modes_in_another_order(api: Api) -> Iterator[Any]:
    """The order of the list does not matter; a list of one gives pairs too."""
    yield list(sample(api, api.new_saver()).stream({"n": 1}, THREAD, stream_mode=["values", "updates"]))
    yield list(sample(api).stream({"n": 1}, stream_mode=["values"]))


@program
def invoke_with_modes(api: Api) -> Iterator[Any]:
    """The list of chunks, or the last state."""
    for mode in ("values", "updates", "custom", ["values"], ["updates", "custom"]):
        yield sample(api).invoke({"n": 1}, stream_mode=mode)


@program
def version_two(api: Api) -> Iterator[Any]:
    """Parts with type, namespace and data; an output object from invoke."""
    flow = sample(api, api.new_saver())
    yield list(flow.stream({"n": 1}, THREAD, stream_mode=["updates", "values", "custom"], version="v2"))
    yield list(flow.stream({"n": 2}, THREAD, stream_mode="updates", version="v2"))
    yield flow.invoke({"n": 3}, THREAD, version="v2")


@program
def version_two_of_a_question(api: Api) -> Iterator[Any]:
    """Questions stand beside the values."""

    def ask(state: Log) -> Any:
        return {"log": [api.interrupt("?")]}

    flow = line(api, says("a"), ask, checkpointer=api.new_saver())
    yield list(flow.stream({"n": 1}, THREAD, stream_mode="updates", version="v2"))
    yield list(flow.stream(None, THREAD, stream_mode="values", version="v2"))
    yield flow.invoke(None, THREAD, version="v2")
    yield list(flow.stream(api.Command(resume=1), THREAD, stream_mode=["updates", "values"], version="v2"))


@program
def empty_updates(api: Api) -> Iterator[Any]:
    """Nodes that return nothing, an empty dictionary, or a key that does not exist."""

    def nothing(state: Log) -> None:
        return None

    def empty(state: Log) -> Any:
        return {}

    def unknown(state: Log) -> Any:
        return {"nowhere": 1}

    def listed(state: Log) -> Any:
        return [{"n": 1}, {"log": ["x"]}]

    for nodes in ((nothing,), (empty,), (unknown,), (nothing, empty, unknown)):
        flow = line(api, *nodes, checkpointer=api.new_saver())
        yield list(flow.stream({"n": 1}, THREAD, stream_mode=["updates", "values"])), flow.get_state(THREAD).next
        yield list(flow.stream({"n": 1}, THREAD, stream_mode="tasks"))
    yield parts(line(api, listed), {"n": 0})


@program
def side_by_side(api: Api) -> Iterator[Any]:
    """Updates come as nodes finish, values once a step, tasks start in the order of their paths."""
    order: list[threading.Event] = [threading.Event(), threading.Event()]

    def a(state: Log) -> Any:
        assert order[0].wait(10)
        return {"log": ["a"]}

    def b(state: Log) -> Any:
        assert order[1].wait(10)
        return {"log": ["b"]}

    def c(state: Log) -> Any:
        return {"log": ["c"]}

    chunks = []
    for mode, chunk in fan(api, a, b, c).stream({"n": 1}, stream_mode=["updates", "values", "tasks", "custom"]):
        chunks.append((mode, chunk))
        if mode == "updates" and "c" in chunk:
            order[1].set()
        if mode == "updates" and "b" in chunk:
            order[0].set()
    yield chunks


@program
def triggers_and_paths(api: Api) -> Iterator[Any]:
    """What made each task of a graph with edges, a join, a branch, a command and sends run."""

    def jump(state: Log) -> Any:
        return api.Command(goto=["e", api.Send("f", {"n": 7, "log": ["sent"]})], update={"log": ["jump"]})

    def route(state: Log) -> Any:
        return ["d", "jump"]

    builder = built(api, says("a"), says("b"), says("c"), says("d"), jump, says("e"), says("f"))
    builder.add_conditional_edges("c", route)
    flow = wired(builder, "^>a", "^>b", "a+b>c").compile(checkpointer=api.new_saver())
    yield [Bag([data for mode, data in flow.stream({"n": 1}, THREAD, stream_mode=["tasks"])])]
    yield [(s.metadata["step"], s.next, [(t.name, t.path) for t in s.tasks]) for s in flow.get_state_history(THREAD)]


@program
def output_keys(api: Api) -> Iterator[Any]:
    """Some of the state."""
    flow = sample(api)
    for keys in ("n", ["n"], ["log", "n"]):
        yield flow.invoke({"n": 1}, output_keys=keys)
        yield list(flow.stream({"n": 1}, output_keys=keys, stream_mode=["updates", "values"]))


@program
def writers_of_nodes(api: Api) -> Iterator[Any]:
    """Injected by name, asked for, and used from a branch."""

    def injected(state: Log, writer: Any) -> Any:
        return {"n": 1}

    def unannotated(state, writer):
        writer("unannotated")
        return {"n": 2}

    def keyword(state: Log, *, runtime: Any) -> Any:
        runtime.stream_writer("runtime")
        return {"n": 3}

    def route(state: Log) -> str:
        api.get_stream_writer()("branch")
        return api.END

    builder = wired(built(api, unannotated, keyword), "^>unannotated", "unannotated>keyword")
    flow = builder.add_conditional_edges("keyword", route).compile()
    yield list(flow.stream({"n": 0}, stream_mode=["custom", "updates"]))
    yield parts(line(api, injected), {"n": 0}, stream_mode=["custom", "updates"])[:-1]


@program
def a_step_waits_for_its_reader(api: Api) -> Iterator[Any]:
    """Whoever has read what came of a step finds it saved, and the next one not begun."""
    for mode in ("updates", "values", "tasks", "checkpoints"):
        ran: list[str] = []
        flow = line(api, *noting(ran, *"abc"), checkpointer=api.new_saver())
        for chunk in flow.stream({"n": 1}, THREAD, stream_mode=mode, durability="sync"):
            state = flow.get_state(THREAD)
            yield mode, chunk, list(ran), state.values, state.next


@program
def code_at_work_is_read_at_once(api: Api) -> Iterator[Any]:
    """Where code is listened to, what a node came to is read before it is saved."""
    for options in ({"stream_mode": ["updates", "custom"]}, {"subgraphs": True}):
        ran: list[str] = []
        flow = line(api, *noting(ran, *"abc"), checkpointer=api.new_saver())
        for chunk in flow.stream({"n": 1}, THREAD, **options, durability="sync"):
            yield chunk, list(ran)


@program
def a_step_waits_for_its_asynchronous_reader(api: Api) -> Any:
    async def read() -> Any:
        seen = []
        for is_async in (False, True):
            ran: list[str] = []
            flow = line(api, *noting(ran, *"abc", is_async=is_async), checkpointer=api.new_saver())
            async for chunk in flow.astream({"n": 1}, THREAD, durability="sync"):
                seen.append((chunk, list(ran), (await flow.aget_state(THREAD)).next))
        return seen

    return api.run(read())


@program
def leaving_early(api: Api) -> Iterator[Any]:
    """No further step is made; `None` makes it."""
    ran: list[str] = []
    flow = line(api, *noting(ran, *"abc"), checkpointer=api.new_saver())
    stream = flow.stream({"n": 1}, THREAD, durability="sync")
    yield next(stream)
    stream.close()
    yield list(ran), flow.get_state(THREAD).next
    yield flow.invoke(None, THREAD), list(ran)


@program
def leaving_early_asynchronously(api: Api) -> Any:
    ran: list[str] = []
    flow = line(api, *noting(ran, *"abc", is_async=True), checkpointer=api.new_saver())

    async def leave() -> Any:
        stream = flow.astream({"n": 1}, THREAD, durability="sync")
        seen = await anext(stream)
        await stream.aclose()
        return seen, list(ran), (await flow.aget_state(THREAD)).next

    return api.run(leave()), api.run(flow.ainvoke(None, THREAD)), list(ran)


@program
def leaving_while_a_node_runs(api: Api) -> Iterator[Any]:
    """What has begun is finished and kept."""
    ran: list[str] = []
    left = threading.Event()

    def first(state: Log) -> Any:
        ran.append("first")
        api.get_stream_writer()("begun")
        assert left.wait(10)
        return {"log": ["first"]}

    flow = line(api, first, *noting(ran, "second"), checkpointer=api.new_saver())
    stream = flow.stream({"n": 1}, THREAD, stream_mode="custom")
    yield next(stream)
    threading.Timer(0.05, left.set).start()
    stream.close()
    yield list(ran)
    yield flow.invoke(None, THREAD), list(ran)


@program
def leaving_while_a_coroutine_runs(api: Api) -> Any:
    """It is cancelled, and runs again."""
    ran: list[str] = []

    async def first(state: Log) -> Any:
        ran.append("first")
        api.get_stream_writer()("begun")
        if len(ran) == 1:
            await asyncio.sleep(60)
        return {"log": ["first"]}

    flow = line(api, first, *noting(ran, "second", is_async=True), checkpointer=api.new_saver())

    async def leave() -> Any:
        stream = flow.astream({"n": 1}, THREAD, stream_mode="custom")
        seen = await anext(stream)
        await stream.aclose()
        return seen, list(ran)

    return api.run(leave()), api.run(flow.ainvoke(None, THREAD)), list(ran)
