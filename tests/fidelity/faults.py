"""Faults to put into lgrun's engine, each small enough to slip in, to see that some program notices."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from lgrun import workflow
from lgrun._engine import flow, opening, request
from lgrun._engine.events import RunStarted, TaskFinished, ValuesChanged
from lgrun._engine.program import FunctionProgram
from lgrun._engine.project import Projector
from lgrun._engine.replay import Calls, Questions, Suspend
from lgrun._engine.start import Fork

Patch = pytest.MonkeyPatch
Fault = Callable[[Patch], None]

FAULTS: dict[str, tuple[Fault, str]] = {}
"""Each fault by name, with the area whose programs are tried first."""


def fault_of(faults: dict[str, tuple[Fault, str]]) -> Callable[[str], Callable[[Fault], Fault]]:
    """Return a decorator that lists a fault among `faults`, given the area whose programs are tried first."""

    def in_area(area: str) -> Callable[[Fault], Fault]:
        def add(function: Fault) -> Fault:
            faults[function.__name__] = (function, area)
            return function

        return add

    return in_area


fault = fault_of(FAULTS)


@fault("futures")
def replay_ignores_arguments(patch: Patch) -> None:
    """A replayed call takes the last result of its task, whatever it was given."""

    def same(self: Any, parent: Any, own: Any, name: str, digest: Any) -> Any:
        alike = [call for call in self._at.values() if call.path[:-1] == parent and call.name == name]
        return max((call for call in alike if not call.used), key=lambda call: call.path, default=None)

    patch.setattr(Calls, "_same", same)


@fault("questions")
def answers_are_matched_one_place_too_low(patch: Patch) -> None:
    """A question looks for the answer of the one before it."""
    decide = Questions.decide

    def wrong(self: Any, seed: str, path: Any, index: int, digest: Any, now: str) -> Any:
        return decide(self, seed, path, max(0, index - 1), None, now)

    patch.setattr(Questions, "decide", wrong)


@fault("errors")
def results_are_dropped_when_something_fails(patch: Patch) -> None:
    """After an error, finished tasks run again."""
    init = Calls.__init__

    def wrong(self: Any, writes: Any = ()) -> None:
        failed = any(write.kind == "error" for write in writes)
        init(self, [write for write in writes if not (failed and write.kind == "result")])

    patch.setattr(Calls, "__init__", wrong)


@fault("streams")
def updates_come_one_event_late(patch: Patch) -> None:
    """A finished task is shown after what happens next."""
    chunks = Projector.chunks
    held: list[Any] = []

    def wrong(self: Any, event: Any) -> list[Any]:
        if isinstance(event, TaskFinished):
            held.append(event)
            return []
        late = [chunk for each in held for chunk in chunks(self, each)]
        held.clear()
        return chunks(self, event) + late

    patch.setattr(Projector, "chunks", wrong)


@fault("retries")
def one_attempt_too_many(patch: Patch) -> None:
    """Attempts are counted from 0."""
    right = flow.next_delay
    patch.setattr(flow, "next_delay", lambda policies, attempt, *rest: right(policies, attempt - 1, *rest))


@fault("streams")
def no_first_values_of_a_resumed_run(patch: Patch) -> None:
    """The thread's value is shown at the end only."""
    chunks = Projector.chunks
    resumed: list[bool] = []

    def wrong(self: Any, event: Any) -> list[Any]:
        if isinstance(event, RunStarted) and event.continued:
            resumed.append(True)
        if isinstance(event, ValuesChanged) and resumed:
            resumed.clear()
            return []
        return chunks(self, event)

    patch.setattr(Projector, "chunks", wrong)


@fault("questions")
def ids_change(patch: Patch) -> None:
    """A question gets a new id whenever it is asked."""
    decide = Questions.decide

    def wrong(self: Any, *arguments: Any) -> Any:
        decision = decide(self, *arguments)
        if isinstance(decision, Suspend):
            return decision._replace(id=uuid.uuid4().hex, known=False)
        return decision

    patch.setattr(Questions, "decide", wrong)


@fault("memory")
def previous_is_forgotten(patch: Patch) -> None:
    """The next run gets None."""
    begin = FunctionProgram.begin
    patch.setattr(FunctionProgram, "begin", lambda self, given, previous: begin(self, given, None))


@fault("state")
def a_fork_knows_later_results(patch: Patch) -> None:
    """Going back to the start of a run takes its results along."""
    right = opening.decide_start

    def wrong(*arguments: Any) -> Any:
        start = right(*arguments)
        return start._replace(writes=tuple(start.saved.writes)) if isinstance(start, Fork) else start

    patch.setattr(opening, "decide_start", wrong)


@fault("errors")
def notes_are_missing(patch: Patch) -> None:
    """An error does not tell which task raised it."""
    right = request.outcome

    def wrong(ended: Any) -> Any:
        if ended.error is not None:
            vars(ended.error).pop("__notes__", None)
        return right(ended)

    patch.setattr(request, "outcome", wrong)
    patch.setattr(workflow, "outcome", wrong)
