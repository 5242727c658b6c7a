"""What a workflow sees of another one that it streams itself, and what whoever streams both sees."""

from collections.abc import Callable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import parts
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def three_levels(api: Api, use: Callable[[Any, Any], Any], saver: Any = None, *, in_task: bool = False) -> Any:
    """Return a workflow that uses one inside it, in its body or in a task, which calls a third one."""

    @api.task
    def leaf(x: int) -> int:
        api.get_stream_writer()(f"leaf {x}")
        return x + 1

    @api.entrypoint()
    def grandchild(x: int) -> int:
        api.get_stream_writer()(f"grandchild {x}")
        return leaf(x).result()

    @api.entrypoint()
    def child(x: int) -> int:
        api.get_stream_writer()(f"child {x}")
        return grandchild.invoke(leaf(x).result())

    @api.task
    def call(x: int) -> Any:
        return use(child, x)

    @api.entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        api.get_stream_writer()(f"parent {x}")
        return call(x).result() if in_task else use(child, x)

    return parent


def streaming(**options: Any) -> Callable[[Any, Any], Any]:
    """Return a use of a workflow: its stream, as a list."""
    return lambda flow, x: list(flow.stream(x, **options))


def invoking(**options: Any) -> Callable[[Any, Any], Any]:
    """Return a use of a workflow: what it returns."""
    return lambda flow, x: flow.invoke(x, **options)


@program
def the_default_mode_inside(api: Api) -> Iterator[Any]:
    """Updates; with `subgraphs` of those inside too."""
    for options in ({}, {"subgraphs": True}):
        for in_task in (False, True):
            flow = three_levels(api, streaming(**options), in_task=in_task)
            yield flow.invoke(1)
            yield parts(flow, 1, {}, subgraphs=True)
            yield parts(flow, 1, {}, stream_mode=["custom", "updates"])
            yield parts(flow, 1, {}, stream_mode=["custom", "updates"], subgraphs=True)


@program
def what_code_writes_inside(api: Api) -> Iterator[Any]:
    """It is shown once, to the nearest that streams it."""
    asked: list[Any] = [{"stream_mode": "custom"}, {"stream_mode": "custom", "subgraphs": True}]
    for options in (*asked, {"stream_mode": ["custom", "values"]}, {"stream_mode": "values"}):
        for in_task in (False, True):
            flow = three_levels(api, streaming(**options), in_task=in_task)
            yield flow.invoke(1)
            for mode in ("custom", "updates"):
                yield parts(flow, 1, {}, stream_mode=mode), parts(flow, 1, {}, stream_mode=mode, subgraphs=True)


@program
def tasks_and_checkpoints_inside(api: Api) -> Iterator[Any]:
    """They are told to a nested stream alone, and to the outermost."""
    for mode in ("tasks", "checkpoints", "debug"):
        for in_task in (False, True):
            use = streaming(stream_mode=mode, subgraphs=True)
            yield three_levels(api, use, in_task=in_task).invoke(1)
            yield three_levels(api, use, api.new_saver(), in_task=in_task).invoke(1, THREAD)
            flow = three_levels(api, use, api.new_saver(), in_task=in_task)
            yield parts(flow, 1, stream_mode=["updates", mode], subgraphs=True)


@program
def modes_of_invoke_inside(api: Api) -> Iterator[Any]:
    """The list of chunks, or the value."""
    for mode in ("updates", ["updates", "values"], "custom", "values", ["values"], ("values",), None):
        for version in ("v1", "v2"):
            flow = three_levels(api, invoking(stream_mode=mode, version=version))
            yield flow.invoke(1), parts(flow, 1, {}, stream_mode=["custom", "updates"], subgraphs=True)


@program
def version_two_inside(api: Api) -> Iterator[Any]:
    """Parts, and an output object from invoke."""
    for options in ({}, {"subgraphs": True}, {"stream_mode": ["values", "custom"], "subgraphs": True}):
        yield three_levels(api, streaming(version="v2", **options)).invoke(1)
        yield three_levels(api, invoking(version="v2", **options)).invoke(1)


@program
def output_keys_inside(api: Api) -> Iterator[Any]:
    """What a nested workflow shows of itself, to whoever called it and to whoever streams both."""

    @api.entrypoint()
    def child(x: int) -> Any:
        return api.entrypoint.final(value=x, save=x + 1)

    for keys in ("__end__", "__previous__", ["__end__"], ["__end__", "__previous__"]):
        for options in ({}, {"stream_mode": "updates"}, {"version": "v2"}, {"subgraphs": True}):

            @api.entrypoint(checkpointer=api.new_saver())
            def parent(x: int) -> Any:
                modes = ["updates", "values"]
                streamed = list(child.stream(x, output_keys=keys, stream_mode=modes))
                return repr([child.invoke(x, output_keys=keys, **options), streamed])

            yield parent.invoke(1, THREAD)
            yield parts(parent, 1, stream_mode=["updates", "values", "tasks", "checkpoints"], subgraphs=True)

    @api.entrypoint()
    def wrong(x: int) -> Any:
        return child.invoke(x, output_keys="zzz")

    yield attempt(wrong.invoke, 1, text=False)


@program
def with_the_configuration(api: Api) -> Iterator[Any]:
    """A nested stream that is handed the configuration of the code around yields values."""

    @api.entrypoint()
    def child(x: int) -> int:
        return x + 1

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x, *, config):
        own = api.get_config()
        return [list(child.stream(x, each)) for each in (own, config, {**own, "tags": ["a"]}, {}, {"tags": ["a"]})]

    yield parent.invoke(1, THREAD)


@program
def it_is_lazy(api: Api) -> Iterator[Any]:
    """A nested workflow begins when it is read, and never if it is not."""
    ran: list[str] = []

    @api.entrypoint()
    def child(x: int) -> int:
        ran.append(f"child {x}")
        return x

    @api.entrypoint()
    def parent(x: int) -> Any:
        stream, never = child.stream(x), child.stream(x + 1)
        ran.append("made")
        return list(stream), never.close()

    yield parent.invoke(1), ran


@program
def an_error_inside(api: Api) -> Iterator[Any]:
    """It comes after all that happened before it."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def child(x: int) -> None:
        step(x).result()
        api.get_stream_writer()("written")
        raise ValueError("no")

    for saver in (None, api.new_saver()):
        for modes in ("updates", ["updates", "custom", "tasks"]):

            @api.entrypoint(checkpointer=saver)
            def parent(x: int) -> Any:
                return repr(parts(child, x, None, stream_mode=modes))

            yield parts(parent, 1, subgraphs=True, stream_mode=["updates", "custom"])


@program
def a_question_inside(api: Api) -> Iterator[Any]:
    """It is read before it stops the code that reads."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def child(x: int) -> Any:
        step(x).result()
        return api.interrupt("child?")

    for modes in ("updates", "values", ["updates", "values", "tasks"]):
        seen: list[Any] = []

        @api.entrypoint(checkpointer=api.new_saver())
        def parent(x: int) -> str:
            for chunk in child.stream(x, stream_mode=modes):
                seen.append(chunk)
            return "read"

        for given in (1, api.Command(resume="yes")):
            yield parts(parent, given, subgraphs=True, stream_mode=["updates", "values"]), list(seen)


@program
def a_workflow_inside_that_is_complete(api: Api) -> Iterator[Any]:
    """It does not run again; where it stands is shown."""
    modes = ["values", "updates", "tasks", "checkpoints", "debug"]

    @api.entrypoint()
    def child(x: int) -> int:
        api.get_stream_writer()("written")
        return x + 1

    seen: list[Any] = []

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        seen.append(child.invoke(x))
        seen.append(list(child.stream(x, stream_mode=[*modes, "custom"])))
        return api.interrupt("?")

    for given in (1, api.Command(resume="yes")):
        yield parts(parent, given, subgraphs=True, stream_mode=modes), list(seen)


@program
def a_workflow_inside_that_is_taken_up(api: Api) -> Iterator[Any]:
    """Its question, or the error that stopped it, is shown where it goes on."""
    fails: list[ValueError] = []

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def child(x: int) -> Any:
        step(x).result()
        if fails:
            raise fails.pop()
        return [asks and api.interrupt("child?"), step(x + 1).result()]

    @api.task
    def call(x: int) -> Any:
        return child.invoke(x)

    for in_task in (False, True):
        for asks in (True, False):
            fails[:] = [] if asks else [ValueError("once")]

            @api.entrypoint(checkpointer=api.new_saver())
            def parent(x: int) -> Any:
                return call(x).result() if in_task else child.invoke(x)

            for given in (1, api.Command(resume="yes") if asks else None):
                yield parts(parent, given, subgraphs=True, stream_mode=["values", "updates", "checkpoints", "debug"])


@program
def leaving_a_nested_stream(api: Api) -> Iterator[Any]:
    """The workflow inside goes on to its end."""
    ran: list[Any] = []

    @api.task
    def step(x: int) -> int:
        ran.append(x)
        return x

    @api.entrypoint()
    def child(x: int) -> int:
        step(1).result()
        step(2).result()
        ran.append("end")
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        stream = child.stream(x)
        first = next(stream)
        stream.close()
        return [first, list(ran)]

    yield parts(parent, 1)


@program
def three_levels_that_are_taken_up(api: Api) -> Iterator[Any]:
    """Where a workflow inside goes on, its step has the question of the one inside it, and the caller's metadata."""

    @api.entrypoint()
    def grandchild(x: int) -> Any:
        return api.interrupt("?")

    @api.entrypoint()
    def finished(x: int) -> int:
        return x

    @api.entrypoint()
    def child(x: int) -> Any:
        return [finished.invoke(x), grandchild.invoke(x)]

    @api.task
    def call(x: int) -> str:
        for modes in ("debug", ["checkpoints", "values"]):
            seen.extend(child.stream(x, stream_mode=modes))
        return "read"

    seen: list[Any] = []
    config = {**THREAD, "metadata": {"user": "u"}}
    for use in (lambda x: child.invoke(x), lambda x: call(x).result()):
        for options in ({"stream_mode": "checkpoints", "subgraphs": True}, {"stream_mode": "updates"}):
            flow = api.entrypoint(checkpointer=api.new_saver())(use)
            for given in (1, api.Command(resume="yes"), api.Command(resume="again")):
                yield parts(flow, given, config, **options), list(seen)
