"""Questions: how they are drawn, what may be answered, and that a wrong answer is never stored."""

import json
import re
from typing import Any

import pytest

from lgrun.cli.answers import BadAnswer, coerce
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed
from lgrun.cli.prompt import ask_all, read
from lgrun.cli.question import Question
from lgrun.cli.render.context import Line, context_lines, context_on_screen, rows_of
from lgrun.cli.schema import check_schema
from lgrun.cli.topics import TOPICS

from .conftest import World
from .screen import screen
from .sources import ASK, HEAD

FORM = {
    "type": "object",
    "required": ["topic", "limit"],
    "properties": {
        "topic": {"type": "string", "description": "what it is about", "minLength": 2},
        "limit": {"type": "integer", "minimum": 1},
        "mode": {"enum": ["fast", "slow"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
    },
}


CITIES = [{"label": "Rome", "value": 2}, {"label": "Oslo", "value": 1, "hint": "cold"}, "Else"]


def question(value: Any, schema: dict[str, Any] | None = None) -> Question:
    """Return an open question."""
    return Question(1, "id", "task", value, schema)


def asking(*values: object) -> str:
    """Return a workflow that asks these at the same time, and returns the answers."""
    return (
        HEAD
        + "import json\n@task\ndef ask(n, value):\n    return interrupt(value)\n\n@entrypoint()\ndef wf(input: dict):\n"
        + f"    values = json.loads({json.dumps(json.dumps(values))})\n"
        + "    return [call.result() for call in [ask(n, value) for n, value in enumerate(values)]]\n"
    )


def alone(value: object) -> str:
    """Return a workflow that asks one thing and returns the answer."""
    return ASK.replace('"what?"', repr(value))


@pytest.mark.parametrize(
    ("value", "typed", "answer"),
    [
        ({"options": ["yes", "no"]}, "2", "no"),
        ({"options": ["yes", "no"]}, "YES", "yes"),
        ({"options": ["2", "1"]}, "2", "2"),
        ({"options": [10, True, None]}, "true", True),
        ({"options": [10, True, None]}, "3", None),
        ({"options": ["a", "b", "c"], "type": "multi"}, "1, c", ["a", "c"]),
        ({"options": ["a", "b", "c"], "type": "multi"}, "a,a", ["a"]),
        ({"type": "multi"}, "x, y", ["x", "y"]),
        ({"type": "multi"}, "[1, 2]", [1, 2]),
        ({"type": "bool"}, "on", True),
        ({"type": "int"}, " -5 ", -5),
        ({"type": "number"}, "1e3", 1000.0),
        ({"type": "text"}, "5", "5"),
        ({"type": "text"}, "s", "s"),
        ({"type": "json"}, '{"a": 1}', {"a": 1}),
        ({"type": "int", "default": 3}, "", 3),
        ({"type": "shop", "question": "?"}, "5", 5),
        ({"type": "confirm", "question": "?"}, "y", True),
        ({"type": "str", "question": "?"}, "5", "5"),
        ({"type": "multiselect", "options": ["a", "b"]}, "1,b", ["a", "b"]),
        ({"type": "select", "options": ["a", "b"]}, "2", "b"),
        ({"options": CITIES}, "rome", 2),
        ({"options": CITIES}, "1", 2),
        ({"options": CITIES}, "2", 1),
        ({"options": CITIES}, "3", "Else"),
        ({"options": CITIES, "default": CITIES[1]}, "", 1),
        ({"options": CITIES, "type": "multi"}, "Oslo, 1", [1, 2]),
        ({"options": [{"label": "Rome", "value": "FCO"}]}, "fco", "FCO"),
        ({"options": [{"label": "S", "value": 1, "price": 5}]}, "1", {"label": "S", "value": 1, "price": 5}),
        ({"schema": {"enum": [{"label": "S", "value": 1}]}}, "1", {"label": "S", "value": 1}),
        ({"type": "editor", "default": {"a": 1}}, "[2]", [2]),
        ({"type": "editor", "default": None}, "[2]", "[2]"),
        ({"response_schema": {"type": "integer"}}, "5", 5),
    ],
)
def test_read(value: Any, typed: str, answer: object) -> None:
    """A typed line means exactly this answer."""
    found = read(question(value), typed)

    assert (type(found), found) == (type(answer), answer)
    assert type(found) is not Typed


def test_the_examples_of_the_help_page() -> None:
    """Each of them is asked and answered as the page says."""
    examples = re.findall(r"^  interrupt\((.+?)\)  ", TOPICS["questions"], re.MULTILINE)
    found = [question(eval(example, {"draft": "proposed"})) for example in examples]
    typed = ["fine", "no", "Rome", "y", "", "a,b", "text", "9"]

    answers = [read(each, line) for each, line in zip(found, typed, strict=True)]

    assert answers == ["fine", "no", 7, True, 1, ["a", "b"], "text", 9]
    assert (found[3].context, found[6].default) == ({"amount": 120}, ("proposed",))
    with pytest.raises(BadAnswer, match="at most 9"):
        read(found[7], "10")


@pytest.mark.parametrize(
    ("value", "typed"),
    [
        ({"options": ["yes", "no"]}, "maybe"),
        ({"options": ["yes", "no"]}, "0"),
        ({"options": ["yes", "no"]}, "3"),
        ({"options": ["a", "b"], "type": "multi"}, "a,z"),
        ({"type": "bool"}, "maybe"),
        ({"type": "confirm"}, "maybe"),
        ({"options": CITIES}, "Paris"),
        ({"type": "editor", "default": {"a": 1}}, "words"),
        ({"type": "int"}, "1.5"),
        ({"type": "int"}, "1_000"),
        ({"type": "number"}, "nan"),
        ({"type": "number"}, "1e999"),
        ({"type": "json"}, "plain words"),
        ({"question": "?"}, "\x1b[A"),
        ({"question": "?"}, ""),
    ],
)
def test_read_refuses(value: Any, typed: str) -> None:
    """What does not fit is refused, with a reason."""
    with pytest.raises(BadAnswer, match=r"\w"):
        read(question(value), typed)


@pytest.mark.parametrize(
    ("value", "answer", "words"),
    [
        ({"type": "bool"}, 5, "expected yes or no, got 5"),
        ({"type": "int"}, True, "expected an integer, got true"),
        ({"type": "text"}, {"a": 1}, "expected text"),
        ({"options": [1, 2]}, True, "expected one of 1, 2; got true"),
        ({"schema": FORM}, {"topic": "x"}, "missing limit"),
        ({"schema": FORM}, {"topic": "x", "limit": 1}, "topic: expected at least 2 characters"),
        ({"schema": FORM}, {"topic": "xx", "limit": 0}, "limit: expected at least 1, got 0"),
        ({"schema": FORM}, {"topic": "xx", "limit": 1, "mode": "mid"}, 'expected one of "fast", "slow"'),
    ],
)
def test_values_are_checked(value: Any, answer: object, words: str) -> None:
    """A value that is one already must be of the declared type."""
    with pytest.raises(BadAnswer) as caught:
        coerce(question(value), answer)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("value", "schema", "fits"),
    [
        (1, {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, True),
        ("x", {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, False),
        (None, {"anyOf": [{"type": "string"}, {"type": "null"}]}, True),
        (5, {"anyOf": [{"type": "string"}, {"type": "null"}]}, False),
        ({"a": 1}, {"properties": {}, "additionalProperties": False}, False),
        ("abc", {"pattern": "^a.c$"}, True),
        ("abd", {"pattern": "^a.c$"}, False),
        ("abd", {"pattern": "(?<broken"}, True),
        ([1, "x"], {"items": {"type": "integer"}}, False),
        ([1], {"minItems": 2}, False),
        (True, {"const": 1}, False),
        (2.0, {"type": "integer"}, True),
        (5, {"unknown keyword": 1}, True),
    ],
)
def test_schema(value: Any, schema: dict[str, Any], fits: bool) -> None:
    """The parts of JSON Schema that are known are checked; others are left to the workflow."""
    if fits:
        check_schema(value, schema)
    else:
        with pytest.raises(BadAnswer):
            check_schema(value, schema)


@pytest.mark.parametrize(
    ("value", "args", "words"),
    [
        ({"question": "ok?", "options": ["yes", "no"]}, ["--value", "maybe"], "expected one of yes, no"),
        ({"question": "ok?", "options": ["yes", "no"]}, ["--text", "ye"], "did you mean yes?"),
        ({"question": "ok?", "options": ["yes", "no"]}, ["q1=maybe"], "expected one of yes, no"),
        ({"question": "ok?", "options": ["yes", "no"]}, ["q1:=true"], "expected one of yes, no"),
        ({"question": "n?", "type": "int"}, ["--value", "many"], "expected an integer"),
        ({"question": "ok?", "type": "bool"}, ["--value", "7"], "expected yes or no"),
        ({"question": "c?", "options": CITIES}, ["--value", "Rom"], "expected one of Rome, Oslo, Else"),
        ({"question": "f", "schema": FORM}, ["--value", '{"topic": "cats"}'], "missing limit"),
    ],
)
def test_wrong_answers_store_nothing(lgrun: World, value: object, args: list[str], words: str) -> None:
    """An answer that does not fit is exit 2, says what is allowed, and leaves the thread as it was."""
    lgrun.write("ask.py", alone(value))
    lgrun("invoke", "ask.py", "-t", "t")
    before = {path: path.read_bytes() for path in lgrun.state.rglob("*") if path.is_file()}

    result = lgrun("resume", "t", *args)

    assert (result.code, result.stdout) == (2, "")
    assert words in result.stderr
    assert before == {path: path.read_bytes() for path in lgrun.state.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("value", "args", "answer"),
    [
        ({"question": "ok?", "options": ["yes", "no"]}, ["--value", "YES"], "yes"),
        ({"question": "ok?", "options": ["1", "2"]}, ["--value", "1"], "1"),
        ({"question": "ok?", "options": [1, 2]}, ["q1=1"], 1),
        ({"question": "ok?", "type": "bool"}, ["--value", "1"], True),
        ({"question": "ok?", "type": "bool"}, ["--text", "no"], False),
        ({"question": "t?", "type": "text"}, ["--value", "5"], "5"),
        ({"question": "c?", "options": CITIES}, ["--value", "Rome"], 2),
        ({"question": "c?", "options": CITIES}, ["--value", "1"], 1),
        ({"question": "e?", "type": "editor", "default": [1]}, ["--value", '{"a": 1}'], {"a": 1}),
        ({"question": "m?", "type": "multi", "options": ["a", "b"]}, ["--value", "b,a"], ["b", "a"]),
        (
            {"question": "f", "schema": FORM},
            ["--value", '{"topic": "cats", "limit": 1}'],
            {"topic": "cats", "limit": 1},
        ),
    ],
)
def test_answers_that_fit(lgrun: World, value: object, args: list[str], answer: object) -> None:
    """A typed answer becomes the value that the question declares."""
    lgrun.write("ask.py", alone(value))
    lgrun("invoke", "ask.py", "-t", "t")

    result = lgrun("resume", "t", *args)

    assert (result.code, result.json) == (0, answer)


# --- context

CONTEXT = {
    "short": "one line",
    "notes": "# Title\n> quoted\n<b>kept</b>\n```\ncode\n```",
    "change": "--- a\n+++ b\n@@ -1 +1 @@\n-old\n+new",
    "data": {"to": "x" * 100},
}


def test_context_is_shown_whole() -> None:
    """Text stands as it is, with its structure coloured; changes are red and green; data is JSON."""
    assert list(context_lines(CONTEXT)) == [
        Line("  short: one line"),
        Line("  notes:", "bold"),
        Line("    # Title", "bold"),
        Line("    > quoted", "dim"),
        Line("    <b>kept</b>"),
        Line("    ```", "cyan"),
        Line("    code", "cyan"),
        Line("    ```", "cyan"),
        Line("  change:", "bold"),
        Line("    --- a", "bold"),
        Line("    +++ b", "bold"),
        Line("    @@ -1 +1 @@", "cyan"),
        Line("    -old", "red"),
        Line("    +new", "green"),
        Line("  data:", "bold"),
        Line("    {"),
        Line(f'      "to": "{"x" * 100}"'),
        Line("    }"),
    ]


def test_long_context_hides_nothing_after_it() -> None:
    """A long text is cut, with how to see it, so that what follows is still seen."""
    context = {"long": "\n".join(map(str, range(100))), "then": "the important part"}

    lines = list(context_on_screen(context, 10, 80, "? shows all"))

    assert lines[-1] == Line("  then: the important part")
    assert lines[-2].text == "  … 93 more lines: ? shows all"
    assert sum(rows_of(line.text, 80) for line in lines) <= 10


def test_context_in_a_pipe_and_in_show(lgrun: World) -> None:
    """Where nobody can be asked, what came with the question is shown too, shortened."""
    lgrun.write("ask.py", alone({"question": "Publish?", "notes": "\n".join(f"note {n}" for n in range(50)), "n": 5}))

    asked = lgrun("invoke", "ask.py", "-t", "t")
    shown = lgrun("show", "t")

    for text in (asked.stderr, shown.stdout):
        assert "q1  Publish?" in text
        assert "note 0\n" in text
        assert "note 49" not in text
        (command,) = re.findall("more lines:  lgrun (.*)", text)
    assert lgrun(*command.split()).json["notes"].endswith("note 49")


# --- at a terminal


def test_what_is_proposed_is_shown_in_a_pipe(lgrun: World) -> None:
    """Whoever answers from a script sees the default, too."""
    lgrun.write("ask.py", asking({"question": "Which words?", "type": "editor", "default": "These."}))

    asked = lgrun("invoke", "ask.py", "-t", "t")
    assert asked.stderr.splitlines()[2:4] == ["  q1  Which words?", "      default: These."]
    assert "        default: These." in lgrun("show", "t").stdout.splitlines()


def test_options_at_a_terminal(lgrun: World) -> None:
    """Context, question, numbered options, how to answer; a wrong word is asked again; the value is echoed."""
    value = {"question": "Publish?", "options": ["approve", "reject"], "default": "reject", "notes": "line 1\nline 2"}
    lgrun.write("ask.py", alone(value))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>").type("maybe").until("of the list\nq1>").type("")
        assert shown.end() == 0

    assert shown.lines() == [
        "▸ t",
        "  notes:",
        "    line 1",
        "    line 2",
        "? Publish?",
        "  1  approve",
        "  2  reject",
        "  a number or a word · Enter: reject · s leaves it open",
        "q1> maybe",
        "  type a number or a word of the list",
        "q1>",
        '→ q1 = "reject" (text)',
        shown.lines()[-2],
        "reject",
    ]


def test_form_at_a_terminal(lgrun: World) -> None:
    """A schema is asked for field by field; a field that does not fit is asked again."""
    lgrun.write("ask.py", alone({"message": "How?", "schema": FORM}))

    with screen(lgrun, "invoke", "ask.py", "-t", "t", columns=40) as shown:
        shown.until("q1 topic>").type("x").until("at least 2 characters")
        shown.type("cats").until("q1 limit>").type("0").until("at least 1").type("5")
        shown.until("q1 mode>").type("").until("q1 note>").type("")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == {"topic": "cats", "limit": 5, "note": None}
    assert "topic  what it is about" in shown.text()


def test_several_questions(lgrun: World) -> None:
    """Several are asked one after another; `s` leaves one open, the others are kept."""
    lgrun.write("ask.py", asking({"question": "a?", "type": "int"}, {"question": "b?", "type": "int"}, "c?"))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>").type("1").until("q2>").type("s").until("q3>").type("3")
        assert shown.end() == 3

    open_ones = lgrun("show", "t", "--json").json["questions"]
    assert [found["id"] for found in open_ones] == ["q2"]
    assert "t waits for an answer" in shown.text()
    assert "? ask  asks" in shown.text()


EDITOR = """#!/bin/sh
cat "$1" > seen
[ -e fail ] && exit 1
printf 'written\\nby hand\\n' > "$1"
"""


def test_editor(lgrun: World) -> None:
    """An answer of type editor is written in $EDITOR, which begins with the proposed text."""
    lgrun.write("ask.py", alone({"question": "Text?", "type": "editor", "default": "proposed"}))
    lgrun.write("edit.sh", EDITOR).chmod(0o755)
    lgrun.write("fail", "")

    with screen(lgrun, "invoke", "ask.py", "-t", "t", env={"EDITOR": "./edit.sh", "VISUAL": ""}) as shown:
        shown.until("q1>").type("").until("nothing is sent")
        (lgrun.folder / "fail").unlink()
        shown.type("")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == "written\nby hand"
    assert (lgrun.folder / "seen").read_text() == "proposed\n"


def test_editor_for_what_is_no_text(lgrun: World) -> None:
    """It begins with JSON, and JSON is what comes back."""
    lgrun.write("ask.py", alone({"question": "Change", "type": "editor", "default": {"a": None, "b": [True]}}))
    lgrun.write("edit.sh", '#!/bin/sh\ncp "$1" seen\nsed -i s/true/false/ "$1"\n').chmod(0o755)

    with screen(lgrun, "invoke", "ask.py", "-t", "t", env={"EDITOR": "./edit.sh", "VISUAL": ""}) as shown:
        shown.until("q1>").type("")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == {"a": None, "b": [False]}
    assert json.loads((lgrun.folder / "seen").read_text()) == {"a": None, "b": [True]}


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (42, "? ask asks: 42"),
        (["x", "y"], '? ask asks: ["x", "y"]'),
        (True, "? ask asks: true"),
        ("", '? ask asks: "" (nothing else was said)'),
        (None, "? ask asks: null (nothing else was said)"),
        ({"n": 1}, "? ask asks\n"),
        ("Text?", "? Text?\n"),
    ],
)
def test_a_question_without_a_text(lgrun: World, value: object, asked: str) -> None:
    """What it is about is shown."""
    lgrun.write("ask.py", alone(value))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>")
        assert asked in shown.text()


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (42, "q1  42"),
        ("", 'q1  "" (nothing else was said)'),
        ([], "q1  [] (nothing else was said)"),
        ({"question": "Where?", "options": CITIES}, "q1  Where?  [Rome/Oslo/Else]"),
    ],
)
def test_the_line_of_a_question(value: object, line: str) -> None:
    """Where nobody is asked, one line says what the question is and what may be answered."""
    assert question(value).line() == line


def test_labels_and_types_on_the_screen(lgrun: World) -> None:
    """A menu shows labels, and machine output the answers; a type with a slip in it is named."""
    lgrun.write("ask.py", alone({"question": "Where?", "options": CITIES, "default": 1, "type": "select"}))
    lgrun.write("slip.py", alone({"question": "Sure?", "type": "boolen"}))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>")
        assert "? Where?\n  1  Rome\n  2  Oslo\n  3  Else\n" in shown.text()
        assert "Enter: Oslo" in shown.text()
        assert "select" not in shown.text()
        assert lgrun("show", "t", "--get", "questions.0.options").json == [2, 1, "Else"]
        offered = lgrun("__complete", "resume", "t", "q1=").stdout.split("\n")
        assert [line.split("\t")[:2] for line in offered[:2]] == [["q1=2", "Rome"], ["q1=1", "Oslo"]]
        shown.type("Rome")
        assert shown.end() == 0
    with screen(lgrun, "invoke", "slip.py", "-t", "s") as shown:
        shown.until("q1>")
        assert 'type "boolen" is not known, did you mean boolean?' in " ".join(shown.text().split())

    assert lgrun("show", "t", "--result").json == 2


@pytest.mark.parametrize(("editor", "words"), [("no-such-editor", "does not start"), ("vi '", "is no command")])
def test_missing_editor(lgrun: World, editor: str, words: str) -> None:
    """Without an editor the question is asked again."""
    lgrun.write("ask.py", alone({"question": "Text?", "type": "editor"}))

    with screen(lgrun, "invoke", "ask.py", "-t", "t", env={"VISUAL": editor}) as shown:
        shown.until("q1>").type("").until(words).type("typed instead")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == "typed instead"


@pytest.mark.parametrize(("key", "code"), [("\x04", 3), ("s\r", 3), ("\x03", -2)])
def test_leaving(lgrun: World, key: str, code: int) -> None:
    """Ctrl-D and s leave the question open, and so does Ctrl-C, which ends lgrun by the signal."""
    lgrun.write("ask.py", alone({"question": "ok?", "options": ["yes", "no"]}))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>")
        shown.child.send(key)
        assert shown.end() == code

    assert lgrun("show", "t", "--get", "status").stdout == "waiting\n"
    assert not lgrun("show", "t", "--json").json["has_value"]


def test_typed_ahead(lgrun: World) -> None:
    """What is typed while the workflow runs is no answer to the question it asks later."""
    source = alone({"question": "delete?", "options": ["yes", "no"], "default": "yes"})
    slow = "import os\n    open('here', 'w').close()\n    while not os.path.exists('go'): pass\n    return interrupt("
    lgrun.write("ask.py", source.replace("return interrupt(", slow))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until(lambda _: (lgrun.folder / "here").exists())
        shown.type("").type("yes").until("yes")
        lgrun.write("go", "")
        shown.until("q1>")
        assert "→" not in shown.text()
        shown.type("no")
        assert shown.end() == 0

    assert re.search("^no$", shown.text(), re.MULTILINE)


def test_a_question_mark_shows_what_did_not_fit(lgrun: World) -> None:
    """What came with a question and is too long for the screen is shown whole at the prompt, which asks again."""
    lgrun.write("ask.py", alone({"question": "Publish?", "options": ["yes"], "notes": "\n".join(map(str, range(90)))}))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("more lines: ? shows all").until("q1>")
        assert "    89" not in shown.everything()
        shown.type("?").until("    89").until(lambda s: s.text().count("q1>") == 2).type("yes")
        assert shown.end() == 0


def test_a_question_mark_is_text_where_all_is_shown(lgrun: World) -> None:
    """Nothing is hidden, so `?` is an answer like any other."""
    lgrun.write("ask.py", alone("what?"))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1>").type("?").until('→ q1 = "?" (text)')
        assert shown.end() == 0


def test_time_at_the_prompt_is_no_working_time() -> None:
    """Seconds that a person thinks are counted apart."""

    class World(Environment):
        """A person who takes five minutes for an answer."""

        seconds = 0.0

        def monotonic(self) -> float:
            return self.seconds

        def ask(self, prompt: str) -> str | None:
            self.seconds += 300
            return "yes"

        def say(self, text: str = "", style: str | None = None) -> None:
            """Nobody listens."""

        def forget_typed(self) -> None:
            """There is no terminal."""

    env = World()

    assert ask_all(env, [question("ok?")]).given == {"id": "yes"}
    assert env.asked == 300
