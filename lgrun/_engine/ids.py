"""Names derived from where a call is made and what it is given. Pure: the same input gives the same name."""

from typing import Any

import orjson

from lgrun._hashing import blake2b
from lgrun.checkpoint._line import TAG, TAG_IN_TEXT
from lgrun.checkpoint.base import Path
from lgrun.checkpoint.ids import call_hash, in_uuid_form, task_id
from lgrun.checkpoint.serde import encode
from lgrun.errors import NotSerializableError

__all__ = [
    "SUMMARY_LENGTH",
    "digest_call",
    "digest_value",
    "interrupt_id",
    "message_id",
    "nested_id",
    "task_id",
]

SUMMARY_LENGTH = 200
"""Characters of a call's arguments that are kept for people to read."""

# What is not plain data goes through `_stand_in`, whose encoding tells types apart.
_DIGEST_OPTIONS = (
    orjson.OPT_SORT_KEYS
    | orjson.OPT_PASSTHROUGH_DATACLASS
    | orjson.OPT_PASSTHROUGH_DATETIME
    | orjson.OPT_PASSTHROUGH_SUBCLASS
)


def nested_id(seed: str, path: Path, number: int) -> str:
    """Return the id under which streams show checkpoint `number` of the run nested at `path`."""
    return in_uuid_form(call_hash(seed, path, f"#{number}"))


def message_id(seed: str, path: Path, number: int) -> str:
    """Return the id of the message that the code at `path` makes as its `number`th."""
    return in_uuid_form(call_hash(seed, path, f"message{number}"))


def interrupt_id(seed: str, path: Path, index: int) -> str:
    """Return the id of the question number `index` asked at `path`: 32 hex digits."""
    return call_hash(seed, path, f"?{index}")


def digest_value(value: Any) -> str | None:
    """Return a short digest of a value, the same in every process; None if it has none."""
    data = _dump(value)
    return None if data is None else blake2b(data, digest_size=8).hexdigest()


def digest_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the digest of a call's arguments and their summary for people; (None, None) if they have none.

    Values that differ only in type (a tuple and a list) share a digest, and what cannot be saved (a client, a lock)
    counts by its class: a digest tells calls apart, it proves nothing.
    """
    data, named = _dump(args), _dump(kwargs) if kwargs else b""
    if data is None or named is None:
        return None, None
    digest = blake2b(data + named, digest_size=8).hexdigest()
    return digest, _summary(data, named)


def _dump(value: Any) -> bytes | None:
    try:
        data = orjson.dumps(value, _stand_in, _DIGEST_OPTIONS)
        # orjson writes numbers that JSON does not have (nan, inf) as null: the codec writes them apart.
        if data.find(b"null") < 0:
            return data
    except TypeError:
        data = None
    try:
        return encode(value).json()
    except (NotSerializableError, TypeError):
        return data


def _stand_in(value: Any) -> Any:
    """Return something in JSON for a value of another type."""
    if isinstance(value, (set, frozenset)):
        return sorted(str(_dump(item)) for item in value)
    try:
        return encode(value).tree()
    except NotSerializableError:
        return f"<{type(value).__module__}.{type(value).__qualname__}>"


def _summary(data: bytes, named: bytes) -> str:
    if len(data) <= SUMMARY_LENGTH and not named and data.find(TAG_IN_TEXT) < 0:
        # As most are.
        return data[1:-1].decode()
    if TAG_IN_TEXT in data or TAG_IN_TEXT in named:
        data, named = (orjson.dumps(_untagged(orjson.loads(part))) if part else part for part in (data, named))
    text = data[1:-1][: SUMMARY_LENGTH * 4].decode("utf-8", "ignore")
    if named:
        text += (", " if text else "") + "**" + named[: SUMMARY_LENGTH * 4].decode("utf-8", "ignore")
    return text if len(text) <= SUMMARY_LENGTH else text[: SUMMARY_LENGTH - 1] + "…"


def _untagged(tree: Any) -> Any:
    """Return a saved tree without the tags of the codec, which say nothing to people."""
    if isinstance(tree, list):
        return [_untagged(item) for item in tree]
    if not isinstance(tree, dict):
        return tree
    if tree.keys() >= {TAG, "v"}:
        body = tree["v"]
        # Of an instance of a class its fields are what people know.
        is_instance = isinstance(body, dict) and ":" in str(tree[TAG]) and "fields" in body
        return _untagged(body["fields"] if is_instance else body)
    return {key: _untagged(item) for key, item in tree.items()}
