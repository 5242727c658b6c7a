"""How what code writes to its stream comes to whoever streams the run: as an event, or by a shorter way.

Code may write very much, a token at a time, so the shorter way is made once for each piece of code: a chunk goes to the
reader as it will be shown, with no event made of it and no projection.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from lgrun._engine.events import CustomData, Namespace
from lgrun._engine.project import Shape, as_it_is
from lgrun.types import StreamWriter

if TYPE_CHECKING:
    from lgrun._engine.frame import Frame


class Shortcut(NamedTuple):
    """The way of a chunk past the events.

    Args:
        put: takes a chunk, which comes after all events and chunks before.
        shape: says what makes chunks of what code within these steps and tasks, in this run, writes; `as_it_is` if it
            is shown as it is, None if it is not shown.
    """

    put: Callable[[Any], None]
    shape: Callable[[Namespace, Namespace], Shape | None]


def writer(frame: "Frame") -> StreamWriter:
    """Return what `frame`'s code writes to its stream with."""
    run, send = frame.run, _sender(frame)
    # The frame keeps the writer.
    writing = ref(frame)

    def write(data: Any) -> None:
        send(data)
        if run.timed and (frame := writing()) is not None:
            frame.touch()

    return write


def _sender(frame: "Frame") -> StreamWriter:
    """Return what takes what `frame`'s code writes.

    Whoever listens to a run, or to a nested one, listens before its code is run: so it is known who that is.
    """
    run, within, ns = frame.run, frame.outer_ns, frame.ns
    send = _nowhere if run.shortcut is None else _shaping(run.shortcut, within, ns)
    if run.shortcut is None and run.heard:
        return lambda data: run.emit(CustomData(data=data, within=within, ns=ns))
    if not any(ns[: len(at)] == at for at, _ in run.listeners):
        return send

    def send_to_all(data: Any) -> None:
        send(data)
        event = CustomData(data=data, within=within, ns=ns)
        for at, listener in run.listeners:
            if ns[: len(at)] == at:
                listener(event)

    return send_to_all


def _shaping(shortcut: Shortcut, within: Namespace, ns: Namespace) -> StreamWriter:
    put, shape = shortcut.put, shortcut.shape(within, ns)
    if shape is None or shape is as_it_is:
        return _nowhere if shape is None else put
    return lambda data: put(shape(data))


def _nowhere(data: Any) -> None:
    """Take what nobody wants to hear of."""
