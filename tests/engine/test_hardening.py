"""What must hold when things go on at the same time, end early, or are of an odd kind."""

import asyncio
import os
import threading
from concurrent.futures import as_completed
from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any

import pytest

from lgrun._engine.ids import digest_call
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.file import FileSaver
from lgrun.config import get_stream_writer
from lgrun.errors import NotSerializableError
from lgrun.func import entrypoint, task
from lgrun.types import Command, RetryPolicy, interrupt
from tests.engine.conftest import THREAD, Style


class Colour(Enum):
    """Two members."""

    RED = "red"
    BLUE = "blue"


@dataclass
class Point:
    """A value of an own class."""

    x: int


@dataclass
class Other:
    """The same fields in another class."""

    x: int


VALUES = [
    None, True, 1, 1.5, "1", "a", b"a", b"b", [1], [2], {"a": 1}, {"1": 2}, {1: 2}, {1}, {2}, Decimal(1), Decimal(2),
    Path("a"), Path("b"), Point(1), Point(2), Other(1), Colour.RED, Colour.BLUE, 2**70, 2**71, complex(1), complex(2),
    float("nan"), float("inf"), float("-inf"), "\ud800", "\udfff",
]  # fmt: skip


def test_digests_tell_values_apart() -> None:
    """Of every kind that can be saved; what cannot counts by its class."""
    digests = [digest_call((value,), {})[0] for value in VALUES]

    assert None not in digests
    assert len(set(digests)) == len(VALUES)
    assert digest_call((object(), 1), {})[0] == digest_call((object(), 1), {})[0]
    assert digest_call((object(), 1), {})[0] != digest_call((threading.Lock(), 1), {})[0]


def test_digests_do_not_depend_on_the_order_of_sets_and_keys() -> None:
    """Which differs from process to process."""
    words = [f"word{i}" for i in reversed(range(50))]

    assert digest_call((set(words),), {}) == digest_call(({*words[25:], *words[:25]},), {})
    assert digest_call(({"a": 1, "b": 2},), {})[0] == digest_call(({"b": 2, "a": 1},), {})[0]


@pytest.mark.parametrize("values", [[b"a", b"b", b"c"], [{1}, {2}, {3}], [Decimal(1), Decimal(2), Decimal(3)]])
def test_threads_started_in_another_order_get_their_own_results(saver: BaseCheckpointSaver, values: Any) -> None:
    """Whatever the arguments are."""
    import contextvars

    order = list(values)

    @task
    def fetch(value: Any) -> str:
        return f"got {value}"

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        found = {}
        for value in order:
            context = contextvars.copy_context()
            thread = threading.Thread(
                target=context.run, args=(lambda v=value: found.update({str(v): fetch(v).result()}),)
            )
            thread.start()
            thread.join()
        interrupt("go on?")
        return found

    flow.invoke(1, THREAD)
    order.reverse()

    assert flow.invoke(Command(resume=1), THREAD) == {str(v): f"got {v}" for v in values}


def test_equal_calls_in_tasks_that_wait_for_different_times(saver: BaseCheckpointSaver) -> None:
    """Asyncio tasks are known by the order of their creation, so each chain goes on with its own result."""
    charged = []
    patient = [0, 1, 2]
    tickets = iter(range(100, 200))

    @task
    async def reserve(kind: str) -> int:
        return next(tickets)

    @task
    async def charge(who: int, ticket: int) -> str:
        charged.append((who, ticket))
        return f"{who}:{ticket}"

    async def chain(who: int) -> str:
        for _ in range(patient.index(who) * 3):
            await asyncio.sleep(0)
        return await charge(who, await reserve("seat"))

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        async with asyncio.TaskGroup() as group:
            work = [group.create_task(chain(who)) for who in range(3)]
        interrupt("go on?")
        return [w.result() for w in work]

    asyncio.run(flow.ainvoke(1, THREAD))
    first = list(charged)
    patient.reverse()
    result = asyncio.run(flow.ainvoke(Command(resume=1), THREAD))

    assert charged == first
    assert result == [f"{who}:{ticket}" for who, ticket in sorted(first)]


def test_a_failed_body_starts_nothing_more() -> None:
    """Calls that nobody has begun are dropped."""
    ran = []
    hold = threading.Event()

    @task
    def slow(i: int) -> None:
        ran.append(i)
        assert hold.wait(30)

    @entrypoint()
    def flow(x: int) -> None:
        last = [slow(i) for i in range(300)][-1]
        last.add_done_callback(lambda _: hold.set())
        raise ValueError("early")

    with pytest.raises(ValueError, match="early"):
        flow.invoke(1)
    assert len(ran) < 100


def test_a_cancelled_run_starts_nothing_more(saver: BaseCheckpointSaver) -> None:
    """Of what is queued, only what has begun is finished."""
    ran = []
    hold = threading.Event()

    @task
    def slow(i: int) -> int:
        ran.append(i)
        assert hold.wait(30)
        return i

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return [f.result() for f in [slow(i) for i in range(300)]]

    events = flow.events(1, THREAD)
    for event in events:
        if event.type == "task.start":
            events.cancel("test")
            hold.set()

    assert events.ended is not None
    assert events.ended.status == "stopped"
    assert len(ran) < 100


def test_a_cancelled_ainvoke_leaves_no_thread_behind(saver: BaseCheckpointSaver) -> None:
    """Sync code cannot be stopped: the caller waits for it, and its body starts nothing more."""
    ran: list[str] = []

    async def main() -> None:
        begun = threading.Event()
        go_on = threading.Event()

        @task
        def step(i: int) -> int:
            ran.append(f"start {i}")
            begun.set()
            assert go_on.wait(30)
            ran.append(f"end {i}")
            return i

        @entrypoint(checkpointer=saver)
        def flow(x: int) -> list[int]:
            return [step(i).result() for i in range(2)]

        work = asyncio.ensure_future(flow.ainvoke(1, THREAD))
        await asyncio.to_thread(begun.wait)
        for _ in range(3):
            work.cancel()
            await asyncio.sleep(0)
        assert not work.done()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert ran == ["start 0", "end 0"]
        assert await flow.ainvoke(None, THREAD) == [0, 1]

    asyncio.run(main())
    assert ran == ["start 0", "end 0", "start 1", "end 1"]


def test_cancelled_over_and_over_the_thread_is_free_again(tmp_path: Path) -> None:
    """At whatever moment, and however often."""

    @task
    async def step(i: int) -> int:
        await asyncio.sleep(0)
        return i

    @entrypoint(checkpointer=FileSaver(tmp_path / "state"))
    async def flow(n: int) -> int:
        return sum([await step(i) for i in range(n)])

    async def main() -> None:
        for turn in range(25):
            config = {"configurable": {"thread_id": str(turn)}}
            work = asyncio.ensure_future(flow.ainvoke(3, config))
            for _ in range(turn):
                await asyncio.sleep(0)
            for _ in range(3):
                work.cancel()
                await asyncio.sleep(0)
            await asyncio.wait([work])
            assert await flow.ainvoke(3, config) == 3

    asyncio.run(main())


def test_a_retry_waits_for_what_the_failed_attempt_left_running(saver: BaseCheckpointSaver, style: Style) -> None:
    """A call is never made a second time while it runs."""
    ran: list[str] = []
    release = threading.Event()

    @task
    def pay() -> str:
        ran.append("pay")
        assert release.wait(30)
        return "paid"

    @entrypoint(checkpointer=saver, retry_policy=RetryPolicy(initial_interval=0, jitter=False, retry_on=KeyError))
    def flow(x: int) -> str:
        ran.append("body")
        paid = pay()
        if ran.count("body") == 1:
            threading.Timer(0.01, release.set).start()
            raise KeyError("once")
        return paid.result()

    assert style.stream(flow, 1) == [{"pay": "paid"}, {"flow": "paid"}]
    assert ran == ["body", "pay", "body"] or ran == ["body", "body", "pay"]


def test_an_answer_that_cannot_be_saved_changes_nothing(saver: BaseCheckpointSaver, style: Style) -> None:
    """Neither on the latest checkpoint nor back at an older one."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return interrupt("?")

    style.invoke(flow, 1)
    with pytest.raises(NotSerializableError, match="the answer"):
        style.invoke(flow, Command(resume=object()))
    assert style.invoke(flow, Command(resume="ok")) == "ok"
    before = list(flow.get_state_history(THREAD))
    with pytest.raises(NotSerializableError, match="the answer"):
        style.invoke(flow, Command(resume=object()), before[1].config)
    assert list(flow.get_state_history(THREAD)) == before


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception that refuses new attributes."""

    code: int


class Unspeakable(Exception):
    """An exception whose text cannot be made."""

    def __str__(self) -> str:
        raise ValueError("no text")

    __repr__ = __str__


@pytest.mark.parametrize("error", [Frozen(7), Unspeakable()], ids=["frozen", "unspeakable"])
def test_odd_exceptions_arrive_as_they_are(saver: BaseCheckpointSaver, style: Style, error: Exception) -> None:
    """And are recorded as well as they allow."""

    @task
    def bad() -> None:
        raise error

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> None:
        bad().result()

    with pytest.raises(type(error)) as caught:
        style.invoke(flow, 1)
    assert caught.value is error
    assert flow.get_state(THREAD).tasks[0].error


def test_async_children_of_sync_code(saver: BaseCheckpointSaver) -> None:
    """On a loop that the code starts itself; with `invoke` the error names the method to use."""

    @task
    async def double(x: int) -> int:
        return x * 2

    @entrypoint()
    async def child(x: int) -> int:
        return await double(x)

    @task
    def in_task(x: int) -> int:
        return int(asyncio.run(child.ainvoke(x)))

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        with pytest.raises(TypeError, match="No synchronous function"):
            child.invoke(x)
        return [asyncio.run(child.ainvoke(x)), in_task(x + 1).result(), interrupt("?")]

    flow.invoke(1, THREAD)

    assert flow.invoke(Command(resume="k"), THREAD) == [2, 4, "k"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_threads_of_its_own() -> None:
    """It does not wait for its parent's."""

    @task
    def leaf(x: int) -> int:
        return x

    @entrypoint()
    def flow(n: int) -> int:
        return sum(future.result() for future in as_completed([leaf(i) for i in range(n)]))

    flow.invoke(10)
    child = os.fork()
    if child == 0:
        try:
            os._exit(flow.invoke(5))
        finally:
            # Whatever happens: nothing of the tests goes on in here.
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 10


def test_a_renamed_workflow_is_reported(
    saver: BaseCheckpointSaver, style: Style, caplog: pytest.LogCaptureFixture
) -> None:
    """It may take up the run of the old name, but not silently."""

    @entrypoint(checkpointer=saver)
    def old(x: int) -> Any:
        return interrupt("?")

    @entrypoint(checkpointer=saver)
    def new(x: int) -> Any:
        return interrupt("?")

    style.invoke(old, 1)

    assert style.invoke(new, Command(resume=2)) == 2
    assert "recorded workflow old, the code now calls new" in caplog.text


def test_a_stream_collected_inside_its_own_run() -> None:
    """The garbage collector may close it on a thread that the run waits for."""
    import gc

    @task
    def collect() -> str:
        gc.collect()
        return "collected"

    @entrypoint()
    def flow(x: int) -> str:
        get_stream_writer()("begun")
        assert dropped.wait(30)
        return collect().result()

    dropped = threading.Event()

    class Holder:
        """Keeps a stream in a cycle."""

    holder = Holder()
    holder.me, holder.stream = holder, flow.stream(1, stream_mode="custom")  # type: ignore[attr-defined]
    assert next(holder.stream) == "begun"  # type: ignore[attr-defined]
    del holder
    dropped.set()
    for thread in threading.enumerate():
        if thread.name == "lgrun-run":
            thread.join(30)
            assert not thread.is_alive()
