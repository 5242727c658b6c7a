"""What the engine does with graphs, on both savers, run with the sync and with the async methods."""

import asyncio
import errno
import operator
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest

from lgrun._fs import RealFs
from lgrun.checkpoint.base import BaseCheckpointSaver, thread_status
from lgrun.checkpoint.file import FileSaver
from lgrun.config import get_stream_writer
from lgrun.errors import GraphRecursionError, InvalidUpdateError, StateIOError, ThreadBusyError
from lgrun.func import task
from lgrun.graph import END, START, StateGraph
from lgrun.types import Command, Send, interrupt
from tests.engine.conftest import THREAD, Style


class Log(TypedDict):
    """A list that grows, and a number that is replaced."""

    log: Annotated[list[Any], operator.add]
    n: int


Node = Callable[[Any], Any]


class Ran(list[str]):
    """Notes which nodes ran, and makes nodes that do."""

    def node(self, name: str, work: Callable[[], Any] = str) -> Node:
        def node(state: Log) -> dict[str, Any]:
            self.append(name)
            return {"log": [work() or name]}

        node.__name__ = name
        return node

    def line(self, *nodes: Node | str, **options: Any) -> Any:
        """Return a graph of nodes one after another."""
        made = [self.node(node) if isinstance(node, str) else node for node in nodes]
        return StateGraph(Log).add_sequence(made).add_edge(START, made[0].__name__).compile(**options)

    def fan(self, *nodes: Node | str, **options: Any) -> Any:
        """Return a graph of nodes side by side."""
        builder = StateGraph(Log)
        for node in nodes:
            made = self.node(node) if isinstance(node, str) else node
            builder.add_node(made).add_edge(START, made.__name__)
        return builder.compile(**options)


@pytest.fixture
def ran() -> Ran:
    """Nodes that ran."""
    return Ran()


def once(error: Exception) -> Callable[[], Any]:
    """Return work that fails the first time."""
    left = [error]

    def work() -> None:
        if left:
            raise left.pop()

    return work


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_failed_run_goes_on_where_it_was(saver: BaseCheckpointSaver, style: Style, ran: Ran, durability: str) -> None:
    """With any durability, finished steps and finished nodes of the failed step do not run again."""
    flow = ran.line("a", ran.node("b", once(ConnectionError())), "c", checkpointer=saver)
    with pytest.raises(ConnectionError):
        style.invoke(flow, {"n": 1}, durability=durability)
    assert flow.get_state(THREAD).next == ("b",)

    assert style.invoke(flow, None, durability=durability) == {"log": ["a", "b", "c"], "n": 1}
    assert ran == ["a", "b", "b", "c"]


@pytest.mark.parametrize(("durability", "count"), [("sync", 4), ("async", 4), ("exit", 1)])
def test_a_checkpoint_after_each_step(saver: BaseCheckpointSaver, ran: Ran, durability: str, count: int) -> None:
    """With durability `exit`, of the last one only."""
    flow = ran.line("a", "b", checkpointer=saver)

    flow.invoke({"n": 1}, THREAD, durability=durability)

    history = list(flow.get_state_history(THREAD))
    assert len(history) == count
    assert history[0].values == {"log": ["a", "b"], "n": 1}
    assert [entry.next for entry in history] == [(), ("b",), ("a",), (START,)][:count]


def test_nodes_side_by_side(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """They run at the same time, and are applied in the order of their names."""
    meeting = threading.Barrier(3, timeout=20)

    def meet() -> None:
        meeting.wait()

    flow = ran.fan(*(ran.node(name, meet) for name in "cab"), checkpointer=saver)

    assert style.invoke(flow, {"n": 1})["log"] == ["a", "b", "c"]


def test_one_plain_key_takes_one_write(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """The step fails as a whole: nothing of it is saved as state, and its nodes do not run again."""

    def both(name: str) -> Node:
        def node(state: Log) -> dict[str, Any]:
            ran.append(name)
            return {"n": 2}

        node.__name__ = name
        return node

    flow = ran.fan(both("a"), both("b"), checkpointer=saver)
    for _ in range(2):
        with pytest.raises(InvalidUpdateError, match="'n'"):
            style.invoke(flow, None if ran else {"n": 1})

    assert flow.get_state(THREAD).values == {"log": [], "n": 1}
    assert sorted(ran) == ["a", "b"]


def test_what_was_sent(saver: BaseCheckpointSaver, style: Style) -> None:
    """Each Send is a call of its own, with an input of its own."""

    def spread(state: Log) -> Command[Any]:
        return Command(goto=[Send("work", n) for n in range(3)])

    def work(n: int) -> dict[str, Any]:
        return {"log": [n * n]}

    builder = StateGraph(Log).add_node(spread).add_node(work).add_edge(START, "spread").add_edge("work", END)

    assert style.invoke(builder.compile(checkpointer=saver), {"n": 1})["log"] == [0, 1, 4]


def test_breakpoints(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """A run stops once before and once after a step; None goes on."""
    flow = ran.line("a", "b", "c", checkpointer=saver, interrupt_before=["b"], interrupt_after=["b"])
    seen = []
    style.invoke(flow, {"n": 1})
    for _ in range(3):
        seen.append(("".join(ran), flow.get_state(THREAD).next))
        style.invoke(flow, None)

    assert seen == [("a", ("b",)), ("ab", ("c",)), ("abc", ())]


def test_a_question_in_one_of_several_nodes(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """The others are finished once; the answer arrives with the state they left to the next step."""
    asking = ran.node("ask", lambda: interrupt("?"))
    flow = ran.fan("a", asking, "z", checkpointer=saver)

    result = style.invoke(flow, {"n": 1})
    assert [question.value for question in result["__interrupt__"]] == ["?"]
    assert flow.get_state(THREAD).next == ("ask",)

    assert style.invoke(flow, Command(resume="yes"))["log"] == ["a", "yes", "z"]
    assert sorted(ran) == ["a", "ask", "ask", "z"]


def test_a_command_from_outside(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """It writes to a finished thread and leads to a node, and survives the process: it is in the journal."""
    builder = StateGraph(Log).add_node(ran.node("a")).add_node(ran.node("b", once(ConnectionError())))
    flow = builder.add_edge(START, "a").compile(checkpointer=saver)
    style.invoke(flow, {"n": 1})

    with pytest.raises(ConnectionError):
        style.invoke(flow, Command(update={"n": 5, "log": ["told"]}, goto="b"))
    assert flow.get_state(THREAD).next == ("b",)
    assert style.invoke(flow, None) == {"log": ["a", "told", "b"], "n": 5}
    assert ran == ["a", "b", "b"]


def test_a_nested_graph_goes_on_where_it_was(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """Its finished nodes, and finished nodes beside it, do not run again when its question is answered."""
    inner = ran.line("x", ran.node("ask", lambda: interrupt("?")), "y")
    builder = StateGraph(Log).add_node("inner", inner).add_node(ran.node("beside"))
    flow = builder.add_edge(START, "inner").add_edge(START, "beside").compile(checkpointer=saver)
    style.invoke(flow, {"n": 1})
    (waiting, _) = flow.get_state(THREAD, subgraphs=True).tasks
    assert waiting.state.next == ("ask",)
    assert waiting.state.values["log"] == ["x"]

    style.invoke(flow, Command(resume="yes"))

    assert flow.get_state(THREAD).values["log"] == ["beside", "x", "yes", "y"]
    assert sorted(ran) == ["ask", "ask", "beside", "x", "y"]


def test_tasks_of_a_node(saver: BaseCheckpointSaver, style: Style) -> None:
    """Those that its code does not wait for are waited for before the next step; finished ones are replayed."""
    ran: list[str] = []
    failures = [ConnectionError()]

    @task
    def work(name: str) -> str:
        ran.append(name)
        return name

    def first(state: Log) -> dict[str, Any]:
        work("unawaited")
        done = work("awaited").result()
        if failures:
            raise failures.pop()
        return {"log": [done]}

    def second(state: Log) -> dict[str, Any]:
        return {"log": sorted(ran)}

    flow = Ran().line(first, second, checkpointer=saver)
    with pytest.raises(ConnectionError):
        style.invoke(flow, {"n": 1})

    assert style.invoke(flow, None)["log"] == ["awaited", "awaited", "unawaited"]


def test_one_run_per_thread(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """A second one is refused while a node runs, and changes nothing."""
    busy: list[BaseException] = []

    def run() -> None:
        try:
            flow.invoke({"n": 2}, THREAD)
        except ThreadBusyError as error:
            busy.append(error)

    def again() -> None:
        other = threading.Thread(target=run)
        other.start()
        other.join()

    flow = ran.line(ran.node("a", again), checkpointer=saver)

    assert style.invoke(flow, {"n": 1}) == {"log": ["a"], "n": 1}
    assert len(busy) == 1


def test_the_recursion_limit(saver: BaseCheckpointSaver, style: Style, ran: Ran) -> None:
    """So many steps are made in a run, and the next run makes as many again."""
    flow = ran.line(*"abcd", checkpointer=saver)
    with pytest.raises(GraphRecursionError, match="limit of 2"):
        style.invoke(flow, {"n": 1}, {**THREAD, "recursion_limit": 2})
    assert flow.get_state(THREAD).next == ("c",)

    assert style.invoke(flow, None, {**THREAD, "recursion_limit": 3})["log"] == list("abcd")


def test_cancelling(saver: BaseCheckpointSaver) -> None:
    """A cancelled coroutine is run again, what finished beside it is not; the thread says that it was stopped."""
    ran: list[str] = []

    async def main() -> Any:
        begun = asyncio.Event()

        async def quick(state: Log) -> dict[str, Any]:
            ran.append("quick")
            return {"log": ["quick"]}

        async def slow(state: Log) -> dict[str, Any]:
            ran.append("slow")
            if ran.count("slow") == 1:
                begun.set()
                await asyncio.Event().wait()
            return {"log": ["slow"]}

        flow = Ran().fan(quick, slow, checkpointer=saver)
        seen: list[Any] = []

        async def read() -> None:
            async for chunk in flow.astream({"n": 1}, THREAD):
                seen.append(chunk)

        run = asyncio.create_task(read())
        await begun.wait()
        while not seen:
            await asyncio.sleep(0)
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)
        saved = saver.load("t")
        assert saved is not None
        assert thread_status(saved, held=False) == "stopped"
        return await flow.ainvoke(None, THREAD)

    assert asyncio.run(main())["log"] == ["quick", "slow"]
    assert ran == ["quick", "slow", "slow"]


def test_a_step_waits_for_the_reader(saver: BaseCheckpointSaver, ran: Ran) -> None:
    """Whoever has read what came of a step finds it saved, and the next one not begun."""
    flow = ran.line("a", "b", "c", checkpointer=saver)
    seen = []
    for chunk in flow.stream({"n": 1}, THREAD):
        state = flow.get_state(THREAD)
        seen.append(([*chunk], list(ran), state.values["log"], state.next))
    assert seen == [
        (["a"], ["a"], ["a"], ("b",)),
        (["b"], ["a", "b"], ["a", "b"], ("c",)),
        (["c"], ["a", "b", "c"], ["a", "b", "c"], ()),
    ]


def test_a_step_waits_for_its_asynchronous_reader(saver: BaseCheckpointSaver, ran: Ran) -> None:
    flow = ran.line("a", "b", "c", checkpointer=saver)
    seen = []

    async def main() -> None:
        async for chunk in flow.astream({"n": 1}, THREAD):
            state = await flow.aget_state(THREAD)
            seen.append(([*chunk], list(ran), state.next))

    asyncio.run(main())
    assert seen == [(["a"], ["a"], ("b",)), (["b"], ["a", "b"], ("c",)), (["c"], ["a", "b", "c"], ())]


def test_leaving_a_stream_between_steps(saver: BaseCheckpointSaver, ran: Ran) -> None:
    flow = ran.line("a", "b", checkpointer=saver)
    stream = flow.stream({"n": 1}, THREAD)
    next(stream)
    stream.close()

    assert (ran, flow.get_state(THREAD).next) == (["a"], ("b",))
    assert flow.invoke(None, THREAD)["log"] == ["a", "b"]
    assert ran == ["a", "b"]


def test_leaving_a_stream(saver: BaseCheckpointSaver, ran: Ran) -> None:
    """The node that runs is finished and saved, the next step is not made, None makes it."""
    left = threading.Event()

    def wait() -> None:
        get_stream_writer()("begun")
        assert left.wait(20)

    flow = ran.line("a", ran.node("b", wait), "c", checkpointer=saver)
    stream = flow.stream({"n": 1}, THREAD, stream_mode="custom")
    assert next(stream) == "begun"
    threading.Timer(0.05, left.set).start()
    stream.close()

    assert (ran, flow.get_state(THREAD).next) == (["a", "b"], ("c",))
    saved = saver.load("t")
    assert saved is not None
    assert thread_status(saved, held=False) == "stopped"
    assert flow.invoke(None, THREAD)["log"] == ["a", "b", "c"]
    assert ran == ["a", "b", "c"]


def test_an_answer_after_an_update_by_hand(saver: BaseCheckpointSaver) -> None:
    """Whoever changes the state and then answers is understood: the answer is for the question that is asked again."""

    def ask(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("ok?")]}

    graph = StateGraph(Log).add_node(ask).add_edge(START, "ask").compile(checkpointer=saver)
    graph.invoke({"log": []}, THREAD)
    graph.update_state(THREAD, {"log": ["by hand"]}, as_node=START)

    assert graph.invoke(Command(resume="yes"), THREAD)["log"] == ["by hand", "yes"]
    assert graph.get_state(THREAD).next == ()


def test_a_node_that_is_gone(saver: BaseCheckpointSaver, caplog: pytest.LogCaptureFixture) -> None:
    """A thread that waits at a node which the graph has no more can be looked at; taking it up says so."""

    def ask(state: Log) -> dict[str, Any]:
        return {"log": [interrupt("ok?")]}

    StateGraph(Log).add_node(ask).add_edge(START, "ask").compile(checkpointer=saver).invoke({"log": []}, THREAD)
    changed = StateGraph(Log).add_node("other", ask).add_edge(START, "other").compile(checkpointer=saver)

    assert changed.get_state(THREAD).next == ()
    assert len(list(changed.get_state_history(THREAD))) == 2
    changed.invoke(Command(resume="yes"), THREAD)
    assert "node 'ask' to run next" in caplog.text


def test_schemas_of_typing_extensions() -> None:
    """They are what those of `typing` are: a node that declares one sees its keys, which belong to the state."""
    from typing_extensions import TypedDict as Extended

    class Private(Extended):
        hidden: int

    def first(state: Log) -> dict[str, Any]:
        return {"hidden": 1}

    def second(state: Private) -> dict[str, Any]:
        return {"log": [dict(state)]}

    graph = StateGraph(Log).add_sequence([first, second]).add_edge(START, "first").compile()

    assert graph.invoke({"log": []})["log"] == [{"hidden": 1}]


_KEPT = """
import sys
from tests.engine.test_graphs import Ran, THREAD
from lgrun.checkpoint.file import FileSaver

flow = Ran().line("a", "b", checkpointer=FileSaver(sys.argv[1]))
stream = flow.stream({"n": 1}, THREAD)
print(next(stream))
{end}
"""


@pytest.mark.parametrize("end", ["", "raise ValueError", "stream.close()"])
def test_a_stream_that_is_open_when_python_ends(end: str, tmp_path: Path) -> None:
    """The run is stopped in good order, not as if it had crashed."""
    script = _KEPT.replace("{end}", end)
    subprocess.run([sys.executable, "-c", script, str(tmp_path)], timeout=60, check=end != "raise ValueError")

    saved = FileSaver(tmp_path).load("t")
    assert saved is not None
    assert (saved.checkpoint.next, thread_status(saved, held=False)) == (("b",), "stopped")
    lock = (tmp_path / "threads" / "t" / "lock").read_text()
    assert "pid" not in lock


@pytest.mark.parametrize("beside", [False, True])
def test_a_disk_that_refuses_what_a_task_in_a_node_returned(tmp_path: Path, beside: bool) -> None:
    """The error says so, not what could not be stored after that."""
    full, paid = [], []

    class Full(RealFs):
        def write(self, fd: int, data: bytes) -> int:
            if full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().write(fd, data)

    @task
    def pay() -> int:
        paid.append(True)
        full.extend(paid if len(paid) == 1 else [])
        return 1

    def node(state: Log) -> dict[str, Any]:
        return {"n": pay().result()}

    builder = StateGraph(Log).add_node(node).add_edge(START, "node")
    if beside:
        builder.add_node("other", lambda state: {"log": []}).add_edge(START, "other")
    graph = builder.compile(checkpointer=FileSaver(tmp_path / "state", fs=Full()))

    with pytest.raises(StateIOError, match=r"^tasks? 'pay'.* could not be stored"):
        graph.invoke({"log": [], "n": 0}, THREAD)

    full.clear()
    assert graph.invoke(None, THREAD)["n"] == 1
