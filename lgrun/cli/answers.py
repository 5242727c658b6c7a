"""From what a person typed to the answer a question wants."""

from collections.abc import Mapping, Sequence
from typing import Any

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed, parse_item, parse_text, parse_value, read_bool
from lgrun.cli.render.text import brief
from lgrun.cli.render.thread import Question


class BadAnswer(ValueError):
    """An answer does not fit its question; says why."""


def coerce(question: Question, value: Any) -> Any:
    """Return the answer in the type the question declares.

    Args:
        question: what was asked.
        value: a value, or `Typed` text that is not one yet.

    Raises:
        BadAnswer: it does not fit.
    """
    answer = _of_kind(question.kind, value)
    if question.schema is not None:
        check_schema(answer, question.schema)
    return answer


def _of_kind(kind: str | None, value: Any) -> Any:
    if not isinstance(value, str) or kind in (None, "text"):
        return str(value) if isinstance(value, Typed) else value
    if kind == "bool":
        found = read_bool(value)
        if found is None:
            raise BadAnswer(f"expected yes or no, got {brief(str(value))}")
        return found
    if kind in ("int", "number"):
        return _number(kind, value)
    return parse_text(str(value)) if isinstance(value, Typed) else value


def _number(kind: str, text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        pass
    try:
        if kind == "number":
            return float(text)
    except ValueError:
        pass
    raise BadAnswer(f"expected {'an integer' if kind == 'int' else 'a number'}, got {brief(str(text))}")


# --- JSON Schema, as far as it can be checked without a library: what is unknown here is left to the workflow

_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}


def check_schema(value: Any, schema: Mapping[str, Any], where: str = "") -> None:
    """Check a value against the types, choices and required fields of a JSON schema.

    Raises:
        BadAnswer: it does not fit.
    """
    place = f"{where}: " if where else ""
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    if names and not any(_is(value, name) for name in names):
        raise BadAnswer(f"{place}expected {' or '.join(map(str, names))}, got {brief(value)}")
    choices = schema.get("enum")
    if isinstance(choices, list) and value not in choices:
        raise BadAnswer(f"{place}expected one of {', '.join(map(brief, choices))}, got {brief(value)}")
    if isinstance(value, dict):
        _check_object(value, schema, where)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        for n, item in enumerate(value):
            check_schema(item, items, f"{where}[{n}]")


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], where: str) -> None:
    missing = [key for key in schema.get("required") or () if key not in value]
    if missing:
        raise BadAnswer(f"{where + ': ' if where else ''}missing {', '.join(missing)}")
    fields = schema.get("properties")
    for key, item in value.items():
        if isinstance(fields, dict) and isinstance(fields.get(key), dict):
            check_schema(item, fields[key], f"{where}.{key}" if where else key)


def _is(value: Any, name: object) -> bool:
    kinds = _TYPES.get(str(name))
    if kinds is None:
        return True
    return isinstance(value, kinds) and (not isinstance(value, bool) or name == "boolean")


# --- the arguments of `resume`


def read_answers(
    env: Environment, questions: Sequence[Question], items: Sequence[str], value: str | None, text: str | None
) -> dict[str, Any]:
    """Return the answers given on the command line, by interrupt id.

    Raises:
        Problem: they name no open question, or do not fit.
    """
    answers: dict[str, Any] = {}
    if value is not None or text is not None:
        given = str(text) if text is not None else parse_value(str(value), env)
        question = _the_one(questions)
        answers[question.interrupt] = _fit(question, given)
    for item in items:
        parsed = parse_item(item, env)
        question = _named(parsed.key, questions)
        if question.interrupt in answers:
            raise Problem("bad-answer", f"q{question.q} is answered twice")
        answers[question.interrupt] = _fit(question, parsed.value)
    return answers


def _the_one(questions: Sequence[Question]) -> Question:
    if len(questions) == 1:
        return questions[0]
    raise Problem(
        "several-questions",
        f"{len(questions)} questions are open: say which one is answered",
        context=[question.line() for question in questions],
        hint=f"like q{questions[0].q}=ANSWER",
    )


def _named(key: str, questions: Sequence[Question]) -> Question:
    for question in questions:
        if key in (f"q{question.q}", question.interrupt):
            return question
    raise Problem(
        "unknown-question",
        f"there is no open question {key}",
        context=[question.line() for question in questions],
    )


def _fit(question: Question, value: Any) -> Any:
    try:
        return coerce(question, value)
    except BadAnswer as error:
        raise Problem("bad-answer", f"q{question.q}: {error}", context=[question.line()]) from None
