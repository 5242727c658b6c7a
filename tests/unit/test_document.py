"""Checkpoints and journal lines as bytes."""

import json
from typing import Any
from unittest.mock import patch
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgrun.checkpoint import _line, migrations
from lgrun.checkpoint._line import BrokenLineError
from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite
from lgrun.checkpoint.document import (
    JournalWriter,
    decode_checkpoint,
    decode_journal,
    decode_note,
    encode_checkpoint,
    encode_note,
    new_checkpoint_id,
)
from lgrun.checkpoint.patching import Patch
from lgrun.errors import DamagedStateError, NewerFormatError

ID = "00000001-0000-8000-8000-000000000000"
AT = "2026-01-01T00:00:00+00:00"

texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=8)
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts | st.just("$lgrun"), inner, max_size=3),
    max_leaves=8,
)


def start(thread: str = "t", **fields: Any) -> Checkpoint:
    return Checkpoint(thread=thread, seq=1, id=ID, kind="input", step=-1, at=AT, **fields)


def lines(*groups: list[PendingWrite], thread: str = "t", seq: int = 1) -> list[bytes]:
    writer = JournalWriter(thread, seq)
    return [writer.line(n, group) for n, group in enumerate(groups, 1)]


def result(name: str) -> PendingWrite:
    return PendingWrite("result", AT, ((0, 0),), name, value=Encoded(json=b"1"))


def forged(document: dict[str, Any], thread: str = "t", seq: int = 1) -> bytes:
    """A line whose checksum is right, whatever else is wrong."""
    body = json.dumps(document).encode()[:-1]
    seed = crc32(thread.encode() + b"\0%d" % seq)
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body, seed))


def test_checkpoint_text() -> None:
    """The line of a checkpoint is what the format says, byte for byte."""
    line = encode_checkpoint(start(input=Encoded(json=b'{"a":1}'), entrypoint="main", origin={"ref": "f:main"}))
    body = (
        b'{"lgrun":"checkpoint","format":1,"thread":"t","seq":1,"id":"00000001-0000-8000-8000-000000000000",'
        b'"kind":"input","step":-1,"at":"2026-01-01T00:00:00+00:00","questions":0,"entrypoint":"main",'
        b'"input":{"a":1},"workflow":{"ref":"f:main"}'
    )
    assert line == body + b',"crc":"%08x"}\n' % crc32(body, crc32(b"t\x001"))


def test_journal_text() -> None:
    """The line of a journal is what the format says, byte for byte, and has only the fields that are set."""
    [line] = lines([result("a"), PendingWrite("cancelled", by="me")])
    body = (
        b'{"lgrun":"writes","format":1,"thread":"t","checkpoint":1,"n":1,"records":[{"kind":"result",'
        b'"at":"2026-01-01T00:00:00+00:00","path":[[0,0]],"name":"a","value":1},{"kind":"cancelled","by":"me"}]'
    )
    assert line == body + b',"crc":"%08x"}\n' % crc32(body, crc32(b"t\x001"))


@given(texts, texts, trees)
def test_checkpoint_round_trip(thread: str, text: str, tree: Any) -> None:
    """A checkpoint comes back equal, also with text that is not UTF-8."""
    made = start(thread, entrypoint=text, origin={"tree": tree}, value=Encoded(json=b"[1]"))
    assert decode_checkpoint(encode_checkpoint(made), thread, 1, "f") == made


@given(texts, texts, trees)
def test_journal_round_trip(thread: str, text: str, tree: Any) -> None:
    """Writes come back equal, also with text that is not UTF-8."""
    writes = [PendingWrite("error", text, (), text, message=text, trace=[tree]), result(text)]
    data = b"".join(lines(writes, [result("b")], thread=thread))
    assert decode_journal(data, thread, 1, "f") == ([*writes, result("b")], 2, len(data), False, "")


@pytest.mark.parametrize("json", [b"null", b"0", b'{"$lgrun":"tuple","v":[]}', b'"\\u2028"'])
def test_value_is_spliced(json: bytes) -> None:
    """A value is stored as the codec made it, and `plain` says whether it can hold tags."""
    [line] = lines([PendingWrite("result", value=Encoded(json=json))])
    assert b'"value":' + json in line
    [write] = decode_journal(line, "t", 1, "f").writes
    assert write.value == Encoded(json=json)
    assert write.value.plain == (b"$lgrun" not in json)


@given(texts, st.lists(trees, max_size=4))
def test_large_values_make_no_difference(thread: str, values: list[Any]) -> None:
    """What is large is put into its line in another way, which cannot be seen in the line."""
    small = [Encoded(json=json.dumps(value).encode()) for value in values]
    writes = [PendingWrite("result", AT, (), thread, value=value, by=thread, trace=[thread]) for value in small]
    point = start(thread, **dict(zip(("input", "save", "metadata"), small, strict=False)))
    patches = {"value": Patch(1, "0", 1, value) for value in small[3:]}

    def made() -> list[bytes]:
        return [encode_checkpoint(point, patches), *lines([PendingWrite("run"), *writes], writes[:1], thread=thread)]

    usual = made()
    for large in (1, 6):
        with patch.object(_line, "LARGE", large):
            assert made() == usual


@pytest.mark.parametrize("size", [1, _line.LARGE])
def test_line_break_in_a_value_is_refused(size: int) -> None:
    """An encoded value that would break the line apart is not written."""
    with pytest.raises(ValueError):
        lines([PendingWrite("result", value=Encoded(json=b"[\n%b]" % (b"1" * size)))])


def test_torn_tail() -> None:
    """What follows the last line break was never acknowledged, wherever the append was cut."""
    first, second = lines([result("a")], [result("b")])
    for cut in range(1, len(second)):
        assert decode_journal(first + second[:cut], "t", 1, "f") == ([result("a")], 1, len(first), True, "")


def test_damaged_last_line_names_its_tasks() -> None:
    """A whole last line that does not verify may have been acknowledged: it is reported with what it held."""
    first, second = lines([result("a")], [result("charge")])
    broken = second.replace(b'"value":1', b'"value":2')
    for data in (broken, second[:-1] + b"\x0b"):
        journal = decode_journal(first + data, "t", 1, "f")
        assert journal.writes == [result("a")]
        assert journal.damage == f"f, line 2, byte {len(first)} (charge)"


def test_damage_before_an_intact_line_is_refused() -> None:
    """A line that does not verify before one that does is an error that names file, line and byte."""
    first, second, third = lines([result("a")], [result("b")], [result("c")])
    with pytest.raises(DamagedStateError, match=f"f, line 2, byte {len(first)} is damaged"):
        decode_journal(first + second.replace(b"b", b"x") + third, "t", 1, "f")


@pytest.mark.parametrize(("thread", "seq"), [("u", 1), ("t", 2)])
def test_line_from_elsewhere_is_refused(thread: str, seq: int) -> None:
    """A line of another thread or checkpoint is never taken for this one's, nor cut off as damaged."""
    with pytest.raises(DamagedStateError, match="belongs to checkpoint"):
        decode_journal(lines([result("a")], thread=thread, seq=seq)[0], "t", 1, "f")


def test_lines_out_of_order_are_refused() -> None:
    """Lines that were swapped, repeated or left out are errors."""
    first, second, third = lines([result("a")], [result("b")], [result("c")])
    for data in (second + first, first + first, first + third, second):
        with pytest.raises(DamagedStateError, match="belongs to"):
            decode_journal(data, "t", 1, "f")


def test_checkpoint_from_elsewhere_is_refused() -> None:
    """A checkpoint does not verify under another name."""
    line = encode_checkpoint(start())
    for thread, seq in (("u", 1), ("t", 2)):
        with pytest.raises(DamagedStateError, match="belongs to"):
            decode_checkpoint(line, thread, seq, "f")


def test_every_flipped_bit_is_noticed() -> None:
    """No single flipped bit of a checkpoint or of a journal goes unnoticed."""
    line = encode_checkpoint(start())
    first, second, third = lines([result("a")], [result("b")], [result("c")])
    for position in range(len(line) * 8):
        changed = bytearray(line)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises((DamagedStateError, NewerFormatError)):
            decode_checkpoint(bytes(changed), "t", 1, "f")
    for position in range(len(first) * 8):
        changed = bytearray(first)
        changed[position // 8] ^= 1 << position % 8
        with pytest.raises((DamagedStateError, NewerFormatError)):
            decode_journal(bytes(changed) + second + third, "t", 1, "f")


def test_newer_format() -> None:
    """A document of a newer format is refused in one line that says what to do."""
    text = r"^00000007.json has format 2; lgrun \S+ reads up to 1; upgrade lgrun$"
    newer = {"lgrun": "checkpoint", "format": 2, "thread": "t"}
    with pytest.raises(NewerFormatError, match=text):
        decode_checkpoint(forged(newer), "t", 1, "00000007.json")
    unknown_checksum = json.dumps(newer | {"crc": "sha256:1"}).encode() + b"\n"
    with pytest.raises(NewerFormatError, match=text):
        decode_checkpoint(unknown_checksum, "t", 1, "00000007.json")
    with pytest.raises(NewerFormatError):
        decode_journal(forged(newer | {"lgrun": "writes", "checkpoint": 1}), "t", 1, "f")


def test_older_formats_are_upgraded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A document of an older format passes through each upgrade in turn, in memory."""
    old = encode_checkpoint(start(entrypoint="main"))
    monkeypatch.setattr(migrations, "CURRENT", 3)
    monkeypatch.setitem(migrations.UPGRADES, 1, lambda d: d | {"entrypoint": d["entrypoint"] + "1"})
    monkeypatch.setitem(migrations.UPGRADES, 2, lambda d: d | {"entrypoint": d["entrypoint"] + "2"})
    assert decode_checkpoint(old, "t", 1, "f").entrypoint == "main12"


HEAD = {"lgrun": "writes", "format": 1, "thread": "t", "checkpoint": 1, "n": 1}
WRONG = [
    HEAD,
    HEAD | {"records": 1},
    HEAD | {"records": {"kind": "result"}},
    HEAD | {"records": [1]},
    HEAD | {"records": [{}]},
    HEAD | {"records": [{"kind": "eval"}]},
    HEAD | {"records": [{"kind": ["result"]}]},
    HEAD | {"records": [{"kind": "result", "name": 1}]},
    HEAD | {"records": [{"kind": "result", "name": {"$lgrun": "os.system", "v": "x"}}]},
    HEAD | {"records": [{"kind": "result", "name": {"$lgrun": "str", "v": "zz"}}]},
    HEAD | {"records": [{"kind": "result", "q": True}]},
    HEAD | {"records": [{"kind": "result", "q": 2**70}]},
    HEAD | {"records": [{"kind": "result", "path": [[0]]}]},
    HEAD | {"records": [{"kind": "result", "path": [[0, "1"]]}]},
    HEAD | {"records": [{"kind": "result", "path": 7}]},
    HEAD | {"records": [{"kind": "result", "__class__": "x"}]},
    HEAD | {"records": [{"kind": "error", "trace": [{"$lgrun": "dict", "v": [1]}]}]},
    HEAD | {"records": [{"kind": "result", "value": json.loads("[" * 300 + "]" * 300)}]},
    HEAD | {"records": [], "format": 0},
    HEAD | {"records": [], "format": "1"},
    HEAD | {"records": [], "lgrun": "checkpoint"},
    HEAD | {"records": [], "thread": "u"},
    HEAD | {"records": [], "n": 2},
    HEAD | {"records": [], "n": None},
]


@pytest.mark.parametrize("document", WRONG)
def test_wrong_shapes_are_damage(document: dict[str, Any]) -> None:
    """A journal line of the wrong shape is refused although its checksum is right."""
    with pytest.raises(DamagedStateError):
        decode_journal(forged(document), "t", 1, "f")


@pytest.mark.parametrize(
    "change",
    [{"seq": "1"}, {"kind": "x"}, {"id": "1"}, {"parent": True}, {"workflow": []}, {"base": 1}, {"at": None}],
)
def test_wrong_checkpoints_are_damage(change: dict[str, Any]) -> None:
    """A checkpoint of the wrong shape is refused although its checksum is right."""
    document = json.loads(encode_checkpoint(start()))
    del document["crc"]
    assert decode_checkpoint(forged(document), "t", 1, "f") == start()
    with pytest.raises(DamagedStateError):
        decode_checkpoint(forged(document | change), "t", 1, "f")


@given(st.binary(max_size=200), st.integers(0, 300), st.integers(0, 300))
def test_any_bytes_are_survived(noise: bytes, at: int, length: int) -> None:
    """Whatever the bytes, reading ends in a value or in a state error."""
    good = b"".join(lines([result("a")], [result("b")]))
    for data in (noise, good[:at] + noise + good[at + length :]):
        for read in (
            lambda data: decode_journal(data, "t", 1, "f"),
            lambda data: decode_checkpoint(data, "t", 1, "f"),
            lambda data: decode_note("thread", data, "f"),
        ):
            try:
                read(data)
            except (DamagedStateError, NewerFormatError):
                pass


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[" * 100_000 + b"\n", b"\xef\xbb\xbf{}\n", b"NaN\n"])
def test_bombs_are_damage(data: bytes) -> None:
    """Empty, deep, marked or non-JSON files are damaged ones."""
    with pytest.raises(BrokenLineError):
        decode_checkpoint(data, "t", 1, "f")
    with pytest.raises(DamagedStateError):
        decode_note("state", data, "f")


@given(texts)
def test_note_round_trip(thread: str) -> None:
    """A thread's id survives in thread.json, whatever it is."""
    assert decode_note("thread", encode_note("thread", thread=thread), "f") == {"thread": thread}


@given(st.integers(1, 99_999_999), st.binary(min_size=12, max_size=12))
def test_checkpoint_ids(seq: int, random: bytes) -> None:
    """An id is a UUID of version 8 that begins with the number and so sorts by it."""
    made = new_checkpoint_id(seq, random)
    assert [len(part) for part in made.split("-")] == [8, 4, 4, 4, 12]
    assert int(made[:8], 16) == seq
    assert made[14] == "8"
    assert made[19] in "89ab"
    assert made < new_checkpoint_id(seq + 1, random)
