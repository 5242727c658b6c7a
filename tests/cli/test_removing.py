"""rm and prune: what is deleted, and what is not."""

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import pytest

from lgrun.cli.removal import bytes_text

from .conftest import MadeOnce, Result, World
from .screen import screen
from .sources import ASK, FAIL_ONCE, HELLO, SLOW

Check = Callable[[Result, int, Sequence[str]], None]


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("flaky.py", FAIL_ONCE)
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "hello.py", "Ann", "-t", "done-1")
    lgrun("invoke", "hello.py", "Bob", "-t", "done-2")
    lgrun("invoke", "flaky.py", "-t", "failed")
    lgrun("invoke", "ask.py", "-t", "waiting")


@pytest.fixture
def threads(made_once: MadeOnce) -> World:
    """Return a folder with two threads done, one failed and one waiting, the oldest first."""
    return made_once(fill)


def test_rm(threads: World) -> None:
    """rm deletes the threads it is given, with their files, and no other."""
    result = threads("rm", "done-1", "waiting", "done-1", "-f")

    assert (result.code, result.stdout) == (0, "")
    assert result.stderr.startswith("✓ done-1 deleted, ")
    assert threads.threads() == ["done-2", "failed"]
    assert not [path for path in threads.files() if "done-1" in path or "waiting" in path]
    assert os.listdir(threads.state / "trash") == []
    assert threads("show", "done-1").code == 4


def test_rm_document(threads: World) -> None:
    """rm --json says what is gone and how much room it took."""
    size = sum(path.stat().st_size for path in (threads.state / "threads" / "failed").iterdir())
    result = threads("rm", "failed", "-f", "--json")

    assert result.json == {"schema": "lgrun.removal/1", "removed": ["failed"], "busy": [], "bytes": size, "exit": 0}
    assert size > 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["rm", "done-1"], 2, ["lgrun rm -f done-1"]),
        (["rm", "done-1", "fail", "-f"], 4, ["no thread fail", "did you mean failed?"]),
        (["rm", "-f"], 2, ["THREAD"]),
        (["prune", "-f"], 2, ["--older 30d"]),
        (["prune", "--status", "don"], 2, ["did you mean done?"]),
        (["prune", "--older", "soon"], 2, ["is not a duration"]),
        (["prune", "-w", "helo.py", "-f"], 4, ["did you mean hello.py?"]),
    ],
)
def test_nothing_is_deleted(
    threads: World, assert_one_message: Check, args: list[str], code: int, words: list[str]
) -> None:
    """Without -f, with the start of an id, with an unknown thread among others, or without a criterion."""
    before = threads.files()

    assert_one_message(threads(*args), code, words)
    assert threads.files() == before


def test_rm_of_a_running_thread(lgrun: World) -> None:
    """A running thread is not deleted, and none beside it; once it has ended it is."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("slow.py", SLOW)
    lgrun("invoke", "hello.py", "Ann", "-t", "done")
    run = lgrun.start("invoke", "slow.py", "30", "-t", "busy")
    try:
        assert run.stderr is not None
        assert run.stderr.readline() == "▸ busy\n"
        while lgrun("show", "busy", "--get", "status").stdout != "running\n":
            assert run.poll() is None
        refused = lgrun("rm", "done", "busy", "-f")
        pruned = lgrun("prune", "--status", "running,done", "-f")
    finally:
        run.kill()
        run.communicate()

    assert refused.code == pruned.code == 5
    assert "busy is running; nothing was deleted" in refused.stderr
    assert pruned.stderr.count("✗") == 1
    assert lgrun.threads() == ["busy"]
    assert lgrun("rm", "busy", "-f").code == 0
    assert lgrun.threads() == []


def test_rm_of_a_damaged_thread(threads: World) -> None:
    """What cannot be read can be deleted."""
    (threads.state / "threads" / "done-1" / "00000001.json").write_text("{")
    assert threads("show", "done-1").code == 6

    assert threads("rm", "done-1", "-f").code == 0
    assert threads.threads() == ["done-2", "failed", "waiting"]


@pytest.mark.parametrize(("answer", "left"), [("y", []), ("", ["t"]), ("what", ["t"])])
def test_rm_asks(lgrun: World, answer: str, left: list[str]) -> None:
    """At a terminal rm asks; only a yes deletes."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")

    with screen(lgrun, "rm", "t") as terminal:
        terminal.until("delete t for good? [y/N]")
        terminal.child.sendline(answer)
        terminal.until("t deleted" if not left else "nothing was deleted")

    assert lgrun.threads() == left


def test_prune_proposes(threads: World) -> None:
    """Without -f prune prints what it would delete, newest first, and deletes nothing."""
    before = threads.files()
    result = threads("prune")
    rows = [line.split("\t") for line in result.stdout.splitlines()]

    assert [row[:3] for row in rows] == [
        ["failed", "failed", "flaky.py"],
        ["done-2", "done", "hello.py"],
        ["done-1", "done", "hello.py"],
    ]
    sizes = [int(row[4]) for row in rows]
    found = threads("prune", "--json").json
    assert [row["bytes"] for row in found["threads"]] == sizes
    assert found["bytes"] == sum(sizes)
    assert "3 threads, " in result.stderr
    assert "nothing was deleted" in result.stderr
    assert threads.files() == before


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (["--status", "done"], ["failed", "waiting"]),
        (["--status", "waiting,failed"], ["done-1", "done-2"]),
        (["--keep", "1"], ["failed", "waiting"]),
        (["--keep", "0"], ["waiting"]),
        (["--older", "0s"], ["waiting"]),
        (["--older", "1h"], ["done-1", "done-2", "failed", "waiting"]),
        (["-w", "hello.py", "--keep", "1"], ["done-2", "failed", "waiting"]),
        (["-w", "./hello.py:hello"], ["failed", "waiting"]),
        (["-w", "ask.py"], ["done-1", "done-2", "failed", "waiting"]),
    ],
)
def test_prune(threads: World, args: list[str], left: list[str]) -> None:
    """Each criterion narrows what is deleted; what waits stays unless it is named."""
    proposed = threads("prune", *args, "-q").stdout.split()
    result = threads("prune", *args, "-f", "--json")

    assert result.code == 0
    assert result.json["removed"] == proposed
    assert threads.threads() == left


def test_workflow_that_is_gone(threads: World) -> None:
    """Threads of a workflow that was deleted are found by how it was typed, and by its name."""
    (threads.folder / "hello.py").unlink()

    assert threads("list", "-w", "hello.py", "-q").stdout == "done-2\ndone-1\n"
    assert threads("list", "-w", "hello", "-q").stdout == "done-2\ndone-1\n"
    assert threads("list", "-w", "review", "-q").code == 4


def test_workflow_of_another_project(threads: World) -> None:
    """A workflow that is there is known by its file: one of the same name elsewhere is another."""
    other = threads.write("other/hello.py", HELLO).parent
    threads("invoke", "hello.py", "Cid", "-t", "theirs", cwd=other)

    assert threads("list", "-w", "hello.py", "-q").stdout == "done-2\ndone-1\n"
    assert threads("list", "-w", "hello.py", "-q", cwd=other).stdout == "theirs\n"


def test_a_thread_of_days_ago(threads: World) -> None:
    """--older goes by when something was last saved, not by when the file was touched."""
    from lgrun.cli.env import Environment
    from lgrun.cli.selection import find_threads, older_than
    from lgrun.cli.session import open_saver

    class Later(Environment):
        def now(self) -> datetime:
            return super().now() + timedelta(days=30)

    env = Later(environ=threads.env(), cwd=threads.folder)
    found = find_threads(env, open_saver(env))

    assert [one.thread for one in found] == ["waiting", "failed", "done-2", "done-1"]
    assert older_than(env, found, 29 * 86400) == found
    assert older_than(env, found, 31 * 86400) == []


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1234, "1.2 kB"), (34_000_000, "34 MB"), (999_600, "1.0 MB")]
)
def test_sizes(size: int, text: str) -> None:
    """Sizes as people read them."""
    assert bytes_text(size) == text
