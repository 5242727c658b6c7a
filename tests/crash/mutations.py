"""Files changed in every way that comes to mind: whatever is in them, reading ends in what was written or an error.

`python -m tests.crash.mutations` reads the bombs and prints what each of them costs.
"""

import json
import logging
import random
import resource
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple
from zlib import crc32

from lgrun.checkpoint import serde
from lgrun.checkpoint.base import PendingWrite, Saved
from lgrun.checkpoint.document import encode_note
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateError
from tests.crash.scenarios import checkpoint
from tests.crash.simulated import SimulatedFs, Tree
from tests.crash.workload import STATE, Violation

VALUES: list[Any] = [
    1,
    "text",
    [1, {"a": None}],
    (1, 2),
    {"$lgrun": "x"},
    {1: 2},
    float("nan"),
    2**70,
    b"bytes",
    "\ud800",
]


_GROWS: list[Any] = [{"n": n, "text": "stays the same"} for n in range(70)]
_STORED = ("input", "value", "save", "frontier", "memories")


def make() -> Tree:
    """Return a state directory with two threads, of two runs each, and of a value that grows."""
    disk = SimulatedFs({"home": {}})
    for thread in ("t", "u"):
        claim = FileSaver(STATE, fs=disk, source=b"code").claim(thread)
        claim.put(checkpoint(1, thread, input=serde.encode({"x": 1}), value=serde.encode(_GROWS)))
        for number, value in enumerate(VALUES):
            claim.append(1, [PendingWrite("result", "", ((0, number),), f"task{number}", value=serde.encode(value))])
        claim.put(checkpoint(2, thread, input=serde.encode("again"), parent=1))
        for number, value in enumerate(VALUES[:3]):
            claim.append(2, [PendingWrite("result", "", ((0, number),), f"task{number}", value=serde.encode(value))])
        for seq in (3, 4):
            claim.put(checkpoint(seq, thread, value=serde.encode([*_GROWS, *VALUES[:seq], thread])))
        claim.release()
    return disk.tree()


def forged(document: dict[str, Any], thread: str, seq: int) -> bytes:
    """Return a line whose checksum is right, whatever else is wrong."""
    body = json.dumps(document).encode()[:-1]
    return b'%b,"crc":"%08x"}\n' % (body, crc32(body, crc32(b"%b\0%d" % (thread.encode(), seq))))


class Mutated(NamedTuple):
    """A changed directory. `honest`: the checksums are not forged, so that what is read must be what was written."""

    tree: Tree
    what: str
    honest: bool = True


Files = dict[str, bytes]


def mutate(original: Tree, chance: random.Random) -> Mutated:
    """Return a state directory in which something of thread t was changed."""
    state = original["home"]["state"]
    files: Files = dict(state["threads"]["t"])
    what, change = chance.choice(_CHANGES)
    names = [name for name in files if name != "lock"]
    for _ in range(chance.choice((1, 1, 1, 2, 3))):
        change(files, chance.choice(names), chance, state["threads"]["u"])
    threads = {**state["threads"], "t": files}
    return Mutated({"home": {"state": {**state, "threads": threads}}}, what, what != "wrong types")


def _truncate(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if name in files:
        files[name] = files[name][: chance.randrange(len(files[name]) + 1)]


def _flip(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if files.get(name):
        data = bytearray(files[name])
        for _ in range(chance.choice((1, 1, 2, 8))):
            data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        files[name] = bytes(data)


def _zero(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if files.get(name):
        data = files[name]
        start = chance.randrange(len(data))
        end = chance.randint(start + 1, len(data))
        files[name] = data[:start] + bytes(end - start) + data[end:]


def _splice(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if name in files:
        data = files[name]
        start, end = sorted((chance.randrange(len(data) + 1), chance.randrange(len(data) + 1)))
        files[name] = data[:start] + chance.randbytes(chance.randrange(40)) + data[end:]


def _lines(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if name in files:
        lines = files[name].splitlines(keepends=True) or [b""]
        pick = chance.randrange(len(lines))
        match chance.randrange(3):
            case 0:
                chance.shuffle(lines)
            case 1:
                lines.insert(chance.randrange(len(lines) + 1), lines[pick])
            case 2:
                del lines[pick]
        files[name] = b"".join(lines)


def _delete(files: Files, name: str, chance: random.Random, other: Files) -> None:
    files.pop(name, None)


def _swap(files: Files, name: str, chance: random.Random, other: Files) -> None:
    second = chance.choice(list(files))
    if name in files:
        files[name], files[second] = files[second], files[name]


def _foreign(files: Files, name: str, chance: random.Random, other: Files) -> None:
    files[name] = other[chance.choice(list(other))] if chance.random() < 0.5 else other.get(name, b"")


def _wrong_types(files: Files, name: str, chance: random.Random, other: Files) -> None:
    if not name.startswith("0000") or name not in files:
        return
    seq, lines = int(name[:8]), files[name].splitlines()
    pick = chance.randrange(len(lines))
    try:
        document = json.loads(lines[pick])
        document.pop("crc")
    except (ValueError, KeyError):
        return
    target: Any = document
    while isinstance(target, dict | list) and target:
        key = chance.choice(list(target) if isinstance(target, dict) else range(len(target)))
        if chance.random() < 0.4 or not isinstance(target[key], dict | list):
            target[key] = chance.choice(_STRANGE)
            break
        target = target[key]
    lines[pick] = forged(document, "t", seq)[:-1]
    files[name] = b"\n".join(lines) + b"\n"


_STRANGE: list[Any] = [
    None, True, -1, 10**30, 1e308, "", "x" * 1000, [], {}, [[]], {"$lgrun": "os:system", "v": ["true"]},
    {"$lgrun": 1}, {"$lgrun": "tuple", "v": 1}, {"$lgrun": "str", "v": "zz"}, {"a": {"$lgrun": "x", "v": 1, "w": 2}},
    "../../etc/passwd", "\0", [1, 2, 3], {"$lgrun": "regex", "v": ["(" * 50, 0]},
    {"$lgrun": "decimal", "v": "1e999999999"},
]  # fmt: skip

_CHANGES: list[tuple[str, Callable[[Files, str, random.Random, Files], None]]] = [
    ("truncate", _truncate), ("flip", _flip), ("zero", _zero), ("splice", _splice), ("lines", _lines),
    ("delete", _delete), ("swap", _swap), ("foreign", _foreign), ("wrong types", _wrong_types),
]  # fmt: skip


def written(tree: Tree) -> list[Saved]:
    """Return the history of thread t as it was written."""
    return list(FileSaver(STATE, fs=SimulatedFs(tree)).history("t"))


def verdict(case: Mutated, original: list[Saved]) -> str:
    """Read a changed directory in every way; return how that ended.

    Raises:
        Violation: something was read that was never written.
    """
    outcomes = {_read(case, original, read) for read in (_history, _latest, _claimed)}
    return "refused" if outcomes == {"refused"} else "read"


def _read(case: Mutated, original: list[Saved], read: Callable[[FileSaver], list[Saved]]) -> str:
    try:
        found = read(FileSaver(STATE, fs=SimulatedFs(case.tree)))
        for saved in found:
            values = [write.value for write in saved.writes]
            values += [getattr(saved.checkpoint, name) for name in _STORED]
            for value in values:
                if value is not None:
                    serde.decode(value)
    except StateError:
        return "refused"
    if case.honest:
        known = {saved.checkpoint.seq: saved for saved in original}
        for saved in found:
            true = known.get(saved.checkpoint.seq)
            if true is None or saved.checkpoint != true.checkpoint or saved.writes != true.writes[: len(saved.writes)]:
                raise Violation(f"{case.what}: checkpoint {saved.checkpoint.seq} is not what was written")
    return "read"


def _history(saver: FileSaver) -> list[Saved]:
    list(saver.threads())
    return list(saver.history("t"))


def _latest(saver: FileSaver) -> list[Saved]:
    found = saver.load("t")
    return [found] if found is not None else []


def _claimed(saver: FileSaver) -> list[Saved]:
    claim = saver.claim("t")
    try:
        found = claim.load()
    finally:
        claim.release()
    # What a claim has put in order is read by the next one without a word.
    again = saver.load("t")
    if (found is None) != (again is None) or (found and again and list(found.writes) != list(again.writes)):
        raise Violation("a claim and a reader disagree")
    return [found] if found is not None else []


# --- bombs: small to write, large or slow to read


def bombs() -> dict[str, dict[str, bytes]]:
    """Return the files of thread t in which a bomb is, by the name of the bomb."""
    head = b'{"lgrun":"writes","format":1,"thread":"t","checkpoint":1,"n":1,"records":[{"kind":"result","value":'

    def sealed(value: bytes) -> bytes:
        body = head + value + b"}]"
        return b'%b,"crc":"%08x"}\n' % (body, crc32(body, crc32(b"t\x001")))

    deep, million = 100_000, 1_000_000
    values = {
        "deep lists": b"[" * deep + b"]" * deep,
        "deep objects": b'{"a":' * deep + b"1" + b"}" * deep,
        "open lists": b"[" * million,
        "depth 201": b"[" * 201 + b"]" * 201,
        "a long integer": b"9" * million,
        "a long hexadecimal integer": b'{"$lgrun":"int","v":"0x' + b"f" * million + b'"}',
        "a long fraction": b"0." + b"1" * million,
        "a large exponent": b"1e999",
        "a small exponent": b"1e-999999",
        "NaN": b"NaN",
        "Infinity": b"-Infinity",
        "a lone surrogate": b'"\\ud800"',
        "invalid UTF-8": b'"\xff\xfe"',
        "overlong UTF-8": b'"\xc0\xaf"',
        "a duplicate key": b'{"a":1,"a":2}',
        "a million duplicate keys": b"{" + b",".join([b'"a":1'] * (million // 8)) + b"}",
        "a million lists": b"[" + b",".join([b"[]"] * million) + b"]",
        "a million objects": b"[" + b",".join([b"{}"] * (million // 4)) + b"]",
        "a long text": b'"' + b"x" * (16 * million) + b'"',
        "a million escapes": b'"' + b"\\u0041" * million + b'"',
        "colliding keys": b"{" + b",".join(b'"%d":1' % (i * (2**61 - 1)) for i in range(50_000)) + b"}",
        "a control character": b'"\x00"',
        "a large range": b'{"$lgrun":"range","v":[0,9007199254740991,1]}',
        "a decimal with a large exponent": b'{"$lgrun":"decimal","v":"1e999999999"}',
        "a slow pattern": b'{"$lgrun":"regex","v":["' + b"(a|" * 50 + b"b" + b")" * 50 + b'",0]}',
        "a repeated pattern": b'{"$lgrun":"regex","v":["((a{1,999}){1,999}){1,999}",0]}',
        "a large array": b'{"$lgrun":"ndarray","v":{"dtype":"<f8","shape":[99999,99999],"data":""}}',
        "an exception of a large depth": b'{"$lgrun":"tuple","v":' * 150 + b"[]" + b"}" * 150,
    }  # fmt: skip
    journal = "00000001.writes.jsonl"
    found = {name: {journal: sealed(value)} for name, value in values.items()}
    found |= {
        "a byte order mark": {journal: b"\xef\xbb\xbf" + sealed(b"1")},
        "UTF-16": {journal: sealed(b"1").decode().encode("utf-16")},
        "a million line breaks": {journal: b"\n" * million},
        "a million damaged lines": {journal: b"x\n" * million},
        "damaged lines and an intact one": {journal: b"x\n" * million + sealed(b"1")},
        "no line break": {journal: b"x" * (16 * million)},
        "an empty checkpoint": {"00000001.json": b""},
        "a deep checkpoint": {"00000001.json": b"[" * million + b"\n"},
        "a checkpoint with a large number": {"99999999.json": b"{}\n"},
        "a long thread": {"thread.json": encode_note("thread", thread="t" * million)},
    }

    def patched(changes: bytes) -> bytes:
        base = made["00000003.json"]
        body = made["00000004.json"].partition(b'"changes":')[0] + b'"changes":' + changes + b"}}}"
        assert base[-11:-3] in body
        return b'%b,"crc":"%08x"}\n' % (body[:-1], crc32(body[:-1], crc32(b"t\x004")))

    made: Files = make()["home"]["state"]["threads"]["t"]
    patches = {
        "a patch of a million changes": b"[" + b",".join([b'{"at":[0,"n"],"set":1}'] * (million // 4)) + b"]",
        "a patch that shifts a list": b"[" + b",".join([b'{"at":[],"splice":[0,0,[1]]}'] * (million // 4)) + b"]",
        "a patch that lengthens a text": b"[" + b",".join([b'{"at":[0,"text"],"append":"x"}'] * (million // 4)) + b"]",
        "a patch of a long path": b'[{"at":[' + b"0," * million + b'0],"set":1}]',
        "a deep patch": b'[{"at":[0],"set":' + b"[" * 250 + b"]" * 250 + b"}]",
        "a patch that nests": b"[" + b",".join([b'{"at":[%b0],"set":[0]}' % (b"0," * n) for n in range(900)]) + b"]",
        "a patch of nothing": b'[{"at":["x"],"drop":[]}]',
    }
    return found | {name: {"00000004.json": patched(changes)} for name, changes in patches.items()}


def cost_of(files: dict[str, bytes]) -> float:
    """Return the seconds of CPU that the slowest way to read thread t takes with a bomb in it."""
    tree = make()["home"]["state"]
    kept = {name: data for name, data in tree["threads"]["t"].items() if name[:8] < "00000002" or name[0] != "0"}
    state = {"home": {"state": {**tree, "threads": {"t": kept | files}}}}
    slowest = 0.0
    for read in (_history, _latest, _claimed):
        disk = SimulatedFs(state)
        began = time.process_time()
        _read(Mutated(state, "bomb", honest=False), [], lambda _, disk=disk, read=read: read(FileSaver(STATE, fs=disk)))  # type: ignore[misc]
        slowest = max(slowest, time.process_time() - began)
    return slowest


def main() -> None:
    """Read the bombs."""
    logging.getLogger("lgrun").setLevel(logging.CRITICAL)
    made = bombs()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    seconds = {name: cost_of(files) for name, files in made.items()}
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    json.dump({"seconds": seconds, "megabytes": grown >> 10}, sys.stdout)


if __name__ == "__main__":
    main()
