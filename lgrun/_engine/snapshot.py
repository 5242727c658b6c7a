"""From a saved checkpoint to the snapshot that `get_state` shows."""

from typing import Any

from lgrun._engine.ids import task_id
from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite, Saved, open_questions
from lgrun.checkpoint.serde import decode
from lgrun.types import Interrupt, PregelTask, StateSnapshot

_SOURCES = {"input": "input", "end": "loop", "step": "loop", "update": "update", "fork": "fork"}


def empty(config: dict[str, Any]) -> StateSnapshot:
    """Return the snapshot of a thread that does not exist."""
    return StateSnapshot({}, (), config, None, None, None, (), ())


def snapshot(saved: Saved, before: Saved | None, after: Saved | None, parent_id: str | None) -> StateSnapshot:
    """Return the snapshot of a checkpoint.

    Args:
        saved: the checkpoint.
        before: the last completed run before it, for a checkpoint that starts one.
        after: the checkpoint that completed its run, if there is one.
        parent_id: id of the checkpoint it follows.
    """
    point = saved.checkpoint
    tasks = () if point.kind in ("end", "update") else (_step(saved, after),)
    shown = saved if point.kind in ("end", "update") else before
    return StateSnapshot(
        values=None if shown is None else _decoded(shown.checkpoint.value),
        next=tuple(task.name for task in tasks),
        config=_config(point.thread, point.id),
        metadata=metadata(point),
        created_at=point.at,
        parent_config=None if parent_id is None else _config(point.thread, parent_id),
        tasks=tasks,
        interrupts=tuple(question for task in tasks for question in task.interrupts) if after is None else (),
    )


def metadata(point: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint's metadata: its source and step, and the user's own."""
    return {
        "source": _SOURCES[point.kind],
        "step": point.step,
        "parents": {},
        **(_decoded(point.metadata) or {}),
    }


def _config(thread: str, id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": id}}


def _decoded(encoded: Encoded | None) -> Any:
    return None if encoded is None else decode(encoded)


def _step(saved: Saved, after: Saved | None) -> PregelTask:
    point = saved.checkpoint
    return PregelTask(
        id=task_id(point.id, ()),
        name=point.entrypoint,
        path=("__pregel_pull", point.entrypoint),
        error=None if after is not None else _error(saved),
        interrupts=_surfaced(saved) if after is None else (),
        result=None if after is None else _decoded(after.checkpoint.value),
    )


def _error(saved: Saved) -> str | None:
    found = None
    for write in saved.writes:
        if write.kind == "run":
            found = None
        elif write.kind == "error" and write.path == ():
            found = _decoded(write.value)
    return found


def _surfaced(saved: Saved) -> tuple[Interrupt, ...]:
    """Return the question that a caller is told of first: the body's own, else that of the first call."""
    questions = open_questions(saved.writes)
    if not questions:
        return ()
    return (_interrupt(min(questions, key=lambda write: (write.path, write.index or 0))),)


def _interrupt(write: PendingWrite) -> Interrupt:
    return Interrupt(_decoded(write.value), write.id or "", write.schema)
