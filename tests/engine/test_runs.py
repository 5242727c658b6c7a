"""What a run does, on both savers, run with the sync and with the async methods.

The workflows here are sync; `ainvoke` runs them in threads beside the event loop. Async workflows are in test_async.
"""

import threading
import time
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any

import pytest

from lgrun._engine import sync
from lgrun._engine.workers import Workers
from lgrun.checkpoint.base import BaseCheckpointSaver, open_questions
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.memory import InMemorySaver
from lgrun.config import RunnableConfig, get_config, get_stream_writer
from lgrun.errors import (
    EmptyInputError,
    GraphInterrupt,
    NotSerializableError,
    ReplayMismatchError,
    SwallowedInterruptError,
    UnknownInterruptError,
)
from lgrun.func import entrypoint, task
from lgrun.types import Command, RetryPolicy, interrupt
from tests.engine.conftest import THREAD, Style

FAST = RetryPolicy(initial_interval=0, jitter=False, retry_on=Exception)


@task
def double(x: int) -> int:
    return x * 2


@task
def ask(text: str) -> Any:
    return interrupt(text)


def questions(saver: BaseCheckpointSaver) -> list[Any]:
    saved = saver.load("t")
    assert saved is not None
    return open_questions(saved.writes)


def test_finished_tasks_are_not_run_again(saver: BaseCheckpointSaver, style: Style) -> None:
    """After a failure and after a question, finished tasks hand back their results."""
    ran: list[str] = []
    broken = [True]

    @task
    def step(name: str) -> str:
        ran.append(name)
        if name == "b" and broken:
            broken.clear()
            raise ConnectionError("net")
        return name

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [step("a").result(), step("b").result(), interrupt("ok?"), step("c").result()]

    with pytest.raises(ConnectionError, match="net"):
        style.invoke(flow, 1)
    asked = style.invoke(flow, None)
    result = style.invoke(flow, Command(resume="yes"))

    assert [i.value for i in asked["__interrupt__"]] == ["ok?"]
    assert result == ["a", "b", "yes", "c"]
    assert ran == ["a", "b", "b", "c"]


def test_stream_of_a_run_that_stops_and_goes_on(saver: BaseCheckpointSaver, style: Style) -> None:
    """Each task and the workflow give a chunk when they finish; replayed ones give none."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return [double(x).result(), ask("ok?").result(), double(x + 1).result()]

    first = style.stream(flow, 1)
    second = style.stream(flow, Command(resume=True))

    assert first[0] == {"double": 2}
    assert [i.value for i in first[1]["__interrupt__"]] == ["ok?"]
    assert isinstance(first[1]["__interrupt__"], tuple)
    assert second == [{"ask": True}, {"double": 4}, {"flow": [2, True, 4]}]


def test_values_of_a_continued_run(saver: BaseCheckpointSaver, style: Style) -> None:
    """A continued run shows the thread's current value first."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return interrupt("?") if x else "first"

    assert style.stream(flow, 0, stream_mode="values") == ["first"]
    assert "__interrupt__" in style.stream(flow, 1, stream_mode="values")[0]
    assert style.stream(flow, Command(resume=5), stream_mode="values") == ["first", 5]


def test_several_modes_give_pairs(style: Style) -> None:
    """A list of modes, even of one, yields (mode, chunk)."""

    @entrypoint()
    def flow(x: int) -> int:
        get_stream_writer()({"at": x})
        return x

    assert style.stream(flow, 1, stream_mode=["custom", "updates"]) == [("custom", {"at": 1}), ("updates", {"flow": 1})]
    assert style.stream(flow, 1, stream_mode=["values"]) == [("values", 1)]
    assert style.invoke(flow, 1, stream_mode="custom") == [{"at": 1}]


def test_parallel_questions_are_all_kept_and_answered_by_id(saver: BaseCheckpointSaver, style: Style) -> None:
    """One is surfaced, all are in the journal; one bare answer for two is refused; a map answers both."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [future.result() for future in [ask("one"), ask("two")]]

    surfaced = style.invoke(flow, 1)["__interrupt__"]
    pending = {write.value.tree(): write.id for write in questions(saver)}

    assert [i.value for i in surfaced] == ["one"]
    assert set(pending) == {"one", "two"}
    with pytest.raises(RuntimeError, match="multiple pending interrupts"):
        style.invoke(flow, Command(resume="?"))
    assert style.invoke(flow, Command(resume={pending["two"]: 2, pending["one"]: 1})) == [1, 2]


def test_one_of_two_answers(saver: BaseCheckpointSaver, style: Style) -> None:
    """Answering one question leaves the other one open, under its own id."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [future.result() for future in [ask("one"), ask("two")]]

    style.invoke(flow, 1)
    pending = {write.value.tree(): write.id for write in questions(saver)}
    left = style.invoke(flow, Command(resume={pending["one"]: 1}))["__interrupt__"]

    assert [(i.value, i.id) for i in left] == [("two", pending["two"])]
    assert style.invoke(flow, Command(resume=2)) == [1, 2]


def test_stale_and_unknown_answers_are_refused(saver: BaseCheckpointSaver, style: Style) -> None:
    """An answer never lands on another question."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [interrupt("one"), interrupt("two")]

    one = style.invoke(flow, 1)["__interrupt__"][0]
    two = style.invoke(flow, Command(resume={one.id: 1}))["__interrupt__"][0]

    for stale in (one.id, "f" * 32):
        with pytest.raises(UnknownInterruptError, match=stale):
            style.invoke(flow, Command(resume={stale: 9}))
    assert style.invoke(flow, Command(resume={two.id: 2})) == [1, 2]


@pytest.mark.parametrize("answer", [False, 0, "", [], {}, {"a": 1}])
def test_falsy_answers_are_answers(saver: BaseCheckpointSaver, style: Style, answer: Any) -> None:
    """Whatever is given is what the question returns."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return {"answer": interrupt("?")}

    style.invoke(flow, 1)

    assert style.invoke(flow, Command(resume=answer)) == {"answer": answer}


def test_a_question_left_unawaited_makes_the_run_wait(saver: BaseCheckpointSaver, style: Style) -> None:
    """A run never completes with a question asked but not answered."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> str:
        ask("left")
        return "done"

    assert [i.value for i in style.invoke(flow, 1)["__interrupt__"]] == ["left"]
    assert style.invoke(flow, Command(resume=1)) == "done"


def test_a_swallowed_question_fails_the_run(saver: BaseCheckpointSaver, style: Style) -> None:
    """Code that catches the question's exception is told so, with file and line."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> str:
        try:
            interrupt("ok?")
        except BaseException:
            pass
        return "done"

    with pytest.raises(SwallowedInterruptError, match=r"test_runs\.py:\d+"):
        style.invoke(flow, 1)


def test_except_exception_does_not_catch_a_question(saver: BaseCheckpointSaver, style: Style) -> None:
    """Ordinary error handling lets questions pass."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        try:
            return ask("ok?").result()
        except Exception:
            return "caught"

    style.invoke(flow, 1)

    assert style.invoke(flow, Command(resume="yes")) == "yes"


def test_groups_of_questions_are_unwrapped(saver: BaseCheckpointSaver, style: Style) -> None:
    """A group that holds nothing but questions counts as questions."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        errors = []
        for text in ("one", "two"):
            try:
                interrupt(text)
            except GraphInterrupt as error:
                errors.append(error)
        if errors:
            raise BaseExceptionGroup("both", errors)
        return "done"

    asked = style.invoke(flow, 1)["__interrupt__"]

    assert [i.value for i in asked] == ["one", "two"]


def test_previous_and_final(saver: BaseCheckpointSaver, style: Style) -> None:
    """`previous` is the last completed run's saved value; a failed run does not touch it."""

    @entrypoint(checkpointer=saver)
    def total(n: int, *, previous: int | None) -> entrypoint.final[int, int]:
        if n < 0:
            raise ValueError("negative")
        return entrypoint.final(value=previous or 0, save=(previous or 0) + n)

    assert [style.invoke(total, n) for n in (1, 2)] == [0, 1]
    with pytest.raises(ValueError, match="negative"):
        style.invoke(total, -1)
    assert style.invoke(total, 0) == 3


@pytest.mark.parametrize("value", [None, False, 0, "", [], {}])
def test_falsy_results_are_saved(saver: BaseCheckpointSaver, style: Style, value: Any) -> None:
    """They are returned, streamed and shown as they are."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return value

    assert style.stream(flow, 1) == [{"flow": value}]
    assert flow.get_state(THREAD).values == value
    assert style.invoke(flow, None) == value


def test_a_finished_thread_runs_nothing(saver: BaseCheckpointSaver, style: Style) -> None:
    """None and a bare answer return the saved value."""
    ran = []

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        ran.append(x)
        return x

    style.invoke(flow, 4)

    assert style.invoke(flow, None) == 4
    assert style.invoke(flow, Command(resume="late")) == 4
    assert ran == [4]


def test_nested_workflows(saver: BaseCheckpointSaver, style: Style) -> None:
    """They share the thread and its journal, have no memory, and are not run again once finished."""
    ran = []

    @entrypoint()
    def child(x: int, previous: Any) -> Any:
        ran.append(f"child {x} {previous}")
        return [double(x).result(), interrupt(f"child {x}?")]

    @task
    def call_child(x: int) -> Any:
        return child.invoke(x)

    @entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        return [child.invoke(x), call_child(x + 1).result()]

    first = style.invoke(parent, 1)["__interrupt__"][0]
    second = style.stream(parent, Command(resume="A"))
    result = style.stream(parent, Command(resume="B"))

    assert first.value == "child 1?"
    assert [i.value for i in second[0]["__interrupt__"]] == ["child 2?"]
    assert result == [{"call_child": [4, "B"]}, {"parent": [[2, "A"], [4, "B"]]}]
    assert ran == ["child 1 None", "child 1 None", "child 2 None", "child 2 None"]


def test_tasks_call_tasks_deeply(style: Style, saver: BaseCheckpointSaver) -> None:
    """Nesting beyond the number of workers does not hang."""

    @task
    def down(n: int) -> int:
        return 0 if n == 0 else down(n - 1).result() + 1

    @entrypoint(checkpointer=saver)
    def flow(n: int) -> int:
        return down(n).result()

    assert style.invoke(flow, 100) == 100


def test_waiting_in_tasks_does_not_starve_the_pool(style: Style) -> None:
    """Tasks that wait for tasks with `wait` get workers for them."""

    @task
    def leaf(x: int) -> int:
        return x

    @task
    def middle(x: int) -> int:
        done, _ = wait([leaf(x), leaf(x)])
        return sum(f.result() for f in done)

    @entrypoint()
    def flow(n: int) -> int:
        return sum(f.result() for f in [middle(i) for i in range(n)])

    assert style.invoke(flow, 100) == 9900


def test_parallel_tasks_overlap(style: Style) -> None:
    """Tasks that wait for each other all run at the same time."""
    together = threading.Barrier(8, timeout=30)

    @task
    def meet() -> int:
        return together.wait()

    @entrypoint()
    def flow(n: int) -> list[int]:
        return sorted(f.result() for f in [meet() for _ in range(8)])

    assert style.invoke(flow, 1) == list(range(8))


def test_without_any_thread_callers_run_their_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that has no thread left makes a run slow; it loses nothing."""
    first = Workers()
    monkeypatch.setattr(sync, "WORKERS", first)

    def refused(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    @task
    def increment(x: int) -> int:
        return x + 1

    @entrypoint()
    def flow(n: int) -> int:
        return sum(f.result() for f in [increment(i) for i in range(n)])

    monkeypatch.setattr(threading.Thread, "start", refused)
    assert flow.invoke(20) == 210


def test_a_task_that_nobody_waits_for_starts_at_once(style: Style) -> None:
    """It does not wait for its result to be asked for."""
    started = threading.Event()

    @task
    def background() -> None:
        started.set()

    @entrypoint()
    def flow(n: int) -> bool:
        background()
        return started.wait(30)

    assert style.invoke(flow, 1) is True


def test_siblings_of_a_failed_task_are_saved(saver: BaseCheckpointSaver) -> None:
    """In threads nothing can be cancelled: what runs, finishes, and is not run again."""
    ran = []
    release = threading.Event()

    @task
    def slow() -> str:
        ran.append("slow")
        assert release.wait(30)
        return "slow"

    @task
    def bad() -> str:
        ran.append("bad")
        release.set()
        if ran.count("bad") == 1:
            raise ValueError("bad")
        return "good"

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[str]:
        later = slow()
        return [bad().result(), later.result()]

    with pytest.raises(ValueError, match="bad"):
        flow.invoke(1, THREAD)
    assert flow.invoke(None, THREAD) == ["good", "slow"]
    assert sorted(ran) == ["bad", "bad", "slow"]


def test_retries_leave_no_chunks(saver: BaseCheckpointSaver, style: Style) -> None:
    """Only the attempt that succeeds is seen; the body's policy is inherited and replays finished tasks."""
    ran: list[str] = []

    @task
    def flaky() -> int:
        ran.append("flaky")
        if ran.count("flaky") % 2:
            raise ValueError("again")
        return ran.count("flaky")

    @entrypoint(checkpointer=saver, retry_policy=FAST)
    def flow(x: int) -> int:
        ran.append("body")
        value = flaky().result()
        if ran.count("body") == 1:
            raise KeyError("once")
        return value

    assert style.stream(flow, 1) == [{"flaky": 2}, {"flow": 2}]
    assert ran == ["body", "flaky", "flaky", "body"]


def test_errors_carry_notes(saver: BaseCheckpointSaver, style: Style) -> None:
    """The very exception arrives, with a note for the task and one for the workflow."""
    error = ValueError("flaky!")

    @task
    def bad() -> None:
        raise error

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> None:
        bad().result()

    with pytest.raises(ValueError, match="flaky!") as caught:
        style.invoke(flow, 1)
    assert caught.value is error
    assert [note.split(" and id")[0] for note in error.__notes__] == [
        "During task with name 'bad'",
        "During task with name 'flow'",
    ]
    state = flow.get_state(THREAD)
    assert (state.next, state.tasks[0].error) == (("flow",), "ValueError('flaky!')")


def test_a_result_that_cannot_be_saved_fails_its_task_at_once(saver: BaseCheckpointSaver, style: Style) -> None:
    """Before the next task starts, naming task and place."""
    ran = []

    @task
    def bad() -> Any:
        return {"f": [1, lambda: 0]}

    @task
    def after() -> None:
        ran.append("after")

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> None:
        bad().result()
        after().result()

    with pytest.raises(NotSerializableError, match=r"the result of task 'bad' cannot be saved: \$\.f\[1\] is a"):
        style.invoke(flow, 1)
    assert ran == []


def test_a_return_value_that_cannot_be_saved_fails_the_run(saver: BaseCheckpointSaver, style: Style) -> None:
    """Nothing was streamed for it, and the tasks are kept."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        double(x).result()
        return lambda: 0

    with pytest.raises(NotSerializableError, match="what 'flow' returned"):
        style.invoke(flow, 1)
    assert flow.get_state(THREAD).next == ("flow",)


def test_an_input_that_cannot_be_saved_creates_nothing(saver: BaseCheckpointSaver, style: Style) -> None:
    """It is found before anything is written."""

    @entrypoint(checkpointer=saver)
    def flow(x: Any) -> None:
        raise AssertionError("must not run")

    with pytest.raises(NotSerializableError, match="the input"):
        style.invoke(flow, lambda: 0)
    assert list(saver.threads()) == []


def test_a_first_run_sees_what_a_replay_will_see(saver: BaseCheckpointSaver, style: Style) -> None:
    """A tuple stays a tuple, before and after a pause."""

    @task
    def pair() -> tuple[int, set[int]]:
        return 1, {2}

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        seen.append(pair().result())
        interrupt("?")
        return None

    seen: list[Any] = []
    style.invoke(flow, 1)
    style.invoke(flow, Command(resume=1))

    assert seen == [(1, {2}), (1, {2})]
    assert [type(value) for value in seen] == [tuple, tuple]


def test_what_is_saved_is_a_copy(saver: BaseCheckpointSaver, style: Style) -> None:
    """Changing a returned object later changes nothing that is saved."""

    @entrypoint(checkpointer=saver)
    def history(x: str, *, previous: list[str] | None = None) -> list[str]:
        return [*(previous or []), x]

    style.invoke(history, "x").append("changed outside")

    assert style.invoke(history, "y") == ["x", "y"]


def test_nothing_to_run(saver: BaseCheckpointSaver, style: Style) -> None:
    """None on a new thread, or an answer to it, creates nothing."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x

    for nothing in (None, Command(resume=1)):
        with pytest.raises(EmptyInputError):
            style.invoke(flow, nothing)
    assert list(saver.threads()) == []


def test_without_a_saver(style: Style) -> None:
    """A run works, a question is returned, and it cannot be answered."""

    @entrypoint()
    def flow(x: int) -> Any:
        return interrupt("hm?")

    assert [i.value for i in style.invoke(flow, 1, None)["__interrupt__"]] == ["hm?"]
    with pytest.raises(RuntimeError, match="without checkpointer"):
        style.invoke(flow, Command(resume=1), None)
    with pytest.raises(EmptyInputError):
        style.invoke(flow, None, None)


def test_one_run_per_thread(saver: BaseCheckpointSaver, style: Style) -> None:
    """A second run of the same thread is refused while the first one goes on."""

    @entrypoint(checkpointer=saver)
    def other(x: int) -> int:
        return x

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> str:
        with ThreadPoolExecutor(1) as pool:
            return type(pool.submit(other.invoke, 1, THREAD).exception()).__name__

    assert style.invoke(flow, 1) == "ThreadBusyError"


def test_a_changed_argument_uses_the_record_and_is_reported(saver: BaseCheckpointSaver, caplog: Any) -> None:
    """As in LangGraph, but not silently."""
    argument = [1]

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return [double(argument[0]).result(), interrupt("?")]

    flow.invoke(1, THREAD)
    argument[0] = 5

    assert flow.invoke(Command(resume="k"), THREAD) == [2, "k"]
    assert "recorded double(1), the code now calls double(5) at" in caplog.text


def test_another_task_is_refused_before_it_starts(saver: BaseCheckpointSaver) -> None:
    """With `on_change="warn"`, what the command line uses; ignoring it runs the new task."""
    ran = []
    changed = [False]

    @task
    def new(x: int) -> int:
        ran.append(x)
        return x

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        first = new(x) if changed[0] else double(x)
        return [first.result(), interrupt("?")]

    flow.invoke(1, THREAD)
    changed[0] = True
    with pytest.raises(ReplayMismatchError, match=r"recorded double\(1\), the code now calls new\(1\) at .*test_runs"):
        list(flow.events(Command(resume=0), THREAD, on_change="warn"))
    assert ran == []
    events = list(flow.events(None, THREAD, on_change="ignore"))
    assert events[-1].value == [1, 0]  # type: ignore[union-attr]


def test_a_removed_task_is_reported(saver: BaseCheckpointSaver, caplog: Any) -> None:
    """A recorded result that the finished body did not ask for."""
    keep = [True]

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        if keep[0]:
            double(x).result()
        return interrupt("?")

    flow.invoke(1, THREAD)
    keep[0] = False

    assert flow.invoke(Command(resume="k"), THREAD) == "k"
    assert "recorded double(1); the code no longer calls it" in caplog.text


def test_cancelling_a_run_keeps_what_is_done(saver: BaseCheckpointSaver) -> None:
    """The running task finishes and is saved, nothing more starts, and the run can be taken up."""
    ran = []
    proceed = threading.Event()

    @task
    def step(x: int) -> int:
        ran.append(x)
        assert proceed.wait(30)
        return x

    @entrypoint(checkpointer=saver)
    def flow(n: int) -> list[int]:
        return [step(i).result() for i in range(n)]

    events = flow.events(3, THREAD)
    for event in events:
        if event.type == "task.start":
            events.cancel("test")
            proceed.set()

    assert events.ended is not None
    assert events.ended.status == "stopped"
    assert ran == [0]
    assert flow.invoke(None, THREAD) == [0, 1, 2]
    assert ran == [0, 1, 2]


def test_leaving_a_stream_early_lets_the_run_finish(saver: BaseCheckpointSaver) -> None:
    """Closing the iterator waits for the run, whose results are saved."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[int]:
        return [double(i).result() for i in range(x)]

    for chunk in flow.stream(3, THREAD):
        assert chunk == {"double": 0}
        break

    assert flow.get_state(THREAD).values == [0, 2, 4]


def test_futures(style: Style) -> None:
    """A task call returns a real future."""

    @entrypoint()
    def flow(x: int) -> list[Any]:
        seen = []
        future = double(x)
        future.add_done_callback(lambda f: seen.append(f.result()))
        out = [isinstance(future, Future), future.result(), future.done(), future.result(timeout=1)]
        return [*out, seen]

    assert style.invoke(flow, 2) == [True, 4, True, 4, [4]]


def test_a_timeout_on_a_result(style: Style) -> None:
    """It limits the wait, not the task, which begins meanwhile."""
    release = threading.Event()

    @task
    def slow() -> str:
        assert release.wait(30)
        return "slow"

    @entrypoint()
    def flow(x: int) -> str:
        future = slow()
        while not future.running():
            with pytest.raises(TimeoutError):
                future.result(timeout=0.01)
        release.set()
        return future.result()

    assert style.invoke(flow, 1) == "slow"


def test_configuration_is_seen(saver: BaseCheckpointSaver, style: Style) -> None:
    """`config` is injected by name, and `get_config()` returns the same."""

    @task
    def who(config: RunnableConfig) -> str:
        return str(config["configurable"]["who"])

    @entrypoint(checkpointer=saver)
    def flow(x: int, config: RunnableConfig) -> Any:
        return [config["configurable"]["thread_id"], get_config()["configurable"]["who"]]

    assert style.invoke(flow, 1, {"configurable": {"thread_id": "t", "who": "me"}}) == ["t", "me"]


def test_history(saver: BaseCheckpointSaver, style: Style) -> None:
    """Two checkpoints a run, newest first, with filter, limit and before."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return double(x).result()

    for n in (1, 2):
        style.invoke(flow, n, {**THREAD, "metadata": {"user": f"u{n}"}})
    history = list(flow.get_state_history(THREAD))

    assert [(s.metadata["source"], s.metadata["step"], s.values, s.next) for s in history if s.metadata] == [
        ("loop", 2, 4, ()),
        ("input", 1, 2, ("flow",)),
        ("loop", 0, 2, ()),
        ("input", -1, None, ("flow",)),
    ]
    assert [s.values for s in flow.get_state_history(THREAD, filter={"user": "u1"})] == [2, None]
    assert len(list(flow.get_state_history(THREAD, limit=3))) == 3
    assert [s.values for s in flow.get_state_history(THREAD, before=history[1].config)] == [2, None]
    assert flow.get_state(history[2].config) == history[2]
    ids = [s.config["configurable"]["checkpoint_id"] for s in history]
    assert ids == sorted(ids, reverse=True)


def test_a_thread_moves_between_processes(tmp_path: Path) -> None:
    """Another saver on the same directory takes the run up."""

    def flow(saver: FileSaver) -> Any:
        @entrypoint(checkpointer=saver)
        def run(x: int) -> Any:
            return [double(x).result(), interrupt("?")]

        return run

    flow(FileSaver(tmp_path / "s")).invoke(1, THREAD)

    assert flow(FileSaver(tmp_path / "s")).invoke(Command(resume=3), THREAD) == [2, 3]


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_every_durability_keeps_what_a_stopped_run_did(tmp_path: Path, style: Style, durability: Any) -> None:
    """At a question everything is on the disk."""
    ran = []

    @task
    def once(x: int) -> int:
        ran.append(x)
        return x

    def flow() -> Any:
        @entrypoint(checkpointer=FileSaver(tmp_path / "s"))
        def run(x: int) -> Any:
            return [*[once(i).result() for i in range(x)], interrupt("?")]

        return run

    style.invoke(flow(), 3, durability=durability)

    assert style.invoke(flow(), Command(resume="k"), durability=durability) == [0, 1, 2, "k"]
    assert ran == [0, 1, 2]


def test_usage_errors() -> None:
    """Mistakes at decoration are named there."""

    def generator(x: int) -> Any:
        yield x

    def nothing() -> None:
        pass

    with pytest.raises(NotImplementedError, match="Generators are not supported"):
        entrypoint()(generator)
    with pytest.raises(ValueError, match="at least one parameter"):
        entrypoint()(nothing)
    with pytest.raises(TypeError, match="Invalid checkpointer"):
        entrypoint(checkpointer="memory")(lambda x: x)  # type: ignore[arg-type]
    with pytest.raises(RuntimeError, match="outside of a runnable context"):
        double(1)
    with pytest.raises(ValueError, match="thread_id"):
        entrypoint(checkpointer=InMemorySaver())(lambda x: x).invoke(1)


def test_a_task_costs_no_thread_when_it_is_awaited_at_once() -> None:
    """Sequential code runs its tasks where it is, unless a worker was faster."""
    where = []

    @task
    def here() -> None:
        where.append(threading.get_ident())
        time.sleep(0)

    @entrypoint()
    def flow(x: int) -> None:
        for _ in range(200):
            here().result()

    flow.invoke(1)

    assert where.count(threading.get_ident()) > 100


def test_configurable_values_are_not_stored(tmp_path: Path) -> None:
    """They hold keys and tokens; the user's own metadata is stored."""

    @entrypoint(checkpointer=FileSaver(tmp_path / "s"))
    def flow(x: int) -> int:
        return double(x).result()

    flow.invoke(1, {"configurable": {"thread_id": "t", "key": "canary"}, "metadata": {"note": "kept"}})

    text = "".join(path.read_text() for path in (tmp_path / "s").rglob("*.json*"))
    assert "canary" not in text
    assert "kept" in text


def test_a_workflow_has_its_functions_name() -> None:
    """And shows it."""

    @entrypoint()
    def flow(x: int) -> int:
        """Do a thing."""
        return x

    assert (flow.name, flow.doc, repr(flow)) == ("flow", "Do a thing.", "<workflow 'flow'>")


def test_an_answered_question_is_not_shown_beside_an_error(saver: BaseCheckpointSaver, style: Style) -> None:
    """A snapshot shows open questions only."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        raise ValueError(interrupt("?"))

    style.invoke(flow, 1)
    with pytest.raises(ValueError, match="given"):
        style.invoke(flow, Command(resume="given"))

    assert flow.get_state(THREAD).interrupts == ()
    assert flow.get_state(THREAD).tasks[0].error == "ValueError('given')"


def test_streams_of_nested_workflows_side_by_side(style: Style) -> None:
    """Each sees its own chunks, whichever ends first."""

    @entrypoint()
    def child(x: int) -> int:
        return double(x).result()

    @task
    def collect(x: int) -> Any:
        return list(child.stream(x))

    @entrypoint()
    def flow(n: int) -> Any:
        return [future.result() for future in [collect(i) for i in range(n)]]

    assert style.invoke(flow, 8) == [[{"double": 2 * i}, {"child": 2 * i}] for i in range(8)]
