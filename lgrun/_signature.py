"""What a user's function says of itself: its name, whether it is async, and what it asks the engine for."""

import functools
import inspect
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias

from lgrun.types import TimeoutPolicy

Timeout: TypeAlias = float | timedelta | TimeoutPolicy | None

_UNTYPED = inspect.Parameter.empty
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def name_of(call: Callable[..., Any]) -> str:
    while isinstance(call, functools.partial):
        call = call.func
    return getattr(call, "__name__", None) or type(call).__name__


def is_async(call: Callable[..., Any]) -> bool:
    while isinstance(call, functools.partial):
        call = call.func
    return inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(getattr(call, "__call__", None))  # noqa: B004


def timeout_of(timeout: Timeout, call: Callable[..., Any], what: str) -> TimeoutPolicy | None:
    if timeout is None:
        return None
    if not is_async(call):
        raise ValueError(
            "Node timeouts are only supported for async nodes, because sync code cannot be stopped from outside. "
            f"{what} is sync."
        )
    return timeout if isinstance(timeout, TimeoutPolicy) else TimeoutPolicy(run_timeout=timeout)


def injected(call: Callable[..., Any], skip: int) -> frozenset[str]:
    """Return the parameters that the engine fills in: by name, checked by annotation, as LangGraph does."""
    try:
        parameters = list(inspect.signature(call).parameters.values())[skip:]
    except (TypeError, ValueError):
        return frozenset()
    return frozenset(p.name for p in parameters if p.kind in _BY_NAME and _asks(p))


def _asks(parameter: inspect.Parameter) -> bool:
    if parameter.name in ("previous", "runtime"):
        return True
    allowed = {
        "config": ("RunnableConfig", "Optional[RunnableConfig]", "RunnableConfig | None"),
        "writer": ("StreamWriter",),
        "store": ("BaseStore", "Optional[BaseStore]", "BaseStore | None"),
    }.get(parameter.name)
    if allowed is None:
        return False
    return parameter.annotation is _UNTYPED or _spelled(parameter.annotation) in allowed


def _spelled(annotation: Any) -> str:
    """Write an annotation without its modules, the way it stands in the source."""
    from lgrun.types import StreamWriter

    if annotation is StreamWriter:
        return "StreamWriter"
    if isinstance(annotation, type):
        return annotation.__name__
    text = annotation if isinstance(annotation, str) else str(annotation)
    return re.sub(r"[\w.]+\.(?=\w)", "", text)
