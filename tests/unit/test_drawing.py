"""Graphs as boxes and lines."""

import subprocess
import sys
from typing import Any, TypedDict

import pytest

from lgrun.graph import END, START, StateGraph

REACT = """\
  +-----------+
  | __start__ |
  +-----------+
        |
        v
    +-------+
    | agent |
    +-------+
       :  ^
   +...+..+......+
   :  +---+      :
   v  |          v
+-------+   +---------+
| tools |   | __end__ |
+-------+   +---------+"""


class State(TypedDict):
    """A state."""

    n: int


def graph(edges: str, ways: str = "") -> Any:
    """Return the drawing of edges written as `a>b a>c`; `^` is the start, `$` the end; `ways` are conditional."""
    special = {"^": START, "$": END}
    pairs = [[special.get(name, name) for name in edge.split(">")] for edge in edges.split()]
    dotted = [[special.get(name, name) for name in edge.split(">")] for edge in ways.split()]
    builder = StateGraph(State)
    for name in sorted({name for pair in [*pairs, *dotted] for name in pair} - {START, END}):
        builder.add_node(name, lambda state: None)
    for source, target in pairs:
        builder.add_edge(source, target)
    for source in {source for source, _ in dotted}:
        targets = [target for each, target in dotted if each == source]
        builder.add_conditional_edges(source, lambda state: END, targets)
    return builder.compile().get_graph()


def test_a_circle(capsys: pytest.CaptureFixture[str]) -> None:
    """An agent and its tools: a dotted line to each way, a line back up with its own head."""
    drawing = graph("^>agent tools>agent", "agent>tools agent>$")

    assert drawing.draw_ascii() == REACT
    drawing.print_ascii()
    assert capsys.readouterr().out == REACT + "\n"


def test_every_node_has_a_box_and_no_boxes_meet() -> None:
    """All nodes are there, above one another in the order in which they run, and each line has a head."""
    drawing = graph("^>plan plan>search plan>fetch search>judge fetch>judge write>review", "judge>write judge>plan")
    rows = drawing.draw_ascii().splitlines()
    at = {name: next(n for n, row in enumerate(rows) if f"| {name} |" in row) for name in drawing.nodes}

    assert at[START] < at["plan"] < at["search"] == at["fetch"] < at["judge"] < at["write"] < at["review"] < at[END]
    heads = sum(row.count("v") for row in rows if "| " not in row) + sum(row.count("^") for row in rows)
    assert heads == len(drawing.edges)
    assert max(map(len, rows)) < 60


def test_loops_and_strangers() -> None:
    """A node that leads to itself says so; one that nothing leads to has a box too."""
    drawing = graph("^>again again>again stray>again").draw_ascii()

    assert "| again (loop) |" in drawing
    assert "| stray |" in drawing


def test_frames_inside_frames_keep_their_nodes() -> None:
    """A graph in a graph in a graph, none with more than one node: every node stays inside its frames."""
    inner = StateGraph(State).add_node("x", lambda state: None).add_edge(START, "x").compile()
    middle = StateGraph(State).add_node("inner", inner).add_edge(START, "inner").compile()
    outer = StateGraph(State).add_node("middle", middle).add_edge(START, "middle").compile()
    lines = [line.strip() for line in outer.get_graph(xray=True).draw_mermaid().splitlines()]

    start = lines.index("subgraph middle")
    frame = lines[start : start + 5]
    assert frame == ["subgraph middle", "subgraph inner", "middle\\3ainner\\3ax(x)", "end", "end"]


def test_drawing_needs_nothing_else() -> None:
    """Neither drawing nor compiling imports pydantic or a layout library."""
    code = """
import sys
from lgrun.func import entrypoint
assert "lgrun.drawing" not in sys.modules
@entrypoint()
def flow(given: int) -> int: ...
flow.get_graph().print_ascii(); flow.get_graph().draw_mermaid()
assert not {"pydantic", "grandalf", "langchain_core"} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
