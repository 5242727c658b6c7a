"""The life of a run: where it starts, and how it ends.

claim the thread → decide where to start → save what it starts from → step through the program → wait for what
still runs → save the end → release the thread
"""

from collections.abc import Generator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from lgrun._engine import replay
from lgrun._engine.events import (
    CheckpointReached,
    NodeFailed,
    NodeFinished,
    NodeInterrupted,
    QuestionAsked,
    RunEnded,
    RunStarted,
    ValuesChanged,
)
from lgrun._engine.flow import error_record, save_questions, steps
from lgrun._engine.frame import Frame
from lgrun._engine.ids import task_id
from lgrun._engine.journal import Journal
from lgrun._engine.model import Flush, Instruction, Io, Outcome, Raised, Returned, RunCancelled, Settle
from lgrun._engine.program import Output
from lgrun._engine.project import as_dict
from lgrun._engine.run import Run
from lgrun._engine.snapshot import metadata
from lgrun.checkpoint.base import Checkpoint, CheckpointKind, Encoded, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.serde import decode
from lgrun.errors import EmptyInputError, GraphInterrupt, NotSerializableError
from lgrun.types import Command, Interrupt

T = TypeVar("T")
Life: TypeAlias = Generator[Instruction, Any, T]


class _Memory(NamedTuple):
    """What the thread holds before the run: its value, what it gives on as `previous`, and where they stand."""

    value: Any = None
    saved: Any = None
    seq: int | None = None


class _Opened(NamedTuple):
    """A run that has found its place: the checkpoint it writes under, and what the program begins with."""

    checkpoint: Checkpoint | None
    input: Any
    memory: _Memory
    fresh: bool


def run_flow(run: Run, input: Any) -> Life[RunEnded]:
    """Run a workflow from claiming its thread to its last event.

    Raises:
        EmptyInputError, UnknownInterruptError, RuntimeError: nothing was started; see `replay.decide_start`.
        ThreadBusyError, StateError: see the saver.
        ReplayMismatchError: the code changed and the run was told not to go on.
    """
    try:
        if run.saver is not None:
            yield Io(partial(_claim, run))
        opened = yield from _open(run, input)
        if isinstance(opened, RunEnded):
            return opened
        if opened.fresh and run.settings.pause_before:
            return (yield from _pause(run, opened))
        outcome = yield from _body(run, opened)
        return (yield from _close(run, opened, outcome))
    finally:
        if run.claim is not None:
            run.claim.release()


def _claim(run: Run) -> None:
    assert run.saver is not None
    run.claim = run.saver.claim(run.settings.thread, wait=run.settings.wait)


def _body(run: Run, opened: _Opened) -> Life[Outcome]:
    """Step through the program; whatever happens, no call is left running when the thread is released."""
    state = run.program.begin(opened.input, opened.memory.saved)
    try:
        return (yield from steps(run, run.program, state, None, ()))
    except GeneratorExit:
        raise
    except BaseException:
        yield Settle(cancel=True)
        raise


# --- the start --------------------------------------------------------------------------------------------------------


def _open(run: Run, input: Any) -> Life[_Opened | RunEnded]:
    if run.claim is None:
        return _open_unsaved(run, input)
    claim = run.claim
    head: Saved | None = yield Io(claim.load)
    wanted = run.config["configurable"].get("checkpoint_id")
    at: Saved | None = head if wanted is None else (yield Io(partial(claim.load, wanted)))
    start = replay.decide_start(head, at, input)
    saved = start.parent if isinstance(start, replay.Fresh) else start.saved
    memory: _Memory = yield Io(partial(_remember, run, saved))
    run.previous = memory.saved
    match start:
        case replay.Finished():
            return _finished(run, start.saved, memory)
        case replay.Fresh():
            return (yield from _fresh(run, start, head, memory, input))
        case replay.Continue():
            return (yield from _continue(run, start, memory))
        case replay.Fork():
            return (yield from _fork(run, start, head, memory))


def _open_unsaved(run: Run, input: Any) -> _Opened:
    if isinstance(input, Command):
        raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
    if input is None:
        raise EmptyInputError("Received no input for __start__")
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return _Opened(None, input, _Memory(), True)


def _remember(run: Run, saved: Saved | None) -> _Memory:
    """Read the value of the last completed run at or before a checkpoint."""
    if saved is not None and not saved.checkpoint.complete:
        assert run.claim is not None
        number = saved.checkpoint.previous
        saved = None if number is None else run.claim.load(number)
    if saved is None:
        return _Memory()
    point = saved.checkpoint
    value = _decoded(point.value)
    return _Memory(value, value if point.save is None else _decoded(point.save), point.seq)


def _decoded(encoded: Encoded | None) -> Any:
    return None if encoded is None else decode(encoded)


def _finished(run: Run, saved: Saved, memory: _Memory) -> RunEnded:
    """There is nothing to run; streams see the value all the same."""
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(_reached(run, saved.checkpoint, memory.value))
    ended = RunEnded(status="done", value=memory.value)
    run.emit(ended)
    return ended


def _fresh(run: Run, start: replay.Fresh, head: Saved | None, memory: _Memory, input: Any) -> Life[_Opened]:
    checkpoint = _next(run, head, start.parent, memory, "input", run.encode(input, "the input"))
    yield from _begin_at(run, checkpoint, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    if run.settings.checkpoints:
        run.emit(_reached(run, checkpoint, memory.value))
    return _Opened(checkpoint, input, memory, True)


def _next(
    run: Run,
    head: Saved | None,
    parent: Saved | None,
    memory: _Memory,
    kind: CheckpointKind,
    input: Encoded | None,
    value: Encoded | None = None,
    save: Encoded | None = None,
) -> Checkpoint:
    """Return the checkpoint after the latest one, as a child of `parent`."""
    seq = 1 if head is None else head.checkpoint.seq + 1
    user = run.config.get("metadata")
    return Checkpoint(
        thread=run.settings.thread,
        seq=seq,
        id=new_checkpoint_id(seq, run.world.token(12)),
        kind=kind,
        step=-1 if parent is None else parent.checkpoint.step + 1,
        at=run.world.now(),
        parent=None if parent is None else parent.checkpoint.seq,
        previous=memory.seq,
        questions=0 if head is None else _questions_so_far(head),
        entrypoint=run.program.name,
        input=input,
        value=value,
        save=save,
        metadata=run.encode(user, "the metadata") if user else None,
    )


def _questions_so_far(saved: Saved) -> int:
    return max([saved.checkpoint.questions, *(w.q for w in saved.writes if w.q is not None)])


def _begin_at(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite]) -> Life[None]:
    """Save a checkpoint and write under it from now on."""
    assert run.claim is not None
    yield Io(partial(run.claim.put, checkpoint))
    _follow(run, checkpoint, writes)


def _follow(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite]) -> None:
    assert run.claim is not None
    assert run.saver is not None
    run.seed = checkpoint.id
    run.calls = replay.Calls(writes)
    run.questions = replay.Questions(writes, checkpoint.questions)
    run.journal = Journal(run.claim, checkpoint.seq, run.settings.durability, shared=run.saver.blocking)


def _continue(run: Run, start: replay.Continue, memory: _Memory) -> Life[_Opened]:
    checkpoint = start.saved.checkpoint
    _follow(run, checkpoint, start.saved.writes)
    open_before = run.open_questions() if run.settings.checkpoints else ()
    yield from _take_up(run, start.answers, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=True))
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(_reached(run, checkpoint, memory.value, open_before))
    return _Opened(checkpoint, _decoded(checkpoint.input), memory, False)


def _take_up(run: Run, answers: Any, known: Sequence[PendingWrite]) -> Life[None]:
    """Journal that another run has begun, with the answers that it was given."""
    now, by = run.world.now(), run.settings.by
    writes = [*known, PendingWrite("run", now, by=by, pid=run.world.pid)]
    for question, value in answers.items():
        encoded = run.encode(value, f"the answer to {question}")
        writes.append(PendingWrite("answer", now, value=encoded, id=question, by=by))
        run.questions.answer(question, encoded)
    assert run.journal is not None
    yield Flush(run.journal.add(*writes), barrier=bool(answers))


def _fork(run: Run, start: replay.Fork, head: Saved | None, memory: _Memory) -> Life[_Opened | RunEnded]:
    """Go back: a new checkpoint repeats the old one, and what may still be known there is copied into its journal."""
    old = start.saved.checkpoint
    checkpoint = _next(run, head, start.saved, memory, "fork", old.input, old.value, old.save)
    if old.complete:
        assert run.claim is not None
        yield Io(partial(run.claim.put, checkpoint))
        return _finished(run, Saved(checkpoint, ()), memory)
    yield from _begin_at(run, checkpoint, start.writes)
    yield from _take_up(run, start.answers, start.writes)
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=True))
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(_reached(run, checkpoint, memory.value))
    return _Opened(checkpoint, _decoded(checkpoint.input), memory, False)


def _reached(
    run: Run, point: Checkpoint, value: Any, questions: Sequence[QuestionAsked] = (), parent: str | None = None
) -> CheckpointReached:
    """Describe a checkpoint for streams."""
    if parent is None and point.parent is not None:
        assert run.claim is not None
        before = run.claim.load(point.parent)
        parent = None if before is None else before.checkpoint.id
    asked = tuple(as_dict(q.interrupt) for q in questions[:1])
    step = {"id": task_id(point.id, ()), "name": point.entrypoint, "interrupts": asked, "state": None}
    return CheckpointReached(
        thread=point.thread,
        id=point.id,
        parent=parent,
        map=None,
        metadata=metadata(point),
        values=value,
        next=() if point.complete else (point.entrypoint,),
        tasks=() if point.complete else (step,),
    )


# --- the end ----------------------------------------------------------------------------------------------------------


def _pause(run: Run, opened: _Opened) -> Life[RunEnded]:
    """Stop before the first step, because the caller asked for it; the run is taken up with None."""
    run.emit(NodeInterrupted(id=task_id(run.seed, ()), name=run.program.name, surfaced=()))
    if run.journal is not None:
        yield from run.commit(PendingWrite("cancelled", run.world.now(), by="interrupt_before"), None, barrier=True)
    ended = RunEnded(status="waiting", value=opened.memory.value)
    run.emit(ended)
    return ended


def _close(run: Run, opened: _Opened, outcome: Outcome) -> Life[RunEnded]:
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
        run.emit(NodeInterrupted(id=node, name=name, surfaced=left.interrupts))
        return (yield from _unfinished(run, left))
    if end is not None:
        assert run.claim is not None
        yield Io(partial(run.claim.put, end))
        if run.settings.checkpoints:
            run.emit(_reached(run, end, output.value, parent=run.seed))
    run.emit(ValuesChanged(values=output.value, saved=output.save))
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
    seq = start.seq + 1
    return Checkpoint(
        thread=start.thread,
        seq=seq,
        id=new_checkpoint_id(seq, run.world.token(12)),
        kind="end",
        step=start.step + 1,
        at=run.world.now(),
        parent=start.seq,
        questions=run.questions.count,
        entrypoint=start.entrypoint,
        value=value,
        save=save,
        metadata=start.metadata,
    )


def _unfinished(run: Run, error: BaseException) -> Life[RunEnded]:
    questions = run.open_questions()
    if isinstance(error, GraphInterrupt):
        yield from save_questions(run)
        surfaced: tuple[Interrupt, ...] = error.interrupts
        ended = RunEnded(status="waiting", surfaced=surfaced, questions=questions)
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
        point = _next(run, head, at, _Memory(), "update", None, value, save)
        # The first checkpoint of a thread made by hand stands where the end of its first run would.
        point = replace(point, step=0) if at is None else point
        yield Io(partial(run.claim.put, point))
        return point.id
    finally:
        if run.claim is not None:
            run.claim.release()
