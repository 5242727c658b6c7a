"""Ctrl-C in a program of the user's own: whatever the engine is doing, the thread is free afterwards and goes on."""

import sys
import threading
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import lgrun
from lgrun._engine.context import current
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.memory import InMemorySaver
from lgrun.errors import EmptyInputError
from lgrun.func import entrypoint, task
from lgrun.types import Durability

PACKAGE = str(Path(lgrun.__file__).parent)


class Interrupt:
    """Raises KeyboardInterrupt at the n-th place in this thread where Python looks whether a signal has come.

    That is where a function begins and where a call of a built-in one is over.

    Args:
        number: which place.
        within: only places in files whose path begins so.
        function: only in functions of that name.
    """

    def __init__(self, number: int, within: str = PACKAGE, function: str | None = None) -> None:
        self.left = number
        self.within = within
        self.function = function
        self.where: str | None = None

    def __enter__(self) -> "Interrupt":
        sys.setprofile(self)
        return self

    def __exit__(self, *_: object) -> None:
        sys.setprofile(None)

    def __call__(self, frame: FrameType, event: str, about: Any) -> None:
        code = frame.f_code
        if event not in ("call", "c_return") or not code.co_filename.startswith(self.within):
            return
        if self.function not in (None, code.co_name):
            return
        self.left -= 1
        if self.left == 0:
            sys.setprofile(None)
            self.where = f"{code.co_filename}:{frame.f_lineno} in {code.co_name}, {event} {about}"
            raise KeyboardInterrupt


def make(saver: BaseCheckpointSaver, done: list[str]) -> Any:
    @task
    def note(name: str) -> str:
        done.append(name)
        return name

    @entrypoint(checkpointer=saver)
    def flow(name: str) -> str:
        for part in "ab":
            note(f"{name}{part}").result()
            done.append(f"{name}{part} is known")
        return name

    return flow


def interrupted_everywhere(saver: BaseCheckpointSaver, step: int, durability: Durability = "sync") -> list[str]:
    """Interrupt a run at every `step`-th place, and take it up; return what went wrong."""
    done: list[str] = []
    flow, wrong, number = make(saver, done), [], 1
    flow.invoke("warm", {"configurable": {"thread_id": "warm"}})
    while True:
        name = f"t{number}"
        config = {"configurable": {"thread_id": name}}
        interrupt, kept = Interrupt(number), None
        try:
            with interrupt:
                flow.invoke(name, config, durability=durability)
        except KeyboardInterrupt as error:
            # As an interactive Python does, which keeps the last traceback, and all that hangs on it.
            kept = error
        if interrupt.where is None:
            return wrong
        try:
            try:
                result = flow.invoke(None, config)
            except EmptyInputError:
                result = flow.invoke(name, config)
            assert result == name
            for part in "ab":
                known = done.index(f"{name}{part} is known")
                assert f"{name}{part}" not in done[known:], f"{name}{part} ran again"
        except Exception as error:
            wrong.append(f"{interrupt.where}: {error!r}")
        del kept
        number += step


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("durability", ["sync", "exit"])
def test_an_interrupt_anywhere_in_memory(durability: Durability) -> None:
    assert interrupted_everywhere(InMemorySaver(), 1, durability) == []


# An interrupt in a generator that is being dropped is lost on the way, which Python reports.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_interrupt_anywhere_with_files(tmp_path: Path) -> None:
    wrong = interrupted_everywhere(FileSaver(tmp_path / "state"), 3)
    # At the very moment at which the lock file is closed nothing can be done.
    assert [place for place in wrong if "_fs.py" not in place or "in close" not in place] == []


def test_an_interrupt_as_the_thread_of_a_stream_begins() -> None:
    done: list[str] = []
    flow, config = make(InMemorySaver(), done), {"configurable": {"thread_id": "t"}}
    stream = flow.stream("t", config)
    interrupt = Interrupt(1, threading.__file__, "wait")
    try:
        with interrupt:
            next(stream)
    except KeyboardInterrupt:
        pass
    assert interrupt.where is not None
    # Either it has never begun or it is over: there is no run that nobody waits for.
    seen = list(done)
    while any(thread.name == "lgrun-run" for thread in threading.enumerate()):
        time.sleep(0.001)
    assert done == seen
    assert flow.invoke("t", config) == "t"


def test_a_reader_who_is_interrupted_stops_the_run() -> None:
    @task
    def first() -> None:
        run = current.get().run  # type: ignore[union-attr]
        while not run.reader.left:
            time.sleep(0.001)

    @task
    def second() -> None:
        raise AssertionError("nothing more is started")

    @entrypoint(checkpointer=InMemorySaver())
    def flow(name: str) -> None:
        first().result()
        second().result()

    config = {"configurable": {"thread_id": "t"}}
    with pytest.raises(KeyboardInterrupt), Interrupt(1, str(Path(PACKAGE, "_engine", "stream.py")), "_wait"):
        list(flow.stream("t", config))
    assert flow.get_state(config).next == ("flow",)
    assert flow.get_state(config).tasks[0].error is None
