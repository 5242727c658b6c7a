"""diff: two threads, two steps, a step and the one before, the code of a thread and the file."""

from collections.abc import Callable, Sequence
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgrun.cli.comparing import run_side
from lgrun.cli.differences import changes
from lgrun.cli.published import SCHEMAS
from lgrun.cli.render.thread import ThreadView
from lgrun.cli.timeline import Row

from .conftest import Result, World
from .screen import screen
from .sources import HEAD

Check = Callable[[Result, int, Sequence[str]], None]

LETTER = (
    HEAD
    + """
@task
def draft(topic: str) -> dict:
    return {"title": topic, "body": f"Dear {topic},\\nhow are you?\\nYours", "odd key": 1}

@task
def send(title: str) -> str:
    if title == "dogs":
        raise ConnectionError("net \\x1b[31m")
    return "sent"

@entrypoint()
def letter(input: dict):
    drafts = [draft(topic).result() for topic in input["topics"]]
    title = drafts[-1]["title"]
    answer = interrupt({"question": "ok?", "options": ["yes", "no"]})
    return {"sent": send(title).result(), "answer": answer}
"""
)


@pytest.fixture
def letters(lgrun: World) -> World:
    """Return a folder with thread a, which is done, and thread b, which made one draft more and failed."""
    lgrun.write("letter.py", LETTER)
    lgrun("invoke", "letter.py", 'topics:=["cats"]', "-t", "a")
    lgrun("resume", "a", "--value", "yes")
    lgrun("invoke", "letter.py", 'topics:=["cats", "dogs"]', "-t", "b")
    lgrun("resume", "b", "--value", "no")
    return lgrun


def valid(document: Any, name: str) -> Any:
    jsonschema.validate(document, SCHEMAS[name])
    return document


THREADS = r"""--- a  run 1, done
+++ b  run 1, failed
- $.status: "done"
+ $.status: "failed"
+ $.input.topics[1]: "dogs"
- $.tasks.send.result: "sent"
+ $.tasks.send.error: {"type": "ConnectionError", "message": "net \u001b[31m"}
+ $.tasks["draft.2"]: {"result": {"title": "dogs", "body": "Dear dogs,\nhow are you?\nYours", "odd key": 1}}
- $.questions.q1.answer: "yes"
+ $.questions.q1.answer: "no"
- $.result: {"sent": "sent", "answer": "yes"}
+ $.error: {"type": "ConnectionError", "message": "net \u001b[31m", "task": "send"}
"""


def test_two_threads(letters: World) -> None:
    """Of two threads, what was given, done, asked, answered and returned is compared; not times."""
    found = letters("diff", "a", "b")

    assert (found.code, found.stdout, found.stderr) == (0, THREADS, "")
    assert letters("diff", "a", "b", "-e").code == 1


def test_tasks_side_by_side_are_numbered_by_their_calls() -> None:
    """Which of two calls began or ended first is no difference."""
    from lgrun.checkpoint.base import Encoded

    def sides(*order: int) -> Any:
        rows = [
            Row(
                run=1,
                at="2026-01-01T00:00:00+00:00",
                kind="task",
                name="draft",
                status="done",
                path=((0, n),),
                value=Encoded(tree=n),
            )
            for n in order
        ]
        return run_side(ThreadView(thread="t", status="running", rows=rows), 1).value

    assert sides(0, 1) == sides(1, 0)
    assert sides(1, 0)["tasks"] == {"draft": {"result": 0}, "draft.2": {"result": 1}}


def test_the_document(letters: World) -> None:
    """--json has every difference with both values; a side on which there is nothing is left out."""
    document = valid(letters("diff", "a", "b", "--json").json, "diff")

    assert (document["a"], document["b"], document["same"]) == ("a", "b", False)
    found = {change["path"]: change for change in document["changes"]}
    assert found["$.status"] == {"path": "$.status", "kind": "changed", "a": "done", "b": "failed"}
    assert found["$.input.topics[1]"] == {"path": "$.input.topics[1]", "kind": "added", "b": "dogs"}
    assert found["$.tasks.send.result"] == {"path": "$.tasks.send.result", "kind": "removed", "a": "sent"}
    assert letters("diff", "a", "b", "--get", "changes.0.b").stdout == "failed\n"


def test_two_steps(letters: World) -> None:
    """Of two steps, their values are compared; of texts of several lines, the lines."""
    found = letters("diff", "b/draft.1", "b/draft.2").stdout.splitlines()

    assert found[2:4] == ['- $.title: "cats"', '+ $.title: "dogs"']
    assert found[4:] == ["@@ $.body @@", "-Dear cats,", "+Dear dogs,", " how are you?"]
    assert letters("diff", "a/q1", "b/q1").stdout.splitlines()[2:] == ['- $.answer: "yes"', '+ $.answer: "no"']


def test_one_step(letters: World) -> None:
    """A task is compared with the one of its name before, a row of the history with the row before."""
    found = letters("diff", "b/draft", "--json").json
    rows = letters("history", "b", "--json").json

    assert [change["path"] for change in found["changes"]] == ["$.title", "$.body"]
    assert letters("diff", "b/3", "--json").json["a"] == "b/2"
    assert letters("diff", "b/5", "--json").json["changes"] == [
        {"path": "$", "kind": "changed", "a": {"question": rows[3]["value"], "answer": "no"}, "b": "no"}
    ]


def test_two_runs_of_a_thread(letters: World, assert_one_message: Check) -> None:
    """A thread alone: its last run and the one before, which there has to be."""
    assert_one_message(letters("diff", "a"), 4, ["a has run once", "lgrun diff a OTHER"])
    letters("invoke", "letter.py", 'topics:=["cats"]', "-t", "a")
    letters("resume", "a", "--value", "no")

    found = letters("diff", "a").stdout.splitlines()
    assert found == [
        "--- a  run 1, done",
        "+++ a  run 2, done",
        '- $.questions.q1.answer: "yes"',
        '+ $.questions.q1.answer: "no"',
        '- $.result.answer: "yes"',
        '+ $.result.answer: "no"',
    ]


def test_checkpoints(letters: World) -> None:
    """A checkpoint is compared with the one before it."""
    from lgrun.checkpoint.file import FileSaver

    saved = FileSaver(letters.state).load("a")
    assert saved is not None

    document = valid(letters("diff", f"a/{saved.checkpoint.id}", "--json").json, "diff")
    assert [(change["path"], change["kind"]) for change in document["changes"]] == [
        ("$.topics", "removed"),
        ("$.sent", "added"),
        ("$.answer", "added"),
    ]


def test_no_differences(letters: World) -> None:
    """Nothing is printed where nothing differs, and stderr says so; -e is 0 then."""
    found = letters("diff", "a", "a", "-e")

    assert (found.code, found.stdout) == (0, "")
    assert found.stderr == "no differences: a (run 1, done), a (run 1, done)\n"
    assert valid(letters("diff", "a", "a", "--json").json, "diff")["same"] is True
    assert letters("diff", "a", "a", "-q").stderr == ""


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["a", "b/1"], 2, ["a thread and a step", "two threads, or two steps"]),
        (["a/1"], 4, ["nothing like a/1 is before it", "lgrun history a"]),
        (["a/draft"], 4, ["nothing like a/draft is before it"]),
        (["a/q1"], 4, ["nothing like a/q1 is before it"]),
        (["a", "c"], 4, ["no thread c"]),
        (["a/1", "b/99"], 4, ["b has no step 99"]),
        (["a/1", "--code"], 2, ["not of a step"]),
    ],
)
def test_what_cannot_be_compared(
    letters: World, assert_one_message: Check, args: list[str], code: int, words: list[str]
) -> None:
    """A missing side is named, and so is what is there instead."""
    assert_one_message(letters("diff", *args), code, words)


def test_code(letters: World, assert_one_message: Check) -> None:
    """The code that the thread ran with and the file now: the same, changed, gone."""
    same = letters("diff", "a", "--code", "-e")
    assert (same.code, same.stdout) == (0, "")
    assert same.stderr == "no differences: letter.py is the code that the last run of a began with\n"

    letters.write("letter.py", LETTER.replace('"yes", "no"', '"yes", "no", "later"').removesuffix("\n"))
    changed = letters("diff", "a", "--code").stdout.splitlines()
    assert changed[:2] == ["--- a", "+++ letter.py"]
    assert [line for line in changed[2:] if line[0] in "-+\\"] == [
        '-    answer = interrupt({"question": "ok?", "options": ["yes", "no"]})',
        '-    return {"sent": send(title).result(), "answer": answer}',
        '+    answer = interrupt({"question": "ok?", "options": ["yes", "no", "later"]})',
        '+    return {"sent": send(title).result(), "answer": answer}',
        "\\ No newline at end of file",
    ]
    document = valid(letters("diff", "a", "--code", "--json").json, "code")
    assert (document["same"], document["added"], document["removed"]) == (False, 2, 2)
    assert document["diff"].splitlines() == changed
    assert letters("diff", "a", "b", "--code", "-e").code == 0

    (letters.folder / "letter.py").unlink()
    assert_one_message(letters("diff", "a", "--code"), 4, ["letter.py", "not there any more", "lgrun show a --source"])


def test_on_a_terminal(letters: World) -> None:
    """What goes is red, what comes is green; what a workflow returned cannot control the terminal."""
    with screen(letters, "diff", "a", "b", columns=120) as terminal:
        assert terminal.end() == 0

    assert "\x1b[1m--- a  run 1, done\x1b[0m" in terminal.raw
    assert '\x1b[31m- $.tasks.send.result: "sent"\x1b[0m' in terminal.raw
    assert '\x1b[32m+ $.questions.q1.answer: "no"\x1b[0m' in terminal.raw
    assert "\x1b[31m\x1b" not in terminal.raw
    assert terminal.strange() == set()
    with screen(letters, "diff", "a", "b", "--no-pager", columns=20, env={"NO_COLOR": "1"}) as narrow:
        assert narrow.end() == 0
    assert "\x1b" not in narrow.raw


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=12,
)


@given(JSON, JSON)
def test_differences_turn_one_value_into_the_other(a: Any, b: Any) -> None:
    """There is none between equal values, and what a comparison says, done to the first value, makes the second."""
    import copy
    import json

    assert not list(changes(a, copy.deepcopy(a)))
    root = {"$": copy.deepcopy(a)}
    found = list(changes(a, b))
    for change in reversed(found):
        _apply(root, change.path, change.kind, change.b, removing=True)
    for change in found:
        _apply(root, change.path, change.kind, change.b, removing=False)

    assert json.dumps(root["$"], sort_keys=True) == json.dumps(b, sort_keys=True)


def _apply(root: Any, path: str, kind: str, value: Any, *, removing: bool) -> None:
    if removing != (kind == "removed"):
        return
    here, key, rest = root, "$", path[1:]
    while rest:
        here = here[key]
        key, rest = _next_step(rest)
    if kind == "removed":
        del here[key]
    elif kind == "added" and isinstance(here, list):
        here.insert(key, value)
    else:
        here[key] = value


def _next_step(rest: str) -> tuple[Any, str]:
    import json
    import re

    named = re.match(r"\.([A-Za-z_]\w*)", rest, re.ASCII)
    if named:
        return named[1], rest[named.end() :]
    key, end = json.JSONDecoder().raw_decode(rest, 1)
    assert rest[end] == "]"
    return key, rest[end + 1 :]


def test_one_element_less_is_one_difference() -> None:
    """What two lists begin and end with is no difference."""
    assert [(each.path, each.kind) for each in changes([1, 2, 3, 4], [1, 3, 4])] == [("$[1]", "removed")]
    assert [(each.path, each.kind) for each in changes([1, 2], [0, 1, 2])] == [("$[0]", "added")]
    assert [each.path for each in changes({"a": 1, "b": True}, {"a": 1.0, "b": 1})] == ["$.a", "$.b"]
