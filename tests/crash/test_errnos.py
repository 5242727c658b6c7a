"""Disks that fail: every operation with every errno, a full one, a read-only one, one that vanishes."""

import collections
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.crash.errnos import faults, suffer
from tests.crash.faults import ERRNOS
from tests.crash.workload import Violation

LGRUN = str(Path(sys.executable).with_name("lgrun"))

FLOW = """
import os, shutil
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

@task
def step(i, size):
    with open(os.environ["EFFECTS"], "a") as file:
        file.write(f"{i}\\n")
    if i == int(os.environ.get("REMOVE_AT", "-1")):
        shutil.rmtree(os.environ["LGRUN_STATE_DIR"])
    return "x" * size

@entrypoint()
def flow(size: int):
    for i in range(20):
        step(i, size).result()
    interrupt("ok?")
    return "done"
"""


def test_every_operation_fails_with_every_errno() -> None:
    """Once and from then on; afterwards the thread can be taken up and nothing acknowledged runs again."""
    broken = []
    said: collections.Counter[str] = collections.Counter()
    for fault in faults(step=3):
        try:
            said[fault.name] += suffer(fault) is not None
        except Violation as violation:
            broken.append(f"{fault}: {violation}")

    assert broken == []
    assert all(said[name] > 5 for name in ERRNOS), said


class Place:
    """A folder with a workflow, and a state directory on a disk of its own."""

    def __init__(self, folder: Path, state: Path) -> None:
        self.state = state
        self._folder = folder
        self._effects = folder / "effects"
        (folder / "flow.py").write_text(FLOW)

    def __call__(self, *words: str, **more: str) -> "subprocess.CompletedProcess[str]":
        """Run the command."""
        env = os.environ | {"LGRUN_STATE_DIR": str(self.state), "EFFECTS": str(self._effects)} | more
        return subprocess.run(
            [LGRUN, *words], cwd=self._folder, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL
        )

    def effects(self) -> list[int]:
        """Return which tasks ran, in order."""
        return [int(line) for line in self._effects.read_text().split()]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Place]:
    """A disk of 1 MB."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can mount a disk of 1 MB")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"NOT TESTED: no disk of 1 MB can be mounted here: {mounted.stderr.strip()}")
    try:
        yield Place(tmp_path, disk / "state")
    finally:
        subprocess.run(["umount", disk], check=True)


def _refused(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert (done.returncode, done.stdout) == (74, ""), done
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr, done.stderr


def test_full_disk(small: Place) -> None:
    """The run stops at the task whose result has no room, says so, and goes on from there when there is room."""
    done = small("invoke", "flow.py", "100000", "-t", "t")

    _refused(done, "task 'step' finished but its result could not be stored in", "No space left", "free space")
    ran = small.effects()
    assert ran == list(range(len(ran)))
    assert 5 < len(ran) < 12
    assert f"{len(ran) - 1} earlier results are safe" in done.stderr
    assert "lgrun resume t" in done.stderr
    subprocess.run(["mount", "-o", "remount,size=8m", small.state.parent], check=True)
    assert small("resume", "t").returncode == 3
    assert small.effects() == [*ran, *range(len(ran) - 1, 20)]
    assert small("resume", "t", "--value", "1").stdout == '"done"\n'


def test_read_only_disk(small: Place) -> None:
    """A disk that has become read-only can be read; whatever writes says why it cannot."""
    assert small("invoke", "flow.py", "1", "-t", "t").returncode == 3
    subprocess.run(["mount", "-o", "remount,ro", small.state.parent], check=True)
    try:
        assert json.loads(small("show", "t", "--json").stdout)["status"] == "waiting"
        for words in (["resume", "t", "--value", "1"], ["invoke", "flow.py", "1", "-t", "u"]):
            _refused(small(*words), "Read-only file system")
    finally:
        subprocess.run(["mount", "-o", "remount,rw", small.state.parent], check=True)
    assert small("resume", "t", "--value", "1").stdout == '"done"\n'
    assert small.effects() == list(range(20))


def test_vanished_directory(tmp_path: Path) -> None:
    """A state directory that is removed in mid-run stops the run at the next result, not at the end."""
    place = Place(tmp_path, tmp_path / "state")
    done = place("invoke", "flow.py", "1", "-t", "t", REMOVE_AT="4")

    _refused(done, "task 'step' finished but its result could not be stored", "was removed while the run wrote to it")
    assert place.effects() == [0, 1, 2, 3, 4]
    assert not place.state.exists()
