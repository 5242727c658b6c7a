"""stdout is the answer, whatever the workflow does; no reader is needed."""

import os
import subprocess

import pytest

from .conftest import LGRUN, World
from .sources import ASK, HEAD, HELLO

NOISY = (
    HEAD
    + """
import os, subprocess, sys
print("at import")
os.system("echo from a child at import")

@task
def noise() -> int:
    print("from a task")
    print("to stderr", file=sys.stderr)
    sys.stdout.write("no newline")
    sys.stdout.buffer.write(b"bytes\\n")
    os.write(1, b"descriptor 1\\n")
    subprocess.run(["sh", "-c", "echo from a child"])
    return 1

@entrypoint()
def noisy(input: dict) -> int:
    return noise().result()
"""
)


BIG = """
@entrypoint()
def big(input: dict):
    print('x' * 10_000_000)
    return 'y' * 10_000_000
"""

WHERE = """
import os
import helper

@entrypoint()
def where(input: dict):
    return [os.getcwd(), helper.X]
"""


def test_prints_do_not_spoil_stdout(lgrun: World) -> None:
    """print(), descriptor 1 and child processes of a workflow write to stderr."""
    lgrun.write("noisy.py", NOISY)

    result = lgrun("invoke", "noisy.py")

    assert (result.code, result.stdout) == (0, "1\n")
    for text in ("at import", "child at import", "from a task", "no newline", "bytes", "descriptor 1", "from a child"):
        assert text in result.stderr


def test_ten_megabytes(lgrun: World) -> None:
    """10 MB printed by a workflow do no harm."""
    lgrun.write("big.py", HEAD + BIG)

    result = lgrun("invoke", "big.py", timeout=60)

    assert result.code == 0
    assert len(result.stdout) == 10_000_003
    assert len(result.stderr) > 10_000_000


def test_output_is_ascii(lgrun: World) -> None:
    """JSON in a pipe is ASCII and parses; control characters of a workflow do not reach stderr."""
    lgrun.write("wf.py", HEAD + "@entrypoint()\ndef wf(input: dict):\n    raise ValueError('\\x1b]0;x\\x07\\u202e')\n")
    lgrun.write("hello.py", HELLO)

    assert lgrun("invoke", "hello.py", "é\u2028").stdout == '"hello \\u00e9\\u2028"\n'
    assert not {"\x1b", "\x07", "\u202e"} & set(lgrun("invoke", "wf.py").stderr)


@pytest.mark.parametrize("redirect", [">&-", "2>&-", ">&- 2>&-", "<&-", "<&- >&- 2>&-", "| true", "2>&1 | true"])
def test_nobody_listens(lgrun: World, redirect: str) -> None:
    """A closed or broken stdout or stderr stops no run, and no file of the state gets what is printed."""
    lgrun.write("noisy.py", NOISY.replace("return 1", "import time; time.sleep(0.3); print('late' * 10000); return 1"))

    subprocess.run(
        ["sh", "-c", f"{LGRUN} invoke noisy.py -t t {redirect}"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
    )
    for _ in range(100):
        if lgrun("show", "t", "--get", "status").stdout == "done\n":
            break

    assert lgrun("show", "t", "--get", "value").stdout == "1\n"
    written = b"".join(
        path.read_bytes() for path in lgrun.state.rglob("*") if path.is_file() and ".py" not in path.name
    )
    assert b"latelate" not in written
    assert b"from a child" not in written


def test_closed_stdout_is_the_state(lgrun: World) -> None:
    """With stdout closed the exit code still tells how the thread stands."""
    lgrun.write("ask.py", ASK)

    done = subprocess.run(["sh", "-c", f"{LGRUN} invoke ask.py -t t >&-"], cwd=lgrun.folder, env=lgrun.env())

    assert done.returncode == 3


def test_head(lgrun: World) -> None:
    """A look command whose reader has gone dies of SIGPIPE, without a word."""
    lgrun.write("hello.py", HELLO.replace("hello {name}", "{name}"))
    lgrun("invoke", "hello.py", "x" * 100_000, "-t", "t")

    done = subprocess.run(
        ["bash", "-c", f"{LGRUN} show t --result | head -c 5; echo =${{PIPESTATUS[0]}}"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        capture_output=True,
        text=True,
    )

    assert done.stdout == '"xxxx=141\n'
    assert done.stderr == ""


def test_quiet(lgrun: World) -> None:
    """-q says nothing but errors."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("bad.py", HEAD + "@entrypoint()\ndef bad(input: dict):\n    raise ValueError('no')\n")

    assert lgrun("invoke", "hello.py", "Ann", "-q").stderr == ""
    assert "ValueError: no" in lgrun("invoke", "bad.py", "-q").stderr


def test_stderr_of_a_run(lgrun: World) -> None:
    """In a pipe there is one line per task."""
    lgrun.write("hello.py", HELLO)

    lines = lgrun("invoke", "hello.py", "Ann", "-t", "t").stderr.splitlines()

    assert [line.split(" ")[:2] for line in lines] == [["▸", "t"], ["✓", "greet"], ["✓", "t"]]


def test_folder_of_the_workflow(lgrun: World) -> None:
    """A workflow's folder is not the current folder; the workflow runs in the latter."""
    lgrun.write("sub/where.py", HEAD + WHERE)
    lgrun.write("sub/helper.py", "X = 1\n")

    assert lgrun("invoke", "sub/where.py").json == [os.path.realpath(lgrun.folder), 1]
