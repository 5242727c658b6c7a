"""list, show and history: what they print, and what they do not import."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from lgrun.checkpoint.file import FileSaver
from lgrun.cli.status import HELP_LINE
from lgrun.func import entrypoint

from .conftest import LGRUN, MadeOnce, Result, World
from .sources import FAIL_ONCE, HELLO, REVIEW

Check = Callable[[Result, int, Sequence[str]], None]


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("flaky.py", FAIL_ONCE)
    lgrun.write("review.py", REVIEW)
    lgrun("invoke", "hello.py", "Ann", "-t", "aa-done")
    lgrun("invoke", "flaky.py", "-t", "ab-failed")
    lgrun("invoke", "review.py", "topic=cats", "-t", "b-waiting")


@pytest.fixture
def threads(made_once: MadeOnce) -> World:
    """Return a folder with one thread done, one failed and one waiting, in this order."""
    return made_once(fill)


def test_list(threads: World) -> None:
    """In a pipe, list is tab-separated without a header, newest first, with RFC 3339 times."""
    rows = [line.split("\t") for line in threads("list").stdout.splitlines()]

    assert [row[:3] for row in rows] == [
        ["b-waiting", "waiting", "review.py"],
        ["ab-failed", "failed", "flaky.py"],
        ["aa-done", "done", "hello.py"],
    ]
    assert all(datetime.fromisoformat(row[3]).tzinfo for row in rows)
    assert [row[4] for row in rows] == ["q1  ok?  [yes/no]", "ValueError: net \\x1b[31mred", '"hello Ann"']


def test_list_filters(threads: World) -> None:
    """--status, -L and -q choose what is listed; ls is list."""
    assert threads("list", "--status", "waiting,failed", "-q").stdout == "b-waiting\nab-failed\n"
    assert threads("list", "-q", "-L", "1").stdout == "b-waiting\n"
    assert threads("ls", "-q").stdout == threads("list", "-q").stdout
    assert threads("list", "--status", "stopped", "--json").json == []


def test_list_stops_nowhere_unless_it_is_told_to(lgrun: World) -> None:
    """What a script reads are all threads, whatever the form."""
    lgrun.write("hello.py", HELLO)
    lgrun("batch", "hello.py", "-", input="".join(f'"{n}"\n' for n in range(22)))

    assert len(lgrun("list", "--json").json) == 22
    assert [len(lgrun("list", *form).stdout.splitlines()) for form in ([], ["-q"], ["--ndjson"])] == [22, 22, 22]
    assert [len(lgrun("list", "-L", n).stdout.splitlines()) for n in ("3", "0", "20")] == [3, 22, 20]


def test_list_document(threads: World) -> None:
    """list --json is an array, and --get picks from it."""
    found = threads("list", "--json").json

    assert [row["thread"] for row in found] == ["b-waiting", "ab-failed", "aa-done"]
    assert found[0]["questions"][0]["id"] == "q1"
    assert threads("list", "--get", "0.thread").stdout == "b-waiting\n"


def test_show(threads: World) -> None:
    """show is the header, status, questions with the command, tasks, error and result."""
    waiting, failed, done = (threads("show", name).stdout for name in ("b-waiting", "ab-failed", "aa-done"))

    assert "b-waiting  waiting  review.py" in waiting
    assert "✓ draft" in waiting
    assert "q1  ok?  [yes/no]" in waiting
    assert "lgrun resume b-waiting --value VALUE" in waiting
    assert "ValueError: net" in failed
    assert "lgrun resume ab-failed" in failed
    assert '"hello Ann"' in done


def test_show_parts(threads: World) -> None:
    """--result, --input and --traceback print one thing."""
    assert threads("show", "aa-done", "--result").stdout == '"hello Ann"\n'
    assert threads("show", "b-waiting", "--input").json == {"topic": "cats"}
    assert "flaky.py:16 in second" in threads("show", "ab-failed", "--traceback").stdout


def test_document_of_a_saved_failure(threads: World) -> None:
    """show --json of a failed thread has the recorded error."""
    found = threads("show", "ab-failed", "--json")

    assert found.code == 0
    assert (found.json["status"], found.json["exit"]) == ("failed", 1)
    assert (found.json["error"]["type"], found.json["error"]["task"]) == ("ValueError", "second")


def test_references(threads: World, assert_one_message: Check) -> None:
    """Look commands take the unique start of an id, @last and @waiting; acting ones only whole ids and @."""
    assert threads("show", "b-", "--get", "thread").stdout == "b-waiting\n"
    assert threads("show", "@last", "--get", "thread").stdout == "b-waiting\n"
    assert threads("show", "@waiting", "--get", "thread").stdout == "b-waiting\n"
    assert_one_message(threads("show", "@lst"), 2, ["'@lst' is neither @last nor @waiting\n  did you mean @last?"])
    assert_one_message(threads("resume", "@wating"), 2, ["did you mean @waiting?"])
    assert_one_message(threads("show", "@x/q1"), 2, ["'@x' is neither @last nor @waiting\n"])
    assert_one_message(threads("show", "a"), 2, ["2 threads start with a", "aa-done", "ab-failed"])
    assert_one_message(threads("resume", "b-", "--value", "yes"), 4, ["did you mean b-waiting?"])
    assert threads("resume", "@waiting", "--value", "yes").code == 3
    threads("invoke", "review.py", "topic=x", "-t", "c-waiting")
    assert_one_message(
        threads("show", "@waiting"), 2, ["2 threads are waiting", "c-waiting", "lgrun resume goes through all"]
    )


def test_history(threads: World) -> None:
    """history lists inputs, tasks, questions, answers, errors and results in order."""
    threads("resume", "b-waiting", "q1=yes")
    threads("resume", "b-waiting", "q2=Bob")
    rows = [line.split("\t") for line in threads("history", "b-waiting").stdout.splitlines()]

    assert [row[2] for row in rows] == ["input", "draft", "ask q1", "answer", "ask q2", "answer", "result"]
    assert [int(row[0]) for row in rows] == list(range(1, 8))
    assert rows[1][3] == '✓ "draft about cats"'
    assert rows[2][4].startswith("waited ")
    assert re.fullmatch(r'q1 = "yes"   \(by \S+@\S+, resume\)', rows[3][3])


def test_history_of_a_failure(threads: World) -> None:
    """history shows the failed task, that somebody went on, and how it ended."""
    (threads.folder / "ok").touch()
    threads("resume", "ab-failed")
    found = threads("history", "ab-failed", "--json").json

    assert [row["kind"] for row in found] == ["input", "task", "task", "error", "continue", "task", "result"]
    assert [row.get("status") for row in found if row["kind"] == "task"] == ["done", "failed", "done"]
    assert [row["kind"] for row in threads("history", "ab-failed", "-L", "2", "--json").json] == ["task", "result"]


@pytest.mark.parametrize(
    "args",
    [["list"], ["list", "--json"], ["show", "b-waiting"], ["show", "b-waiting", "--json"], ["history", "b-waiting"]],
)
def test_looking_imports_little(threads: World, args: list[str]) -> None:
    """Look commands load neither the engine nor anything heavy."""
    code = (
        "import atexit, sys; from lgrun.cli.main import main\n"
        "def check():\n"
        "    heavy = {'asyncio', 'rich', 'pydantic', 'lgrun.workflow', 'lgrun.func', 'lgrun.checkpoint.serde',"
        " 'concurrent.futures', 'logging', 'lgrun.types', 'hashlib', 'lgrun.cli.commands.invoke'}\n"
        "    engine = {n for n in sys.modules if n.startswith('lgrun._engine.')} - {'lgrun._engine.context'}\n"
        "    print('HEAVY', sorted(heavy & set(sys.modules) | engine), file=sys.stderr)\n"
        "atexit.register(check); sys.argv[1:] = " + repr(args) + "; sys.exit(main())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=threads.folder, env=threads.env(), capture_output=True, text=True
    )

    assert done.returncode == 0
    assert "HEAVY []" in done.stderr


def test_version_imports_the_standard_library_only(lgrun: World) -> None:
    """--version answers before Typer is imported."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", LGRUN, "--version"], env=lgrun.env(), capture_output=True, text=True
    )

    assert re.fullmatch(r"lgrun \d\S*\n", done.stdout)
    assert "lgrun.cli.main" in done.stderr
    assert "typer" not in done.stderr
    assert "lgrun.cli.app" not in done.stderr


def test_only_versions_of_typer_that_start_fast_are_allowed() -> None:
    """From 0.29 on Typer imports pydantic, which takes longer than all the rest of a look."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    [typer] = [found for found in map(Requirement, project["dependencies"]) if found.name == "typer"]

    assert typer.specifier.contains(version("typer"))
    assert not any(typer.specifier.contains(slow) for slow in ("0.29.0", "0.30.0", "1.0.0"))


COMMANDS = (
    "invoke",
    "resume",
    "batch",
    "watch",
    "new",
    "list",
    "show",
    "fork",
    "history",
    "diff",
    "rm",
    "prune",
    "doctor",
    "config",
    "completion",
    "workflows",
    "schema",
    "help",
)


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help(lgrun: World, command: str) -> None:
    """Every help page begins with examples and ends with the exit codes, also where colours are forced."""
    args = [command] if command else []
    plain = lgrun(*args, "-h")
    forced = lgrun(*args, "--help", env={"FORCE_COLOR": "1", "GITHUB_ACTIONS": "true"})

    assert plain.code == 0
    codes = " ".join(plain.stdout[plain.stdout.rindex("Exit codes: ") :].split())
    assert codes == HELP_LINE
    examples = plain.stdout.index("  lgrun ")
    assert examples < plain.stdout.index("Options:")
    assert plain.stdout == forced.stdout
    assert "\x1b" not in plain.stdout


def test_no_command(lgrun: World) -> None:
    """Without a command there is the help page, and it is a usage error."""
    result = lgrun()

    assert (result.code, result.stdout) == (2, "")
    assert "Usage: lgrun" in result.stderr


def test_hints_name_what_exists(lgrun: World) -> None:
    """Every `lgrun COMMAND` and --flag that the source mentions exists."""
    from pathlib import Path

    import lgrun as package

    commands = set(COMMANDS)
    text = "\n".join(path.read_text() for path in (Path(package.__file__).parent / "cli").rglob("*.py"))
    mentioned = set(re.findall(r"[`\"'(]lgrun ([a-z]+)\b", text))
    mentioned |= set(re.findall(r"^    lgrun ([a-z]+) ", text, re.MULTILINE))
    pages = "".join(lgrun(command, "-h").stdout for command in commands) + lgrun("-h").stdout
    flags = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))

    assert mentioned <= commands
    assert {flag for flag in flags if flag not in pages} <= {"--get=", "--state-dir="}


def test_tagged_values_print_plainly(lgrun: World) -> None:
    """Values JSON does not have print as their plain inner form."""
    lgrun.write(
        "wf.py",
        "import datetime, enum, dataclasses\nfrom lgrun.func import entrypoint\n"
        "@dataclasses.dataclass\nclass D:\n    x: int\n"
        "@entrypoint()\ndef wf(input: dict):\n    return {'t': (1, 2), 'i': {1: 'a'}, 'big': 2**70, 'd': D(5),\n"
        "        'at': datetime.datetime(2026, 1, 2), 's': {3}, 'nan': float('nan'), 'tag': {'$lgrun': 'x'}}\n",
    )

    result = lgrun("invoke", "wf.py", "-t", "t")

    assert result.json == {
        "t": [1, 2],
        "i": {"1": "a"},
        "big": 2**70,
        "d": {"x": 5},
        "at": "2026-01-02T00:00:00",
        "s": [3],
        "nan": "nan",
        "tag": {"$lgrun": "x"},
    }
    assert lgrun("resume", "t").stdout == lgrun("show", "t", "--result").stdout == result.stdout
    assert json.loads(lgrun("show", "t", "--json").stdout)["value"] == result.json


def test_an_id_of_two_lines(lgrun: World) -> None:
    """A program that reads ids by lines must not take it for two threads."""

    @entrypoint(checkpointer=FileSaver(lgrun.state))
    def main(n: int) -> int:
        return n

    for thread in ("rome", "not\nrome"):
        main.invoke(1, {"configurable": {"thread_id": thread}})
    result = lgrun("list", "-q")

    assert result.stdout == "rome\n"
    assert result.stderr == "! 1 not listed, with line breaks in the id: lgrun list --json\n"
    assert {row["thread"] for row in lgrun("list", "--json").json} == {"rome", "not\nrome"}
