"""What is in the log of a store: changes as lines, and back. Pure.

1. A line is one batch: `{"lgrun":"store","format":1,"n":7,"ops":[...],"crc":"..."}`. `n` counts lines from 1.
2. Its checksum is seeded with the number of the log: a line does not verify in another one.
3. The last line may be torn (no line break: never acknowledged) or damaged (perhaps acknowledged). A line that does not
   verify before one that does means that something else went wrong: nothing is read, nothing is changed.
"""

import binascii
import sys
from array import array
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from zlib import crc32

import orjson

from lgrun.checkpoint._line import (
    MALFORMED,
    TAG_IN_TEXT,
    BrokenLineError,
    as_text,
    document_in,
    is_intact,
    malformed,
    safe_text,
    sealed,
)
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.migrations import CURRENT
from lgrun.errors import DamagedStateError
from lgrun.store._meaning import Vector
from lgrun.store._table import Change, Gone, Row, Touch

__all__ = ["Lines", "Salvage", "encode_line", "log_name", "log_numbers", "read_lines", "rewritten", "salvage"]

_KIND, _SUFFIX = "store", ".jsonl"


class Lines(NamedTuple):
    """What a part of a log holds.

    Args:
        changes: those of the lines that verify, in order.
        lines: the number of the last line that verifies.
        length: bytes up to its end, from the beginning of the log.
        torn: what follows is an append that was never acknowledged.
        damage: what follows had perhaps been acknowledged: where, for people; else empty.
    """

    changes: list[Change]
    lines: int
    length: int
    torn: bool = False
    damage: str = ""


def encode_line(number: int, n: int, changes: Sequence[Change]) -> bytes:
    """Return some changes as line `n` of log `number`."""
    head = {"lgrun": _KIND, "format": CURRENT, "n": n}
    return sealed(orjson.dumps({**head, "ops": [_tree(change) for change in changes]}), _seed(number))


def read_lines(data: bytes, number: int, where: str, start: Lines) -> Lines:
    """Return what the bytes after `start` of log `number` hold.

    Args:
        data: the bytes.
        number: of the log.
        where: its file, for messages.
        start: what has been read before.

    Raises:
        DamagedStateError: a line in the middle does not verify, is malformed or stands in the wrong place.
        NewerFormatError: a newer lgrun wrote it.
    """
    lines = data.split(b"\n")
    rest = lines.pop()
    changes: list[Change] = []
    n, length = start.lines, start.length
    for index, line in enumerate(lines):
        place = f"{where}, line {n + 1}"
        try:
            document = document_in(line, _seed(number), _KIND, place)
        except BrokenLineError as error:
            if any(is_intact(later, _seed(number)) for later in lines[index + 1 :]):
                raise DamagedStateError(f"{error}, but lines after it are whole; nothing was changed") from None
            return Lines(changes, n, length, damage=place)
        changes.extend(_changes(document, line, n + 1, place))
        n, length = n + 1, length + len(line) + 1
    return Lines(changes, n, length, torn=bool(rest))


class Salvage(NamedTuple):
    """What can be saved of a log.

    Args:
        lines: the changes of each line that verifies.
        lost: the places of those that do not.
        torn: it ends in an append that was never acknowledged.
    """

    lines: list[list[Change]]
    lost: list[str]
    torn: bool


def salvage(data: bytes, number: int, where: str) -> Salvage:
    """Return what is in log `number` whose lines need not all verify; `where`: its file, for messages.

    Raises:
        DamagedStateError: a line that verifies is malformed or stands in the wrong place.
        NewerFormatError: a newer lgrun wrote it.
    """
    *lines, rest = data.split(b"\n")
    saved = Salvage([], [], bool(rest))
    for at, line in enumerate(lines, 1):
        place = f"{where}, line {at}"
        try:
            document = document_in(line, _seed(number), _KIND, place)
        except BrokenLineError:
            saved.lost.append(place)
        else:
            saved.lines.append(_changes(document, line, at, place))
    return saved


def rewritten(lines: Sequence[Sequence[Change]], number: int) -> bytes:
    """Return log `number` with these lines, numbered anew."""
    return b"".join([encode_line(number, n, changes) for n, changes in enumerate(lines, 1)])


def _changes(document: dict[str, Any], line: bytes, n: int, place: str) -> list[Change]:
    """Return the changes in line `n`."""
    try:
        if document["n"] != n:
            raise DamagedStateError(f"{place} says that it is line {document['n']}; nothing was changed")
        plain = TAG_IN_TEXT not in line
        return [_change(tree, plain) for tree in document["ops"]]
    except MALFORMED as error:
        raise malformed(place, error) from error


def log_name(number: int) -> str:
    """Return the name of the log with this number."""
    return f"{number:08d}{_SUFFIX}"


def log_numbers(names: list[str]) -> list[int]:
    """Return the numbers of the logs among the files with these names."""
    return [int(name[:8]) for name in names if name[8:] == _SUFFIX and name[:8].isascii() and name[:8].isdigit()]


def _seed(number: int) -> int:
    return crc32(b"store\0%d" % number)


def _tree(change: Change) -> dict[str, Any]:
    place = {"ns": [safe_text(label) for label in change.namespace], "key": safe_text(change.key)}
    if isinstance(change, Gone):
        return {"op": "delete", **place}
    if isinstance(change, Touch):
        return {"op": "touch", **place, "expires": change.expires}
    optional = {
        "created": change.created if change.created != change.updated else None,
        "ttl": change.ttl,
        "expires": change.expires,
        "vectors": [_packed(vector) for vector in change.vectors] or None,
    }
    given = {name: value for name, value in optional.items() if value is not None}
    return {"op": "put", **place, "updated": change.updated, **given, "value": orjson.Fragment(change.json)}


def _change(tree: dict[str, Any], plain: bool) -> Change:
    namespace, key = tuple(as_text(label) for label in tree["ns"]), as_text(tree["key"])
    return _KINDS[tree["op"]](namespace, key, tree, plain)


def _put(namespace: tuple[str, ...], key: str, tree: dict[str, Any], plain: bool) -> Row:
    times = {name: tree.get(name) for name in ("created", "ttl", "expires")}
    if any(type(value) not in (int, float) for value in (tree["updated"], *times.values()) if value is not None):
        raise TypeError("a time is not a number")
    vectors = [_unpacked(text) for text in tree.get("vectors", ())]
    value = Encoded(json=orjson.dumps(tree["value"]), plain=plain)
    return Row(namespace, key, value, updated=tree["updated"], vectors=vectors, **times)


_KINDS: dict[str, Callable[[tuple[str, ...], str, dict[str, Any], bool], Change]] = {
    "put": _put,
    "delete": lambda namespace, key, tree, plain: Gone(namespace, key),
    "touch": lambda namespace, key, tree, plain: Touch(namespace, key, float(tree["expires"])),
}


def _packed(vector: Vector) -> str:
    return binascii.b2a_base64(_little(vector).tobytes(), newline=False).decode()


def _unpacked(text: str) -> Vector:
    return _little(array("f", binascii.a2b_base64(text, strict_mode=True)))


def _little(vector: Vector) -> Vector:
    """Turn the bytes of a vector round on machines that have them the other way."""
    if sys.byteorder == "big":
        vector = vector[:]
        vector.byteswap()
    return vector
