"""Async workflows and tasks, on both savers."""

import asyncio
from typing import Any

import pytest

from lgrun.checkpoint.base import BaseCheckpointSaver, open_questions
from lgrun.config import get_stream_writer
from lgrun.errors import GraphInterrupt, NodeCancelledError
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt
from tests.engine.conftest import THREAD


@task
async def double(x: int) -> int:
    await asyncio.sleep(0)
    return x * 2


@task
def triple(x: int) -> int:
    return x * 3


@task
async def ask(text: str) -> Any:
    return interrupt(text)


def test_async_and_sync_tasks_are_awaited(saver: BaseCheckpointSaver) -> None:
    """Both give futures of the running loop; gather keeps the order of its arguments."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> list[Any]:
        future = double(x)
        assert isinstance(future, asyncio.Future)
        return [await future, await triple(x), await asyncio.gather(double(3), double(1))]

    assert asyncio.run(flow.ainvoke(1, THREAD)) == [2, 3, [6, 2]]
    assert flow.get_state(THREAD).values == [2, 3, [6, 2]]


def test_chunks_come_in_the_order_of_finishing(saver: BaseCheckpointSaver) -> None:
    """What a task writes comes before its result, whatever the order of the calls."""

    async def collect() -> list[Any]:
        finished = asyncio.Event()

        @task
        async def step(i: int) -> int:
            if i == 0:
                await finished.wait()
            get_stream_writer()(f"done {i}")
            return i

        @entrypoint(checkpointer=saver)
        async def flow(x: int) -> list[int]:
            return await asyncio.gather(step(0), step(1))

        chunks = []
        async for mode, chunk in flow.astream(1, THREAD, stream_mode=["custom", "updates"]):
            chunks.append((mode, chunk))
            if mode == "updates":
                finished.set()
        return chunks

    assert asyncio.run(collect()) == [
        ("custom", "done 1"),
        ("updates", {"step": 1}),
        ("custom", "done 0"),
        ("updates", {"step": 0}),
        ("updates", {"flow": [0, 1]}),
    ]


def test_gathered_questions(saver: BaseCheckpointSaver) -> None:
    """All are in the journal; a map answers them, whatever their order."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> list[Any]:
        return await asyncio.gather(ask("one"), ask("two"))

    asyncio.run(flow.ainvoke(1, THREAD))
    saved = saver.load("t")
    assert saved is not None
    pending = {write.value.tree(): write.id for write in open_questions(saved.writes) if write.value}

    assert set(pending) == {"one", "two"}
    assert asyncio.run(flow.ainvoke(Command(resume={pending["two"]: 2, pending["one"]: 1}), THREAD)) == [1, 2]


def test_questions_returned_as_values_make_the_run_wait(saver: BaseCheckpointSaver) -> None:
    """`gather(return_exceptions=True)` hands the exceptions on; the run waits all the same."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        found = await asyncio.gather(ask("one"), double(2), return_exceptions=True)
        return [f for f in found if not isinstance(f, GraphInterrupt)]

    assert len(asyncio.run(flow.ainvoke(1, THREAD))["__interrupt__"]) == 1
    assert asyncio.run(flow.ainvoke(Command(resume=1), THREAD)) == [1, 4]


def test_questions_in_a_task_group(saver: BaseCheckpointSaver) -> None:
    """The group's exception holds nothing but questions, so the run waits."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        async def one() -> Any:
            return await ask("one")

        async with asyncio.TaskGroup() as group:
            work = group.create_task(one())
        return work.result()

    assert [i.value for i in asyncio.run(flow.ainvoke(1, THREAD))["__interrupt__"]] == ["one"]
    assert asyncio.run(flow.ainvoke(Command(resume=1), THREAD)) == 1


def test_siblings_of_a_failed_task_are_cancelled(saver: BaseCheckpointSaver) -> None:
    """They see CancelledError, and run again when the run is taken up."""
    seen = []
    fail = [True]

    @task
    async def slow() -> str:
        try:
            if fail[0]:
                await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise
        return "slow"

    @task
    async def bad() -> str:
        await asyncio.sleep(0)
        if fail[0]:
            raise ValueError("bad")
        return "good"

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        return await asyncio.gather(slow(), bad())

    with pytest.raises(ValueError, match="bad"):
        asyncio.run(flow.ainvoke(1, THREAD))
    assert seen == ["cancelled"]
    fail[0] = False
    assert asyncio.run(flow.ainvoke(None, THREAD)) == ["slow", "good"]


def test_a_body_that_cancels_itself_fails(saver: BaseCheckpointSaver) -> None:
    """It is an error of the workflow, not a cancellation of the caller."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> None:
        raise asyncio.CancelledError

    with pytest.raises(NodeCancelledError, match="Node 'flow' raised"):
        asyncio.run(flow.ainvoke(1, THREAD))


def test_cancelling_the_caller_cancels_the_run(saver: BaseCheckpointSaver) -> None:
    """The thread is released and can be taken up; what was done is kept."""
    ran = []
    blocked = [True]

    async def main() -> None:
        reached = asyncio.Event()

        @task
        async def wait_for_ever() -> str:
            ran.append("wait")
            reached.set()
            if blocked[0]:
                await asyncio.Event().wait()
            return "over"

        @task
        async def first() -> str:
            ran.append("first")
            return "first"

        @entrypoint(checkpointer=saver)
        async def flow(x: int) -> Any:
            return [await first(), await wait_for_ever()]

        work = asyncio.ensure_future(flow.ainvoke(1, THREAD))
        await reached.wait()
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        blocked[0] = False
        assert await flow.ainvoke(None, THREAD) == ["first", "over"]

    asyncio.run(main())
    assert ran == ["first", "wait", "wait"]


def test_leaving_an_async_stream_cancels_the_run(saver: BaseCheckpointSaver) -> None:
    """The tasks that run are cancelled, what is finished is kept."""
    seen = []

    @task
    async def stuck() -> None:
        get_stream_writer()("stuck")
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        value = await double(x)
        await stuck()
        return value

    async def main() -> None:
        stream = flow.astream(2, THREAD, stream_mode="custom")
        assert await anext(stream) == "stuck"
        await stream.aclose()

    asyncio.run(main())
    assert seen == ["cancelled"]
    assert flow.get_state(THREAD).next == ("flow",)


def test_an_unawaited_task_is_waited_for(saver: BaseCheckpointSaver) -> None:
    """Its chunk comes after the workflow's own, its error is dropped without a warning."""

    @task
    async def bad() -> None:
        raise ValueError("nobody looks")

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> str:
        double(x)
        bad()
        return "done"

    async def collect() -> list[Any]:
        return [chunk async for chunk in flow.astream(1, THREAD)]

    assert asyncio.run(collect()) == [{"flow": "done"}, {"double": 2}]


def test_async_tasks_of_a_sync_workflow(saver: BaseCheckpointSaver) -> None:
    """They need `ainvoke`; with `invoke` the error says so."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return double(x).result()

    assert asyncio.run(flow.ainvoke(2, THREAD)) == 4
    with pytest.raises(RuntimeError, match="async tasks cannot be called"):
        flow.invoke(2, THREAD)


def test_an_async_workflow_needs_ainvoke() -> None:
    """The error names the method to use."""

    @entrypoint()
    async def flow(x: int) -> int:
        return x

    with pytest.raises(TypeError, match="No synchronous function"):
        flow.invoke(1)


def test_nested_async_workflows(saver: BaseCheckpointSaver) -> None:
    """Children run in parallel, ask through their parent, and are not run again once finished."""
    ran = []

    @entrypoint()
    async def child(x: int) -> Any:
        ran.append(x)
        value = await double(x)
        return interrupt("?") if x == 1 else value

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        return await asyncio.gather(child.ainvoke(2), child.ainvoke(1))

    first = asyncio.run(flow.ainvoke(1, THREAD))
    second = asyncio.run(flow.ainvoke(Command(resume="k"), THREAD))

    assert [i.value for i in first["__interrupt__"]] == ["?"]
    assert second == [4, "k"]
    assert sorted(ran) == [1, 1, 2]


def test_chains_started_in_another_order_get_their_own_results(saver: BaseCheckpointSaver) -> None:
    """Strands are numbered by their first calls, which another run makes in another order."""
    ran: list[str] = []
    order = [0, 1, 2]
    broken = [True]

    @task
    async def a(i: int) -> int:
        ran.append(f"a{i}")
        return i * 10

    @task
    async def b(i: int, x: int) -> int:
        ran.append(f"b{i}")
        if broken[0] and i == 1:
            raise ConnectionError("net")
        return x + i

    async def chain(i: int, turn: list[asyncio.Event]) -> int:
        await turn[i].wait()
        first = a(i)
        following = order.index(i) + 1
        if following < len(order):
            turn[order[following]].set()
        return await b(i, await first)

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> Any:
        turn = [asyncio.Event() for _ in range(3)]
        turn[order[0]].set()
        return await asyncio.gather(*[chain(i, turn) for i in range(3)])

    with pytest.raises(ConnectionError):
        asyncio.run(flow.ainvoke(1, THREAD))
    finished = {"a0", "a1", "a2", "b0"} & set(ran)
    ran.clear()
    order.reverse()
    broken[0] = False

    assert asyncio.run(flow.ainvoke(None, THREAD)) == [0, 11, 22]
    assert not {"a0", "a1"} & set(ran) & finished


def test_events_of_an_async_workflow(saver: BaseCheckpointSaver) -> None:
    """It runs on a loop of its own."""

    @entrypoint(checkpointer=saver)
    async def flow(x: int) -> int:
        return await double(x)

    events = list(flow.events(2, THREAD))

    assert [event.type for event in events if event.type.startswith("task")] == ["task.start", "task.end"]
    assert events[-1].value == 4  # type: ignore[union-attr]


def test_nested_workflows_started_in_another_order_keep_their_tasks(saver: BaseCheckpointSaver) -> None:
    """A paused child is known by its input, whichever of its siblings comes first when the run is taken up."""
    ran = []
    order = [1, 2]

    @task
    async def note(x: int) -> int:
        ran.append(x)
        return x

    @entrypoint()
    async def child(x: int) -> Any:
        return [await note(x), interrupt(f"{x}?")]

    @entrypoint(checkpointer=saver)
    async def flow(n: int) -> Any:
        async def one(x: int) -> Any:
            for _ in range(order.index(x)):
                await asyncio.sleep(0.01)
            return await child.ainvoke(x)

        return await asyncio.gather(one(1), one(2), return_exceptions=True)

    asyncio.run(flow.ainvoke(1, THREAD))
    saved = saver.load("t")
    assert saved is not None
    open_now = {write.value.tree(): write.id for write in open_questions(saved.writes) if write.value}
    order.reverse()

    assert set(open_now) == {"1?", "2?"}
    assert asyncio.run(flow.ainvoke(Command(resume={open_now["1?"]: "a", open_now["2?"]: "b"}), THREAD)) == [
        [1, "a"],
        [2, "b"],
    ]
    assert sorted(ran) == [1, 2]


def test_a_loop_gets_its_task_factory_back() -> None:
    """At the end of the last of the runs that go on there, unless somebody has set another one meanwhile."""
    made: list[str] = []

    def own(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine.__name__)
        return asyncio.Task(coroutine, loop=loop, **options)

    @entrypoint()
    async def flow(gate: asyncio.Event) -> None:
        await gate.wait()

    async def main() -> None:
        loop, opened = asyncio.get_running_loop(), asyncio.Event()
        opened.set()
        for before in (None, own):
            loop.set_task_factory(before)
            gate = asyncio.Event()
            long = asyncio.ensure_future(flow.ainvoke(gate))
            await asyncio.sleep(0)
            during = loop.get_task_factory()
            assert during is not before
            await flow.ainvoke(opened)
            assert loop.get_task_factory() is during
            gate.set()
            await long
            assert loop.get_task_factory() is before
        loop.set_task_factory(None)
        gate.clear()
        long = asyncio.ensure_future(flow.ainvoke(gate))
        await asyncio.sleep(0)
        loop.set_task_factory(own)
        gate.set()
        await long
        assert loop.get_task_factory() is own

    asyncio.run(main())
    assert made[0] == "ainvoke"
