"""The life of a run: where it starts, and how it ends.

claim the thread → decide where to start (`opening`) → step through the program (`steps`), waiting after each step for
what still runs and saving what came of it → release the thread
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lgrun._engine.events import NodeFailed, NodeFinished, RunEnded, ValuesChanged
from lgrun._engine.flow import error_record, save_questions
from lgrun._engine.frame import Frame
from lgrun._engine.ids import task_id
from lgrun._engine.model import Io, NodeCall, Outcome, Raised, RunCancelled, Settle
from lgrun._engine.opening import (
    Life,
    Opened,
    claimed,
    encoded_kept,
    go_on,
    memories_of,
    next_checkpoint,
    open_run,
    reached,
    user_metadata,
)
from lgrun._engine.program import Kept, Output, Pauses
from lgrun._engine.project import shown
from lgrun._engine.run import Run
from lgrun._engine.snapshot import standing
from lgrun._engine.steps import Course, steps, wrote
from lgrun.checkpoint.base import Checkpoint, Claim, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.errors import GraphDrained, GraphInterrupt, NotSerializableError, ReplayMismatchError
from lgrun.types import Interrupt, StateUpdate


def run_flow(run: Run, input: Any) -> Life[RunEnded]:
    """Run a workflow from claiming its thread to its last event.

    Raises:
        EmptyInputError, UnknownInterruptError, RuntimeError: nothing was started; see `start.decide_start`.
        ThreadBusyError, StateError: see the saver.
        ReplayMismatchError: the code changed and the run was told not to go on.
    """
    try:
        if run.saver is not None:
            yield Io(partial(claimed, run))
            if run.claim is None:
                ended = RunEnded(status="stopped")
                run.emit(ended)
                return ended
        opened = yield from open_run(run, input)
        if isinstance(opened, RunEnded):
            return opened
        course = _Own(run, opened)
        outcome: Outcome
        try:
            outcome = yield from steps(course, opened.state)
        except GeneratorExit:
            raise
        except Exception:
            # Whatever happens, no call is left running when the thread is released.
            yield Settle(cancel=True)
            raise
        except BaseException as error:
            # An interrupt, or a cancellation. Between two pieces of the user's code it stops the run as in one of them:
            # what is known is saved.
            outcome = Raised(error)
        if isinstance(outcome, Raised):
            return (yield from _stopped(course, outcome.error))
        output: Output = outcome.value
        ended = RunEnded(
            status="done", value=output.value, checkpoint=None if course.point is None else course.point.id
        )
        run.emit(ended)
        return ended
    finally:
        if run.claim is not None:
            try:
                run.claim.release()
            except KeyboardInterrupt:
                # Once more: whoever interrupts must find the thread free.
                run.claim.release()
                raise


class _Own(Course):
    """The steps of a run's own program: after each, what still runs is waited for, and a checkpoint is saved."""

    def __init__(self, run: Run, opened: Opened) -> None:
        settings, own = run.settings, run.program.pauses
        pauses = Pauses(settings.pause_before or own.before, settings.pause_after or own.after)
        super().__init__(run, run.program, pauses, tried=not opened.fresh, reader=run.reader)
        self.state = opened.state
        self.point = opened.checkpoint

    def before(self, state: Any, calls: Sequence[NodeCall], live: bool) -> BaseException | None:
        """Return why a step must not be made, if that is so."""
        reason = self.run.control.drain_reason
        if reason is not None and not calls[0].hidden:
            return GraphDrained(reason)
        return super().before(state, calls, live)

    def after(self, state: Any, calls: Sequence[NodeCall], results: Sequence[Any]) -> Life[BaseException | None]:
        """Take note of a step that is made; return why no other must follow, if that is so."""
        run, program = self.run, self.program
        point: Checkpoint | None = None
        try:
            if self.point is not None:
                point = self._next(self.point, program.kept(state))
        except NotSerializableError as error:
            if not calls[0].recorded:
                run.emit(NodeFailed(id=task_id(run.seed, ()), name=program.name, error=error))
            return error
        channels, outputs = program.channels(state), program.streamed
        if not calls[0].recorded and run.heard and not self.cached:
            writes = tuple(channels.items())
            run.emit(NodeFinished(id=task_id(run.seed, ()), name=program.name, writes=writes, outputs=outputs))
        yield Settle()
        if run.stopped is not None:
            return run.stopped
        if run.asked:
            left = GraphInterrupt([q.interrupt for q in run.asked.values()])
            name, held = calls[0].function.name, program.channels(self.state) or run.held
            run.emit(self.interrupted(task_id(run.seed, calls[0].path), name, left.interrupts, held))
            return left
        self.state = state
        before = run.seed
        if point is not None:
            yield from self._save(point)
        if run.heard and (changed := wrote(calls, results)) != frozenset():
            run.emit(ValuesChanged(channels=channels, outputs=outputs, changed=changed))
        if point is not None and run.settings.checkpoints:
            # With durability `exit` the one before is not saved, and cannot be gone back to.
            run.emit(reached(run, point, state, parent=None if run.settings.durability == "exit" else before))
        stop = self.go_on(calls)
        if isinstance(stop, GraphInterrupt) and not program.next_calls(state):
            # There is nothing left to stop: streams are told all the same.
            run.emit(self.interrupted(task_id(run.seed, ()), program.name, (), {}))
            return None
        return stop

    def _next(self, last: Checkpoint, kept: Kept) -> Checkpoint:
        """Return the checkpoint after a step, encoded before anybody is told of the result."""
        run = self.run
        value, save, frontier = encoded_kept(run, kept, f"what {run.program.name!r} returned")
        unsaved = run.journal is not None and run.journal.unsaved is not None
        # With durability `exit` it takes the place of the one that was not saved.
        seq = last.seq if unsaved else last.seq + 1
        return Checkpoint(
            thread=last.thread,
            seq=seq,
            id=new_checkpoint_id(seq, run.world.token(12)),
            kind="step" if kept.next else "end",
            step=last.step + 1,
            at=run.world.now(),
            parent=last.parent if unsaved else last.seq,
            questions=run.questions.count,
            entrypoint=last.entrypoint,
            value=value,
            save=save,
            frontier=frontier,
            next=kept.next,
            memories=memories_of(run),
            metadata=user_metadata(run),
        )

    def _save(self, point: Checkpoint) -> Life[None]:
        run = self.run
        assert run.claim is not None
        self.point = point
        if point.next and run.settings.durability == "exit":
            go_on(run, point, first=point)
            return
        yield Io(partial(self._put, run.claim, point))
        if point.next:
            go_on(run, point)

    def _put(self, claim: Claim, point: Checkpoint) -> None:
        claim.put(point)
        if not point.next:
            # A cancellation that comes from now on leaves no record beside the end.
            self.run.journal = None


# --- the end ----------------------------------------------------------------------------------------------------------


def _stopped(course: _Own, error: BaseException) -> Life[RunEnded]:
    """Wait for what still runs, record why the run stopped, and say how the thread stands."""
    run = course.run
    yield Settle(cancel=not isinstance(error, GraphInterrupt))
    if run.stopped is not None and not isinstance(run.stopped, RunCancelled):
        if isinstance(run.stopped, ReplayMismatchError):
            yield from _record_failure(run, run.stopped)
        raise run.stopped
    questions = run.open_questions()
    if isinstance(error, GraphInterrupt) and error.interrupts:
        surfaced: tuple[Interrupt, ...] = error.interrupts
        if run.journal is not None and len(questions) > len(surfaced):
            # The last one recorded is the one that snapshots show, as the caller is told of it.
            run.journal.add(*run.questions.records({question.id for question in surfaced}))
        yield from save_questions(run)
        ended = RunEnded(status="waiting", value=_held(course), surfaced=surfaced, questions=questions)
    elif isinstance(error, GraphInterrupt):
        run.emit(course.interrupted(task_id(run.seed, ()), run.program.name, (), {}))
        yield from _record(run, PendingWrite("cancelled", run.world.now(), by="a breakpoint"))
        ended = RunEnded(status="waiting", value=_held(course) if run.program.stepwise else None)
    elif isinstance(error, RunCancelled):
        yield from _record(run, PendingWrite("cancelled", run.world.now(), by=str(error)))
        ended = RunEnded(status="stopped", questions=questions)
    elif isinstance(error, GraphDrained):
        yield from _record(run, PendingWrite("cancelled", run.world.now(), by=f"drained: {error.reason}"))
        ended = RunEnded(status="failed", error=error)
    else:
        try:
            yield from _record_failure(run, error)
        except Exception:
            if isinstance(error, KeyboardInterrupt):
                # It came while something was written: that the run was interrupted is what matters.
                raise error from None
            raise
        ended = RunEnded(status="failed", error=error, questions=questions)
    run.emit(ended)
    return ended


def _record(run: Run, write: PendingWrite) -> Life[None]:
    yield from run.commit(write, None, barrier=True)


def _held(course: _Own) -> Any:
    """Return the thread's value: that of a graph with what the finished nodes of an unfinished step wrote."""
    run, program = course.run, course.program
    if not program.stepwise:
        return run.held.get(program.channel_names[0])
    calls = program.next_calls(course.state)
    results = [run.known_node(call.path, call) for call in calls]
    channels = program.channels(course.state)
    if any(results):
        try:
            channels = program.channels(program.apply(course.state, results))
        except Exception:
            # What finished cannot be applied: the step will fail with that when the others have finished too.
            return shown(channels, program.outputs)
        run.emit(ValuesChanged(channels=channels, outputs=program.streamed))
    return shown(channels, program.outputs)


def _record_failure(run: Run, error: BaseException) -> Life[None]:
    frame = Frame(run, run.program.name, (), None)
    yield from _record(run, error_record(run, frame, error, None))


# --- by hand ----------------------------------------------------------------------------------------------------------


def update_flow(run: Run, updates: Sequence[StateUpdate]) -> Life[str]:
    """Write by hand what a step would have returned; return the new checkpoint's id."""
    assert run.saver is not None
    program = run.program
    try:
        yield Io(partial(claimed, run))
        assert run.claim is not None
        head: Saved | None = yield Io(run.claim.load)
        wanted = run.config["configurable"].get("checkpoint_id")
        at: Saved | None = head if wanted is None else (yield Io(partial(run.claim.load, wanted)))
        kept = program.by_hand(None if at is None else standing(program, at), updates)
        value, save, frontier = encoded_kept(run, kept, "the update")
        point = next_checkpoint(run, head, at, "update")
        point = replace(point, value=value, save=save, frontier=frontier, next=kept.next)
        # The first checkpoint of a thread made by hand stands where the end of its first run would.
        point = replace(point, step=0) if at is None else point
        yield Io(partial(run.claim.put, point))
        return point.id
    finally:
        if run.claim is not None:
            run.claim.release()
