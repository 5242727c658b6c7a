"""Whether a recorded result can be what the function, as it is now, says it returns. Pure.

Only annotations with builtin types are looked at: nothing is evaluated, and nothing else can be told without doubt.
"""

from typing import Any

from lgrun._engine.model import Function
from lgrun._engine.replay import Mismatch

_TYPES = {kind.__name__: kind for kind in (bool, bytes, dict, float, int, list, set, str, tuple)}


def broken_promise(function: Function, value: Any) -> Mismatch | None:
    """Return what was recorded and what the function now says it returns, if `value` cannot be that."""
    annotation = getattr(function.call, "__annotations__", {}).get("return")
    name = _promised(annotation if isinstance(annotation, str) else getattr(annotation, "__origin__", annotation))
    if name is None or isinstance(value, (int, float) if name == "float" else _TYPES[name]):
        return None
    recorded = f"{function.name}, which returned {type(value).__name__}"
    return Mismatch(recorded, f"{function.name}, which returns {name}", True)


def _promised(annotation: Any) -> str | None:
    """Return the name of the builtin type that an annotation, or its origin (list[int] knows list), names."""
    if isinstance(annotation, str):
        name = annotation.partition("[")[0].strip()
        return name if name in _TYPES else None
    return next((name for name, kind in _TYPES.items() if kind is annotation), None)
