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
    if isinstance(annotation, str):
        name = annotation.partition("[")[0].strip()
    else:
        # list[int] knows list; a class is its own origin.
        origin = getattr(annotation, "__origin__", annotation)
        name = origin.__name__ if isinstance(origin, type) and origin in _TYPES.values() else ""
    wanted = _TYPES.get(name)
    if wanted is None or isinstance(value, (int, float) if wanted is float else wanted):
        return None
    recorded = f"{function.name}, which returned {type(value).__name__}"
    return Mismatch(recorded, f"{function.name}, which returns {name}", True)
