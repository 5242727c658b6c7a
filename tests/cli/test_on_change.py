"""--on-change ask: a person is asked whether to go on with changed code; where nobody can be asked it is refused."""

import pytest

from .conftest import World
from .screen import screen
from .sources import ASK, HEAD

HELPED = (
    HEAD
    + """
import helper

@task
def look(what: str) -> str:
    return what

@entrypoint()
def helped(input: dict) -> list:
    seen = look(helper.WHAT).result()
    return [seen, interrupt("go on?")]
"""
)


@pytest.fixture
def changed(lgrun: World) -> World:
    """Return a world with a waiting thread whose file is another one now."""
    path = lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t", "a=1")
    path.write_text(ASK + "\n# changed\n")
    return lgrun


@pytest.mark.parametrize("how", ["option", "variable", "file"])
def test_yes(changed: World, how: str) -> None:
    """Who says yes goes on, however it was said that one is to be asked."""
    if how == "file":
        changed("config", "on_change", "ask")
    args = ["--on-change", "ask"] if how == "option" else []
    env = {"LGRUN_ON_CHANGE": "ask"} if how == "variable" else {}

    with screen(changed, "resume", "t", "--value", "5", *args, env=env) as terminal:
        terminal.until("! ask.py changed since t started: go on? [y/N]").type("y")
        assert terminal.end() == 0

    assert changed("show", "t", "--result").json == 5


@pytest.mark.parametrize("answer", ["", "n", "perhaps", "\x04"])
def test_anything_but_yes(changed: World, answer: str) -> None:
    """Anything else is 6; the question stays open, and what to type is said."""
    with screen(changed, "resume", "t", "--value", "5", "--on-change", "ask") as terminal:
        terminal.until("go on? [y/N]").type(answer)
        assert terminal.end() == 6
        assert "lgrun resume t --on-change warn" in terminal.text()

    assert changed("show", "t", "--get", "status").stdout == "waiting\n"


def test_in_a_script(changed: World) -> None:
    """Where nobody can be asked, it is `fail`; without a change it is nothing at all."""
    refused = changed("resume", "t", "--value", "5", "--on-change", "ask")
    with screen(changed, "resume", "t", "--value", "5", "--on-change", "ask", "--no-input") as terminal:
        assert terminal.end() == 6
    changed.write("ask.py", ASK)

    assert (refused.code, refused.stdout) == (6, "")
    assert "✗ ask.py changed since t started" in refused.stderr
    assert changed("resume", "t", "--value", "5", "--on-change", "ask").stdout == "5\n"


def test_a_call_that_is_gone(lgrun: World) -> None:
    """The code no longer makes a recorded call: that is said, and no place in a library."""
    source = HEAD + "\n\n@task\ndef a(i):\n    return i\n\n@entrypoint()\ndef wf(n: int):\n    "
    lgrun.write("wf.py", source + "a(n).result()\n    return interrupt('q')\n")
    lgrun("invoke", "wf.py", "1", "-t", "t")
    lgrun.write("wf.py", source + "return interrupt('q')\n")

    said = lgrun("resume", "t", "--value", "5").stderr
    lgrun.write("wf.py", source + "a(n).result()\n    return interrupt('q')\n")
    lgrun("invoke", "wf.py", "1", "-t", "u")
    lgrun.write("wf.py", source + "return interrupt('q')\n")
    event = lgrun("resume", "u", "--value", "5", "--ndjson").stdout

    sentence = "the code changed: recorded a(1); the code no longer calls it"
    assert f"! {sentence}" in said.splitlines()
    assert f'"message": "{sentence}"' in event
    assert "threading.py" not in said + event


def test_once(changed: World) -> None:
    """invoke --once asks the same."""
    command = ["invoke", "ask.py", "-t", "t", "a=1", "--once", "--on-change", "ask"]
    with screen(changed, *command) as terminal:
        terminal.until("go on? [y/N]").type("yes")
        terminal.until("q1>").type("7")
        assert terminal.end() == 0

    assert changed("show", "t", "--result").json == 7


def test_a_change_that_is_found_in_mid_run(lgrun: World) -> None:
    """In the middle of a run nobody is asked: another argument than the recorded one is refused."""
    lgrun.write("helped.py", HELPED)
    helper = lgrun.write("helper.py", "WHAT = 'cats'\n")
    lgrun("invoke", "helped.py", "-t", "t")
    helper.write_text("WHAT = 'puppies'\n")

    refused = lgrun("resume", "t", "--value", "yes", "--on-change", "ask")

    assert (refused.code, refused.stdout) == (6, "")
    assert "replay mismatch" in refused.stderr
    assert lgrun("resume", "t", "--on-change", "warn").json == ["cats", "yes"]
