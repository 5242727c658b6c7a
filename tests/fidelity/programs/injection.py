"""What code gets from its run: by parameters, and by asking."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextvars import copy_context
from functools import partial
from typing import Any

from langchain_core.runnables import RunnableConfig

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program

CONFIG = {**THREAD, "tags": ["red"], "metadata": {"user": "ann"}}


def seen(config: Any) -> dict[str, Any]:
    """Return what programs compare of a configuration."""
    about = {
        key: value for key, value in config["metadata"].items() if key in ("user", "langgraph_node", "langgraph_step")
    }
    return {"thread": config["configurable"].get("thread_id"), "tags": config.get("tags"), **about}


def running(api: Api, body: Callable[..., Any], **options: Any) -> Any:
    """Return a body as a workflow with a saver and a store."""
    options = {"checkpointer": api.new_saver(), "store": api.InMemoryStore(), **options}
    return api.entrypoint(**options)(body)


def both(api: Api, body: Callable[..., Any], call: Callable[..., Any], **options: Any) -> Iterator[Any]:
    """Run something as the body of a workflow, and the same as a task."""

    def main(x: int) -> Any:
        return api.task(call)(x).result()

    yield attempt(running(api, body, **options).invoke, 1, CONFIG, text=False)
    yield attempt(running(api, main, **options).invoke, 1, CONFIG, text=False)


@program
def config_by_name(api: Api) -> Iterator[Any]:
    def unannotated(x: int, config) -> Any:  # type: ignore[no-untyped-def]
        return seen(config)

    def annotated(x: int, config: RunnableConfig) -> Any:
        return seen(config)

    def optional(x: int, config: RunnableConfig | None = None) -> Any:
        return seen(config)

    def keyword_only(x: int, *, config: RunnableConfig) -> Any:
        return seen(config)

    for call in (unannotated, annotated, optional, keyword_only):
        yield from both(api, call, call)


@program
def config_by_another_name(api: Api) -> Iterator[Any]:
    def needs(x: int, cfg: RunnableConfig) -> Any:
        return seen(cfg)

    def has(x: int, cfg: RunnableConfig | None = None) -> Any:
        return cfg

    for call in (needs, has):
        yield from both(api, call, call)


@program
def writer_by_name(api: Api) -> Iterator[Any]:
    def unannotated(x: int, writer) -> Any:  # type: ignore[no-untyped-def]
        return writer("a")

    def annotated(x: int, writer: api.StreamWriter) -> Any:  # type: ignore[name-defined]
        return writer("b")

    def keyword_only(x: int, *, writer: api.StreamWriter) -> Any:  # type: ignore[name-defined]
        return writer("c")

    for call in (unannotated, annotated, keyword_only):
        yield list(running(api, call).stream(1, THREAD, stream_mode=["custom", "updates"]))


@program
def writer_of_another_type(api: Api) -> Iterator[Any]:
    def call(x: int, writer: Any = "default") -> Any:
        return writer if writer == "default" else "a writer"

    yield from both(api, call, call)


@program
def store_by_name(api: Api) -> Iterator[Any]:
    def unannotated(x: int, store) -> Any:  # type: ignore[no-untyped-def]
        store.put(("a",), "k", {"x": x})
        return store.get(("a",), "k").value

    def annotated(x: int, *, store: api.BaseStore) -> Any:  # type: ignore[name-defined]
        return [item.key for item in store.search(("a",))]

    def optional(x: int, store: api.BaseStore | None = None) -> Any:  # type: ignore[name-defined]
        return store is None

    for call in (unannotated, annotated, optional):
        yield from both(api, call, call)


@program
def store_of_another_type(api: Api) -> Iterator[Any]:
    def call(x: int, store: api.InMemoryStore = "default") -> Any:  # type: ignore[name-defined]
        return store == "default"

    yield from both(api, call, call)


@program
def store_that_is_not_there(api: Api) -> Iterator[Any]:
    def call(x: int, store=3) -> Any:  # type: ignore[no-untyped-def]
        return repr(store)

    def asks(x: int) -> Any:
        return repr(api.get_store())

    yield from both(api, call, call, store=None)
    yield from both(api, asks, asks, store=None)


@program
def runtime_by_name(api: Api) -> Iterator[Any]:
    def unannotated(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [runtime.context, runtime.store is not None, runtime.previous]

    def annotated(x: int, *, runtime: api.Runtime) -> Any:  # type: ignore[name-defined]
        return [runtime.context, runtime.execution_info.thread_id, runtime.execution_info.node_attempt]

    def any_type(x: int, runtime: int = 3) -> Any:
        return type(runtime).__name__

    for call in (unannotated, annotated, any_type):
        yield from both(api, call, call)


@program
def previous_by_name(api: Api) -> Iterator[Any]:
    def main(x: int, *, previous: Any = 5) -> Any:
        return [x, previous]

    flow = running(api, main)
    yield [flow.invoke(n, THREAD) for n in range(3)]


@program
def previous_in_tasks(api: Api) -> Iterator[Any]:
    @api.task
    def total(x: int, previous: Any = None) -> Any:
        return x + (previous or 0)

    def main(x: int) -> Any:
        return total(x).result()

    flow = running(api, main)
    yield [flow.invoke(n, THREAD) for n in (1, 2, 3)]


@program
def explicit_keywords_win(api: Api) -> Iterator[Any]:
    @api.task
    def each(x: int, config=None, store=None, writer=None, runtime=None, previous=None) -> Any:  # type: ignore[no-untyped-def]
        return [x, config == "c", store == "s", writer == "w", runtime == "r", previous == "p"]

    def main(x: int) -> Any:
        one = each(1, config="c", store="s").result()
        two = each(2, writer="w", runtime="r", previous="p").result()
        return [one, two, each(3).result()]

    yield running(api, main).invoke(1, THREAD)


@program
def positional_arguments_clash(api: Api) -> Iterator[Any]:
    @api.task
    def one(config) -> Any:  # type: ignore[no-untyped-def]
        return config

    @api.task
    def two(x: int, store=None) -> Any:  # type: ignore[no-untyped-def]
        return store

    for call in (lambda: one(1), lambda: two(1, 2)):

        def main(x: int) -> Any:
            return call().result()

        yield attempt(running(api, main).invoke, 1, THREAD, text=False)


@program
def other_names_are_not_injected(api: Api) -> Iterator[Any]:
    def needs(x: int, thing) -> Any:  # type: ignore[no-untyped-def]
        return thing

    def has(x: int, context=1, control=2, thread_id=3, checkpointer=4) -> Any:  # type: ignore[no-untyped-def]
        return [context, control, thread_id, checkpointer]

    for call in (needs, has):
        yield from both(api, call, call)


@program
def all_at_once(api: Api) -> Iterator[Any]:
    def call(x: int, writer, *, store, config, runtime, previous=None) -> Any:  # type: ignore[no-untyped-def]
        writer(x)
        same = [store is runtime.store, previous == runtime.previous, store is api.get_store()]
        return [*same, seen(config), seen(api.get_config())]

    yield from both(api, call, call)


@program
def injection_into_partials(api: Api) -> Iterator[Any]:
    def call(x: int, y: int, config) -> Any:  # type: ignore[no-untyped-def]
        return [x, y, seen(config)]

    task = api.task(partial(call, y=2))

    def main(x: int) -> Any:
        return task(x).result()

    yield attempt(running(api, main).invoke, 1, CONFIG, text=False)


@program
def injection_into_methods(api: Api) -> Iterator[Any]:
    class Holder:
        def method(self, x: int, config) -> Any:  # type: ignore[no-untyped-def]
            return [x, seen(config)]

    task = api.task(Holder().method)

    def main(x: int) -> Any:
        return task(x).result()

    yield running(api, main).invoke(1, CONFIG)


@program
def keywords_of_any_name(api: Api) -> Iterator[Any]:
    def call(x: int, **rest: Any) -> Any:
        return sorted(rest)

    yield from both(api, call, call)


@program
def asking_in_the_body_and_in_tasks(api: Api) -> Iterator[Any]:
    def call(x: int) -> Any:
        api.get_stream_writer()(["written", x])
        return [seen(api.get_config()), api.get_store() is api.get_runtime().store, api.get_runtime().previous]

    yield from both(api, call, call)


@program
def asking_in_helpers(api: Api) -> Iterator[Any]:
    def deep(n: int) -> Any:
        return deep(n - 1) if n else seen(api.get_config())

    def call(x: int) -> Any:
        return [deep(5), [seen(api.get_config()) for _ in range(2)]]

    yield from both(api, call, call)


@program
def asking_in_threads(api: Api) -> Iterator[Any]:
    def in_thread(work: Callable[[], Any]) -> Any:
        found: list[Any] = []
        thread = threading.Thread(target=lambda: found.append(attempt(work, text=False)))
        thread.start()
        thread.join()
        return found

    def call(x: int) -> Any:
        context = copy_context()
        asked = in_thread(lambda: seen(api.get_config()))
        return [repr(type(asked[0]).__name__), in_thread(lambda: context.run(lambda: seen(api.get_config())))]

    yield from both(api, call, call)


@program
def asking_outside(api: Api) -> Iterator[Any]:
    for ask in (api.get_config, api.get_store, api.get_stream_writer, api.get_runtime):
        yield attempt(ask, text=False)


@program
def asking_in_asyncio(api: Api) -> Iterator[Any]:
    @api.task
    async def inner(x: int, *, config: RunnableConfig, store: api.BaseStore) -> Any:  # type: ignore[name-defined]
        await asyncio.sleep(0)
        return [seen(config), seen(api.get_config()), store is api.get_store()]

    @api.task
    def threaded(x: int, runtime) -> Any:  # type: ignore[no-untyped-def]
        return [seen(api.get_config()), runtime.store is api.get_store()]

    async def main(x: int, writer, *, previous: Any = None) -> Any:  # type: ignore[no-untyped-def]
        writer("start")
        helpers = await asyncio.gather(*[asyncio.create_task(helper()) for _ in range(2)])
        return [await inner(x), await threaded(x), helpers, previous is None]

    async def helper() -> Any:
        await asyncio.sleep(0)
        return seen(api.get_config())

    flow = running(api, main)

    async def twice() -> Any:
        return [[chunk async for chunk in flow.astream(n, CONFIG, stream_mode=["custom", "values"])] for n in (1, 2)]

    yield api.run(twice())


@program
def nested_workflows_get_their_own(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: int, config, store, *, previous=None) -> Any:  # type: ignore[no-untyped-def]
        return [seen(config), store is api.get_store(), store is not None, previous]

    @api.task
    def calls(x: int) -> Any:
        return child.invoke(x)

    def main(x: int) -> Any:
        return [child.invoke(x), calls(x).result()]

    flow = running(api, main)
    yield [flow.invoke(n, CONFIG) for n in (1, 2)]


@program
def config_of_a_nested_call(api: Api) -> Iterator[Any]:
    @api.entrypoint()
    def child(x: int, config: RunnableConfig) -> Any:
        return [config.get("tags"), config["configurable"].get("mine"), config["metadata"].get("user")]

    def main(x: int, config: RunnableConfig) -> Any:
        return [child.invoke(1), child.invoke(2, config)]

    flow = running(api, main)
    yield flow.invoke(1, {**CONFIG, "configurable": {"thread_id": "t", "mine": 3}})


@program
def configuration_of_a_workflow(api: Api) -> Iterator[Any]:
    def main(x: int, config: RunnableConfig) -> Any:
        return [sorted(config.get("tags") or ()), config["configurable"].get("mine"), config["metadata"].get("user")]

    flow = running(api, main).with_config(tags=["own"], metadata={"user": "bob"}, configurable={"mine": 1})
    yield flow.invoke(1, THREAD)
    yield flow.invoke(1, CONFIG)
    yield flow.invoke(1, {**THREAD, "configurable": {"thread_id": "t", "mine": 2}})


@program
def injection_survives_retries(api: Api) -> Iterator[Any]:
    tried: list[Any] = []

    @api.task(retry_policy=api.now(max_attempts=3))
    def flaky(x: int, runtime, config) -> Any:  # type: ignore[no-untyped-def]
        tried.append([runtime.execution_info.node_attempt, seen(config)])
        if len(tried) < 3:
            raise OSError("no")
        return tried

    def main(x: int) -> Any:
        return flaky(x).result()

    yield running(api, main).invoke(1, CONFIG)


@program
def injection_after_a_pause(api: Api) -> Iterator[Any]:
    def main(x: int, config, *, previous=None) -> Any:  # type: ignore[no-untyped-def]
        return [api.interrupt("?"), seen(config), previous]

    flow = running(api, main)
    for _ in range(2):
        flow.invoke(1, CONFIG)
        yield flow.invoke(api.Command(resume="yes"), {**CONFIG, "tags": ["blue"]})
