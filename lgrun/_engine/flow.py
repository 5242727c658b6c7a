"""The order of things in a run, written once for threads and asyncio.

A flow is a generator. It yields what must be done (run user code, sleep, write) and is sent what came of it; the
drivers in `sync` and `aio` do as they are told and decide nothing.
"""

from collections.abc import Callable, Generator, Sequence
from dataclasses import replace as evolve
from functools import partial
from typing import Any, TypeAlias

from lgrun._engine import replay
from lgrun._engine.events import (
    CheckpointSaved,
    NodeFinished,
    NodeInterrupted,
    RunEnded,
    RunStarted,
    TaskFailed,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
    ValuesChanged,
)
from lgrun._engine.frame import Frame
from lgrun._engine.journal import Journal
from lgrun._engine.model import (
    Execute,
    Flush,
    Function,
    Instruction,
    Io,
    NodeCall,
    Outcome,
    Raised,
    Returned,
    RunCancelled,
    Settle,
    Sleep,
)
from lgrun._engine.program import Output, Program
from lgrun._engine.retry import next_delay
from lgrun._engine.run import Planned, Run
from lgrun.checkpoint.base import Checkpoint, Encoded, Path, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.serde import decode, encode
from lgrun.errors import (
    EmptyInputError,
    GraphInterrupt,
    NotSerializableError,
    SwallowedInterruptError,
)
from lgrun.types import Command, RetryPolicy

Flow: TypeAlias = Generator[Instruction, Any, Outcome]
"""Ends with what came of the user code it ran."""


# --- attempts ---------------------------------------------------------------------------------------------------------


def _judge(frame: Frame, outcome: Outcome) -> Outcome:
    """Say what an attempt came to, questions considered."""
    if isinstance(outcome, Raised):
        asked = _only_questions(outcome.error)
        return outcome if asked is None else Raised(GraphInterrupt(asked))
    if frame.suspended_at is not None:
        return Raised(
            SwallowedInterruptError(
                f"{frame.name!r} caught the GraphInterrupt that passed {frame.suspended_at}, so its question would be "
                "lost: let it pass (it is a BaseException; `except Exception` does not catch it)"
            )
        )
    return outcome


def _only_questions(error: BaseException) -> tuple[Any, ...] | None:
    if isinstance(error, GraphInterrupt):
        return error.interrupts
    if not isinstance(error, BaseExceptionGroup):
        return None
    inner = [_only_questions(e) for e in error.exceptions]
    if any(asked is None for asked in inner):
        return None
    return tuple(question for asked in inner if asked is not None for question in asked)


def _attempts(
    run: Run,
    frame: Frame,
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    policies: Sequence[RetryPolicy],
    task: bool,
) -> Flow:
    """Run user code until it returns, asks, or fails for good. `task`: its retries are announced."""
    while True:
        outcome = _judge(frame, (yield Execute(frame, function, args, kwargs)))
        if isinstance(outcome, Returned) or isinstance(outcome.error, GraphInterrupt):
            return outcome
        error = outcome.error
        if isinstance(error, Exception):
            error.add_note(f"During task with name {frame.name!r} and id {frame.id!r}")
        delay = None if run.stopped else next_delay(policies, frame.attempt, error, run.world.uniform)
        if delay is None:
            return outcome
        if task:
            run.emit(
                TaskRetrying(
                    id=frame.id,
                    name=frame.name,
                    depth=len(frame.path),
                    attempt=frame.attempt,
                    error=error,
                    delay=delay,
                    ns=frame.ns,
                )
            )
        yield Sleep(delay)
        frame.attempt += 1
        run.rewind(frame.path)


# --- tasks ------------------------------------------------------------------------------------------------------------


def task_flow(run: Run, planned: Planned) -> Flow:
    """Run a task call and save what came of it."""
    frame, function, args, kwargs, digest, summary = planned
    world = run.world
    began = world.timer()
    if run.saver is not None:
        run.note(
            PendingWrite(
                "start", world.now(), frame.path, frame.name, digest, summary, attempt=1, pid=world.pid
            )
        )
    if run.heard:
        run.emit(
            TaskStarted(
                id=frame.id,
                name=frame.name,
                depth=len(frame.path),
                args=summary,
                input=(args, kwargs),
                attempt=1,
                ns=frame.ns,
            )
        )
    policies = function.retry or run.settings.retry
    outcome = yield from _attempts(run, frame, function, args, kwargs, policies, True)
    if isinstance(outcome, Returned):
        try:
            encoded, value = run.hand_on(outcome.value, f"the result of task {frame.name!r}")
        except NotSerializableError as error:
            outcome = Raised(error)
        else:
            ms = (world.timer() - began) * 1000
            event = _finished(frame, value, ms) if run.heard else None
            yield from run.commit(_result(run, planned, encoded, ms), event)
            return Returned(value)
    yield from _failed(run, frame, outcome.error, (world.timer() - began) * 1000)
    return outcome


def _finished(frame: Frame, value: Any, ms: float) -> TaskFinished:
    return TaskFinished(
        id=frame.id,
        name=frame.name,
        depth=len(frame.path),
        value=value,
        ms=ms,
        attempt=frame.attempt,
        ns=frame.ns,
    )


def _result(run: Run, planned: Planned, encoded: Encoded | None, ms: float) -> PendingWrite:
    frame = planned.frame
    return PendingWrite(
        "result",
        run.world.now(),
        frame.path,
        frame.name,
        planned.digest,
        planned.summary,
        round(ms, 3),
        frame.attempt,
        None,
        encoded,
    )


def _failed(run: Run, frame: Frame, error: BaseException, ms: float) -> Generator[Instruction, Any, None]:
    """Record why a task did not return: a question waits for the disk, an error is history."""
    if isinstance(error, (GraphInterrupt, RunCancelled)):
        yield from _save_questions(run)
        return
    event = TaskFailed(
        id=frame.id,
        name=frame.name,
        depth=len(frame.path),
        error=error,
        ms=ms,
        attempt=frame.attempt,
        ns=frame.ns,
    )
    yield from run.commit(_error(run, frame, error, ms), event)


def _error(run: Run, frame: Frame, error: BaseException, ms: float | None) -> PendingWrite:
    import traceback

    trace = [f"{f.filename}:{f.lineno} in {f.name}" for f in traceback.extract_tb(error.__traceback__)]
    return PendingWrite(
        "error",
        run.world.now(),
        frame.path,
        frame.name,
        ms=None if ms is None else round(ms, 3),
        attempt=frame.attempt,
        type=type(error).__name__,
        message=_text(error, str),
        trace=trace,
        value=encode(_text(error, repr)),
    )


def _text(error: BaseException, form: Callable[[object], str]) -> str:
    try:
        return form(error).encode("utf-8", "replace").decode()
    except Exception:
        return "(its message cannot be shown)"


def _save_questions(run: Run) -> Generator[Instruction, Any, None]:
    if run.journal is not None:
        yield Flush(run.journal.add(), barrier=True)


# --- steps of a program -----------------------------------------------------------------------------------------------


def _steps(run: Run, program: Program, state: Any, outer: Frame | None, path: Path) -> Flow:
    """Step through a program; `outer` is the frame that called it, None for the run's own."""
    ns = () if outer is None else outer.inner_ns
    while calls := program.next_calls(state):
        results = []
        for call in calls:
            frame = Frame(run, call.function.name, path + call.path, outer, ns)
            outcome = yield from _node(run, frame, call)
            if isinstance(outcome, Raised):
                return outcome
            results.append(outcome.value)
        state = program.apply(state, results)
    return Returned(program.output(state))


def _node(run: Run, frame: Frame, call: NodeCall) -> Flow:
    function = call.function
    kwargs = run.injected(frame, function)
    if "previous" in kwargs:
        kwargs["previous"] = call.previous
    outcome = yield from _attempts(run, frame, function, (call.input,), kwargs, function.retry, False)
    if isinstance(outcome, Returned):
        run.check_unreached(frame)
    elif isinstance(outcome.error, GraphInterrupt):
        yield from _save_questions(run)
        run.emit(NodeInterrupted(name=frame.name, surfaced=outcome.error.interrupts, ns=frame.ns))
    return outcome


def nested_flow(run: Run, planned: Planned, program: Program) -> Flow:
    """Run a workflow that was called inside another one: on its thread, in its journal, without a memory."""
    frame = planned.frame
    assert frame.parent is not None
    began = run.world.timer()
    outcome = yield from _steps(run, program, program.begin(planned.args[0], None), frame.parent, frame.path)
    if isinstance(outcome, Raised):
        return outcome
    value = outcome.value.value
    try:
        encoded, value = run.hand_on(value, f"the result of workflow {program.name!r}")
    except NotSerializableError as error:
        return Raised(error)
    ms = (run.world.timer() - began) * 1000
    event = NodeFinished(name=program.name, update=value, ns=frame.ns)
    yield from run.commit(_result(run, planned, encoded, ms), event)
    return Returned(value)


# --- the whole run ----------------------------------------------------------------------------------------------------


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
    if run.saver is not None:
        saver, settings = run.saver, run.settings
        run.claim = yield Io(lambda: saver.claim(settings.thread, wait=settings.wait))
    try:
        opened = yield from _open(run, input)
        if isinstance(opened, RunEnded):
            return opened
        state = run.program.begin(opened.input, opened.previous)
        outcome = yield from _steps(run, run.program, state, None, ())
        return (yield from _close(run, opened, outcome))
    finally:
        if run.claim is not None:
            run.claim.release()


def _open(run: Run, input: Any) -> Generator[Instruction, Any, _Opened | RunEnded]:
    if run.claim is None:
        return _open_unsaved(run, input)
    claim = run.claim
    head: Saved | None = yield Io(claim.load)
    start = replay.decide_start(head, input)
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


def _fresh(
    run: Run, start: replay.Fresh, before: Saved | None, input: Any
) -> Generator[Instruction, Any, _Opened]:
    parent = None if start.parent is None else start.parent.checkpoint
    encoded = run.encode(input, "the input")
    metadata = run.config.get("metadata")
    checkpoint = Checkpoint(
        thread=run.settings.thread,
        seq=1 if parent is None else parent.seq + 1,
        id="",
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
    checkpoint = yield from _put(run, checkpoint)
    _follow(run, checkpoint, ())
    run.emit(RunStarted(thread=run.settings.thread, name=run.program.name, continued=False))
    return _Opened(checkpoint, input, run.previous)


def _questions_so_far(saved: Saved) -> int:
    return max([saved.checkpoint.questions, *(w.q for w in saved.writes if w.q is not None)])


def _put(run: Run, checkpoint: Checkpoint) -> Generator[Instruction, Any, Checkpoint]:
    assert run.claim is not None
    named = evolve(checkpoint, id=new_checkpoint_id(checkpoint.seq, run.world.token(12)))
    yield Io(partial(run.claim.put, named))
    run.emit(CheckpointSaved(seq=named.seq, id=named.id, kind=named.kind))
    return named


def _follow(run: Run, checkpoint: Checkpoint, writes: Sequence[PendingWrite]) -> None:
    """Make the run one that writes under `checkpoint`, knowing what was written there before."""
    assert run.claim is not None
    run.seed = checkpoint.id
    run.calls = replay.Calls(writes)
    run.questions = replay.Questions(writes, checkpoint.questions)
    run.journal = Journal(run.claim, checkpoint.seq, run.settings.durability)


def _continue(run: Run, start: replay.Continue, current: Any) -> Generator[Instruction, Any, _Opened]:
    checkpoint = start.saved.checkpoint
    _follow(run, checkpoint, start.saved.writes)
    now, by = run.world.now(), run.settings.by
    writes = [PendingWrite("run", now, by=by, pid=run.world.pid)]
    for id, value in start.answers.items():
        encoded = run.encode(value, f"the answer to {id}")
        writes.append(PendingWrite("answer", now, value=encoded, id=id, by=by))
        run.questions.answer(id, encoded)
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
        left = GraphInterrupt(q.interrupt for q in run.asked.values())
        run.emit(NodeInterrupted(name=run.program.name, surfaced=left.interrupts))
        return (yield from _unfinished(run, left))
    if end is not None:
        yield from _put(run, evolve(end, at=run.world.now()))
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
    return evolve(
        start,
        seq=start.seq + 1,
        kind="end",
        step=start.step + 1,
        at=run.world.now(),
        parent=start.seq,
        previous=None,
        questions=run.questions.count,
        input=None,
        value=value,
        save=save,
        origin=None,
    )


def _unfinished(run: Run, error: BaseException) -> Generator[Instruction, Any, RunEnded]:
    questions = run.open_questions()
    if isinstance(error, GraphInterrupt):
        yield from _save_questions(run)
        surfaced = error.interrupts
        ended = RunEnded(status="waiting", surfaced=surfaced, questions=questions)
    elif isinstance(error, RunCancelled):
        write = PendingWrite("cancelled", run.world.now(), by=str(error))
        yield from run.commit(write, None, barrier=True)
        ended = RunEnded(status="stopped", questions=questions)
    else:
        frame = Frame(run, run.program.name, (), None)
        yield from run.commit(_error(run, frame, error, None), None, barrier=True)
        ended = RunEnded(status="failed", error=error, questions=questions)
    run.emit(ended)
    return ended
