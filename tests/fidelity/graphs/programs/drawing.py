"""Graphs as pictures."""

from collections.abc import Iterator
from typing import Any, Literal

from tests.fidelity.api import Api
from tests.fidelity.graphs.making import Log, built, line, says, wired
from tests.fidelity.programs import program


def shape(flow: Any, **options: Any) -> Any:
    """Return nodes and edges of a graph."""
    drawn = flow.get_graph(**options)
    return list(drawn.nodes), [(e.source, e.target, e.data, e.conditional) for e in drawn.edges]


@program
def a_line(api: Api) -> Iterator[Any]:
    """Nodes, edges and the text."""
    flow = line(api, says("a"), says("b"))
    yield shape(flow), flow.get_graph().draw_mermaid().splitlines()


@program
def joins_and_ends(api: Api) -> Iterator[Any]:
    """Nodes without a way out lead to the end."""
    builder = built(api, *[says(name) for name in "abcd"])
    flow = wired(builder, "^>a", "a>b", "a>c", "b+c>d").compile()
    yield shape(flow), flow.get_graph().draw_mermaid().splitlines()
    yield shape(wired(built(api, says("a"), says("b")), "^>a", "^>b").compile())


@program
def branches(api: Api) -> Iterator[Any]:
    """With labels, to named nodes, to any node."""

    def known(state: Log) -> Literal["b", "__end__"]:
        return "b"

    def unknown(state: Log) -> str:
        return "b"

    for path, paths in (
        (known, None),
        (unknown, None),
        (unknown, {"yes": "b", "no": "__end__"}),
        (unknown, ["b", "c"]),
    ):
        builder = wired(built(api, *[says(name) for name in "abc"]), "^>a")
        flow = builder.add_conditional_edges("a", path, paths).compile()
        yield shape(flow), flow.get_graph().draw_mermaid().splitlines()


@program
def commands(api: Api) -> Iterator[Any]:
    """Where a node may go: by its annotation, or by `destinations`."""

    def annotated(state: Log) -> Any:
        return api.Command(goto="b")

    annotated.__annotations__["return"] = api.Command[Literal["b", "__end__"]]
    flow = wired(built(api, annotated, says("b")), "^>annotated").compile()
    yield shape(flow), flow.get_graph().draw_mermaid().splitlines()
    for destinations in (("b", "c"), {"b": "to b", "c": "to c"}):
        builder = built(api, says("b"), says("c")).add_node("go", says("go"), destinations=destinations)
        yield shape(wired(builder, "^>go").compile())


@program
def a_loop(api: Api) -> Iterator[Any]:
    """A node that leads to itself and one that leads back."""
    builder = wired(built(api, says("a"), says("b")), "^>a", "b>a")
    flow = builder.add_conditional_edges("a", says("way"), {"a": "a", "b": "b", "stop": "__end__"}).compile()
    yield shape(flow), flow.get_graph().draw_mermaid().splitlines()


@program
def a_conditional_entry(api: Api) -> Iterator[Any]:
    """Dotted edges from the start."""
    builder = built(api, says("a"), says("b"))
    yield shape(builder.set_conditional_entry_point(says("way"), ["a", "b"]).compile())


@program
def inner_graphs(api: Api) -> Iterator[Any]:
    """As one node, or opened with `xray`."""
    builder = built(api, says("a")).add_node("inner", line(api, says("x"), says("y")))
    flow = wired(builder, "^>a", "a>inner").compile()
    yield shape(flow)
    for depth in (True, 1):
        yield shape(flow, xray=depth), flow.get_graph(xray=depth).draw_mermaid().splitlines()


@program
def marked_nodes(api: Api) -> Iterator[Any]:
    """Breakpoints, deferred nodes, metadata, strange names."""
    builder = (
        built(api, says("a")).add_node("last one", says("x"), defer=True).add_node("m", says("m"), metadata={"k": 1})
    )
    flow = wired(builder, "^>a", "a>last one", "a>m").compile(interrupt_before=["a"], interrupt_after=["m"])
    yield shape(flow), flow.get_graph().draw_mermaid().splitlines()
    yield {name: node.metadata for name, node in flow.get_graph().nodes.items()}


@program
def plain_text(api: Api) -> Iterator[Any]:
    """Without styles."""
    yield line(api, says("a")).get_graph().draw_mermaid(with_styles=False).splitlines()
