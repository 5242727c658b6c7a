"""A text that goes out only when a person has agreed to it.

    lgrun invoke approve -t post topic="our new office"  # drafts it and asks; in a script: exit code 3
    lgrun show post --get questions.0.value.text         # what would go out
    lgrun resume post --value publish                    # or `edit` it first, or `reject` it
    python -m pytest tests/test_approve.py               # the test that belongs to it

`interrupt` stops the run until there is an answer: in a minute or in a month, from this process or another one. Then
the function runs again from its top; finished tasks hand back what they returned, and `interrupt` returns the answer.
"""

from pathlib import Path
from typing import Any, TypedDict

from lgrun.func import entrypoint, task
from lgrun.types import interrupt

PUBLISHED = Path("published.md")
OPTIONS = ["publish", "edit", "reject"]


class Inputs(TypedDict):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    topic: str


@task
def draft(topic: str) -> str:
    """Write the first version. Put what really writes it here: a query, a language model."""
    return f"There is news about {topic}."


@task
def send(text: str) -> str:
    """Let it go out. It changes something outside, and so is a task: when it is done, it never runs again."""
    with PUBLISHED.open("a") as file:
        file.write(f"{text}\n")
    return str(PUBLISHED)


@entrypoint()
def approve(inputs: Inputs) -> dict[str, Any]:
    """Draft a text and publish it when a person says so.

    topic: what about.
    """
    text = draft(inputs["topic"]).result()
    while True:
        answer = interrupt({"question": "Publish this?", "options": OPTIONS, "text": text})
        if answer == "publish":
            return {"published": text, "in": send(text).result()}
        if answer == "reject":
            return {"published": None}
        text = interrupt({"question": "What should it say?", "type": "editor", "default": text})
