"""The life of a run: where it starts, and how it ends.

claim the thread → decide where to start (`opening`) → step through the program (`flow`) → wait for what still
runs → save the end → release the thread
"""

from dataclasses import replace
from functools import partial
from typing import Any

from lgrun._engine.events import NodeFailed, NodeFinished, NodeInterrupted, RunEnded, ValuesChanged
from lgrun._engine.flow import error_record, save_questions, steps
from lgrun._engine.frame import Frame
from lgrun._engine.ids import task_id
from lgrun._engine.model import Io, Outcome, Raised, Returned, RunCancelled, Settle
from lgrun._engine.opening import Life, Memory, Opened, next_checkpoint, open_run, reached
from lgrun._engine.program import Output
from lgrun._engine.run import Run
from lgrun.checkpoint.base import Checkpoint, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.errors import GraphDrained, GraphInterrupt, NotSerializableError
from lgrun.types import Interrupt


def run_flow(run: Run, input: Any) -> Life[RunEnded]:
    """Run a workflow from claiming its thread to its last event.

    Raises:
        EmptyInputError, UnknownInterruptError, RuntimeError: nothing was started; see `start.decide_start`.
        ThreadBusyError, StateError: see the saver.
        ReplayMismatchError: the code changed and the run was told not to go on.
    """
    try:
        if run.saver is not None:
            yield Io(partial(_claim, run))
        opened = yield from open_run(run, input)
        if isinstance(opened, RunEnded):
            return opened
        if opened.fresh and run.settings.pause_before:
            return (yield from _pause(run))
        control = run.settings.control
        if control is not None and control.drain_reason is not None:
            return (yield from _drain(run, control.drain_reason))
        outcome = yield from _body(run, opened)
        return (yield from _close(run, opened, outcome))
    finally:
        if run.claim is not None:
            run.claim.release()


def _claim(run: Run) -> None:
    assert run.saver is not None
    run.claim = run.saver.claim(run.settings.thread, wait=run.settings.wait)


def _body(run: Run, opened: Opened) -> Life[Outcome]:
    """Step through the program; whatever happens, no call is left running when the thread is released."""
    state = run.program.begin(opened.input, opened.memory.saved)
    try:
        return (yield from steps(run, run.program, state))
    except GeneratorExit:
        raise
    except BaseException:
        yield Settle(cancel=True)
        raise


# --- the end ----------------------------------------------------------------------------------------------------------


def _pause(run: Run) -> Life[RunEnded]:
    """Stop before the first step, because the caller asked for it; the run is taken up with None."""
    run.emit(NodeInterrupted(id=task_id(run.seed, ()), name=run.program.name, surfaced=()))
    if run.journal is not None:
        yield from run.commit(PendingWrite("cancelled", run.world.now(), by="interrupt_before"), None, barrier=True)
    ended = RunEnded(status="waiting")
    run.emit(ended)
    return ended


def _drain(run: Run, reason: str) -> Life[RunEnded]:
    """Stop before the first step, because somebody asked for it; the run is taken up with None."""
    if run.journal is not None:
        yield from run.commit(PendingWrite("cancelled", run.world.now(), by=f"drained: {reason}"), None, barrier=True)
    ended = RunEnded(status="failed", error=GraphDrained(reason))
    run.emit(ended)
    return ended


def _close(run: Run, opened: Opened, outcome: Outcome) -> Life[RunEnded]:
    """Wait for what still runs, save the end, and say how the thread stands."""
    name, node = run.program.name, task_id(run.seed, ())
    end: Checkpoint | None = None
    if isinstance(outcome, Returned):
        output: Output = outcome.value
        try:
            end = _end(run, opened.checkpoint, output)
        except NotSerializableError as error:
            outcome = Raised(error)
            run.emit(NodeFailed(id=node, name=name, error=error))
        else:
            run.emit(NodeFinished(id=node, name=name, update=output.value, saved=output.save))
    yield Settle(cancel=isinstance(outcome, Raised) and not isinstance(outcome.error, GraphInterrupt))
    if run.stopped is not None and not isinstance(run.stopped, RunCancelled):
        raise run.stopped
    if isinstance(outcome, Raised):
        return (yield from _unfinished(run, outcome.error))
    if run.asked:
        left = GraphInterrupt([q.interrupt for q in run.asked.values()])
        run.emit(NodeInterrupted(id=node, name=name, surfaced=left.interrupts, held=run.value))
        return (yield from _unfinished(run, left))
    if end is not None:
        assert run.claim is not None
        yield Io(partial(run.claim.put, end))
    run.emit(ValuesChanged(values=output.value, saved=output.save))
    if end is not None and run.settings.checkpoints:
        run.emit(reached(run, end, output.value, parent=run.seed))
    if run.settings.pause_after:
        run.emit(NodeInterrupted(id=node, name=name, surfaced=()))
    ended = RunEnded(status="done", value=output.value)
    run.emit(ended)
    return ended


def _end(run: Run, start: Checkpoint | None, output: Output) -> Checkpoint | None:
    """Return the checkpoint that will end the run, encoded before anybody is told of the result."""
    if start is None:
        return None
    value = run.encode(output.value, f"what {run.program.name!r} returned")
    save = None
    if output.save is not output.value:
        save = run.encode(output.save, f"what {run.program.name!r} saves")
    user = run.config.get("metadata")
    unsaved = run.journal is not None and run.journal.unsaved is not None
    seq = start.seq if unsaved else start.seq + 1
    return Checkpoint(
        thread=start.thread,
        seq=seq,
        id=new_checkpoint_id(seq, run.world.token(12)),
        kind="end",
        step=start.step + 1,
        at=run.world.now(),
        parent=start.parent if unsaved else start.seq,
        questions=run.questions.count,
        entrypoint=start.entrypoint,
        value=value,
        save=save,
        metadata=run.encode(user, "the metadata") if user else None,
    )


def _unfinished(run: Run, error: BaseException) -> Life[RunEnded]:
    questions = run.open_questions()
    if isinstance(error, GraphInterrupt):
        surfaced: tuple[Interrupt, ...] = error.interrupts
        if run.journal is not None and len(questions) > len(surfaced):
            # The last one recorded is the one that snapshots show, as the caller is told of it.
            run.journal.add(*run.questions.records({question.id for question in surfaced}))
        yield from save_questions(run)
        ended = RunEnded(status="waiting", value=run.value, surfaced=surfaced, questions=questions)
    elif isinstance(error, RunCancelled):
        write = PendingWrite("cancelled", run.world.now(), by=str(error))
        yield from run.commit(write, None, barrier=True)
        ended = RunEnded(status="stopped", questions=questions)
    else:
        frame = Frame(run, run.program.name, (), None)
        yield from run.commit(error_record(run, frame, error, None), None, barrier=True)
        ended = RunEnded(status="failed", error=error, questions=questions)
    run.emit(ended)
    return ended


# --- by hand ----------------------------------------------------------------------------------------------------------


def update_flow(run: Run, output: Output) -> Life[str]:
    """Write a result by hand, as if the workflow had returned it; return the new checkpoint's id."""
    assert run.saver is not None
    try:
        yield Io(partial(_claim, run))
        assert run.claim is not None
        head: Saved | None = yield Io(run.claim.load)
        wanted = run.config["configurable"].get("checkpoint_id")
        at: Saved | None = head if wanted is None else (yield Io(partial(run.claim.load, wanted)))
        value = run.encode(output.value, "the update")
        save = None if output.save is output.value else run.encode(output.save, "the update")
        point = next_checkpoint(run, head, at, Memory(), "update", None, value, save)
        # The first checkpoint of a thread made by hand stands where the end of its first run would.
        point = replace(point, step=0) if at is None else point
        yield Io(partial(run.claim.put, point))
        return point.id
    finally:
        if run.claim is not None:
            run.claim.release()
