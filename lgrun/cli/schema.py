"""JSON Schema, as far as it can be checked without a library: what is unknown here is left to the workflow."""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from lgrun.cli.render.text import brief


class BadAnswer(ValueError):
    """An answer does not fit its question; says why."""


_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
    "object": (dict,),
    "array": (list,),
}
_LIMITS: dict[str, tuple[Callable[[Any, Any], bool], str]] = {
    "minimum": (operator.ge, "at least"),
    "maximum": (operator.le, "at most"),
    "exclusiveMinimum": (operator.gt, "more than"),
    "exclusiveMaximum": (operator.lt, "less than"),
}
_LENGTHS: dict[type, tuple[str, str, str]] = {
    str: ("minLength", "maxLength", "characters"),
    list: ("minItems", "maxItems", "elements"),
}


def check_schema(value: Any, schema: Mapping[str, Any], where: str = "", root: Mapping[str, Any] | None = None) -> None:
    """Check a value against a JSON schema.

    Args:
        value: plain JSON.
        schema: what it should be.
        where: the place of the value in the answer, for the message.
        root: the schema whose definitions references mean.

    Raises:
        BadAnswer: it does not fit.
    """
    root = schema if root is None else root
    schema = resolved(schema, root)
    for alternatives in (schema.get("anyOf"), schema.get("oneOf")):
        if isinstance(alternatives, list) and alternatives:
            _check_any(value, alternatives, where, root)
    _check_type(value, schema, where)
    _check_choice(value, schema, where)
    _check_limits(value, schema, where)
    if isinstance(value, dict):
        _check_object(value, schema, where, root)
    items = schema.get("items")
    if isinstance(value, list) and isinstance(items, dict):
        for n, item in enumerate(value):
            check_schema(item, items, f"{where}[{n}]", root)


def resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema a reference into `root` means; anything else as it is."""
    for _ in range(10):
        reference = schema.get("$ref")
        if not isinstance(reference, str) or not reference.startswith("#/"):
            break
        found: Any = root
        for step in reference[2:].split("/"):
            found = found.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(found, dict) else None
        if not isinstance(found, dict):
            return {}
        schema = {**found, **{key: item for key, item in schema.items() if key != "$ref"}}
    return schema


def _check_any(value: Any, alternatives: list[Any], where: str, root: Mapping[str, Any]) -> None:
    first: BadAnswer | None = None
    for alternative in alternatives:
        try:
            if isinstance(alternative, dict):
                check_schema(value, alternative, where, root)
            return
        except BadAnswer as error:
            first = first or error
    assert first is not None
    raise first


def _check_type(value: Any, schema: Mapping[str, Any], where: str) -> None:
    declared = schema.get("type")
    names = [declared] if isinstance(declared, str) else declared if isinstance(declared, list) else []
    if names and not any(_is(value, name) for name in names):
        raise BadAnswer(f"{_at(where)}expected {' or '.join(map(str, names))}, got {brief(value)}")


def _check_choice(value: Any, schema: Mapping[str, Any], where: str) -> None:
    choices = schema.get("enum")
    if isinstance(choices, list) and not any(same(value, choice) for choice in choices):
        raise BadAnswer(f"{_at(where)}expected one of {', '.join(map(brief, choices))}, got {brief(value)}")
    if "const" in schema and not same(value, schema["const"]):
        raise BadAnswer(f"{_at(where)}expected {brief(schema['const'])}, got {brief(value)}")


def _check_limits(value: Any, schema: Mapping[str, Any], where: str) -> None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        for key, (holds, words) in _LIMITS.items():
            limit = schema.get(key)
            if isinstance(limit, (int, float)) and not isinstance(limit, bool) and not holds(value, limit):
                raise BadAnswer(f"{_at(where)}expected {words} {limit}, got {brief(value)}")
    least, most, what = _LENGTHS.get(type(value), ("", "", ""))
    if isinstance(schema.get(least), int) and len(value) < schema[least]:
        raise BadAnswer(f"{_at(where)}expected at least {schema[least]} {what}, got {len(value)}")
    if isinstance(schema.get(most), int) and len(value) > schema[most]:
        raise BadAnswer(f"{_at(where)}expected at most {schema[most]} {what}, got {len(value)}")
    pattern = schema.get("pattern")
    if isinstance(value, str) and isinstance(pattern, str) and not _matches(pattern, value):
        raise BadAnswer(f"{_at(where)}expected text that matches {pattern}, got {brief(value)}")


def _matches(pattern: str, value: str) -> bool:
    try:
        return re.search(pattern, value) is not None
    except re.error:
        # Another dialect: left to the workflow.
        return True


def _check_object(value: dict[str, Any], schema: Mapping[str, Any], where: str, root: Mapping[str, Any]) -> None:
    missing = [key for key in schema.get("required") or () if key not in value]
    if missing:
        raise BadAnswer(f"{_at(where)}missing {', '.join(missing)}")
    fields = schema.get("properties")
    fields = fields if isinstance(fields, dict) else {}
    for key, item in value.items():
        place = f"{where}.{key}" if where else key
        if isinstance(fields.get(key), dict):
            check_schema(item, fields[key], place, root)
        elif key not in fields and schema.get("additionalProperties") is False:
            raise BadAnswer(f"{place} is unknown; expected {', '.join(fields)}")


def same(a: Any, b: Any) -> bool:
    """Tell whether two JSON values are the same; true and 1 are not."""
    return isinstance(a, bool) == isinstance(b, bool) and bool(a == b)


def _at(where: str) -> str:
    return f"{where}: " if where else ""


def _is(value: Any, name: object) -> bool:
    kinds = _TYPES.get(str(name))
    if kinds is None:
        return True
    if name == "integer" and isinstance(value, float):
        return value.is_integer()
    return isinstance(value, kinds) and (not isinstance(value, bool) or name == "boolean")
