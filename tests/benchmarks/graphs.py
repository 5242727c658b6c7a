"""Graphs: what a superstep costs, and looking back at many of them."""

import time
from collections.abc import Iterator
from typing import Any, TypedDict

from tests.benchmarks.comparing import Bench, Line, Measure, compared
from tests.benchmarks.libraries import Library, new_thread


class Counted(TypedDict):
    """The state of the graph."""

    n: int
    until: int


def _graph(library: Library, saver: Any) -> Any:
    """Build a graph of one node in a loop."""
    builder = library.graph.StateGraph(Counted)
    builder.add_node("increment", lambda state: {"n": state["n"] + 1})
    builder.add_edge("__start__", "increment")
    builder.add_conditional_edges("increment", lambda state: "increment" if state["n"] < state["until"] else "__end__")
    return builder.compile(checkpointer=saver)


def _run(graph: Any, n: int, durability: str, config: dict[str, Any]) -> float:
    began = time.perf_counter()
    result = graph.invoke({"n": 0, "until": n}, {**config, "recursion_limit": n + 10}, durability=durability)
    seconds = time.perf_counter() - began
    assert result["n"] == n
    return seconds


def superstep(bench: Bench) -> Iterator[Line]:
    """A graph of one node that leads to itself."""
    for kind, durability in (("memory", "async"), ("files", "async"), ("files", "sync")):
        folder = bench.fresh()

        def measure(library: Library) -> Measure:
            graph = _graph(library, library.saver(kind, folder))
            _run(graph, 10, durability, new_thread())
            return lambda: _run(graph, bench.tasks, durability, new_thread()) / bench.tasks * 1e6

        what = kind if kind == "memory" else f"{kind}, {durability}"
        yield compared(bench, kind, measure, case="superstep", what=what, unit="µs per step")


def history(bench: Bench) -> Iterator[Line]:
    """get_state_history of a graph that has made some steps."""
    steps = max(bench.tasks // 10, 1)
    for kind in ("memory", "files"):
        folder = bench.fresh()

        def measure(library: Library) -> Measure:
            graph, config = _graph(library, library.saver(kind, folder)), new_thread()
            _run(graph, steps, "async", config)

            def look() -> float:
                began = time.perf_counter()
                found = len(list(graph.get_state_history(config)))
                seconds = time.perf_counter() - began
                assert found == steps + 2
                return seconds / found * 1e6

            return look

        yield compared(bench, kind, measure, case="history", what=kind, unit="µs per checkpoint")
