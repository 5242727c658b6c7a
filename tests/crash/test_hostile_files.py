"""A state directory full of traps: changed files, bombs, values that want to have code run."""

import json
import random
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.crash.mutations import make, mutate, verdict, written

ROOT = Path(__file__).parents[2]


def run(module: str) -> Any:
    """Run a module in a process of its own and return what it prints."""
    done = subprocess.run([sys.executable, "-m", module], cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def test_changed_files() -> None:
    """Reading ends in what was written or in a state error, and soon; never in another exception."""
    tree, chance = make(), random.Random(9)
    original = written(tree)
    ends: Counter[str] = Counter()
    slowest = 0.0
    for _ in range(4000):
        case = mutate(tree, chance)
        began = time.process_time()
        ends[verdict(case, original)] += 1
        slowest = max(slowest, time.process_time() - began)

    assert min(ends["read"], ends["refused"]) > 1000
    assert slowest < 1


def test_bombs() -> None:
    """Files that are small to write and large or slow to read take a second and 256 MB at most."""
    cost = run("tests.crash.mutations")

    assert len(cost["seconds"]) > 35
    assert {name: seconds for name, seconds in cost["seconds"].items() if seconds > 1} == {}
    assert cost["megabytes"] <= 256


def test_nothing_is_run() -> None:
    """Reading hostile values imports nothing, runs nothing and opens nothing."""
    found = run("tests.crash.payloads")

    assert found["payloads"] > 150
    assert found["events"] == ["exec ('the hook works',)"]
