"""What is in the files of a thread: checkpoints and journal lines as bytes, and back. Pure.

1. A document is one line of JSON, UTF-8. Its first member `lgrun` says what it is, `format` how to read it.
2. Its last member `crc` is the CRC-32 of the bytes before `,"crc"`, seeded with the place (thread id, NUL,
   number of the checkpoint): a line does not verify anywhere else.
3. Values are spliced in as the codec made them and come back parsed but not decoded. A checkpoint may hold patches
   instead of some of them, under `patches`: what has changed since an earlier checkpoint; see `patching`.
4. Text with lone surrogates, which is not UTF-8, is `{"$lgrun":"str","v":"<hex>"}`.
5. Reading raises `DamagedStateError` or `NewerFormatError`, for any bytes, and nothing else.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, get_args

import orjson

from lgrun.checkpoint._line import (
    MALFORMED,
    TAG_IN_TEXT,
    BrokenLineError,
    as_text,
    collector_paused,
    document_in,
    is_intact,
    malformed,
    misplaced,
    only_line,
    parsed,
    place_seed,
    safe_text,
    sealed,
    spliced,
    tagged,
    untagged,
)
from lgrun.checkpoint.base import Checkpoint, CheckpointKind, Encoded, Path, PendingWrite, WriteKind
from lgrun.checkpoint.migrations import CURRENT
from lgrun.checkpoint.patching import Patch
from lgrun.errors import DamagedStateError, StateError

__all__ = [
    "PATCHABLE",
    "BrokenLineError",
    "Journal",
    "JournalWriter",
    "check_new",
    "decode_checkpoint",
    "decode_journal",
    "decode_note",
    "encode_checkpoint",
    "encode_note",
    "is_meant",
    "new_checkpoint_id",
    "number_in",
    "read_records",
    "tasks_in",
]

_STR, _INT = frozenset({str}), frozenset({int})
_DICT, _LIST = frozenset({dict}), frozenset({list})
_ANY = frozenset({dict, list, str, int, float, bool, type(None)})

_WRITE_TYPES: dict[str, frozenset[Any]] = {
    **dict.fromkeys(("kind", "at", "name", "digest", "args", "id", "by", "type", "message", "ns"), _STR),
    **dict.fromkeys(("attempt", "q", "index", "pid", "number"), _INT),
    **dict.fromkeys(("path", "trace"), _LIST),
    "schema": _DICT,
    "ms": frozenset({int, float}),
    "cached": frozenset({bool}),
    "value": _ANY,
}
_CHECKPOINT_TYPES: dict[str, frozenset[Any]] = {
    **dict.fromkeys(("thread", "id", "kind", "at", "entrypoint"), _STR),
    **dict.fromkeys(("seq", "step", "parent", "previous", "questions"), _INT),
    **dict.fromkeys(("input", "value", "save", "frontier", "memories", "metadata"), _ANY),
    "next": _LIST,
    "workflow": _DICT,
    "patches": _DICT,
}
_PATCH_TYPES: dict[str, frozenset[Any]] = {"base": _INT, "crc": _STR, "n": _INT, "changes": _LIST}
PATCHABLE = ("input", "value", "save", "frontier", "memories")
"""The values of a checkpoint that may be stored as patches."""
_VALUES = (*PATCHABLE, "metadata")
_FIELDS = PendingWrite._fields
_ALWAYS = ("at", "path", "name")
_WRITE_KINDS = frozenset(get_args(WriteKind))
_CHECKPOINT_KINDS = frozenset(get_args(CheckpointKind))


class Journal(NamedTuple):
    """What a journal's bytes hold.

    Args:
        writes: those of the lines that verify, in order.
        lines: how many lines verify.
        length: bytes up to the end of the last line that verifies.
        torn: what follows is an append that was never acknowledged.
        damage: what follows had perhaps been acknowledged: where and what, for people; else empty.
    """

    writes: list[PendingWrite]
    lines: int
    length: int
    torn: bool = False
    damage: str = ""


# Writing


# Of the last 12 bytes of a UUID: where its version and its variant are, and what they say.
_UUID_MASK = 0x0000F000_C0000000_00000000
_UUID_BITS = 0x00008000_80000000_00000000


def new_checkpoint_id(seq: int, random: bytes) -> str:
    """Return the id of checkpoint `seq`: its number and 12 random bytes, as a UUID of version 8."""
    tail = (int.from_bytes(random[:12]) & ~_UUID_MASK | _UUID_BITS).to_bytes(12).hex()
    return f"{seq:08x}-{tail[:4]}-{tail[4:8]}-{tail[8:12]}-{tail[12:]}"


def check_new(checkpoint: Checkpoint, thread: str, last: int) -> None:
    """Refuse a checkpoint that cannot follow number `last` of `thread`.

    Raises:
        ValueError: it has another thread, not the next number, or an id that does not begin with it.
    """
    if checkpoint.thread != thread:
        raise ValueError(f"checkpoint of thread {checkpoint.thread!r} put into thread {thread!r}")
    if checkpoint.seq != last + 1:
        raise ValueError(f"checkpoint {checkpoint.seq} put after {last}")
    if not checkpoint.id.startswith(f"{checkpoint.seq:08x}-"):
        raise ValueError(f"checkpoint {checkpoint.seq} has the id {checkpoint.id!r}")


def number_in(ref: int | str) -> int:
    """Return the number of the checkpoint that `ref`, a number or a full id, can only mean, or 0."""
    if isinstance(ref, int):
        return ref
    if ref.isascii() and ref.isdigit() and len(ref) <= 8:
        return int(ref)
    try:
        return int(ref[:8], 16) if len(ref) == 36 else 0
    except ValueError:
        return 0


def is_meant(checkpoint: Checkpoint, ref: int | str | None) -> bool:
    """Say whether `ref`, where it is a full id, is this checkpoint's."""
    return not isinstance(ref, str) or len(ref) <= 8 or ref == checkpoint.id


def encode_checkpoint(checkpoint: Checkpoint, patches: Mapping[str, Patch] = {}) -> bytes:
    """Return the line of a checkpoint, with `patches` in the places of the values of these names."""
    c = checkpoint
    document: dict[str, Any] = {"lgrun": "checkpoint", "format": CURRENT, "thread": safe_text(c.thread)}
    document |= {"seq": c.seq, "id": c.id, "parent": c.parent, "previous": c.previous, "kind": c.kind}
    document |= {"step": c.step, "at": c.at, "questions": c.questions, "entrypoint": safe_text(c.entrypoint)}
    document |= {name: _spliced(getattr(c, name)) for name in _VALUES if name not in patches}
    document["patches"] = {
        name: {"base": patch.base, "crc": patch.crc, "n": patch.n, "changes": _spliced(patch.changes)}
        for name, patch in patches.items()
    } or None
    document["next"] = [safe_text(name) for name in c.next] or None
    document["workflow"] = None if c.origin is None else tagged(c.origin)
    stored = [getattr(c, name) for name in _VALUES if name not in patches] + [p.changes for p in patches.values()]
    texts = (value.json() for value in stored if value is not None)
    return sealed(orjson.dumps(_set(document)), place_seed(c.thread, c.seq), texts)


class JournalWriter:
    """Makes the lines of one journal.

    Args:
        thread: the thread's id.
        seq: number of the checkpoint.
    """

    __slots__ = ("_head", "_seed")

    def __init__(self, thread: str, seq: int) -> None:
        place = {"lgrun": "writes", "format": CURRENT, "thread": safe_text(thread), "checkpoint": seq}
        self._head = orjson.dumps(place)[:-1] + b',"n":'
        self._seed = place_seed(thread, seq)

    def line(self, n: int, writes: Sequence[PendingWrite]) -> bytes:
        """Return line `n`, counted from 1."""
        return sealed(b'%b%d,"records":%b}' % (self._head, n, _records(writes)), self._seed, map(_text, writes))


def encode_note(kind: str, **members: str) -> bytes:
    """Return the line of a document that is no checkpoint or journal: `thread` (with the id) or `state`."""
    document = {"lgrun": kind, "format": CURRENT} | {name: safe_text(text) for name, text in members.items()}
    return sealed(orjson.dumps(document), place_seed(members.get("thread", ""), 0))


def _records(writes: Sequence[PendingWrite]) -> bytes:
    records = [_record(write) for write in writes]
    try:
        return orjson.dumps(records)
    except TypeError:
        return orjson.dumps([_with_safe_text(record) for record in records])


def _record(write: PendingWrite) -> dict[str, Any]:
    record = {name: value for name, value in zip(_FIELDS, write, strict=True) if value is not None}
    for name in _ALWAYS:
        if not record[name]:
            del record[name]
    if write.value is not None:
        record["value"] = spliced(write.value.json())
    if write.schema is not None or write.trace is not None:
        record |= {name: tagged(record[name]) for name in ("schema", "trace") if name in record}
    return record


def _text(write: PendingWrite) -> bytes:
    return b"" if write.value is None else write.value.json()


def _set(document: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if value is not None}


def _spliced(value: Encoded | None) -> orjson.Fragment | None:
    return None if value is None else spliced(value.json())


def _with_safe_text(record: dict[str, Any]) -> dict[str, Any]:
    return {name: safe_text(value) if isinstance(value, str) else value for name, value in record.items()}


# Reading


def decode_checkpoint(
    data: bytes, thread: str, seq: int, where: str, patched: Callable[[str, Patch], Encoded] | None = None
) -> Checkpoint:
    """Return the checkpoint in the bytes of its file.

    Args:
        data: the whole file.
        thread: the thread in whose directory the file is.
        seq: the number in the file's name.
        where: the file, for messages.
        patched: returns the value of this name that is stored as a patch.

    Raises:
        DamagedStateError: it does not verify, or belongs elsewhere.
        NewerFormatError: this lgrun is too old for it.
    """
    document = document_in(only_line(data, where), place_seed(thread, seq), "checkpoint", where)
    try:
        fields = _checked(document, _CHECKPOINT_TYPES)
        plain = TAG_IN_TEXT not in data
        for name in _VALUES:
            if name in fields:
                fields[name] = Encoded(tree=fields[name], plain=plain)
        for name, patch in fields.pop("patches", {}).items():
            if name not in PATCHABLE or name in fields or patched is None:
                raise ValueError("patches")
            fields[name] = patched(name, _patch(patch, seq))
        if "next" in fields:
            fields["next"] = tuple([as_text(name) for name in fields["next"]])
        if "workflow" in fields:
            fields["origin"] = untagged(fields.pop("workflow"))
        found = Checkpoint(**fields)
        if found.kind not in _CHECKPOINT_KINDS or not found.id.startswith(f"{seq:08x}-"):
            raise ValueError("kind or id")
    except MALFORMED as error:
        raise malformed(where, error) from error
    if (found.thread, found.seq) != (thread, seq):
        raise misplaced(where, found.thread, found.seq)
    return found


def _patch(members: Any, seq: int) -> Patch:
    if type(members) is not dict or members.keys() != _PATCH_TYPES.keys():
        raise TypeError("a patch")
    patch = Patch(**_checked(members, _PATCH_TYPES))
    if not 0 < patch.base < seq or patch.n < 1:
        raise ValueError("the base of a patch")
    return patch._replace(changes=Encoded(tree=patch.changes))


def decode_journal(data: bytes, thread: str, seq: int, where: str) -> Journal:
    """Return what is in the bytes of a journal, up to the first line that does not verify.

    Args:
        data: the whole file.
        thread: the thread in whose directory the file is.
        seq: the number in the file's name.
        where: the file, for messages.

    Raises:
        DamagedStateError: a line that verifies follows one that does not, or a line belongs elsewhere.
        NewerFormatError: this lgrun is too old for a line.
    """
    with collector_paused():
        return _journal(data, thread, seq, where)


def _journal(data: bytes, thread: str, seq: int, where: str) -> Journal:
    seed = place_seed(thread, seq)
    writes: list[PendingWrite] = []
    length = 0
    *lines, tail = data.split(b"\n")
    for n, line in enumerate(lines, 1):
        try:
            _take(line, thread, seq, n, seed, where, writes)
        except StateError:
            # Only now it matters where exactly.
            place = f"{where}, line {n}, byte {length}"
            try:
                _take(line, thread, seq, n, seed, place, writes)
            except BrokenLineError as error:
                if any(is_intact(later, seed) for later in lines[n:]):
                    raise DamagedStateError(f"{error}; lines after it are intact; nothing was changed") from None
                return Journal(writes, n - 1, length, damage=f"{place}{tasks_in(data[length:])}")
        length += len(line) + 1
    if is_intact(tail[:-1], seed):
        # Everything but the final line break is as written: a torn append would end earlier.
        place = f"{where}, line {len(lines) + 1}, byte {length}"
        return Journal(writes, len(lines), length, damage=f"{place}{tasks_in(tail)}")
    return Journal(writes, len(lines), length, torn=bool(tail))


def _take(line: bytes, thread: str, seq: int, n: int, seed: int, where: str, into: list[PendingWrite]) -> None:
    read_records(document_in(line, seed, "writes", where), thread, seq, n, TAG_IN_TEXT not in line, where, into)


def decode_note(kind: str, data: bytes, where: str) -> dict[str, str]:
    """Return the members of a document that `encode_note` made."""
    line = only_line(data, where)
    try:
        thread = as_text(parsed(line).get("thread", ""))
    except MALFORMED as error:
        raise BrokenLineError(f"{where} is damaged") from error
    document = document_in(line, place_seed(thread, 0), kind, where)
    try:
        return {name: as_text(value) for name, value in document.items()}
    except MALFORMED as error:
        raise malformed(where, error) from error


def read_records(
    document: dict[str, Any], thread: str, seq: int, n: int, plain: bool, where: str, into: list[PendingWrite]
) -> None:
    """Add the records of line `n` of a journal to `into`; `plain` says that there are no tags in it."""
    try:
        place = (as_text(document["thread"]), document["checkpoint"], document["n"])
        if place != (thread, seq, n):
            raise misplaced(where, place[0], place[1], place[2])
        for record in document["records"]:
            into.append(_write(record, plain))  # noqa: PERF401 - those before a malformed one are not wanted either
    except MALFORMED as error:
        raise malformed(where, error) from error


def _write(record: dict[str, Any], plain: bool) -> PendingWrite:
    fields = _checked(record, _WRITE_TYPES)
    if "value" in fields:
        fields["value"] = Encoded(tree=fields["value"], plain=plain)
    if "path" in fields:
        fields["path"] = _path(fields["path"])
    if not plain:
        fields |= {name: untagged(fields[name]) for name in ("schema", "trace") if name in fields}
    if fields["kind"] not in _WRITE_KINDS:
        raise ValueError("kind")
    return PendingWrite(**fields)


def _checked(members: dict[str, Any], types: dict[str, frozenset[Any]]) -> dict[str, Any]:
    for name, value in members.items():
        if type(value) not in types[name]:
            members[name] = as_text(value) if types[name] is _STR else _no(name)
    return members


def _no(name: str) -> Any:
    raise TypeError(name)


def _path(steps: list[Any]) -> Path:
    if len(steps) == 1:
        # As most are.
        ((strand, position),) = steps
        if type(strand) is int and type(position) is int:
            return ((strand, position),)
    path = tuple([(strand, position) for strand, position in steps])
    for strand, position in path:
        if type(strand) is not int or type(position) is not int:
            raise TypeError("path")
    return path


def tasks_in(data: bytes) -> str:
    """Return the names of the tasks in bytes that do not verify, in brackets; empty if there are none."""
    found = [piece.partition(b'"')[0].decode("utf-8", "replace") for piece in data.split(b'"name":"')[1:]]
    return f" ({', '.join(found)})" if found else ""
