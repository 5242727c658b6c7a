"""What a node sees of a graph that it streams itself, and what whoever streams both sees."""

from collections.abc import Iterator
from typing import Any, TypedDict

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import built, line, parts, wired
from tests.fidelity.graphs.programs.subgraphs import Shared, adds, outer
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program
from tests.fidelity.programs.nested_streams_async import parts as aparts
from tests.fidelity.programs.stream_modes import printed

STEPWISE: list[Any] = [{"stream_mode": "updates"}, {"stream_mode": ["updates", "values"]}, {"stream_mode": "values"}]
STEPWISE += [{"stream_mode": ["tasks"]}, {"stream_mode": "debug"}, {"stream_mode": ["custom", "updates", "values"]}]
STEPWISE += [{"stream_mode": ["updates", "values"], "subgraphs": True}]


def logging(log: list[Any], *, is_async: bool = False) -> list[Any]:
    """Return three nodes that note when they run."""

    def make(name: str) -> Any:
        def node(state: Any) -> Any:
            log.append(name)
            return {"text": state["text"] + name}

        async def anode(state: Any) -> Any:
            return node(state)

        made = anode if is_async else node
        made.__name__ = name
        return made

    return [make(name) for name in ("p", "q", "r")]


@program
def a_step_at_a_time(api: Api) -> Iterator[Any]:
    """What a step gave has been read before the next one begins."""
    for options in STEPWISE:
        log: list[Any] = []
        inner = line(api, *logging(log), state=Shared)

        def node(state: Any) -> Any:
            for chunk in inner.stream({"text": ""}, **options):
                log.append(chunk)
                api.get_stream_writer()("read")
            return {"text": "done"}

        for saver in (None, api.new_saver()):
            flow = line(api, node, state=Shared, checkpointer=saver)
            for more in ({}, {"subgraphs": True}):
                yield parts(flow, {"text": ""}, stream_mode=["custom", "updates", "values"], **more), list(log)


@program
def a_step_at_a_time_in_asyncio(api: Api) -> Iterator[Any]:
    """The same."""
    for options in STEPWISE:
        log: list[Any] = []
        inner = line(api, *logging(log, is_async=True), state=Shared)

        async def node(state: Any) -> Any:
            async for chunk in inner.astream({"text": ""}, **options):
                log.append(chunk)
                api.get_stream_writer()("read")
            return {"text": "done"}

        flow = line(api, node, state=Shared, checkpointer=api.new_saver())
        for more in ({}, {"subgraphs": True}):
            yield api.run(aparts(flow, {"text": ""}, stream_mode=["custom", "updates", "values"], **more)), list(log)


@program
def leaving_after_a_step(api: Api) -> Iterator[Any]:
    """No other step is made."""
    for saver in (None, api.new_saver()):
        log: list[Any] = []
        inner = line(api, *logging(log), state=Shared)

        def node(state: Any) -> Any:
            stream = inner.stream({"text": ""}, stream_mode="updates")
            next(stream)
            stream.close()
            log.append("left")
            return inner.invoke({"text": "again "})

        flow = line(api, node, state=Shared, checkpointer=saver)
        yield parts(flow, {"text": ""}, stream_mode=["updates"], subgraphs=True), list(log)


@program
def leaving_after_a_step_in_asyncio(api: Api) -> Iterator[Any]:
    """No other step is made."""
    log: list[Any] = []
    inner = line(api, *logging(log, is_async=True), state=Shared)

    async def node(state: Any) -> Any:
        stream = inner.astream({"text": ""}, stream_mode="updates")
        async for _ in stream:
            break
        await stream.aclose()
        log.append("left")
        return await inner.ainvoke({"text": "again "})

    flow = line(api, node, state=Shared, checkpointer=api.new_saver())
    yield api.run(aparts(flow, {"text": ""}, stream_mode=["updates"], subgraphs=True)), list(log)


@program
def an_error_inside(api: Api) -> Iterator[Any]:
    """It comes after the steps before it; taken up, the failed step alone runs again, and its error is shown."""
    fails: list[ValueError] = []

    def bad(state: Any) -> Any:
        if fails:
            raise fails.pop()
        return {"text": state["text"] + "b"}

    for nodes in ((adds("x"), bad), (bad, adds("x"))):
        inner = line(api, *nodes, state=Shared)

        def node(state: Any) -> Any:
            return {"text": repr(parts(inner, {"text": "in"}, None, stream_mode=["updates", "values"]))}

        fails.append(ValueError("once"))
        yield parts(line(api, node, state=Shared), {"text": ""}, {}, subgraphs=True)
        fails[:] = [ValueError("once")]
        flow = outer(api, inner, checkpointer=api.new_saver())
        for given in ({"text": "", "n": 1}, None):
            yield parts(flow, given, stream_mode=["values", "updates", "checkpoints", "debug"], subgraphs=True)


@program
def a_question_inside(api: Api) -> Iterator[Any]:
    """It is read before it stops the node; taken up, the steps before it do not run again."""

    def ask(state: Any) -> Any:
        return {"text": state["text"] + api.interrupt("inner?")}

    inner = line(api, adds("x"), ask, adds("y"), state=Shared)
    for modes in ("updates", "values", ["updates", "values", "tasks"]):
        seen: list[Any] = []

        def node(state: Any) -> Any:
            for chunk in inner.stream({"text": "in", "n": 1}, stream_mode=modes):
                seen.append(chunk)
            return {"text": "read"}

        async def anode(state: Any) -> Any:
            async for chunk in inner.astream({"text": "in", "n": 1}, stream_mode=modes):
                seen.append(chunk)
            return {"text": "read"}

        options: Any = {"subgraphs": True, "stream_mode": ["updates", "values"]}
        flow = line(api, node, state=Shared, checkpointer=api.new_saver())
        for given in ({"text": ""}, api.Command(resume="yes")):
            yield parts(flow, given, **options), list(seen)
        flow = line(api, anode, state=Shared, checkpointer=api.new_saver())
        for given in ({"text": ""}, api.Command(resume="yes")):
            yield api.run(aparts(flow, given, **options)), list(seen)


@program
def a_graph_inside_that_is_complete(api: Api) -> Iterator[Any]:
    """It does not run again; where it stands is shown."""
    modes = ["values", "updates", "tasks", "checkpoints", "debug"]
    inner = line(api, adds("x"), adds("y"), state=Shared)
    seen: list[Any] = []

    def node(state: Any) -> Any:
        seen.append(inner.invoke({"text": "in", "n": 1}))
        seen.append(list(inner.stream({"text": "in", "n": 1}, stream_mode=modes)))
        return {"text": api.interrupt("?")}

    flow = line(api, node, state=Shared, checkpointer=api.new_saver())
    for given in ({"text": ""}, api.Command(resume="yes")):
        yield parts(flow, given, stream_mode=modes, subgraphs=True), list(seen)


@program
def output_keys_inside(api: Api) -> Iterator[Any]:
    """Some of an inner graph's state; checkpoints and what tasks are given show all of it."""
    inner = line(api, adds("x"), adds("y"), state=Shared)
    for keys in ("text", ["text"], ["n"], "n"):

        def node(state: Any) -> Any:
            given = {"text": "in", "n": 1}
            streamed = list(inner.stream(given, output_keys=keys, stream_mode=["updates", "values"]))
            results = [inner.invoke(given, output_keys=keys, version=version) for version in ("v1", "v2")]
            return {"text": repr([streamed, results])}

        flow = line(api, node, state=Shared)
        yield flow.invoke({"text": ""}), parts(flow, {"text": ""}, {}, output_keys=keys, subgraphs=True)
        flow = outer(api, inner, checkpointer=api.new_saver())
        modes = ["updates", "values", "tasks", "checkpoints", "debug"]
        yield parts(flow, {"text": "", "n": 1}, output_keys=keys, stream_mode=modes, subgraphs=True)
        yield attempt(flow.invoke, {"text": "", "n": 1}, THREAD, output_keys=keys, subgraphs=True)


@program
def a_graph_that_prints(api: Api) -> Iterator[Any]:
    """Compiled with `debug`, a graph prints its updates and values, inside another one too."""
    inner = line(api, adds("x"), state=Shared, debug=True)
    given = {"text": "", "n": 1}
    yield printed(lambda: inner.invoke(given))
    yield printed(lambda: list(inner.stream(given, debug=False)))
    for options in ({}, {"subgraphs": True}):
        yield printed(lambda: list(outer(api, inner).stream(given, **options)))
        result, lines = printed(lambda: outer(api, inner, debug=True).invoke(given, **options))
        yield result, Bag(lines)


@program
def stopping_at_a_node_inside(api: Api) -> Iterator[Any]:
    """As the inner graph says, or whoever calls it."""
    given = {"text": "in", "n": 1}
    for options in ({"interrupt_before": ["y"]}, {"interrupt_after": ["x"]}, {"interrupt_before": "*"}):
        inner = line(api, adds("x"), adds("y"), state=Shared)
        stopping = line(api, adds("x"), adds("y"), state=Shared, **options)

        def node(state: Any) -> Any:
            return inner.invoke(given, **options)

        for flow in (
            line(api, node, state=Shared, checkpointer=api.new_saver()),
            outer(api, stopping, checkpointer=api.new_saver()),
        ):
            for each in (given, None, None):
                yield parts(flow, each, stream_mode=["updates", "values", "tasks", "checkpoints"], subgraphs=True)


@program
def streams_of_each_durability(api: Api) -> Iterator[Any]:
    """With `exit`, what is not saved is nobody's parent."""
    modes = ["updates", "values", "checkpoints", "debug"]
    for durability in ("sync", "async", "exit"):
        flow = outer(api, line(api, adds("x"), adds("y"), state=Shared), checkpointer=api.new_saver())
        yield parts(flow, {"text": "", "n": 1}, stream_mode=modes, durability=durability, subgraphs=True)


@program
def stopping_behind_the_last_step(api: Api) -> Iterator[Any]:
    """It is not made again; where the graph or the function stands is shown when the run is taken up."""
    ran: list[str] = []
    graph = line(api, *logging(ran)[:1], state=Shared)
    function = api.entrypoint()(lambda x: ran.append("function") or x)

    for inner in (graph, function):

        def node(state: Any) -> Any:
            return {"text": repr(inner.invoke({"text": "in"}, interrupt_after="*"))}

        flow = line(api, node, state=Shared, checkpointer=api.new_saver())
        for given in ({"text": ""}, None):
            modes = ["updates", "values", "tasks", "checkpoints"]
            yield parts(flow, given, stream_mode=modes, subgraphs=True), list(ran)


@program
def an_output_schema(api: Api) -> Iterator[Any]:
    """Who streams a graph sees all of its state; who invokes it, or calls it as a node, shows what it returns."""

    class Shown(TypedDict):
        text: str

    def x(state: Any) -> Any:
        return {"text": state["text"] + "x", "n": 1}

    def hidden(state: Any) -> Any:
        return {"n": 2}

    def ask(state: Any) -> Any:
        return {"text": api.interrupt("?"), "n": 3}

    builder = wired(built(api, x, hidden, ask, state=Shared, output_schema=Shown), "^>x", "x>hidden", "hidden>ask")
    inner, given = builder.compile(), {"text": "in", "n": 0}
    modes = ["updates", "values", "tasks", "checkpoints"]
    for mode in ("values", "updates", modes):
        flow = builder.compile(checkpointer=api.new_saver())
        yield flow.invoke(given, THREAD, stream_mode=mode), flow.invoke(api.Command(resume="yes"), THREAD)
        yield parts(flow, given, stream_mode=mode), parts(flow, api.Command(resume="yes"), stream_mode=mode)
    yield printed(lambda: inner.invoke(given, print_mode=["values", "updates"]))
    seen: list[Any] = []

    def call(state: Any) -> Any:
        return inner.invoke(given)

    def read(state: Any) -> Any:
        seen.extend(inner.stream(given, stream_mode=["updates", "values"]))
        return {}

    for flow in (
        outer(api, inner, checkpointer=api.new_saver()),
        line(api, call, state=Shared, checkpointer=api.new_saver()),
        line(api, read, state=Shared, checkpointer=api.new_saver()),
    ):
        for each in (given, api.Command(resume="yes")):
            yield parts(flow, each, stream_mode=modes, subgraphs=True), list(seen)
