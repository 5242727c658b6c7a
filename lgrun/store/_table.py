"""The items of a store in memory: what every operation means, whatever keeps them. Pure.

1. A store hands out copies: a value is kept as the codec writes it.
2. An item whose time is over is not there, whether or not it was removed.
3. Items come in the order of namespaces, and within one of keys, in which they were first put.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.serde import decode, encode
from lgrun.errors import DamagedStateError, NotSerializableError
from lgrun.store._meaning import Vector, likeness, texts_at
from lgrun.store._ops import GetOp, Item, ListNamespacesOp, MatchCondition, Op, PutOp, Result, SearchItem, SearchOp

__all__ = ["Change", "Gone", "Plan", "Row", "Table", "Touch"]

_MINUTE = 60.0
_PRUNED_EVERY = 60.0
Namespace = tuple[str, ...]


class Row:
    """An item as it is kept. Times are seconds since the epoch, `ttl` minutes; an item without `expires` stays."""

    __slots__ = ("_shared", "created", "expires", "json", "key", "namespace", "plain", "ttl", "updated", "vectors")

    def __init__(
        self,
        namespace: Namespace,
        key: str,
        value: Encoded,
        *,
        updated: float,
        created: float | None = None,
        ttl: float | None = None,
        expires: float | None = None,
        vectors: Sequence[Vector] = (),
    ) -> None:
        self.namespace = namespace
        self.key = key
        self.json = value.json()
        self.plain = value.plain
        self.updated = updated
        self.created = created
        self.ttl = ttl
        self.expires = expires
        self.vectors = vectors
        self._shared: Any = None

    def value(self) -> Any:
        """Return a copy of the value.

        Raises:
            DamagedStateError: it names a class that this process does not know, or is malformed.
        """
        try:
            return decode(Encoded(json=self.json, plain=self.plain))
        except DamagedStateError as error:
            raise DamagedStateError(f"the item {self.key!r} of namespace {self.namespace}: {error}") from error

    def shared(self) -> Any:
        """Return the value to look at."""
        if self._shared is None:
            self._shared = self.value()
        return self._shared

    def is_over(self, now: float) -> bool:
        """Say whether the item's time is over."""
        return self.expires is not None and now >= self.expires


class Gone(NamedTuple):
    """The removal of an item."""

    namespace: Namespace
    key: str


class Touch(NamedTuple):
    """An item's time to live begins anew."""

    namespace: Namespace
    key: str
    expires: float


Change = Row | Gone | Touch


class Plan:
    """A batch whose operations are valid, and what has to be embedded for it.

    Args:
        ops: the operations, checked.
        fields: paths of the texts that are embedded if a put says nothing; None if the store has no index.
    """

    def __init__(self, ops: Sequence[Op], fields: Sequence[str] | None) -> None:
        self.ops = ops
        self.reads = not all(isinstance(op, PutOp) for op in ops)
        # The last put to a key counts.
        puts = {(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}
        self._puts = [(op, self._texts(op, fields)) for op in puts.values()]
        self.texts = list(dict.fromkeys(text for _, texts in self._puts for text in texts))
        asked = [op.query for op in ops if isinstance(op, SearchOp) and op.query and fields is not None]
        self.queries = list(dict.fromkeys(asked))

    def _texts(self, op: PutOp, fields: Sequence[str] | None) -> list[str]:
        if op.value is None or op.index is False or fields is None:
            return []
        return texts_at(op.value, op.index if isinstance(op.index, (list, tuple)) else fields)

    def changes(self, vectors: dict[str, Vector], now: float) -> list[Change]:
        """Return what the batch writes.

        Raises:
            NotSerializableError: a value cannot be saved.
        """
        return [_change(op, [vectors[text] for text in texts], now) for op, texts in self._puts]


def _change(op: PutOp, vectors: Sequence[Vector], now: float) -> Change:
    if op.value is None:
        return Gone(op.namespace, op.key)
    try:
        value = encode(op.value)
    except NotSerializableError as error:
        error.what = f"the item {op.key!r} of namespace {op.namespace}"
        raise
    expires = None if op.ttl is None else now + op.ttl * _MINUTE
    return Row(op.namespace, op.key, value, updated=now, ttl=op.ttl, expires=expires, vectors=vectors)


class Table:
    """The items."""

    def __init__(self) -> None:
        self._spaces: dict[Namespace, dict[str, Row]] = {}
        self._pruned = 0.0

    def __len__(self) -> int:
        return sum(map(len, self._spaces.values()))

    def rows(self, now: float) -> Iterator[Row]:
        """Yield the items whose time is not over."""
        for space in self._spaces.values():
            for row in space.values():
                if not row.is_over(now):
                    yield row

    def find(self, namespace: Namespace, key: str, now: float) -> Row | None:
        """Return an item, or None."""
        row = self._spaces.get(namespace, {}).get(key)
        return None if row is None or row.is_over(now) else row

    def apply(self, change: Change) -> None:
        """Make a change."""
        if isinstance(change, Touch):
            row = self._spaces.get(change.namespace, {}).get(change.key)
            if row is not None:
                row.expires = change.expires
            return
        if isinstance(change, Gone):
            self._remove(change.namespace, change.key)
            return
        if change.updated - self._pruned > _PRUNED_EVERY:
            self._prune(change.updated)
        old = self.find(change.namespace, change.key, change.updated)
        if old is None:
            # An item that was forgotten and comes back is a new one, at the end; so is its namespace.
            self._remove(change.namespace, change.key)
            if all(row.is_over(change.updated) for row in self._spaces.get(change.namespace, {}).values()):
                self._spaces.pop(change.namespace, None)
        if change.created is None:
            change.created = change.updated if old is None else old.created
        self._spaces.setdefault(change.namespace, {})[change.key] = change

    def _prune(self, now: float) -> None:
        self._pruned = now
        over = [row for space in self._spaces.values() for row in space.values() if row.is_over(now)]
        for row in over:
            self._remove(row.namespace, row.key)

    def _remove(self, namespace: Namespace, key: str) -> None:
        space = self._spaces.get(namespace)
        if space is not None and space.pop(key, None) is not None and not space:
            del self._spaces[namespace]

    def answer(self, plan: Plan, vectors: dict[str, Vector], now: float) -> tuple[list[Result], list[Touch]]:
        """Return the results of a batch, as if it had not written yet, and whose time to live begins anew."""
        touched: dict[tuple[Namespace, str], Touch] = {}
        results = [self._answer(op, vectors, now, touched) for op in plan.ops]
        return results, list(touched.values())

    def _answer(self, op: Op, vectors: dict[str, Vector], now: float, touched: dict[Any, Touch]) -> Result:
        if isinstance(op, PutOp):
            return None
        if isinstance(op, ListNamespacesOp):
            return self._namespaces(op, now)
        if isinstance(op, GetOp):
            row = self.find(op.namespace, op.key, now)
            found: list[tuple[Row, float | None]] = [] if row is None else [(row, None)]
        else:
            found = self._search(op, vectors.get(op.query or ""), now)
        for row, _ in found:
            if op.refresh_ttl and row.ttl is not None:
                touched[row.namespace, row.key] = Touch(row.namespace, row.key, now + row.ttl * _MINUTE)
        if isinstance(op, SearchOp):
            return [SearchItem(**_fields(row), score=score) for row, score in found]
        return Item(**_fields(found[0][0])) if found else None

    def _search(self, op: SearchOp, query: Vector | None, now: float) -> list[tuple[Row, float | None]]:
        depth, end = len(op.namespace_prefix), op.offset + op.limit
        found = (
            row
            for namespace, space in self._spaces.items()
            if namespace[:depth] == op.namespace_prefix
            for row in space.values()
            if not row.is_over(now) and (not op.filter or _passes(row.shared(), op.filter))
        )
        if query is None:
            rows = [row for row, _ in zip(found, range(end), strict=False)]
            return [(row, None) for row in rows[op.offset :]]
        scored = [(row, likeness(query, row.vectors)) for row in found]
        # Stable: what is not indexed stays in order, at the end.
        scored.sort(key=lambda pair: -2.0 if pair[1] is None else pair[1], reverse=True)
        return scored[op.offset : end]

    def _namespaces(self, op: ListNamespacesOp, now: float) -> list[Namespace]:
        found = {
            namespace[: op.max_depth]
            for namespace, space in self._spaces.items()
            if all(_fits(namespace, condition) for condition in op.match_conditions or ())
            and not all(row.is_over(now) for row in space.values())
        }
        return sorted(found)[op.offset : op.offset + op.limit]


def _fields(row: Row) -> dict[str, Any]:
    created, updated = (datetime.fromtimestamp(at or 0.0, UTC) for at in (row.created, row.updated))
    return {
        "namespace": row.namespace,
        "key": row.key,
        "value": row.value(),
        "created_at": created,
        "updated_at": updated,
    }


def _fits(namespace: Namespace, condition: MatchCondition) -> bool:
    kind, path = condition
    if kind not in ("prefix", "suffix"):
        raise ValueError(f"unknown match type {kind!r}; use 'prefix' or 'suffix'")
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if kind == "prefix" else namespace[len(namespace) - len(path) :]
    return all(want in ("*", label) for label, want in zip(part, path, strict=True))


# Filters


def _passes(value: Any, wanted: dict[str, Any]) -> bool:
    return all(_matches(value.get(field), want) for field, want in wanted.items())


def _matches(value: Any, want: Any) -> bool:
    if isinstance(want, dict):
        if any(isinstance(key, str) and key.startswith("$") for key in want):
            return all(_compares(value, operator, operand) for operator, operand in want.items())
        return isinstance(value, dict) and _passes(value, want)
    if isinstance(want, (list, tuple)):
        same_kind = isinstance(value, (list, tuple)) and len(value) == len(want)
        return same_kind and all(_matches(*pair) for pair in zip(value, want, strict=True))
    return bool(value == want)


_ORDERS = {"$gt": (1,), "$gte": (0, 1), "$lt": (-1,), "$lte": (-1, 0)}


def _compares(value: Any, operator: str, operand: Any) -> bool:
    if operator in ("$eq", "$ne"):
        return bool(value == operand) is (operator == "$eq")
    if operator not in _ORDERS:
        raise ValueError(f"Unsupported operator: {operator}; use $eq, $ne, $gt, $gte, $lt or $lte")
    order = _order(value, operand)
    return order is not None and order in _ORDERS[operator]


def _order(left: Any, right: Any) -> int | None:
    """Return -1, 0 or 1; None if there is no order between the two."""
    try:
        left, right = float(left), float(right)
    except (TypeError, ValueError):
        pass
    try:
        return (left > right) - (left < right) if left == left and right == right else None
    except TypeError:
        return None
