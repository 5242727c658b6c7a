"""`InMemoryStore` beside LangGraph's: the same results and errors, but for the intended differences."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langgraph.store import base as their_base
from langgraph.store import memory as their_memory

from lgrun.store import base as our_base
from lgrun.store import memory as our_memory


def embed(texts: list[str]) -> list[list[float]]:
    return [[float(text.count("a")), float(text.count("b")), 1.0] for text in texts]


def fill(store: Any) -> None:
    for key, value in {
        "a": {"n": 1, "s": "x", "l": [1, 2], "d": {"e": 1}},
        "b": {"n": 2, "s": "y"},
        "c": {"n": 3, "s": "10", "d": {"e": 2, "f": 3}},
        "e": {"n": "7"},
    }.items():
        store.put(("u", "1"), key, value)
    store.put(("u", "2"), "z", {"n": 9, "none": None, "num": 5, "yes": True, "é": "ü"})
    store.put(("w",), "q", {"n": 1})


def shown(result: Any) -> Any:
    """Return a result as plain data, without its times."""
    if isinstance(result, (list, tuple)):
        return [shown(each) for each in result]
    if hasattr(result, "dict"):
        data = {key: value for key, value in result.dict().items() if not key.endswith("_at")}
        if data.get("score") is not None:
            data["score"] = round(data["score"], 4)
        return type(result).__name__, data
    return result


def outcome(base: Any, memory: Any, use: Callable[[Any, Any], Any]) -> Any:
    store = memory.InMemoryStore(index={"dims": 3, "embed": embed})
    fill(store)
    try:
        result = use(store, base)
        if asyncio.iscoroutine(result):
            result = asyncio.run(result)
    except Exception as error:
        result = type(error).__name__
    return shown(result), shown(store.search((), limit=100))


async def twins(store: Any, base: Any) -> Any:
    await store.aput(("t",), "k", {"a": 1})
    await store.adelete(("u", "1"), "a")
    return [
        await store.aget(("t",), "k"),
        await store.asearch(("u",), filter={"n": {"$gt": 1}}),
        await store.alist_namespaces(max_depth=1),
        *(await store.abatch([base.GetOp(("w",), "q"), base.SearchOp(("w",), query="ab")])),
    ]


FILTERS: list[Any] = [
    *(None, {}, {"n": 1}, {"n": True}, {"n": 1.0}, {"n": "1"}, {"s": "x", "n": 1}, {"n": {"$gt": 1}}),
    *({"n": {"$gte": "2"}}, {"n": {"$ne": 1}}, {"n": {"$eq": 1}}, {"n": {"$in": [1]}}, {"n": {"$gt": 1, "x": 2}}),
    *({"n": {"$gt": 1, "$lt": 3}}, {"n": {"$lte": 2}}, {"d": {"e": 1}}, {"d": {"e": {"$eq": 1}}}, {"d.e": 1}),
    *({"l": [1, 2]}, {"l": (1, 2)}, {"l": [1]}, {"l": 1}, {"missing": None}, {"missing": {"$ne": 1}}, {"n": {}}),
    *({"d": {}}, {"d": [1]}, {"d": {"e": 2, "f": 3}}),
]
SPACES: list[Any] = [
    *({}, {"prefix": ("u",)}, {"suffix": ("1",)}, {"prefix": ("*", "1")}, {"max_depth": 1}, {"max_depth": 0}),
    *({"limit": 1, "offset": 1}, {"prefix": ()}, {"suffix": ("*",)}, {"prefix": ("u",), "suffix": ("2",)}),
    *({"prefix": ("u", "1", "x")}, {"prefix": ["u"]}, {"max_depth": 1, "prefix": ("u", "1")}),
]
PATHS: list[Any] = [
    *(["n"], ["d.e"], ["l[*]"], ["l[0]"], ["l[-1]"], ["l[7]"], ["l"], ["d"], ["d.{e,f}"], ["d.*"], ["*"], ["none"]),
    *(["yes"], ["num"], ["é"], ["missing"], ["n.x"], [""], [], ["l[x]"], ["{n,s}"]),
]

CASES: dict[str, Callable[[Any, Any], Any]] = {
    **{f"filter {f}": lambda store, base, f=f: store.search(("u", "1"), filter=f) for f in FILTERS},
    **{f"spaces {s}": lambda store, base, s=s: store.list_namespaces(**s) for s in SPACES},
    **{
        f"prefix {p}": lambda store, base, p=p: store.search(p)
        for p in [(), ("u",), ("u", "1", "x"), ("1",), ("*", "1"), ("",), ("a.b",), (1,)]
    },
    **{
        f"put into {ns}": lambda store, base, ns=ns: store.put(ns, "k", {"a": 1})
        for ns in [(), ("",), ("a.b",), (1,), ("langgraph", "x"), ("x", "langgraph"), ("ä", "*")]
    },
    **{
        f"put {value}": lambda store, base, value=value: store.put(("v",), "k", value)
        for value in [1, "x", [1], None, {1: 2}, (("a", 1),), {}]
    },
    **{
        f"index {path}": lambda store, base, path=path: (
            store.put(("i",), "k", dict(store.get(("u", "2"), "z").value, l=[4, "b"], d={"e": "a", "f": 2}), path),
            store.search(("i",), query="aab"),
        )[1]
        for path in PATHS
    },
    "page": lambda store, base: store.search(("u",), limit=2, offset=1),
    "limit 0": lambda store, base: store.search(("u",), limit=0),
    "query": lambda store, base: store.search((), query="ab", limit=3),
    "query and filter": lambda store, base: store.search((), query="b", filter={"n": {"$gt": 1}}, limit=2, offset=1),
    "empty query": lambda store, base: store.search((), query=""),
    "not indexed": lambda store, base: (store.put(("w",), "r", {"x": "b"}, False), store.search(("w",), query="b"))[1],
    "missing": lambda store, base: [store.get(("u", "1"), "no"), store.get(("no",), "k"), store.get((), "k")],
    "key": lambda store, base: (store.put(("k",), 5, {}), store.get(("k",), 5), store.get(("k",), "5"))[1:],
    "overwrite": lambda store, base: (store.put(("u", "1"), "a", {"n": "new"}), store.search(("u", "1")))[1],
    "delete": lambda store, base: (store.delete(("u", "1"), "a"), store.delete(("u", "1"), "no"))[0],
    "delete and put": lambda store, base: (store.delete(("u", "1"), "a"), store.put(("u", "1"), "a", {}))[0],
    "batch": lambda store, base: store.batch(
        [
            *(base.PutOp(("n",), "k", {"a": 1}), base.GetOp(("n",), "k"), base.PutOp(("n",), "k", {"a": 2})),
            *(base.SearchOp(("n",)), base.PutOp(("w",), "q", None), base.GetOp(("w",), "q")),
            base.ListNamespacesOp((base.MatchCondition("prefix", ("u",)),), 1),
        ]
    ),
    "no operation": lambda store, base: store.batch([5]),
    "match type": lambda store, base: store.batch([base.ListNamespacesOp((base.MatchCondition("x", ("a",)),))]),
    "positional ttl": lambda store, base: store.put(("d",), "k", {}, None, 5),
    "prefix by name": lambda store, base: store.search(namespace_prefix=("d",)),
    "async": twins,
}


@pytest.mark.parametrize("case", CASES)
def test_store(case: str) -> None:
    """An operation gives the same, and leaves the same items."""
    expected = outcome(their_base, their_memory, CASES[case])

    assert outcome(our_base, our_memory, CASES[case]) == expected
