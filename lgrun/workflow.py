"""`Workflow`: what `@entrypoint` returns, and how it is run and looked at."""

import dataclasses
import inspect
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Self, TypeAlias, Unpack

from lgrun._engine.caching import space_of
from lgrun._engine.chat import Chat
from lgrun._engine.context import current
from lgrun._engine.events import Event, Outputs, RunEnded
from lgrun._engine.frame import Frame
from lgrun._engine.lifecycle import run_flow, update_flow
from lgrun._engine.model import Function, StreamReader
from lgrun._engine.nested import Reading
from lgrun._engine.program import Program
from lgrun._engine.request import (
    Config,
    Request,
    RunOptions,
    default_mode,
    default_output,
    inherited,
    meant,
    merged,
    outcome,
    thread_id,
)
from lgrun._engine.run import Run
from lgrun._engine.settings import OnChange
from lgrun._engine.snapshot import Reader, standing
from lgrun._engine.stream import Beside, EventStream
from lgrun._engine.sync import SyncDriver
from lgrun._engine.writing import Hearing, listen
from lgrun._waiting import apart
from lgrun._world import now, real_world
from lgrun.cache.base import BaseCache
from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
from lgrun.store.base import BaseStore
from lgrun.types import CachePolicy, RetryPolicy, StateSnapshot, StateUpdate, StreamMode

if TYPE_CHECKING:
    from lgrun._engine.astream import AsyncBeside
    from lgrun.checkpoint.forking import Point
    from lgrun.drawing import Graph

__all__ = ["Config", "EventStream", "RunOptions", "Workflow"]

Listener: TypeAlias = Callable[[Event], None]


class Extras(NamedTuple):
    """What a workflow has beside its code: see `entrypoint` for the meanings."""

    store: BaseStore | None = None
    cache: BaseCache[Any] | None = None
    context_schema: type[Any] | None = None
    policy: CachePolicy | None = None


class Workflow:
    """A workflow that can be run. Made by `@entrypoint`; not called but invoked.

    Attributes:
        name: the function's name.
        checkpointer: where its threads are saved, or None.
        store, cache: its long-term memory and its task cache, or None.
        context_schema: what its context is an instance of, or None.
        debug: it prints updates and values while it runs.
        config: laid under the configuration of every call; see `with_config`.
        doc: the function's docstring, or None.
        input_annotation: annotation of the input parameter, `inspect.Parameter.empty` without one.
        input_default: its default, `inspect.Parameter.empty` without one.
    """

    def __init__(
        self,
        program: Program,
        *,
        checkpointer: BaseCheckpointSaver | bool | None,
        retry: Sequence[RetryPolicy],
        is_async: bool,
        source: Callable[..., Any],
        extras: "Extras" = Extras(),  # noqa: B008 - an immutable tuple
    ) -> None:
        if checkpointer is not None and not isinstance(checkpointer, bool):
            check_saver(checkpointer)
        self.name = program.name
        self.checkpointer = None if isinstance(checkpointer, bool) else checkpointer
        self._keeps = checkpointer is True
        self.config: dict[str, Any] = {}
        self.debug = False
        self.doc = inspect.getdoc(source)
        first = next(iter(inspect.signature(source).parameters.values()))
        self.input_annotation = first.annotation
        self.input_default = first.default
        self.source = source
        self._program = program
        self._retry = retry
        self._is_async = is_async
        self.store = extras.store
        self.cache = extras.cache
        self.context_schema = extras.context_schema
        self._extras = extras
        self._called = Function(name=self.name, call=source, is_async=is_async, keeps=self._keeps)

    def __repr__(self) -> str:
        return f"<workflow {self.name!r}>"

    def get_name(self) -> str:
        """Return the workflow's name."""
        return self.name

    def with_config(self, config: Config | None = None, **values: Any) -> Self:
        """Return the same workflow with a configuration of its own, over which that of each call is laid.

        Args:
            config, values: as for `invoke`; tags add up, `metadata` and `configurable` are overridden by key.
        """
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.config = merged(self.config, {**(config or {}), **values})
        return copy

    # --- running ---

    def invoke(self, input: Any, config: Config | None = None, **options: Unpack[RunOptions]) -> Any:
        """Run the workflow and return what it returns.

        Args:
            input: the workflow's input; `Command(resume=...)` to answer its question; None to go on after an error.
            config: `{"configurable": {"thread_id": ...}}` names the thread, which is needed with a checkpointer;
                `checkpoint_id` beside it goes back to one of its checkpoints.
            options: see RunOptions.

        Returns:
            What the function returns, or `{"__interrupt__": [Interrupt, ...]}` if it waits for an answer.

        Raises:
            Exception: what the workflow raised, the very object.
            EmptyInputError: nothing to start with and nothing to continue.
            ThreadBusyError: another run holds the thread.
            StateError: what is saved of the thread cannot be used.
        """
        outer = _outer(config)
        request = self._invocation(config, options, outer)
        if outer is not None:
            return request.nested_result(self._nested(outer, request, request.collecting(), input))
        run = self._run(request, None if request.silent else request.collect)
        return request.result(copy_context().run(SyncDriver(run).drive, run_flow(run, input)))

    def stream(self, input: Any, config: Config | None = None, **options: Unpack[RunOptions]) -> Iterator[Any]:
        """Run the workflow and yield what happens; see `invoke` for the arguments and the errors."""
        outer = _outer(config)
        request = self._request(config, options, default_mode(config, outer is not None), outer)
        if outer is not None:
            yield from self._read(outer, request, input)
            return
        beside: Beside[Any] = Beside(partial(self._run_streamed, request), input, eager=request.eager)
        try:
            yield from request.shown(beside)
        finally:
            beside.close()
        if beside.ended is not None:
            outcome(beside.ended)

    def events(
        self,
        input: Any,
        config: Config | None = None,
        *,
        on_change: OnChange = "library",
        by: str | None = None,
        given: str | None = None,
        wait: float | None = 0.0,
        tokens: bool = False,
        checkpoints: bool = False,
        **options: Unpack[RunOptions],
    ) -> EventStream:
        """Run the workflow on another thread and iterate over its events; the last one says how it ended.

        Args:
            input, config, options: as for `invoke`.
            on_change: what to do when the code makes another call than the one recorded.
            by, given: who answers, and the names of what the run is given beside its input, for the record.
            wait: seconds to wait for a thread that another run holds; None waits for ever.
            tokens, checkpoints: tell of these too; of tokens of chat models if the workflow has loaded langchain-core.

        Raises:
            EmptyInputError, UnknownInterruptError, ReplayMismatchError, ThreadBusyError, StateError: while iterating.
        """
        request = self._request(config, options, "updates", None)
        messages = request.messages or (None if tokens else False)
        told: dict[str, Any] = {"on_change": on_change, "by": by, "given": given, "wait": wait, "messages": messages}
        told["overheard"] = True

        def start(stream: Beside[Event]) -> Run:
            return self._run(request, stream.put, stream, is_async=self._is_async, checkpoints=checkpoints, **told)

        if not self._is_async:
            return EventStream(start, input)
        from lgrun._engine.aio import drive_alone

        return EventStream(start, input, drive_alone)

    def batch(
        self,
        inputs: Sequence[Any],
        config: Config | Sequence[Config] | None = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[RunOptions],
    ) -> list[Any]:
        """Run the workflow on several inputs at the same time; return the results in their order.

        Args:
            inputs: one per run.
            config: one for all runs, or one for each; `max_concurrency` says how many run at a time, 32 by default.
            return_exceptions: put errors into the list instead of raising the first one.
            options: as for `invoke`.
        """
        from lgrun._batch import batch

        return batch(partial(self.invoke, **options), inputs, config, return_exceptions)

    async def ainvoke(self, input: Any, config: Config | None = None, **options: Unpack[RunOptions]) -> Any:
        """Run the workflow on the running event loop; see `invoke`."""
        outer = _outer(config)
        request = self._invocation(config, options, outer)
        if outer is not None:
            return request.nested_result(await self._anested(outer, request, request.collecting(alone=True), input))
        listener = None if request.silent else request.collect
        return request.result(await _driven(self._run(request, listener, is_async=True), input))

    async def astream(
        self, input: Any, config: Config | None = None, **options: Unpack[RunOptions]
    ) -> AsyncIterator[Any]:
        """Run the workflow on the running event loop and yield what happens; see `stream`."""
        from lgrun._engine.astream import AsyncBeside

        outer = _outer(config)
        request = self._request(config, options, default_mode(config, outer is not None), outer)
        if outer is not None:
            async with aclosing(self._aread(outer, request, input)) as chunks:
                async for chunk in chunks:
                    yield chunk
            return
        start = partial(self._run_streamed, request, is_async=True)
        beside: AsyncBeside[Any] = AsyncBeside(lambda beside: _driven(start(beside), input), eager=request.eager)
        try:
            while await beside.come():
                for chunk in request.shown(beside.take()):
                    yield chunk
            outcome(await beside.ended())
        finally:
            await beside.close()

    async def abatch(
        self,
        inputs: Sequence[Any],
        config: Config | Sequence[Config] | None = None,
        *,
        return_exceptions: bool = False,
        **options: Unpack[RunOptions],
    ) -> list[Any]:
        """Run the workflow on several inputs at the same time, by default all; see `batch`."""
        from lgrun._batch import abatch

        return await abatch(partial(self.ainvoke, **options), inputs, config, return_exceptions)

    def _invocation(self, config: Config | None, options: RunOptions, outer: Frame | None) -> Request:
        """Read a call of `invoke`: what it shows on the way are the channels that it returns."""
        returned, streamed = self._program.outputs, self._program.streamed
        default = default_output(config, options, outer is not None)
        return self._request(config, options, default, outer, None if returned == streamed else returned)

    def _request(
        self,
        config: Config | None,
        options: RunOptions,
        default: StreamMode,
        outer: Frame | None,
        shown: Outputs | None = None,
    ) -> Request:
        root = () if outer is None else outer.open_ns()
        whole = own = merged(self.config, config)
        if outer is not None and own:
            whole = inherited(outer.run.config_at(outer.ns), own)
        request = Request(
            whole,
            options,
            debug=self.debug,
            default=default,
            channels=self._program.channel_names,
            stepwise=self._program.stepwise,
            shown=shown,
            root=root,
            now=now,
        )
        if outer is not None and request.messages:
            outer.run.chat = Chat(True)
        return request

    def _run(
        self,
        request: Request,
        emit: Listener | None,
        reader: StreamReader | None = None,
        *,
        is_async: bool = False,
        **settings: Any,
    ) -> Run:
        if not is_async:
            self._check_sync()
        if self._keeps:
            raise RuntimeError(
                "checkpointer=True cannot be used for root graphs: it means the memory of a workflow that is called "
                f"inside another one; give {self.name!r} a checkpointer of its own to run it by itself"
            )
        asked = request.settings(saved=self.checkpointer is not None, retry=self._retry, nests=self._nests)
        settings |= {"store": self.store, "cache": self.cache, "policy": self._extras.policy}
        settings["context"] = self._context(request.context)
        run = Run(self._program, self.checkpointer, asked._replace(**settings), real_world(), emit, reader)
        request.config_at = run.config_at
        return run

    def _run_streamed(
        self, request: Request, beside: "Beside[Any] | AsyncBeside[Any]", *, is_async: bool = False
    ) -> Run:
        """Return a run that tells its reader of events, and of chunks past them."""
        run = self._run(request, None if request.custom_alone else beside.put, beside, is_async=is_async)
        run.shortcut = request.shortcut(beside.put)
        return run

    def _context(self, given: Any) -> Any:
        """Return the context as an instance of its schema, if that is a class made from keywords."""
        schema = self.context_schema
        if not isinstance(given, dict) or schema is None:
            return given
        makes = dataclasses.is_dataclass(schema) or hasattr(schema, "model_fields")
        return schema(**given) if makes else given

    def _check_sync(self) -> None:
        if self._is_async:
            raise TypeError(f"No synchronous function provided to {self.name!r}: it is async; use ainvoke or astream")

    def _nested(self, outer: Frame, request: Request, hearing: Hearing | None, input: Any) -> Any:
        self._check_sync()
        with listen(outer.run, hearing):
            self._enter(outer.run, request)
            return outer.driver.for_sync().nested(outer, request.root, self._called, self._program, input)

    async def _anested(self, outer: Frame, request: Request, hearing: Hearing | None, input: Any) -> Any:
        with listen(outer.run, hearing):
            self._enter(outer.run, request)
            return await outer.driver.for_async().nested(outer, request.root, self._called, self._program, input)

    def _read(self, outer: Frame, request: Request, input: Any) -> Iterator[Any]:
        self._check_sync()
        reader = Reading(SimpleQueue(), request.eager or not self._program.stepwise)
        with listen(outer.run, request.hearing(reader.items.put)):
            self._enter(outer.run, request)
            driver = outer.driver.for_sync()
            yield from driver.nested_read(outer, request.root, self._called, self._program, input, reader)

    async def _aread(self, outer: Frame, request: Request, input: Any) -> AsyncGenerator[Any, None]:
        from lgrun._engine.astream import Arrivals

        reader = Reading(Arrivals(), request.eager or not self._program.stepwise)
        with listen(outer.run, request.hearing(reader.items.put, alone=True)):
            self._enter(outer.run, request)
            driver = outer.driver.for_async()
            read = driver.nested_read(outer, request.root, self._called, self._program, input, reader)
            async with aclosing(read) as chunks:
                async for chunk in chunks:
                    yield chunk

    def _enter(self, run: Run, request: Request) -> None:
        """Give a nested run what its caller asks for and what its workflow has of its own."""
        request.config_at = run.config_at
        for known in (run.configs, run.contexts, run.pauses, run.outputs, run.caches):
            # Another attempt of the code that calls it may have given it something else.
            known.pop(request.root, None)
        if request.configured:
            run.configs[request.root] = request.config
        if request.context is not None:
            run.contexts[request.root] = self._context(request.context)
        if (pauses := request.pauses(self._program.pauses)) is not None:
            run.pauses[request.root] = pauses
        if request.outputs is not None:
            run.outputs[request.root] = request.outputs
        if self.cache is not None:
            run.caches[request.root] = (self.cache, self._extras.policy)
        if run.checkpoints and self._nests():
            run.nests.add(request.root)

    def _nests(self) -> bool:
        return bool(workflows_in(self.source))

    # --- looking and writing by hand ---

    def get_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the thread as it stands, or as it stood at `configurable.checkpoint_id`.

        Args:
            config: names the thread; `checkpoint_ns` beside it names a run nested in the latest one.
            subgraphs: show the state of a nested run in place of the configuration that names it.

        Raises:
            ValueError: the workflow has no checkpointer, or `config` names no thread.
        """
        return self._reader().state(merged(self.config, config), subgraphs=subgraphs)

    def get_state_history(
        self,
        config: Config,
        *,
        filter: Mapping[str, Any] | None = None,
        before: Config | None = None,
        limit: int | None = None,
    ) -> Iterator[StateSnapshot]:
        """Yield the thread's checkpoints, newest first.

        Args:
            config: names the thread.
            filter: only those whose metadata has these values.
            before: only those older than the one this configuration names.
            limit: at most so many.

        Raises:
            ValueError: the workflow has no checkpointer, or `config` names no thread.
        """
        yield from self._reader().history(merged(self.config, config), filter, before, limit)

    def update_state(self, config: Config, values: Any, as_node: str | None = None) -> dict[str, Any]:
        """Write a result by hand, as if a step had returned it; a paused functional workflow is thereby finished.

        Args:
            config: names the thread, and the checkpoint to go on from if it is not the latest.
            values: the result; `entrypoint.final` gives one value to show and another one for the next run.
            as_node: the step; by default the workflow itself, or the node of the graph that ran last.

        Returns:
            The configuration that names the new checkpoint.

        Raises:
            InvalidUpdateError: the workflow has no step `as_node`.
            ValueError: the workflow has no checkpointer, or `config` names no thread.
        """
        return self.bulk_update_state(config, [[StateUpdate(values, as_node)]])

    def bulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> dict[str, Any]:
        """Write several results by hand, one checkpoint for each of `supersteps`; see `update_state`.

        Raises:
            ValueError: there is nothing to write.
            InvalidUpdateError: a superstep has more than one update for a functional workflow, which has one step.
        """
        if not supersteps or not all(supersteps):
            raise ValueError("No updates provided: every superstep needs one")
        saver = self._saver()
        if ns := config.get("configurable", {}).get("checkpoint_ns"):
            raise ValueError(f"the state of a nested run cannot be changed ({ns}): update the thread's own")
        steps = [[StateUpdate(*update) for update in updates] for updates in supersteps]
        for updates in steps:
            # All are checked before the first is written.
            self._program.check(updates)
        written: dict[str, Any] = dict(config)
        for updates in steps:
            request = self._request(written, {}, "values", None)
            run = Run(self._program, saver, request.settings(saved=True, retry=(), nests=self._nests), real_world())
            new = SyncDriver(run).drive(update_flow(run, updates))
            place = {"thread_id": run.settings.thread, "checkpoint_ns": "", "checkpoint_id": new}
            written = {"configurable": place}
        return written

    def fork(
        self,
        config: Config,
        *,
        before: "str | Point | None" = None,
        set: "Mapping[str | Point, Any] | None" = None,
        answers: Mapping[str, Any] | None = None,
        thread: str | None = None,
    ) -> dict[str, Any]:
        """Make a new thread from a point of another one, which is only read. Nothing runs: `invoke(None)` goes on.

        What had begun before that point and has finished is kept; what began later will run again. With several
        points the earliest counts. A thread that a run holds is forked as it is on the disk.

        Args:
            config: names the thread, and its checkpoint up to which it counts if that is not the latest.
            before: a call that will run again, by the name of its task or node (`draft`, the last one; `draft.2`, the
                second); a question (`q1`), which the new thread waits at.
            set: what calls are to have returned, by their names; a node is given what it could have returned.
            answers: what questions are to have been answered, by `q1` or by id.
            thread: the id of the new thread; by default the old one with some characters more.

        Returns:
            The configuration that names the new thread.

        Raises:
            ForkError: there is no such thread, call or question, or it cannot be forked there.
            ThreadExistsError: there is a thread with the new id.
            NotSerializableError, InvalidUpdateError: a value cannot be what it was given for.
        """
        from lgrun.forking import made, planned

        saver, whole = self._saver(), merged(self.config, config)
        wanted = whole["configurable"].get("checkpoint_id")
        points: dict[str, Any] = {"before": before, "results": set or {}, "answers": answers or {}}
        fork = planned(saver, thread_id(whole), wanted, node=self.node_result, **points)
        return {"configurable": {"thread_id": made(saver, fork, thread)}}

    def node_result(self, saved: Saved, name: str, values: Any) -> Any:
        """Return what a node of the graph comes to that returns `values` at a checkpoint, as it is recorded.

        Raises:
            InvalidUpdateError: it could not return that.
        """
        return self._program.stood_for(standing(self._program, saved), name, values)

    async def afork(self, config: Config, **points: Any) -> dict[str, Any]:
        """Make a new thread from a point of another one; see `fork`."""
        return await apart(self.fork, config, **points)

    def clear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Forget what the workflow's cache keeps of its own steps.

        Args:
            nodes: names of nodes; by default all.
        """
        if self.cache is not None:
            self.cache.clear(
                [space_of(step) for step in self._program.functions() if nodes is None or step.name in nodes]
            )

    async def aclear_cache(self, nodes: Sequence[str] | None = None) -> None:
        """Forget what the workflow's cache keeps of its own steps; see `clear_cache`."""
        await apart(self.clear_cache, nodes)

    async def aget_state(self, config: Config, *, subgraphs: bool = False) -> StateSnapshot:
        """Return the thread as it stands; see `get_state`."""
        return await apart(self.get_state, config, subgraphs=subgraphs)

    async def aget_state_history(self, config: Config, **options: Any) -> AsyncIterator[StateSnapshot]:
        """Yield the thread's checkpoints, newest first; see `get_state_history`."""
        for state in await apart(lambda: list(self.get_state_history(config, **options))):
            yield state

    async def aupdate_state(self, config: Config, values: Any, as_node: str | None = None) -> dict[str, Any]:
        """Write a result by hand; see `update_state`."""
        return await apart(self.update_state, config, values, as_node)

    async def abulk_update_state(self, config: Config, supersteps: Sequence[Sequence[StateUpdate]]) -> dict[str, Any]:
        """Write several results by hand; see `bulk_update_state`."""
        return await apart(self.bulk_update_state, config, supersteps)

    # --- drawing ---

    def get_graph(self, config: Config | None = None, *, xray: bool | int = False) -> "Graph":
        """Return the workflow as a graph to look at; `xray` opens those inside, so many levels deep, True for all."""
        from lgrun.drawing import graph_of

        return graph_of(self, xray)

    async def aget_graph(self, config: Config | None = None, *, xray: bool | int = False) -> "Graph":
        """Return the workflow as a graph to look at; see `get_graph`."""
        return self.get_graph(config, xray=xray)

    def get_subgraphs(self, *, namespace: str | None = None, recurse: bool = False) -> "Iterator[tuple[str, Workflow]]":
        """Yield the workflows inside by name: all, or the one called `namespace`; `recurse` for those inside them."""
        from lgrun.drawing import subgraphs_of

        return subgraphs_of(self, namespace, recurse)

    def get_input_jsonschema(self, config: Config | None = None) -> dict[str, Any]:
        """Return the JSON Schema of the input, from its annotation; needs pydantic."""
        from lgrun._schemas import schema_of

        return schema_of(self, "input")

    def get_output_jsonschema(self, config: Config | None = None) -> dict[str, Any]:
        """Return the JSON Schema of what is returned, from its annotation; needs pydantic."""
        from lgrun._schemas import schema_of

        return schema_of(self, "output")

    def _reader(self) -> Reader:
        return Reader(self._saver(), self._program, self._nests(), self._find)

    def _find(self, name: str) -> Program | None:
        """Return the program of a workflow that the function's code names."""
        return next((other._program for other in workflows_in(self.source) if other.name == name), None)

    def _saver(self) -> BaseCheckpointSaver:
        if self.checkpointer is None:
            raise ValueError(f"No checkpointer set: {self.name!r} saves nothing")
        return self.checkpointer


def check_saver(checkpointer: Any) -> None:
    """Refuse what is no saver."""
    if not isinstance(checkpointer, BaseCheckpointSaver):
        raise TypeError(
            "Invalid checkpointer provided. Expected an instance of `BaseCheckpointSaver`, such as InMemorySaver() "
            f"or FileSaver(); got {type(checkpointer).__name__}"
        )


def workflows_in(function: Callable[..., Any]) -> list[Workflow]:
    """Return the workflows that a function's code names, as globals or from around it."""
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain) and not inspect.ismethod(plain):
        return []
    known = inspect.getclosurevars(plain)
    return [value for value in [*known.globals.values(), *known.nonlocals.values()] if isinstance(value, Workflow)]


async def _driven(run: Run, input: Any) -> RunEnded:
    """Run on the running event loop."""
    from lgrun._engine.aio import drive_here

    return await drive_here(run, input)


def _outer(config: Config | None) -> Frame | None:
    """Return the frame of the workflow that this call is made in, unless it asks for a thread of its own."""
    frame: Any = current.get()
    if frame is None or not isinstance(frame, Frame):
        return None
    wanted = meant(config).get("configurable", {}).get("thread_id") if config else None
    if wanted is None:
        return frame
    own = frame.run.config_at(frame.ns).get("configurable", {}).get("thread_id")
    return frame if wanted == own else None
