"""An answer written in the person's editor."""

import json
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from lgrun.cli.answers import BadAnswer, coerce
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed, strict_json
from lgrun.cli.question import Question

T = TypeVar("T")


class NothingSent(BadAnswer):
    """The person has not written an answer, or the editor failed."""


def edit(env: Environment, question: Question) -> object:
    """Open the editor on the proposed answer, as JSON if that is no text, and return what is saved.

    Raises:
        NothingSent: there is no editor, it failed, or nothing was written.
        BadAnswer: what was written does not fit.
        Left: see `edit_json`.
    """
    (proposed,) = question.default or ("",)
    if question.edits_json:
        return edit_json(env, proposed, check=lambda value: coerce(question, value))
    written = _edited(env, proposed or "").removesuffix("\n")
    if not written.strip():
        raise NothingSent("nothing was written, so nothing is sent")
    return coerce(question, Typed(written))


def edit_answer(env: Environment, question: Question) -> Any:
    """Open the editor on the proposed answer, as JSON unless it is declared to be text; return what is saved.

    Raises:
        NothingSent, BadAnswer, Left: see `edit_json`.
    """
    if question.kind in ("text", "editor"):
        return edit(env, question)
    return edit_json(env, *_proposed(question), check=lambda value: coerce(question, value))


def _proposed(question: Question) -> tuple[Any, ...]:
    if question.review is not None:
        return (question.review.proposed(),)
    if question.default is not None:
        return question.default
    fields = (question.schema or {}).get("properties")
    if isinstance(fields, dict) and fields:
        return ({name: one.get("default") if isinstance(one, dict) else None for name, one in fields.items()},)
    return tuple((question.options or ())[:1])


def edit_json(env: Environment, *proposed: Any, check: Callable[[Any], T]) -> T:
    """Open the editor on a value, as JSON, until what is saved is an answer; what was written is never lost.

    Args:
        env: the world.
        proposed: the value to begin with, if there is one.
        check: returns the answer that a value means.

    Raises:
        NothingSent: there is no editor, it failed, or the file is empty.
        BadAnswer: what was written does not fit, and nobody can be asked again.
        Left: the person gives up (Ctrl-D).
    """
    from lgrun.cli.prompt import Left

    text = "".join(json.dumps(value, ensure_ascii=False, indent=2) for value in proposed)
    while True:
        text = _edited(env, text, ".json").removesuffix("\n")
        if not text.strip():
            raise NothingSent("nothing was written, so nothing is sent")
        try:
            return check(_read(text))
        except BadAnswer as error:
            if not env.interactive():
                raise
            env.say(f"  {error}", "red")
        if env.ask("  Enter opens the editor again, Ctrl-D gives up> ") is None:
            raise Left


def _read(text: str) -> Any:
    try:
        return strict_json(text)
    except (ValueError, RecursionError) as error:
        raise BadAnswer(f"this is not valid JSON: {error}") from None


def _editor(env: Environment) -> list[str]:
    name = next((name for name in ("VISUAL", "EDITOR") if env.environ.get(name, "").strip()), None)
    if name is None and not env.interactive():
        hint = "set VISUAL or EDITOR to a program that needs none, or answer with --value or --text"
        raise Problem("no-editor", "there is no terminal for an editor", hint=hint)
    try:
        return ["vi"] if name is None else shlex.split(env.environ[name])
    except ValueError as error:
        raise NothingSent(f"{name} is no command ({error}); set it to one") from None


def _edited(env: Environment, text: str, suffix: str = ".md") -> str:
    words = _editor(env)
    with tempfile.TemporaryDirectory(prefix="lgrun-") as folder:
        path = Path(folder) / f"answer{suffix}"
        path.write_text(text + "\n" if text else "", "utf-8")
        # Ctrl-C belongs to the editor while it runs. (An ignored signal would be inherited; a handler is not.)
        old = signal.signal(signal.SIGINT, lambda _signum, _frame: None)
        try:
            done = subprocess.run(
                [*words, str(path)], check=False, stdin=env.stdin, stdout=env.stderr, stderr=env.stderr
            )
        except OSError as error:
            raise NothingSent(f"the editor {words[0]} does not start: {error.strerror}; set EDITOR") from None
        finally:
            signal.signal(signal.SIGINT, old)
        if done.returncode:
            raise NothingSent(f"{words[0]} ended with {done.returncode}, so nothing is sent")
        return path.read_text("utf-8", errors="replace")
