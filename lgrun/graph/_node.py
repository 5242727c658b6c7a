"""From a user's function to what a node runs: the function itself, what it returned, and its conditional edges.

The flow is written once, as a generator that yields calls of user code and is sent what they returned; a sync and an
async shell drive it.
"""

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from functools import partial
from typing import Any, TypeAlias

from lgrun._engine.context import current
from lgrun._engine.model import NodeResult
from lgrun.errors import ParentCommand
from lgrun.graph._plan import Branch, Plan
from lgrun.graph._schema import coerced
from lgrun.types import Command

Calls: TypeAlias = Generator[Callable[[], Any], Any, NodeResult]


def runner(
    plan: Callable[[], Plan],
    call: Callable[..., Any] | None,
    branches: Sequence[Branch],
    *,
    is_async: bool,
    handles: bool = False,
) -> Callable[..., Any]:
    """Return what a node's Function calls: given the node's input and the state, it returns a NodeResult.

    Args:
        plan: returns the graph that the node belongs to.
        call: the user's function; None for START, which takes the graph's input in.
        branches: the node's conditional edges.
        is_async: the function, or one of the branches, is async.
        handles: the function handles the error of a node; it may ask for a NodeError.
    """
    asks = _error_parameter(call) if handles and call is not None else None

    def calls(given: Any, values: Mapping[str, Any], error: Any = None, **injected: Any) -> Calls:
        extra = {asks: error, **injected} if asks else injected
        graph = plan()
        result = graph.taken_in(given) if call is None else (yield from _returned(graph, partial(call, given, **extra)))
        result = _with_pushed(graph, result)
        if branches:
            seen = {**values, **graph.merged(values, [result])}
            for branch in branches:
                answer = yield partial(_ask, branch, seen)
                result["goto"] = [*result.get("goto", ()), *branch.targets(answer)]
        if handles:
            result["handled"] = True
        return result

    def run(*args: Any, **injected: Any) -> NodeResult:
        return _drive(calls(*args, **injected))

    async def arun(*args: Any, **injected: Any) -> NodeResult:
        return await _adrive(calls(*args, **injected))

    return arun if is_async else run


def configured(call: Callable[..., Any]) -> Callable[[Any], Any]:
    """Return what runs a workflow that is a node: `call` with the node's configuration, laid over its own."""

    def run(given: Any) -> Any:
        frame: Any = current.get()
        return call(given, frame.config)

    return run


def _ask(branch: Branch, values: Mapping[str, Any]) -> Any:
    frame: Any = current.get()
    return branch.call(coerced(branch.schema, values), **frame.offered(branch.inject))


def _returned(plan: Plan, call: Callable[[], Any]) -> Calls:
    try:
        returned = yield call
    except ParentCommand as sent:
        # From a graph inside: it is for this one.
        returned = Command(update=sent.command.update, goto=sent.command.goto)
    return plan.result(returned)


def _with_pushed(plan: Plan, result: NodeResult) -> NodeResult:
    """Put the messages that a node's code pushed before what it returned."""
    frame: Any = current.get()
    if frame.pushed:
        pushed = [[key, message] for key, message in frame.pushed if key in plan.keys]
        result["update"] = [*pushed, *result.get("update", ())]
    return result


def _drive(calls: Calls) -> NodeResult:
    answer: Any = None
    failure: BaseException | None = None
    while True:
        try:
            call = calls.send(answer) if failure is None else calls.throw(failure)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = failure = None
        try:
            answer = call()
        except BaseException as error:
            failure = error


async def _adrive(calls: Calls) -> NodeResult:
    answer: Any = None
    failure: BaseException | None = None
    while True:
        try:
            call = calls.send(answer) if failure is None else calls.throw(failure)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]
        answer = failure = None
        try:
            answer = call()
            if inspect.isawaitable(answer):
                answer = await answer
        except BaseException as error:
            failure = error


def _error_parameter(call: Callable[..., Any]) -> str | None:
    """Return the name of the parameter that is to get the NodeError, if there is one."""
    for parameter in inspect.signature(call).parameters.values():
        annotation = parameter.annotation
        name = annotation if isinstance(annotation, str) else getattr(annotation, "__name__", "")
        if name.rpartition(".")[2] == "NodeError":
            return parameter.name
    return None
