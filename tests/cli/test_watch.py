"""lgrun watch: a thread followed from another process."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.following import Follower, Until
from lgrun.cli.happenings import Happening
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt

from .conftest import LGRUN, Result, World
from .screen import screen
from .sources import ASK, HEAD, HELLO
from .test_events import WAITS, as_document, events, rest_of, types
from .test_scripts import SHELLS, printed, sh

Check = Callable[[Result, int, Sequence[str]], None]

PARTS = (
    HEAD
    + """
import os, time
from typing import Annotated, TypedDict
from operator import add
from lgrun.graph import START, StateGraph
from lgrun.types import Send

@task
def inner(x: int) -> int:
    return x + 1

@task
def outer(x: int) -> int:
    return inner(x).result()

class State(TypedDict, total=False):
    n: Annotated[list, add]

def plan(state: State) -> dict:
    return {"n": [0]}

def each(state: State) -> list:
    return [Send("work", {"n": [1]})]

def work(state: State) -> dict:
    return {"n": [inner(state["n"][0]).result()]}

builder = StateGraph(State).add_node(plan).add_node(work).add_edge(START, "plan")
graph = builder.add_conditional_edges("plan", each).compile()

@entrypoint()
def nested(x: int) -> int:
    return outer(x).result()

@entrypoint()
def flow(x: int) -> list:
    found = [outer(x).result(), nested.invoke(x)]
    return [*found, interrupt("go on?")]

@entrypoint()
def fails(x: int):
    try:
        boom().result()
    except ValueError:
        pass
    for _ in range(3000):
        if os.path.exists("go"):
            break
        time.sleep(0.01)
    return inner(x).result()

@task
def boom():
    raise ValueError("no")
"""
)


def without_time(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return events without when they were told."""
    return [{key: one[key] for key in one if key != "ts"} for one in found]


@pytest.mark.parametrize(("name", "code"), [("graph", 0), ("flow", 3)])
def test_the_same_events(lgrun: World, name: str, code: int) -> None:
    """Read back from the journal, a run looks as it did from inside: the same events with the same ids."""
    lgrun.write("parts.py", PARTS)
    given = ["n:=[]"] if name == "graph" else ["1"]
    every = ["--ndjson", "--events", "task,checkpoint"]

    inside = lgrun("invoke", f"parts.py:{name}", *given, "-t", "t", *every)
    outside = lgrun("watch", "t", *every)

    assert inside.code == outside.code == code
    assert without_time(events(inside.stdout)) == without_time(events(outside.stdout))
    assert len(events(outside.stdout)) > 8


def test_an_answered_run(lgrun: World) -> None:
    """A run that was taken up: its whole story; as --from now only how it stands; and then what it returned."""
    lgrun.write("parts.py", PARTS)
    lgrun("invoke", "parts.py:flow", "1", "-t", "t")
    lgrun("resume", "t", "q1=yes")

    found = events(lgrun("watch", "t", "--ndjson").stdout)

    task = ["task.start", "task.start", "task.end", "task.end"]
    assert types(found) == ["run.start", *task, *task, "question", "run.start", "answer", "run.end"]
    assert [one["continued"] for one in found if one["type"] == "run.start"] == [False, True]
    assert (found[-2]["q"], found[-2]["value"]) == ("q1", "yes")
    assert as_document(found[-1]) == lgrun("show", "t", "--json").json
    assert types(events(lgrun("watch", "t", "--ndjson", "--from", "now").stdout)) == ["run.start", "run.end"]
    assert lgrun("watch", "t", "--json").json == lgrun("show", "t", "--json").json
    assert lgrun("watch", "--get", "value").stdout == '[2, 2, "yes"]\n'


def test_lines_and_the_answer(lgrun: World) -> None:
    """In a pipe: a line per change on stderr, the last says how it ended; what it returned on stdout."""
    lgrun.write("parts.py", PARTS)
    lgrun("invoke", "parts.py:flow", "1", "-t", "t")

    waiting = lgrun("watch", "t")
    lgrun("resume", "t", "q1=yes")
    done = lgrun("watch", "t", "-q")

    assert (waiting.code, waiting.stdout) == (3, "")
    lines = waiting.stderr.splitlines()
    assert [line.split(" ")[:2] for line in lines[:-2]] == [
        ["▸", "t"],
        ["✓", "inner"],
        ["✓", "outer"],
        ["✓", "inner"],
        ["✓", "outer"],
    ]
    assert lines[-2:] == ["? q1  go on?", "? t waits for an answer  lgrun resume t --value VALUE"]
    assert (done.code, done.stdout, done.stderr) == (0, '[2, 2, "yes"]\n', "")


def test_a_failed_run(lgrun: World) -> None:
    """The error of a task is told once, with how the run ended."""
    lgrun.write("parts.py", PARTS.replace("except ValueError", "except KeyError"))
    lgrun("invoke", "parts.py:fails", "1", "-t", "t")

    result = lgrun("watch", "t")

    assert (result.code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == "✗ t failed: ValueError: no  lgrun resume t"
    assert result.stderr.count("ValueError") == 1


def test_unknown(lgrun: World, assert_one_message: Check) -> None:
    """A thread that is not there is 4, with those that are called nearly so; the start of an id will do."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "review-7k3f")

    assert_one_message(lgrun("watch", "review-7k3g"), 4, ["did you mean review-7k3f?"])
    assert lgrun("watch", "review").stdout == '"hello Ann"\n'
    assert lgrun("watch", "review", "--timeout", "x").code == 2


def test_following(lgrun: World) -> None:
    """What happens is told while it happens; the watcher ends with the run, with its exit code."""
    lgrun.write("waits.py", WAITS)
    running = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert running.stdout is not None
    assert '"run.start"' in running.stdout.readline()
    watching = lgrun.start("watch", "t", "--ndjson")
    assert watching.stdout is not None
    first = [watching.stdout.readline() for _ in range(2)]

    assert [json.loads(line)["type"] for line in first] == ["run.start", "task.start"]
    assert watching.poll() is None
    lgrun.write("go", "")
    rest = rest_of(watching)
    running.communicate(timeout=20)

    found = events("".join(first) + rest)
    assert types(found)[2:] == ["task.end", "run.end"]
    assert (found[-1]["value"], watching.returncode) == ("Ann", 0)


@pytest.mark.parametrize("lines", [True, False])
def test_a_killed_run(lgrun: World, lines: bool) -> None:
    """When the process that runs the thread is killed, the watcher says so and ends with 1."""
    lgrun.write("waits.py", WAITS)
    running = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert running.stdout is not None
    running.stdout.readline()
    watching = lgrun.start("watch", "t", *(["--ndjson"] if lines else []))
    stream = watching.stdout if lines else watching.stderr
    assert stream is not None
    first = stream.readline()

    os.kill(running.pid, signal.SIGKILL)
    running.communicate()
    rest = stream.read()
    watching.communicate(timeout=20)

    assert watching.returncode == 1
    if lines:
        found = events(first + rest)
        assert (found[-1]["status"], found[-1]["next"]) == ("crashed", ["lgrun resume t"])
    else:
        assert (first + rest).splitlines()[-1] == "✗ t crashed: the process that ran it is gone  lgrun resume t"


def test_through_waiting(lgrun: World) -> None:
    """With --through-waiting the watcher stays, and sees the answer and the end."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    watching = lgrun.start("watch", "t", "--through-waiting", "--ndjson")
    assert watching.stdout is not None
    first = [watching.stdout.readline() for _ in range(2)]

    lgrun("resume", "t", "--value", "yes")
    rest = rest_of(watching)

    found = events("".join(first) + rest)
    assert types(found) == ["run.start", "question", "run.start", "answer", "run.end"]
    assert (found[-1]["value"], watching.returncode) == ("yes", 0)


def test_a_reader_that_leaves(lgrun: World) -> None:
    """A watcher looks, so it dies with its reader."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")

    done = sh(lgrun, "bash", "lgrun watch t --ndjson | true; echo ${PIPESTATUS[0]}")

    assert (done.stdout, done.stderr) == ("141\n", "")


def test_leaving_early(lgrun: World) -> None:
    """--timeout (124), --fail-fast (1) and Ctrl-C end the watching, never the run."""
    lgrun.write("parts.py", PARTS)
    running = lgrun.start("invoke", "parts.py:fails", "1", "-t", "t", "--ndjson")
    assert running.stdout is not None
    while '"task.error"' not in running.stdout.readline():
        pass

    late = lgrun("watch", "t", "--timeout", "0.3s", "--ndjson")
    fast = lgrun("watch", "t", "--fail-fast")
    stopped = lgrun.start("watch", "t", "--ndjson")
    assert stopped.stdout is not None
    first = stopped.stdout.readline()
    stopped.send_signal(signal.SIGTERM)
    rest = rest_of(stopped)

    assert (late.code, events(late.stdout)[-1]["exit"], events(late.stdout)[-1]["status"]) == (124, 124, "running")
    assert (fast.code, fast.stderr.splitlines()[-1]) == (1, "✗ t still runs, but a task failed")
    end = events(first + rest)[-1]
    assert (stopped.returncode, end["exit"], end["status"]) == (-signal.SIGTERM, 143, "running")
    lgrun.write("go", "")
    running.communicate(timeout=20)
    assert lgrun("watch", "t").stdout == "2\n"


def test_the_view(lgrun: World) -> None:
    """On a terminal: the tasks of the running thread as a tree, with the time since they began, and the result."""
    lgrun.write("waits.py", WAITS)
    running = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert running.stdout is not None
    running.stdout.readline()

    with screen(lgrun, "watch", "t") as shown, screen(lgrun, "-c", f"{LGRUN} watch > file", command="/bin/sh") as other:
        shown.until("● hold")
        other.until("● hold")
        lgrun.write("go", "")
        assert (shown.end(), other.end()) == (0, 0)
    running.communicate(timeout=20)

    lines = shown.lines()
    assert lines[0] == "▸ t"
    assert lines[1].startswith("✓ hold  ")
    assert lines[2:] == ["✓ t done", "Ann"]
    assert shown.strange() == set()
    assert (other.lines()[-1], (lgrun.folder / "file").read_text()) == ("✓ t done", '"Ann"\n')


def test_the_view_of_a_killed_run(lgrun: World) -> None:
    """What ran when the process was killed is shown as stopped."""
    lgrun.write("waits.py", WAITS)
    running = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert running.stdout is not None
    running.stdout.readline()

    with screen(lgrun, "watch") as shown:
        shown.until("● hold")
        running.kill()
        running.communicate()
        assert shown.end() == 1

    assert "■ hold  stopped" in "\n".join(shown.lines())
    assert shown.lines()[-1] == "✗ t crashed: the process that ran it is gone  lgrun resume t"


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_following_in_a_script(lgrun: World, shell: str) -> None:
    """The line of the README, as it is printed there: a line per task, as each of them ends."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")
    ms = lgrun("show", "t", "--get", "tasks.0.ms").stdout.strip()

    done = sh(lgrun, shell, printed("lgrun watch @last"))

    assert (done.returncode, done.stdout, done.stderr) == (0, f"greet {ms}ms\n", "")


def test_it_is_light(lgrun: World) -> None:
    """Watching loads neither the engine nor the workflow."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")
    code = (
        "import sys; from lgrun.cli.app import run; run(['watch', 't', '--ndjson']); "
        "print([name for name in sys.modules if name.startswith('lgrun._engine.') or name in ('asyncio', 'hello')])"
    )

    done = subprocess.run([sys.executable, "-c", code], env=lgrun.env(), capture_output=True, text=True)

    assert done.stdout.splitlines()[-1] == "[]", done.stderr


# --- the loop, with a clock of its own


@task
def double(n: int) -> int:
    """Return twice the number."""
    return 2 * n


@entrypoint()
def asks(n: int) -> Any:
    """Double and ask."""
    return [double(n).result(), interrupt("well?")]


@dataclass(slots=True)
class Clock(Environment):
    """A world in which time passes only while somebody sleeps, and then something is done."""

    time: float = 0.0
    then: list[Callable[[], object]] = field(default_factory=list)

    def monotonic(self) -> float:
        """Return the time."""
        return self.time

    def sleep(self, seconds: float) -> None:
        """Let time pass."""
        self.time += seconds
        if self.then:
            self.then.pop(0)()


class Counting(FileSaver):
    """Counts how often checkpoints are read."""

    reads = 0

    def history(self, *args: Any, **named: Any) -> Any:
        """Read, and count it."""
        self.reads += 1
        return super().history(*args, **named)


def test_only_changes_are_read(tmp_path: Path) -> None:
    """A thread at which nothing happens is not read again; a new run of it is followed into its new checkpoints."""
    saver = asks.checkpointer = Counting(tmp_path)
    config = {"configurable": {"thread_id": "t"}}
    asks.invoke(1, config)
    told: list[Happening] = []
    nothing: list[Callable[[], object]] = [lambda: None] * 50
    steps = [lambda: asks.invoke(Command(resume="a"), config)]
    clock = Clock(then=nothing + steps)

    left = Follower(clock, saver, "t", told.append).follow(Until(through_waiting=True), whole=True)

    assert [one.type for one in told] == [
        "run.start",
        "checkpoint",
        "task.start",
        "task.end",
        "question",
        "run.start",
        "answer",
        "checkpoint",
    ]
    assert (left.status, clock.time) == ("done", pytest.approx(5.1))
    assert saver.reads == 2
    late = Follower(Clock(), saver, "t", told.append).follow(Until(seconds=0.0), whole=False)
    assert (late.status, told[-1].type) == ("done", "run.start")


def test_time_is_over(tmp_path: Path) -> None:
    """The time limit is kept to, also between two looks."""
    asks.checkpointer = FileSaver(tmp_path)
    asks.invoke(1, {"configurable": {"thread_id": "t"}})
    clock = Clock()

    left = Follower(clock, asks.checkpointer, "t", lambda _: None).follow(Until(0.25, through_waiting=True), whole=True)

    assert (left.timed_out, left.status, clock.time) == (True, "waiting", pytest.approx(0.25))


def test_a_thread_that_is_deleted(tmp_path: Path) -> None:
    """A thread that is deleted while it is watched is a problem of its own."""
    saver = FileSaver(tmp_path)
    asks.checkpointer = saver
    asks.invoke(1, {"configurable": {"thread_id": "t"}})
    clock = Clock(then=[lambda: saver.delete_thread("t")])

    with pytest.raises(Problem, match="t was deleted") as caught:
        Follower(clock, saver, "t", lambda _: None).follow(Until(through_waiting=True), whole=True)

    assert caught.value.status == 4
