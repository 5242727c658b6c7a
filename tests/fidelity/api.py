"""The two packages under one face: what a program of this suite may use."""

import asyncio
import importlib
import itertools
import warnings
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LAZY = {
    "StateGraph": "graph",
    "START": "graph",
    "END": "graph",
    "MessagesState": "graph",
    "add_messages": "graph.message",
    "Send": "types",
    "Overwrite": "types",
    "CachePolicy": "types",
    "InMemoryCache": "cache.memory",
    "InMemoryStore": "store.memory",
    "RunControl": "runtime",
    "Runtime": "runtime",
    "NodeError": "errors",
    "get_runtime": "runtime",
    "get_store": "config",
    "BaseStore": "store.base",
    "StreamWriter": "types",
    "TimeoutPolicy": "types",
    "push_message": "graph.message",
}
"""Where a name of a package is that not every program needs."""

THREAD = {"configurable": {"thread_id": "t"}}
"""The thread that most programs run on."""


@dataclass(frozen=True)
class Api:
    """One package, and a way to make fresh savers of one kind."""

    package: str
    new_saver: Callable[[], Any]
    entrypoint: Any
    task: Any
    interrupt: Any
    Command: Any
    RetryPolicy: Any
    StateUpdate: Any
    GraphInterrupt: Any
    get_stream_writer: Any
    get_config: Any

    def __getattr__(self, name: str) -> Any:
        if name not in _LAZY:
            raise AttributeError(name)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return getattr(importlib.import_module(f"{self.package}.{_LAZY[name]}"), name)

    def now(self, **options: Any) -> Any:
        """Return a retry policy that does not wait."""
        return self.RetryPolicy(**{"initial_interval": 0.0, "jitter": False, "retry_on": Exception, **options})

    @staticmethod
    def run(work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine on an event loop of its own.

        A future that LangGraph leaves behind is reported whenever the garbage collector finds it, and writing that
        report parses source code: if that happens while another test parses some, CPython 3.11 gives up on both.
        """
        with asyncio.Runner(loop_factory=_quiet_loop) as runner:
            return runner.run(work)


def _quiet_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    return loop


def _load(package: str, new_saver: Callable[[], Any] | None) -> Api:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        func = importlib.import_module(f"{package}.func")
        types = importlib.import_module(f"{package}.types")
        errors = importlib.import_module(f"{package}.errors")
        config = importlib.import_module(f"{package}.config")
        memory = importlib.import_module(f"{package}.checkpoint.memory")
    return Api(
        package=package,
        new_saver=new_saver or memory.InMemorySaver,
        entrypoint=func.entrypoint,
        task=func.task,
        interrupt=types.interrupt,
        Command=types.Command,
        RetryPolicy=types.RetryPolicy,
        StateUpdate=types.StateUpdate,
        GraphInterrupt=errors.GraphInterrupt,
        get_stream_writer=config.get_stream_writer,
        get_config=config.get_config,
    )


def langgraph() -> Api:
    """Return LangGraph with its memory saver."""
    return _load("langgraph", None)


def lgrun_memory() -> Api:
    """Return lgrun with its memory saver."""
    return _load("lgrun", None)


def lgrun_files(folder: Path) -> Api:
    """Return lgrun with savers that keep their threads in files below `folder`."""
    from lgrun.checkpoint.file import FileSaver

    numbers = itertools.count()
    return _load("lgrun", lambda: FileSaver(folder / f"state-{next(numbers)}"))
