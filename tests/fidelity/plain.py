"""From what a program observed to plain data that is equal for both packages."""

import dataclasses
import pprint
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future as ThreadFuture
from typing import Any

_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[.\d]*(?:\+00:00|Z)?")
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
_KEPT = (type(None), bool, int, float)


class Bag:
    """Observations whose order does not count, because concurrent code made them."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.items = list(items)


class Failed:
    """An error that a program ran into: its type and, unless the package words it itself, its text and notes."""

    def __init__(self, error: BaseException, text: bool) -> None:
        self.error = error
        self.text = text


def attempt(call: Callable[..., Any], *args: Any, text: bool = True, **options: Any) -> Any:
    """Return what a call returns, or what it fails with; `text=False`: the message is the package's own."""
    try:
        return call(*args, **options)
    except BaseException as error:
        return Failed(error, text)


class Normaliser:
    """Makes plain data; ids become tokens, numbered by their first appearance in the program's observations."""

    def __init__(self) -> None:
        self._tokens: dict[str, str] = {}

    def __call__(self, value: Any) -> Any:
        """Return `value` as plain data."""
        if isinstance(value, _KEPT):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Bag):
            return {"(any order)": [self(item) for item in sorted(value.items, key=_masked)]}
        if isinstance(value, Failed):
            return self._error(value.error, value.text)
        if isinstance(value, BaseException):
            return self._error(value, True)
        if isinstance(value, Mapping):
            return {self(key): self(value[key]) for key in sorted(value, key=_masked)}
        return self._composed(value)

    def _composed(self, value: Any) -> Any:
        name = type(value).__name__
        if hasattr(value, "_fields"):
            return {"(type)": name, **{field: self(getattr(value, field)) for field in value._fields}}
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: self(getattr(value, field.name)) for field in dataclasses.fields(value)}
            return {"(type)": name, **fields}
        if isinstance(value, list):
            return [self(item) for item in value]
        if isinstance(value, tuple):
            return tuple(self(item) for item in value)
        if isinstance(value, (set, frozenset)):
            return {"(type)": name, "items": [self(item) for item in sorted(value, key=repr)]}
        if isinstance(value, ThreadFuture):
            return "<future>"
        return self._text(_ADDRESS.sub("", repr(value)))

    def _text(self, text: str) -> str:
        return _ID.sub(self._token, _TIME.sub("<time>", text))

    def _token(self, match: re.Match[str]) -> str:
        return self._tokens.setdefault(match[0], f"<id {len(self._tokens) + 1}>")

    def _error(self, error: BaseException, text: bool) -> dict[str, Any]:
        plain: dict[str, Any] = {"(error)": type(error).__name__}
        if text:
            # LangGraph ends some texts with the address of a page about them.
            words = str(error).partition("\nFor troubleshooting, visit: ")[0]
            plain |= {"text": self._text(words), "notes": [self(n) for n in getattr(error, "__notes__", [])]}
        return plain


def _masked(value: Any) -> str:
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_masked(k)}:{_masked(value[k])}" for k in sorted(value, key=_masked)) + "}"
    if isinstance(value, (list, tuple)) and not hasattr(value, "_fields"):
        return "[" + ",".join(_masked(item) for item in value) + "]"
    if isinstance(value, Failed):
        return _masked(value.error)
    return _ADDRESS.sub("", _TIME.sub("<time>", _ID.sub("<id>", repr(value))))


def lines(observations: Iterable[Any]) -> list[str]:
    """Write the observations of one program as lines, for a comparison that people can read."""
    plain = Normaliser()
    return pprint.pformat([plain(each) for each in observations], width=110, sort_dicts=False).splitlines()
