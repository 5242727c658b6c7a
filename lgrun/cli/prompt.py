"""Questions, one after another, at a terminal."""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lgrun.cli.answers import BadAnswer, coerce
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed, parse_text
from lgrun.cli.render.text import brief, nearest
from lgrun.cli.render.thread import Question


class Answers(NamedTuple):
    """What was answered, by interrupt id; whether the person left before the last question, and with Ctrl-C."""

    given: dict[str, Any]
    left: bool
    interrupted: bool = False


def ask_all(env: Environment, questions: Sequence[Question]) -> Answers:
    """Ask every question. Ctrl-D leaves this one and the following ones open; Ctrl-C leaves all open."""
    given: dict[str, Any] = {}
    for question in questions:
        try:
            found = _ask(env, question)
        except KeyboardInterrupt:
            env.say()
            return Answers({}, left=True, interrupted=True)
        if found is None:
            return Answers(given, left=True)
        (answer,) = found
        env.say(f"→ q{question.q} = {brief(answer)} ({_type_name(answer)})")
        given[question.interrupt] = answer
    return Answers(given, left=False)


def _ask(env: Environment, question: Question) -> tuple[Any] | None:
    for shown in drawn(question):
        env.say(shown)
    while True:
        line = env.ask(f"q{question.q}> ")
        if line is None:
            return None
        try:
            return (read(question, line),)
        except BadAnswer as error:
            env.say(f"  {error}")
        except Problem as problem:
            env.say(f"  {problem.message}")
            for context in problem.context:
                env.say(f"    {context}")


def drawn(question: Question) -> Iterator[str]:
    """Draw a question: its text, what came with it, the choices."""
    yield f"? {question.text}"
    for key, item in question.context.items():
        yield f"  {key}: {item if isinstance(item, str) else brief(item, 500)}"
    for n, option in enumerate(question.options or (), 1):
        yield f"  {n}  {_word(option)}"
    default = _default(question)
    if default is not None:
        yield f"  Enter: {_word(default[0])}"


def read(question: Question, line: str) -> Any:
    """Return the answer a typed line means.

    Raises:
        BadAnswer: none.
        Problem: it begins like JSON and is not.
    """
    default = _default(question)
    if not line.strip():
        if default is None:
            raise BadAnswer('type an answer; "" is an empty text, Ctrl-D leaves the question open')
        return default[0]
    if question.options:
        return _choice(question.options, line.strip())
    if question.kind == "text":
        return line
    return coerce(question, Typed(line) if question.kind else parse_text(line.strip()))


def _choice(options: Sequence[Any], line: str) -> Any:
    words = {_word(option): option for option in options}
    if line in words:
        return words[line]
    folded = {word.lower(): option for word, option in words.items()}
    if line.lower() in folded and len(folded) == len(words):
        return folded[line.lower()]
    if line.isascii() and line.isdigit() and 1 <= int(line) <= len(options):
        return options[int(line) - 1]
    near = nearest(line, words)
    raise BadAnswer(f"type a number or a word of the list{f': did you mean {near}?' if near else ''}")


def _default(question: Question) -> tuple[Any] | None:
    for place in (question.value, question.schema):
        if isinstance(place, dict) and "default" in place:
            return (place["default"],)
    return None


def _word(option: Any) -> str:
    return option if isinstance(option, str) else brief(option, 200)


def _type_name(value: Any) -> str:
    return {str: "text", type(None): "null", dict: "object"}.get(type(value), type(value).__name__)
