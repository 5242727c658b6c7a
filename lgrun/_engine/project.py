"""From events to the chunks of a stream. Pure."""

from collections.abc import Sequence
from typing import Any

from lgrun._engine.events import (
    CustomData,
    Event,
    NodeFinished,
    NodeInterrupted,
    TaskCached,
    TaskFinished,
    ValuesChanged,
)
from lgrun.constants import INTERRUPT


def _update(event: Event) -> dict[str, Any] | None:
    match event:
        case TaskFinished():
            return {event.name: event.value}
        case TaskCached(replayed=False):
            return {event.name: event.value, "__metadata__": {"cached": True}}
        case NodeFinished():
            return {event.name: event.update}
        case NodeInterrupted():
            return {INTERRUPT: event.surfaced}
    return None


class Projector:
    """Turns a run's events into what `stream` yields.

    Args:
        stream_mode: one mode, which yields bare chunks, or several, which yield (mode, chunk) pairs.
    """

    def __init__(self, stream_mode: str | Sequence[str]) -> None:
        self._single = isinstance(stream_mode, str)
        self._modes = [stream_mode] if isinstance(stream_mode, str) else list(stream_mode)

    def chunks(self, event: Event) -> list[Any]:
        """Return what an event adds to the stream."""
        if event.ns != ():
            return []
        found = [(mode, chunk) for mode in self._modes for chunk in self._in_mode(mode, event)]
        return [chunk for _, chunk in found] if self._single else list(found)

    @staticmethod
    def _in_mode(mode: str, event: Event) -> list[Any]:
        if mode == "updates":
            update = _update(event)
            return [] if update is None else [update]
        if mode == "values":
            if isinstance(event, ValuesChanged):
                return [event.values]
            return [{INTERRUPT: event.surfaced}] if isinstance(event, NodeInterrupted) else []
        if mode == "custom" and isinstance(event, CustomData):
            return [event.data]
        return []
