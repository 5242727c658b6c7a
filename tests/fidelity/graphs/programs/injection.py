"""What nodes are given beside the state; caches, stores, batches."""

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, built, line, parts, says, wired
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


@dataclass
class Context:
    """What a run is given beside its input."""

    user: str
    level: int = 1


class Loose(TypedDict):
    """The same as a dictionary."""

    user: str


@program
def contexts(api: Api) -> Iterator[Any]:
    """A dataclass is made from a dictionary; a typed dictionary is passed on; None stays."""

    def node(state: Log, *, runtime: Any) -> Any:
        return {"log": [repr(runtime.context)]}

    for schema, given in (
        (Context, {"user": "me"}),
        (Context, Context("you", 2)),
        (Context, None),
        (Loose, {"user": "x"}),
    ):
        builder = wired(api.StateGraph(Log, context_schema=schema).add_node(node), "^>node")
        yield builder.compile().invoke({"n": 1}, context=given)
    builder = wired(api.StateGraph(Log, context_schema=Context).add_node(node), "^>node")
    yield attempt(builder.compile().invoke, {"n": 1}, context={"nobody": 1}, text=False)


@program
def contexts_of_inner_graphs_and_branches(api: Api) -> Iterator[Any]:
    """Are those of the run."""

    def node(state: Log, *, runtime: Any) -> Any:
        return {"log": [runtime.context.user]}

    def route(state: Log, *, runtime: Any) -> Any:
        return "inner" if runtime.context.level > 1 else api.END

    inner = wired(api.StateGraph(Log, context_schema=Context).add_node(node), "^>node").compile()
    builder = wired(api.StateGraph(Log, context_schema=Context).add_node(node).add_node("inner", inner), "^>node")
    flow = builder.add_conditional_edges("node", route).compile()
    for level in (1, 2):
        yield flow.invoke({"n": 1}, context=Context("me", level))["log"]


@program
def the_runtime_of_a_node(api: Api) -> Iterator[Any]:
    """Its fields."""
    seen: list[Any] = []

    def node(state: Log, runtime: Any) -> Any:
        info = runtime.execution_info
        seen.append((runtime.context, runtime.store, runtime.previous, info.thread_id, info.node_attempt))
        seen.append((info.checkpoint_id, info.checkpoint_ns, info.task_id))
        return {"n": 2}

    flow = line(api, node, checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    (entry,) = [s for s in flow.get_state_history(THREAD) if s.next == ("node",)]
    yield seen, entry.config, entry.tasks


@program
def the_config_of_a_node(api: Api) -> Iterator[Any]:
    """Thread, tags, metadata and where the node runs."""

    def node(state, config):
        metadata = {key: value for key, value in config["metadata"].items() if key.startswith(("langgraph_", "user"))}
        return {
            "log": [
                config["configurable"]["thread_id"],
                config["configurable"].get("mine"),
                config.get("tags"),
                metadata,
            ]
        }

    flow = line(api, says("a"), node)
    config = {"configurable": {"thread_id": "x", "mine": 5}, "tags": ["t"], "metadata": {"user": "me"}}
    yield flow.invoke({"n": 1}, config)["log"]
    yield flow.with_config(tags=["more"], metadata={"user": "you"}).invoke({"n": 1}, config)["log"]


@program
def asked_for_instead(api: Api) -> Iterator[Any]:
    """`get_config` in a node and in a branch."""

    def node(state: Log) -> Any:
        return {"log": [api.get_config()["metadata"]["langgraph_node"], api.get_config()["metadata"]["langgraph_step"]]}

    def route(state: Log, config) -> Any:
        seen.append((config["metadata"]["langgraph_node"], config["configurable"]["thread_id"]))
        return api.END

    seen: list[Any] = []
    flow = wired(built(api, node), "^>node").add_conditional_edges("node", route).compile()
    yield flow.invoke({"n": 1}, THREAD), seen


@program
def stores(api: Api) -> Iterator[Any]:
    """The store a graph is compiled with; inner graphs share it."""

    def put(state, store):
        store.put(("a", "b"), f"k{state['n']}", {"n": state["n"]})
        return {"log": [item.key for item in store.search(("a",))]}

    def get(state: Log, *, runtime: Any) -> Any:
        return {"log": [runtime.store.get(("a", "b"), "k1").value]}

    store = api.InMemoryStore()
    builder = built(api, put).add_node("inner", line(api, get))
    flow = wired(builder, "^>put", "put>inner").compile(store=store)
    yield flow.invoke({"n": 1}), flow.invoke({"n": 2})["log"]

    def none(state, store):
        return {"log": [store is None]}

    yield attempt(line(api, none).invoke, {"n": 1})


@program
def caches(api: Api) -> Iterator[Any]:
    """A node with a cache policy runs once for equal states."""
    ran: list[int] = []

    def node(state: Log) -> Any:
        ran.append(state["n"])
        return {"log": [state["n"]]}

    builder = wired(built(api, node, cache_policy=api.CachePolicy()), "^>node")
    flow = builder.compile(cache=api.InMemoryCache())
    for n in (1, 1, 2, 1):
        yield list(flow.stream({"n": n}, stream_mode=["updates", "values", "tasks"]))
    yield ran
    flow.clear_cache()
    yield flow.invoke({"n": 1}), ran
    uncached = builder.compile()
    yield uncached.invoke({"n": 1}), uncached.invoke({"n": 1}), ran


@program
def caches_by_key(api: Api) -> Iterator[Any]:
    """A function of the state says what is equal; a routing command is cached too."""
    ran: list[int] = []

    def node(state: Log) -> Any:
        ran.append(state["n"])
        return api.Command(update={"log": [state["n"]]}, goto="end")

    policy = api.CachePolicy(key_func=lambda state: str(state["n"] % 2))
    builder = built(api, says("end")).add_node("node", node, cache_policy=policy)
    flow = wired(builder, "^>node").compile(cache=api.InMemoryCache())
    yield [flow.invoke({"n": n}) for n in (1, 2, 3, 4)], ran


@program
def caches_and_sends(api: Api) -> Iterator[Any]:
    """Equal arguments of later runs are not computed again."""
    ran: list[int] = []

    def work(state: Any) -> Any:
        ran.append(state["n"])
        return {"log": [state["n"] * 10]}

    builder = built(api, work, cache_policy=api.CachePolicy())
    builder.add_conditional_edges(api.START, lambda state: [api.Send("work", {"n": n}) for n in range(state["n"])])
    flow = builder.compile(cache=api.InMemoryCache())
    yield flow.invoke({"n": 2}), flow.invoke({"n": 3}), Bag(ran)


@program
def batches(api: Api) -> Iterator[Any]:
    """Several inputs, each on its own thread, errors as results."""

    def node(state: Log) -> Any:
        if state["n"] == 2:
            raise ValueError("two")
        return {"log": [state["n"]]}

    flow = line(api, node, checkpointer=api.new_saver())
    configs = [{"configurable": {"thread_id": str(n)}} for n in (1, 2, 3)]
    inputs = [{"n": n} for n in (1, 2, 3)]
    yield flow.batch(inputs, configs, return_exceptions=True)
    yield [flow.get_state(config).next for config in configs], attempt(flow.batch, inputs, configs)
    yield api.run(flow.abatch([{"n": 1}, {"n": 3}], configs[1:]))


@program
def limits_of_concurrency(api: Api) -> Iterator[Any]:
    """Nodes side by side, one at a time."""
    running: list[str] = []
    most: list[int] = []

    def make(name: str) -> Any:
        async def node(state: Log) -> Any:
            import asyncio

            running.append(name)
            most.append(len(running))
            await asyncio.sleep(0)
            running.remove(name)
            return {"log": [name]}

        node.__name__ = name
        return node

    builder = built(api, *[make(name) for name in "abcd"])
    flow = wired(builder, *[f"^>{name}" for name in "abcd"]).compile()
    yield api.run(flow.ainvoke({"n": 1}, {"max_concurrency": 1})), max(most)


@program
def metadata_of_nodes(api: Api) -> Iterator[Any]:
    """What a node was added with."""

    def node(state, config):
        return {"log": [config["metadata"].get("mine")]}

    builder = api.StateGraph(Log).add_node("node", node, metadata={"mine": 5})
    flow = wired(builder, "^>node").compile()
    yield flow.invoke({"n": 1}), parts(flow, {"n": 1}, {}, stream_mode="tasks")


@program
def reading_what_is_not_there(api: Api) -> Iterator[Any]:
    """A key without a value is absent; a class with a default has it."""

    class State(TypedDict):
        a: str
        b: Annotated[str, operator.add]

    def node(state: State) -> Any:
        return {"a": str(sorted(state.items()))}

    yield line(api, node, state=State).invoke({"b": "x"})
