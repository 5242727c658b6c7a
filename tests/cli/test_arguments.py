"""What a task was given is shown wherever the task is: of many calls of one task it tells which one failed."""

import json
import re

import pytest

from .conftest import MadeOnce, World
from .screen import screen
from .sources import HEAD

ROWS = (
    HEAD
    + """
from pydantic import BaseModel

class Page(BaseModel):
    n: int
    tag: str = "a"

@task
def t(i):
    if i == 3:
        raise ValueError("bad row")
    return i

@task
def read(page, mark="\\x1b[31m"):
    return page.n

@entrypoint()
def wf(n: int):
    read(Page(n=13)).result()
    read(Page(n=1), mark="\\x1b[32m").result()
    return [call.result() for call in [t(i) for i in range(n)]]
"""
)


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("wf.py", ROWS)
    lgrun("invoke", "wf.py", "5", "-t", "t")


@pytest.fixture
def rows(made_once: MadeOnce) -> World:
    """Return a folder with a thread in which one of several calls has failed."""
    return made_once(fill)


def test_in_a_pipe(lgrun: World) -> None:
    """Each line, and the message at the end; models as plain data."""
    lgrun.write("wf.py", ROWS)

    said = lgrun("invoke", "wf.py", "5", "-t", "t").stderr

    assert re.search(r"^✓ t \S+  2$", said, re.MULTILINE)
    assert "✗ t(3) failed after " in said
    assert re.search(r'^✓ read \S+  {"n":13,"tag":"a"}$', said, re.MULTILINE)
    assert "fields" not in said


def test_on_a_terminal(lgrun: World) -> None:
    """The failed call says which it was, as the others do; nothing of it controls the terminal."""
    lgrun.write("wf.py", ROWS)

    with screen(lgrun, "invoke", "wf.py", "5", "-t", "t", columns=80) as shown:
        assert shown.end() == 1

    lines = shown.lines()
    assert [line for line in lines if line.startswith("✗ t ") and line.endswith("ms  3")]
    assert "✗ t failed in t(3)" in lines
    assert "\\u001b[32m" in shown.text()


def test_pages(rows: World) -> None:
    """show, show THREAD/STEP, --timeline and --html."""
    page = rows("show", "t").stdout
    assert "    ✗ t(3)  " in page
    assert "    ValueError: bad row  in t(3)\n" in page
    step = next(row["n"] for row in rows("history", "t", "--json").json if row.get("status") == "failed")
    assert "  t(3)  " in rows("show", f"t/{step}").stdout.splitlines()[0]
    assert "✗ t(3) " in rows("show", "t", "--timeline").stdout
    rows("show", "t", "--html", "page.html")
    assert ">t(3)</th>" in (rows.folder / "page.html").read_text()
    with screen(rows, "history", "t", columns=80) as shown:
        assert shown.end() == 0
    assert [line for line in shown.lines() if "  t(3) " in line and "✗ ValueError: bad row" in line]


def test_documents(rows: World) -> None:
    """The rows of tasks, the error, the bars."""
    document = rows("show", "t", "--json").json
    assert [task["args"] for task in document["tasks"] if task["status"] == "failed"] == ["3"]
    assert document["error"]["args"] == "3"
    found = [row for row in rows("history", "t", "--json").json if row["kind"] == "task"]
    failed = [row for row in found if row["status"] == "failed"]
    assert [row["args"] for row in failed] == ["3"]
    bars = rows("show", "t", "--timeline", "--json").json["bars"]
    assert [bar["args"] for bar in bars if bar["status"] == "failed"] == ["3"]


@pytest.mark.parametrize("command", ["resume", "watch"])
def test_events(lgrun: World, command: str) -> None:
    """Also of a run that is followed from elsewhere, though records of errors have no arguments."""
    lgrun.write("wf.py", ROWS)
    lgrun("invoke", "wf.py", "5", "-t", "t")

    events = [json.loads(line) for line in lgrun(command, "t", "--ndjson").stdout.splitlines()]

    assert [event["args"] for event in events if event["type"] == "task.error"] == ["3"]
    assert events[-1]["error"]["args"] == "3"


def test_what_is_not_kept_is_not_shown(lgrun: World) -> None:
    """With store_input off, names only."""
    lgrun.write("lgrun.toml", "store_input = false\n")
    lgrun.write("wf.py", ROWS)

    said = lgrun("invoke", "wf.py", "5", "-t", "t").stderr

    assert "✗ t failed after " in said
    assert "t(" not in said.partition("  ValueError")[0]
    assert "read {" not in said
    assert {task["args"] for task in lgrun("show", "t", "--json").json["tasks"]} == {None}
