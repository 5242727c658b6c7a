"""The configuration that a nested workflow is given: laid over that of the code around."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import line, parts
from tests.fidelity.graphs.programs.subgraphs import Shared, adds, outer
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program

GIVEN = {"tags": ["a"], "metadata": {"k": 1, "both": "call"}, "configurable": {"mine": 1}, "recursion_limit": 50}
ROOT: dict[str, Any] = {"tags": ["root"], "metadata": {"root": 1, "both": "root"}}
ROOT["configurable"] = {"root": 1, "mine": 0, "thread_id": "t"}
INTERNAL = ("langgraph", "ls_", "checkpoint", "lc_", "thread", "__")


def told(config: Any) -> dict[str, Any]:
    """Return what is compared of a configuration."""
    named = {key: config.get(key) or {} for key in ("metadata", "configurable")}
    own = {name: {k: each[k] for k in sorted(each) if not k.startswith(INTERNAL)} for name, each in named.items()}
    return {**own, "tags": list(config.get("tags") or []), "limit": config.get("recursion_limit")}


@program
def laid_over(api: Api) -> Iterator[Any]:
    """Tags add up, metadata and `configurable` are overridden by key; all code inside sees it."""

    @api.task
    def look(x: int) -> Any:
        return told(api.get_config())

    @api.entrypoint()
    def grandchild(x: int) -> Any:
        return told(api.get_config())

    @api.entrypoint()
    def child(x: int) -> Any:
        return [told(api.get_config()), look(x).result(), grandchild.invoke(x), grandchild.invoke(x, {"tags": ["g"]})]

    for saver in (None, api.new_saver()):

        @api.entrypoint(checkpointer=saver)
        def parent(x, *, config):
            own = api.get_config()
            bound = child.with_config({"tags": ["w"], "metadata": {"w": 1}, "configurable": {"w": 1, "mine": 5}})
            given = [GIVEN, {"configurable": {"mine": 2}}, {}, None, {"tags": ["root", "a"]}, own, config]
            found = [child.invoke(x, each) for each in [*given, {**own, "tags": ["b"]}]]
            return [told(own), *found, bound.invoke(x), bound.invoke(x, {"tags": ["c"]}), bound.invoke(x, own)]

        for root in (THREAD, ROOT):
            yield parent.invoke(1, root)
            yield parts(parent, 1, root, stream_mode="tasks", subgraphs=True)


@program
def streams_tell_of_it(api: Api) -> Iterator[Any]:
    """Tasks show tags and metadata, checkpoints what was configured."""

    @api.entrypoint()
    def child(x: int) -> int:
        return x

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        return repr(list(child.stream(x, GIVEN, stream_mode=["tasks", "debug", "checkpoints"]))) and x

    yield parts(parent, 1, ROOT, stream_mode=["tasks", "debug", "checkpoints"], subgraphs=True)


@program
def inside_graphs(api: Api) -> Iterator[Any]:
    """The same for a graph that is a node, or that a node calls."""

    def look(state: Any) -> Any:
        return {"text": repr(told(api.get_config()))}

    inner = line(api, look, state=Shared)

    def node(state: Any) -> Any:
        return {"text": repr([inner.invoke({"text": ""}, GIVEN)["text"], inner.invoke({"text": ""})["text"]])}

    for saver in (None, api.new_saver()):
        yield line(api, node, state=Shared, checkpointer=saver).invoke({"text": ""}, ROOT)
        bound = inner.with_config({"tags": ["w"], "configurable": {"w": 1}})
        yield parts(outer(api, bound, checkpointer=saver), {"text": ""}, ROOT, stream_mode=["tasks"], subgraphs=True)


@program
def recursion_limits(api: Api) -> Iterator[Any]:
    """Each graph has its own, or that of the one around."""
    inner = line(api, adds("x"), adds("y"), adds("z"), state=Shared)

    def limited(state: Any) -> Any:
        found = attempt(inner.invoke, {"text": ""}, {"recursion_limit": 2}, text=False)
        return {"text": type(found).__name__}

    def call(state: Any) -> Any:
        return inner.invoke({"text": ""})

    yield line(api, limited, adds("a"), state=Shared).invoke({"text": ""})
    yield attempt(line(api, call, state=Shared).invoke, {"text": ""}, {"recursion_limit": 2}, text=False)
    yield attempt(outer(api, inner.with_config(recursion_limit=2)).invoke, {"text": ""}, text=False)
    yield attempt(outer(api, inner.with_config(recursion_limit=9)).invoke, {"text": ""}, {"recursion_limit": 3})


@program
def beside_each_other(api: Api) -> Iterator[Any]:
    """What one workflow inside is given is not for another one that a task of the same code calls."""

    @api.entrypoint()
    def other(x: int) -> Any:
        return told(api.get_config())

    @api.task
    def call(x: int) -> Any:
        api.get_stream_writer()("call")
        return repr([other.invoke(x), list(other.stream(x, stream_mode="tasks"))])

    @api.entrypoint()
    def child(x: int) -> Any:
        return [told(api.get_config()), call(x).result()]

    for use in (child.invoke, lambda *args: list(child.stream(*args, stream_mode=["custom", "tasks"], subgraphs=True))):

        @api.entrypoint(checkpointer=api.new_saver())
        def parent(x: int) -> Any:
            return repr([use(x, GIVEN), call(x).result()])

        yield parent.invoke(1, THREAD)
        yield parts(parent, 1, ROOT, stream_mode=["tasks", "custom"], subgraphs=True)


@program
def while_a_stream_is_open(api: Api) -> Iterator[Any]:
    """Who reads a nested stream is not told of a workflow that a task of the same code calls meanwhile."""

    @api.entrypoint()
    def other(x: int) -> Any:
        api.get_stream_writer()("other")
        return x

    @api.task
    def call(x: int) -> Any:
        return other.invoke(x)

    @api.entrypoint()
    def child(x: int) -> Any:
        api.get_stream_writer()("child")
        return call(x).result()

    @api.entrypoint(checkpointer=api.new_saver())
    def parent(x: int) -> Any:
        seen = []
        for chunk in child.stream(x, stream_mode=["custom", "updates", "values"], subgraphs=True):
            seen.append([chunk, call(x).result()])
        return repr(seen)

    yield parent.invoke(1, THREAD)
    yield parent.invoke(1, THREAD)


@program
def another_attempt(api: Api) -> Iterator[Any]:
    """What a workflow inside was given in an attempt that failed is not for the next one."""

    fails: list[ValueError] = []

    @api.entrypoint()
    def child(x: int) -> Any:
        if fails:
            raise fails.pop()
        return [told(api.get_config()), api.get_runtime().context]

    for saver in (None, api.new_saver()):
        fails[:] = [ValueError("once")]

        @api.task(retry_policy=api.now())
        def call(x: int) -> Any:
            if fails:
                child.invoke(x, GIVEN, context={"a": 1}, output_keys=["__end__"])
            return [child.invoke(x), list(child.stream(x, stream_mode="values"))]

        @api.entrypoint(checkpointer=saver)
        def parent(x: int) -> Any:
            return call(x).result()

        yield parts(parent, 1, ROOT, stream_mode=["tasks", "values", "updates"])


def all_told(config: Any) -> dict[str, Any]:
    """Return all that a configuration says but for what LangGraph keeps for itself, and how the run is called."""
    own = {key: value for key, value in config.items() if key not in ("callbacks", "run_name", "run_id")}
    for name in ("metadata", "configurable"):
        own[name] = {k: own[name][k] for k in sorted(own[name]) if not k.startswith(("langgraph", "checkpoint", "__"))}
    return {key: own[key] for key in sorted(own)}


@program
def all_of_it(api: Api) -> Iterator[Any]:
    """Whatever keys the caller has given: some of their own, some without a value, names that metadata repeat."""

    @api.task
    def look(x: int) -> Any:
        return all_told(api.get_config())

    @api.entrypoint()
    def child(x: int) -> Any:
        return [all_told(api.get_config()), look(x).result()]

    def node(state: Any) -> Any:
        return {"text": repr([all_told(api.get_config()), look(1).result(), child.invoke(1)])}

    named = {"thread_id": 7, "assistant_id": "a", "graph_id": "", "run_id": "r", "user": "u", "task_id": {"a": 1}}
    empty = dict.fromkeys(("tags", "metadata", "recursion_limit", "max_concurrency", "callbacks", "foo"))
    rich = {"tags": ["x"], "metadata": {"m": 1, "thread_id": "own"}, "recursion_limit": 9, "max_concurrency": 20}
    bound = {"recursion_limit": 8, "tags": ["b"], "metadata": {"b": 1}}
    for saver in (lambda: None, api.new_saver):

        @api.entrypoint(checkpointer=saver())
        def parent(x: int) -> Any:
            return [
                all_told(api.get_config()),
                look(x).result(),
                *[child.invoke(x, own) for own in ({}, {"foo": 2}, {"configurable": None})],
            ]

        for flow, given in ((parent, 1), (line(api, node, state=Shared, checkpointer=saver()), {"text": ""})):
            for base in ({}, bound):
                for more in ({}, {"mine": 1}, empty, rich, {"run_name": "r"}):
                    yield flow.with_config(base).invoke(given, {**THREAD, **more})
            yield flow.invoke(given, {"configurable": named})
            yield flow.invoke(given, {"thread_id": "top"})
