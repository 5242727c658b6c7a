"""Forking a thread: a new one is made from a point of an old one, which is only read.

`planned` says what will be kept and what will run again, `made` writes it; nothing runs. See `checkpoint.forking` for
the rules. `Workflow.fork` is both.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TypeAlias

from lgrun.checkpoint.base import BaseCheckpointSaver, Encoded, PendingWrite, Saved, thread_status
from lgrun.checkpoint.forking import MARK, Changes, Point, kept, points_of
from lgrun.checkpoint.ids import fresh_id
from lgrun.checkpoint.references import meant, names_of
from lgrun.checkpoint.serde import encode
from lgrun.errors import ForkError, NotSerializableError, ThreadExistsError

__all__ = ["Fork", "NodeResult", "made", "planned", "points"]

NodeResult: TypeAlias = Callable[[Saved, str, Any], Any]
"""Returns what a node of a graph comes to that returns a value at a checkpoint: only the graph knows that."""


@dataclass(frozen=True, slots=True)
class Fork:
    """A fork that can be made.

    Args:
        thread: the old thread.
        saved: the checkpoint at which the new one will stand, with its journal in the old one.
        writes: its journal in the new one.
        where: from where it comes, for people.
    """

    thread: str
    saved: Saved
    writes: Sequence[PendingWrite]
    where: str

    @property
    def kept(self) -> list[str]:
        """Return the names of the calls and questions that are done, in the order in which they began."""
        done = self._done()
        return [_name(point) for point in points_of(Saved(self.saved.checkpoint, self.writes)) if _key(point) in done]

    @property
    def again(self) -> list[str]:
        """Return the names of the calls and questions that had begun and will be made again."""
        done, begun = self._done(), {write.path for write in self.saved.writes}
        points = [point for point in points_of(self.saved) if _key(point) not in done]
        return [_name(point) for point in points if point.path in begun]

    def _done(self) -> set[Any]:
        answers: set[Any] = {write.id for write in self.writes if write.kind == "answer"}
        return answers | {write.path for write in self.writes if write.kind == "result"}


def points(saver: BaseCheckpointSaver, thread: str, checkpoint: int | str | None = None) -> list[Point]:
    """Return all points from which a thread can be forked, up to a checkpoint, oldest first."""
    return _points(saver, _at(saver, thread, checkpoint))


def planned(
    saver: BaseCheckpointSaver,
    thread: str,
    checkpoint: int | str | None = None,
    *,
    before: str | Point | None = None,
    results: Mapping[str | Point, Any] = {},
    answers: Mapping[str, Any] = {},
    node: NodeResult | None = None,
    by: str | None = None,
    anew: bool = False,
    where: str | None = None,
) -> Fork:
    """Say what a fork comes to. Nothing is written.

    Args:
        saver: where the thread is. What is on the disk counts, also while a run holds the thread.
        thread: its id.
        checkpoint: number or id of one of its checkpoints: only the thread up to there.
        before: the call before which, or the question at which, the new thread is to stand.
        results: what calls are to have returned.
        answers: what questions are to have been answered.
        node: says what a node comes to; needed where `results` has one.
        by: who puts in results and answers, for the record.
        anew: of the latest checkpoint, too, nothing that was done after it is kept, as of an older one.
        where: what is recorded as the point of the fork; by default what it was called here.

    Raises:
        ForkError: there is no such thread, call or question, or it cannot be forked there.
        NotSerializableError: a value cannot be saved.
    """
    at = _at(saver, thread, checkpoint)
    asked = before is not None or results or answers
    known = _points(saver, at) if asked else []
    start = None if before is None else _found(thread, known, before)
    puts = [(_task(thread, known, name), value) for name, value in results.items()]
    replies = [(_question(thread, known, name), value) for name, value in answers.items()]
    changed = [point for point, _ in (*puts, *replies)]
    seq = min([point.seq for point in (*changed, *([start] if start else []))], default=at.checkpoint.seq)
    for point in changed:
        if point.seq > seq:
            raise ForkError(
                f"{_name(point)} is in a later step of thread {thread!r} than the point of the fork: it is not kept"
            )
    saved = at if seq == at.checkpoint.seq else _at(saver, thread, seq)
    where = where or _place(thread, checkpoint, before)
    changes_made = [
        *(f"{_name(point)} set" for point, _ in puts),
        *(f"{_name(point)} answered" for point, _ in replies),
    ]
    where += f" with {', '.join(changes_made)}" if changes_made else ""
    mark = PendingWrite("cancelled", datetime.now(UTC).isoformat(), by=MARK + where)
    if not asked and not anew and thread_status(saved, held=False) == "done":
        return Fork(thread, saved, [*saved.writes, mark._replace(kind="run")], where)
    again = [start.id] if start and start.id and start.seq == seq and start not in changed else []
    changes = Changes(
        before=[start.path] if start and start.kind == "task" and start.seq == seq else [],
        again=again,
        results={point.path: _result(saved, point, value, mark, by, node) for point, value in puts},
        answers={point.id or "": _encoded(value, f"the answer to q{point.q}") for point, value in replies},
        anew=not asked and (anew or (checkpoint is not None and _is_older(saver, at))),
    )
    return Fork(thread, saved, kept(saved, changes, mark=mark, by=by), where)


def made(saver: BaseCheckpointSaver, fork: Fork, new: str | None = None) -> str:
    """Make the new thread, complete or not at all, and return its id.

    Args:
        saver: where the old thread is.
        fork: what is made.
        new: the id; by default that of the old thread and some characters.

    Raises:
        ThreadExistsError: there is a thread with this id.
        ForkError: the old thread is gone.
    """
    name = fresh_id(fork.thread[:190], lambda thread: _exists(saver, thread), os.urandom) if new is None else new
    if _exists(saver, name):
        raise ThreadExistsError(f"there is a thread {name!r}: nothing was changed")
    saver.copy_thread(fork.thread, name, _history(saver, fork, name))
    return name


def _history(saver: BaseCheckpointSaver, fork: Fork, new: str) -> Iterator[Saved]:
    last = fork.saved.checkpoint
    count = 0
    for checkpoint, writes in saver.history(fork.thread, before=last.seq, oldest_first=True):
        count += 1
        yield Saved(replace(checkpoint, thread=new), writes)
    if count != last.seq - 1:
        raise ForkError(f"thread {fork.thread!r} was deleted")
    yield Saved(replace(last, thread=new), fork.writes)


def _exists(saver: BaseCheckpointSaver, thread: str) -> bool:
    return next(saver.checkpoints(thread), None) is not None


def _at(saver: BaseCheckpointSaver, thread: str, checkpoint: int | str | None) -> Saved:
    saved = saver.load(thread, checkpoint)
    if saved is not None:
        return saved
    if checkpoint is not None and _exists(saver, thread):
        raise ForkError(f"thread {thread!r} has no checkpoint {checkpoint}")
    raise ForkError(f"there is no thread {thread!r}")


def _is_older(saver: BaseCheckpointSaver, at: Saved) -> bool:
    head = next(saver.checkpoints(at.checkpoint.thread), None)
    return head is not None and head.seq > at.checkpoint.seq


# --- points by name


def _points(saver: BaseCheckpointSaver, at: Saved) -> list[Point]:
    point = at.checkpoint
    found = [
        each for saved in saver.history(point.thread, before=point.seq, oldest_first=True) for each in points_of(saved)
    ]
    return [*found, *points_of(at)]


def _found(thread: str, known: Sequence[Point], wanted: str | Point) -> Point:
    point = wanted if isinstance(wanted, Point) else meant(known, wanted)
    if point is not None:
        return point
    tasks, questions = names_of(known)
    from difflib import get_close_matches

    names = [*tasks, *questions]
    names = list(dict.fromkeys([*get_close_matches(str(wanted), names, n=3), *names]))
    there = f"there are {', '.join(names[:20])}" if names else "it made none"
    raise ForkError(f"thread {thread!r} has no call {wanted!r}: {there}", names)


def _task(thread: str, known: Sequence[Point], wanted: str | Point) -> Point:
    point = _found(thread, known, wanted)
    if point.kind != "task":
        raise ForkError(f"q{point.q} is a question: it is given an answer, not a result")
    return point


def _question(thread: str, known: Sequence[Point], wanted: str) -> Point:
    point = _found(thread, known, wanted)
    if point.kind != "ask":
        raise ForkError(f"{point.name} is no question: it is given a result, not an answer")
    return point


def _place(thread: str, checkpoint: int | str | None, before: str | Point | None) -> str:
    step = checkpoint if before is None else before
    if isinstance(step, Point):
        step = _name(step)
    return thread if step is None else f"{thread}/{step}"


def _name(point: Point) -> str:
    return f"q{point.q}" if point.kind == "ask" else point.name


def _key(point: Point) -> Any:
    return point.id or point.path


# --- values


def _result(
    saved: Saved, point: Point, value: Any, mark: PendingWrite, by: str | None, node: NodeResult | None
) -> PendingWrite:
    """Return the record of a call that is to have returned a value."""
    if point.inner:
        raise ForkError(f"{point.name} is a node of a graph inside: set a task, or what calls that graph")
    if point.node:
        if node is None:
            raise ForkError(f"{point.name} is a node: only its graph knows what the value means")
        value = node(saved, point.name, value)
    record = next(
        (write for write in saved.writes if write.kind in ("start", "result") and write.path == point.path), None
    )
    digest, args = (None, None) if record is None else (record.digest, record.args)
    encoded = _encoded(value, f"the value for {point.name!r}")
    return PendingWrite(
        "result", mark.at, point.path, point.name, digest=digest, args=args, value=encoded, by=by or mark.by
    )


def _encoded(value: Any, what: str) -> Encoded:
    try:
        return encode(value)
    except NotSerializableError as error:
        raise NotSerializableError(error.path, error.reason, what) from None
