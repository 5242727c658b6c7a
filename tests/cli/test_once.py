"""invoke --once and --dry-run, --timeout, and the ways to answer several questions at once."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .conftest import Result, World
from .sources import ASK, FAIL_ONCE, HEAD, HELD, HELLO, SLOW, TYPED

Check = Callable[[Result, int, Sequence[str]], None]

COUNTED = HELLO.replace("    return f", '    open("ran.txt", "a").write("x")\n    return f')

PARALLEL = (
    HEAD
    + """
@task
def ask(what: str):
    return interrupt(what)

@entrypoint()
def two(input: dict):
    return [call.result() for call in [ask("a?"), ask("b?")]]
"""
)

GRAPH = """
from typing import TypedDict
from lgrun.graph import START, StateGraph

class State(TypedDict, total=False):
    topic: str
    said: str

def say(state: State) -> dict:
    open("ran.txt", "a").write("x")
    return {"said": f"about {state['topic']}"}

graph = StateGraph(State).add_node(say).add_edge(START, "say").compile()
"""


def test_once_prints_the_saved_result(lgrun: World) -> None:
    """Given again, the command runs nothing and prints the same."""
    lgrun.write("hello.py", COUNTED)

    first, second = (lgrun("invoke", "hello.py", "Ann", "--once", "-t", "t") for _ in range(2))

    assert (first.code, first.stdout) == (second.code, second.stdout) == (0, '"hello Ann"\n')
    assert (lgrun.folder / "ran.txt").read_text() == "x"
    assert lgrun("show", "t", "--get", "run").stdout == "1\n"
    assert lgrun("invoke", "hello.py", "Ann", "--once", "-t", "t", "--json").json["value"] == "hello Ann"


def test_once_of_a_graph(lgrun: World) -> None:
    """The input of a graph is compared with that of its thread, whatever its state is now."""
    lgrun.write("plan.py", GRAPH)
    args = ("invoke", "plan.py", "--once", "-t", "t")

    assert lgrun(*args, "topic=cats").json == lgrun(*args, "topic=cats").json == {"topic": "cats", "said": "about cats"}
    assert lgrun(*args, "topic=dogs").code == 2
    assert (lgrun.folder / "ran.txt").read_text() == "x"


def test_once_goes_on(lgrun: World) -> None:
    """A thread that failed is continued: what is finished does not run again."""
    lgrun.write("flaky.py", FAIL_ONCE)
    args = ("invoke", "flaky.py", "--once", "-t", "t")

    assert [lgrun(*args).code for _ in range(2)] == [1, 1]
    (lgrun.folder / "ok").touch()
    done = lgrun(*args)

    assert (done.code, done.stdout) == (0, "2\n")
    assert (lgrun.folder / "ran.txt").read_text() == "first\n"


def test_once_waits(lgrun: World) -> None:
    """A thread that waits is 3 again, with its question, and nothing is discarded."""
    lgrun.write("ask.py", ASK)
    args = ("invoke", "ask.py", "--once", "-t", "t", "a=1")
    lgrun(*args)
    before = lgrun.files()

    again = lgrun(*args, "--json")

    assert again.code == again.json["exit"] == 3
    assert again.json["questions"][0]["text"] == "what?"
    assert lgrun.files() == before
    assert lgrun("resume", "t", "--value", "5").code == 0
    assert lgrun(*args).stdout == "5\n"


def test_once_while_it_runs(lgrun: World) -> None:
    """While another process runs the thread it is 5; with --wait, its result is printed when it is there."""
    lgrun.write("held.py", HELD)
    args = ("invoke", "held.py", "0", "--once", "-t", "t")
    run = lgrun.start(*args)
    assert run.stderr is not None
    assert "napping" in run.stderr.readline() + run.stderr.readline()
    waiting = lgrun.start(*args, "--wait", "30s")
    busy = lgrun(*args)
    lgrun.write("go", "")

    assert busy.code == 5
    for process in (run, waiting):
        out, _ = process.communicate(timeout=30)
        assert (process.returncode, out) == (0, '"after"\n')
    assert lgrun("show", "t", "--get", "run").stdout == "1\n"


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["hello.py", "Bob", "-t", "t"], ['"Ann"', '"Bob"']),
        (["ask.py", "-t", "t"], ["t is a thread of hello.py:hello, not of ask.py:ask", "lgrun show t"]),
        (["hello.py", "Ann"], ["-t ID"]),
        (["hello.py", "Ann", "-t", "t", "--discard"], ["exclude each other"]),
    ],
)
def test_once_is_refused(lgrun: World, assert_one_message: Check, args: list[str], words: list[str]) -> None:
    """With another input or workflow, without a name, or with --discard."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "hello.py", "Ann", "--once", "-t", "t")

    assert_one_message(lgrun("invoke", "--once", *args), 2, words)
    assert lgrun.threads() == ["t"]


# --- two projects: threads are one set for all of a person


SHARED = (
    HEAD
    + """
@entrypoint()
def main(input: dict):
    return f"PROJECT {input['id']}"

@entrypoint()
def other(input: dict):
    return "other"
"""
)


def two_projects(lgrun: World) -> tuple[Path, Path]:
    """Write a flow.py into each of two folders, and run that of the first on thread t. Return the folders."""
    for name in ("pa", "pb"):
        lgrun.write(f"{name}/flow.py", SHARED.replace("PROJECT", name))
    pa, pb = lgrun.folder / "pa", lgrun.folder / "pb"
    assert lgrun("invoke", "flow.py:main", "id:=1", "-t", "t", "--once", cwd=pa).stdout == '"pa 1"\n'
    return pa, pb


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
def test_once_of_another_project(lgrun: World, assert_one_message: Check, options: list[str]) -> None:
    """A thread of another file of the same name is not given out as a result of this one."""
    pa, pb = two_projects(lgrun)

    refused = lgrun("invoke", "flow.py:main", "id:=1", "-t", "t", "--once", *options, cwd=pb)

    words = [f"t is a thread of {pa}/flow.py:main, not of flow.py:main", "lgrun show t", "another name with -t"]
    assert_one_message(refused, 2, words)
    assert lgrun("invoke", "pa/flow.py:main", "id:=1", "-t", "t", "--once").stdout == '"pa 1"\n'


def test_once_when_the_file_has_moved(lgrun: World) -> None:
    """The thread of a file that is not there any more, or is reached by another path, is that of the file now."""
    pa, pb = two_projects(lgrun)
    (lgrun.folder / "link").symlink_to(pa)
    assert lgrun("invoke", "link/flow.py:main", "id:=1", "-t", "t", "--once").stdout == '"pa 1"\n'

    (pa / "flow.py").unlink()
    moved = lgrun("invoke", "flow.py:main", "id:=1", "-t", "t", "--once", cwd=pb)

    assert (moved.code, moved.stdout, moved.stderr.count("not of")) == (0, '"pa 1"\n', 0)
    assert "t is a thread of main, not of other" in lgrun("invoke", "pb/flow.py:other", "-t", "t", "--once").stderr


def test_another_run_by_another_project(lgrun: World) -> None:
    """Without --once the thread goes on, and whose it was is said, until it is ours; also of another entrypoint."""
    pa, pb = two_projects(lgrun)
    args = ("invoke", "flow.py:main", "id:=1", "-t", "t")

    own = lgrun(*args, cwd=pa)
    planned = lgrun(*args, "-n", cwd=pb)
    first, second = lgrun(*args, cwd=pb), lgrun(*args, cwd=pb)
    other = lgrun("invoke", "flow.py:other", "id:=1", "-t", "t", cwd=pb)
    fresh = lgrun("invoke", "flow.py:other", "id:=1", cwd=pb)

    warning = f"! t is a thread of {pa}/flow.py:main, not of flow.py:main\n"
    assert (first.code, first.stdout) == (second.code, second.stdout) == (0, '"pb 1"\n')
    assert [warning in result.stderr for result in (own, planned, first, second)] == [False, True, True, False]
    assert "! t is a thread of main, not of other\n" in other.stderr
    assert all("!" not in result.stderr for result in (own, second, fresh))


def test_an_unfinished_thread_of_another_project(lgrun: World, assert_one_message: Check) -> None:
    """Whose it is is said before what would go on with it."""
    lgrun.write("pa/ask.py", ASK)
    lgrun.write("pb/ask.py", ASK)
    lgrun("invoke", "pa/ask.py", "-t", "t")

    refused = lgrun("invoke", "pb/ask.py", "-t", "t")

    assert_one_message(refused, 2, ["! t is a thread of pa/ask.py:ask, not of pb/ask.py:ask\n✗ t waits"])


def test_a_thread_of_a_program(lgrun: World) -> None:
    """What one's own program ran says its workflow's name only; the variable may be called otherwise."""
    saver = "from lgrun.checkpoint.file import FileSaver\n"
    own = SHARED + "\nflow = main\ndel main, other\n"
    end = "if __name__ == '__main__': flow.invoke({'id': 1}, {'configurable': {'thread_id': 't'}})\n"
    path = lgrun.write("own.py", saver + own.replace("entrypoint()", "entrypoint(checkpointer=FileSaver())") + end)
    subprocess.run([sys.executable, path], env=lgrun.env(), check=True)

    once = lgrun("invoke", "own.py", "id:=1", "-t", "t", "--once")
    again = lgrun("invoke", "own.py", "id:=1", "-t", "t")

    assert (once.code, once.stdout, again.code) == (0, '"PROJECT 1"\n', 0)
    assert "not of" not in once.stderr + again.stderr


def test_show_names_a_file_elsewhere(lgrun: World) -> None:
    """Where the workflow is, if what was typed means another file here, or none; always with --json."""
    pa, pb = two_projects(lgrun)
    named = "workflows/digest.py"
    lgrun.write(named, ASK.replace("def ask", "def digest"))
    lgrun("invoke", "digest", "-t", "named")

    def file(thread: str, folder: Path) -> list[str]:
        shown = lgrun("show", thread, cwd=folder).stdout.splitlines()
        return [line.split(None, 1)[1] for line in shown if line.startswith("  file ")]

    assert [file("t", pa), file("t", pb), file("t", lgrun.folder)] == [[], [f"{pa}/flow.py"], [f"{pa}/flow.py"]]
    assert [file("named", lgrun.folder), file("named", pb)] == [[], [f"{lgrun.folder}/{named}"]]
    assert lgrun("show", "t", "--get", "workflow.path", cwd=pb).stdout == f"{pa}/flow.py\n"


def test_dry_run(lgrun: World) -> None:
    """--dry-run prints the checked input, says what would be done, and creates nothing."""
    lgrun.write("typed.py", TYPED + "\nopen('loaded', 'w')\n")

    plain = lgrun("invoke", "typed.py", "topic=cats", "limit=5", "-n", "-t", "t")
    document = lgrun("invoke", "typed.py", "topic=cats", "--dry-run", "--json").json
    wrong = lgrun("invoke", "typed.py", "topic=cats", "limit=ten", "-n")

    assert (plain.code, plain.json) == (0, {"topic": "cats", "limit": 5})
    assert "typed in typed.py: would start thread t; nothing was run" in plain.stderr
    assert (document["action"], document["thread"], document["workflow"]["name"]) == ("start", None, "typed")
    assert wrong.code == 2
    assert "input.limit" in wrong.stderr
    assert lgrun.files() == []


@pytest.mark.parametrize(
    ("thread", "options", "action"),
    [
        ("done", [], "rerun"),
        ("done", ["--once"], "print"),
        ("failed", ["--once"], "continue"),
        ("failed", ["--discard"], "restart"),
        ("failed", [], None),
    ],
)
def test_dry_run_on_a_thread(lgrun: World, thread: str, options: list[str], action: str | None) -> None:
    """What would be done depends on how the thread stands; what would be refused is refused."""
    lgrun.write("flaky.py", FAIL_ONCE)
    if thread == "done":
        (lgrun.folder / "ok").touch()
    lgrun("invoke", "flaky.py", "-t", thread)
    before = lgrun.files()

    result = lgrun("invoke", "flaky.py", "-t", thread, "-n", "--json", *options)

    assert result.json.get("action") == action
    assert result.code == (0 if action else 2)
    assert lgrun.files() == before


@pytest.mark.parametrize("command", ["invoke", "resume"])
def test_timeout(lgrun: World, command: str) -> None:
    """A run whose time is over is 124: what runs may finish and is kept, what follows does not begin."""
    lgrun.write("slow.py", SLOW)
    args = ["invoke", "slow.py", "1", "-t", "t"]
    if command == "resume":
        lgrun.write("slow.py", SLOW.replace("time.sleep(seconds)", "raise ValueError"))
        assert lgrun(*args).code == 1
        lgrun.write("slow.py", SLOW)
        args = ["resume", "t"]

    stopped = lgrun(*args, "--timeout", "0.2s", "--json")

    assert stopped.code == stopped.json["exit"] == 124
    assert stopped.json["status"] == "stopped"
    assert "lgrun resume t" in stopped.stderr
    assert not (lgrun.folder / "after").exists()
    gone_on = lgrun("resume", "t", "--timeout", "20s")
    assert (gone_on.code, gone_on.stdout) == (0, '"after"\n')
    assert "⟲ nap" in gone_on.stderr


BACK_OFF = (
    HEAD
    + """
from lgrun.types import RetryPolicy

@task(retry_policy=RetryPolicy(initial_interval=60, jitter=False))
def call(n):
    raise ConnectionError("refused")

@entrypoint()
def wf(n: int):
    return call(n).result()
"""
)


def test_timeout_between_two_attempts(lgrun: World) -> None:
    """A run that only waits for its next attempt is stopped at once, and says so in its history."""
    lgrun.write("wf.py", BACK_OFF)

    stopped = lgrun("invoke", "wf.py", "1", "-t", "t", "--timeout", "0.5s", "--json")

    assert (stopped.code, stopped.json["status"]) == (124, "stopped")
    assert lgrun("show", "t", "--get", "status").stdout == "stopped\n"


def two_questions(lgrun: World) -> list[str]:
    """Start a thread with two open questions; return which number each has. They are asked at the same time."""
    lgrun.write("two.py", PARALLEL)
    questions = lgrun("invoke", "two.py", "-t", "t", "--json").json["questions"]
    return [question["id"] for question in sorted(questions, key=lambda question: question["text"])]


def test_partial_answers(lgrun: World) -> None:
    """One of two questions is answered: that is kept, the other is asked again, and both come to the run."""
    a, b = two_questions(lgrun)

    first = lgrun("resume", "t", f"{b}=late", "--json")
    second = lgrun("resume", "t", f"{a}=early")

    assert first.code == 3
    assert [question["id"] for question in first.json["questions"]] == [a]
    assert (second.code, second.json) == (0, ["early", "late"])


@pytest.mark.parametrize(
    ("args", "answers"),
    [
        (["--all", "--value", "true"], {"q1": True, "q2": True}),
        (["--all", "--text", "true"], {"q1": "true", "q2": "true"}),
        (["--answers", '{"q2": 2, "q1": [1]}'], {"q1": [1], "q2": 2}),
        (["--answers", "@both.json"], {"q1": "x", "q2": "y"}),
        (["--answers", '{"q2": 2}', "q1=a"], {"q1": "a", "q2": 2}),
    ],
)
def test_answers_to_several_questions(lgrun: World, args: list[str], answers: dict[str, object]) -> None:
    """The same answer for all, or one object with all."""
    lgrun.write("both.json", '{"q1": "x", "q2": "y"}')
    numbers = two_questions(lgrun)

    result = lgrun("resume", "t", *args)

    assert (result.code, result.json) == (0, [answers[number] for number in numbers])


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["--value", "1"], ["2 questions are open", "--all"]),
        (["--all"], ["--value"]),
        (["--all", "--value", "1", "q1=2"], ["q1 is answered twice"]),
        (["--answers", "[1, 2]"], ["wants an object"]),
        (["--answers", '{"q3": 1}'], ["no open question q3"]),
        (["--answers", '{"q1": 1'], ["not valid JSON"]),
    ],
)
def test_answers_that_are_refused(lgrun: World, assert_one_message: Check, args: list[str], words: list[str]) -> None:
    """Nothing is sent unless all of it is right."""
    lgrun.write("two.py", PARALLEL)
    lgrun("invoke", "two.py", "-t", "t")

    assert_one_message(lgrun("resume", "t", *args), 2, words)
    assert len(lgrun("show", "t", "--json").json["questions"]) == 2
