"""From events to the chunks of a stream. Pure: the clock is an argument."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from lgrun._engine.events import (
    CheckpointReached,
    CustomData,
    Event,
    MessageStreamed,
    Namespace,
    NodeCached,
    NodeFailed,
    NodeFinished,
    NodeInterrupted,
    NodeStarted,
    Outputs,
    TaskCached,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    ValuesChanged,
)
from lgrun.constants import INTERRUPT, PREVIOUS
from lgrun.types import Interrupt, PregelTask

Shape: TypeAlias = Callable[[Any], Any]
"""Makes a chunk of what code wrote."""


def as_it_is(data: Any) -> Any:
    """Show what code wrote as it is."""
    return data


class Projector:
    """Turns a run's events into what `stream` yields.

    Args:
        stream_mode: one mode, or several; a list of them yields (mode, chunk) pairs, all else bare chunks.
        subgraphs: show nested runs too, each chunk with its namespace in front.
        version: `v1`: bare chunks; `v2`: `{"type", "ns", "data"}`.
        outputs: which of the workflow's channels are shown, if not those that it shows by itself.
        config: returns the configuration of the run at a namespace, of which modes `tasks` and `checkpoints` tell.
        now: the time, ISO 8601, for mode `debug`.
        root: namespace of the run that is shown; () unless it is nested in another one. All events come from it or from
            those inside.
    """

    def __init__(
        self,
        stream_mode: str | Sequence[str],
        *,
        subgraphs: bool = False,
        version: str = "v1",
        outputs: Outputs | None = None,
        config: Callable[[Namespace], Mapping[str, Any]] = lambda ns: {},
        now: Callable[[], str] = lambda: "",
        root: Namespace = (),
    ) -> None:
        self._single = not isinstance(stream_mode, list)
        wanted = (stream_mode,) if isinstance(stream_mode, str) else stream_mode
        self._modes = [mode for mode in _IN_MODE if mode in wanted]
        self._subgraphs = subgraphs
        self._version = version
        self._outputs = outputs
        self._config = config
        self._now = now
        self._root = root
        self._steps: dict[Namespace, int] = {}
        self._seen: set[Any] = set()

    @property
    def shows_only_custom(self) -> bool:
        """Nothing is shown but what code writes to its stream."""
        return self._modes == ["custom"]

    def shape(self, within: Namespace, ns: Namespace) -> Shape | None:
        """Return what makes a chunk of what code within these steps and tasks, in this run, writes to its stream.

        `as_it_is` if that is shown as it is, None if it is not shown.
        """
        if "custom" not in self._modes or not self._is_near(ns):
            return None
        if self._version == "v2":
            return lambda data: _part("custom", within, data)
        before = self._before("custom", within)
        return (lambda data: (*before, data)) if before else as_it_is

    def chunks(self, event: Event) -> list[Any]:
        """Return what an event adds to the stream."""
        return [self._framed(mode, _place(event), chunk) for mode, chunk in self._shown(event)]

    def lines(self, event: Event) -> list[str]:
        """Return what an event adds to the stream, as `print_mode` writes it."""
        ns = _place(event) if self._subgraphs else ()
        around = f"\x1b[1;30;33m[graph={ns}]\x1b[0m " if ns else ""
        return [f"\x1b[1m[{mode}]\x1b[0m {around}{chunk!r}" for mode, chunk in self._shown(event)]

    def _shown(self, event: Event) -> list[tuple[str, Any]]:
        if not self._is_near(event.ns):
            return []
        if isinstance(event, CheckpointReached):
            self._steps[event.ns] = event.metadata["step"]
        elif isinstance(event, NodeStarted) and event.step is not None:
            self._steps[event.ns] = event.step
        modes = self._modes
        if isinstance(event, TaskCached):
            # It says both that the task begins and what it comes to.
            modes = sorted(modes, key=lambda mode: mode not in ("tasks", "debug"))
        return [(mode, chunk) for mode in modes for chunk in _IN_MODE[mode](self, event)]

    def _is_near(self, ns: Namespace) -> bool:
        return self._subgraphs or ns == self._root

    def _framed(self, mode: str, ns: Namespace, chunk: Any) -> Any:
        if self._version == "v2":
            return _part(mode, ns, chunk)
        before = self._before(mode, ns)
        return (*before, chunk) if before else chunk

    def _before(self, mode: str, ns: Namespace) -> tuple[Any, ...]:
        """Return what comes before a chunk, in one tuple with it."""
        return (*([ns] if self._subgraphs else []), *([] if self._single else [mode]))

    def _outputs_of(self, event: NodeFinished | NodeCached | NodeInterrupted | ValuesChanged) -> Outputs:
        return event.outputs if self._outputs is None or event.ns != self._root else self._outputs

    def _written(self, event: NodeFinished | NodeCached) -> Any:
        outputs = self._outputs_of(event)
        if isinstance(outputs, str):
            return next((value for key, value in reversed(event.writes) if key == outputs), None)
        return _as_update([(key, value) for key, value in event.writes if key in outputs]) or None

    def updates(self, event: Event) -> list[Any]:
        match event:
            case TaskFinished():
                return [{event.name: event.value}]
            case TaskCached(replayed=False):
                return [{event.name: event.value, "__metadata__": {"cached": True}}]
            case NodeFinished():
                return [{event.name: self._written(event)}]
            case NodeCached():
                return [{event.name: self._written(event), "__metadata__": {"cached": True}}]
            case NodeInterrupted():
                return [{INTERRUPT: event.surfaced}]
        return []

    def values(self, event: Event) -> list[Any]:
        if isinstance(event, ValuesChanged):
            outputs = self._outputs_of(event)
            unseen = event.changed is not None and event.changed.isdisjoint(
                [outputs] if isinstance(outputs, str) else outputs
            )
            return [] if unseen else [shown(event.channels, outputs)]
        if not isinstance(event, NodeInterrupted):
            return []
        if not event.surfaced:
            return []
        held = shown(event.held, self._outputs_of(event))
        return [{**(held if isinstance(held, dict) else {}), INTERRUPT: event.surfaced}]

    def custom(self, event: Event) -> list[Any]:
        return [event.data] if isinstance(event, CustomData) else []

    def messages(self, event: Event) -> list[Any]:
        if not isinstance(event, MessageStreamed):
            return []
        known = event.message["id"] if isinstance(event.message, dict) else event.message.id
        shows = event.kind == "token" or (event.kind == "whole" and known not in self._seen)
        self._seen.add(known)
        return [(event.message, dict(event.metadata))] if shows else []

    def tasks(self, event: Event) -> list[Any]:
        match event:
            case NodeStarted():
                return [self._begun(event, event.triggers, event.metadata)]
            case TaskStarted() | TaskCached():
                return [self._begun(event, ("__pregel_push",))]
            case TaskFinished():
                return [_ended(event.id, event.name, result={"__return__": event.value})]
            case NodeFinished():
                return [_ended(event.id, event.name, result=_written_last(event.writes))]
            case TaskFailed() | NodeFailed():
                return [_ended(event.id, event.name, error=event.error)]
            case NodeInterrupted(surfaced=surfaced) if surfaced:
                return [_ended(event.id, event.name, interrupts=[as_dict(i) for i in surfaced])]
        return []

    def _begun(
        self,
        event: NodeStarted | TaskStarted | TaskCached,
        triggers: tuple[str, ...],
        more: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        payload = {"id": event.id, "name": event.name, "input": event.input, "triggers": triggers}
        metadata = {**_own_metadata(self._config(event.ns)), **(more or {})}
        return {**payload, "metadata": metadata} if metadata else payload

    def checkpoints(self, event: Event) -> list[Any]:
        if not isinstance(event, CheckpointReached):
            return []
        given = self._config(event.ns).get("configurable") or {}
        return [
            {
                "config": _config(event, event.id, given),
                "parent_config": None if event.parent is None else _config(event, event.parent, given),
                "values": shown(event.channels, event.outputs),
                "metadata": event.metadata,
                "next": list(event.next),
                "tasks": list(event.tasks),
            }
        ]

    def debug(self, event: Event) -> list[Any]:
        if isinstance(event, CheckpointReached):
            kind, found, step = "checkpoint", self.checkpoints(event), event.metadata["step"]
        else:
            begins = isinstance(event, NodeStarted | TaskStarted | TaskCached)
            kind, found = "task" if begins else "task_result", self.tasks(event)
            step = self._steps.get(event.ns, -1) + 1
        return [{"step": step, "timestamp": self._now(), "type": kind, "payload": payload} for payload in found]


_IN_MODE: dict[str, Callable[[Projector, Event], list[Any]]] = {
    "updates": Projector.updates,
    "values": Projector.values,
    "custom": Projector.custom,
    "messages": Projector.messages,
    "tasks": Projector.tasks,
    "checkpoints": Projector.checkpoints,
    "debug": Projector.debug,
}
"""The modes; what one event gives in several of them comes in this order. An unknown mode yields nothing."""


def _place(event: Event) -> Namespace:
    return event.within if isinstance(event, CustomData) else event.ns


def shown(channels: Mapping[str, Any], outputs: Outputs) -> Any:
    """Return what is shown of a workflow's channels: the value of one, or a dict of those that have one."""
    if isinstance(outputs, str):
        return channels.get(outputs)
    return {name: channels[name] for name in outputs if name in channels}


def _as_update(writes: Sequence[tuple[str, Any]]) -> Any:
    """Write a node's update the way it would return it: a dict, or a list of them if it wrote a key twice."""
    update = dict(writes)
    return update if len(update) == len(writes) else [{key: value} for key, value in writes]


def _written_last(writes: Sequence[Sequence[Any]]) -> dict[str, Any]:
    """Return the result of a step as mode `tasks` shows it; what only the next run gets is left out."""
    return {key: value for key, value in writes if key != PREVIOUS}


def _part(mode: str, ns: Namespace, chunk: Any) -> dict[str, Any]:
    part = {"type": mode, "ns": ns, "data": chunk}
    if mode == "values":
        asked = isinstance(chunk, dict) and INTERRUPT in chunk
        part["interrupts"] = chunk[INTERRUPT] if asked else ()
        part["data"] = {key: value for key, value in chunk.items() if key != INTERRUPT} if asked else chunk
    return part


def _ended(
    id: str,
    name: str,
    *,
    error: BaseException | None = None,
    result: dict[str, Any] | None = None,
    interrupts: Sequence[dict[str, Any]] = (),
) -> dict[str, Any]:
    return {"id": id, "name": name, "error": error, "result": result or {}, "interrupts": list(interrupts)}


def as_task(task: PregelTask) -> dict[str, Any]:
    """Show a step that is to be made the way mode `checkpoints` does."""
    asked = tuple(as_dict(each) for each in task.interrupts)
    known = {"interrupts": asked} if task.error is None else {"error": task.error}
    return {"id": task.id, "name": task.name, **known, "state": task.state}


def as_dict(question: Interrupt) -> dict[str, Any]:
    """Show a question the way modes `tasks` and `checkpoints` do."""
    schema = question.response_schema
    return {"value": question.value, "id": question.id, "response_schema": schema}


def _own_metadata(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return what mode `tasks` shows with every start: the user's metadata and tags."""
    tags = config.get("tags")
    return {**(config.get("metadata") or {}), **({"tags": list(tags)} if tags else {})}


def _config(event: CheckpointReached, id: str, given: Mapping[str, Any]) -> dict[str, Any]:
    ns = "|".join(event.ns)
    own = {"checkpoint_ns": ns, "thread_id": event.thread}
    # Where it is printed, its keys come in LangGraph's order.
    configurable: dict[str, Any] = {"checkpoint_ns": ns, **given, **own}
    if event.map is not None:
        configurable["checkpoint_map"] = {**event.map, ns: id}
    return {"configurable": {**configurable, "checkpoint_id": id}}
