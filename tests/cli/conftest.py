"""Runs the installed command, as a user does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

LGRUN = str(Path(sys.executable).parent / "lgrun")


@dataclass(frozen=True)
class Result:
    """What a command did."""

    args: tuple[str, ...]
    code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """Return the one document on stdout."""
        return json.loads(self.stdout)


@dataclass(frozen=True)
class World:
    """A folder with workflows in it, and a state directory of its own."""

    folder: Path
    state: Path

    @classmethod
    def at(cls, place: Path) -> "World":
        """Return the world whose folder and state directory are in `place`."""
        return cls(place / "here", place / "state")

    @property
    def config(self) -> Path:
        """Return where the person's own configuration is."""
        return self.state.parent / "config"

    def write(self, name: str, text: str) -> Path:
        """Write a file into the folder."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def env(self, extra: Mapping[str, str] = {}) -> dict[str, str]:
        """Return the environment the command runs in."""
        of_the_person = ("NO_COLOR", "FORCE_COLOR", "CLICOLOR_FORCE", "PAGER", "LESS")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("LGRUN_", "PYTEST", *of_the_person))}
        own = {"LGRUN_STATE_DIR": str(self.state), "XDG_CONFIG_HOME": str(self.config), "COLUMNS": "100"}
        return {**kept, **own, **extra}

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] = {},
        input: str | None = None,
        timeout: float = 30,
    ) -> Result:
        """Run `lgrun` to its end, without a terminal."""
        done = subprocess.run(
            [LGRUN, *map(str, args)],
            cwd=cwd or self.folder,
            env=self.env(env),
            input=input,
            stdin=subprocess.DEVNULL if input is None else None,
            capture_output=True,
            text=True,
            # What a workflow prints in a pipe is its own affair.
            errors="backslashreplace",
            timeout=timeout,
        )
        return Result(tuple(map(str, args)), done.returncode, done.stdout, done.stderr)

    def start(self, *args: str, **options: Any) -> subprocess.Popen[str]:
        """Run `lgrun` in the background."""
        return subprocess.Popen(
            [LGRUN, *args],
            cwd=self.folder,
            env=self.env(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def threads(self) -> list[str]:
        """Return the ids of all threads."""
        return sorted(self("list", "-q", "-L", "0").stdout.split())

    def files(self) -> list[str]:
        """Return every file of the state directory."""
        return sorted(str(path) for path in self.state.rglob("*"))


@pytest.fixture
def lgrun(tmp_path: Path) -> World:
    """Return an empty folder to run the command in."""
    (tmp_path / "here").mkdir()
    return World.at(tmp_path)


Fill = Callable[[World], object]
MadeOnce = Callable[[Fill], World]


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Return a function that gives a world which another one has filled, always at the same place and as it was then.

    Each command takes a while to start, so the filling is done once, not for every test.
    """
    places: dict[Fill, Path] = {}

    def give(fill: Fill) -> World:
        if fill in places:
            shutil.rmtree(places[fill] / "now")
            shutil.copytree(places[fill] / "then", places[fill] / "now", symlinks=True)
            return World.at(places[fill] / "now")
        place = tmp_path_factory.mktemp("made")
        (place / "now/here").mkdir(parents=True)
        fill(World.at(place / "now"))
        shutil.copytree(place / "now", place / "then", symlinks=True)
        places[fill] = place
        return World.at(place / "now")

    return give


@pytest.fixture
def assert_one_message() -> Callable[[Result, int, Sequence[str]], None]:
    """Return a check that a command failed with one message that holds these words, and nothing of ours."""

    def check(result: Result, code: int, words: Sequence[str]) -> None:
        assert result.code == code, result
        assert result.stdout == ""
        assert "Traceback" not in result.stderr, result.stderr
        assert sum(line.startswith("✗") for line in result.stderr.splitlines()) == 1, result.stderr
        for word in words:
            assert word in result.stderr, result.stderr

    return check
