"""The order of things in a run, written once for threads and asyncio.

A flow is a generator. It yields what must be done (run user code, sleep, write) and is sent what came of it; the
drivers in `sync` and `aio` do as they are told and decide nothing.
"""

from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Any, TypeAlias

from lgrun._engine import ids
from lgrun._engine.caching import Sought, kept, sought
from lgrun._engine.events import (
    TaskCached,
    TaskFailed,
    TaskFinished,
    TaskRetrying,
    TaskStarted,
)
from lgrun._engine.frame import Frame
from lgrun._engine.journal import Begun
from lgrun._engine.model import (
    Execute,
    Flush,
    Function,
    Instruction,
    Outcome,
    Raised,
    Returned,
    RunCancelled,
    Settle,
    Sleep,
)
from lgrun._engine.retry import next_delay
from lgrun._engine.run import Planned, Run
from lgrun.checkpoint.base import Encoded, PendingWrite
from lgrun.checkpoint.serde import encode
from lgrun.errors import (
    GraphInterrupt,
    NotSerializableError,
    ParentCommand,
    SwallowedInterruptError,
)
from lgrun.runtime import Runtime
from lgrun.types import RetryPolicy

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


def attempts(
    run: Run,
    frame: Frame,
    function: Function,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    policies: Sequence[RetryPolicy],
    task: bool,
    summary: str | None = None,
) -> Flow:
    """Run user code until it returns, asks, or fails for good. `task`: its retries are announced, with `summary`."""
    while True:
        if run.stopped is not None:
            return Raised(run.stopped)
        run.chat.began(frame, args, kwargs)
        outcome = _judge(frame, (yield Execute(frame, function, args, kwargs)))
        if isinstance(outcome, Returned):
            run.chat.returned(frame, outcome.value)
            return outcome
        if isinstance(outcome.error, (GraphInterrupt, ParentCommand)):
            return outcome
        error = outcome.error
        if isinstance(error, Exception):
            _add_note(error, f"During task with name {frame.name!r} and id {frame.id!r}")
        try:
            delay = None if run.stopped else next_delay(policies, frame.attempt, error, run.world.uniform)
        except Exception as refusal:
            # Of a `retry_on`; shown with what it was asked about.
            if refusal is not error:
                refusal.__context__ = error
            return Raised(refusal)
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
                    args=summary,
                    ns=frame.ns,
                )
            )
        # A call that the failed attempt left running must be known before another attempt makes it again.
        yield Settle(path=frame.path)
        yield Sleep(delay)
        frame.attempt += 1
        if isinstance(kwargs.get("runtime"), Runtime):
            kwargs = {**kwargs, "runtime": frame.runtime}
        if frame.used_anything:
            run.rewind(frame.path)


def _add_note(error: Exception, note: str) -> None:
    try:
        error.add_note(note)
    except Exception:
        # An exception class may refuse new attributes, as a frozen dataclass does; the error itself matters more.
        return


# --- tasks ------------------------------------------------------------------------------------------------------------


def task_flow(run: Run, planned: Planned) -> Flow:
    """Run a task call and save what came of it."""
    frame, function, args, kwargs, _, summary, given = planned
    world = run.world
    began = world.timer()
    note_start(run, planned)
    policies = function.retry or run.settings.retry
    known = None
    if run.caches:
        known = yield from sought(run, frame, function, args, given, inherit=True)
        if isinstance(known, Sought) and known.found:
            return (yield from _from_cache(run, planned, known.value))
    if run.heard:
        run.emit(
            TaskStarted(
                id=frame.id,
                parent=ids.task_id(run.seed, frame.path[:-1]),
                name=frame.name,
                depth=len(frame.path),
                args=summary,
                input=(args, given),
                attempt=1,
                ns=frame.ns,
            )
        )
    outcome: Outcome
    if isinstance(known, Raised):
        outcome = known
    else:
        outcome = yield from attempts(run, frame, function, args, kwargs, policies, True, summary)
    if isinstance(outcome, Returned):
        try:
            encoded, value = run.hand_on(outcome.value, f"the result of task {frame.name!r}")
            refusal = None if known is None else (yield from kept(run, frame, known, value))
        except NotSerializableError as error:
            refusal = Raised(error)
        if refusal is None:
            ms = (world.timer() - began) * 1000
            event = _finished(planned, value, ms) if run.heard else None
            yield from run.commit(result_record(run, planned, encoded, ms), event)
            return Returned(value)
        outcome = refusal
    yield from _failed(run, planned, outcome.error, (world.timer() - began) * 1000)
    return outcome


def _from_cache(run: Run, planned: Planned, found: Any) -> Flow:
    """Take a result that the cache has."""
    frame = planned.frame
    encoded, value = run.hand_on(found, f"the cached result of task {frame.name!r}")
    event = TaskCached(
        id=frame.id,
        parent=ids.task_id(run.seed, frame.path[:-1]),
        name=frame.name,
        depth=len(frame.path),
        args=planned.summary,
        input=(planned.args, planned.given),
        value=value,
        replayed=False,
        ns=frame.ns,
    )
    yield from run.commit(result_record(run, planned, encoded, 0.0)._replace(cached=True), event)
    return Returned(value)


def note_start(run: Run, planned: Planned, *, nested: bool = False) -> None:
    """Record that a call began: what was in flight when a process died, and under which path the call is known."""
    if run.journal is not None:
        # A result says all that this does: but not what run it is, nor which call, without a digest.
        plain = not nested and planned.digest is not None
        run.journal.note(
            Begun(planned.frame.path, plain, partial(_start_record, run, planned, run.world.clock(), nested))
        )


def _start_record(run: Run, planned: Planned, at: float, nested: bool) -> PendingWrite:
    world, frame = run.world, planned.frame
    ns = "|".join(frame.ns) if nested else None
    return PendingWrite(
        "start",
        world.written(at),
        frame.path,
        frame.name,
        planned.digest,
        planned.summary,
        attempt=1,
        pid=world.pid,
        ns=ns,
    )


def _finished(planned: Planned, value: Any, ms: float) -> TaskFinished:
    frame = planned.frame
    return TaskFinished(
        id=frame.id,
        name=frame.name,
        depth=len(frame.path),
        value=value,
        ms=ms,
        attempt=frame.attempt,
        args=planned.summary,
        ns=frame.ns,
    )


def result_record(run: Run, planned: Planned, encoded: Encoded | None, ms: float) -> PendingWrite:
    """Return the record of a call that returned."""
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


def _failed(run: Run, planned: Planned, error: BaseException, ms: float) -> Generator[Instruction, Any, None]:
    """Record why a task did not return: a question waits for the disk, an error is history."""
    frame = planned.frame
    if isinstance(error, (GraphInterrupt, RunCancelled)):
        yield from save_questions(run)
        return
    event = TaskFailed(
        id=frame.id,
        name=frame.name,
        depth=len(frame.path),
        error=error,
        ms=ms,
        attempt=frame.attempt,
        args=planned.summary,
        ns=frame.ns,
    )
    yield from run.commit(error_record(run, frame, error, ms), event)


def error_record(run: Run, frame: Frame, error: BaseException, ms: float | None) -> PendingWrite:
    """Return the record of code that raised."""
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
    except BaseException:
        return "(its message cannot be shown)"


def save_questions(run: Run) -> Generator[Instruction, Any, None]:
    """Have the questions that were asked on the disk."""
    if run.journal is not None:
        yield Flush(run.journal.add(), barrier=True)
