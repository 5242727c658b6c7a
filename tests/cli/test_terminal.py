"""Questions at a real terminal."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import LGRUN, World
from .screen import ALLOWED, screen
from .sources import ASK, HELLO, REVIEW

pexpect: Any = pytest.importorskip("pexpect")


@contextmanager
def terminal(lgrun: World, *args: str, env: dict[str, str] = {}) -> Iterator[Any]:
    """Run `lgrun` at a terminal."""
    child = pexpect.spawn(
        LGRUN,
        list(args),
        cwd=str(lgrun.folder),
        env=lgrun.env({"TERM": "xterm", "NO_COLOR": "1", **env}),
        timeout=20,
        encoding="utf-8",
    )
    child.setwinsize(40, 100)
    try:
        yield child
    finally:
        child.close(force=True)


def end(child: Any) -> tuple[int | None, int | None, str]:
    """Return exit code, signal and what was printed last."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus, child.signalstatus, str(child.before)


def test_questions_are_asked_and_the_run_goes_on(lgrun: World) -> None:
    """Both questions are answered in one command; the answer is echoed with its type."""
    lgrun.write("review.py", REVIEW)

    with terminal(lgrun, "invoke", "review.py", "topic=cats", "-t", "t") as child:
        child.expect("\\? ok\\?")
        child.expect("1  yes")
        child.expect("2  no")
        child.expect("q1> ")
        child.sendline("maybe")
        child.expect("type a number or a word")
        child.sendline("1")
        child.expect('→ q1 = "yes" \\(text\\)')
        child.expect("your name\\?")
        child.expect("q2> ")
        child.sendline("{bad")
        child.expect("not valid JSON")
        child.sendline("")
        child.expect("type an answer")
        child.sendline("Bob = me")
        child.expect('→ q2 = "Bob = me" \\(text\\)')
        code, _signal, rest = end(child)

    assert code == 0
    assert '"name": "Bob = me"' in rest


@pytest.mark.parametrize(
    ("typed", "echo", "value"),
    [("true", "true \\(bool\\)", True), ("5", "5 \\(int\\)", 5), ('"5"', '"5" \\(text\\)', "5")],
)
def test_typed_answers(lgrun: World, typed: str, echo: str, value: object) -> None:
    """An answer to an untyped question is JSON if it parses."""
    lgrun.write("ask.py", ASK)

    with terminal(lgrun, "invoke", "ask.py", "-t", "t") as child:
        child.expect("q1> ")
        child.sendline(typed)
        child.expect(f"→ q1 = {echo}")
        assert end(child)[0] == 0

    assert lgrun("show", "t", "--result").json == value


def test_default_and_bool(lgrun: World) -> None:
    """Enter takes the default; a typed question takes yes and no."""
    lgrun.write("ask.py", ASK.replace('"what?"', '{"question": "sure?", "type": "bool", "default": False}'))

    for thread, typed, value in (("a", "", False), ("b", "y", True), ("c", "perhaps\rno", False)):
        with terminal(lgrun, "invoke", "ask.py", "-t", thread) as child:
            child.expect("q1> ")
            child.send(typed + "\r")
            assert end(child)[0] == 0
        assert lgrun("show", thread, "--result").json is value


def test_end_of_input_leaves_it_open(lgrun: World) -> None:
    """Ctrl-D leaves the question open: exit 3 and the command to answer it."""
    lgrun.write("ask.py", ASK)

    with terminal(lgrun, "invoke", "ask.py", "-t", "t") as child:
        child.expect("q1> ")
        child.sendeof()
        code, _signal, rest = end(child)

    assert code == 3
    assert "lgrun resume t --value VALUE" in rest
    assert lgrun("show", "t", "--get", "status").stdout == "waiting\n"


def test_first_answer_is_kept_when_the_person_leaves(lgrun: World) -> None:
    """Ctrl-D at the second question keeps the answer to the first one."""
    lgrun.write(
        "two.py",
        ASK.replace("@entrypoint()", "@task\ndef q(text):\n    return interrupt(text)\n\n@entrypoint()").replace(
            'return interrupt("what?")', 'a, b = q("one"), q("two"); return [a.result(), b.result()]'
        ),
    )

    with terminal(lgrun, "invoke", "two.py", "-t", "t") as child:
        child.expect("q1> ")
        child.sendline("x")
        child.expect("q2> ")
        child.sendeof()
        assert end(child)[0] == 3

    shown = lgrun("show", "t", "--json").json
    assert [question["id"] for question in shown["questions"]] == ["q2"]


def test_interrupt_is_no_answer(lgrun: World) -> None:
    """Ctrl-C at a question ends lgrun by the signal, and the question stays open."""
    lgrun.write("ask.py", ASK)

    with terminal(lgrun, "invoke", "ask.py", "-t", "t") as child:
        child.expect("q1> ")
        child.sendintr()
        code, signal, rest = end(child)

    assert (code, signal) == (None, 2)
    assert "Traceback" not in rest
    assert lgrun("show", "t", "--get", "status").stdout == "waiting\n"


def test_resume_asks(lgrun: World) -> None:
    """resume without an answer asks at a terminal."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")

    with terminal(lgrun, "resume", "t") as child:
        child.expect("q1> ")
        child.sendline("blue")
        code, _signal, rest = end(child)

    assert code == 0
    assert rest.rstrip().endswith("blue")


@pytest.mark.parametrize("how", ["flag", "variable"])
def test_no_input(lgrun: World, how: str) -> None:
    """--no-input and LGRUN_NO_INPUT never ask."""
    lgrun.write("ask.py", ASK)
    args = ["invoke", "ask.py"] + (["--no-input"] if how == "flag" else [])

    with terminal(lgrun, *args, env={"LGRUN_NO_INPUT": "1"} if how == "variable" else {}) as child:
        code, _signal, rest = end(child)

    assert code == 3
    assert "q1>" not in rest


def test_control_characters_are_shown(lgrun: World) -> None:
    """Nothing a workflow says can control the terminal: result, question, error, list, show, history."""
    evil = "\\x1b]0;owned\\x07\\x9b2J\\r\\u202eabc\\u2028\\x7f"
    lgrun.write("ask.py", ASK.replace('"what?"', f'"{evil}"'))
    lgrun.write("hello.py", HELLO.replace("hello {name}", evil))
    lgrun.write("bad.py", HELLO.replace("return f", "raise ValueError").replace('"hello {name}"', f'("{evil}")'))
    found = []
    for args in (
        ["invoke", "hello.py", "a", "-t", "h"],
        ["invoke", "bad.py", "a", "-t", "b"],
        ["invoke", "ask.py", "-t", "a", "--no-input"],
        ["list"],
        *(["show", thread] for thread in "hba"),
        *(["history", thread] for thread in "hba"),
        ["show", "h", "--result"],
        ["show", "h", "--json"],
        ["show", "h", "--get", "value"],
        ["show", "b", "--traceback"],
    ):
        with terminal(lgrun, *args) as child:
            found.append((args, end(child)[2]))

    for args, text in found:
        text = ALLOWED.sub("", text).replace("\r\n", "\n").replace("\n\r", "\n")
        assert not set("\x1b\x07\x9b\u202e\u2028\x7f") & set(text), (args, text)
        assert "\r" not in text.removeprefix("\r"), (args, text)


def test_list_at_a_terminal(lgrun: World) -> None:
    """At a narrow terminal ids are never cut."""
    lgrun.write("ask.py", ASK.replace("what?", "what? " * 50))
    name = "a-very-long-thread-id-" * 3
    lgrun("invoke", "ask.py", "-t", name)

    with terminal(lgrun, "list", env={"COLUMNS": "20"}) as child:
        _code, _signal, text = end(child)

    assert name in text
    assert "…" in text


def test_python() -> None:
    """The tests run the command that belongs to this interpreter."""
    assert LGRUN.startswith(sys.prefix)


def test_long_list_at_a_terminal(lgrun: World) -> None:
    """Only the table has 20 rows if nothing else is said, and says how many more there are."""
    lgrun.write("hello.py", HELLO)
    lgrun("batch", "hello.py", "-", input="".join(f'"{n}"\n' for n in range(22)))

    with screen(lgrun, "list", "--no-pager", lines=40) as shown:
        assert shown.end() == 0
        assert (shown.text().count(" done "), "2 more: -L 0 shows all" in shown.text()) == (20, True)
    for options in (["-q"], ["-L", "0"], ["-L", "21"]):
        with screen(lgrun, "list", "--no-pager", *options, lines=40) as shown:
            assert shown.end() == 0
            assert shown.text().count("hello-") == (21 if "21" in options else 22)
