"""Runs that are stopped at random moments, and taken up again.

    python -m tests.cli.stress 500 [JOBS] [SEED]

runs that many and prints what came of them. `test_signals` runs a few of the same.
"""

import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from .conftest import LGRUN, World
from .sources import HEAD

STEPS = """
import os, time

def step(name: str, seconds: float):
    @task(name=name)
    def work() -> str:
        # One write, so that nothing of it can be lost or torn.
        file = os.open("effects", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{name}\\n".encode())
        os.close(file)
        time.sleep(seconds)
        return name

    return work()

@entrypoint()
def steps(seconds: float) -> list:
    done = [step(f"alone-{n}", seconds).result() for n in range(6)]
    done += [call.result() for call in [step(f"together-{n}", seconds) for n in range(6)]]
    done += [step(f"last-{n}", seconds).result() for n in range(4)]
    return done
"""
NAMES = [*(f"alone-{n}" for n in range(6)), *(f"together-{n}" for n in range(6)), *(f"last-{n}" for n in range(4))]

SIGNALS = {"int": signal.SIGINT, "term": signal.SIGTERM, "hup": signal.SIGHUP, "twice": signal.SIGINT}
KINDS = (*SIGNALS, "pipe")


@dataclass(frozen=True)
class Trial:
    """What came of one run.

    Args:
        kind: how it was stopped.
        code: exit code; a signal as a negative number.
        before: how the thread stood then; "none" if it was not there yet.
        acknowledged: how many tasks had been reported or recorded as done.
        lost: those of them that were not recorded, or ran again.
        left_after: seconds from the second Ctrl-C to the end.
        wrong: what else is not as it should be.
        most: seconds after the second Ctrl-C that count as at once.
    """

    kind: str
    code: int
    before: str
    acknowledged: int
    lost: list[str]
    left_after: float | None
    wrong: list[str] = field(default_factory=list)
    most: float = 0.5

    @property
    def good(self) -> bool:
        """Tell whether all is as it should be."""
        return not self.lost and not self.wrong and (self.left_after is None or self.left_after <= self.most)


def trial(lgrun: World, kind: str, seed: int) -> Trial:
    """Run the steps, stop them at a random moment, take them up again, and compare."""
    chance = random.Random(f"{kind}-{seed}")
    seconds = 0.05 if kind != "twice" else 0.4
    lgrun.write("steps.py", HEAD + STEPS)
    log = lgrun.folder / "log"
    code, left_after = _stopped(lgrun, kind, str(seconds), log, chance)
    shown = lgrun("show", "t", "--json")
    known = shown.json["tasks"] if shown.code == 0 else []
    before = shown.json["status"] if shown.code == 0 else "none"
    recorded = {task["name"] for task in known if task["status"] == "done"}
    reported = {line.split()[1] for line in log.read_text().splitlines() if re.match("✓ [a-z]+-", line)}
    wrong = _check_end(kind, code, before, log.read_text())
    _take_up(lgrun, kind, before, wrong)
    ran = Counter(_effects(lgrun))
    acknowledged = recorded | reported
    lost = [name for name in sorted(acknowledged) if name not in recorded or ran[name] != 1]
    if kind != "twice":
        # What runs may finish, so that not even an unfinished task runs again.
        wrong += [f"ran twice: {name}" for name in ran if ran[name] > 1]
    wrong += [f"never ran: {name}" for name in NAMES if not ran[name]]
    most = at_once(lgrun) if kind == "twice" else 0.5
    return Trial(kind, code, before, len(acknowledged), lost, left_after, wrong, most)


def at_once(lgrun: World) -> float:
    """Return how many seconds count as at once: half of one or, on a busy machine, what a mere start takes now."""
    began = time.monotonic()
    lgrun("--version")
    return max(0.5, time.monotonic() - began)


def _effects(lgrun: World) -> list[str]:
    path = lgrun.folder / "effects"
    return path.read_text().split() if path.exists() else []


def _stopped(lgrun: World, kind: str, seconds: str, log: Path, chance: random.Random) -> tuple[int, float | None]:
    if kind == "pipe":
        return _with_broken_pipe(lgrun, seconds, log, chance), None
    with log.open("w") as file:
        process = _start(lgrun, seconds, file.fileno())
        # Any moment from before the first line of Python to after the end.
        time.sleep(chance.uniform(0, 0.95))
        process.send_signal(SIGNALS[kind])
        left_after = None
        if kind == "twice" and _wait_for("stopping", log, process):
            time.sleep(chance.uniform(0, 0.2))
            began = time.monotonic()
            process.send_signal(signal.SIGINT)
            process.wait(30)
            left_after = time.monotonic() - began
        return process.wait(30), left_after


def _start(lgrun: World, seconds: str, stderr: int) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [LGRUN, "invoke", "steps.py", seconds, "-t", "t"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        stdin=subprocess.DEVNULL,
        stdout=stderr,
        stderr=stderr,
        preexec_fn=_hear_signals,
    )


def _hear_signals() -> None:
    """Undo what a shell does to jobs in its background: signals that are ignored stay ignored in lgrun."""
    for signum in SIGNALS.values():
        signal.signal(signum, signal.SIG_DFL)


def _wait_for(word: str, log: Path, process: "subprocess.Popen[bytes]") -> bool:
    while process.poll() is None:
        if word in log.read_text():
            return True
        time.sleep(0.002)
    return False


def _with_broken_pipe(lgrun: World, seconds: str, log: Path, chance: random.Random) -> int:
    """Read what is said for a while, then go away."""
    reading, writing = os.pipe()
    process = _start(lgrun, seconds, writing)
    os.close(writing)
    end = time.monotonic() + chance.uniform(0, 0.95)
    os.set_blocking(reading, False)
    heard = b""
    while time.monotonic() < end:
        try:
            heard += os.read(reading, 4096)
        except BlockingIOError:
            pass
        time.sleep(0.005)
    os.close(reading)
    log.write_bytes(heard)
    return process.wait(30)


def _check_end(kind: str, code: int, before: str, heard: str) -> list[str]:
    """Return what is wrong with how the run ended; `heard` is all that it wrote."""
    if kind == "pipe":
        return [] if (code, before) == (0, "done") else [f"a broken pipe ended it: {code}, {before}"]
    expected = {0} if before == "done" else {-SIGNALS[kind]}
    if before == "none" and SIGNALS[kind] == signal.SIGINT and _python_was_starting(heard):
        # There the interpreter ends with 1, its own way.
        expected |= {1}
    # The signal may come when the run is over and only the process is not.
    if code not in expected | ({-SIGNALS[kind]} if before == "done" else set()):
        return [f"exit code {code}, thread {before}"]
    allowed = {"done", "stopped", "none"} | ({"crashed"} if kind == "twice" else set())
    return [] if before in allowed else [f"thread {before}"]


def _python_was_starting(heard: str) -> bool:
    """Tell whether what was written proves that Ctrl-C came before lgrun's own code: a traceback without a frame of it.

    Once that has begun Ctrl-C ends the process by the signal and without a traceback, so silence proves nothing.
    """
    return "KeyboardInterrupt" in heard and not re.search(r'File ".*/lgrun/', heard)


def _take_up(lgrun: World, kind: str, before: str, wrong: list[str]) -> None:
    if kind == "twice":
        # The rest need not take its time: the steps read nothing but the file.
        path = lgrun.folder / "steps.py"
        path.write_text(path.read_text().replace("time.sleep(seconds)", "pass"))
    args = ["invoke", "steps.py", "0.02", "-t", "t"] if before == "none" else ["resume", "t"]
    done = lgrun(*args)
    if done.code != 0 or done.json != NAMES:
        wrong.append(f"{args[0]} ended with {done.code}: {done.stderr[-300:]}")


# --- many


def figures(trials: Iterable[Trial]) -> str:
    """Return what came of many trials as a table."""
    every = list(trials)
    lines = ["kind   runs  acknowledged  lost  wrong  exit codes / how the thread stood"]
    for kind in KINDS:
        mine = [one for one in every if one.kind == kind]
        codes = ", ".join(f"{code}: {n}" for code, n in sorted(Counter(one.code for one in mine).items()))
        stood = ", ".join(f"{status}: {n}" for status, n in sorted(Counter(one.before for one in mine).items()))
        lost, wrong = sum(len(one.lost) for one in mine), sum(bool(one.wrong) for one in mine)
        acknowledged = sum(one.acknowledged for one in mine)
        lines.append(f"{kind:<6} {len(mine):>4}  {acknowledged:>12}  {lost:>4}  {wrong:>5}  {codes} / {stood}")
    left = sorted(one.left_after for one in every if one.left_after is not None)
    if left:
        lines.append(f"second Ctrl-C: {len(left)} times, median {left[len(left) // 2]:.3f}s, longest {left[-1]:.3f}s")
    lines += [f"  {one}" for one in every if not one.good]
    return "\n".join(lines)


def main(count: int, jobs: int, seed: int) -> int:
    """Run many trials, print the figures, and return 1 if one went wrong."""

    def one(n: int) -> Trial:
        with tempfile.TemporaryDirectory() as folder:
            here = Path(folder) / "here"
            here.mkdir()
            return trial(World(here, Path(folder) / "state"), KINDS[n % len(KINDS)], seed + n)

    with ThreadPoolExecutor(jobs) as pool:
        every = list(pool.map(one, range(count)))
    print(figures(every))
    return 0 if all(found.good for found in every) else 1


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:4]]
    sys.exit(main(*(numbers + [500, 2, 0][len(numbers) :])))
