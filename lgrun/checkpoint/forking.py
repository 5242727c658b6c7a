"""What a fork of a thread keeps of a journal: `kept`. Pure.

Rule 1: what is kept had begun before the point of the fork and had finished, so it cannot depend on what comes after.
A question begins when it is asked and finishes when it is answered. The nodes of a step begin together.
Rule 2: what a call made goes the way of the call: it is kept with a finished one, and dropped with one that is dropped.
Rule 3: what the point lies in runs again, and finds there what is kept.

When a call began says its `start` record. Where there is none, it began just before its result.
"""

from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, TypeAlias

from lgrun.checkpoint.base import ANY_ARGUMENTS, Checkpoint, Encoded, Path, PendingWrite, Saved
from lgrun.constants import START

__all__ = ["Changes", "Moment", "Point", "forked_from", "is_graph", "kept", "points_of"]

MARK = "fork "
"""With this begins the `by` of the record that says where a thread was forked from."""

Moment: TypeAlias = tuple[int, float]
"""When something was: with the record of this number, or (1.0) after it."""

_DAWN: Moment = (-1, 0.0)


class Point(NamedTuple):
    """A call or a question, from which a thread can be forked.

    Args:
        seq: number of the checkpoint whose journal has it.
        kind: `task` or `ask`.
        name: of the task or node; of a question, who asks.
        path: where in the workflow it is.
        id: of a question.
        q: its number.
        node: it is a node of the graph itself.
        inner: it is a node of a graph inside.
        n: 0: rows of the history are numbered elsewhere.
    """

    seq: int
    kind: str
    name: str
    path: Path
    id: str | None = None
    q: int | None = None
    node: bool = False
    inner: bool = False
    n: int = 0


class Changes(NamedTuple):
    """What is to be other in the fork.

    Args:
        before: calls that are to run again, with all that began later.
        again: ids of questions that are to be asked again.
        results: what calls are to have returned, by path.
        answers: by the question's id.
        anew: nothing of the journal is kept: the fork stands at the checkpoint itself.
    """

    before: Sequence[Path] = ()
    again: Sequence[str] = ()
    results: Mapping[Path, PendingWrite] = MappingProxyType({})
    answers: Mapping[str, Encoded] = MappingProxyType({})
    anew: bool = False

    def __bool__(self) -> bool:
        return bool(self.before or self.again or self.results or self.answers)


def forked_from(write: PendingWrite) -> str | None:
    """Return where a thread was forked from, if a record says it."""
    if write.kind in ("run", "cancelled") and write.by is not None and write.by.startswith(MARK):
        return write.by.removeprefix(MARK)
    return None


def is_graph(saved: Saved) -> bool:
    """Tell whether a checkpoint is that of a graph."""
    return bool(saved.checkpoint.next) or saved.checkpoint.frontier is not None


def points_of(saved: Saved) -> list[Point]:
    """Return the calls and questions of a journal, in the order in which they began."""
    log, seq = _Log(saved), saved.checkpoint.seq
    calls = {path: (_DAWN, Point(seq, "task", name, path, node=True)) for path, name in _due(saved.checkpoint)}
    asked: dict[str, tuple[Moment, Point]] = {}
    for write in saved.writes:
        path = write.path
        if write.kind in ("start", "result", "error") and path and path not in calls and write.name != START:
            node, inner = log.graph and len(path) == 1, log.is_inner(path)
            calls[path] = (log.began(path), Point(seq, "task", write.name, path, node=node, inner=inner))
        elif write.kind == "interrupt" and write.id is not None and write.id not in asked:
            asked[write.id] = ((log.asked[write.id], 0.0), Point(seq, "ask", write.name, path, write.id, write.q))
    return [point for _, point in sorted([*calls.values(), *asked.values()], key=lambda each: each[0])]


def _due(point: Checkpoint) -> Iterator[tuple[Path, str]]:
    """Yield the nodes of the step of a graph that begins at a checkpoint, whether or not they have run."""
    held = None if point.frontier is None else point.frontier.tree()
    if not isinstance(held, dict):
        return
    sends = len(held.get("sends", ()))
    names = [*point.next[:sends], *held.get("nodes", ()), *held.get("added", ())]
    for index, name in enumerate(names):
        if name != START:
            yield ((held.get("number", 0), index),), name


def kept(saved: Saved, changes: Changes, *, mark: PendingWrite, by: str | None = None) -> list[PendingWrite]:
    """Return the journal of a fork.

    Args:
        saved: the checkpoint at which it stands, with the journal that is known.
        changes: what is to be other.
        mark: says where the thread was forked from: a `cancelled`.
        by: who has given the answers.
    """
    if changes.anew:
        return _marked([], mark, waits=False)
    log = _Log(saved)
    cut, time = _cut(log, changes)
    again = _again(log, changes)
    dropped = set(changes.results)
    finished = {
        path
        for path in log.results
        if log.began(path) < cut and path not in again and not _covers(dropped, path) and path not in dropped
    }
    writes = [write for n, write in enumerate(saved.writes) if _is_kept(log, changes, n, write, cut, time, finished)]
    stays = {*finished, *again, *dropped}
    bases = {path[:depth] for path in stays for depth in range(1, len(path) + 1)}
    writes = [
        write for write in writes if write.kind != "start" or write.path in bases or _covers(finished, write.path)
    ]
    while writes and writes[-1].kind == "run":
        writes.pop()
    for path, result in changes.results.items():
        # Nobody knows with which arguments the call will be made, if what is made before it runs again.
        known = log.began(path) < cut or (log.graph and len(path) == 1)
        writes.append(result if known else result._replace(digest=ANY_ARGUMENTS, args=None))
    for question, value in changes.answers.items():
        if not any(write.kind == "interrupt" and write.id == question for write in writes):
            writes.append(log.questions[question])
        writes.append(PendingWrite("answer", mark.at, value=value, id=question, by=by or mark.by))
    waits = bool(changes.again) and not changes.results and not changes.answers and not changes.before
    if not changes:
        waits = log.waits
    return _marked(writes, mark, waits=waits)


def _marked(writes: list[PendingWrite], mark: PendingWrite, *, waits: bool) -> list[PendingWrite]:
    # A thread that was stopped does not wait; what another run has taken up does.
    return [*writes, mark._replace(kind="run") if waits else mark]


class _Log:
    """A journal, sorted out: when its calls began, and when they finished."""

    def __init__(self, saved: Saved) -> None:
        self.writes = saved.writes
        self.graph = is_graph(saved)
        self.first: dict[Path, int] = {}
        self.starts: dict[Path, int] = {}
        self.results: dict[Path, int] = {}
        self.asked: dict[str, int] = {}
        self.answered: dict[str, int] = {}
        self.questions: dict[str, PendingWrite] = {}
        self.waits = False
        self._began: dict[Path, Moment] = {}
        self._stepped: dict[Path, dict[int, int]] = {}
        for n, write in enumerate(saved.writes):
            for depth in range(1, len(write.path) + 1):
                self.first.setdefault(write.path[:depth], n)
            self._note(n, write)
        self.waits = self.waits and bool(self.questions.keys() - self.answered.keys())

    def _note(self, n: int, write: PendingWrite) -> None:
        match write.kind:
            case "start":
                self.starts.setdefault(write.path, n)
            case "result":
                self.results[write.path] = n
                if write.path not in self.starts and _is_node(write):
                    steps = self._stepped.setdefault(write.path[:-1], {})
                    steps[write.path[-1][0]] = n
            case "interrupt" if write.id is not None:
                self.asked.setdefault(write.id, n)
                self.questions[write.id] = write
                self.answered.pop(write.id, None)
                self.waits = True
            case "answer" if write.id is not None:
                self.answered[write.id] = n
            case "run":
                self.waits = True
            case "cancelled":
                self.waits = False
            case "error" if write.path == ():
                self.waits = False

    def began(self, path: Path) -> Moment:
        """Return when a call began."""
        known = self._began.get(path)
        if known is None:
            known = self._began[path] = self._moment(path)
        return known

    def is_inner(self, path: Path) -> bool:
        """Tell whether a call is a node of a graph inside, as far as can be seen."""
        result = self.results.get(path)
        own = self.graph and len(path) == 1
        return not own and path not in self.starts and (result is None or _is_node(self.writes[result]))

    def _moment(self, path: Path) -> Moment:
        if path == () or (self.graph and len(path) == 1):
            return _DAWN
        started = self.starts.get(path)
        result = self.results.get(path)
        if started is not None:
            return started, 0.0
        if result is not None and not _is_node(self.writes[result]):
            return result - 1, 1.0
        # A node of a graph inside: it began when the step before it was over.
        steps = self._stepped.get(path[:-1], {})
        over = max((n for number, n in steps.items() if number < path[-1][0]), default=None)
        return self.began(path[:-1]) if over is None else (over, 0.0)


def _is_node(write: PendingWrite) -> bool:
    """Tell whether a result without a `start` is a node's: of a call it would have a digest."""
    return write.digest is None


def _cut(log: _Log, changes: Changes) -> tuple[Moment, int]:
    """Return before when a call must have begun to be kept, and the first record of what came later."""
    end = len(log.writes)
    cut, time = (end, 0.0), end
    for path in changes.before:
        began = log.began(path)
        later = log.first.get(path, end) if began == _DAWN else began[0] + (began[1] > 0)
        cut, time = min(cut, began), min(time, later)
    for path in changes.results:
        returned = log.results.get(path, end)
        cut, time = min(cut, (returned, 0.0)), min(time, returned)
    for question in (*changes.again, *changes.answers):
        answered = log.answered.get(question, end)
        cut, time = min(cut, (answered, 0.0)), min(time, _taken_up(log, answered))
    return cut, time


def _taken_up(log: _Log, answered: int) -> int:
    """Return where the run begins that was given an answer."""
    n = answered
    while 0 < n < len(log.writes) and log.writes[n - 1].kind in ("run", "answer"):
        n -= 1
    return n


def _again(log: _Log, changes: Changes) -> set[Path]:
    """Return the calls in which the points lie."""
    found = {path[:depth] for path in (*changes.before, *changes.results) for depth in range(1, len(path))}
    for question in (*changes.again, *changes.answers):
        path = log.questions[question].path
        found |= {path[:depth] for depth in range(1, len(path) + 1)}
    return found


def _is_kept(
    log: _Log, changes: Changes, n: int, write: PendingWrite, cut: Moment, time: int, finished: set[Path]
) -> bool:
    path = write.path
    if write.kind == "answer":
        asked = log.questions.get(write.id or "")
        path = path if asked is None else asked.path
    whole = path in finished or _covers(finished, path)
    match write.kind:
        case "start":
            return whole or (log.began(path) < cut and not _covers(changes.results, path))
        case "result" | "error" | "checkpoint" if path:
            return whole
        case "interrupt" | "answer":
            return whole or _stays(log, changes, write, cut)
        case _:
            return n < time


def _stays(log: _Log, changes: Changes, write: PendingWrite, cut: Moment) -> bool:
    """Tell whether a question, or an answer, outside of all finished calls is kept."""
    question = write.id or ""
    asked = log.questions.get(question)
    if asked is None or asked.path in changes.results or _covers(changes.results, asked.path):
        return False
    if write.kind == "answer" and (question in changes.again or question in changes.answers):
        return False
    return (log.asked[question], 0.0) < cut or question in changes.answers


def _covers(calls: "set[Path] | Mapping[Path, object]", path: Path) -> bool:
    """Tell whether one of these calls made the call at `path`, at whatever depth."""
    return any(path[:depth] in calls for depth in range(1, len(path)))
