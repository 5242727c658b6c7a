"""workflows/approve.py, run in this process and answered as a person would; nothing is left behind."""

import sys
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.memory import InMemorySaver
from lgrun.types import Command

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows"))
import approve as module

THREAD: Any = {"configurable": {"thread_id": "post"}}


@pytest.fixture
def workflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The workflow in an empty folder, which keeps its threads in memory and has asked its question."""
    monkeypatch.chdir(tmp_path)
    module.approve.checkpointer = InMemorySaver()
    module.approve.invoke({"topic": "cats"}, THREAD)
    return module.approve


def asked(workflow: Any) -> dict[str, Any]:
    """Return the question that is open."""
    (question,) = workflow.get_state(THREAD).interrupts
    return dict(question.value)


def test_nothing_goes_out_before_the_answer(workflow: Any) -> None:
    assert asked(workflow)["text"] == "There is news about cats."
    assert asked(workflow)["options"] == ["publish", "edit", "reject"]
    assert not Path("published.md").exists()


def test_it_is_published_once(workflow: Any) -> None:
    result = workflow.invoke(Command(resume="publish"), THREAD)

    assert result == {"published": "There is news about cats.", "in": "published.md"}
    assert Path("published.md").read_text() == "There is news about cats.\n"


def test_other_words_are_asked_about_again(workflow: Any) -> None:
    workflow.invoke(Command(resume="edit"), THREAD)
    assert asked(workflow)["default"] == "There is news about cats."

    workflow.invoke(Command(resume="Cats have moved in."), THREAD)
    assert asked(workflow)["text"] == "Cats have moved in."

    assert workflow.invoke(Command(resume="publish"), THREAD)["published"] == "Cats have moved in."
    assert Path("published.md").read_text() == "Cats have moved in.\n"


def test_a_rejected_text_does_not_go_out(workflow: Any) -> None:
    assert workflow.invoke(Command(resume="reject"), THREAD) == {"published": None}
    assert not Path("published.md").exists()
