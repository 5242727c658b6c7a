"""Nested runs whose streams are read while they run: by code of the run around, a step at a time.

Each piece of a nested run's code runs beside its reader, who sees at once what it writes. What is told between two of
them has been read when the next one begins, and a reader who reads no more is no reason to begin one.
"""

import asyncio
import threading
from collections.abc import AsyncGenerator, Generator
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any

from lgrun._engine.aio import AsyncDriver, over
from lgrun._engine.astream import Arrivals
from lgrun._engine.context import current
from lgrun._engine.flow import Flow
from lgrun._engine.frame import Frame
from lgrun._engine.future import TaskFuture
from lgrun._engine.model import Execute, Instruction, Outcome, Raised, RunCancelled, Together, below
from lgrun._engine.nested import LEFT, Reading, nested_flow
from lgrun._engine.program import Program
from lgrun._engine.run import Planned
from lgrun._engine.stream import GLANCE
from lgrun._engine.sync import SyncDriver
from lgrun._engine.workers import WORKERS

_CODE = (Execute, Together)
"""What a flow asks for that runs code, which whoever reads may see at work."""

_OVER = object()
"""The last thing in a queue that comes of a piece of code."""


def read(driver: SyncDriver, planned: Planned, program: Program, reader: Reading) -> Generator[Any, None, Outcome]:
    """Run a nested workflow; yield what there is to read meanwhile, and return what it came to."""
    items: SimpleQueue[Any] = reader.items
    answer = failure = None
    flow = nested_flow(driver.run, planned, program, reader)
    while True:
        try:
            step = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as stop:
            outcome: Outcome = stop.value
            break
        answer = failure = call = None
        try:
            if reader.eager or isinstance(step, _CODE):
                yield from come(items)
            if isinstance(step, _CODE):
                call = _beside(driver, planned, step, items)
                yield from _coming(items)
        except GeneratorExit:
            reader.left = True
            if _is_around(planned):
                _finish(driver, flow, step, call)
            raise
        answer, failure = _outcome(driver, step, call)
    yield from come(items)
    return outcome


def _is_around(planned: Planned) -> bool:
    """Tell whether the code that runs here is of the same run, but not of the nested one.

    Whatever the garbage collector closes is closed wherever that happens to run: after the run, or in the very code
    that would be waited for.
    """
    frame: Any = current.get()
    same = isinstance(frame, Frame) and frame.run is planned.frame.run
    return same and not below(frame.path, planned.frame.path)


def _finish(driver: SyncDriver, flow: Flow, step: Instruction, call: "TaskFuture[Any] | None") -> None:
    """Bring what has begun to its end, with nobody reading."""
    began = call is not None or not isinstance(step, _CODE)
    answer, failure = _outcome(driver, step, call) if began else (_not_begun(step), None)
    driver.drive(flow, answer, failure)


def _not_begun(step: Instruction) -> Any:
    """Return what came of code that nobody wants to read of any more."""
    left = Raised(RunCancelled(LEFT))
    return [left for _ in step.flows] if isinstance(step, Together) else left


def _outcome(driver: SyncDriver, step: Instruction, call: "TaskFuture[Any] | None") -> tuple[Any, BaseException | None]:
    try:
        return driver.perform(step) if call is None else call.result(), None
    except BaseException as error:
        return None, error


def _beside(driver: SyncDriver, planned: Planned, step: Instruction, items: "SimpleQueue[Any]") -> TaskFuture[Any]:
    """Do what a flow asks on a thread of its own, the end of which is told to `items`."""

    def job(future: TaskFuture[Any]) -> None:
        try:
            future.finish(driver.perform(step), None)
        except BaseException as error:
            future.finish(None, error)
        finally:
            driver.running.pop(future, None)

    def work() -> None:
        try:
            if begin := future.claim():
                begin(future)
        finally:
            items.put(_OVER)

    future: TaskFuture[Any] = TaskFuture(job, WORKERS)
    # Whoever ends the run waits for it, even if the reader has gone.
    driver.running[future] = planned.frame.path
    threading.Thread(target=copy_context().run, args=(work,), name="lgrun-nested", daemon=True).start()
    return future


def come(items: "SimpleQueue[Any]") -> Generator[Any, None, None]:
    """Yield what has come."""
    while not items.empty():
        yield items.get()


def _coming(items: "SimpleQueue[Any]") -> Generator[Any, None, None]:
    """Yield what comes until a piece of code is over."""
    while True:
        try:
            item = items.get(timeout=GLANCE)
        except Empty:
            continue
        if item is _OVER:
            return
        yield item


async def aread(driver: AsyncDriver, planned: Planned, program: Program, reader: Reading) -> AsyncGenerator[Any, None]:
    """Run a nested workflow on the running event loop; yield what there is to read meanwhile.

    Raises:
        BaseException: what the workflow raised, once all has been read.
    """
    items: Arrivals[Any] = reader.items
    answer = failure = None
    flow = nested_flow(driver.run, planned, program, reader)
    while True:
        try:
            step = flow.send(answer) if failure is None else flow.throw(failure)
        except StopIteration as stop:
            ended: Outcome = stop.value
            break
        answer = failure = work = None
        try:
            if reader.eager or isinstance(step, _CODE):
                for item in items.take():
                    yield item
            if isinstance(step, _CODE):
                work = _started(driver, step, items)
                while await items.come(work):
                    for item in items.take():
                        yield item
        except (GeneratorExit, asyncio.CancelledError):
            reader.left = True
            if work is not None:
                work.cancel()
                await over(work)
            if _is_around(planned):
                began = work is not None or not isinstance(step, _CODE)
                answer, failure = await _aoutcome(driver, step, work) if began else (_not_begun(step), None)
                await driver.drive(flow, answer, failure)
            raise
        answer, failure = await _aoutcome(driver, step, work)
    for item in items.take():
        yield item
    if isinstance(ended, Raised):
        raise ended.error


def _started(driver: AsyncDriver, step: Instruction, items: Arrivals[Any]) -> "asyncio.Task[Any]":
    # Not by the loop's factory: no code has created it, so it must not renumber the strands.
    work = asyncio.Task(driver.perform(step), loop=driver.loop)
    work.add_done_callback(lambda _: items.wake())
    return work


async def _aoutcome(
    driver: AsyncDriver, step: Instruction, work: "asyncio.Task[Any] | None"
) -> tuple[Any, BaseException | None]:
    try:
        return await driver.perform(step) if work is None else work.result(), None
    except BaseException as error:
        return None, error
