"""The inbox: `lgrun resume` without a thread shows what waits, at a terminal, and goes from one to the next."""

import re
import signal
from collections.abc import Callable, Sequence

import pytest

from .conftest import Result, World
from .screen import Screen, screen
from .sources import ASK, HEAD

Check = Callable[[Result, int, Sequence[str]], None]

MENU = (
    HEAD
    + """
@entrypoint()
def menu(name: str):
    answer = interrupt({"question": f"Ship {name}?", "options": ["yes", "no"]})
    if answer == "no":
        raise ValueError("then not")
    return f"{name}: {answer}"
"""
)


@pytest.fixture
def waiting(lgrun: World) -> World:
    """Return a folder with two threads that wait; `new` was touched last."""
    lgrun.write("menu.py", MENU)
    for thread in ("old", "new"):
        assert lgrun("invoke", "menu.py", thread, "-t", thread).code == 3
    return lgrun


def shape(shown: Screen) -> list[str]:
    """Return the lines of the screen without what changes from run to run."""
    lines = [re.sub(r"\d+(\.\d+)?(ms|s)|just now", "TIME", line) for line in shown.everything()]
    return [re.sub(r"TIME ago", "TIME", line) for line in lines]


def test_one_after_another(waiting: World) -> None:
    """Enter takes the first, its questions are asked as by `resume THREAD`, and the next is shown."""
    with screen(waiting, "resume") as shown:
        shown.until("inbox>").type("").until("q1>").type("1")
        shown.until(lambda s: s.text().count("inbox>") == 2).type("old").until(lambda s: s.text().count("q1>") == 2)
        shown.type("yes")
        assert shown.end() == 0

    assert shape(shown) == [
        "2 threads wait for an answer",
        "  1  new  TIME",
        "     q1  Ship new?  [yes/no]",
        "  2  old  TIME",
        "     q1  Ship old?  [yes/no]",
        "  Enter: new · a number: that one · s: skip the first · q: quit",
        "inbox>",
        "? Ship new?",
        "  1  yes",
        "  2  no",
        "  a number or a word · s leaves it open",
        "q1> 1",
        '→ q1 = "yes" (text)',
        "✓ new done in TIME",
        "new: yes",
        "1 thread waits for an answer",
        "  1  old  TIME",
        "     q1  Ship old?  [yes/no]",
        "  Enter: old · a number: that one · s: skip the first · q: quit",
        "inbox> old",
        "? Ship old?",
        "  1  yes",
        "  2  no",
        "  a number or a word · s leaves it open",
        "q1> yes",
        '→ q1 = "yes" (text)',
        "✓ old done in TIME",
        "old: yes",
        "no thread waits any more",
    ]
    assert waiting("show", "old", "--result").json == "old: yes"


def test_skipping_and_leaving(waiting: World) -> None:
    """`s` in the list or at the question leaves a thread waiting and is no answer; then 3, because something waits."""
    with screen(waiting, "resume") as shown:
        shown.until("inbox>").type("s").until("1 thread waits").until(lambda s: s.text().count("inbox>") == 2)
        shown.type("1").until("q1>").type("s")
        assert shown.end() == 3

    assert "2 still wait:  lgrun list --status waiting" in shown.text()
    assert waiting("list", "--status", "waiting", "-q").stdout == "new\nold\n"


@pytest.mark.parametrize(("key", "code"), [("q\r", 3), ("\x04", 3), ("\x03", -signal.SIGINT)])
def test_leaving_the_list(waiting: World, key: str, code: int) -> None:
    """q and Ctrl-D leave, Ctrl-C ends lgrun by the signal; nothing is answered."""
    with screen(waiting, "resume") as shown:
        shown.until("inbox>").child.send(key)
        assert shown.end() == code

    assert waiting("list", "--status", "waiting", "-q").stdout == "new\nold\n"


@pytest.mark.parametrize(("key", "code"), [("\x04", 3), ("\x03", -signal.SIGINT)])
def test_leaving_at_the_question(waiting: World, key: str, code: int) -> None:
    """Ctrl-D leaves a thread waiting and goes on to the next, Ctrl-C ends the inbox as well."""
    with screen(waiting, "resume") as shown:
        shown.until("inbox>").type("2").until("q1>").child.send(key)
        if code == 3:
            shown.until(lambda s: s.text().count("inbox>") == 2).type("q")
        assert shown.end() == code

    assert waiting("list", "--status", "waiting", "-q").stdout == "new\nold\n"


def test_a_failure_is_reported_and_the_next_comes(waiting: World) -> None:
    """A thread that fails after its answer ends nothing but itself; the exit code is 1."""
    with screen(waiting, "resume") as shown:
        shown.until("inbox>").type("9").until("type a number of the list").until(
            lambda s: s.text().count("inbox>") == 2
        )
        shown.type("1").until("q1>").type("no").until("then not")
        shown.until(lambda s: s.text().count("inbox>") == 3).type("q")
        assert shown.end() == 1

    assert waiting("list", "--status", "failed", "-q").stdout == "new\n"
    assert "1 still waits" in shown.text()


def test_what_happens_elsewhere_meanwhile(waiting: World) -> None:
    """A thread that was answered or deleted while the list was shown is said to be so, and the others are shown."""
    waiting.write("ask.py", ASK)
    waiting("invoke", "ask.py", "-t", "last")

    with screen(waiting, "resume") as shown:
        shown.until("inbox>")
        assert waiting("resume", "last", "--value", "elsewhere").code == 0
        shown.type("last").until("last does not wait any more: it is done")
        shown.until(lambda s: s.text().count("inbox>") == 2)
        assert waiting("rm", "new", "-f").code == 0
        shown.type("new").until("new does not wait any more: it is gone")
        shown.until(lambda s: s.text().count("inbox>") == 3).until("1 thread waits for")
        assert waiting("resume", "old", "--value", "yes").code == 0
        shown.type("")
        assert shown.end() == 0

    assert waiting("show", "last", "--result").json == "elsewhere"


def test_a_thread_that_cannot_go_on_does_not_hide_the_others(waiting: World) -> None:
    """Its workflow is gone: that is said, and it is not offered again."""
    waiting.write("ask.py", ASK)
    waiting("invoke", "ask.py", "-t", "lost")
    (waiting.folder / "ask.py").unlink()

    with screen(waiting, "resume") as shown:
        shown.until("inbox>").type("").until("is not there any more")
        shown.until(lambda s: s.text().count("inbox>") == 2).until("2 threads wait").type("q")
        assert shown.end() == 3


def test_a_small_screen(lgrun: World) -> None:
    """What does not fit is counted; it can still be picked by its number, and nothing is wider than the screen."""
    lgrun.write("menu.py", MENU)
    for n in range(6):
        lgrun("invoke", "menu.py", "name" * 20, "-t", f"t{n}")

    with screen(lgrun, "resume", columns=40, lines=10) as shown:
        shown.until("inbox>")
        assert "  … 4 more:  lgrun list --status waiting" in shown.everything()
        assert "     q1  Ship namenamenamenamenamename…" in shown.everything()
        shown.type("6").until("q1>").type("yes").until("t0 done").until(lambda s: s.text().count("inbox>") == 2)
        shown.type("q")
        assert shown.end() == 3


def test_options_are_handed_on(waiting: World) -> None:
    """Each thread is continued with the options of the inbox, here another state directory and an editor."""
    other = str(waiting.folder / "other")
    waiting("invoke", "menu.py", "far", "-t", "far", "-S", other)
    edit = waiting.write("edit.sh", '#!/bin/sh\nprintf \'"yes"\' > "$1"\n')
    edit.chmod(0o755)

    with screen(waiting, "resume", "--edit", "-S", other, env={"VISUAL": str(edit)}) as shown:
        shown.until("1 thread waits").until("inbox>").type("")
        assert shown.end() == 0

    assert waiting("show", "far", "--result", "-S", other).json == "far: yes"


def test_in_a_pipe(waiting: World, assert_one_message: Check) -> None:
    """Without a terminal it is 2, with each question and the command that answers it."""
    result = waiting("resume")

    assert_one_message(result, 2, ["say which thread: 2 threads wait for an answer"])
    assert result.stderr.splitlines()[1:7] == [
        "  new",
        "    q1  Ship new?  [yes/no]",
        "    lgrun resume new --value VALUE",
        "  old",
        "    q1  Ship old?  [yes/no]",
        "    lgrun resume old --value VALUE",
    ]


def test_nothing_waits(lgrun: World) -> None:
    """It is said, and is no mistake; nothing is created."""
    result = lgrun("resume")

    assert (result.code, result.stdout, result.stderr) == (0, "", "no thread waits for an answer\n")
    assert lgrun("resume", "--json").json == []
    assert not lgrun.state.exists()


@pytest.mark.parametrize("arguments", [["--value", "yes"], ["--all", "--text", "x"], ["-w", "menu.py"]])
def test_an_answer_without_a_thread(waiting: World, assert_one_message: Check, arguments: list[str]) -> None:
    """An answer is never given to whichever thread waits."""
    assert_one_message(waiting("resume", *arguments), 2, ["say which THREAD"])

    assert waiting("list", "--status", "waiting", "-q").stdout == "new\nold\n"
