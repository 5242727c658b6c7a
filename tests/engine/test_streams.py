"""What code writes to its stream: it comes at once, in order, to everybody who listens."""

import asyncio
import threading
from typing import Any

import pytest

from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.memory import InMemorySaver
from lgrun.config import get_stream_writer
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt
from tests.engine.conftest import THREAD, Style

ODD = [None, (), (1, 2), ("custom", 3), {"type": "custom"}, [], object]
WAIT = 30


@task
def say(*things: Any) -> str:
    for thing in things:
        get_stream_writer()(thing)
    return "said"


@entrypoint()
def talk(things: list[Any]) -> str:
    writer = get_stream_writer()
    writer("before")
    said: str = say(*things).result()
    writer("after")
    return said


@pytest.mark.parametrize("things", [ODD, []])
def test_anything_can_be_written(style: Style, things: list[Any]) -> None:
    whole = ["before", *things, "after"]
    assert style.stream(talk, things, stream_mode="custom") == whole
    assert style.stream(talk, things, stream_mode=["custom"]) == [("custom", thing) for thing in whole]
    parts = style.stream(talk, things, stream_mode="custom", version="v2")
    assert [part["data"] for part in parts] == whole
    assert [(part["type"], len(part["ns"])) for part in parts] == [
        ("custom", 0),
        *[("custom", 1)] * len(things),
        ("custom", 0),
    ]
    assert style.stream(talk, things, stream_mode="values") == ["said"]


def test_what_is_written_has_its_place_among_events(style: Style) -> None:
    update, values = ("updates", {"say": "said"}), ("values", "said")
    expected = [("custom", "before"), *[("custom", thing) for thing in ODD], update, ("custom", "after")]
    assert style.stream(talk, ODD, stream_mode=["updates", "custom", "values"]) == [
        *expected,
        ("updates", {"talk": "said"}),
        values,
    ]


def test_a_mode_that_is_named_twice(style: Style) -> None:
    assert style.stream(talk, [1], stream_mode=["custom", "custom"]) == [
        ("custom", thing) for thing in ("before", 1, "after")
    ]


def test_what_is_printed_is_streamed_too(style: Style, capsys: pytest.CaptureFixture[str]) -> None:
    assert style.stream(talk, [1], stream_mode="custom", print_mode="custom") == ["before", 1, "after"]
    printed = capsys.readouterr().out.splitlines()
    assert [line.rpartition(" ")[2] for line in printed] == ["'before'", "1", "'after'"]


@pytest.mark.parametrize("modes", ["custom", ["custom", "values"]])
def test_a_nested_workflow_is_heard_by_the_nearest_that_streams_it(style: Style, modes: Any) -> None:
    heard: list[Any] = []

    @entrypoint()
    def outer(things: list[Any]) -> str:
        get_stream_writer()("outside")
        heard.append(list(talk.stream(things, stream_mode=modes)))
        get_stream_writer()("outside again")
        return "over"

    def custom(chunks: list[Any]) -> list[Any]:
        return chunks if modes == "custom" else [chunk for mode, chunk in chunks if mode == "custom"]

    assert custom(style.stream(outer, [1], stream_mode=modes)) == ["outside", "outside again"]
    assert custom(heard[-1]) == ["before", 1, "after"]
    found = style.stream(outer, [1], stream_mode="custom", subgraphs=True)
    assert [(len(ns), data) for ns, data in found] == [(0, "outside"), (0, "outside again")]
    assert custom(heard[-1]) == ["before", 1, "after"]
    style.invoke(outer, [1])
    assert custom(heard[-1]) == ["before", 1, "after"]


@pytest.mark.parametrize("modes", ["custom", ["custom", "values"]])
def test_what_is_written_is_seen_while_the_code_goes_on(style: Style, modes: Any) -> None:
    seen = threading.Event()

    @entrypoint()
    def wait(x: int) -> bool:
        for _ in range(3):
            seen.clear()
            get_stream_writer()("now")
            if not seen.wait(WAIT):
                return False
        return True

    def look(chunk: Any) -> Any:
        seen.set()
        return chunk

    async def collect() -> list[Any]:
        return [look(chunk) async for chunk in wait.astream(1, stream_mode=modes)]

    if style.asynchronous:
        chunks = asyncio.run(collect())
    else:
        chunks = [look(chunk) for chunk in wait.stream(1, stream_mode=modes)]
    assert chunks == ["now"] * 3 if modes == "custom" else [("custom", "now")] * 3 + [("values", True)]


@pytest.mark.parametrize("modes", ["custom", ["custom", "values"]])
def test_what_is_written_inside_is_read_while_the_code_goes_on(style: Style, modes: Any) -> None:
    """Code that streams another workflow can pass on what that writes, piece by piece."""
    seen = threading.Event()

    @entrypoint()
    def wait(x: int) -> bool:
        for _ in range(3):
            seen.clear()
            get_stream_writer()("now")
            if not seen.wait(WAIT):
                return False
        return True

    def look(chunk: Any) -> Any:
        seen.set()
        return chunk

    @entrypoint()
    def outer(x: int) -> list[Any]:
        return [look(chunk) for chunk in wait.stream(x, stream_mode=modes)]

    @entrypoint()
    async def outer_async(x: int) -> list[Any]:
        return [look(chunk) async for chunk in wait.astream(x, stream_mode=modes)]

    chunks = style.invoke(outer_async if style.asynchronous else outer, 1)
    assert chunks == ["now"] * 3 if modes == "custom" else [("custom", "now")] * 3 + [("values", True)]


def test_a_question_behind_a_nested_stream_that_is_left(style: Style) -> None:
    """It is not lost: the run waits for the answer."""
    saver = InMemorySaver()

    @task
    def step() -> str:
        return "step"

    @entrypoint()
    def inside(x: int) -> Any:
        step().result()
        return interrupt("?")

    @entrypoint(checkpointer=saver)
    def outer(x: int) -> str:
        stream = inside.stream(x)
        first = next(stream)
        stream.close()
        return str(first)

    asked = style.invoke(outer, 1)["__interrupt__"]
    assert [question.value for question in asked] == ["?"]
    assert style.invoke(outer, Command(resume="yes")) is not None


def test_a_nested_stream_that_nobody_closes(style: Style) -> None:
    """What runs in it is over before the run is."""
    kept, ran = [], []
    go = threading.Event()

    @task
    def last() -> None:
        ran.append("last")

    @entrypoint()
    def inside(x: int) -> None:
        get_stream_writer()("first")
        assert go.wait(WAIT)
        last().result()

    @entrypoint(checkpointer=InMemorySaver())
    def outer(x: int) -> str:
        stream = inside.stream(x, stream_mode="custom")
        kept.append(stream)
        first = next(stream)
        go.set()
        return str(first)

    assert style.invoke(outer, 1) == "first"
    assert ran == ["last"]
    kept[0].close()


def test_threads_that_write_at_the_same_time(style: Style) -> None:
    threads, times = 4, 2000

    @task
    def count(number: int) -> None:
        writer = get_stream_writer()
        for i in range(times):
            writer((number, i))

    @entrypoint()
    def crowd(x: int) -> None:
        for future in [count(number) for number in range(threads)]:
            future.result(timeout=WAIT)

    chunks = style.stream(crowd, 1, stream_mode="custom")
    for number in range(threads):
        assert [i for n, i in chunks if n == number] == list(range(times))


def test_an_error_comes_after_what_was_written(style: Style) -> None:
    chunks: list[Any] = []

    @entrypoint()
    def fail(x: int) -> None:
        get_stream_writer()("last words")
        raise ValueError("no")

    def listen() -> None:
        for chunk in fail.stream(1, stream_mode="custom"):
            chunks.append(chunk)

    async def alisten() -> None:
        async for chunk in fail.astream(1, stream_mode="custom"):
            chunks.append(chunk)

    with pytest.raises(ValueError, match="no"):
        asyncio.run(alisten()) if style.asynchronous else listen()
    assert chunks == ["last words"]


def test_a_run_that_is_cancelled_before_its_first_event(saver: BaseCheckpointSaver) -> None:
    ran: list[int] = []

    @entrypoint(checkpointer=saver)
    def flow(n: int) -> None:
        ran.append(n)

    events = flow.events(1, THREAD)
    events.cancel("SIGTERM")

    assert list(events)[-1].status == "stopped"
    assert ran == []
    saved = saver.load("t")
    assert saved is not None
    assert [write.by for write in saved.writes if write.kind == "cancelled"] == ["SIGTERM"]
