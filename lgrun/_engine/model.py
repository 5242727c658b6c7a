"""The values that the engine's rooms hand to each other."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from lgrun.checkpoint.base import Path
from lgrun.types import RetryPolicy, TimeoutPolicy


@dataclass(frozen=True, slots=True)
class Function:
    """A user's function, read once at decoration.

    Args:
        name: under which name its calls are recorded and streamed.
        call: the function.
        is_async: calling it gives a coroutine.
        inject: the parameters that the engine fills in (`previous`, `writer`, `config`, ...).
        retry: policies for a failed attempt; the first that matches decides.
        timeout: how long an attempt may take; async functions only.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    inject: frozenset[str] = frozenset()
    retry: Sequence[RetryPolicy] = ()
    timeout: TimeoutPolicy | None = None


@dataclass(frozen=True, slots=True)
class NodeCall:
    """One piece of a workflow that a program wants run: the body of an entrypoint, a node of a graph."""

    function: Function
    input: Any
    path: Path
    previous: Any = None


class Returned(NamedTuple):
    """User code returned `value`."""

    value: Any


class Raised(NamedTuple):
    """User code raised `error`."""

    error: BaseException


Outcome: TypeAlias = Returned | Raised


class RunCancelled(BaseException):
    """Unwinds the workflow's code when its run is to stop."""


# What a flow asks its driver to do. A flow is a generator that yields these and is sent what came of them.


class Execute(NamedTuple):
    """Run user code in its frame; answered with an Outcome."""

    frame: Any
    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


class Sleep(NamedTuple):
    """Wait `seconds` before another attempt."""

    seconds: float


class Flush(NamedTuple):
    """Make the journal durable up to `ticket`; `barrier` waits for the disk whatever the durability."""

    ticket: int
    barrier: bool = False


class Io(NamedTuple):
    """Call `action`, which may wait for a device; answered with its result."""

    action: Callable[[], Any]


class Settle(NamedTuple):
    """Wait until every call below `path` is over; `cancel` stops those that can be stopped."""

    cancel: bool = False
    path: Path = ()


def below(path: Path, other: Path) -> bool:
    """Tell whether the call at `path` was made somewhere below the call at `other`."""
    return len(path) > len(other) and path[: len(other)] == other


Instruction: TypeAlias = Execute | Sleep | Flush | Io | Settle
