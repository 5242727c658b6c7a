"""The steps of a program: its calls side by side, and what a step comes to. Flows, as in `flow`."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any

from lgrun._engine.caching import Sought, kept, sought
from lgrun._engine.events import Namespace, NodeCached, NodeFailed, NodeFinished, NodeInterrupted, NodeStarted
from lgrun._engine.flow import Flow, attempts, error_record, save_questions
from lgrun._engine.frame import Frame
from lgrun._engine.model import (
    HandOver,
    Instruction,
    NodeCall,
    NodeResult,
    Outcome,
    Raised,
    Returned,
    RunCancelled,
    StreamReader,
    Together,
)
from lgrun._engine.program import Names, Pauses, Program
from lgrun._engine.run import Run
from lgrun.checkpoint.base import Path, PendingWrite
from lgrun.constants import END, PREVIOUS
from lgrun.errors import GraphInterrupt, GraphRecursionError, NodeError, NotSerializableError, ParentCommand
from lgrun.types import Interrupt

DEFAULT_RECURSION_LIMIT = 10007
"""How many steps a graph may make in one run unless its configuration says otherwise; LangGraph's figure."""

HANDLER = (-1, 0)
"""Where below a node its error handler is: no code's strand is negative."""


class Course:
    """What is done around the steps of a program.

    Args:
        run: the run.
        program: whose steps they are.
        pauses: where to stop.
        tried: the first step has been tried before.
        outer: the frame that called the program, None for the run's own.
        path: where it was called.
        ns: the chain of nested runs it belongs to.
        reader: who reads the program's stream, if that is somebody of its own.
    """

    def __init__(
        self,
        run: Run,
        program: Program,
        pauses: Pauses,
        *,
        tried: bool,
        outer: Frame | None = None,
        path: Path = (),
        ns: Namespace = (),
        reader: StreamReader | None = None,
    ) -> None:
        self.run = run
        self.program = program
        self.outer = outer
        self.path = path
        self.ns = ns
        self.reader = reader
        self.outputs = run.outputs.get(ns, program.streamed)
        self.cached = False
        self._pauses = pauses
        self._tried = tried
        self._done = 0

    def before(self, state: Any, calls: Sequence[NodeCall], live: bool) -> BaseException | None:
        """Return why a step must not be made, if that is so; unless it is `live`, all its results are known."""
        tried, self._tried = self._tried, False
        return None if tried else self._pause(calls, self._pauses.before)

    def after(
        self, state: Any, calls: Sequence[NodeCall], results: Sequence[Any]
    ) -> Generator[Instruction, Any, BaseException | None]:
        """Take note of a step that is made; return why no other must follow, if that is so."""
        raise NotImplementedError

    def interrupted(
        self, id: str, name: str, surfaced: Sequence[Interrupt], held: Mapping[str, Any]
    ) -> NodeInterrupted:
        """Say that a step stopped with questions, or without any because it was told to."""
        asked = tuple(surfaced)
        return NodeInterrupted(id=id, name=name, surfaced=asked, held=held, outputs=self.outputs, ns=self.ns)

    def go_on(self, calls: Sequence[NodeCall]) -> BaseException | None:
        """Return why no step must follow these calls, if that is so."""
        return self._check_limit(calls) or self._pause(calls, self._pauses.after)

    def _pause(self, calls: Sequence[NodeCall], names: Names) -> BaseException | None:
        if not names:
            return None
        named = any(not call.hidden and (names == "*" or call.function.name in names) for call in calls)
        return GraphInterrupt(()) if named else None

    def _check_limit(self, calls: Sequence[NodeCall]) -> BaseException | None:
        self._done += not calls[0].hidden
        limit = self.run.config_at(self.ns).get("recursion_limit", DEFAULT_RECURSION_LIMIT)
        if self.program.stepwise and self._done >= limit:
            return GraphRecursionError(
                f"Recursion limit of {limit} reached without hitting a stop condition. You can increase the limit by "
                "setting the `recursion_limit` config key."
            )
        return None


def steps(course: Course, state: Any) -> Flow:
    """Step through a program from a state to its end."""
    run, program = course.run, course.program
    while True:
        try:
            calls = program.next_calls(state, inputs=True)
        except Exception as error:
            return Raised(error)
        if not calls:
            return Returned(program.output(state))
        outcome = yield from _step(course, state, calls)
        if isinstance(outcome, Raised):
            return outcome
        try:
            state = program.apply(state, outcome.value)
        except Exception as error:
            return Raised(error)
        stop = yield from course.after(state, calls, outcome.value)
        if stop is not None:
            return Raised(stop)
        if run.stopped is not None:
            return Raised(run.stopped)


def _step(course: Course, state: Any, calls: Sequence[NodeCall]) -> Flow:
    """Run the calls of a step; ends with the list of what they returned."""
    run = course.run
    held = course.program.channels(state) or (run.held if course.outer is None else {})
    frames = [Frame(run, call.function.name, course.path + call.path, course.outer, course.ns, call) for call in calls]
    results = [
        run.known_node(frame.path, call) if call.recorded else None for frame, call in zip(frames, calls, strict=True)
    ]
    live = [number for number, result in enumerate(results) if result is None]
    stop = course.before(state, calls, bool(live))
    if stop is not None:
        return Raised(stop)
    if run.heard and (live or course.outer is None):
        _announce(course, calls, frames, results)
    reader = course.reader
    if reader is not None and live:
        # Of a function that only writes to its stream, nothing has been told before it runs.
        if reader.paced and (run.heard or course.program.stepwise):
            # What a node alone does is shown when its step is over, as in LangGraph.
            yield HandOver(reader, hold=len(live) == 1 and course.program.stepwise)
        if reader.left and course.program.stepwise:
            return Raised(RunCancelled("the reader of its stream, who left"))
    flows = [_node(course, frames[number], calls[number], held) for number in live]
    outcomes: Sequence[Outcome]
    if len(flows) == 1:
        outcomes = [(yield from flows[0])]
    else:
        outcomes = (yield Together(flows, [frames[number].path for number in live])) if flows else []
    stop = _stopped_by(outcomes)
    if stop is not None:
        return Raised(stop)
    for number, outcome in zip(live, outcomes, strict=True):
        assert isinstance(outcome, Returned)
        results[number] = outcome.value
    return Returned(results)


def wrote(calls: Sequence[NodeCall], results: Sequence[Any]) -> frozenset[str] | None:
    """Return the channels that a step wrote; None for all. An input without any counts as all."""
    if not calls[0].recorded:
        return frozenset((END, PREVIOUS))
    keys = frozenset(key for result in results for key, _ in result.get("update", ()))
    return None if calls[0].hidden and not keys else keys


def _announce(course: Course, calls: Sequence[NodeCall], frames: Sequence[Frame], results: Sequence[Any]) -> None:
    run = course.run
    visible = [each for each in zip(calls, frames, results, strict=True) if not each[0].hidden]
    for call, frame, result in visible:
        if result is not None:
            run.emit(_node_cached(course, frame, call, result))
    for call, frame, result in visible:
        about = {"id": frame.id, "name": frame.name, "input": call.input, "triggers": call.triggers, "ns": course.ns}
        step = call.path[0][0] - 1 if call.recorded and run.saver is None else None
        run.emit(NodeStarted(**about, metadata=call.function.metadata, step=step, known=result is not None))


def _node_cached(course: Course, frame: Frame, call: NodeCall, result: Any) -> NodeCached:
    known = result.get("update", ()) if call.recorded else _as_writes(course.program, result)
    return NodeCached(
        id=frame.id,
        name=frame.name,
        triggers=call.triggers,
        writes=known,
        outputs=course.outputs,
        ns=course.ns,
    )


def _as_writes(program: Program, returned: Any) -> Sequence[Sequence[Any]]:
    """Return the channels that a functional workflow's result writes."""
    state = program.apply(program.begin(None, None), [returned])
    return tuple(program.channels(state).items())


def _stopped_by(outcomes: Sequence[Outcome]) -> BaseException | None:
    """Return what stops a step: an error first, else all its questions together."""
    errors = [outcome.error for outcome in outcomes if isinstance(outcome, Raised)]
    if not errors:
        return None
    for error in errors:
        if not isinstance(error, (GraphInterrupt, RunCancelled)):
            return error
    asked = [error for error in errors if isinstance(error, GraphInterrupt)]
    if len(asked) < len(errors):
        return errors[0]
    return asked[0] if len(asked) == 1 else GraphInterrupt([each for error in asked for each in error.interrupts])


def _node(course: Course, frame: Frame, call: NodeCall, held: Mapping[str, Any]) -> Flow:
    run, function = course.run, call.function
    began = run.world.timer()
    kwargs = frame.offered(function.inject)
    if "previous" in kwargs:
        kwargs["previous"] = call.previous
    known = None
    if run.caches:
        known = yield from sought(run, frame, function, (call.input,), {}, inherit=False)
        if isinstance(known, Sought) and known.found:
            return (yield from _from_cache(course, frame, call, known.value))
    outcome: Outcome
    if isinstance(known, Raised):
        outcome = known
    else:
        outcome = yield from attempts(run, frame, function, call.args, kwargs, function.retry, False)
    if isinstance(outcome, Returned):
        outcome = (yield from kept(run, frame, known, outcome.value)) or outcome
    handler = call.handler
    if handler is not None and isinstance(outcome, Raised) and isinstance(outcome.error, Exception):
        yield from _node_stopped(course, frame, call, outcome.error, held)
        args = (*call.args, NodeError(frame.name, outcome.error))
        frame = Frame(run, handler.name, (*frame.path, HANDLER), frame.parent, frame.ns)
        outcome = yield from attempts(run, frame, handler, args, frame.offered(handler.inject), (), False)
    if isinstance(outcome, Returned):
        run.check_unreached(frame)
        if call.recorded:
            outcome = yield from _record(course, frame, call, outcome.value, (run.world.timer() - began) * 1000)
    if isinstance(outcome, Raised):
        yield from _node_stopped(course, frame, call, outcome.error, held)
    return outcome


def _from_cache(course: Course, frame: Frame, call: NodeCall, found: Any) -> Flow:
    """Take what the cache has of a step."""
    run = course.run
    if call.recorded:
        encoded, found = run.hand_on(found, f"the cached result of node {frame.name!r}")
        now, path = run.world.now(), course.path + call.path
        write = PendingWrite("result", now, path, frame.name, ms=0.0, cached=True, value=encoded)
        yield from run.commit(write, None)
    course.cached = True
    run.emit(_node_cached(course, frame, call, found))
    return Returned(found)


def _record(course: Course, frame: Frame, call: NodeCall, result: NodeResult, ms: float) -> Flow:
    """Save what a node of a graph came to."""
    run, path = course.run, course.path + call.path
    try:
        encoded, value = run.hand_on(result, f"what node {frame.name!r} returned")
    except NotSerializableError as error:
        return Raised(error)
    event = None
    if run.heard and not call.hidden:
        writes, outputs = value.get("update", ()), course.outputs
        event = NodeFinished(id=frame.id, name=frame.name, writes=writes, outputs=outputs, ms=ms, ns=frame.ns)
    now, took = run.world.now(), round(ms, 3)
    write = PendingWrite("result", now, path, frame.name, ms=took, attempt=frame.attempt, value=encoded)
    yield from run.commit(write, event)
    return Returned(value)


def _node_stopped(
    course: Course, frame: Frame, call: NodeCall, error: BaseException, held: Mapping[str, Any]
) -> Generator[Instruction, Any, None]:
    run = course.run
    if isinstance(error, GraphInterrupt):
        yield from save_questions(run)
        if error.interrupts:
            run.emit(course.interrupted(frame.id, frame.name, error.interrupts, held))
    elif not isinstance(error, (RunCancelled, ParentCommand)) and error is not run.stopped:
        # A disk that refused what a task in it returned would refuse this, too, and the caller be told of this.
        if call.recorded or course.outer is not None:
            yield from run.commit(error_record(run, frame, error, None), None)
        run.emit(NodeFailed(id=frame.id, name=frame.name, error=error, ns=frame.ns))
