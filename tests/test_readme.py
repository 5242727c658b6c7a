"""What the README says is so."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from lgrun.cli.app import program
from lgrun.cli.parser import about
from lgrun.cli.status import ExitStatus

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Return an environment with `lgrun` on the PATH, an empty state directory and no terminal's peculiarities."""
    (tmp_path / "trip.py").write_text((ROOT / "workflows" / "trip.py").read_text())
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "LGRUN_STATE_DIR": str(tmp_path / "state"), "LANG": "C.UTF-8"}


def block(kind: str, beginning: str) -> str:
    """Return the block of code that begins so."""
    found = [code for code in re.findall(rf"```{kind}\n(.*?)```", README, re.DOTALL) if code.startswith(beginning)]
    (code,) = found
    return str(code)


def test_the_first_tour_is_a_program_that_is_run() -> None:
    """The code of the tour is `workflows/trip.py`, of which the pictures are made."""
    (code,) = re.findall(r"Put this into `trip.py`:\n\n```python\n(.*?)```", README, re.DOTALL)

    assert (ROOT / "workflows" / "trip.py").read_text() == code


def test_every_exit_code_is_explained() -> None:
    """The table has each status that the command can end with."""
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    explained = {int(code) for row in rows for code in row.split(",")}

    assert {int(status) for status in ExitStatus} == explained


def test_every_file_that_is_named_exists() -> None:
    """Links within the repository, pictures and examples."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"^\| `(\w+\.py)` \|", README, re.MULTILINE):
        assert (ROOT / "workflows" / name).exists(), name


def test_the_console_block_is_what_is_printed(tmp_path: Path, env: dict[str, str]) -> None:
    """A question without a terminal: every line of the block but for the times."""
    written = block("console", "$ lgrun invoke trip.py -t paris")
    printed = ""
    for line in re.findall(r"^\$ (.*)$", written, re.MULTILINE):
        done = subprocess.run(
            ["bash", "-c", f"{line} 2>&1"] if ";" not in line else ["bash", "-c", f"{{ {line}; }} 2>&1"],
            cwd=tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        printed += f"$ {line}\n{done.stdout}"

    assert _without_times(printed) == _without_times(written)


def _without_times(text: str) -> str:
    return re.sub(r"\b\d+(\.\d+)?m?s\b", "TIME", text)


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_the_loop_for_scripts_asks_again(tmp_path: Path, env: dict[str, str], shell: str) -> None:
    """The loop of the README, under `set -e`: a mistyped answer is asked again, a good one ends it."""
    pexpect = pytest.importorskip("pexpect")
    script = "set -e\n" + block("sh", "out=$(lgrun invoke trip.py -t oslo")
    child = pexpect.spawn(shell, ["-c", script], cwd=str(tmp_path), env=env, timeout=30, encoding="utf-8")
    child.expect(r"Book .*\[.*yes.*no.*\] ")
    child.sendline("maybe")
    child.expect("expected one of yes, no")
    child.expect(r"Book .*\[.*yes.*no.*\] ")
    child.sendline("no")
    child.expect('{"booked": ?null}')
    child.expect(pexpect.EOF)
    child.close()

    assert child.exitstatus == 0


@pytest.mark.parametrize("command", [[], ["invoke"]])
def test_examples_in_help_work(command: list[str], tmp_path: Path, env: dict[str, str]) -> None:
    """Every command that a help page begins with can be pasted, in the order in which they stand there.

    Those of `lgrun -h` in any folder, those of a command in a clone.
    """
    help_page = subprocess.run(["lgrun", *command, "-h"], env=env, capture_output=True, text=True, check=True).stdout
    examples = re.findall(r"^  ((?:echo .*)?lgrun .*)$", help_page, re.MULTILINE)

    codes = [
        subprocess.run(
            ["bash", "-c", line],
            cwd=ROOT if command else tmp_path,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        ).returncode
        for line in examples
    ]

    # What asks, waits for an answer.
    assert codes == ([0, 3, 0, 0, 0] if not command else [3, 3, 3, 3])


def test_every_command_is_in_the_table() -> None:
    """The table of commands is what `lgrun -h` lists, under the same titles, with the same sentences."""
    group: Any = get_command(program())
    listed = [
        (title, name, about(command))
        for title, commands in group.titled().items()
        for name, command in commands.items()
    ]
    rows = re.findall(r"^\| (\w+) \| `lgrun ([\w-]+)` \| (.*) \|$", README, re.MULTILINE)

    assert rows == listed, "\n".join(f"| {title} | `lgrun {name}` | {text} |" for title, name, text in listed)
    assert "Commands" not in group.titled(), "a command has no title: give it one in lgrun/cli/app.py"


def test_a_workflow_of_ones_own(tmp_path: Path, env: dict[str, str]) -> None:
    """The lines that begin with `lgrun new` can be pasted in any folder."""
    lines = block("sh", "lgrun new post").splitlines()
    codes = [
        subprocess.run(
            ["sh", "-c", line], cwd=tmp_path, env=env, stdin=subprocess.DEVNULL, capture_output=True
        ).returncode
        for line in lines
    ]

    assert codes == [0, 3, 0]
