"""The installed command, killed with SIGKILL and taken up again: no acknowledged task runs twice.

A task is acknowledged when its line is printed. Side effects are counted in a file, one line per execution.
"""

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

LGRUN = str(Path(sys.executable).with_name("lgrun"))
NAMES = ["a", "b", "c", "d", "e", "f"]

SEQUENTIAL = """
import os, time
from lgrun.func import entrypoint, task

def effect(line):
    with open("effects", "a") as file:
        file.write(line + "\\n")

def step(name):
    @task(name=name)
    def run(x):
        effect(name)
        time.sleep(0.01)
        return x + 1
    return run

STEPS = [step(name) for name in "abcdef"]

@entrypoint()
def flow(x: int):
    for run in STEPS:
        x = run(x).result()
    return x
"""

CHAINS = """
import asyncio, random
from lgrun.func import entrypoint, task
from lgrun.checkpoint.file import FileSaver

def effect(line):
    with open("effects", "a") as file:
        file.write(line + "\\n")

@task
async def first(i):
    await asyncio.sleep(random.random() / 20)
    effect(f"first {i}")
    return i * 10

@task
async def second(i, x):
    await asyncio.sleep(random.random() / 20)
    effect(f"second {i}")
    return x + i

async def chain(i):
    await asyncio.sleep(random.random() / 50)
    return await second(i, await first(i))

@entrypoint(checkpointer=FileSaver("state"))
async def flow(n):
    return await asyncio.gather(*[chain(i) for i in range(n)])

async def main(value):
    async for chunk in flow.astream(value, {"configurable": {"thread_id": "t"}}):
        print(chunk, flush=True)

import sys
asyncio.run(main(int(sys.argv[1]) if sys.argv[1:] else None))
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the workflow, its state and its side effects."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LGRUN_STATE_DIR", str(tmp_path / "state"))
    (tmp_path / "flow.py").write_text(SEQUENTIAL)
    return tmp_path


def start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def effects(place: Path) -> Counter[str]:
    log = place / "effects"
    return Counter(log.read_text().split("\n")[:-1]) if log.exists() else Counter()


def acknowledged(lines: str) -> set[str]:
    return {line.split()[1] for line in lines.splitlines() if line.startswith("✓ ") and line.split()[1] in NAMES}


def take_up(place: Path, told: set[str]) -> None:
    """Continue the killed run (or start it, when it had not begun) and check what ran how often."""
    before = effects(place)
    result = subprocess.run([LGRUN, "resume", "t"], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if result.returncode == 4:
        assert not before
        result = subprocess.run([LGRUN, "invoke", "flow.py", "0", "-t", "t"], capture_output=True, text=True)
    assert (result.returncode, result.stdout) == (0, "6\n"), result.stderr
    ran = effects(place)
    assert set(ran) == set(NAMES)
    assert {name for name in told if ran[name] > 1} == set(), "an acknowledged task ran again"
    assert sum(ran.values()) <= 7, "more than the one task that was running ran again"


@pytest.mark.parametrize("line", range(1, 7))
def test_killed_at_an_acknowledgement(place: Path, line: int) -> None:
    """Right after the n-th task is acknowledged."""
    process = start(LGRUN, "invoke", "flow.py", "0", "-t", "t")
    assert process.stderr is not None
    told: set[str] = set()
    while len(told) < line:
        said = process.stderr.readline()
        assert said, "it ended before that"
        told |= acknowledged(said)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    take_up(place, told)


@pytest.mark.parametrize("seed", range(30))
def test_killed_at_a_random_moment(place: Path, seed: int) -> None:
    """While it starts, loads, runs or ends."""
    process = start(LGRUN, "invoke", "flow.py", "0", "-t", "t")
    time.sleep(random.Random(seed).uniform(0.02, 0.5))  # the moment itself is what is tested
    process.send_signal(signal.SIGKILL)

    take_up(place, acknowledged(process.communicate()[1]))


@pytest.mark.parametrize("seen", [1, 5, 12, 19])
def test_concurrent_chains_killed_half_way(place: Path, seen: int) -> None:
    """Ten chains of two tasks whose order differs from run to run: right results, no warning, nothing twice."""
    (place / "chains.py").write_text(CHAINS)
    process = start(sys.executable, "chains.py", "10")
    assert process.stdout is not None
    for _ in range(seen):
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    told = effects(place)
    result = subprocess.run([sys.executable, "chains.py"], capture_output=True, text=True, env=os.environ)

    assert result.stderr == ""
    assert result.stdout.splitlines()[-1] == str({"flow": [i * 11 for i in range(10)]})
    ran = effects(place)
    assert len(ran) == 20
    twice = {name for name, times in ran.items() if times > 1}
    assert len(twice) <= sum(told.values()) - seen, "an acknowledged task ran again"


def test_eight_tasks_at_a_time_killed_at_a_random_moment(tmp_path: Path) -> None:
    """A few of the trials that `tests.crash.long` makes by the hundred."""
    from tests.crash.random_kills import TASKS, trial

    chance = random.Random(5)
    told = []
    for number in range(6):
        wrong, count = trial(tmp_path / str(number), chance, 0.5, begun=number > 0)
        assert wrong == []
        told.append(count)
    assert any(0 < count < TASKS for count in told)
