"""Long-term memory kept in the memory of this process: `InMemoryStore`."""

import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable

from lgrun.store._meaning import Embedder, Vector
from lgrun.store._ops import IndexConfig, Op, Result, TTLConfig, checked
from lgrun.store._table import Plan, Table
from lgrun.store.base import BaseStore

__all__ = ["InMemoryStore", "TableStore"]


class TableStore(BaseStore):
    """What the stores of lgrun share: a batch is checked, its texts are embedded, then it is carried out.

    Args:
        index: how items are found by meaning; None: they are not.
        ttl: how long items live if a call says nothing; for ever by default.

    Raises:
        ValueError: an index without a way to embed.
    """

    supports_ttl = True

    def __init__(self, *, index: IndexConfig | None = None, ttl: TTLConfig | None = None) -> None:
        self.index_config = index
        self.ttl_config = ttl
        self._embedder = None if index is None else Embedder(index)

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry out several operations; see `BaseStore.batch`."""
        plan = self._plan(ops)
        return self._run(plan, self._embedder.vectors(plan.texts, plan.queries) if self._embedder else {})

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Like `batch`."""
        plan = self._plan(ops)
        return await self._arun(plan, await self._embedder.avectors(plan.texts, plan.queries) if self._embedder else {})

    def _plan(self, ops: Iterable[Op]) -> Plan:
        return Plan([checked(op) for op in ops], self._embedder.fields if self._embedder else None)

    @abstractmethod
    def _run(self, plan: Plan, vectors: dict[str, Vector]) -> list[Result]:
        """Carry out a batch."""

    async def _arun(self, plan: Plan, vectors: dict[str, Vector]) -> list[Result]:
        return self._run(plan, vectors)


class InMemoryStore(TableStore):
    """Keeps items as long as the store lives.

    Args:
        index: how items are found by meaning; None: they are not.
        ttl: how long items live if a call says nothing; for ever by default.
        now: seconds since the epoch.
    """

    def __init__(
        self,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(index=index, ttl=ttl)
        self._now = now
        self._table = Table()
        self._mutex = threading.Lock()

    def _run(self, plan: Plan, vectors: dict[str, Vector]) -> list[Result]:
        now = self._now()
        changes = plan.changes(vectors, now)
        with self._mutex:
            results, touched = self._table.answer(plan, vectors, now)
            for change in (*touched, *changes):
                self._table.apply(change)
        return results
