"""Workflows inside workflows: on the thread of the one around, in its journal. A flow, as in `flow`."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from lgrun._engine import ids
from lgrun._engine.events import CheckpointReached, NodeFinished, ValuesChanged
from lgrun._engine.flow import Flow, note_start, result_record
from lgrun._engine.frame import Frame
from lgrun._engine.model import Instruction, NodeCall, Raised, Returned, Settle
from lgrun._engine.program import Kept, Output, Program
from lgrun._engine.project import as_task
from lgrun._engine.run import Planned, Run
from lgrun._engine.steps import Course, steps, wrote
from lgrun.checkpoint.base import PendingWrite
from lgrun.constants import END, PREVIOUS
from lgrun.errors import NotSerializableError
from lgrun.types import PregelTask


def nested_flow(run: Run, planned: Planned, program: Program) -> Flow:
    """Run a workflow that was called inside another one: on its thread, in its journal, without a memory."""
    frame = planned.frame
    assert frame.parent is not None
    began = run.world.timer()
    given = planned.args[0]
    tried = run.calls.was_begun(frame.path)
    note_start(run, planned, nested=True)
    course = _Inner(run, program, frame, tried=tried)
    memory = run.memories.get(course.place) if planned.function.keeps else None
    state = program.begin(given, None if memory is None else program.thaw(Kept(**memory)))
    course.reached(state, frozenset())
    outcome = yield from steps(course, state)
    if isinstance(outcome, Raised):
        return outcome
    output: Output = outcome.value
    try:
        encoded, value = run.hand_on(output.value, f"the result of workflow {program.name!r}")
    except NotSerializableError as error:
        return Raised(error)
    ms = (run.world.timer() - began) * 1000
    if planned.function.keeps:
        course.remember()
    yield from run.commit(result_record(run, planned, encoded, ms), None)
    if not program.stepwise:
        course.finished(value, output.save)
    return Returned(value)


class _Inner(Course):
    """The steps of a nested workflow: it saves no checkpoint of its own; streams see where one would be."""

    def __init__(self, run: Run, program: Program, frame: Frame, *, tried: bool) -> None:
        super().__init__(run, program, program.pauses, tried=tried, outer=frame.parent, path=frame.path, ns=frame.ns)
        self._frame = frame
        self._state: Any = None
        self._number = -1
        self._silent = tried

    def before(self, state: Any, calls: Sequence[NodeCall], live: bool) -> BaseException | None:
        """Return why a step must not be made. What is known passes in silence; where a run is taken up is shown."""
        if not live:
            return None
        if self._silent:
            self._silent = False
            self._show(state, None)
        return super().before(state, calls, live)

    def after(
        self, state: Any, calls: Sequence[NodeCall], results: Sequence[Any]
    ) -> Generator[Instruction, Any, BaseException | None]:
        """Take note of a step that is made; return why no other must follow, if that is so."""
        yield Settle(path=self.path)
        self._state = state
        if self.program.stepwise:
            self.reached(state, wrote(calls, results))
        return None if self._silent else self.go_on(calls)

    def reached(self, state: Any, changed: frozenset[str] | None) -> None:
        """Take note that a checkpoint would be here."""
        self._number += 1
        if not self._silent:
            self._show(state, changed)

    @property
    def place(self) -> str:
        """Where the workflow is called: the names of the steps and tasks around it, and its own."""
        return "|".join([*(part.partition(":")[0] for part in self.ns), self.program.name])

    def remember(self) -> None:
        """Keep what the workflow holds for its next call at this place."""
        run, kept = self.run, self.program.kept(self._state)
        memory = {"value": kept.value, "save": kept.save, "frontier": kept.frontier}
        run.memories[self.place] = memory
        if run.journal is not None:
            value = run.encode(memory, f"what {self.program.name!r} remembers")
            now = run.world.now()
            run.journal.add(PendingWrite("checkpoint", now, self.path, ns=self.place, value=value))

    def finished(self, value: Any, save: Any) -> None:
        """Show what a functional workflow returned."""
        run, outputs, channels = self.run, self.program.streamed, {END: value, PREVIOUS: save}
        if run.heard:
            writes = tuple(channels.items())
            run.emit(
                NodeFinished(id=self._frame.id, name=self.program.name, writes=writes, outputs=outputs, ns=self.ns)
            )
        self._number += 1
        if run.settings.checkpoints:
            run.emit(self._checkpoint(channels, ()))
        if run.heard:
            run.emit(ValuesChanged(channels=channels, outputs=outputs, ns=self.ns))

    def _show(self, state: Any, changed: frozenset[str] | None) -> None:
        run, channels, outputs = self.run, self.program.channels(state), self.program.streamed
        if run.heard and changed != frozenset() and self._number:
            run.emit(ValuesChanged(channels=channels, outputs=outputs, changed=changed, ns=self.ns))
        if run.settings.checkpoints:
            run.emit(self._checkpoint(channels, self.program.next_calls(state)))

    def _task(self, call: NodeCall) -> PregelTask:
        return PregelTask(ids.task_id(self.run.seed, self.path + call.path), call.function.name, call.origin)

    def _checkpoint(self, channels: Mapping[str, Any], calls: Sequence[NodeCall]) -> CheckpointReached:
        run, frame = self.run, self._frame
        outer: dict[str, str] = {}
        around = frame.parent
        while around is not None:
            outer = {"|".join(around.ns): run.nested.get(around.ns, run.seed), **outer}
            around = around.parent
        before = run.nested.get(self.ns)
        own = run.nested[self.ns] = ids.nested_id(run.seed, frame.path, self._number)
        source = "loop" if self._number else "input"
        return CheckpointReached(
            thread=run.settings.thread,
            id=own,
            parent=before if self._number else None,
            map=outer,
            metadata={"source": source, "step": self._number - 1, "parents": outer},
            channels=channels,
            outputs=self.program.streamed,
            next=tuple(call.function.name for call in calls),
            tasks=tuple(as_task(self._task(call)) for call in calls),
            ns=self.ns,
        )
