"""What every store does, in memory or on disk."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lgrun.errors import NotSerializableError
from lgrun.store.base import (
    BaseStore,
    GetOp,
    InvalidNamespaceError,
    ListNamespacesOp,
    MatchCondition,
    PutOp,
    SearchOp,
)
from lgrun.store.file import FileStore
from lgrun.store.memory import InMemoryStore

USER = ("users", "ann")
Make = Callable[..., Any]


class Now:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(params=["memory", "file"])
def make(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> Make:
    """Makes a store with some settings."""
    if request.param == "memory":
        return lambda **settings: InMemoryStore(now=now, **settings)
    return lambda **settings: FileStore(tmp_path / "state", now=now, **settings)


@pytest.fixture
def store(make: Make) -> BaseStore:
    made: BaseStore = make()
    return made


def keys(found: list[Any]) -> list[str]:
    return [item.key for item in found]


def test_empty(store: BaseStore) -> None:
    """Of what was never put nothing is there, and removing it is silent."""
    assert store.get(USER, "k") is None
    assert store.search(()) == []
    assert store.list_namespaces() == []
    store.delete(USER, "k")


def test_put_then_get(store: BaseStore, now: Now) -> None:
    """An item comes back with its place and times; an overwritten one keeps when it was created."""
    value = {"text": "é", "nested": [1, (2, {"x": {3}})], "when": dt.date(2026, 1, 1), 5: None}
    store.put(USER, "k", value)
    now.at += 1.5
    store.put(USER, "other", {})
    store.put(USER, "k", {**value, "more": "\ud800"})
    item = store.get(USER, "k")

    assert item is not None
    assert item.value == {**value, "more": "\ud800"}
    assert (item.namespace, item.key) == (USER, "k")
    assert (item.created_at.timestamp(), item.updated_at.timestamp()) == (1_000_000.0, 1_000_001.5)
    assert item.created_at.tzinfo is dt.UTC
    assert keys(store.search(USER)) == ["k", "other"]


def test_item_as_data(store: BaseStore) -> None:
    """An item as plain data, compared and in a set."""
    store.put(USER, "k", {"a": 1})
    item, (found,) = store.get(USER, "k"), store.search(USER)
    at = "1970-01-12T13:46:40+00:00"
    data = {"namespace": ["users", "ann"], "key": "k", "value": {"a": 1}, "created_at": at, "updated_at": at}

    assert item is not None
    assert item.dict() == data
    assert found.dict() == {**data, "score": None}
    assert item == found
    assert len({item, found}) == 1
    assert repr(found).startswith("SearchItem(namespace=['users', 'ann'], key='k', value={'a': 1}, created_at='1970")


def test_keys_are_texts_and_namespaces_tuples(store: BaseStore) -> None:
    """Other keys count as their text, lists as tuples."""
    store.put(["users", "ann"], 5, {"a": 1})  # type: ignore[arg-type]

    assert store.get(USER, "5") == store.get(["users", "ann"], 5)  # type: ignore[arg-type]


def test_values_are_copies(store: BaseStore) -> None:
    """Neither what was put nor what was read is the stored value."""
    value: dict[str, Any] = {"list": [1]}
    store.put(USER, "k", value)
    value["list"].append(2)
    item, (found,) = store.get(USER, "k"), store.search(USER, filter={"list": [1]})
    assert item is not None
    item.value["list"].append(3)
    found.value["list"].append(4)

    assert store.get(USER, "k").value == {"list": [1]}  # type: ignore[union-attr]
    assert keys(store.search(USER, filter={"list": [1]})) == ["k"]


def test_delete(store: BaseStore) -> None:
    """A removed item is gone with its namespace, by delete and by a put of None; put again, it comes last."""
    for key in ("a", "b", "c"):
        store.put(USER, key, {})
    store.put(("x",), "a", {})
    store.delete(USER, "a")
    store.put(("x",), "a", None)  # type: ignore[arg-type]
    store.put(USER, "a", {})

    assert keys(store.search(())) == ["b", "c", "a"]
    assert store.list_namespaces() == [USER]


@pytest.mark.parametrize(
    ("namespace", "words"),
    [
        ((), "at least one label"),
        (("a", ""), "an empty label"),
        (("a.b",), "contains a period"),
        (("a", 1), "1 in .* is a int"),
        (("langgraph", "x"), "must not be 'langgraph'"),
        ("users", r"write \('users',\)"),
    ],
)
def test_invalid_namespaces(store: BaseStore, namespace: Any, words: str) -> None:
    """A namespace that cannot be is refused, by put and in a batch, with a sentence that says why."""
    with pytest.raises(InvalidNamespaceError, match=words):
        store.put(namespace, "k", {})
    with pytest.raises(InvalidNamespaceError, match=words):
        store.batch([PutOp(USER, "before", {}), PutOp(namespace, "k", {})])
    if namespace and namespace[0] != "langgraph":
        for read in (store.search, lambda ns: store.get(ns, "k"), lambda ns: store.delete(ns, "k")):
            with pytest.raises(InvalidNamespaceError, match=words):
                read(namespace)
    assert store.search(()) == []


@pytest.mark.parametrize("value", [1, "x", [1], object()])
def test_values_are_mappings(store: BaseStore, value: Any) -> None:
    """Anything but a mapping is refused."""
    with pytest.raises((TypeError, ValueError)):
        store.put(USER, "k", value)
    assert store.get(USER, "k") is None


def test_values_that_cannot_be_saved(store: BaseStore) -> None:
    """Are refused when they are put, with item and place, and the rest of the batch is not written."""
    with pytest.raises(NotSerializableError, match=r"the item 'k' of namespace .*\$\.f\[0\] is a function"):
        store.batch([PutOp(USER, "before", {}), PutOp(USER, "k", {"f": [print]})])
    assert store.search(()) == []


def test_search_pages(store: BaseStore) -> None:
    """By the order of namespaces, then of keys; cut by offset and limit."""
    for namespace in (("b", "x"), ("a",), ("b",)):
        for key in ("2", "1"):
            store.put(namespace, key, {"n": key})
    store.put(("a",), "2", {"n": "new"})

    found = [(item.namespace, item.key) for item in store.search(())]
    assert found == [(ns, key) for ns in (("b", "x"), ("a",), ("b",)) for key in ("2", "1")]
    assert [item.namespace for item in store.search(("b",))] == [("b", "x")] * 2 + [("b",)] * 2
    assert store.search(("b", "x", "y")) == []
    assert keys(store.search(("b",), limit=2, offset=1)) == ["1", "2"]
    assert store.search((), limit=0) == []
    assert store.search((), offset=99) == []
    for _ in range(12):
        store.put(("many",), str(_), {})
    assert len(store.search(("many",))) == 10
    with pytest.raises(ValueError, match="negative"):
        store.search((), limit=-1)
    with pytest.raises(ValueError, match="negative"):
        store.list_namespaces(offset=-1)


PEOPLE: dict[str, dict[str, Any]] = {
    "a": {"n": 1, "s": "x", "l": [1, 2], "d": {"e": 1}},
    "b": {"n": 2, "s": "y", "day": "2026-01-05"},
    "c": {"n": None, "s": "10", "d": {"e": 2, "f": 3}, "day": "2026-02-01"},
    "e": {"n": "7"},
}


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, "abce"),
        ({"n": 1}, "a"),
        ({"n": 1.0}, "a"),
        ({"n": "1"}, ""),
        ({"n": 1, "s": "x"}, "a"),
        ({"n": 1, "s": "y"}, ""),
        ({"n": {"$eq": 1}}, "a"),
        ({"n": {"$ne": 1}}, "bce"),
        ({"n": {"$gt": 1}}, "be"),
        ({"n": {"$gte": "2"}}, "be"),
        ({"n": {"$lt": 2}}, "a"),
        ({"n": {"$lte": 2}}, "ab"),
        ({"n": {"$gt": 0, "$lt": 2}}, "a"),
        ({"day": {"$gte": "2026-01-31"}}, "c"),
        ({"s": {"$lt": "y"}}, "ac"),
        ({"s": {"$gt": 5}}, "c"),
        ({"missing": {"$gt": 1}}, ""),
        ({"missing": {"$ne": 1}}, "abce"),
        ({"missing": None}, "abce"),
        ({"n": None}, "c"),
        ({"d": {"e": 1}}, "a"),
        ({"d": {"e": {"$gte": 1}}}, "ac"),
        ({"d": {"e": 2, "f": 3}}, "c"),
        ({"d": {}}, "ac"),
        ({"d.e": 1}, ""),
        ({"l": [1, 2]}, "a"),
        ({"l": (1, {"$gt": 1})}, "a"),
        ({"l": [1]}, ""),
    ],
)
def test_filters(store: BaseStore, filter: Any, expected: str) -> None:
    """Fields are compared by value, with operators, into objects and lists; what has no order does not match."""
    for key, value in PEOPLE.items():
        store.put(USER, key, value)

    assert "".join(keys(store.search(USER, filter=filter))) == expected


@pytest.mark.parametrize("filter", [{"n": {"$in": [1]}}, {"n": {"$gt": 0, "x": 1}}])
def test_unknown_operators(store: BaseStore, filter: Any) -> None:
    """Are refused."""
    store.put(USER, "k", {"n": 1})
    with pytest.raises(ValueError, match="Unsupported operator"):
        store.search((), filter=filter)


SPACES = [("b", "x", "1"), ("a", "y", "1"), ("a", "x", "2"), ("a", "x"), ("c",)]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ({}, ["a x", "a x 2", "a y 1", "b x 1", "c"]),
        ({"prefix": ("a",)}, ["a x", "a x 2", "a y 1"]),
        ({"prefix": ["a"]}, ["a x", "a x 2", "a y 1"]),
        ({"prefix": ()}, ["a x", "a x 2", "a y 1", "b x 1", "c"]),
        ({"suffix": ("1",)}, ["a y 1", "b x 1"]),
        ({"prefix": ("*", "x")}, ["a x", "a x 2", "b x 1"]),
        ({"suffix": ("x", "*")}, ["a x 2", "b x 1"]),
        ({"prefix": ("a",), "suffix": ("2",)}, ["a x 2"]),
        ({"prefix": ("a", "x", "2", "3")}, []),
        ({"max_depth": 1}, ["a", "b", "c"]),
        ({"max_depth": 2, "prefix": ("a", "x", "2")}, ["a x"]),
        ({"limit": 2, "offset": 1}, ["a x 2", "a y 1"]),
        ({"limit": 0}, []),
    ],
)
def test_list_namespaces(store: BaseStore, wanted: Any, expected: list[str]) -> None:
    """Sorted, chosen by their beginning and end, cut off."""
    for namespace in SPACES:
        store.put(namespace, "k", {})

    assert [" ".join(found) for found in store.list_namespaces(**wanted)] == expected
    with pytest.raises(ValueError, match="'middle'"):
        store.batch([ListNamespacesOp((MatchCondition("middle", ("a",)),))])  # type: ignore[arg-type]


def test_batch(store: BaseStore) -> None:
    """Reads see the state before the batch; the last put to a key counts; something else is refused."""
    results = store.batch(
        [
            PutOp(USER, "k", {"n": 1}),
            GetOp(USER, "k"),
            PutOp(USER, "k", {"n": 2}),
            SearchOp(USER),
            ListNamespacesOp(),
            PutOp(USER, "gone", {}),
            PutOp(USER, "gone", None),
        ]
    )

    assert results == [None, None, None, [], [], None, None]
    assert [(item.key, item.value) for item in store.search(())] == [("k", {"n": 2})]
    with pytest.raises(ValueError, match="not an operation of a store: int"):
        store.batch([PutOp(USER, "x", {}), 5])  # type: ignore[list-item]
    assert keys(store.search(())) == ["k"]
    assert store.batch([]) == []


def test_time_to_live(store: BaseStore, now: Now) -> None:
    """An item is forgotten after its minutes, in every way of reading, unless it is put again."""
    store.put(USER, "short", {}, ttl=1)
    store.put(USER, "long", {}, ttl=10)
    store.put(("x",), "half", {}, ttl=0.5)
    store.put(USER, "ever", {})
    now.at += 59
    assert keys(store.search((), refresh_ttl=False)) == ["short", "long", "ever"]
    assert store.list_namespaces() == [USER]
    assert store.get(("x",), "half") is None
    store.put(("x",), "half", {})
    now.at += 1
    assert store.get(USER, "short", refresh_ttl=False) is None
    assert keys(store.search((), refresh_ttl=False)) == ["long", "ever", "half"]
    now.at += 10_000
    store.put(USER, "short", {"n": 2})
    assert store.get(USER, "short").created_at.timestamp() == now.at  # type: ignore[union-attr]
    assert keys(store.search(())) == ["ever", "short", "half"]


def test_a_namespace_of_which_all_is_over_is_a_new_one(store: BaseStore, now: Now) -> None:
    """It comes last, whether or not anybody has removed what was in it."""
    store.put(("a",), "over", {}, ttl=0.5)
    store.put(("b",), "left", {})
    now.at += 31
    store.put(("a",), "new", {})
    assert keys(store.search((), refresh_ttl=False)) == ["left", "new"]


def test_reading_begins_a_time_to_live_anew(store: BaseStore, now: Now) -> None:
    """A get and a search do, unless they say otherwise."""
    for key in ("got", "found", "left"):
        store.put(USER, key, {"key": key}, ttl=1)
    now.at += 40
    store.get(USER, "got")
    store.search(USER, filter={"key": "found"})
    store.get(USER, "left", refresh_ttl=False)
    now.at += 40

    assert keys(store.search((), refresh_ttl=False)) == ["got", "found"]


def test_settings_of_the_time_to_live(make: Make, now: Now) -> None:
    """A default for puts that say nothing, and reads that begin nothing anew."""
    store = make(ttl={"default_ttl": 1, "refresh_on_read": False})
    store.put(USER, "default", {})
    store.put(USER, "ever", {}, ttl=None)
    now.at += 40
    store.get(USER, "default")
    now.at += 40

    assert keys(store.search(())) == ["ever"]


def embed(texts: list[str]) -> list[list[float]]:
    """Count two letters."""
    return [[float(text.count("a")), float(text.count("b")), 1.0] for text in texts]


async def embed_later(texts: list[str]) -> list[list[float]]:
    return embed(texts)


class Embeddings:
    """What LangChain calls so."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls.append("documents")
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        self.calls.append("query")
        return embed([text])[0]


class AsyncEmbeddings(Embeddings):
    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        self.calls.append("adocuments")
        return embed(texts)

    async def aembed_query(self, text: str) -> list[float]:
        self.calls.append("aquery")
        return embed([text])[0]


def scores(found: list[Any]) -> list[tuple[str, float | None]]:
    return [(item.key, None if item.score is None else round(item.score, 4)) for item in found]


def test_search_by_meaning(make: Make) -> None:
    """The nearest first, what is not indexed last; filters, pages and puts apply."""
    store = make(index={"dims": 3, "embed": embed, "fields": ["text", "more[*].t"]})
    store.put(USER, "a", {"text": "aaa"})
    store.put(USER, "none", {"text": "b"}, index=False)
    store.put(USER, "both", {"text": "aaa", "more": [{"t": "bbb"}, {"t": ""}]})
    store.put(USER, "other", {"text": "x", "title": "bb"}, index=["title"])
    store.put(USER, "empty", {})

    expected = [("both", 1.0), ("other", 0.9899), ("a", 0.1), ("none", None), ("empty", None)]
    assert scores(store.search(USER, query="bbb")) == expected
    assert scores(store.search(USER, query="bbb", limit=1, offset=1)) == [("other", 0.9899)]
    assert scores(store.search(USER, query="bbb", filter={"text": "aaa"})) == [("both", 1.0), ("a", 0.1)]
    assert [score for _, score in scores(store.search(USER))] == [None] * 5
    assert [score for _, score in scores(store.search(USER, query=""))] == [None] * 5
    store.put(USER, "both", {"text": "bbb"}, index=False)
    store.delete(USER, "other")
    assert scores(store.search(USER, query="bbb", limit=2)) == [("a", 0.1), ("none", None)]


def test_texts_are_embedded_once(make: Make) -> None:
    """Each text of a batch and each query goes to the function once, and none if nothing is to be found by it."""
    calls: list[list[str]] = []
    store = make(index={"dims": 3, "embed": lambda texts: calls.append(texts) or embed(texts)})
    value = {"é": "b", "a": 1}
    store.batch([PutOp(USER, "1", value), PutOp(USER, "2", value), SearchOp((), query="q"), SearchOp((), query="q")])
    store.put(USER, "3", value, index=False)
    store.search(())

    assert calls == [['{"a": 1, "é": "b"}', "q"]]


def test_no_index(store: BaseStore) -> None:
    """Without an index a query is ignored."""
    store.put(USER, "k", {"a": 1}, index=["a"])
    assert scores(store.search((), query="x")) == [("k", None)]


def test_embedding_functions(make: Make) -> None:
    """Async functions need the async methods; objects are used by the methods they have."""
    for function in (embed, embed_later, Embeddings(), AsyncEmbeddings()):
        store = make(index={"dims": 3, "embed": function})

        async def use(store: Any = store) -> Any:
            await store.aput(USER, "k", {"t": "a"})
            return await store.asearch(USER, query='{"t": "a"}')

        assert scores(asyncio.run(use())) == [("k", 1.0)]
        if function is embed_later:
            with pytest.raises(ValueError, match="use aput, asearch and abatch"):
                store.put(USER, "k", {"t": "a"})
        else:
            store.put(USER, "k", {"t": "a"})
            assert scores(store.search(USER, query='{"t": "a"}')) == [("k", 1.0)]
        if isinstance(function, Embeddings):
            prefix = "a" if isinstance(function, AsyncEmbeddings) else ""
            assert function.calls == [f"{prefix}documents", f"{prefix}query", "documents", "query"]


def test_wrong_indexes(make: Make) -> None:
    """Nothing to embed with, and a function that returns another number of vectors, are refused."""
    for nothing in ({}, {"dims": 3}, {"embed": "openai:text-embedding-3-small"}):
        with pytest.raises(ValueError, match="an index needs 'embed'"):
            make(index=nothing)
    store = make(index={"dims": 3, "embed": lambda texts: []})
    with pytest.raises(ValueError, match="returned 0 vectors for 1 texts"):
        store.put(USER, "k", {"a": 1})
    assert store.get(USER, "k") is None


def test_vectors_that_say_nothing(make: Make) -> None:
    """A vector of zeros is as near to everything; one of another length counts as none."""
    vectors = {"zero": [0.0, 0.0], '"x"': [1.0, 1.0], "long": [1.0, 1.0, 1.0]}
    store = make(index={"dims": 2, "embed": lambda texts: [vectors.get(text, [0.0, 0.0]) for text in texts]})
    store.put(USER, "k", {"t": "zero"}, index=["t"])
    store.put(USER, "l", {"t": "long"}, index=["t"])

    assert scores(store.search((), query='"x"')) == [("k", 0.0), ("l", None)]


def test_async(store: BaseStore) -> None:
    """Every method has an async twin that does the same."""

    async def use() -> Any:
        await store.aput(USER, "k", {"a": 1}, ttl=None)
        await store.aput(USER, "gone", {})
        await store.adelete(USER, "gone")
        item = await store.aget(USER, "k")
        (results,) = await store.abatch([GetOp(USER, "k")])
        return item, results, await store.asearch(USER, limit=1), await store.alist_namespaces(max_depth=1)

    item, again, found, namespaces = asyncio.run(use())

    assert item == again == found[0] == store.get(USER, "k")
    assert namespaces == [("users",)]


def test_threads(store: BaseStore) -> None:
    """Threads of one process lose nothing of each other."""

    def work(name: int) -> None:
        for number in range(20):
            store.put(("n", str(name)), str(number), {"n": number})
            assert store.get(("n", str(name)), str(number)) is not None

    workers = [threading.Thread(target=work, args=(name,)) for name in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert len(store.search((), limit=1000)) == 80


def test_a_port_of_ones_own() -> None:
    """A store that implements batch and abatch has every method, and refuses a ttl that it does not know."""

    class Log(BaseStore):
        def __init__(self) -> None:
            self.ops: list[Any] = []

        def batch(self, ops: Any) -> Any:
            self.ops.extend(ops)
            return [None]

        async def abatch(self, ops: Any) -> Any:
            return self.batch(ops)

    log = Log()
    log.put(USER, "k", {}, ["a"])
    log.get(USER, "k")
    log.search(USER, query="q")
    log.delete(USER, "k")
    with pytest.raises(NotImplementedError, match="Log knows no time to live"):
        log.put(USER, "k", {}, ttl=1)
    with pytest.raises(InvalidNamespaceError):
        log.put((), "k", {})

    assert log.ops == [
        PutOp(USER, "k", {}, ["a"]),
        GetOp(USER, "k"),
        SearchOp(USER, query="q"),
        PutOp(USER, "k", None),
    ]
