"""The public names as a program uses them. Type checkers read this file, strictly; nobody runs it.

A comment `type: ignore[...]` marks a mistake that must be found: one that is not needed is an error itself.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import Future, as_completed
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any, Literal, TypedDict, assert_type

import lgrun
from lgrun import constants, errors, graph
from lgrun.cache.base import BaseCache, FullKey, Namespace, ValueT, checked_key
from lgrun.cache.file import FileCache
from lgrun.cache.memory import InMemoryCache
from lgrun.checkpoint.base import (
    BaseCheckpointSaver,
    Checkpoint,
    CheckpointKind,
    Claim,
    Encoded,
    Path,
    PendingWrite,
    Saved,
    ThreadStatus,
    WriteKind,
    open_questions,
    thread_status,
)
from lgrun.checkpoint.file import FileClaim, FileSaver, state_directory
from lgrun.checkpoint.memory import InMemorySaver, MemoryClaim, MemorySaver
from lgrun.config import RunnableConfig, get_config, get_store, get_stream_writer
from lgrun.func import TaskDecorator, TaskFunction, entrypoint, task
from lgrun.graph.message import REMOVE_ALL_MESSAGES, MessagesState, add_messages, push_message
from lgrun.graph.state import CompiledStateGraph, StateGraph
from lgrun.runtime import ExecutionInfo, RunControl, Runtime, get_runtime
from lgrun.store.base import (
    BaseStore,
    GetOp,
    IndexConfig,
    InvalidNamespaceError,
    Item,
    ListNamespacesOp,
    MatchCondition,
    NamespacePath,
    NotProvided,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
)
from lgrun.store.file import FileStore
from lgrun.store.memory import InMemoryStore, TableStore
from lgrun.types import (
    CachePolicy,
    Command,
    Durability,
    GraphOutput,
    Interrupt,
    Overwrite,
    PregelTask,
    RetryPolicy,
    Send,
    StateSnapshot,
    StateUpdate,
    StreamMode,
    StreamWriter,
    TimeoutPolicy,
    default_retry_on,
    interrupt,
)
from lgrun.workflow import Config, EventStream, RunOptions, Workflow

# --- tasks


@task
def words(text: str, *, least: int = 1) -> list[str]:
    return [word for word in text.split() if len(word) >= least]


@task()
def count(text: str) -> int:
    return len(text)


@task(name="fetch", retry_policy=RetryPolicy(max_attempts=2), cache_policy=CachePolicy(ttl=60), timeout=5)
async def fetch(address: str) -> bytes:
    return address.encode()


@task
async def ping(address: str) -> bool:
    return bool(address)


@task
def nothing() -> None: ...


class Client:
    def get(self, address: str) -> bytes:
        return address.encode()

    async def aget(self, address: str) -> bytes:
        return address.encode()

    @staticmethod
    @task
    def parse(data: bytes) -> dict[str, int]:
        return {"length": len(data)}


client = Client()
get = task(client.get)
aget = task(name="aget")(client.aget)
decorate: TaskDecorator = task(retry_policy=[RetryPolicy()])
measure: TaskFunction[[str], int] = decorate(len)


@entrypoint()
def sync_body(text: str) -> int:
    assert_type(words(text).result(), list[str])
    assert_type(words(text, least=3).result(timeout=1.0), list[str])
    assert_type(count(text).result(), int)
    assert_type(fetch(text).result(), bytes)
    assert_type(ping(text).result(), bool)
    assert_type(nothing().result(), None)
    assert_type(get(text).result(), bytes)
    assert_type(aget(text).result(), bytes)
    assert_type(measure(text).result(), int)
    assert_type(Client.parse(b"").result(), dict[str, int])
    assert_type(count(text).exception(), BaseException | None)
    futures: list[Future[int]] = [count(part) for part in words(text).result()]
    return sum(future.result() for future in as_completed(futures))


@entrypoint()
async def async_body(text: str) -> None:
    assert_type(await words(text), list[str])
    assert_type(await count(text), int)
    assert_type(await fetch(text), bytes)
    assert_type(await ping(text), bool)
    assert_type(await aget(text), bytes)
    assert_type(await asyncio.gather(count(text), fetch(text)), tuple[int, bytes])
    assert_type(await asyncio.wait_for(count(text), 1), int)


@entrypoint()
def mistakes(text: str) -> None:
    words(1)  # type: ignore[arg-type]
    words(text, most=3)  # type: ignore[call-arg]
    count(1)  # type: ignore[arg-type]
    fetch()  # type: ignore[call-arg]
    get(b"")  # type: ignore[arg-type]
    number: str = count(text).result()  # type: ignore[assignment]
    words(text).result() + 1  # type: ignore[operator]
    assert number
    task(nam="x")  # type: ignore[call-overload]
    task("x")  # type: ignore[call-overload]
    task(retry_policy=3)  # type: ignore[call-overload]
    entrypoint(store=3)  # type: ignore[arg-type]
    RetryPolicy(attempts=3)  # type: ignore[call-arg]
    TimeoutPolicy(refresh_on="never")  # type: ignore[arg-type]
    Command(resume_with=1)  # type: ignore[call-arg]
    Interrupt()  # type: ignore[call-arg]


# --- workflows


@dataclass
class Context:
    user: str


saver = InMemorySaver()
store: BaseStore = InMemoryStore(index=IndexConfig(dims=2, embed=lambda texts: [[1.0, 0.0] for _ in texts]))
cache = InMemoryCache()


@entrypoint(
    checkpointer=saver,
    store=store,
    cache=cache,
    context_schema=Context,
    cache_policy=CachePolicy(key_func=lambda text: str(text)),
    retry_policy=RetryPolicy(retry_on=(OSError, ValueError)),
)
def flow(
    text: str,
    *,
    previous: int | None = None,
    config: RunnableConfig,
    writer: StreamWriter,
    store: BaseStore,
    runtime: Runtime[Context],
) -> entrypoint.final[str, int]:
    assert_type(runtime.context, Context)
    assert_type(runtime.execution_info, ExecutionInfo | None)
    assert_type(get_runtime(Context).context.user, str)
    assert_type(runtime.override(previous=1), Runtime[Context])
    assert_type(get_config(), RunnableConfig)
    assert_type(config.get("tags"), list[str] | None)
    assert_type(get_store(), BaseStore)
    assert_type(get_stream_writer(), StreamWriter)
    assert_type(interrupt("ok?", response_schema=Context), Any)
    writer({"done": 1})
    done = entrypoint.final(value=text, save=(previous or 0) + 1)
    assert_type(done.value, str)
    assert_type(done.save, int)
    return done


def runs(thread: Config, options: RunOptions) -> None:
    assert_type(flow, Workflow)
    assert_type(flow.invoke("x", thread), Any)
    assert_type(flow.invoke("x", thread, **options), Any)
    assert_type(flow.stream(Command(resume=1), thread, stream_mode=["updates", "custom"]), Iterator[Any])
    assert_type(flow.batch(["x"], [thread], return_exceptions=True), list[Any])
    assert_type(flow.events("x", thread, by="me"), EventStream)
    assert_type(flow.get_state(thread), StateSnapshot)
    assert_type(flow.get_state(thread).tasks, tuple[PregelTask, ...])
    assert_type(flow.get_state(thread).interrupts, tuple[Interrupt, ...])
    assert_type(flow.get_state_history(thread, limit=3), Iterator[StateSnapshot])
    assert_type(flow.update_state(thread, entrypoint.final(value=1, save=2)), dict[str, Any])
    assert_type(flow.bulk_update_state(thread, [[StateUpdate("x")]]), dict[str, Any])
    assert_type(
        flow.fork(thread, before="draft.2", set={"draft": 1}, answers={"q1": "no"}, thread="new"), dict[str, Any]
    )
    assert_type(flow.with_config(tags=["x"]), Workflow)
    durability: Durability = "async"
    mode: StreamMode = "values"
    flow.invoke(None, thread, durability=durability, stream_mode=mode, control=RunControl(), context={"user": "x"})
    flow.invoke("x", thread, durability="later")  # type: ignore[arg-type]
    flow.invoke("x", thread, stream_mod="values")  # type: ignore[call-arg]
    flow.stream("x", thread, stream_mode="everything")  # type: ignore[arg-type]
    flow("x")  # type: ignore[operator]


async def aruns(thread: Config) -> None:
    assert_type(await flow.ainvoke("x", thread), Any)
    assert_type(flow.astream("x", thread), AsyncIterator[Any])
    assert_type(await flow.abatch(["x"]), list[Any])
    assert_type(await flow.aget_state(thread), StateSnapshot)
    assert_type(await flow.aupdate_state(thread, 1), dict[str, Any])
    assert_type(await flow.afork(thread, before="draft"), dict[str, Any])


def commands(command: Command) -> Command:
    """Say nothing of type arguments: neither for commands nor for runtimes and caches."""
    assert_type(command.goto, Any)
    assert_type(Command.PARENT, Literal["__parent__"])
    return Command(update={"x": Overwrite(1)}, goto=[Send("node", 1), "other"], graph=Command.PARENT)


def bare(runtime: Runtime, cache: BaseCache) -> GraphOutput:
    assert_type(runtime.context, Any)
    assert_type(cache.get([(("a",), "b")]), dict[FullKey, Any])
    return GraphOutput(1, (Interrupt("q", "id"),))


narrow: Command[Literal["a", "b"]] = Command(goto="a")
assert_type(default_retry_on(ValueError()), bool)


# --- graphs


class State(TypedDict):
    total: int


class Chat(MessagesState):
    name: str


def node(state: State, runtime: Runtime[Context]) -> State | Command:
    return {"total": state["total"] + len(runtime.context.user)}


builder = StateGraph(State, Context)
builder.add_node("node", node).add_edge(constants.START, "node").add_edge("node", graph.END)
compiled: CompiledStateGraph = builder.compile(checkpointer=MemorySaver(), store=store, cache=cache)
assert_type(compiled.invoke({"total": 1}), Any)
same: Workflow = graph.StateGraph(graph.MessagesState).add_sequence([node]).compile()
merged = [add_messages([], "hi"), graph.add_messages([], {"role": "remove", "id": REMOVE_ALL_MESSAGES, "content": ""})]
assert_type(push_message({"role": "ai", "content": "hi", "id": "1"}, state_key=None), Any)
names: list[str] = [constants.END, constants.INTERRUPT, constants.PREVIOUS, constants.TAG_HIDDEN]
names += [constants.TAG_NOSTREAM, graph.START]
merged.append(push_message({"role": "assistant", "content": "hi"}, state_key=None))
builder.add_edge("node")  # type: ignore[call-arg]
builder.add_node(3)  # type: ignore[arg-type]


# --- what is kept


def checkpoints(saver: BaseCheckpointSaver, files: FileSaver) -> None:
    claim: Claim = saver.claim("t", wait=None)
    assert_type(files.claim("t"), FileClaim)
    assert_type(InMemorySaver().claim("t"), MemoryClaim)
    assert_type(files.directory, str)
    assert_type(state_directory(), FilePath)
    saved = claim.load(1)
    assert_type(saved, Saved | None)
    kind: CheckpointKind = "input"
    write: WriteKind = "run"
    place: Path = ((0, 1),)
    claim.put(Checkpoint(thread="t", seq=1, id="1", kind=kind, step=-1, at="", input=Encoded(json=b"1")))
    claim.append(1, [PendingWrite(write, path=place)])
    assert_type(saver.history("t"), Iterator[Saved])
    if saved is not None:
        status: ThreadStatus = thread_status(saved, held=False)
        assert_type(open_questions(saved.writes), list[PendingWrite])
        assert status
    Checkpoint(thread="t", seq=1, id="1", kind="start", step=-1, at="")  # type: ignore[arg-type]


def stores(kept: FileStore) -> None:
    tables: list[TableStore] = [kept, InMemoryStore(ttl=TTLConfig(default_ttl=5))]
    space: NamespacePath = ("users", "*")
    kept.put(("users",), "ann", {"n": 1}, index=["n"], ttl=5)
    assert_type(kept.get(("users",), "ann"), Item | None)
    assert_type(kept.search(("users",), query="x", filter={"n": {"$gt": 0}}), list[SearchItem])
    assert_type(kept.list_namespaces(prefix=space), list[tuple[str, ...]])
    conditions = (MatchCondition("prefix", space),)
    ops: list[Op] = [GetOp(("a",), "b"), SearchOp(("a",)), PutOp(("a",), "b", {}), ListNamespacesOp(conditions)]
    assert_type(kept.batch(ops), list[Result])
    given: float | NotProvided | None = NotProvided()
    kept.put(("users",), "ann", {}, ttl=given)
    kept.put("users", "ann", {})  # type: ignore[arg-type]
    kept.put(("users",), "ann", 1)  # type: ignore[arg-type]
    kept.get(("users",))  # type: ignore[call-arg]
    assert tables


async def astores(kept: BaseStore) -> None:
    assert_type(await kept.aget(("users",), "ann"), Item | None)
    assert_type(await kept.asearch(("users",)), list[SearchItem])


def caches(numbers: FileCache[int], anything: FileCache) -> None:
    space: Namespace = ("a",)
    key: FullKey = checked_key((space, "b"))
    assert_type(numbers.get([key]), dict[FullKey, int])
    numbers.set({key: (1, 60.0)})
    numbers.set({key: ("x", 60.0)})  # type: ignore[dict-item]
    words.clear_cache(numbers)
    entrypoint(cache=anything)


def first(cache: BaseCache[ValueT], key: FullKey) -> ValueT | None:
    return cache.get([key]).get(key)


# --- errors


def raised(code: Sequence[type[BaseException]] = ()) -> None:
    try:
        lgrun.interrupt("q")
    except errors.GraphInterrupt as error:
        assert_type(error.interrupts, tuple[lgrun.Interrupt, ...])
    except errors.ThreadBusyError as error:
        assert_type(error.holder, dict[str, object])
    except errors.NodeTimeoutError as error:
        assert_type(error.kind, Literal["idle", "run"])
    except errors.GraphDrained as error:
        assert_type(error.reason, str)
    except (errors.NotSerializableError, InvalidNamespaceError) as error:
        assert_type(error, errors.NotSerializableError | InvalidNamespaceError)
    except errors.ParentCommand as error:
        assert_type(error.command.goto, Any)
    states: list[type[errors.StateError]] = [errors.DamagedStateError, errors.NewerFormatError, errors.StateIOError]
    states.append(errors.ConfigurationError)
    own: list[type[errors.LgrunError]] = [errors.ReplayMismatchError, errors.SwallowedInterruptError]
    own += [errors.ForkError, errors.ThreadExistsError]
    plain: list[type[Exception]] = [errors.EmptyInputError, errors.InvalidUpdateError, errors.GraphRecursionError]
    plain += [errors.NodeCancelledError, errors.UnknownInterruptError, *states, *own]
    assert_type(errors.NodeError("n", ValueError()).error, Exception)
    errors.GraphRecursionErro  # type: ignore[attr-defined]


@lgrun.task
def short() -> str:
    return lgrun.__version__


@lgrun.entrypoint()
def shortest(x: int) -> lgrun.Command:
    assert_type(short().result(), str)
    return lgrun.Command(resume=lgrun.RetryPolicy())
