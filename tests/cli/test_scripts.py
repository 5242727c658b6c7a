"""The scripts of the README, run as they are printed there, by sh, bash and zsh."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from .conftest import World
from .sources import ASK, HEAD, HELLO, REVIEW

README = (Path(__file__).parents[2] / "README.md").read_text()
SHELLS = [
    pytest.param(shell, marks=pytest.mark.skipif(not shutil.which(shell), reason=f"{shell} is not installed"))
    for shell in ("sh", "bash", "zsh")
]

RELEASE = (
    HEAD
    + """
@task
def ask(what: str):
    return interrupt(what)

@entrypoint()
def release(input: dict):
    return [call.result() for call in [ask("ship it?"), ask("tell them?")]]
"""
)

JOB = (
    HEAD
    + """
import os

@entrypoint()
def job(input: dict):
    with open("ran.txt", "a") as file:
        file.write(f"{input['n']}\\n")
    if input["n"] == 2 and not os.path.exists("ok"):
        raise ValueError("not yet")
    return input["n"]
"""
)


APPROVE = """\
out=$(lgrun invoke review -t "pr-$PR" pr:="$PR" --no-input); rc=$?
while [ $rc -eq 3 ]; do
  q=$(lgrun show "pr-$PR" --get questions.0.id)
  printf '%s ' "$(lgrun show "pr-$PR" --get questions.0.text)"; read -r a </dev/tty
  out=$(lgrun resume "pr-$PR" "$q=$a" --no-input); rc=$?
done
[ $rc -eq 0 ] && printf '%s\\n' "$out" || exit $rc
"""
"""A loop that people write without having read the README."""

TWO_QUESTIONS = (
    HEAD
    + """
@entrypoint()
def review(input: dict):
    if interrupt({"question": "merge?", "options": ["yes", "no"]}) == "no":
        raise ValueError("refused")
    return {"pr": input["pr"], "note": interrupt("note?")}
"""
)


def printed(beginning: str) -> str:
    """Return the block of the README that begins so."""
    (code,) = (
        code
        for code in re.findall(r"^```\w*\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
        if code.startswith(beginning)
    )
    return str(code)


def path_with_tools(lgrun: World) -> str:
    """Return a PATH with `lgrun` on it, and a `logger` that writes to a file."""
    tools = lgrun.folder / "bin"
    tools.mkdir(exist_ok=True)
    logger = tools / "logger"
    logger.write_text(f'#!/bin/sh\necho "$*" >> "{lgrun.folder}/syslog"\n')
    logger.chmod(0o755)
    return f"{tools}:{Path(sys.executable).parent}:{lgrun.env()['PATH']}"


def sh(lgrun: World, shell: str, script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script without a terminal."""
    return subprocess.run(
        [shell, "-c", script],
        cwd=lgrun.folder,
        env=lgrun.env({**variables, "PATH": path_with_tools(lgrun)}),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@contextmanager
def at_terminal(lgrun: World, shell: str) -> Iterator[Any]:
    """Run the loop in a terminal, with its answers typed there."""
    env = lgrun.env({"PR": "7", "PATH": path_with_tools(lgrun)})
    pexpect = pytest.importorskip("pexpect")
    child = pexpect.spawn(shell, ["-c", APPROVE], cwd=str(lgrun.folder), env=env, timeout=30, encoding="utf-8")
    try:
        yield child
    finally:
        child.close(force=True)


@pytest.mark.parametrize("shell", SHELLS)
def test_an_approve_loop(lgrun: World, shell: str) -> None:
    """Two questions are asked and answered on the terminal, though --no-input is given; the value is printed last."""
    lgrun.write("workflows/review.py", TWO_QUESTIONS)

    with at_terminal(lgrun, shell) as child:
        child.expect(r"\nmerge\? ")
        child.sendline("yes")
        child.expect(r"\nnote\? ")
        child.sendline("a = b, 'quoted' $HOME")
        child.expect_exact("""{"pr": 7, "note": "a = b, 'quoted' $HOME"}""")
        child.expect("EOF|$")
        child.wait()

    assert child.exitstatus == 0
    assert lgrun("show", "pr-7", "--get", "value.pr").stdout == "7\n"


@pytest.mark.parametrize("shell", SHELLS)
def test_an_approve_loop_that_is_refused(lgrun: World, shell: str) -> None:
    """A run that fails after the answer ends the loop with its exit code, and prints no value."""
    lgrun.write("workflows/review.py", TWO_QUESTIONS)

    with at_terminal(lgrun, shell) as child:
        child.expect(r"\nmerge\? ")
        child.sendline("no")
        child.expect("ValueError: refused")
        child.wait()

    assert child.exitstatus == 1


def cron(lgrun: World, shell: str) -> subprocess.CompletedProcess[str]:
    """Run the line of the crontab as cron does: at home, which is the folder, with next to no variables."""
    line = printed("0 7 * * *").strip().removeprefix("0 7 * * *").strip()
    assert "%" not in line.replace("\\%", ""), "cron would end the command there"
    command = lgrun.folder / "project" / ".venv" / "bin" / "lgrun"
    if not command.parent.exists():
        command.parent.mkdir(parents=True)
        command.symlink_to(Path(sys.executable).parent / "lgrun")
    path_with_tools(lgrun)
    bare = {"HOME": str(lgrun.folder), "LOGNAME": "ann", "PATH": f"{lgrun.folder}/bin:/usr/bin:/bin"}
    return subprocess.run(
        [shell, "-c", line.replace("\\%", "%")],
        cwd=lgrun.folder,
        env={**bare, "LGRUN_STATE_DIR": str(lgrun.state)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_of_a_crontab(lgrun: World, shell: str) -> None:
    """It writes the result once per call, is silent and no failure while a question is open."""
    log = lgrun.folder / "project" / "digest.log"
    lgrun.write("project/workflows/digest.py", ASK.replace("def ask", "def digest"))

    waiting = [cron(lgrun, shell) for _ in range(2)]
    (thread,) = lgrun.threads()

    assert [(done.returncode, done.stdout, done.stderr) for done in waiting] == [(0, "", ""), (0, "", "")]
    assert re.fullmatch(r"digest-\d{4}-\d\d-\d\d", thread)
    assert log.read_text() == ""
    lgrun("resume", thread, "--value", "news")
    done = cron(lgrun, shell)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert log.read_text() == '"news"\n'
    assert not (lgrun.folder / "syslog").exists()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_line_of_a_crontab_that_fails(lgrun: World, shell: str) -> None:
    """A failure is logged, and why it failed stands beside the results."""
    lgrun.write("project/workflows/digest.py", ASK.replace('return interrupt("what?")', "raise ValueError"))

    done = cron(lgrun, shell)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (lgrun.folder / "syslog").read_text() == "digest failed\n"
    assert "ValueError" in (lgrun.folder / "project" / "digest.log").read_text()


@pytest.mark.parametrize("shell", SHELLS)
def test_approving_everything(lgrun: World, shell: str) -> None:
    """All questions of all waiting threads of one workflow are answered, and no other's."""
    lgrun.write("workflows/release.py", RELEASE)
    lgrun.write("workflows/other.py", ASK)
    for thread in ("r1", "r2"):
        assert lgrun("invoke", "release", "-t", thread).code == 3
    assert lgrun("invoke", "workflows/other.py", "-t", "o").code == 3

    done = sh(lgrun, shell, printed("lgrun list --status waiting"))

    assert (done.returncode, done.stdout) == (0, "[true, true]\n" * 2)
    assert lgrun("list", "--status", "waiting", "-q").stdout == "o\n"
    # Nothing waits any more: nothing is run.
    again = sh(lgrun, shell, printed("lgrun list --status waiting"))
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_the_gate_of_a_ci_job(lgrun: World, shell: str) -> None:
    """It passes with a notice while the release waits, and with the document once it is done."""
    lgrun.write("workflows/release.py", RELEASE)
    gate = printed('lgrun invoke release -t "rel-$TAG"')

    waiting = sh(lgrun, shell, gate, TAG="v1")
    lgrun("resume", "rel-v1", "--all", "--value", "yes")
    done = sh(lgrun, shell, gate, TAG="v1")

    assert waiting.returncode == 0
    assert waiting.stdout in ("::notice::waiting: ship it?\n", "::notice::waiting: tell them?\n")
    assert (done.returncode, done.stdout) == (0, "")
    assert json.loads((lgrun.folder / "run.json").read_text())["value"] == ["yes", "yes"]
    lgrun.write("workflows/release.py", HELLO.replace("def hello", "def release"))
    assert sh(lgrun, shell, gate, TAG="v2").returncode == 2


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_many_inputs(lgrun: World, shell: str) -> None:
    """Given again, only the input that had failed runs."""
    lgrun.write("workflows/job.py", JOB)
    lgrun.write("jobs.json", '[{"n": 1}, {"n": 2}, {"n": 3}]')
    line = printed("jq -c '.[]' jobs.json | xargs")

    first = sh(lgrun, shell, line)
    (lgrun.folder / "ok").touch()
    second = sh(lgrun, shell, line)

    # xargs says 123 if one of its commands failed.
    assert (first.returncode, sorted(first.stdout.split())) == (123, ["1", "3"])
    assert (second.returncode, sorted(second.stdout.split())) == (0, ["1", "2", "3"])
    assert sorted((lgrun.folder / "ran.txt").read_text().split()) == ["1", "2", "2", "3"]
    assert len(lgrun.threads()) == 3


@pytest.mark.skipif(not shutil.which("jq"), reason="jq is not installed")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_batch(lgrun: World, shell: str) -> None:
    """The same with batch: all results are in the file, in the order of the inputs."""
    lgrun.write("workflows/job.py", JOB)
    lgrun.write("jobs.json", '[{"n": 1}, {"n": 2}, {"n": 3}]')
    line = printed("jq -c '.[]' jobs.json | lgrun batch")

    first = sh(lgrun, shell, line)
    (lgrun.folder / "ok").touch()
    second = sh(lgrun, shell, line)

    assert (first.returncode, second.returncode) == (1, 0)
    results = [json.loads(line) for line in (lgrun.folder / "results.ndjson").read_text().splitlines()]
    assert [result["value"] for result in results] == [1, 2, 3]
    assert sorted((lgrun.folder / "ran.txt").read_text().split()) == ["1", "2", "2", "3"]


@pytest.mark.parametrize("shell", SHELLS)
def test_what_if(lgrun: World, shell: str) -> None:
    """The same run with the other answer, compared with the first one; no task of it runs again."""
    lgrun.write("review.py", REVIEW)
    lgrun("invoke", "review.py", "-t", "t 1", "topic=cats")
    lgrun("resume", "t 1", "q1=yes")
    lgrun("resume", "t 1", "q2=me")

    done = sh(lgrun, shell, printed('lgrun diff "$T"'), T="t 1")

    assert done.returncode == 0, done.stderr
    assert '- $.questions.q1.answer: "yes"\n+ $.questions.q1.answer: "no"\n' in done.stdout
    assert (lgrun.folder / "ran.txt").read_text() == "draft\n"
