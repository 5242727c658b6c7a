"""What workflow code may ask about the run it is in."""

from typing import TYPE_CHECKING, Any, TypedDict

from lgrun._engine.context import require_frame
from lgrun.types import StreamWriter

if TYPE_CHECKING:
    from lgrun.store.base import BaseStore

__all__ = ["RunnableConfig", "get_config", "get_store", "get_stream_writer"]


class RunnableConfig(TypedDict, total=False):
    """How to run a workflow; every key is optional.

    `configurable` holds `thread_id` and the user's own values; `metadata` is stored with the run's checkpoints;
    `tags`, `max_concurrency`, `recursion_limit` and `run_name` mean what they mean in LangGraph. Other keys that are
    given are moved to `configurable`; None is as if the key were not given.
    """

    configurable: dict[str, Any]
    metadata: dict[str, Any]
    tags: list[str]
    max_concurrency: int | None
    recursion_limit: int
    run_name: str


def get_config() -> RunnableConfig:
    """Return the configuration of the run.

    Raises:
        RuntimeError: called outside a running workflow.
    """
    return require_frame("get_config()").config  # type: ignore[return-value]


def get_store() -> "BaseStore":
    """Return the workflow's long-term memory; None if it has none.

    Raises:
        RuntimeError: called outside a running workflow.
    """
    return require_frame("get_store()").store  # type: ignore[no-any-return]


def get_stream_writer() -> StreamWriter:
    """Return a function that sends its argument to whoever streams the run with mode `custom`.

    Raises:
        RuntimeError: called outside a running workflow.
    """
    return require_frame("get_stream_writer()").write
