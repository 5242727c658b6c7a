"""A JSON value as what has changed since an earlier one, and which earlier one. Pure.

A list of changes is applied in order. Each has `at`, a path of keys and places from the root, and one of these:

| member | what is at the path |
|---|---|
| `append` | a list gets these elements, or a text this text, at its end |
| `set` | it becomes this; a key that an object lacks is added as its last |
| `drop` | an object loses these keys |
| `splice` | `[place, count, new]`: of a list or a text, `count` elements or characters from `place` on become `new` |

JSON Patch (RFC 6902) has no append to a text and moves or removes one element at a time, JSON Merge Patch (RFC 7396)
can change no list and store no null; neither keeps the order of keys, which is part of a value here.

The n-th value since a whole one builds on the one whose number is n with its last digit that is not 0, to base 16, made
less by one: that one is on the way from the value before n to the whole one, which is all a writer has to know, and a
way has at most 15 values for each digit of n. What is appended is stored once, and about once more for each further
digit of n; a whole value is stored when the patches on the way would come to more than three times the last one, so
whole values grow fourfold and all together are at most 4/3 of the largest. So any value is read from O(log n) files,
and each costs the disk what was added times that small logarithm.
"""

from collections.abc import Callable, Iterator, Sequence
from itertools import compress, count, takewhile
from operator import eq, ne
from typing import Any, NamedTuple, TypeAlias

import orjson

from lgrun.checkpoint.base import Encoded

__all__ = ["SMALL", "Link", "Patch", "applied", "base_for", "changes_between", "is_worth_it"]

SMALL = 2048
"""Bytes of JSON up to which a value is stored whole."""

_DIGIT = 16
_FOLD = 3
_SHORT_TEXT = 64
_FEW = 8
_POINTER = 8
_MOST_WORK = 2**30
"""Bytes that are moved in memory by changes, at most: more than those do which are made here."""

_Changes: TypeAlias = list[dict[str, Any]]
_Differ: TypeAlias = Callable[[Any, Any], bool]
_At: TypeAlias = list[str | int]


class Patch(NamedTuple):
    """What a checkpoint holds instead of a value.

    Args:
        base: number of the checkpoint that holds the earlier value.
        crc: the checksum that the base's line ends with: no other file is taken for it.
        n: the how-manieth value since a whole one this is.
        changes: what makes this value of the earlier one.
    """

    base: int
    crc: str
    n: int
    changes: Encoded


class Link(NamedTuple):
    """A value on the way to a later one: number and checksum of its checkpoint, its `n`, bytes of its changes.

    The first link of a way is a whole value: its `n` is 0, and the bytes are those of its JSON.
    """

    seq: int
    crc: str
    n: int
    size: int


# --- which value to build on


def base_for(way: Sequence[Link]) -> int:
    """Return the place in `way`, which leads from a whole value to the latest, of that which the next one builds on."""
    n = way[-1].n + 1
    step = 1
    while n % (step * _DIGIT) == 0:
        step *= _DIGIT
    return max(place for place, link in enumerate(way) if link.n <= n - step)


def is_worth_it(size: int, whole: int, way: Sequence[Link]) -> bool:
    """Say whether a patch of `size` bytes on the end of `way` is better than the `whole` bytes of the value."""
    return 2 * size <= whole and size + sum(link.size for link in way[1:]) <= _FOLD * way[0].size


# --- what has changed


def changes_between(old: bytes, new: bytes) -> bytes | None:
    """Return the changes that make JSON text `new` of `old`, or None if they would not save at least half of it.

    That they do, to the byte, is tried before they are returned.
    """
    if old == new:
        return b"[]"
    try:
        appended = _appended(old, new)
        if appended is not None:
            return appended if 2 * len(appended) <= len(new) else None
        later = orjson.loads(new)
        for differ in (ne, _differ_strictly):
            # True == 1 == 1.0, and objects are equal in whatever order: that is found out only where it matters.
            earlier = orjson.loads(old)
            changes = orjson.dumps(list(_changes(earlier, later, [], differ)))
            if 2 * len(changes) > len(new):
                return None
            if orjson.dumps(applied(earlier, orjson.loads(changes))) == new:
                return changes
    except (TypeError, RecursionError):
        pass  # It nests too deeply for what stands around it in a patch.
    return None


def _appended(old: bytes, new: bytes) -> bytes | None:
    """Return the changes if all that is new is elements of a list at the very end, as in most values that grow."""
    inner = old.rstrip(b"]}")
    if not new.startswith(inner):
        return None
    at = len(inner) + sum(1 for _ in takewhile(bool, map(eq, old[len(inner) :], new[len(inner) :])))
    rest = old[at:]
    if rest[:1] != b"]" or new[at : at + 1] != b"," or not new.endswith(rest):
        return None
    more, path = new[at + 1 : -len(rest)], b""
    if len(rest) > 1:
        tree = inside = orjson.loads(old)
        steps: _At = []
        for _ in rest[1:]:
            steps.append(next(reversed(inside)) if type(inside) is dict else len(inside) - 1)
            inside = inside[steps[-1]]
        try:
            inside.extend(orjson.loads(b"[%b]" % more))
        except orjson.JSONDecodeError:
            # It ends a list or an object, and begins another one.
            return None
        if orjson.dumps(tree) != new:
            return None
        path = orjson.dumps(steps)[1:-1]
    return b'[{"at":[%b],"append":[%b]}]' % (path, more)


def _differ_strictly(old: Any, new: Any) -> bool:
    return old != new or orjson.dumps(old) != orjson.dumps(new)


def _changes(old: Any, new: Any, at: _At, differ: _Differ) -> Iterator[dict[str, Any]]:
    """Yield what makes `new` of `old`, which differ."""
    kind = type(new)
    if type(old) is kind:
        if kind is dict:
            kept = [key for key in old if key in new]
            if [*kept, *(key for key in new if key not in old)] == list(new):
                yield from _of_objects(old, new, kept, at, differ)
                return
        elif kind is list:
            yield from _of_lists(old, new, at, differ)
            return
        elif kind is str:
            yield _of_texts(old, new, at)
            return
    yield {"at": at, "set": new}


def _of_objects(
    old: dict[str, Any], new: dict[str, Any], kept: list[str], at: _At, differ: _Differ
) -> Iterator[dict[str, Any]]:
    if len(kept) < len(old):
        yield {"at": at, "drop": [key for key in old if key not in new]}
    for key in kept:
        if differ(old[key], new[key]):
            yield from _changes(old[key], new[key], [*at, key], differ)
    for key in list(new)[len(kept) :]:
        yield {"at": [*at, key], "set": new[key]}


def _of_lists(old: list[Any], new: list[Any], at: _At, differ: _Differ) -> _Changes:
    shorter = min(len(old), len(new))
    differing = list(compress(count(), map(differ, old, new)))
    if not differing:
        return _end(old, new, shorter, at)
    first = differing[0]
    found = [_in_the_middle(old, new, first, at, differ)]
    if len(differing) <= max(_FEW, shorter // 2):
        inside = [change for place in differing for change in _changes(old[place], new[place], [*at, place], differ)]
        found.append(inside + _end(old, new, shorter, at))
    shifted = _without_the_first(old, new, first, at, differ)
    if shifted is not None:
        found.append(shifted)
    return min(found, key=lambda changes: len(orjson.dumps(changes)))


def _end(old: list[Any], new: list[Any], shorter: int, at: _At) -> _Changes:
    if len(new) > shorter:
        return [{"at": at, "append": new[shorter:]}]
    return [{"at": at, "splice": [shorter, len(old) - shorter, []]}] if len(old) > shorter else []


def _in_the_middle(old: list[Any], new: list[Any], first: int, at: _At, differ: _Differ) -> _Changes:
    most = min(len(old), len(new)) - first
    same = next(compress(count(), map(differ, reversed(old), reversed(new))), most)
    same = min(same, most)
    return [{"at": at, "splice": [first, len(old) - first - same, new[first : len(new) - same]]}]


def _without_the_first(old: list[Any], new: list[Any], first: int, at: _At, differ: _Differ) -> _Changes | None:
    """Return the changes of a list that has lost elements from `first` on, and perhaps got others at its end."""
    try:
        place = old.index(new[first], first + 1)
    except ValueError:
        return None
    stay = len(old) - place
    if len(new) - first < stay or any(map(differ, old[place:], new[first:])):
        return None
    return [{"at": at, "splice": [first, place - first, []]}, *_end([], new[first + stay :], 0, at)]


def _of_texts(old: str, new: str, at: _At) -> dict[str, Any]:
    if old and new.startswith(old):
        return {"at": at, "append": new[len(old) :]}
    if min(len(old), len(new)) > _SHORT_TEXT:
        first = _in_common(len(old), len(new), lambda length: old[:length] == new[:length])
        most = min(len(old), len(new)) - first
        same = _in_common(most, most, lambda length: old[len(old) - length :] == new[len(new) - length :])
        return {"at": at, "splice": [first, len(old) - first - same, new[first : len(new) - same]]}
    return {"at": at, "set": new}


def _in_common(one: int, other: int, is_common: Callable[[int], bool]) -> int:
    """Return the largest length, up to both of these, for which `is_common` holds, as it does for all smaller ones."""
    low, high = 0, min(one, other)
    while low < high:
        middle = (low + high + 1) // 2
        if is_common(middle):
            low = middle
        else:
            high = middle - 1
    return low


# --- applying it


def applied(tree: Any, changes: Any) -> Any:
    """Return what changes make of a value, which is used up, and so are they.

    Raises:
        ValueError: they are no changes, or not of this value.
    """
    root = [tree]
    if type(changes) is not list:
        raise ValueError("the changes are no list")
    work = 0
    for change in changes:
        if type(change) is not dict or len(change) != 2 or type(change.get("at")) is not list:
            raise ValueError("a change is malformed")
        (what,) = change.keys() - {"at"}
        if what not in _APPLY:
            raise ValueError(f"a change is unknown: {what[:40]!r}")
        inside: Any = root
        steps: list[Any] = [0, *change["at"]]
        last = steps.pop()
        for step in steps:
            inside = inside[_checked(inside, step)]
        work += _APPLY[what](inside, last, change[what])
        if work > _MOST_WORK:
            raise ValueError("the changes are too many")
    return root[0]


def _checked(inside: Any, step: Any) -> Any:
    if type(inside) is dict:
        if type(step) is str and step in inside:
            return step
    elif type(inside) is list and type(step) is int and 0 <= step < len(inside):
        return step
    raise ValueError(f"there is nothing at {str(step)[:40]!r}")


def _set(inside: Any, step: Any, value: Any) -> int:
    if type(inside) is not dict or type(step) is not str:
        _checked(inside, step)
    inside[step] = value
    return 0


def _append(inside: Any, step: Any, more: Any) -> int:
    known = inside[_checked(inside, step)]
    if type(known) is not type(more) or type(more) not in (list, str):
        raise ValueError("nothing can be appended there")
    if type(more) is list:
        known.extend(more)
        return 0
    inside[step] = known + more
    return len(known)


def _drop(inside: Any, step: Any, keys: Any) -> int:
    known = inside[_checked(inside, step)]
    if type(known) is not dict or type(keys) is not list:
        raise ValueError("no keys can be dropped there")
    for key in keys:
        del known[_checked(known, key)]
    return 0


def _splice(inside: Any, step: Any, how: Any) -> int:
    known = inside[_checked(inside, step)]
    if type(how) is not list or len(how) != 3:
        raise ValueError("a splice is malformed")
    place, gone, new = how
    if type(place) is not int or type(gone) is not int or not 0 <= place <= place + gone <= len(known):
        raise ValueError("a splice is out of range")
    if type(known) is not type(new) or type(new) not in (list, str):
        raise ValueError("nothing can be spliced in there")
    if type(new) is list:
        known[place : place + gone] = new
        return _POINTER * len(known)
    inside[step] = known[:place] + new + known[place + gone :]
    return len(known)


_APPLY: dict[str, Callable[[Any, Any, Any], int]] = {
    "append": _append,
    "set": _set,
    "drop": _drop,
    "splice": _splice,
}
