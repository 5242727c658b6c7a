"""lgrun fork: a new thread from a point of an old one, in a pipe and at a terminal."""

import json
from collections.abc import Callable, Sequence

import pytest

from lgrun.cli.completing import complete

from .conftest import MadeOnce, Result, World
from .screen import screen
from .sources import HEAD

Check = Callable[[Result, int, Sequence[str]], None]

LETTER = (
    HEAD
    + '''
from dataclasses import dataclass

@dataclass
class Draft:
    title: str
    words: int

def note(name):
    with open("ran.txt", "a") as file:
        file.write(name + "\\n")

@task
def draft(topic: str) -> Draft:
    note("draft")
    return Draft(topic, 100)

@task
def check(text: str) -> int:
    note("check")
    return len(text)

@task
def send(text: str) -> str:
    note("send")
    return f"sent {text}"

@entrypoint()
def letter(input: dict) -> dict:
    """Write a letter, ask, send it."""
    text = draft(input["topic"]).result()
    length = check(text.title).result()
    ok = interrupt({"question": f"send {text.title}?", "options": ["yes", "no"]})
    return {"sent": send(text.title).result() if ok == "yes" else None, "length": length}
'''
)

GRAPH = """
from operator import add
from typing import Annotated, TypedDict
from lgrun.graph import END, START, StateGraph

class State(TypedDict):
    log: Annotated[list[str], add]
    score: int

def note(name):
    with open("ran.txt", "a") as file:
        file.write(name + "\\n")

def plan(state: State):
    note("plan")
    return {"log": ["plan"], "score": 1}

def good(state: State):
    note("good")
    return {"log": ["good"]}

def bad(state: State):
    note("bad")
    return {"log": ["bad"]}

builder = StateGraph(State)
for node in (plan, good, bad):
    builder.add_node(node)
builder.add_edge(START, "plan")
builder.add_conditional_edges("plan", lambda state: "good" if state["score"] > 5 else "bad", ["good", "bad"])
graph = builder.compile()
"""


def fill(world: World) -> None:
    world.write("letter.py", LETTER)
    world("invoke", "letter.py", "-t", "mail", "topic=cats")
    done = world("resume", "mail", "--value", "yes")
    assert done.json == {"sent": "sent cats", "length": 4}
    (world.folder / "ran.txt").unlink()


@pytest.fixture
def mail(made_once: MadeOnce) -> World:
    """Return a world with a thread that is done."""
    return made_once(fill)


def ran(world: World) -> list[str]:
    path = world.folder / "ran.txt"
    return path.read_text().split() if path.exists() else []


# --- in a pipe


def test_the_new_id_is_printed(mail: World) -> None:
    """Nothing runs; stderr says what is kept, what will run again and how to go on."""
    done = mail("fork", "mail/check")
    new = done.stdout.strip()

    assert done.code == 0
    assert new.startswith("mail-")
    assert ran(mail) == []
    assert "kept:        draft\n" in done.stderr
    assert "runs again:  check, q1, send\n" in done.stderr
    assert f"lgrun resume {new}" in done.stderr
    assert mail("show", new, "--get", "status").stdout == "stopped\n"
    assert mail("resume", new).code == 3
    assert ran(mail) == ["check"]


def test_the_file_need_not_be_there(mail: World) -> None:
    """Without a run and without other results no workflow is loaded."""
    (mail.folder / "letter.py").unlink()

    assert mail("fork", "mail/send", "-t", "again").stdout == "again\n"
    assert mail("fork", "mail/send", "-t", "more", "--run").code == 4
    assert mail.threads() == ["again", "mail"]


def test_quiet(mail: World) -> None:
    """With -q only the id."""
    done = mail("fork", "mail", "-q", "-t", "copy")

    assert (done.code, done.stdout, done.stderr) == (0, "copy\n", "")
    assert mail("resume", "copy", "-q").json == {"sent": "sent cats", "length": 4}
    assert ran(mail) == []


def test_with_run(mail: World) -> None:
    """It goes on as resume does: the value on stdout, the same exit codes."""
    answered = mail("fork", "mail/q1", "--answer", "q1=no", "--run", "-t", "no")
    asked = mail("fork", "mail/draft", "--run", "-t", "asked")

    assert (answered.code, answered.json) == (0, {"sent": None, "length": 4})
    assert (asked.code, asked.stdout) == (3, "")
    assert "lgrun resume asked --value VALUE" in asked.stderr
    assert ran(mail) == ["draft", "check"]
    assert mail("resume", "asked", "--value", "yes").code == 0


def test_at_a_question(mail: World) -> None:
    """Without an answer the new thread waits."""
    done = mail("fork", "mail/q1", "-t", "new")

    assert "lgrun resume new --value VALUE" in done.stderr
    assert mail("show", "new", "--get", "status").stdout == "waiting\n"
    assert mail("resume", "new", "--value", "no").json["sent"] is None
    assert ran(mail) == []


@pytest.mark.parametrize(
    ("item", "title"),
    [
        ('draft:={"title": "dogs", "words": 7}', "dogs"),
        ("draft=@better.json", "mice"),
        ("draft[title]=owls", "owls"),
    ],
)
def test_another_result(mail: World, item: str, title: str) -> None:
    """It is given as for invoke, and has the type that the task declares; a part of it may be changed."""
    mail.write("better.json", '{"title": "mice", "words": 3}')
    made = mail("fork", "mail", "--set", item, "-t", "new")
    assert made.code == 0, made.stderr
    mail("resume", "new")
    value = mail("resume", "new", "--value", "yes", "--on-change", "fail").json

    assert value == {"sent": f"sent {title}", "length": 4}
    assert ran(mail) == ["check", "send"]
    assert "draft" in mail("history", "new").stdout


def test_documents(mail: World) -> None:
    """--json prints the run document, which says where the thread comes from; so do show and history."""
    made = mail("fork", "mail/send", "-t", "new", "--json")
    assert made.json["thread"] == "new"
    assert (made.json["status"], made.json["exit"]) == ("stopped", 0)
    assert made.json["forked_from"] == "mail/send"
    assert made.json["next"] == ["lgrun resume new"]
    assert mail("fork", "mail/send", "-t", "other", "--get", "thread").stdout == "other\n"

    assert "forked from mail/send" in mail("show", "new").stdout
    rows = mail("history", "new", "--json").json
    assert (rows[-1]["kind"], rows[-1]["by"]) == ("fork", "fork mail/send")
    assert mail("watch", "new", "--ndjson", "--timeout", "5").code == 1


def test_what_was_put_in_is_marked(mail: World) -> None:
    """The history says who put a result or an answer in."""
    mail("fork", "mail", "--set", "check:=9", "--answer", "q1=no", "-t", "new")

    lines = mail("history", "new").stdout.splitlines()

    assert any("check\t✓ 9   (by " in line and "fork)" in line for line in lines)
    assert any('answer\tq1 = "no"   (by ' in line for line in lines)
    assert lines[-1].split("\t")[2:4] == ["fork", "from mail with check set, q1 answered"]


def test_rows_and_checkpoints(mail: World) -> None:
    """A row of the history, and a checkpoint by its id, are points as well."""
    rows = mail("history", "mail", "--json").json
    numbers = {row.get("name", row["kind"]) if row["kind"] == "task" else row["kind"]: row["n"] for row in rows}

    assert mail("fork", f"mail/{numbers['check']}", "-t", "a", "--run").code == 3
    assert ran(mail) == ["check"]
    assert mail("fork", f"mail/{numbers['answer']}", "-t", "b").code == 0
    assert mail("show", "b", "--get", "status").stdout == "waiting\n"
    assert mail("fork", f"mail/{numbers['input']}", "-t", "c").code == 0
    assert mail("show", "c", "--get", "tasks").json == []
    assert mail("fork", f"mail/{numbers['result']}", "-t", "d").code == 0
    assert mail("show", "d", "--get", "status").stdout == "done\n"


def test_a_thread_that_failed(mail: World) -> None:
    """With other code, from a step that had finished; the old thread keeps its error."""
    text = (mail.folder / "letter.py").read_text()
    mail.write("letter.py", text.replace('return f"sent {text}"', 'raise ValueError("net")'))
    failed = mail("fork", "mail/send", "-t", "bad", "--run")
    mail.write("letter.py", text)
    put = mail("fork", "bad", "--set", "send=by hand", "--run")

    assert (failed.code, failed.stdout) == (1, "")
    assert put.json["sent"] == "by hand"
    assert mail("show", "bad", "--get", "status").stdout == "failed\n"


def test_another_task_at_a_recorded_place(mail: World) -> None:
    """The refusal says how to run again from there."""
    mail("fork", "mail/send", "-t", "new")
    text = (mail.folder / "letter.py").read_text()
    mail.write("letter.py", text.replace("check(text.title)", "send(text.title)"))

    refused = mail("resume", "new")

    assert refused.code == 6
    assert "lgrun fork new/check" in refused.stderr
    assert mail("fork", "new/check", "-t", "newer", "--run").code == 3


def test_config_that_has_to_be_given_again(mail: World) -> None:
    """Before anything is made: values of --config are recorded nowhere."""
    mail("invoke", "letter.py", "topic=x", "-t", "keyed", "--config", "key=1")

    refused = mail("fork", "keyed/check", "--run", "-t", "new")
    made = mail("fork", "keyed/check", "--run", "-t", "new", "--config", "key=1")

    assert (refused.code, made.code) == (2, 3)
    assert "--config key=VALUE" in refused.stderr


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["mail/chek"], 4, ["mail has no step chek", "did you mean mail/check?"]),
        (["mail/q7"], 4, ["mail has no step q7"]),
        (["mail/99"], 4, ["no step 99"]),
        (["mai"], 4, ["no thread mai", "did you mean mail?"]),
        (["mail/"], 2, ["names no step"]),
        (["mail", "-t", "mail"], 2, ["there is a thread mail"]),
        (["mail", "-t", "a/b"], 2, ["must not contain /"]),
        (["mail", "--set", "chek=1"], 4, ["no step chek"]),
        (["mail", "--set", "check=many"], 2, ["check: expected integer"]),
        (["mail", "--set", "q1=yes"], 2, ["q1 is a question"]),
        (["mail", "--set", "check"], 2, ["does not say which task", "--set TASK=check"]),
        (["mail", "--answer", "q1=perhaps"], 2, ["expected one of yes, no", "lgrun fork mail --answer"]),
        (["mail", "--answer", "q4=yes"], 2, ["mail has no question q4"]),
    ],
)
def test_mistakes(mail: World, assert_one_message: Check, args: list[str], code: int, words: list[str]) -> None:
    """Nothing is made, and what to type instead is said."""
    before = mail.files()

    assert_one_message(mail("fork", *args), code, words)
    assert mail.files() == before


def test_a_graph(lgrun: World) -> None:
    """A node runs again with its step; what it returned can be another update, which decides where it leads."""
    lgrun.write("steps.py", GRAPH)
    assert lgrun("invoke", "steps.py:graph", "-t", "g", "-i", '{"log": [], "score": 0}').json["log"] == ["plan", "bad"]
    (lgrun.folder / "ran.txt").unlink()

    again = lgrun("fork", "g/bad", "--run")
    other = lgrun("fork", "g", "--set", "plan[score]:=9", "--run")
    wrong = lgrun("fork", "g", "--set", "plan[points]:=9")

    assert again.json["log"] == ["plan", "bad"]
    assert other.json == {"log": ["plan", "good"], "score": 9}
    assert ran(lgrun) == ["bad", "good"]
    assert (wrong.code, "unknown key" in wrong.stderr) == (2, True)


def test_completion(mail: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tab offers threads, then steps."""
    monkeypatch.setenv("LGRUN_STATE_DIR", str(mail.state))

    assert complete(["fork", "ma"]).startswith("mail\t")
    offered = [line.partition("\t")[0] for line in complete(["fork", "mail/"]).splitlines()]
    assert offered == ["mail/draft", "mail/check", "mail/send", "mail/q1"]
    assert "--answer" in complete(["fork", "mail", "--a"])


# --- at a terminal


def test_at_a_terminal(mail: World) -> None:
    """What is kept and what runs again is shown; then it goes on, and asks."""
    with screen(mail, "fork", "mail/check", "-t", "new") as terminal:
        terminal.until("q1>")
        assert "runs again:  check, q1, send" in terminal.text()
        terminal.type("no")
        assert terminal.end() == 0

    assert mail("show", "new", "--result").json == {"sent": None, "length": 4}
    assert ran(mail) == ["check"]


@pytest.mark.parametrize("option", ["--no-run", "--no-input"])
def test_without_a_run_at_a_terminal(mail: World, option: str) -> None:
    """Who does not want it to run says so; who cannot be asked is treated as a script."""
    with screen(mail, "fork", "mail/check", "-t", "new", option) as terminal:
        assert terminal.end() == 0
        assert "lgrun resume new" in terminal.text()

    assert ran(mail) == []


def test_the_old_thread_stays(mail: World) -> None:
    """Its files are the same, byte for byte."""
    folder = mail.state / "threads/mail"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}

    mail("fork", "mail/check", "--run")
    mail("fork", "mail", "--set", "check:=1")

    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    assert json.loads(mail("doctor", "--json").stdout)["findings"] == []


def test_its_own_source(mail: World) -> None:
    """A fork brings the code that the old thread ran with; it outlives it."""
    mail("fork", "mail", "-t", "new")
    mail("rm", "-f", "mail")

    assert mail("show", "new", "--source").stdout == LETTER
