"""Which classes a stored value may name, and how their instances are taken apart and put together.

A class is found by looking its tag `module:qualname` up in a registry, never by importing or by following
names. Putting an instance together runs no `__new__`, `__init__`, `__post_init__` or validator of its class.
"""

import builtins
import dataclasses
import enum
import functools
import sys
import typing
from collections.abc import Callable, Iterator
from types import MemberDescriptorType, ModuleType
from typing import Any, NamedTuple

from lgrun.checkpoint._libraries import library_class

__all__ = [
    "Droppable",
    "Family",
    "Pairs",
    "Parts",
    "Refused",
    "family_of",
    "find",
    "note",
    "register",
    "register_module",
]


class Refused(Exception):
    """A value that cannot be taken apart; the message is the reason, the walk adds the path."""


class Pairs(list[Any]):
    """Keys and values in turn as `[key, value]`, for mappings whose keys are not plain text."""


class Parts(dict[str, Any]):
    """Named parts of one value whose names say nothing in a path."""


class Droppable(dict[str, Any]):
    """Named parts of which those that cannot be saved are left out."""


class Family(NamedTuple):
    """Classes whose instances are stored alike.

    Args:
        holds: says whether a class belongs here.
        reduce: turns an instance into simpler values.
        build: turns a class and those values into an instance.
    """

    holds: Callable[[type], bool]
    reduce: Callable[[Any], Any]
    build: Callable[[Any, Any], Any]


_PLAIN_BASES = (int, float, complex, str, bytes, bytearray, tuple, list, dict, set, frozenset)

FACTORIES: dict[str, Any] = {k.__name__: k for k in (list, dict, set, int, float, str, tuple, bool)}
"""The default factories that may be stored, or called while decoding."""


# --- Enum ---------------------------------------------------------------------------------------------------


def _is_enum(cls: type) -> bool:
    return issubclass(cls, enum.Enum)


def _reduce_enum(member: enum.Enum) -> Any:
    name = member._name_
    if name in type(member).__members__:
        return name
    if isinstance(member, enum.Flag):
        return [member._value_]
    raise Refused(f"is a member of {_full_name(type(member))} without a name")


def _build_enum(cls: type[enum.Enum], body: Any) -> enum.Enum:
    if type(body) is str:
        return cls.__members__[body]
    (value,) = body
    if not issubclass(cls, enum.Flag) or type(value) is not int:
        raise ValueError("not a member")
    return cls(value)


# --- NamedTuple ---------------------------------------------------------------------------------------------


def _is_namedtuple(cls: type) -> bool:
    return issubclass(cls, tuple) and type(getattr(cls, "_fields", None)) is tuple and hasattr(cls, "_make")


def _reduce_namedtuple(value: Any) -> Any:
    if getattr(value, "__dict__", None):
        raise Refused(f"is a {_full_name(type(value))} with attributes beside its fields")
    return dict(zip(type(value)._fields, value, strict=True))


def _build_namedtuple(cls: Any, body: Any) -> Any:
    values = {**cls._field_defaults, **_fields_in(cls, body)}
    if len(values) != len(cls._fields):
        raise ValueError(f"its fields are now {', '.join(cls._fields)}")
    return tuple.__new__(cls, [values[name] for name in cls._fields])


# --- state of ordinary objects ------------------------------------------------------------------------------


def _slots(cls: type) -> dict[str, MemberDescriptorType]:
    found: dict[str, MemberDescriptorType] = {}
    for base in cls.__mro__:
        members = vars(base)
        if "__slots__" in members:
            for name, member in members.items():
                if type(member) is MemberDescriptorType:
                    found.setdefault(name, member)
    return found


def _attributes(value: Any) -> dict[str, Any]:
    """Return the instance's own attributes, without what is computed again on demand."""
    cls = type(value)
    return {
        name: item
        for name, item in getattr(value, "__dict__", {}).items()
        # Box[int](1) leaves the alias it was made from on the instance.
        if name != "__orig_class__" and not isinstance(getattr(cls, name, None), functools.cached_property)
    }


def _fields_in(cls: type, body: Any) -> dict[str, Any]:
    if type(body) is not dict or not all(type(name) is str for name in body):
        raise ValueError(f"{_full_name(cls)} is stored as an object of fields")
    return body


def _missing(cls: type, name: str, default: Any, factory: Any) -> Any:
    """Return what a field that the class got since the value was stored starts as."""
    if default is not dataclasses.MISSING:
        return default
    if factory in FACTORIES.values():
        return factory()
    raise ValueError(f"it has no value for the field {name!r} of {_full_name(cls)}")


# --- dataclass ----------------------------------------------------------------------------------------------


def _is_dataclass(cls: type) -> bool:
    return hasattr(cls, "__dataclass_fields__") and not issubclass(cls, _PLAIN_BASES)


def _reduce_dataclass(value: Any) -> Any:
    state = _attributes(value)
    for name, member in _slots(type(value)).items():
        try:
            state[name] = member.__get__(value)
        except AttributeError:
            continue
    return state


def _build_dataclass(cls: Any, body: Any) -> Any:
    made = object.__new__(cls)
    slots = _slots(cls)
    state = dict(_fields_in(cls, body))
    for field in dataclasses.fields(cls):
        # A field that __post_init__ never set was absent when it was stored, too.
        if field.name not in state and field.init:
            state[field.name] = _missing(cls, field.name, field.default, field.default_factory)
    for name, item in state.items():
        if name in slots:
            slots[name].__set__(made, item)
        else:
            made.__dict__[name] = item
    return made


# --- pydantic -----------------------------------------------------------------------------------------------


def _from_module(module: str, name: str) -> Any:
    """Return an attribute of a module if that is loaded: without it, no such value exists."""
    return getattr(sys.modules.get(module), name, None)


def _is_model(cls: type) -> bool:
    base = _from_module("pydantic.main", "BaseModel")
    return base is not None and issubclass(cls, base)


def _reduce_model(value: Any) -> Any:
    parts = Parts(fields=_attributes(value))
    given = value.__pydantic_fields_set__
    if given != parts["fields"].keys():
        parts["given"] = sorted(given)
    if value.__pydantic_extra__ is not None:
        parts["extra"] = value.__pydantic_extra__
    if value.__pydantic_private__ is not None:
        parts["private"] = value.__pydantic_private__
    return parts


def _model_default(field: Any) -> Any:
    if field.is_required() or field.default_factory is not None:
        return dataclasses.MISSING
    return field.get_default(call_default_factory=False)


def _build_model(cls: Any, body: Any) -> Any:
    parts = _fields_in(cls, body)
    state = dict(_fields_in(cls, parts["fields"]))
    extra = parts.get("extra")
    if foreign := state.keys() - cls.__pydantic_fields__.keys():
        if cls.model_config.get("extra") != "allow":
            raise ValueError(f"{_full_name(cls)} has no field {min(foreign)!r}")
        extra = {**(extra or {}), **{name: state.pop(name) for name in sorted(foreign)}}
    given = set(parts.get("given", state))
    for name, field in cls.__pydantic_fields__.items():
        if name not in state:
            state[name] = _missing(cls, name, _model_default(field), field.default_factory)
    made = object.__new__(cls)
    object.__setattr__(made, "__dict__", state)
    object.__setattr__(made, "__pydantic_fields_set__", given)
    for part, held in (("extra", extra), ("private", parts.get("private"))):
        object.__setattr__(made, f"__pydantic_{part}__", held and _fields_in(cls, held))
    return made


# --- exceptions ---------------------------------------------------------------------------------------------

_OUTSIDE_DICT = ("name", "path")
"""Attributes that ImportError, NameError and AttributeError keep beside `args` and `__dict__`."""


def _is_exception(cls: type) -> bool:
    return issubclass(cls, BaseException)


def _builtin_base(cls: type) -> Any:
    return next(base for base in cls.__mro__ if base.__module__ == "builtins")


def _reduce_exception(error: BaseException) -> Any:
    # OSError keeps its file name out of `args`.
    args = OSError.__reduce__(error)[1] if isinstance(error, OSError) else error.args
    body: dict[str, Any] = {"args": list(args)}
    if attributes := _attributes(error):
        body["attributes"] = Droppable(attributes)
    if isinstance(error, (ImportError, NameError, AttributeError)):
        own = {name: getattr(error, name, None) for name in _OUTSIDE_DICT}
        body["builtin"] = {name: value for name, value in own.items() if value is not None}
    if error.__cause__ is not None:
        body["linked"] = Droppable(cause=error.__cause__)
    return body


def _build_exception(cls: Any, body: Any) -> BaseException:
    parts = _fields_in(cls, body)
    if type(parts["args"]) is not list:
        raise ValueError("the arguments are not a list")
    base = _builtin_base(cls)
    made: BaseException = base.__new__(cls, *parts["args"])
    base.__init__(made, *parts["args"])
    for name, item in _fields_in(cls, parts.get("builtin", {})).items():
        if name not in _OUTSIDE_DICT:
            raise ValueError(f"an unknown attribute {name!r}")
        base.__setattr__(made, name, item)
    made.__dict__.update(_fields_in(cls, parts.get("attributes", {})))
    if cause := _fields_in(cls, parts.get("linked", {})).get("cause"):
        made.__cause__ = cause
    return made


FAMILIES = (
    Family(_is_enum, _reduce_enum, _build_enum),
    Family(_is_exception, _reduce_exception, _build_exception),
    Family(_is_namedtuple, _reduce_namedtuple, _build_namedtuple),
    Family(_is_model, _reduce_model, _build_model),
    Family(_is_dataclass, _reduce_dataclass, _build_dataclass),
)
"""In the order in which they are tried."""


def family_of(cls: type) -> Family | None:
    """Return how instances of `cls` are stored, or None."""
    return next((family for family in FAMILIES if family.holds(cls)), None)


# --- registry -----------------------------------------------------------------------------------------------


def _full_name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _tag(cls: type) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


_registry: dict[str, type] = {
    _tag(cls): cls for cls in vars(builtins).values() if isinstance(cls, type) and issubclass(cls, BaseException)
}


def find(tag: str) -> type | None:
    """Return the class registered under `module:qualname`, or that of a library that is loaded; else None."""
    found = _registry.get(tag)
    return library_class(tag) if found is None else found


def note(cls: type) -> str:
    """Register a class of which an instance was met, with the classes its fields name; return its tag."""
    tag = _tag(cls)
    # Of two classes with one tag (made by a function called twice) the one met last is meant.
    if _registry.get(tag) is not cls:
        register(cls)
    return tag


def register(*classes: type) -> None:
    """Register classes with the classes their fields name and those defined inside them.

    Raises:
        TypeError: instances of such a class cannot be saved.
    """
    waiting = list(classes)
    for cls in classes:
        if family_of(cls) is None:
            raise TypeError(f"{_full_name(cls)} is no dataclass, Enum, NamedTuple, pydantic model or exception")
    while waiting:
        cls = waiting.pop()
        if _registry.get(_tag(cls)) is not cls:
            _registry[_tag(cls)] = cls
            waiting.extend(_named_by(cls))


def register_module(module: ModuleType) -> None:
    """Register the classes in a module's namespace: those it defines and those it imports."""
    register(*_classes_in(module, set()))


def _classes_in(holder: ModuleType | type, seen: set[type]) -> Iterator[type]:
    for item in list(vars(holder).values()):
        # isinstance() would ask proxies such as werkzeug's for their __class__, which may raise.
        if not issubclass(type(item), type) or item in seen:
            continue
        seen.add(item)
        if family_of(item) is not None:
            yield item
        elif item.__module__ == getattr(holder, "__name__", None):
            yield from _classes_in(item, seen)


def _named_by(cls: type) -> Iterator[type]:
    """Yield the classes that another process can only know through `cls`."""
    yield from _classes_in(cls, {cls})
    waiting = list(_annotations(cls))
    while waiting:
        hint = waiting.pop()
        waiting.extend(typing.get_args(hint))
        if isinstance(hint, type) and family_of(hint) is not None:
            yield hint


def _annotations(cls: type) -> Iterator[Any]:
    if _is_model(cls):
        yield from (field.annotation for field in getattr(cls, "__pydantic_fields__", {}).values())
    elif not _is_enum(cls) and not _is_exception(cls):
        try:
            yield from typing.get_type_hints(cls).values()
        except Exception:
            # Names that exist for type checkers only: the classes they mean have to be registered by hand.
            return
