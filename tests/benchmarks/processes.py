"""Whole processes: what is waited for at a prompt, against a Python that does nothing."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from tests.benchmarks.comparing import Bench, Line, Measure, medians

LGRUN = str(Path(sys.executable).with_name("lgrun"))
PASS, TYPER, LANGGRAPH = "python -c pass", "a Typer hello world", "LangGraph script"

ONE = """
from lgrun.func import entrypoint, task

@task
def increment(x: int) -> int:
    return x + 1

@entrypoint()
def one(inputs: dict) -> int:
    \"\"\"One task.\"\"\"
    return increment(inputs["x"]).result()
"""

ASK = """
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

@task
def increment(x: int) -> int:
    return x + 1

@entrypoint()
def ask(inputs: dict) -> int:
    \"\"\"One task and a question.\"\"\"
    return increment(inputs["x"]).result() + interrupt({"question": "go on?", "options": [1, 2]})
"""

SCRIPT = """
import sqlite3, sys
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.func import entrypoint, task
from langgraph.types import Command, interrupt

@task
def increment(x: int) -> int:
    return x + 1

@entrypoint(checkpointer=SqliteSaver(sqlite3.connect("state.sqlite", check_same_thread=False)))
def one(inputs: dict) -> int:
    x = increment(inputs["x"]).result()
    return x + interrupt("go on?") if inputs["ask"] else x

kind, thread = sys.argv[1:]
value = Command(resume=1) if kind == "resume" else {"x": 1, "ask": kind == "ask"}
print(one.invoke(value, {"configurable": {"thread_id": thread}}))
"""

HELLO = """
import typer

app = typer.Typer()

@app.command()
def hello(name: str) -> None:
    print("Hello", name)

@app.command()
def bye(name: str) -> None:
    print("Bye", name)

app()
"""

Words = Callable[[int], list[str]]
"""The words of a command, by how often it was called before."""


class Timed(NamedTuple):
    """A command of lgrun's, and the targets it has."""

    words: Words
    of_pass: float | None = None
    script: Words | None = None
    than_script: float | None = None


def _fixed(*words: str) -> Words:
    return lambda number: list(words)


def _commands() -> dict[str, Timed]:
    tabs = {"": [""], "resume ": ["resume", ""], "invoke ": ["invoke", ""], "invoke ask ": ["invoke", "ask", ""]}
    return {
        "--version": Timed(_fixed("--version"), 3),
        **{f"{typed}[Tab]": Timed(_fixed("__complete", *words), 3) for typed, words in tabs.items()},
        "list": Timed(_fixed("list"), 8),
        "history": Timed(_fixed("history", "done"), 8),
        "show": Timed(_fixed("show", "done"), 8),
        "invoke": Timed(_fixed("invoke", "one", "x:=1"), 10, lambda number: ["invoke", f"invoke-{number}"], 7),
        "resume": Timed(
            lambda number: ["resume", f"ask-{number}", "--value", "1"], None, lambda number: ["resume", f"ask-{number}"]
        ),
    }


def processes(bench: Bench) -> Iterator[Line]:
    """Commands of lgrun's, with their output in a pipe, on a state directory with some threads."""
    rounds, folder = max(bench.rounds, 9), bench.fresh()
    env = {**os.environ, "LGRUN_STATE_DIR": f"{folder}/state"}
    # What is installed has bytecode; so has a clone, once every command has run.
    env.pop("PYTHONDONTWRITEBYTECODE", None)

    def run(command: list[str], status: int = 0) -> None:
        done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True)
        assert done.returncode == status, f"{command}: {done.stdout}{done.stderr}"

    def measure(words: Words, *program: str) -> Measure:
        calls = iter(range(rounds + 1))

        def milliseconds() -> float:
            command = [*program, *words(next(calls))]
            began = time.perf_counter()
            run(command)
            return (time.perf_counter() - began) * 1e3

        milliseconds()
        return milliseconds

    _prepare(folder, rounds, run)
    commands = _commands()
    measures = {
        PASS: measure(_fixed("-c", "pass"), sys.executable),
        TYPER: measure(_fixed("hello.py", "hello", "Ann"), sys.executable),
    }
    for name, command in commands.items():
        measures[name] = measure(command.words, LGRUN)
        if command.script:
            measures[f"{LANGGRAPH} {name}"] = measure(command.script, sys.executable, "script.py")
    found = medians(measures, rounds)
    for name, command in commands.items():
        others = {PASS: found[PASS], TYPER: found[TYPER]}
        if command.script:
            others[LANGGRAPH] = found[f"{LANGGRAPH} {name}"]
        for against, other in others.items():
            yield Line(
                case="processes",
                what=f"lgrun {name}",
                unit="ms",
                lgrun=found[name],
                against=against,
                other=other,
                at_most=command.of_pass if against == PASS else None,
                at_least=command.than_script if against == LANGGRAPH else None,
            )


def _prepare(folder: Path, rounds: int, run: Callable[..., None]) -> None:
    """Write the programs, and make the threads that are looked at and taken up."""
    (folder / "workflows").mkdir()
    for name, text in {
        "workflows/one.py": ONE,
        "workflows/ask.py": ASK,
        "script.py": SCRIPT,
        "hello.py": HELLO,
    }.items():
        (folder / name).write_text(text)
    run([LGRUN, "invoke", "one", "x:=1", "-t", "done"])
    for number in range(rounds + 1):
        run([LGRUN, "invoke", "ask", "x:=1", "-t", f"ask-{number}"], 3)
        run([sys.executable, "script.py", "ask", f"ask-{number}"])
