"""SIGKILL at every operation of a thread's life on a real disk, and again while the next process takes it up.

`python -m tests.crash.killing FOLDER TRIALS [SEED]` prints what came of it. The children are forked from this
process, which has loaded everything and has no threads.
"""

import json
import os
import random
import sys
from pathlib import Path
from typing import Any

from lgrun._fs import RealFs
from lgrun.errors import StateError
from tests.crash.faults import Killing, Layer, honest
from tests.crash.workload import Ledger, Violation, check, live

WHEN: list[str | float] = ["before", "after", 0.0, 0.01, 0.5, 0.9, 0.999]


class Telling(Ledger):
    """Passes on every acknowledgement at once, before the workflow hears of it."""

    def __init__(self, told: dict[Any, Any], pipe: int) -> None:
        super().__init__(told)
        self._pipe = pipe

    def acknowledge(self, what: Any, value: Any = True) -> None:
        super().acknowledge(what, value)
        os.write(self._pipe, (repr((what, value)) + "\n").encode())


def child(directory: Path, told: dict[Any, Any], kill: Killing | None) -> tuple[dict[Any, Any], int]:
    """Live in a child; return what had been acknowledged and the child's exit code.

    Raises:
        Violation: the child found something wrong.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            live(Layer(RealFs(), kill or honest), Telling(told, writing), str(directory))
            os._exit(0)
        except BaseException as error:
            os.write(writing, (repr(("violation", f"{type(error).__name__}: {error}")) + "\n").encode())
            os._exit(1)
    os.close(writing)
    with open(reading) as pipe:
        lines = pipe.read().splitlines()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    import ast

    found = dict(told)
    for what, value in map(ast.literal_eval, lines):
        if what == "violation":
            raise Violation(value)
        found[what] = value
    return found, code


def trial(directory: Path, first: Killing, second: Killing) -> bool:
    """Kill twice, then live to the end; say whether both kills came to pass."""
    told: dict[Any, Any] = {}
    kills = 0
    for kill in (first, second, None):
        told, code = child(directory, told, kill)
        kills += code == -9
        if "deleting" not in told:
            check(RealFs(), Ledger(told), str(directory))
    if "deleted" not in told:
        raise Violation("the life does not come to its end")
    return kills == 2


def operations(directory: Path) -> int:
    """Return how many operations a life has."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        layer = Layer(RealFs(), honest)
        live(layer, Ledger(), str(directory))
        os.write(writing, str(layer.count).encode())
        os._exit(0)
    os.wait()
    return int(os.read(reading, 99))


def main() -> None:
    """Run the trials: every operation in turn, each time killed in another way."""
    folder, trials = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(int((sys.argv[3:] or ["1"])[0]))
    count = operations(folder / "first")
    violations, twice = [], 0
    for number in range(trials):
        at = number * count // trials + 1 if trials < count else number % count + 1
        first = Killing(at, WHEN[chance.randrange(len(WHEN))])
        second = Killing(chance.randrange(1, count), chance.choice(WHEN))
        try:
            twice += trial(folder / str(number), first, second)
        except (Violation, StateError) as error:
            violations.append(f"{first.at} {first.when}, {second.at} {second.when}: {error}")
    json.dump({"operations": count, "trials": trials, "killed twice": twice, "violations": violations}, sys.stdout)


if __name__ == "__main__":
    main()
