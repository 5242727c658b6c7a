"""The live view of a run, compared as the text on the screen."""

import re
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from lgrun.cli.render.live import draw_row
from lgrun.cli.render.plain import Reporter
from lgrun.cli.render.tree import Row, Tree

from .conftest import LGRUN, World
from .screen import Screen, screen
from .sources import ASK, FAIL_ONCE, HEAD, HELLO

NESTED = (
    HEAD
    + """
import os, sys
from lgrun.config import get_stream_writer
from lgrun.types import RetryPolicy

def wait(name):
    while not os.path.exists(name):
        pass

@task
def inner():
    get_stream_writer()({"page": 1})
    wait("go")
    return 1

@task
def outer_task_with_a_name_that_is_much_too_long_for_a_narrow_terminal():
    return inner().result()

@task(retry_policy=RetryPolicy(max_attempts=3, initial_interval=0.01, jitter=False))
def shaky():
    if not os.path.exists("tried"):
        open("tried", "w").close()
        raise ConnectionError("net")
    return 2

@entrypoint()
def nested(input: dict):
    a = outer_task_with_a_name_that_is_much_too_long_for_a_narrow_terminal().result()
    print("printed")
    sys.stdout.write("no newline")
    sys.stdout.flush()
    os.system("echo from a child")
    return a + shaky().result() + interrupt("what?")
"""
)

MANY = (
    HEAD
    + """
import os

@task
def fetch(i):
    while not os.path.exists("go"):
        pass
    if i == 7:
        raise ValueError("page 7")
    return i

@entrypoint()
def many(n: int):
    calls = [fetch(i) for i in range(n)]
    return sum(call.result() for call in calls)
"""
)


def event(kind: str, **fields: Any) -> Any:
    """Return an event of a task, as far as the view reads it."""
    defaults = {"ns": (), "depth": 0, "attempt": 1, "ms": 1200.0, "delay": 1.0, "error": None, "replayed": True}
    return SimpleNamespace(**{**defaults, "type": kind, **fields})


def told(*events: Any) -> Tree:
    """Return the tree after these events, all of which came at time 0."""
    tree = Tree()
    for one in events:
        tree.tell(one, 0.0)
    return tree


def test_states() -> None:
    """Each state of a task has its line."""
    tree = told(
        event("task.start", id="1", name="a"),
        event("task.end", id="1", name="a"),
        event("task.saved", id="2", name="b"),
        event("task.saved", id="3", name="c", replayed=False),
        event("task.start", id="4", name="d"),
        event("task.retry", id="4", name="d", error=ValueError("net"), delay=2.5),
        event("task.start", id="5", name="e"),
        event("task.error", id="5", name="e", error=ValueError("x"), attempt=3),
        event("task.start", id="6", name="f", attempt=2),
        event("task.start", id="7", name="g"),
        event("question", name="g"),
    )

    assert tree.rows(1.0, 20) == [
        Row(0, "done", "a", "1.2s"),
        Row(0, "saved", "b", "saved"),
        Row(0, "cached", "c", "cached"),
        Row(0, "retry", "d", "again in 2s", "ValueError: net"),
        Row(0, "failed", "e", "1.2s  attempt 3", "ValueError: x"),
        Row(0, "running", "f", "1s  attempt 2"),
        Row(0, "waiting", "g", "asks"),
    ]


def test_tree_of_tasks() -> None:
    """A task called in a task, or in a run inside one, stands under it."""
    tree = told(
        event("task.start", id="1", name="a"),
        event("task.start", id="2", name="b"),
        event("task.start", id="3", name="deep", parent="1", depth=1),
        event("task.start", id="4", name="deep", parent="2", depth=1),
        event("task.start", id="5", name="in a run", ns=("a:1",)),
    )

    assert [(row.indent, row.name) for row in tree.rows(0, 20)] == [
        (0, "a"),
        (1, "deep"),
        (1, "in a run"),
        (0, "b"),
        (1, "deep"),
    ]


def test_error_of_the_run_is_not_told_twice() -> None:
    """When the run ends, the error it ends with is left to the message that follows; others stay."""
    mine, other = ValueError("mine"), ValueError("other")
    tree = told(
        event("task.start", id="1", name="a"),
        event("task.error", id="1", name="a", error=mine),
        event("task.start", id="2", name="b"),
        event("task.error", id="2", name="b", error=other),
        event("task.start", id="3", name="c"),
        event("run.end", error=mine, questions=()),
    )

    assert [(row.state, row.remark) for row in tree.rows(0, 9)] == [
        ("failed", ""),
        ("failed", "ValueError: other"),
        ("stopped", ""),
    ]


def test_rows_fit() -> None:
    """Of too many tasks, those that are alike and done become one line; then what runs and what failed is kept."""
    starts = [event("task.start", id=str(n), name="fetch") for n in range(1000)]
    ends = [event("task.end", id=str(n), name="fetch") for n in range(990)]
    failure = event("task.error", id="999", name="fetch", error=ValueError("x"))
    tree = told(event("task.saved", id="p", name="plan"), *starts, *ends, failure)

    folded = tree.rows(0, 20)
    assert folded[:2] == [Row(0, "saved", "plan", "saved"), Row(0, "folded", "fetch", "990 done")]
    assert [row.state for row in folded[2:]] == ["running"] * 9 + ["failed"]
    tight = tree.rows(0, 5)
    assert [row.state for row in tight] == ["running"] * 3 + ["failed", "folded"]
    assert tight[-1].name == "990 done, 6 running, 1 saved"
    for height in range(1, 1003):
        assert len(tree.rows(0, height)) <= height


def token(id: str, text: Any, kind: str = "token") -> Any:
    """Return a piece of what a chat model says."""
    made = event("token", id=id, name="a", message=SimpleNamespace(content=text))
    made.kind = kind
    return made


def test_what_models_say() -> None:
    """The last six lines that a model said stand below its running task, and go when the task is over."""
    tree = told(
        event("task.start", id="1", name="a"),
        event("task.start", id="2", name="b"),
        *[token("1", part) for n in range(8) for part in (f"line {n}", "\n")],
        token("1", [{"type": "text", "text": "the end"}, {"type": "image"}]),
        token("1", "not a token", "whole"),
        token("body", "from the body"),
    )

    assert [(row.indent, row.state, row.name) for row in tree.rows(0, 20)] == [
        (0, "running", "a"),
        *[(1, "text", f"line {n}") for n in range(3, 8)],
        (1, "text", "the end"),
        (0, "running", "b"),
        (0, "text", "from the body"),
    ]
    assert [row.name for row in tree.rows(0, 5)] == ["a", "b"]

    tree.tell(event("task.end", id="1", name="a"), 0.0)
    tree.tell(event("run.end", questions=()), 0.0)
    assert [row.name for row in tree.rows(0, 20)] == ["a", "b"]


def test_what_models_say_in_plain_output() -> None:
    """With --verbose whole lines are printed as they come, and the rest when the task is over; else nothing."""

    def printed(verbose: int) -> list[str]:
        lines: list[str] = []
        flags = SimpleNamespace(verbose=verbose)
        reporter = Reporter(SimpleNamespace(flags=flags, note=lines.append, monotonic=lambda: 0.0))  # type: ignore[arg-type]
        for one in (token("1", "on"), token("1", "e\ntw"), token("1", "o"), event("task.end", id="1", name="a")):
            reporter.tell(one)
        return lines

    assert printed(1) == ["│ a: one", "│ a: two", "✓ a 1.2s"]
    assert printed(0) == ["✓ a 1.2s"]


@pytest.mark.parametrize("width", range(1, 60, 3))
def test_rows_fit_the_width(width: int) -> None:
    """A line is never wider than the screen, wide letters included; the time stays as long as there is room."""
    for indent in (0, 3, 50):
        row = Row(indent, "failed", "名前" * 20, "1.2s  attempt 3", "ValueError: no " * 9)

        line = draw_row(row, width)

        assert line.cell_len <= width
        assert "1.2s  attempt 3" in line.plain or width < 30


@pytest.mark.parametrize("columns", [80, 40, 20])
def test_view(lgrun: World, columns: int) -> None:
    """While it runs there is a tree below what is said; at the end the same tree stays, and nothing wraps."""
    lgrun.write("nested.py", NESTED)

    with screen(lgrun, "invoke", "nested.py", "-t", "t", "--no-input", columns=columns) as shown:
        shown.until("● inner")
        name = "outer_task_with_a_name_that_is_much_too_long_for_a_narrow_terminal"
        cut = name if columns == 80 else name[: columns - 4] + "…"
        assert shown.lines() == ["▸ t", '· {"page": 1}', f"● {cut}", "  ● inner"]
        lgrun.write("go", "")
        assert shown.end() == 3

    lines = [re.sub(r"\d+ms|\d\.\ds", "0s", line) for line in shown.everything()]
    begin = next(n for n, line in enumerate(lines) if line.startswith("✓"))
    assert lines[begin].startswith("✓ outer_")
    assert lines[begin].endswith("  0s")
    assert ("…" in lines[begin]) == (columns < 80)
    rest = ["  ✓ inner  0s", "✓ shaky  0s  attempt 2", "? t waits for an answer"]
    if columns > 30:
        assert lines[begin + 1 : begin + 4] == rest
    assert "printed" in lines
    assert "no newlinefrom a child"[:columns] in lines
    assert all(len(line) <= columns for line in lines)


def test_saved_tasks_are_marked(lgrun: World) -> None:
    """After an answer, finished tasks are shown as saved."""
    lgrun.write("nested.py", NESTED)
    lgrun.write("go", "")

    with screen(lgrun, "invoke", "nested.py", "-t", "t") as shown:
        shown.until("q1>").type("4")
        assert shown.end() == 0

    text = shown.text()
    assert "⟲ shaky  saved" in text
    assert text.count("● ") == 0
    assert re.search(r"✓ t done in \S+\n7$", text)


def test_many_tasks(lgrun: World) -> None:
    """300 parallel tasks stay on a screen of 12 lines, running ones and failures first."""
    lgrun.write("many.py", MANY)

    with screen(lgrun, "invoke", "many.py", "300", "-t", "t", lines=12) as shown:
        shown.until(lambda s: bool(re.search(r"… \d+ running", s.text())))
        assert shown.lines()[0] == "▸ t"
        assert len(shown.lines()) <= 12
        lgrun.write("go", "")
        assert shown.end() == 1

    lines = [re.sub(r"\d+ms|\d\.\ds", "0s", line) for line in shown.everything()]
    assert [line for line in lines if re.fullmatch(r"… fetch  \d+ done", line)]
    assert lines.count("✗ fetch  0s  7") == 1
    assert "✗ t failed in fetch(7)" in lines
    assert lines.count("  ValueError: page 7") == 1
    # Nothing of the views drawn before is left.
    assert not [line for line in lines if line.startswith("●")]


def test_error_is_shown_once(lgrun: World) -> None:
    """On a terminal and in a pipe the message of the error is there once."""
    lgrun.write("flaky.py", FAIL_ONCE)

    with screen(lgrun, "invoke", "flaky.py", "-t", "t") as shown:
        assert shown.end() == 1
    piped = lgrun("invoke", "flaky.py", "-t", "p").stderr

    assert shown.text().count("ValueError: net \\x1b[31mred") == 1
    assert piped.count("ValueError: net \\x1b[31mred") == 1
    assert piped.splitlines()[2].startswith("✗ second(1) failed after")
    # The view has said of the task what there is to say.
    assert len(re.findall("✗ second", shown.text())) == 1
    assert "✗ t failed in second(1)" in shown.lines()


def test_caught_error_is_shown(lgrun: World) -> None:
    """An error that the workflow catches is told all the same."""
    source = FAIL_ONCE.replace("    return second(first().result()).result()", "    CALL").replace(
        "    CALL", "    try:\n        second(1).result()\n    except ValueError:\n        return first().result()"
    )
    lgrun.write("flaky.py", source)

    with screen(lgrun, "invoke", "flaky.py", "-t", "t") as shown:
        assert shown.end() == 0
    piped = lgrun("invoke", "flaky.py", "-t", "p").stderr

    assert "ValueError: net" in shown.text()
    assert "✗ second(1) ValueError: net" in piped


def colours(shown: Screen) -> list[str]:
    """Return the colour sequences that were written."""
    return re.findall("\x1b\\[([0-9;]*)m", shown.raw)


@pytest.mark.parametrize(
    ("args", "env", "colored"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        ([], {"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        (["--color", "never"], {"FORCE_COLOR": "1"}, False),
        (["--color=always"], {"NO_COLOR": "1"}, True),
        ([], {"TERM": "dumb"}, False),
        ([], {"TERM": "dumb", "FORCE_COLOR": "1"}, True),
    ],
)
def test_colours(lgrun: World, args: list[str], env: dict[str, str], colored: bool) -> None:
    """Colours: the flag, then the variables, then the terminal. Only the named ones, and never a background."""
    lgrun.write("hello.py", HELLO)

    with screen(lgrun, *args, "invoke", "hello.py", "Ann", env=env) as shown:
        assert shown.end() == 0

    found = colours(shown)
    assert bool(found) == colored
    assert set(found) <= {"", "0", "1", "2", "31", "32", "33", "36"}
    assert ("\x1b[1A" in shown.raw or "\x1b[2K" in shown.raw) == (env.get("TERM") != "dumb")
    assert shown.lines()[1].startswith("✓ greet")


def test_colours_in_a_pipe(lgrun: World) -> None:
    """In a pipe there are none, unless they are asked for; stdout never has any."""
    lgrun.write("hello.py", HELLO)

    plain = lgrun("invoke", "hello.py", "Ann")
    forced = lgrun("invoke", "hello.py", "Ann", "--color", "always")

    assert "\x1b" not in plain.stderr
    assert "\x1b[32m✓\x1b[0m greet" in forced.stderr
    assert forced.stdout == plain.stdout == '"hello Ann"\n'
    assert lgrun("invoke", "hello.py", "Ann", "--color", "sometimes").code == 2


def test_quiet_has_no_view(lgrun: World) -> None:
    """-q draws nothing."""
    lgrun.write("hello.py", HELLO)

    with screen(lgrun, "invoke", "hello.py", "Ann", "-q") as shown:
        assert shown.end() == 0

    assert shown.lines() == ["hello Ann"]


def test_prints_keep_the_view_whole(lgrun: World) -> None:
    """What tasks and their children print stands above the view, line by line, long lines and colours too."""
    source = HEAD + (
        "import os, sys\n@task\ndef noisy(i):\n    for n in range(50):\n        print('line', i, n, 'x' * 100)\n"
        "    os.system('printf \"\\\\033[32mgreen\\\\033[0m \\\\033[2J10%%\\\\r20%%\\\\n\"')\n    return i\n"
        "@entrypoint()\ndef wf(input: dict):\n    [call.result() for call in [noisy(i) for i in range(4)]]\n"
    )
    lgrun.write("wf.py", source)

    with screen(lgrun, "invoke", "wf.py", "-t", "t", lines=10) as shown:
        assert shown.end() == 0

    lines = shown.everything()
    for i in range(4):
        for n in range(50):
            assert lines.count(f"line {i} {n} {'x' * 100}"[:80]) == 1
    assert lines.count("20%") == 4
    assert "\x1b[2J" not in shown.raw
    assert [line[:7] for line in lines[-5:]] == ["✓ noisy"] * 4 + ["✓ t don"]


def test_program_left_behind(lgrun: World) -> None:
    """A program that outlives the task and holds its streams does not hold the command up."""
    lgrun.write("wf.py", ASK.replace('return interrupt("what?")', "import os; os.system('sleep 30 &')"))

    with screen(lgrun, "invoke", "wf.py", "-t", "t") as shown:
        assert shown.end(timeout=10) == 0


def test_long_result_is_cut(lgrun: World) -> None:
    """On a terminal a result is cut after 200 lines, with the command that shows all of it."""
    lgrun.write("wf.py", ASK.replace('return interrupt("what?")', "return list(range(500))"))

    with screen(lgrun, "invoke", "wf.py", "-t", "t") as shown:
        assert shown.end() == 0

    assert shown.lines()[-1] == "… 302 more lines: lgrun show t --result"
    assert "    198," not in shown.text()


def test_a_background_job_does_not_draw(lgrun: World) -> None:
    """A job in the background of a shell prints plain lines: the screen is not its own."""
    lgrun.write("hello.py", HELLO)

    with screen(lgrun, "-ic", f"{LGRUN} invoke hello.py Ann -t t & wait", command="bash") as shown:
        shown.end()

    assert "✓ greet" in shown.text()
    assert "\x1b[2K" not in shown.raw


def test_a_pipe_does_not_import_rich(lgrun: World) -> None:
    """Without a terminal a run never imports Rich."""
    lgrun.write("hello.py", HELLO)
    code = (
        "import sys, atexit; from lgrun.cli.main import main; sys.argv[1:] = ['invoke', 'hello.py', 'Ann']\n"
        "atexit.register(lambda: print('RICH', 'rich' in sys.modules, file=sys.stderr)); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True
    )

    assert "RICH False" in done.stderr
