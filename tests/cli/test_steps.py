"""show THREAD/STEP: rows, tasks, questions and checkpoints."""

from collections.abc import Callable, Sequence

import pytest

from .conftest import MadeOnce, Result, World
from .sources import HEAD

Check = Callable[[Result, int, Sequence[str]], None]

STEPS = (
    HEAD
    + """
@task
def draft(topic: str) -> dict:
    return {"about": topic}

@task
def send(text: dict) -> str:
    raise ConnectionError("net")

@entrypoint()
def letter(input: dict):
    draft("cats").result()
    text = draft("dogs").result()
    interrupt({"question": "ok?", "options": ["yes", "no"]})
    return send(text).result()
"""
)


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("letter.py", STEPS)
    lgrun("invoke", "letter.py", "-t", "mail")
    lgrun("resume", "mail", "--value", "yes")


@pytest.fixture
def letter(made_once: MadeOnce) -> World:
    """Return a folder with a thread that made two drafts, asked, was answered, and failed."""
    return made_once(fill)


@pytest.mark.parametrize(
    ("step", "n", "value"),
    [
        ("1", 1, {}),
        ("2", 2, {"about": "cats"}),
        ("draft", 3, {"about": "dogs"}),
        ("draft.1", 2, {"about": "cats"}),
        ("draft.2", 3, {"about": "dogs"}),
    ],
)
def test_a_row(letter: World, step: str, n: int, value: object) -> None:
    """A row by its number in the history, a task by its name, the last one or which one."""
    document = letter("show", f"mail/{step}", "--json").json

    assert document == letter("history", "mail", "--json").json[n - 1]
    assert (document["n"], document["value"]) == (n, value)
    assert letter("show", f"mail/{step}", "--result").json == value
    assert letter("show", f"mail/{step}").stdout.startswith(f"#{n}  run 1  ")


def test_a_question(letter: World) -> None:
    """A question by its number, with its answer; an open one has none."""
    answered = letter("show", "@last/q1", "--json").json

    assert (answered["kind"], answered["q"], answered["value"]["question"]) == ("ask", "q1", "ok?")
    assert (answered["answer"]["kind"], answered["answer"]["value"]) == ("answer", "yes")
    assert 'answer  "yes"' in letter("show", "mail/q1").stdout
    letter("invoke", "letter.py", "-t", "open")
    assert letter("show", "@waiting/q1", "--get", "answer").stdout == "null\n"


def test_a_failed_task(letter: World) -> None:
    """A task that failed is shown with what it raised and where; the start of the id will do."""
    page = letter("show", "ma/send").stdout

    assert "ConnectionError: net" in page
    assert "letter.py" in page
    assert letter("show", "mail/send", "--get", "error.type").stdout == "ConnectionError\n"


def test_a_checkpoint(letter: World) -> None:
    """A checkpoint by its id."""
    from lgrun.checkpoint.file import FileSaver

    saved = FileSaver(letter.state).load("mail")
    assert saved is not None

    document = letter("show", f"mail/{saved.checkpoint.id}").json

    assert (document["schema"], document["checkpoint"], document["kind"]) == ("lgrun.checkpoint/1", 1, "input")
    assert document["id"] == saved.checkpoint.id


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["mail/99"], 4, ["mail has no step 99", "lgrun history mail"]),
        (["mail/drat"], 4, ["did you mean mail/draft?", "questions q1"]),
        (["mail/draft.3"], 4, ["no step draft.3"]),
        (["mail/q2"], 4, ["no step q2"]),
        (["mail/00000009-0000-0000-0000-000000000000"], 4, ["no checkpoint"]),
        (["mail/"], 2, ["names no step"]),
        (["nail/1"], 4, ["did you mean mail?"]),
        (["mail/send", "--result"], 4, ["has no result"]),
        (["mail/draft", "--source"], 2, ["only --result"]),
    ],
)
def test_steps_that_are_not_there(
    letter: World, assert_one_message: Check, args: list[str], code: int, words: list[str]
) -> None:
    """What is missing is named, with what is there instead."""
    assert_one_message(letter("show", *args), code, words)
