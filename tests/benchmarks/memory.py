"""Much at once: a large result, and the memory of long runs, each measured in a process of its own.

`python -m tests.benchmarks.memory result|run FOLDER SIZE` is such a process; it prints megabytes.
"""

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from tests.benchmarks.comparing import Bench, Line, Measure, compared
from tests.benchmarks.libraries import Library, timed

ROOT = Path(__file__).parents[2]


def _payload(records: int) -> list[dict[str, Any]]:
    """Make a nested value of plain types, whose JSON has about 1,000 bytes for each record."""
    return [
        {
            "id": number,
            "name": f"record {number}",
            "score": number / 7,
            "tags": [f"tag {number}-{tag}" for tag in range(10)],
            "parts": {f"part {part}": {"n": number + part, "ok": True, "text": "x" * 40} for part in range(10)},
        }
        for number in range(records)
    ]


def _hand_over(library: Library, saver: Any, payload: Any, durability: str) -> float:
    @library.func.task
    def fetch(n: int) -> Any:
        return payload

    @library.func.entrypoint(checkpointer=saver)
    def large(n: int) -> int:
        return len(fetch(n).result())

    return timed(large, 0, len(payload), durability=durability)


def large(bench: Bench) -> Iterator[Line]:
    """A task whose result is large."""
    payload = _payload(bench.tasks * 10)
    megabytes = len(orjson.dumps(payload)) / 1e6
    folder = bench.fresh()

    def measure(library: Library) -> Measure:
        saver = library.saver("files", folder)
        _hand_over(library, saver, payload[:10], "sync")
        return lambda: _hand_over(library, saver, payload, "sync") * 1e3

    what = f"{megabytes:.0f} MB result"
    yield compared(bench, "files", measure, case="large", what=f"{what}, files, sync", unit="ms", at_most=2.5)
    yield Line(
        case="large",
        what=f"{what}, memory",
        unit="MB",
        lgrun=_child("result", bench.fresh(), bench.tasks * 10),
        against="the result's JSON",
        other=megabytes,
        at_most=5,
    )


def memory(bench: Bench) -> Iterator[Line]:
    """All the memory of a process that runs many tasks."""
    n = bench.tasks * 10
    yield Line(
        case="memory",
        what=f"{n:,} tasks, files",
        unit="MB",
        lgrun=_child("run", bench.fresh(), n),
        against="limit",
        other=60,
        at_most=1,
    )


def _child(what: str, folder: Path, size: int) -> float:
    command = [sys.executable, "-m", "tests.benchmarks.memory", what, str(folder), str(size)]
    return float(subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True).stdout)


def _peak() -> float:
    """Return the most megabytes this process had at once."""
    try:
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) for line in status if line.startswith("VmHWM")) / 1e3
    except OSError:
        # On Linux it would begin with what the parent had.
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1e6 if sys.platform == "darwin" else 1e3)


def _result(folder: Path, size: int) -> float:
    """Return what a large result takes beside itself and the library."""
    library, payload = Library("lgrun"), _payload(size)
    saver = library.saver("files", folder)
    _hand_over(library, saver, payload[:10], "sync")
    before = _peak()
    _hand_over(library, saver, payload, "sync")
    return _peak() - before


def _run(folder: Path, size: int) -> float:
    """Return what a run of many tasks takes together with Python."""
    from lgrun.checkpoint.file import FileSaver
    from lgrun.func import entrypoint, task

    @task
    def increment(x: int) -> int:
        return x + 1

    @entrypoint(checkpointer=FileSaver(folder / "state"))
    def sequential(n: int) -> int:
        x = 0
        for _ in range(n):
            x = increment(x).result()
        return x

    timed(sequential, size, size)
    return _peak()


if __name__ == "__main__":
    print({"result": _result, "run": _run}[sys.argv[1]](Path(sys.argv[2]), int(sys.argv[3])))
