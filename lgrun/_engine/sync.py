"""Driver for threads: does what a flow asks, in the thread that asks for the result."""

from collections.abc import Generator
from concurrent.futures import CancelledError
from contextvars import Context, copy_context
from threading import Event, current_thread, get_ident
from typing import Any, TypeVar

from lgrun._engine.chat import Inside
from lgrun._engine.flow import Flow, task_flow
from lgrun._engine.frame import Frame
from lgrun._engine.future import TaskFuture, in_callers_place
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
    Settle,
    Sleep,
    Together,
    below,
)
from lgrun._engine.nested import Reading, nested_flow, plan_nested
from lgrun._engine.program import Program
from lgrun._engine.run import Known, Planned, Run
from lgrun._engine.workers import WORKERS, LimitedWorkers
from lgrun._waiting import WAITING
from lgrun.checkpoint.base import Path
from lgrun.errors import GraphInterrupt, StateError

T = TypeVar("T")


def strand(frame: Frame) -> object:
    """Return the strand of a call that this thread makes: 0, or the thread, if the frame's code has started it."""
    return 0 if get_ident() == frame.owner else current_thread()


class SyncDriver:
    """Runs the flows of one run in threads.

    Args:
        run: the run.
        outer: the asyncio driver of the same run whose sync code this one runs; it takes the calls of that code.
    """

    def __init__(self, run: Run, outer: Any = None) -> None:
        self.run = run
        self.running: dict[Any, Path] = {} if outer is None else outer.running
        self._calls: Any = outer or self
        limit = run.settings.max_concurrency
        self.workers = WORKERS if limit is None else LimitedWorkers(limit - 1)

    def drive(
        self, flow: Generator[Instruction, Any, T], answer: Any = None, failure: BaseException | None = None
    ) -> T:
        """Step through a flow to its end; it is sent `answer`, or `failure` is raised in it, where it stands."""
        return self.step_through(flow, answer, failure)  # type: ignore[no-any-return]

    def step_through(
        self, flow: Generator[Instruction, Any, T], answer: Any, failure: BaseException | None, parks: bool = False
    ) -> Any:
        """Do what `drive` does. `parks`: only up to its last step, which is returned, if that waits for the disk."""
        while True:
            try:
                step = flow.send(answer) if failure is None else flow.throw(failure)
                answer = failure = None
                if isinstance(step, Execute):
                    answer = self.execute(step)
                elif parks and isinstance(step, Flush) and step.last:
                    return step
                else:
                    answer = self._do(step)
            except BaseException as error:
                # Whatever comes while the flow is not over, also an interrupt between two steps, is for the flow, which
                # ends in good order.
                if getattr(flow, "gi_frame", None) is not None:
                    answer, failure = None, error
                elif isinstance(error, StopIteration):
                    return error.value
                else:
                    raise

    def perform(self, step: Instruction) -> Any:
        """Do what a flow asks."""
        return self.execute(step) if isinstance(step, Execute) else self._do(step)

    def _do(self, step: Instruction) -> Any:
        match step:
            case Flush():
                self.flush(step)
            case Io():
                return step.action()
            case Sleep():
                stopped = Event()
                with self.run.sleepers.asleep(stopped.set):
                    stopped.wait(step.seconds)
            case HandOver():
                step.reader.hand_over(step.hold)
            case Together():
                return self.together(step)
            case Settle():
                self.settle(step)
        return None

    def flush(self, step: Flush) -> None:
        """Write what is queued; another thread may be at work meanwhile."""
        with WORKERS.elsewhere():
            self.run.flush(step.ticket, step.barrier)

    def execute(self, step: Execute) -> Outcome:
        """Run user code in this thread."""
        step.frame.enter(self._calls, get_ident())
        try:
            with Inside(step.frame):
                return Returned(step.function.call(*step.args, **step.kwargs))
        except BaseException as error:
            return Raised(error)

    def together(self, step: Together) -> list[Outcome]:
        """Step through several flows at the same time; all come to their ends."""
        # In their order, as far as threads have one: it is the order in which questions are numbered.
        calls = [self._begin(flow, path) for flow, path in zip(step.flows, step.paths, strict=True)]
        return [_outcome(call) for call in calls]

    def _begin(self, work: Flow | Planned, path: Path) -> TaskFuture[Any]:
        future: TaskFuture[Any] = TaskFuture(_Job(self, work, copy_context()), self.workers)
        self.running[future] = path
        self.workers.submit(future)
        return future

    def settle(self, step: Settle) -> None:
        """Wait for the calls that are not over, running those that nobody has begun, or stopping these."""
        while calls := [call for call, path in list(self.running.items()) if below(path, step.path)]:
            if step.cancel:
                for call in calls:
                    call.cancel() if isinstance(call, TaskFuture) else self._calls.stop(call)
            for call in calls:
                _settle(call) if isinstance(call, TaskFuture) else self._calls.join(call)
                self.running.pop(call, None)

    # --- calls from user code ---

    def call(self, frame: Frame, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a task call; return its future."""
        if function.is_async:
            raise RuntimeError(
                f"In an sync context async tasks cannot be called: {function.name!r} is async; "
                "run the workflow with ainvoke or astream"
            )
        return self.submit(frame, function, args, kwargs)

    def submit(self, frame: Frame, function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make a call of a sync task; return its future."""
        plan = self.run.plan(frame, strand(frame), function, args, kwargs)
        if isinstance(plan, Known):
            future: TaskFuture[Any] = TaskFuture(_nothing, self.workers)
            future.claim()
            future.finish(plan.value, None)
            return future
        return self._begin(plan, plan.frame.path)

    def for_sync(self) -> "SyncDriver":
        """Return the driver for a workflow that is called with `invoke`."""
        return self

    def for_async(self) -> Any:
        """Return the driver for a workflow that is called with `ainvoke`, on a loop that this frame's code started."""
        from lgrun._engine.aio import AsyncDriver

        return AsyncDriver(self.run)

    def nested(self, frame: Frame, ns: tuple[str, ...], function: Function, program: Program, input: Any) -> Any:
        """Run a workflow that was called inside this one; return what it returned."""
        plan = plan_nested(frame, strand(frame), ns, function, program, input)
        if isinstance(plan, Known):
            return plan.value
        return self.returned(frame, self.drive(nested_flow(self.run, plan, program)))

    def nested_read(
        self, frame: Frame, ns: tuple[str, ...], function: Function, program: Program, input: Any, reader: Reading
    ) -> Generator[Any, None, None]:
        """Run a workflow that was called inside this one; yield what there is to read meanwhile."""
        from lgrun._engine.reading import come, read

        plan = plan_nested(frame, strand(frame), ns, function, program, input)
        if isinstance(plan, Planned):
            outcome = yield from read(self, plan, program, reader)
            self.returned(frame, outcome)
        yield from come(reader.items)

    def returned(self, frame: Frame, outcome: Outcome) -> Any:
        """Return what a nested workflow returned to the code of `frame`, or raise what it raised."""
        if isinstance(outcome, Raised):
            if isinstance(outcome.error, GraphInterrupt):
                frame.saw(outcome.error)
            raise outcome.error
        return outcome.value


def _settle(call: TaskFuture[Any]) -> None:
    try:
        call.exception()
    except CancelledError:
        pass


def _outcome(call: TaskFuture[Any]) -> Outcome:
    error = call.exception()
    return Returned(call.result()) if error is None else Raised(error)


def _nothing(future: TaskFuture[Any]) -> None:
    """The job of a call whose result is known."""


class _Job:
    """Runs a task call in the context of its caller and resolves its future.

    There may be very many that wait, and what each of them holds on to costs the garbage collector time: the flow of a
    task is made when it begins.
    """

    __slots__ = ("_context", "_driver", "_work")

    def __init__(self, driver: SyncDriver, work: Flow | Planned, context: Context) -> None:
        self._driver = driver
        self._work = work
        self._context = context

    def __call__(self, future: TaskFuture[Any]) -> None:
        work = self._work
        flow = task_flow(self._driver.run, work) if isinstance(work, Planned) else work
        self._go_on(future, flow, parks=not in_callers_place())

    def _go_on(
        self,
        future: TaskFuture[Any],
        flow: Flow,
        failure: BaseException | None = None,
        *,
        parks: bool = False,
        waits: bool = True,
    ) -> None:
        """Run the flow from where it stands.

        Args:
            future: of the call.
            flow: of the call.
            failure: what is raised in it there.
            parks: this thread has better things to do than to wait for the disk.
            waits: it may wait for what is called when the call is over.
        """
        driver = self._driver
        try:
            outcome = self._context.run(driver.step_through, flow, None, failure, parks)
        except BaseException as error:
            outcome = Raised(error)
        if isinstance(outcome, Flush):
            self._park(future, flow, outcome)
            return
        driver.running.pop(future, None)
        driver.workers.over(future)
        apart = None if waits else WAITING.submit
        if isinstance(outcome, Returned):
            future.finish(outcome.value, None, apart)
        else:
            future.finish(None, outcome.error, apart)

    def _park(self, future: TaskFuture[Any], flow: Flow, step: Flush) -> None:
        run = self._driver.run
        assert run.journal is not None

        def flushed(failure: BaseException | None) -> None:
            if isinstance(failure, StateError):
                run.stop(failure)
            # What is called then may wait for one that is told later.
            self._go_on(future, flow, failure, waits=False)

        if not run.journal.flush_apart(step.ticket, flushed):
            failure = None
            try:
                self._driver.flush(step)
            except BaseException as error:
                failure = error
            self._go_on(future, flow, failure)
