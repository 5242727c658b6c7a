"""Whether a value is plain data: what its JSON alone gives back, equal and of the same types. Pure."""

from collections.abc import Iterator
from itertools import chain, islice
from math import isfinite
from types import NoneType
from typing import Any

__all__ = ["is_plain"]

_TYPES = frozenset((str, int, bool, NoneType, float, list, dict))
# Few enough to stay in the processor's cache, many enough that most of the time is spent in C.
_AT_ONCE = 1024


def is_plain(value: Any, max_depth: int) -> bool:
    """Tell whether a value holds nothing but plain types, at most `max_depth` containers inside each other.

    It goes through everything in the value but the keys of its dicts. Those are for the JSON library to refuse, and so
    are the numbers and texts that JSON does not have, except for infinite floats and NaN, which it writes as null.
    What another thread changes is seen as it is now, not as it was when its JSON was made.

    Raises:
        RuntimeError: another thread changed the value meanwhile.
    """
    levels: list[Iterator[Any]] = [iter((value,))]
    while levels:
        items = list(islice(levels[-1], _AT_ONCE))
        if not items:
            levels.pop()
            continue
        kinds = set(map(type, items))
        if not kinds <= _TYPES or (float in kinds and not all(map(isfinite, _of(float, items, kinds)))):
            return False
        if list in kinds or dict in kinds:
            if len(levels) > max_depth:
                return False
            lists = chain.from_iterable(_of(list, items, kinds))
            levels.append(chain(lists, chain.from_iterable(map(dict.values, _of(dict, items, kinds)))))
    return True


def _of(kind: type, items: list[Any], kinds: set[type]) -> list[Any]:
    """Return the items of a type, where these types are among them."""
    if kind not in kinds:
        return []
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]
