"""A fork keeps what had begun before its point and has finished; what began later runs again. The old thread stays."""

import hashlib
import threading
from collections.abc import Callable
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Encoded, PendingWrite, Saved, thread_status
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.forking import Changes, forked_from, kept, points_of
from lgrun.checkpoint.memory import InMemorySaver
from lgrun.errors import ForkError, InvalidUpdateError, NotSerializableError, ThreadExistsError
from lgrun.forking import planned
from lgrun.func import entrypoint, task
from lgrun.graph import END, START, StateGraph
from lgrun.types import Command, interrupt

THREAD: Any = {"configurable": {"thread_id": "t"}}
NAMES = "abcdef"


def config(thread: str) -> Any:
    return {"configurable": {"thread_id": thread}}


def name_of(made: Any) -> str:
    return str(made["configurable"]["thread_id"])


def status(saver: BaseCheckpointSaver, made: Any) -> str:
    saved = saver.load(name_of(made))
    assert saved is not None
    return thread_status(saved, held=False)


def finish(flow: Any, made: Any, answer: Any = "9") -> Any:
    """Take a fork up, answering whatever it asks, to its end."""
    value = flow.invoke(None, made)
    while isinstance(value, dict) and "__interrupt__" in value:
        value = flow.invoke(Command(resume=answer), made)
    return value


def chain(saver: BaseCheckpointSaver, ran: list[str]) -> Any:
    """Return a workflow of six tasks, each given what the one before returned, with questions after b and d."""

    def step(name: str) -> Any:
        @task(name=name)
        def run(given: str) -> str:
            ran.append(name)
            return f"{name}({given})"

        return run

    steps = {name: step(name) for name in NAMES}

    @entrypoint(checkpointer=saver)
    def flow(value: str) -> str:
        for name in NAMES:
            value = steps[name](value).result()
            if name in "bd":
                value += interrupt(f"after {name}?")
        return value

    return flow


@pytest.fixture
def ran() -> list[str]:
    """Return the list of the tasks that ran."""
    return []


@pytest.fixture
def done(saver: BaseCheckpointSaver, ran: list[str]) -> Any:
    """Return the workflow, whose thread t is done."""
    flow = chain(saver, ran)
    flow.invoke("i", THREAD)
    flow.invoke(Command(resume="1"), THREAD)
    assert flow.invoke(Command(resume="2"), THREAD) == "f(e(d(c(b(a(i))1))2))"
    ran.clear()
    return flow


# --- a call, a question


@pytest.mark.parametrize("name", list(NAMES))
def test_before_a_task(done: Any, ran: list[str], name: str) -> None:
    """The tasks before it are kept, with the answers between them; it and those after it run again, and no others."""
    made = done.fork(THREAD, before=name)

    assert ran == []
    assert finish(done, made) == "f(e(d(c(b(a(i))1))2))".replace("1", "9" if name <= "b" else "1").replace(
        "2", "9" if name <= "d" else "2"
    )
    assert ran == list(NAMES[NAMES.index(name) :])


@pytest.mark.parametrize(("question", "again"), [("q1", "cdef"), ("q2", "ef")])
def test_at_a_question(saver: BaseCheckpointSaver, done: Any, ran: list[str], question: str, again: str) -> None:
    """The fork waits at it; what began after the answer runs again."""
    made = done.fork(THREAD, before=question)

    assert status(saver, made) == "waiting"
    (asked,) = done.get_state(made).interrupts
    assert asked.value == f"after {'b' if question == 'q1' else 'd'}?"
    finish(done, made)
    assert ran == list(again)


def test_what_is_recorded_of_the_point(saver: BaseCheckpointSaver, done: Any) -> None:
    """The last record says where the fork comes from; checkpoints keep their numbers and ids."""
    made = done.fork(THREAD, before="c")
    old, new = saver.load("t", 1), saver.load(name_of(made))

    assert old is not None
    assert new is not None
    assert forked_from(new.writes[-1]) == "t/c"
    assert new.checkpoint.id == old.checkpoint.id
    assert (new.checkpoint.seq, new.checkpoint.thread) == (1, name_of(made))
    assert status(saver, made) == "stopped"


def test_the_same_question_has_the_same_number(saver: BaseCheckpointSaver, done: Any) -> None:
    """A question that is asked again is q2 again, and has the same id."""
    made = done.fork(THREAD, before="d")
    done.invoke(None, made)

    old, new = saver.load("t", 1), saver.load(name_of(made))
    assert old is not None
    assert new is not None
    asked = [[(w.q, w.id) for w in each.writes if w.kind == "interrupt"] for each in (old, new)]
    assert asked[0] == asked[1]


def test_forks_of_forks(saver: BaseCheckpointSaver, done: Any, ran: list[str]) -> None:
    """A fork can be forked, before and after it has been taken up."""
    first = done.fork(THREAD, before="e")
    second = done.fork(first, before="c", thread="second")
    finish(done, second)
    assert ran == list("cdef")
    ran.clear()

    third = done.fork(second, set={"d": "D"})
    assert finish(done, third) == "f(e(D9))"
    assert ran == list("ef")
    assert finish(done, first) == "f(e(d(c(b(a(i))1))2))"


@pytest.mark.parametrize("durability", ["async", "exit"])
def test_other_durabilities(saver: BaseCheckpointSaver, ran: list[str], durability: Any) -> None:
    """Where no begin of a task is noted, or late, how long the task took says when it began."""
    flow = chain(saver, ran)
    flow.invoke("i", THREAD, durability=durability)
    flow.invoke(Command(resume="1"), THREAD, durability=durability)
    flow.invoke(Command(resume="2"), THREAD, durability=durability)

    # With `exit`, the results after the last question are in no journal: the end of the run follows.
    for name in "abcd" if durability == "exit" else NAMES:
        ran.clear()
        finish(flow, flow.fork(THREAD, before=name))
        assert ran == list(NAMES[NAMES.index(name) :])


# --- other results, other answers


def test_another_result(done: Any, ran: list[str]) -> None:
    """The task does not run; those after it get the new result."""
    made = done.fork(THREAD, set={"c": "C"})

    assert finish(done, made) == "f(e(d(C)9))"
    assert ran == list("def")


def test_several_results(done: Any, ran: list[str]) -> None:
    """The earliest counts; a later one is used when the code comes to its task, whose argument is another one now."""
    made = done.fork(THREAD, set={"c": "C", "e": "E"})

    events = list(done.events(None, made, on_change="fail"))
    events += done.events(Command(resume="9"), made, on_change="fail")

    assert "warn" not in [event.type for event in events]
    assert events[-1].value == "f(E)"
    assert ran == list("df")


def test_a_result_that_the_code_does_not_come_to(saver: BaseCheckpointSaver) -> None:
    """If the code goes another way, it runs what it finds there, and one is told that the result was not used."""

    @task
    def choose() -> str:
        return "long"

    @task
    def long(n: int) -> str:
        return "long way"

    @task
    def short(n: int) -> str:
        return "short way"

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> str:
        way = {"long": long, "short": short}[choose().result()]
        return way(value).result()

    flow.invoke(1, THREAD)
    made = flow.fork(THREAD, set={"choose": "short", "long": "?"})
    events = list(flow.events(None, made, on_change="warn"))

    assert events[-1].value == "short way"
    assert [event.now for event in events if event.type == "warn"] == ["nothing"]


def test_a_result_of_a_task_that_failed(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """It can be said what a task would have returned; all that had finished is kept."""

    @task
    def good() -> int:
        ran.append("good")
        return 1

    @task
    def bad() -> int:
        raise ValueError("no")

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> int:
        return good().result() + bad().result()

    with pytest.raises(ValueError, match="no"):
        flow.invoke(1, THREAD)
    made = flow.fork(THREAD, set={"bad": 41})

    assert status(saver, made) == "stopped"
    assert flow.invoke(None, made) == 42
    assert ran == ["good"]


def test_another_answer(saver: BaseCheckpointSaver, done: Any, ran: list[str]) -> None:
    """What began after the first answer runs again, with the other one."""
    made = done.fork(THREAD, before="q1", answers={"q1": "no"})

    assert status(saver, made) == "stopped"
    assert finish(done, made) == "f(e(d(c(b(a(i))no))9))"
    assert ran == list("cdef")


def test_several_answers(done: Any, ran: list[str]) -> None:
    """A later answer waits for its question."""
    made = done.fork(THREAD, answers={"q1": "no", "q2": "yes"})

    assert done.invoke(None, made) == "f(e(d(c(b(a(i))no))yes))"
    assert ran == list("cdef")


def test_a_later_answer_to_another_question(saver: BaseCheckpointSaver) -> None:
    """If the question is another one by then, the rule of the engine holds: it is used and reported."""

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> list[str]:
        first = interrupt("which?")
        return [first, interrupt(f"really {first}?")]

    flow.invoke(1, THREAD)
    flow.invoke(Command(resume="a"), THREAD)
    flow.invoke(Command(resume="yes"), THREAD)
    made = flow.fork(THREAD, answers={"q1": "b", "q2": "no"})
    events = list(flow.events(None, made, on_change="warn"))

    assert events[-1].value == ["b", "no"]
    assert len([event for event in events if event.type == "warn"]) == 1


def test_the_answer_to_an_open_question(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """It may be given; the old thread goes on waiting."""
    flow = chain(saver, ran)
    flow.invoke("i", THREAD)
    ran.clear()
    made = flow.fork(THREAD, answers={"q1": "x"})

    flow.invoke(None, made)

    assert ran == list("cd")
    assert status(saver, THREAD) == "waiting"


def test_a_question_inside_a_task(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """The task that asked runs again with the other answer; what it had done before is kept."""

    @task
    def inner() -> str:
        ran.append("inner")
        return "i"

    @task
    def outer() -> str:
        ran.append("outer")
        return inner().result() + str(interrupt("ok?"))

    @task
    def later(text: str) -> str:
        ran.append("later")
        return text + "!"

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> str:
        return later(outer().result()).result()

    flow.invoke(1, THREAD)
    assert flow.invoke(Command(resume="1"), THREAD) == "i1!"
    ran.clear()

    assert flow.invoke(None, flow.fork(THREAD, answers={"q1": "2"})) == "i2!"
    assert ran == ["outer", "later"]


# --- plain copies, older checkpoints


def test_a_copy_of_a_thread_that_is_done(saver: BaseCheckpointSaver, done: Any, ran: list[str]) -> None:
    """It is done, with the same value, and says where it comes from."""
    made = done.fork(THREAD)

    assert status(saver, made) == "done"
    assert done.invoke(None, made) == "f(e(d(c(b(a(i))1))2))"
    assert ran == []
    saved = saver.load(name_of(made))
    assert saved is not None
    assert forked_from(saved.writes[-1]) == "t"


def test_a_copy_of_a_thread_that_waits(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """It waits, too."""
    flow = chain(saver, ran)
    flow.invoke("i", THREAD)
    made = flow.fork(THREAD)

    assert status(saver, made) == "waiting"
    assert flow.get_state(made).interrupts == flow.get_state(THREAD).interrupts


def test_an_earlier_run(saver: BaseCheckpointSaver, done: Any, ran: list[str]) -> None:
    """Up to a checkpoint, names mean what was called until then; later runs are left out."""
    first = saver.load("t")
    assert first is not None
    done.invoke("j", THREAD)
    ran.clear()
    place = {"configurable": {"thread_id": "t", "checkpoint_id": first.checkpoint.id}}

    assert finish(done, done.fork(place, before="f")) == "f(e(d(c(b(a(i))1))2))"
    assert ran == ["f"]
    assert status(saver, done.fork(place)) == "done"
    assert finish(done, done.fork(THREAD, before="b.1")) == "f(e(d(c(b(a(i))9))9))"


def test_an_older_checkpoint(saver: BaseCheckpointSaver, done: Any, ran: list[str]) -> None:
    """The fork stands at the checkpoint itself: what was done after it will be done again."""
    begun = saver.load("t", 1)
    assert begun is not None
    made = done.fork({"configurable": {"thread_id": "t", "checkpoint_id": begun.checkpoint.id}})

    finish(done, made)

    assert ran == list(NAMES)


# --- side by side, nested


def test_siblings(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """Tasks that ran beside the one whose result is another one are kept, though they finished after it."""
    both = threading.Barrier(3)

    @task
    def part(n: int) -> int:
        if len(ran) < 3:
            both.wait(10)
        ran.append(f"part {n}")
        return n

    @task
    def whole(parts: list[int]) -> int:
        ran.append("whole")
        return sum(parts)

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> int:
        calls = [part(n) for n in range(3)]
        return whole([call.result() for call in calls]).result()

    flow.invoke(1, THREAD)
    ran.clear()

    assert flow.invoke(None, flow.fork(THREAD, set={"part.2": 10})) >= 10
    assert ran == ["whole"]


def test_inside_a_task(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """Before a task that another one calls: the one around runs again and finds what it had done before."""

    @task
    def leaf(n: int) -> int:
        ran.append(f"leaf {n}")
        return n

    @task
    def outer() -> int:
        ran.append("outer")
        return sum(leaf(n).result() for n in range(3))

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> int:
        return outer().result() * 10

    flow.invoke(1, THREAD)
    ran.clear()
    assert flow.invoke(None, flow.fork(THREAD, before="leaf.2")) == 30
    assert ran == ["outer", "leaf 1", "leaf 2"]
    ran.clear()
    assert flow.invoke(None, flow.fork(THREAD, set={"leaf.2": 7})) == 90
    assert ran == ["outer", "leaf 2"]
    ran.clear()
    assert flow.invoke(None, flow.fork(THREAD, set={"outer": 5})) == 50
    assert ran == []


def test_a_nested_workflow_with_a_memory(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """What it remembers of a call goes with the call: it goes on from the last one that is kept."""

    @task
    def later(n: int) -> int:
        ran.append(f"later {n}")
        return n

    @entrypoint(checkpointer=True)
    def counter(value: int, *, previous: int | None = None) -> int:
        ran.append("counter")
        return (previous or 0) + value

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> int:
        return later(counter.invoke(value)).result()

    assert [flow.invoke(1, THREAD), flow.invoke(2, THREAD)] == [1, 3]
    for point, again in (("counter", ["counter", "later 3"]), ("later", ["later 3"])):
        ran.clear()
        made = flow.fork(THREAD, before=point)
        assert flow.invoke(None, made) == 3
        assert ran == again
        assert flow.invoke(3, made) == 6


class State(TypedDict):
    log: Annotated[list[str], add]


def graph_of(ran: list[str]) -> StateGraph:
    """Return a graph: a, then b and c side by side, then d, then either e or the end."""

    def node(name: str) -> Callable[[State], Any]:
        def run(state: State) -> Any:
            ran.append(name)
            return {"log": [f"{name}{len(state['log'])}"]}

        return run

    graph = StateGraph(State)
    for name in "abcde":
        graph.add_node(name, node(name))
    graph.add_edge(START, "a")
    graph.add_edge("a", "b")
    graph.add_edge("a", "c")
    graph.add_edge(["b", "c"], "d")
    graph.add_conditional_edges("d", lambda state: END if "stop" in state["log"] else "e", ["e", END])
    return graph


@pytest.mark.parametrize(("name", "again"), [("a", "abcde"), ("b", "bcde"), ("c", "bcde"), ("d", "de"), ("e", "e")])
def test_before_a_node(saver: BaseCheckpointSaver, ran: list[str], name: str, again: str) -> None:
    """The whole step runs again, since its nodes run side by side, and those after it."""
    graph = graph_of(ran).compile(saver)
    value = graph.invoke({"log": []}, THREAD)
    ran.clear()
    made = graph.fork(THREAD, before=name)

    assert graph.invoke(None, made) == value
    assert sorted(ran) == list(again)


@pytest.mark.parametrize(
    ("put", "again", "log"),
    [
        ({"b": {"log": ["B"]}}, "de", ["a0", "B", "c1", "d3", "e4"]),
        ({"b": {"log": ["B"]}, "c": {"log": ["C"]}}, "de", ["a0", "B", "C", "d3", "e4"]),
        ({"d": {"log": ["D"]}}, "e", ["a0", "b1", "c1", "D", "e4"]),
        ({"d": {"log": ["stop"]}}, "", ["a0", "b1", "c1", "stop"]),
    ],
)
def test_another_result_of_a_node(
    saver: BaseCheckpointSaver, ran: list[str], put: Any, again: str, log: list[str]
) -> None:
    """Nodes beside it are kept, and its conditional edges are asked with what it returned."""
    graph = graph_of(ran).compile(saver)
    graph.invoke({"log": []}, THREAD)
    ran.clear()

    assert graph.invoke(None, graph.fork(THREAD, set=put)) == {"log": log}
    assert ran == list(again)


def test_a_node_that_failed_or_waits(saver: BaseCheckpointSaver) -> None:
    """What it would have returned can be said; of a step that is not over, the finished nodes are kept."""
    ran: list[str] = []

    def left(state: State) -> Any:
        ran.append("left")
        return {"log": ["left"]}

    def right(state: State) -> Any:
        return {"log": [interrupt("what?")]}

    graph = StateGraph(State)
    graph.add_node("left", left)
    graph.add_node("right", right)
    graph.add_edge(START, "left")
    graph.add_edge(START, "right")
    compiled = graph.compile(saver)
    compiled.invoke({"log": []}, THREAD)

    assert compiled.invoke(None, compiled.fork(THREAD, set={"right": {"log": ["put"]}})) == {"log": ["left", "put"]}
    assert compiled.invoke(None, compiled.fork(THREAD, answers={"q1": "told"})) == {"log": ["left", "told"]}
    assert ran == ["left"]
    again = compiled.fork(THREAD, before="right")
    compiled.invoke(None, again)
    assert ran == ["left", "left"]


def test_tasks_of_nodes_and_a_graph_inside(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """What a node called, and the steps of a graph inside, are points like others."""

    @task
    def work(name: str) -> str:
        ran.append(f"work {name}")
        return name

    def inner_node(name: str) -> Callable[[State], Any]:
        def run(state: State) -> Any:
            ran.append(name)
            return {"log": [work(name).result()]}

        return run

    inner = StateGraph(State)
    inner.add_sequence([("x", inner_node("x")), ("y", inner_node("y"))])
    inner.add_edge(START, "x")
    outer = StateGraph(State)
    outer.add_node("sub", inner.compile())
    outer.add_edge(START, "sub")
    graph = outer.compile(saver)
    value = graph.invoke({"log": []}, THREAD)
    ran.clear()

    assert graph.invoke(None, graph.fork(THREAD, before="y")) == value
    assert ran == ["y", "work y"]
    ran.clear()
    assert graph.invoke(None, graph.fork(THREAD, set={"work.1": "X"})) == {"log": ["X", "y"]}
    assert ran == ["x", "y", "work y"]
    with pytest.raises(ForkError, match="node of a graph inside"):
        graph.fork(THREAD, set={"y": {"log": []}})


def test_results_of_later_steps(saver: BaseCheckpointSaver, ran: list[str]) -> None:
    """Later steps of a graph are made anew: a result for one of them is refused."""
    graph = graph_of(ran).compile(saver)
    graph.invoke({"log": []}, THREAD)

    with pytest.raises(ForkError, match="later step"):
        graph.fork(THREAD, set={"a": {"log": []}, "d": {"log": []}})
    with pytest.raises(InvalidUpdateError):
        graph.fork(THREAD, set={"a": 5})


def test_an_async_conditional_edge(saver: BaseCheckpointSaver) -> None:
    """It can be asked by a run only, so the result of its node cannot be another one."""

    async def lead(state: State) -> str:
        return END

    graph = StateGraph(State)
    graph.add_node("a", lambda state: {"log": ["a"]})
    graph.add_edge(START, "a")
    graph.add_conditional_edges("a", lead, [END])
    compiled = graph.compile(saver)
    import asyncio

    asyncio.run(compiled.ainvoke({"log": []}, THREAD))

    with pytest.raises(InvalidUpdateError, match="async conditional edge"):
        compiled.fork(THREAD, set={"a": {"log": []}})
    asyncio.run(compiled.afork(THREAD, before="a", thread="u"))
    assert saver.load("u") is not None


# --- the old thread, errors


def hashes(folder: Path) -> dict[str, str]:
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.rglob("*") if path.is_file()}


def test_the_old_thread_stays_as_it_is(tmp_path: Path, ran: list[str]) -> None:
    """To the byte, also while it is forked and the fork runs."""
    saver = FileSaver(tmp_path / "state")
    flow = chain(saver, ran)
    flow.invoke("i", THREAD)
    before = hashes(tmp_path / "state/threads/t")

    for points in ({"before": "b"}, {"set": {"a": 1}}, {"answers": {"q1": "x"}}, {}):
        finish(flow, flow.fork(THREAD, **points))

    assert hashes(tmp_path / "state/threads/t") == before


def test_a_thread_that_runs(tmp_path: Path) -> None:
    """It is forked as it is on the disk."""
    saver = FileSaver(tmp_path)
    goes_on, begun = threading.Event(), threading.Event()

    @task
    def first() -> int:
        return 1

    @task
    def second() -> int:
        begun.set()
        goes_on.wait(10)
        return 2

    @entrypoint(checkpointer=saver)
    def flow(value: int) -> int:
        return first().result() + second().result()

    running = threading.Thread(target=flow.invoke, args=(1, THREAD))
    running.start()
    begun.wait(10)
    made = flow.fork(THREAD)
    saved = saver.load(name_of(made))
    goes_on.set()
    running.join()

    assert saved is not None
    assert [write.name for write in saved.writes if write.kind == "result"] == ["first"]
    assert flow.invoke(None, made) == 3


@pytest.mark.parametrize(
    ("points", "error", "words"),
    [
        ({"before": "bb"}, ForkError, "no call 'bb': there are b, "),
        ({"before": "b.7"}, ForkError, "no call"),
        ({"before": "q7"}, ForkError, "no call"),
        ({"set": {"q1": 1}}, ForkError, "q1 is a question"),
        ({"set": {"flow": 1}}, ForkError, "no call 'flow'"),
        ({"answers": {"a": 1}}, ForkError, "a is no question"),
        ({"set": {"a": object()}}, NotSerializableError, "the value for 'a'"),
        ({"thread": "t"}, ThreadExistsError, "there is a thread 't'"),
    ],
)
def test_refusals(saver: BaseCheckpointSaver, done: Any, points: Any, error: type[Exception], words: str) -> None:
    """Nothing is made, and what there is instead is named."""
    with pytest.raises(error, match=words):
        done.fork(THREAD, **points)

    assert list(saver.threads()) == ["t"]


def test_what_is_not_there(saver: BaseCheckpointSaver, done: Any) -> None:
    """No such thread, no such checkpoint, no saver."""
    with pytest.raises(ForkError, match="no thread 'u'"):
        done.fork(config("u"))
    with pytest.raises(ForkError, match="no checkpoint"):
        done.fork({"configurable": {"thread_id": "t", "checkpoint_id": "0" * 36}})
    with pytest.raises(ValueError, match="No checkpointer"):
        entrypoint()(lambda value: value).fork(THREAD)


def test_a_plan(saver: BaseCheckpointSaver, done: Any) -> None:
    """What will be kept and what will run again can be asked before."""
    fork = planned(saver, "t", before="d")

    assert (fork.kept, fork.again) == (["a", "b", "q1", "c"], ["d", "q2", "e", "f"])


# --- the rule, without a disk


def journal(*records: PendingWrite) -> Saved:
    point = Checkpoint(thread="t", seq=1, id="", kind="input", step=-1, at="", input=Encoded(json=b"1"))
    return Saved(point, records)


def start(name: str, *path: tuple[int, int]) -> PendingWrite:
    return PendingWrite("start", "", path, name, digest=f"of {name}")


def result(name: str, *path: tuple[int, int]) -> PendingWrite:
    return PendingWrite("result", "", path, name, digest=f"of {name}", value=Encoded(json=b"1"))


MARK = PendingWrite("cancelled", "", by="fork t")
BEGINS_LAST = journal(
    *(start("a", (0, 0)), start("b", (0, 1)), result("b", (0, 1)), start("c", (0, 2)), result("a", (0, 0))),
    result("c", (0, 2)),
)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        (Changes(before=[((0, 2),)]), ["a", "b", "b", "a"]),
        (Changes(before=[((0, 1),)]), ["a", "a"]),
        (Changes(before=[((0, 0),)]), []),
        (Changes(results={((0, 1),): result("B", (0, 1))}), ["a", "b", "a", "B"]),
        (Changes(results={((0, 0),): result("A", (0, 0))}), ["a", "b", "b", "c", "c", "A"]),
        (Changes(), ["a", "b", "b", "c", "a", "c"]),
        (Changes(anew=True), []),
    ],
)
def test_the_rule(changes: Changes, names: list[str]) -> None:
    """What had begun before the point and has finished, whenever that was."""
    assert [write.name for write in kept(BEGINS_LAST, changes, mark=MARK)[:-1]] == names


def test_a_later_result_fits_any_arguments() -> None:
    """Of a call that began after the earliest point nobody knows the arguments; of others they are as recorded."""
    log = journal(start("a", (0, 0)), result("a", (0, 0)), start("b", (0, 1)), result("b", (0, 1)))
    changes = Changes(results={((0, 0),): result("a", (0, 0)), ((0, 1),): result("b", (0, 1))})

    assert [write.digest for write in kept(log, changes, mark=MARK)] == ["of a", "of a", "*", None]


def test_the_points_of_a_journal() -> None:
    """They come in the order in which they began; a call that was begun again after a crash is one."""
    log = journal(start("b", (0, 1)), start("a", (0, 0)), PendingWrite("run"), start("a", (0, 0)), result("a", (0, 0)))

    assert [point.name for point in points_of(log)] == ["b", "a"]


def test_a_memory_that_is_copied_is_its_own() -> None:
    """In memory, too, the fork and the old thread share no journal."""
    saver, ran = InMemorySaver(), list[str]()
    flow = chain(saver, ran)
    flow.invoke("i", THREAD)
    made = flow.fork(THREAD)
    flow.invoke(Command(resume="1"), made)

    assert status(saver, THREAD) == "waiting"
    assert len(saver.load("t").writes) < len(saver.load(name_of(made)).writes)  # type: ignore[union-attr]
