"""From events to the chunks of a stream. Pure: the clock is an argument."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lgrun._engine.events import (
    CheckpointReached,
    CustomData,
    Event,
    Namespace,
    NodeFailed,
    NodeFinished,
    NodeInterrupted,
    NodeStarted,
    TaskCached,
    TaskFailed,
    TaskFinished,
    TaskStarted,
    ValuesChanged,
)
from lgrun.constants import END, INTERRUPT
from lgrun.types import Interrupt

PREVIOUS = "__previous__"
"""Name of the value that the next run of a functional workflow gets."""

_OUTPUTS = (END, PREVIOUS)


class Projector:
    """Turns a run's events into what `stream` yields.

    Args:
        stream_mode: one mode, which yields bare chunks, or several, which yield (mode, chunk) pairs.
        subgraphs: show nested runs too, each chunk with its namespace in front.
        version: `v1`: bare chunks; `v2`: `{"type", "ns", "data"}`.
        output_keys: which of the workflow's values are shown: `__end__` (returned) or `__previous__` (saved).
        metadata: the user's own, shown with every start in mode `tasks`.
        now: the time, ISO 8601, for mode `debug`.
        root: namespace of the run that is shown; () unless it is nested in another one.
    """

    def __init__(
        self,
        stream_mode: str | Sequence[str],
        *,
        subgraphs: bool = False,
        version: str = "v1",
        output_keys: str | Sequence[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        now: Callable[[], str] = lambda: "",
        root: Namespace = (),
    ) -> None:
        self._single = isinstance(stream_mode, str)
        self._modes = [stream_mode] if isinstance(stream_mode, str) else list(stream_mode)
        self._subgraphs = subgraphs
        self._version = version
        self._outputs = _outputs(output_keys)
        self._metadata = dict(metadata or {})
        self._now = now
        self._root = root
        self._steps: dict[Namespace, int] = {}

    def chunks(self, event: Event) -> list[Any]:
        """Return what an event adds to the stream."""
        return [self._framed(mode, event, chunk) for mode, chunk in self._shown(event)]

    def lines(self, event: Event) -> list[str]:
        """Return what an event adds to the stream, as `print_mode` writes it."""
        return [f"\x1b[1m[{mode}]\x1b[0m {_around(event)}{chunk!r}" for mode, chunk in self._shown(event)]

    def _shown(self, event: Event) -> list[tuple[str, Any]]:
        if event.ns != self._root and not (self._subgraphs and event.ns[: len(self._root)] == self._root):
            return []
        if isinstance(event, CheckpointReached):
            self._steps[event.ns] = event.metadata["step"]
        return [(mode, chunk) for mode in self._modes for chunk in _IN_MODE.get(mode, _nothing)(self, event)]

    def _framed(self, mode: str, event: Event, chunk: Any) -> Any:
        ns = _place(event)
        if self._version == "v2":
            return _part(mode, ns, chunk)
        parts = [*([ns] if self._subgraphs else []), *([] if self._single else [mode]), chunk]
        return tuple(parts) if len(parts) > 1 else chunk

    def _output(self, returned: Any, saved: Any) -> Any:
        values = {END: returned, PREVIOUS: saved}
        if isinstance(self._outputs, str):
            return values[self._outputs]
        return {name: values[name] for name in self._outputs}

    def updates(self, event: Event) -> list[Any]:
        match event:
            case TaskFinished():
                return [{event.name: event.value}]
            case TaskCached(replayed=False):
                return [{event.name: event.value, "__metadata__": {"cached": True}}]
            case NodeFinished():
                return [{event.name: self._output(event.update, event.saved)}]
            case NodeInterrupted():
                return [{INTERRUPT: event.surfaced}]
        return []

    def values(self, event: Event) -> list[Any]:
        if isinstance(event, ValuesChanged):
            return [self._output(event.values, event.saved)]
        if not isinstance(event, NodeInterrupted):
            return []
        held = event.held if isinstance(event.held, dict) and event.surfaced else {}
        return [{**held, INTERRUPT: event.surfaced}]

    def custom(self, event: Event) -> list[Any]:
        return [event.data] if isinstance(event, CustomData) else []

    def tasks(self, event: Event) -> list[Any]:
        match event:
            case NodeStarted():
                return [self._begun(event.id, event.name, event.input, "__start__")]
            case TaskStarted() | TaskCached():
                return [self._begun(event.id, event.name, event.input, "__pregel_push")]
            case TaskFinished():
                return [_ended(event.id, event.name, result={"__return__": event.value})]
            case NodeFinished():
                return [_ended(event.id, event.name, result={END: event.update})]
            case TaskFailed() | NodeFailed():
                return [_ended(event.id, event.name, error=event.error)]
            case NodeInterrupted(surfaced=surfaced) if surfaced:
                return [_ended(event.id, event.name, interrupts=[as_dict(i) for i in surfaced])]
        return []

    def _begun(self, id: str, name: str, input: Any, trigger: str) -> dict[str, Any]:
        payload = {"id": id, "name": name, "input": input, "triggers": (trigger,)}
        return {**payload, "metadata": self._metadata} if self._metadata else payload

    def checkpoints(self, event: Event) -> list[Any]:
        if not isinstance(event, CheckpointReached):
            return []
        return [
            {
                "config": _config(event, event.id),
                "parent_config": None if event.parent is None else _config(event, event.parent),
                "values": event.values,
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
    "tasks": Projector.tasks,
    "checkpoints": Projector.checkpoints,
    "debug": Projector.debug,
}


def _nothing(projector: Projector, event: Event) -> list[Any]:
    """A mode that nothing is known of yields nothing, as in LangGraph."""
    return []


def _place(event: Event) -> Namespace:
    return event.within if isinstance(event, CustomData) else event.ns


def _around(event: Event) -> str:
    ns = _place(event) if event.ns else ()
    return f"\x1b[1;30;33m[graph={ns}]\x1b[0m " if ns else ""


def _outputs(keys: str | Sequence[str] | None) -> str | list[str]:
    for key in [keys] if isinstance(keys, str) else keys or ():
        if key not in _OUTPUTS:
            raise ValueError(f"Key {key} not in channels: a functional workflow has {' and '.join(_OUTPUTS)}")
    return END if keys is None else keys if isinstance(keys, str) else list(keys)


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


def as_dict(question: Interrupt) -> dict[str, Any]:
    """Show a question the way modes `tasks` and `checkpoints` do."""
    schema = question.response_schema
    return {"value": question.value, "id": question.id, "response_schema": schema}


def _config(event: CheckpointReached, id: str) -> dict[str, Any]:
    configurable: dict[str, Any] = {"checkpoint_ns": "|".join(event.ns), "thread_id": event.thread}
    if event.map is not None:
        configurable["checkpoint_map"] = {**event.map, configurable["checkpoint_ns"]: id}
    return {"configurable": {**configurable, "checkpoint_id": id}}
