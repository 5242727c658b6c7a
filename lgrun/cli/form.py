"""A question whose answer is an object: one prompt per field."""

from collections.abc import Mapping
from typing import Any

from lgrun.cli.answers import BadAnswer
from lgrun.cli.env import Environment
from lgrun.cli.prompt import ask_until_it_fits, hint_of
from lgrun.cli.question import Question
from lgrun.cli.render.text import one_line
from lgrun.cli.schema import check_schema, resolved


def fill(env: Environment, question: Question, hidden: Question | None) -> dict[str, Any]:
    """Ask for every field of the object, and again if they do not fit together; for `hidden` see `ask_until_it_fits`.

    Raises:
        Left, Skipped: the person does not answer.
    """
    schema = question.schema or {}
    while True:
        answer: dict[str, Any] = {}
        for name, declared in schema["properties"].items():
            found = _field(env, question, name, declared if isinstance(declared, dict) else {}, hidden)
            if found is not None:
                answer[name] = found[0]
        try:
            check_schema(answer, schema)
        except BadAnswer as error:
            env.say(f"  {error}", "red")
            continue
        return answer


def _field(
    env: Environment, question: Question, name: str, declared: Mapping[str, Any], hidden: Question | None
) -> tuple[Any] | None:
    root = question.schema or {}
    schema = _simple(resolved(declared, root), root)
    required = name in (root.get("required") or ())
    value: dict[str, Any] = {} if "default" in schema or required else {"default": _LEFT_OUT}
    definitions: dict[str, Any] = {key: root[key] for key in ("$defs", "definitions") if key in root}
    asked = question._replace(value=value, declared={**schema, **definitions})
    about = schema.get("description") or schema.get("title")
    env.say(f"  {one_line(name)}{f'  {one_line(str(about))}' if about else ''}")
    for n, word in enumerate(asked.menu, 1):
        env.say(f"    {n}  {one_line(word)}")
    env.say(f"    {_hint(asked, required)}", "dim")
    answer = ask_until_it_fits(env, asked, f"q{question.q} {one_line(name)}> ", hidden)
    return None if answer is _LEFT_OUT else (answer,)


def _hint(asked: Question, required: bool) -> str:
    if asked.default is not None and asked.default[0] is _LEFT_OUT:
        return hint_of(asked._replace(value={})) + " · Enter leaves it out"
    return hint_of(asked) + (" · required" if required else "")


_LEFT_OUT: Any = object()
"""What Enter means at a field that need not be there."""


def _simple(schema: Mapping[str, Any], root: Mapping[str, Any]) -> dict[str, Any]:
    """Return the one type that a schema allows beside null, so that it can be asked for by name."""
    found = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(found, list):
        return dict(schema)
    others = [one for one in found if isinstance(one, dict) and one.get("type") != "null"]
    if len(others) != 1:
        return dict(schema)
    inner = resolved(others[0], root)
    return {**inner, **{key: item for key, item in schema.items() if key not in ("anyOf", "oneOf")}}
