"""Where a run starts: from nothing, from where another one stopped, or back at an older checkpoint."""

from collections.abc import Generator, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from lgrun._engine import replay
from lgrun._engine.events import CheckpointReached, QuestionAsked, RunEnded, RunStarted, ValuesChanged
from lgrun._engine.ids import task_id
from lgrun._engine.journal import Journal
from lgrun._engine.model import Flush, Instruction, Io
from lgrun._engine.project import as_dict
from lgrun._engine.replay import Mismatch
from lgrun._engine.run import Run
from lgrun._engine.snapshot import metadata, nested_config
from lgrun._engine.start import Continue, Finished, Fork, Fresh, decide_start
from lgrun.checkpoint.base import Checkpoint, CheckpointKind, Encoded, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.serde import decode
from lgrun.errors import EmptyInputError
from lgrun.types import Command

T = TypeVar("T")
Life: TypeAlias = Generator[Instruction, Any, T]


class Memory(NamedTuple):
    """What the thread holds before the run: its value, what it gives on as `previous`, and where they stand."""

    value: Any = None
    saved: Any = None
    seq: int | None = None


class Opened(NamedTuple):
    """A run that has found its place: the checkpoint it writes under, and what the program begins with."""

    checkpoint: Checkpoint | None
    input: Any
    memory: Memory
    fresh: bool


def open_run(run: Run, input: Any) -> Life[Opened | RunEnded]:
    """Find the place where a run starts and save what it starts from; the end, if there is nothing left to do."""
    if run.claim is None:
        return _open_unsaved(run, input)
    claim = run.claim
    head: Saved | None = yield Io(claim.load)
    wanted = run.config["configurable"].get("checkpoint_id")
    at: Saved | None = head if wanted is None else (yield Io(partial(claim.load, wanted)))
    start = decide_start(head, at, input)
    saved = start.parent if isinstance(start, Fresh) else start.saved
    memory: Memory = yield Io(partial(_remember, run, saved))
    run.value, run.previous = memory.value, memory.saved
    match start:
        case Finished():
            return _finished(run, start.saved, memory)
        case Fresh():
            return (yield from _fresh(run, start, head, memory, input))
        case Continue():
            return (yield from _continue(run, start, memory))
        case Fork():
            return (yield from _fork(run, start, head, memory))


def _open_unsaved(run: Run, input: Any) -> Opened:
    if isinstance(input, Command):
        raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
    if input is None:
        raise EmptyInputError("Received no input for __start__")
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return Opened(None, input, Memory(), True)


def _remember(run: Run, saved: Saved | None) -> Memory:
    """Read the value of the last completed run at or before a checkpoint."""
    if saved is not None and not saved.checkpoint.complete:
        assert run.claim is not None
        number = saved.checkpoint.previous
        saved = None if number is None else run.claim.load(number)
    if saved is None:
        return Memory()
    point = saved.checkpoint
    value = _decoded(point.value)
    return Memory(value, value if point.save is None else _decoded(point.save), point.seq)


def _decoded(encoded: Encoded | None) -> Any:
    return None if encoded is None else decode(encoded)


def _finished(run: Run, saved: Saved, memory: Memory) -> RunEnded:
    """There is nothing to run; streams see the value all the same."""
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(reached(run, saved.checkpoint, memory.value))
    ended = RunEnded(status="done", value=memory.value)
    run.emit(ended)
    return ended


def _fresh(run: Run, start: Fresh, head: Saved | None, memory: Memory, input: Any) -> Life[Opened]:
    checkpoint = next_checkpoint(run, head, start.parent, memory, "input", run.encode(input, "the input"))
    yield from _begin_at(run, checkpoint, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    if run.settings.checkpoints:
        run.emit(reached(run, checkpoint, memory.value))
    return Opened(checkpoint, input, memory, True)


def next_checkpoint(
    run: Run,
    head: Saved | None,
    parent: Saved | None,
    memory: Memory,
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
    """Save a checkpoint and write under it from now on. With durability `exit` it is saved with the first write."""
    assert run.claim is not None
    if run.settings.durability == "exit":
        _follow(run, checkpoint, writes, first=checkpoint)
        return
    yield Io(partial(run.claim.put, checkpoint))
    _follow(run, checkpoint, writes)


def _follow(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite], first: Checkpoint | None = None) -> None:
    assert run.claim is not None
    assert run.saver is not None
    run.seed = checkpoint.id
    run.calls = replay.Calls(writes)
    run.questions = replay.Questions(writes, checkpoint.questions)
    run.journal = Journal(run.claim, checkpoint.seq, run.settings.durability, shared=run.saver.blocking, first=first)


def _continue(run: Run, start: Continue, memory: Memory) -> Life[Opened]:
    checkpoint = start.saved.checkpoint
    answers = _encoded(run, start.answers)
    _follow(run, checkpoint, start.saved.writes)
    open_before = run.open_questions() if run.settings.checkpoints else ()
    if checkpoint.entrypoint != run.program.name:
        run.mismatch(run.program.name, Mismatch(f"workflow {checkpoint.entrypoint}", run.program.name, True), None)
    yield from _take_up(run, answers, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=True))
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(reached(run, checkpoint, memory.value, open_before))
    return Opened(checkpoint, _decoded(checkpoint.input), memory, False)


def _encoded(run: Run, answers: Mapping[str, Any]) -> dict[str, Encoded]:
    """Encode answers before anything is saved: one that cannot be saved changes nothing."""
    return {question: run.encode(value, f"the answer to {question}") for question, value in answers.items()}


def _take_up(run: Run, answers: Mapping[str, Encoded], known: Sequence[PendingWrite]) -> Life[None]:
    """Journal that another run has begun, with the answers that it was given."""
    now, by = run.world.now(), run.settings.by
    writes = [*known, PendingWrite("run", now, by=by, pid=run.world.pid)]
    for question, encoded in answers.items():
        writes.append(PendingWrite("answer", now, value=encoded, id=question, by=by))
        run.questions.answer(question, encoded)
    assert run.journal is not None
    yield Flush(run.journal.add(*writes), barrier=bool(answers))


def _fork(run: Run, start: Fork, head: Saved | None, memory: Memory) -> Life[Opened | RunEnded]:
    """Go back: a new checkpoint repeats the old one, and what may still be known there is copied into its journal."""
    old = start.saved.checkpoint
    answers = _encoded(run, start.answers)
    checkpoint = next_checkpoint(run, head, start.saved, memory, "fork", old.input, old.value, old.save)
    if old.complete:
        assert run.claim is not None
        yield Io(partial(run.claim.put, checkpoint))
        return _finished(run, Saved(checkpoint, ()), memory)
    yield from _begin_at(run, checkpoint, start.writes)
    yield from _take_up(run, answers, start.writes)
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=True))
    run.emit(ValuesChanged(values=memory.value, saved=memory.saved))
    if run.settings.checkpoints:
        run.emit(reached(run, checkpoint, memory.value))
    return Opened(checkpoint, _decoded(checkpoint.input), memory, False)


def reached(
    run: Run, point: Checkpoint, value: Any, questions: Sequence[QuestionAsked] = (), parent: str | None = None
) -> CheckpointReached:
    """Describe a checkpoint for streams."""
    if parent is None and point.parent is not None:
        assert run.claim is not None
        before = run.claim.load(point.parent)
        parent = None if before is None else before.checkpoint.id
    asked = tuple(as_dict(q.interrupt) for q in questions[:1])
    node = task_id(point.id, ())
    state = nested_config(point, node) if run.settings.nests else None
    step = {"id": node, "name": point.entrypoint, "interrupts": asked, "state": state}
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
