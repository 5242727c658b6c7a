"""A first workflow. It needs nothing and runs at once.

    lgrun invoke hello -t first name=Ann  # prints what it returns
    lgrun history first                   # what happened, step by step
    python -m pytest tests/test_hello.py  # the test that belongs to it

The function marked `@entrypoint` is the workflow: ordinary Python, run from top to bottom. What takes time, changes
something outside or is random belongs into a `@task`, because what a task returns is saved: if the run stops on its
way (an error, Ctrl-C, a power cut), `lgrun resume first` goes on and runs no finished task again.
"""

import random
from typing import TypedDict

from lgrun.func import entrypoint, task

GREETINGS = ["Good morning", "Welcome", "Nice to see you"]


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    name: str
    times: int


@task
def choose() -> str:
    """Choose a greeting. Random, and so a task: whoever goes on with the run finds the same one."""
    return random.choice(GREETINGS)


@task
def write(greeting: str, name: str, times: int) -> list[str]:
    """Write the greeting down, so many times."""
    return [f"{greeting}, {name}!"] * times


@entrypoint()
def hello(inputs: Inputs) -> dict[str, list[str]]:
    """Greet somebody.

    name: whom (default world); times: how often (default 1).
    """
    greeting = choose().result()  # a call starts a task, result() waits for what it returns
    lines = write(greeting, inputs.get("name", "world"), inputs.get("times", 1)).result()
    return {"said": lines}
