"""Graphs as pictures."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from tests.fidelity.api import Api
from tests.fidelity.graphs.making import Log, built, line, says, wired
from tests.fidelity.programs import program


def shape(flow: Any, **options: Any) -> Any:
    """Return nodes and edges of a graph."""
    drawn = flow.get_graph(**options)
    return list(drawn.nodes), [(e.source, e.target, e.data, e.conditional) for e in drawn.edges]


@dataclass
class Fields:
    """A state with a default."""

    n: int = 1


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


def everything(flow: Any) -> Iterator[Any]:
    """Yield what can be drawn of a workflow, the types of what its nodes stand for left out."""
    for depth in (False, True, 1):
        drawn = flow.get_graph(xray=depth)
        document = drawn.to_json()
        for node in document["nodes"]:
            node.get("data", {}).pop("id", None)
        yield shape(flow, xray=depth), drawn.draw_mermaid().splitlines(), document
    yield [name for name, _ in flow.get_subgraphs(recurse=True)]


@program
def functional_workflows(api: Api) -> Iterator[Any]:
    """One node, with a dotted edge to the end; the workflow that the code names is inside."""
    inner = line(api, says("x"), says("y"))

    @api.entrypoint()
    def plain(given: int) -> str:
        return str(given)

    @api.entrypoint()
    def calling(given: Any) -> Any:
        return inner.invoke(given)

    yield from everything(plain)
    yield from everything(calling)
    yield api.run(calling.aget_graph()).draw_mermaid()


@program
def circles(api: Api) -> Iterator[Any]:
    """Without an end, a graph is drawn to end where it stands after a great many steps, if that is one node."""
    for edges in (
        ["^>a", "a>a"],
        ["^>a", "a>b", "b>a"],
        ["^>a", "a>b", "b>c", "c>a"],
        ["^>a", "^>c", "a>b", "b>a"],
    ):
        yield from everything(wired(built(api, *[says(name) for name in "abc"]), *edges).compile())


@program
def one_edge_of_several(api: Api) -> Iterator[Any]:
    """Between two nodes one edge is drawn: a conditional one, of these the first label."""
    for edges, ways in (
        (["^>a", "a>b"], {"two": "b", "one": "b"}),
        (["^>a", "a>$", "a>b"], {"b": "b", 1: "c"}),
        (["^>a", "a>$"], {"stop": "__end__"}),
        (["^>$"], {"b": "b"}),
    ):
        builder = wired(built(api, *[says(name) for name in "abc"]), *edges)
        yield from everything(builder.add_conditional_edges("a", says("way"), ways).compile())


@program
def inner_graphs_of_every_shape(api: Api) -> Iterator[Any]:
    """Their ends are left out where one node remains to begin or end with."""
    for edges in (
        ["^>a", "a>b", "b>$"],
        ["^>a", "^>b"],
        ["^>a", "a>a", "a>b"],
        ["^>a", "a>b", "b>a"],
        ["^>a"],
    ):
        names = "abc" if edges == ["^>a"] else "ab"
        inner = wired(built(api, *[says(name) for name in names]), *edges).compile()
        middle = wired(built(api, says("m")).add_node("inner", inner), "^>m", "m>inner").compile()
        builder = built(api, says("o")).add_node("first", inner).add_node("middle", middle)
        yield from everything(wired(builder, "^>o", "o>first", "first>middle").compile())


@program
def late_nodes(api: Api) -> Iterator[Any]:
    """A deferred node is drawn after whatever it waits for; an error handler is a node without edges."""
    builder = built(api, *[says(name) for name in "abc"]).add_node("last", says("last"), defer=True)
    yield from everything(wired(builder, "^>a", "a>last", "a>b", "b>c").compile())
    builder = built(api, says("a")).add_node("risky", says("risky"), error_handler=says("mend"))
    yield from everything(wired(builder, "^>a", "a>risky").compile(interrupt_before=["a"], interrupt_after=["a"]))


@program
def schemas(api: Api) -> Iterator[Any]:
    """From annotations, named as LangGraph names them."""
    for given, returned in ((int, str), (dict[str, int], api.entrypoint.final[int, str]), (Any, None)):

        def plain(given: Any) -> Any:
            return given

        plain.__annotations__.update(given=given, **{"return": returned})
        flow = api.entrypoint()(plain)
        yield flow.get_input_jsonschema(), flow.get_output_jsonschema()

    def bare(given):  # type: ignore[no-untyped-def]
        return given

    flow = api.entrypoint()(bare)
    yield flow.get_input_jsonschema(), flow.get_output_jsonschema()
    flow = line(api, says("a"), state=Fields, name="titled")
    yield flow.get_input_jsonschema(), flow.get_output_jsonschema()
