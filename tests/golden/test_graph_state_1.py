"""A graph's thread of format 1, as lgrun 0.1 wrote it, in `graph-state-1/`: it waits in the middle of a step.

It is never written again: made once, from the root of the repository, by

    PYTHONPATH=. python tests/golden/test_graph_state_1.py tests/golden/graph-state-1
"""

import operator
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

from lgrun.checkpoint.file import FileSaver
from lgrun.graph import START, StateGraph
from lgrun.types import Command, Send, interrupt

THREAD = {"configurable": {"thread_id": "graph"}}
RAN: list[str] = []


class State(TypedDict):
    """A list that grows."""

    log: Annotated[list[Any], operator.add]


def first(state: State) -> Command[Any]:
    RAN.append("first")
    return Command(update={"log": [("first", 1)]}, goto=[Send("sent", {"n": 7}), "ask"])


def sent(given: Any) -> dict[str, Any]:
    RAN.append("sent")
    return {"log": [given["n"]]}


def ask(state: State) -> dict[str, Any]:
    RAN.append("ask")
    return {"log": [interrupt("go on?")]}


def beside(state: State) -> dict[str, Any]:
    RAN.append("beside")
    return {"log": ["beside"]}


def joined(state: State) -> dict[str, Any]:
    RAN.append("joined")
    return {"log": ["joined"]}


def late(state: State) -> dict[str, Any]:
    RAN.append("late")
    return {"log": ["late"]}


def graph(directory: Path) -> Any:
    """Return a graph with Sends, a join, a deferred node and a question."""
    builder = StateGraph(State)
    for node in (first, sent, ask, beside, joined):
        builder.add_node(node)
    builder.add_node(late, defer=True)
    builder.add_edge(START, "first").add_edge(START, "beside").add_edge("first", "late")
    builder.add_edge(["beside", "ask"], "joined")
    return builder.compile(checkpointer=FileSaver(directory))


def make(directory: Path) -> None:
    graph(directory).invoke({"log": []}, THREAD)


def test_goes_on(copy_of: Callable[[str], Path]) -> None:
    """What had finished is known, what waits is asked, a join and a deferred node are still to come."""
    flow = graph(copy_of("graph-state-1"))
    state = flow.get_state(THREAD)
    assert state.next == ("ask",)
    assert state.values == {"log": ["beside", ("first", 1), 7]}
    assert [entry.next for entry in flow.get_state_history(THREAD)] == [("sent", "ask"), ("first", "beside"), (START,)]
    RAN.clear()

    flow.invoke(Command(resume="yes"), THREAD)

    assert flow.get_state(THREAD).values == {"log": ["beside", ("first", 1), "yes", 7, "joined", "late"]}
    assert RAN == ["ask", "joined", "late"]


if __name__ == "__main__":
    make(Path(sys.argv[1]))
