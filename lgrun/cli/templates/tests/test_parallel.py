"""workflows/parallel.py, run in this process on files of its own; nothing is left behind."""

import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.memory import InMemorySaver

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows"))
import parallel as module

THREAD: Any = {"configurable": {"thread_id": "count"}}


class Disk:
    """Stands before the files: which were read how often, and which cannot be read how many times more."""

    def __init__(self) -> None:
        self.reads: Counter[str] = Counter()
        self.trouble: Counter[str] = Counter()
        self.meet = threading.Barrier(1)

    def read(self, path: str) -> bytes:
        name = Path(path).name
        self.reads[name] += 1
        self.meet.wait(10)
        if self.trouble[name]:
            self.trouble[name] -= 1
            raise OSError(f"{name} is out of reach")
        return Path(path).read_bytes()


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Disk:
    """Three files in an empty folder."""
    for name, text in {"a.txt": "1\n", "b.txt": "1\n2\n3\n", "c.txt": "1\n2\n"}.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    disk = Disk()
    monkeypatch.setattr(module, "read", disk.read)
    return disk


@pytest.fixture
def workflow() -> Any:
    """The workflow, which keeps its threads in memory."""
    module.parallel.checkpointer = InMemorySaver()
    return module.parallel


def test_every_file_is_counted(disk: Disk, workflow: Any) -> None:
    assert workflow.invoke({}, THREAD) == {"files": 3, "lines": 6, "longest": "b.txt"}
    assert disk.reads == {"a.txt": 1, "b.txt": 1, "c.txt": 1}


def test_only_those_that_are_meant(disk: Disk, workflow: Any) -> None:
    assert workflow.invoke({"pattern": "a*"}, THREAD) == {"files": 1, "lines": 1, "longest": "a.txt"}
    assert disk.reads == {"a.txt": 1}


def test_all_at_the_same_time(disk: Disk, workflow: Any) -> None:
    disk.meet = threading.Barrier(3)  # nobody goes on before all three are there

    assert workflow.invoke({}, THREAD)["lines"] == 6


def test_what_fails_is_tried_again(disk: Disk, workflow: Any) -> None:
    disk.trouble["b.txt"] = 1

    assert workflow.invoke({}, THREAD)["lines"] == 6
    assert disk.reads == {"a.txt": 1, "b.txt": 2, "c.txt": 1}


def test_a_resume_runs_only_what_is_not_done(disk: Disk, workflow: Any) -> None:
    disk.trouble["b.txt"] = 3
    with pytest.raises(OSError, match=r"b\.txt is out of reach"):
        workflow.invoke({}, THREAD)

    assert workflow.invoke(None, THREAD)["lines"] == 6  # what `lgrun resume` does
    assert disk.reads == {"a.txt": 1, "b.txt": 4, "c.txt": 1}
