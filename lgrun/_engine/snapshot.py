"""From a saved checkpoint to the snapshot that `get_state` shows."""

from collections.abc import Iterator, Mapping
from typing import Any

from lgrun._engine.ids import nested_id, task_id
from lgrun._engine.request import thread_id
from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Encoded, PendingWrite, Saved, open_questions
from lgrun.checkpoint.serde import decode
from lgrun.types import Interrupt, PregelTask, StateSnapshot

_SOURCES = {"input": "input", "end": "loop", "step": "loop", "update": "update", "fork": "fork"}


def state(saver: BaseCheckpointSaver, config: Mapping[str, Any], nests: bool) -> StateSnapshot:
    """Return a thread as it stands, or as it stood at the checkpoint that `config` names."""
    thread, wanted = thread_id(config), config["configurable"].get("checkpoint_id")
    ns = config["configurable"].get("checkpoint_ns")
    saved = saver.load(thread, None if ns else wanted)
    if saved is None:
        return _empty(dict(config))
    if ns:
        return nested(saved, ns) or _empty(dict(config))
    after = saver.load(thread, saved.checkpoint.seq + 1) if wanted else None
    if after is not None and after.checkpoint.parent != saved.checkpoint.seq:
        after = None
    return _of(saver, saved, after, nests)


def history(
    saver: BaseCheckpointSaver,
    config: Mapping[str, Any],
    wanted: Mapping[str, Any] | None,
    before: Mapping[str, Any] | None,
    limit: int | None,
    nests: bool,
) -> Iterator[StateSnapshot]:
    """Yield a thread's checkpoints, newest first; see `Workflow.get_state_history`."""
    thread, end = thread_id(config), None
    if before is not None:
        mark = saver.load(thread, before["configurable"]["checkpoint_id"])
        end = None if mark is None else mark.checkpoint.seq
    completed: dict[int, Saved] = {}
    for saved in saver.history(thread, before=end):
        point = saved.checkpoint
        if point.complete and point.parent is not None:
            completed.setdefault(point.parent, saved)
        after = completed.pop(point.seq, None)
        if wanted and not wanted.items() <= metadata(point).items():
            continue
        if limit is not None and limit <= 0:
            return
        limit = None if limit is None else limit - 1
        yield _of(saver, saved, after, nests)


def _of(saver: BaseCheckpointSaver, saved: Saved, after: Saved | None, nests: bool) -> StateSnapshot:
    point = saved.checkpoint
    before = None if point.previous is None else saver.load(point.thread, point.previous)
    parent = None if point.parent is None else saver.load(point.thread, point.parent)
    return _snapshot(saved, before, after, None if parent is None else parent.checkpoint.id, nests)


def _empty(config: dict[str, Any]) -> StateSnapshot:
    """Return the snapshot of a thread that does not exist."""
    return StateSnapshot({}, (), config, None, None, None, (), ())


def _snapshot(
    saved: Saved, before: Saved | None, after: Saved | None, parent_id: str | None, nests: bool
) -> StateSnapshot:
    """Return the snapshot of a checkpoint.

    Args:
        saved: the checkpoint.
        before: the last completed run before it, for a checkpoint that starts one.
        after: the checkpoint that completed its run, if there is one.
        parent_id: id of the checkpoint it follows.
        nests: the workflow calls other workflows.
    """
    point = saved.checkpoint
    tasks = () if point.complete else (_step(saved, after, nests),)
    shown = saved if point.complete else before
    return StateSnapshot(
        values=None if shown is None else _decoded(shown.checkpoint.value),
        next=tuple(task.name for task in tasks),
        config=_config(point.thread, point.id),
        metadata=metadata(point),
        created_at=point.at,
        parent_config=None if parent_id is None else _config(point.thread, parent_id),
        tasks=tasks,
        interrupts=tuple(question for task in tasks for question in task.interrupts),
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


def with_nested(state: StateSnapshot, saver: BaseCheckpointSaver) -> StateSnapshot:
    """Show the state of the nested run itself where a snapshot names one."""
    tasks = []
    for task in state.tasks:
        saved = (
            None
            if task.state is None
            else saver.load(thread_id(state.config), state.config["configurable"]["checkpoint_id"])
        )
        inner = None if saved is None else nested(saved, task.state["configurable"]["checkpoint_ns"])
        tasks.append(task if inner is None else task._replace(state=inner))
    return state._replace(tasks=tuple(tasks))


def nested(saved: Saved, ns: str) -> StateSnapshot | None:
    """Return the snapshot of the run nested at `ns`, which saves no checkpoints; None if none has begun there."""
    point = saved.checkpoint
    start = next((write for write in reversed(saved.writes) if write.kind == "start" and write.ns == ns), None)
    if start is None:
        return None
    result = next((write for write in saved.writes if write.kind == "result" and write.path == start.path), None)
    asked = [w for w in open_questions(saved.writes) if w.path[: len(start.path)] == start.path]
    questions = tuple(_interrupt(write) for write in sorted(asked, key=lambda w: w.path)[:1])
    step = PregelTask(task_id(point.id, start.path), start.name, ("__pregel_pull", start.name), interrupts=questions)
    own = nested_id(point.id, start.path, 0 if result is None else 1)
    return StateSnapshot(
        values=None if result is None else _decoded(result.value),
        next=(start.name,) if result is None else (),
        config={
            "configurable": {
                "thread_id": point.thread,
                "checkpoint_ns": ns,
                "checkpoint_id": own,
                "checkpoint_map": {"": point.id, ns: own},
            }
        },
        metadata={
            "source": "input" if result is None else "loop",
            "step": -1 if result is None else 0,
            "parents": {"": point.id},
        },
        created_at=start.at,
        parent_config=None,
        tasks=(step,) if result is None else (),
        interrupts=questions if result is None else (),
    )


def nested_config(point: Checkpoint, node: str) -> dict[str, Any]:
    """Name the run that a step starts inside this one."""
    return {"configurable": {"thread_id": point.thread, "checkpoint_ns": f"{point.entrypoint}:{node}"}}


def _decoded(encoded: Encoded | None) -> Any:
    return None if encoded is None else decode(encoded)


def _step(saved: Saved, after: Saved | None, nests: bool) -> PregelTask:
    point = saved.checkpoint
    node = task_id(point.id, ())
    return PregelTask(
        id=node,
        name=point.entrypoint,
        path=("__pregel_pull", point.entrypoint),
        error=None if after is not None else _error(saved),
        interrupts=_surfaced(saved) if after is None else _last_asked(saved),
        state=nested_config(point, node) if nests else None,
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
    """Return the question that the caller was told of: the last one recorded."""
    still_open = {write.id for write in open_questions(saved.writes)}
    last = [write for write in saved.writes if write.kind == "interrupt" and write.id in still_open][-1:]
    return tuple(_interrupt(write) for write in last)


def _last_asked(saved: Saved) -> tuple[Interrupt, ...]:
    """Return the last question that a finished run had stopped with."""
    asked = [write for write in saved.writes if write.kind == "interrupt"]
    return (_interrupt(asked[-1]),) if asked else ()


def _interrupt(write: PendingWrite) -> Interrupt:
    return Interrupt(_decoded(write.value), write.id or "", write.schema)
