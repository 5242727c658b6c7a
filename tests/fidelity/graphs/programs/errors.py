"""Nodes that fail, and what is kept."""

import threading
from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, built, fan, line, parts, says, short, wired
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


class Broken(Exception):
    """What nodes fail with."""


def fails(name: str, times: int, ran: list[str] | None = None, **update: Any) -> Any:
    """Return a node that fails some times and then says its name."""
    count: list[int] = []

    def node(state: Any) -> Any:
        if ran is not None:
            ran.append(name)
        count.append(1)
        if len(count) <= times:
            raise Broken(f"{name} for the {len(count)}. time")
        return {"log": [name], **update}

    node.__name__ = name
    return node


@program
def in_a_line(api: Api) -> Iterator[Any]:
    """The steps before are kept; the failed one runs again."""
    ran: list[str] = []
    flow = line(api, fails("a", 0, ran), fails("b", 2, ran), fails("c", 0, ran), checkpointer=api.new_saver())
    yield parts(flow, {"n": 1}), flow.get_state(THREAD)
    yield parts(flow, None), flow.get_state(THREAD).tasks
    yield parts(flow, None), ran, brief(flow)


@program
def in_the_first_step(api: Api) -> Iterator[Any]:
    """The input is kept."""
    flow = line(api, fails("a", 1), checkpointer=api.new_saver())
    yield parts(flow, {"n": 1, "log": ["in"]}), short(flow)
    yield flow.invoke(None, THREAD)


@program
def a_new_input_after_a_failure(api: Api) -> Iterator[Any]:
    """Starts over with what the thread has."""
    ran: list[str] = []
    flow = line(api, fails("a", 0, ran), fails("b", 1, ran), checkpointer=api.new_saver())
    yield attempt(flow.invoke, {"n": 1}, THREAD), flow.invoke({"n": 2}, THREAD), ran, short(flow)


@program
def side_by_side(api: Api) -> Iterator[Any]:
    """A finished sibling's update is saved, and it is not run again."""
    ran: list[str] = []
    seen = threading.Event()
    failing = fails("b", 1)

    def a(state: Log) -> Any:
        ran.append("a")
        return {"log": ["a"], "n": 5}

    def b(state: Log) -> Any:
        ran.append("b")
        assert seen.wait(10)
        return failing(state)

    flow = wired(built(api, a, b, says("z")), "^>a", "^>b", "a+b>z").compile(checkpointer=api.new_saver())
    yield parts(flow, {"n": 1}, seen=seen, stream_mode=["updates", "custom"])
    state = flow.get_state(THREAD)
    yield state.next, state.values, state.tasks, short(flow)
    yield list(flow.stream(None, THREAD, stream_mode=["updates", "values"])), Bag(ran)
    yield brief(flow)


@program
def a_slow_sibling_of_a_failure(api: Api) -> Iterator[Any]:
    """It is waited for; the error comes after. Whether its update is kept is chance."""
    ran: list[str] = []
    started, failed = threading.Event(), threading.Event()

    def bad(state: Log) -> Any:
        assert started.wait(10)
        if not failed.is_set():
            failed.set()
            raise Broken("once")
        return {"log": ["bad"]}

    def slow(state: Log) -> Any:
        started.set()
        assert failed.wait(10)
        ran.append("slow")
        return {"log": ["slow"]}

    flow = fan(api, bad, slow, checkpointer=api.new_saver())
    yield attempt(flow.invoke, {"n": 1}, THREAD), list(ran)
    yield flow.invoke(None, THREAD)


@program
def retries(api: Api) -> Iterator[Any]:
    """A policy of a node, a list of them, the defaults of a builder."""
    for times, attempts in ((1, 2), (2, 2), (2, 3)):
        ran: list[str] = []
        builder = wired(built(api, fails("a", times, ran), retry_policy=api.now(max_attempts=attempts)), "^>a")
        yield parts(builder.compile(), {"n": 1}, stream_mode=["updates", "tasks"]), ran
    policies = [api.now(max_attempts=2, retry_on=KeyError), api.now(max_attempts=3, retry_on=Broken)]
    yield wired(built(api, fails("a", 2), retry_policy=policies), "^>a").compile().invoke({"n": 1})
    builder = wired(built(api, fails("a", 1), fails("b", 1)), "^>a", "a>b")
    yield builder.set_node_defaults(retry_policy=api.now(max_attempts=2)).compile().invoke({"n": 1})


@program
def a_retry_writes_nothing_of_the_failed_attempt(api: Api) -> Iterator[Any]:
    """Custom chunks of each attempt are streamed, updates of the last one only."""
    count: list[int] = []

    def a(state: Log) -> Any:
        count.append(1)
        api.get_stream_writer()(len(count))
        if len(count) < 3:
            raise Broken
        return api.Command(update={"log": ["a"]}, goto="b")

    builder = built(api, says("b")).add_node("a", a, retry_policy=api.now(max_attempts=3))
    yield list(wired(builder, "^>a").compile().stream({"n": 1}, stream_mode=["updates", "custom"]))


@program
def attempts_seen_by_the_node(api: Api) -> Iterator[Any]:
    """Its number is in the runtime."""
    seen: list[Any] = []

    def a(state: Log, *, runtime: Any) -> Any:
        seen.append(runtime.execution_info.node_attempt)
        if len(seen) < 3:
            raise Broken
        return {"n": 5}

    yield wired(built(api, a, retry_policy=api.now(max_attempts=3)), "^>a").compile().invoke({"n": 1}), seen


@program
def a_handler_recovers(api: Api) -> Iterator[Any]:
    """An error handler of a node says what happens instead."""

    def handler(state: Log, error: Any) -> Any:
        return {"log": ["handled"], "n": 7}

    handler.__annotations__["error"] = api.NodeError
    for goto in (None, "other", "__end__"):

        def going(state: Log, error: Any, goto: Any = goto) -> Any:
            return api.Command(update={"log": [f"{error.node}: {error.error}"]}, goto=goto)

        going.__annotations__["error"] = api.NodeError
        builder = built(api, says("other"), says("next"))
        builder.add_node("a", fails("a", 9), error_handler=going if goto else handler)
        flow = wired(builder, "^>a", "a>next").compile(checkpointer=api.new_saver())
        yield parts(flow, {"n": 1}, stream_mode=["updates", "values", "tasks"])
        yield flow.get_state(THREAD).values, brief(flow)


@program
def a_handler_that_is_not_needed(api: Api) -> Iterator[Any]:
    """Or that comes after retries, or fails itself."""

    def handler(state: Log) -> Any:
        return {"log": ["handled"]}

    def bad(state: Log) -> Any:
        raise KeyError("handler")

    ran: list[str] = []
    for node, options in (
        (fails("a", 0, ran), {"error_handler": handler}),
        (fails("a", 9, ran), {"error_handler": handler, "retry_policy": api.now(max_attempts=2)}),
        (fails("a", 9, ran), {"error_handler": bad}),
    ):
        flow = wired(built(api, node, **options), "^>a").compile(checkpointer=api.new_saver())
        yield parts(flow, {"n": 1}), ran, short(flow), flow.get_state(THREAD).next
        ran.clear()


@program
def a_handler_beside_a_sibling(api: Api) -> Iterator[Any]:
    """Everything else goes on."""

    def handler(state: Log) -> Any:
        return {"log": [f"handled after {state['log']}"]}

    seen = threading.Event()
    failing = fails("a", 9)

    def a(state: Log) -> Any:
        assert seen.wait(10)
        return failing(state)

    builder = built(api, says("b"), says("z")).add_node("a", a, error_handler=handler)
    flow = wired(builder, "^>a", "^>b", "a+b>z").compile(checkpointer=api.new_saver())
    yield parts(flow, {"n": 1}, seen=seen, stream_mode=["updates", "custom"]), short(flow)


@program
def defaults_of_a_builder(api: Api) -> Iterator[Any]:
    """One handler for all nodes."""

    def handler(state: Log) -> Any:
        return {"log": ["handled"]}

    builder = wired(built(api, fails("a", 9), says("b")), "^>a", "a>b").set_node_defaults(error_handler=handler)
    yield parts(builder.compile(), {"n": 1})


@program
def timeouts(api: Api) -> Iterator[Any]:
    """A node that takes too long fails; a retry gets the full time again."""
    import asyncio

    calls: list[int] = []

    async def slow(state: Log) -> Any:
        calls.append(1)
        if len(calls) < 2:
            await asyncio.sleep(30)
        return {"log": ["slow"]}

    builder = wired(api.StateGraph(Log).add_node("slow", slow, timeout=0.05), "^>slow")
    yield attempt(lambda: api.run(builder.compile().ainvoke({"n": 1})), text=False)
    calls.clear()
    builder = api.StateGraph(Log).add_node("slow", slow, timeout=0.2, retry_policy=api.now(max_attempts=2))
    yield api.run(wired(builder, "^>slow").compile().ainvoke({"n": 1})), len(calls)


@program
def notes_and_identity(api: Api) -> Iterator[Any]:
    """The very exception arrives, with a note that names the node."""
    error = Broken("mine", 1)

    def bad(state: Log) -> Any:
        raise error

    caught = attempt(line(api, says("a"), bad).invoke, {"n": 1})
    yield caught, caught.error is error


@program
def errors_in_streams(api: Api) -> Iterator[Any]:
    """What every mode shows of a failed step."""
    modes = ["updates", "values", "tasks", "checkpoints", "debug"]
    flow = line(api, says("a"), fails("b", 1), checkpointer=api.new_saver())
    yield parts(flow, {"n": 1}, stream_mode=modes)
    yield parts(flow, None, stream_mode=modes)


@program
def draining(api: Api) -> Iterator[Any]:
    """A run that is asked to stop does so between two steps, and can be taken up."""
    control = api.RunControl()

    def a(state: Log) -> Any:
        control.request_drain("bye")
        return {"log": ["a"]}

    flow = line(api, a, says("b"), checkpointer=api.new_saver())
    yield parts(flow, {"n": 1}, control=control), flow.get_state(THREAD).next, short(flow)
    yield flow.invoke(None, THREAD)
