"""A state directory of format 1, as lgrun 0.1 wrote it, in `state-1/`.

It is never written again: made once, from the root of the repository, by

    PYTHONPATH=. python tests/golden/test_state_1.py tests/golden/state-1

A later format gets a directory and a module of its own beside it.
"""

import hashlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite, Saved, open_questions, thread_status
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver

AT = "2026-01-01T12:00:00.000000+01:00"
SOURCE = b"# the workflow\n"
ORIGIN = {
    "ref": "flow.py:main",
    "path": "/home/user/flow.py",
    "project_path": "flow.py",
    "name": "main",
    "sha256": hashlib.sha256(SOURCE).hexdigest(),
}
STRANGE = "Größe/\ud800 "


def identity(seq: int) -> str:
    return new_checkpoint_id(seq, bytes(range(12)))


def start(thread: str) -> Checkpoint:
    return Checkpoint(
        thread=thread,
        seq=1,
        id=identity(1),
        kind="input",
        step=-1,
        at=AT,
        entrypoint="main",
        input=Encoded(json=b'{"topic":"cats"}'),
        metadata=Encoded(json=b'{"user":"me"}'),
        origin=ORIGIN,
    )


FINISHED = Saved(start("done"), [
    PendingWrite("start", AT, ((0, 0),), "draft", digest="d1", args="topic='cats'", attempt=1, pid=4711),
    PendingWrite("error", AT, ((0, 0),), "draft", type="OSError", message="no", trace=[["flow.py", 3, "draft"]], ms=2),
    PendingWrite("result", AT, ((0, 0),), "draft", "d1", "topic='cats'", 12.5, 2, False, Encoded(json=b'"Cats."')),
    PendingWrite("result", AT, ((0, 1), (1, 0)), "pair",
                 value=Encoded(json=b'{"$lgrun":"tuple","v":[1,{"$lgrun":"float","v":"nan"}]}')),
    PendingWrite("checkpoint", AT, ((0, 2),), ns="child:1", number=1, value=Encoded(json=b'{"x":null}')),
    PendingWrite("cancelled", AT, by="SIGINT"),
    PendingWrite("run", AT, by="lgrun resume done", pid=4712),
])  # fmt: skip
END = Checkpoint(
    thread="done",
    seq=2,
    id=identity(2),
    kind="end",
    step=0,
    at=AT,
    parent=1,
    previous=2,
    questions=1,
    entrypoint="main",
    value=Encoded(json=b"[1,2.5,null,true]"),
    save=Encoded(json=b"null"),
)
WAITING = Saved(start(STRANGE), [
    PendingWrite("interrupt", AT, (), "ask", digest="d2", id="0" * 32, q=1, index=0, value=Encoded(json=b'"ok?"'),
                 schema={"type": "boolean"}),
    PendingWrite("answer", AT, id="0" * 32, value=Encoded(json=b"false"), by="cli"),
    PendingWrite("interrupt", AT, (), "ask", id="1" * 32, q=2, index=1, value=Encoded(json='"\u2028é😀"'.encode())),
    PendingWrite("error", AT, ((0, 0),), "\udcff", type="E", message="\ud800"),
])  # fmt: skip


def make(directory: Path) -> None:
    saver = FileSaver(directory, source=SOURCE)
    for saved in (FINISHED, WAITING):
        claim = saver.claim(saved.checkpoint.thread)
        claim.put(saved.checkpoint)
        claim.append(1, saved.writes[:2])
        for write in saved.writes[2:]:
            claim.append(1, [write])
        if saved is FINISHED:
            claim.put(END)
        claim.release()


@pytest.fixture
def saver(copy_of: Callable[[str], Path]) -> FileSaver:
    return FileSaver(copy_of("state-1"))


def test_loads(saver: FileSaver) -> None:
    """Every checkpoint and every write of format 1 is read as it was meant."""
    assert sorted(saver.threads()) == sorted(["done", STRANGE])
    assert list(saver.history("done")) == [Saved(END, []), FINISHED]
    assert list(saver.history(STRANGE)) == [WAITING]
    assert saver.load("done", identity(1)) == FINISHED
    assert saver.read_source("done", ORIGIN["sha256"]) == SOURCE
    assert thread_status(saver.load("done") or WAITING, held=False) == "done"
    assert thread_status(WAITING, held=False) == "waiting"
    assert [question.q for question in open_questions(WAITING.writes)] == [2]


def test_goes_on(saver: FileSaver) -> None:
    """A thread of format 1 can be written to, and what was there stays as it is."""
    before = {path: path.read_bytes() for path in Path(saver.directory).rglob("*.json*")}
    claim = saver.claim(STRANGE)
    answer = PendingWrite("answer", AT, id="1" * 32, value=Encoded(json=b"true"))
    claim.append(1, [answer])
    claim.release()
    assert saver.load(STRANGE) == Saved(WAITING.checkpoint, [*WAITING.writes, answer])
    assert all(path.read_bytes().startswith(data) for path, data in before.items())


if __name__ == "__main__":
    make(Path(sys.argv[1]))
