"""Savers for every test, and workflows run in either style."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.memory import InMemorySaver

THREAD = {"configurable": {"thread_id": "t"}}


@pytest.fixture(params=["memory", "file"])
def saver(request: pytest.FixtureRequest, tmp_path: Path) -> BaseCheckpointSaver:
    """Both savers, one after the other."""
    return InMemorySaver() if request.param == "memory" else FileSaver(tmp_path / "state")


class Style:
    """Runs a workflow with its sync or its async methods."""

    def __init__(self, asynchronous: bool) -> None:
        self.asynchronous = asynchronous

    def invoke(self, workflow: Any, value: Any, config: Any = THREAD, **options: Any) -> Any:
        if self.asynchronous:
            return asyncio.run(workflow.ainvoke(value, config, **options))
        return workflow.invoke(value, config, **options)

    def stream(self, workflow: Any, value: Any, config: Any = THREAD, **options: Any) -> list[Any]:
        if not self.asynchronous:
            return list(workflow.stream(value, config, **options))

        async def collect() -> list[Any]:
            return [chunk async for chunk in workflow.astream(value, config, **options)]

        return asyncio.run(collect())


@pytest.fixture(params=["sync", "async"])
def style(request: pytest.FixtureRequest) -> Style:
    """Both ways of running."""
    return Style(request.param == "async")
