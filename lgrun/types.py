"""Values that workflows and their callers exchange, and `interrupt()`.

Names and fields are those of LangGraph 1.2, so that programs written for it run unchanged.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, NamedTuple, TypeAlias, TypeVar

from lgrun._engine.context import require_frame
from lgrun.constants import INTERRUPT

if TYPE_CHECKING:
    from datetime import timedelta

__all__ = [
    "CachePolicy",
    "Command",
    "Durability",
    "GraphOutput",
    "Interrupt",
    "Overwrite",
    "PregelTask",
    "RetryPolicy",
    "Send",
    "StateSnapshot",
    "StateUpdate",
    "StreamMode",
    "StreamWriter",
    "TimeoutPolicy",
    "default_retry_on",
    "interrupt",
]

StreamMode: TypeAlias = Literal["values", "updates", "custom", "messages", "tasks", "checkpoints", "debug"]
"""What a stream yields: the state after each step; each step's result; what the workflow writes itself; tokens of chat
models; starts and ends of steps; checkpoints; or the last two with their step and time."""

Durability: TypeAlias = Literal["sync", "async", "exit"]
"""When results reach the disk: before the workflow goes on, soon after, or when the run stops."""

StreamWriter: TypeAlias = Callable[[Any], None]
"""Sends its argument to whoever streams the run with mode `custom`; drops it when nobody does."""


@dataclass(frozen=True, slots=True)
class Interrupt:
    """A question the workflow asked.

    Args:
        value: what was passed to `interrupt()`.
        id: 32 hex digits; the key for answering this very question with `Command(resume={id: answer})`.
        response_schema: JSON schema of the answer, or None.
    """

    value: Any
    id: str = ""
    response_schema: dict[str, Any] | None = None


if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # With a default, `Command` needs no type argument even where type checkers are strict.
    N = TypeVarWithDefault("N", bound=str, default=str)
else:
    N = TypeVar("N", bound=str)


@dataclass(frozen=True, slots=True, kw_only=True)
class Command(Generic[N]):
    """An instruction given to a run in place of an input.

    Args:
        resume: the answer to the one open question, or `{interrupt id: answer}` for any number of them.
        update: what to write to a graph's state: a dict, pairs, or an instance of its schema.
        goto: where a graph goes on, beside its edges: the name of a node, a Send, or several of both.
        graph: which graph is meant: None for this one, `Command.PARENT` for the one around it.
    """

    PARENT: ClassVar[Literal["__parent__"]] = "__parent__"

    graph: str | None = None
    update: Any = None
    resume: Any = None
    goto: Any = ()

    def __repr__(self) -> str:
        given = [(name, getattr(self, name)) for name in ("graph", "update", "resume", "goto")]
        return f"Command({', '.join(f'{name}={value!r}' for name, value in given if value)})"


@dataclass(frozen=True, slots=True)
class GraphOutput:
    """What `invoke(version="v2")` returns.

    Args:
        value: what the workflow returned; {} when it waits.
        interrupts: the questions it waits with.

    As in LangGraph, keys of the value, or fields of an instance, and the key `__interrupt__` can be asked for, too.
    """

    value: Any
    interrupts: tuple[Interrupt, ...] = ()

    def __getitem__(self, key: str) -> Any:
        """Return what the value has at a key.

        Raises:
            KeyError: it has nothing there.
        """
        if key == INTERRUPT:
            return self.interrupts
        if isinstance(self.value, dict):
            return self.value[key]
        try:
            return getattr(self.value, key)
        except AttributeError:
            raise KeyError(key) from None

    def __contains__(self, key: object) -> bool:
        """Tell whether the value has something at a key; at `__interrupt__` only if it waits."""
        if key == INTERRUPT:
            return bool(self.interrupts)
        return key in self.value if isinstance(self.value, dict) else isinstance(key, str) and hasattr(self.value, key)


@dataclass(frozen=True, slots=True)
class Send:
    """Run a node with an input of its own, beside whatever else runs in the next step.

    Args:
        node: its name.
        arg: what it is given instead of the graph's state.
    """

    node: str
    arg: Any


@dataclass(frozen=True, slots=True)
class Overwrite:
    """A value that replaces what a key holds, past its reducer.

    Args:
        value: what the key holds then.
    """

    value: Any
    type: Literal["__overwrite__"] = "__overwrite__"


class StateUpdate(NamedTuple):
    """One write of `bulk_update_state`: `values` as if the step `as_node` had returned them."""

    values: Any
    as_node: str | None = None
    task_id: str | None = None


class PregelTask(NamedTuple):
    """A step of a snapshot: the entrypoint of a functional workflow, a node of a graph.

    `error` is the repr of the exception; `result` is what the step returned; `state` is the configuration with
    which a nested run's state can be read.
    """

    id: str
    name: str
    path: tuple[Any, ...]
    error: str | None = None
    interrupts: tuple[Interrupt, ...] = ()
    state: Any = None
    result: Any = None


class StateSnapshot(NamedTuple):
    """A thread at one of its checkpoints.

    Args:
        values: what the last completed run returned.
        next: what would run next; empty when the run is complete.
        config: names this checkpoint; pass it to `get_state` or `invoke` to come back to it.
        metadata: `source`, `step`, `parents` and the user's own.
        created_at: ISO 8601 with offset; information only, never used for ordering.
        parent_config: names the checkpoint before this one, or None.
        tasks: the steps of `next`, with what is known of them.
        interrupts: the open questions.
    """

    values: Any
    next: tuple[str, ...]
    config: dict[str, Any]
    metadata: dict[str, Any] | None
    created_at: str | None
    parent_config: dict[str, Any] | None
    tasks: tuple[PregelTask, ...]
    interrupts: tuple[Interrupt, ...]


_NOT_RETRIED = (
    ValueError,
    TypeError,
    ArithmeticError,
    ImportError,
    LookupError,
    NameError,
    SyntaxError,
    RuntimeError,
    ReferenceError,
    StopIteration,
    StopAsyncIteration,
    OSError,
)


def default_retry_on(error: Exception) -> bool:
    """Tell whether an error is worth another attempt when a policy does not say which are.

    Connection errors and HTTP answers of 500 and above are; the caller's own mistakes (wrong values, wrong types,
    missing keys, programming errors) and other operating-system errors are not; anything unknown is. The rule is
    LangGraph's.
    """
    if isinstance(error, ConnectionError):
        return True
    home = type(error).__module__.partition(".")[0]
    if home in {"httpx", "requests"} and type(error).__name__ in {"HTTPStatusError", "HTTPError"}:
        response = getattr(error, "response", None)
        return response is None or response.status_code >= 500
    return not isinstance(error, _NOT_RETRIED)


class RetryPolicy(NamedTuple):
    """When and how long to wait before a failed task is tried again.

    Args:
        initial_interval: seconds before the second attempt.
        backoff_factor: each further wait is this many times longer.
        max_interval: the longest wait, in seconds.
        max_attempts: how many attempts in all, the first included.
        jitter: add a random 0 to 1 second to each wait.
        retry_on: which errors: an exception class, several of them, or a function of the error.
    """

    initial_interval: float = 0.5
    backoff_factor: float = 2.0
    max_interval: float = 128.0
    max_attempts: int = 3
    jitter: bool = True
    retry_on: type[Exception] | Sequence[type[Exception]] | Callable[[Exception], bool] = default_retry_on


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeoutPolicy:
    """How long an attempt of an async task or workflow may take.

    Args:
        run_timeout: in all, in seconds or as a timedelta.
        idle_timeout: without a sign of progress, in seconds or as a timedelta.
        refresh_on: what is progress: `auto`: whatever it streams, a nested call that ends, and `runtime.heartbeat()`;
            `heartbeat`: only the last.

    Raises:
        ValueError: a timeout is not greater than 0.
    """

    run_timeout: "float | timedelta | None" = None
    idle_timeout: "float | timedelta | None" = None
    refresh_on: Literal["auto", "heartbeat"] = "auto"

    def __post_init__(self) -> None:
        for name in ("run_timeout", "idle_timeout"):
            given = getattr(self, name)
            seconds = given if given is None or isinstance(given, (int, float)) else given.total_seconds()
            if seconds is not None and seconds <= 0:
                raise ValueError(f"{name} must be greater than 0")
            object.__setattr__(self, name, seconds)


def interrupt(value: Any, *, response_schema: Any = None) -> Any:
    """Ask a question and return its answer.

    The first time, the run stops here and reports `value`. When it is resumed with an answer, the workflow runs
    again from its top, finished tasks hand back their saved results, and this call returns the answer.

    Args:
        value: what to ask; anything that can be saved.
        response_schema: what a valid answer looks like.

    Returns:
        The answer, as it was given.

    Raises:
        GraphInterrupt: the question has no answer yet. Let it pass.
        RuntimeError: called outside a running workflow.
        NotSerializableError: `value` cannot be saved.
    """
    return require_frame("interrupt()").interrupt(value, response_schema)


@dataclass(frozen=True, slots=True, kw_only=True)
class CachePolicy:
    """Which calls of a task are the same, and for how long its results are worth keeping.

    Args:
        key_func: makes a text or bytes of a call's arguments; calls for which it makes the same share a result. None:
            the arguments themselves count, by value.
        ttl: seconds until a result is forgotten; None: never, 0: at once.
    """

    key_func: Callable[..., str | bytes] | None = None
    ttl: float | None = None
