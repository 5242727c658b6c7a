"""What a state schema says: the keys of a graph's state, how updates to each are merged, and how nodes see them. Pure.

A schema is a TypedDict, a dataclass or a pydantic model. `Annotated[T, f]` makes `f(old, new)` the reducer of a key;
any other key holds the last value written to it, and takes one write in a step.
"""

import collections.abc
import functools
import inspect
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, is_dataclass
from typing import Annotated, Any, NotRequired, Required, get_args, get_origin

from lgrun._typed import is_typed_dict
from lgrun.errors import InvalidUpdateError
from lgrun.types import Overwrite

_ABSTRACT = {
    collections.abc.Sequence: list,
    collections.abc.MutableSequence: list,
    collections.abc.Set: set,
    collections.abc.MutableSet: set,
    collections.abc.Mapping: dict,
    collections.abc.MutableMapping: dict,
}
_NOTHING = object()


@dataclass(frozen=True, slots=True)
class Key:
    """A key of a graph's state.

    Args:
        name: of the key.
        reducer: merges a write into what is there; None: the write replaces it.
        empty: makes what a reducer starts from; None if there is no such value.
    """

    name: str
    reducer: Callable[[Any, Any], Any] | None = None
    empty: Callable[[], Any] | None = None

    def merged(self, values: Mapping[str, Any], writes: Sequence[Any]) -> Any:
        """Return what the key holds after the writes of a step.

        Raises:
            InvalidUpdateError: more than one write to a key without a reducer, or more than one Overwrite.
        """
        if self.reducer is None and len(writes) == 1 and not isinstance(writes[0], Overwrite):
            return writes[0]
        replacing = [write for write in writes if isinstance(write, Overwrite)]
        if len(replacing) > 1:
            raise InvalidUpdateError(f"At key {self.name!r}: Can receive only one Overwrite value per super-step.")
        if replacing:
            return replacing[0].value
        if self.reducer is None:
            raise InvalidUpdateError(
                f"At key {self.name!r}: Can receive only one value per step. Use an Annotated key to handle "
                "multiple values."
            )
        held = values.get(self.name, _NOTHING)
        for write in writes:
            held = write if held is _NOTHING else self.reducer(held, write)
        return held


@functools.lru_cache(maxsize=1024)
def hints(schema: Any) -> Mapping[str, Any]:
    """Return the annotations of a schema, names resolved and `Annotated` kept.

    Raises:
        TypeError: it is no schema.
    """
    if not isinstance(schema, type) or not getattr(schema, "__annotations__", None):
        bases = getattr(schema, "__mro__", ())
        if not any(getattr(base, "__annotations__", None) for base in bases):
            raise TypeError(f"a state schema is a TypedDict, a dataclass or a pydantic model with keys, not {schema!r}")
    return typing.get_type_hints(schema, include_extras=True)


def is_schema(annotation: Any) -> bool:
    """Tell whether an annotation is a schema, so that a node may see the part of the state that it names."""
    return is_typed_dict(annotation) or (
        isinstance(annotation, type) and (is_dataclass(annotation) or hasattr(annotation, "model_fields"))
    )


def keys_of(schema: Any) -> dict[str, Key]:
    """Return the keys of a schema.

    Raises:
        TypeError: it is no schema.
        ValueError: a reducer does not take two arguments.
    """
    return {name: _key(name, annotation) for name, annotation in hints(schema).items()}


def _key(name: str, annotation: Any) -> Key:
    while get_origin(annotation) in (Required, NotRequired):
        (annotation,) = get_args(annotation)
    if get_origin(annotation) is not Annotated:
        return Key(name)
    kind, *extras = get_args(annotation)
    reducer = extras[-1]
    if not callable(reducer) or isinstance(reducer, type):
        return Key(name)
    _check_reducer(name, reducer)
    return Key(name, reducer, _empty(kind))


def _check_reducer(name: str, reducer: Callable[..., Any]) -> None:
    try:
        parameters = inspect.signature(reducer).parameters.values()
    except ValueError:
        return
    positional = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(positional) != 2 and not any(p.kind is p.VAR_POSITIONAL for p in parameters):
        raise ValueError(f"Invalid reducer signature. Expected (a, b) -> c. Got {reducer!r} for key {name!r}")


def _empty(kind: Any) -> Callable[[], Any] | None:
    while get_origin(kind) in (Annotated, Required, NotRequired):
        kind = get_args(kind)[0]
    kind = get_origin(kind) or kind
    kind = _ABSTRACT.get(kind, kind)
    if not isinstance(kind, type):
        return None
    try:
        kind()
    except Exception:
        return None
    return kind


def coerced(schema: Any, values: Mapping[str, Any]) -> Any:
    """Return the part of a state that a node declares to see: a dict, or an instance of its schema."""
    names, plain = _seen(schema)
    seen = {name: values[name] for name in names if name in values}
    return seen if plain else schema(**seen)


@functools.lru_cache(maxsize=1024)
def _seen(schema: Any) -> tuple[tuple[str, ...], bool]:
    """Return the keys of a schema, and whether nodes see them in a dict."""
    return tuple(hints(schema)), is_typed_dict(schema)


def written(value: Any, keys: Mapping[str, Key]) -> list[tuple[str, Any]] | None:
    """Return the writes in a dict or an instance of a schema; what is no key of the state is left out.

    None if it is neither.
    """
    if isinstance(value, dict):
        return [(name, value[name]) for name in value if name in keys]
    if isinstance(value, type) or not is_schema(type(value)):
        return None
    declared = getattr(type(value), "model_fields", {})
    given = getattr(value, "model_fields_set", None)
    found = [(name, getattr(value, name)) for name in keys if hasattr(value, name)]
    # None that nobody gave is no write, unless there is another default.
    return [
        (name, item)
        for name, item in found
        if item is not None or given is None or name in given or declared[name].default is not None
    ]
