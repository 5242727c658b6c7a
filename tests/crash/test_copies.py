"""A thread that is copied is there complete or not at all: after a kill, a power cut, a disk that refuses."""

import hashlib
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lgrun._fs import RealFs
from lgrun.checkpoint.base import Saved
from lgrun.checkpoint.doctor import examine
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateIOError, ThreadBusyError, ThreadExistsError
from tests.crash.faults import ERRNOS, Call, Failing, Killing, Layer, honest
from tests.crash.scenarios import checkpoint, result
from tests.crash.simulated import SimulatedFs, Tree
from tests.crash.workload import STATE

SOURCE = b"code"
SHA256 = hashlib.sha256(SOURCE).hexdigest()


def fill(fs: RealFs, directory: str) -> None:
    """Make thread t: two checkpoints with journals, and a source."""
    claim = FileSaver(directory, fs=fs, origin={"sha256": SHA256}, source=SOURCE).claim("t")
    for seq in (1, 2):
        claim.put(checkpoint(seq))
        claim.append(seq, [result(seq), result(seq + 10)])
    claim.release()


def copied(history: list[Saved], new: str = "u") -> Iterator[Saved]:
    return (Saved(replace(point, thread=new), writes) for point, writes in history)


def copy(fs: RealFs, directory: str, new: str = "u") -> None:
    saver = FileSaver(directory, fs=fs)
    saver.copy_thread("t", new, copied(list(saver.history("t", oldest_first=True)), new))


def look(fs: RealFs, directory: str, told: list[Saved]) -> bool:
    """Say whether the copy is there; if so, it is complete, and the thread is as it was in any case."""
    saver = FileSaver(directory, fs=fs)
    assert list(saver.history("t", oldest_first=True)) == told
    found = list(saver.history("u", oldest_first=True))
    assert found in ([], list(copied(told)))
    assert sorted(saver.threads()) == (["t", "u"] if found else ["t"])
    assert not found or saver.read_source("u", SHA256) == SOURCE
    return bool(found)


def go_on(fs: RealFs, directory: str, told: list[Saved], there: bool) -> None:
    """Copy again, perhaps under the same id: nothing of the first time is in the way, nor left."""
    try:
        copy(fs, directory, "u")
        assert not there
    except ThreadExistsError:
        assert there
    copy(fs, directory, "v")
    assert look_at_names(fs, directory) == ["t", "u", "v"]


def look_at_names(fs: RealFs, directory: str) -> list[str]:
    root = fs.open_root(f"{directory}/threads")
    try:
        return sorted(fs.listdir(root))
    finally:
        fs.close(root)


def history(fs: RealFs, directory: str) -> list[Saved]:
    return list(FileSaver(directory, fs=fs).history("t", oldest_first=True))


def test_power_cuts() -> None:
    """At every operation, of what may be left then a sample."""
    disk, chance = SimulatedFs({"home": {}}), random.Random(1)
    fill(disk, STATE)
    told = history(disk, STATE)
    left: dict[str, Tree] = {}

    def record(call: Call, do: Callable[..., Any]) -> Any:
        done = do(*call.arguments)
        left.update((repr(tree), tree) for tree in disk.after_power_cut(chance, 20))
        return done

    copy(Layer(disk, record), STATE)
    there = [look(SimulatedFs(tree), STATE, told) for tree in left.values()]

    assert len(there) > 100
    assert 0 < sum(there) < len(there)
    for tree in chance.sample(list(left.values()), 60):
        go_on(SimulatedFs(tree), STATE, told, look(SimulatedFs(tree), STATE, told))
    assert look(SimulatedFs(disk.safe_tree()), STATE, told)


def operations() -> int:
    layer = Layer(SimulatedFs({"home": {}}), honest)
    fill(layer, STATE)
    before = layer.count
    copy(layer, STATE)
    return layer.count - before


def test_kills(tmp_path: Path) -> None:
    """A real SIGKILL at every operation of a real disk; what is left is found by the doctor and removed by the next."""
    fill(RealFs(), str(tmp_path / "first"))
    told = history(RealFs(), str(tmp_path / "first"))
    there = 0
    for at in range(1, operations() + 1):
        directory = str(tmp_path / str(at))
        fill(RealFs(), directory)
        told = history(RealFs(), directory)
        pid = os.fork()
        if pid == 0:
            try:
                copy(Layer(RealFs(), Killing(at, ["before", "after", 0.5][at % 3])), directory)
            finally:
                os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -9
        found = look(RealFs(), directory, told)
        there += found
        if at % 2:
            list(examine(directory, mend=True))
            assert look_at_names(RealFs(), directory) == (["t", "u"] if found else ["t"])
        go_on(RealFs(), directory, told, found)
        assert [each for each in examine(directory) if each.verdict != "note"] == []

    assert 0 < there < operations()


@pytest.mark.parametrize("name", sorted(ERRNOS))
def test_a_disk_that_refuses(name: str) -> None:
    """There is one error, and the next copy finds nothing in its way."""
    for at in range(1, operations() + 1):
        disk = SimulatedFs({"home": {}})
        fill(disk, STATE)
        told = history(disk, STATE)
        fault = Failing(ERRNOS[name], at, forever=False)
        try:
            copy(Layer(disk, fault), STATE)
        except StateIOError:
            pass
        assert not disk._open, f"descriptors are left open: {at}"
        go_on(disk, STATE, told, look(disk, STATE, told))


def test_two_at_a_time() -> None:
    """Of two copies with one id, the second one is refused; what it had built goes."""
    disk = SimulatedFs({"home": {}})
    fill(disk, STATE)
    told = history(disk, STATE)

    def meanwhile(call: Call, do: Callable[..., Any]) -> Any:
        if call.name == "rename" and call.arguments[2] == "u":
            layer.meddle = honest
            copy(disk, STATE)
        return do(*call.arguments)

    layer = Layer(disk, meanwhile)
    with pytest.raises(ThreadExistsError):
        copy(layer, STATE)

    assert look(disk, STATE, told)
    assert look_at_names(disk, STATE) == ["t", "u"]


def test_a_thread_that_is_about_to_begin(tmp_path: Path) -> None:
    """Whoever holds the id gets it. What is left of a run that died before it had begun is no thread."""
    fill(RealFs(), str(tmp_path))
    told = history(RealFs(), str(tmp_path))
    claim = FileSaver(tmp_path).claim("u")
    with pytest.raises(ThreadBusyError):
        copy(RealFs(), str(tmp_path))
    claim.release()
    (tmp_path / "threads/u").mkdir(0o700)
    (tmp_path / "threads/u/lock").touch(0o600)

    copy(RealFs(), str(tmp_path))

    assert look(RealFs(), str(tmp_path), told)
