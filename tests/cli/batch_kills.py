"""A batch that is killed with SIGKILL twice on its way, and given again.

    python -m tests.cli.batch_kills 200 [CONCURRENCY]

prints what came of it; `test_batch` does the same with fewer lines.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from .conftest import LGRUN, World
from .sources import HEAD

JOB = (
    HEAD
    + """
import os, time

def effect(file: str, n: int):
    # One write, so that nothing of it can be lost or torn.
    descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(descriptor, f"{n}\\n".encode())
    os.close(descriptor)
    time.sleep(0.02)

@task
def first(n: int) -> int:
    effect("first", n)
    return n

@task
def second(n: int) -> int:
    effect("second", n)
    return n * n

@entrypoint()
def job(input: dict) -> int:
    return second(first(input["n"]).result()).result()
"""
)


@dataclass(frozen=True)
class Killed:
    """What came of a batch.

    Args:
        lines: how many inputs it had.
        done_before: how many lines were done when it was killed, each time.
        left_after: seconds from each kill until its last worker had ended.
        repeated: tasks that ran twice.
        wrong: what is not as it should be.
        seconds: that the last, undisturbed call took.
    """

    lines: int
    done_before: list[int]
    left_after: list[float]
    repeated: int
    wrong: list[str]
    seconds: float


def killed_twice(lgrun: World, lines: int, concurrency: int, *, workers_too: bool = False) -> Killed:
    """Kill a batch when a third and when two thirds of its second tasks have begun; then let it come to its end.

    Args:
        lgrun: where.
        lines: how many inputs.
        concurrency: how many at a time.
        workers_too: kill its workers as well, which otherwise stop after the task that runs.
    """
    lgrun.write("job.py", JOB)
    lgrun.write("inputs.ndjson", "".join(json.dumps({"n": n}) + "\n" for n in range(lines)))
    args = ["batch", "job.py", "inputs.ndjson", "--concurrency", str(concurrency)]
    done_before, left_after = [], []
    for share in (1, 2):
        process, orphans = _kill_at(lgrun, args, lines * share // 3, workers_too)
        began = time.monotonic()
        while any(_lives(pid) for pid in orphans):
            assert time.monotonic() < began + 20, "a worker goes on without the batch"
            time.sleep(0.005)
        left_after.append(time.monotonic() - began)
        assert process.returncode == -signal.SIGKILL
        listed = lgrun("list", "--json", "-L", "0").json
        done_before.append(sum(row["status"] == "done" for row in listed))
    began = time.monotonic()
    last = lgrun(*args, timeout=300)
    seconds = time.monotonic() - began
    wrong = [] if last.code == 0 else [f"exit code {last.code}: {last.stderr[-500:]}"]
    found = [json.loads(line) for line in last.stdout.splitlines()]
    if [(one["line"], one["value"]) for one in found] != [(n + 1, n * n) for n in range(lines)]:
        wrong.append("the results are not those of the inputs in their order")
    wrong += [f"{one['thread']} ended {n} times" for one in found if (n := _ends(lgrun, one["thread"])) != 1]
    ran = Counter((name, n) for name in ("first", "second") for n in (lgrun.folder / name).read_text().split())
    wrong += [f"{name} of {n} never ran" for name in ("first", "second") for n in range(lines) if not ran[name, str(n)]]
    return Killed(lines, done_before, left_after, sum(ran.values()) - len(ran), wrong, seconds)


def _kill_at(
    lgrun: World, args: list[str], begun: int, workers_too: bool
) -> "tuple[subprocess.Popen[bytes], list[int]]":
    nothing = subprocess.DEVNULL
    process = subprocess.Popen(
        [LGRUN, *args], cwd=lgrun.folder, env=lgrun.env(), stdin=nothing, stdout=nothing, stderr=nothing
    )
    file = lgrun.folder / "second"
    while not file.exists() or file.read_bytes().count(b"\n") < begun:
        assert process.poll() is None
        time.sleep(0.005)
    # So that none of them is started while they are counted.
    process.send_signal(signal.SIGSTOP)
    workers = _children(process.pid)
    process.kill()
    if workers_too:
        for worker in workers:
            os.kill(worker, signal.SIGKILL)
    process.wait()
    return process, workers


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _ends(lgrun: World, thread: str) -> int:
    """Return how many runs of a thread came to their end: each leaves a checkpoint."""
    points = [json.loads(path.read_text()) for path in (lgrun.state / "threads" / thread).glob("0*.json")]
    return sum(point["kind"] == "end" for point in points)


def main(lines: int, concurrency: int) -> int:
    """Do both kinds, print the figures, and return 1 if something was wrong."""
    bad = 0
    for workers_too in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "here"
            here.mkdir()
            found = killed_twice(World(here, Path(folder) / "state"), lines, concurrency, workers_too=workers_too)
        print("killed with its workers:" if workers_too else "killed:", found)
        bad += bool(found.wrong) or (found.repeated > 0 and not workers_too)
    return min(bad, 1)


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:3]]
    sys.exit(main(*(numbers + [200, 8][len(numbers) :])))
