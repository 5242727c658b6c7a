"""The code changes between a run and its resume: what was recorded for one call is never silently another's.

The notice that the file changed says nothing about calls, so it is left out here.
"""

import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from lgrun.checkpoint.file import FileSaver

LGRUN = str(Path(sys.executable).with_name("lgrun"))

HEAD = """
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

def effect(line):
    with open("effects", "a") as file:
        file.write(line + "\\n")

@task
def a(x) -> int:
    effect(f"a {x}")
    return x + 1

@task
def b(x) -> int:
    effect(f"b {x}")
    return x * 10

@task
def c(x) -> int:
    effect(f"c {x}")
    return -x

"""

FLOW = """
@entrypoint()
def flow(n: int):
    values = [a(n).result(), b(n).result()]
    values += [c(i).result() for i in range(3)]
    first = interrupt("first?")
    second = interrupt("second?")
    return [values, first, second]
"""


class Change(NamedTuple):
    """An edit of the file, and what must come of it."""

    name: str
    old: str
    new: str
    code: int
    said: str
    value: str = ""


CHANGES = [
    Change("another task at a position", "b(n).result()", "c(n + 100).result()", 6, "recorded b(5)"),
    Change("other arguments", "a(n)", "a(n + 1)", 0, "recorded a(5)", "[[6, 50, 0, -1, -2], 1, 2]"),
    Change("a task inserted", "values = [a(n)", "values = [c(77).result(), a(n)", 6, "recorded a(5)"),
    Change("a task removed", "a(n).result(), ", "", 0, "recorded a(5)", "[[50, 0, -1, -2], 1, 2]"),
    # Each call gets its own result: there is nothing to warn of.
    Change("two tasks reordered", "a(n).result(), b(n).result()", "b(n).result(), a(n).result()", 0, "",
           "[[50, 6, 0, -1, -2], 1, 2]"),
    Change("the entrypoint renamed", "def flow(", "def flew(", 4, "flew"),
    Change("loop order reversed", "range(3)", "reversed(range(3))", 0, "", "[[6, 50, -2, -1, 0], 1, 2]"),
    Change("interrupt order swapped",
           'first = interrupt("first?")\n    second = interrupt("second?")',
           'second = interrupt("second?")\n    first = interrupt("first?")', 0, "", "[[6, 50, 0, -1, -2], 1, 2]"),
    Change("a task's return type changed", "def b(x) -> int:", "def b(x) -> str:", 0, "b, which returned int",
           "[[6, 50, 0, -1, -2], 1, 2]"),
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.name)
def test_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Change) -> None:
    """Every call gets its own result or there is a warning or a refusal that names what was recorded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LGRUN_STATE_DIR", str(tmp_path / "state"))
    file = tmp_path / "flow.py"
    file.write_text(HEAD + FLOW)

    def lgrun(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([LGRUN, *words], capture_output=True, text=True, stdin=subprocess.DEVNULL)

    assert lgrun("invoke", "flow.py", "5", "-t", "t").returncode == 3
    assert lgrun("resume", "t", "--value", "1").returncode == 3
    before = (tmp_path / "effects").read_text()
    text = HEAD + FLOW
    assert text.count(change.old) == 1
    file.write_text(text.replace(change.old, change.new))

    done = lgrun("resume", "t", "--value", "2")
    talk = [line for line in done.stderr.splitlines() if "changed since" not in line]

    assert "Traceback" not in done.stderr
    assert done.returncode == change.code, done
    assert any(change.said in line for line in talk), done.stderr
    assert (tmp_path / "effects").read_text() == before
    if change.value:
        assert done.stdout.strip() == change.value
    else:
        saved = FileSaver(tmp_path / "state").load("t")
        assert saved is not None
        assert not saved.checkpoint.complete
