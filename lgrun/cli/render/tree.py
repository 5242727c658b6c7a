"""The tasks of a run as a tree, and which of its lines fit on a screen. Knows no terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lgrun.cli.diagnostics import headline
from lgrun.cli.render.text import duration, one_line, shorten, token_text

SYMBOLS = {
    "running": "●",
    "retry": "↻",
    "waiting": "?",
    "failed": "✗",
    "stopped": "■",
    "done": "✓",
    "saved": "⟲",
    "cached": "⟲",
    "folded": "…",
    "text": "│",
}
_FINISHED = ("done", "saved", "cached")
_ACTIVE = ("running", "retry")
_TEXT_LINES = 6
"""How many lines of what a chat model says are shown below the task that calls it."""
_TEXT_KEPT = 4000
"""How many characters of it are kept: enough for that many lines of the widest terminal."""


@dataclass(slots=True, eq=False)
class Node:
    """A task. `since` and `due` are times on the clock of the view: when it started, when it is tried again."""

    name: str
    args: str = ""
    state: str = "running"
    since: float = 0.0
    due: float = 0.0
    ms: float | None = None
    attempt: int = 1
    error: BaseException | None = None
    text: str = ""
    children: "list[Node]" = field(default_factory=list)


class Row(NamedTuple):
    """A line of the view. The name may be cut, the notes not; the remark is shown if there is room."""

    indent: int
    state: str
    name: str
    notes: str = ""
    remark: str = ""


class Tree:
    """What has happened to the tasks of a run."""

    def __init__(self) -> None:
        self._root = Node("")
        self._nodes: dict[str, Node] = {}

    def tell(self, event: Any, now: float) -> None:
        """Take in an event; `now` is the time it came."""
        kind = event.type
        if kind in ("task.start", "task.saved", "node.start", "node.saved"):
            node = self._node(event)
            node.state, node.since, node.error, node.text = "running", now, None, ""
            if kind.endswith(".saved"):
                node.state = "saved" if getattr(event, "replayed", True) else "cached"
            else:
                node.attempt = getattr(event, "attempt", 1)
        elif kind in ("task.end", "task.error", "node.end", "node.error"):
            node = self._node(event)
            node.state, node.ms = ("done" if kind.endswith(".end") else "failed"), getattr(event, "ms", None)
            node.attempt = getattr(event, "attempt", node.attempt)
            node.error = getattr(event, "error", None)
        elif kind == "node.interrupt":
            self._node(event).state = "waiting"
        elif kind == "task.retry":
            node = self._node(event)
            node.state, node.due, node.error, node.text = "retry", now + event.delay, event.error, ""
        elif kind == "token":
            self._say(event)
        elif kind == "question":
            self._ask(event.name)
        elif kind == "run.end" and event.ns == ():
            self._end(event)

    def active(self) -> bool:
        """Tell whether anything runs, so that the view changes with time."""
        return any(node.state in _ACTIVE for node in self._nodes.values())

    def rows(self, now: float, height: int) -> list[Row]:
        """Return the lines of the view, at most `height` of them."""
        every = list(_draw(self._root.children, now, 0, fold=False))
        whole = [*every, *_said(self._root, 0)]
        if len(whole) <= height:
            return whole
        every = [row for row in every if row.state != "text"]
        if len(every) <= height:
            return every
        folded = [row for row in _draw(self._root.children, now, 0, fold=True) if row.state != "text"]
        if len(folded) <= height:
            return folded
        return _most_important(every, height)

    def _node(self, event: Any) -> Node:
        node = self._nodes.get(event.id)
        if node is None:
            node = self._nodes[event.id] = Node(event.name, shorten(one_line(getattr(event, "args", None) or ""), 60))
            self._parent(event).children.append(node)
        return node

    def _parent(self, event: Any) -> Node:
        caller = self._nodes.get(getattr(event, "parent", ""))
        if caller is not None:
            return caller
        # A run inside a task is named after it; all but the first of a task are numbered.
        names = [name.rpartition(":")[2] for name in event.ns]
        return next((self._nodes[name] for name in reversed(names) if name in self._nodes), self._root)

    def _say(self, event: Any) -> None:
        if event.kind == "token":
            node = self._nodes.get(event.id) or self._parent(event)
            node.text = (node.text + token_text(event.message))[-_TEXT_KEPT:]

    def _ask(self, name: str) -> None:
        asking = [node for node in self._nodes.values() if node.name == name and node.state == "running"]
        if asking:
            asking[-1].state = "waiting"

    def _end(self, event: Any) -> None:
        self._root.text = ""
        asking = {question.name for question in event.questions}
        for node in self._nodes.values():
            if node.state in _ACTIVE:
                node.state = "waiting" if node.name in asking else "stopped"
            if node.error is event.error:
                # It is told with how the run ended.
                node.error = None


def _draw(nodes: Sequence[Node], now: float, indent: int, *, fold: bool) -> Iterator[Row]:
    alike = Counter((node.name, node.state) for node in nodes if fold and _quiet(node))
    seen: set[tuple[str, str]] = set()
    for node in nodes:
        key = (node.name, node.state)
        if alike[key] > 1 and _quiet(node):
            if key not in seen:
                seen.add(key)
                yield Row(indent, "folded", one_line(node.name), f"{alike[key]} {node.state}")
            continue
        yield _row(node, now, indent)
        if node.state == "running":
            yield from _said(node, indent + 1)
        yield from _draw(node.children, now, indent + 1, fold=fold)


def _said(node: Node, indent: int) -> Iterator[Row]:
    """Draw the last lines of what a chat model says to a task."""
    for line in node.text.splitlines()[-_TEXT_LINES:]:
        yield Row(indent, "text", one_line(line))


def _quiet(node: Node) -> bool:
    return node.state in _FINISHED and all(_quiet(child) for child in node.children)


def _row(node: Node, now: float, indent: int) -> Row:
    notes = []
    if node.state in _FINISHED[1:] or node.state == "stopped":
        notes.append(node.state)
    elif node.state == "waiting":
        notes.append("asks")
    elif node.state == "retry":
        notes.append(f"again in {int(max(node.due - now, 0)) + 1}s")
    elif node.ms is not None:
        notes.append(duration(node.ms / 1000))
    elif now - node.since >= 1:
        notes.append(_so_far(now - node.since))
    if node.attempt > 1:
        notes.append(f"attempt {node.attempt}")
    remark = node.args
    if node.error is not None:
        # The error matters more: it is given the room.
        args = f"{shorten(node.args, 24)}  " if node.args else ""
        remark = args + one_line(headline(node.error))
    return Row(indent, node.state, one_line(node.name), "  ".join(notes), remark)


def _so_far(seconds: float) -> str:
    # Whole seconds: tenths would make the view flicker.
    return f"{int(seconds)}s" if seconds < 60 else duration(seconds)


def _most_important(rows: Sequence[Row], height: int) -> list[Row]:
    """Keep what runs and what failed, and count the others on one line."""
    wanted = [row for row in rows if row.state not in _FINISHED]
    room = max(height - 1, 0)
    if len(wanted) > room:
        failed = [row for row in wanted if row.state == "failed"][: max(room // 2, 1)]
        others = [row for row in wanted if row.state != "failed"][: room - len(failed)]
        kept = {id(row) for row in (*failed, *others)}
        wanted = [row for row in wanted if id(row) in kept]
    hidden = Counter(row.state for row in rows) - Counter(row.state for row in wanted)
    words = ", ".join(f"{count} {state}" for state, count in sorted(hidden.items()))
    return [*wanted, Row(0, "folded", words)][:height]
