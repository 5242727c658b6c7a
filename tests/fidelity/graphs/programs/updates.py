"""How updates become state."""

import operator
from collections.abc import Iterator
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, built, fan, line, parts, says, short, wired
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def longest(old: str, new: str) -> str:
    """Keep the longer text."""
    return max(old, new, key=len)


def merged(old: dict | None, new: dict) -> dict:
    """Put one dictionary over another."""
    return {**(old or {}), **new}


class Many(TypedDict):
    """One key of each kind."""

    plain: Any
    numbers: Annotated[list[int], operator.add]
    total: Annotated[int, operator.add]
    word: Annotated[str, longest]
    table: Annotated[dict, merged]
    tags: Annotated[set, operator.or_]


@program
def reducers(api: Api) -> Iterator[Any]:
    """Each key by its own; those of lists, numbers, texts, dictionaries and sets begin empty."""

    def look(state: Many) -> Any:
        return {"plain": sorted((key, repr(value)) for key, value in state.items() if key != "tags")}

    def write(state: Many) -> Any:
        return {"numbers": [1], "total": 2, "word": "word", "table": {"a": 1}, "tags": {"t"}}

    flow = line(api, look, write, state=Many, checkpointer=api.new_saver())
    yield flow.invoke({"total": 5, "word": "x", "table": {"b": 2}}, THREAD)
    yield flow.invoke({"plain": 1, "word": "a longer one", "tags": {"u"}}, THREAD)


@program
def a_reducer_that_fails(api: Api) -> Iterator[Any]:
    """The error comes when updates are applied."""
    flow = line(api, says("a"), _wrong(), checkpointer=api.new_saver())
    yield parts(flow, {"n": 1})[-1], parts(flow, None)
    yield short(flow)


def _wrong() -> Any:
    """Return a node whose update no reducer takes."""

    def bad(state: Log) -> Any:
        return {"log": 5}

    return bad


@program
def order_of_updates(api: Api) -> Iterator[Any]:
    """By the nodes' names, not as they finish, nor as they were added."""
    flow = fan(api, says("c"), says("a"), says("b"), checkpointer=api.new_saver())
    for _ in range(3):
        yield flow.invoke({"n": 1, "log": ["in"]}, THREAD)


@program
def two_writers_of_one_key(api: Api) -> Iterator[Any]:
    """A plain key takes one value a step; both nodes' results are kept beside the error."""
    flow = fan(api, says("a", n=1), says("b", n=2), says("c"), checkpointer=api.new_saver())
    yield attempt(flow.invoke, {"n": 0}, THREAD)
    yield short(flow)
    yield attempt(flow.invoke, None, THREAD)
    flow = fan(api, says("a", n=1), says("b", n=1))
    yield attempt(flow.invoke, {"n": 0})


@program
def one_writer_a_step(api: Api) -> Iterator[Any]:
    """The next step may write it again."""
    yield line(api, says("a", n=1), says("b", n=2)).invoke({"n": 0})


@program
def overwriting(api: Api) -> Iterator[Any]:
    """Goes past the reducer; the others of that step are dropped; two are an error."""

    def over(state: Log) -> Any:
        return {"log": api.Overwrite(["over"])}

    def again(state: Log) -> Any:
        return {"log": api.Overwrite(["again"])}

    flow = line(api, says("x"), over, says("y"), checkpointer=api.new_saver())
    yield list(flow.stream({"n": 1, "log": ["in"]}, THREAD, stream_mode=["updates", "values"]))
    for nodes in ((over, says("a")), (says("a"), over, says("z"))):
        yield fan(api, *nodes).invoke({"n": 1, "log": ["in"]})
    yield attempt(fan(api, over, again).invoke, {"n": 1}, text=False)
    yield fan(api, says("a")).invoke({"n": 1, "log": api.Overwrite(["given"])})
    yield flow.invoke({"log": api.Overwrite(["afresh"])}, THREAD)


@program
def the_overwritten_in_history(api: Api) -> Iterator[Any]:
    """How it is shown later, and given by hand."""

    def over(state: Log) -> Any:
        return {"log": api.Overwrite(["over"])}

    flow = line(api, says("x"), over, checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, {"log": api.Overwrite(["by hand"])})
    yield flow.get_state(THREAD).values, short(flow)


@program
def the_input_goes_through_reducers(api: Api) -> Iterator[Any]:
    """On every run of a thread."""
    flow = line(api, says("a"), checkpointer=api.new_saver())
    for given in ({"log": ["1"], "n": 1}, {"log": ["2"]}, {"n": 3}):
        yield flow.invoke(given, THREAD)


@program
def changing_the_state_in_place(api: Api) -> Iterator[Any]:
    """Is no update; a node sees what the one before returned."""

    def change(state: Log) -> Any:
        state["n"] = 100
        state["new"] = 1
        return {"log": ["changed"]}

    def look(state: Log) -> Any:
        return {"log": [[state["n"], sorted(state)]]}

    yield line(api, change, look).invoke({"n": 1})


@program
def falsy_values(api: Api) -> Iterator[Any]:
    """None, zero and empty things are values."""
    for value in (None, 0, False, "", [], {}):
        flow = line(api, says("a", n=value), checkpointer=api.new_saver())
        yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).values


@program
def what_nodes_beside_each_other_see(api: Api) -> Iterator[Any]:
    """The state before their step."""

    def sees(name: str) -> Any:
        def node(state: Log) -> Any:
            return {"log": [[name, len(state["log"])]]}

        node.__name__ = name
        return node

    builder = wired(built(api, says("a"), sees("b"), sees("c"), sees("d")), "^>a", "a>b", "a>c", "b>d", "c>d")
    yield builder.compile().invoke({"n": 1})
