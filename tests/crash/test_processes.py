"""Many processes, and processes that are killed."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]


def run(module: str, *words: object) -> Any:
    """Run a module in a process of its own and return what it prints."""
    command = [sys.executable, "-m", module, *map(str, words)]
    return json.loads(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True).stdout)


def test_one_thread(tmp_path: Path) -> None:
    """Of 50 commands on one thread one runs; the others are told at once by whom, since when, and run nothing."""
    found = run("tests.crash.crowd", "one-thread", tmp_path)["results"]

    assert Counter(result["code"] for result in found) == {0: 1, 5: 49}
    [runner] = [result for result in found if result["code"] == 0]
    for result in found:
        if result is not runner:
            assert f"is being run by pid {runner['pid']} on host " in result["err"]
            assert " since " in result["err"]
            # How long it takes by the clock depends on what else the machine does: `tests.crash.long` says it.
            assert result["cpu"] < 1
    assert (tmp_path / "payments").read_text().split() == [str(runner["pid"])] * 2


def test_counter(tmp_path: Path) -> None:
    """50 commands that wait for each other lose no update."""
    found = run("tests.crash.crowd", "counter", tmp_path)

    assert [(result["code"], result["err"]) for result in found["results"] if result["code"]] == []
    assert sorted(int(result["out"]) for result in found["results"]) == list(range(1, 51))
    assert len(found["payments"]) == 50


def test_many_threads(tmp_path: Path) -> None:
    """50 commands on 50 threads do not stand in each other's way."""
    found = run("tests.crash.crowd", "many-threads", tmp_path)

    assert [(result["code"], result["err"]) for result in found["results"] if result["code"]] == []
    assert len(set(found["payments"])) == 50


def test_killed_at_every_operation(tmp_path: Path) -> None:
    """And again while the next process takes the thread up."""
    shared = Path("/dev/shm")
    folder = tmp_path if not shared.is_dir() else None
    if folder is not None:
        found = run("tests.crash.killing", folder, 150)
    else:
        import tempfile

        with tempfile.TemporaryDirectory(dir=shared) as fast:
            found = run("tests.crash.killing", fast, 150)

    assert found["violations"] == []
    assert found["killed twice"] > 50
    assert found["operations"] > 200


@pytest.mark.parametrize("thread", ["t", "Größe/x"])
def test_a_thread_that_died_before_any_input_is_taken_over(tmp_path: Path, thread: str) -> None:
    """What a process left that was killed while it created a thread is nobody's, and in nobody's way."""
    from lgrun.checkpoint._thread_files import directory_name
    from lgrun.checkpoint.file import FileSaver
    from tests.crash.scenarios import checkpoint

    claim = FileSaver(tmp_path).claim(thread)
    (tmp_path / "threads" / directory_name(thread) / ".tmp-x").touch()
    claim.release()
    assert list(FileSaver(tmp_path).threads()) == []
    again = FileSaver(tmp_path).claim(thread)
    again.put(checkpoint(1, thread))
    again.release()
    assert list(FileSaver(tmp_path).threads()) == [thread]
