"""From a saved checkpoint to the snapshot that `get_state` shows."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

from lgrun._engine.ids import nested_id, task_id
from lgrun._engine.model import NodeCall
from lgrun._engine.program import Kept, Program
from lgrun._engine.project import shown
from lgrun._engine.request import thread_id
from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Encoded, Path, PendingWrite, Saved, open_questions
from lgrun.checkpoint.serde import decode
from lgrun.types import Interrupt, PregelTask, StateSnapshot

_SOURCES = {"input": "input", "end": "loop", "step": "loop", "update": "update", "fork": "fork"}

Find: TypeAlias = Callable[[str], Program | None]
"""Finds the program of a workflow that is called inside another one, by its name."""


class Reader:
    """Shows the threads of a workflow.

    Args:
        saver: where they are kept.
        program: the workflow.
        nests: its steps call other workflows, as far as can be seen from outside.
        find: finds these.
    """

    def __init__(self, saver: BaseCheckpointSaver, program: Program, nests: bool, find: Find) -> None:
        self._saver = saver
        self._program = program
        self._nests = nests
        self._find = find

    def state(self, config: Mapping[str, Any], *, subgraphs: bool = False) -> StateSnapshot:
        """Return a thread as it stands, or as it stood at the checkpoint that `config` names."""
        thread, wanted = thread_id(config), config["configurable"].get("checkpoint_id")
        ns = config["configurable"].get("checkpoint_ns")
        saved = self._saver.load(thread, None if ns else wanted)
        if saved is None:
            return _empty(dict(config))
        if ns:
            return self._nested(saved, ns) or _empty(dict(config))
        after = self._saver.load(thread, saved.checkpoint.seq + 1) if wanted else None
        if after is not None and after.checkpoint.parent != saved.checkpoint.seq:
            after = None
        found = self._of(saved, after, latest=wanted is None)
        return self._with_nested(found, saved) if subgraphs else found

    def history(
        self,
        config: Mapping[str, Any],
        wanted: Mapping[str, Any] | None,
        before: Mapping[str, Any] | None,
        limit: int | None,
    ) -> Iterator[StateSnapshot]:
        """Yield a thread's checkpoints, newest first; see `Workflow.get_state_history`."""
        thread, end = thread_id(config), None
        if config["configurable"].get("checkpoint_ns"):
            # Nested runs save no checkpoints: there is only where they stand.
            current = self.state(config)
            yield from [current] if current.metadata is not None else []
            return
        if before is not None:
            mark = self._saver.load(thread, before["configurable"]["checkpoint_id"])
            end = None if mark is None else mark.checkpoint.seq
        completed: dict[int, Saved] = {}
        checkpoints = iter(self._saver.history(thread, before=end))
        older = next(checkpoints, None)
        while (saved := older) is not None:
            # The next one is the parent, as a rule, and the one that says what was before.
            older, point = next(checkpoints, None), saved.checkpoint
            if point.kind in ("end", "step", "update") and point.parent is not None:
                completed.setdefault(point.parent, saved)
            after = completed.pop(point.seq, None)
            if wanted and not wanted.items() <= metadata(point).items():
                continue
            if limit is not None and limit <= 0:
                return
            limit = None if limit is None else limit - 1
            yield self._of(saved, after, older, latest=False)

    def _of(self, saved: Saved, after: Saved | None, older: Saved | None = None, *, latest: bool) -> StateSnapshot:
        """Return the snapshot of a checkpoint; `after` and `older` are the ones beside it, as far as they are known."""
        point = saved.checkpoint
        parent = None if point.parent is None else self._at(point.thread, point.parent, older)
        values, tasks = self._shown(saved, after, older, latest)
        # A run that died when all nodes of a step had finished is not over: what follows them has not begun.
        left = [task for task in tasks if not (latest and task.result is not None)]
        return StateSnapshot(
            values=values,
            next=tuple(task.name for task in left or tasks),
            config=_config(point.thread, point.id),
            metadata=metadata(point),
            created_at=point.at,
            parent_config=None if parent is None else _config(point.thread, parent.checkpoint.id),
            tasks=tuple(tasks),
            interrupts=tuple(question for task in tasks for question in task.interrupts),
        )

    def _at(self, thread: str, number: int, known: Saved | None) -> Saved | None:
        return known if known is not None and known.checkpoint.seq == number else self._saver.load(thread, number)

    def _shown(
        self, saved: Saved, after: Saved | None, older: Saved | None, latest: bool
    ) -> tuple[Any, list[PregelTask]]:
        point, program = saved.checkpoint, self._program
        if program.stepwise:
            return _standing_shown(program, standing(program, saved), saved, after, latest=latest)
        kept = saved
        if not point.complete and point.previous is not None:
            kept = self._at(point.thread, point.previous, older) or saved
        value = decoded(kept.checkpoint.value) if kept.checkpoint.complete else None
        if point.complete:
            return value, []
        return value, tasks_at(program, program.begin(None, None), saved, self._nests, after)

    def _with_nested(self, state: StateSnapshot, saved: Saved) -> StateSnapshot:
        """Show the state of the nested run itself where a snapshot names one."""
        tasks = []
        for task in state.tasks:
            inner = None if task.state is None else self._nested(saved, task.state["configurable"]["checkpoint_ns"])
            tasks.append(task if inner is None else task._replace(state=self._with_nested(inner, saved)))
        return state._replace(tasks=tuple(tasks))

    def _nested(self, saved: Saved, ns: str) -> StateSnapshot | None:
        """Return the snapshot of the run nested at `ns`, which saves no checkpoints; None if none has begun there."""
        point = saved.checkpoint
        start = next((write for write in reversed(saved.writes) if write.kind == "start" and write.ns == ns), None)
        if start is None:
            return None
        program = self._program.find(start.name) or self._find(start.name)
        if program is not None and program.stepwise:
            values, tasks, number = _replayed(program, saved, start.path, ns)
        else:
            values, tasks, number = _body_of(saved, start)
        step = number - 1
        own, before = nested_id(point.id, start.path, number), nested_id(point.id, start.path, number - 1)
        place = {"thread_id": point.thread, "checkpoint_ns": ns}
        around = {"": point.id, **self._around(saved, ns)}
        parent = {**place, "checkpoint_id": before, "checkpoint_map": {**around, ns: before}}
        stepwise = program is not None and program.stepwise
        return StateSnapshot(
            values=values,
            next=tuple(task.name for task in tasks if task.result is None),
            config={
                "configurable": {**place, "checkpoint_id": own, "checkpoint_map": {**around, ns: own}},
            },
            metadata={"source": "loop" if number else "input", "step": step, "parents": {"": point.id}},
            created_at=start.at,
            parent_config={"configurable": parent} if number and stepwise else None,
            tasks=tuple(tasks),
            interrupts=tuple(question for task in tasks for question in task.interrupts),
        )

    def _around(self, saved: Saved, ns: str) -> dict[str, str]:
        """Return the checkpoints of the runs around the one nested at `ns`, by their namespaces."""
        outer = ns.rpartition("|")[0]
        inner = self._nested(saved, outer) if outer else None
        return (
            {}
            if inner is None
            else {**self._around(saved, outer), outer: inner.config["configurable"]["checkpoint_id"]}
        )


def _body_of(saved: Saved, start: PendingWrite) -> tuple[Any, list[PregelTask], int]:
    """Return the value of a nested functional workflow, its step if it is not finished, and its last checkpoint."""
    result = next((write for write in saved.writes if write.kind == "result" and write.path == start.path), None)
    if result is not None:
        return decoded(result.value), [], 1
    asked = [w for w in open_questions(saved.writes) if w.path[: len(start.path)] == start.path]
    questions = tuple(_interrupt(write) for write in sorted(asked, key=lambda w: w.path)[:1])
    node = task_id(saved.checkpoint.id, start.path)
    return None, [PregelTask(node, start.name, ("__pregel_pull", start.name), interrupts=questions)], 0


def _replayed(program: Program, saved: Saved, path: Path, ns: str) -> tuple[Any, list[PregelTask], int]:
    """Return how a nested graph stands, from the results of its nodes."""
    told, state, number = _Told(saved.writes), program.begin(None, None), 0
    while calls := program.next_calls(state):
        results = [told.result(path + call.path) for call in calls]
        if any(result is None for result in results):
            break
        state, number = program.apply(state, results), number + 1
    values, tasks = _standing_shown(program, state, saved, None, latest=True, path=path, ns=ns)
    return values, tasks, number


def _standing_shown(
    program: Program,
    state: Any,
    saved: Saved,
    after: Saved | None,
    *,
    latest: bool,
    path: Path = (),
    ns: str = "",
) -> tuple[Any, list[PregelTask]]:
    """Return the values of a graph, with what finished nodes of an unfinished step wrote, and the nodes of the step."""
    tasks = tasks_at(program, state, saved, False, after, path, ns)
    channels = program.channels(state)
    told = _Told(saved.writes)
    results = [told.result(path + call.path) for call in program.next_calls(state)]
    if latest and any(result is not None for result in results):
        try:
            channels = program.channels(program.apply(state, results))
        except Exception:
            # The run failed with it; what stands is all the more worth showing.
            return shown(channels, program.channel_names), tasks
    return shown(channels, program.channel_names), tasks


def tasks_at(
    program: Program,
    state: Any,
    saved: Saved,
    nests: bool,
    after: Saved | None = None,
    path: Path = (),
    ns: str = "",
) -> list[PregelTask]:
    """Return the steps that are made next from a state, with what is known of them.

    Args:
        program: the workflow.
        state: of it.
        saved: the checkpoint, and the journal that may tell of these steps.
        nests: the steps call other workflows.
        after: the checkpoint that followed, if there is one.
        path: of the call, if the workflow is nested.
        ns: of the nested run.
    """
    told = _Told(saved.writes)
    calls = sorted(program.next_calls(state), key=lambda call: call.rank)
    return [_task(call, saved.checkpoint, told, nests, after, path + call.path, ns) for call in calls]


def _task(
    call: NodeCall, point: Checkpoint, told: "_Told", nests: bool, after: Saved | None, path: Path, ns: str
) -> PregelTask:
    known = None
    node = task_id(point.id, path)
    if call.recorded:
        known = told.result(path)
        result = None if known is None or known.get("handled") else dict(known.get("update", ()))
    else:
        result = None if after is None else decoded(after.checkpoint.value)
    finished = known is not None if call.recorded else after is not None
    place = f"{ns}|" if ns else ""
    inner = {"thread_id": point.thread, "checkpoint_ns": f"{place}{call.function.name}:{node}"}
    return PregelTask(
        id=node,
        name=call.function.name,
        path=call.origin,
        error=told.error(path, finished) if call.recorded or not finished else None,
        interrupts=told.questions(path, after is not None),
        state={"configurable": inner} if nests or call.nests else None,
        result=result,
    )


class _Told:
    """What a journal tells of each step, sorted out once."""

    def __init__(self, writes: Sequence[PendingWrite]) -> None:
        self._results: dict[Path, PendingWrite] = {}
        self._errors: dict[Path, tuple[int, PendingWrite]] = {}
        self._asked = [write for write in writes if write.kind == "interrupt"]
        self._open = {write.id for write in open_questions(writes)} if self._asked else set()
        self._taken_up = -1
        for number, write in enumerate(writes):
            if write.kind == "result":
                self._results.setdefault(write.path, write)
            elif write.kind == "error":
                self._errors[write.path] = (number, write)
            elif write.kind == "run":
                self._taken_up = number

    def result(self, path: Path) -> Any:
        """Return what the node at `path` came to, or None."""
        write = self._results.get(path)
        return None if write is None else decoded(write.value)

    def error(self, path: Path, finished: bool) -> str | None:
        """Return the error of a step's latest attempt, of a finished step that of the last one that failed."""
        number, write = self._errors.get(path, (-1, None))
        return decoded(write.value) if write is not None and (finished or number > self._taken_up) else None

    def questions(self, path: Path, finished: bool) -> tuple[Interrupt, ...]:
        """Return the question that the caller was told of: the last one recorded that a step has open, or had."""
        asked = [w for w in self._asked if w.path[: len(path)] == path]
        last = [write for write in asked if finished or write.id in self._open][-1:]
        return tuple(_interrupt(write) for write in last)


def _empty(config: dict[str, Any]) -> StateSnapshot:
    """Return the snapshot of a thread that does not exist."""
    return StateSnapshot({}, (), config, None, None, None, (), ())


def metadata(point: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint's metadata: its source and step, and the user's own."""
    return {
        "source": _SOURCES[point.kind],
        "step": point.step,
        "parents": {},
        **(decoded(point.metadata) or {}),
    }


def kept_at(point: Checkpoint) -> Kept:
    """Return what a checkpoint holds of its program's state."""
    value = decoded(point.value)
    return Kept(value, value if point.save is None else decoded(point.save), decoded(point.frontier), point.next)


def standing(program: Program, saved: Saved) -> Any:
    """Return the state of a graph at a checkpoint."""
    point, writes = saved
    state = program.thaw(kept_at(point))
    if point.input is not None:
        state = program.begin(decoded(point.input), state)
    for write in writes:
        if write.kind == "command":
            state = program.told(state, decoded(write.value))
    return state


def decoded(encoded: Encoded | None) -> Any:
    """Return the value of a stored form; None if there is none."""
    return None if encoded is None else decode(encoded)


def _config(thread: str, id: str) -> dict[str, Any]:
    return {"configurable": {"thread_id": thread, "checkpoint_ns": "", "checkpoint_id": id}}


def _interrupt(write: PendingWrite) -> Interrupt:
    return Interrupt(decoded(write.value), write.id or "", write.schema)
