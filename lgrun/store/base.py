"""Long-term memory: what is remembered across threads, as items with a key in namespaces.

`BaseStore` is the port. A store implements `batch` and `abatch`; everything else is written in terms of them. Names and
arguments are those of LangGraph.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, Literal

from lgrun.store._ops import (
    NOT_PROVIDED,
    GetOp,
    IndexConfig,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    NamespacePath,
    NotProvided,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    checked,
)

__all__ = [
    "BaseStore",
    "GetOp",
    "IndexConfig",
    "InvalidNamespaceError",
    "Item",
    "ListNamespacesOp",
    "MatchCondition",
    "NamespacePath",
    "NotProvided",
    "Op",
    "PutOp",
    "Result",
    "SearchItem",
    "SearchOp",
    "TTLConfig",
]


class BaseStore(ABC):
    """Long-term memory.

    Attributes:
        supports_ttl: whether items can expire.
        ttl_config: what counts when a call says nothing about that.
    """

    supports_ttl: bool = False
    ttl_config: TTLConfig | None = None

    @abstractmethod
    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out several operations; return a result for each.

        Reads see the state before the batch's own writes. Of two writes to one key the last counts.
        """

    @abstractmethod
    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Like `batch`."""

    def get(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        """Return an item, or None.

        Args:
            namespace: where.
            key: its name.
            refresh_ttl: begin its time to live anew; None: as the store is configured.

        Raises:
            InvalidNamespaceError: nothing can be there.
        """
        return self.batch([self._get_op(namespace, key, refresh_ttl)])[0]  # type: ignore[return-value]

    def search(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """Return the items below a prefix, nearest to the query first, else in the order in which they were put.

        Args:
            namespace_prefix: the first labels of their namespaces; () is all of them.
            query: what to look for by meaning; ignored by a store without an index.
            filter: fields and what they must be: a value, a dict of fields, or comparisons (`{"n": {"$gte": 3}}`)
                out of $eq, $ne, $gt, $gte, $lt and $lte.
            limit: how many at most.
            offset: how many to leave out first.
            refresh_ttl: begin their time to live anew; None: as the store is configured.

        Raises:
            InvalidNamespaceError: nothing can be there.
            ValueError: an unknown comparison, a negative limit or offset.
        """
        op = self._search_op(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return self.batch([op])[0]  # type: ignore[return-value]

    def put(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """Remember an item, in place of the one that has the key.

        Args:
            namespace: where: one or more labels.
            key: its name.
            value: what.
            index: paths of the texts by which it is found, instead of the store's; False: by none.
            ttl: minutes until it is forgotten; None: never; not given: as the store is configured.

        Raises:
            InvalidNamespaceError: nothing can be there.
            TypeError: the value is not a mapping, or cannot be saved.
            NotImplementedError: a time to live in a store that knows none.
        """
        self.batch([self._put_op(namespace, key, value, index, ttl)])

    def delete(self, namespace: tuple[str, ...], key: str) -> None:
        """Forget an item; silently if there is none.

        Raises:
            InvalidNamespaceError: nothing can be there.
        """
        self.batch([checked(PutOp(namespace, key, None))])

    def list_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """Return the namespaces that hold items, sorted.

        Args:
            prefix: their first labels; '*' stands for any one.
            suffix: their last labels.
            max_depth: cut them off after so many labels.
            limit: how many at most.
            offset: how many to leave out first.

        Raises:
            ValueError: a negative limit or offset.
        """
        return self.batch([_list_op(prefix, suffix, max_depth, limit, offset)])[0]  # type: ignore[return-value]

    async def aget(self, namespace: tuple[str, ...], key: str, *, refresh_ttl: bool | None = None) -> Item | None:
        """Like `get`."""
        return (await self.abatch([self._get_op(namespace, key, refresh_ttl)]))[0]  # type: ignore[return-value]

    async def asearch(
        self,
        namespace_prefix: tuple[str, ...],
        /,
        *,
        query: str | None = None,
        filter: dict[str, Any] | None = None,
        limit: int = 10,
        offset: int = 0,
        refresh_ttl: bool | None = None,
    ) -> list[SearchItem]:
        """Like `search`."""
        op = self._search_op(namespace_prefix, query, filter, limit, offset, refresh_ttl)
        return (await self.abatch([op]))[0]  # type: ignore[return-value]

    async def aput(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: Mapping[str, Any],
        index: Literal[False] | list[str] | None = None,
        *,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """Like `put`."""
        await self.abatch([self._put_op(namespace, key, value, index, ttl)])

    async def adelete(self, namespace: tuple[str, ...], key: str) -> None:
        """Like `delete`."""
        await self.abatch([checked(PutOp(namespace, key, None))])

    async def alist_namespaces(
        self,
        *,
        prefix: NamespacePath | None = None,
        suffix: NamespacePath | None = None,
        max_depth: int | None = None,
        limit: int = 100,
        offset: int = 0,
    ) -> list[tuple[str, ...]]:
        """Like `list_namespaces`."""
        op = _list_op(prefix, suffix, max_depth, limit, offset)
        return (await self.abatch([op]))[0]  # type: ignore[return-value]

    def _get_op(self, namespace: Any, key: Any, refresh_ttl: bool | None) -> Op:
        op: Op = checked(GetOp(namespace, key, self._refreshes(refresh_ttl)))
        return op

    def _search_op(
        self, prefix: Any, query: str | None, filter: Any, limit: int, offset: int, refresh_ttl: bool | None
    ) -> Op:
        op: Op = checked(SearchOp(prefix, filter, limit, offset, query, self._refreshes(refresh_ttl)))
        return op

    def _put_op(self, namespace: Any, key: Any, value: Any, index: Any, ttl: float | NotProvided | None) -> Op:
        if isinstance(ttl, NotProvided):
            ttl = (self.ttl_config or {}).get("default_ttl")
        elif ttl is not None and not self.supports_ttl:
            raise NotImplementedError(f"{type(self).__name__} knows no time to live: leave ttl out")
        op: Op = checked(PutOp(namespace, key, value, index, ttl))
        return op

    def _refreshes(self, given: bool | None) -> bool:
        return (self.ttl_config or {}).get("refresh_on_read", True) if given is None else given


def _list_op(prefix: Any, suffix: Any, max_depth: int | None, limit: int, offset: int) -> Op:
    conditions = []
    if prefix:
        conditions.append(MatchCondition("prefix", tuple(prefix)))
    if suffix:
        conditions.append(MatchCondition("suffix", tuple(suffix)))
    op: Op = checked(ListNamespacesOp(tuple(conditions) or None, max_depth, limit, offset))
    return op
