"""The values that the engine's rooms hand to each other."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeAlias, TypedDict

from lgrun.checkpoint.base import Path
from lgrun.types import CachePolicy, RetryPolicy, TimeoutPolicy


class Function(NamedTuple):
    """A user's function, read once at decoration.

    Args:
        name: under which name its calls are recorded and streamed.
        call: the function.
        is_async: calling it gives a coroutine.
        inject: the parameters that the engine fills in (`previous`, `writer`, `config`, ...).
        retry: policies for a failed attempt; the first that matches decides.
        timeout: how long an attempt may take; async functions only.
        cache: which calls are the same, so that the workflow's cache may answer them.
        metadata: of a node, for its configuration and streams.
        keeps: called inside another workflow, it remembers what it held after the call before.
        origin: the user's own function, where `call` is more than that.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    inject: frozenset[str] = frozenset()
    retry: Sequence[RetryPolicy] = ()
    timeout: TimeoutPolicy | None = None
    cache: CachePolicy | None = None
    metadata: Mapping[str, Any] | None = None
    keeps: bool = False
    origin: Callable[..., Any] | None = None


class NodeCall(NamedTuple):
    """One piece of a workflow that a program wants run: the body of an entrypoint, a node of a graph.

    Args:
        function: what to run.
        args: what it is given.
        input: the same as streams show it.
        path: where in the program it is.
        previous: what its parameter `previous` gets.
        triggers: why it runs, for streams.
        origin: how snapshots say where it comes from.
        recorded: it returns a NodeResult, which is journaled as its own; otherwise the checkpoint that follows holds
            what it returned.
        hidden: streams do not show it.
        handler: runs in its place once it has failed for good.
        rank: the order in which snapshots list the calls of a step.
        nests: it runs another workflow, as far as can be seen from outside.
    """

    function: Function
    args: tuple[Any, ...]
    input: Any
    path: Path
    previous: Any = None
    triggers: tuple[str, ...] = ("__start__",)
    origin: tuple[Any, ...] = ()
    recorded: bool = False
    hidden: bool = False
    handler: Function | None = None
    rank: int = 0
    nests: bool = False


class NodeResult(TypedDict, total=False):
    """What a node of a graph came to, in a form that is plain to read in a journal.

    Args:
        update: what it wrote, as [key, value] pairs.
        goto: where it leads beside its edges: names and Sends.
        handled: it failed, and this is what its error handler returned.
    """

    update: list[list[Any]]
    goto: list[Any]
    handled: bool


class Returned(NamedTuple):
    """User code returned `value`."""

    value: Any


class Raised(NamedTuple):
    """User code raised `error`."""

    error: BaseException


Outcome: TypeAlias = Returned | Raised


class RunCancelled(BaseException):
    """Unwinds the workflow's code when its run is to stop."""


class StreamReader(Protocol):
    """Whoever reads the stream of a run.

    Attributes:
        paced: no step is made before it has read all of the one before and asks for more.
        left: it reads no more.
    """

    paced: bool
    left: bool

    def hand_over(self, hold: bool) -> Any:
        """Wait as `HandOver` says; a coroutine for runs on an event loop."""


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
    """Make the journal durable up to `ticket`.

    Args:
        ticket: up to where.
        barrier: wait for the disk whatever the durability.
        last: no code is run behind it: the flow comes to its end, so that any thread may go on with it.
    """

    ticket: int
    barrier: bool = False
    last: bool = False


class Io(NamedTuple):
    """Call `action`, which may wait for a device; answered with its result."""

    action: Callable[[], Any]


class HandOver(NamedTuple):
    """Wait until a reader has taken all that has come for it and asks for more.

    Args:
        reader: the reader.
        hold: what comes until the next time is for then; else it may take it at once.
    """

    reader: StreamReader
    hold: bool


class Together(NamedTuple):
    """Step through several flows at the same time; answered with their outcomes, in order.

    Args:
        flows: those of the calls of one step.
        paths: of these calls.
    """

    flows: Sequence[Any]
    paths: Sequence[Path]


class Settle(NamedTuple):
    """Wait until every call below `path` is over; `cancel` stops those that can be stopped."""

    cancel: bool = False
    path: Path = ()


def below(path: Path, other: Path) -> bool:
    """Tell whether the call at `path` was made somewhere below the call at `other`."""
    return len(path) > len(other) and path[: len(other)] == other


Instruction: TypeAlias = Execute | Sleep | Flush | Io | HandOver | Together | Settle
