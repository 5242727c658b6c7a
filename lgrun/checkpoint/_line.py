"""One line of JSON that proves where it belongs, and text in it that is not UTF-8. Pure."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any
from zlib import crc32

import orjson

from lgrun.checkpoint.migrations import CURRENT, upgrade
from lgrun.errors import DamagedStateError

__all__ = [
    "LARGE",
    "MALFORMED",
    "TAG",
    "TAG_IN_TEXT",
    "BrokenLineError",
    "as_text",
    "collector_paused",
    "document_in",
    "explained",
    "is_intact",
    "malformed",
    "misplaced",
    "only_line",
    "parsed",
    "place_seed",
    "safe_text",
    "seal_of",
    "sealed",
    "spliced",
    "tagged",
    "untagged",
]

TAG = "$lgrun"
"""The key of an object that stands for what JSON has not."""

TAG_IN_TEXT = b'"$lgrun"'
"""What is in the JSON text of every value that has tags."""
_CRC = b',"crc":"'
# Stands in a document for large text that belongs there. JSON has no such byte.
_GAP = b"\0"
# A number is looked for in bytes with far less ado than bytes are.
_NUL, _LINE_BREAK = 0, ord("\n")
_TAIL = len(_CRC) + len('12345678"}')
# orjson writes 254 levels and reads 1024; the codec allows 200. Fewer brackets than this cannot be too deep.
_SHALLOW = 200

LARGE = 256_000
"""Bytes of JSON from which parsing is worth a pause of the garbage collector, and a copy worth sparing."""

MALFORMED = (AttributeError, KeyError, TypeError, ValueError, RecursionError)
"""What taking apart a document of the wrong shape raises."""


class BrokenLineError(DamagedStateError):
    """The bytes of a line are not those that were written."""


def spliced(text: bytes) -> orjson.Fragment:
    """Return what stands for JSON text in a document: itself, or if it is large a gap, for `sealed` to fill."""
    return orjson.Fragment(text if len(text) < LARGE else _GAP)


def sealed(document: bytes, seed: int, texts: Iterable[bytes] = ()) -> bytes:
    """Return a JSON object as a line with its checksum.

    Args:
        document: the object.
        seed: what the checksum starts from.
        texts: what was `spliced` into the document, in its order; what is large is copied only here.
    """
    if _NUL in document:
        return _filled(document, seed, [text for text in texts if len(text) >= LARGE])
    if _LINE_BREAK in document:
        raise ValueError("an encoded value contains a line break")
    body = memoryview(document)[:-1]
    return b"".join((body, b',"crc":"%08x"}\n' % crc32(body, seed)))


def _filled(document: bytes, crc: int, texts: list[bytes]) -> bytes:
    first, *others = document[:-1].split(_GAP)
    pieces = [first, *chain.from_iterable(zip(texts, others, strict=True))]
    if any(_LINE_BREAK in piece for piece in pieces):
        raise ValueError("an encoded value contains a line break")
    for piece in pieces:
        crc = crc32(piece, crc)
    return b"".join((*pieces, b',"crc":"%08x"}\n' % crc))


def seal_of(line: bytes) -> str:
    """Return the checksum that a line, as `sealed` made it, ends with."""
    return line[-11:-3].decode("ascii", "replace")


def place_seed(thread: str, seq: int) -> int:
    """Return what the checksums of lines under checkpoint `seq` of a thread start from."""
    return crc32(b"%b\0%d" % (thread.encode("utf-8", "surrogatepass"), seq))


def document_in(line: bytes, seed: int, kind: str, where: str) -> dict[str, Any]:
    """Return the members of a line that verifies, without those that say so."""
    if not is_intact(line, seed):
        raise explained(line, where)
    try:
        document = parsed(line)
    except MALFORMED as error:
        raise malformed(where, error) from error
    document = upgrade(document, where)
    if document.pop("lgrun", None) != kind:
        raise DamagedStateError(f"{where} is not a {kind!r} document")
    del document["format"], document["crc"]
    return document


def only_line(data: bytes, where: str) -> bytes:
    """Return the one line that a file must be."""
    if data[-1:] != b"\n" or data.count(b"\n") != 1:
        raise BrokenLineError(f"{where} is damaged (it is not one whole line)")
    return data[:-1]


def is_intact(line: bytes, seed: int) -> bool:
    """Say whether a line verifies in a place."""
    if line[-2:] != b'"}':
        return False  # a million such lines must not take long
    body, tail = line[:-_TAIL], line[-_TAIL:]
    return tail == b'%b%08x"}' % (_CRC, crc32(body, seed))


def parsed(line: bytes) -> dict[str, Any]:
    """Return the JSON object in a line, or raise one of `MALFORMED`."""
    document = orjson.loads(line) if len(line) < LARGE else _loaded(line)
    if type(document) is not dict:
        raise TypeError("not an object")
    if len(line) > _SHALLOW and line.count(b"[") + line.count(b"{") > _SHALLOW:
        orjson.dumps(document)  # raises where Encoded.tree() would
    return document


def explained(line: bytes, where: str) -> DamagedStateError:
    """Tell a line that was moved or is newer from one whose bytes have changed."""
    broken = BrokenLineError(f"{where} is damaged (its checksum does not match)")
    try:
        document = parsed(line)
        if type(document["format"]) is int and document["format"] > CURRENT:
            upgrade(document, where)
        thread, seq = as_text(document["thread"]), document.get("checkpoint", document.get("seq"))
    except MALFORMED:
        return broken
    if type(seq) is int and is_intact(line, place_seed(thread, seq)):
        return misplaced(where, thread, seq)
    return broken


def _loaded(line: bytes) -> Any:
    with collector_paused():
        return orjson.loads(line)


@contextmanager
def collector_paused() -> Iterator[None]:
    """Make many objects: the garbage collector would look at them again and again, and find nothing."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def safe_text(text: str) -> Any:
    """Return text as JSON: itself, or tagged where it is not UTF-8.

    Here that is hexadecimal, within values base64. Both stay in format 1: many a text can be read as either, so a
    reader could not tell which it has.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return {TAG: "str", "v": text.encode("utf-8", "surrogatepass").hex()}
    return text


def tagged(tree: Any) -> Any:
    """Return free-form JSON (schema, trace, workflow) with its text made safe; `untagged` undoes it."""
    if isinstance(tree, str):
        return safe_text(tree)
    if isinstance(tree, (list, tuple)):
        return [tagged(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if TAG in tree or any(safe_text(key) is not key for key in tree):
        return {TAG: "dict", "v": [[safe_text(key), tagged(value)] for key, value in tree.items()]}
    return {key: tagged(value) for key, value in tree.items()}


def as_text(value: Any) -> str:
    """Undo `safe_text`."""
    if type(value) is str:
        return value
    if type(value) is dict and len(value) == 2 and value[TAG] == "str":
        return bytes.fromhex(value["v"]).decode("utf-8", "surrogatepass")
    raise TypeError("not a text")


def untagged(tree: Any) -> Any:
    """Undo `tagged`."""
    if type(tree) is list:
        return [untagged(item) for item in tree]
    if type(tree) is not dict:
        return tree
    if TAG not in tree:
        return {key: untagged(value) for key, value in tree.items()}
    if tree[TAG] == "dict":
        return {as_text(key): untagged(value) for key, value in tree["v"]}
    return as_text(tree)


def malformed(where: str, error: Exception) -> DamagedStateError:
    """Say of a line that verifies that it has the wrong shape."""
    if isinstance(error, KeyError):
        return DamagedStateError(f"{where} has an unknown member or lacks one: {str(error)[:60]}")
    return DamagedStateError(f"{where} is malformed: {str(error)[:60]}")


def misplaced(where: str, thread: str, seq: int, n: int | None = None) -> DamagedStateError:
    """Say of a line that it was moved."""
    line = "" if n is None else f", line {n}"
    name = thread if len(thread) <= 60 else thread[:60] + "…"
    return DamagedStateError(f"{where} belongs to checkpoint {seq}{line} of thread {name!r}; nothing was changed")
