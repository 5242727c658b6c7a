"""How fast lgrun is against real LangGraph, in the same run.

    python tests/benchmarks/bench.py [--cases NAME ...] [--tasks N] [--rounds N] [--json FILE]

Each row is one workflow, run by both libraries in turn; the figures are medians over the rounds, per task, in case
`superstep` per step of a graph of one node. `memory` compares the two in-memory savers; `files` compares lgrun's files
with LangGraph's sqlite saver, both with durability `async` (written at once, synced behind), which is LangGraph's
default; `files, sync` is lgrun's default, where every result is on the disk before the workflow goes on, against
LangGraph's `sync`, which does not wait for single results.
"""

import argparse
import importlib
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypedDict


class Counted(TypedDict):
    """The state of the graph of case `superstep`."""

    n: int
    until: int


class Library:
    """One of the two libraries, with a fresh saver of each kind."""

    def __init__(self, package: str, folder: Path) -> None:
        self.name = package
        self.func = importlib.import_module(f"{package}.func")
        self.types = importlib.import_module(f"{package}.types")
        self.memory = importlib.import_module(f"{package}.checkpoint.memory").InMemorySaver()
        self.files = self._files(folder)

    def _files(self, folder: Path) -> Any:
        if self.name == "lgrun":
            from lgrun.checkpoint.file import FileSaver

            return FileSaver(folder / "state")
        import sqlite3

        from langgraph.checkpoint.sqlite import SqliteSaver

        return SqliteSaver(sqlite3.connect(folder / "state.sqlite", check_same_thread=False))

    def workflow(self, case: str, saver: Any) -> Any:
        """Build the workflow of a case."""
        task, entrypoint, interrupt = self.func.task, self.func.entrypoint, self.types.interrupt

        @task
        def increment(x: int) -> int:
            return x + 1

        def sequential(n: int) -> int:
            x = 0
            for _ in range(n):
                x = increment(x).result()
            return x

        def fan_out(n: int) -> int:
            return sum(future.result() for future in [increment(i) for i in range(n)])

        def resume(n: int) -> int:
            return sequential(n) + int(interrupt("go on?"))

        bodies = {"sequential": sequential, "fan-out": fan_out, "resume": resume}
        return entrypoint(checkpointer=saver)(bodies[case])

    def graph(self, saver: Any) -> Any:
        """Build a graph of one node in a loop."""
        graph = importlib.import_module(f"{self.name}.graph")
        builder = graph.StateGraph(Counted)
        builder.add_node("increment", lambda state: {"n": state["n"] + 1})
        builder.add_edge("__start__", "increment")
        builder.add_conditional_edges(
            "increment", lambda state: "increment" if state["n"] < state["until"] else "__end__"
        )
        return builder.compile(checkpointer=saver)


CASES = ("sequential", "fan-out", "resume", "superstep")

_threads = itertools.count()


def measure(library: Library, case: str, saver: Any, durability: str, n: int) -> float:
    """Run a case once; return microseconds per task or step. Of `resume` only the second half counts."""
    workflow = library.graph(saver) if case == "superstep" else library.workflow(case, saver)
    config = {"configurable": {"thread_id": f"bench-{next(_threads)}"}}
    options = {"durability": durability}
    value: Any = {"n": 0, "until": n} if case == "superstep" else n
    if case == "resume":
        workflow.invoke(n, config, **options)
        value = library.types.Command(resume=0)
    began = time.perf_counter()
    result = workflow.invoke(value, config, **options)
    if case == "superstep":
        result = result["n"]
    seconds = time.perf_counter() - began
    expected = n * (n + 1) // 2 if case == "fan-out" else n
    assert result == expected, f"{library.name} returned {result!r}, not {expected!r}"
    return seconds / n * 1e6


def rows(cases: Sequence[str], n: int, rounds: int, report: Callable[[dict[str, Any]], None]) -> None:
    """Measure every row, the libraries taking turns."""
    kinds = [("memory", "async"), ("files", "async"), ("files", "sync")]
    with tempfile.TemporaryDirectory() as folder:
        libraries = [Library("lgrun", Path(folder)), Library("langgraph", Path(folder))]
        for case, (kind, durability) in itertools.product(cases, kinds):
            taken: dict[str, list[float]] = {library.name: [] for library in libraries}
            for _ in range(rounds):
                for library in libraries:
                    taken[library.name].append(measure(library, case, getattr(library, kind), durability, n))
            ours, theirs = (statistics.median(taken[library.name]) for library in libraries)
            label = kind if durability == "async" else f"{kind}, sync"
            report({"case": case, "saver": label, "lgrun": ours, "langgraph": theirs, "ratio": theirs / ours})


def main() -> None:
    """Print the table; write JSON if asked."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--cases", nargs="*", choices=CASES)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    found: list[dict[str, Any]] = []

    def report(row: dict[str, Any]) -> None:
        found.append(row)
        print(
            f"{row['case']:<12}{row['saver']:<14}{row['lgrun']:>10.1f}{row['langgraph']:>12.1f}{row['ratio']:>9.1f}x",
            flush=True,
        )

    print(f"{arguments.tasks} tasks, median of {arguments.rounds}, microseconds per task\n")
    print(f"{'case':<12}{'saver':<14}{'lgrun':>10}{'langgraph':>12}{'ratio':>10}")
    rows(arguments.cases or CASES, arguments.tasks, arguments.rounds, report)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    sys.exit(main())
