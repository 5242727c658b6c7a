"""What every checkpoint saver does, in memory or on disk."""

import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint import serde
from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Encoded, PendingWrite, Saved
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.memory import InMemorySaver, MemorySaver
from lgrun.errors import StateError, ThreadBusyError, ThreadExistsError

# DURABILITY.md, section 6.
THREAD_IDS = [
    *("", ".", "..", "../x", "a/b", "a\\b", "/abs", "~", "CON", "nul.txt", "a.", " a ", "\0", "a\nb"),
    *("\x1b[31m", "\u202e", "-t", "--help", "@last", "a" * 64, "a" * 65, "a" * 300, "a" * 100_000, "A", "a"),
    *("é", "e\u0301", "😀", "%2e%2e", "\ud800"),
]


@pytest.fixture(params=["memory", "file"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> BaseCheckpointSaver:
    return InMemorySaver() if request.param == "memory" else FileSaver(tmp_path / "state")


def checkpoint(thread: str, seq: int, kind: Any = "input", **fields: Any) -> Checkpoint:
    identity = new_checkpoint_id(seq, os.urandom(12))
    at = "2026-01-01T00:00:00+00:00"
    return Checkpoint(thread=thread, seq=seq, id=identity, kind=kind, step=seq - 2, at=at, **fields)


def result(name: str, json: bytes = b"1", position: int = 0) -> PendingWrite:
    return PendingWrite("result", "2026-01-01", ((0, position),), name, value=Encoded(json=json))


def fill(saver: BaseCheckpointSaver, thread: str = "t", count: int = 3) -> list[Checkpoint]:
    made = [checkpoint(thread, seq, value=Encoded(json=b"%d" % seq)) for seq in range(1, count + 1)]
    claim = saver.claim(thread)
    for each in made:
        claim.put(each)
        claim.append(each.seq, [result(f"task{each.seq}")])
    claim.release()
    return made


def test_unknown_thread_is_empty(saver: BaseCheckpointSaver) -> None:
    """Of a thread that was never put there is nothing to read, and deleting it is silent."""
    assert saver.load("t") is None
    assert saver.load("t", 1) is None
    assert list(saver.history("t")) == []
    assert list(saver.threads()) == []
    saver.delete_thread("t")


def test_put_then_load(saver: BaseCheckpointSaver) -> None:
    """A checkpoint comes back with every field, through the claim and without it."""
    origin = {"ref": "flow.py:main", "path": "/x/\udcff.py", "nested": [{"$lgrun": "\ud800"}, 1.5, None]}
    full = checkpoint(
        "t",
        1,
        parent=None,
        previous=None,
        questions=7,
        entrypoint="flow:main",
        input=Encoded(json=b'{"a":[1,2.5,null,"\xc3\xa9"]}'),
        value=Encoded(json=b"null"),
        save=Encoded(json=b"false"),
        metadata=Encoded(json=b'{"user":"me"}'),
        origin=origin,
    )
    claim = saver.claim("t")
    claim.put(full)
    assert claim.load() == (full, [])
    claim.release()
    assert saver.load("t") == (full, [])


def test_append_keeps_order_and_fields(saver: BaseCheckpointSaver) -> None:
    """Writes come back in order, field for field, whether or not they were synced."""
    writes = [
        PendingWrite("run", "t0", by="lgrun", pid=4),
        PendingWrite("start", "t1", ((0, 1), (2, 3)), "draft", digest="d", args="x=1", attempt=1, pid=4),
        PendingWrite("result", "t2", ((0, 1),), "draft", ms=1.5, attempt=2, cached=False, value=Encoded(json=b"0")),
        PendingWrite("error", "t3", (), "", type="E", message="\udcff", trace=[["f.py", 3, "\ud800"]], ms=2),
        PendingWrite("error", "t3", ((0, 0),), "x", type="E", message=""),
        PendingWrite("interrupt", "t4", ((0, 2),), "a", index=0, id="i", q=1, value=Encoded(json=b'{"$lgrun":1}'),
                     schema={"$lgrun": "str", "v": ["\ud800"], "\ud800": {}}),
        PendingWrite("answer", "t5", id="i", value=Encoded(json=b"null"), by="me"),
        PendingWrite("cancelled", "t6", by="SIGINT"),
        PendingWrite("checkpoint", "t7", ((0, 3),), ns="child:1", number=2, value=Encoded(json=b"[]")),
    ]  # fmt: skip
    claim = saver.claim("t")
    claim.put(checkpoint("t", 1))
    claim.append(1, writes[:1], sync=False)
    claim.append(1, writes[1:4])
    claim.append(1, writes[4:], sync=False)
    claim.append(1, [], sync=True)
    saved = claim.load()
    claim.release()
    assert saved is not None
    assert list(saved.writes) == writes
    again = saver.load("t")
    assert again is not None
    assert list(again.writes) == writes


def test_history_is_newest_first(saver: BaseCheckpointSaver) -> None:
    """History runs from the latest checkpoint down, each with its own journal, below `before` only."""
    made = fill(saver)
    assert [s.checkpoint for s in saver.history("t")] == made[::-1]
    assert [s.writes[0].name for s in saver.history("t")] == ["task3", "task2", "task1"]
    assert [s.checkpoint.seq for s in saver.history("t", before=3)] == [2, 1]
    assert list(saver.history("t", before=1)) == []


def test_references(saver: BaseCheckpointSaver) -> None:
    """A checkpoint is found by its number or its whole id; anything else is absent."""
    made = fill(saver)
    for ref in (2, "2", "00000002", made[1].id):
        found = saver.load("t", ref)
        assert found is not None
        assert found.checkpoint == made[1]
    other = made[1].id[:-1] + ("0" if made[1].id[-1] != "0" else "1")
    absent: list[int | str] = [0, -1, 4, 10**12, "", "x", "../1", made[1].id[:-1], other, "z" * 36, "²"]
    assert [saver.load("t", ref) for ref in absent] == [None] * len(absent)


def test_append_to_an_earlier_checkpoint(saver: BaseCheckpointSaver) -> None:
    """A journal can be continued after later checkpoints were put, in the same claim or in another one."""
    fill(saver)
    claim = saver.claim("t")
    claim.append(1, [result("a")])
    claim.append(3, [result("b")])
    claim.append(1, [result("c")])
    claim.release()
    assert [w.name for w in saver.load("t", 1).writes] == ["task1", "a", "c"]  # type: ignore[union-attr]
    assert [w.name for w in saver.load("t").writes] == ["task3", "b"]  # type: ignore[union-attr]


def test_wrong_checkpoints_are_refused(saver: BaseCheckpointSaver) -> None:
    """Another thread's checkpoint, a number out of order, and a journal without checkpoint are errors."""
    fill(saver, count=2)
    claim = saver.claim("t")
    for wrong in (checkpoint("u", 3), checkpoint("t", 2), checkpoint("t", 4)):
        with pytest.raises(ValueError):
            claim.put(wrong)
    with pytest.raises(ValueError):
        claim.append(3, [result("a")])
    claim.release()
    assert [s.checkpoint.seq for s in saver.history("t")] == [2, 1]


def test_claims_exclude_each_other(saver: BaseCheckpointSaver) -> None:
    """A second claim in the same process fails, naming the holder, until the first is released."""
    first = saver.claim("t")
    other = saver.claim("u")
    with pytest.raises(ThreadBusyError, match="'t' is being run by") as caught:
        saver.claim("t")
    assert caught.value.holder["pid"] == os.getpid()
    with pytest.raises(ThreadBusyError):
        saver.delete_thread("t") if saver.load("t") else saver.claim("t", wait=0.01)
    first.release()
    first.release()
    saver.claim("t").release()
    other.release()


def test_claim_waits(saver: BaseCheckpointSaver) -> None:
    """Claims that wait are served one after the other, on a new thread too, and lose no update."""

    def count() -> None:
        for _ in range(5):
            claim = saver.claim("t", wait=None)
            saved = claim.load()
            number = saved.checkpoint.seq if saved else 0
            claim.put(checkpoint("t", number + 1))
            claim.release()

    workers = [threading.Thread(target=count) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert saver.load("t").checkpoint.seq == 20  # type: ignore[union-attr]


def test_claim_alone_leaves_nothing(saver: BaseCheckpointSaver) -> None:
    """A claim on a new thread is not seen by readers, and leaves no thread if nothing is put."""
    claim = saver.claim("t")
    assert claim.load() is None
    assert list(saver.threads()) == []
    assert saver.load("t") is None
    claim.release()
    assert list(saver.threads()) == []


def test_released_claim_writes_nothing(saver: BaseCheckpointSaver) -> None:
    """After release a claim refuses to write."""
    fill(saver, count=1)
    claim = saver.claim("t")
    claim.release()
    with pytest.raises(StateError, match="released"):
        claim.append(1, [result("a")])
    with pytest.raises(StateError, match="released"):
        claim.put(checkpoint("t", 2))


def test_copy(saver: BaseCheckpointSaver) -> None:
    """A whole thread is there at once; the old one and the copy go their own ways."""
    made = fill(saver)
    told = [Saved(replace(point, thread="u"), writes) for point, writes in saver.history("t", oldest_first=True)]
    saver.copy_thread("t", "u", iter(told))

    assert list(saver.history("u", oldest_first=True)) == told
    assert sorted(saver.threads()) == ["t", "u"]
    claim = saver.claim("u")
    claim.append(3, [result("more")])
    claim.put(checkpoint("u", 4))
    claim.release()
    assert [saved.checkpoint for saved in saver.history("t")] == made[::-1]
    assert [write.name for write in saver.load("t").writes] == ["task3"]  # type: ignore[union-attr]


def test_a_copy_replaces_nothing(saver: BaseCheckpointSaver) -> None:
    """A thread that is there stays as it is; a history that is none makes no thread."""
    fill(saver)
    before = list(saver.history("t"))
    with pytest.raises(ThreadExistsError):
        saver.copy_thread("t", "t", before[::-1])
    with pytest.raises(ValueError, match="put into thread"):
        saver.copy_thread("t", "u", before[::-1])

    def breaks() -> Iterator[Saved]:
        yield Saved(checkpoint("u", 1), [])
        raise KeyError("the reader failed")

    with pytest.raises(KeyError):
        saver.copy_thread("t", "u", breaks())
    assert list(saver.threads()) == ["t"]
    assert list(saver.history("t")) == before


def test_delete(saver: BaseCheckpointSaver) -> None:
    """A deleted thread is gone and can begin anew; one that is held cannot be deleted."""
    fill(saver)
    fill(saver, "other")
    claim = saver.claim("t")
    with pytest.raises(ThreadBusyError):
        saver.delete_thread("t")
    claim.release()
    saver.delete_thread("t")
    assert saver.load("t") is None
    assert list(saver.threads()) == ["other"]
    assert [c.seq for c in fill(saver)] == [1, 2, 3]


def test_thread_ids_survive(saver: BaseCheckpointSaver) -> None:
    """Every string is a thread id of its own and is listed back exactly."""
    for thread in THREAD_IDS:
        fill(saver, thread, count=1)
    assert sorted(saver.threads()) == sorted(THREAD_IDS)
    for thread in THREAD_IDS:
        found = saver.load(thread)
        assert found is not None
        assert found.checkpoint.thread == thread
        assert len(found.writes) == 1


def test_loaded_values_are_the_callers(saver: BaseCheckpointSaver) -> None:
    """Changing a loaded value changes nothing for the next reader."""
    claim = saver.claim("t")
    claim.put(checkpoint("t", 1, value=Encoded(json=b'{"a":[1]}')))
    claim.release()
    for _ in range(2):
        saved = saver.load("t")
        assert saved is not None
        assert saved.checkpoint.value is not None
        tree = saved.checkpoint.value.tree()
        assert tree == {"a": [1]}
        tree["a"].append(2)


def test_values_that_grow(saver: BaseCheckpointSaver) -> None:
    """However a long value changes from one checkpoint to the next, each comes back as it was put, for good."""
    long: list[Any] = [{"n": n, "text": "stays the same"} for n in range(100)]
    values: list[Any] = [
        long,
        [*long, 1],
        [*long, 1.0],
        [*long, True, {"a": 1, "b": 2}],
        [*long, True, {"b": 2, "a": 1}],
    ]
    values += [long[10:], {"in": long}, None, {"in": [*long, None], "": "x"}, *([*long, *range(n)] for n in range(40))]
    put = []
    for start in range(0, len(values), 7):
        claim = saver.claim("t")
        for seq, value in enumerate(values[start : start + 7], start + 1):
            encoded = {"value": serde.encode(value), "save": serde.encode([seq, value])}
            claim.put(checkpoint("t", seq, **encoded))
            put.append([each.json() for each in encoded.values()])
        claim.release()

    def texts(found: Iterable[Saved]) -> list[Any]:
        points = [saved.checkpoint for saved in found]
        return [[point.value and point.value.json(), point.save and point.save.json()] for point in points]

    assert texts(saver.history("t", oldest_first=True)) == put
    history = [Saved(replace(saved.checkpoint, thread="u"), []) for saved in saver.history("t", oldest_first=True)]
    saver.copy_thread("t", "u", history)
    saver.delete_thread("t")
    assert texts(saver.history("u")) == put[::-1]


def test_langgraph_name() -> None:
    """`MemorySaver` is the name that LangGraph's older programs use."""
    assert MemorySaver is InMemorySaver
