"""Parallelization: several calls of the model at the same time, each with a task of its own, and one that sums up.

    lgrun invoke workflows/parallel.py text=@README.md
    lgrun invoke workflows/parallel.py text="So it goes!" views:='["a child", "a lawyer"]'

See chat_model.py for a real model.
"""

from typing import Required, TypedDict

from chat_model import RETRY, ask

from lgrun.func import entrypoint, task

VIEWS = ["a newcomer", "an expert", "somebody in a hurry"]


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    text: Required[str]
    views: list[str]


@task(retry_policy=RETRY)
def look(view: str, text: str) -> str:
    """Read the text as somebody would."""
    found = f"{len(text.split())} words, {text.count('!')} exclamation marks"
    return ask(f"You are {view}. In one sentence, what would you change in this text?\n\n{text}", lambda _: found)


@task(retry_policy=RETRY)
def sum_up(opinions: dict[str, str]) -> str:
    """Make one advice of all opinions."""
    told = "\n".join(f"{view}: {opinion}" for view, opinion in opinions.items())
    return ask(f"Sum up in one sentence what these readers want:\n\n{told}", lambda _: f"{len(opinions)} were asked.")


@entrypoint()
def parallel(inputs: Inputs) -> dict[str, str]:
    """Read a text from several points of view at once.

    text: what to read; views: whose (default: a newcomer, an expert, somebody in a hurry).
    """
    # Calling a task starts it; all of them run before the first result is awaited.
    started = {view: look(view, inputs["text"]) for view in inputs.get("views", VIEWS)}
    opinions = {view: call.result() for view, call in started.items()}
    return {**opinions, "all": sum_up(opinions).result()}
