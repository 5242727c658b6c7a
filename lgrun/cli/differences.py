"""Where two JSON values differ, by JSON path. Pure."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["changed", "removed", "added"]


@dataclass(frozen=True, slots=True)
class Change:
    """One place where two values differ.

    Args:
        path: where, as a JSON path: `$.tasks.draft.result[0]`.
        kind: it is in both, only in the first (`removed`), or only in the second (`added`).
        a: what it is in the first.
        b: what it is in the second.
    """

    path: str
    kind: Kind
    a: Any = None
    b: Any = None

    def document(self) -> dict[str, Any]:
        """Return it for machine output: without the side on which there is nothing."""
        found: dict[str, Any] = {"path": self.path, "kind": self.kind}
        found |= {"a": self.a} if self.kind != "added" else {}
        return found | ({"b": self.b} if self.kind != "removed" else {})


def changes(a: Any, b: Any, path: str = "$") -> Iterator[Change]:
    """Yield the places where `b` is not what `a` is: the keys of `a` in their order, then those that only `b` has."""
    if isinstance(a, dict) and isinstance(b, dict):
        yield from _of_objects(a, b, path)
    elif isinstance(a, list) and isinstance(b, list):
        yield from _of_arrays(a, b, path)
    elif not _same(a, b):
        yield Change(path, "changed", a, b)


def _same(a: Any, b: Any) -> bool:
    """Tell whether two values print the same: 1, 1.0 and true do not."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _of_objects(a: dict[str, Any], b: dict[str, Any], path: str) -> Iterator[Change]:
    for key, value in a.items():
        if key in b:
            yield from changes(value, b[key], path + _step(key))
        else:
            yield Change(path + _step(key), "removed", a=value)
    for key, value in b.items():
        if key not in a:
            yield Change(path + _step(key), "added", b=value)


def _of_arrays(a: list[Any], b: list[Any], path: str) -> Iterator[Change]:
    """Compare what is left between the elements that both begin and both end with."""
    shorter = min(len(a), len(b))
    start = next((n for n in range(shorter) if not _same(a[n], b[n])), shorter)
    most = shorter - start
    tail = next((n for n in range(most) if not _same(a[-1 - n], b[-1 - n])), most)
    ends = len(a) - tail, len(b) - tail
    paired = min(ends)
    for n in range(start, paired):
        yield from changes(a[n], b[n], f"{path}[{n}]")
    for n in range(paired, ends[0]):
        yield Change(f"{path}[{n}]", "removed", a=a[n])
    for n in range(paired, ends[1]):
        yield Change(f"{path}[{n}]", "added", b=b[n])


def _step(key: str) -> str:
    plain = re.fullmatch(r"[A-Za-z_]\w*", key, re.ASCII)
    return f".{key}" if plain else f"[{json.dumps(key, ensure_ascii=False)}]"
