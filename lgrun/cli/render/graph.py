"""The last run of a thread as a graph: what ran after what, what ran inside what. From its rows alone.

Why a node ran is not recorded unless a node led to it; else it is drawn after all nodes of the step before.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lgrun.cli.render.text import duration, one_line, shorten
from lgrun.cli.render.thread import SYMBOLS, ThreadView
from lgrun.cli.timeline import Row
from lgrun.constants import END, START

if TYPE_CHECKING:
    from lgrun.drawing import Graph


@dataclass(slots=True, eq=False)
class _Piece:
    """A task or node; several of one name side by side are one piece."""

    name: str
    status: str = "running"
    count: int = 1
    ms: float | None = None
    leads: list[str] = field(default_factory=list)
    inside: "list[_Piece]" = field(default_factory=list)

    def label(self) -> str:
        name = shorten(one_line(self.name), 40) + (f" ×{self.count}" if self.count > 1 else "")  # noqa: RUF001
        took = f" {duration(self.ms / 1000)}" if self.ms is not None and self.count == 1 else ""
        return f"{SYMBOLS.get(self.status, '?')} {name}{took}"


def run_graph(view: ThreadView) -> "Graph":
    """Return the last run as a drawing."""
    from lgrun.drawing import Edge, Graph, Node

    rows = view.last_run()
    graph = Graph()
    numbers: dict[int, str] = {}

    def add(piece: _Piece) -> str:
        known = numbers.setdefault(id(piece), f"n{len(numbers) + 1}")
        graph.nodes[known] = Node(known, piece.label())
        for inner in piece.inside:
            graph.edges.append(Edge(known, add(inner), None, True))
        return known

    steps = list(_steps(rows, view))
    if not steps:
        whole = _Piece(view.entrypoint or view.thread, view.status or "done", inside=_tree(rows))
        add(whole)
        return graph
    graph.nodes[START] = Node(START, START)
    before: list[tuple[str, _Piece]] = [(START, _Piece(START))]
    for pieces in steps:
        now = [(add(piece), piece) for piece in pieces]
        for source, piece in before:
            led = [target for target, other in now if other.name in piece.leads] or [target for target, _ in now]
            graph.edges += [Edge(source, target) for target in led]
        before = now
    if view.status == "done":
        graph.nodes[END] = Node(END, END)
        graph.edges += [Edge(source, END) for source, _ in before]
    return graph


def _steps(rows: Sequence[Row], view: ThreadView) -> Iterator[list[_Piece]]:
    """Yield the nodes of each step of a graph, those that have not finished too; nothing if it is no graph."""
    starts = [n for n, row in enumerate(rows) if row.kind == "step"]
    asking = {question.task for question in view.questions}
    for n, end in itertools.pairwise([*starts, len(rows)]):
        found = _tree(rows[n:end])
        known = {piece.name for piece in found}
        missing = [name for name in dict.fromkeys(rows[n].leads) if name not in known]
        yield [*found, *(_Piece(name, "waiting" if name in asking else "running") for name in missing)]


def _tree(rows: Sequence[Row]) -> list[_Piece]:
    """Return the tasks as a tree: each below the one that called it."""
    latest = {row.path: row for row in rows if row.kind == "task"}
    pieces: dict[tuple[tuple[int, int], ...], _Piece] = {}
    tops: list[_Piece] = []
    for path, row in sorted(latest.items(), key=lambda pair: len(pair[0])):
        piece = _Piece(row.name, row.status or "running", ms=row.ms, leads=row.leads)
        pieces[path] = piece
        around = next((pieces[path[:n]] for n in range(len(path) - 1, 0, -1) if path[:n] in pieces), None)
        (tops if around is None else around.inside).append(piece)
    for piece in pieces.values():
        piece.inside = _merged(piece.inside)
    return _merged(tops)


def _merged(pieces: Sequence[_Piece]) -> list[_Piece]:
    """Make one piece of those that have the same name and ended alike."""
    found: dict[tuple[str, str], _Piece] = {}
    for piece in pieces:
        known = found.setdefault((piece.name, piece.status), piece)
        if known is not piece:
            known.count += 1
            known.leads = [*known.leads, *piece.leads]
            known.inside = [*known.inside, *piece.inside]
    for piece in found.values():
        if piece.count > 1:
            piece.inside = _merged(piece.inside)
    return list(found.values())


def mermaid(graph: "Graph") -> str:
    """Return a drawing as Mermaid text; what its labels hold cannot be taken for syntax."""
    from lgrun.drawing import Graph

    names = {key: node._replace(name=_harmless(node.name)) for key, node in graph.nodes.items()}
    return Graph(names, graph.edges).draw_mermaid()


def _harmless(text: str) -> str:
    return re.sub(r"[^\w\s.,:×✓✗?…■-]", lambda match: f"#{ord(match[0])};", text)  # noqa: RUF001


def picture(graph: "Graph", width: int) -> Iterator[str]:
    """Yield a drawing in at most `width` columns: boxes and lines, or an indented list where they do not fit."""
    from lgrun._layout import drawn

    names = {key: node.name for key, node in graph.nodes.items()}
    lines = drawn(names, [(edge.source, edge.target, edge.conditional) for edge in graph.edges])
    if all(len(line) <= width for line in lines):
        yield from lines
        return
    yield from (shorten(line, width) for line in _listed(graph))


def _listed(graph: "Graph") -> Iterator[str]:
    """Yield a line for each node, what ran inside it indented below, each step under its own number."""
    inside = {edge.target for edge in graph.edges if edge.conditional}
    depth: dict[str, int] = {}
    for key in graph.nodes:
        above = [depth[edge.source] + 1 for edge in graph.edges if edge.target == key and edge.source in depth]
        depth[key] = max(above, default=0) if key not in inside else 0

    def below(key: str, indent: str) -> Iterator[str]:
        yield f"{indent}{graph.nodes[key].name}"
        for edge in graph.edges:
            if edge.source == key and edge.conditional:
                yield from below(edge.target, indent + "  ")

    last = -1
    for key in sorted((key for key in graph.nodes if key not in inside), key=lambda key: depth[key]):
        if depth[key] != last and last >= 0:
            yield "|"
        last = depth[key]
        yield from below(key, "")
