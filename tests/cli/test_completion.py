"""Completion: what is offered where, in which shell, and at what price."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lgrun.cli.completion_scripts import SCRIPTS
from lgrun.cli.glance import glances

from . import completion_table
from .conftest import MadeOnce, World
from .sources import ASK, FAIL_ONCE, HELLO, REVIEW, SLOW, TYPED

ROOT = Path(__file__).parents[2]


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("flaky.py", FAIL_ONCE)
    lgrun.write("review.py", REVIEW)
    lgrun("invoke", "hello.py", "Ann", "-t", "t-done")
    lgrun("invoke", "flaky.py", "-t", "t-failed")
    lgrun("invoke", "review.py", "topic=cats", "-t", "t-waiting")


@pytest.fixture
def threads(made_once: MadeOnce) -> World:
    """Return a folder with one thread done, one failed and one waiting."""
    return made_once(fill)


def offered(lgrun: World, *words: str) -> dict[str, str]:
    """Return the candidates with their descriptions."""
    result = lgrun("__complete", *words)
    assert (result.code, result.stderr) == (0, "")
    return dict(line.split("\t") for line in result.stdout.splitlines())


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_files_are_what_is_printed(lgrun: World, shell: str) -> None:
    """completions/ holds what `lgrun completion` prints."""
    assert (ROOT / "completions" / f"lgrun.{shell}").read_text() == lgrun("completion", shell).stdout


def test_the_table_is_what_is_declared() -> None:
    """Completion knows the commands and options that there are; else: python -m tests.cli.completion_table"""
    assert completion_table.PATH.read_text() == completion_table.text()


def test_threads_by_how_they_stand(threads: World) -> None:
    """Each command is offered the threads that it can do something with, and what they ask."""
    waiting = {"t-waiting": "waiting: ok?"}

    assert offered(threads, "resume", "") == waiting | {"t-failed": "failed, flaky.py"}
    assert offered(threads, "resume", "t-w") == waiting
    assert offered(threads, "show", "").keys() == {"t-done", "t-failed", "t-waiting"}
    assert offered(threads, "rm", "-f", "t-done", "").keys() == {"t-failed", "t-waiting"}
    assert offered(threads, "-S", str(threads.folder / "other"), "show", "") == {}


def test_questions_and_answers(threads: World) -> None:
    """Behind a thread its questions, behind `q1=` the options; behind `/` steps."""
    assert offered(threads, "resume", "t-waiting", "") == {"q1=": "ok?"}
    assert offered(threads, "resume", "t-waiting", "q1=") == {"q1=yes": "ok?", "q1=no": "ok?"}
    assert offered(threads, "resume", "--wait", "5s", "t-waiting", "q1=n") == {"q1=no": "ok?"}
    assert offered(threads, "show", "t-waiting/") == {"t-waiting/draft": "task", "t-waiting/q1": "ok?"}


def test_commands_and_options(lgrun: World) -> None:
    """Commands, options with what they do, and the values of those that have a list."""
    assert offered(lgrun, "re") == {"resume": "Answer a thread's questions, or continue a failed or stopped one."}
    assert offered(lgrun, "invoke", "--on") == {
        "--on-change": "When the code no longer does what is recorded.",
        "--once": "Start the thread or go on with it; if it is done, print its result again.",
    }
    assert offered(lgrun, "list", "--status", "f").keys() == {"failed"}
    assert offered(lgrun, "resume", "--on-change", "").keys() == {"warn", "ask", "fail", "ignore"}
    assert offered(lgrun, "new", "trip", "--template", "a") == {
        "approve": "a draft, a question to a person, an effect that comes once"
    }
    assert offered(lgrun, "completion", "").keys() == {"bash", "zsh", "fish"}
    assert offered(lgrun, "nonsense", "") == {}
    assert lgrun.files() == []


def test_workflows_and_inputs(lgrun: World) -> None:
    """Names with their documentation, files, and keys of the input; no code of a workflow is run."""
    boom = "\nraise SystemExit\n"
    lgrun.write("workflows/review.py", REVIEW + boom)
    lgrun.write("workflows/broken.py", "def (")
    lgrun.write("typed.py", TYPED + boom)

    assert offered(lgrun, "invoke", "r") == {"review": "Asks two questions.", ":files": ""}
    assert offered(lgrun, "invoke", "review", "") == {"topic=": ""}
    assert offered(lgrun, "batch", "r") == {"review": "Asks two questions.", ":files": ""}
    assert offered(lgrun, "batch", "review", "in") == {":files": ""}
    assert offered(lgrun, "invoke", "typed.py", "") == {"topic=": "str", "limit=": "NotRequired[int]"}
    assert offered(lgrun, "invoke", "typed.py:typed", "l").keys() == {"limit="}
    assert offered(lgrun, "invoke", "broken", "") == {}


def test_a_glance_sees_what_list_sees(threads: World) -> None:
    """Without the saver, the same states; also of a run that lives, and of one that was killed."""
    threads.write("slow.py", SLOW)
    run = threads.start("invoke", "slow.py", "30", "-t", "t-slow")
    try:
        while not (threads.folder / "started").exists():
            assert run.poll() is None
        assert seen(threads) == listed(threads)
        assert seen(threads)["t-slow"] == "running"
    finally:
        run.kill()
        run.communicate()
    assert seen(threads) == listed(threads)
    assert seen(threads)["t-slow"] == "crashed"


def seen(lgrun: World) -> dict[str, str]:
    """Return what completion takes threads for."""
    return {one.thread: one.status for one in glances(str(lgrun.state))}


def listed(lgrun: World) -> dict[str, str]:
    """Return how threads stand."""
    return {row["thread"]: row["status"] for row in lgrun("list", "--json").json}


def test_a_damaged_thread_hides_no_other(threads: World) -> None:
    """What cannot be read is left out."""
    (threads.state / "threads" / "t-failed" / "00000001.json").write_text("[")

    assert offered(threads, "resume", "").keys() == {"t-waiting"}


@pytest.mark.parametrize("words", [[""], ["resume", ""], ["resume", "t-waiting", "q1="], ["show", "t-done/"]])
def test_completion_imports_next_to_nothing(threads: World, words: list[str]) -> None:
    """Neither Typer nor Rich nor the engine, nor anything else but these few modules."""
    code = (
        "import sys; before = set(sys.modules); from lgrun.cli.main import main\n"
        f"sys.argv[1:] = {['__complete', *words]!r}; main()\n"
        "print(*sorted(set(sys.modules) - before), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=threads.folder, env=threads.env(), capture_output=True, text=True
    )
    loaded = set(done.stderr.split())

    assert done.stdout
    assert {name for name in loaded if name.startswith("lgrun")} <= {
        "lgrun",
        "lgrun._folders",
        "lgrun.cli",
        "lgrun.cli.main",
        "lgrun.cli.completing",
        "lgrun.cli.completion_table",
        "lgrun.cli.choices",
        "lgrun.cli.glance",
    }
    heavy = ("typer", "rich", "asyncio", "orjson", "platformdirs", "pathlib", "dataclasses", "inspect", "tomllib")
    assert not loaded & set(heavy)


@pytest.mark.skipif(not shutil.which("bash"), reason="bash is not installed")
@pytest.mark.parametrize(
    ("line", "replies"),
    [
        ("lgrun res", ["resume"]),
        ("lgrun resume t-w", ["t-waiting"]),
        ("lgrun resume t-waiting ", ["q1="]),
        # Bash has cut the word at the sign.
        ("lgrun resume t-waiting q1=", ["yes", "no"]),
        ("lgrun resume t-waiting q1=n", ["no"]),
        ("lgrun resume we", ["we\\ ird"]),
        ("lgrun resume we\\ ird ", ["q1="]),
        ("lgrun invoke hel", ["hello.py"]),
        ("lgrun list --status wai", ["waiting"]),
    ],
)
def test_in_bash(threads: World, line: str, replies: list[str]) -> None:
    """The script of bash, read by bash, hands on what is offered."""
    threads.write("ask.py", ASK)
    if "we" in line:
        threads("invoke", "ask.py", "-t", "we ird")
    env = threads.env({"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "LINE": line})
    pressed = 'COMP_LINE=$LINE COMP_POINT=${#LINE}; _lgrun; printf "%s\\n" "${COMPREPLY[@]}"'
    script = f". {ROOT}/completions/lgrun.bash; {pressed}"
    done = subprocess.run(["bash", "-c", script], cwd=threads.folder, env=env, capture_output=True, text=True)

    assert done.stdout.splitlines() == replies


@pytest.mark.parametrize("shell", SCRIPTS)
def test_the_shell_can_read_its_script(shell: str) -> None:
    """No shell finds a mistake in its script."""
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not installed")
    done = subprocess.run([shell, "-n", ROOT / "completions" / f"lgrun.{shell}"], capture_output=True, text=True)

    assert (done.returncode, done.stderr) == (0, "")
