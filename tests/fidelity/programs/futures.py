"""Futures, many runs at a time, and what concurrent code may do."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, as_completed, wait
from typing import TYPE_CHECKING, Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

if TYPE_CHECKING:
    from lgrun.config import RunnableConfig


@program
def their_methods(api: Api) -> Iterator[Any]:
    """Those of the standard library."""

    @api.task
    def step(x: int) -> int:
        return x + 1

    @api.entrypoint()
    def main(x: int) -> Any:
        called: list[Any] = []
        future = step(x)
        future.add_done_callback(lambda f: called.append(f.result()))
        result = future.result(timeout=5)
        return [isinstance(future, Future), result, future.done(), future.cancelled(), future.exception(), called]

    yield main.invoke(1)


@program
def waiting_for_several(api: Api) -> Iterator[Any]:
    """`wait` and `as_completed`."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def main(n: int) -> Any:
        futures = [step(i) for i in range(n)]
        done, left = wait(futures, timeout=10)
        first, _ = wait([step(9)], return_when=FIRST_COMPLETED)
        return [len(done), len(left), sorted(f.result() for f in as_completed(futures)), len(first)]

    yield main.invoke(4)


@program
def tasks_run_side_by_side(api: Api) -> Iterator[Any]:
    """Three meet at a barrier."""
    barrier = threading.Barrier(3)

    @api.task
    def meet(x: int) -> int:
        barrier.wait(10)
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [future.result() for future in [meet(1), meet(2), meet(3)]]

    yield main.invoke(1, THREAD)


@program
def a_result_passed_on_as_a_future(api: Api) -> Iterator[Any]:
    """An argument may be the result of another task."""

    @api.task
    def step(x: int) -> int:
        return x + 1

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        a = step(x)
        b = step(a.result())
        return [a.result(), b.result(), a.result()]

    yield list(main.stream(1, THREAD))


@program
def a_future_is_no_result(api: Api) -> Iterator[Any]:
    """Returning one with a saver is a TypeError."""
    go = threading.Event()

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return step(x)

    go.set()
    failed = attempt(main.invoke, 1, THREAD)
    yield isinstance(failed.error, TypeError)


@program
def the_same_call_twice(api: Api) -> Iterator[Any]:
    """Two executions, two results on resume."""
    ran: list[int] = []

    @api.task
    def count(x: int) -> int:
        ran.append(x)
        return len(ran)

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        seen = [count(x).result(), count(x).result(), count(x).result()]
        return [*seen, api.interrupt("?"), count(x).result()]

    main.invoke(1, THREAD)
    yield main.invoke(api.Command(resume="a"), THREAD), ran


@program
def many_tasks(api: Api) -> Iterator[Any]:
    """More than there are threads."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(n: int) -> Any:
        return sum(future.result() for future in [step(i) for i in range(n)])

    chunks = list(main.stream(60, THREAD))
    yield Bag(chunks[:-1]), chunks[-1]
    yield main.get_state(THREAD).values


@program
def parallel_results_across_a_pause(api: Api) -> Iterator[Any]:
    """Each call gets its own."""
    ran: list[int] = []

    @api.task
    def step(x: int) -> int:
        ran.append(x)
        return x * x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(n: int) -> Any:
        first = [future.result() for future in [step(i) for i in range(n)]]
        api.interrupt("?")
        return [first, [future.result() for future in [step(10 + i) for i in range(n)]]]

    main.invoke(4, THREAD)
    yield main.invoke(api.Command(resume=1), THREAD), Bag(ran)


def numbered(api: Api, saver: Any = None) -> Any:
    """Return a workflow that fails for 2."""

    @api.entrypoint(checkpointer=saver)
    def main(x: int, config: "RunnableConfig") -> Any:
        if x == 2:
            raise ValueError("two")
        return [x, config["configurable"].get("thread_id")]

    return main


@program
def batches(api: Api) -> Iterator[Any]:
    """Results in the order of the inputs."""
    flow = numbered(api)
    yield flow.batch([1, 3, 5]), flow.batch([])
    yield flow.batch([1, 3], [{"configurable": {"thread_id": "a"}}, {"configurable": {"thread_id": "b"}}])
    yield attempt(flow.batch, [1, 2, 3])
    yield flow.batch([1, 2, 3], return_exceptions=True)
    yield attempt(flow.batch, [1, 3], [{}], text=False)


@program
def async_batches(api: Api) -> Iterator[Any]:
    """The same on an event loop."""
    flow = numbered(api)
    yield api.run(flow.abatch([1, 3, 5]))
    yield api.run(flow.abatch([1, 2, 3], return_exceptions=True))
    yield attempt(lambda: api.run(flow.abatch([1, 2, 3])))
    yield api.run(flow.abatch([1, 3], [{"configurable": {"thread_id": name}} for name in "ab"]))


@program
def batches_with_a_saver(api: Api) -> Iterator[Any]:
    """Each on its thread."""
    flow = numbered(api, api.new_saver())
    configs = [{"configurable": {"thread_id": str(number)}} for number in range(3)]
    yield flow.batch([1, 2, 3], configs, return_exceptions=True)
    yield [(state.values, state.next) for state in map(flow.get_state, configs)]


@program
def two_runs_side_by_side(api: Api) -> Iterator[Any]:
    """On threads of their own."""
    barrier = threading.Barrier(2)

    @api.task
    def meet(x: int) -> int:
        barrier.wait(10)
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return meet(x).result()

    yield main.batch([1, 2], [{"configurable": {"thread_id": name}} for name in "ab"])


@program
def async_runs_side_by_side(api: Api) -> Iterator[Any]:
    """On one event loop."""

    @api.task
    async def step(x: int) -> int:
        await asyncio.sleep(0)
        return x + 1

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> Any:
        return await step(await step(x))

    async def run() -> Any:
        return await asyncio.gather(*[main.ainvoke(i, {"configurable": {"thread_id": str(i)}}) for i in range(4)])

    yield api.run(run())
