"""What --json prints is what `lgrun schema` says."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import pytest

import lgrun as package
from lgrun.cli.published import SCHEMAS

from .conftest import MadeOnce, Result, World
from .sources import FAIL_ONCE, HELLO, REVIEW, TYPED

Check = Callable[[Result, int, Sequence[str]], None]

GRAPH = """
from typing import TypedDict
from lgrun.graph import START, StateGraph

class State(TypedDict, total=False):
    topic: str

def say(state: State) -> dict:
    return {"topic": "dogs"}

graph = StateGraph(State).add_node(say).add_edge(START, "say").compile()
"""


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("hello.py", HELLO)
    lgrun.write("flaky.py", FAIL_ONCE)
    lgrun.write("workflows/review.py", REVIEW)
    lgrun.write("typed.py", TYPED)
    lgrun.write("plan.py", GRAPH)
    lgrun("invoke", "hello.py", "Ann", "-t", "done")
    lgrun("invoke", "flaky.py", "-t", "failed")
    lgrun("invoke", "review", "topic=cats", "-t", "waiting")
    lgrun("invoke", "plan.py", "topic=cats", "-t", "graph")


@pytest.fixture
def threads(made_once: MadeOnce) -> World:
    """Return a folder with one thread done, one failed, one waiting, one of a graph, and a named workflow."""
    return made_once(fill)


def valid(document: Any, name: str) -> bool:
    """Check a document against the schema that it names, which must be this one."""
    assert document["schema"] == f"lgrun.{name}/1"
    jsonschema.validate(document, SCHEMAS[name], cls=jsonschema.Draft202012Validator)
    return True


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(lgrun: World, name: str) -> None:
    """Each is printed, is a JSON Schema, and is among all."""
    printed = lgrun("schema", name).json

    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed == SCHEMAS[name]


def test_list_of_schemas(lgrun: World, assert_one_message: Check) -> None:
    """Without a name they are listed; an unknown one is a usage error."""
    assert [line.split("\t")[0] for line in lgrun("schema").stdout.splitlines()] == list(SCHEMAS)
    assert lgrun("schema", "all").json == SCHEMAS
    assert_one_message(lgrun("schema", "runs"), 2, ["did you mean run?"])


def test_every_document_has_a_schema() -> None:
    """What the source calls `lgrun.NAME/1` is published."""
    source = "".join(path.read_text() for path in (Path(package.__file__).parent / "cli").rglob("*.py"))

    named = set(re.findall(r'"lgrun\.(\w+)/1"', source))
    assert named == set(SCHEMAS) - {"question", "error"}


@pytest.mark.parametrize(
    "args",
    [
        ["invoke", "hello.py", "Bob"],
        ["invoke", "flaky.py"],
        ["invoke", "review", "topic=dogs"],
        ["invoke", "plan.py", "topic=cats"],
        ["invoke", "typed.py"],
        ["invoke", "nothing.py"],
        ["resume", "waiting", "q1=yes"],
        ["resume", "done"],
        ["resume", "unknown"],
        ["show", "done"],
        ["show", "failed"],
        ["show", "graph"],
        ["show", "waiting"],
        ["rm", "done"],
    ],
)
def test_run_documents(threads: World, args: list[str]) -> None:
    """Runs that are done, failed, waiting or refused; threads that are shown."""
    result = threads(*args, "--json")

    assert valid(result.json, "run")
    assert result.json["exit"] == result.code or args[0] == "show"


def test_other_documents(threads: World) -> None:
    """Lists, histories, steps, plans, workflows and deletions."""
    (threads.folder / "ok").touch()
    threads("resume", "failed")
    threads("resume", "waiting", "q1=yes")
    rows = [row for thread in threads.threads() for row in threads("history", thread, "--json").json]
    point = json.loads((threads.state / "threads" / "done" / "00000002.json").read_text())["id"]

    assert {row["kind"] for row in rows} >= {"input", "task", "ask", "answer", "continue", "error", "step", "result"}
    assert all(valid(row, "row") for row in rows)
    assert len([valid(row, "thread") for row in threads("list", "--json").json]) == 4
    assert valid(threads("show", "waiting/q1", "--json").json, "row")
    assert valid(threads("show", f"done/{point}").json, "checkpoint")
    assert valid(threads("invoke", "hello.py", "Ann", "-n", "--json").json, "plan")
    assert [valid(row, "workflow") for row in threads("workflows", "--json").json] == [True]
    assert valid(threads("workflows", "typed.py", "--json").json, "description")
    assert valid(threads("prune", "--json").json, "prune")
    assert valid(threads("rm", "done", "-f", "--json").json, "removal")
    (threads.state / "threads" / "graph" / "00000001.json").write_text("{")
    found = threads("doctor", "--json").json
    assert valid(found, "doctor")
    assert found["findings"]


def test_a_wrong_document_is_noticed(threads: World) -> None:
    """The schemas are strict: nothing may be missing, and nothing more be there."""
    document = threads("show", "done", "--json").json

    for wrong in (document | {"more": 1}, {key: document[key] for key in document if key != "next"}):
        with pytest.raises(jsonschema.ValidationError):
            valid(wrong, "run")
