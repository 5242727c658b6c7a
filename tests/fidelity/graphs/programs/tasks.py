"""Graphs and the functional interface together."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, fan, line, parts, says, short
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


@program
def a_task_in_a_node(api: Api) -> Iterator[Any]:
    """Its result is streamed before the node's update."""

    @api.task
    def double(x: int) -> int:
        return 2 * x

    def node(state: Log) -> Any:
        futures = [double(n) for n in range(2)]
        return {"log": [future.result() for future in futures], "n": double(state["n"]).result()}

    flow = line(api, says("a"), node, checkpointer=api.new_saver())
    yield Bag(list(flow.stream({"n": 5}, THREAD))), flow.get_state(THREAD).values, brief(flow)


@program
def streams_of_a_task_in_a_node(api: Api) -> Iterator[Any]:
    """In every mode."""

    @api.task
    def double(x: int) -> int:
        api.get_stream_writer()("in the task")
        return 2 * x

    def node(state: Log) -> Any:
        return {"n": double(state["n"]).result()}

    modes = ["updates", "values", "custom", "tasks", "checkpoints"]
    yield list(line(api, node, checkpointer=api.new_saver()).stream({"n": 5}, THREAD, stream_mode=modes))


@program
def a_task_before_a_question(api: Api) -> Iterator[Any]:
    """It is not run again when the node is."""
    ran: list[Any] = []

    @api.task
    def work(x: int) -> int:
        ran.append(x)
        return x + 1

    def node(state: Log) -> Any:
        ran.append("node")
        first = work(1).result()
        answer = api.interrupt(f"{first}?")
        return {"log": [first, answer, work(10).result()]}

    flow = line(api, node, says("z"), checkpointer=api.new_saver())
    yield list(flow.stream({"n": 0}, THREAD)), flow.get_state(THREAD).tasks
    yield list(flow.stream(api.Command(resume="yes"), THREAD)), ran, short(flow)


@program
def a_task_that_asks(api: Api) -> Iterator[Any]:
    """The node waits."""

    @api.task
    def ask(x: str) -> Any:
        return api.interrupt(x)

    def node(state: Log) -> Any:
        return {"log": [ask("1?").result(), ask("2?").result()]}

    flow = line(api, node, checkpointer=api.new_saver())
    yield flow.invoke({"n": 0}, THREAD), flow.get_state(THREAD).next
    yield flow.invoke(api.Command(resume="one"), THREAD)
    yield flow.invoke(api.Command(resume="two"), THREAD)


@program
def a_task_that_fails(api: Api) -> Iterator[Any]:
    """Finished tasks of the node are kept."""
    ran: list[str] = []
    fails = [ValueError("once")]

    @api.task
    def good() -> str:
        ran.append("good")
        return "good"

    @api.task
    def bad() -> str:
        ran.append("bad")
        if fails:
            raise fails.pop()
        return "bad"

    def node(state: Log) -> Any:
        return {"log": [good().result(), bad().result()]}

    flow = line(api, node, checkpointer=api.new_saver())
    yield parts(flow, {"n": 0}), flow.get_state(THREAD).tasks
    yield parts(flow, None), ran


@program
def tasks_of_nodes_side_by_side(api: Api) -> Iterator[Any]:
    """Each node has its own, with equal names and arguments."""
    ran: list[str] = []

    @api.task
    def work(x: int) -> int:
        ran.append("work")
        return x + 1

    def p(state: Log) -> Any:
        return {"log": [["p", work(1).result(), api.interrupt("p?")]]}

    def q(state: Log) -> Any:
        return {"log": [["q", work(1).result(), api.interrupt("q?")]]}

    flow = fan(api, p, q, checkpointer=api.new_saver())
    first = flow.invoke({"n": 0}, THREAD)
    answers = {each.id: each.value for each in first["__interrupt__"]}
    yield flow.invoke(api.Command(resume=answers), THREAD), len(ran)


@program
def a_workflow_in_a_node(api: Api) -> Iterator[Any]:
    """An entrypoint called by a node, and one that is a node."""
    ran: list[str] = []

    @api.task
    def work(x: int) -> int:
        ran.append("work")
        return x + 1

    @api.entrypoint()
    def inner(x: int) -> Any:
        ran.append("inner")
        return [work(x).result(), api.interrupt("inner?")]

    def node(state: Log) -> Any:
        return {"log": inner.invoke(state["n"])}

    flow = line(api, node, checkpointer=api.new_saver())
    yield list(flow.stream({"n": 1}, THREAD, subgraphs=True)), flow.get_state(THREAD).tasks
    yield flow.invoke(api.Command(resume="yes"), THREAD), ran


@program
def a_workflow_as_a_node(api: Api) -> Iterator[Any]:
    """It gets the state and returns an update."""

    @api.entrypoint()
    def inner(state: Any) -> Any:
        return {"log": [f"inner {state['n']}"], "n": 9}

    builder = api.StateGraph(Log).add_node("inner", inner).add_edge(api.START, "inner")
    yield list(
        builder.compile(checkpointer=api.new_saver()).stream({"n": 1}, THREAD, stream_mode=["updates", "values"])
    )


@program
def a_graph_in_a_workflow(api: Api) -> Iterator[Any]:
    """Its finished nodes do not run again when the workflow is taken up."""
    ran: list[str] = []

    def a(state: Log) -> Any:
        ran.append("a")
        return {"log": ["a"]}

    def ask(state: Log) -> Any:
        ran.append("ask")
        return {"log": [api.interrupt("?")]}

    graph = line(api, a, ask)

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        ran.append("main")
        return graph.invoke({"n": x})

    yield list(main.stream(1, THREAD, subgraphs=True)), main.get_state(THREAD, subgraphs=True).tasks
    yield list(main.stream(api.Command(resume="yes"), THREAD, subgraphs=True)), ran


@program
def a_graph_in_a_task(api: Api) -> Iterator[Any]:
    """The same one level down."""
    ran: list[str] = []

    def a(state: Log) -> Any:
        ran.append("a")
        return {"log": ["a"]}

    def ask(state: Log) -> Any:
        ran.append("ask")
        return {"log": [api.interrupt("?")]}

    graph = line(api, a, ask)

    @api.task
    def call(x: int) -> Any:
        ran.append("call")
        return graph.invoke({"n": x})["log"]

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return call(x).result()

    yield main.invoke(1, THREAD)
    yield main.invoke(api.Command(resume="yes"), THREAD), ran


@program
def two_graphs_in_a_workflow(api: Api) -> Iterator[Any]:
    """One after another; a finished one is not run again."""
    ran: list[str] = []

    def make(name: str) -> Any:
        def node(state: Log) -> Any:
            ran.append(name)
            return {"log": [api.interrupt(f"{name}?")]}

        node.__name__ = name
        return line(api, node)

    first, second = make("first"), make("second")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return first.invoke({"n": x})["log"] + second.invoke({"n": x})["log"]

    for given in (1, api.Command(resume="1"), api.Command(resume="2")):
        yield main.invoke(given, THREAD)
    yield ran


@program
def a_task_returns_what_is_no_update(api: Api) -> Iterator[Any]:
    """A task's result is its own affair."""

    @api.task
    def none() -> None:
        return None

    @api.task
    def command() -> Any:
        return api.Command(goto="nowhere")

    def node(state: Log) -> Any:
        return {"log": [none().result(), type(command().result()).__name__]}

    yield parts(line(api, node), {"n": 0})


@program
def a_task_as_a_node(api: Api) -> Iterator[Any]:
    """Is a function like others, or refused."""

    @api.task
    def node(state: Log) -> Any:
        return {"log": ["task"]}

    yield attempt(lambda: line(api, node).invoke({"n": 0}), text=False)
