"""Timeouts, limits of concurrency, breakpoints, and stopping on request."""

import asyncio
import threading
from concurrent.futures import wait
from datetime import timedelta
from typing import Any, TypedDict

import pytest

from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.config import get_stream_writer
from lgrun.errors import GraphDrained, NodeTimeoutError
from lgrun.func import entrypoint, task
from lgrun.graph import START, StateGraph
from lgrun.runtime import RunControl
from lgrun.types import RetryPolicy, TimeoutPolicy
from tests.engine.conftest import THREAD, Style

SHORT = 0.02


async def for_ever() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("policy", "kind", "text"),
    [
        (SHORT, "run", "exceeded its run timeout of 0.020s (elapsed:"),
        (timedelta(seconds=SHORT), "run", "exceeded its run timeout"),
        (TimeoutPolicy(idle_timeout=SHORT), "idle", "exceeded its idle timeout of 0.020s without making progress"),
    ],
)
def test_a_task_that_takes_too_long(policy: Any, kind: str, text: str) -> None:
    """It is cancelled; the error names it, the limit and the kind, and is no TimeoutError."""

    @task(timeout=policy)
    async def slow() -> None:
        await for_ever()

    @entrypoint()
    async def flow(x: int) -> None:
        await slow()

    with pytest.raises(NodeTimeoutError) as caught:
        asyncio.run(flow.ainvoke(1))
    error = caught.value
    assert text in str(error)
    assert (error.node, error.kind, error.timeout, isinstance(error, TimeoutError)) == ("slow", kind, SHORT, False)


def test_a_workflow_that_takes_too_long() -> None:
    """The entrypoint's own timeout covers its body."""

    @entrypoint(timeout=SHORT)
    async def flow(x: int) -> None:
        await for_ever()

    with pytest.raises(NodeTimeoutError, match="'flow'"):
        asyncio.run(flow.ainvoke(1))


def test_progress_postpones_the_idle_timeout() -> None:
    """What a task streams, and a nested task that ends, are progress; all of it takes longer than the limit."""

    @task
    async def inner() -> None:
        await asyncio.sleep(0.3)

    @task(timeout=TimeoutPolicy(idle_timeout=1))
    async def busy() -> str:
        for _ in range(2):
            await asyncio.sleep(0.3)
            get_stream_writer()("tick")
        for _ in range(2):
            await inner()
        return "done"

    @entrypoint()
    async def flow(x: int) -> str:
        return await busy()

    assert asyncio.run(flow.ainvoke(1)) == "done"


def test_each_attempt_has_the_full_time() -> None:
    """A timeout is retried like any error."""
    attempts = []

    @task(timeout=SHORT, retry_policy=RetryPolicy(initial_interval=0, jitter=False))
    async def flaky() -> int:
        attempts.append(1)
        if len(attempts) < 3:
            await for_ever()
        return len(attempts)

    @entrypoint()
    async def flow(x: int) -> int:
        return await flaky()

    assert asyncio.run(flow.ainvoke(1)) == 3


def test_a_timeout_error_of_the_code_itself_is_left_alone() -> None:
    """Only the policy's own timeout becomes a NodeTimeoutError."""

    @task(timeout=10)
    async def own() -> None:
        raise TimeoutError("mine")

    @entrypoint()
    async def flow(x: int) -> None:
        await own()

    with pytest.raises(TimeoutError, match="mine"):
        asyncio.run(flow.ainvoke(1))


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_timeout_must_be_positive(seconds: float) -> None:
    """And it needs an async function."""
    with pytest.raises(ValueError, match="run_timeout must be greater than 0"):
        task(timeout=seconds)(for_ever)
    with pytest.raises(ValueError, match=r"only supported for async nodes.*Task 'sync' is sync"):
        task(timeout=1, name="sync")(lambda: 1)


class Gauge:
    """Counts how many are inside at the same time."""

    def __init__(self) -> None:
        self.most = self._now = 0
        self._lock = threading.Lock()

    def __enter__(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._now -= 1


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_no_more_than_allowed_run_at_a_time(style: Style, limit: int) -> None:
    """One more while a caller that has waited goes on; and however deep the calls are nested, the run ends."""
    gauge = Gauge()

    @task
    def leaf(x: int) -> int:
        with gauge:
            return threading.Event().wait(0.002) or x

    @entrypoint()
    def flat(n: int) -> int:
        return sum(f.result() for f in wait([*map(leaf, range(n))]).done)

    assert style.invoke(flat, 9, {"max_concurrency": limit}) == 36
    assert gauge.most <= limit + 1

    @task
    def node(x: int) -> int:
        return leaf(x).result() + sum(f.result() for f in wait([leaf(x), leaf(x)]).done)

    @entrypoint()
    def flow(n: int) -> int:
        leaf(0)
        return sum(f.result() for f in [*map(leaf, range(n)), *map(node, range(n))])

    assert style.invoke(flow, 6, {"max_concurrency": limit}) == 60


def test_a_call_that_a_failed_workflow_left_on_the_loop_is_waited_for() -> None:
    """It has nobody's place to run in but that of the code that has failed."""
    ran: list[int] = []

    @task
    def leaf(n: int) -> None:
        ran.append(n)

    @entrypoint()
    def child(n: int) -> None:
        leaf(n)
        raise LookupError("broken")

    @entrypoint()
    async def flow(n: int) -> int:
        with pytest.raises(LookupError):
            child.invoke(n)
        return n

    assert asyncio.run(flow.ainvoke(5, {"max_concurrency": 1})) == 5
    assert ran == [5]


class Keys(TypedDict):
    """A state."""

    n: int


def test_one_at_a_time() -> None:
    """The body, a task, a node: none of them runs beside another, also where nobody waits for a task."""
    gauge = Gauge()

    @task
    def leaf() -> None:
        with gauge:
            threading.Event().wait(0.02)

    @entrypoint()
    def flow(n: int) -> int:
        calls = [leaf() for _ in range(n)]
        with gauge:
            threading.Event().wait(0.05)
        wait(calls[:2])
        calls[2].result()
        return gauge.most

    assert flow.invoke(5, {"max_concurrency": 1}) == 1
    assert asyncio.run(flow.ainvoke(5, {"max_concurrency": 1})) == 1

    def node(_: Keys) -> None:
        leaf()
        with gauge:
            threading.Event().wait(0.02)
        leaf().result()

    graph = StateGraph(Keys)
    for name in "abc":
        graph.add_node(name, node).add_edge(START, name)
    graph.compile().invoke({"n": 1}, {"max_concurrency": 1})
    assert gauge.most == 1


@pytest.mark.parametrize("limit", [1, 2, 4])
def test_no_more_than_allowed_run_at_a_time_on_the_loop(limit: int) -> None:
    """The body has one place; a nested call shares its caller's."""
    gauge = Gauge()

    @task
    async def leaf(x: int) -> int:
        with gauge:
            await asyncio.sleep(0.001)
        return x

    @task
    async def node(x: int) -> int:
        return await leaf(x)

    @entrypoint()
    async def flow(n: int) -> int:
        return sum(await asyncio.gather(*map(node, range(n))))

    assert asyncio.run(flow.ainvoke(10, {"max_concurrency": limit})) == 45
    assert gauge.most == max(1, limit - 1)


def test_stopping_before_the_step(saver: BaseCheckpointSaver, style: Style) -> None:
    """`interrupt_before` saves the input and stops; None goes on."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x

    assert style.stream(flow, 1, interrupt_before=["flow"]) == [{"__interrupt__": ()}]
    assert flow.get_state(THREAD).next == ("flow",)
    assert style.invoke(flow, None, interrupt_before="*") == 1
    assert style.invoke(flow, 2, interrupt_before=["other"]) == 2
    assert style.invoke(flow, 3, interrupt_before="*") is None


def test_stopping_after_the_step(saver: BaseCheckpointSaver, style: Style) -> None:
    """`interrupt_after` reports a stop behind the complete run."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x

    assert style.stream(flow, 1, interrupt_after="*") == [{"flow": 1}, {"__interrupt__": ()}]
    assert flow.get_state(THREAD).next == ()
    assert style.stream(flow, None) == []


def test_draining(saver: BaseCheckpointSaver, style: Style) -> None:
    """A run that is asked to stop does so before its step, and is taken up with None."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x

    control = RunControl()
    assert style.invoke(flow, 1, control=control) == 1
    control.request_drain("bye")
    with pytest.raises(GraphDrained, match="Graph drained: bye"):
        style.invoke(flow, 2, control=control)
    assert style.invoke(flow, None) == 2


def test_batches(saver: BaseCheckpointSaver) -> None:
    """Results come in the order of the inputs; errors are raised or returned."""

    @entrypoint()
    def flow(x: int) -> int:
        if x < 0:
            raise ValueError("negative")
        return x * 2

    @entrypoint(checkpointer=saver)
    def saved(x: int) -> int:
        return x

    assert flow.batch([1, 2, 3]) == [2, 4, 6]
    assert flow.batch([]) == []
    assert [type(r).__name__ for r in flow.batch([1, -1], return_exceptions=True)] == ["int", "ValueError"]
    with pytest.raises(ValueError, match="negative"):
        flow.batch([1, -1])
    assert asyncio.run(flow.abatch([1, 2], {"max_concurrency": 1})) == [2, 4]
    configs = [{"configurable": {"thread_id": name}} for name in "ab"]
    assert saved.batch([1, 2], configs) == [1, 2]
    assert [saved.get_state(config).values for config in configs] == [1, 2]


def test_with_config(style: Style) -> None:
    """A workflow's own configuration lies under that of a call: tags add up, the rest is overridden by key."""

    @entrypoint()
    def flow(x: int, config) -> Any:  # type: ignore[no-untyped-def]
        own = {key: value for key, value in config["metadata"].items() if not key.startswith("langgraph_")}
        return [config["tags"], own, config["configurable"]]

    own = flow.with_config(tags=["a"], metadata={"m": 1, "n": 1}, configurable={"k": 1})

    assert style.invoke(own, 1, {"tags": ["b"], "metadata": {"m": 2}}) == [["a", "b"], {"m": 2, "n": 1}, {"k": 1}]
    assert flow.config == {}


def test_batches_of_many(saver: BaseCheckpointSaver) -> None:
    """Not every input has a thread of its own; of several limits the smallest counts."""
    at_once: list[int] = []

    @entrypoint(checkpointer=saver)
    def main(n: int) -> int:
        at_once.append(sum(thread.name.startswith("ThreadPoolExecutor") for thread in threading.enumerate()))
        return n

    def configs(*limits: int | None) -> list[dict[str, Any]]:
        return [{"configurable": {"thread_id": str(n)}, "max_concurrency": limit} for n, limit in enumerate(limits)]

    assert main.batch(list(range(200)), configs(*[None] * 200)) == list(range(200))
    assert max(at_once) <= 32
    at_once.clear()
    assert main.batch([1, 2, 3, 4], configs(None, 4, 1, None)) == [1, 2, 3, 4]
    assert max(at_once) == 1
