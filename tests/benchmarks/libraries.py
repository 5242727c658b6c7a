"""lgrun and LangGraph under one face: the same programs are built from either."""

import asyncio
import importlib
import itertools
import time
from pathlib import Path
from typing import Any

_threads = itertools.count()


class Library:
    """One of the two libraries, whose modules are its attributes: loaded by who uses them first.

    Args:
        package: its name.
    """

    def __init__(self, package: str) -> None:
        self.name = package

    def __getattr__(self, module: str) -> Any:
        found = importlib.import_module(f"{self.name}.{module}")
        setattr(self, module, found)
        return found

    def label(self, kind: str) -> str:
        """Name the library with a kind of saver, for people."""
        title = "LangGraph" if self.name == "langgraph" else self.name
        return f"{title} {'sqlite' if kind == 'files' and title == 'LangGraph' else kind}"

    def saver(self, kind: str, folder: Path) -> Any:
        """Make a saver: in `memory`, or in `files` below a folder, which for LangGraph is its sqlite saver."""
        if kind == "memory":
            return importlib.import_module(f"{self.name}.checkpoint.memory").InMemorySaver()
        if self.name == "lgrun":
            from lgrun.checkpoint.file import FileSaver

            return FileSaver(folder / "state")
        import sqlite3

        from langgraph.checkpoint.sqlite import SqliteSaver

        return SqliteSaver(sqlite3.connect(folder / "state.sqlite", check_same_thread=False))


def new_thread() -> dict[str, Any]:
    """Return the configuration of a thread that nobody has used."""
    return {"configurable": {"thread_id": f"bench-{next(_threads)}"}}


def timed(workflow: Any, value: Any, expected: Any, config: dict[str, Any] | None = None, **options: Any) -> float:
    """Invoke a workflow, on a new thread if none is named; return the seconds it took."""
    config = config or new_thread()
    began = time.perf_counter()
    result = workflow.invoke(value, config, **options)
    seconds = time.perf_counter() - began
    assert result == expected, f"{workflow} returned {result!r}, not {expected!r}"
    return seconds


def timed_async(workflow: Any, value: Any, expected: Any, **options: Any) -> float:
    """Do what `timed` does on an event loop, whose start and end do not count."""

    async def run() -> float:
        began = time.perf_counter()
        result = await workflow.ainvoke(value, new_thread(), **options)
        seconds = time.perf_counter() - began
        assert result == expected, f"{workflow} returned {result!r}, not {expected!r}"
        return seconds

    return asyncio.run(run())
