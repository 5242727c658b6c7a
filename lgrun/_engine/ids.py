"""Names derived from where a call is made and what it is given. Pure: the same input gives the same name."""

import hashlib
from typing import Any

import orjson

from lgrun.checkpoint.base import Path

SUMMARY_LENGTH = 200
"""Characters of a call's arguments that are kept for people to read."""

_DIGEST_OPTIONS = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS


def _hash(seed: str, path: Path, salt: str) -> str:
    return hashlib.blake2b(f"{seed}{path}{salt}".encode(), digest_size=16).hexdigest()


def task_id(seed: str, path: Path) -> str:
    """Return the id of the call at `path`, in UUID form. `seed` is the checkpoint's id."""
    return _uuid(_hash(seed, path, "task"))


def nested_id(seed: str, path: Path, number: int) -> str:
    """Return the id under which streams show checkpoint `number` of the run nested at `path`."""
    return _uuid(_hash(seed, path, f"#{number}"))


def _uuid(h: str) -> str:
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def interrupt_id(seed: str, path: Path, index: int) -> str:
    """Return the id of the question number `index` asked at `path`: 32 hex digits."""
    return _hash(seed, path, f"?{index}")


def digest_value(value: Any) -> str | None:
    """Return a short digest of a value, or None if it has no cheap one."""
    try:
        data = orjson.dumps(value, option=_DIGEST_OPTIONS)
    except TypeError:
        return None
    return hashlib.blake2b(data, digest_size=8).hexdigest()


def digest_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[str | None, str | None]:
    """Return the digest of a call's arguments and their summary for people; (None, None) if there is no cheap one.

    Values that differ only in type (a tuple and a list) share a digest: it tells calls apart, it proves nothing.
    """
    try:
        data = orjson.dumps(args, option=_DIGEST_OPTIONS)
        named = orjson.dumps(kwargs, option=_DIGEST_OPTIONS) if kwargs else b""
    except TypeError:
        return None, None
    digest = hashlib.blake2b(data + named, digest_size=8).hexdigest()
    return digest, _summary(data, named)


def _summary(data: bytes, named: bytes) -> str:
    text = data[1:-1][: SUMMARY_LENGTH * 4].decode("utf-8", "ignore")
    if named:
        text += (", " if text else "") + "**" + named[: SUMMARY_LENGTH * 4].decode("utf-8", "ignore")
    return text if len(text) <= SUMMARY_LENGTH else text[: SUMMARY_LENGTH - 1] + "…"
