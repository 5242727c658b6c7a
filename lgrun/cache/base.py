"""The task cache: results that need not be computed again, for as long as they are worth something.

`BaseCache` is the port. Names and arguments are those of LangGraph; values are kept as the codec writes them, so that
nobody changes a cached value by changing what was put or got.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar

__all__ = ["BaseCache", "FullKey", "Namespace", "ValueT", "checked_key"]

if TYPE_CHECKING:
    from typing_extensions import TypeVar as TypeVarWithDefault

    # With a default, a cache needs no type argument even where type checkers are strict.
    ValueT = TypeVarWithDefault("ValueT", default=Any)
else:
    ValueT = TypeVar("ValueT")

Namespace: TypeAlias = tuple[str, ...]
"""What entries are cleared together: one for each task, say."""

FullKey: TypeAlias = tuple[Namespace, str]
"""What an entry is found by: its namespace and its key there."""


def checked_key(key: Any) -> FullKey:
    """Return a key as a tuple of texts and a text.

    Raises:
        TypeError: it is something else.
    """
    namespace, name = key
    labels = tuple(namespace)
    if isinstance(namespace, str) or not all(isinstance(part, str) for part in (*labels, name)):
        raise TypeError(f"a key of a cache is a tuple of texts with a text, ((...), '...'), not {key!r:.100}")
    return labels, name


class BaseCache(ABC, Generic[ValueT]):
    """A cache.

    Attributes:
        blocking: whether a call may wait for the disk, so that async code must make it in a thread.
    """

    blocking: bool = False

    @abstractmethod
    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return what there is of some entries.

        Raises:
            TypeError: a key is not a tuple of texts with a text.
        """

    @abstractmethod
    def set(self, pairs: Mapping[FullKey, tuple[ValueT, float | None]]) -> None:
        """Keep some values, each for so many seconds; None: for ever, 0: not at all.

        Raises:
            NotSerializableError: a value cannot be saved.
            TypeError: a key is not a tuple of texts with a text.
        """

    @abstractmethod
    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the entries of some namespaces; of all if None."""

    async def aget(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Like `get`."""
        return await self._apart(self.get, keys)  # type: ignore[no-any-return]

    async def aset(self, pairs: Mapping[FullKey, tuple[ValueT, float | None]]) -> None:
        """Like `set`."""
        await self._apart(self.set, pairs)

    async def aclear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Like `clear`."""
        await self._apart(self.clear, namespaces)

    async def _apart(self, call: Any, argument: Any) -> Any:
        if not self.blocking:
            return call(argument)
        from lgrun._waiting import apart

        return await apart(call, argument)
