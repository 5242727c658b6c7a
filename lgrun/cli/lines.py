"""The lines of a batch: each one an input, checked, and the thread it is run on."""

import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgrun._hashing import sha256
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import strict_json
from lgrun.cli.session import check_thread_id, slug

if TYPE_CHECKING:
    from lgrun.cli.loading import Loaded

_SHOWN = 20
"""So many mistakes are told."""
_DIGITS = 12
"""Of the digest of a line: with a million lines, two of them share an id in one of 600 batches, which is refused."""


@dataclass(frozen=True, slots=True)
class Line:
    """One input.

    Args:
        number: of the line in its file, from 1; empty lines count.
        thread: id of the thread it is run on. Equal lines have the same.
        payload: the input in the form the workflow declares.
    """

    number: int
    thread: str
    payload: Any


def read_lines(env: Environment, loaded: "Loaded", source: str, key: str | None) -> list[Line]:
    """Read and check all lines, before anything is created. Empty lines are passed over.

    Args:
        env: the world.
        loaded: the workflow they are inputs of.
        source: name of the file; `-` is standard input.
        key: where in a line the id of its thread is. If None, the id is made of the workflow's name and a digest of
            the line and of the place of the workflow, so that the batches of two projects do not meet.

    Raises:
        Problem: the file cannot be read; a line is not JSON, is no such input, or has no valid id of its own.
    """
    found: list[Line] = []
    wrong: list[str] = []
    given: dict[str, tuple[int, str]] = {}
    for number, data in enumerate(_read(env, source).removeprefix(b"\xef\xbb\xbf").split(b"\n"), 1):
        if not data.strip():
            continue
        try:
            found.append(_line(loaded, number, data, key, given))
        except Problem as problem:
            wrong.append(f"line {number}: {problem.message}")
    if wrong:
        raise _refusal(wrong, len(found))
    return found


def _line(loaded: "Loaded", number: int, data: bytes, key: str | None, given: dict[str, tuple[int, str]]) -> Line:
    from lgrun.cli.request import Request, input_for

    value = _parse(data)
    words = json.dumps(value, sort_keys=True, separators=(",", ":"))
    thread = _id_at(key, value) if key is not None else _id_of(words, loaded)
    first, theirs = given.setdefault(thread, (number, words))
    if theirs != words:
        raise Problem("bad-lines", f"line {first} has the same thread id, {thread}, and another input")
    return Line(number, thread, input_for(loaded, Request(True, value, (), None)))


def _parse(data: bytes) -> Any:
    try:
        return strict_json(data.decode())
    except UnicodeDecodeError as error:
        raise Problem("bad-lines", f"not UTF-8 text (byte {error.start})") from None
    except json.JSONDecodeError as error:
        raise Problem("bad-lines", f"not valid JSON: {error.msg} (column {error.colno})") from None
    except ValueError as error:
        raise Problem("bad-lines", f"not valid JSON: {error}") from None
    except RecursionError:
        raise Problem("bad-lines", "the JSON is nested too deeply") from None


def _id_of(words: str, loaded: "Loaded") -> str:
    place = os.fsencode(loaded.path) + b"\0" + loaded.name.encode() + b"\0"
    return f"{slug(loaded.title)}-{sha256(place + words.encode()).hexdigest()[:_DIGITS]}"


def _id_at(key: str, value: Any) -> str:
    if not isinstance(value, dict) or key not in value:
        raise Problem("bad-lines", f"there is no {key} in it to name its thread")
    found = value[key]
    if isinstance(found, bool) or not isinstance(found, str | int):
        raise Problem("bad-lines", f"{key} names its thread, so it must be a text or a whole number")
    return check_thread_id(str(found))


def _refusal(wrong: list[str], right: int) -> Problem:
    several = len(wrong) > 1
    message = f"{len(wrong)} of {len(wrong) + right} lines cannot be run" if several else wrong[0]
    context = wrong[:_SHOWN] if several else []
    if len(wrong) > _SHOWN:
        context.append(f"and {len(wrong) - _SHOWN} more")
    return Problem("bad-lines", message, context=context, hint="nothing was run")


def _read(env: Environment, source: str) -> bytes:
    if source == "-":
        return env.read_stdin()
    try:
        return (env.cwd / source).read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Problem("no-such-file", f"cannot read {source}: {reason}") from None
