"""The replay core: what a run already knows, and what follows from it.

It folds the journal of one checkpoint and answers: is the result of this call already known; has this question an
answer. (Where an invocation starts: see `start`.) Decisions are values; the drivers act on them.

Rule 1: everything that affects these answers lives in this file; it knows no clock, thread, file or user code.
Rule 2: a call is known by its parent, its name and the digest of its arguments first, and only then by its place. In
code that runs concurrently a place alone would hand one call the result of another (see `strands`).
Rule 3: a place is handed out once. A call whose own place belongs to another recorded call gets a free one.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from lgrun._engine.ids import interrupt_id
from lgrun._engine.strands import is_thread
from lgrun.checkpoint.base import ANY_ARGUMENTS, Encoded, Path, PendingWrite

# --- calls ------------------------------------------------------------------------------------------------------------


GONE = "nothing"
"""What the code makes now of a recorded call that it does not make any more; that is nowhere."""


class Mismatch(NamedTuple):
    """The code makes another call than the one recorded; `used` if the recorded result is handed on all the same."""

    recorded: str
    now: str
    used: bool


class Recorded(NamedTuple):
    """The call's result is known."""

    path: Path
    write: PendingWrite
    mismatch: Mismatch | None = None


class Launch(NamedTuple):
    """The call must run, under this path."""

    path: Path
    mismatch: Mismatch | None = None


# Not dataclasses: making four of them takes more than a millisecond whenever a workflow is loaded.


class _Call:
    __slots__ = ("args", "digest", "name", "path", "result", "used")

    def __init__(self, path: Path, name: str, digest: str | None, args: str | None, *, used: bool = False) -> None:
        self.path = path
        self.name = name
        self.digest = digest
        self.args = args
        self.result: PendingWrite | None = None
        self.used = used


class _Alike:
    """Calls that only their places tell apart; those before `start` are used."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self.start = 0

    def first_unused(self) -> _Call | None:
        while self.start < len(self.calls) and self.calls[self.start].used:
            self.start += 1
        return self.calls[self.start] if self.start < len(self.calls) else None


def describe(name: str, args: str | None) -> str:
    """Write a call as people read it."""
    return f"{name}({'…' if args is None else args})"


class Calls:
    """The calls recorded under one checkpoint, and those made since."""

    def __init__(self, writes: Sequence[PendingWrite] = ()) -> None:
        self._at: dict[Path, _Call] = {}
        for write in writes:
            if write.kind in ("start", "result"):
                call = self._at.get(write.path)
                if call is None:
                    call = self._at[write.path] = _Call(write.path, write.name, write.digest, write.args)
                if write.kind == "result":
                    call.result = write
        self._recorded = dict(self._at)
        # Calls that may be taken up, not those made since, and once they are asked for, by what they have in common.
        self._waiting: Collection[_Call] = self._recorded.values()
        self._alike: dict[tuple[Path, str, str | None], _Alike] | None = None
        # The next free position of a strand, once it was asked for.
        self._free: dict[tuple[Path, int], int] = {}

    def _first_alike(self, parent: Path, name: str, digest: str) -> _Call | None:
        """Return the first unused call that may be taken up and has these things in common."""
        if not self._waiting:
            return None
        if self._alike is None:
            self._alike = {}
            for call in sorted(self._waiting, key=lambda call: call.path):
                self._alike.setdefault((call.path[:-1], call.name, call.digest), _Alike()).calls.append(call)
        alike = self._alike.get((parent, name, digest))
        return None if alike is None else alike.first_unused()

    def decide(
        self, parent: Path, place: tuple[int, int], name: str, digest: str | None, args: str | None
    ) -> Recorded | Launch:
        """Decide whether a call is known, by the three rules of the design, and mark what it takes as used.

        Args:
            parent: path of the frame that makes the call.
            place: the call's strand and position in that frame.
            name: of the task.
            digest: of its arguments, None if they have none: then only its place tells the call.
            args: summary of the arguments for people.
        """
        path = (*parent, place)
        own = self._at.get(path)
        if own is None and not self._waiting:
            # Nothing may be taken up, as in most runs.
            return self._launch(path, name, digest, args)
        known = self._same(parent, place, own, name, digest)
        if known is not None:
            known.used = True
            return Recorded(known.path, known.result) if known.result else Launch(known.path)
        if own is None:
            return self._launch(path, name, digest, args)
        if own.used or own.result is None or own.digest == ANY_ARGUMENTS:
            # A result that was put in for another task says nothing of what the code did.
            return self._launch(self._free_path(parent, place[0]), name, digest, args)
        mismatch = Mismatch(describe(own.name, own.args), describe(name, args), own.name == name)
        if own.name == name and place[0] == 0:
            own.used = True
            return Recorded(own.path, own.result, mismatch)
        # Beyond the first strand a place proves little: a task more or less before it moves it.
        path = self._free_path(parent, place[0])
        return self._launch(path, name, digest, args, mismatch if place[0] == 0 else None)

    def _same(
        self, parent: Path, place: tuple[int, int], own: _Call | None, name: str, digest: str | None
    ) -> _Call | None:
        in_thread = is_thread(place[0])
        if own is not None and not own.used and own.name == name and own.digest in (digest, ANY_ARGUMENTS):
            # Without a digest only the place tells a call, and that of a thread may be another one's.
            if own.digest == digest and digest is not None:
                return own
            if not in_thread:
                return own
            if own.digest is None:
                return None
        found = None if digest is None else self._first_alike(parent, name, digest)
        if found is None and in_thread:
            found = self._first_alike(parent, name, ANY_ARGUMENTS)
        return found

    def _free_path(self, parent: Path, strand: int) -> Path:
        if (parent, strand) not in self._free:
            taken = [path[-1][1] for path in self._at if path[:-1] == parent and path[-1][0] == strand]
            self._free[parent, strand] = max(taken, default=-1) + 1
        return (*parent, (strand, self._free[parent, strand]))

    def _launch(
        self, path: Path, name: str, digest: str | None, args: str | None, mismatch: Mismatch | None = None
    ) -> Launch:
        self._at[path] = _Call(path, name, digest, args, used=True)
        if self._free:
            parent, (strand, position) = path[:-1], path[-1]
            if position >= self._free.get((parent, strand), position + 1):
                self._free[parent, strand] = position + 1
        return Launch(path, mismatch)

    def node(self, path: Path, names: Collection[str]) -> PendingWrite | None:
        """Return the result of a graph's node at `path` if it is known, under one of its `names`; if not, expect one.

        A node needs no matching: its place follows from the graph and what was applied before.
        """
        known = self._at.get(path)
        if known is None:
            self._at[path] = _Call(path, "", None, None, used=True)
            return None
        known.used = True
        return known.result if known.result is not None and known.result.name in names else None

    def was_begun(self, path: Path) -> bool:
        """Tell whether an earlier run began the call at `path`."""
        return path in self._recorded

    def record(self, write: PendingWrite) -> None:
        """Take note of a result that is now in the journal. One assignment: it needs no lock."""
        self._at[write.path].result = write

    def rewind(self, path: Path) -> None:
        """Forget what the frame at `path` has used: its code runs again from the top."""
        depth = len(path)
        for call in self._at.values():
            if len(call.path) > depth and call.path[:depth] == path:
                call.used = False
        self._waiting, self._alike = list(self._at.values()), None

    def unreached(self, path: Path) -> list[str]:
        """Describe the results recorded before this run that the finished frame at `path` did not ask for."""
        if not self._recorded:
            return []
        return [
            describe(c.name, c.args)
            for c in self._recorded.values()
            if c.result is not None and not c.used and c.path[:-1] == path
        ]


# --- questions --------------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """The question has an answer."""

    id: str
    value: Encoded
    mismatch: Mismatch | None = None


class Suspend(NamedTuple):
    """The run must wait for an answer; `known` if the question stands in the journal as it is now."""

    id: str
    q: int
    known: bool


class _Question:
    def __init__(self, asked: PendingWrite) -> None:
        self.asked = asked
        self.answer: Encoded | None = None
        self.used = False


class Questions:
    """The questions asked under one checkpoint.

    Args:
        writes: the checkpoint's journal.
        count: how many questions the thread had asked before.
    """

    def __init__(self, writes: Sequence[PendingWrite] = (), count: int = 0) -> None:
        self.count = count
        self._by_id: dict[str, _Question] = {}
        self._at: dict[Path, list[_Question]] = {}
        for write in writes:
            if write.kind == "interrupt":
                self.ask(write)
            elif write.kind == "answer" and write.value is not None and write.id in self._by_id:
                self.answer(write.id, write.value)

    def ask(self, write: PendingWrite) -> None:
        """Take note of a question that is now in the journal."""
        assert write.id is not None
        known = self._by_id.get(write.id)
        if known is not None:
            known.asked, known.answer = write, None
            return
        question = self._by_id[write.id] = _Question(write)
        self._at.setdefault(write.path, []).append(question)
        self.count = max(self.count, write.q or 0)

    def answer(self, id: str, value: Encoded) -> None:
        """Take note of an answer that is now in the journal."""
        self._by_id[id].answer = value

    def reopen(self, id: str) -> PendingWrite:
        """Forget an answer that did not fit; return the record that asks again."""
        question = self._by_id[id]
        question.answer = None
        return question.asked

    def asked_below(self, path: Path) -> bool:
        """Tell whether a question was asked at `path` or below."""
        return any(at[: len(path)] == path for at in self._at)

    def open(self) -> list[PendingWrite]:
        """Return the unanswered questions, in order."""
        return sorted((q.asked for q in self._by_id.values() if q.answer is None), key=lambda write: write.q or 0)

    def records(self, ids: Collection[str]) -> list[PendingWrite]:
        """Return the records of these questions."""
        return [question.asked for key, question in self._by_id.items() if key in ids]

    def open_ids(self) -> list[str]:
        """Return the ids of the unanswered questions, in order."""
        return [write.id for write in self.open() if write.id is not None]

    def decide(self, seed: str, path: Path, index: int, digest: str | None, now: str) -> Answer | Suspend:
        """Decide whether a question has an answer, and mark what it takes as used.

        Args:
            seed: id of the checkpoint, from which the ids of new questions derive.
            path: of the frame that asks.
            index: how many questions that frame has asked before.
            digest: of the question.
            now: the question, for people.
        """
        here = [q for q in self._at.get(path, ()) if not q.used]
        same = [q for q in here if digest is not None and q.asked.digest == digest]
        own = next((q for q in here if q.asked.index == index), None)
        chosen = min(same, key=lambda q: (q.answer is None, q is not own), default=own)
        if chosen is not None:
            chosen.used = True
            alike = chosen in same
            if chosen.answer is None:
                return Suspend(chosen.asked.id or "", chosen.asked.q or 0, alike)
            mismatch = None if alike else self._mismatch(chosen, digest, now)
            return Answer(chosen.asked.id or "", chosen.answer, mismatch)
        self.count += 1
        return Suspend(self._new_id(seed, path, index), self.count, False)

    def _mismatch(self, question: _Question, digest: str | None, now: str) -> Mismatch | None:
        if question.asked.digest is None and digest is None:
            return None
        asked = question.asked.value
        was = "…" if asked is None else asked.json()[:200].decode("utf-8", "ignore")
        return Mismatch(f"interrupt({was})", f"interrupt({now})", True)

    def _new_id(self, seed: str, path: Path, index: int) -> str:
        new = interrupt_id(seed, path, index)
        while new in self._by_id:
            index += 1_000_000
            new = interrupt_id(seed, path, index)
        return new

    def rewind(self, path: Path) -> None:
        """Forget what the frame at `path`, and those below it, have used: their code runs again from the top."""
        depth = len(path)
        for question in self._by_id.values():
            if question.asked.path[:depth] == path:
                question.used = False
