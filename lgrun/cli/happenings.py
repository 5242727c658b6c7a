"""What happens during a run, as documents for programs: `lgrun.event/1`.

`Documents` takes the events of the engine, and `Happening`s, which are read from a journal and have the same
attributes; so a run that is followed from elsewhere looks as it does from inside. Pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lgrun.checkpoint.base import Encoded
from lgrun.cli.diagnostics import headline
from lgrun.cli.question import Question, question_asked
from lgrun.cli.render.plain import is_node, warning_line
from lgrun.cli.render.text import token_text
from lgrun.cli.render.values import readable
from lgrun.cli.timeline import written

SCHEMA = "lgrun.event/1"
CHOICES = ("task", "custom", "token", "checkpoint")
"""The kinds of events that are carried if they are asked for; all others always are."""
USUAL = ("task", "custom")
"""Those that are carried unless others are asked for."""


class Happening(NamedTuple):
    """Something that happened, as a journal has it. The attributes are those of the engine's event of this type.

    Args:
        type: of the event.
        at: when, ISO 8601.
        run: in which run of the thread.
        attempt: which one it was; 0 where nobody is told.
    """

    type: str
    at: str = ""
    run: int = 0
    ns: tuple[str, ...] = ()
    id: str = ""
    parent: str = ""
    name: str = ""
    depth: int = 1
    args: str | None = None
    attempt: int = 1
    ms: float | None = None
    value: Encoded | None = None
    error: BaseException | None = None
    replayed: bool = False
    continued: bool = False
    status: str = ""
    question: Any = None
    questions: tuple[Any, ...] = ()
    q: int | None = None
    by: str | None = None
    seq: int = 0
    kind: str = ""
    step: int = 0
    next: tuple[str, ...] = ()


class Documents:
    """Makes documents of what happens on a thread, in order.

    Args:
        carried: which of CHOICES are carried.
    """

    def __init__(self, carried: Iterable[str] = USUAL) -> None:
        self.carried = frozenset(carried)
        self.thread: str | None = None
        self.run = 0
        self.ended = False
        self._seq = 0
        self._shown: set[str] = set()
        self._nodes: set[str] = set()

    def of(self, event: Any, at: str) -> dict[str, Any] | None:
        """Return the document of an event; None for what is not told.

        Args:
            event: what happened.
            at: when, RFC 3339.
        """
        kind = event.type
        if kind.startswith("node."):
            kind = self._kind_of_node(event)
        make = _MAKERS.get(kind)
        if self.ended or make is None or (kind.startswith("run.") and event.ns):
            return None
        if kind.partition(".")[0] in CHOICES and kind.partition(".")[0] not in self.carried:
            return None
        fields = make(event)
        if fields is None:
            return None
        if kind in ("task.start", "task.saved"):
            fields["parent"] = self._parent(event)
            self._shown.add(event.id)
        return self._stamped("task.error" if kind == "task.retry" else kind, at, fields)

    def end(self, document: Mapping[str, Any], at: str) -> dict[str, Any] | None:
        """Return the last event, which holds the run document; None if there was one already."""
        if self.ended:
            return None
        self.ended = True
        return self._stamped("run.end", at, document)

    def _stamped(self, kind: str, at: str, fields: Mapping[str, Any]) -> dict[str, Any]:
        self._seq += 1
        head = {"schema": SCHEMA, "seq": self._seq, "ts": at, "thread": self.thread, "run": self.run, "type": kind}
        return {**head, **{key: value for key, value in fields.items() if key != "schema"}}

    def _kind_of_node(self, event: Any) -> str:
        """Tell how a workflow's own step is told: nodes of graphs like tasks, the body of a function not at all."""
        if event.type in ("node.start", "node.saved") and is_node(event):
            self._nodes.add(event.id)
        if event.id not in self._nodes or (event.type == "node.start" and event.known):
            return ""
        return str(event.type.replace("node.", "task."))

    def _parent(self, event: Any) -> str | None:
        # A run inside a task is named after it; all but the first of a task are numbered.
        around = [name.rpartition(":")[2] for name in reversed(event.ns)]
        return next((known for known in (getattr(event, "parent", ""), *around) if known in self._shown), None)


# --- each type


def _run_start(event: Any) -> dict[str, Any]:
    return {"name": event.name, "continued": event.continued}


def _task_start(event: Any) -> dict[str, Any]:
    return {"id": event.id, "parent": None, "name": event.name, **_args(event)}


def _task_saved(event: Any) -> dict[str, Any]:
    cached = not getattr(event, "replayed", True)
    return {
        "id": event.id,
        "parent": None,
        "name": event.name,
        "cached": cached,
        **_args(event),
        "value": _value(event),
    }


def _task_end(event: Any) -> dict[str, Any]:
    return {**_attempt(event), "value": _value(event)}


def _task_error(event: Any) -> dict[str, Any]:
    kind = type(event.error).__name__
    message = headline(event.error).removeprefix(kind).removeprefix(": ")
    delay = getattr(event, "delay", None)
    return {**_attempt(event), "error": {"type": kind, "message": message}, "again_in": delay}


def _attempt(event: Any) -> dict[str, Any]:
    ms = getattr(event, "ms", None)
    found = {"id": event.id, "name": event.name, "ms": None if ms is None else round(ms)}
    return {**found, "attempt": getattr(event, "attempt", 0) or None, **_args(event)}


def _args(event: Any) -> dict[str, Any]:
    # Nodes of graphs have none.
    return {"args": getattr(event, "args", None)}


def _custom(event: Any) -> dict[str, Any]:
    return {"data": _plain(event.data)}


def _token(event: Any) -> dict[str, Any] | None:
    text = token_text(event.message) if event.kind == "token" else ""
    return {"id": event.id, "name": event.name, "text": text} if text else None


def _question(event: Any) -> dict[str, Any]:
    question: Question = event.question if isinstance(event, Happening) else question_asked(event)
    return {"question": question.document()}


def _answer(event: Any) -> dict[str, Any]:
    q = None if event.q is None else f"q{event.q}"
    return {"q": q, "interrupt": event.id, "value": readable(event.value), "by": event.by}


def _checkpoint(event: Any) -> dict[str, Any] | None:
    if event.ns:
        return None
    if isinstance(event, Happening):
        seq, kind, step = event.seq, event.kind, event.step
    else:
        # The id begins with the number.
        seq, step = int(event.id[:8], 16), event.metadata["step"]
        kind = "input" if event.metadata["source"] == "input" else "step" if event.next else "end"
    return {"id": event.id, "checkpoint": seq, "kind": kind, "step": step, "next": list(event.next)}


def _warn(event: Any) -> dict[str, Any]:
    about = {"name": event.name, "recorded": event.recorded, "now": event.now, "where": event.where}
    return {"message": warning_line(event).removeprefix("! "), **about, "used": event.used}


_MAKERS = {
    "run.start": _run_start,
    "task.start": _task_start,
    "task.saved": _task_saved,
    "task.end": _task_end,
    "task.error": _task_error,
    "task.retry": _task_error,
    "custom": _custom,
    "token": _token,
    "question": _question,
    "answer": _answer,
    "checkpoint": _checkpoint,
    "warn": _warn,
}


def _value(event: Any) -> Any:
    if isinstance(event, Happening):
        return readable(event.value)
    if not event.type.startswith("node."):
        return _plain(event.value)
    return _plain(written(event.writes)) if event.writes else None


def _plain(value: Any) -> Any:
    from lgrun.checkpoint.serde import encode

    try:
        return readable(encode(value))
    except Exception:
        # What a workflow streams need not be anything that can be saved.
        return f"<{type(value).__name__}>"
