"""The long counts of the tests in this folder, before a release: `python -m tests.crash.long [PART ...]`.

Prints one line per part as it ends, and exits with 1 if something promised is not true. Parts and what they count:
states (power cuts, 200,000 of them second ones), errnos, files, bombs, payloads, kills, commands, crowds, ext4, ids,
runs, readers, large.
"""

import json
import logging
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.crash import errnos, mutations, scenarios
from tests.crash.mutants import MUTANTS, mutated
from tests.crash.workload import Violation, deaths, explore

ROOT = Path(__file__).parents[2]
SHARED = "/dev/shm" if os.path.isdir("/dev/shm") else None


def _module(name: str, *words: object, fast: bool = True) -> Any:
    with tempfile.TemporaryDirectory(dir=SHARED if fast else None) as folder:
        filled = [folder if word == "FOLDER" else str(word) for word in words]
        command = [sys.executable, "-m", name, *filled]
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        return json.loads(done.stdout) if done.returncode == 0 else {"violations": [f"exit {done.returncode}"]}


def states() -> dict[str, Any]:
    first = second = dead = 0
    wrong: list[str] = []
    for lazy in (False, True):
        found = deaths(range(1, 9999), lazy=lazy)
        dead += found.states
        wrong += found.violations
    for seed in range(1, 207):
        found = explore(seed, states=1500, deeper=1000, limit=60, lazy=seed % 4 == 0)
        first, second, wrong = first + found.states, second + found.deeper, wrong + found.violations
        if seed % 10 == 0:
            print(f"          {first} + {second} states, {len(wrong)} violations", file=sys.stderr, flush=True)
    return {"first cuts": first, "second cuts": second, "deaths": dead, "violations": wrong}


def mutants() -> dict[str, Any]:
    missed = []
    for mutant in MUTANTS:
        with mutated(mutant):
            caught = scenarios.violations()
            for lazy in (False, True):
                caught = caught or deaths(range(1, 80), lazy=lazy, first_only=True).violations
                caught = caught or explore(7, states=1500, deeper=0, lazy=lazy, first_only=True).violations
        missed += [] if caught else [f"not noticed: {mutant.what}"]
    return {"mutants": len(MUTANTS), "violations": missed}


def every_errno() -> dict[str, Any]:
    wrong, count = [], 0
    for fault in errnos.faults():
        count += 1
        try:
            errnos.suffer(fault)
        except Violation as violation:
            wrong.append(f"{fault}: {violation}")
    return {"faults": count, "violations": wrong}


def files() -> dict[str, Any]:
    tree, chance = mutations.make(), random.Random(1)
    original = mutations.written(tree)
    ends: Counter[str] = Counter()
    slowest, wrong = 0.0, []
    for _ in range(100_000):
        case = mutations.mutate(tree, chance)
        began = time.process_time()
        try:
            ends[mutations.verdict(case, original)] += 1
        except Exception as error:
            wrong.append(f"{case.what}: {type(error).__name__}: {error}")
        slowest = max(slowest, time.process_time() - began)
    return {**ends, "slowest": f"{slowest:.3f} s", "violations": wrong}


def bombs() -> dict[str, Any]:
    found = _module("tests.crash.mutations")
    slowest = max(found["seconds"], key=found["seconds"].get)
    seconds = found["seconds"][slowest]
    wrong = [slowest] if seconds > 1 or found["megabytes"] > 256 else []
    return {"bombs": len(found["seconds"]), "slowest": f"{slowest}, {seconds:.2f} s", "MB": found["megabytes"],
            "violations": wrong}  # fmt: skip


def payloads() -> dict[str, Any]:
    found = _module("tests.crash.payloads")
    events = [event for event in found["events"] if "the hook works" not in event]
    return {"payloads": found["payloads"], "cases": found["cases"], "violations": events}


def kills() -> dict[str, Any]:
    return dict(_module("tests.crash.killing", "FOLDER", 1500))


def commands() -> dict[str, Any]:
    return dict(_module("tests.crash.random_kills", "FOLDER", 300))


def crowds() -> dict[str, Any]:
    result: dict[str, Any] = {"violations": []}
    took = {}
    for story in ("one-thread", "counter", "many-threads", "apart"):
        found = _module("tests.crash.crowd", story, "FOLDER", 50)
        codes = Counter(one["code"] for one in found["results"])
        wanted = {0: 1, 5: 49} if story == "one-thread" else {0: 50}
        if codes != wanted or len(found["payments"]) != (2 if story == "one-thread" else 50):
            result["violations"].append(f"{story}: {codes}, {len(found['payments'])} payments")
        took[story] = max(one["seconds"] for one in found["results"] if one["code"] == (5 if 5 in wanted else 0))
        result[story] = f"slowest {took[story]:.2f} s"
    if took["one-thread"] > 1:
        result["violations"].append("it takes over 1 s to be told that a thread is busy")
    if took["many-threads"] > 1.5 * took["apart"]:
        result["violations"].append("threads of one state directory wait for each other")
    return result


def ext4() -> dict[str, Any]:
    if os.geteuid() != 0:
        return {"SKIPPED": "only root can mount", "violations": []}
    return dict(_module("tests.crash.ext4", "FOLDER", 100, fast=False))


def _tests(name: str, **counts: int) -> dict[str, Any]:
    env = os.environ | {key: str(value) for key, value in counts.items()}
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "--timeout=3600", f"tests/crash/{name}"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)
    wrong = [] if done.returncode == 0 else done.stdout.splitlines()[-5:]
    return {**counts, "violations": wrong}


PARTS: dict[str, Callable[[], dict[str, Any]]] = {
    "mutants": mutants,
    "errnos": every_errno,
    "bombs": bombs,
    "payloads": payloads,
    "crowds": crowds,
    "ids": lambda: _tests("test_state_files.py::test_generated_thread_ids", LGRUN_EXAMPLES=10_000),
    "runs": lambda: _tests("test_state_files.py::test_many_runs_in_one_process", LGRUN_RUNS=5000),
    "readers": lambda: _tests("test_state_files.py::test_readers_during_appends", LGRUN_CHECKPOINTS=1000),
    "large": lambda: dict(_module("tests.crash.large", "FOLDER")),
    "machine": lambda: _tests("test_machine.py", LGRUN_MACHINE=2000),
    "ext4": ext4,
    "kills": kills,
    "commands": commands,
    "files": files,
    "states": states,
}


def main() -> int:
    """Run the parts."""
    logging.getLogger("lgrun").setLevel(logging.CRITICAL)
    failed = False
    for name in sys.argv[1:] or PARTS:
        began = time.monotonic()
        found = PARTS[name]()
        wrong = found.pop("violations")
        failed = failed or bool(wrong)
        figures = ", ".join(f"{key}: {value}" for key, value in found.items())
        print(f"{name:<10}{figures}; violations: {len(wrong)} ({time.monotonic() - began:.0f} s)", flush=True)
        for line in wrong[:10]:
            print(f"          {line}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
