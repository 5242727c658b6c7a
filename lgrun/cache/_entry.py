"""Cache keys of calls, and what is in the file of an entry. Pure."""

from collections.abc import Mapping
from typing import Any
from zlib import crc32

import orjson

from lgrun._hashing import blake2b
from lgrun.cache.base import FullKey, Namespace
from lgrun.checkpoint._line import MALFORMED, TAG_IN_TEXT, as_text, document_in, only_line, safe_text, sealed
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.migrations import CURRENT
from lgrun.checkpoint.serde import encode
from lgrun.errors import NotSerializableError, StateError
from lgrun.types import CachePolicy

__all__ = ["call_key", "decode_entry", "default_cache_key", "encode_entry", "entry_name", "space_name"]

_KIND = "cache"


def default_cache_key(*args: Any, **kwargs: Any) -> str:
    """Return a digest of a call's arguments, the same in every process.

    Values of different types (1, 1.0, True; a list, a tuple) differ, and so do f(2) and f(x=2); the order of keyword
    arguments and of the keys in a dict does not count.

    Raises:
        NotSerializableError: an argument cannot be saved, so that nobody can tell whether it is the same.
    """
    try:
        tree = [encode(list(args)).tree(), encode(kwargs).tree()]
    except NotSerializableError as error:
        error.what = "an argument of a cached task (give its CachePolicy a key_func)"
        raise
    return _digest(orjson.dumps(tree, option=orjson.OPT_SORT_KEYS))


def call_key(policy: CachePolicy, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> str:
    """Return the key of a call under a policy: the digest of what its `key_func` says.

    Raises:
        NotSerializableError: as `default_cache_key`.
        TypeError: `key_func` returns neither text nor bytes.
    """
    if policy.key_func is None:
        return default_cache_key(*args, **kwargs)
    said = policy.key_func(*args, **kwargs)
    if isinstance(said, str):
        said = said.encode("utf-8", "surrogatepass")
    if not isinstance(said, bytes):
        raise TypeError(f"the key_func of a CachePolicy returned a {type(said).__name__}; it must return str or bytes")
    return _digest(said)


def space_name(namespace: Namespace) -> str:
    """Return the name of the directory of a namespace."""
    # Each label with its length: no two namespaces are the same text.
    return _digest("".join(f"{len(label)}:{label}" for label in namespace).encode("utf-8", "surrogatepass"))


def entry_name(key: str) -> str:
    """Return the name of an entry's file in the directory of its namespace."""
    return f"{_digest(key.encode('utf-8', 'surrogatepass'))}.json"


def encode_entry(key: FullKey, value: Encoded, expires: float | None) -> bytes:
    """Return an entry as a file. `expires` is in seconds since the epoch."""
    head: dict[str, Any] = {"lgrun": _KIND, "format": CURRENT, **_place(key)}
    if expires is not None:
        head["expires"] = expires
    return sealed(orjson.dumps({**head, "value": orjson.Fragment(value.json())}), _seed(key))


def decode_entry(data: bytes, key: FullKey, now: float) -> Encoded | None:
    """Return the value in an entry's file; None if its time is over, or if the file is not what was written."""
    try:
        document = document_in(only_line(data, _KIND), _seed(key), _KIND, _KIND)
        found = (tuple(as_text(label) for label in document["ns"]), as_text(document["key"]))
        if found != key or now >= document.get("expires", now + 1):
            return None
        return Encoded(tree=document["value"], plain=TAG_IN_TEXT not in data)
    except (StateError, *MALFORMED):
        return None


def _place(key: FullKey) -> dict[str, Any]:
    namespace, name = key
    return {"ns": [safe_text(label) for label in namespace], "key": safe_text(name)}


def _seed(key: FullKey) -> int:
    namespace, name = key
    return crc32(f"cache {space_name(namespace)} {entry_name(name)}".encode())


def _digest(data: bytes) -> str:
    return blake2b(data, digest_size=16).hexdigest()
