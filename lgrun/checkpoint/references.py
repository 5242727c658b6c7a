"""Which step of a thread is meant by what people type. Pure.

4        row 4 of its history         q1, or its id   that question
draft    the last task called draft   draft.2         the second one
"""

import re
from collections.abc import Iterable, Sequence
from typing import Protocol, TypeVar

__all__ = ["Step", "meant", "names_of"]


class Step(Protocol):
    """Something that happened on a thread: `kind` is `task` for a call of a task or a node, `ask` for a question."""

    @property
    def n(self) -> int: ...
    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def q(self) -> int | None: ...
    @property
    def id(self) -> str | None: ...


S = TypeVar("S", bound=Step)


def meant(steps: Sequence[S], typed: str) -> S | None:
    """Return the step that is meant, of several the last one; None if there is none."""
    if re.fullmatch(r"\d{1,9}", typed, re.ASCII):
        found = [step for step in steps if step.n == int(typed)]
    elif re.fullmatch(r"q\d{1,9}|[0-9a-f]{32}", typed, re.ASCII):
        found = [step for step in steps if step.kind == "ask" and typed in (f"q{step.q}", step.id)]
    else:
        found = _tasks(steps, typed)
    return found[-1] if found else None


def _tasks(steps: Sequence[S], typed: str) -> list[S]:
    """Return the tasks of that name; `draft.2` is the second one, unless a task is called that."""
    named = [step for step in steps if step.kind == "task" and step.name == typed]
    name, dot, number = typed.rpartition(".")
    if named or not dot or not re.fullmatch(r"[1-9]\d{0,8}", number, re.ASCII):
        return named
    each = [step for step in steps if step.kind == "task" and step.name == name]
    return each[int(number) - 1 : int(number)]


def names_of(steps: Iterable[Step]) -> tuple[list[str], list[str]]:
    """Return the names of the tasks, each once, and the questions."""
    tasks: dict[str, None] = {}
    questions: dict[str, None] = {}
    for step in steps:
        if step.kind == "task":
            tasks[step.name] = None
        elif step.kind == "ask":
            questions[f"q{step.q}"] = None
    return list(tasks), list(questions)
