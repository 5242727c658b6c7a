"""How modes are asked for: in lists, in tuples, twice, in any order; and what is printed beside them."""

import contextlib
import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import line
from tests.fidelity.graphs.programs.streams import sample as graph
from tests.fidelity.graphs.programs.subgraphs import Shared
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program
from tests.fidelity.programs.nested import family
from tests.fidelity.programs.streams import MODES, sample


def printed(call: Callable[[], Any]) -> Any:
    """Return what a call returns and what it prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        result = attempt(call)
    return result, out.getvalue().splitlines()


def seen(api: Api, **options: Any) -> Iterator[Any]:
    """Yield the streams of a workflow, of one with others inside, and of a graph."""
    yield attempt(lambda: list(sample(api).stream(1, **options)))
    yield attempt(lambda: list(family(api, [], None).stream(1, subgraphs=True, **options)))
    yield attempt(lambda: list(graph(api).stream({"n": 1}, **options)))


@program
def a_mode_named_twice(api: Api) -> Iterator[Any]:
    """It shows once."""
    for modes in (["updates", "updates"], ["custom", "custom"], ["custom", "updates", "custom"], ("custom", "custom")):
        yield from seen(api, stream_mode=modes)


@program
def modes_not_in_a_list(api: Api) -> Iterator[Any]:
    """A tuple or a set gives bare chunks, of several modes too."""
    for modes in (("updates",), ("updates", "values", "custom"), {"updates"}, frozenset(["custom"])):
        yield from seen(api, stream_mode=modes)
        yield from seen(api, stream_mode=modes, version="v2")
        yield sample(api).invoke(1, stream_mode=modes)


@program
def no_modes(api: Api) -> Iterator[Any]:
    """No mode at all shows nothing; None is the default."""
    for modes in ((), [], "", None):
        yield from seen(api, stream_mode=modes)
        yield sample(api).invoke(1, stream_mode=modes)


@program
def the_order_of_modes(api: Api) -> Iterator[Any]:
    """What one event shows in several modes comes in one order, whatever that of the list."""
    for modes in (
        ["tasks", "updates"],
        ["debug", "updates", "tasks", "values"],
        ["checkpoints", "values"],
        MODES[::-1],
    ):
        yield list(sample(api, api.new_saver()).stream(1, THREAD, stream_mode=modes))
        yield list(graph(api, api.new_saver()).stream({"n": 1}, THREAD, stream_mode=modes))
        yield list(family(api, [], api.new_saver()).stream(1, THREAD, stream_mode=modes, subgraphs=True))


@program
def the_order_of_modes_at_a_question(api: Api) -> Iterator[Any]:
    """The same where a run stops and is taken up."""
    for modes in (["tasks", "updates"], ["values", "updates"], ["debug", "tasks", "values", "updates"]):
        flow = api.entrypoint(checkpointer=api.new_saver())(lambda x: api.interrupt("?"))
        for given in (1, None, api.Command(resume=2)):
            yield list(flow.stream(given, THREAD, stream_mode=modes))


@program
def printing_beside_a_stream(api: Api) -> Iterator[Any]:
    """What is printed tells the namespace only if nested workflows are asked for."""
    for mode in ("updates", ("custom", "values"), ["custom", "custom"], MODES[:4], "nonsense"):
        yield printed(lambda: list(sample(api).stream(1, print_mode=mode, stream_mode="custom")))
        yield printed(lambda: list(graph(api).stream({"n": 1}, print_mode=mode, stream_mode="values", version="v2")))
        for in_task in (False, True):
            flow = family(api, [], None, in_task=in_task)
            yield printed(lambda: list(flow.stream(1, print_mode=mode, stream_mode="values", subgraphs=True)))
            yield printed(lambda: list(flow.stream(1, print_mode=mode, stream_mode="custom")))


@program
def printing_inside(api: Api) -> Iterator[Any]:
    """A nested workflow prints for itself, and what its code writes goes nowhere else then."""

    @api.task
    def leaf(x: int) -> int:
        api.get_stream_writer()(f"leaf {x}")
        return x + 1

    @api.entrypoint()
    def child(x: int) -> int:
        return leaf(x).result()

    for options in ({}, {"subgraphs": True}):
        for mode in ("updates", "custom", ["values", "tasks"]):

            @api.entrypoint()
            def parent(x: int) -> Any:
                return child.invoke(x, print_mode=mode, **options), list(child.stream(x, print_mode=mode, **options))

            yield printed(lambda: parent.invoke(1))
            yield printed(lambda: list(parent.stream(1, subgraphs=True, stream_mode=["custom", "updates"])))


@program
def debugging(api: Api) -> Iterator[Any]:
    """`debug` prints updates and values, whatever else is to be printed."""
    for options in ({"debug": True}, {"debug": True, "print_mode": "custom"}, {"debug": False}):
        yield printed(lambda: sample(api).invoke(1, **options))
        yield printed(lambda: list(family(api, [], None).stream(1, subgraphs=True, **options)))
        yield printed(lambda: list(graph(api).stream({"n": 1}, **options)))


@program
def options_that_do_not_exist(api: Api) -> Any:
    """They are ignored."""
    return sample(api).invoke(1, nonsense=True), list(sample(api).stream(1, nonsense=True))


@program
def the_order_of_keys(api: Api) -> Iterator[Any]:
    """What is printed of a checkpoint and a task has it."""
    config = {"configurable": {"mine": 1, "thread_id": "t"}, "metadata": {"user": "u"}}
    for each in (THREAD, config):
        for chunk in sample(api, api.new_saver()).stream(1, each, stream_mode=["checkpoints", "tasks", "debug"]):
            yield [list(chunk[1]), list(chunk[1].get("payload", ()))]
            yield [list((chunk[1].get(part) or {}).get("configurable", ())) for part in ("config", "parent_config")]


@program
def keys_that_are_shown(api: Api) -> Iterator[Any]:
    """None, one, or a list of them: what `invoke` returns and what is streamed, of runs that end and runs that ask."""

    def double(state: Any) -> Any:
        return {"text": state["text"] * 2}

    def ask(state: Any) -> Any:
        return {"text": api.interrupt("?")}

    bodies = [lambda x: {"x": x}, lambda x: None, lambda x: {"x": api.interrupt("?")}]
    nodes = [(double,), (ask,), (double, ask)]
    made: list[tuple[Any, Any, str]] = []
    for body in bodies:
        made.append((api.entrypoint(checkpointer=api.new_saver())(body), 1, "__end__"))
    for each in nodes:
        made.append((line(api, *each, state=Shared, checkpointer=api.new_saver()), {"text": "a"}, "text"))

    number = 0
    for (flow, given, key), more in itertools.product(made, ({}, {"version": "v2"}, {"stream_mode": "updates"})):
        for keys in ([], (), key, [key]):
            number += 1
            thread = {"configurable": {"thread_id": str(number)}}
            found = flow.invoke(given, thread, output_keys=keys, **more)
            yield repr(found.value) if "version" in more else found
            modes = ["values", "updates"]
            yield list(flow.stream(api.Command(resume="b"), thread, output_keys=keys, stream_mode=modes))
            yield flow.invoke(given, thread, output_keys=keys)

    inner = api.entrypoint()(lambda x: x)
    for keys in ([], "__end__", ["__end__"]):
        yield api.entrypoint()(lambda x, k=keys: inner.invoke(x, output_keys=k)).invoke(1)
        yield api.entrypoint()(lambda x, k=keys: list(inner.stream(x, output_keys=k, stream_mode="values"))).invoke(1)
