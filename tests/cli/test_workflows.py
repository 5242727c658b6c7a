"""workflows: what can be run here; help: what all commands have in common."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from lgrun.cli.question import _HEADLINES, _KINDS, _MENUS, _SCHEMAS
from lgrun.cli.status import ExitStatus
from lgrun.cli.topics import TOPICS

from .conftest import Result, World
from .sources import ASK, HELLO, REVIEW, TYPED

Check = Callable[[Result, int, Sequence[str]], None]


def test_list_of_workflows(lgrun: World) -> None:
    """Files are read, not run; each with its first line and its threads; a table goes before folders."""
    lgrun.write("workflows/review.py", REVIEW + "\nif __name__ != 'x': open('ran', 'a')\n")
    lgrun.write("workflows/broken.py", "def (")
    lgrun.write("workflows/pkg/__init__.py", '"""A package."""\n')
    lgrun.write("workflows/notes.txt", "")
    lgrun.write("src/ask.py", ASK)
    lgrun.write("lgrun.toml", '[workflows]\nquestion = "src/ask.py:ask"\n')
    for thread in ("a", "b"):
        lgrun("invoke", "review", "topic=cats", "-t", thread)
    (lgrun.folder / "ran").unlink()

    rows = [line.split("\t") for line in lgrun("workflows").stdout.splitlines()]

    assert rows == [
        ["question", "src/ask.py", "", ""],
        ["broken", "workflows/broken.py", "", ""],
        ["pkg", "workflows/pkg/__init__.py", "", "A package."],
        ["review", "workflows/review.py", "2 waiting", "Asks two questions."],
    ]
    assert lgrun("workflows", "-q").stdout.split() == ["question", "broken", "pkg", "review"]
    assert lgrun("workflows", "--get", "3.threads.waiting").stdout == "2\n"
    assert not (lgrun.folder / "ran").exists()


def test_no_workflows(lgrun: World) -> None:
    """An empty list is no mistake, and creates nothing."""
    empty = lgrun("workflows")

    assert (empty.code, empty.stdout) == (0, "")
    assert empty.stderr == "no workflows here: lgrun new NAME puts one into ./workflows\n"
    assert lgrun("workflows", "-q").stderr == ""
    assert (lgrun("workflows", "--json").json, lgrun.files()) == ([], [])


def test_one_workflow(lgrun: World) -> None:
    """What it says, what it wants, its tasks, what it asked, and a command that fits."""
    lgrun.write("workflows/review.py", REVIEW)
    lgrun.write("typed.py", TYPED)
    lgrun("invoke", "review", "topic=cats", "-t", "t")

    review = lgrun("workflows", "review", "--json").json
    typed = lgrun("workflows", "typed.py", "--json").json
    page = lgrun("workflows", "typed.py").stdout

    assert (review["about"], review["tasks"], review["questions"]) == ("Asks two questions.", ["draft"], ["ok?"])
    assert review["threads"] == {"waiting": 1}
    assert typed["input"] == [
        {"key": "topic", "type": "string", "required": True},
        {"key": "limit", "type": "integer", "required": False},
    ]
    assert typed["example"] == "lgrun invoke typed.py topic=TEXT"
    assert "input     limit: integer (optional)\n" in page
    assert lgrun("invoke", "typed.py", "topic=TEXT").code == 0


def test_an_unknown_workflow(lgrun: World, assert_one_message: Check) -> None:
    """It is not there, and what is like it is named."""
    lgrun.write("workflows/hello.py", HELLO)

    assert_one_message(lgrun("workflows", "helo"), 4, ["no workflow helo", "did you mean hello?"])


def test_help_of_a_command(lgrun: World) -> None:
    """`lgrun help COMMAND` is `lgrun COMMAND -h`."""
    assert lgrun("help", "resume").stdout == lgrun("resume", "-h").stdout
    assert lgrun("help").stdout == lgrun("-h").stdout


def test_help_about_nothing(lgrun: World, assert_one_message: Check) -> None:
    """An unknown topic is a usage error that says what there is."""
    assert_one_message(lgrun("help", "exitcodes"), 2, ["did you mean lgrun help exit-codes?"])


@pytest.mark.parametrize("topic", TOPICS)
def test_topics(lgrun: World, topic: str) -> None:
    """Every topic is printed whole, and fits a terminal of 120 columns."""
    result = lgrun("help", topic)

    assert (result.code, result.stdout) == (0, TOPICS[topic])
    assert max(map(len, result.stdout.splitlines())) <= 120


def test_topics_are_complete() -> None:
    """Every exit code and every variable that the command line reads is explained."""
    import lgrun as package

    codes = {
        int(n) for line in re.findall(r"^ *(\d[\d, ]*)  ", TOPICS["exit-codes"], re.MULTILINE) for n in line.split(",")
    }
    source = "".join(path.read_text() for path in Path(package.__file__).parent.rglob("*.py"))
    variables = set(re.findall(r'"(LGRUN_[A-Z_]+|NO_COLOR|FORCE_COLOR|CLICOLOR_FORCE|VISUAL|EDITOR)"', source))

    _, keys, _, kinds, *_ = (set(re.findall(r"[a-z_]+", part)) for part in TOPICS["questions"].split("\n\n"))

    assert {*_HEADLINES, *_MENUS, *_SCHEMAS, "default", "type", "label", "value"} <= keys
    assert {*_KINDS, *_KINDS.values()} <= kinds
    assert codes == {int(status) for status in ExitStatus}
    assert {name for name in variables if name not in TOPICS["env"]} == set()
