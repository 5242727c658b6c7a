"""workflows/hello.py, run in this process; nothing is left behind."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.memory import InMemorySaver

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows"))
import hello as module

THREAD: Any = {"configurable": {"thread_id": "first"}}
EVERY_GREETING = ["Good morning, Ann!", "Welcome, Ann!", "Nice to see you, Ann!"]


@pytest.fixture
def workflow() -> Any:
    """The workflow, which keeps its threads in memory."""
    module.hello.checkpointer = InMemorySaver()
    return module.hello


def test_somebody_is_greeted(workflow: Any) -> None:
    (line,) = workflow.invoke({"name": "Ann"}, THREAD)["said"]

    assert line in EVERY_GREETING


def test_everything_has_a_default(workflow: Any) -> None:
    (line,) = workflow.invoke({}, THREAD)["said"]

    assert line.endswith(", world!")


def test_the_same_words_as_often_as_asked(workflow: Any) -> None:
    lines = workflow.invoke({"name": "Ann", "times": 3}, THREAD)["said"]

    assert len(lines) == 3
    assert len(set(lines)) == 1
