"""What graphs are made of: states, nodes, edges, compile options."""

import functools
import operator
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any, NotRequired, TypedDict

from pydantic import BaseModel

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, built, line, parts, says, wired
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


@dataclass
class Data:
    """A state that is a dataclass."""

    n: int
    name: str = "nobody"
    log: Annotated[list, operator.add] = field(default_factory=list)


class Model(BaseModel):
    """A state that is a pydantic model."""

    n: int
    name: str = "nobody"
    log: Annotated[list, operator.add] = []


class Given(TypedDict):
    """What goes in."""

    question: str


class Got(TypedDict):
    """What comes out."""

    answer: str


class Both(Given, Got):
    """The whole state."""

    extra: NotRequired[int]


class Private(TypedDict):
    """What two nodes share."""

    secret: str


def typed(state_type: Any) -> Any:
    """Return a node that shows what kind of state it gets."""

    def node(state: Any) -> Any:
        return {"n": state.n + 1, "log": [type(state).__name__, state.name]}

    return node


@program
def dataclass_state(api: Api) -> Iterator[Any]:
    """Nodes get an instance, callers a dictionary."""
    flow = line(api, typed(Data), state=Data, checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).values
    yield line(api, typed(Data), state=Data).invoke(Data(5, "me"))
    yield list(line(api, typed(Data), state=Data).stream({"n": 1, "name": "x"}, stream_mode=["updates", "values"]))


@program
def pydantic_state(api: Api) -> Iterator[Any]:
    """Nodes get a validated instance; what is streamed and saved is not converted."""
    flow = line(api, typed(Model), state=Model, checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).values
    yield line(api, typed(Model), state=Model).invoke({"n": "1", "name": "x"})
    yield line(api, typed(Model), state=Model).invoke(Model(n=3))
    yield attempt(line(api, typed(Model), state=Model).invoke, {"n": "x"}, text=False)


@program
def nodes_return_instances(api: Api) -> Iterator[Any]:
    """A dataclass or a model as an update: all its fields, or those that were set."""

    def data(state: Data) -> Data:
        return Data(state.n + 1)

    def model(state: Model) -> Model:
        return Model(n=state.n + 1)

    yield list(line(api, data, state=Data).stream({"n": 1, "name": "x"}, stream_mode=["updates", "values"]))
    yield list(line(api, model, state=Model).stream({"n": 1, "name": "x"}, stream_mode=["updates", "values"]))


@program
def input_and_output_schemas(api: Api) -> Iterator[Any]:
    """Input is reduced to one schema, output to another."""

    def node(state: Given) -> Any:
        return {"answer": state["question"] + "!", "extra": len(state)}

    def look(state: Both) -> Any:
        return {"answer": f"{state['answer']} {sorted(state)}"}

    builder = api.StateGraph(Both, input_schema=Given, output_schema=Got)
    flow = wired(builder.add_node(node).add_node(look), "^>node", "node>look").compile(checkpointer=api.new_saver())
    given = {"question": "q", "answer": "ignored", "more": 1}
    yield flow.invoke(given, THREAD), flow.get_state(THREAD).values
    yield list(flow.stream(given, stream_mode=["updates", "values"], config={"configurable": {"thread_id": "2"}}))


@program
def private_state(api: Api) -> Iterator[Any]:
    """A node's annotation, or `input_schema`, says what it reads; it may write keys of another node's schema."""

    def a(state: Given) -> Private:
        return {"secret": state["question"][::-1]}

    def b(state: Private) -> Got:
        return {"answer": f"{state['secret']} {sorted(state)}"}

    def c(state: Any) -> Any:
        return {"answer": f"{sorted(state)}"}

    flow = wired(built(api, a, b, state=Both), "^>a", "a>b").compile()
    yield flow.invoke({"question": "abc"}), list(flow.stream({"question": "abc"}, stream_mode=["updates", "values"]))
    builder = api.StateGraph(Both).add_node("c", c, input_schema=Got)
    yield wired(builder, "^>c").compile().invoke({"question": "q", "answer": "a"})


@program
def names_of_nodes(api: Api) -> Iterator[Any]:
    """From functions, classes and partials, or given."""

    class Callable:
        def __call__(self, state: Log) -> Any:
            return {"log": ["callable"]}

        def method(self, state: Log) -> Any:
            return {"log": ["method"]}

    def plain(state: Log, word: str = "plain") -> Any:
        return {"log": [word]}

    builder = api.StateGraph(Log)
    builder.add_node(plain).add_node("named", plain).add_node(lambda state: {"log": ["lambda"]})
    builder.add_node(Callable()).add_node(Callable().method)
    builder.add_node("partial", functools.partial(plain, word="partial"))
    names = list(builder.nodes)
    yield names
    for start, end in zip([api.START, *names], names):
        builder.add_edge(start, end)
    yield builder.compile().invoke({"n": 0})


@program
def a_partial_without_a_name(api: Api) -> Iterator[Any]:
    """Is called after its class, or refused."""

    def plain(state: Log, word: str) -> Any:
        return {"log": [word]}

    yield attempt(lambda: list(api.StateGraph(Log).add_node(functools.partial(plain, word="x")).nodes))


@program
def sequences(api: Api) -> Iterator[Any]:
    """Nodes one after another, with and without names."""
    builder = api.StateGraph(Log).add_sequence([says("a"), ("bee", says("b")), says("c")]).add_edge(api.START, "a")
    flow = builder.compile()
    yield list(flow.stream({"n": 0})), sorted(builder.edges)
    yield attempt(api.StateGraph(Log).add_sequence, [])
    yield attempt(api.StateGraph(Log).add_sequence, [says("a"), says("a")], text=False)


@program
def entry_and_finish_points(api: Api) -> Iterator[Any]:
    """The older way to write edges."""
    builder = built(api, says("a"), says("b"))
    builder.set_entry_point("a").add_edge("a", "b").set_finish_point("b")
    yield list(builder.compile().stream({"n": 0}))
    builder = built(api, says("a"), says("b"))
    builder.set_conditional_entry_point(lambda state: state["n"] > 0, {True: "a", False: "b"})
    yield builder.compile().invoke({"n": 0}), builder.compile().invoke({"n": 1})


@program
def adding_returns_the_builder(api: Api) -> Iterator[Any]:
    """Every method can be chained."""
    builder = api.StateGraph(Log)
    yield builder.add_node(says("a")) is builder, builder.add_edge(api.START, "a") is builder
    yield builder.add_conditional_edges("a", lambda state: api.END) is builder
    yield builder.add_sequence([says("x"), says("y")]) is builder, builder.set_finish_point("y") is builder


@program
def one_builder_two_graphs(api: Api) -> Iterator[Any]:
    """A compiled graph does not change when its builder does."""
    builder = wired(built(api, says("a")), "^>a")
    first = builder.compile()
    wired(builder.add_node(says("b")), "a>b")
    yield first.invoke({"n": 0}), builder.compile().invoke({"n": 0})


@program
def the_name_of_a_graph(api: Api) -> Iterator[Any]:
    """Is what it was compiled with."""
    yield line(api, says("a"), name="mine").name, line(api, says("a"), name="mine").get_name()


@program
def constants(api: Api) -> Iterator[Any]:
    """The names of the two ends."""
    yield api.START, api.END, api.MessagesState.__annotations__.keys()


@program
def inputs(api: Api) -> Iterator[Any]:
    """Empty ones, unknown keys, a missing key, something else."""
    flow = line(api, _counting(), state=Log)
    yield flow.invoke({"n": 1, "zzz": 2})
    for given in ({}, None, 5, "text", [1], {"zzz": 1}):
        yield attempt(flow.invoke, given, text=False)
    saved = line(api, says("a"), checkpointer=api.new_saver())
    yield attempt(saved.invoke, None, THREAD, text=False), parts(saved, {}, THREAD)
    yield parts(saved, {"log": ["x"]}, THREAD), parts(saved, {}, THREAD)


def _counting() -> Any:
    """Return a node that needs a key."""

    def node(state: Log) -> Any:
        return {"n": state["n"] + 1}

    return node


@program
def returns_that_are_no_updates(api: Api) -> Iterator[Any]:
    """A number, a text, an empty list, a tuple, a set."""
    for value in (5, "text", [], (), {"a"}, [5], True, 0):
        yield parts(_returning(api, value), {"n": 1}, stream_mode=["updates", "values"])


def _returning(api: Api, value: Any) -> Any:
    def node(state: Log) -> Any:
        return value

    return line(api, node)


@program
def adding_messages(api: Api) -> Iterator[Any]:
    """`MessagesState` appends, and replaces what has the same id."""

    def answer(state: Any) -> Any:
        return {"messages": [{"role": "assistant", "content": f"{len(state['messages'])} so far", "id": "a1"}]}

    builder = api.StateGraph(api.MessagesState).add_node(answer).add_edge(api.START, "answer")
    flow = builder.compile(checkpointer=api.new_saver())
    for text in ("hello", "again"):
        result = flow.invoke({"messages": [{"role": "user", "content": text, "id": text}]}, THREAD)
        yield [(message.type, message.content, message.id) for message in result["messages"]]
    (message,) = flow.invoke({"messages": "bare"}, {"configurable": {"thread_id": "2"}})["messages"][:1]
    yield message.type, message.content, len(message.id)
