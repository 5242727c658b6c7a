"""Graphs on the command line: nodes are shown as they run, and afterwards as steps."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Sequence

import pytest

from .conftest import Result, World
from .screen import screen

Check = Callable[[Result, int, Sequence[str]], None]

GRAPH = """
import operator, os
from typing import Annotated, TypedDict
from lgrun.func import task
from lgrun.graph import END, START, StateGraph
from lgrun.types import Send, interrupt

class State(TypedDict):
    topic: str
    n: int
    log: Annotated[list[str], operator.add]

@task
def look(text):
    return text + "!"

def plan(state):
    return {"log": [look(state["topic"]).result()]}

def left(state):
    return {"log": [interrupt({"question": "left?", "options": ["yes", "no"]})]}

def right(state):
    return {"log": [interrupt("right?")]}

def quiet(state):
    return {"n": state.get("n", 0) + 1}

def last(state):
    if not os.path.exists("mended"):
        raise ValueError("broken")
    return {"log": ["fine"]}
"""

ASKING = (
    GRAPH
    + """
builder = StateGraph(State)
for node in (plan, left, right, quiet, last):
    builder.add_node(node.__name__, node)
for name in ("left", "right", "quiet"):
    builder.add_edge("plan", name)
graph = builder.add_edge(START, "plan").add_edge(["left", "right", "quiet"], "last").add_edge("last", END).compile()
"""
)

PAUSING = (
    GRAPH
    + """
inner = StateGraph(State).add_node("plan", plan).add_edge(START, "plan").compile()
outer = StateGraph(State).add_node("inner", inner).add_node("quiet", quiet).add_edge(START, "inner")
app = outer.add_edge("inner", "quiet").compile(interrupt_before=["quiet"])
"""
)

SPREADING = (
    GRAPH
    + """
def start(state):
    return {}

def each(item):
    return {"log": [item]}

def spread(state):
    return [Send("each", letter) for letter in state["topic"]]

def report(state):
    return {"n": len(state["log"])}

flow = (
    StateGraph(State).add_node(start).add_node(each).add_node(report)
    .add_edge(START, "start").add_conditional_edges("start", spread, ["each"]).add_edge("each", "report").compile()
)
"""
)


def rows(lgrun: World, thread: str) -> list[list[str]]:
    """Return the history of a thread: what happened and its detail."""
    return [line.split("\t")[2:4] for line in lgrun("history", thread).stdout.splitlines()]


def test_questions_in_nodes_side_by_side(lgrun: World) -> None:
    """Both wait, what ran beside them is kept, and one command answers both."""
    lgrun.write("g.py", ASKING)

    asked = lgrun("invoke", "g.py", "topic=cats", "n=5", "-t", "t")
    assert asked.code == 3
    done = re.findall(r"^[✓⟲] (\w+)", asked.stderr, re.MULTILINE)
    assert done == ["look", "plan", "quiet"]
    assert asked.stderr.splitlines()[-1].strip() == "lgrun resume t q1=ANSWER q2=ANSWER"

    page = lgrun("show", "t").stdout
    assert "__start__" not in page
    assert '  state\n    {"log": ["cats!"], "topic": "cats", "n": 5}\n' in page
    assert "result" not in page
    document = lgrun("show", "t", "--json").json
    assert (document["status"], document["value"], document["has_value"]) == ("waiting", None, False)
    assert document["state"] == {"log": ["cats!"], "topic": "cats", "n": 5}

    assert lgrun("resume", "t", "q1=yes").code == 3
    assert lgrun("show", "t", "--get", "questions.0.text").stdout == "right?\n"


def test_a_failed_node_is_named_and_continued(lgrun: World) -> None:
    """The command to continue is printed, works, and repeats no finished step."""
    lgrun.write("g.py", ASKING)
    lgrun("invoke", "g.py", "topic=cats", "-t", "t")

    failed = lgrun("resume", "t", "q1=yes", "q2=no")
    assert failed.code == 1
    assert "✗ last failed\n  ValueError: broken\n" in failed.stderr
    assert failed.stderr.count("broken") == 2, "once as the error, once in the line of code"
    assert failed.stderr.splitlines()[-1] == "  2 finished steps kept, before last.  continue:  lgrun resume t"
    assert "ValueError: broken  in last" in lgrun("show", "t").stdout
    assert lgrun("list").stdout.split("\t")[1:3] == ["failed", "g.py"]
    trace = lgrun("show", "t", "--traceback").stdout.splitlines()
    assert len(trace) == 2, trace
    assert re.fullmatch(r"  .*/g\.py:\d+ in last", trace[1])
    assert len(lgrun("show", "t", "--traceback", "-v").stdout.splitlines()) > 2

    lgrun.write("mended", "")
    done = lgrun("resume", "t")
    assert (done.code, json.loads(done.stdout)["log"]) == (0, ["cats!", "yes", "no", "fine"])
    assert re.findall(r"^[✓⟲] (\w+)", done.stderr, re.MULTILINE) == ["last", "t"]


def test_history_shows_steps_and_what_nodes_wrote(lgrun: World) -> None:
    """Each step with its nodes, each node with what it wrote as an object; nothing of the node that takes the input."""
    lgrun.write("g.py", SPREADING)
    lgrun("invoke", "g.py", "topic=abc", "-t", "t")

    assert rows(lgrun, "t") == [
        ["input", '{"topic": "abc"}'],
        ["step 1", "start"],
        ["start", "✓  → each ×3"],  # noqa: RUF001
        ["step 2", "each ×3"],  # noqa: RUF001
        ["each", '✓ {"log": ["a"]}'],
        ["each", '✓ {"log": ["b"]}'],
        ["each", '✓ {"log": ["c"]}'],
        ["step 3", "report"],
        ["report", '✓ {"n": 3}'],
        ["result", '{"log": ["a", "b", "c"], "topic": "abc", "n": 3}'],
    ]
    found = lgrun("history", "t", "--json").json
    assert [(row["step"], row["leads"]) for row in found if row["kind"] == "step"] == [
        (1, ["start"]),
        (2, ["each", "each", "each"]),
        (3, ["report"]),
    ]
    assert found[4]["value"] == {"log": ["a"]}
    assert found[4]["node"] is True


def test_a_breakpoint_is_no_question(lgrun: World) -> None:
    """The run stops before a node, says so, and goes on; the graph inside another one is not offered."""
    lgrun.write("g.py", PAUSING)

    stopped = lgrun("invoke", "g.py", "topic=x", "n=3", "-t", "t")
    assert stopped.code == 1
    assert stopped.stderr.endswith(
        "■ t stopped at a breakpoint\n  1 finished step kept, before quiet.  continue:  lgrun resume t\n"
    )
    assert lgrun("show", "t", "--get", "next.0").stdout == "lgrun resume t\n"
    assert [what for what, _ in rows(lgrun, "t")] == ["input", "step 1", "look", "plan", "inner", "step 2", "stopped"]

    done = lgrun("resume", "t")
    assert (done.code, json.loads(done.stdout)) == (0, {"topic": "x", "n": 4, "log": ["x!"]})


def test_input_is_a_part_of_the_state(lgrun: World, assert_one_message: Check) -> None:
    """Items are read by the types of the state; keys may be left out, but not invented."""
    lgrun.write("g.py", SPREADING)

    assert lgrun("invoke", "g.py:flow", "topic=", "log[]=early", "n=1").json == {
        "log": ["early"],
        "topic": "",
        "n": 1,
    }
    assert_one_message(lgrun("invoke", "g.py", "n=many"), 2, ["input.n", "expected integer"])
    assert_one_message(lgrun("invoke", "g.py", "topik=x"), 2, ["input.topik", "did you mean topic?"])
    assert lgrun.threads() == lgrun.threads()[:1]


def test_which_graph(lgrun: World, assert_one_message: Check) -> None:
    """Two graphs need a name, and a graph that was not compiled is pointed out."""
    lgrun.write("two.py", SPREADING + "other = StateGraph(State).add_node(plan).add_edge(START, 'plan').compile()\n")
    lgrun.write("raw.py", SPREADING.replace(".compile()", ""))

    assert_one_message(lgrun("invoke", "two.py", "topic=a"), 2, ["two.py:flow", "two.py:other"])
    assert lgrun("invoke", "two.py:other", "topic=a").json["log"] == ["a!"]
    assert_one_message(lgrun("invoke", "raw.py"), 2, ["graph = flow.compile()"])


def test_parts_are_not_offered(lgrun: World, assert_one_message: Check) -> None:
    """An entrypoint that a graph runs and a graph that an entrypoint runs need no name; strangers do."""
    graph = "flow = StateGraph(State).add_node('part', part).add_edge(START, 'part').compile()\n"
    entry = "from lgrun.func import entrypoint\n@entrypoint()\ndef {}(given: dict): return {}\n"
    lgrun.write("inside.py", GRAPH + entry.format("part", "{'n': 7}") + graph)
    lgrun.write("around.py", GRAPH + graph.replace("part)", "quiet)") + entry.format("main", "flow.invoke(given)"))
    lgrun.write("both.py", GRAPH + graph.replace("part)", "quiet)") + entry.format("main", "given"))

    assert lgrun("invoke", "inside.py", "n=1").json["n"] == 7
    assert lgrun("invoke", "around.py", "n:=1").json["n"] == 2
    assert_one_message(lgrun("invoke", "both.py", "n:=1"), 2, ["both.py:flow", "both.py:main"])


def test_the_run_as_mermaid(lgrun: World) -> None:
    """In a pipe, show --graph is Mermaid text: steps in order, several of a name as one, questions as such."""
    lgrun.write("g.py", SPREADING)
    lgrun.write("ask.py", ASKING)
    lgrun("invoke", "g.py", "topic=abc", "-t", "done")
    lgrun("invoke", "ask.py", "topic=abc", "-t", "asking")

    lines = [re.sub(r" \d+ms", "", line.strip()) for line in lgrun("show", "done", "--graph").stdout.splitlines()]
    assert lines[5:15] == [
        "graph TD;",
        "__start__([<p>__start__</p>]):::first",
        "n1(✓ start)",
        "n2(✓ each ×3)",  # noqa: RUF001
        "n3(✓ report)",
        "__end__([<p>__end__</p>]):::last",
        "__start__ --> n1;",
        "n1 --> n2;",
        "n2 --> n3;",
        "n3 --> __end__;",
    ]
    text = lgrun("show", "asking", "--graph").stdout
    assert "(? left)" in text
    assert "(? right)" in text
    assert "__end__" not in text


def test_the_run_of_a_functional_workflow_as_mermaid(lgrun: World) -> None:
    """Tasks hang below the workflow or task that called them; what their names hold is no syntax."""
    lgrun.write(
        "f.py",
        """
from lgrun.func import entrypoint, task

@task(name="odd](name;")
def inner(n):
    return n

@task
def outer(n):
    return inner(n).result()

@entrypoint()
def flow(n: int):
    return [each.result() for each in [outer(i) for i in range(n)]]
""",
    )
    lgrun("invoke", "f.py", "2", "-t", "t")

    text = re.sub(r" \d+ms", "", lgrun("show", "t", "--graph").stdout)
    assert "n1([✓ flow]):::first" in text
    assert "n2(✓ outer ×2)" in text  # noqa: RUF001
    assert "n3([✓ odd#93;#40;name#59; ×2]):::last" in text  # noqa: RUF001
    assert "n1 -.-> n2;" in text
    assert "n2 -.-> n3;" in text


@pytest.mark.parametrize(("columns", "boxes"), [(40, False), (80, True), (100, True)])
def test_the_run_on_a_terminal(lgrun: World, columns: int, boxes: bool) -> None:
    """Boxes and lines where they fit, an indented list where they do not; nothing is wider than the screen."""
    lgrun.write("g.py", ASKING)
    lgrun("invoke", "g.py", "topic=cats", "-t", "t")

    with screen(lgrun, "show", "t", "--graph", columns=columns, lines=40) as terminal:
        assert terminal.end() == 0
    lines = terminal.everything()
    assert any("| ? left |" in line for line in lines) is boxes
    assert any(line == "? left" for line in lines) is not boxes
    order = [next(n for n, line in enumerate(lines) if name in line) for name in ("__start__", "✓ plan", "? left")]
    assert order == sorted(order)


def test_nodes_on_the_live_view(lgrun: World) -> None:
    """Nodes stand in the tree with their tasks below them, asking ones are marked, and answers let them go on."""
    lgrun.write("g.py", ASKING)

    with screen(lgrun, "invoke", "g.py", "topic=cats", "-t", "t", columns=60) as terminal:
        terminal.until("q1>")
        shown = [re.sub(r"  +\d+ms", "", line) for line in terminal.everything()]
        assert shown[1:4] == ["✓ plan", '  ✓ look  "cats"', "? left  asks"]
        terminal.type("yes").until("q2>").type("no")
        assert terminal.end() == 1
    assert "✗ t failed" in terminal.text()


def test_drawing_a_run_loads_neither_engine_nor_workflow(lgrun: World) -> None:
    """Everything is in the journal."""
    path = lgrun.write("g.py", SPREADING)
    lgrun("invoke", "g.py", "topic=abc", "-t", "t")
    path.write_text("raise SystemExit('loaded')")
    code = """
import sys
from lgrun.cli.app import run
assert run(["show", "t", "--graph"]) == 0
assert not [name for name in sys.modules if name in ("lgrun._engine.run", "lgrun._engine.program", "lgrun.workflow")]
"""
    subprocess.run([sys.executable, "-c", code], env=lgrun.env(), capture_output=True, check=True)
