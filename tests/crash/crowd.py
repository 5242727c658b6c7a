"""Many commands at the same moment, forked from a process that has loaded everything.

`python -m tests.crash.crowd STORY FOLDER [COUNT]` lets one of the stories happen and prints what came of it.
"""

import importlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lgrun.cli.app import run

FLOW = """
import os, time
from lgrun.func import entrypoint, task

@task
def pay(n):
    with open("payments", "a") as file:
        file.write(f"{os.getpid()}\\n")
    return n

@task
def hold():
    while not os.path.exists("release"):
        time.sleep(0.005)

@entrypoint()
def one(n: int):
    pay(n).result()
    hold().result()
    return pay(n).result()

@entrypoint()
def count(n: int, *, previous: int | None = None):
    return pay((previous or 0) + n).result()
"""


class Crowd:
    """Commands that wait for each other and then run at the same time.

    Args:
        folder: where they run; what they print is kept there.
        commands: their arguments.
    """

    def __init__(self, folder: Path, commands: list[list[str]]) -> None:
        self._folder = folder
        ready, self._go = os.pipe()
        self._pids = {self._start(number, words, ready): number for number, words in enumerate(commands)}
        os.close(ready)
        time.sleep(0.2)  # not needed, but the more of them wait at the line, the closer they start
        self.found: dict[int, dict[str, Any]] = {}

    def _start(self, number: int, words: list[str], ready: int) -> int:
        pid = os.fork()
        if pid:
            return pid
        os.close(self._go)
        for name, descriptor in (("out", 1), ("err", 2)):
            os.dup2(os.open(self._folder / f"{number}.{name}", os.O_WRONLY | os.O_CREAT, 0o600), descriptor)
        sys.argv = ["lgrun", *words]
        os.read(ready, 1)
        began = time.monotonic()
        code = run(words)
        (self._folder / f"{number}.seconds").write_text(f"{time.monotonic() - began} {time.process_time()}")
        os._exit(code)

    def start(self) -> None:
        """Let all of them go."""
        os.close(self._go)

    def wait(self, count: int) -> None:
        """Wait until so many are over."""
        while len(self.found) < count:
            pid, status = os.wait()
            number = self._pids[pid]
            seconds, cpu = map(float, (self._folder / f"{number}.seconds").read_text().split())
            self.found[number] = {
                "pid": pid,
                "code": os.waitstatus_to_exitcode(status),
                "seconds": seconds,
                "cpu": cpu,
                "out": (self._folder / f"{number}.out").read_text(),
                "err": (self._folder / f"{number}.err").read_text(),
            }


def _one_thread(folder: Path, count: int) -> Crowd:
    crowd = Crowd(folder, [["invoke", "flow.py:one", "1", "-t", "t"]] * count)
    crowd.start()
    crowd.wait(count - 1)
    (folder / "release").touch()
    crowd.wait(count)
    return crowd


def _counter(folder: Path, count: int) -> Crowd:
    crowd = Crowd(folder, [["invoke", "flow.py:count", "1", "-t", "t", "--wait", "2m"]] * count)
    crowd.start()
    crowd.wait(count)
    return crowd


def _many_threads(folder: Path, count: int) -> Crowd:
    crowd = Crowd(folder, [["invoke", "flow.py:count", "1", "-t", f"t{n}"] for n in range(count)])
    crowd.start()
    crowd.wait(count)
    return crowd


def _apart(folder: Path, count: int) -> Crowd:
    crowd = Crowd(folder, [["invoke", "flow.py:count", "1", "-t", "t", "-S", f"state{n}"] for n in range(count)])
    crowd.start()
    crowd.wait(count)
    return crowd


STORIES: dict[str, Callable[[Path, int], Crowd]] = {
    "one-thread": _one_thread,
    "counter": _counter,
    "many-threads": _many_threads,
    "apart": _apart,
}


def _warm_up(folder: Path) -> None:
    """Load whatever a run loads, as a run says."""
    list_of_modules = folder / "modules"
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_RDWR), 2)
        os.dup2(2, 1)
        run(["invoke", "flow.py:count", "0", "-t", "warm-up", "-S", "warm"])
        list_of_modules.write_text("\n".join(sys.modules))
        os._exit(0)
    os.waitpid(pid, 0)
    (folder / "payments").unlink()
    for name in list_of_modules.read_text().split():
        if not name.startswith(("lgrun_workflow", "__")):
            importlib.import_module(name)


def main() -> None:
    """Let a story happen."""
    story, folder, count = sys.argv[1], Path(sys.argv[2]), int((sys.argv[3:] or ["50"])[0])
    os.chdir(folder)
    os.environ["LGRUN_STATE_DIR"] = str(folder / "state")
    (folder / "flow.py").write_text(FLOW)
    _warm_up(folder)
    crowd = STORIES[story](folder, count)
    payments = (folder / "payments").read_text().split()
    json.dump({"results": list(crowd.found.values()), "payments": payments}, sys.stdout)


if __name__ == "__main__":
    main()
