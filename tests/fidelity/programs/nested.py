"""Tasks in tasks, workflows in workflows."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

MODES = ["updates", "values", "custom", "tasks"]


def family(api: Api, ran: list[str], saver: Any, *, ask: bool = False, in_task: bool = False) -> Any:
    """Return a workflow that calls another one, in its body or in a task."""

    @api.task
    def leaf(x: int) -> int:
        ran.append(f"leaf {x}")
        api.get_stream_writer()(f"leaf {x}")
        return x + 1

    @api.entrypoint()
    def child(x: int) -> Any:
        ran.append("child")
        api.get_stream_writer()("child")
        y = leaf(x).result()
        return [y, api.interrupt(f"child {x}?")] if ask else [y]

    @api.task
    def call_child(x: int) -> Any:
        ran.append("call_child")
        return child.invoke(x)

    @api.entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        ran.append("parent")
        api.get_stream_writer()("parent")
        y = leaf(x * 10).result()
        one = call_child(y).result() if in_task else child.invoke(y)
        two = call_child(y + 5).result() if in_task else child.invoke(y + 5)
        return {"one": one, "two": two}

    return parent


@program
def tasks_in_tasks(api: Api) -> Iterator[Any]:
    """The inner chunks come first."""

    @api.task
    def inner(x: int) -> int:
        return x + 1

    @api.task
    def outer(x: int) -> int:
        return inner(inner(x).result()).result() * 10

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> int:
        return outer(x).result()

    yield list(main.stream(1, THREAD, stream_mode=["updates", "tasks"]))


@program
def without_subgraphs(api: Api) -> Iterator[Any]:
    """Nothing of a nested workflow is seen."""
    for in_task in (False, True):
        yield list(family(api, [], None, in_task=in_task).stream(1, stream_mode=["updates", "custom", "values"]))


@program
def with_subgraphs_in_the_body(api: Api) -> Iterator[Any]:
    """Each chunk has its namespace."""
    yield list(family(api, [], api.new_saver()).stream(1, THREAD, subgraphs=True))
    yield list(family(api, [], None).stream(1, stream_mode=MODES, subgraphs=True))
    yield list(family(api, [], None).stream(1, stream_mode="custom", subgraphs=True))


@program
def with_subgraphs_in_a_task(api: Api) -> Iterator[Any]:
    """The namespace names the task."""
    yield list(family(api, [], api.new_saver(), in_task=True).stream(1, THREAD, subgraphs=True))
    yield list(family(api, [], None, in_task=True).stream(1, stream_mode=["updates", "custom"], subgraphs=True))


@program
def version_two_with_subgraphs(api: Api) -> Iterator[Any]:
    """The namespace is a part."""
    yield list(family(api, [], None).stream(1, stream_mode=["updates", "custom"], subgraphs=True, version="v2"))


@program
def checkpoints_with_subgraphs(api: Api) -> Iterator[Any]:
    """Those of nested workflows are seen."""
    flow = family(api, [], api.new_saver())
    yield list(flow.stream(1, THREAD, stream_mode="checkpoints", subgraphs=True))


@program
def debug_with_subgraphs(api: Api) -> Iterator[Any]:
    """Tasks and checkpoints, with their namespaces."""
    flow = family(api, [], api.new_saver())
    yield list(flow.stream(1, THREAD, stream_mode="debug", subgraphs=True))


@program
def questions_of_children(api: Api) -> Iterator[Any]:
    """Each child pauses in turn; what is finished does not run again."""
    ran: list[str] = []
    flow = family(api, ran, api.new_saver(), ask=True)
    for given in (1, api.Command(resume="A"), api.Command(resume="B")):
        yield list(flow.stream(given, THREAD, stream_mode=["updates", "values"]))
        state = flow.get_state(THREAD)
        yield state.values, state.next, state.interrupts, list(ran)


@program
def questions_of_children_in_tasks(api: Api) -> Iterator[Any]:
    """The same inside tasks."""
    ran: list[str] = []
    flow = family(api, ran, api.new_saver(), ask=True, in_task=True)
    for given in (1, api.Command(resume="A"), api.Command(resume="B")):
        yield list(flow.stream(given, THREAD, stream_mode=["updates", "values"]))
        yield flow.get_state(THREAD).interrupts, list(ran)


@program
def questions_of_children_with_subgraphs(api: Api) -> Iterator[Any]:
    """The stream shows where each one stops."""
    flow = family(api, [], api.new_saver(), ask=True)
    for given in (1, api.Command(resume="A"), api.Command(resume="B")):
        yield list(flow.stream(given, THREAD, subgraphs=True))


@program
def questions_of_children_in_tasks_mode(api: Api) -> Iterator[Any]:
    """Starts and ends around a question of a nested workflow."""
    flow = family(api, [], api.new_saver(), ask=True)
    for given in (1, api.Command(resume="A"), api.Command(resume="B")):
        yield list(flow.stream(given, THREAD, stream_mode="tasks", subgraphs=True))


@program
def a_failing_child(api: Api) -> Iterator[Any]:
    """The error reaches the parent and its caller; finished tasks of the child are kept."""
    ran: list[str] = []
    broken = [True]

    @api.task
    def step(x: int) -> int:
        ran.append(f"step {x}")
        return x

    @api.entrypoint()
    def child(x: int) -> int:
        ran.append("child")
        y = step(x).result()
        if broken:
            broken.clear()
            raise ValueError("child")
        return y

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> int:
        ran.append("parent")
        return child.invoke(step(x).result() + 1)

    yield attempt(parent.invoke, 1, THREAD)
    state = parent.get_state(THREAD)
    yield state.next, state.tasks[0].error
    yield parent.invoke(None, THREAD), ran


@program
def a_caught_child_error(api: Api) -> Iterator[Any]:
    """The parent goes on."""

    @api.entrypoint()
    def child(x: int) -> int:
        raise ValueError("child")

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        caught = attempt(child.invoke, x)
        return str(caught.error)

    yield list(parent.stream(1, THREAD, stream_mode=["updates", "values"]))


@program
def a_child_has_no_memory(api: Api) -> Iterator[Any]:
    """Its `previous` is None in every call."""
    seen: list[Any] = []

    @api.entrypoint()
    def child(x: int, *, previous: Any = None) -> int:
        seen.append(previous)
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int, *, previous: Any = None) -> Any:
        return [child.invoke(x), child.invoke(x + 1), previous]

    yield parent.invoke(1, THREAD), parent.invoke(5, THREAD), seen


@program
def a_child_on_its_own_thread(api: Api) -> Iterator[Any]:
    """An explicit thread gives it a memory of its own."""
    saver = api.new_saver()

    @api.entrypoint(checkpointer=saver)
    def child(x: int, *, previous: Any = None) -> Any:
        return [x, previous]

    @api.entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        return child.invoke(x, {"configurable": {"thread_id": "child"}})

    yield parent.invoke(1, THREAD), parent.invoke(2, THREAD)
    yield child.get_state({"configurable": {"thread_id": "child"}}).values


@program
def a_childs_stream(api: Api) -> Iterator[Any]:
    """Inside the parent, updates, as everywhere."""

    @api.task
    def step(x: int) -> int:
        return x + 1

    @api.entrypoint()
    def child(x: int) -> int:
        return step(x).result()

    @api.entrypoint()
    def parent(x: int) -> Any:
        return [list(child.stream(x)), list(child.stream(x, stream_mode="values")), child.invoke(x)]

    yield parent.invoke(1)


@program
def final_of_a_child(api: Api) -> Iterator[Any]:
    """The value reaches the parent."""

    @api.entrypoint()
    def child(x: int) -> Any:
        return api.entrypoint.final(value=x, save="hidden")

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        return {"child": child.invoke(x)}

    yield list(parent.stream(1, THREAD, subgraphs=True, stream_mode=["updates", "values"]))


@program
def itself(api: Api) -> Iterator[Any]:
    """A workflow calls itself."""
    flows: list[Any] = []

    @api.entrypoint(checkpointer=api.new_saver())
    def down(n: int) -> Any:
        return [n, flows[0].invoke(n - 1)] if n else [0]

    flows.append(down)
    yield list(down.stream(2, THREAD, subgraphs=True))


@program
def children_in_parallel_tasks(api: Api) -> Iterator[Any]:
    """Each one's chunks have their own namespace."""

    @api.task
    def leaf(x: int) -> int:
        return x + 1

    @api.entrypoint()
    def child(x: int) -> int:
        return leaf(x).result()

    @api.task
    def call(x: int) -> Any:
        return child.invoke(x)

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        return [future.result() for future in [call(1), call(5)]]

    yield Bag(parent.stream(1, THREAD, subgraphs=True))
    yield parent.get_state(THREAD).values


@program
def state_with_subgraphs(api: Api) -> Iterator[Any]:
    """The snapshot of a paused workflow refers to the child's."""
    flow = family(api, [], api.new_saver(), ask=True)
    flow.invoke(1, THREAD)
    yield flow.get_state(THREAD).tasks
    yield flow.get_state(THREAD, subgraphs=True).tasks[0].interrupts
