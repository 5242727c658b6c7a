"""Workflows driven from a shell script, by exit codes and stdout alone."""

import os
import subprocess
from pathlib import Path

import pytest

from .conftest import LGRUN, World
from .sources import ASK, FAIL_ONCE, HELLO, REVIEW, TYPED

SCRIPT = f"""
set -u
out=$({LGRUN} invoke review.py -t pr-1 topic=cats --no-input); rc=$?
[ -z "$out" ] || exit 90
rounds=0
while [ $rc -eq 3 ]; do
  rounds=$((rounds + 1))
  q=$({LGRUN} show pr-1 --get questions.0.id)
  text=$({LGRUN} show pr-1 --get questions.0.text)
  case $text in
    'ok?') answer=yes ;;
    'your name?') answer='a=b "c"' ;;
    *) exit 91 ;;
  esac
  out=$({LGRUN} resume pr-1 "$q=$answer" --no-input); rc=$?
done
[ $rounds -eq 2 ] || exit 92
[ $rc -eq 0 ] && printf '%s\\n' "$out" || exit $rc
"""


def test_two_questions_from_a_script(lgrun: World) -> None:
    """A shell script answers two questions by exit code and stdout; the finished task runs once."""
    lgrun.write("review.py", REVIEW)

    done = subprocess.run(
        ["sh", "-c", SCRIPT], cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 0, done
    assert done.stdout == '{"text": "draft about cats", "ok": "yes", "name": "a=b \\"c\\""}\n'
    assert (lgrun.folder / "ran.txt").read_text() == "draft\n"


def test_value_on_stdout(lgrun: World) -> None:
    """stdout is the return value as one JSON line and nothing else."""
    lgrun.write("hello.py", HELLO)

    result = lgrun("invoke", "hello.py", "Ann")

    assert (result.code, result.stdout) == (0, '"hello Ann"\n')
    assert "✓ greet" in result.stderr


def test_get_value_is_bare(lgrun: World) -> None:
    """--get prints text without quotes."""
    lgrun.write("hello.py", HELLO)

    assert lgrun("invoke", "hello.py", "é", "--get", "value").stdout == "hello é\n"


def test_get_of_nothing(lgrun: World) -> None:
    """--get of a place that is not there is 4 and says what is there."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")

    result = lgrun("show", "t", "--get", "questions.0.text")

    assert (result.code, result.stdout) == (4, "")
    assert "questions has 0 elements" in result.stderr


def test_options_before_the_command(lgrun: World) -> None:
    """Shared options mean the same before and after the command."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    other = str(lgrun.folder / "other")

    assert lgrun("--json", "list").json == lgrun("list", "--json").json
    assert lgrun("-q", "list").stdout == "t\n"
    assert lgrun("-S", other, "list").stdout == lgrun("list", "--state-dir", other).stdout == ""


def test_next_command_names_the_state_dir(lgrun: World) -> None:
    """What is printed to be typed works as it stands, -S included."""
    lgrun.write("ask.py", ASK)

    result = lgrun("invoke", "ask.py", "-t", "t", "--json", "-S", "my state")
    (line,) = result.json["next"]
    done = subprocess.run(
        line.replace("VALUE", "42").replace("lgrun", LGRUN, 1),
        shell=True,
        cwd=lgrun.folder,
        env=lgrun.env(),
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (0, "42\n")


def test_document_of_a_waiting_run(lgrun: World) -> None:
    """--json of a waiting run has the questions and the exit code."""
    lgrun.write("review.py", REVIEW)

    result = lgrun("invoke", "review.py", "topic=cats", "-t", "t", "--json")

    assert result.code == result.json["exit"] == 3
    assert result.json["schema"] == "lgrun.run/1"
    assert result.json["status"] == "waiting"
    assert result.json["has_value"] is False
    assert result.json["workflow"]["ref"] == "review.py"
    (question,) = result.json["questions"]
    assert (question["id"], question["text"], question["options"]) == ("q1", "ok?", ["yes", "no"])
    assert [task["name"] for task in result.json["tasks"]] == ["draft"]


def test_document_of_a_failed_run(lgrun: World) -> None:
    """--json of a failed run has the error with the user's frames only."""
    lgrun.write("flaky.py", FAIL_ONCE)

    result = lgrun("invoke", "flaky.py", "-t", "t", "--json")

    assert result.code == result.json["exit"] == 1
    error = result.json["error"]
    assert (error["type"], error["task"]) == ("ValueError", "second")
    assert {os.path.basename(frame["file"]) for frame in error["frames"]} == {"flaky.py"}
    assert result.json["next"] == ["lgrun resume t"]


def test_failed_run_is_continued(lgrun: World) -> None:
    """A failed run names the task, the line and the command; resume does not repeat what is finished."""
    lgrun.write("flaky.py", FAIL_ONCE)

    failed = lgrun("invoke", "flaky.py", "-t", "t")
    (lgrun.folder / "ok").touch()
    done = lgrun("resume", "t")

    assert (failed.code, failed.stdout) == (1, "")
    assert "✗ second(1) failed" in failed.stderr
    assert "flaky.py:16 in second" in failed.stderr
    assert "1 finished task is kept.  continue:  lgrun resume t" in failed.stderr
    assert "\x1b" not in failed.stderr
    assert "Traceback" not in failed.stderr
    assert (done.code, done.stdout) == (0, "2\n")
    assert (lgrun.folder / "ran.txt").read_text() == "first\n"


@pytest.mark.parametrize(
    ("args", "value"),
    [
        (["--value", "-5"], -5),
        (["--value", ""], ""),
        (["--value", "null"], None),
        (["--value", "007"], "007"),
        (["--value", "a=b"], "a=b"),
        (["--value", '{"a": [1]}'], {"a": [1]}),
        (["--text", "{bad"], "{bad"),
        (["--text", "@literal"], "@literal"),
        (["--text", "-"], "-"),
        (["q1=yes"], "yes"),
        (["q1=a=b:=c"], "a=b:=c"),
        (["q1:=true"], True),
        (["q1:=null"], None),
        (["q1=@answer.txt"], "from a file"),
        (["--value", "@answer.json"], {"a": 1}),
    ],
)
def test_answers(lgrun: World, args: list[str], value: object) -> None:
    """Every way to type an answer gives exactly this value."""
    lgrun.write("ask.py", ASK)
    lgrun.write("answer.txt", "from a file\n")
    lgrun.write("answer.json", '{"a": 1}')
    lgrun("invoke", "ask.py", "-t", "t")

    result = lgrun("resume", "t", *args)

    assert result.code == 0, result
    assert result.json == value


@pytest.mark.parametrize("text", ["yes\n", "yes", '"yes"\n'])
def test_answer_from_stdin(lgrun: World, text: str) -> None:
    """`-` reads standard input, without the last newline."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")

    assert lgrun("resume", "t", "--value", "-", input=text).json == "yes"


def test_stdin_is_left_alone(lgrun: World) -> None:
    """Neither lgrun nor programs the workflow starts read standard input: it may belong to a loop around them."""
    lgrun.write("ask.py", ASK.replace('return interrupt("what?")', 'import os; return os.system("cat >/dev/null")'))

    done = subprocess.run(
        ["sh", "-c", f"while read line; do {LGRUN} invoke ask.py -q; done"],
        cwd=lgrun.folder,
        env=lgrun.env(),
        input="a\nb\nc\n",
        capture_output=True,
        text=True,
    )

    assert done.stdout == "0\n0\n0\n"


def test_second_run_gets_previous(lgrun: World) -> None:
    """invoke on a thread that is done is another run of it."""
    lgrun.write(
        "count.py",
        "from lgrun.func import entrypoint\n@entrypoint()\ndef count(input: dict, previous=None):\n"
        "    return (previous or 0) + 1\n",
    )

    found = [lgrun("invoke", "count.py", "-t", "t").stdout for _ in range(3)]

    assert found == ["1\n", "2\n", "3\n"]
    assert lgrun("show", "t", "--get", "run").stdout == "3\n"


def test_new_input_does_not_discard(lgrun: World) -> None:
    """New input on a waiting thread is refused with the command to resume it; --discard allows it."""
    lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t", "a=1")

    refused = lgrun("invoke", "ask.py", "-t", "t", "a=2")
    allowed = lgrun("invoke", "ask.py", "-t", "t", "a=2", "--discard")

    assert refused.code == 2
    assert "lgrun resume t --value VALUE" in refused.stderr
    assert allowed.code == 3
    assert lgrun("show", "t", "--input").json == {"a": "2"}


def test_generated_ids(lgrun: World) -> None:
    """A generated id is the workflow's name and four characters, and is said at once."""
    lgrun.write("ask.py", ASK)

    result = lgrun("invoke", "ask.py")
    (thread,) = lgrun.threads()

    assert thread.startswith("ask-")
    assert len(thread) == len("ask-") + 4
    assert result.stderr.startswith(f"▸ {thread}\n")


def test_defaults(lgrun: World) -> None:
    """Without input the parameter's default is used."""
    lgrun.write(
        "d.py", HELLO.replace("name: str) -> str:\n    return greet", 'name: str = "Bob") -> str:\n    return greet')
    )

    assert lgrun("invoke", "d.py").stdout == '"hello Bob"\n'


def test_items_over_input(lgrun: World) -> None:
    """ITEMs are laid over --input."""
    lgrun.write("typed.py", TYPED)

    result = lgrun("invoke", "typed.py", "-i", '{"topic": "a", "limit": 1}', "limit=2")

    assert result.json == {"topic": "a", "limit": 2}


def test_source_is_kept(lgrun: World) -> None:
    """show --source prints the code the thread ran with, byte for byte."""
    path = lgrun.write("ask.py", ASK)
    lgrun("invoke", "ask.py", "-t", "t")
    before = path.read_text()
    path.unlink()

    assert lgrun("show", "t", "--source").stdout == before


def test_names(lgrun: World, tmp_path: Path) -> None:
    """A workflow is found in ./workflows, in a table, by file and entrypoint, and as a module."""
    lgrun.write("workflows/one.py", HELLO)
    lgrun.write("workflows/two/__init__.py", "from .part import hello\n")
    lgrun.write("workflows/two/part.py", HELLO)
    lgrun.write("src/three.py", HELLO)
    lgrun.write("lgrun.toml", '[workflows]\nthree = "src/three.py:hello"\n')
    lgrun.write("pkg/__init__.py", "")
    lgrun.write("pkg/mod.py", HELLO)

    for ref in (
        "one",
        "two",
        "three",
        "one:hello",
        "src/three.py",
        "src/three.py:hello",
        "pkg.mod:hello",
        "pkg/mod.py",
    ):
        result = lgrun("invoke", ref, "Ann")
        assert (result.code, result.stdout) == (0, '"hello Ann"\n'), (ref, result)
