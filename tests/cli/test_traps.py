"""What programs for the command line fall into, and other tests of this folder do not show."""

import errno
import json
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from .conftest import LGRUN, World
from .screen import screen
from .sources import ASK, HEAD, HELLO, REVIEW, SLOW

CLOCK = (
    HEAD
    + """
from datetime import UTC, datetime, timedelta
import lgrun.workflow

hours = HOURS

def back() -> str:
    global hours
    hours += 1
    return (datetime.now(UTC) - timedelta(hours=hours)).isoformat()

lgrun.workflow._now = back

@task
def step(n: int) -> int:
    return n + 1

@entrypoint()
def clock(n: int) -> int:
    n = step(n).result()
    interrupt("go on?")
    return step(n).result()
"""
)


def test_a_piped_list_is_not_cut(lgrun: World) -> None:
    """However narrow the terminal is said to be, ids and questions are whole in a pipe, one thread a line."""
    question = "what? " * 300
    lgrun.write("ask.py", ASK.replace("what?", question))
    thread = "x" * 200
    lgrun("invoke", "ask.py", "-t", thread)

    (line,) = lgrun("list", env={"COLUMNS": "20", "FORCE_COLOR": "1"}).stdout.splitlines()

    assert line.split("\t")[0] == thread
    assert question.strip() in line


@pytest.mark.parametrize("value", ["[bold]red[/bold] :smile: [link=x]", "x" * 500, "\x1b[31mred", "a\nb", "é\u2028"])
def test_json_is_not_interpreted(lgrun: World, value: str) -> None:
    """What looks like markup, is long, or controls terminals comes out of a pipe as the JSON it is."""
    lgrun.write("hello.py", HELLO.replace("hello {name}", "{name}"))
    env = {"COLUMNS": "20", "FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"}

    run = lgrun("invoke", "hello.py", "--text", value, "-t", "t", env=env)

    assert run.stdout == json.dumps(value) + "\n"
    for args in (["show", "t", "--json"], ["history", "t", "--json"], ["list", "--json"]):
        printed = lgrun(*args, env=env).stdout
        assert printed.count("\n") == 1
        assert json.dumps(value) in printed or json.loads(printed)[0].get("summary") == json.dumps(value)


@pytest.mark.parametrize("command", ["list", "history t", "show t", "schema all", "invoke -h", "help values"])
def test_a_reader_that_goes_away(lgrun: World, command: str) -> None:
    """`| head -1` of what looks ends without a word on stderr."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "x" * 100_000, "-t", "t")

    done = subprocess.run(
        ["bash", "-c", f"{LGRUN} {command} | head -c 1"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        capture_output=True,
    )

    assert (len(done.stdout), done.stderr) == (1, b"")


def test_a_background_job_is_ended_by_sigterm(lgrun: World) -> None:
    """A shell makes its background jobs ignore SIGINT; SIGTERM stops them in good order all the same."""
    lgrun.write("slow.py", SLOW)
    script = f"""
        {LGRUN} invoke slow.py 1 -t t & job=$!
        while ! [ -e started ]; do :; done
        kill -INT $job; kill -TERM $job; wait $job; echo $?
    """

    done = subprocess.run(
        ["sh", "-c", script], cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True, timeout=30
    )

    assert done.stdout == f"{128 + signal.SIGTERM}\n"
    assert "stopping" in done.stderr
    assert lgrun("show", "t", "--get", "status").stdout == "stopped\n"
    assert lgrun("show", "t", "--get", "tasks.0.status").stdout == "done\n"
    assert not (lgrun.folder / "after").exists()


@pytest.mark.parametrize("args", [["show", "t"], ["history", "t"], ["list"], ["-h"], ["resume", "-h"], ["workflows"]])
def test_twenty_columns(lgrun: World, args: list[str]) -> None:
    """On a terminal as narrow as that everything works, and no id is cut."""
    lgrun.write("workflows/review.py", REVIEW)
    lgrun("invoke", "review", "topic=cats", "-t", "t")

    with screen(lgrun, *args, columns=20) as shown:
        assert shown.end() == 0

    text = "".join(shown.everything())
    assert "Traceback" not in text
    assert {"show": "lgrun resume t", "list": "t"}.get(args[0], "") in re.sub(r"\s+", " ", text)


def test_a_question_in_twenty_columns(lgrun: World) -> None:
    """It is asked, answered, and the run goes on to its end."""
    lgrun.write("review.py", REVIEW)

    with screen(lgrun, "invoke", "review.py", "topic=cats", "-t", "t", columns=20) as shown:
        shown.until("q1>").type("yes")
        shown.until("q2>").type("Ann")
        assert shown.end() == 0

    assert lgrun("show", "t", "--get", "value.name").stdout == "Ann\n"


def test_ids_that_differ_by_case(lgrun: World) -> None:
    """They are two threads, also where file names do not tell them apart."""
    lgrun.write("hello.py", HELLO)
    for thread in ("Rome", "rome", "ROME"):
        assert lgrun("invoke", "hello.py", thread, "-t", thread).code == 0

    assert lgrun.threads() == ["ROME", "Rome", "rome"]
    assert [lgrun("show", thread, "--get", "value").stdout for thread in ("Rome", "rome")] == [
        "hello Rome\n",
        "hello rome\n",
    ]
    folders = [path.name.casefold() for path in (lgrun.state / "threads").iterdir()]
    assert len(set(folders)) == 3
    assert lgrun("rm", "rome", "-f").code == 0
    assert lgrun.threads() == ["ROME", "Rome"]


@pytest.mark.parametrize("hours", [0, -100, 500_000])
def test_a_clock_that_goes_back(lgrun: World, hours: int) -> None:
    """An hour back with every record, or in another century: the order of what happened is that of the records."""
    lgrun.write("clock.py", CLOCK.replace("HOURS", str(hours)))
    assert lgrun("invoke", "clock.py", "1", "-t", "t").code == 3
    assert lgrun("resume", "t", "--value", "yes").stdout == "3\n"

    rows = lgrun("history", "t", "--json").json
    shown = lgrun("show", "t", "--json").json

    assert [row["kind"] for row in rows] == ["input", "task", "ask", "answer", "task", "result"]
    assert all(row.get("ms", 0) >= 0 for row in rows)
    assert shown["status"] == "done"
    for args in (["show", "t"], ["history", "t"], ["list"], ["prune"], ["doctor"]):
        result = lgrun(*args)
        assert (result.code, "Traceback" in result.stderr) == (0, False), result
        with screen(lgrun, *args) as seen:
            assert seen.end() == 0
        assert not re.search(r"-\d+(ms|s|m|h|d)\b", seen.text()), seen.text()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize("args", ["list", "show t", "history t", "schema", "help env", "list -h"])
def test_looking_into_a_full_disk(lgrun: World, args: str) -> None:
    """What cannot be printed is no success, and no traceback."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")

    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [LGRUN, *args.split()], cwd=lgrun.folder, env=lgrun.env(), stdout=full, stderr=subprocess.PIPE, text=True
        )

    assert (done.returncode, done.stderr) == (74, f"✗ stdout could not be written: {os.strerror(errno.ENOSPC)}\n")
