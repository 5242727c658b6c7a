"""Threads with a long past: how long it takes to take one up, and to look at one.

`python -m tests.crash.large FOLDER` makes them, runs the installed command on them and prints what that cost, as JSON.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

LGRUN = str(Path(sys.executable).with_name("lgrun"))

FLOW = """
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

@task
def increment(x: int) -> int:
    return x + 1

@entrypoint()
def long(n: int) -> int:
    x = 0
    for _ in range(n):
        x = increment(x).result()
    return x + int(interrupt("go on?"))

@entrypoint()
def count(n: int, *, previous: int | None = None) -> int:
    return (previous or 0) + n
"""


class Cost(NamedTuple):
    """What a command took: seconds to its first line and to its end, and the most memory it had."""

    first: float
    whole: float
    megabytes: int


def _cost(*command: str, env: dict[str, str]) -> Cost:
    began = time.perf_counter()
    with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        process.stdout.readline()
        first = time.perf_counter() - began
        process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command
    return Cost(first, time.perf_counter() - began, usage.ru_maxrss // 1024)


def _median(costs: list[Cost]) -> Cost:
    return Cost(*map(statistics.median, zip(*costs, strict=True)))  # type: ignore[arg-type]


def run(folder: Path, count: int = 10_000, rounds: int = 5) -> dict[str, Any]:
    """Make a thread with `count` finished tasks and one with `count` checkpoints, and look at both."""
    os.chdir(folder)
    Path("flow.py").write_text(FLOW)
    env = {**os.environ, "LGRUN_STATE_DIR": str(folder / "state")}
    done = subprocess.run([LGRUN, "invoke", "flow.py:long", str(count), "-t", "long", "-q"], env=env, check=False)
    assert done.returncode == 3
    _runs(folder / "state", "short", count // 20)
    _runs(folder / "state", "count", count // 2)

    python = _median([_cost(sys.executable, "-c", "pass", env=env) for _ in range(9)])
    start = _median([_cost(LGRUN, "list", "-q", env=env | {"LGRUN_STATE_DIR": str(folder / "none")}) for _ in range(9)])
    resumed = []
    for number in range(rounds):
        copy = folder / f"copy{number}"
        subprocess.run(["cp", "-r", "state", copy], check=True)
        resumed.append(_cost(LGRUN, "resume", "long", "--value", "1", env=env | {"LGRUN_STATE_DIR": str(copy)}))
    resume = _median(resumed)
    looks = {
        name: _median([_cost(LGRUN, "history", name, env=env) for _ in range(rounds)]) for name in ("short", "count")
    }
    wrong = [
        what
        for what, holds in {
            "resume takes over 1 s": resume.whole - python.whole <= 1,
            "resume takes over 80 MB": resume.megabytes <= 80,
            "the first line of history takes over 150 ms": looks["count"].first - start.first <= 0.15,
            "history takes memory": looks["count"].megabytes <= looks["short"].megabytes + 5,
        }.items()
        if not holds
    ]
    return {
        "resume": f"{resume.whole - python.whole:.2f} s beyond Python's start, {resume.megabytes} MB",
        "history": f"first line {(looks['count'].first - start.first) * 1000:.0f} ms beyond lgrun's start, "
        f"{looks['count'].megabytes} MB (a twentieth of it: {looks['short'].megabytes} MB)",
        "violations": wrong,
    }


def _runs(state: Path, thread: str, count: int) -> None:
    """Let a thread have so many runs, each with two checkpoints."""
    code = (
        "import flow, sys; from lgrun.checkpoint.file import FileSaver\n"
        "flow.count.checkpointer = FileSaver(sys.argv[1])\n"
        "for _ in range(int(sys.argv[3])): flow.count.invoke(1, {'configurable': {'thread_id': sys.argv[2]}})"
    )
    subprocess.run([sys.executable, "-c", code, str(state), thread, str(count)], check=True)


if __name__ == "__main__":
    print(json.dumps(run(Path(sys.argv[1]))))
