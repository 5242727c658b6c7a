"""The task cache in the memory of this process: `InMemoryCache`."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence

from lgrun.cache.base import BaseCache, FullKey, Namespace, ValueT, checked_key
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.serde import decode, encode

__all__ = ["InMemoryCache"]


class InMemoryCache(BaseCache[ValueT]):
    """Keeps entries as long as the cache lives.

    Args:
        now: seconds since the epoch.
    """

    def __init__(self, *, now: Callable[[], float] = time.time) -> None:
        self._now = now
        self._spaces: dict[Namespace, dict[str, tuple[Encoded, float | None]]] = {}
        self._mutex = threading.Lock()

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return what there is of some entries; see `BaseCache.get`."""
        found = {}
        with self._mutex:
            now = self._now()
            for namespace, key in map(checked_key, keys):
                space = self._spaces.get(namespace, {})
                value, expires = space.get(key, (None, None))
                if value is None:
                    continue
                if expires is not None and now >= expires:
                    del space[key]
                else:
                    found[namespace, key] = value
        return {key: decode(value) for key, value in found.items()}

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, float | None]]) -> None:
        """Keep some values; see `BaseCache.set`."""
        entries = [(checked_key(key), encode(value), ttl) for key, (value, ttl) in pairs.items()]
        with self._mutex:
            now = self._now()
            for (namespace, key), value, ttl in entries:
                self._spaces.setdefault(namespace, {})[key] = (value, None if ttl is None else now + ttl)

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the entries of some namespaces; of all if None."""
        with self._mutex:
            for namespace in list(self._spaces) if namespaces is None else namespaces:
                self._spaces.pop(tuple(namespace), None)
