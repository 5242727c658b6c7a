"""Which node runs next: edges, joins, branches, deferred nodes, loops."""

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, built, line, parts, says, short, wired
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def steps(flow: Any, given: Any) -> list[Any]:
    """Run a graph to its end and return which tasks each step had, and the values before it.

    With `sync`, because otherwise LangGraph may save a join after the next step has changed it.
    """
    flow.invoke(given, THREAD, durability="sync")
    return [(s.metadata["step"], [t.name for t in s.tasks], s.values) for s in flow.get_state_history(THREAD)][::-1]


@program
def a_diamond(api: Api) -> Iterator[Any]:
    """Two edges into a node run it once, with both updates."""
    builder = built(api, *[says(name) for name in "abcd"])
    yield steps(wired(builder, "^>a", "a>b", "a>c", "b>d", "c>d").compile(checkpointer=api.new_saver()), {"n": 1})


@program
def ways_of_different_lengths(api: Api) -> Iterator[Any]:
    """Without a join the last node runs twice; with one, once."""
    nodes = [says(name) for name in "abcde"]
    edges = ["^>a", "a>b", "a>c", "c>d"]
    for ends in (["b>e", "d>e"], ["b+d>e"]):
        yield steps(wired(built(api, *nodes), *edges, *ends).compile(checkpointer=api.new_saver()), {"n": 1})


@program
def a_join_in_a_loop(api: Api) -> Iterator[Any]:
    """It waits for both again in every turn."""

    def turn(state: Log) -> Any:
        return {"n": state["n"] + 1, "log": ["turn"]}

    builder = wired(built(api, turn, says("a"), says("b"), says("c"), says("d")), "^>turn", "turn>a", "turn>b")
    wired(builder, "b>c", "a+c>d").add_conditional_edges("d", lambda state: "turn" if state["n"] < 2 else api.END)
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 0})


@program
def a_join_that_is_never_complete(api: Api) -> Iterator[Any]:
    """The node does not run."""
    builder = wired(built(api, says("a"), says("b"), says("c")), "^>a", "a+b>c")
    flow = builder.compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).next
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).next


@program
def a_join_over_two_runs(api: Api) -> Iterator[Any]:
    """What arrived in one run counts in the next."""
    builder = wired(built(api, says("a"), says("b"), says("c")), "a+b>c")
    builder.add_conditional_edges(api.START, lambda state: "a" if state["n"] else "b")
    flow = builder.compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), flow.invoke({"n": 1}, THREAD), flow.invoke({"n": 0}, THREAD)


@program
def two_joins_into_one_node(api: Api) -> Iterator[Any]:
    """Either runs it."""
    builder = built(api, *[says(name) for name in "abcde"])
    wired(builder, "^>a", "^>b", "b>c", "c>d", "a+b>e", "c+d>e")
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 1})


@program
def branches(api: Api) -> Iterator[Any]:
    """A name, a list, the end, several branches of one node."""
    for way in ("b", ["b", "c"], [], ["b", "b"], "__end__", ["__end__", "c"], ("b", "c")):
        builder = wired(built(api, says("a"), says("b"), says("c")), "^>a")
        builder.add_conditional_edges("a", lambda state, way=way: way)
        yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 1})


@program
def branches_with_maps(api: Api) -> Iterator[Any]:
    """The result is looked up; a list of names allows them."""
    for way, paths in (
        (True, {True: "b", False: "c"}),
        ([1, 2], {1: "b", 2: "c"}),
        ("stop", {"stop": "__end__", "go": "b"}),
        ("b", ["b", "c"]),
    ):
        builder = wired(built(api, says("a"), says("b"), says("c")), "^>a")
        builder.add_conditional_edges("a", lambda state, way=way: way, paths)
        yield builder.compile().invoke({"n": 1})


@program
def branches_that_go_wrong(api: Api) -> Iterator[Any]:
    """None, a name that is not in the map, the start."""

    for way, paths in ((None, None), ("zz", ["b"]), ("__start__", None), (["b", None], None)):
        builder = wired(built(api, says("a"), says("b")), "^>a")
        builder.add_conditional_edges("a", lambda state, way=way: way, paths)
        flow = builder.compile(checkpointer=api.new_saver())
        yield attempt(flow.invoke, {"n": 1}, THREAD, text=False)


@program
def an_unknown_target(api: Api) -> Iterator[Any]:
    """A branch or a command to a node that is not there goes nowhere."""
    builder = wired(built(api, says("a"), says("b")), "^>a").add_conditional_edges("a", lambda state: "zz")
    yield builder.compile().invoke({"n": 1})
    yield line(api, _going(api, "zz")).invoke({"n": 1})


def _going(api: Api, goto: Any) -> Any:
    """Return a node that goes somewhere."""

    def node(state: Log) -> Any:
        return api.Command(goto=goto, update={"log": ["node"]})

    return node


@program
def a_branch_sees_the_nodes_own_writes(api: Api) -> Iterator[Any]:
    """And not those of nodes beside it."""
    seen = []

    def look(state: Log) -> Any:
        seen.append((state["n"], state["log"]))
        return api.END

    builder = wired(built(api, says("a", n=5), says("b")), "^>a", "^>b")
    builder.add_conditional_edges("a", look)
    builder.add_conditional_edges(api.START, lambda state: look(state) and [])
    yield builder.compile().invoke({"n": 1, "log": ["in"]}), seen


@program
def two_branches_of_one_node(api: Api) -> Iterator[Any]:
    """Both are taken; an edge beside them too."""
    builder = wired(built(api, *[says(name) for name in "abcd"]), "^>a", "a>d")

    def one(state: Log) -> Literal["b"]:
        return "b"

    def two(state: Log) -> Any:
        return ["c", "d"]

    builder.add_conditional_edges("a", one).add_conditional_edges("a", two)
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 1})


@program
def deferred(api: Api) -> Iterator[Any]:
    """A deferred node waits until nothing else is left."""
    nodes = [says(name) for name in "abcd"]
    for edges in (["a>last", "b>c", "c>d", "d>last"], ["b>c", "c>d", "a>last"], ["a>last", "b+a>c", "c>last", "c>d"]):
        builder = built(api, *nodes).add_node("last", says("last"), defer=True)
        yield steps(wired(builder, "^>a", "^>b", *edges).compile(checkpointer=api.new_saver()), {"n": 1})


@program
def two_deferred(api: Api) -> Iterator[Any]:
    """They run together; what follows runs after."""
    builder = built(api, *[says(name) for name in "abc"])
    builder.add_node("x", says("x"), defer=True).add_node("y", says("y"), defer=True)
    wired(builder.add_node("z", says("z")), "^>a", "a>x", "^>b", "b>c", "c>y", "x>z", "y>z")
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 1})


@program
def a_deferred_join(api: Api) -> Iterator[Any]:
    """A join of a deferred node waits for the end as well."""
    builder = built(api, *[says(name) for name in "abcd"]).add_node("last", says("last"), defer=True)
    flow = wired(builder, "^>a", "^>b", "a+b>last", "b>c", "c>d").compile(checkpointer=api.new_saver())
    yield steps(flow, {"n": 1})


@program
def loops(api: Api) -> Iterator[Any]:
    """A node that leads to itself, and one that leads back."""

    def count(state: Log) -> Any:
        return {"n": state["n"] + 1, "log": [state["n"]]}

    builder = wired(built(api, count), "^>count")
    builder.add_conditional_edges("count", lambda state: "count" if state["n"] < 3 else api.END)
    yield steps(builder.compile(checkpointer=api.new_saver()), {"n": 0})
    builder = wired(built(api, count, says("b")), "^>count", "b>count")
    builder.add_conditional_edges("count", lambda state: "b" if state["n"] < 3 else api.END)
    yield list(builder.compile().stream({"n": 0}))


@program
def recursion_limits(api: Api) -> Iterator[Any]:
    """So many steps; the state is kept."""

    def count(state: Log) -> Any:
        return {"n": state["n"] + 1}

    builder = wired(built(api, count), "^>count", "count>count")
    flow = builder.compile(checkpointer=api.new_saver())
    for limit in (1, 2, 5):
        config = {"configurable": {"thread_id": f"t{limit}"}, "recursion_limit": limit}
        yield parts(flow, {"n": 0}, config)
        yield flow.get_state(config).next, short(flow, config)
    yield attempt(flow.invoke, {"n": 0}, {**THREAD, "recursion_limit": 0}, text=False)


@program
def going_on_after_the_limit(api: Api) -> Iterator[Any]:
    """The run can be taken up, and comes to its end."""
    builder = wired(built(api, *[says(name) for name in "abcd"]), "^>a", "a>b", "b>c", "c>d")
    flow = builder.compile(checkpointer=api.new_saver())
    yield parts(flow, {"n": 0}, {**THREAD, "recursion_limit": 2}), flow.get_state(THREAD).next
    yield parts(flow, None, {**THREAD, "recursion_limit": 9})


@program
def just_enough_steps(api: Api) -> Iterator[Any]:
    """A limit of exactly the steps there are suffices."""
    flow = line(api, says("a"), says("b"), says("c"))
    for limit in (2, 3, 4):
        yield attempt(flow.invoke, {"n": 0}, {"recursion_limit": limit})


@program
def order_of_nodes(api: Api) -> Iterator[Any]:
    """The order in which nodes of one step are listed and their updates are applied."""
    for names in (["b", "a", "c"], ["z", "B", "a1", "a10", "a2"]):
        builder = built(api, *[says(name) for name in names])
        flow = wired(builder, *[f"^>{name}" for name in names]).compile(checkpointer=api.new_saver())
        yield steps(flow, {"n": 1}), flow.get_state(THREAD).values


@program
def order_of_tasks(api: Api) -> Iterator[Any]:
    """The order in which they start, at first and when the run is taken up."""
    builder = built(api, *[says(name) for name in "zbac"])
    wired(builder, "^>z", "z>b", "z>a", "z>c")
    flow = builder.compile(checkpointer=api.new_saver(), interrupt_before=["a"])
    for given in ({"n": 1}, None, {"n": 1}):
        yield [e["name"] for e in flow.stream(given, THREAD, stream_mode="tasks") if "input" in e]
        yield [t.name for t in flow.get_state(THREAD).tasks]
    flow = builder.compile()
    yield [e["name"] for e in flow.stream({"n": 1}, stream_mode="tasks") if "input" in e]


@program
def history_of_a_diamond(api: Api) -> Iterator[Any]:
    """All of it."""
    builder = built(api, *[says(name) for name in "abcd"])
    flow = wired(builder, "^>a", "a>b", "a>c", "b+c>d").compile(checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    yield brief(flow)


@program
def what_a_branch_reads(api: Api) -> Iterator[Any]:
    """Its annotation says which keys, and as what."""

    class Number(TypedDict):
        n: int

    @dataclass
    class Whole:
        n: int
        log: list

    def number(state: Number) -> Any:
        seen.append(sorted(state))
        return "b"

    def whole(state: Whole) -> Any:
        seen.append((type(state).__name__, state.n, state.log))
        return api.END

    seen: list[Any] = []
    builder = wired(built(api, says("a"), says("b")), "^>a")
    number.__annotations__["state"], whole.__annotations__["state"] = Number, Whole
    flow = builder.add_conditional_edges("a", number).add_conditional_edges("b", whole).compile()
    yield flow.invoke({"n": 1}), seen


@program
def callables_as_branches(api: Api) -> Iterator[Any]:
    """A partial, an instance, a method."""

    class Way:
        def __call__(self, state: Log) -> str:
            return "b"

        def method(self, state: Log) -> str:
            return "b"

    def given(state: Log, to: str) -> str:
        return to

    for path in (functools.partial(given, to="b"), Way(), Way().method):
        builder = wired(built(api, says("a"), says("b")), "^>a").add_conditional_edges("a", path)
        yield builder.compile().invoke({"n": 1}), len(builder.branches["a"])
