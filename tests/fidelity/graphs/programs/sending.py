"""Sends and commands."""

import threading
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, built, line, parts, says, short, wired
from tests.fidelity.graphs.programs.routing import steps
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


def square(state: Any) -> Any:
    """Log a number's square."""
    return {"log": [state["n"] ** 2]}


def _mapping(api: Api, numbers: list[int]) -> Any:
    builder = wired(built(api, says("plan"), square, says("reduce")), "^>plan", "square>reduce")
    return builder.add_conditional_edges(
        "plan", lambda state: [api.Send("square", {"n": n}) for n in numbers], ["square"]
    )


@program
def map_and_reduce(api: Api) -> Iterator[Any]:
    """A task for each send, in the order of the sends; the node after them runs once."""
    flow = _mapping(api, [3, 1, 2]).compile(checkpointer=api.new_saver())
    yield Bag(list(flow.stream({"n": 0}, THREAD))), flow.get_state(THREAD).values, brief(flow)


@program
def nothing_to_map(api: Api) -> Iterator[Any]:
    """An empty list ends the run."""
    yield _mapping(api, []).compile().invoke({"n": 0})


@program
def many_sends(api: Api) -> Iterator[Any]:
    """More than ten keep their order."""
    yield _mapping(api, list(range(12))).compile(checkpointer=api.new_saver()).invoke({"n": 0}, THREAD)


@program
def sends_beside_edges(api: Api) -> Iterator[Any]:
    """Sent tasks come before nodes that edges lead to, in `next`; updates are applied in that order too."""
    builder = wired(built(api, says("a"), says("b"), square, says("z")), "^>a", "^>b", "a>z")
    builder.add_conditional_edges("b", lambda state: [api.Send("square", {"n": 5}), "a", api.Send("square", {"n": 4})])
    flow = builder.compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), [(s.next, [t.path for t in s.tasks]) for s in flow.get_state_history(THREAD)]


@program
def sends_of_several_nodes(api: Api) -> Iterator[Any]:
    """Ordered by the node that sends."""

    def sender(name: str, *numbers: int) -> Any:
        def node(state: Log) -> Any:
            return api.Command(update={"log": [name]}, goto=[api.Send("square", {"n": n}) for n in numbers])

        node.__name__ = name
        return node

    builder = wired(built(api, sender("b", 1, 2), sender("a", 5, 6), square), "^>b", "^>a")
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 0})


@program
def sends_from_the_start(api: Api) -> Iterator[Any]:
    """A branch at the start sends; a sent node sends again."""

    def split(state: Any) -> Any:
        half = state["n"] // 2
        return api.Command(update={"log": [state["n"]]}, goto=[api.Send("split", {"n": half})] * 2 if half else [])

    builder = built(api, split).add_conditional_edges(api.START, lambda state: [api.Send("split", {"n": state["n"]})])
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 4})


@program
def any_argument(api: Api) -> Iterator[Any]:
    """A sent node gets exactly what was sent."""

    def show(arg: Any) -> Any:
        return {"log": [[type(arg).__name__, arg]]}

    args = [1, "text", None, [1, 2], {"other": 1}]
    builder = built(api, show).add_conditional_edges(api.START, lambda state: [api.Send("show", arg) for arg in args])
    flow = builder.compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 0}, THREAD)
    yield [t.result for t in list(flow.get_state_history(THREAD))[1].tasks]


@program
def sends_that_go_wrong(api: Api) -> Iterator[Any]:
    """To a node that is not there, to the end."""
    for name in ("zz", "__end__"):
        builder = wired(built(api, says("a")), "^>a").add_conditional_edges("a", lambda state: [api.Send(name, {})])
        flow = builder.compile(checkpointer=api.new_saver())
        yield attempt(flow.invoke, {"n": 0}, THREAD, text=False)


@program
def a_sent_node_fails(api: Api) -> Iterator[Any]:
    """The one that is done is not run again."""
    ran: list[int] = []
    fails = [ValueError("once")]
    seen = threading.Event()

    def work(state: Any) -> Any:
        ran.append(state["n"])
        if state["n"] == 1 and fails:
            assert seen.wait(10)
            raise fails.pop()
        return {"log": [state["n"]]}

    builder = built(api, work, says("end"))
    builder.add_conditional_edges(api.START, lambda state: [api.Send("work", {"n": n}) for n in range(2)])
    flow = wired(builder, "work>end").compile(checkpointer=api.new_saver())
    yield parts(flow, {"n": 9}, seen=seen, stream_mode=["updates", "custom"]), Bag(ran)
    state = flow.get_state(THREAD)
    yield state.next, [(t.path, t.error, t.result) for t in state.tasks], state.values
    ran.clear()
    yield flow.invoke(None, THREAD), ran


@program
def commands(api: Api) -> Iterator[Any]:
    """Update and go on: a name, a list, the end, a send, nothing."""
    for goto in ("b", ["b", "c"], "__end__", [], (), api.Send("b", {"n": 7}), [api.Send("b", {"n": 7}), "c"]):

        def node(state: Log, goto: Any = goto) -> Any:
            return api.Command(update={"n": state["n"] + 1, "log": ["node"]}, goto=goto)

        builder = wired(built(api, node, says("b"), says("c")), "^>node")
        yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 0})


@program
def a_command_beside_an_edge(api: Api) -> Iterator[Any]:
    """Both are followed."""

    def node(state: Log) -> Any:
        return api.Command(goto="b")

    builder = wired(built(api, node, says("b"), says("c")), "^>node", "node>c")
    flow = builder.compile(checkpointer=api.new_saver())
    yield Bag(parts(flow, {"n": 0})), short(flow)


@program
def updates_of_commands(api: Api) -> Iterator[Any]:
    """A dictionary, pairs, nothing, an instance; several commands and dictionaries in a list."""
    for value in (
        api.Command(update={"n": 1}),
        api.Command(update=[("n", 2), ("log", ["x"]), ("log", ["y"])]),
        api.Command(),
        [api.Command(update={"n": 3}), {"log": ["z"]}],
        [api.Command(goto="end"), api.Command(update={"log": ["w"]}), {"n": 4}],
        api.Command(update={"zzz": 1}),
    ):

        def node(state: Log, value: Any = value) -> Any:
            return value

        flow = wired(built(api, node, says("end")), "^>node").compile()
        yield parts(flow, {"n": 0}, stream_mode=["updates", "values"])


@program
def goto_of_the_start_and_of_itself(api: Api) -> Iterator[Any]:
    """A loop by command."""

    def node(state: Log) -> Any:
        return api.Command(update={"n": state["n"] + 1}, goto="node" if state["n"] < 2 else api.END)

    yield list(line(api, node).stream({"n": 0}))


@program
def a_command_returned_by_a_sent_node(api: Api) -> Iterator[Any]:
    """Each goes on; two that go to one node run it once."""

    def work(state: Any) -> Any:
        return api.Command(update={"log": [state["n"]]}, goto="odd" if state["n"] % 2 else "even")

    builder = built(api, work, says("odd"), says("even"))
    builder.add_conditional_edges(api.START, lambda state: [api.Send("work", {"n": n}) for n in range(4)])
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 0})


@program
def equality_and_text(api: Api) -> Iterator[Any]:
    """Sends and commands are values."""
    yield repr(api.Send("a", {"n": 1})), api.Send("a", 1) == api.Send("a", 1), api.Send("a", 1) == api.Send("b", 1)
    yield repr(api.Command(goto="a")), repr(api.Command(update={"n": 1}, resume=2)), api.Command.PARENT
    yield api.Send("a", 1).node, api.Send("a", 1).arg
