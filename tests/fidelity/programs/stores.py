"""Long-term memory, used from inside runs."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

HOME = ("users", "ann")


def flow_of(api: Api, body: Callable[..., Any], store: Any = None) -> Any:
    return api.entrypoint(checkpointer=api.new_saver(), store=store or api.InMemoryStore())(body)


def inside(api: Api, work: Callable[[Any], Any]) -> Any:
    """Return what `work` does with a store in the body of a run, and what it does in a task."""

    @api.task
    def task() -> Any:
        return work(api.get_store())

    def main(where: str, *, store) -> Any:  # type: ignore[no-untyped-def]
        return work(store) if where == "body" else task().result()

    return [attempt(flow_of(api, main).invoke, where, THREAD, text=False) for where in ("body", "task")]


def plain(item: Any) -> Any:
    """Return what programs compare of an item."""
    return None if item is None else [list(item.namespace), item.key, item.value]


def filled(store: Any) -> Any:
    for n, name in enumerate(["ann", "bob", "eve"]):
        for kind in ("likes", "notes"):
            store.put(
                ("users", name, kind), f"k{n}", {"n": n, "kind": kind, "tags": ["a", "b"][: n + 1], "deep": {"n": n}}
            )
    return store


@program
def put_and_get(api: Api) -> Any:
    def work(store: Any) -> Any:
        returned = store.put(HOME, "k", {"x": [1, {"y": None}]})
        return [returned, plain(store.get(HOME, "k")), store.get(HOME, "no"), store.get(("other",), "k")]

    return inside(api, work)


@program
def overwrite(api: Api) -> Any:
    def work(store: Any) -> Any:
        for value in ({"x": 1}, {"y": 2}, {}):
            store.put(HOME, "k", value)
        return [plain(store.get(HOME, "k")), len(store.search(HOME))]

    return inside(api, work)


@program
def delete(api: Api) -> Any:
    def work(store: Any) -> Any:
        store.put(HOME, "k", {"x": 1})
        return [store.delete(HOME, "k"), store.get(HOME, "k"), store.delete(HOME, "never")]

    return inside(api, work)


@program
def keys_are_texts(api: Api) -> Any:
    def work(store: Any) -> Any:
        store.put(HOME, "1", {"x": 1})
        return [item.key for item in store.search(HOME)]

    return inside(api, work)


@program
def search_by_namespace(api: Api) -> Any:
    def work(store: Any) -> Any:
        filled(store)
        prefixes: list[Any] = [(), ("users",), ("users", "ann"), ("users", "ann", "likes"), ("us",), ("users", "a")]
        return [[plain(item) for item in store.search(prefix)] for prefix in prefixes]

    return inside(api, work)


@program
def search_by_filter(api: Api) -> Any:
    def work(store: Any) -> Any:
        filled(store)
        filters: list[Any] = [{"n": 1}, {"n": 1, "kind": "likes"}, {"n": {"$gt": 0}}, {"n": {"$gte": 1, "$lt": 2}}]
        filters += [
            {"n": {"$ne": 1}},
            {"n": {"$eq": 2}},
            {"n": {"$lte": 0}},
            {"tags": ["a"]},
            {"deep": {"n": 1}},
            {"no": 1},
            {},
        ]
        return [[plain(item)[:2] for item in store.search(("users",), filter=each)] for each in filters]

    return inside(api, work)


@program
def search_by_an_unknown_operator(api: Api) -> Any:
    return inside(api, lambda store: filled(store).search((), filter={"n": {"$in": [1]}}))


@program
def pages(api: Api) -> Any:
    def work(store: Any) -> Any:
        for n in range(15):
            store.put(HOME, f"k{n:02}", {"n": n})
        sizes = [(10, 0), (3, 0), (3, 13), (5, 99), (0, 0)]
        return [[item.key for item in store.search(HOME, limit=limit, offset=offset)] for limit, offset in sizes]

    return inside(api, work)


@program
def listing_namespaces(api: Api) -> Any:
    def work(store: Any) -> Any:
        filled(store)
        asked: list[dict[str, Any]] = [
            {},
            {"prefix": ("users",)},
            {"suffix": ("likes",)},
            {"max_depth": 2},
            {"limit": 2},
        ]
        asked += [
            {"limit": 2, "offset": 3},
            {"prefix": ("users", "*", "notes")},
            {"prefix": ("x",)},
            {"suffix": ("*", "likes")},
        ]
        return [store.list_namespaces(**each) for each in asked]

    return inside(api, work)


@program
def bad_namespaces(api: Api) -> Any:
    names: list[Any] = [(), ("",), ("a.b",), (1,), ("langgraph",), ("a", "")]
    return [inside(api, lambda store, name=name: store.put(name, "k", {"x": 1})) for name in names]  # type: ignore[misc]


@program
def batches(api: Api) -> Iterator[Any]:
    """Reads of a batch see what was there before it."""
    import importlib

    base: Any = importlib.import_module(f"{api.package}.store.base")

    def work(store: Any) -> Any:
        store.put(HOME, "k", {"x": 1})
        operations = [
            base.GetOp(HOME, "k"),
            base.PutOp(HOME, "k", {"x": 2}),
            base.PutOp(HOME, "k", {"x": 3}),
            base.SearchOp(HOME),
            base.GetOp(HOME, "k"),
        ]
        first, *nothing, found, second = store.batch(operations)
        return [plain(first), nothing, [plain(i) for i in found], plain(second), plain(store.get(HOME, "k"))]

    yield inside(api, work)


@program
def async_twins(api: Api) -> Iterator[Any]:
    @api.task
    async def remember(n: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        await store.aput(HOME, f"k{n}", {"n": n})
        return plain(await store.aget(HOME, f"k{n}"))

    async def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        got = await asyncio.gather(*[remember(n) for n in range(4)])
        await store.adelete(HOME, "k0")
        found = await store.asearch(HOME, filter={"n": {"$gt": 1}})
        return [got, sorted(i.key for i in found), await store.alist_namespaces(), await store.aget(HOME, "k0")]

    yield api.run(flow_of(api, main).ainvoke(1, THREAD))


@program
def memory_of_other_threads(api: Api) -> Iterator[Any]:
    def main(x: int, *, store, previous=None) -> Any:  # type: ignore[no-untyped-def]
        store.put(HOME, f"k{x}", {"x": x})
        return [sorted(item.key for item in store.search(HOME)), previous]

    flow = flow_of(api, main)
    yield [flow.invoke(n, {"configurable": {"thread_id": name}}) for n, name in enumerate("aba")]


@program
def memory_of_other_workflows(api: Api) -> Iterator[Any]:
    store = api.InMemoryStore()
    flows = [
        flow_of(api, lambda x, *, store: store.put(HOME, str(x), {}) or len(store.search(HOME)), store) for _ in "ab"
    ]
    yield [flow.invoke(n, THREAD) for n, flow in enumerate(flows)]


@program
def writes_of_failed_runs_stay(api: Api) -> Iterator[Any]:
    store = api.InMemoryStore()

    @api.task
    def fails() -> None:
        api.get_store().put(HOME, "task", {"x": 1})
        raise ValueError("no")

    def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        store.put(HOME, "body", {"x": 1})
        return fails().result()

    yield attempt(flow_of(api, main, store).invoke, 1, THREAD)
    yield sorted(item.key for item in store.search(HOME))


@program
def writes_before_a_question(api: Api) -> Iterator[Any]:
    """The body writes again when it is resumed, a finished task does not."""
    store = api.InMemoryStore()

    @api.task
    def counts(name: str) -> None:
        found = api.get_store().get(HOME, name)
        api.get_store().put(HOME, name, {"n": (found.value["n"] if found else 0) + 1})

    def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        found = store.get(HOME, "body")
        store.put(HOME, "body", {"n": (found.value["n"] if found else 0) + 1})
        counts("task").result()
        return api.interrupt("?")

    flow = flow_of(api, main, store)
    flow.invoke(1, THREAD)
    yield flow.invoke(api.Command(resume="yes"), THREAD)
    yield [plain(store.get(HOME, name)) for name in ("body", "task")]


@program
def retried_writes(api: Api) -> Iterator[Any]:
    @api.task(retry_policy=api.now(max_attempts=3))
    def flaky(runtime) -> Any:  # type: ignore[no-untyped-def]
        runtime.store.put(HOME, str(runtime.execution_info.node_attempt), {})
        if runtime.execution_info.node_attempt < 3:
            raise OSError("no")
        return sorted(item.key for item in runtime.store.search(HOME))

    def main(x: int) -> Any:
        return flaky().result()

    yield flow_of(api, main).invoke(1, THREAD)


@program
def memory_of_nested_workflows(api: Api) -> Iterator[Any]:
    """A workflow inside uses the memory of the run."""

    @api.entrypoint()
    def child(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        store.put(HOME, "child", {"x": x})
        return store is api.get_store()

    def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        return [child.invoke(x), plain(store.get(HOME, "child"))]

    yield flow_of(api, main).invoke(1, THREAD)


@program
def items_as_results(api: Api) -> Iterator[Any]:
    def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        filled(store)
        item = store.search(("users", "bob"))[0]
        shown = item.dict()
        return [sorted(shown), shown["value"], list(shown["namespace"]), item.created_at <= item.updated_at]

    yield flow_of(api, main).invoke(1, THREAD)


@program
def memory_in_parallel_tasks(api: Api) -> Iterator[Any]:
    @api.task
    def remember(n: int) -> None:
        api.get_store().put(HOME, str(n), {"n": n})

    def main(x: int, *, store) -> Any:  # type: ignore[no-untyped-def]
        for future in [remember(n) for n in range(8)]:
            future.result()
        return Bag([plain(item) for item in store.search(HOME)]).items

    yield Bag(flow_of(api, main).invoke(1, THREAD))
