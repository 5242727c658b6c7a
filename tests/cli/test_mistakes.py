"""Whatever is typed wrongly or written wrongly: one clear message, the right code, nothing created, nothing lost."""

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from .conftest import LGRUN, MadeOnce, Result, World
from .sources import ASK, HEAD, HELLO, REVIEW, TYPED

Check = Callable[[Result, int, Sequence[str]], None]

BARE = "from lgrun.func import entrypoint\n@entrypoint\ndef main(x): ..."
FLOAT = """
from typing import TypedDict
from lgrun.func import entrypoint
class Input(TypedDict):
    x: float
@entrypoint()
def main(input: Input) -> float:
    return input["x"]
"""
TWO = HELLO + "\n@entrypoint()\ndef other(input: dict):\n    '''Does the other thing.'''\n    return 1\n"
PLAIN = "\n@entrypoint()\ndef main(input: dict):\n    return 1\n"


@pytest.mark.parametrize(
    ("source", "args", "code", "words"),
    [
        pytest.param("", ["missing.py"], 4, ["no such file: missing.py"], id="missing file"),
        pytest.param("", ["~nobody-here/wf.py"], 4, ["no such file: ~nobody-here/wf.py"], id="missing home"),
        pytest.param(HELLO, ["wf.py", "a", "--env-file", "~nobody-here/x"], 2, ["~nobody-here/x"], id="home of env"),
        pytest.param("", ["wff.py"], 4, ["did you mean wf.py?"], id="misspelt file"),
        pytest.param("", ["wf"], 4, ["did you mean wf.py?"], id="forgotten ending"),
        pytest.param("", ["no.such.module:main"], 4, ["no module named no"], id="missing module"),
        pytest.param("", [""], 2, ["names no workflow"], id="empty name"),
        pytest.param("def f(:\n  pass", ["wf.py"], 2, ["wf.py:1", "def f(:", "^"], id="syntax error"),
        pytest.param("x = 1\0", ["wf.py"], 2, ["wf.py", "null bytes"], id="null byte"),
        pytest.param("import nowhere.mod", ["wf.py"], 2, ["nowhere", "python", "wf.py:1"], id="import error"),
        pytest.param("from json import nope", ["wf.py"], 2, ["nope", "wf.py:1"], id="import of a name"),
        pytest.param("1 / 0", ["wf.py"], 2, ["ZeroDivisionError", "wf.py:1", "1 / 0"], id="exception"),
        pytest.param("import sys\nsys.exit(3)", ["wf.py"], 2, ["sys.exit(3)", "__main__", "wf.py:2"], id="exit"),
        pytest.param("x = input('name? ')", ["wf.py"], 2, ["interrupt()", "wf.py:1"], id="input()"),
        pytest.param("import os; os.read(0, 1)[0]", ["wf.py"], 2, ["IndexError"], id="read of stdin"),
        pytest.param("x = 1", ["wf.py"], 2, ["no entrypoint in wf.py", "@entrypoint"], id="no entrypoint"),
        pytest.param(TWO, ["wf.py"], 2, ["2 entrypoints", "wf.py:hello", "wf.py:other", "the other thing"], id="two"),
        pytest.param(TWO, ["wf.py:nope"], 4, ["no entrypoint nope", "wf.py:other"], id="no such entrypoint"),
        pytest.param(TYPED, ["wf.py"], 2, ["missing topic", "topic=TEXT"], id="missing key"),
        pytest.param(
            TYPED, ["wf.py", "topic=a", "limit=ten"], 2, ['input.limit: expected integer, got "ten"'], id="type"
        ),
        pytest.param(BARE, ["wf.py"], 2, ["write @entrypoint() above 'main'", "wf.py:2"], id="no parentheses"),
        pytest.param(FLOAT, ["wf.py", "x=nan"], 2, ['input.x: expected number, got "nan"'], id="nan"),
        pytest.param(FLOAT, ["wf.py", "x=1_0"], 2, ['input.x: expected number, got "1_0"'], id="underscore"),
        pytest.param(FLOAT, ["wf.py", "x=1" + "0" * 400], 2, ["input.x: expected number"], id="too large"),
        pytest.param(TYPED, ["wf.py", "topic=a", "limt=1"], 2, ["input.limt", "did you mean limit?"], id="unknown key"),
        pytest.param(TYPED, ["wf.py", "-i", "[1]"], 2, ["expected object, got [1]"], id="not an object"),
        pytest.param(TYPED, ["wf.py", "cats"], 2, ["'cats' is not of the form key=text", "topic=TEXT"], id="bare word"),
        pytest.param(
            TYPED, ["wf.py", "-i", '{"a": x}'], 2, ["not valid JSON", '{"a": x}', "^", "--text"], id="bad JSON"
        ),
        pytest.param(TYPED, ["wf.py", "topic:={"], 2, ["not valid JSON", "topic="], id="bad JSON item"),
        pytest.param(TYPED, ["wf.py", "-i", "@no.json"], 2, ["no such file: no.json"], id="missing input file"),
        pytest.param(TYPED, ["wf.py", "topic=@no"], 2, ["no such file: no\n", "topic:='\"@no\"'"], id="missing file"),
        pytest.param(TYPED, ["wf.py", "topic:=@no"], 2, ["topic:='\"@no\"'"], id="missing JSON file"),
        pytest.param(TYPED, ["wf.py", "-i", "@a b"], 2, ["themselves: --text '@a b'"], id="missing text file"),
        pytest.param(
            TYPED, ["wf.py", "-i", "1", "a=1"], 2, ["ITEMs are laid over an object"], id="items over a number"
        ),
        pytest.param(HELLO, ["wf.py"], 2, ["needs an input: string", "lgrun invoke wf.py TEXT"], id="no input"),
        pytest.param(HELLO, ["wf.py", "-i", "null"], 2, ["null is no input"], id="null"),
        pytest.param(HELLO, ["wf.py", "-i", "5"], 2, ["expected string, got 5", "--text"], id="number for text"),
        pytest.param(HELLO, ["wf.py", "a", "b"], 2, ["'a' is not of the form"], id="two words"),
        pytest.param(HELLO, ["wf.py", "--text", "a", "-i", "b"], 2, ["exclude each other"], id="text and input"),
        pytest.param(HELLO, ["wf.py", "a", "-t", "a/b"], 2, ["must not contain /"], id="slash in id"),
        pytest.param(HELLO, ["wf.py", "a", "-t", "@x"], 2, ["must not start with @"], id="at in id"),
        pytest.param(HELLO, ["wf.py", "a", "-t", ""], 2, ["1 to 200 characters"], id="empty id"),
        pytest.param(HELLO, ["wf.py", "a", "-t", "a\nb"], 2, ["control characters"], id="newline in id"),
        pytest.param(HELLO, ["wf.py", "a", "-t", "a" * 201], 2, ["1 to 200 characters"], id="long id"),
        pytest.param(HELLO, ["wf.py", "a", "--wait", "soon"], 2, ["'soon' is not a duration"], id="duration"),
        pytest.param(HELLO, ["wf.py", "a", "--bogus"], 2, ["No such option: --bogus"], id="unknown option"),
        pytest.param(HELLO, ["wf.py", "a", "--get", "valu.x"], 4, ["no valu for", "did you mean value?"], id="get"),
        pytest.param(HELLO, ["wf.py", "a", "-n", "--get", "value"], 4, ["no value for", "input"], id="get of a plan"),
        pytest.param(HELLO, ["wf.py", "a", "--on-change", "x"], 2, ["'x'"], id="bad choice"),
    ],
)
def test_invoke(
    lgrun: World, assert_one_message: Check, source: str, args: list[str], code: int, words: list[str]
) -> None:
    """A mistake in what is invoked creates no thread and no state directory."""
    lgrun.write("wf.py", source)

    result = lgrun("invoke", *args)

    assert_one_message(result, code, words)
    assert not lgrun.state.exists()


@pytest.mark.parametrize(("path", "words"), [("value", "--get 0.value"), ("0.valu", "did you mean value?")])
def test_a_batch_of_nothing(lgrun: World, assert_one_message: Check, path: str, words: str) -> None:
    """What no line of the output will have is refused before a line runs."""
    lgrun.write("wf.py", HELLO)

    assert_one_message(lgrun("batch", "wf.py", "-", "--get", path, input='"a"'), 4, [words])
    assert not lgrun.state.exists()


@pytest.mark.parametrize("args", [["wf.py", "limit=x"], ["wf.py", "--bogus"], ["none.py"]])
def test_mistakes_as_documents(lgrun: World, args: list[str]) -> None:
    """--json gives one document for a mistake, too."""
    lgrun.write("wf.py", TYPED)

    result = lgrun("invoke", *args, "-t", "t", "--json")

    assert result.json["exit"] == result.code
    assert result.json["error"]["message"] in result.stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["resume", "nope"], 4, ["no thread nope"]),
        (["resume", "wait"], 4, ["did you mean waiting?"]),
        (["show", "nope"], 4, ["no thread nope"]),
        (["history", "nope"], 4, ["no thread nope"]),
        (["show", "waitin", "--result"], 4, ["waiting has no result"]),
        (["show", "finished", "--traceback"], 4, ["finished has not failed"]),
        (["resume", "finished", "--value", "1"], 2, ["finished is done"]),
        (["resume", "finished", "q1=1"], 2, ["finished is done"]),
        (["resume", "waiting", "q2=1"], 2, ["no open question q2", "q1  what?"]),
        (["resume", "waiting", "--value", "{bad"], 2, ["not valid JSON", "--text"]),
        (["resume", "waiting", "--value", "@missing"], 2, ["no such file: missing", "--text @missing"]),
        (["resume", "waiting", "q1=@missing"], 2, ["no such file: missing"]),
        (["resume", "waiting", "yes"], 2, ["'yes' does not say which", "lgrun resume waiting --value yes"]),
        (["resume", "waiting", "--value", "1", "--value", "2"], 2, ["--value is given twice"]),
        (["resume", "waiting", "--text=1", "--text", "2"], 2, ["--text is given twice"]),
        (["invoke", "ask.py", "-t", "a", "--thread=b"], 2, ["--thread is given twice"]),
        (["resume", "waiting", "--value"], 2, ["requires an argument", "see lgrun resume --help"]),
        (["resume", "abcdef"], 4, ["no thread abcdef", "all threads: lgrun list"]),
        (["invoke", "flow/ask.py"], 4, ["did you mean ask.py?"]),
        (["run", "ask.py"], 2, ["✗ No such command 'run'\n  did you mean lgrun invoke?"]),
        (["init", "trip"], 2, ["✗ No such command 'init'\n  did you mean lgrun new?"]),
        (["continue", "waiting"], 2, ["did you mean lgrun resume?"]),
        (["invoke", "fails.py", "-t", "failed"], 2, ["failed has failed", "lgrun resume failed", "--discard"]),
        (["resume", "waiting", "--value", "1", "--text", "1"], 2, ["exclude each other"]),
        (["resume", "waiting", "--value", "1", "q1=2"], 2, ["q1 is answered twice"]),
        (["resume", "waiting", "--value", "1", "-w", "nope.py"], 4, ["no such file: nope.py"]),
        (["resume", "failed", "--value", "1"], 2, ["failed is not waiting", "lgrun resume failed"]),
        (["resume"], 2, ["say which thread", "lgrun resume waiting"]),
        (["list", "--status", "wating"], 2, ["did you mean waiting?"]),
        (["list", "-L", "-1"], 2, ["-1"]),
        (["bogus"], 2, ["bogus"]),
    ],
)
def test_threads(made_once: MadeOnce, assert_one_message: Check, args: list[str], code: int, words: list[str]) -> None:
    """A mistake about a thread changes nothing of it."""
    lgrun = made_once(three_threads)
    before = _contents(lgrun.state)

    result = lgrun(*args)

    assert_one_message(result, code, words)
    assert _contents(lgrun.state) == before


def three_threads(lgrun: World) -> None:
    """Let there be a thread that waits, one that is done and one that has failed."""
    lgrun.write("ask.py", ASK)
    lgrun.write("fails.py", HEAD + PLAIN.replace("return 1", "raise ValueError('no')"))
    lgrun("invoke", "ask.py", "-t", "waiting")
    lgrun("invoke", "ask.py", "-t", "finished")
    lgrun("resume", "finished", "--value", "1")
    lgrun("invoke", "fails.py", "-t", "failed")


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_nothing_to_answer_in_a_pipe(lgrun: World) -> None:
    """resume of a waiting thread without an answer prints the questions and the command, and is 3."""
    lgrun.write("review.py", REVIEW)
    lgrun("invoke", "review.py", "topic=a", "-t", "t")

    result = lgrun("resume", "t")

    assert (result.code, result.stdout) == (3, "")
    assert "q1  ok?  [yes/no]" in result.stderr
    assert "lgrun resume t --value VALUE" in result.stderr


def test_done_thread_prints_its_result(lgrun: World) -> None:
    """resume of a thread that is done prints the saved result and runs nothing."""
    path = lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "t")
    path.unlink()

    result = lgrun("resume", "t")

    assert (result.code, result.stdout) == (0, '"hello Ann"\n')


def test_empty_list(lgrun: World) -> None:
    """No threads are no error, and looking creates nothing."""
    assert (lgrun("list").code, lgrun("list").stdout) == (0, "")
    assert lgrun("list", "--json").json == []
    assert not lgrun.state.exists()


@pytest.mark.parametrize("where", ["the result of task", "the value returned by", "the question"])
def test_unserialisable(lgrun: World, where: str) -> None:
    """What cannot be saved fails the run, naming the task and the place; earlier tasks are kept."""
    body = {
        "the result of task": "bad().result()",
        "the value returned by": "return {'x': [object()]}",
        "the question": "interrupt({'x': object()})",
    }[where]
    lgrun.write(
        "wf.py",
        HEAD
        + "@task\ndef good():\n    return 1\n@task\ndef bad():\n    return {'x': [object()]}\n"
        + f"@entrypoint()\ndef main(input: dict):\n    good().result()\n    {body}\n",
    )

    result = lgrun("invoke", "wf.py", "-t", "t")

    assert (result.code, result.stdout) == (1, "")
    assert "cannot be saved: $.x" in result.stderr
    assert "object" in result.stderr
    assert "Traceback" not in result.stderr
    assert "1 finished task is kept" in result.stderr


def test_exit_in_a_workflow(lgrun: World) -> None:
    """sys.exit() in a workflow fails the run; it does not end lgrun with that code."""
    lgrun.write("wf.py", HEAD + PLAIN.replace("return 1", "import sys; sys.exit(0)"))

    result = lgrun("invoke", "wf.py", "-t", "t")

    assert (result.code, result.stdout) == (1, "")
    assert "SystemExit" in result.stderr
    assert lgrun("show", "t", "--get", "status").stdout == "failed\n"


def test_input_in_a_workflow(lgrun: World) -> None:
    """input() in a workflow says what to use instead."""
    lgrun.write("wf.py", HEAD + PLAIN.replace("input: dict", "x: dict").replace("return 1", "return input()"))

    result = lgrun("invoke", "wf.py")

    assert result.code == 1
    assert "interrupt()" in result.stderr


def test_swallowed_question(lgrun: World) -> None:
    """A question that the workflow's own code swallowed fails the run, naming the line."""
    body = "\n    try:\n        interrupt('q')\n    except BaseException:\n        pass\n    return 1"
    lgrun.write("wf.py", HEAD + PLAIN.replace("\n    return 1", body))

    result = lgrun("invoke", "wf.py")

    assert result.code == 1
    assert "wf.py" in result.stderr


FUTURES = """
import json
from lgrun.func import entrypoint, task
@task
def t(x): return x
@entrypoint()
def returned(x: int): return t(x)
@entrypoint()
async def awaited(x: int): return t(x)
@entrypoint()
def added(x: int): return t(x) + 1
@entrypoint()
async def early(x: int): return t(x).result()
@entrypoint()
async def summed(x: int): return t(x) + 1
@entrypoint()
async def dumped(x: int): return json.dumps(t(x))
@entrypoint()
async def own(x: int): return awaited.ainvoke(x)["a"]
@entrypoint()
def within(x: int): return {"all": [t(x)]}
"""


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("returned", "$ is a call that was not waited for (.result() is what it returns)"),
        ("awaited", "$ is a call that was not waited for (await it)"),
        ("added", "a task call gives a future: .result() is what the task returns"),
        ("early", "in async code a task call is awaited"),
        ("summed", "in async code a call is awaited"),
        ("dumped", "in async code a call is awaited"),
        ("own", "in async code a call is awaited"),
        ("within", "$.all[0] is a call that was not waited for (.result() is what it returns)"),
    ],
)
def test_a_call_that_was_not_waited_for(lgrun: World, name: str, words: str) -> None:
    """The first mistake that everybody makes is explained."""
    lgrun.write("wf.py", FUTURES)

    result = lgrun("invoke", f"wf.py:{name}", "1")

    assert result.code == 1
    assert words in result.stderr


# --- the state directory


@pytest.mark.parametrize("command", ["invoke", "list", "show", "resume"])
def test_state_dir_is_a_file(lgrun: World, assert_one_message: Check, command: str) -> None:
    """A state directory that is none is 74."""
    lgrun.write("hello.py", HELLO)
    lgrun.state.touch()
    args = {"invoke": ["hello.py", "Ann"], "list": []}.get(command, ["t"])

    assert_one_message(lgrun(command, *args), 74, [str(lgrun.state)])


@pytest.fixture
def as_nobody(lgrun: World, tmp_path: Path) -> Callable[..., Result]:
    """Return what runs `lgrun` as a user who may do what the modes of files say. The state directory is that user's."""
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("needs root and setpriv")
    uid = 65534
    for path in (tmp_path, *tmp_path.parents):
        if path != Path("/") and path.is_relative_to("/tmp") and path != Path("/tmp"):
            os.chmod(path, 0o755)
    lgrun.state.mkdir(mode=0o700)
    os.chown(lgrun.state, uid, uid)
    user = ["setpriv", f"--reuid={uid}", f"--regid={uid}", "--clear-groups"]
    if subprocess.run([*user, LGRUN, "--version"], capture_output=True).returncode != 0:
        pytest.skip(f"{LGRUN} cannot be run by another user")

    def run(*args: str) -> Result:
        done = subprocess.run(
            [*user, LGRUN, *args],
            cwd=lgrun.folder,
            env=lgrun.env({"HOME": "/tmp"}),
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
        )
        return Result(args, done.returncode, done.stdout, done.stderr)

    return run


def test_read_only_state_dir(lgrun: World, as_nobody: Callable[..., Result]) -> None:
    """A state directory that cannot be written is 74, and what is in it stays as it was."""
    lgrun.write("hello.py", HELLO)

    assert as_nobody("invoke", "hello.py", "Ann").code == 0
    for folder in (lgrun.state, lgrun.state / "threads"):
        os.chmod(folder, 0o500)
    before = _contents(lgrun.state)
    done = as_nobody("invoke", "hello.py", "Ann")

    assert (done.code, done.stdout) == (74, ""), done
    assert "Permission denied" in done.stderr
    assert "Traceback" not in done.stderr
    assert _contents(lgrun.state) == before


@pytest.mark.parametrize("file", ["lgrun.toml", "langgraph.json"])
def test_a_configuration_that_cannot_be_read(
    lgrun: World, as_nobody: Callable[..., Result], assert_one_message: Check, file: str
) -> None:
    """Nobody knows what it says, so nothing is done; what a folder keeps out of sight is not there."""
    lgrun.write("hello.py", HELLO)
    lgrun.write(file, "").chmod(0o600)

    assert_one_message(as_nobody("invoke", "hello.py", "Ann"), 2, [f"{lgrun.folder}/{file}", "ermission denied"])
    assert list(lgrun.state.iterdir()) == []
    (lgrun.folder / file).unlink()
    lgrun.write(f"../{file}", "no such thing")
    lgrun.folder.parent.chmod(0o700)
    assert as_nobody("config").code == 0


def test_damaged_thread(lgrun: World) -> None:
    """A thread whose file is damaged is 6, and does not hide the others from the list."""
    lgrun.write("hello.py", HELLO)
    lgrun("invoke", "hello.py", "Ann", "-t", "good")
    lgrun("invoke", "hello.py", "Ann", "-t", "bad")
    for path in (lgrun.state / "threads" / "bad").glob("0*.json"):
        path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))

    shown, listed = lgrun("show", "bad"), lgrun("list")

    assert shown.code == 6
    assert "Traceback" not in shown.stderr
    assert [line.split("\t")[:2] for line in listed.stdout.splitlines()] == [["good", "done"], ["bad", "damaged"]]


def test_state_dir_of_somebody_else(lgrun: World, assert_one_message: Check) -> None:
    """A folder with other things in it is not taken for a state directory."""
    lgrun.write("hello.py", HELLO)

    result = lgrun("invoke", "hello.py", "Ann", "-S", ".")

    assert_one_message(result, 6, ["not a state directory"])
    assert sorted(path.name for path in lgrun.folder.iterdir()) in (["hello.py"], ["__pycache__", "hello.py"])


def test_disk_full_in_mid_run(lgrun: World) -> None:
    """A disk that refuses in mid-run is 74; what was saved before is kept and the run goes on later."""
    lgrun.write(
        "wf.py",
        HEAD
        + "import os\n@task\ndef small():\n    return 1\n@task\ndef big():\n    return 'x' * 100_000\n"
        + "@task\ndef after():\n    open('after', 'w').close()\n"
        + "@entrypoint()\ndef wf(input: dict):\n    small().result()\n    big().result()\n    after().result()\n"
        + "    return 'done'\n",
    )
    # A limit on the size of files stands in for a full disk.
    done = subprocess.run(
        ["bash", "-c", f"ulimit -f 20; {LGRUN} invoke wf.py -t t"],
        cwd=lgrun.folder,
        env=lgrun.env({"PYTHONDONTWRITEBYTECODE": "1"}),
        capture_output=True,
        text=True,
    )

    assert (done.returncode, done.stdout) == (74, ""), done
    assert "No space left" in done.stderr
    assert "1 finished task is kept.  continue:  lgrun resume t" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (lgrun.folder / "after").exists()
    tasks = lgrun("show", "t", "--json").json["tasks"]
    assert [task["name"] for task in tasks if task["status"] == "done"] == ["small"]
    assert lgrun("resume", "t").stdout == '"done"\n'


def test_pydantic_input(lgrun: World) -> None:
    """A pydantic model as input is built and checked by pydantic, and saved."""
    pytest.importorskip("pydantic")
    lgrun.write(
        "wf.py",
        HEAD
        + "from pydantic import BaseModel, Field\nclass Deep(BaseModel):\n    n: int = Field(gt=0)\n"
        + "class In(BaseModel):\n    topic: str\n    deep: Deep = Deep(n=1)\n"
        + "@entrypoint()\ndef wf(input: In) -> list:\n    interrupt('go?')\n"
        + "    return [type(input).__name__, input.topic, input.deep.n]\n",
    )

    good = lgrun("invoke", "wf.py", "topic=a", "deep[n]=5", "-t", "t")
    bad = lgrun("invoke", "wf.py", "topic=a", "deep[n]=0")
    missing = lgrun("invoke", "wf.py")

    assert (good.code, bad.code, missing.code) == (3, 2, 2)
    assert "input.deep.n: Input should be greater than 0" in bad.stderr
    assert "input.topic" in missing.stderr
    assert lgrun("resume", "t", "--value", "1").json == ["In", "a", 5]


def test_full_stdout(lgrun: World) -> None:
    """A result that cannot be written is said; the run is done all the same."""
    lgrun.write("hello.py", HELLO)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [LGRUN, "invoke", "hello.py", "Ann", "-t", "t"],
            cwd=lgrun.folder,
            env=lgrun.env(),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )

    assert "could not be written" in done.stderr
    assert lgrun("show", "t", "--result").stdout == '"hello Ann"\n'


def test_input_that_fails_at_once(lgrun: World) -> None:
    """Where nothing is done yet, the error also says how to begin again with another input."""
    lgrun.write("wf.py", HEAD + "@entrypoint()\ndef wf(input: dict):\n    return input['city']\n")

    failed = lgrun("invoke", "wf.py", "-t", "t")

    assert "  with another input:  lgrun invoke wf.py -t t --discard ITEM..." in failed.stderr.splitlines()
    assert lgrun("invoke", "wf.py", "-t", "t", "--discard", "city=Rome").stdout == '"Rome"\n'


def test_a_wrong_choice_names_a_command(lgrun: World) -> None:
    """An answer that is not on the list: the hint can be typed and is accepted."""
    lgrun.write("ask.py", ASK.replace('"what?"', '{"question": "ok?", "options": ["yes", "no"]}'))
    lgrun("invoke", "ask.py", "-t", "t")

    refused = lgrun("resume", "t", "--value", "yess")

    assert refused.stderr.splitlines()[-1] == "  like:  lgrun resume t q1=yes"
    assert lgrun("resume", "t", "q1=yes").stdout == '"yes"\n'


def test_a_workflow_where_there_are_none(lgrun: World, assert_one_message: Check) -> None:
    """Whoever has none is told how to write one, and that can be typed."""
    assert_one_message(lgrun("invoke", "trip"), 4, ["no workflow trip", "to write one:  lgrun new trip"])
    assert lgrun("new", "trip").code == 0
    assert_one_message(lgrun("invoke", "my-trip"), 4, ["did you mean trip?"])


def test_a_workflow_of_a_folder_above(lgrun: World, assert_one_message: Check) -> None:
    """A name is one of the current folder; in a folder below, the path is said that can be typed there."""
    lgrun.write("workflows/ask.py", ASK)
    below = lgrun.folder / "src" / "deep"
    below.mkdir(parents=True)

    assert_one_message(lgrun("invoke", "ask", cwd=below), 4, ["did you mean ../../workflows/ask.py?"])
    assert lgrun("invoke", "../../workflows/ask.py", cwd=below).code == 3
