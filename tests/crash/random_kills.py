"""SIGKILL of the real command at random moments, with eight tasks running at the same time.

`python -m tests.crash.random_kills FOLDER TRIALS [SEED]` prints what came of it.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

LGRUN = str(Path(sys.executable).with_name("lgrun"))

FLOW = """
import os, time
from lgrun.func import entrypoint, task

@task
def step(i: int) -> int:
    fd = os.open("effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, b"%d\\n" % i)
    os.close(fd)
    time.sleep(0.002 * (i % 5))
    return i * i

@entrypoint()
def flow(n: int) -> int:
    total = 0
    for start in range(0, n, 8):
        futures = [step(i) for i in range(start, start + 8)]
        for i, future in enumerate(futures, start):
            total += future.result()
            os.write(2, b"told %d\\n" % i)
    return total
"""
TASKS = 64
TOTAL = sum(i * i for i in range(TASKS))


def trial(folder: Path, chance: random.Random, longest: float, *, begun: bool) -> tuple[list[str], int]:
    """Kill one run and take it up; return what went wrong, and how many tasks had been acknowledged.

    Args:
        folder: where it runs.
        chance: picks the moment.
        longest: seconds that a whole run takes.
        begun: only after the first acknowledgement.
    """
    folder.mkdir()
    (folder / "flow.py").write_text(FLOW)
    env = os.environ | {"LGRUN_STATE_DIR": str(folder / "state")}

    def start(*words: str) -> "subprocess.Popen[str]":
        pipe = subprocess.PIPE
        return subprocess.Popen([LGRUN, *words], cwd=folder, env=env, stdout=pipe, stderr=pipe, text=True, stdin=-3)

    process = start("invoke", "flow.py", str(TASKS), "-t", "t", "-q")
    assert process.stderr is not None
    said = process.stderr.readline() if begun else ""
    # The moment itself is what is tested.
    time.sleep(chance.uniform(0, 0.1 if begun else longest))
    process.send_signal(signal.SIGKILL)
    said += process.communicate()[1]
    told = {int(line.split()[1]) for line in said.splitlines() if line.startswith("told ")}
    before = _effects(folder)
    process = start("resume", "t", "-q")
    out, err = process.communicate()
    if process.returncode == 4 and not before:
        process = start("invoke", "flow.py", str(TASKS), "-t", "t", "-q")
        out, err = process.communicate()
    ran = _effects(folder)
    wrong = []
    if (process.returncode, out) != (0, f"{TOTAL}\n"):
        wrong.append(f"exit {process.returncode}, {out!r}, {err[-300:]!r}")
    if twice := sorted(i for i in told if ran[i] > 1):
        wrong.append(f"acknowledged and ran again: {twice}")
    if len([i for i in ran if ran[i] > 1]) > 8 or max(ran.values(), default=0) > 2:
        wrong.append(f"more than the eight that were running ran again: {ran}")
    return wrong, len(told)


def _effects(folder: Path) -> Counter[int]:
    log = folder / "effects"
    return Counter(map(int, log.read_text().split())) if log.exists() else Counter()


def _length(folder: Path) -> float:
    """Return how many seconds an undisturbed run takes here and now."""
    folder.mkdir()
    (folder / "flow.py").write_text(FLOW)
    env = os.environ | {"LGRUN_STATE_DIR": str(folder / "state")}
    began = time.monotonic()
    subprocess.run([LGRUN, "invoke", "flow.py", str(TASKS), "-q"], cwd=folder, env=env, capture_output=True, check=True)
    return time.monotonic() - began


def main() -> None:
    """Run the trials."""
    folder, trials = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int((sys.argv[3:] or ["1"])[0]))
    longest = _length(folder / "whole")
    found = [trial(folder / str(n), chance, longest, begun=n % 3 > 0) for n in range(trials)]
    violations = [wrong for wrongs, _ in found for wrong in wrongs]
    midway = sum(0 < told < TASKS for _, told in found)
    json.dump({"trials": trials, "killed midway": midway, "violations": violations}, sys.stdout)


if __name__ == "__main__":
    main()
