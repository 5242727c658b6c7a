"""workflows/mapreduce.py: the report, one node per file, and what a failure leaves to do."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

WORKFLOW = Path(__file__).parents[2] / "workflows" / "mapreduce.py"


class Shell:
    """A folder with some files in which the command is run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "here"
        self._state = folder / "state"
        for name, text in {
            "a.py": "one two\n# TODO: mend\n",
            "sub/b.py": "pass  # FIXME it\nTODOS\n",
            "c.txt": "TBD TODO",
        }.items():
            (self.folder / name).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / name).write_text(text)

    def __call__(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run lgrun."""
        return subprocess.run(
            [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
            cwd=self.folder,
            env={**os.environ, "LGRUN_STATE_DIR": str(self._state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """A folder with three files."""
    return Shell(tmp_path)


def test_report(shell: Shell) -> None:
    """Words and marks of every file, in the order of their names; marks inside longer words are none."""
    done = shell("invoke", str(WORKFLOW), "path=.", "-t", "t")

    assert json.loads(done.stdout) == {
        "files": 2,
        "words": 10,
        "largest": "a.py",
        "todos": ["a.py:2: # TODO: mend", "sub/b.py:1: pass  # FIXME it"],
    }
    assert "(✓ scan ×2)" in shell("show", "t", "--graph").stdout  # noqa: RUF001


def test_another_pattern(shell: Shell) -> None:
    """Other files, other marks; the thread's earlier run is not counted again; no files is a report too."""
    shell("invoke", str(WORKFLOW), "path=.", "-t", "t")
    second = shell("invoke", str(WORKFLOW), "path=.", "pattern=*.txt", 'marks:=["TBD"]', "-t", "t")
    none = shell("invoke", str(WORKFLOW), "path=.", "pattern=*.rs", "-t", "t")

    assert json.loads(second.stdout) == {"files": 1, "words": 2, "largest": "c.txt", "todos": ["c.txt:1: TBD TODO"]}
    assert json.loads(none.stdout) == {"files": 0, "words": 0, "largest": "", "todos": []}


def test_a_file_that_cannot_be_read(shell: Shell) -> None:
    """It fails the run; when it is mended, only it is read again."""
    (shell.folder / "bad.py").write_bytes(b"\xff")
    failed = shell("invoke", str(WORKFLOW), "path=.", "-t", "t")

    assert failed.returncode == 1
    assert "UnicodeDecodeError" in failed.stderr
    (shell.folder / "bad.py").write_text("mended")
    (shell.folder / "a.py").write_text("changed since")
    done = shell("resume", "t")
    assert json.loads(done.stdout)["words"] == 11
    assert re.findall("^(.) scan", done.stderr, re.MULTILINE).count("✓") == 1


def test_no_folder(shell: Shell) -> None:
    """A mistake in the input is an error that names it."""
    failed = shell("invoke", str(WORKFLOW), "path=nowhere", "-t", "t")

    assert failed.returncode == 1
    assert "ValueError: no such folder: nowhere" in failed.stderr
