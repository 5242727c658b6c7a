"""`--config` and `--context`: what a run is given beside its input, and that nothing but its name is kept."""

import signal
from collections.abc import Callable, Sequence

import pytest

from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite, Saved
from lgrun.cli.settings import needed_text, recorded

from .conftest import Result, World
from .sources import HEAD, REVIEW

CANARY = "canary-7c1f"

GIVEN = (
    HEAD
    + """
from dataclasses import dataclass
from lgrun.config import get_config
from lgrun.runtime import get_runtime

@dataclass
class Context:
    tone: str
    level: int = 1

@task
def look() -> dict:
    context = get_runtime(Context).context
    given = get_config()["configurable"]
    kind = type(context).__name__
    return {"user": bool(given["user"]), "depth": given.get("a"), "kind": kind, "level": context.level}

@entrypoint(context_schema=Context)
def given(input: dict) -> dict:
    seen = look().result()
    interrupt("go on?")
    return seen
"""
)

CLOSURE = (
    HEAD
    + """
from lgrun.config import get_config
from lgrun.runtime import get_runtime
import os, signal

@task
def end(how: str) -> str:
    if how == "fail":
        raise ValueError("no")
    if how == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    return "ok"

@entrypoint()
def closure(how: str) -> str:
    secret = get_config()["configurable"]["key"] + get_runtime().context["word"]
    assert secret
    return end(how).result()
"""
)


def test_what_the_code_gets(lgrun: World) -> None:
    """Config is found under `configurable`; context is an instance of the schema, text read as what it declares."""
    lgrun.write("given.py", GIVEN)
    options = ["--config", "user=ann", "--config", "a[b]:=2", "--context", "tone=dry", "--context", "level=5"]
    lgrun("invoke", "given.py", "-t", "t", *options)

    result = lgrun("resume", "t", "--value", "yes", *options)

    assert (result.code, result.json) == (0, {"user": True, "depth": {"b": 2}, "kind": "Context", "level": 5})


def test_without_a_schema(lgrun: World) -> None:
    """A context without a schema is a dict of plain values."""
    body = "    context = get_runtime().context\n    return [type(context['a']).__name__, context]\n"
    text = "from lgrun.runtime import get_runtime\n" + HEAD
    lgrun.write("plain.py", text + "@entrypoint()\ndef plain(input: dict) -> list:\n" + body)

    assert lgrun("invoke", "plain.py", "--context", "a=1").json == ["str", {"a": "1"}]
    assert lgrun("invoke", "plain.py", "--context", "a:=1").json == ["int", {"a": 1}]


def test_a_resume_without_one_is_refused(lgrun: World) -> None:
    """Names that a thread was run with are asked for again, and every command that is shown names them."""
    lgrun.write("given.py", GIVEN)
    first = lgrun("invoke", "given.py", "-t", "t", "--config", "user=ann", "--context", "tone=dry")
    command = "lgrun resume t --value VALUE --config user=VALUE --context tone=VALUE"

    result = lgrun("resume", "t", "--value", "yes", "--context", "tone=dry")

    assert (result.code, result.stdout) == (2, "")
    assert "t was run with --config user\n" in result.stderr
    assert result.stderr.endswith("so give them again:  --config user=VALUE\n")
    assert command in first.stderr
    assert lgrun("show", "t", "--get", "next").json == [command]
    assert command in lgrun("resume", "t").stderr
    again = lgrun("invoke", "given.py", "-t", "t", "--config", "user=x", "--context", "tone=x")
    assert "--config user=VALUE" in again.stderr
    assert lgrun("resume", "t", "--value", "yes", "--config", "user=b", "--context", "tone=c").code == 0
    assert lgrun("resume", "t").code == 0, "what is done needs nothing"


def test_names_given_later_are_recorded_too(lgrun: World) -> None:
    """What a run was continued with, a later one needs too."""
    lgrun.write("review.py", REVIEW)
    lgrun("invoke", "review.py", "topic=cats", "-t", "t")
    lgrun("resume", "t", "--value", "yes", "--config", "my key=x")

    result = lgrun("resume", "t", "--value", "Ann")

    assert result.code == 2
    assert result.stderr.endswith("so give them again:  --config 'my key=VALUE'\n")
    assert lgrun("resume", "t", "--value", "Ann", "--config", "my key=y").code == 0
    lgrun("invoke", "review.py", "topic=dogs", "-t", "t")
    assert lgrun("resume", "t", "--value", "no").code == 3, "another run of the thread is another run"


def test_graphs(lgrun: World) -> None:
    """A graph that has made a step since it began is continued like any other workflow."""
    lgrun.write(
        "graph.py",
        """
from typing import TypedDict
from lgrun.graph import START, StateGraph
from lgrun.types import interrupt

class State(TypedDict, total=False):
    seen: list

def one(state: State, config) -> State:
    return {"seen": [len(config["configurable"]["key"])]}

def two(state: State, config) -> State:
    return {"seen": [*state["seen"], interrupt("?"), len(config["configurable"]["key"])]}

graph = StateGraph(State).add_sequence([one, two]).add_edge(START, "one").compile()
""",
    )
    lgrun("invoke", "graph.py", "-t", "t", "--config", "key=abc")

    assert lgrun("resume", "t", "--value", "5").code == 2
    assert lgrun("resume", "t", "--value", "5", "--config", "key=ab").json == {"seen": [3, 5, 2]}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--config", "user"], ["'user' is not of the form key=text"]),
        (["--config", "user=@missing"], ["no such file: missing"]),
        (["--config", "thread_id=x"], ["lgrun sets thread_id itself", "-t"]),
        (["--config", "checkpoint_id=x"], ["lgrun sets checkpoint_id itself"]),
        (["--context", "tune=x"], ["context.tune: unknown key, did you mean tone?"]),
        (["--context", "level=2"], ["context: missing tone", "add  --context tone=TEXT"]),
        ([], ["context: missing tone", "add  --context tone=TEXT"]),
        (["-n"], ["context: missing tone"]),
        (["--context", "tone=x", "--context", "level=two"], ['context.level: expected integer, got "two"']),
    ],
)
def test_mistakes(
    lgrun: World,
    assert_one_message: Callable[[Result, int, Sequence[str]], None],
    options: list[str],
    words: list[str],
) -> None:
    """A mistake is an error before anything is created."""
    lgrun.write("given.py", GIVEN)

    result = lgrun("invoke", "given.py", "-t", "t", *options)

    assert_one_message(result, 2, words)
    assert lgrun.files() == []


def test_a_context_that_is_needed(lgrun: World) -> None:
    """Whatever would run the workflow says what to add, before anything is kept; only required fields are."""
    lgrun.write("given.py", GIVEN)
    free = GIVEN.replace("context_schema=Context", "").replace("look().result()", "{}")
    lgrun.write("free.py", free)
    lgrun.write(
        "defaults.py",
        free.replace("entrypoint()", "entrypoint(context_schema=Context)").replace("tone: str", "tone: str = ''"),
    )
    assert lgrun("invoke", "free.py", "-t", "t").code == 3
    assert lgrun("invoke", "defaults.py", "-t", "d").code == 3
    files = lgrun.files()

    fork = lgrun("fork", "t/q1", "--answer", "q1=yes", "--run", "-w", "given.py")
    tried = [
        lgrun("resume", "t", "--value", "yes", "-w", "given.py"),
        lgrun("batch", "given.py", "-", input="{}"),
        fork,
    ]

    assert [result.code for result in tried] == [2, 2, 2]
    assert all("add  --context tone=TEXT" in result.stderr for result in tried)
    assert lgrun.files() == files


@pytest.mark.parametrize("how", ["done", "fail", "die"])
def test_values_are_never_stored(lgrun: World, how: str) -> None:
    """However the run ends, no file of the state directory holds a value, and all that ran record the names."""
    lgrun.write("closure.py", CLOSURE)
    (lgrun.folder / "word").write_text(CANARY)
    options = ["--config", f"key={CANARY}", "--context", "word=@word"]

    result = lgrun("invoke", "closure.py", how, "-t", "t", *options)

    assert result.code == {"done": 0, "fail": 1, "die": -signal.SIGKILL}[how]
    files = [path for path in lgrun.state.rglob("*") if path.is_file()]
    assert len(files) >= 4
    assert [path for path in files if CANARY.encode() in path.read_bytes()] == []
    assert b'"config":["key"],"context":["word"]' in (lgrun.state / "threads" / "t" / "00000001.json").read_bytes()
    for command in (["show", "t", "--json"], ["history", "t"], ["list"]):
        looked = lgrun(*command)
        assert CANARY not in looked.stdout + looked.stderr + result.stderr


def test_what_a_thread_records_may_be_anything() -> None:
    """Names come from a file that others may have written: what is no list of texts counts as none."""
    origin = {"config": "ab", "context": [1, "a b", None]}
    point = Checkpoint(thread="t", seq=1, id="", kind="input", step=-1, at="", input=Encoded(tree=1), origin=origin)
    runs = [PendingWrite("run", args=text) for text in ("config=k 'context=a;b'", "'", "other=x", "config")]

    assert recorded(Saved(point, runs)).names() == {"config": ["", "k"], "context": ["a b", "a;b"]}
    assert needed_text(recorded(Saved(point, ()))) == " --context 'a b=VALUE'"
