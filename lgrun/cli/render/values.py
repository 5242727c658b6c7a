"""Saved values as plain JSON, for reading: what the codec tags is shown as the simple value inside the tag."""

import binascii
from collections.abc import Callable
from typing import Any

from lgrun.checkpoint.base import Encoded

_KEY = "$lgrun"


def readable(encoded: Encoded | None) -> Any:
    """Return a saved value as plain JSON data; None for no value."""
    if encoded is None:
        return None
    if encoded.plain or _KEY.encode() not in encoded.json():
        return encoded.tree()
    return untag(encoded.tree())


def untag(tree: Any) -> Any:
    """Return a saved tree without its tags."""
    if isinstance(tree, list):
        return [untag(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    tag = tree.get(_KEY)
    if not isinstance(tag, str) or "v" not in tree:
        return {key: untag(item) for key, item in tree.items()}
    return _VIEWS.get(tag, _class_view if ":" in tag else untag)(tree["v"])


def _text(body: str) -> str:
    # Text that is not valid Unicode.
    return binascii.a2b_base64(body).decode("utf-8", "surrogatepass")


def _whole(body: str) -> int:
    return int(body, 16)


def _mapping(body: Any) -> Any:
    pairs = [(untag(key), untag(item)) for key, item in body]
    if all(isinstance(key, (str, int, float, bool, type(None))) for key, _ in pairs):
        made = {key if isinstance(key, str) else _key_text(key): item for key, item in pairs}
        if len(made) == len(pairs):
            return made
    return [[key, item] for key, item in pairs]


def _key_text(key: Any) -> str:
    if key is None:
        return "null"
    return str(key).lower() if isinstance(key, bool) else str(key)


def _items(body: Any) -> Any:
    return untag(body["items"])


def _default_items(body: Any) -> Any:
    return _mapping(body["items"])


def _moment(body: Any) -> Any:
    return body if isinstance(body, str) else body["iso"]


def _class_view(body: Any) -> Any:
    """Show an instance of a user's class as its fields."""
    if isinstance(body, dict) and "fields" in body and body.keys() <= {"fields", "given", "extra", "private"}:
        extra = body.get("extra")
        return untag(body["fields"]) | (untag(extra) if isinstance(extra, dict) else {})
    return untag(body)


_VIEWS: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _whole,
    "dict": _mapping,
    "ordereddict": _mapping,
    "counter": _mapping,
    "defaultdict": _default_items,
    "deque": _items,
    "datetime": _moment,
    "time": _moment,
}
