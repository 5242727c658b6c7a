"""Which calls a task cache answers."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program

MODES = ["updates", "tasks", "values"]


def thread(name: str) -> Any:
    return {"configurable": {"thread_id": name}}


def counting(api: Api, ran: list[Any], **policy: Any) -> Any:
    """Return a cached task that notes its calls."""

    @api.task(cache_policy=api.CachePolicy(**policy))
    def double(x: Any = 0, y: Any = 0) -> Any:
        ran.append((x, y))
        return [x, y, len(ran)]

    return double


def flow_of(api: Api, body: Callable[..., Any], **options: Any) -> Any:
    options = {"checkpointer": api.new_saver(), "cache": api.InMemoryCache(), **options}
    return api.entrypoint(**options)(body)


def calling(api: Api, task: Any, **options: Any) -> Any:
    """Return a workflow that calls a task with its input."""

    def main(x: Any) -> Any:
        return task(x).result()

    return flow_of(api, main, **options)


@program
def hit_and_miss(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran))
    for x in (1, 2, 1, 1.0, True, "1"):
        yield list(flow.stream(x, THREAD, stream_mode=MODES))
    yield ran


@program
def without_a_cache(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran), cache=None)
    yield [flow.invoke(1, THREAD) for _ in range(2)], len(ran)


@program
def without_a_policy(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task
    def plain(x: int) -> Any:
        ran.append(x)
        return x

    flow = calling(api, plain)
    yield [flow.invoke(1, THREAD) for _ in range(2)], len(ran)


@program
def without_a_saver(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran), checkpointer=None)
    yield [list(flow.stream(1, stream_mode=MODES)) for _ in range(2)], len(ran)


@program
def forms_of_arguments(api: Api) -> Iterator[Any]:
    """How a call is written counts."""
    ran: list[Any] = []
    double = counting(api, ran)

    def main(n: int) -> Any:
        return [double(2).result(), double(x=2).result(), double(2, 0).result(), double(2, y=0).result()]

    flow = flow_of(api, main)
    yield [flow.invoke(n, THREAD) for n in (1, 2)], len(ran)


@program
def own_keys(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran, key_func=lambda x, y=0: str(x % 2)))
    yield [flow.invoke(x, THREAD) for x in (1, 2, 3, 4)], ran


@program
def keys_in_bytes(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran, key_func=lambda x, y=0: bytes([x % 3])))
    yield [flow.invoke(x, THREAD) for x in (1, 2, 4)], ran


@program
def keys_that_fail(api: Api) -> Iterator[Any]:
    def key(x: int, y: int = 0) -> str:
        raise ValueError(f"no key for {x}")

    ran: list[Any] = []
    flow = calling(api, counting(api, ran, key_func=key))
    yield attempt(flow.invoke, 1, THREAD, text=False), ran


@program
def time_to_live(api: Api) -> Iterator[Any]:
    for ttl in (None, 1000, 0):
        ran: list[Any] = []
        flow = calling(api, counting(api, ran, ttl=ttl))
        yield ttl, [flow.invoke(1, THREAD) for _ in range(3)], len(ran)


@program
def errors_are_not_cached(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    def fails(x: int) -> Any:
        ran.append(x)
        if len(ran) < 3:
            raise OSError(f"failure {len(ran)}")
        return "at last"

    flow = calling(api, fails)
    yield [attempt(flow.invoke, 1, thread(str(n))) for n in range(5)], len(ran)


@program
def nothing_is_cached_too(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    def nothing(x: Any) -> Any:
        ran.append(x)

    flow = calling(api, nothing)
    yield [list(flow.stream(None or 0, THREAD, stream_mode=MODES)) for _ in range(2)], len(ran)


@program
def falsy_results(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    def same(x: Any) -> Any:
        ran.append(x)
        return x

    flow = calling(api, same)
    for x in (0, "", [], {}, False):
        yield [flow.invoke({"x": x} if x == {} else [x], THREAD) for _ in range(2)]
    yield len(ran)


@program
def later_changes_do_not_leak(api: Api) -> Iterator[Any]:
    @api.task(cache_policy=api.CachePolicy())
    def fresh(x: int) -> Any:
        return {"items": [x]}

    def main(x: int) -> Any:
        got = fresh(x).result()
        got["items"].append("changed")
        return [got, fresh(x).result()]

    flow = flow_of(api, main)
    yield [flow.invoke(1, THREAD) for _ in range(3)]


@program
def across_threads(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran))
    yield [list(flow.stream(1, thread(name))) for name in "abc"], len(ran)


@program
def across_workflows(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double, cache = counting(api, ran), api.InMemoryCache()
    flows = [calling(api, double, cache=cache) for _ in range(2)]
    yield [flow.invoke(1, THREAD) for flow in flows], len(ran)


@program
def caches_of_their_own(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double = counting(api, ran)
    yield [calling(api, double).invoke(1, THREAD) for _ in range(2)], len(ran)


@program
def two_tasks_two_entries(api: Api) -> Iterator[Any]:
    @api.task(cache_policy=api.CachePolicy())
    def one(x: int) -> Any:
        return "one"

    @api.task(cache_policy=api.CachePolicy())
    def two(x: int) -> Any:
        return "two"

    def main(x: int) -> Any:
        return [one(x).result(), two(x).result()]

    flow = flow_of(api, main)
    yield [list(flow.stream(1, THREAD)) for _ in range(2)]


@program
def clearing_a_task(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double, cache = counting(api, ran), api.InMemoryCache()
    flow = calling(api, double, cache=cache)
    for clear in (None, lambda: double.clear_cache(cache), cache.clear):
        flow.invoke(1, THREAD)
        yield clear and clear(), len(ran)
        flow.invoke(1, THREAD)
        yield len(ran)


@program
def clearing_a_workflow(api: Api) -> Iterator[Any]:
    """That clears the workflow's own results, not those of its tasks."""
    ran: list[Any] = []
    double, bodies = counting(api, ran), []

    def main(x: int) -> Any:
        bodies.append(x)
        return double(x).result()

    flow = flow_of(api, main, cache_policy=api.CachePolicy())
    for _ in range(2):
        yield [flow.invoke(1, THREAD) for _ in range(2)], len(bodies), len(ran)
        flow.clear_cache()


@program
def clearing_in_asyncio(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double, cache = counting(api, ran), api.InMemoryCache()

    async def main(x: int) -> Any:
        return await double(x)

    flow = flow_of(api, main, cache=cache)

    async def work() -> Any:
        await flow.ainvoke(1, THREAD)
        await double.aclear_cache(cache)
        await flow.ainvoke(1, THREAD)
        return [await flow.ainvoke(1, THREAD), len(ran)]

    yield api.run(work())


@program
def whole_runs(api: Api) -> Iterator[Any]:
    """Only the input counts: neither the thread nor what it remembers."""
    bodies: list[Any] = []

    def main(x: int, *, previous: Any = None) -> Any:
        bodies.append(x)
        return [x, previous, len(bodies)]

    flow = flow_of(api, main, cache_policy=api.CachePolicy())
    for name in ("a", "a", "b"):
        yield list(flow.stream(1, thread(name), stream_mode=["updates", "values"])), flow.get_state(thread(name)).values
    yield flow.invoke(2, thread("a")), len(bodies)


@program
def policy_of_the_workflow_for_its_tasks(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task
    def plain(x: int) -> Any:
        ran.append(x)
        return len(ran)

    def main(x: int) -> Any:
        return plain(0).result()

    flow = flow_of(api, main, cache_policy=api.CachePolicy())
    yield [flow.invoke(x, THREAD) for x in (1, 2, 3)], len(ran)


@program
def own_policy_before_that_of_the_workflow(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double = counting(api, ran, ttl=0)

    def main(x: int) -> Any:
        return double(0).result()

    flow = flow_of(api, main, cache_policy=api.CachePolicy())
    yield [flow.invoke(x, THREAD) for x in (1, 2, 3)], len(ran)


@program
def equal_calls_at_the_same_time(api: Api) -> Iterator[Any]:
    """Both run: neither is finished when the other one looks."""
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    async def slow(x: int) -> Any:
        ran.append(x)
        await asyncio.sleep(0.01)
        return x

    async def main(x: int) -> Any:
        return await asyncio.gather(slow(1), slow(1))

    flow = flow_of(api, main)
    yield api.run(flow.ainvoke(1, THREAD)), len(ran)
    yield api.run(flow.ainvoke(1, THREAD)), len(ran)


@program
def async_tasks(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    async def work(x: int) -> Any:
        ran.append(x)
        return {"x": x}

    async def main(x: int) -> Any:
        return [await work(x), await work(x)]

    flow = flow_of(api, main)

    async def chunks() -> Any:
        return [chunk async for chunk in flow.astream(1, THREAD, stream_mode=MODES)]

    yield [api.run(chunks()) for _ in range(2)], len(ran)


@program
def a_replay_beats_the_cache(api: Api) -> Iterator[Any]:
    """What the thread knows is taken, even when the cache knows otherwise."""
    ran: list[Any] = []
    double, cache = counting(api, ran), api.InMemoryCache()

    def main(x: int) -> Any:
        return [double(x).result(), api.interrupt("?"), double(x).result()]

    flow = flow_of(api, main, cache=cache)
    flow.invoke(1, THREAD)
    cache.clear()
    yield list(flow.stream(api.Command(resume="a"), THREAD, stream_mode=MODES)), len(ran)


@program
def retries_and_caches(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy(), retry_policy=api.now(max_attempts=3))
    def flaky(x: int) -> Any:
        ran.append(x)
        if len(ran) < 3:
            raise OSError("no")
        return len(ran)

    flow = calling(api, flaky)
    yield [list(flow.stream(1, THREAD)) for _ in range(2)], len(ran)


@program
def the_same_call_twice_in_a_run(api: Api) -> Iterator[Any]:
    """The second call waits for the cache: LangGraph hands a result on a moment before it is kept."""
    ran: list[Any] = []
    double = counting(api, ran)
    kept = threading.Event()

    class Telling(api.InMemoryCache):
        def set(self, pairs: Any) -> None:
            super().set(pairs)
            kept.set()

    def main(x: int) -> Any:
        first = double(x).result()
        assert kept.wait(30)
        return [first, double(x).result()]

    yield list(flow_of(api, main, cache=Telling()).stream(1, THREAD, stream_mode=MODES)), len(ran)


@program
def parallel_calls_of_several_runs(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double = counting(api, ran, key_func=lambda x, y=0: str(x))

    def main(x: int) -> Any:
        return [future.result()[:2] for future in [double(n) for n in range(4)]]

    flow = flow_of(api, main)
    yield [Bag(flow.stream(1, thread(name), stream_mode="tasks")) for name in "ab"][1:], len(ran)


@program
def injected_values_do_not_count(api: Api) -> Iterator[Any]:
    ran: list[Any] = []

    @api.task(cache_policy=api.CachePolicy())
    def with_config(x: int, config, writer, previous=None) -> Any:  # type: ignore[no-untyped-def]
        ran.append(x)
        return config["configurable"]["thread_id"]

    flow = calling(api, with_config)
    yield [attempt(flow.invoke, 1, thread(name), text=False) for name in "ab"], len(ran)


@program
def writes_of_a_cached_call(api: Api) -> Iterator[Any]:
    """What a call wrote to the stream is not repeated."""

    @api.task(cache_policy=api.CachePolicy())
    def writes(x: int) -> Any:
        api.get_stream_writer()("running")
        return x

    flow = calling(api, writes)
    yield [list(flow.stream(1, THREAD, stream_mode=["custom", "updates"])) for _ in range(2)]


@program
def arguments_that_are_no_plain_data(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    double = counting(api, ran)

    def main(x: int) -> Any:
        return [double({1, 2}).result()[2], double((1, [2])).result()[2], double({"a": {"b": None}}).result()[2]]

    flow = flow_of(api, main)
    yield [flow.invoke(x, THREAD) for x in (1, 2)], len(ran)


@program
def state_after_a_hit(api: Api) -> Iterator[Any]:
    ran: list[Any] = []
    flow = calling(api, counting(api, ran))
    for name in "ab":
        flow.invoke(1, thread(name))
        yield [(s.values, s.next, s.metadata["step"]) for s in flow.get_state_history(thread(name))]
