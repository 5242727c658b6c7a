"""Where am I: the frame of workflow code that runs in this thread or asyncio task.

The engine sets it around every piece of user code; `interrupt()`, `get_config()` and task calls read it.
"""

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol


class FrameLike(Protocol):
    """What public functions may ask of the frame they run in."""

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration, as `get_config()` returns it."""

    @property
    def runtime(self) -> Any:
        """What the run offers, as `get_runtime()` returns it."""

    @property
    def store(self) -> Any:
        """The run's long-term memory, or None."""

    @property
    def write(self) -> Callable[[Any], None]:
        """Sends its argument to whoever streams the run with mode `custom`."""

    def interrupt(self, value: Any, response_schema: Any) -> Any:
        """Return the answer to a question, or raise GraphInterrupt."""


current: ContextVar[FrameLike | None] = ContextVar("lgrun_frame", default=None)


def require_frame(what: str) -> FrameLike:
    """Return the current frame; `what` names what needs one.

    Raises:
        RuntimeError: called outside a running workflow.
    """
    frame = current.get()
    if frame is None:
        raise RuntimeError(
            # The sentence is LangGraph's, for whatever was called.
            f"Called get_config outside of a runnable context: {what} works inside a function marked @entrypoint or "
            "@task, and in threads only if they run in a copy of the caller's contextvars context"
        )
    return frame


def caller() -> str:
    """Return `file:line` of the innermost user code on the stack."""
    frame = sys._getframe(1)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("lgrun."):
        frame = frame.f_back
    return f"{frame.f_code.co_filename}:{frame.f_lineno}"
