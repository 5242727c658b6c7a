"""A drawing as the text of a Mermaid flow chart: nodes, edges, and frames around the nodes of inner workflows. Pure."""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from lgrun.drawing import Edge, Graph, Node


def lines_of(graph: "Graph", styles: bool, curve: str, words: int) -> Iterator[str]:
    """Yield the lines of a flow chart; see `Graph.draw_mermaid`."""
    if styles:
        yield from ("---", "config:", "  flowchart:", f"    curve: {curve}", "---")
    yield "graph TD;"
    for group in _groups(graph, styles):
        if group.name:
            yield f"\tsubgraph {group.name}"
        if styles:
            yield from (f"\t{_mermaid_node(graph, node)}" for node in group.nodes)
        yield from (f"\t{_mermaid_edge(edge, words)}" for edge in group.edges)
        yield from ["\tend"] * group.closes
    if styles:
        yield "\tclassDef default fill:#f2f0ff,line-height:1.2"
        yield "\tclassDef first fill-opacity:0"
        yield "\tclassDef last fill:#bfb6fc"


class _Group(NamedTuple):
    """A frame around some nodes: its name, what is right in it, and how many frames close after it."""

    name: str
    nodes: list["Node"]
    edges: list["Edge"]
    closes: int


def _groups(graph: "Graph", styles: bool) -> Iterator[_Group]:
    """Yield the frames, each before those in it: first those that hold edges, in the order of these."""
    edges: dict[str, list[Edge]] = {"": []}
    for edge in sorted(graph.edges, key=lambda edge: edge.source == edge.target):
        edges.setdefault(_around(edge.source, edge.target), []).append(edge)
    nodes: dict[str, list[Node]] = {"": []}
    for node in graph.nodes.values():
        nodes.setdefault(node.id.rpartition(":")[0], []).append(node)
    named = dict.fromkeys([*edges, *nodes] if styles else edges)
    # A frame around another one need not hold anything itself.
    every = dict.fromkeys(part for name in named for part in _frames(name))

    def below(name: str, depth: int) -> Iterator[_Group]:
        inner = [other for other in every if other and other.rpartition(":")[0] == name]
        groups = [group for other in inner for group in below(other, depth + 1)]
        closes = 1 if name and not groups else 0
        yield _Group(name.rpartition(":")[2], nodes.get(name, []), edges.get(name, []), closes)
        if groups and name:
            groups[-1] = groups[-1]._replace(closes=groups[-1].closes + 1)
        yield from groups

    yield from below("", 0)


def _frames(name: str) -> list[str]:
    parts = name.split(":") if name else []
    return [":".join(parts[:count]) for count in range(len(parts) + 1)]


def _around(source: str, target: str) -> str:
    """Return the innermost frame that holds two nodes."""
    shared = []
    for one, other in zip(source.split(":")[:-1], target.split(":")[:-1], strict=False):
        if one != other:
            break
        shared.append(one)
    return ":".join(shared)


def _mermaid_node(graph: "Graph", node: "Node") -> str:
    label = f"<p>{node.name}</p>" if node.name[:1] in "*_`" and node.name[-1:] in "*_`" else node.name
    if node.metadata:
        facts = "\n".join(f"{key} = {_escaped(str(value))}" for key, value in node.metadata.items())
        label += f"<hr/><small><em>{facts}</em></small>"
    for end, style in ((graph.first_node(), "first"), (graph.last_node(), "last")):
        if node == end:
            return f"{_mermaid_id(node.id)}([{label}]):::{style}"
    return f"{_mermaid_id(node.id)}({label})"


def _escaped(text: str) -> str:
    return text.replace("<", "#60;").replace(">", "#62;")


def _mermaid_id(id: str) -> str:
    return re.sub("[^a-zA-Z0-9_-]", lambda match: f"\\{ord(match[0]):x}", id)


def _mermaid_edge(edge: "Edge", words: int) -> str:
    line, label = ("-.->", "") if edge.conditional else ("-->", "")
    if edge.data is not None:
        every = edge.data.split()
        rows = [" ".join(every[start : start + words]) for start in range(0, len(every), words)]
        label = f" &nbsp;{'&nbsp<br>&nbsp'.join(rows)}&nbsp; "
        line = f"-.{label}.->" if edge.conditional else f"--{label}-->"
    return f"{_mermaid_id(edge.source)} {line} {_mermaid_id(edge.target)};"
