"""Intended differences that no other test shows: what LangGraph does, and what lgrun does instead."""

from concurrent.futures import wait
from typing import Any

import pytest

from tests.fidelity.api import THREAD, Api
from tests.fidelity.compare import both
from tests.fidelity.plain import attempt

pytestmark = pytest.mark.filterwarnings("default")


def asked(result: Any) -> list[Any]:
    """Return the values of the questions in an invoke result."""
    return [question.value for question in result["__interrupt__"]]


def test_a_question_in_parts_of_version_two() -> None:
    """It is in the updates part even if values are streamed beside it."""

    def program(api: Api) -> Any:
        main = api.entrypoint(checkpointer=api.new_saver())(lambda x: api.interrupt("?"))
        parts = list(main.stream(1, THREAD, stream_mode=["updates", "values"], version="v2"))
        return "__interrupt__" in parts[0]["data"]

    assert both(program) == (False, True)


def test_stop_iteration_of_a_task() -> None:
    """The very exception arrives."""

    def program(api: Api) -> Any:
        @api.task
        def stop() -> None:
            raise StopIteration

        main = api.entrypoint()(lambda x: stop().result())
        return type(attempt(main.invoke, 1).error).__name__

    assert both(program) == ("RuntimeError", "StopIteration")


def test_nothing_is_streamed_for_a_failed_step() -> None:
    """Not even when it got an answer before."""

    def program(api: Api) -> Any:
        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> None:
            api.interrupt("?")
            raise ValueError

        main.invoke(1, THREAD)
        chunks: list[Any] = []
        attempt(lambda: [chunks.append(chunk) for chunk in main.stream(api.Command(resume=1), THREAD)])
        return chunks

    assert both(program) == ([{"main": None}], [])


def test_an_error_before_a_question_is_not_shown_beside_it() -> None:
    """A snapshot shows the latest attempt."""

    def program(api: Api) -> Any:
        failures = [ValueError("once")]

        @api.task
        def ask() -> Any:
            return api.interrupt("?")

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            if failures:
                raise failures.pop()
            return ask().result()

        attempt(main.invoke, 1, THREAD)
        main.invoke(None, THREAD)
        return main.get_state(THREAD).tasks[0].error

    assert both(program) == ("ValueError('once')", None)


def test_parallel_questions_of_a_nested_workflow() -> None:
    """The one that stopped it is surfaced, once."""

    def program(api: Api) -> Any:
        ask = api.task(lambda text: api.interrupt(text))

        @api.entrypoint()
        def child(x: int) -> Any:
            futures = [ask("a"), ask("b")]
            wait(futures)
            return [future.result() for future in futures]

        main = api.entrypoint(checkpointer=api.new_saver())(lambda x: child.invoke(x))
        return sorted(asked(main.invoke(1, THREAD)))

    assert both(program) == (["a", "a", "b"], ["a"])


def test_an_answer_is_kept_until_its_question_is_asked() -> None:
    """Even if the run that got it stops before."""

    def program(api: Api) -> Any:
        early: list[bool] = []

        @api.task
        def failing() -> Any:
            if not early:
                raise ValueError
            return api.interrupt("early")

        @api.task
        def ask() -> Any:
            return api.interrupt("late")

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            try:
                first = failing().result()
            except ValueError:
                first = None
            return [first, ask().result()]

        late = main.invoke(1, THREAD)["__interrupt__"][0].id
        early.append(True)
        between = main.invoke(api.Command(resume={late: "L"}), THREAD)["__interrupt__"][0]
        last = main.invoke(api.Command(resume={between.id: "E"}), THREAD)
        return between.value, last if isinstance(last, list) else asked(last)

    assert both(program) == (("early", ["late"]), ("early", ["E", "L"]))
