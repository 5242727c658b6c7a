"""Documents for programs. Written by the JSON library alone: nothing may wrap, colour or reinterpret them."""

from typing import Any

from lgrun.cli.diagnostics import Problem
from lgrun.cli.render.text import dump
from lgrun.cli.status import ExitStatus


def document_text(document: Any, *, pretty: bool) -> str:
    """Return a document as it is printed: one line in a pipe, indented on a terminal."""
    return dump(document, ascii_only=not pretty, indent=2 if pretty else None) + "\n"


def pick(document: Any, path: str) -> str:
    """Return one value of a document as `--get` prints it: text as it is, anything else as JSON.

    Raises:
        Problem: there is nothing at that place (exit 4).
    """
    here = document
    walked: list[str] = []
    for step in path.split(".") if path else []:
        try:
            here = here[int(step)] if isinstance(here, list) else here[step]
        except (LookupError, ValueError, TypeError):
            raise _nothing_at(path, walked, here) from None
        walked.append(step)
    return (here if isinstance(here, str) else dump(here)) + "\n"


def _nothing_at(path: str, walked: list[str], here: Any) -> Problem:
    place = ".".join(walked) or "the document"
    if isinstance(here, dict):
        there = f"{place} has: {', '.join(here)}"
    elif isinstance(here, list):
        there = f"{place} has {len(here)} elements"
    else:
        there = f"{place} is {dump(here)[:60]}"
    return Problem("no-such-value", f"there is no {path}", status=ExitStatus.NOT_FOUND, context=[there])


def result_text(value: Any, *, pretty: bool, limit: int, more: str) -> str:
    """Return what a workflow returned as it is printed: one JSON line in a pipe; on a terminal for reading.

    Args:
        value: plain JSON data.
        pretty: for a person.
        limit: cut after so many lines.
        more: the command that shows all of it.
    """
    if not pretty:
        return document_text(value, pretty=False)
    text = value if isinstance(value, str) else dump(value, ascii_only=False, indent=2)
    lines = text.split("\n")
    if len(lines) > limit:
        lines = [*lines[:limit], f"… {len(lines) - limit} more lines: {more}"]
    return "\n".join(lines) + "\n"
