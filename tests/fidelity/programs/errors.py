"""What is raised, what is kept, and what runs again."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


class OddError(Exception):
    """An error with an attribute."""

    def __init__(self, code: int) -> None:
        super().__init__(f"odd {code}")
        self.code = code


def shaky(api: Api, ran: list[str], failures: dict[str, int]) -> Any:
    """Return a task that notes its run and fails as often as `failures` says for its argument."""

    @api.task
    def step(name: str) -> str:
        ran.append(name)
        if failures.get(name, 0) >= ran.count(name):
            raise OddError(ran.count(name))
        return name

    return step


@program
def the_very_object(api: Api) -> Iterator[Any]:
    """From the task through the body to the caller, with notes."""
    error = OddError(7)
    seen: list[BaseException] = []

    @api.task
    def bad() -> None:
        raise error

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> None:
        try:
            bad().result()
        except OddError as caught:
            seen.append(caught)
            raise

    failed = attempt(main.invoke, 1, THREAD)
    yield failed, failed.error is error, seen[0] is error, failed.error.code
    again = attempt(main.invoke, None, THREAD)
    yield again


@program
def another_error_of_the_body(api: Api) -> Iterator[Any]:
    """Chained errors keep their cause."""
    step = shaky(api, [], {"a": 9})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> None:
        try:
            step("a").result()
        except OddError as error:
            raise RuntimeError("wrapped") from error

    failed = attempt(main.invoke, 1, THREAD)
    yield failed, failed.error.__cause__
    yield main.get_state(THREAD).tasks[0].error


@program
def in_a_stream(api: Api) -> Iterator[Any]:
    """Chunks first, then the error."""
    ran: list[str] = []
    step = shaky(api, ran, {"b": 1})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> list[str]:
        return [step("a").result(), step("b").result(), step("c").result()]

    for given in (1, None):
        for mode in (["updates", "values"],):
            seen: list[Any] = []
            yield attempt(lambda: [seen.append(chunk) for chunk in main.stream(given, THREAD, stream_mode=mode)])
            yield seen, list(ran)


@program
def going_on_after_an_error(api: Api) -> Iterator[Any]:
    """Finished tasks do not run again."""
    ran: list[str] = []
    step = shaky(api, ran, {"b": 2})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, *, previous: Any = None) -> Any:
        ran.append("body")
        return [x, previous, step("a").result(), step("b").result()]

    for given in (1, None, None, 2):
        yield attempt(main.invoke, given, THREAD), main.get_state(THREAD), list(ran)


@program
def a_new_input_after_an_error(api: Api) -> Iterator[Any]:
    """All tasks run again."""
    ran: list[str] = []
    step = shaky(api, ran, {"b": 1})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [x, step("a").result(), step("b").result()]

    for given in (1, 2):
        yield attempt(main.invoke, given, THREAD), list(ran)
    yield [(s.values, s.next, s.metadata) for s in main.get_state_history(THREAD)]


@program
def caught_and_gone_on(api: Api) -> Iterator[Any]:
    """An error the body caught; the task runs again after a pause."""
    ran: list[str] = []
    step = shaky(api, ran, {"a": 1})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        try:
            first = step("a").result()
        except OddError as error:
            first = f"caught {error}"
        return [first, api.interrupt("?"), step("b").result()]

    for given in (1, api.Command(resume="yes")):
        yield list(main.stream(given, THREAD)), list(ran)


@program
def a_failing_sibling(api: Api) -> Iterator[Any]:
    """In threads the others finish and are saved."""
    ran: list[str] = []
    started, go, ended = threading.Event(), threading.Event(), threading.Event()

    @api.task
    def slow() -> str:
        ran.append("slow")
        started.set()
        assert go.wait(10)
        return "slow"

    @api.task
    def bad() -> str:
        assert started.wait(10)
        ran.append("bad")
        go.set()
        assert ended.wait(10)
        if ran.count("bad") == 1:
            raise ValueError("bad")
        return "good"

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        later = slow()
        # LangGraph saves what a task returned a moment after its future has it, and before this is called.
        later.add_done_callback(lambda _: ended.set())
        return [bad().result(), later.result()]

    # Whether the stream still shows what the other one returned is a matter of chance under LangGraph.
    yield attempt(main.invoke, 1, THREAD), Bag(ran)
    yield list(main.stream(None, THREAD)), Bag(ran)


@program
def unawaited_and_failing(api: Api) -> Iterator[Any]:
    """Dropped."""
    ran: list[str] = []
    step = shaky(api, ran, {"a": 9})

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> str:
        step("a")
        return "done"

    yield main.invoke(1, THREAD), ran, main.get_state(THREAD).tasks


@program
def exception_of_a_future(api: Api) -> Iterator[Any]:
    """Returned, not raised."""
    step = shaky(api, [], {"a": 9})

    @api.entrypoint()
    def main(x: int) -> Any:
        return [type(step("a").exception()).__name__, step("b").exception()]

    yield main.invoke(1)


@program
def empty_inputs(api: Api) -> Iterator[Any]:
    """None is nothing; what is falsy is something."""
    for saver in (None, api.new_saver()):

        @api.entrypoint(checkpointer=saver)
        def main(x: Any) -> Any:
            return {"got": x}

        yield attempt(main.invoke, None, THREAD, text=False)
        for number, given in enumerate([0, "", False, [], {}]):
            yield main.invoke(given, {"configurable": {"thread_id": str(number)}})


@program
def usage(api: Api) -> Iterator[Any]:
    """Mistakes of the caller, by their type."""

    def generator(x: int) -> Any:
        yield x

    async def async_generator(x: int) -> Any:
        yield x

    def nothing() -> None:
        pass

    def two(x: int, y: int) -> int:
        return x + y

    @api.task
    def step(x: int) -> int:
        return x

    @api.task
    async def async_step(x: int) -> int:
        return x

    def calls_async(x: int) -> Any:
        return async_step(x).result()

    async def async_main(x: int) -> int:
        return x

    saved = api.entrypoint(checkpointer=api.new_saver())(lambda x: x)
    yield attempt(api.entrypoint(), generator), attempt(api.entrypoint(), async_generator)
    yield attempt(api.entrypoint(), nothing, text=False)
    yield attempt(api.entrypoint()(two).invoke, 1)
    yield attempt(step, 1, text=False)
    yield attempt(saved.invoke, 1, text=False), attempt(saved.invoke, 1, {"configurable": {}}, text=False)
    yield attempt(saved.invoke, 1, {**THREAD, "recursion_limit": 0})
    yield attempt(api.entrypoint()(calls_async).invoke, 1, text=False)
    yield attempt(api.entrypoint()(async_main).invoke, 1, text=False)
    yield attempt(lambda: api.entrypoint(checkpointer="memory")(two), text=False)


@program
def wrong_arguments_of_a_task(api: Api) -> Iterator[Any]:
    """Fail like a call of the function."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def main(x: int) -> Any:
        return step(x, 2).result()

    failed = attempt(main.invoke, 1)
    yield type(failed.error).__name__, "positional argument" in str(failed.error)


@program
def system_exit(api: Api) -> Iterator[Any]:
    """Goes through."""

    @api.task
    def leave() -> None:
        raise SystemExit(3)

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> None:
        leave().result()

    yield attempt(main.invoke, 1, THREAD).error.code


@program
def a_body_that_cancels_itself(api: Api) -> Iterator[Any]:
    """Is told so."""

    @api.entrypoint(checkpointer=api.new_saver())
    async def main(x: int) -> None:
        raise asyncio.CancelledError

    yield attempt(api.run, main.ainvoke(1, THREAD), text=False)


@program
def an_exception_as_a_result(api: Api) -> Iterator[Any]:
    """Without a saver it is an object like any other."""

    @api.task
    def make() -> Exception:
        return ValueError("as a value")

    @api.entrypoint()
    def main(x: int) -> Any:
        return [str(make().result()), type(make().result()).__name__]

    yield list(main.stream(1))[-1]


@program
def an_error_group(api: Api) -> Iterator[Any]:
    """Arrives whole."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> None:
        raise ExceptionGroup("both", [ValueError("a"), KeyError("b")])

    failed = attempt(main.invoke, 1, THREAD)
    yield failed, [type(e).__name__ for e in failed.error.exceptions]


@program
def a_task_called_in_another_thread(api: Api) -> Iterator[Any]:
    """Outside of the run's context there is no run."""

    @api.task
    def step(x: int) -> int:
        return x

    @api.entrypoint()
    def main(x: int) -> Any:
        with ThreadPoolExecutor(1) as pool:
            return type(pool.submit(lambda: step(1).result()).exception()).__name__

    yield main.invoke(1)
