"""A thread's life with the real engine, and what must be true of it whatever happens in between.

Two runs, each with four tasks of which two run at the same time, and a question; then the thread is deleted. Every
execution of a task returns another value, so a value that is seen again proves that the task did not run again. What
the second run returns and saves is what the first one did and more, so it is stored as patches.
"""

import itertools
import os
import random
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from lgrun._fs import RealFs
from lgrun.checkpoint.base import Saved, open_questions
from lgrun.checkpoint.doctor import examine
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateError
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt
from tests.crash.faults import Call, Layer
from tests.crash.simulated import SimulatedFs, Tree

STATE = "/home/state"
LONG = ["long enough to be patched"] * 100
RUNS = 2
_tokens = itertools.count()


class Violation(AssertionError):
    """Something promised is not true."""


class Ledger:
    """What was acknowledged to the workflow or its caller, and which tasks began.

    Args:
        told: what had been acknowledged before.
        lazy: results count as acknowledged only when the run stops, as with durability `async`.
    """

    def __init__(self, told: dict[Any, Any] | None = None, *, lazy: bool = False) -> None:
        self.told = dict(told or {})
        self.lazy = lazy
        self.began: list[tuple[int, str]] = []
        self._hoped: dict[Any, Any] = {}

    def begin(self, run: int, name: str) -> str:
        """Note that a task runs, and return its result."""
        if ("task", run, name) in self.told:
            raise Violation(f"{name} of run {run} was acknowledged and runs again")
        self.began.append((run, name))
        return f"{name}{os.getpid()}.{next(_tokens)}"

    def acknowledge(self, what: Any, value: Any = True) -> None:
        """Note that something was promised, for good; a later promise must not differ."""
        if self.lazy and what[0] == "task":
            self._hoped[what] = value
            return
        for known, held in [*self._hoped.items(), (what, value)]:
            if self.told.setdefault(known, held) != held:
                raise Violation(f"{known} was {self.told[known]!r} and is {held!r}")
        self._hoped.clear()

    def snapshot(self) -> dict[Any, Any]:
        """Return what has been acknowledged so far."""
        return dict(self.told)


def workflow_with(saver: FileSaver, ledger: Ledger, *, swapped: bool = False) -> Any:
    """Return the workflow, which tells a ledger what happens; `swapped`: the code has its pair of calls swapped."""

    @task
    def step(run: int, name: str, given: Any) -> str:
        return ledger.begin(run, name)

    @task
    def twin(run: int, name: str, given: Any) -> str:
        return ledger.begin(run, name)

    def known(run: int, name: str, future: Any) -> str:
        value = str(future.result())
        ledger.acknowledge(("task", run, name), value)
        return value

    @entrypoint(checkpointer=saver)
    def flow(run: int, *, previous: Any = None) -> Any:
        first = known(run, "a", step(run, "a", run))
        # Of two tasks: by the rules a call of one task takes what another call of it at its place came to, reported.
        tasks = {"b": step, "c": twin}
        pair = {name: tasks[name](run, name, first) for name in ("cb" if swapped else "bc")}
        values = [known(run, name, pair[name]) for name in "bc"]
        answer = interrupt({"ok?": values})
        last = known(run, "d", step(run, "d", answer))
        said = [*(previous or LONG), first, *values, last]
        return entrypoint.final(value=said, save=[*said, run, answer])

    return flow


CONFIG = {"configurable": {"thread_id": "t"}}


def live(fs: RealFs, ledger: Ledger, directory: str = STATE, *, whole: bool = True) -> None:
    """Take the thread from wherever it is to its end and delete it; if not `whole`, to the end of a run."""
    saver = FileSaver(directory, fs=fs)
    if "deleting" not in ledger.told:
        flow = workflow_with(saver, ledger)
        while (run := next_run(saver)) <= RUNS:
            _finish(saver, flow, run, ledger)
            if not whole:
                return
        ledger.acknowledge("deleting")
    saver.delete_thread("t")
    ledger.acknowledge("deleted")


def next_run(saver: FileSaver) -> int:
    saved = saver.load("t")
    # A run is two checkpoints, its input and its end.
    number = 0 if saved is None else saved.checkpoint.seq
    return number // 2 + 1


def _finish(saver: FileSaver, flow: Any, run: int, ledger: Ledger) -> None:
    how: Any = {"durability": "async" if ledger.lazy else "sync"}
    for _ in range(9):
        saved = saver.load("t")
        if saved is None or saved.checkpoint.complete:
            answer = flow.invoke(run, CONFIG, **how)
        elif open_questions(saved.writes):
            answer = flow.invoke(Command(resume="yes"), CONFIG, **how)
        else:
            answer = flow.invoke(None, CONFIG, **how)
        if not isinstance(answer, dict):
            ledger.acknowledge(("done", run), answer)
            return
        ledger.acknowledge(("asked", run), answer["__interrupt__"][0].id)
    raise Violation(f"run {run} does not come to its end")


def check(fs: RealFs, ledger: Ledger, directory: str = STATE) -> None:
    """Look at what a crash left, before anything is repaired.

    Raises:
        Violation: something acknowledged is not there, or what is there cannot be read.
    """
    saver = FileSaver(directory, fs=fs)
    try:
        threads, history = list(saver.threads()), list(saver.history("t"))
    except StateError as error:
        raise Violation(f"cannot be read: {error}") from error
    if "deleted" in ledger.told and (threads or history):
        raise Violation("the deleted thread is there")
    if "deleting" in ledger.told:
        return
    numbers = [saved.checkpoint.seq for saved in history]
    if numbers != list(range(len(numbers), 0, -1)):
        raise Violation(f"the history is {numbers}")
    if history and threads != ["t"]:
        raise Violation(f"the threads are {threads}")
    try:
        ends = [_returned(saved) for saved in reversed(history) if saved.checkpoint.kind == "end"]
    except StateError as error:
        raise Violation(f"cannot be rebuilt: {error}") from error
    values = {w.value.tree() for s in history for w in s.writes if w.kind == "result" and w.value is not None}
    asked = {w.id for s in history for w in s.writes if w.kind == "interrupt"}
    for what, value in ledger.told.items():
        there = {"task": values, "asked": asked, "done": ends}[what[0]]
        if value not in there:
            raise Violation(f"{what} was acknowledged as {value!r} and is lost")


def _returned(saved: Saved) -> Any:
    """Return what a run returned, whatever it is stored as; if it saved something else, that and two elements more."""
    value, save = saved.checkpoint.value, saved.checkpoint.save
    if value is None or (save is not None and save.tree()[:-2] != value.tree()):
        raise Violation(f"checkpoint {saved.checkpoint.seq} holds {value!r} and {save!r}")
    return value.tree()


def look(fs: RealFs, ledger: Ledger) -> None:
    """Look at what a power cut left.

    Lines that were not synced yet may be there out of order. Then the thread is refused, nobody knowing whether they
    were, until `lgrun doctor --fix` takes the damaged ones out; what had been acknowledged must be there after that.
    """
    try:
        check(fs, ledger)
    except Violation as violation:
        if "lines after it are intact" not in str(violation):
            raise
        list(examine(STATE, mend=True, fs=fs))
        check(fs, ledger)


# Every moment at which the power may go


class Moment(NamedTuple):
    """What a power cut may leave, and what had been acknowledged by then."""

    tree: Tree
    told: dict[Any, Any]


def moments(
    disk: SimulatedFs, told: dict[Any, Any], chance: random.Random, limit: int, *, lazy: bool = False
) -> list[Moment]:
    """Live through the rest of a thread's life and return what a power cut may leave after each operation.

    Args:
        disk: where it lives.
        told: what had been acknowledged.
        chance: picks where there is too much.
        limit: how many states of one moment are kept.
        lazy: its runs have durability `async`.
    """
    ledger = Ledger(told, lazy=lazy)
    found: dict[Any, Moment] = {}

    def keep() -> None:
        known = ledger.snapshot()
        for left in disk.after_power_cut(chance, limit):
            found.setdefault((len(known), _key(left)), Moment(left, known))

    def record(call: Call, do: Callable[..., Any]) -> Any:
        done = do(*call.arguments)
        if call.name not in _LOOKING:
            keep()
        return done

    look(disk, ledger)
    live(Layer(disk, record), ledger)
    keep()
    return list(found.values())


class Killed(BaseException):
    """The process is dead; what the system was given is not lost."""


def killed(at: int, lazy: bool) -> tuple[SimulatedFs, dict[Any, Any]] | None:
    """Live until operation number `at`, and die there; None if life ends before."""
    disk, ledger = SimulatedFs({"home": {}}), Ledger(lazy=lazy)

    def die(call: Call, do: Callable[..., Any]) -> Any:
        if call.number >= at:
            raise Killed
        return do(*call.arguments)

    try:
        live(Layer(disk, die), ledger)
    except Killed:
        disk.close_all()
        return disk, ledger.snapshot()
    return None


_LOOKING = {
    "open_root",
    "open_dir",
    "listdir",
    "read_file",
    "read_start",
    "stat",
    "size",
    "is_at",
    "is_remote",
    "close",
    "lock",
}


def _key(tree: Tree) -> Any:
    return hash(tuple((name, _key(held) if isinstance(held, dict) else held) for name, held in sorted(tree.items())))


class Found(NamedTuple):
    """What an exploration came to."""

    states: int
    deeper: int
    violations: list[str]


def explore(
    seed: int, *, states: int, deeper: int, limit: int = 40, lazy: bool = False, first_only: bool = False
) -> Found:
    """Cut the power at every operation of a thread's life, and again at every operation of what follows.

    Args:
        seed: picks where there is too much.
        states: how many states of the first cut are looked into, at most.
        deeper: how many states of a second cut, at most.
        limit: how many states of one moment are kept.
        lazy: the runs have durability `async`.
        first_only: stop at the first violation.
    """
    chance = random.Random(seed)
    violations: list[str] = []
    first = _guarded(lambda: moments(SimulatedFs({"home": {}}), {}, chance, limit, lazy=lazy), violations) or []
    chosen = first if len(first) <= states else chance.sample(first, states)
    done = below = 0
    for moment in chosen:
        if first_only and violations:
            break
        done += 1
        _guarded(lambda: _end_of(moment, lazy), violations)
    # Each second life costs as much as looking into dozens of states, so few lives are cut often.
    lives = -(-deeper // _CUTS_PER_LIFE)
    for number in range(lives):
        if first_only and violations:
            break
        share = (deeper - below) // (lives - number)
        start = chance.choice(first)
        second = _guarded(lambda: moments(SimulatedFs(start.tree), start.told, chance, 8, lazy=lazy), violations) or []
        for again in second if len(second) <= share else chance.sample(second, share):
            below += 1
            _guarded(lambda: _end_of(again, lazy), violations)
    return Found(done, below, violations)


def deaths(numbers: Iterable[int], *, lazy: bool = False, first_only: bool = False) -> Found:
    """Kill the process at these operations, and cut the power while the next process takes the thread up.

    What the dead one wrote can be seen and need not be on the disk. Of the second life every acknowledgement is
    followed by a power cut that leaves as little as possible.
    """
    lives = cuts = 0
    violations: list[str] = []
    for at in numbers:
        found = killed(at, lazy)
        if found is None or (first_only and violations):
            break
        lives += 1
        cuts += _guarded(lambda: _cuts_at_acknowledgements(*found, lazy), violations) or 0
    return Found(lives, cuts, violations)


def _cuts_at_acknowledgements(disk: SimulatedFs, told: dict[Any, Any], lazy: bool) -> int:
    left: list[Moment] = []

    class Cutting(Ledger):
        def acknowledge(self, what: Any, value: Any = True) -> None:
            super().acknowledge(what, value)
            left.append(Moment(disk.safe_tree(), self.snapshot()))

    live(disk, Cutting(told, lazy=lazy))
    for moment in left:
        look(SimulatedFs(moment.tree), Ledger(moment.told, lazy=lazy))
    return len(left)


_CUTS_PER_LIFE = 60


def _end_of(moment: Moment, lazy: bool) -> None:
    disk, ledger = SimulatedFs(moment.tree), Ledger(moment.told, lazy=lazy)
    look(disk, ledger)
    live(disk, ledger, whole=False)
    litter = [name for name in _names(disk.tree()) if name.startswith(".tmp-")]
    if litter and "deleting" not in moment.told:
        raise Violation(f"left behind: {litter}")


def _names(tree: Tree) -> list[str]:
    threads = tree["home"].get("state", {}).get("threads", {})
    return [name for thread in threads.values() for name in thread]


def _guarded(do: Callable[[], Any], violations: list[str]) -> Any:
    try:
        return do()
    except (Violation, StateError) as error:
        violations.append(f"{type(error).__name__}: {error}")
    return None
