"""What happens during a run, as values. Execution emits them; streams, reporters and tests read them.

Every event has a `type`, the name under which machine output shows it. `ns` is the chain of nested runs the event
comes from, outermost first; () is the run itself.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from lgrun.types import Interrupt

Namespace: TypeAlias = tuple[str, ...]

Around: TypeAlias = Mapping[Namespace, Namespace]
"""Of each nested run, the run whose code started it: its namespace alone does not say which that is."""


def outward(around: Around, ns: Namespace) -> Iterator[Namespace]:
    """Yield the run at `ns`, then those around it, outermost last."""
    yield ns
    while ns:
        ns = around[ns]
        yield ns


def nearest(known: Mapping[Namespace, Any], around: Around, ns: Namespace) -> Any:
    """Return what is known of the run at `ns`, else of the nearest around it, else None."""
    return next((known[at] for at in outward(around, ns) if at in known), None)


Outputs: TypeAlias = str | Sequence[str]
"""Which of a workflow's channels streams show: one, or several as a dict."""

Kind: TypeAlias = Literal["token", "whole", "given"]
"""Why a message is told of: a piece of one, or one that must be shown; one that is shown unless it was before; one that
code was given, which is not new when it comes again."""


class RunStarted(NamedTuple):
    """The run has claimed its thread; `continued` when it takes up an unfinished one."""

    thread: str
    name: str
    continued: bool
    ns: Namespace = ()
    type: str = "run.start"


class TaskStarted(NamedTuple):
    """A task begins. `args` is a summary for people; `input` the arguments themselves; `parent` the caller's id."""

    id: str
    parent: str
    name: str
    depth: int
    args: str | None
    input: Any
    attempt: int
    ns: Namespace = ()
    type: str = "task.start"


class TaskCached(NamedTuple):
    """A task was not run: its result was `replayed` from the journal, or found in the task cache."""

    id: str
    parent: str
    name: str
    depth: int
    args: str | None
    input: Any
    value: Any
    replayed: bool
    ns: Namespace = ()
    type: str = "task.saved"


class TaskRetrying(NamedTuple):
    """An attempt failed; another one follows after `delay` seconds."""

    id: str
    name: str
    depth: int
    attempt: int
    error: BaseException
    delay: float
    args: str | None = None
    ns: Namespace = ()
    type: str = "task.retry"


class TaskFinished(NamedTuple):
    """A task returned, and its result is saved. `ms` is the time of all attempts, in milliseconds."""

    id: str
    name: str
    depth: int
    value: Any
    ms: float
    attempt: int
    args: str | None = None
    ns: Namespace = ()
    type: str = "task.end"


class TaskFailed(NamedTuple):
    """A task raised, and will not be tried again in this run."""

    id: str
    name: str
    depth: int
    error: BaseException
    ms: float
    attempt: int
    args: str | None = None
    ns: Namespace = ()
    type: str = "task.error"


class QuestionAsked(NamedTuple):
    """A question is open and saved. `q` is its number within the thread; `name` the task or workflow that asked."""

    q: int
    name: str
    interrupt: Interrupt
    ns: Namespace = ()
    type: str = "question"


class CustomData(NamedTuple):
    """The workflow wrote to its stream writer; `within` is the chain of steps and tasks around the writing code."""

    data: Any
    within: Namespace = ()
    ns: Namespace = ()
    type: str = "custom"


class MessageStreamed(NamedTuple):
    """A chat model made a token, or code returned a message or pushed one.

    `id` and `name` are those of the task or step; `metadata` is what mode `messages` shows beside the message.
    """

    id: str
    name: str
    message: Any
    metadata: Mapping[str, Any]
    kind: Kind
    ns: Namespace = ()
    type: str = "token"


class NodeStarted(NamedTuple):
    """A workflow's own step begins: the entrypoint of a functional workflow, a node of a graph after `step` others.

    `known`: what it came to is known, so that it is not run; a NodeCached has said what.
    """

    id: str
    name: str
    input: Any
    triggers: tuple[str, ...] = ("__start__",)
    metadata: Mapping[str, Any] | None = None
    step: int | None = None
    known: bool = False
    ns: Namespace = ()
    type: str = "node.start"


class NodeFinished(NamedTuple):
    """A workflow's own step returned, and wrote these values to these channels."""

    id: str
    name: str
    writes: Sequence[Sequence[Any]]
    outputs: Outputs
    ms: float | None = None
    ns: Namespace = ()
    type: str = "node.end"


class NodeCached(NamedTuple):
    """A workflow's own step was not run: what it wrote is known from an earlier attempt at this step, or cached."""

    id: str
    name: str
    triggers: tuple[str, ...]
    writes: Sequence[Sequence[Any]]
    outputs: Outputs
    ns: Namespace = ()
    type: str = "node.saved"


class NodeInterrupted(NamedTuple):
    """A workflow's own step stopped with questions: those that its caller is told of. None: it was told to stop.

    `held` are the workflow's channels as they were before the step.
    """

    id: str
    name: str
    surfaced: tuple[Interrupt, ...]
    held: Mapping[str, Any]
    outputs: Outputs
    ns: Namespace = ()
    type: str = "node.interrupt"


class NodeFailed(NamedTuple):
    """A workflow's own step raised."""

    id: str
    name: str
    error: BaseException
    ns: Namespace = ()
    type: str = "node.error"


class ValuesChanged(NamedTuple):
    """The workflow's channels, at the start of a continued run and after each step that changed them.

    `changed` are those that were written, None for all.
    """

    channels: Mapping[str, Any]
    outputs: Outputs
    changed: frozenset[str] | None = None
    ns: Namespace = ()
    type: str = "values"


class CheckpointReached(NamedTuple):
    """The run stands at a checkpoint that is on the disk: one it saved, or the one it goes on from.

    Args:
        thread: the thread's id.
        id: of the checkpoint.
        parent: id of the one it follows, or None.
        map: ids of the checkpoints of the runs around it, by their namespaces; for nested runs only.
        metadata: source, step and the user's own.
        channels: the workflow's channels there.
        next: what runs next.
        tasks: what is known of `next`, as stream mode `checkpoints` shows it.
    """

    thread: str
    id: str
    parent: str | None
    map: dict[str, str] | None
    metadata: dict[str, Any]
    channels: Mapping[str, Any]
    outputs: Outputs
    next: tuple[str, ...]
    tasks: tuple[dict[str, Any], ...]
    ns: Namespace = ()
    type: str = "checkpoint"


class ReplayMismatch(NamedTuple):
    """The workflow made another call than the one recorded.

    `recorded` and `now` describe both for people; `where` is `file:line` of the call, empty if none is made any more;
    `used` tells whether the recorded result was handed on all the same.
    """

    name: str
    recorded: str
    now: str
    where: str
    used: bool
    ns: Namespace = ()
    type: str = "warn"


class RunEnded(NamedTuple):
    """The last event of a run.

    Args:
        status: how the thread stands now.
        value: what the workflow returned (`done`), or the thread's value before it (`waiting`).
        error: what it raised (`failed`).
        surfaced: the questions that `invoke` reports: the one that stopped the body.
        questions: all open ones, in order, with their numbers.
        checkpoint: id of the checkpoint that holds the value (`done`), None without a saver. Once the thread is free,
            its latest one may be another run's.
    """

    status: Literal["done", "waiting", "failed", "stopped"]
    value: Any = None
    error: BaseException | None = None
    surfaced: tuple[Interrupt, ...] = ()
    questions: tuple[QuestionAsked, ...] = ()
    checkpoint: str | None = None
    ns: Namespace = ()
    type: str = "run.end"


Event: TypeAlias = (
    RunStarted
    | TaskStarted
    | TaskCached
    | TaskRetrying
    | TaskFinished
    | TaskFailed
    | QuestionAsked
    | CustomData
    | MessageStreamed
    | NodeStarted
    | NodeFinished
    | NodeCached
    | NodeInterrupted
    | NodeFailed
    | ValuesChanged
    | CheckpointReached
    | ReplayMismatch
    | RunEnded
)
