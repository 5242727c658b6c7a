"""How what code writes to its stream comes to whoever streams the run: as an event, or by a shorter way.

Code may write very much, a token at a time, so the shorter way is made once for each piece of code: a chunk goes to the
reader as it will be shown, with no event made of it and no projection.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ref

from lgrun._engine.events import CustomData, Event, MessageStreamed, Namespace, outward
from lgrun._engine.project import Shape, as_it_is
from lgrun.types import StreamWriter

if TYPE_CHECKING:
    from lgrun._engine.frame import Frame
    from lgrun._engine.run import Run


class Hearing(NamedTuple):
    """Whoever called a nested run and hears of it.

    Args:
        ns: of the run.
        tell: takes what happens in it, and in those inside.
        custom: what code writes to its stream is shown to them, and so not to whoever streams a run around.
        checkpoints: they want to hear of checkpoints.
        subgraphs: they want to see those inside.
        alone: nobody around is told of those inside then: so it is with `astream`, in LangGraph.
    """

    ns: Namespace
    tell: Callable[[Event], None]
    custom: bool
    checkpoints: bool
    subgraphs: bool
    alone: bool


def hearers(run: "Run", ns: Namespace) -> list[Hearing]:
    """Return who hears of the run at `ns` because they called it or one around it."""
    runs = tuple(outward(run.around, ns)) if run.listeners else ()
    return [each for each in run.listeners if each.ns in runs]


def told(run: "Run", event: Event) -> list[Callable[[Event], None]]:
    """Return who is told of an event of a run in which somebody hears of nested ones."""
    ns = event.ns
    around = hearers(run, ns)
    inside = [len(each.ns) for each in around if each.alone and each.subgraphs and len(ns) > len(each.ns)]
    nearest = max(inside, default=0) if not isinstance(event, MessageStreamed) else 0
    outermost = [] if run.told is None or (nearest and not run.settings.overheard) else [run.told]
    return outermost + [each.tell for each in around if len(each.ns) >= nearest]


@contextmanager
def listen(run: "Run", hearing: Hearing | None) -> Iterator[None]:
    """Have somebody hear of what happens in a nested run inside the `with` block."""
    if hearing is None:
        yield
        return
    with run.counting:
        run.listeners = (*run.listeners, hearing)
    try:
        yield
    finally:
        with run.counting:
            run.listeners = tuple(other for other in run.listeners if other is not hearing)


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
    """Return what takes what `frame`'s code writes: it is shown once, as close to that code as somebody looks at it.

    Whoever listens to a run, or to a nested one, listens before its code is run: so it is known who that is.
    """
    run, within, ns = frame.run, frame.outer_ns, frame.ns
    around = hearers(run, ns)
    shown = [each for each in around if each.custom]
    send = _outermost(frame) if run.settings.overheard or not shown else _nowhere
    if not shown:
        return send
    nearest = max(shown, key=lambda each: len(each.ns))
    sees = run.settings.subgraphs or any(each.subgraphs for each in around if len(each.ns) <= len(nearest.ns))
    if nearest.ns != ns and not sees:
        return send

    def send_to_nearest(data: Any) -> None:
        send(data)
        nearest.tell(CustomData(data=data, within=within, ns=nearest.ns))

    return send_to_nearest


def _outermost(frame: "Frame") -> StreamWriter:
    """Return what takes what `frame`'s code writes to whoever streams the whole run."""
    run, within, ns = frame.run, frame.outer_ns, frame.ns
    if run.shortcut is not None:
        return _shaping(run.shortcut, within, ns)
    return (lambda data: run.emit(CustomData(data=data, within=within, ns=ns))) if run.heard else _nowhere


def _shaping(shortcut: Shortcut, within: Namespace, ns: Namespace) -> StreamWriter:
    put, shape = shortcut.put, shortcut.shape(within, ns)
    if shape is None or shape is as_it_is:
        return _nowhere if shape is None else put
    return lambda data: put(shape(data))


def _nowhere(data: Any) -> None:
    """Take what nobody wants to hear of."""
