"""Graphs inside graphs."""

import operator
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, built, line, parts, says, short, wired
from tests.fidelity.graphs.programs.questions import asks, surfaced
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


class Shared(TypedDict):
    """A state without a reducer."""

    text: str
    n: int


class Other(TypedDict):
    """A state that shares one key."""

    text: str
    own: str


def adds(name: str) -> Any:
    """Return a node that adds its name to the text."""

    def node(state: Any) -> Any:
        return {"text": f"{state['text']}{name}"}

    node.__name__ = name
    return node


def outer(api: Api, inner: Any, **options: Any) -> Any:
    """Return a graph with another one in its middle."""
    builder = built(api, adds("A"), adds("Z"), state=Shared).add_node("inner", inner)
    return wired(builder, "^>A", "A>inner", "inner>Z").compile(**options)


def asking(api: Api, ran: list[str] | None = None) -> Any:
    """Return nodes of an inner graph, the second asks."""

    def ask(state: Any) -> Any:
        if ran is not None:
            ran.append("ask")
        return {"text": state["text"] + api.interrupt("inner?")}

    def x(state: Any) -> Any:
        if ran is not None:
            ran.append("x")
        return {"text": state["text"] + "x"}

    return x, ask


@program
def as_a_node(api: Api) -> Iterator[Any]:
    """Its whole output is the node's update."""
    inner = line(api, adds("x"), adds("y"), state=Other)
    flow = outer(api, inner, checkpointer=api.new_saver())
    yield list(flow.stream({"text": "", "n": 1}, THREAD, stream_mode=["updates", "values"]))
    yield brief(flow)


@program
def through_a_reducer(api: Api) -> Iterator[Any]:
    """What the inner graph got counts again."""
    flow = wired(built(api, says("a")).add_node("inner", line(api, says("x"))), "^>a", "a>inner").compile()
    yield list(flow.stream({"n": 1, "log": ["in"]}))


@program
def streams_of_inner_graphs(api: Api) -> Iterator[Any]:
    """With `subgraphs` they show, each chunk with its namespace."""

    def writes(state: Any) -> Any:
        api.get_stream_writer()("inner custom")
        return {"text": state["text"] + "w"}

    inner = line(api, adds("x"), writes, state=Shared)
    for modes in ("updates", "values", "custom", ["updates", "values", "custom"]):
        flow = outer(api, inner, checkpointer=api.new_saver())
        yield list(flow.stream({"text": "", "n": 1}, THREAD, stream_mode=modes, subgraphs=True))
        yield list(flow.stream({"text": "", "n": 1}, THREAD, stream_mode=modes))
    yield list(outer(api, inner).stream({"text": ""}, stream_mode=["updates"], subgraphs=True, version="v2"))


@program
def tasks_and_checkpoints_of_inner_graphs(api: Api) -> Iterator[Any]:
    """The events of both levels."""
    inner = line(api, adds("x"), state=Shared)
    flow = outer(api, inner, checkpointer=api.new_saver())
    for mode in ("tasks", "checkpoints", "debug"):
        thread = {"configurable": {"thread_id": mode}}
        yield list(flow.stream({"text": "", "n": 1}, thread, stream_mode=mode, subgraphs=True))


@program
def an_inner_question(api: Api) -> Iterator[Any]:
    """The inner graph is taken up where it stood."""
    ran: list[str] = []
    flow = outer(api, line(api, *asking(api, ran), state=Shared), checkpointer=api.new_saver())
    yield flow.invoke({"text": "", "n": 1}, THREAD)
    yield flow.get_state(THREAD)
    yield flow.get_state(THREAD, subgraphs=True)
    yield list(flow.stream(api.Command(resume="!"), THREAD, subgraphs=True)), ran
    yield brief(flow)


@program
def two_questions_of_an_inner_graph(api: Api) -> Iterator[Any]:
    """One after another."""
    flow = outer(api, line(api, *_askers(api, "p", "q"), state=Shared), checkpointer=api.new_saver())
    yield flow.invoke({"text": ""}, THREAD)
    yield flow.invoke(api.Command(resume="1"), THREAD)
    yield flow.invoke(api.Command(resume="2"), THREAD), short(flow)


def _askers(api: Api, *names: str) -> list[Any]:
    def make(name: str) -> Any:
        def node(state: Any) -> Any:
            return {"text": state["text"] + api.interrupt(f"{name}?")}

        node.__name__ = name
        return node

    return [make(name) for name in names]


@program
def the_state_of_an_inner_graph(api: Api) -> Iterator[Any]:
    """Can be looked at while it waits."""
    flow = outer(api, line(api, *asking(api), adds("y"), state=Shared), checkpointer=api.new_saver())
    flow.invoke({"text": "", "n": 1}, THREAD)
    (task,) = flow.get_state(THREAD).tasks
    yield task.state
    inner = flow.get_state(task.state)
    yield inner.values, inner.next, inner.metadata, inner.config, inner.parent_config
    yield [(s.values, s.next, s.metadata) for s in flow.get_state_history(task.state)][:1]
    yield attempt(flow.invoke, api.Command(resume="!"), THREAD)


@program
def an_inner_failure(api: Api) -> Iterator[Any]:
    """Is the outer node's; inner steps that are done are kept."""
    ran: list[str] = []
    fails = [ValueError("once")]

    def x(state: Any) -> Any:
        ran.append("x")
        return {"text": state["text"] + "x"}

    def bad(state: Any) -> Any:
        ran.append("bad")
        if fails:
            raise fails.pop()
        return {"text": state["text"] + "b"}

    flow = outer(api, line(api, x, bad, state=Shared), checkpointer=api.new_saver())
    yield parts(flow, {"text": ""}, subgraphs=True), flow.get_state(THREAD).next
    yield [(t.name, t.error, t.state) for t in flow.get_state(THREAD).tasks]
    yield flow.invoke(None, THREAD), ran


@program
def called_in_a_node(api: Api) -> Iterator[Any]:
    """A node invokes a graph of another state."""
    ran: list[str] = []
    inner = line(api, *asking(api, ran), state=Other)

    def inner_node(state: Any) -> Any:
        ran.append("node")
        return {"text": inner.invoke({"text": f"[{state['text']}]", "own": "o"})["text"]}

    builder = wired(built(api, adds("A"), inner_node, state=Shared), "^>A", "A>inner_node")
    flow = builder.compile(checkpointer=api.new_saver())
    yield list(flow.stream({"text": ""}, THREAD, subgraphs=True)), flow.get_state(THREAD, subgraphs=True).tasks
    yield flow.invoke(api.Command(resume="!"), THREAD), ran


@program
def memories_of_inner_graphs(api: Api) -> Iterator[Any]:
    """None by default, by thread with `checkpointer=True`, none at all with False."""
    for saver in (None, True, False):
        inner = line(api, says("x"), checkpointer=saver)

        def call(state: Any) -> Any:
            return {"log": [len(inner.invoke({"log": ["in"], "n": 0})["log"])]}

        flow = line(api, call, checkpointer=api.new_saver())
        yield [flow.invoke({"n": 1}, THREAD)["log"] for _ in range(3)]
        yield flow.invoke({"n": 1}, {"configurable": {"thread_id": "other"}})["log"]


@program
def a_kept_inner_graph_as_a_node(api: Api) -> Iterator[Any]:
    """It goes on with its own state in the next run."""

    class Private(TypedDict):
        text: str
        seen: Annotated[list, operator.add]

    def note(state: Any) -> Any:
        return {"seen": [state["text"]], "text": f"{len(state['seen'])} before"}

    flow = outer(api, line(api, note, state=Private, checkpointer=True), checkpointer=api.new_saver())
    for text in ("a", "b", "c"):
        yield flow.invoke({"text": text, "n": 1}, THREAD)


@program
def a_command_to_the_parent(api: Api) -> Iterator[Any]:
    """An inner node goes on in the outer graph."""

    def leave(state: Any) -> Any:
        return api.Command(graph=api.Command.PARENT, goto="Z", update={"text": "left "})

    inner = line(api, adds("x"), leave, adds("never"), state=Shared)
    builder = built(api, adds("A"), adds("B"), adds("Z"), state=Shared).add_node("inner", inner)
    flow = wired(builder, "^>A", "A>inner", "B>Z").compile(checkpointer=api.new_saver())
    yield list(flow.stream({"text": "", "n": 1}, THREAD, stream_mode=["updates", "values"], subgraphs=True))
    yield brief(flow)


@program
def a_command_to_no_parent(api: Api) -> Iterator[Any]:
    """The outermost graph has none."""

    def leave(state: Any) -> Any:
        return api.Command(graph=api.Command.PARENT, goto="Z")

    yield attempt(line(api, leave, state=Shared).invoke, {"text": ""}, text=False)


@program
def three_levels(api: Api) -> Iterator[Any]:
    """Namespaces, questions and state of a graph in a graph in a graph."""
    innermost = line(api, *asking(api), state=Shared)
    middle = outer(api, innermost)
    builder = wired(built(api, adds("1"), state=Shared).add_node("middle", middle), "^>1", "1>middle")
    flow = builder.compile(checkpointer=api.new_saver())
    yield list(flow.stream({"text": ""}, THREAD, subgraphs=True))
    state = flow.get_state(THREAD, subgraphs=True)
    yield state.tasks[0].state.tasks[0].state.values, state.next, state.tasks[0].state.next
    yield state.tasks[0].state.tasks[0].state.config, state.tasks[0].state.metadata
    yield list(flow.stream(api.Command(resume="!"), THREAD, subgraphs=True))


@program
def one_graph_sent_several_times(api: Api) -> Iterator[Any]:
    """Each has its own run and its own question."""
    inner = line(api, asks(api, "ask", "?"))
    builder = api.StateGraph(Log).add_node("inner", inner)
    builder.add_conditional_edges(
        api.START, lambda state: [api.Send("inner", {"n": n, "log": [f"in {n}"]}) for n in (1, 2)]
    )
    flow = builder.compile(checkpointer=api.new_saver())
    first = flow.invoke({}, THREAD)
    yield (
        [each.value for each in surfaced(first)],
        len({each.id for each in surfaced(first)}),
        flow.get_state(THREAD).next,
    )
    answers = {each.id: "answer" for each in surfaced(first)}
    yield attempt(flow.invoke, api.Command(resume=answers), THREAD, text=False)


@program
def two_inner_graphs_side_by_side(api: Api) -> Iterator[Any]:
    """Both ask; both are taken up."""

    class Two(TypedDict):
        p: str
        q: str

    def inner(key: str) -> Any:
        def ask(state: Any) -> Any:
            return {key: api.interrupt(f"{key}?")}

        class Own(TypedDict):
            pass

        Own.__annotations__[key] = str
        return line(api, ask, state=Own)

    builder = api.StateGraph(Two).add_node("P", inner("p")).add_node("Q", inner("q"))
    flow = wired(builder, "^>P", "^>Q").compile(checkpointer=api.new_saver())
    first = flow.invoke({"p": "", "q": ""}, THREAD)
    yield surfaced(first), flow.get_state(THREAD).next, [t.state for t in flow.get_state(THREAD).tasks]
    p, q = surfaced(first)
    yield flow.invoke(api.Command(resume={q.id: "Q"}), THREAD)
    yield flow.invoke(api.Command(resume={p.id: "P"}), THREAD)


@program
def breakpoints_of_inner_graphs(api: Api) -> Iterator[Any]:
    """An inner graph stops before its own node; the outer run stands."""
    inner = line(api, adds("x"), adds("y"), state=Shared, interrupt_before=["y"])
    flow = outer(api, inner, checkpointer=api.new_saver())
    yield list(flow.stream({"text": ""}, THREAD, subgraphs=True))
    state = flow.get_state(THREAD, subgraphs=True)
    yield state.next, state.tasks[0].state.next, state.tasks[0].interrupts
    yield list(flow.stream(None, THREAD, subgraphs=True)), flow.get_state(THREAD).values


@program
def inner_graphs_by_name(api: Api) -> Iterator[Any]:
    """A graph lists the graphs in it."""
    inner = line(api, adds("x"), state=Shared)
    flow = outer(api, inner)
    yield [name for name, _ in flow.get_subgraphs()], [graph is inner for _, graph in flow.get_subgraphs()]
    yield Bag([name for name, _ in outer(api, outer(api, inner)).get_subgraphs(recurse=True)])


@program
def a_command_to_the_parent_through_reducers(api: Api) -> Iterator[Any]:
    """Several inner nodes leave at once; the outer reducer takes both updates."""

    def leave(name: str) -> Any:
        def node(state: Any) -> Any:
            return api.Command(graph=api.Command.PARENT, goto="Z", update={"log": [name]})

        node.__name__ = name
        return node

    for inner in (line(api, says("x"), leave("one")), line(api, leave("two"))):
        builder = built(api, says("Z")).add_node("inner", inner)
        flow = wired(builder, "^>inner").compile(checkpointer=api.new_saver())
        yield list(flow.stream({"n": 1}, THREAD)), flow.get_state(THREAD).values, short(flow)


@program
def a_question_then_to_the_parent(api: Api) -> Iterator[Any]:
    """An inner node asks, then goes on in the outer graph."""

    def leave(state: Any) -> Any:
        return api.Command(graph=api.Command.PARENT, goto="Z", update={"text": api.interrupt("where?")})

    builder = built(api, adds("A"), adds("Z"), state=Shared).add_node("inner", line(api, leave, state=Shared))
    flow = wired(builder, "^>A", "A>inner").compile(checkpointer=api.new_saver())
    yield flow.invoke({"text": "", "n": 1}, THREAD)
    yield list(flow.stream(api.Command(resume="there "), THREAD)), flow.get_state(THREAD).values


@program
def inner_graphs_in_a_loop(api: Api) -> Iterator[Any]:
    """Each turn is a fresh run of the inner graph, with a question of its own."""
    builder = built(api, adds("Z"), state=Shared).add_node("inner", line(api, *asking(api), state=Shared))
    wired(builder, "^>inner").add_conditional_edges("inner", lambda state: "Z" if len(state["text"]) > 5 else "inner")
    flow = builder.compile(checkpointer=api.new_saver())
    yield flow.invoke({"text": "", "n": 1}, THREAD)
    for answer in ("1", "22", "333"):
        yield list(flow.stream(api.Command(resume=answer), THREAD, subgraphs=True)), flow.get_state(THREAD).values
    yield short(flow)


@program
def going_back_before_an_inner_graph(api: Api) -> Iterator[Any]:
    """It runs again from its beginning."""
    ran: list[str] = []
    flow = outer(api, line(api, *asking(api, ran), state=Shared), checkpointer=api.new_saver())
    flow.invoke({"text": "", "n": 1}, THREAD)
    yield flow.invoke(api.Command(resume="first"), THREAD)
    old = next(s for s in flow.get_state_history(THREAD) if s.next == ("A",))
    yield flow.invoke(None, old.config)["__interrupt__"][0].value
    yield flow.invoke(api.Command(resume="second"), THREAD), ran, short(flow)
