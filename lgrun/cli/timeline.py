"""What happened on a thread, as rows: read from its checkpoints and their journals, oldest first.

Pure: needs neither the workflow nor the engine.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from lgrun.checkpoint.base import Checkpoint, Encoded, Path, PendingWrite, Saved
from lgrun.checkpoint.forking import MARK, forked_from
from lgrun.cli.render.text import seconds_between
from lgrun.cli.render.values import readable, untag
from lgrun.constants import START

NO_NAME = "LangGraph"
"""What a graph is called that was given no name."""


@dataclass(slots=True, kw_only=True)
class Row:
    """One thing that happened.

    Args:
        n: its number within the thread, from 1.
        run: in which run of the thread, from 1.
        at: when, ISO 8601.
        kind: input, step, task, ask, answer, continue, error, stop, result, update, fork.
        name: of the task or workflow.
        status: of a task: done, failed, running.
        value: what was given, returned, asked or answered.
        ms: how long it took; of a question, how long it waited.
        attempt: which attempt it was.
        cached: the result came from the task cache.
        by: who did it; of a fork, where the thread was forked from.
        q: number of the question.
        id: of the question.
        schema: of its answer.
        error: type and message of what was raised.
        trace: where it was raised.
        checkpoint: number of the checkpoint it belongs to.
        step: number of the step of a graph, within the run, that begins (`step`).
        leads: the nodes that run in that step, or to which a node's result leads beside its edges.
        path: where in the workflow a task is: one (strand, position) per level.
        node: it is a node of a graph; `value` is what it wrote.
        args: summary of what a task was given.
    """

    n: int = 0
    run: int
    at: str
    kind: str
    name: str = ""
    status: str | None = None
    value: Encoded | None = None
    ms: float | None = None
    attempt: int | None = None
    cached: bool = False
    by: str | None = None
    q: int | None = None
    id: str | None = None
    schema: dict[str, Any] | None = None
    error: tuple[str, str] | None = None
    trace: list[Any] | None = None
    checkpoint: int = 0
    step: int | None = None
    leads: list[str] = field(default_factory=list)
    path: Path = ()
    node: bool = False
    args: str | None = None

    @property
    def source(self) -> str | None:
        """Where the thread was forked from, if this row says it."""
        return self.by.removeprefix(MARK) if self.kind == "fork" and self.by is not None else None

    def document(self) -> dict[str, Any]:
        """Return it for machine output; what does not apply is left out."""
        found: dict[str, Any] = {"schema": "lgrun.row/1", "n": self.n, "run": self.run, "at": self.at}
        found |= {"kind": self.kind, "checkpoint": self.checkpoint}
        optional = {
            "name": self.name or None,
            "status": self.status,
            "ms": self.ms,
            "attempt": self.attempt,
            "cached": self.cached or None,
            "by": self.by,
            "q": self.q and f"q{self.q}",
            "interrupt": self.id,
            "step": self.step,
            "leads": self.leads or None,
            "node": self.node or None,
            "args": self.args,
            "error": self.error and {"type": self.error[0], "message": self.error[1]},
        }
        found |= {key: value for key, value in optional.items() if value is not None}
        if self.value is not None:
            found["value"] = readable(self.value)
        return found


def timeline(history: Iterable[Saved]) -> list[Row]:
    """Return the rows of a thread.

    Args:
        history: its checkpoints with their journals, oldest first.
    """
    return [row for rows in each_checkpoint(history) for row in rows]


def each_checkpoint(history: Iterable[Saved]) -> Iterator[list[Row]]:
    """Yield the rows of each checkpoint of a thread, read as they are asked for.

    Args:
        history: its checkpoints with their journals, oldest first.
    """
    run, before, count = 0, 0, 0
    origin: dict[str, Any] | None = None
    asked: dict[str, Row] = {}
    for saved in history:
        point = saved.checkpoint
        origin = point.origin or origin
        if point.kind == "input":
            run, before = run + 1, point.step
        rows = list(_checkpoint_rows(saved, run, before, origin))
        started: dict[Any, Row] = {}
        for write in saved.writes:
            for row in _write_rows(write, started, asked):
                row.run, row.checkpoint = run, point.seq
                if row.kind == "answer" and rows and rows[-1].kind == "continue":
                    # The answer says that the run went on, and by whom.
                    rows.pop()
                rows.append(row)
        for row in rows:
            row.n = count = count + 1
        yield rows


_POINT_KINDS = {"input": "input", "end": "result", "update": "update", "fork": "fork"}


def returned(point: Checkpoint, origin: Mapping[str, Any] | None) -> Encoded | None:
    """Return what a run returned of the values in its last checkpoint: of a graph, the keys of its output.

    Args:
        point: the checkpoint.
        origin: what the thread recorded of its workflow.
    """
    outputs = (origin or {}).get("outputs")
    tree = point.value.tree() if point.value is not None and isinstance(outputs, list) else None
    if not isinstance(tree, dict) or not isinstance(outputs, list):
        return point.value
    return Encoded(tree={key: tree[key] for key in tree if key in outputs})


def _checkpoint_rows(saved: Saved, run: int, before: int, origin: Mapping[str, Any] | None) -> Iterator[Row]:
    point = saved.checkpoint
    kind = _POINT_KINDS.get(point.kind)
    if kind is not None:
        value = point.input if kind == "input" else returned(point, origin)
        yield Row(run=run, at=point.at, kind=kind, name=point.entrypoint, value=value, checkpoint=point.seq)
    if point.next and kind != "input":
        row = Row(run=run, at=point.at, kind="step", step=point.step - before, checkpoint=point.seq)
        row.leads = list(point.next)
        yield row


def _write_rows(write: PendingWrite, started: dict[Any, Row], asked: dict[str, Row]) -> Iterator[Row]:
    if write.name == START or (write.kind in ("start", "result", "error") and _stands_for_node(write)):
        return
    key = (write.path, write.name)
    match write.kind:
        case "start":
            if key not in started:
                row = Row(run=0, at=write.at, kind="task", name=write.name, status="running", path=write.path)
                row.args = write.args
                started[key] = row
                yield row
        case "result" | "error" if write.path != () and key in started:
            _finish(started.pop(key), write)
        case "result" | "error":
            kind = "task" if write.path != () else "error"
            row = Row(run=0, at=write.at, kind=kind, name=write.name, path=write.path, args=write.args)
            # Only calls of tasks have a digest, that of their arguments.
            row.node = kind == "task" and write.digest is None
            _finish(row, write)
            yield row
        case "interrupt" if write.id not in asked:
            row = Row(run=0, at=write.at, kind="ask", name=write.name, value=write.value, q=write.q, id=write.id)
            row.schema = write.schema
            asked[write.id or ""] = row
            yield row
        case "answer":
            yield _answer(write, asked.get(write.id or ""))
        case "run" | "cancelled" if forked_from(write) is not None:
            started.clear()
            yield Row(run=0, at=write.at, kind="fork", by=write.by)
        case "run":
            # What a killed run had begun was lost; the next run's attempt is another row.
            started.clear()
            yield Row(run=0, at=write.at, kind="continue", by=write.by)
        case "cancelled":
            yield Row(run=0, at=write.at, kind="stop", by=write.by)


def _finish(row: Row, write: PendingWrite) -> None:
    row.at, row.ms, row.attempt, row.cached = write.at, write.ms, write.attempt, bool(write.cached)
    row.by = write.by
    if write.kind == "result":
        row.status, row.value = "done", write.value
        if row.node and write.value is not None:
            row.value, row.leads = node_result(write.value)
    else:
        row.status, row.error, row.trace = "failed", (write.type or "", write.message or ""), write.trace


def _stands_for_node(write: PendingWrite) -> bool:
    """Tell whether it is the run of a graph without a name: the node that it is, or that calls it, says more."""
    return write.name == NO_NAME and len(write.path) > 1


def node_result(result: Encoded) -> tuple[Encoded | None, list[str]]:
    """Return what a node's result writes, as an object, and the names of the nodes to which it leads."""
    tree = result.tree()
    if not isinstance(tree, dict):
        return result, []
    pairs = tree.get("update", ())
    goto = [untag(target) for target in tree.get("goto", ())]
    leads = [str(target.get("node")) if isinstance(target, dict) else str(target) for target in goto]
    return Encoded(tree=written(pairs)) if pairs else None, leads


def written(pairs: Iterable[Any]) -> Any:
    """Return what a node writes as an object; as a list of objects if it writes one key twice."""
    each = [(str(key), value) for key, value in pairs]
    update = dict(each)
    return update if len(update) == len(each) else [{key: value} for key, value in each]


def _answer(write: PendingWrite, question: Row | None) -> Row:
    if question is not None:
        waited = seconds_between(question.at, write.at)
        question.ms = None if waited is None else waited * 1000
    q = question.q if question is not None else None
    return Row(run=0, at=write.at, kind="answer", value=write.value, by=write.by, q=q, id=write.id)


def last_error(rows: Iterable[Row]) -> Row | None:
    """Return how the last run failed: the task's own record if the failure came out of a task."""
    found: Row | None = None
    task: Row | None = None
    for row in rows:
        if row.kind in ("input", "continue", "result", "fork"):
            found = task = None
        elif row.status == "failed" and row.kind == "task":
            task = row
        elif row.kind == "error":
            found = task if task is not None and task.error == row.error else row
    return found
