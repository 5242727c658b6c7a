"""Every operation fails with every errno, once or from then on: what is acknowledged is safe, and the run stops."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lgrun.checkpoint.base import open_questions
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateIOError
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt
from tests.crash.faults import ERRNOS, Call, Failing, Layer
from tests.crash.simulated import SimulatedFs
from tests.crash.workload import CONFIG, STATE, Ledger, Violation, check


class Fault(NamedTuple):
    """One way for a disk to fail."""

    name: str
    at: int
    forever: bool


class Watching(Failing):
    """Fails, and knows what the run had begun by the time it was told so."""

    def __init__(self, fault: Fault, ledger: Ledger) -> None:
        super().__init__(ERRNOS[fault.name], fault.at, forever=fault.forever)
        self._ledger = ledger
        self.begun: int | None = None

    def __call__(self, call: Call, do: Any) -> Any:
        before = len(self.failed)
        try:
            return super().__call__(call, do)
        finally:
            # What is only to be kept for people, or done again anyway, stops nothing.
            if len(self.failed) > before and self.begun is None and call.name in ("write", "sync"):
                self.begun = len(self._ledger.began)


def _workflow(saver: FileSaver, ledger: Ledger) -> Any:
    """Five tasks, of which two run at the same time; like bad code, it goes on after any exception."""

    @task
    def step(name: str) -> str:
        return ledger.begin(1, name)

    def known(name: str, future: Any) -> str:
        try:
            value = str(future.result())
        except Exception:
            return "?"
        ledger.acknowledge(("task", 1, name), value)
        return value

    @entrypoint(checkpointer=saver)
    def flow(_: int) -> Any:
        values = [known(name, step(name)) for name in "ab"]
        values += [known(name, future) for name, future in [(name, step(name)) for name in "cd"]]
        interrupt("ok?")
        return [*values, known("e", step("e"))]

    return flow


def _drive(fs: Any, ledger: Ledger) -> None:
    saver = FileSaver(STATE, fs=fs)
    flow = _workflow(saver, ledger)
    for _ in range(5):
        saved = saver.load("t")
        if saved is not None and saved.checkpoint.complete:
            assert saved.checkpoint.value is not None
            ledger.acknowledge(("done", 1), saved.checkpoint.value.tree())
            return
        answers = saved is not None and open_questions(saved.writes)
        answer = flow.invoke(Command(resume=1) if answers else 1 if saved is None else None, CONFIG)
        if isinstance(answer, list):
            ledger.acknowledge(("done", 1), answer)
        else:
            ledger.acknowledge(("asked", 1), answer["__interrupt__"][0].id)


def _count() -> int:
    layer = Layer(SimulatedFs({"home": {}}), lambda call, do: do(*call.arguments))
    _drive(layer, Ledger())
    return layer.count


def faults(step: int = 1) -> Iterator[Fault]:
    """Yield every fault, or every `step`-th."""
    every = [Fault(name, at, forever) for at in range(1, _count() + 1) for name in ERRNOS for forever in (False, True)]
    yield from every[::step]


def suffer(fault: Fault) -> str | None:
    """Run into a fault, then go on without it; return what the run said.

    Raises:
        Violation: something acknowledged is lost, something began after the fault, or another exception came out.
    """
    disk, ledger = SimulatedFs({"home": {}}), Ledger()
    watch = Watching(fault, ledger)
    layer = Layer(disk, watch)
    said = None
    try:
        _drive(layer, ledger)
    except StateIOError as error:
        said = str(error)
        if watch.begun is not None and len(ledger.began) > watch.begun:
            raise Violation(f"{ledger.began[watch.begun :]} began after the disk had failed") from error
        if "\n" in said or STATE not in said:
            raise Violation(f"not one line with a path: {said}") from error
    except Exception as error:
        raise Violation(f"{type(error).__name__}: {error}") from error
    if disk._open:
        raise Violation(f"{len(disk._open)} descriptors are left open")
    after = Ledger(ledger.snapshot())
    check(disk, after)
    _drive(disk, after)
    if ("done", 1) not in after.told or "?" in after.told["done", 1]:
        raise Violation(f"it cannot be taken up: {after.told}")
    return said
