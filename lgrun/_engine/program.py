"""What a workflow *is*, as a pure state machine that a driver steps through.

    state = program.begin(input, previous)
    while calls := program.next_calls(state):
        state = program.apply(state, results of running them all)
    program.output(state)

Rule 1: a program decides what runs next and what the results mean; it never runs anything.
Rule 2: a program is told results only when every call of the step has returned; a step that stops with a question or
an error is not applied, and its calls are made again when the run is taken up.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from lgrun._engine.model import Function, NodeCall


class Output(NamedTuple):
    """What the caller gets, and what the next run of the thread gets as `previous`."""

    value: Any
    save: Any


class Program(Protocol):
    """A workflow, seen by the drivers."""

    @property
    def name(self) -> str:
        """What the workflow is called."""

    def begin(self, input: Any, previous: Any) -> Any:
        """Return the state before the first step."""

    def next_calls(self, state: Any) -> Sequence[NodeCall]:
        """Return what runs in the next step; nothing when the workflow is complete."""

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


@dataclass(frozen=True, slots=True)
class _Body:
    input: Any
    previous: Any
    results: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class FunctionProgram:
    """A functional workflow: one step with one call, the entrypoint's body."""

    name: str
    function: Function

    def begin(self, input: Any, previous: Any) -> _Body:
        return _Body(input, previous)

    def next_calls(self, state: _Body) -> Sequence[NodeCall]:
        if state.results:
            return ()
        return (NodeCall(self.function, state.input, (), state.previous),)

    def apply(self, state: _Body, results: Sequence[Any]) -> _Body:
        return replace(state, results=tuple(results))

    def output(self, state: _Body) -> Output:
        returned = state.results[0]
        if isinstance(returned, Final):
            return Output(returned.value, returned.save)
        return Output(returned, returned)
