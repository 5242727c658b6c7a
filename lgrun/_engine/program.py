"""What a workflow *is*, as a pure state machine that a driver steps through.

    state = program.begin(input, previous)
    while calls := program.next_calls(state):
        state = program.apply(state, results of running them all)
    program.output(state)

Rule 1: a program decides what runs next and what the results mean; it never runs anything.
Rule 2: a program is told results only when every call of the step has returned; a step that stops with a question or
an error is not applied (but to show what it has come to so far), and its other calls are made again when the run is
taken up.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeAlias, TypeVar

from lgrun._engine.model import Function, NodeCall, NodeResult
from lgrun.constants import END, PREVIOUS
from lgrun.errors import InvalidUpdateError
from lgrun.types import Command, StateUpdate


class Output(NamedTuple):
    """What the caller gets, and what the next run of the thread gets as `previous`."""

    value: Any
    save: Any


Names: TypeAlias = Literal["*"] | Sequence[str]
"""Names of steps; `"*"` for all."""


class Pauses(NamedTuple):
    """Steps before and after which a run stops."""

    before: Names = ()
    after: Names = ()


NO_PAUSES = Pauses()


class Kept(NamedTuple):
    """What the checkpoint after a step holds.

    Args:
        value: what snapshots show.
        save: what the next run goes on from, if that is not `value` itself.
        frontier: what runs next, for programs of several steps.
        next: the names of what runs next.
        plain: the frontier has nothing of the user's in it, and need not be checked before it is saved.
    """

    value: Any
    save: Any
    frontier: Any = None
    next: tuple[str, ...] = ()
    plain: bool = False


class Program(Protocol):
    """A workflow, seen by the drivers.

    Attributes:
        name: what the workflow is called.
        outputs: the channel, or the channels, that `invoke` returns unless it is asked for others.
        streamed: the same of `stream`.
        channel_names: all channels, of which both can be asked for some.
        pauses: names of steps before and after which a run stops.
        stepwise: its steps are many: each has a checkpoint of its own and counts against the recursion limit.
    """

    @property
    def name(self) -> str: ...
    @property
    def outputs(self) -> str | Sequence[str]: ...
    @property
    def streamed(self) -> str | Sequence[str]: ...
    @property
    def channel_names(self) -> Sequence[str]: ...
    @property
    def pauses(self) -> "Pauses": ...
    @property
    def stepwise(self) -> bool: ...

    def begin(self, input: Any, memory: Any) -> Any:
        """Return the state before the first step; `memory` is what the thread held, None if it is new."""

    def thaw(self, kept: Kept) -> Any:
        """Return the state that a checkpoint holds."""

    def kept(self, state: Any) -> Kept:
        """Return what a checkpoint holds of a state."""

    def channels(self, state: Any) -> Mapping[str, Any]:
        """Return what streams can show of a state; nothing before a functional workflow has returned."""

    def check(self, updates: Sequence[StateUpdate]) -> None:
        """Refuse a step by hand that no step of the workflow could be.

        Raises:
            InvalidUpdateError: there is no such step.
        """

    def by_hand(self, state: Any, updates: Sequence[StateUpdate]) -> Kept:
        """Return what a checkpoint holds after a step made by hand in `state` (None: a new thread).

        Raises:
            InvalidUpdateError: the step could not have returned that.
        """

    def stood_for(self, state: Any, name: str, values: Any) -> NodeResult:
        """Return what a step would have come to in `state` by returning `values`; its conditional edges are asked.

        Raises:
            InvalidUpdateError: it could not have returned that.
        """

    def command(self, command: Command[Any]) -> NodeResult:
        """Return what a Command from outside writes and where it leads."""

    def told(self, state: Any, result: NodeResult) -> Any:
        """Return the state after such a Command."""

    def functions(self) -> Sequence[Function]:
        """Return the functions of all steps."""

    def find(self, name: str) -> "Program | None":
        """Return the workflow of that name which one of the steps runs, as far as can be seen from outside."""

    def next_calls(self, state: Any, *, inputs: bool = False) -> Sequence[NodeCall]:
        """Return what runs in the next step; nothing when the workflow is complete.

        Args:
            state: of the program.
            inputs: the calls are to be run; else nobody looks at what they are given, which user code may make.

        Raises:
            Exception: what user code raised.
        """

    def apply(self, state: Any, results: Sequence[Any]) -> Any:
        """Return the state after a step, given what its calls returned, in their order."""

    def output(self, state: Any) -> Output:
        """Return what a complete workflow returned."""


R = TypeVar("R")
S = TypeVar("S")


@dataclass(frozen=True, kw_only=True)
class Final(Generic[R, S]):
    """What a workflow returns to give one value to its caller and save another for the next run."""

    value: R
    save: S


class _Body(NamedTuple):
    input: Any
    previous: Any
    results: tuple[Any, ...] = ()


class FunctionProgram(NamedTuple):
    """A functional workflow: one step with one call, the entrypoint's body."""

    name: str
    function: Function
    outputs: str = END
    streamed: str = END
    channel_names: Sequence[str] = (END, PREVIOUS)
    pauses: Pauses = NO_PAUSES
    stepwise: bool = False

    def begin(self, input: Any, memory: Any) -> _Body:
        return _Body(input, memory)

    def thaw(self, kept: Kept) -> Any:
        return kept.save

    def kept(self, state: _Body) -> Kept:
        return Kept(*self.output(state))

    def check(self, updates: Sequence[StateUpdate]) -> None:
        if len(updates) > 1:
            raise InvalidUpdateError(f"{self.name!r} has one step, so a superstep takes one update")
        if updates[0].as_node not in (None, self.name):
            raise InvalidUpdateError(f"Node {updates[0].as_node} does not exist; {self.name!r} has one step, itself")

    def by_hand(self, state: Any, updates: Sequence[StateUpdate]) -> Kept:
        (update,) = updates
        return self.kept(_Body(None, None, (update.values,)))

    def stood_for(self, state: Any, name: str, values: Any) -> NodeResult:
        raise InvalidUpdateError(f"{self.name!r} is no graph: it has no nodes")

    def command(self, command: Command[Any]) -> NodeResult:
        return {}

    def told(self, state: Any, result: NodeResult) -> Any:
        return state

    def functions(self) -> Sequence[Function]:
        return (self.function,)

    def find(self, name: str) -> Program | None:
        return None

    def channels(self, state: _Body) -> Mapping[str, Any]:
        if not state.results:
            return {}
        output = self.output(state)
        return {END: output.value, PREVIOUS: output.save}

    def next_calls(self, state: _Body, *, inputs: bool = False) -> Sequence[NodeCall]:
        if state.results:
            return ()
        origin = ("__pregel_pull", self.name)
        return (NodeCall(self.function, (state.input,), state.input, (), state.previous, origin=origin),)

    def apply(self, state: _Body, results: Sequence[Any]) -> _Body:
        return state._replace(results=tuple(results))

    def output(self, state: _Body) -> Output:
        returned = state.results[0]
        if isinstance(returned, Final):
            return Output(returned.value, returned.save)
        return Output(returned, returned)
