"""A graph, killed with SIGKILL and taken up again: no acknowledged node runs twice.

A node is acknowledged when its update has been printed. Side effects are counted in a file, one line per execution.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

LGRUN = str(Path(sys.executable).with_name("lgrun"))
NODES = {"first", "left", "right", "slow", "x", "y", "last"}
"""Every node with a side effect: `left`, `right` and `slow` run side by side, `x` and `y` inside a nested graph."""

GRAPH = """
import operator, os, sys, time
from typing import Annotated, TypedDict
from lgrun.checkpoint.file import FileSaver
from lgrun.graph import END, START, StateGraph

class State(TypedDict):
    log: Annotated[list, operator.add]

def node(name, seconds):
    def run(state):
        with open("effects", "a") as file:
            file.write(name + "\\n")
        time.sleep(seconds)
        return {"log": [name]}
    run.__name__ = name
    return run

inner = StateGraph(State).add_node(node("x", 0.01)).add_node(node("y", 0.01))
inner = inner.add_edge(START, "x").add_edge("x", "y").compile()

def nested(state):
    return {"log": inner.invoke({"log": []})["log"]}

builder = StateGraph(State).add_node(node("first", 0.01)).add_edge(START, "first")
for name, seconds in (("left", 0.01), ("right", 0.03), ("slow", 0.06)):
    builder.add_node(node(name, seconds)).add_edge("first", name)
builder.add_node(nested).add_edge(["left", "right", "slow"], "nested")
builder.add_node(node("last", 0.01)).add_edge("nested", "last").add_edge("last", END)
graph = builder.compile()

if __name__ == "__main__":
    graph = builder.compile(checkpointer=FileSaver("state"))
    given = {"log": []} if sys.argv[1:] else None
    config = {"configurable": {"thread_id": "t"}}
    for _, chunk in graph.stream(given, config, stream_mode="updates", subgraphs=True, durability="sync"):
        print(*chunk, flush=True)
    print("=", *graph.get_state(config).values["log"])
"""

LOG = "= first left right slow x y last"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the graph, its state and its side effects."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "flow.py").write_text(GRAPH)
    return tmp_path


def effects(place: Path) -> Counter[str]:
    log = place / "effects"
    return Counter(log.read_text().split()) if log.exists() else Counter()


def acknowledged(lines: str) -> set[str]:
    return {line for line in lines.split() if line in NODES}


def take_up(place: Path, told: set[str]) -> None:
    """Continue the killed run (or start it, when nothing is saved) and check what ran how often."""
    begun = effects(place)
    result = subprocess.run([sys.executable, "flow.py"], capture_output=True, text=True)
    if "EmptyInputError" in result.stderr:
        assert not begun
        result = subprocess.run([sys.executable, "flow.py", "new"], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines()[-1] == LOG
    assert result.stderr == ""
    ran = effects(place)
    assert set(ran) == NODES
    assert {name for name in told if ran[name] > 1} == set(), "an acknowledged node ran again"
    assert max(ran.values()) <= 2


@pytest.mark.parametrize("count", range(1, 8))
def test_killed_at_an_acknowledgement(place: Path, count: int) -> None:
    """Right after the n-th node is acknowledged, be it in the middle of a step or inside a nested graph."""
    process = subprocess.Popen([sys.executable, "flow.py", "new"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told: set[str] = set()
    for line in process.stdout:
        told |= acknowledged(line)
        if len(told) == count:
            break
    process.send_signal(signal.SIGKILL)
    told |= acknowledged(process.communicate()[0])
    assert len(told) >= count

    take_up(place, told)


@pytest.mark.parametrize("seed", range(12))
def test_killed_at_a_random_moment(place: Path, seed: int) -> None:
    """While it starts, loads, runs or ends."""
    process = subprocess.Popen([sys.executable, "flow.py", "new"], stdout=subprocess.PIPE, text=True)
    time.sleep(random.Random(seed).uniform(0.1, 0.7))  # the moment itself is what is tested
    process.send_signal(signal.SIGKILL)

    take_up(place, acknowledged(process.communicate()[0]))


def test_killed_while_the_installed_command_runs_it(place: Path) -> None:
    """The command takes a graph up where it was: in its last step but one, which has a nested graph."""
    environment = {**os.environ, "LGRUN_STATE_DIR": str(place / "state")}
    command = [LGRUN, "invoke", "flow.py:graph", "-i", '{"log": []}', "-t", "t"]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 50
    while not effects(place)["x"]:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()

    result = subprocess.run(
        [LGRUN, "resume", "t"], env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )

    assert result.returncode == 0, result.stderr
    ran = effects(place)
    assert set(ran) == NODES
    assert ran["first"] == ran["left"] == ran["right"] == ran["slow"] == 1
