"""How often failed code runs again, and what is seen of it."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def failing(api: Api, ran: list[str], times: int, policy: Any, error: type[Exception] = OSError) -> Any:
    """Return a workflow with one task that fails so many times."""

    @api.task(retry_policy=policy)
    def flaky() -> str:
        ran.append("flaky")
        if len(ran) <= times:
            raise error(f"failure {len(ran)}")
        return f"attempt {len(ran)}"

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return flaky().result()

    return main


@program
def number_of_attempts(api: Api) -> Iterator[Any]:
    """The first one counts; 0 and 1 mean one."""
    for most in (0, 1, 2, 3, 5):
        for times in (0, 1, 2, 4):
            ran: list[str] = []
            flow = failing(api, ran, times, api.now(max_attempts=most))
            yield most, times, attempt(flow.invoke, 1, THREAD), len(ran)


@program
def no_chunks_of_failed_attempts(api: Api) -> Iterator[Any]:
    """Only the one that succeeds is seen."""
    flow = failing(api, [], 2, api.now())
    yield list(flow.stream(1, THREAD, stream_mode=["updates", "tasks"]))


@program
def going_on_gives_new_attempts(api: Api) -> Iterator[Any]:
    """The count begins again."""
    ran: list[str] = []
    flow = failing(api, ran, 5, api.now(max_attempts=2))
    for given in (1, None, None):
        yield attempt(flow.invoke, given, THREAD), len(ran)


@program
def which_errors(api: Api) -> Iterator[Any]:
    """A class, several, a function."""
    rules: list[Any] = [OSError, (OSError, KeyError), [KeyError], lambda e: "1" in str(e), lambda e: False, Exception]
    for rule in rules:
        for error in (OSError, KeyError, ValueError):
            ran: list[str] = []
            flow = failing(api, ran, 2, api.now(retry_on=rule), error)
            yield attempt(flow.invoke, 1, THREAD, text=False), len(ran)


@program
def by_default(api: Api) -> Iterator[Any]:
    """Errors that are worth another attempt when the policy does not say."""

    class Own(Exception):
        pass

    errors = [ConnectionError, ConnectionResetError, TimeoutError, FileNotFoundError, OSError, ValueError, TypeError]
    errors += [KeyError, RuntimeError, ZeroDivisionError, AttributeError, AssertionError, EOFError, Own, NameError]
    errors += [ImportError, UnicodeError, RecursionError, BufferError, MemoryError]
    policy = api.RetryPolicy(initial_interval=0.0, jitter=False)
    for error in errors:
        ran: list[str] = []
        flow = failing(api, ran, 2, policy, error)
        yield error.__name__, attempt(flow.invoke, 1, THREAD, text=False), len(ran)


@program
def several_policies(api: Api) -> Iterator[Any]:
    """The first that matches decides."""
    policies = [api.now(max_attempts=2, retry_on=KeyError), api.now(max_attempts=4, retry_on=Exception)]
    for error in (KeyError, OSError):
        ran: list[str] = []
        flow = failing(api, ran, 9, policies, error)
        yield attempt(flow.invoke, 1, THREAD), len(ran)


@program
def inherited_from_the_workflow(api: Api) -> Iterator[Any]:
    """Tasks without a policy take the workflow's; attempts multiply."""
    ran: list[str] = []

    @api.task
    def flaky() -> None:
        ran.append("flaky")
        raise OSError("always")

    @api.task(retry_policy=api.now(max_attempts=1))
    def own() -> None:
        ran.append("own")
        raise OSError("always")

    def build(task: Any) -> Any:
        @api.entrypoint(checkpointer=api.new_saver(), retry_policy=api.now(max_attempts=3))
        def main(x: int) -> None:
            ran.append("body")
            task().result()

        return main

    for task in (flaky, own):
        yield attempt(build(task).invoke, 1, THREAD), list(ran)
        ran.clear()


@program
def of_the_workflow(api: Api) -> Iterator[Any]:
    """The body runs again."""
    ran: list[str] = []

    @api.entrypoint(checkpointer=api.new_saver(), retry_policy=api.now())
    def main(x: int) -> str:
        ran.append("body")
        if len(ran) < 3:
            raise OSError("again")
        return "done"

    yield list(main.stream(1, THREAD, stream_mode=["updates", "tasks", "values"])), ran


@program
def the_wait_between_attempts(api: Api) -> Iterator[Any]:
    """Grows up to its limit."""
    import time

    ran: list[str] = []
    policy = api.RetryPolicy(
        initial_interval=0.002, backoff_factor=2.0, max_interval=0.003, max_attempts=4, jitter=False, retry_on=Exception
    )
    flow = failing(api, ran, 9, policy)
    began = time.perf_counter()
    yield attempt(flow.invoke, 1, THREAD)
    yield len(ran), time.perf_counter() - began >= 0.008


@program
def a_wrong_rule(api: Api) -> Iterator[Any]:
    """Is found when it is needed."""
    flow = failing(api, [], 2, api.now(retry_on=ValueError("x")))
    yield attempt(flow.invoke, 1, THREAD, text=False)


@program
def of_a_task_in_parallel(api: Api) -> Iterator[Any]:
    """Each has its own count."""
    ran: dict[int, int] = {}

    @api.task(retry_policy=api.now(max_attempts=4))
    def flaky(n: int) -> int:
        ran[n] = ran.get(n, 0) + 1
        if ran[n] <= n:
            raise OSError(n)
        return n

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [future.result() for future in [flaky(0), flaky(1), flaky(3)]]

    yield main.invoke(1, THREAD), ran


@program
def of_a_nested_task(api: Api) -> Iterator[Any]:
    """The outer one runs again, with what is in it."""
    ran: list[str] = []

    @api.task
    def inner() -> str:
        ran.append("inner")
        return "inner"

    @api.task(retry_policy=api.now())
    def outer() -> Any:
        ran.append("outer")
        if ran.count("outer") < 3:
            raise OSError("again")
        return inner().result()

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return outer().result()

    yield list(main.stream(1, THREAD)), ran


@program
def an_answer_and_a_retry(api: Api) -> Iterator[Any]:
    """A later attempt of the same task has the answer too."""
    ran: list[str] = []

    @api.task(retry_policy=api.now())
    def ask() -> Any:
        ran.append("ask")
        answer = api.interrupt("?")
        if ran.count("ask") < 4:
            raise OSError(f"after {answer}")
        return answer

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return ask().result()

    yield main.invoke(1, THREAD)
    yield attempt(main.invoke, api.Command(resume="kept"), THREAD), ran
