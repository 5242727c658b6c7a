"""Workflows inside workflows: on the thread of the one around, in its journal. A flow, as in `flow`."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from lgrun._engine import ids
from lgrun._engine.events import CheckpointReached, Namespace, NodeFinished, ValuesChanged
from lgrun._engine.flow import Flow, note_start, result_record
from lgrun._engine.frame import Frame
from lgrun._engine.model import Function, Instruction, NodeCall, Raised, Returned, RunCancelled, Settle
from lgrun._engine.program import Kept, Output, Program
from lgrun._engine.project import as_task
from lgrun._engine.run import Known, Planned, Run
from lgrun._engine.snapshot import tasks_at
from lgrun._engine.steps import Course, steps, wrote
from lgrun._engine.writing import hearers
from lgrun.checkpoint.base import PendingWrite
from lgrun.constants import END, PREVIOUS
from lgrun.errors import NotSerializableError
from lgrun.types import PregelTask

LEFT = "the reader of its stream, who left"
"""By whom a nested run is stopped whose stream is read no more."""


class Reading:
    """Whoever reads the stream of a nested run.

    Args:
        items: where what they read comes.
        eager: they read what has come before anything else is done, not only before code is run.

    Attributes:
        left: they read no more.
    """

    left = False

    def __init__(self, items: Any, eager: bool) -> None:
        self.items = items
        self.eager = eager


def plan_nested(
    outer: Frame, strand: object, ns: Namespace, function: Function, program: Program, input: Any
) -> Known | Planned:
    """Decide what a call of a workflow inside another one comes to; one that is known is shown where it stands."""
    run = outer.run
    plan = run.plan(outer, strand, function, (input,), {}, nested=ns)
    if isinstance(plan, Known) and (run.settings.subgraphs or hearers(run, ns)):
        frame = Frame(run, function.name, plan.path, outer, ns)
        _Inner(run, program, frame, tried=True, reading=None).stands(input, plan.value)
    return plan


def nested_flow(run: Run, planned: Planned, program: Program, reading: Reading | None = None) -> Flow:
    """Run a workflow that was called inside another one: on its thread, in its journal, without a memory."""
    frame = planned.frame
    assert frame.parent is not None
    began = run.world.timer()
    given = planned.args[0]
    tried = run.calls.was_begun(frame.path)
    note_start(run, planned, nested=True)
    course = _Inner(run, program, frame, tried=tried, reading=reading)
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
    return Returned(value) if course.stop is None else Raised(course.stop)


class _Inner(Course):
    """The steps of a nested workflow: it saves no checkpoint of its own; streams see where one would be."""

    def __init__(self, run: Run, program: Program, frame: Frame, *, tried: bool, reading: Reading | None) -> None:
        pauses = run.pauses.get(frame.ns, program.pauses)
        super().__init__(run, program, pauses, tried=tried, outer=frame.parent, path=frame.path, ns=frame.ns)
        self._frame = frame
        self._reading = reading
        self._state: Any = None
        self._number = -1
        self._silent = tried
        self.stop: BaseException | None = None

    def before(self, state: Any, calls: Sequence[NodeCall], live: bool) -> BaseException | None:
        """Return why a step must not be made. What is known passes in silence; where a run is taken up is shown."""
        if self._reading is not None and self._reading.left and self.program.stepwise:
            return RunCancelled(LEFT)
        if not live:
            return None
        if self._silent:
            self._silent = False
            self._show(state, None, self._known(state))
        return super().before(state, calls, live)

    def _known(self, state: Any) -> Sequence[PregelTask] | None:
        """Return the steps that are made next, with what the journal tells of them, if somebody wants to hear of it."""
        run, saved = self.run, self.run.taken_up
        if saved is None or not run.checkpoints:
            return None
        return tasks_at(self.program, state, saved, self.ns in run.nests, path=self.path, ns="|".join(self.ns))

    def after(
        self, state: Any, calls: Sequence[NodeCall], results: Sequence[Any]
    ) -> Generator[Instruction, Any, BaseException | None]:
        """Take note of a step that is made; return why no other must follow, if that is so."""
        yield Settle(path=self.path)
        self._state = state
        if self.program.stepwise:
            self.reached(state, wrote(calls, results))
        if self._silent and self.program.stepwise and not self.program.next_calls(state):
            # It had stopped behind its last step.
            self._show(state, None, ())
        self.stop = None if self._silent else self.go_on(calls)
        # What a function returned is known before it stops.
        return self.stop if self.program.stepwise else None

    def reached(self, state: Any, changed: frozenset[str] | None) -> None:
        """Take note that a checkpoint would be here."""
        self._count()
        if not self._silent:
            self._show(state, changed)

    def _count(self) -> None:
        self._number += 1
        self.run.nested[self.ns] = (self._frame.path, self._number)

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
        run, outputs, channels = self.run, self.outputs, {END: value, PREVIOUS: save}
        if run.heard:
            writes = tuple(channels.items())
            run.emit(
                NodeFinished(id=self._frame.id, name=self.program.name, writes=writes, outputs=outputs, ns=self.ns)
            )
        self._count()
        if run.heard:
            run.emit(ValuesChanged(channels=channels, outputs=outputs, changed=frozenset(channels), ns=self.ns))
        if run.saver is not None and run.checkpoints:
            run.emit(self._checkpoint(channels, ()))

    def stands(self, given: Any, value: Any) -> None:
        """Show where a workflow stands that is complete."""
        run, program = self.run, self.program
        state = program.begin(given, None)
        self._count()
        channels: Mapping[str, Any] = {END: value, PREVIOUS: value}
        while program.stepwise and (calls := program.next_calls(state)):
            results = [run.known_node(self.path + call.path, call) for call in calls]
            if None in results:
                return
            state = program.apply(state, results)
            channels = program.channels(state)
            self._count()
        if not program.stepwise:
            self._count()
        run.emit(ValuesChanged(channels=channels, outputs=self.outputs, ns=self.ns))
        if run.saver is not None and run.checkpoints:
            run.emit(self._checkpoint(channels, (), stored=True))

    def _show(self, state: Any, changed: frozenset[str] | None, known: Sequence[PregelTask] | None = None) -> None:
        run, channels, outputs = self.run, self.program.channels(state), self.outputs
        if run.heard and changed != frozenset() and (self._number or self._tried):
            run.emit(ValuesChanged(channels=channels, outputs=outputs, changed=changed, ns=self.ns))
        if run.saver is not None and run.checkpoints:
            tasks = [self._task(call) for call in self.program.next_calls(state)] if known is None else known
            run.emit(self._checkpoint(channels, tasks, stored=known is not None))

    def _task(self, call: NodeCall) -> PregelTask:
        name, task = call.function.name, ids.task_id(self.run.seed, self.path + call.path)
        inner = {"checkpoint_ns": "|".join((*self.ns, f"{name}:{task}")), "thread_id": self.run.settings.thread}
        nests = call.nests or self.ns in self.run.nests
        return PregelTask(task, name, call.origin, state={"configurable": inner} if nests else None)

    def _checkpoint(
        self, channels: Mapping[str, Any], tasks: Sequence[PregelTask], *, stored: bool = False
    ) -> CheckpointReached:
        run, frame = self.run, self._frame
        outer: dict[str, str] = {}
        around = frame.parent
        while around is not None:
            known = run.nested.get(around.ns)
            outer = {"|".join(around.outer_ns): ids.nested_id(run.seed, *known) if known else run.seed, **outer}
            around = around.parent
        source, saved = "loop" if self._number else "input", run.settings.durability != "exit"
        own = run.config_at(self.ns)["metadata"] if stored else {}
        return CheckpointReached(
            thread=run.settings.thread,
            id=ids.nested_id(run.seed, frame.path, self._number),
            parent=ids.nested_id(run.seed, frame.path, self._number - 1) if self._number and saved else None,
            map=outer,
            metadata={"source": source, "step": self._number - 1, "parents": outer, **own},
            channels=channels,
            outputs=self.program.streamed,
            next=tuple(task.name for task in tasks),
            tasks=tuple(as_task(task) for task in tasks),
            ns=self.ns,
        )
