"""Intended differences that no other test shows: what LangGraph does, and what lgrun does instead."""

import threading
from concurrent.futures import wait
from typing import Any
from uuid import UUID

import pytest

from tests.fidelity.api import THREAD, Api, langgraph, lgrun_memory
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


def test_an_empty_context() -> None:
    """It is what code gets."""

    def program(api: Api) -> Any:
        main = api.entrypoint()(lambda x: api.get_runtime().context)
        return main.invoke(1, context={})

    assert both(program) == (None, {})


def test_the_cache_around_a_nested_workflow() -> None:
    """It answers the tasks of a workflow without a cache of its own, and only theirs."""

    def program(api: Api) -> Any:
        ran: list[int] = []

        @api.task(cache_policy=api.CachePolicy())
        def double(x: int) -> int:
            ran.append(x)
            return x * 2

        def counted(child: Any, cache: Any) -> int:
            ran.clear()
            main = api.entrypoint(cache=cache)(lambda x: child.invoke(x))
            for _ in range(3):
                main.invoke(1)
            return len(ran)

        body = lambda x: double(x).result()  # noqa: E731
        without, own = api.entrypoint()(body), api.entrypoint(cache=api.InMemoryCache())(body)
        return counted(without, None), counted(without, api.InMemoryCache()), counted(own, None), counted(own, None)

    assert both(program) == ((3, 3, 1, 0), (3, 1, 1, 0))


def test_a_task_that_asked_a_person_is_not_cached() -> None:
    """Another thread asks its own question, whether the task asked itself or one that it called."""

    def program(api: Api, deep: bool) -> Any:
        @api.task
        def ask() -> Any:
            return api.interrupt("ok?")

        @api.task(cache_policy=api.CachePolicy())
        def pay(x: int) -> Any:
            return ask().result() if deep else api.interrupt("ok?")

        flow = api.entrypoint(checkpointer=api.new_saver(), cache=api.InMemoryCache())(lambda x: pay(x).result())
        threads = [{"configurable": {"thread_id": name}} for name in ("a", "b")]
        flow.invoke(1, threads[0])
        assert flow.invoke(api.Command(resume="yes"), threads[0]) == "yes"
        return flow.invoke(1, threads[1])

    for deep in (False, True):
        theirs, own = program(langgraph(), deep), program(lgrun_memory(), deep)
        assert theirs == "yes"
        assert asked(own) == ["ok?"]


def test_finished_nested_runs_with_durability_exit() -> None:
    """A nested workflow that has finished does not run again, whatever the durability."""

    def program(api: Api) -> Any:
        ran: list[int] = []
        child = api.entrypoint()(lambda x: ran.append(x))

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            child.invoke(x)
            return api.interrupt("?")

        main.invoke(1, THREAD, durability="exit")
        main.invoke(api.Command(resume="yes"), THREAD, durability="exit")
        return ran

    assert both(program) == ([1, 1], [1])


def test_values_of_version_two_take_nothing_away() -> None:
    """Code that reads values in version two takes the question out of what others are shown, in LangGraph."""

    def program(api: Api) -> Any:
        child = api.entrypoint()(lambda x: api.interrupt("?"))
        flow = api.entrypoint(checkpointer=api.new_saver())(
            lambda x: list(child.stream(x, stream_mode="values", version="v2"))
        )
        chunks = flow.stream(1, THREAD, stream_mode="values", subgraphs=True)
        return ["__interrupt__" in chunk for ns, chunk in chunks if ns]

    assert both(program) == ([False], [True])


def test_a_stream_writer_in_a_thread() -> None:
    """A thread that code starts can write to the stream of that code."""

    def program(api: Api) -> Any:
        failed: list[Any] = []

        @api.entrypoint()
        def main(x: int) -> int:
            write = api.get_stream_writer()
            thread = threading.Thread(target=lambda: failed.append(attempt(write, "written")))
            thread.start()
            thread.join()
            return x

        chunks = list(main.stream(1, stream_mode="custom"))
        return chunks, [type(getattr(each, "error", None)).__name__ for each in failed]

    assert both(program) == (([], ["RuntimeError"]), (["written"], ["NoneType"]))


def test_the_namespace_of_a_workflow_with_a_memory() -> None:
    """It has the id of the code that called it, as every other one."""

    def program(api: Api) -> Any:
        child = api.entrypoint(checkpointer=True)(lambda x: x)
        flow = api.entrypoint(checkpointer=api.new_saver())(lambda x: child.invoke(x))
        (place,) = next(ns for ns, _ in flow.stream(1, THREAD, subgraphs=True) if ns)
        return ":" in place

    assert both(program) == (False, True)


def test_the_durability_of_a_nested_call() -> None:
    """That of the run around counts: they have one journal."""

    def program(api: Api) -> Any:
        child = api.entrypoint()(lambda x: x)
        seen: list[Any] = []

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> None:
            seen.extend(child.stream(x, stream_mode="checkpoints", durability="exit"))

        main.invoke(1, THREAD)
        return [chunk["parent_config"] is None for chunk in seen]

    assert both(program) == ([True, True], [True, False])


def test_where_a_stream_writer_writes() -> None:
    """In the place of the code that asked for it, whoever calls it."""

    def program(api: Api) -> Any:
        writers: list[Any] = []
        child = api.entrypoint()(lambda x: writers[0]("written"))
        main = api.entrypoint()(lambda x: [writers.append(api.get_stream_writer()), child.invoke(x)])
        return [len(ns) for ns, _ in main.stream(1, stream_mode="custom", subgraphs=True)]

    assert both(program) == ([1], [0])


def test_what_a_complete_nested_workflow_saved() -> None:
    """It is not kept: streams of one that is known show what it returned."""

    def program(api: Api) -> Any:
        child = api.entrypoint()(lambda x: api.entrypoint.final(value="value", save="save"))
        seen: list[Any] = []

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            seen.extend(child.stream(x, stream_mode="values", output_keys="__previous__"))
            return api.interrupt("?")

        for given in (1, api.Command(resume="yes")):
            main.invoke(given, THREAD)
        return seen

    assert both(program) == (["save", "save"], ["save", "value"])


def test_namespaces_of_another_attempt() -> None:
    """What code calls is numbered from the start in each attempt."""

    def program(api: Api) -> Any:
        fails = [ValueError("once")]

        @api.entrypoint()
        def child(x: int) -> int:
            if fails:
                raise fails.pop()
            return x

        @api.task(retry_policy=api.now())
        def call(x: int) -> int:
            return child.invoke(x)

        main = api.entrypoint()(lambda x: call(x).result())
        return [ns[2:] for ns, _ in main.stream(1, subgraphs=True, stream_mode="values") if ns]

    assert both(program) == ([("1",)], [()])


def test_the_state_of_the_own_thread() -> None:
    """Code that asks for it with its own configuration finds it: there are the caller's values, and no others."""

    def program(api: Api) -> Any:
        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            config = api.get_config()
            place = api.get_runtime().execution_info.checkpoint_ns
            assert config["metadata"]["langgraph_checkpoint_ns"] == place
            keys = [key for key in config["configurable"] if not key.startswith("__")]
            return [main.get_state(config).values, sorted(keys)]

        main.invoke(1, THREAD)
        values, keys = main.invoke(2, THREAD)
        return values and values[0], keys

    theirs, ours = both(program)
    assert theirs == ({}, ["checkpoint_id", "checkpoint_map", "checkpoint_ns", "thread_id"])
    assert ours == (None, ["thread_id"])


def test_callbacks_in_code() -> None:
    """They are there if somebody is to hear; how the caller calls the run is there as it was given."""

    def program(api: Api) -> Any:
        main = api.entrypoint()(lambda x: {"callbacks", "run_name", "run_id"} & api.get_config().keys())
        return main.invoke(1, {"run_name": "r", "run_id": UUID(int=1)})

    theirs, ours = both(program)
    assert theirs == {"callbacks"}
    assert {"run_name", "run_id"} <= ours


def test_callbacks_hear_no_steps() -> None:
    """The caller's callbacks hear the runnables that code calls, but neither steps nor tasks as chains."""
    from langchain_core.callbacks import BaseCallbackHandler
    from langchain_core.runnables import RunnableLambda

    class Heard(BaseCallbackHandler):
        def __init__(self) -> None:
            self.names: list[Any] = []

        def on_chain_start(self, *_: Any, name: Any = None, **__: Any) -> None:
            self.names.append(name)

    def program(api: Api) -> Any:
        @api.task
        def step(x: int) -> Any:
            return RunnableLambda(lambda x: x, name="inner").invoke(x)

        heard = Heard()
        main = api.entrypoint()(lambda x: step(x).result())
        main.invoke(1, {"callbacks": [heard]})
        return heard.names

    assert both(program) == (["LangGraph", "<lambda>", "step", "inner"], ["inner"])
