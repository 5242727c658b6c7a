"""Going back to a checkpoint, updates by hand, and answers with a schema."""

from dataclasses import dataclass
from typing import Any

import pytest
from typing_extensions import TypedDict

from lgrun.checkpoint.base import BaseCheckpointSaver, thread_status
from lgrun.errors import EmptyInputError, InvalidUpdateError
from lgrun.func import entrypoint, task
from lgrun.types import Command, StateUpdate, interrupt
from tests.engine.conftest import THREAD, Style


class Accumulator:
    """A workflow that adds its inputs up, and what its task was called with."""

    def __init__(self, saver: BaseCheckpointSaver) -> None:
        self.ran: list[int] = []

        @task
        def tenfold(x: int) -> int:
            self.ran.append(x)
            return x * 10

        @entrypoint(checkpointer=saver)
        def add(x: int, *, previous: int | None = None) -> int:
            return tenfold(x).result() + (previous or 0)

        self.add = add

    def history(self) -> list[tuple[Any, ...]]:
        return [
            (s.metadata["source"], s.metadata["step"], s.values, s.next)
            for s in self.add.get_state_history(THREAD)
            if s.metadata
        ]


@pytest.fixture
def two_runs(saver: BaseCheckpointSaver) -> Accumulator:
    """A thread of two runs, whose checkpoints are, newest first: end, input, end, input."""
    made = Accumulator(saver)
    made.add.invoke(1, THREAD)
    made.add.invoke(2, THREAD)
    made.ran.clear()
    return made


def test_none_at_an_old_input_runs_everything_again(two_runs: Accumulator, style: Style) -> None:
    """The branch begins with a fork of that checkpoint."""
    old = list(two_runs.add.get_state_history(THREAD))[1]

    assert style.invoke(two_runs.add, None, old.config) == 30
    assert two_runs.ran == [2]
    assert two_runs.history()[:2] == [("loop", 3, 30, ()), ("fork", 2, 10, ("add",))]


def test_none_at_an_old_end_returns_its_value(two_runs: Accumulator, style: Style) -> None:
    """Nothing runs; the thread is back there."""
    old = list(two_runs.add.get_state_history(THREAD))[2]

    assert style.invoke(two_runs.add, None, old.config) == 10
    assert two_runs.ran == []
    assert two_runs.add.get_state(THREAD).values == 10
    assert style.invoke(two_runs.add, 5) == 60


def test_new_input_at_an_old_checkpoint_branches(two_runs: Accumulator, style: Style) -> None:
    """It sees what the thread held there; the branch is the latest now."""
    history = list(two_runs.add.get_state_history(THREAD))

    assert style.invoke(two_runs.add, 5, history[2].config) == 60
    assert style.invoke(two_runs.add, 7, history[3].config) == 70
    assert two_runs.history()[:4] == [
        ("loop", 1, 70, ()),
        ("input", 0, None, ("add",)),
        ("loop", 2, 60, ()),
        ("input", 1, 10, ("add",)),
    ]


def test_an_unknown_checkpoint_is_an_empty_start(two_runs: Accumulator, style: Style) -> None:
    """Nothing was before it."""
    nowhere = {"configurable": {"thread_id": "t", "checkpoint_id": "00000099-0000-8000-8000-000000000000"}}

    assert style.invoke(two_runs.add, 3, nowhere) == 30
    with pytest.raises(EmptyInputError):
        style.invoke(two_runs.add, None, nowhere)


def test_the_other_answer(saver: BaseCheckpointSaver, style: Style) -> None:
    """Answering at an old checkpoint keeps what was known before the question, and nothing after it."""
    ran: list[str] = []

    @task
    def step(name: str) -> str:
        ran.append(name)
        return name

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[str]:
        return [step("before").result(), interrupt("which?"), step("after").result()]

    style.invoke(flow, 1)
    style.invoke(flow, Command(resume="left"))
    old = list(flow.get_state_history(THREAD))[1]

    assert style.invoke(flow, Command(resume="right"), old.config) == ["before", "right", "after"]
    assert ran == ["before", "after", "after"]


def test_an_old_checkpoint_is_answered_as_it_is_shown(saver: BaseCheckpointSaver, style: Style) -> None:
    """A bare answer is for the question that its snapshot shows, a map for any of them."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> list[Any]:
        return [interrupt("one?"), interrupt("two?")]

    one = style.invoke(flow, 1)["__interrupt__"][0]
    style.invoke(flow, Command(resume=1))
    style.invoke(flow, Command(resume=2))
    old = list(flow.get_state_history(THREAD))[1]

    assert [question.value for question in old.interrupts] == ["two?"]
    assert style.invoke(flow, Command(resume=20), old.config) == [1, 20]
    assert style.invoke(flow, Command(resume={one.id: 10}), old.config)["__interrupt__"][0].value == "two?"


def test_update_by_hand(saver: BaseCheckpointSaver) -> None:
    """It is the thread's value and what the next run gets; it finishes a run that waits."""

    @entrypoint(checkpointer=saver)
    def flow(x: int, *, previous: Any = None) -> Any:
        return interrupt("?") if x else previous

    flow.invoke(1, THREAD)
    config = flow.update_state(THREAD, entrypoint.final(value="shown", save="kept"), as_node="flow")
    state = flow.get_state(THREAD)

    assert (state.values, state.next, state.config) == ("shown", (), config)
    assert state.metadata == {"source": "update", "step": 0, "parents": {}}
    assert flow.invoke(0, THREAD) == "kept"
    with pytest.raises(InvalidUpdateError, match="Node other does not exist"):
        flow.update_state(THREAD, 1, as_node="other")


def test_updates_in_bulk(saver: BaseCheckpointSaver) -> None:
    """One checkpoint for each, from the first of a thread on."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        return x

    flow.bulk_update_state(THREAD, [[StateUpdate(1, "flow")], [StateUpdate(None)]])

    assert [(s.values, s.metadata["step"]) for s in flow.get_state_history(THREAD) if s.metadata] == [(None, 1), (1, 0)]
    with pytest.raises(InvalidUpdateError, match="other"):
        flow.bulk_update_state(THREAD, [[StateUpdate(5)], [StateUpdate(6, "other")]])
    assert flow.get_state(THREAD).values is None, "all are checked before the first is written"
    for nothing in ([], [[]]):
        with pytest.raises(ValueError, match="No updates"):
            flow.bulk_update_state(THREAD, nothing)


@entrypoint()
def child(x: int) -> int:
    """A workflow that another one names."""
    return x


def test_a_workflow_that_calls_another_shows_where_its_state_would_be(saver: BaseCheckpointSaver) -> None:
    """The step's `state` names the nested run."""

    @entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        return [child.invoke(x), interrupt("?")]

    parent.invoke(1, THREAD)
    step = parent.get_state(THREAD).tasks[0]

    assert step.state == {"configurable": {"thread_id": "t", "checkpoint_ns": f"parent:{step.id}"}}


@entrypoint()
def asking(x: int) -> Any:
    """A workflow that stops with a question."""
    return interrupt("inner?")


def test_the_state_of_a_nested_run(saver: BaseCheckpointSaver) -> None:
    """It is shown in its parent's snapshot, or by its namespace."""

    @entrypoint(checkpointer=saver)
    def parent(x: int) -> Any:
        return asking.invoke(x)

    parent.invoke(1, THREAD)
    inner = parent.get_state(THREAD, subgraphs=True).tasks[0].state

    assert (inner.next, inner.values, [i.value for i in inner.interrupts]) == (("asking",), None, ["inner?"])
    assert inner.metadata["parents"] == {"": parent.get_state(THREAD).config["configurable"]["checkpoint_id"]}
    assert parent.get_state(parent.get_state(THREAD).tasks[0].state) == inner


def test_a_deleted_thread_is_gone(two_runs: Accumulator, saver: BaseCheckpointSaver) -> None:
    """It can be started anew."""
    saver.delete_thread("t")

    assert two_runs.add.get_state(THREAD).values == {}
    assert list(two_runs.add.get_state_history(THREAD)) == []
    assert two_runs.add.invoke(4, THREAD) == 40


def test_durability_exit_keeps_the_last_checkpoint_of_a_run(saver: BaseCheckpointSaver, style: Style) -> None:
    """The end of a complete run, or the start of one that stopped, with what was done."""
    ran: list[int] = []

    @task
    def step(x: int) -> int:
        ran.append(x)
        return x

    @entrypoint(checkpointer=saver)
    def flow(x: int, *, previous: int | None = None) -> int:
        return step(x).result() + (previous or 0) + (interrupt("?") if x > 2 else 0)

    def steps() -> list[tuple[Any, Any]]:
        return [(s.metadata["source"], s.metadata["step"]) for s in flow.get_state_history(THREAD) if s.metadata]

    assert [style.invoke(flow, x, durability="exit") for x in (1, 2)] == [1, 3]
    assert steps() == [("loop", 2), ("loop", 0)]
    style.invoke(flow, 3, durability="exit")
    assert steps() == [("input", 3), ("loop", 2), ("loop", 0)]
    assert style.invoke(flow, Command(resume=10), durability="exit") == 16
    assert ran == [1, 2, 3]


class Form(TypedDict):
    """An answer with two fields."""

    name: str
    age: int


@dataclass
class Person:
    """The same as a class."""

    name: str
    age: int


@pytest.mark.parametrize(("schema", "expected"), [(Form, {"name": "Ann", "age": 5}), (Person, Person("Ann", 5))])
def test_answers_fit_their_schema(saver: BaseCheckpointSaver, style: Style, schema: Any, expected: Any) -> None:
    """The question shows the schema, the answer is converted, and one that does not fit leaves the question open."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        answer = interrupt("who?", response_schema=schema)
        return [type(answer).__name__, answer == expected]

    asked = style.invoke(flow, 1)["__interrupt__"][0]
    with pytest.raises(ValueError, match="age"):
        style.invoke(flow, Command(resume={"name": "Ann"}))
    saved = saver.load("t")
    assert saved is not None
    again = style.invoke(flow, None)["__interrupt__"][0]

    assert set(asked.response_schema["properties"]) == {"name", "age"}
    assert again.id == asked.id
    assert thread_status(saved, held=False) == "failed"
    assert style.invoke(flow, Command(resume={"name": "Ann", "age": "5"})) == [type(expected).__name__, True]


def test_a_schema_that_is_only_shown(saver: BaseCheckpointSaver, style: Style) -> None:
    """A dict is passed on to whoever asks; answers are not checked against it."""

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return interrupt("n?", response_schema={"type": "integer"})

    assert style.invoke(flow, 1)["__interrupt__"][0].response_schema == {"type": "integer"}
    assert flow.get_state(THREAD).interrupts[0].response_schema == {"type": "integer"}
    assert style.invoke(flow, Command(resume="text")) == "text"


def test_a_nested_workflow_with_a_memory(saver: BaseCheckpointSaver) -> None:
    """With `checkpointer=True` it gets what its call before saved, on the same thread; a pause does not count."""

    @entrypoint(checkpointer=True)
    def child(x: int, *, previous: int | None = None) -> int:
        if x == 5:
            interrupt("?")
        return (previous or 0) + x

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> Any:
        return child.invoke(x)

    other = {"configurable": {"thread_id": "other"}}

    assert [flow.invoke(n, THREAD) for n in (1, 2, 3)] == [1, 3, 6]
    assert flow.invoke(1, other) == 1
    flow.invoke(5, THREAD)
    assert flow.invoke(Command(resume=1), THREAD) == 11
    assert flow.invoke(1, THREAD) == 12
    with pytest.raises(RuntimeError, match="checkpointer=True"):
        child.invoke(1)
