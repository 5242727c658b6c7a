"""What the system is asked to do, as it sees it: how many syncs, and in which order."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FLOW = """
import os
from lgrun.func import entrypoint, task
from lgrun.checkpoint.file import FileSaver

@task
def step(i):
    return f"value{i}"

@entrypoint(checkpointer=FileSaver("state"))
def flow(n):
    for i in range(n):
        os.write(2, step(i).result().encode() + b" is known\\n")

import sys
flow.invoke(int(sys.argv[1]), {"configurable": {"thread_id": sys.argv[2]}})
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with the workflow and a state directory that exists."""
    if shutil.which("strace") is None:
        pytest.skip("NOT TESTED: strace is missing")
    (tmp_path / "flow.py").write_text(FLOW)
    trace(tmp_path, 1, "first")
    return tmp_path


def trace(place: Path, tasks: int, thread: str) -> list[str]:
    """Run, and return the system calls on the state, in order."""
    log = place / "trace"
    calls = "fsync,fdatasync,write,pwrite64,ftruncate,renameat,renameat2,rename"
    command = [
        "strace",
        "-f",
        "-y",
        "-s",
        "400",
        "-e",
        f"trace={calls}",
        "-o",
        log,
        sys.executable,
        "flow.py",
        str(tasks),
    ]
    done = subprocess.run([*command, thread], cwd=place, env=os.environ, capture_output=True, text=True)
    if done.returncode and "ptrace" in done.stderr:
        pytest.skip(f"NOT TESTED: strace may not trace here: {done.stderr[:80]}")
    assert done.returncode == 0, done.stderr
    return [line for line in log.read_text().splitlines() if f"{place}/state" in line or " is known" in line]


def syncs(lines: list[str]) -> int:
    return sum("sync(" in line for line in lines)


def test_how_many_syncs(place: Path) -> None:
    """One for each sequential task, four more for each run, four more for a new thread."""
    few, many = syncs(trace(place, 10, "a")), syncs(trace(place, 30, "b"))
    again = syncs(trace(place, 10, "a"))

    assert many - few == 20
    assert again - 10 == 4
    assert few - again == 4


def test_the_disk_comes_first(place: Path) -> None:
    """A result is written and synced before the workflow knows it; nothing that was written is written again."""
    lines = trace(place, 10, "a")
    known = [n for n, line in enumerate(lines) if " is known" in line]

    assert len(known) == 10
    for task, at in enumerate(known):
        written = next(n for n, line in enumerate(lines) if f'value{task}\\\\"' in line or f'value{task}\\"' in line)
        assert any("fdatasync(" in line and "writes.jsonl" in line for line in lines[written:at]), lines[written:at]
    assert not [line for line in lines if "ftruncate" in line]
    rewritten = [line for line in lines if "pwrite64" in line]
    assert all("/lock>" in line for line in rewritten)
    for line in lines:
        if "rename" in line:
            assert re.search(r'"\.tmp-\w+"', line), line
