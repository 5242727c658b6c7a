"""What a workflow's first parameter declares: reading annotations, and naming them in messages."""

import collections.abc
import dataclasses
import enum
import inspect
import types
import typing
from collections.abc import Mapping
from typing import Any, NamedTuple

from lgrun._typed import is_typed_dict
from lgrun.cli.render.text import brief

_EMPTY = inspect.Parameter.empty


class Field(NamedTuple):
    """A named part of an object type."""

    name: str
    annotation: Any
    required: bool
    default: Any = inspect.Parameter.empty

    def __str__(self) -> str:
        shown = f"{self.name}: {type_name(self.annotation)}"
        return shown if self.default is inspect.Parameter.empty else f"{shown} = {self.default!r}"


def strip(annotation: Any) -> Any:
    """Return the type inside Annotated, Required, NotRequired, NewType and `type X = ...`."""
    while True:
        origin = typing.get_origin(annotation)
        if origin in (typing.Annotated, typing.Required, typing.NotRequired, typing.Final):
            annotation = typing.get_args(annotation)[0]
        elif isinstance(annotation, typing.NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        else:
            return annotation


def object_fields(annotation: Any) -> list[Field] | None:
    """Return the fields of a TypedDict, dataclass, NamedTuple or pydantic model; None for any other type."""
    if not isinstance(annotation, type):
        return None
    if is_typed_dict(annotation):
        required: frozenset[str] = getattr(annotation, "__required_keys__", frozenset())
        return [Field(name, kind, name in required) for name, kind in hints(annotation).items()]
    if dataclasses.is_dataclass(annotation):
        kinds = hints(annotation)
        return [_dataclass_field(f, kinds) for f in dataclasses.fields(annotation) if f.init]
    if issubclass(annotation, tuple) and hasattr(annotation, "_field_defaults"):
        defaults: dict[str, Any] = annotation._field_defaults
        kinds = hints(annotation)
        names: tuple[str, ...] = annotation._fields  # type: ignore[attr-defined]
        return [Field(n, kinds.get(n, Any), n not in defaults, defaults.get(n, _EMPTY)) for n in names]
    if hasattr(annotation, "model_validate") and hasattr(annotation, "model_fields"):
        found: dict[str, Any] = annotation.model_fields
        return [Field(info.alias or name, info.annotation, info.is_required()) for name, info in found.items()]
    return None


def _dataclass_field(field: "dataclasses.Field[Any]", kinds: Mapping[str, Any]) -> Field:
    missing = dataclasses.MISSING
    required = field.default is missing and field.default_factory is missing
    return Field(
        field.name,
        kinds.get(field.name, Any),
        required,
        _EMPTY if field.default is missing else field.default,
    )


def hints(annotation: Any) -> dict[str, Any]:
    """Return the annotations of a class; those that cannot be resolved are not checked."""
    try:
        return typing.get_type_hints(annotation, include_extras=True)
    except Exception:
        return dict.fromkeys(getattr(annotation, "__annotations__", {}), Any)


SCALARS = (str, bool, int, float)
"""Types that JSON has, written as one word."""
TEXT_FORMS = ("datetime.datetime", "datetime.date", "datetime.time", "decimal.Decimal", "pathlib.Path", "uuid.UUID")
"""Types that are written as text."""


def is_text_form(kind: type) -> bool:
    """Tell whether people write values of this type as text: a date, a path."""
    module = "pathlib" if kind.__module__.startswith("pathlib") else kind.__module__
    return f"{module}.{kind.__qualname__}" in TEXT_FORMS


def shown(value: Any) -> Any:
    return value if isinstance(value, (str, int, float, bool, list, dict, type(None))) else repr(value)


_KINDS = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", None: "null"}


def kind_name(annotation: Any) -> str:
    """Return what a type is called in a message: `integer`, `one of "a", "b"`, `object`."""
    annotation = strip(annotation)
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return " or ".join(kind_name(member) for member in typing.get_args(annotation))
    if origin is typing.Literal:
        return "one of " + ", ".join(brief(choice) for choice in typing.get_args(annotation))
    if origin in _KINDS:
        return _KINDS[origin]
    if not isinstance(origin, type):
        return "any value"
    if issubclass(origin, enum.Enum):
        return "one of " + ", ".join(brief(shown(member.value)) for member in origin)
    if accepts_object(annotation):
        return "object"
    return "list" if issubclass(origin, (list, tuple, set, frozenset)) else origin.__name__


def type_name(annotation: Any) -> str:
    """Return a type as it is written in source."""
    annotation = strip(annotation)
    return (
        annotation.__name__
        if isinstance(annotation, type) and not typing.get_args(annotation)
        else (str(annotation).replace("typing.", ""))
    )


def accepts_object(annotation: Any) -> bool:
    """Tell whether a JSON object may be given where `annotation` is declared."""
    annotation = strip(annotation)
    origin = typing.get_origin(annotation) or annotation
    if origin in (Any, object, _EMPTY):
        return True
    if origin in (typing.Union, types.UnionType):
        return any(accepts_object(member) for member in typing.get_args(annotation))
    return isinstance(origin, type) and (
        object_fields(annotation) is not None or issubclass(origin, collections.abc.Mapping)
    )


def is_scalar(annotation: Any) -> bool:
    """Tell whether what is declared is written as one word or text."""
    annotation = strip(annotation)
    origin = typing.get_origin(annotation) or annotation
    if origin in (typing.Union, types.UnionType):
        return any(is_scalar(member) for member in typing.get_args(annotation) if member is not type(None))
    if origin is typing.Literal:
        return True
    return isinstance(origin, type) and (origin in SCALARS or is_text_form(origin) or issubclass(origin, enum.Enum))


def returned_by(module: types.ModuleType, name: str) -> Any:
    """Return the type that a task of a file declares for its result; `Any` if it is not there or says nothing."""
    from lgrun.func import TaskFunction

    tasks = (value for value in vars(module).values() if isinstance(value, TaskFunction))
    task = next((each for each in tasks if each.__name__ == name), None)
    return Any if task is None else hints(inspect.unwrap(task)).get("return", Any)
