"""Many inputs at the same time: the lines of all files of a folder are counted, each file in a task of its own.

    lgrun invoke parallel -t count folder=workflows pattern="*.py"
    lgrun show count --timeline              # what ran beside what
    python -m pytest tests/test_parallel.py  # the test that belongs to it

A call of a task starts it, `.result()` waits for it: start all of them before the first is awaited. What fails may be
tried again by itself (`RetryPolicy`). If it still fails, the run stops, and `lgrun resume count` runs only what is not
done.
"""

from pathlib import Path
from typing import Any, TypedDict

from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    folder: str
    pattern: str


@task
def find(folder: str, pattern: str) -> list[str]:
    """Return the files. A task, because another day there may be others."""
    return sorted(str(path) for path in Path(folder).glob(pattern) if path.is_file())


def read(path: str) -> bytes:
    """Return what is in a file. Put what really may fail for a while here: a request, a query."""
    return Path(path).read_bytes()


@task(retry_policy=RetryPolicy(max_attempts=3, initial_interval=0.1, jitter=False, retry_on=OSError))
def count(path: str) -> int:
    """Return how many lines a file has. It is tried up to three times."""
    return read(path).count(b"\n")


@entrypoint()
def parallel(inputs: Inputs) -> dict[str, Any]:
    """Count the lines of files.

    folder: where (default .); pattern: which (default *).
    """
    paths = find(inputs.get("folder", "."), inputs.get("pattern", "*")).result()
    started = [count(path) for path in paths]
    lines = {path: counting.result() for path, counting in zip(paths, started, strict=True)}
    longest = max(lines, key=lines.__getitem__, default=None)
    return {"files": len(lines), "lines": sum(lines.values()), "longest": longest}
