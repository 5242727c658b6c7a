"""Questions of tasks that run at the same time."""

import threading
from collections.abc import Iterator
from concurrent.futures import wait
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program
from tests.fidelity.programs.questions import counted, snapshot, surfaced


def _parallel(api: Api, ran: list[str]) -> Any:
    a, b, quick = (counted(api, ran, name, ask=name != "quick") for name in ("a", "b", "quick"))

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        futures = [a(1), quick(5), b(2)]
        wait(futures)
        return [future.result() for future in futures]

    return main


@program
def in_parallel_one_by_one(api: Api) -> Iterator[Any]:
    """The first is surfaced; answered by id, the next."""
    ran: list[str] = []
    main = _parallel(api, ran)
    first = main.invoke(1, THREAD)
    yield first, snapshot(main)
    yield attempt(main.invoke, api.Command(resume="?"), THREAD, text=False)
    second = main.invoke(api.Command(resume={surfaced(first).id: "A"}), THREAD)
    yield second, snapshot(main)
    yield main.invoke(api.Command(resume={surfaced(second).id: "B"}), THREAD)
    yield Bag(ran)


@program
def in_parallel_then_a_bare_answer(api: Api) -> Iterator[Any]:
    """When one is left, it needs no id."""
    ran: list[str] = []
    main = _parallel(api, ran)
    first = main.invoke(1, THREAD)
    main.invoke(api.Command(resume={surfaced(first).id: "A"}), THREAD)
    yield main.invoke(api.Command(resume="B"), THREAD)
    yield Bag(ran)


@program
def in_parallel_answered_at_once(api: Api) -> Iterator[Any]:
    """A map answers all, with ids seen by asking twice."""
    main = _parallel(api, [])
    first = surfaced(main.invoke(1, THREAD))
    second = surfaced(main.invoke(api.Command(resume={first.id: "A"}), THREAD))
    other = _parallel(api, [])
    again = surfaced(other.invoke(1, THREAD))
    yield first.value, second.value, again.value, first.id != second.id, first.id != again.id


@program
def a_sibling_finishes_while_one_asks(api: Api) -> Iterator[Any]:
    """Its result is saved."""
    ran: list[str] = []
    go = threading.Event()

    @api.task
    def slow() -> str:
        ran.append("slow")
        assert go.wait(10)
        return "slow"

    @api.task
    def ask() -> Any:
        ran.append("ask")
        try:
            return api.interrupt("?")
        finally:
            go.set()

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        later = slow()
        return [ask().result(), later.result()]

    yield main.invoke(1, THREAD)
    yield list(main.stream(api.Command(resume=1), THREAD)), Bag(ran)


@program
def what_the_body_reaches_first(api: Api) -> Iterator[Any]:
    """Is surfaced, whatever was asked before."""
    a, b, c = (counted(api, [], name, ask=True) for name in "abc")

    @api.entrypoint(checkpointer=api.new_saver())
    def in_a_task(x: int) -> Any:
        futures = [a(1), b(2)]
        wait(futures)
        return [c(3).result(), *[future.result() for future in futures]]

    @api.entrypoint(checkpointer=api.new_saver())
    def in_the_body(x: int) -> Any:
        futures = [a(1), b(2)]
        wait(futures)
        return [api.interrupt("body?"), *[future.result() for future in futures]]

    @api.entrypoint(checkpointer=api.new_saver())
    def backwards(x: int) -> Any:
        futures = [a(1), b(2)]
        wait(futures)
        return [future.result() for future in reversed(futures)]

    for flow in (in_a_task, in_the_body, backwards):
        yield [i.value for i in flow.invoke(1, THREAD)["__interrupt__"]]
        yield [i.value for i in flow.get_state(THREAD).interrupts]
