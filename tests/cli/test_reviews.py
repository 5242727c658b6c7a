"""Requests to review an agent's actions, in the two shapes of LangChain; and answers written in an editor."""

import json
import os
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from lgrun.cli.answers import BadAnswer, coerce
from lgrun.cli.inputs import Typed
from lgrun.cli.question import Question
from lgrun.cli.review import review_of

from .conftest import Result, World
from .screen import screen
from .sources import ASK

Check = Callable[[Result, int, Sequence[str]], None]

MAIL = {"name": "send_mail", "args": {"to": "ann", "text": "hi"}, "description": "Tool execution requires approval"}
DROP = {"name": "drop", "args": {"table": "t"}}
TAKES = {"type": "object", "properties": {"to": {"type": "string"}}, "required": ["to"]}
ALL = {"action_name": "send_mail", "allowed_decisions": ["approve", "edit", "reject"], "args_schema": TAKES}
TWO = {
    "action_requests": [MAIL, DROP],
    "review_configs": [ALL, {"action_name": "drop", "allowed_decisions": ["reject", "respond"]}],
}
ONE = {"action_requests": [MAIL], "review_configs": [ALL]}
OLDER = {
    "action_requests": [{"name": "add", "arguments": {"a": 1}}],
    "review_configs": [{"action_name": "add", "allowed_decisions": ["approve", "edit"], "description": "Adds."}],
}
ALLOWS = {"allow_accept": True, "allow_edit": True, "allow_respond": True, "allow_ignore": False}
INBOX = {"action_request": {"action": "run", "args": {"command": "ls"}}, "config": ALLOWS, "description": "Look."}


def asking(value: object) -> str:
    """Return a workflow that asks this and returns the answer."""
    return ASK.replace('"what?"', repr(value))


def question(value: Any) -> Question:
    """Return an open question."""
    return Question(1, "id", "task", value, None)


def edited(name: str = "send_mail", **args: Any) -> dict[str, Any]:
    """Return the decision to run an action with other arguments."""
    return {"type": "edit", "edited_action": {"name": name, "args": args}}


@pytest.mark.parametrize(
    ("value", "text", "words"),
    [
        (ONE, 'Run send_mail with {"to": "ann", "text": "hi"}?', ["approve", "reject"]),
        (TWO, "Run 2 actions: send_mail, drop?", ["reject"]),
        (OLDER, 'Run add with {"a": 1}?', ["approve"]),
        (INBOX, 'Run run with {"command": "ls"}?', ["accept"]),
        ([INBOX], 'Run run with {"command": "ls"}?', ["accept"]),
    ],
)
def test_recognised(value: Any, text: str, words: list[str]) -> None:
    """What is asked is said in one line, with the decisions that are one word."""
    document = question(value).document()

    assert (document["text"], document["options"]) == (text, words)


@pytest.mark.parametrize(
    "value",
    [
        {"action_requests": [], "review_configs": []},
        {"action_requests": [MAIL], "review_configs": []},
        {"action_requests": ["x"], "review_configs": [ALL]},
        {"action_requests": [MAIL], "review_configs": [{**ALL, "allowed_decisions": []}]},
        {"action_request": {"action": "run"}, "config": {"allow_accept": False}},
        {"action_request": {"args": {}}, "config": ALLOWS},
        [INBOX, "x"],
        [],
        "approve?",
        None,
    ],
)
def test_other_questions(value: Any) -> None:
    """What only resembles a request is an ordinary question."""
    assert review_of(value) is None


APPROVE = {"type": "approve"}


@pytest.mark.parametrize(
    ("value", "answer", "sent"),
    [
        (ONE, "approve", {"decisions": [APPROVE]}),
        (ONE, Typed("reject"), {"decisions": [{"type": "reject"}]}),
        (TWO, "reject", {"decisions": [{"type": "reject"}] * 2}),
        (ONE, {"decisions": [edited(to="bob")]}, {"decisions": [edited(to="bob")]}),
        (ONE, Typed('{"decisions": [{"type": "approve"}]}'), {"decisions": [APPROVE]}),
        (OLDER, {"decisions": [{"type": "edit", "edited_action": {"name": "add", "arguments": {}}}]}, None),
        (INBOX, "accept", [{"type": "accept", "args": None}]),
        ([INBOX], [{"type": "response", "args": "no"}], [{"type": "response", "args": "no"}]),
        (INBOX, [{"type": "edit", "args": {"action": "run", "args": {"command": "w"}}}], None),
    ],
)
def test_answers(value: Any, answer: Any, sent: Any) -> None:
    """A word stands for all actions; JSON of the right shape is sent as it is."""
    assert coerce(question(value), answer) == (answer if sent is None else sent)


@pytest.mark.parametrize(
    ("value", "answer", "words"),
    [
        (ONE, "aprove", "did you mean approve?"),
        (ONE, "ignore", r'expected one of approve, reject, or {"decisions": \[{"type": "approve"}\]}'),
        (ONE, "edit", r'edit says not with what; expected {"decisions": \[{"type": "edit", "edited_action": {"name"'),
        (TWO, "respond", r'expected one of reject, or {"decisions": '),
        (INBOX, "response", r'expected \[{"type": "response", "args": "\.\.\."}\]'),
        (ONE, True, 'expected {"decisions": '),
        (ONE, [APPROVE], 'expected {"decisions": '),
        (TWO, {"decisions": [APPROVE]}, "a decision for each of 2 actions, got 1"),
        (
            TWO,
            {"decisions": [APPROVE, APPROVE]},
            r"decisions\[1\].type: expected one of reject, respond; got",
        ),
        (ONE, {"decisions": [{"type": "reject", "message": 1}]}, r"decisions\[0\].message: expected text, got 1"),
        (ONE, {"decisions": [{"type": "edit"}]}, r"edited_action: expected an action like"),
        (ONE, {"decisions": [edited(text="x")]}, r"decisions\[0\].edited_action.args: missing to"),
        (OLDER, {"decisions": [edited("add", a=1)]}, "edited_action.arguments: expected an object, got null"),
        (INBOX, {"type": "accept"}, r'expected \[{"type": "accept"'),
        (INBOX, [{"type": "ignore", "args": None}], r"\[0\].type: expected one of accept, edit, response"),
        (INBOX, [{"type": "response", "args": None}], r"\[0\].args: expected text, got null"),
    ],
)
def test_answers_that_do_not_fit(value: Any, answer: Any, words: str) -> None:
    """What an agent could not read is refused, with the place and what is expected there."""
    with pytest.raises(BadAnswer, match=words):
        coerce(question(value), answer)


def test_in_a_pipe(lgrun: World, assert_one_message: Check) -> None:
    """The actions and the words are shown; an answer of another shape leaves the thread waiting."""
    lgrun.write("ask.py", asking(TWO))
    asked = lgrun("invoke", "ask.py", "-t", "t")

    assert asked.stderr.splitlines()[1:] == [
        "? t waits for an answer",
        "  q1  Run 2 actions: send_mail, drop?  [reject]",
        "      1 description: Tool execution requires approval",
        '      1 send_mail: {"to": "ann", "text": "hi"}',
        '      2 drop: {"table": "t"}',
        "  lgrun resume t --value VALUE",
    ]
    assert_one_message(lgrun("resume", "t", "--value", '{"decisions": []}'), 2, ["each of 2 actions, got 0"])
    answer = {"decisions": [APPROVE, {"type": "respond", "message": "why?"}]}
    assert lgrun("resume", "t", "--value", json.dumps(answer)).json == answer


def test_menus(lgrun: World) -> None:
    """Each action has its menu: what it would do is above it, what is said with a decision is asked for."""
    lgrun.write("ask.py", asking(TWO))

    with screen(lgrun, "invoke", "ask.py", "-t", "t") as shown:
        shown.until("q1 1/2>").type("reject").until("why (Enter: no reason)>").type("too early")
        shown.until("q1 2/2>").type("2").until("what to say>").type("")
        shown.until("type an answer").until("what to say>").type("use the copy")
        assert shown.end() == 0

    assert shown.everything()[1:20] == [
        "  description: Tool execution requires approval",
        '  send_mail: {"to": "ann", "text": "hi"}',
        "? Run send_mail?",
        "  1  approve",
        "  2  edit",
        "  3  reject",
        "  a number or a word · s leaves it open",
        "q1 1/2> reject",
        "q1 1/2 why (Enter: no reason)> too early",
        '  drop: {"table": "t"}',
        "? Run drop?",
        "  1  reject",
        "  2  respond",
        "  a number or a word · s leaves it open",
        "q1 2/2> 2",
        "q1 2/2 what to say>",
        "  type an answer · Ctrl-D leaves it open",
        "q1 2/2 what to say> use the copy",
        '→ q1 = {"decisions": [{"type": "reject", "message": "too early"}, {"type": "resp',
    ]
    assert lgrun("show", "t", "--result").json == {
        "decisions": [{"type": "reject", "message": "too early"}, {"type": "respond", "message": "use the copy"}]
    }


EDITOR = """#!/bin/sh
n=$(ls seen.* 2>/dev/null | wc -l)
cp "$1" seen.$n
[ -e write.$n ] || exit 1
cp write.$n "$1"
"""


@pytest.fixture
def editor(lgrun: World) -> dict[str, str]:
    """Return variables for an editor that saves write.0, then write.1 and so on, and fails where there is none."""
    lgrun.write("edit.sh", EDITOR).chmod(0o755)
    return {"EDITOR": "./edit.sh", "VISUAL": ""}


def test_edited_arguments(lgrun: World, editor: dict[str, str]) -> None:
    """`edit` opens the editor on the arguments, again if they do not fit, and sends the action with them."""
    lgrun.write("ask.py", asking(ONE))
    lgrun.write("write.0", '{"to": ')
    lgrun.write("write.1", '{"text": "hi"}')
    lgrun.write("write.2", '{"to": "bob"}')

    with screen(lgrun, "invoke", "ask.py", "-t", "t", env=editor) as shown:
        shown.until("q1>").type("edit").until("not valid JSON").until("gives up>").type("")
        shown.until("missing to").until(lambda s: s.text().count("gives up>") == 2).type("")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == {"decisions": [edited(to="bob")]}
    assert json.loads((lgrun.folder / "seen.0").read_text()) == MAIL["args"]
    assert (lgrun.folder / "seen.1").read_text() == '{"to": \n'


def test_the_inbox_shape_at_a_terminal(lgrun: World, editor: dict[str, str]) -> None:
    """An editor that fails sends nothing: the menu asks again."""
    lgrun.write("ask.py", asking(INBOX))

    with screen(lgrun, "invoke", "ask.py", "-t", "t", env=editor) as shown:
        shown.until("q1>").type("edit").until("nothing is sent").until(lambda s: s.text().count("q1>") == 2)
        shown.type("response").until("what to say>").type("not now")
        assert shown.end() == 0

    assert lgrun("show", "t", "--result").json == [{"type": "response", "args": "not now"}]


# --- a word on the command line that needs more than itself


def test_edit_as_a_word(lgrun: World, editor: dict[str, str]) -> None:
    """`q1=edit` opens the editor on the arguments; where it fails the question stays open."""
    lgrun.write("ask.py", asking(ONE))
    lgrun("invoke", "ask.py", "-t", "t")

    with screen(lgrun, "resume", "t", "q1=edit", env=editor) as shown:
        assert shown.end() == 3
    assert "✗ q1 stays open: ./edit.sh ended with 1, so nothing is sent" in shown.everything()
    assert "  answer it:  lgrun resume t" in shown.everything()
    lgrun.write("write.1", '{"to": "bob"}')
    with screen(lgrun, "resume", "t", "q1=edit", env=editor) as shown:
        assert shown.end() == 0
    assert shown.everything()[:2] == [
        "  description: Tool execution requires approval",
        '  send_mail: {"to": "ann", "text": "hi"}',
    ]
    assert lgrun("show", "t", "--result").json == {"decisions": [edited(to="bob")]}


def test_an_answer_in_the_place_of_actions(lgrun: World) -> None:
    """`--value respond` asks for a text for each of them; Ctrl-D leaves the question open."""
    respond = {"action_name": "drop", "allowed_decisions": ["respond"]}
    lgrun.write("ask.py", asking({"action_requests": [DROP, DROP], "review_configs": [respond, respond]}))
    lgrun("invoke", "ask.py", "-t", "t")

    with screen(lgrun, "resume", "t", "--value", "respond") as shown:
        shown.until("q1 1/2 what to say>").child.sendeof()
        assert shown.end() == 3
    with screen(lgrun, "resume", "t", "--value", "respond") as shown:
        shown.until("q1 1/2 what to say>").type("no").until("q1 2/2 what to say>").type("never")
        assert shown.end() == 0
    said = [{"type": "respond", "message": message} for message in ("no", "never")]
    assert lgrun("show", "t", "--result").json == {"decisions": said}


def test_such_a_word_in_a_pipe(lgrun: World, assert_one_message: Check) -> None:
    """Nobody can be asked: what to type instead is shown, and can be typed."""
    lgrun.write("ask.py", asking(ONE))
    lgrun("invoke", "ask.py", "-t", "t")

    result = lgrun("resume", "t", "q1=edit")
    assert_one_message(result, 2, ["edit says not with what"])
    words = shlex.split(result.stderr.split("like:  lgrun ")[1])
    assert lgrun(*words).json == {"decisions": [edited(**MAIL["args"])]}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (ONE, ["approve", "reject", "edit"]),
        (TWO, ["reject"]),
        (OLDER, ["approve", "edit"]),
        (INBOX, ["accept", "edit", "response"]),
        ([INBOX, INBOX], ["accept", "edit", "response"]),
    ],
)
def test_words_that_are_completed(lgrun: World, value: Any, words: list[str]) -> None:
    """Tab offers the decisions that can be made of all actions, each with what it means."""
    lgrun.write("ask.py", asking(value))
    lgrun("invoke", "ask.py", "-t", "t")

    def offered(*typed: str) -> dict[str, str]:
        return dict(line.split("\t") for line in lgrun("__complete", *typed).stdout.splitlines())

    assert offered("resume", "t", "") == {"q1=": question(value).document()["text"]}
    assert list(offered("resume", "t", "q1=")) == [f"q1={word}" for word in words]
    assert offered("resume", "t", "q1=ac") == ({"q1=accept": "run it as it is"} if "accept" in words else {})


# --- resume --edit


@pytest.mark.parametrize(
    ("value", "proposed"),
    [
        ({"question": "?", "default": {"a": 1}}, {"a": 1}),
        ({"question": "?", "options": ["x", "y"]}, "x"),
        ({"question": "?", "response_schema": TAKES}, {"to": None}),
        (ONE, {"decisions": [edited(**MAIL["args"])]}),  # type: ignore[arg-type]
        (INBOX, [{"type": "edit", "args": {"action": "run", "args": {"command": "ls"}}}]),
    ],
)
def test_edit_begins_with_what_is_proposed(lgrun: World, editor: dict[str, str], value: Any, proposed: Any) -> None:
    """The editor is opened on the proposed answer; where it fails nothing is sent and the thread waits."""
    lgrun.write("ask.py", asking(value))
    lgrun("invoke", "ask.py", "-t", "t")

    result = lgrun("resume", "t", "--edit", env=editor)

    assert result.code == 3
    assert "./edit.sh ended with 1, so nothing is sent" in result.stderr
    assert json.loads((lgrun.folder / "seen.0").read_text()) == proposed
    assert lgrun("show", "t", "--get", "status").stdout == "waiting\n"


def test_edit_sends_what_is_saved(lgrun: World, editor: dict[str, str]) -> None:
    """What is saved is the answer; an empty file is none."""
    lgrun.write("ask.py", asking({"question": "?", "default": {"a": 1}}))
    lgrun.write("write.0", "\n")
    lgrun.write("write.1", '{"a": 2}\n')
    lgrun("invoke", "ask.py", "-t", "t")

    empty = lgrun("resume", "t", "--edit", env=editor)

    assert empty.code == 3
    assert "nothing was written, so nothing is sent" in empty.stderr
    assert lgrun("resume", "t", "--edit", env=editor).json == {"a": 2}


def test_edit_asks_again(lgrun: World, editor: dict[str, str], assert_one_message: Check) -> None:
    """What is no JSON is said and can be mended; Ctrl-D leaves the thread waiting; in a pipe it is 2."""
    lgrun.write("ask.py", asking({"question": "?", "default": {"a": 1}}))
    for n in range(3):
        lgrun.write(f"write.{n}", "{nonsense")
    lgrun.write("write.3", "[1]")
    lgrun("invoke", "ask.py", "-t", "t")

    assert_one_message(lgrun("resume", "t", "--edit", env=editor), 2, ["q1: this is not valid JSON"])
    with screen(lgrun, "resume", "t", "--edit", env=editor) as shown:
        shown.until("not valid JSON").until("gives up>").child.send("\x04")
        assert shown.end() == 3
    with screen(lgrun, "resume", "t", "--edit", env=editor) as shown:
        shown.until("not valid JSON").until("gives up>").type("")
        assert shown.end() == 0

    assert (lgrun.folder / "seen.3").read_text() == "{nonsense\n"
    assert lgrun("show", "t", "--result").json == [1]


def test_edit_without_a_terminal(lgrun: World, assert_one_message: Check, tmp_path: Path) -> None:
    """Where there is no terminal, the editor that is there if none is named is not started."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    (vi := tmp_path / "vi").write_text("#!/bin/sh\ntouch started\necho 1 > $1\n")
    vi.chmod(0o755)
    none = {"VISUAL": "", "EDITOR": "", "PATH": f"{tmp_path}:{os.environ['PATH']}"}

    words = ["there is no terminal for an editor", "VISUAL or EDITOR", "--value"]
    assert_one_message(lgrun("resume", "t", "--edit", env=none), 2, words)

    assert not (lgrun.folder / "started").exists()
    with screen(lgrun, "resume", "t", "--edit", env=none) as shown:
        assert shown.end() == 0
    assert (lgrun.folder / "started").exists()


@pytest.mark.parametrize("arguments", [["--value", "x"], ["--no-input"]])
def test_edit_alone(lgrun: World, assert_one_message: Check, arguments: list[str]) -> None:
    """It goes with no other answer, and not where asking is forbidden."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")

    assert_one_message(lgrun("resume", "t", "--edit", *arguments), 2, ["exclude each other"])
