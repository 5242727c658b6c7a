"""Intended differences between graphs of both packages: what LangGraph does, and what lgrun does instead."""

import operator
from typing import Annotated, Any, TypedDict

import pytest

from tests.fidelity.api import THREAD, Api
from tests.fidelity.compare import both
from tests.fidelity.graphs.making import Log, at, built, fan, line, noting, parts, says, short, wired
from tests.fidelity.plain import Failed, attempt

pytestmark = pytest.mark.filterwarnings("default")


def named(chunks: list[Any]) -> list[Any]:
    """Return the nodes that chunks of updates are of; an error by its type."""
    return [type(chunk).__name__ if isinstance(chunk, BaseException) else next(iter(chunk)) for chunk in chunks]


def kind(found: Any) -> Any:
    """Return the type of an error in place of it."""
    return type(found.error).__name__ if isinstance(found, Failed) else found


def test_a_branch_that_raises() -> None:
    """The node's update is not streamed: it will run again."""

    def program(api: Api) -> Any:
        def bad(state: Log) -> Any:
            raise ValueError

        builder = wired(built(api, says("a")), "^>a").add_conditional_edges("a", bad)
        return named(parts(builder.compile(checkpointer=api.new_saver()), {"n": 1}))

    assert both(program) == (["a", "ValueError"], ["ValueError"])


def test_a_join_that_is_not_complete() -> None:
    """No snapshot lists its end as next; LangGraph's may, by a race."""

    def program(api: Api) -> Any:
        flow = wired(built(api, *map(says, "abxc")), "^>a", "^>x", "x>b", "a+b>c").compile(checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD, durability="async")
        return [entry.next for entry in flow.get_state_history(THREAD)][::-1]

    theirs, ours = both(program)
    right = [("__start__",), ("a", "x"), ("b",), ("c",), ()]
    assert theirs in (right, [*right[:2], ("b", "c"), *right[3:]])
    assert ours == right


def test_a_goto_from_outside_in_the_history() -> None:
    """The checkpoint it was given at names the node that it led to."""

    def program(api: Api) -> Any:
        flow = wired(built(api, says("a"), says("other")), "^>a").compile(checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD)
        flow.invoke(api.Command(goto="other"), THREAD)
        return [following for _, _, following, _ in short(flow)]

    assert both(program) == ([(), (), ("a",), ("__start__",)], [(), ("other",), ("a",), ("__start__",)])


def test_an_update_by_hand_is_no_result() -> None:
    """The checkpoint before it shows no result of the node that it stood for, which did not run."""

    def program(api: Api) -> Any:
        flow = line(api, says("a"), says("b"), checkpointer=api.new_saver(), interrupt_before=["b"])
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"n": 3}, as_node="b")
        (task,) = list(flow.get_state_history(THREAD))[1].tasks
        return task.name, task.result

    assert both(program) == (("b", {"n": 3}), ("b", None))


def test_the_latest_checkpoint_named_explicitly() -> None:
    """There is nothing to do, and nothing is added."""

    def program(api: Api) -> Any:
        flow = line(api, says("a"), checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD)
        flow.invoke(None, at(flow.get_state(THREAD)))
        return short(flow)[0][:3]

    assert both(program) == (("fork", 2, ()), ("loop", 1, ()))


def test_invoke_of_a_graph_with_a_coroutine() -> None:
    """It is refused before anything runs."""

    def program(api: Api) -> Any:
        ran: list[str] = []
        flow = line(api, *noting(ran, "a"), *noting(ran, "b", is_async=True), checkpointer=api.new_saver())
        return kind(attempt(flow.invoke, {"n": 1}, THREAD)), ran, len(short(flow))

    assert both(program) == (("TypeError", ["a"], 3), ("TypeError", [], 0))


def test_a_state_of_one_value() -> None:
    """A state has keys."""

    def program(api: Api) -> Any:
        state: Any = Annotated[list, operator.add]
        return kind(attempt(lambda: type(api.StateGraph(state)).__name__))

    assert both(program) == ("StateGraph", "TypeError")


class Text(TypedDict):
    """What an inner graph shares with the one around it."""

    text: str


def _asking_inside(api: Api, ran: list[str], **options: Any) -> Any:
    def x(state: Text) -> Any:
        ran.append("x")
        return {"text": state["text"] + "x"}

    def ask(state: Text) -> Any:
        return {"text": state["text"] + api.interrupt("?")}

    inner = line(api, x, ask, state=Text, **options)
    builder = api.StateGraph(Text).add_node("inner", inner).add_edge("__start__", "inner")
    flow = builder.compile(checkpointer=api.new_saver())
    flow.invoke({"text": ""}, THREAD)
    return flow


def test_an_inner_graph_without_a_memory() -> None:
    """Its finished nodes do not run again when its question is answered."""

    def program(api: Api) -> Any:
        ran: list[str] = []
        flow = _asking_inside(api, ran, checkpointer=False)
        return flow.invoke(api.Command(resume="!"), THREAD), len(ran)

    assert both(program) == (({"text": "x!"}, 2), ({"text": "x!"}, 1))


def test_the_state_of_an_inner_graph_cannot_be_changed() -> None:
    """It is in the journal of the run around it, where it can be read."""

    def program(api: Api) -> Any:
        flow = _asking_inside(api, [])
        (task,) = flow.get_state(THREAD).tasks
        update = kind(attempt(flow.update_state, task.state, {"text": "changed"}))
        return update if isinstance(update, str) else flow.get_state(task.state).values

    assert both(program) == ({"text": "changed"}, "ValueError")


def test_the_history_of_an_inner_graph() -> None:
    """It saves no checkpoints of its own: there is only where it stands."""

    def program(api: Api) -> Any:
        flow = _asking_inside(api, [])
        (task,) = flow.get_state(THREAD).tasks
        return [(entry.values, entry.next) for entry in flow.get_state_history(task.state)]

    current = ({"text": "x"}, ("ask",))
    assert both(program) == ([current, ({"text": ""}, ("x",)), ({}, ("__start__",))], [current])


def test_a_reducer_that_raises() -> None:
    """The node's update is streamed before the error, as it is when the run is taken up."""

    def program(api: Api) -> Any:
        def bad(state: Log) -> Any:
            return {"log": 5}

        flow = line(api, bad, checkpointer=api.new_saver())
        return named(parts(flow, {"n": 1})), named(parts(flow, None))

    first = ["TypeError"], ["bad", "TypeError"]
    assert both(program) == (first, (["bad", "TypeError"], ["bad", "TypeError"]))


def test_the_recursion_limit_of_a_run_that_is_taken_up() -> None:
    """So many steps in each invocation."""

    def program(api: Api) -> Any:
        ran: list[str] = []
        flow = line(api, *noting(ran, *"abcdefgh"), checkpointer=api.new_saver())
        counts = []
        for given in ({"n": 1}, None):
            before = len(ran)
            found = kind(attempt(flow.invoke, given, {**THREAD, "recursion_limit": 2}))
            counts.append((found, len(ran) - before))
        return counts

    first = ("GraphRecursionError", 2)
    assert both(program) == ([first, ("GraphRecursionError", 4)], [first, ("GraphRecursionError", 2)])


def test_nodes_side_by_side_when_one_fails() -> None:
    """What a sibling of a failing node did before the error came is kept."""

    def program(api: Api) -> Any:
        ran: list[str] = []
        failures = [ValueError()]

        def bad(state: Log) -> Any:
            if failures:
                raise failures.pop()
            return {"log": ["bad"]}

        flow = fan(api, bad, *noting(ran, "good"), checkpointer=api.new_saver())
        attempt(flow.invoke, {"n": 1}, THREAD)
        return flow.invoke(None, THREAD)["log"], len(ran)

    (theirs, times), ours = both(program)
    assert theirs == ["bad", "good"]
    assert times in (1, 2)
    assert ours == (["bad", "good"], 1)


def test_a_step_that_cannot_be_applied() -> None:
    """Nothing that it wrote is kept, with durability `exit` as with any other."""

    def program(api: Api) -> Any:
        flow = fan(api, says("a", n=2), says("b", n=3), checkpointer=api.new_saver())
        attempt(flow.invoke, {"n": 1}, THREAD, durability="exit")
        return next(iter(flow.get_state_history(THREAD))).values

    assert both(program) == ({"log": ["a", "b"], "n": 1}, {"log": [], "n": 1})


def test_a_deferred_node_beside_sends() -> None:
    """It waits until what was sent has run."""

    def program(api: Api) -> Any:
        def spread(state: Log) -> Any:
            return api.Command(goto=["last", *[api.Send("work", n) for n in (1, 2)]])

        builder = built(api, spread, says("work")).add_node("last", says("last"), defer=True)
        flow = wired(builder, "^>spread").compile(checkpointer=api.new_saver())
        return flow.invoke({"n": 1}, THREAD)["log"]

    assert both(program) == (["last", "work", "work"], ["work", "work", "last"])


def test_an_update_by_hand_as_the_end_of_a_join() -> None:
    """The node that it stood for has run."""

    def program(api: Api) -> Any:
        builder = wired(built(api, *map(says, "abc")), "^>a", "^>b", "a+b>c")
        flow = builder.compile(checkpointer=api.new_saver(), interrupt_before=["c"])
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"log": ["by hand"]}, as_node="c")
        return flow.get_state(THREAD).next

    assert both(program) == (("c",), ())


def test_an_update_by_hand_after_a_node_that_was_led_to_twice() -> None:
    """It is that node's: a join and an edge led to it at once, but it ran once."""

    def program(api: Api) -> Any:
        builder = wired(built(api, *map(says, "abcd")), "^>a", "^>b", "a+b>c", "a>c", "c>d")
        flow = builder.compile(checkpointer=api.new_saver(), interrupt_before=["d"])
        flow.invoke({"n": 1}, THREAD)
        refused = attempt(lambda: flow.update_state(THREAD, {"log": ["by hand"]}))
        return kind(refused) if isinstance(refused, Failed) else flow.get_state(THREAD).next

    assert both(program) == ("InvalidUpdateError", ("d",))


def test_an_update_by_hand_as_a_deferred_node() -> None:
    """The node that it stood for has run."""

    def program(api: Api) -> Any:
        builder = built(api, says("a")).add_node("last", says("last"), defer=True)
        flow = wired(builder, "^>a", "a>last").compile(checkpointer=api.new_saver(), interrupt_before=["last"])
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"log": ["by hand"]}, as_node="last")
        return flow.get_state(THREAD).next

    assert both(program) == (("last",), ())


def test_a_deferred_node_and_an_update_by_hand() -> None:
    """One whose turn had come waits for what the update leads to."""

    def program(api: Api) -> Any:
        builder = built(api, *map(says, "abc")).add_node("last", says("last"), defer=True)
        flow = wired(builder, "^>a", "a>last", "b>c").compile(checkpointer=api.new_saver(), interrupt_before=["last"])
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"log": ["by hand"]}, as_node="b")
        return sorted(flow.get_state(THREAD).next)

    assert both(program) == (["c", "last"], ["c"])


def test_a_run_that_died_when_all_nodes_of_a_step_had_finished() -> None:
    """It is not over: the step is next, and none of its nodes runs again."""
    ran: list[str] = []

    def program(api: Api) -> Any:
        ran.clear()
        saver = api.new_saver()
        flow = line(api, *noting(ran, "a", "b"), checkpointer=saver)
        flow.invoke({"n": 1}, THREAD)
        thread = THREAD["configurable"]["thread_id"]
        checkpoints = saver._threads[thread].checkpoints if api.package == "lgrun" else saver.storage[thread][""]
        for latest in sorted(checkpoints)[-2:]:
            del checkpoints[latest]
        following = flow.get_state(THREAD).next
        return following, flow.invoke(None, THREAD)["log"], list(ran)

    log, again = ["a", "b"], ["a", "b", "b"]
    assert both(program) == (((), log, again), (("a",), log, again))


def test_a_breakpoint_behind_a_nested_stream() -> None:
    """Who streams a nested graph sees the last step before it."""

    def program(api: Api) -> Any:
        inner = line(api, says("a"), says("b"))
        seen: list[Any] = []

        def node(state: Log) -> None:
            for chunk in inner.stream({"n": 1}, interrupt_before=["b"]):
                seen.append(chunk)

        line(api, node, checkpointer=api.new_saver()).invoke({"n": 1}, THREAD)
        return named(seen)

    assert both(program) == ([], ["a"])


def test_parents_with_durability_exit() -> None:
    """The steps of a run that was taken up follow the checkpoint that it goes on from."""

    def program(api: Api) -> Any:
        def ask(state: Log) -> Any:
            return {"log": [api.interrupt("?")]}

        flow = line(api, says("a"), ask, says("b"), checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD, durability="exit")
        old = flow.get_state(THREAD).config["configurable"]["checkpoint_id"]
        chunks = parts(flow, api.Command(resume="yes"), stream_mode="checkpoints", durability="exit")
        parents = [chunk["parent_config"] for chunk in chunks[1:]]
        return [parent and parent["configurable"]["checkpoint_id"] == old for parent in parents]

    assert both(program) == ([None, None], [True, True])


def test_a_nested_question_is_named_once() -> None:
    """`invoke` with `subgraphs` does not repeat it."""

    def program(api: Api) -> Any:
        def ask(state: Log) -> Any:
            return {"log": [api.interrupt("?")]}

        builder = built(api, says("a")).add_node("inner", line(api, ask))
        flow = wired(builder, "^>a", "a>inner").compile(checkpointer=api.new_saver())
        return len(flow.invoke({"n": 1}, THREAD, subgraphs=True)["__interrupt__"])

    assert both(program) == (2, 1)
