"""Workflows as graphs to look at: nodes and edges, as Mermaid text, as plain text or as JSON.

What is drawn follows from what can be said of a workflow before it runs: a conditional edge or a Command whose targets
are not declared has no line.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.constants import END, START

if TYPE_CHECKING:
    from lgrun.graph.state import StateGraph
    from lgrun.workflow import Workflow

__all__ = ["Edge", "Graph", "Node"]

_STEPS = 250
"""How long a graph without an end is followed to see where it stands then."""


class Node(NamedTuple):
    """A node of a drawing.

    Args:
        id: unique in the drawing: its name, after those of the nodes around it and colons.
        name: what is written into it.
        data: what it stands for; None for the ends.
        metadata: the user's own, and breakpoints.
    """

    id: str
    name: str
    data: Any = None
    metadata: dict[str, Any] | None = None


class Edge(NamedTuple):
    """An edge of a drawing.

    Args:
        source: id of a node.
        target: id of a node.
        data: its label, or None.
        conditional: it is one of several ways.
    """

    source: str
    target: str
    data: str | None = None
    conditional: bool = False


@dataclass(slots=True)
class Graph:
    """A drawing."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def first_node(self) -> Node | None:
        """Return the node that no edge leads to, if there is just one."""
        return self._only({edge.target for edge in self.edges})

    def last_node(self) -> Node | None:
        """Return the node that no edge leads away from, if there is just one."""
        return self._only({edge.source for edge in self.edges})

    def _only(self, others: set[str]) -> Node | None:
        found = [node for node in self.nodes.values() if node.id not in others]
        return found[0] if len(found) == 1 else None

    def trim_first_node(self) -> None:
        """Take the first node away, if there is a single other one to begin with."""
        self._trim(self.first_node(), Graph.first_node)

    def trim_last_node(self) -> None:
        """Take the last node away, if there is a single other one to end with."""
        self._trim(self.last_node(), Graph.last_node)

    def _trim(self, node: Node | None, following: Any) -> None:
        if node is not None and following(rest := self._without(node.id)) is not None:
            self.nodes, self.edges = rest.nodes, rest.edges

    def _without(self, id: str) -> "Graph":
        nodes = {name: node for name, node in self.nodes.items() if name != id}
        return Graph(nodes, [edge for edge in self.edges if id not in edge[:2]])

    def draw_mermaid(
        self,
        *,
        with_styles: bool = True,
        curve_style: str = "linear",
        wrap_label_n_words: int = 9,
    ) -> str:
        """Return it as the text of a Mermaid flow chart.

        Args:
            with_styles: name the nodes and colour them; otherwise only the edges are written.
            curve_style: how lines bend.
            wrap_label_n_words: how many words of a label fit on a line.
        """
        from lgrun._mermaid import lines_of

        return "".join(f"{line}\n" for line in lines_of(self, with_styles, curve_style, wrap_label_n_words))

    def draw_ascii(self) -> str:
        """Return it as boxes and lines in ASCII, top to bottom; dotted lines are conditional edges."""
        from lgrun._layout import drawn

        names = {node.id: _title(node.id, self) for node in self.nodes.values()}
        return "\n".join(drawn(names, [(e.source, e.target, e.conditional) for e in self.edges]))

    def print_ascii(self) -> None:
        """Print what `draw_ascii` returns."""
        print(self.draw_ascii())

    def to_json(self) -> dict[str, list[dict[str, Any]]]:
        """Return nodes and edges as plain data."""
        return {
            "nodes": [_node_document(node) for node in self.nodes.values()],
            "edges": [_edge_document(edge) for edge in self.edges],
        }


def _title(id: str, graph: Graph) -> str:
    """Return the name of a node, with those of the nodes around it where it would not be unique."""
    name = graph.nodes[id].name
    return name if sum(node.name == name for node in graph.nodes.values()) == 1 else id


def _node_document(node: Node) -> dict[str, Any]:
    found: dict[str, Any] = {"id": node.id}
    if node.data is not None:
        kind = type(node.data)
        data = {"id": [*kind.__module__.split("."), kind.__qualname__], "name": node.id}
        found |= {"type": "runnable", "data": data}
    return found | ({"metadata": node.metadata} if node.metadata else {})


def _edge_document(edge: Edge) -> dict[str, Any]:
    found: dict[str, Any] = {"source": edge.source, "target": edge.target}
    if edge.data is not None:
        found["data"] = edge.data
    return found | ({"conditional": True} if edge.conditional else {})


# --- from a workflow


def graph_of(workflow: "Workflow", xray: bool | int = False) -> Graph:
    """Return a workflow as a drawing.

    Args:
        workflow: functional, or a compiled graph.
        xray: open the workflows in it, so many levels deep; True for all.
    """
    builder: StateGraph | None = getattr(workflow, "builder", None)
    graph = _of_function(workflow) if builder is None else _of_builder(builder, workflow)
    # True is 1, but means every level.
    deeper = xray if isinstance(xray, bool) else max(xray - 1, 0)
    return _opened(graph, workflow, deeper) if xray else graph


def _of_function(workflow: "Workflow") -> Graph:
    name = workflow.name
    nodes = [Node(name, name, workflow.source), Node(START, START), Node(END, END)]
    return Graph({node.id: node for node in nodes}, [Edge(START, name), Edge(name, END, None, True)])


def _of_builder(builder: "StateGraph", workflow: Any) -> Graph:
    edges = list(_edges(builder))
    graph = Graph({START: Node(START, START, workflow.source)}, edges)
    for name, node in builder.nodes.items():
        if node.handler is not None:
            title = f"__error_handler__{name}"
            graph.nodes[title] = Node(title, title, node.handler)
        stops = [
            word for word, names in zip(("before", "after"), workflow._program.pauses, strict=True) if name in names
        ]
        stop = {"__interrupt": ",".join(stops)} if stops else {}
        known = {**({"defer": True} if node.defer else {}), **node.metadata, **stop}
        graph.nodes[name] = Node(name, name, node.action, known or None)
    if any(edge.target == END for edge in edges):
        graph.nodes[END] = Node(END, END)
    return graph


def _edges(builder: "StateGraph") -> Iterator[Edge]:
    """Yield the edges of what can be reached, in order; nodes without a way out lead to the end.

    Of several edges between two nodes the one with the first label is drawn.
    """
    ways = {name: list(_ways(builder, name)) for name in (START, *builder.nodes)}
    joins = [(frozenset(join.starts), join.end) for join in builder.joins if join.end != END]
    leads = {name: {edge.target for edge in edges if edge.target != END} for name, edges in ways.items()}
    deferred = {name for name, node in builder.nodes.items() if node.defer}
    reached, last, late = _followed(leads, joins, deferred)
    found: dict[tuple[str, str], Edge] = {}
    joined = [Edge(start, end) for starts, end in joins if starts <= reached for start in starts]
    for edge in [*joined, *(edge for name in reached for edge in ways[name])]:
        known = found.get(edge[:2])
        if known is None or _order(edge) < _order(known):
            found[edge[:2]] = edge
    for pair in late:
        found.setdefault(pair, Edge(*pair, None, True))
    yield from sorted(found.values(), key=lambda edge: edge[:2])
    away = {edge.source for edge in found.values()}
    stuck = [name for name in sorted(reached) if name not in away and name != START]
    yield from (Edge(name, END) for name in stuck)
    if not stuck and not any(edge.target == END for edge in found.values()) and len(last) == 1:
        yield Edge(last.pop(), END, None, True)


def _order(edge: Edge) -> tuple[bool, str]:
    return not edge.conditional, edge.data or ""


def _ways(builder: "StateGraph", name: str) -> Iterator[Edge]:
    for start, end in builder.edges:
        if start == name and end != END:
            yield Edge(name, end)
    for branch in builder.branches.get(name, {}).values():
        for answer, end in (branch.ends or {}).items():
            yield Edge(name, end, None if answer == end else str(answer), True)
    node = builder.nodes.get(name)
    for end, label in (node.ends if node is not None else {}).items():
        yield Edge(name, end, label, True)


def _followed(
    leads: Mapping[str, Iterable[str]], joins: Iterable[tuple[frozenset[str], str]], deferred: set[str]
) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Take every way, step by step.

    Returns:
        The nodes that are reached, those of the last step, and which deferred ones begin after which others.
    """
    reached: set[str] = set()
    late: set[tuple[str, str]] = set()
    before: set[str] = set()
    now, held = {START}, set[str]()
    waiting = [(starts, end, set[str]()) for starts, end in joins]
    for _ in range(_STEPS + 1):
        if not now:
            return reached, before, late
        reached |= now
        following = {target for name in now for target in leads[name]}
        for starts, end, arrived in waiting:
            arrived |= now & starts
            if arrived == starts:
                following.add(end)
                arrived.clear()
        held |= following & deferred
        following -= deferred
        if not following and held:
            late |= {(name, target) for name in now for target in held}
            following, held = held, set()
        before, now = now, following
    return reached, before, late


def _opened(graph: Graph, workflow: "Workflow", deeper: bool | int) -> Graph:
    """Put the drawings of workflows inside in the place of the nodes that they are."""
    for name, inner in subgraphs_of(workflow):
        part = graph_of(inner, deeper)
        part.trim_first_node()
        part.trim_last_node()
        first, last = part.first_node(), part.last_node()
        if first is None or last is None:
            # It has no single way in and out, so it stays closed.
            continue
        known = {key: node for key, node in graph.nodes.items() if key != name}
        added = [node._replace(id=f"{name}:{node.id}") for node in part.nodes.values()]
        edges = [
            edge._replace(
                source=f"{name}:{last.id}" if edge.source == name else edge.source,
                target=f"{name}:{first.id}" if edge.target == name else edge.target,
            )
            for edge in graph.edges
        ]
        edges += [edge._replace(source=f"{name}:{edge.source}", target=f"{name}:{edge.target}") for edge in part.edges]
        graph = replace(graph, nodes={**known, **{node.id: node for node in added}}, edges=edges)
    return graph


def subgraphs_of(
    workflow: "Workflow", namespace: str | None = None, recurse: bool = False
) -> Iterator[tuple[str, "Workflow"]]:
    """Yield the workflows inside a workflow, each with the name of the node that it is or that calls it.

    Args:
        workflow: functional, or a compiled graph.
        namespace: only the one of this name; names of nodes inside are written behind a `|`.
        recurse: those inside them too.
    """
    for name, inner in _inner(workflow):
        if namespace is None:
            yield name, inner
        elif namespace == name:
            yield name, inner
            return
        elif not namespace.startswith(f"{name}|"):
            continue
        if recurse:
            rest = None if namespace is None else namespace[len(name) + 1 :]
            yield from ((f"{name}|{below}", found) for below, found in subgraphs_of(inner, rest, True))


def _inner(workflow: "Workflow") -> Iterator[tuple[str, "Workflow"]]:
    """Yield the workflows that nodes are, or the first that their code names."""
    from lgrun.workflow import workflows_in

    builder: StateGraph | None = getattr(workflow, "builder", None)
    if builder is None:
        yield from ((workflow.name, inner) for inner in workflows_in(workflow.source)[:1])
        return
    for name, node in builder.nodes.items():
        yield from ((name, inner) for inner in node.inner[:1])
