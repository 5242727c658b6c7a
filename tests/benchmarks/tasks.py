"""Tasks: one after another, side by side, inside each other, replayed; and a workflow of only one."""

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

from tests.benchmarks.comparing import Bench, Line, Measure, grown, medians
from tests.benchmarks.floors import (
    THREADS,
    append_and_share_syncs,
    append_and_sync,
    journal_lines,
    synced_pieces,
)
from tests.benchmarks.libraries import Library, new_thread, timed, timed_async

Program = Callable[[Library, Any, str, int], float]
"""Runs a workflow of so many tasks with a saver and a durability; returns the seconds it took."""


def _increment(library: Library) -> Any:
    @library.func.task
    def increment(x: int) -> int:
        return x + 1

    return increment


def _sequential(library: Library, saver: Any, durability: str, n: int) -> float:
    increment = _increment(library)

    @library.func.entrypoint(checkpointer=saver)
    def sequential(n: int) -> int:
        x = 0
        for _ in range(n):
            x = increment(x).result()
        return x

    return timed(sequential, n, n, durability=durability)


def _fan_out(library: Library, saver: Any, durability: str, n: int) -> float:
    increment = _increment(library)

    @library.func.entrypoint(checkpointer=saver)
    def fan_out(n: int) -> int:
        return sum(future.result() for future in [increment(i) for i in range(n)])

    return timed(fan_out, n, n * (n + 1) // 2, durability=durability)


def _gather(library: Library, saver: Any, durability: str, n: int) -> float:
    import asyncio

    @library.func.task
    async def increment(x: int) -> int:
        return x + 1

    @library.func.entrypoint(checkpointer=saver)
    async def gather(n: int) -> int:
        return sum(await asyncio.gather(*[increment(i) for i in range(n)]))

    return timed_async(gather, n, n * (n + 1) // 2, durability=durability)


def _nested_tasks(library: Library, saver: Any, durability: str, n: int) -> float:
    increment = _increment(library)

    @library.func.task
    def outer(x: int) -> int:
        return increment(x).result()  # type: ignore[no-any-return]

    @library.func.entrypoint(checkpointer=saver)
    def nested(n: int) -> int:
        x = 0
        for _ in range(n // 2):
            x = outer(x).result()
        return x

    return timed(nested, n, n // 2, durability=durability)


def _nested_workflows(library: Library, saver: Any, durability: str, n: int) -> float:
    increment = _increment(library)

    @library.func.entrypoint()
    def inner(x: int) -> int:
        return increment(x).result()  # type: ignore[no-any-return]

    @library.func.entrypoint(checkpointer=saver)
    def nested(n: int) -> int:
        x = 0
        for _ in range(n):
            x = inner.invoke(x)
        return x

    return timed(nested, n, n, durability=durability)


def _replay(library: Library, saver: Any, durability: str, n: int) -> float:
    """Only what comes after the answer counts: every task is replayed."""
    increment = _increment(library)

    @library.func.entrypoint(checkpointer=saver)
    def resumed(n: int) -> int:
        x = 0
        for _ in range(n):
            x = increment(x).result()
        return x + int(library.types.interrupt("go on?"))

    config = new_thread()
    resumed.invoke(n, config, durability=durability)
    return timed(resumed, library.types.Command(resume=0), n, config, durability=durability)


def _tiny(library: Library, saver: Any, durability: str, n: int) -> float:
    increment = _increment(library)

    @library.func.entrypoint(checkpointer=saver)
    def tiny(x: int) -> int:
        return increment(x).result()  # type: ignore[no-any-return]

    return sum(timed(tiny, i, i + 1, durability=durability) for i in range(n))


def _compared(
    bench: Bench,
    case: str,
    what: str,
    program: Program,
    kind: str,
    durability: str,
    *,
    n: int,
    unit: str = "µs per task",
    at_least: float | None = None,
    floor: str | None = None,
    shares: bool = False,
    at_most: float | None = None,
) -> Iterator[Line]:
    """Run a program with both libraries, and the floor of what lgrun wrote; yield a line for each comparison.

    `shares`: in the floor, too, what comes at the same time shares a sync.
    """
    folder = bench.fresh()
    savers = {library: library.saver(kind, folder) for library in (bench.lgrun, bench.langgraph)}

    def measure(library: Library) -> Measure:
        return lambda: program(library, savers[library], durability, n) / n * 1e6

    for library, saver in savers.items():
        program(library, saver, durability, n if floor and library is bench.lgrun else min(n, 10))
    theirs = bench.langgraph.label(kind)
    measures = {"lgrun": measure(bench.lgrun), theirs: measure(bench.langgraph)}
    if floor:
        pieces = synced_pieces(journal_lines(folder))
        if shares:
            text = b"".join(pieces)
            size = -(-len(text) // n)
            pieces = [text[start : start + size] for start in range(0, len(text), size)]
        write = append_and_share_syncs if shares else append_and_sync
        measures[floor] = lambda: write(pieces, bench.fresh()) / n * 1e6
    found = medians(measures, bench.rounds)
    ours = found.pop("lgrun")
    for against in sorted(found, key=lambda name: name == theirs):
        yield Line(
            case=case,
            what=what,
            unit=unit,
            lgrun=ours,
            against=against,
            other=found[against],
            at_least=at_least if against == theirs else None,
            at_most=at_most if against == floor else None,
        )


def sequential(bench: Bench) -> Iterator[Line]:
    """Each task begins when the one before has ended."""
    n, case = bench.tasks, "sequential"
    yield from _compared(bench, case, "memory", _sequential, "memory", "async", n=n, at_least=50)
    yield from _compared(bench, case, "files, async", _sequential, "files", "async", n=n, at_least=30)
    floor = "append + sync of each"
    yield from _compared(bench, case, "files, sync", _sequential, "files", "sync", n=n, floor=floor, at_most=1.3)


def fan_out(bench: Bench) -> Iterator[Line]:
    """All tasks are called before the first result is asked for."""
    n, case = bench.tasks, "fan-out"
    yield from _compared(bench, case, "memory", _fan_out, "memory", "async", n=n, at_least=30)
    yield from _compared(bench, case, "memory, asyncio", _gather, "memory", "async", n=n, at_least=25)
    yield from _compared(bench, case, "files, async", _fan_out, "files", "async", n=n)
    floor = f"append + sync of {THREADS} threads"
    yield from _compared(
        bench, case, "files, sync", _fan_out, "files", "sync", n=n, floor=floor, shares=True, at_most=2.5
    )


def nested(bench: Bench) -> Iterator[Line]:
    """Tasks that call tasks; workflows that call workflows."""
    for kind in ("memory", "files"):
        yield from _compared(bench, "nested", f"tasks, {kind}", _nested_tasks, kind, "async", n=bench.tasks)
    # A tenth of them: in LangGraph each costs some milliseconds.
    for kind in ("memory", "files"):
        yield from _compared(
            bench,
            "nested",
            f"workflows, {kind}",
            _nested_workflows,
            kind,
            "async",
            n=max(bench.tasks // 10, 1),
            unit="µs per workflow",
        )


def resume(bench: Bench) -> Iterator[Line]:
    """A workflow is taken up after its last task."""
    yield from _compared(bench, "resume", "memory", _replay, "memory", "async", n=bench.tasks)
    yield from _compared(bench, "resume", "files, async", _replay, "files", "async", n=bench.tasks, at_least=50)
    yield from _compared(bench, "resume", "files, sync", _replay, "files", "sync", n=bench.tasks, at_least=50)


def tiny(bench: Bench) -> Iterator[Line]:
    """A workflow of one task, every time on a new thread."""
    kinds = {("memory", "async"): 30.0, ("files", "sync"): 3.5}
    for (kind, durability), target in kinds.items():
        what = kind if kind == "memory" else f"{kind}, {durability}"
        n, unit = max(bench.tasks // 10, 1), "µs per run"
        yield from _compared(bench, "tiny", what, _tiny, kind, durability, n=n, unit=unit, at_least=target)


def growth(bench: Bench) -> Iterator[Line]:
    """What a task costs among very many against what it costs among few."""
    few, many = max(bench.tasks // 10, 1), bench.tasks * 10
    for (kind, durability), program in product([("memory", "async"), ("files", "async")], [_sequential, _fan_out]):
        saver = bench.lgrun.saver(kind, bench.fresh())
        program(bench.lgrun, saver, durability, few)

        def measure(n: int) -> Measure:
            # So often that both take about as long.
            times = min(many // n, 10)
            return lambda: sum(program(bench.lgrun, saver, durability, n) for _ in range(times)) / n / times * 1e6

        what = f"{program.__name__.strip('_').replace('_', '-')} of {many:,}, {kind}"
        yield grown(bench, few, many, measure, what=what, against=f"of {few:,}", unit="µs per task")
