"""Driver for asyncio: does what a flow asks without ever holding the event loop up."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import aclosing
from contextvars import copy_context
from typing import Any, Literal, TypeVar, cast

from lgrun._engine.chat import Inside
from lgrun._engine.events import RunEnded
from lgrun._engine.flow import task_flow
from lgrun._engine.frame import Frame
from lgrun._engine.future import TaskFuture
from lgrun._engine.lifecycle import run_flow
from lgrun._engine.lineage import strand_on_loop, strands_named
from lgrun._engine.model import (
    Execute,
    Flush,
    Function,
    HandOver,
    Instruction,
    Io,
    Outcome,
    Raised,
    Returned,
    RunCancelled,
    Settle,
    Sleep,
    Together,
    below,
)
from lgrun._engine.nested import Reading, nested_flow, plan_nested
from lgrun._engine.program import Program
from lgrun._engine.run import Known, Planned, Run
from lgrun._engine.sync import SyncDriver, strand
from lgrun._engine.workers import WORKERS
from lgrun._waiting import WAITING
from lgrun.checkpoint.base import Path
from lgrun.errors import GraphInterrupt, NodeCancelledError, NodeTimeoutError
from lgrun.types import TimeoutPolicy

T = TypeVar("T")


class AsyncDriver:
    """Runs the flows of one run on the running event loop, and their sync code in threads.

    Args:
        run: the run.
    """

    def __init__(self, run: Run) -> None:
        self.run = run
        self.loop = asyncio.get_running_loop()
        self.running: dict[asyncio.Task[Any] | TaskFuture[Any], Path] = {}
        self.sync = SyncDriver(run, self)
        self._flushing = asyncio.Lock()
        limit = run.settings.max_concurrency
        # The body has one place. A nested call shares its caller's, which waits: so no limit can stall a run.
        self._places = None if limit is None else asyncio.Semaphore(max(1, limit - 1))

    async def drive(
        self, flow: Generator[Instruction, Any, T], answer: Any = None, failure: BaseException | None = None
    ) -> T:
        """Step through a flow to its end; it is sent `answer`, or `failure` is raised in it, where it stands."""
        while True:
            try:
                step = flow.send(answer) if failure is None else flow.throw(failure)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            answer = failure = None
            try:
                answer = await (self._execute(step) if isinstance(step, Execute) else self.perform(step))
            except BaseException as error:
                failure = error

    async def perform(self, step: Instruction) -> Any:
        """Do what a flow asks."""
        match step:
            case Execute():
                return await self._execute(step)
            case Flush():
                await self._flush(step)
            case Io():
                return await self._hop(step.action)
            case Sleep():
                await self._sleep(step.seconds)
            case HandOver():
                try:
                    await step.reader.hand_over(step.hold)
                except asyncio.CancelledError:
                    raise RunCancelled("cancelled") from None
            case Together():
                return await self._together(step)
            case Settle():
                await self._settle(step)
        return None

    async def _hop(self, action: Callable[[], Any]) -> Any:
        """Call what may wait for a device, off the loop if it does."""
        if self.run.saver is None or not self.run.saver.blocking:
            return action()
        work = asyncio.wrap_future(WAITING.submit(action))
        # What has begun on another thread cannot be stopped: leave with it over, never with it half-way.
        cancelled = await over(work)
        if cancelled is not None:
            raise cancelled
        return work.result()

    async def _sleep(self, seconds: float) -> None:
        stopped = asyncio.Event()
        with self.run.sleepers.asleep(lambda: self.loop.call_soon_threadsafe(stopped.set)):
            try:
                async with asyncio.timeout(seconds):
                    await stopped.wait()
            except TimeoutError:
                pass

    async def _flush(self, step: Flush) -> None:
        journal = self.run.journal
        assert journal is not None
        if not journal.waits(step.barrier):
            # A few microseconds: a hop would take twenty times as long.
            self.run.flush(step.ticket, step.barrier)
            return
        # One hop at a time: it takes along all that queued up during the one before.
        async with self._flushing:
            if journal.due(step.ticket, step.barrier):
                await self._hop(lambda: self.sync.flush(step))

    async def _execute(self, step: Execute) -> Outcome:
        try:
            if not step.function.is_async:
                return await self._in_thread(step)
            step.frame.enter(self, None)
            try:
                with Inside(step.frame):
                    if step.function.timeout is not None:
                        return Returned(await self._timed(step, step.function.timeout))
                    return Returned(await step.function.call(*step.args, **step.kwargs))
            finally:
                step.frame.touch()
        except asyncio.CancelledError:
            return Raised(self._cancelled(step.frame))
        except BaseException as error:
            return Raised(error)

    async def _timed(self, step: Execute, policy: TimeoutPolicy) -> Any:
        """Run async code for as long as its policy allows."""
        frame, now = step.frame, self.loop.time
        began = now()
        total, idle = cast("float | None", policy.run_timeout), cast("float | None", policy.idle_timeout)
        try:
            async with asyncio.timeout(total) as whole, asyncio.timeout(idle) as quiet:
                if idle is not None:
                    self.run.timed = True
                    frame.beat = lambda: self._postpone(frame, quiet, idle)
                    frame.progress = frame.beat if policy.refresh_on == "auto" else None
                try:
                    return await step.function.call(*step.args, **step.kwargs)
                finally:
                    frame.progress = frame.beat = None
        except TimeoutError:
            if not (whole.expired() or quiet.expired()):
                raise
            kind: Literal["run", "idle"] = "run" if whole.expired() else "idle"
            raise NodeTimeoutError(frame.name, now() - began, kind=kind, idle_timeout=idle, run_timeout=total) from None

    def _postpone(self, frame: Frame, quiet: asyncio.Timeout, seconds: float) -> None:
        def postpone() -> None:
            if frame.beat is not None and not quiet.expired():
                quiet.reschedule(self.loop.time() + seconds)

        if asyncio._get_running_loop() is self.loop:
            postpone()
        else:
            self.loop.call_soon_threadsafe(postpone)

    def _cancelled(self, frame: Frame) -> BaseException:
        if self.run.stopped is not None:
            return self.run.stopped
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            return RunCancelled("cancelled")
        return NodeCancelledError(f"Node {frame.name!r} raised asyncio.CancelledError")

    async def _in_thread(self, step: Execute) -> Outcome:
        """Run sync code on a thread. It cannot be stopped: a cancelled caller waits, and the body starts no more."""
        context = copy_context()

        def job(future: TaskFuture[Any]) -> None:
            future.finish(context.run(self.sync.execute, step), None)

        future: TaskFuture[Any] = TaskFuture(job, WORKERS)
        WORKERS.submit(future, now=True)
        work: asyncio.Future[Any] = asyncio.wrap_future(future)
        is_body = step.frame.parent is None
        cancelled = await over(work, lambda: self.run.cancel("cancelled") if is_body else None)
        if cancelled is not None and is_body:
            return Raised(RunCancelled("cancelled"))
        outcome: Outcome = work.result()
        return outcome

    async def _together(self, step: Together) -> list[Outcome]:
        """Step through several flows at the same time; when one fails, the others are stopped."""
        places = asyncio.Semaphore(self.run.settings.max_concurrency or len(step.flows))
        calls = [asyncio.Task(_in_turn(places, self.drive(flow)), loop=self.loop) for flow in step.flows]
        for call, path in zip(calls, step.paths, strict=True):
            self._list(call, path)
        left: set[asyncio.Task[Any]] = set(calls)
        cancelled = False
        while left:
            try:
                done, left = await asyncio.wait(left, return_when=asyncio.FIRST_COMPLETED)
                stop = any(_failed(call) for call in done)
            except asyncio.CancelledError:
                # The calls end as cancelled, and the run with them, in good order.
                stop = cancelled = True
            if stop:
                for call in left:
                    call.cancel()
        outcomes = [Raised(RunCancelled("cancelled")) if call.cancelled() else call.result() for call in calls]
        if cancelled and all(isinstance(outcome, Returned) for outcome in outcomes):
            # They had come to their ends, and nothing would know of it.
            outcomes[0] = Raised(RunCancelled("cancelled"))
        return outcomes

    async def _settle(self, step: Settle) -> None:
        cancelled: asyncio.CancelledError | None = None
        while calls := [call for call, path in list(self.running.items()) if below(path, step.path)]:
            waiters = [self._waiter(call, step.cancel or cancelled is not None) for call in calls]
            # For calls of sync code, which now has come to its end.
            lenders = {call.workers for call in calls if isinstance(call, TaskFuture)}
            for workers in lenders:
                workers.lend()
            try:
                await asyncio.wait(waiters)
            except asyncio.CancelledError as error:
                cancelled = error
            finally:
                for workers in lenders:
                    workers.take_back()
            for call in calls:
                if call.done():
                    self.running.pop(call, None)
        if cancelled is not None:
            raise cancelled

    def _waiter(self, call: "asyncio.Task[Any] | TaskFuture[Any]", cancel: bool) -> "asyncio.Future[Any]":
        if cancel:
            call.cancel()
        if not isinstance(call, TaskFuture):
            return call
        waiter: asyncio.Future[Any] = asyncio.wrap_future(call)
        waiter.add_done_callback(_retrieve)
        return waiter

    def stop(self, call: "asyncio.Task[Any]") -> None:
        """Cancel a call on the loop from a thread."""
        self.loop.call_soon_threadsafe(call.cancel)

    def join(self, call: "asyncio.Task[Any]") -> None:
        """Wait in a thread for a call on the loop."""
        asyncio.run_coroutine_threadsafe(over(call), self.loop).result()

    # --- calls from user code ---

    def call(self, frame: Frame, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a task call: on the loop it gives an asyncio future, in a thread a concurrent one."""
        if asyncio._get_running_loop() is self.loop:
            return self._call_on_loop(frame, function, args, kwargs)
        if not function.is_async:
            return self.sync.submit(frame, function, args, kwargs)
        plan = self.run.plan(frame, strand(frame), function, args, kwargs)
        work = _known(plan.value) if isinstance(plan, Known) else self._listed(plan)
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    async def _listed(self, plan: Planned) -> Any:
        task = asyncio.current_task()
        assert task is not None
        self._list(task, plan.frame.path)
        return await self._task(plan)

    def _list(self, task: "asyncio.Task[Any]", path: Path) -> None:
        self.running[task] = path
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[Any]") -> None:
        self.running.pop(task, None)
        _retrieve(task)

    def _call_on_loop(
        self, frame: Frame, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> "asyncio.Future[Any]":
        plan = self.run.plan(frame, strand_on_loop(frame), function, args, kwargs)
        if isinstance(plan, Known):
            known = self.loop.create_future()
            known.set_result(plan.value)
            return known
        work = self._task(plan)
        if self._places is not None and frame.parent is None:
            work = _in_turn(self._places, work)
        # Not by the loop's factory: a call that is replayed creates no task, and must not renumber the strands.
        task = asyncio.Task(work, loop=self.loop, name=function.name)
        self._list(task, plan.frame.path)
        return task

    async def _task(self, plan: Planned) -> Any:
        outcome = await self.drive(task_flow(self.run, plan))
        if isinstance(outcome, Returned):
            return outcome.value
        if isinstance(outcome.error, RunCancelled):
            raise asyncio.CancelledError
        raise outcome.error

    def for_sync(self) -> SyncDriver:
        """Return the driver for a workflow that is called with `invoke`: sync, even on the loop, which then waits."""
        if asyncio._get_running_loop() is not self.loop:
            return self.sync
        driver = SyncDriver(self.run)
        driver.running = self.running
        return driver

    def for_async(self) -> "AsyncDriver":
        """Return the driver for a workflow that is called with `ainvoke`, on whatever loop that runs."""
        return self if asyncio.get_running_loop() is self.loop else AsyncDriver(self.run)

    async def nested(self, frame: Frame, ns: tuple[str, ...], function: Function, program: Program, input: Any) -> Any:
        """Run a workflow that was called inside this one; return what it returned."""
        plan = plan_nested(frame, strand_on_loop(frame), ns, function, program, input)
        if isinstance(plan, Known):
            return plan.value
        # The loop may be one that the user's code has started.
        with strands_named(self.loop):
            outcome = await self.drive(nested_flow(self.run, plan, program))
        if isinstance(outcome, Returned):
            return outcome.value
        raise outcome.error

    async def nested_read(
        self, frame: Frame, ns: tuple[str, ...], function: Function, program: Program, input: Any, reader: Reading
    ) -> AsyncGenerator[Any, None]:
        """Run a workflow that was called inside this one; yield what there is to read meanwhile."""
        from lgrun._engine.reading import aread

        plan = plan_nested(frame, strand_on_loop(frame), ns, function, program, input)
        if isinstance(plan, Planned):
            async with aclosing(aread(self, plan, program, reader)) as chunks:
                async for chunk in chunks:
                    yield chunk
        for chunk in reader.items.take():
            yield chunk


async def over(work: "asyncio.Future[Any]", at_cancel: Callable[[], object] = bool) -> asyncio.CancelledError | None:
    """Wait for what cannot be stopped, however often the waiter is cancelled; return the last cancellation."""
    cancelled: asyncio.CancelledError | None = None
    while not work.done():
        try:
            await asyncio.wait([work])
        except asyncio.CancelledError as error:
            cancelled = error
            at_cancel()
    return cancelled


async def _in_turn(places: asyncio.Semaphore, work: Coroutine[Any, Any, Any]) -> Any:
    try:
        async with places:
            return await work
    finally:
        work.close()


def _failed(call: "asyncio.Task[Any]") -> bool:
    outcome = None if call.cancelled() else call.result()
    return isinstance(outcome, Raised) and not isinstance(outcome.error, GraphInterrupt)


async def _known(value: Any) -> Any:
    return value


def _retrieve(future: "asyncio.Future[Any]") -> None:
    """Look at a call's error, so that asyncio does not report one that nobody awaited: the run knows of it."""
    if not future.cancelled():
        future.exception()


async def drive_here(run: Run, input: Any) -> RunEnded:
    """Run on the running event loop."""
    driver = AsyncDriver(run)
    with strands_named(driver.loop):
        return await driver.drive(run_flow(run, input))


def drive_alone(run: Run, input: Any) -> RunEnded:
    """Run on an event loop of its own."""
    return asyncio.run(drive_here(run, input))
