"""--ndjson: a line per event, the last of which always says how it ended."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest

from lgrun.cli.published import SCHEMAS

from .conftest import LGRUN, Result, World
from .sources import ASK, FAIL_ONCE, HEAD, HELLO, REVIEW, SLOW
from .test_schema import GRAPH

WAITS = (
    HEAD
    + """
import os, time
from lgrun.config import get_stream_writer

@task
def hold(name: str) -> str:
    open("holds", "w").close()
    for _ in range(3000):
        if os.path.exists("go"):
            break
        time.sleep(0.01)
    return name

@entrypoint()
def waits(name: str):
    get_stream_writer()({"held": name, "what": object})
    return hold(name).result()
"""
)

SHAKY = (
    HEAD
    + """
from lgrun.types import RetryPolicy
tries = []

@task(retry_policy=RetryPolicy(max_attempts=2, initial_interval=0.01, jitter=False))
def shaky():
    tries.append(1)
    if len(tries) < 2:
        raise ConnectionError("net")
    return {"tries": len(tries)}

@entrypoint()
def wf(n: int):
    return shaky().result()
"""
)

MODEL = (
    HEAD
    + """
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel

@task
def say() -> str:
    return GenericFakeChatModel(messages=iter(["one two"])).invoke("x").content

@entrypoint()
def wf(n: int) -> str:
    return say().result()
"""
)


def events(output: str) -> list[dict[str, Any]]:
    """Read lines of events: each as the schema says, numbered, the first and the last as promised."""
    found = [json.loads(line) for line in output.splitlines()]
    for one in found:
        jsonschema.validate(one, SCHEMAS["event"], cls=jsonschema.Draft202012Validator)
    assert [one["seq"] for one in found] == list(range(1, len(found) + 1))
    assert [one["type"] for one in found].count("run.end") == 1
    assert found[-1]["type"] == "run.end"
    assert found[0]["type"] == "run.start" or len(found) == 1
    return found


def rest_of(process: "subprocess.Popen[str]") -> str:
    """Return what follows the lines of stdout that were read; `communicate` would lose what is in the buffer."""
    assert process.stdout is not None
    text = process.stdout.read()
    process.communicate(timeout=20)
    return text


def types(found: list[dict[str, Any]]) -> list[str]:
    """Return the types of events."""
    return [one["type"] for one in found]


def as_document(end: Mapping[str, Any]) -> dict[str, Any]:
    """Return the run document that a run.end holds."""
    return {**{key: end[key] for key in end if key not in ("seq", "ts", "type")}, "schema": "lgrun.run/1"}


def run(lgrun: World, *args: str, code: int) -> list[dict[str, Any]]:
    """Run a command that ends with this exit code, which the last event has, too."""
    result: Result = lgrun(*args, "--ndjson")
    assert result.code == code, result
    found = events(result.stdout)
    assert found[-1]["exit"] == code
    return found


def test_a_run_that_is_done(lgrun: World) -> None:
    """Its events in order; the last one is what --json prints."""
    lgrun.write("hello.py", HELLO)

    start, began, ended, end = run(lgrun, "invoke", "hello.py", "Ann", "-t", "t", code=0)

    assert (start["thread"], start["run"], start["name"], start["continued"]) == ("t", 1, "hello", False)
    assert (began["type"], began["name"], began["parent"], began["args"]) == ("task.start", "greet", None, '"Ann"')
    assert (ended["type"], ended["id"], ended["value"], ended["attempt"]) == ("task.end", began["id"], "hello Ann", 1)
    assert as_document(end) == lgrun("show", "t", "--json").json
    assert run(lgrun, "invoke", "hello.py", "Bob", "-t", "t", code=0)[-1]["run"] == 2


def test_a_run_that_asks(lgrun: World) -> None:
    """Questions, then answers and what was saved, when it is taken up."""
    lgrun.write("review.py", REVIEW)

    asked = run(lgrun, "invoke", "review.py", "topic=cats", "-t", "t", code=3)
    again = run(lgrun, "resume", "t", "q1=yes", code=3)
    assert run(lgrun, "resume", "t", code=3)[0]["type"] == "run.end"
    done = run(lgrun, "resume", "t", "q2=Ann", code=0)
    assert types(run(lgrun, "resume", "t", code=0)) == ["run.end"]

    assert types(asked) == ["run.start", "task.start", "task.end", "question", "run.end"]
    assert asked[3]["question"] == asked[-1]["questions"][0]
    assert asked[-1]["next"] == ["lgrun resume t --value VALUE"]
    assert types(again) == ["run.start", "answer", "task.saved", "question", "run.end"]
    assert again[0]["continued"]
    assert (again[1]["q"], again[1]["value"], again[2]["cached"]) == ("q1", "yes", False)
    assert again[2]["value"] == asked[2]["value"] == "draft about cats"
    assert types(done) == ["run.start", "answer", "task.saved", "run.end"]
    assert done[-1]["value"] == {"text": "draft about cats", "ok": "yes", "name": "Ann"}


def test_a_run_that_fails(lgrun: World) -> None:
    """The failed task and, in the last event, the error with its place; stderr has it for people."""
    lgrun.write("flaky.py", FAIL_ONCE)

    found = run(lgrun, "invoke", "flaky.py", code=1)

    error = next(one for one in found if one["type"] == "task.error")
    assert error["again_in"] is None
    assert error["error"]["type"] == found[-1]["error"]["type"]
    assert found[-1]["status"] == "failed"


def test_a_task_that_is_tried_again(lgrun: World) -> None:
    """A failure that is no end says when it is tried again."""
    lgrun.write("wf.py", SHAKY)

    found = run(lgrun, "invoke", "wf.py", "1", code=0)

    assert types(found) == ["run.start", "task.start", "task.error", "task.end", "run.end"]
    assert (found[2]["again_in"], found[2]["attempt"], found[3]["attempt"]) == (0.01, 1, 2)


def test_a_graph(lgrun: World) -> None:
    """Nodes are told like tasks, checkpoints when they are asked for."""
    lgrun.write("plan.py", GRAPH)

    found = run(lgrun, "invoke", "plan.py", "topic=cats", "--events", "task,checkpoint", code=0)

    told = [(one["type"], one.get("name"), one.get("kind")) for one in found[1:-1]]
    assert told == [
        ("checkpoint", None, "input"),
        ("checkpoint", None, "step"),
        ("task.start", "say", None),
        ("task.end", "say", None),
        ("checkpoint", None, "end"),
    ]
    assert found[4]["value"] == {"topic": "dogs"}


def test_configured_events(lgrun: World) -> None:
    """What is carried may be configured; the option goes before it, and the end is told always."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("lgrun.toml", 'events = ["checkpoint"]\n')

    found = run(lgrun, "invoke", "hello.py", "Ann", code=0)

    assert types(found) == ["run.start", "checkpoint", "checkpoint", "run.end"]
    assert types(run(lgrun, "invoke", "hello.py", "Ann", "--events", "custom", code=0)) == ["run.start", "run.end"]


def test_tokens(lgrun: World) -> None:
    """What a chat model says, piece by piece, when it is asked for."""
    pytest.importorskip("langchain_core")
    lgrun.write("wf.py", MODEL)

    found = run(lgrun, "invoke", "wf.py", "1", "--events", "token", code=0)

    assert set(types(found)) == {"run.start", "token", "run.end"}
    assert "".join(one["text"] for one in found[1:-1]) == "one two"
    assert {one["name"] for one in found[1:-1]} == {"say"}


@pytest.mark.parametrize(
    ("args", "code", "kind"),
    [
        (["invoke", "nothing.py"], 4, "no-such-workflow"),
        (["invoke", "hello.py"], 2, "missing-input"),
        (["invoke", "hello.py", "Ann", "--nonsense"], 2, "usage"),
        (["invoke", "hello.py", "Ann", "--dry-run"], 2, "usage"),
        (["invoke", "hello.py", "Ann", "--json"], 2, "usage"),
        (["invoke", "hello.py", "Ann", "--get", "value"], 2, "usage"),
        (["invoke", "hello.py", "Ann", "--events", "task,tokens"], 2, "usage"),
        (["resume", "unknown"], 4, "no-such-thread"),
        (["watch", "unknown"], 4, "no-such-thread"),
    ],
)
def test_nothing_is_run(lgrun: World, args: list[str], code: int, kind: str) -> None:
    """A command that runs nothing says why in its only line, with the exit code; nothing is created."""
    lgrun.write("hello.py", HELLO)

    (end,) = run(lgrun, *args, code=code)

    assert end["error"]["type"] == kind
    assert lgrun.threads() == []


def test_where_there_are_no_lines(lgrun: World) -> None:
    """Other commands do not know --ndjson; --events needs it."""
    lgrun.write("hello.py", HELLO)

    assert (lgrun("doctor", "--ndjson").code, lgrun("doctor", "--ndjson").stdout) == (2, "")
    assert "add --ndjson" in lgrun("invoke", "hello.py", "Ann", "--events", "task").stderr


def test_rows(lgrun: World) -> None:
    """list and history print a row per line, also when asked in front of the command."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "a")
    lgrun("invoke", "hello.py", "Bob", "-t", "b")

    threads = [json.loads(line) for line in lgrun("--ndjson", "list").stdout.splitlines()]
    rows = [json.loads(line) for line in lgrun("history", "a", "--ndjson").stdout.splitlines()]

    assert threads == lgrun("list", "--json").json
    assert [row["kind"] for row in rows] == ["input", "task", "result"]
    assert rows == lgrun("history", "a", "--json").json
    assert lgrun("history", "no", "--ndjson").json["error"]["type"] == "no-such-thread"


def test_busy(lgrun: World) -> None:
    """A thread that another process runs: one line, 5; the first line of that run came at once."""
    lgrun.write("waits.py", WAITS)
    process = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert process.stdout is not None
    first = process.stdout.readline()

    (end,) = run(lgrun, "resume", "t", code=5)
    (second,) = run(lgrun, "invoke", "waits.py", "Ann", "-t", "t", code=5)
    lgrun.write("go", "")
    rest = rest_of(process)

    assert end["error"]["type"] == second["error"]["type"] == "busy"
    assert end["status"] == "running"
    found = events(first + rest)
    assert types(found) == ["run.start", "custom", "task.start", "task.end", "run.end"]
    # What cannot be saved can be streamed all the same.
    assert found[1]["data"] == "<dict>"


def until_it_holds(lgrun: World, process: "subprocess.Popen[str]") -> None:
    """Wait until the task runs: what has only been announced need not begin any more."""
    while not os.path.exists(lgrun.folder / "holds"):
        assert process.poll() is None


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signals(lgrun: World, signum: signal.Signals) -> None:
    """A run that is stopped says so in its last line, and dies of the signal."""
    lgrun.write("waits.py", WAITS)
    process = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert process.stdout is not None
    lines = [process.stdout.readline() for _ in range(3)]
    until_it_holds(lgrun, process)

    process.send_signal(signum)
    assert process.stderr is not None
    while "stopping" not in process.stderr.readline():
        pass
    lgrun.write("go", "")
    rest = rest_of(process)

    found = events("".join(lines) + rest)
    assert process.returncode == -signum
    assert (found[-1]["status"], found[-1]["exit"]) == ("stopped", 128 + signum)
    assert types(found)[-2] == "task.end"
    assert found[-1]["next"] == ["lgrun resume t"]


def test_second_signal(lgrun: World) -> None:
    """A run that is told twice dies in the middle, and its last line says that."""
    lgrun.write("waits.py", WAITS)
    process = lgrun.start("invoke", "waits.py", "Ann", "-t", "t", "--ndjson")
    assert process.stdout is not None
    assert process.stderr is not None
    lines = [process.stdout.readline() for _ in range(3)]
    until_it_holds(lgrun, process)

    process.send_signal(signal.SIGINT)
    while "stopping" not in process.stderr.readline():
        pass
    process.send_signal(signal.SIGINT)
    rest = rest_of(process)

    found = events("".join(lines) + rest)
    assert process.returncode == -signal.SIGINT
    assert (found[-1]["status"], found[-1]["exit"], found[-1]["next"]) == ("crashed", 130, ["lgrun resume t"])
    assert lgrun("show", "t", "--get", "status").stdout == "crashed\n"


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_run(lgrun: World, signum: signal.Signals) -> None:
    """Stopped while the file is still being loaded: that is the only line."""
    # One call of the system: an interrupt in the middle of more may be swallowed by Python.
    lgrun.write("slow.py", "import os, time\nos.mkdir('loading')\ntime.sleep(30)\n" + HELLO)
    process = lgrun.start("invoke", "slow.py", "Ann", "--ndjson")
    while not os.path.exists(lgrun.folder / "loading"):
        assert process.poll() is None

    process.send_signal(signum)
    output, _ = process.communicate(timeout=20)

    (end,) = events(output)
    assert (end["error"]["type"], end["exit"], process.returncode) == ("interrupted", 128 + signum, -signum)


def test_time_limit(lgrun: World) -> None:
    """--timeout: the task that runs is finished, the last line says 124."""
    lgrun.write("slow.py", SLOW)

    found = run(lgrun, "invoke", "slow.py", "-i", "0.5", "-t", "t", "--timeout", "0.1s", code=124)

    assert found[-1]["status"] == "stopped"


def test_a_full_disk(lgrun: World) -> None:
    """Where results cannot be written, the last line says so (74)."""
    lgrun.write(
        "big.py",
        HEAD + "@task\ndef big():\n    return 'x' * 100_000\n\n@entrypoint()\ndef wf(n: int):\n"
        "    return big().result()\n",
    )

    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 8; {LGRUN} invoke big.py 1 -t t --ndjson 2>err | cat; exit ${{PIPESTATUS[0]}}"],
        cwd=lgrun.folder,
        env=lgrun.env({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
    )

    found = events(done.stdout)
    assert done.returncode == found[-1]["exit"] == 74
    assert found[-1]["error"]["type"] == "state-io"


@pytest.mark.parametrize("redirect", ["| head -n 1", "| true", ">&-", ">/dev/full"])
def test_nobody_reads(lgrun: World, redirect: str) -> None:
    """A reader that leaves, or a full disk behind stdout, stops no run."""
    lgrun.write("hello.py", HELLO)

    done = subprocess.run(
        ["bash", "-c", f"{LGRUN} invoke hello.py Ann -t t --ndjson {redirect}; echo =${{PIPESTATUS[0]}}"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        capture_output=True,
        text=True,
    )

    assert done.stdout.endswith("=0\n")
    assert lgrun("show", "t", "--get", "value").stdout == "hello Ann\n"
    # Once for the events, and once for the last of them, which is tried all the same.
    assert done.stderr.count("could not be written") == (2 if "full" in redirect else 0)


def test_what_people_see(lgrun: World) -> None:
    """stderr does not repeat the events: it says whose they are, and how it ended."""
    lgrun.write("ask.py", ASK)

    lines = lgrun("invoke", "ask.py", "-t", "t", "--ndjson").stderr.splitlines()

    assert [re.sub(r" in .*", "", line) for line in lines] == [
        "▸ t",
        "? t waits for an answer",
        "  q1  what?",
        "  lgrun resume t --value VALUE",
    ]
