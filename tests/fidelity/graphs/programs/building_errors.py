"""What is refused when a graph is built and compiled."""

from collections.abc import Callable, Iterator
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import Api
from tests.fidelity.graphs.making import Log, built, line, says, wired
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def _refused(name: str, build: Callable[[Api], Any], text: bool = True) -> None:
    def refused(api: Api) -> Any:
        return attempt(build, api, text=text)

    refused.__name__ = name
    program(refused)


def _ab(api: Api) -> Any:
    return built(api, says("a"), says("b"))


_refused("a_node_twice", lambda api: _ab(api).add_node("a", says("a")))
_refused("a_node_named_start", lambda api: _ab(api).add_node("__start__", says("a")))
_refused("a_node_named_end", lambda api: _ab(api).add_node("__end__", says("a")))
_refused("a_bar_in_a_name", lambda api: _ab(api).add_node("x|y", says("a")))
_refused("a_colon_in_a_name", lambda api: _ab(api).add_node("x:y", says("a")))
_refused("no_function", lambda api: _ab(api).add_node("x", 5), text=False)
_refused("no_entry", lambda api: _ab(api).compile())
_refused("only_an_edge_between_nodes", lambda api: wired(_ab(api), "a>b").compile())
_refused("an_edge_from_nowhere", lambda api: wired(_ab(api), "^>a", "zz>b").compile())
_refused("an_edge_to_nowhere", lambda api: wired(_ab(api), "^>a", "a>zz").compile())
_refused("an_edge_from_the_end", lambda api: _ab(api).add_edge(api.END, "a"))
_refused("an_edge_to_the_start", lambda api: _ab(api).add_edge("a", api.START))
_refused("a_join_from_the_end", lambda api: _ab(api).add_edge(["a", api.END], "b"))
_refused("a_join_from_nowhere", lambda api: _ab(api).add_edge(["a", "zz"], "b"))
_refused("a_join_to_nowhere", lambda api: _ab(api).add_edge(["a", "b"], "zz"))
_refused("a_join_to_the_start", lambda api: _ab(api).add_edge(["a", "b"], api.START))
_refused(
    "a_branch_to_nowhere",
    lambda api: wired(_ab(api), "^>a").add_conditional_edges("a", says("way"), {1: "zz"}).compile(),
)
_refused("a_branch_from_nowhere", lambda api: wired(_ab(api), "^>a").add_conditional_edges("zz", says("way")).compile())
_refused(
    "a_branch_twice",
    lambda api: _ab(api).add_conditional_edges("a", says("way")).add_conditional_edges("a", says("way")),
)
_refused("a_breakpoint_nowhere", lambda api: wired(_ab(api), "^>a").compile(interrupt_before=["zz"]))
_refused("no_saver", lambda api: wired(_ab(api), "^>a").compile(checkpointer="file.db"), text=False)
_refused(
    "a_timeout_of_a_function_that_cannot_stop",
    lambda api: wired(_ab(api).add_node("x", says("x"), timeout=1), "^>x").compile(),
    text=False,
)
_refused("a_timeout_of_nothing", lambda api: _ab(api).add_node("x", _sleeper, timeout=0), text=False)


async def _sleeper(state: Log) -> Any:
    return None


@program
def a_reducer_of_the_wrong_shape(api: Api) -> Iterator[Any]:
    """Three arguments."""

    def wrong(a: Any, b: Any, c: Any) -> Any:
        return a

    class Wrong(TypedDict):
        x: Annotated[list, wrong]

    yield attempt(api.StateGraph, Wrong, text=False)


@program
def one_key_of_two_kinds(api: Api) -> Iterator[Any]:
    """Two schemas that do not agree how a key is written."""

    def first(a: Any, b: Any) -> Any:
        return a

    def second(a: Any, b: Any) -> Any:
        return b

    class One(TypedDict):
        x: Annotated[list, first]

    class Two(TypedDict):
        x: Annotated[list, second]

    yield attempt(api.StateGraph, One, input_schema=Two)


@program
def no_schema(api: Api) -> Iterator[Any]:
    """A graph needs to know its state."""
    yield attempt(api.StateGraph, text=False)


@program
def nodes_that_nothing_leads_to(api: Api) -> Iterator[Any]:
    """Are allowed; so is a node without a way out."""
    yield wired(_ab(api), "^>a").compile().invoke({"n": 0})


@program
def running_what_is_not_compiled(api: Api) -> Iterator[Any]:
    """A builder cannot run."""
    yield hasattr(_ab(api), "invoke"), hasattr(_ab(api), "stream")


@program
def without_a_thread(api: Api) -> Iterator[Any]:
    """A saver needs to know where to save; a graph without one has nothing to look at."""
    flow = line(api, says("a"), checkpointer=api.new_saver())
    yield attempt(flow.invoke, {"n": 1}, text=False), attempt(flow.get_state, {"configurable": {}}, text=False).text
    bare = line(api, says("a"))
    yield attempt(bare.get_state, {"configurable": {"thread_id": "1"}}, text=False)
    yield attempt(bare.update_state, {"configurable": {"thread_id": "1"}}, {"n": 1}, text=False)
