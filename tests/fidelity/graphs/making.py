"""Small graphs that many programs start from."""

import itertools
import operator
import threading
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import THREAD, Api


class Log(TypedDict):
    """A list that grows, and a number that is replaced."""

    log: Annotated[list, operator.add]
    n: int


Node = Callable[..., Any]


def says(name: str, **update: Any) -> Node:
    """Return a node that adds its name to the log, and writes what else is given."""

    def node(state: Any) -> Any:
        return {"log": [name], **update}

    node.__name__ = name
    return node


def built(api: Api, *nodes: Node, state: Any = Log, output_schema: Any = None, **each: Any) -> Any:
    """Return a builder with some nodes, each named as its function, and no edges."""
    builder = api.StateGraph(state, output_schema=output_schema)
    for node in nodes:
        builder.add_node(node.__name__, node, **each)
    return builder


def wired(builder: Any, *edges: str) -> Any:
    """Add edges, each written as `a>b`, `a+b>c` for a join; `^` is the start and `$` the end."""
    special = {"^": "__start__", "$": "__end__"}
    for edge in edges:
        starts, _, end = edge.partition(">")
        names = [special.get(name, name) for name in starts.split("+")]
        builder.add_edge(names if len(names) > 1 else names[0], special.get(end, end))
    return builder


def line(api: Api, *nodes: Node, state: Any = Log, **options: Any) -> Any:
    """Return a compiled graph of nodes one after another."""
    names = ["^", *[node.__name__ for node in nodes], "$"]
    edges = [f"{a}>{b}" for a, b in itertools.pairwise(names)]
    return wired(built(api, *nodes, state=state), *edges).compile(**options)


def fan(api: Api, *nodes: Node, state: Any = Log, **options: Any) -> Any:
    """Return a compiled graph of nodes side by side."""
    return wired(built(api, *nodes, state=state), *[f"^>{node.__name__}" for node in nodes]).compile(**options)


def brief(flow: Any, config: Any = THREAD) -> list[Any]:
    """Return a thread's history without configurations."""
    return [(s.values, s.next, s.metadata, s.tasks) for s in flow.get_state_history(config)]


def short(flow: Any, config: Any = THREAD) -> list[Any]:
    """Return a thread's history in few words."""
    return [(s.metadata["source"], s.metadata["step"], s.next, s.values) for s in flow.get_state_history(config)]


def at(snapshot: Any) -> dict[str, Any]:
    """Return the configuration that names a snapshot's checkpoint."""
    names = snapshot.config["configurable"]
    return {"configurable": {"thread_id": names["thread_id"], "checkpoint_id": names["checkpoint_id"]}}


def parts(
    flow: Any, given: Any, config: Any = THREAD, seen: threading.Event | None = None, **options: Any
) -> list[Any]:
    """Return the chunks of a stream, the error it ends with as the last one; `seen` is set at the first chunk.

    A node that is to fail after another one has finished waits for that: LangGraph keeps a node's update for sure
    only if its chunk is out when another one fails. And it hands a chunk out at once only if `custom` is streamed.
    """
    chunks: list[Any] = []
    try:
        for chunk in flow.stream(given, config, **options):
            chunks.append(chunk)
            if seen is not None:
                seen.set()
    except Exception as error:
        chunks.append(error)
    return chunks


def noting(ran: list[str], *names: str, is_async: bool = False) -> list[Any]:
    """Return nodes that note that they ran."""

    def make(name: str) -> Any:
        def node(state: Log) -> Any:
            ran.append(name)
            return {"log": [name]}

        async def anode(state: Log) -> Any:
            return node(state)

        made = anode if is_async else node
        made.__name__ = name
        return made

    return [make(name) for name in names]
