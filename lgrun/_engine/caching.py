"""The task cache, as a run uses it: flows, as in `flow`.

Rule: what a person answered is never handed to another thread, so a call during which a question was asked is not
cached. What a cache, or the code that makes keys for it, raises is a failure of the call.
"""

from collections.abc import Generator
from functools import partial
from typing import Any, NamedTuple, TypeAlias

from lgrun._engine.frame import Frame
from lgrun._engine.model import Function, Instruction, Io, Raised
from lgrun._engine.run import Run
from lgrun.cache._entry import call_key
from lgrun.cache.base import BaseCache, FullKey
from lgrun.errors import NotSerializableError, StateError

Seek: TypeAlias = Generator[Instruction, Any, "Sought | Raised | None"]


class Sought(NamedTuple):
    """What was looked for in the cache, and what was there."""

    cache: BaseCache[Any]
    key: FullKey
    ttl: float | None
    found: bool
    value: Any = None


def space_of(function: Function) -> tuple[str, ...]:
    """Return the namespace of a function's entries: its module and name, the same in every process."""
    origin = function.origin or function.call
    return (f"{getattr(origin, '__module__', '')}:{getattr(origin, '__qualname__', function.name)}",)


def sought(
    run: Run, frame: Frame, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any], *, inherit: bool
) -> Seek:
    """Look for the result of a call; None if it is not to be cached. `inherit`: the workflow's policy counts."""
    cache, own = run.cache_at(frame.ns)
    policy = function.cache or (own if inherit else None)
    if cache is None or policy is None:
        return None
    try:
        key = (space_of(function), call_key(policy, args, kwargs))
        hits = yield from _asked(cache, partial(cache.get, [key]))
    except StateError:
        raise
    except Exception as error:
        return Raised(error)
    return Sought(cache, key, policy.ttl, key in hits, hits.get(key))


def kept(
    run: Run, frame: Frame, sought: Sought | Raised | None, value: Any
) -> Generator[Instruction, Any, Raised | None]:
    """Keep a result that was looked for in vain; what the call came to, if it cannot be kept."""
    if not isinstance(sought, Sought) or sought.found or run.asked_below(frame.path):
        return None
    try:
        yield from _asked(sought.cache, partial(sought.cache.set, {sought.key: (value, sought.ttl)}))
    except StateError:
        raise
    except Exception as error:
        if isinstance(error, NotSerializableError):
            error.what = f"what {frame.name!r} returned"
        return Raised(error)
    return None


def _asked(cache: BaseCache[Any], action: Any) -> Generator[Instruction, Any, Any]:
    return (yield Io(action)) if cache.blocking else action()
