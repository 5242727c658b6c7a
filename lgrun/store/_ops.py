"""What goes into a store and comes out of it: operations and items as values. Pure."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias, TypedDict

if TYPE_CHECKING:
    from datetime import datetime

__all__ = [
    "NOT_PROVIDED",
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
    "checked",
]

NamespacePath: TypeAlias = tuple[str, ...]
"""Labels of a namespace; in `list_namespaces`, '*' stands for any one of them."""


class InvalidNamespaceError(ValueError):
    """A namespace is empty, or a label of it is not a text, empty, contains a period, or is `langgraph` at the root."""


class NotProvided:
    """The type of a `ttl` that was not given: the store's default counts. None means for ever."""


NOT_PROVIDED: Final = NotProvided()


class Item:
    """Something remembered.

    Args:
        value: what; every read returns another copy.
        key: its name within the namespace.
        namespace: where.
        created_at: when the key was first put, in UTC; ISO 8601 is accepted.
        updated_at: when it was last put.
    """

    __slots__ = ("created_at", "key", "namespace", "updated_at", "value")

    def __init__(
        self,
        *,
        value: dict[str, Any],
        key: str,
        namespace: tuple[str, ...],
        created_at: "datetime | str",
        updated_at: "datetime | str",
    ) -> None:
        self.value = value
        self.key = key
        self.namespace = tuple(namespace)
        self.created_at = _moment(created_at)
        self.updated_at = _moment(updated_at)

    def dict(self) -> dict[str, Any]:
        """Return the item as plain data."""
        return {
            "namespace": list(self.namespace),
            "key": self.key,
            "value": self.value,
            "created_at": self.created_at.isoformat(),
            "updated_at": self.updated_at.isoformat(),
        }

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Item) and all(getattr(self, n) == getattr(other, n) for n in Item.__slots__)

    def __hash__(self) -> int:
        return hash((self.namespace, self.key))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.dict().items())})"


class SearchItem(Item):
    """An item that was found.

    Args:
        score: how near it is to the query, 1 being nearest; None if that was not asked or the item is not indexed.
    """

    __slots__ = ("score",)

    def __init__(
        self,
        namespace: tuple[str, ...],
        key: str,
        value: dict[str, Any],
        created_at: "datetime | str",
        updated_at: "datetime | str",
        score: float | None = None,
    ) -> None:
        super().__init__(value=value, key=key, namespace=namespace, created_at=created_at, updated_at=updated_at)
        self.score = score

    def dict(self) -> dict[str, Any]:
        """Return the item as plain data."""
        return {**super().dict(), "score": self.score}


def _moment(given: "datetime | str") -> "datetime":
    if not isinstance(given, str):
        return given
    from datetime import datetime

    return datetime.fromisoformat(given)


# What a batch holds


class GetOp(NamedTuple):
    """Read an item. `refresh_ttl`: its time to live begins anew."""

    namespace: tuple[str, ...]
    key: str
    refresh_ttl: bool = True


class SearchOp(NamedTuple):
    """Find items below a prefix; see `BaseStore.search`."""

    namespace_prefix: tuple[str, ...]
    filter: dict[str, Any] | None = None
    limit: int = 10
    offset: int = 0
    query: str | None = None
    refresh_ttl: bool = True


class PutOp(NamedTuple):
    """Write an item, or remove it if `value` is None; see `BaseStore.put`."""

    namespace: tuple[str, ...]
    key: str
    value: Mapping[str, Any] | None
    index: Literal[False] | list[str] | None = None  # type: ignore[assignment]  # hides tuple.index, as in LangGraph
    ttl: float | None = None


class MatchCondition(NamedTuple):
    """What the beginning or the end of a namespace must be; '*' stands for any one label."""

    match_type: Literal["prefix", "suffix"]
    path: NamespacePath


class ListNamespacesOp(NamedTuple):
    """List namespaces; see `BaseStore.list_namespaces`."""

    match_conditions: tuple[MatchCondition, ...] | None = None
    max_depth: int | None = None
    limit: int = 100
    offset: int = 0


Op: TypeAlias = GetOp | SearchOp | PutOp | ListNamespacesOp
Result: TypeAlias = Item | list[SearchItem] | list[tuple[str, ...]] | None


class TTLConfig(TypedDict, total=False):
    """How long items live.

    `default_ttl`: minutes, for a put that says nothing (for ever). `refresh_on_read`: whether a read begins an item's
    time to live anew when it does not say (it does).
    """

    refresh_on_read: bool
    default_ttl: float | None


class IndexConfig(TypedDict, total=False):
    """How items are found by meaning.

    `embed`: a function, async or not, from texts to vectors, or an Embeddings object of LangChain. `dims`: the length
    of a vector, for readers. `fields`: paths of the texts in a value (`"text"`, `"notes[*].title"`, `"meta.{a,b}"`);
    `["$"]`, the whole value, by default.
    """

    dims: int
    embed: Any
    fields: list[str] | None


def checked(op: Any) -> Any:
    """Return an operation with its namespace as a tuple and its key as a text.

    Raises:
        InvalidNamespaceError: nothing can be there.
        ValueError: a limit or offset is negative, or this is no operation.
        TypeError: a value to put is not a mapping.
    """
    if isinstance(op, GetOp):
        namespace = _checked_labels(op.namespace)
        return op if _is_as(op, namespace) else op._replace(namespace=namespace, key=str(op.key))
    if isinstance(op, PutOp):
        namespace = _checked_namespace(op)
        if _is_as(op, namespace) and (op.value is None or type(op.value) is dict):
            return op
        return op._replace(namespace=namespace, key=str(op.key), value=None if op.value is None else dict(op.value))
    if not isinstance(op, (SearchOp, ListNamespacesOp)):
        raise ValueError(f"not an operation of a store: {type(op).__name__}")
    if op.limit < 0 or op.offset < 0:
        raise ValueError(f"limit and offset must not be negative: {op.limit}, {op.offset}")
    if isinstance(op, SearchOp):
        return op._replace(namespace_prefix=_checked_labels(op.namespace_prefix))
    return op


def _is_as(op: GetOp | PutOp, namespace: tuple[str, ...]) -> bool:
    """Say whether an operation has this very namespace and a text as its key: making another one takes long."""
    return op.namespace is namespace and type(op.key) is str


def _checked_namespace(op: PutOp) -> tuple[str, ...]:
    if not op.namespace:
        raise InvalidNamespaceError("a namespace needs at least one label")
    namespace = _checked_labels(op.namespace)
    if namespace[0] == "langgraph" and op.value is not None:
        raise InvalidNamespaceError(f"the first label must not be 'langgraph': {namespace}")
    return namespace


def _checked_labels(namespace: Any) -> tuple[str, ...]:
    if isinstance(namespace, str):
        raise InvalidNamespaceError(f"a namespace is a tuple of labels, not a text: write ({namespace!r},)")
    for label in namespace:
        if not isinstance(label, str):
            raise InvalidNamespaceError(f"{label!r} in {namespace} is a {type(label).__name__}; labels are texts")
        if not label:
            raise InvalidNamespaceError(f"there is an empty label in {namespace}")
        if "." in label:
            raise InvalidNamespaceError(f"{label!r} in {namespace} contains a period")
    return namespace if type(namespace) is tuple else tuple(namespace)
