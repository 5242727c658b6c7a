"""Does a value fit what the workflow's first parameter declares?

`conform` returns the value in the declared form (text of the command line as a number, an object as the dataclass) or
raises `Mismatch`, which names the place. Annotations it does not know are not checked: the workflow decides.
"""

import collections.abc
import enum
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NoReturn

from lgrun._typed import is_typed_dict
from lgrun.cli.declared import Field, is_text_form, kind_name, object_fields, shown, strip
from lgrun.cli.inputs import Typed, read_bool, read_number, strict_json
from lgrun.cli.render.text import brief, nearest

Checker = Callable[[Any, Any, str], Any]


class Mismatch(Exception):
    """A value does not fit. `where` is its place, `expected` and `got` say why, `note` is the declaration."""

    def __init__(self, where: str, message: str, note: str = "") -> None:
        super().__init__(where, message, note)
        self.where = where
        self.message = message
        self.note = note

    def __str__(self) -> str:
        return f"{self.where}: {self.message}" + (f"   ({self.note})" if self.note else "")


def conform(value: Any, annotation: Any, where: str = "input") -> Any:
    """Return `value` in the form `annotation` declares.

    Raises:
        Mismatch: it does not fit.
    """
    annotation = strip(annotation)
    return _checker(annotation)(value, annotation, where)


def conform_part(value: Any, annotation: Any, where: str = "input") -> Any:
    """Return an object that has some of the keys that a TypedDict declares, each in its form.

    Raises:
        Mismatch: it does not fit.
    """
    value = _from_json(value)
    if not isinstance(value, dict):
        _refuse(where, "object", value)
    fields = {field.name: field._replace(required=False) for field in object_fields(annotation) or ()}
    _check_keys(value, fields, where)
    return {key: _check_field(inner, fields[key], f"{where}.{key}") for key, inner in value.items()}


def plain(value: Any) -> Any:
    """Return a value without the marks that say it was typed as text."""
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(inner) for inner in value]
    return str(value) if isinstance(value, Typed) else value


# --- which check


def _checker(annotation: Any) -> Checker:
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return _check_union
    if origin is typing.Literal:
        return _check_literal
    if annotation is None:
        return _check_none
    if not isinstance(origin, type):
        return _check_nothing
    if origin in _EXACT:
        return _EXACT[origin]
    if is_text_form(origin):
        return _check_text_form
    if object_fields(annotation) is not None:
        return _check_object
    return next((check for kind, check in _FAMILIES if issubclass(origin, kind)), _check_nothing)


def _check_nothing(value: Any, _annotation: Any, _where: str) -> Any:
    return plain(value)


def _check_none(value: Any, _annotation: Any, where: str) -> None:
    if value is None or (isinstance(value, Typed) and value in ("null", "")):
        return
    _refuse(where, "null", value)


def _check_union(value: Any, annotation: Any, where: str) -> Any:
    # Text fits `str` always, so typed text is tried as anything else first.
    members = sorted(typing.get_args(annotation), key=lambda member: strip(member) is str)
    problems: list[Mismatch] = []
    for member in members:
        try:
            return conform(value, member, where)
        except Mismatch as problem:
            problems.append(problem)
    inner = [problem for problem in problems if problem.where != where]
    if len(inner) == 1:
        raise inner[0]
    return _refuse(where, kind_name(annotation), value)


def _check_literal(value: Any, annotation: Any, where: str) -> Any:
    for choice in typing.get_args(annotation):
        if (type(choice) is type(value) and choice == value) or (
            isinstance(value, Typed) and str(choice) == str(value)
        ):
            return choice
    return _refuse(where, kind_name(annotation), value)


def _check_enum(value: Any, annotation: Any, where: str) -> Any:
    for member in annotation:
        if value == member.value or (isinstance(value, Typed) and value in (member.name, str(member.value))):
            return member
    return _refuse(where, kind_name(annotation), value)


# --- scalars


def _check_str(value: Any, _annotation: Any, where: str) -> str:
    if not isinstance(value, str):
        _refuse(where, "string", value, hint="as text: --text" if where == "input" else "")
    return str(value)


def _check_bool(value: Any, _annotation: Any, where: str) -> bool:
    found = read_bool(value) if isinstance(value, Typed) else value
    return found if isinstance(found, bool) else _refuse(where, "boolean", value)


def _check_int(value: Any, _annotation: Any, where: str) -> int:
    found = read_number(value) if isinstance(value, Typed) else value
    return found if isinstance(found, int) and not isinstance(found, bool) else _refuse(where, "integer", value)


def _check_float(value: Any, _annotation: Any, where: str) -> float:
    found = read_number(value) if isinstance(value, Typed) else value
    if not isinstance(found, (int, float)) or isinstance(found, bool):
        return _refuse(where, "number", value)
    try:
        return float(found) if isinstance(value, Typed) else found
    except OverflowError:
        return _refuse(where, "number", value)


def _check_text_form(value: Any, annotation: Any, where: str) -> Any:
    """Check a type that people write as text: a date, a path."""
    read: Callable[[str], Any] = getattr(annotation, "fromisoformat", annotation)
    if not isinstance(value, str):
        return _refuse(where, annotation.__name__, value)
    try:
        return read(str(value))
    except (ValueError, ArithmeticError):
        return _refuse(where, annotation.__name__, value)


# --- containers


def _from_json(value: Any) -> Any:
    """Read typed text where a list or an object is expected: only JSON can be meant."""
    if isinstance(value, Typed):
        try:
            return strict_json(value)
        except (ValueError, RecursionError):
            return value
    return value


def _check_sequence(value: Any, annotation: Any, where: str) -> Any:
    value = _from_json(value)
    if not isinstance(value, list):
        _refuse(where, "list", value)
    origin = typing.get_origin(annotation) or annotation
    inner = typing.get_args(annotation)
    if origin is tuple and inner and inner[-1] is not Ellipsis:
        if len(inner) != len(value):
            raise Mismatch(where, f"expected {len(inner)} elements, got {len(value)}")
        kinds: Iterable[Any] = inner
    else:
        kinds = [inner[0] if inner else Any] * len(value)
    found = [conform(v, kind, f"{where}[{n}]") for n, (v, kind) in enumerate(zip(value, kinds, strict=True))]
    return origin(found) if origin in (tuple, set, frozenset) else found


def _check_mapping(value: Any, annotation: Any, where: str) -> Any:
    value = _from_json(value)
    if not isinstance(value, dict):
        _refuse(where, "object", value)
    keys, values = typing.get_args(annotation) or (Any, Any)
    return {
        conform(Typed(key), keys, f"{where} key"): conform(inner, values, f"{where}.{key}")
        for key, inner in value.items()
    }


def _check_object(value: Any, annotation: Any, where: str) -> Any:
    value = _from_json(value)
    if not isinstance(value, dict):
        _refuse(where, "object", value)
    if hasattr(annotation, "model_validate"):
        return _check_pydantic(plain(value), annotation, where)
    fields = {field.name: field for field in object_fields(annotation) or ()}
    _check_keys(value, fields, where)
    found = {key: _check_field(inner, fields[key], f"{where}.{key}") for key, inner in value.items()}
    if is_typed_dict(annotation):
        return found
    try:
        return annotation(**found)
    except (TypeError, ValueError) as error:
        raise Mismatch(where, str(error)) from None


def _check_field(value: Any, field: Field, where: str) -> Any:
    try:
        return conform(value, field.annotation, where)
    except Mismatch as problem:
        if problem.where == where and not problem.note:
            problem.note = str(field)
        raise


def _check_keys(value: Mapping[str, Any], fields: Mapping[str, Field], where: str) -> None:
    for key in value:
        if key not in fields:
            near = nearest(key, fields)
            known = ", ".join(fields) or "none"
            raise Mismatch(
                f"{where}.{key}", "unknown key" + (f", did you mean {near}?" if near else ""), f"keys: {known}"
            )
    missing = [field for field in fields.values() if field.required and field.name not in value]
    if missing:
        names = ", ".join(field.name for field in missing)
        raise Mismatch(where, f"missing {names}", ", ".join(map(str, missing)))


def _check_pydantic(value: Any, annotation: Any, where: str) -> Any:
    try:
        return annotation.model_validate(value)
    except ValueError as error:
        details = getattr(error, "errors", None)
        if details is None:
            raise Mismatch(where, str(error)) from None
        first = details()[0]
        place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
        raise Mismatch(where + place, f"{first['msg']}, got {brief(shown(first.get('input')))}") from None


_EXACT: dict[Any, Checker] = {
    str: _check_str,
    bool: _check_bool,
    int: _check_int,
    float: _check_float,
    type(None): _check_none,
    object: _check_nothing,
}
_FAMILIES: tuple[tuple[type, Checker], ...] = (
    (enum.Enum, _check_enum),
    (collections.abc.Mapping, _check_mapping),
    (str, _check_nothing),
    (bytes, _check_nothing),
    (collections.abc.Sequence, _check_sequence),
    (collections.abc.Set, _check_sequence),
)


def _refuse(where: str, expected: str, value: Any, hint: str = "") -> NoReturn:
    raise Mismatch(where, f"expected {expected}, got {brief(shown(value))}", hint)
