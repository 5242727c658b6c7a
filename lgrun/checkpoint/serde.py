"""Values to JSON and back, without running anything that the JSON names.

- Text, None, booleans, finite floats, integers below 2^53, lists, and objects with text keys stay themselves.
- Everything else is `{"$lgrun": tag, "v": body}`, the body being a simpler value, encoded in turn. An object
  that has the key `$lgrun` itself is tagged `dict`.
- Tags come from two closed tables: the rows of `_table`, and the registry of classes, whose tags are
  `module:qualname`. Whatever is in neither is an error that names it; it is never guessed, imported or left
  a dict.

To add a type, add a row to `_table`; to add a family of classes, add it to `_classes.FAMILIES`.
"""

import json
import marshal
import math
from collections.abc import Callable
from functools import cache
from types import NoneType
from typing import Any, NamedTuple

import orjson

from lgrun.checkpoint import _classes
from lgrun.checkpoint._classes import Droppable, Pairs, Parts, Refused, register, register_module
from lgrun.checkpoint._libraries import missing_library
from lgrun.checkpoint._line import LARGE, TAG, collector_paused
from lgrun.checkpoint._plain import is_plain
from lgrun.checkpoint._refusals import reason_against
from lgrun.checkpoint._table import MAX_HEX, row_of, row_tagged, to_base64
from lgrun.checkpoint.base import Encoded
from lgrun.errors import DamagedStateError, NotSerializableError, StateError

__all__ = ["MAX_DEPTH", "decode", "encode", "hand_on", "register", "register_module"]

MAX_DEPTH = 200
"""How deeply the JSON of a value may nest; a tag counts as one level, its body as the next."""

_KEY_BYTES = TAG.encode()
_MAX_INT = 2**53 - 1
# What orjson writes as it is or refuses; floats are not among them, for it writes NaN as null.
_ATOMS = frozenset((str, int, bool, NoneType))

LONG = 8192
"""Bytes of JSON from which looking at all types takes less time than reading the value back, for most values."""

# Subclasses are passed through so that the library refuses those that marshal takes for buffers (numpy.str_).
_PLAIN_ONLY = orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_SUBCLASS


def _is_read_back(value: Any, text: bytes) -> bool:
    """Tell whether a value is read from its JSON as an equal one of the same types, and has nothing like a tag.

    Raises:
        ValueError: it is, or holds, an instance of a subclass, which marshal does not know.
        RuntimeError: another thread changed it meanwhile.
    """
    if len(text) >= LONG:
        # One byte is found much faster than several, and is rare.
        return (_KEY_BYTES[0] not in text or _KEY_BYTES not in text) and is_plain(value, MAX_DEPTH)
    if text.find(_KEY_BYTES) >= 0 or _too_deep(value, text):
        return False
    # The comparison finds tuples and NaN.
    marshal.dumps(value)
    return bool(orjson.loads(text) == value)


def _compact(text: bytes) -> bytes:
    """Return what takes only the room that it needs: the library leaves short texts in a buffer of 4 kB."""
    return b"%b" % text if len(text) < 4096 else text


@cache
def _spare_levels() -> int:
    """Return how many levels the JSON library allows beyond `MAX_DEPTH`."""
    nest: list[Any] = []
    levels = 1
    try:
        while levels < 10 * MAX_DEPTH:
            orjson.dumps(nest)
            nest, levels = [nest], levels + 1
    except TypeError:
        return levels - 1 - MAX_DEPTH
    return levels - MAX_DEPTH


def _too_deep(value: Any, text: bytes) -> bool:
    if len(text) < 2 * MAX_DEPTH or text.count(b"[") + text.count(b"{") <= MAX_DEPTH:
        return False
    for _ in range(_spare_levels()):
        value = [value]
    try:
        orjson.dumps(value)
    except TypeError:
        return True
    return False


def encode(value: Any) -> Encoded:
    """Return the stored form of a value.

    Args:
        value: plain data, a type of the table, or an instance of a dataclass, Enum, NamedTuple, pydantic
            model or exception; its class becomes decodable in this process.

    Returns:
        The JSON; `plain` if loading it alone gives an equal value of the same types.

    Raises:
        NotSerializableError: it, or something in it, cannot be saved; says where and why.
    """
    try:
        if type(value) in _ATOMS:
            return Encoded(json=_compact(orjson.dumps(value, option=_PLAIN_ONLY)), plain=True)
        text = orjson.dumps(value, option=_PLAIN_ONLY)
        if _is_read_back(value, text):
            return Encoded(json=_compact(text), plain=True)
    except (TypeError, ValueError, RuntimeError):
        pass
    writer = _Writer()
    try:
        tree = writer.walk(value, 0)
    except RecursionError:
        raise writer.refusal("nests too deeply for the stack that is left") from None
    text = orjson.dumps(tree)
    if _too_deep(tree, text):
        raise NotSerializableError("$", _DEEP)
    return Encoded(json=_compact(text))


def hand_on(value: Any) -> tuple[Encoded, Any]:
    """Return the stored form of a value, and the value that a replay will see.

    Returns:
        The encoding with, if that is plain, `value` itself, otherwise what it decodes to.

    Raises:
        NotSerializableError: as `encode`, or the stored form cannot be read back.
    """
    encoded = encode(value)
    if encoded.plain:
        return encoded, value
    try:
        return encoded, decode(encoded)
    except StateError as error:
        raise NotSerializableError("$", f"cannot be read back: {error}") from error


def decode(encoded: Encoded) -> Any:
    """Return the value of a stored form; every call returns another one.

    Raises:
        DamagedStateError: it has an unknown tag, names a class unknown to this process, or is malformed.
    """
    try:
        if encoded.plain and encoded.unparsed < LARGE:
            return encoded.tree()
        with collector_paused():
            tree = encoded.tree()
            return tree if encoded.plain else _read(tree, 0)
    except (ValueError, RecursionError) as error:
        raise DamagedStateError(f"a stored value cannot be read: {error}") from error


# --- writing ------------------------------------------------------------------------------------------------

_DEEP = f"nests more than {MAX_DEPTH} levels deep"


class _Writer:
    """One walk over a value. `path` and `open` describe where it is."""

    def __init__(self) -> None:
        self.path: list[Any] = []
        self.open: set[int] = set()

    def refusal(self, reason: str) -> NotSerializableError:
        return NotSerializableError(_json_path(self.path), reason)

    def walk(self, value: Any, level: int) -> Any:
        """Return the JSON tree of `value`, `level` levels below the root."""
        kind = type(value)
        if kind in _SCALARS:
            try:
                return _SCALARS[kind](value)
            except Refused as refused:
                raise self.refusal(str(refused)) from None
        if level >= MAX_DEPTH:
            raise self.refusal(_DEEP)
        if id(value) in self.open:
            raise self.refusal("contains itself")
        self.open.add(id(value))
        try:
            return _CONTAINERS.get(kind, _Writer.write_tagged)(self, value, level)
        finally:
            self.open.discard(id(value))

    def write_list(self, value: list[Any], level: int) -> Any:
        tree = []
        for index, item in enumerate(value):
            self.path.append(index)
            tree.append(self.walk(item, level + 1))
            self.path.pop()
        return tree

    def write_dict(self, value: dict[Any, Any], level: int) -> Any:
        if not all(type(key) is str and (key.isascii() or _is_text(key)) for key in value) or TAG in value:
            return {TAG: "dict", "v": self.walk(Pairs(value.items()), level + 1)}
        tree = {}
        for key, item in list(value.items()):
            self.path.append(key)
            tree[key] = self.walk(item, level + 1)
            self.path.pop()
        return tree

    def write_pairs(self, value: Pairs, level: int) -> Any:
        tree = []
        for key, item in value:
            self.path.append(_KeyStep(key))
            tree_of_key = self.walk(key, level + 2)
            self.path[-1] = key
            tree.append([tree_of_key, self.walk(item, level + 2)])
            self.path.pop()
        return tree

    def write_parts(self, value: Parts, level: int) -> Any:
        return {name: self.walk(item, level + 1) for name, item in value.items()}

    def write_droppable(self, value: Droppable, level: int) -> Any:
        tree: dict[Any, Any] = {}
        for name, item in value.items():
            mark = len(self.path)
            self.path.append(name)
            try:
                if type(name) is str and _is_text(name) and name != TAG:
                    tree[name] = self.walk(item, level + 1)
            except NotSerializableError:
                pass
            del self.path[mark:]
        return tree

    def write_tagged(self, value: Any, level: int) -> Any:
        try:
            tag, body = _reduce(value)
        except Refused as refused:
            raise self.refusal(str(refused)) from None
        tree = self.walk(body, level + 1)
        if tag in ("set", "frozenset"):
            # The order of a set differs from process to process; its stored form should not.
            tree.sort(key=orjson.dumps)
        return {TAG: tag, "v": tree}


_CONTAINERS: dict[type, Callable[[_Writer, Any, int], Any]] = {
    list: _Writer.write_list,
    dict: _Writer.write_dict,
    Pairs: _Writer.write_pairs,
    Parts: _Writer.write_parts,
    Droppable: _Writer.write_droppable,
}


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _write_str(value: str) -> Any:
    if value.isascii() or _is_text(value):
        return value
    return {TAG: "str", "v": to_base64(value.encode("utf-8", "surrogatepass"))}


def _write_int(value: int) -> Any:
    if -_MAX_INT <= value <= _MAX_INT:
        return value
    if value.bit_length() > 4 * MAX_HEX:
        raise Refused(f"is an integer of more than {MAX_HEX} hex digits")
    return {TAG: "int", "v": hex(value)}


def _write_float(value: float) -> Any:
    return value if math.isfinite(value) else {TAG: "float", "v": repr(value)}


_SCALARS: dict[type, Callable[[Any], Any]] = {
    str: _write_str,
    int: _write_int,
    float: _write_float,
    bool: bool,
    NoneType: lambda value: value,
}


class _KeyStep(NamedTuple):
    key: Any


def _step(step: Any) -> str:
    if isinstance(step, _KeyStep):
        return f"{_step(step.key)} (the key)"
    if type(step) is str and step.isidentifier():
        return f".{step}"
    if type(step) is str:
        return f"[{json.dumps(step)}]"
    # The repr of anything else may be long, or run the workflow's code.
    return f"[{step}]" if type(step) is int else f"[<{type(step).__name__}>]"


def _json_path(path: list[Any]) -> str:
    steps = [_step(step) for step in path]
    if len(steps) > 20:
        steps[10:-10] = ["…"]
    return "$" + "".join(steps)


def _reduce(value: Any) -> tuple[str, Any]:
    """Return the tag of a value and the simpler value to store under it."""
    kind = type(value)
    if row := row_of(kind):
        return row.tag, row.reduce(value)
    if family := _classes.family_of(kind):
        return _classes.note(kind), family.reduce(value)
    raise Refused(reason_against(value))


# --- reading ------------------------------------------------------------------------------------------------


def _read(node: Any, level: int) -> Any:
    """Turn a JSON tree into its value, in place where that is possible."""
    kind = type(node)
    if kind is not list and kind is not dict:
        return node
    if level >= MAX_DEPTH:
        raise DamagedStateError(f"a stored value {_DEEP}")
    if kind is dict and TAG in node:
        return _read_tagged(node, level + 1)
    for key, item in enumerate(node) if kind is list else node.items():
        if type(item) is list or type(item) is dict:
            node[key] = _read(item, level + 1)
    return node


def _read_tagged(node: dict[str, Any], level: int) -> Any:
    tag = node[TAG]
    if type(tag) is not str or node.keys() != {TAG, "v"}:
        raise DamagedStateError(f"a stored value has a malformed tag: {str(tag)[:200]!r}")
    build, cls = _builder(tag)
    body = _read(node["v"], level)
    try:
        return build(cls, body)
    except StateError:
        raise
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
        raise DamagedStateError(f"a stored value tagged {tag!r} cannot be read: {why[:500]}") from error


def _builder(tag: str) -> tuple[Callable[[Any, Any], Any], Any]:
    if found := row_tagged(tag):
        return found
    module, colon, name = tag[:500].partition(":")
    if not colon:
        raise DamagedStateError(f"a stored value has an unknown tag, {tag[:200]!r}; a newer lgrun may know it")
    cls = _classes.find(tag)
    family = cls and _classes.family_of(cls)
    if not family:
        if library := missing_library(tag):
            raise DamagedStateError(f"a stored value is a {module}.{name}: import {library} in the workflow file")
        raise DamagedStateError(
            f"class {module}.{name} is not known to this process: import it in the workflow file, or register it"
        )
    return family.build, cls
