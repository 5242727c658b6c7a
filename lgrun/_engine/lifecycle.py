"""The life of a run: where it starts, and how it ends.

claim the thread → decide where to start → save what it starts from → step through the program → wait for what
still runs → save the end → release the thread
"""

from collections.abc import Generator, Sequence
from functools import partial
from typing import Any

from lgrun._engine import replay
from lgrun._engine.events import CheckpointSaved, NodeFinished, NodeInterrupted, RunEnded, RunStarted, ValuesChanged
from lgrun._engine.flow import error_record, save_questions, steps
from lgrun._engine.frame import Frame
from lgrun._engine.journal import Journal
from lgrun._engine.model import Flush, Instruction, Io, Outcome, Raised, Returned, RunCancelled, Settle
from lgrun._engine.program import Output
from lgrun._engine.run import Run
from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.serde import decode
from lgrun.errors import EmptyInputError, GraphInterrupt, NotSerializableError
from lgrun.types import Command


class _Opened:
    """A run that has found its place: the checkpoint it writes under and what the program begins with."""

    __slots__ = ("checkpoint", "input", "previous")

    def __init__(self, checkpoint: Checkpoint | None, input: Any, previous: Any) -> None:
        self.checkpoint = checkpoint
        self.input = input
        self.previous = previous


def run_flow(run: Run, input: Any) -> Generator[Instruction, Any, RunEnded]:
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
        outcome = yield from _body(run, opened)
        return (yield from _close(run, opened, outcome))
    finally:
        if run.claim is not None:
            run.claim.release()


def _claim(run: Run) -> None:
    assert run.saver is not None
    run.claim = run.saver.claim(run.settings.thread, wait=run.settings.wait)


def _body(run: Run, opened: _Opened) -> Generator[Instruction, Any, Outcome]:
    """Step through the program; whatever happens, no call is left running when the thread is released."""
    state = run.program.begin(opened.input, opened.previous)
    try:
        return (yield from steps(run, run.program, state, None, ()))
    except GeneratorExit:
        raise
    except BaseException:
        yield Settle(cancel=True)
        raise


def _open(run: Run, input: Any) -> Generator[Instruction, Any, _Opened | RunEnded]:
    if run.claim is None:
        return _open_unsaved(run, input)
    claim = run.claim
    head: Saved | None = yield Io(claim.load)
    start = replay.decide_start(head, input)
    wanted = run.config["configurable"].get("checkpoint_id")
    if wanted is not None and (head is None or head.checkpoint.id != wanted):
        raise NotImplementedError(f"running from checkpoint {wanted}, which is not the thread's latest")
    if isinstance(start, replay.Finished):
        value = _decoded(start.saved.checkpoint.value)
        run.emit(ValuesChanged(values=value))
        ended = RunEnded(status="done", value=value)
        run.emit(ended)
        return ended
    saved = start.parent if isinstance(start, replay.Fresh) else start.saved
    before: Saved | None = yield Io(partial(_completed, run, saved))
    current, run.previous = _memory(before)
    if isinstance(start, replay.Fresh):
        opened = yield from _fresh(run, start, before, input)
    else:
        opened = yield from _continue(run, start, current)
    return opened


def _open_unsaved(run: Run, input: Any) -> _Opened:
    if isinstance(input, Command):
        raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
    if input is None:
        raise EmptyInputError("Received no input for __start__")
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return _Opened(None, input, None)


def _decoded(encoded: Encoded | None) -> Any:
    return None if encoded is None else decode(encoded)


def _completed(run: Run, saved: Saved | None) -> Saved | None:
    """Load the last completed run before or at a checkpoint."""
    if saved is None or saved.checkpoint.kind in ("end", "update"):
        return saved
    assert run.claim is not None
    number = saved.checkpoint.previous
    return None if number is None else run.claim.load(number)


def _memory(completed: Saved | None) -> tuple[Any, Any]:
    """Return the thread's value, and what its next run gets as `previous`."""
    if completed is None:
        return None, None
    point = completed.checkpoint
    return _decoded(point.value), _decoded(point.value if point.save is None else point.save)


def _fresh(run: Run, start: replay.Fresh, before: Saved | None, input: Any) -> Generator[Instruction, Any, _Opened]:
    parent = None if start.parent is None else start.parent.checkpoint
    encoded = run.encode(input, "the input")
    metadata = run.config.get("metadata")
    seq = 1 if parent is None else parent.seq + 1
    checkpoint = Checkpoint(
        thread=run.settings.thread,
        seq=seq,
        id=new_checkpoint_id(seq, run.world.token(12)),
        kind="input",
        step=-1 if parent is None else parent.step + 1,
        at=run.world.now(),
        parent=None if parent is None else parent.seq,
        previous=None if before is None else before.checkpoint.seq,
        questions=0 if start.parent is None else _questions_so_far(start.parent),
        entrypoint=run.program.name,
        input=encoded,
        metadata=run.encode(metadata, "the metadata") if metadata else None,
    )
    yield from _put(run, checkpoint)
    _follow(run, checkpoint, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return _Opened(checkpoint, input, run.previous)


def _questions_so_far(saved: Saved) -> int:
    return max([saved.checkpoint.questions, *(w.q for w in saved.writes if w.q is not None)])


def _put(run: Run, checkpoint: Checkpoint) -> Generator[Instruction, Any, None]:
    assert run.claim is not None
    yield Io(partial(run.claim.put, checkpoint))
    if run.heard:
        run.emit(CheckpointSaved(seq=checkpoint.seq, id=checkpoint.id, kind=checkpoint.kind))


def _follow(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite]) -> None:
    """Make the run one that writes under `checkpoint`, knowing what was written there before."""
    assert run.claim is not None
    assert run.saver is not None
    run.seed = checkpoint.id
    run.calls = replay.Calls(writes)
    run.questions = replay.Questions(writes, checkpoint.questions)
    run.journal = Journal(run.claim, checkpoint.seq, run.settings.durability, shared=run.saver.blocking)


def _continue(run: Run, start: replay.Continue, current: Any) -> Generator[Instruction, Any, _Opened]:
    checkpoint = start.saved.checkpoint
    _follow(run, checkpoint, start.saved.writes)
    now, by = run.world.now(), run.settings.by
    writes = [PendingWrite("run", now, by=by, pid=run.world.pid)]
    for question, value in start.answers.items():
        encoded = run.encode(value, f"the answer to {question}")
        writes.append(PendingWrite("answer", now, value=encoded, id=question, by=by))
        run.questions.answer(question, encoded)
    assert run.journal is not None
    yield Flush(run.journal.add(*writes), barrier=bool(start.answers))
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=True))
    run.emit(ValuesChanged(values=current))
    return _Opened(checkpoint, _decoded(checkpoint.input), run.previous)


def _close(run: Run, opened: _Opened, outcome: Outcome) -> Generator[Instruction, Any, RunEnded]:
    """Wait for what still runs, save the end, and say how the thread stands."""
    end: Checkpoint | None = None
    if isinstance(outcome, Returned):
        try:
            end = _end(run, opened.checkpoint, outcome.value)
        except NotSerializableError as error:
            outcome = Raised(error)
        else:
            run.emit(NodeFinished(name=run.program.name, update=outcome.value.value))
    yield Settle(cancel=isinstance(outcome, Raised) and not isinstance(outcome.error, GraphInterrupt))
    if run.stopped is not None and not isinstance(run.stopped, RunCancelled):
        raise run.stopped
    if isinstance(outcome, Raised):
        return (yield from _unfinished(run, outcome.error))
    if run.asked:
        left = GraphInterrupt([q.interrupt for q in run.asked.values()])
        run.emit(NodeInterrupted(name=run.program.name, surfaced=left.interrupts))
        return (yield from _unfinished(run, left))
    if end is not None:
        yield from _put(run, end)
    output: Output = outcome.value
    run.emit(ValuesChanged(values=output.value))
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


def _unfinished(run: Run, error: BaseException) -> Generator[Instruction, Any, RunEnded]:
    questions = run.open_questions()
    if isinstance(error, GraphInterrupt):
        yield from save_questions(run)
        surfaced = error.interrupts
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
