"""Two processes, signals, and what is left of a run that was stopped."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.cli.env import Environment
from lgrun.cli.going_on import Manner, standing_in_time
from lgrun.cli.settings import Settings

from .conftest import World
from .sources import HEAD, HELD, SLOW


def wait_for(path: Path) -> None:
    """Wait until a file is there."""
    for _ in range(1000):
        if path.exists():
            return
        time.sleep(0.01)
    raise AssertionError(f"{path} never came")


def held(lgrun: World, *options: str, source: str = HELD) -> "subprocess.Popen[str]":
    """Start a run and return when its task has begun, and lgrun knows that; it lasts until `release`."""
    lgrun.write("held.py", source)
    process = lgrun.start("invoke", "held.py", "0", "-t", "t", *options)
    said_until(process, "napping")
    return process


def said_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Return what a process says up to a line that holds these words."""
    assert process.stderr is not None
    said = ""
    while words not in said:
        line = process.stderr.readline()
        assert line, said
        said += line
    return said


def release(lgrun: World) -> None:
    """Let the task end."""
    lgrun.write("go", "")


def finish(process: "subprocess.Popen[str]") -> tuple[int, str, str]:
    """Wait for a process; of what it said, the part that has not been read."""
    assert process.stdout is not None
    assert process.stderr is not None
    with process:
        err = process.stderr.read()
        out = process.stdout.read()
    return process.returncode, out, err


def test_busy(lgrun: World) -> None:
    """While one process runs a thread, another one is told who does and exits 5; --wait waits."""
    first = held(lgrun)
    waiting = lgrun.start("resume", "t", "--wait", "30s")

    busy = lgrun("invoke", "held.py", "0", "-t", "t")
    resumed = lgrun("resume", "t")
    listed = lgrun("list", "--json").json
    assert waiting.poll() is None
    release(lgrun)

    assert finish(first)[:2] == (0, '"after"\n')
    assert finish(waiting)[:2] == (0, '"after"\n')
    assert busy.code == resumed.code == 5
    assert f"pid {first.pid}" in busy.stderr
    assert "--wait" in busy.stderr
    assert listed[0]["status"] == "running"


@pytest.mark.parametrize("args", [["resume", "t"], ["invoke", "held.py", "0", "-t", "t", "--once"]], ids=" ".join)
def test_the_time_limit_covers_the_wait(lgrun: World, args: list[str]) -> None:
    """--timeout counts while another process runs the thread, too; who is patient for less is told that it is busy."""
    first = held(lgrun)

    late = lgrun(*args, "--wait", "60s", "--timeout", "0.2s", "--json")
    busy = lgrun(*args, "--wait", "0.1s", "--timeout", "60s")
    in_time = lgrun.start(*args, "--wait", "60s", "--timeout", "60s")
    release(lgrun)

    assert late.code == late.json["exit"] == 124
    assert late.json["status"] == "running"
    assert "its time was over" in late.stderr
    assert "lgrun resume t" in late.stderr
    assert busy.code == 5
    for process in (first, in_time):
        assert finish(process)[:2] == (0, '"after"\n')


def test_the_time_that_is_left_after_the_wait(tmp_path: Path) -> None:
    """The run that follows has only what the wait for its thread has left of the time."""

    class Slow(Environment):
        now = 100.0

        def monotonic(self) -> float:
            self.now += 7
            return self.now

    manner = Manner("resume", "warn", 60.0, 10.0, Settings())

    found = standing_in_time(Slow(), FileSaver(tmp_path), "t", manner)

    assert found is not None
    assert found[1] == manner._replace(timeout=3.0)


def test_waiting_does_not_discard(lgrun: World) -> None:
    """invoke that waited for another process looks again: a question asked meanwhile is not thrown away."""
    first = held(lgrun, source=HELD.replace("return after().result()", "return interrupt('q')"))
    second = lgrun.start("invoke", "held.py", "0", "-t", "t", "--wait", "30s")
    assert lgrun("invoke", "held.py", "0", "-t", "t").code == 5
    assert second.poll() is None
    release(lgrun)

    assert finish(first)[0] == 3
    code, _, err = finish(second)
    assert code == 2
    assert "new input would discard" in err


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGINT, -2), (signal.SIGTERM, -15), (signal.SIGHUP, -1)])
def test_signal(lgrun: World, signum: int, code: int) -> None:
    """The first signal lets the running task finish, starts nothing more and ends by the signal; resume goes on."""
    process = held(lgrun)
    process.send_signal(signum)
    said = said_until(process, "stopping after nap")
    release(lgrun)
    found, out, err = finish(process)

    assert (found, out) == (code, ""), err
    assert "Traceback" not in said + err
    assert "1 finished task is kept.  continue:  lgrun resume t" in err
    assert not (lgrun.folder / "after").exists()
    assert lgrun("show", "t", "--get", "status").stdout == "stopped\n"
    assert lgrun("resume", "t").stdout == '"after"\n'


def test_second_interrupt(lgrun: World) -> None:
    """The second Ctrl-C leaves at once."""
    lgrun.write("slow.py", SLOW)
    process = lgrun.start("invoke", "slow.py", "3600", "-t", "t")
    wait_for(lgrun.folder / "started")
    process.send_signal(signal.SIGINT)
    said_until(process, "stopping")
    process.send_signal(signal.SIGINT)
    code, out, err = finish(process)

    # How fast: `test_second_interrupt_under_the_view` and `tests.cli.stress`. Here, the task itself takes an hour.
    assert (code, out) == (-2, "")
    assert "Traceback" not in err
    assert lgrun("show", "t", "--get", "status").stdout in ("stopped\n", "crashed\n")


def test_interrupt_with_document(lgrun: World) -> None:
    """A stopped run still prints its document."""
    process = held(lgrun, "--get", "exit")
    process.send_signal(signal.SIGTERM)
    said_until(process, "stopping")
    release(lgrun)

    assert finish(process)[:2] == (-15, "143\n")


def test_kill(lgrun: World) -> None:
    """A killed run shows as crashed and is continued; a task that had lasted is known to have begun."""
    process = held(lgrun)
    while lgrun("show", "t", "--json").json["tasks"] == []:
        pass
    process.kill()
    finish(process)
    release(lgrun)

    shown = lgrun("show", "t", "--json").json
    assert shown["status"] == "crashed"
    assert shown["tasks"][0]["status"] == "running"
    assert lgrun("invoke", "held.py", "0", "-t", "t").code == 2
    assert lgrun("resume", "t").stdout == '"after"\n'


def test_what_died_is_counted(lgrun: World) -> None:
    """Of many calls of a task that ran when the process was killed, the message says how many there were."""
    lgrun.write(
        "many.py",
        HEAD
        + """
import os, time

@task
def work(i):
    while not os.path.exists("go"):
        time.sleep(0.01)

@task
def other(name):
    work(9).result()

@entrypoint()
def wf(n: int):
    return [call.result() for call in [other("a"), *(work(i) for i in range(n))]]
""",
    )
    process = lgrun.start("invoke", "many.py", "4", "-t", "t")
    while len(lgrun("show", "t", "--json").json["tasks"]) < 6:
        pass
    process.kill()
    finish(process)
    lgrun.write("go", "")

    said = lgrun("resume", "t").stderr

    assert said.splitlines()[0] == '! the last run died while other("a"), work (5 times) ran, so that runs again'


def test_background_job(lgrun: World) -> None:
    """A background job of a shell ignores SIGINT, and lgrun leaves that so."""
    lgrun.write("slow.py", SLOW)
    process = lgrun.start(
        "invoke", "slow.py", "1", "-t", "t", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    )
    wait_for(lgrun.folder / "started")
    os.kill(process.pid, signal.SIGINT)

    assert finish(process)[:2] == (0, '"after"\n')


def test_interrupt_while_loading(lgrun: World) -> None:
    """Ctrl-C while the file is loading ends lgrun by the signal, without a traceback."""
    lgrun.write("wf.py", "open('started', 'w').close()\nimport time\ntime.sleep(20)\n")
    process = lgrun.start("invoke", "wf.py")
    wait_for(lgrun.folder / "started")
    process.send_signal(signal.SIGINT)
    code, _out, err = finish(process)

    assert code == -2
    assert "Traceback" not in err


ASYNC = """
import asyncio
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

@task
async def step(i: int) -> int:
    with open("effects", "a") as file:
        print(i, file=file)
    return i

@entrypoint()
async def flow(n: int):
    return [await asyncio.gather(*[step(i) for i in range(n)]), interrupt("ok?")]
"""


def test_an_async_workflow(lgrun: World) -> None:
    """It runs, asks and is taken up like any other; its parallel tasks run once."""
    lgrun.write("later.py", ASYNC)

    asked = lgrun("invoke", "later.py", "3", "-t", "t")
    answered = lgrun("resume", "t", "--value", "true")

    assert (asked.code, asked.stdout) == (3, "")
    assert (answered.code, answered.stdout) == (0, "[[0, 1, 2], true]\n")
    assert sorted((lgrun.folder / "effects").read_text().split()) == ["0", "1", "2"]


def test_a_thread_that_is_removed_while_resume_looks_at_it(lgrun: World) -> None:
    """It is not there, as one that never was."""
    removed_after_the_look = (
        "import sys; from lgrun.cli import session; session.resolve = lambda typed, saver, acting: typed\n"
        "from lgrun.cli.app import run; sys.exit(run(['resume', 'gone']))"
    )
    command = [sys.executable, "-c", removed_after_the_look]
    done = subprocess.run(command, cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True, timeout=60)

    assert done.returncode == 4
    assert "no thread gone" in done.stderr
