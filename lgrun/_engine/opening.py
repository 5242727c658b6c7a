"""Where a run starts: from nothing, from where another one stopped, or back at an older checkpoint."""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeAlias, TypeVar

from lgrun._engine import replay
from lgrun._engine.events import CheckpointReached, RunEnded, RunStarted, ValuesChanged
from lgrun._engine.journal import Journal
from lgrun._engine.model import Flush, Instruction, Io
from lgrun._engine.program import Kept
from lgrun._engine.project import as_task, shown
from lgrun._engine.replay import Mismatch
from lgrun._engine.run import Run
from lgrun._engine.snapshot import decoded, kept_at, metadata, standing, tasks_at
from lgrun._engine.start import Continue, Finished, Fork, Fresh, decide_start
from lgrun.checkpoint.base import Checkpoint, CheckpointKind, Encoded, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.constants import END, PREVIOUS, START
from lgrun.errors import EmptyInputError, ThreadBusyError
from lgrun.types import Command

T = TypeVar("T")

_GLANCE = 0.2
"""Seconds after which a wait for a thread begins anew, unless the run was stopped."""

Life: TypeAlias = Generator[Instruction, Any, T]


class Memory(NamedTuple):
    """What the thread holds before the run: what snapshots show, what the program begins with, and where it stands."""

    channels: Mapping[str, Any] = {}
    state: Any = None
    seq: int | None = None


class Opened(NamedTuple):
    """A run that has found its place: the checkpoint it writes under, and the state of its program."""

    checkpoint: Checkpoint | None
    state: Any
    fresh: bool


def open_run(run: Run, input: Any) -> Life[Opened | RunEnded]:
    """Find the place where a run starts and save what it starts from; the end, if there is nothing left to do."""
    if run.claim is None:
        return _open_unsaved(run, input)
    claim = run.claim
    head: Saved | None = yield Io(claim.load)
    wanted = run.config["configurable"].get("checkpoint_id")
    at: Saved | None = head if wanted is None else (yield Io(partial(claim.load, wanted)))
    start = decide_start(head, at, input, run.program.stepwise)
    saved = start.parent if isinstance(start, Fresh) else start.saved
    memory: Memory = yield Io(partial(_remember, run, saved))
    run.held = memory.channels
    run.previous = None if run.program.stepwise else memory.state
    if saved is not None:
        run.memories = dict(decoded(saved.checkpoint.memories) or {})
        kept = [write for write in saved.writes if write.kind == "checkpoint" and write.ns is not None]
        run.memories |= {write.ns: decoded(write.value) for write in kept if write.ns is not None}
    match start:
        case Finished():
            return _finished(run, start.saved, memory)
        case Fresh():
            return (yield from _fresh(run, start, head, memory, input))
        case Continue():
            return (yield from _continue(run, start, memory))
        case Fork():
            return (yield from _fork(run, start, head, memory))


def claimed(run: Run) -> None:
    """Take the right to write to the run's thread, unless the run is stopped while it waits for that."""
    assert run.saver is not None
    began, patience = run.world.timer(), run.settings.wait
    while run.claim is None:
        left = None if patience is None else began + patience - run.world.timer()
        try:
            run.claim = run.saver.claim(run.settings.thread, wait=_GLANCE if left is None else min(left, _GLANCE))
        except ThreadBusyError:
            if left is not None and left <= _GLANCE:
                raise
            if run.stopped is not None:
                return


def _open_unsaved(run: Run, input: Any) -> Opened:
    if isinstance(input, Command):
        raise RuntimeError("Cannot use Command(resume=...) without checkpointer")
    if input is None:
        raise EmptyInputError("Received no input for __start__")
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return Opened(None, run.program.begin(input, None), True)


def _remember(run: Run, saved: Saved | None) -> Memory:
    """Read what a program goes on from: a graph from any checkpoint, a function from its last completed run."""
    program = run.program
    if saved is not None and not program.stepwise and not saved.checkpoint.complete:
        assert run.claim is not None
        number = saved.checkpoint.previous
        saved = None if number is None else run.claim.load(number)
    if saved is None:
        return Memory()
    if program.stepwise:
        state = standing(program, saved)
        return Memory(program.channels(state), state, saved.checkpoint.seq)
    kept = kept_at(saved.checkpoint)
    return Memory({END: kept.value, PREVIOUS: kept.save}, program.thaw(kept), saved.checkpoint.seq)


def _finished(run: Run, saved: Saved, memory: Memory) -> RunEnded:
    """There is nothing to run; streams see the value all the same."""
    outputs = run.program.streamed
    run.emit(ValuesChanged(channels=memory.channels, outputs=outputs))
    if run.settings.checkpoints:
        run.emit(reached(run, saved.checkpoint, memory.state, channels=memory.channels, stored=True))
    value = shown(memory.channels, run.program.outputs)
    ended = RunEnded(status="done", value=value, checkpoint=saved.checkpoint.id)
    run.emit(ended)
    return ended


def _fresh(run: Run, start: Fresh, head: Saved | None, memory: Memory, input: Any) -> Life[Opened]:
    program = run.program
    state = program.begin(input, memory.state)
    holds: dict[str, Any] = {"input": run.encode(input, "the input")}
    if program.stepwise:
        value, _, frontier = encoded_kept(run, program.kept(state), "the state")
        holds |= {"value": value, "frontier": frontier, "next": (START,)}
    checkpoint = next_checkpoint(run, head, start.parent, "input", memory.seq, **holds)
    yield from _begin_at(run, checkpoint, ())
    run.emit(RunStarted(thread=run.settings.thread, name=program.name, continued=False))
    if run.settings.checkpoints:
        run.emit(reached(run, checkpoint, state))
    return Opened(checkpoint, state, True)


def encoded_kept(run: Run, kept: Kept, what: str) -> tuple[Encoded | None, Encoded | None, Encoded | None]:
    """Return the value, the save and the frontier of a checkpoint as they are stored."""
    value = run.encode(kept.value, what)
    save = None if kept.save is kept.value else run.encode(kept.save, f"{what} and saved")
    if kept.frontier is None or kept.plain:
        return value, save, None if kept.frontier is None else Encoded(tree=kept.frontier, plain=True)
    return value, save, run.encode(kept.frontier, what)


def next_checkpoint(
    run: Run, head: Saved | None, parent: Saved | None, kind: CheckpointKind, previous: int | None = None, **holds: Any
) -> Checkpoint:
    """Return the checkpoint after the latest one, as a child of `parent`, with the values that it `holds`."""
    seq = 1 if head is None else head.checkpoint.seq + 1
    return Checkpoint(
        thread=run.settings.thread,
        seq=seq,
        id=new_checkpoint_id(seq, run.world.token(12)),
        kind=kind,
        step=-1 if parent is None else parent.checkpoint.step + 1,
        at=run.world.now(),
        parent=None if parent is None else parent.checkpoint.seq,
        previous=previous,
        memories=memories_of(run),
        questions=0 if head is None else _questions_so_far(head),
        entrypoint=run.program.name,
        metadata=user_metadata(run),
        **holds,
    )


def memories_of(run: Run) -> Encoded | None:
    """Return what nested workflows remember, as a checkpoint holds it."""
    return run.encode(run.memories, "what nested workflows remember") if run.memories else None


def user_metadata(run: Run) -> Encoded | None:
    """Return the caller's own metadata, which is stored with each checkpoint of the run."""
    user = run.config.get("metadata")
    return run.encode(user, "the metadata") if user else None


def _questions_so_far(saved: Saved) -> int:
    return max([saved.checkpoint.questions, *(w.q for w in saved.writes if w.q is not None)])


def _begin_at(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite]) -> Life[None]:
    """Save a checkpoint and write under it from now on. With durability `exit` it is saved with the first write."""
    assert run.claim is not None
    if run.settings.durability == "exit":
        follow(run, checkpoint, writes, first=checkpoint)
        return
    yield Io(partial(run.claim.put, checkpoint))
    follow(run, checkpoint, writes)


def follow(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite], first: Checkpoint | None = None) -> None:
    """Write under a checkpoint from now on, knowing `writes`; `first`: itself, if it is saved with the first write."""
    assert run.claim is not None
    assert run.saver is not None
    run.seed = checkpoint.id
    run.step = checkpoint.step + 1
    run.calls = replay.Calls(writes)
    run.questions = replay.Questions(writes, checkpoint.questions)
    run.journal = Journal(run.claim, checkpoint.seq, run.settings.durability, shared=run.saver.blocking, first=first)


def go_on(run: Run, checkpoint: Checkpoint, first: Checkpoint | None = None) -> None:
    """Write under the checkpoint of a step that is made from now on: nothing is known there."""
    assert run.journal is not None
    run.seed = checkpoint.id
    run.step = checkpoint.step + 1
    run.calls = replay.Calls()
    run.questions = replay.Questions((), checkpoint.questions)
    run.journal.move(checkpoint.seq, first)


def _continue(run: Run, start: Continue, memory: Memory) -> Life[Opened]:
    checkpoint = start.saved.checkpoint
    answers = _encoded(run, start.answers)
    follow(run, checkpoint, start.saved.writes)
    known = start.saved.writes
    run.next_answer = start.next_answer
    if checkpoint.entrypoint != run.program.name:
        run.mismatch(run.program.name, Mismatch(f"workflow {checkpoint.entrypoint}", run.program.name, True), None)
    _check_frontier(run, checkpoint)
    told: list[PendingWrite] = []
    if start.command is not None:
        value = run.encode(run.program.command(start.command), "the Command")
        told = [PendingWrite("command", run.world.now(), value=value, by=run.settings.by)]
    yield from _take_up(run, answers, told)
    state = _taken_up(run, Saved(checkpoint, [*known, *told]), memory)
    return Opened(checkpoint, state, False)


def _check_frontier(run: Run, checkpoint: Checkpoint) -> None:
    """Report nodes that are to run next and that the graph does not have any more, before anything is written."""
    known = {function.name for function in run.program.functions()}
    for name in checkpoint.next:
        if name not in known:
            run.mismatch(name, Mismatch(f"node {name!r} to run next", "no node of that name", False), None)


def _taken_up(run: Run, saved: Saved, memory: Memory) -> Any:
    """Tell that a run goes on from a checkpoint, with what was known of it before; return its program's state."""
    program, (checkpoint, known) = run.program, saved
    stepwise = program.stepwise
    state = standing(program, saved) if stepwise else program.begin(decoded(checkpoint.input), memory.state)
    run.emit(RunStarted(thread=run.settings.thread, name=program.name, continued=True))
    channels = program.channels(state) if stepwise else memory.channels
    run.emit(ValuesChanged(channels=channels, outputs=program.streamed))
    run.taken_up = saved
    if run.settings.checkpoints:
        run.emit(reached(run, checkpoint, state, known, stored=True))
    return state


def _encoded(run: Run, answers: Mapping[str, Any]) -> dict[str, Encoded]:
    """Encode answers before anything is saved: one that cannot be saved changes nothing."""
    return {question: run.encode(value, f"the answer to {question}") for question, value in answers.items()}


def _take_up(run: Run, answers: Mapping[str, Encoded], known: Sequence[PendingWrite]) -> Life[None]:
    """Journal that another run has begun, with the answers that it was given."""
    now, by = run.world.now(), run.settings.by
    writes = [*known, PendingWrite("run", now, by=by, args=run.settings.given, pid=run.world.pid)]
    for question, encoded in answers.items():
        writes.append(PendingWrite("answer", now, value=encoded, id=question, by=by))
        run.questions.answer(question, encoded)
    assert run.journal is not None
    yield Flush(run.journal.add(*writes), barrier=bool(answers))


def _fork(run: Run, start: Fork, head: Saved | None, memory: Memory) -> Life[Opened | RunEnded]:
    """Go back: a new checkpoint repeats the old one, and what may still be known there is copied into its journal."""
    old = start.saved.checkpoint
    answers = _encoded(run, start.answers)
    checkpoint = next_checkpoint(run, head, start.saved, "fork", memory.seq)
    same = ("input", "value", "save", "frontier", "next", "memories")
    checkpoint = replace(checkpoint, **{name: getattr(old, name) for name in same})
    if old.complete:
        assert run.claim is not None
        yield Io(partial(run.claim.put, checkpoint))
        return _finished(run, Saved(checkpoint, ()), memory)
    yield from _begin_at(run, checkpoint, start.writes)
    yield from _take_up(run, answers, start.writes)
    return Opened(checkpoint, _taken_up(run, Saved(checkpoint, ()), memory), False)


def reached(
    run: Run,
    point: Checkpoint,
    state: Any,
    writes: Sequence[PendingWrite] = (),
    parent: str | None = None,
    *,
    channels: Mapping[str, Any] | None = None,
    stored: bool = False,
) -> CheckpointReached:
    """Describe a checkpoint for streams; one that is `stored` has the user's own metadata, as in LangGraph."""
    if parent is None and point.parent is not None:
        assert run.claim is not None
        before = run.claim.load(point.parent)
        parent = None if before is None else before.checkpoint.id
    program = run.program
    if channels is None:
        channels = program.channels(state) if program.stepwise or point.complete else {}
    about = metadata(point)
    tasks = [] if point.complete else tasks_at(program, state, Saved(point, writes), run.settings.nests)
    return CheckpointReached(
        thread=point.thread,
        id=point.id,
        parent=parent,
        map=None,
        metadata=about if stored else {key: about[key] for key in ("source", "step", "parents")},
        channels=channels or run.held,
        outputs=program.streamed,
        next=tuple(task.name for task in tasks),
        tasks=tuple(as_task(task) for task in tasks),
    )
