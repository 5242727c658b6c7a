"""Signals and broken pipes at random moments, and Ctrl-C under the live view."""

import re
import time

import pytest

from .conftest import World
from .screen import screen
from .sources import HEAD, SLOW
from .stress import KINDS, at_once, trial

PARALLEL = (
    HEAD
    + """
import os, time

@task
def short(i):
    open(f"ran-{i}", "x").close()
    while not os.path.exists("go"):
        time.sleep(0.01)
    return i

@entrypoint()
def wf(n: int):
    done = [call.result() for call in [short(i) for i in range(n)]]
    return done + [short(n).result()]
"""
)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("kind", KINDS)
def test_random_moment(lgrun: World, kind: str, seed: int) -> None:
    """Stopped at any moment: what was acknowledged is kept and does not run again; the thread goes on to its end."""
    found = trial(lgrun, kind, seed)

    assert found.good, found


def test_interrupt_under_the_view(lgrun: World) -> None:
    """The first Ctrl-C says at once what is waited for; that is finished and kept, nothing more starts."""
    lgrun.write("wf.py", PARALLEL)

    with screen(lgrun, "invoke", "wf.py", "2", "-t", "t") as shown:
        shown.until(lambda s: s.text().count("● short") == 2)
        shown.child.sendintr()
        shown.until("stopping after short (")
        assert "Ctrl-C again to stop now" in re.sub("\n", "", shown.text())
        lgrun.write("go", "")
        assert shown.end() == -2

    assert not (lgrun.folder / "ran-2").exists()
    assert "■ t stopped" in shown.text()
    assert "2 finished tasks are kept.  continue:  lgrun resume t" in shown.text()
    assert lgrun("resume", "t").json == [0, 1, 2]


def test_second_interrupt_under_the_view(lgrun: World) -> None:
    """The second Ctrl-C leaves within half a second, with the cursor shown and on a line of its own."""
    lgrun.write("wf.py", PARALLEL)

    with screen(lgrun, "invoke", "wf.py", "2", "-t", "t") as shown:
        shown.until(lambda s: s.text().count("● short") == 2)
        shown.child.sendintr()
        shown.until("stopping after short")
        shown.until(lambda s: s.text().count("● short") == 2)
        began = time.monotonic()
        shown.child.sendintr()
        while shown.read():
            pass
        took = time.monotonic() - began
        assert shown.end() == -2

    assert took < at_once(lgrun)
    assert shown.raw.rindex("\x1b[?25h") > shown.raw.rindex("\x1b[?25l")
    # The terminal itself echoes the key.
    assert shown.raw.removesuffix("^C").endswith("\n")
    assert lgrun("show", "t", "--get", "status").stdout == "crashed\n"


def test_terminal_goes_away(lgrun: World) -> None:
    """When the terminal is closed under the view, the running task is kept and the thread can be taken up."""
    lgrun.write("slow.py", SLOW)

    with screen(lgrun, "invoke", "slow.py", "0.5", "-t", "t") as shown:
        shown.until("● nap")
        shown.child.ptyproc.fileobj.close()
        shown.child.ptyproc.wait()

    assert lgrun("show", "t", "--get", "status").stdout == "stopped\n"
    assert lgrun("show", "t", "--get", "tasks.0.status").stdout == "done\n"
    assert lgrun("resume", "t").stdout == '"after"\n'


def test_many_running_tasks_are_counted(lgrun: World) -> None:
    """With many calls of a task running, the message names it once."""
    lgrun.write("wf.py", PARALLEL)

    with screen(lgrun, "invoke", "wf.py", "6", "-t", "t", columns=200) as shown:
        shown.until(lambda s: s.text().count("● short") == 6)
        shown.child.sendintr()
        shown.until(lambda s: bool(re.search(r"stopping after short \(6 times, \S+ so far\)…", s.text())))
        # Once more, and there is nobody left to say it.
        shown.until("  continue later:  lgrun resume t")
        lgrun.write("go", "")
        assert shown.end() == -2


def test_a_process_that_a_task_forked_ends_when_it_is_told_to(lgrun: World) -> None:
    """It has what handles signals from the run, but is no run: it says nothing of stopping, and does not go on."""
    lgrun.write(
        "wf.py",
        HEAD
        + """
import multiprocessing, time

@task
def work():
    fork = multiprocessing.get_context("fork")
    begun = fork.Event()
    # What comes while a process is being forked is lost to it, in every Python.
    child = fork.Process(target=lambda: begun.set() or time.sleep(60))
    child.start()
    begun.wait()
    child.terminate()
    child.join()
    return child.exitcode

@entrypoint()
def wf(n: int):
    return work().result()
""",
    )

    ran = lgrun("invoke", "wf.py", "1", "-t", "t")

    assert ran.json == -15
    assert "stopping" not in ran.stderr
