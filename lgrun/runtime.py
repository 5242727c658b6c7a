"""What workflow code may know of the run it is in, and what a caller holds of a run while it goes on."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from lgrun._engine.context import require_frame

if TYPE_CHECKING:
    from lgrun.store.base import BaseStore

__all__ = ["ExecutionInfo", "RunControl", "Runtime", "get_runtime"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # With a default, `Runtime` needs no type argument even where type checkers are strict.
    ContextT = TypeVarWithDefault("ContextT", default=Any)
else:
    ContextT = TypeVar("ContextT")


class RunControl:
    """Asks runs to stop before their next step: pass it as `control=` to `invoke` or a sibling.

    A functional workflow is one step, so it is stopped before it begins; it can be taken up with None.

    Attributes:
        drain_reason: why, or None if nobody asked.
    """

    def __init__(self) -> None:
        self.drain_reason: str | None = None

    @property
    def drain_requested(self) -> bool:
        """Somebody asked."""
        return self.drain_reason is not None

    def request_drain(self, reason: str = "shutdown") -> None:
        """Ask the runs that hold this to stop before their next step."""
        self.drain_reason = reason


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """Where in a run a piece of code is.

    Args:
        checkpoint_id: of the checkpoint that its results are written under.
        checkpoint_ns: the chain of steps and tasks around it, `name:id` each, joined by `|`.
        task_id: of the task or step.
        thread_id: of the thread, or None without a checkpointer.
        run_id: as the configuration gives it, or None.
        node_attempt: which attempt it is, from 1.
        node_first_attempt_time: when the first attempt began, in seconds since the epoch.
    """

    checkpoint_id: str
    checkpoint_ns: str
    task_id: str
    thread_id: str | None = None
    run_id: str | None = None
    node_attempt: int = 1
    node_first_attempt_time: float | None = None


def _nothing(*_: Any) -> None:
    """Stand for a writer or a heartbeat outside a run."""


@dataclass(frozen=True, slots=True)
class Runtime(Generic[ContextT]):
    """What a run offers to its code; a parameter called `runtime` gets it, or `get_runtime()`.

    Args:
        context: what the caller gave as `context=`, an instance of the workflow's context schema; or None.
        store: the workflow's long-term memory, or None.
        stream_writer: sends its argument to whoever streams the run with mode `custom`.
        heartbeat: shows that the code makes progress, for its idle timeout.
        previous: what the last completed run of the thread saved; None in graphs.
        execution_info: where in the run the code is.
        server_info: of a server that runs it; lgrun has none.
        control: asks the run to stop before its next step: what the caller gave as `control=`, else the run's own.
    """

    context: ContextT = None  # type: ignore[assignment]
    store: "BaseStore | None" = None
    stream_writer: Callable[[Any], None] = _nothing
    heartbeat: Callable[[], None] = _nothing
    previous: Any = None
    execution_info: ExecutionInfo | None = None
    server_info: Any = None
    control: RunControl | None = None

    @property
    def drain_requested(self) -> bool:
        """The caller asked the run to stop before its next step."""
        return self.control is not None and self.control.drain_requested

    @property
    def drain_reason(self) -> str | None:
        """Why, or None if it did not."""
        return None if self.control is None else self.control.drain_reason

    def override(self, **fields: Any) -> Self:
        """Return the same with other values in some fields."""
        return replace(self, **fields)


def get_runtime(context_schema: type[ContextT] | None = None) -> Runtime[ContextT]:
    """Return what the run offers to the code that asks.

    Args:
        context_schema: the type of its context, for type checkers.

    Raises:
        RuntimeError: called outside a running workflow.
    """
    return require_frame("get_runtime()").runtime  # type: ignore[no-any-return]
