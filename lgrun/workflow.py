"""`Workflow`: what `@entrypoint` returns, and how it is run and looked at."""

import inspect
import os
import random
import time
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping, Sequence
from contextvars import copy_context
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any

from lgrun._engine import snapshot
from lgrun._engine.context import current
from lgrun._engine.events import Event, RunEnded
from lgrun._engine.frame import Frame
from lgrun._engine.lifecycle import run_flow
from lgrun._engine.program import Program
from lgrun._engine.project import Projector
from lgrun._engine.run import OnChange, Run, Settings, World
from lgrun._engine.sync import SyncDriver
from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
from lgrun.constants import INTERRUPT
from lgrun.types import Durability, RetryPolicy, StateSnapshot, StreamMode

__all__ = ["EventStream", "Workflow"]

Config = Mapping[str, Any]


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _world() -> World:
    return World(now=_now, timer=time.perf_counter, uniform=random.uniform, token=os.urandom, pid=os.getpid())


class Workflow:
    """A workflow that can be run. Made by `@entrypoint`; not called but invoked.

    Attributes:
        name: the function's name.
        checkpointer: where its threads are saved, or None.
        doc: the function's docstring, or None.
        input_annotation: annotation of the input parameter, `inspect.Parameter.empty` without one.
        input_default: its default, `inspect.Parameter.empty` without one.
    """

    def __init__(
        self,
        program: Program,
        *,
        checkpointer: BaseCheckpointSaver | None,
        retry: Sequence[RetryPolicy],
        is_async: bool,
        source: Callable[..., Any],
    ) -> None:
        if checkpointer is not None and not isinstance(checkpointer, BaseCheckpointSaver):
            raise TypeError(
                "Invalid checkpointer provided. Expected an instance of `BaseCheckpointSaver`, such as InMemorySaver() "
                f"or FileSaver(); got {type(checkpointer).__name__}"
            )
        self.name = program.name
        self.checkpointer = checkpointer
        self.doc = inspect.getdoc(source)
        first = next(iter(inspect.signature(source).parameters.values()))
        self.input_annotation = first.annotation
        self.input_default = first.default
        self.source = source
        self._program = program
        self._retry = retry
        self._is_async = is_async

    def __repr__(self) -> str:
        return f"<workflow {self.name!r}>"

    # --- running ---

    def invoke(
        self,
        input: Any,
        config: Config | None = None,
        *,
        stream_mode: StreamMode | Sequence[StreamMode] = "values",
        durability: Durability | None = None,
    ) -> Any:
        """Run the workflow and return what it returns.

        Args:
            input: the workflow's input; `Command(resume=...)` to answer its question; None to go on after an error.
            config: `{"configurable": {"thread_id": ...}}` names the thread; needed with a checkpointer.
            stream_mode: anything but `values` returns the list of that stream's chunks instead.
            durability: when results reach the disk; default `sync`.

        Returns:
            What the function returns, or `{"__interrupt__": [Interrupt, ...]}` if it waits for an answer.

        Raises:
            Exception: what the workflow raised, the very object.
            EmptyInputError: nothing to start with and nothing to continue.
            ThreadBusyError: another run holds the thread.
            StateError: what is saved of the thread cannot be used.
        """
        outer = _outer(config)
        if outer is not None:
            return outer.driver.for_sync().nested(outer, self._function(), self._program, input)
        chunks: list[Any] = []
        emit = None if stream_mode == "values" else _collector(stream_mode, chunks)
        run = self._run(config, durability, emit)
        ended = copy_context().run(SyncDriver(run).drive, run_flow(run, input))
        value = _value(ended)
        return value if emit is None else chunks

    def stream(
        self,
        input: Any,
        config: Config | None = None,
        *,
        stream_mode: StreamMode | Sequence[StreamMode] | None = None,
        durability: Durability | None = None,
    ) -> Iterator[Any]:
        """Run the workflow and yield what happens; see `invoke` for arguments and errors.

        Args:
            stream_mode: `updates` (default): `{name: result}` of each task and of the workflow; `values`: the thread's
                value; `custom`: what the workflow writes. Several give (mode, chunk) pairs.
        """
        projector = Projector(stream_mode or "updates")
        events = self.events(input, config, durability=durability)
        try:
            for event in events:
                yield from projector.chunks(event)
        finally:
            events.close()
        if events.ended is not None:
            _value(events.ended)

    def events(
        self,
        input: Any,
        config: Config | None = None,
        *,
        durability: Durability | None = None,
        on_change: OnChange = "library",
        by: str | None = None,
        wait: float | None = 0.0,
    ) -> "EventStream":
        """Run the workflow on another thread and iterate over its events; the last one says how it ended.

        Args:
            input, config, durability: as for `invoke`.
            on_change: what to do when the code makes another call than the one recorded.
            by: who answers, for the history.
            wait: seconds to wait for a thread that another run holds; None waits for ever.

        Raises:
            EmptyInputError, UnknownInterruptError, ReplayMismatchError, ThreadBusyError, StateError: while iterating.
        """
        return EventStream(
            lambda emit: self._run(config, durability, emit, on_change=on_change, by=by, wait=wait), input
        )

    async def ainvoke(
        self,
        input: Any,
        config: Config | None = None,
        *,
        stream_mode: StreamMode | Sequence[StreamMode] = "values",
        durability: Durability | None = None,
    ) -> Any:
        """Run the workflow on the running event loop; see `invoke`."""
        outer = _outer(config)
        if outer is not None:
            return await outer.driver.nested(outer, self._function(), self._program, input)
        chunks: list[Any] = []
        emit = None if stream_mode == "values" else _collector(stream_mode, chunks)
        value = _value(await self._adrive(input, config, durability, emit))
        return value if emit is None else chunks

    async def astream(
        self,
        input: Any,
        config: Config | None = None,
        *,
        stream_mode: StreamMode | Sequence[StreamMode] | None = None,
        durability: Durability | None = None,
    ) -> AsyncIterator[Any]:
        """Run the workflow on the running event loop and yield what happens; see `stream`."""
        import asyncio

        loop = asyncio.get_running_loop()
        queue: asyncio.Queue[Event | None] = asyncio.Queue()

        def emit(event: Event | None) -> None:
            if asyncio._get_running_loop() is loop:
                queue.put_nowait(event)
            else:
                loop.call_soon_threadsafe(queue.put_nowait, event)

        projector = Projector(stream_mode or "updates")
        work = asyncio.ensure_future(self._adrive(input, config, durability, emit))
        work.add_done_callback(lambda _: emit(None))
        try:
            while (event := await queue.get()) is not None:
                for chunk in projector.chunks(event):
                    yield chunk
            _value(await work)
        finally:
            if not work.done():
                work.cancel()
                await asyncio.wait([work])

    async def _adrive(
        self,
        input: Any,
        config: Config | None,
        durability: Durability | None,
        emit: Callable[[Event], None] | None,
    ) -> RunEnded:
        from lgrun._engine.aio import AsyncDriver

        run = self._run(config, durability, emit, is_async=True)
        return await AsyncDriver(run).drive(run_flow(run, input))

    def _run(
        self,
        config: Config | None,
        durability: Durability | None,
        emit: Callable[[Event], None] | None,
        *,
        is_async: bool = False,
        **settings: Any,
    ) -> Run:
        if self._is_async and not is_async:
            raise TypeError(f"No synchronous function provided to {self.name!r}: it is async; use ainvoke or astream")
        read = _config(config)
        thread = _thread_id(config) if self.checkpointer is not None else ""
        asked = Settings(thread=thread, config=read, durability=durability or "sync", retry=self._retry, **settings)
        return Run(self._program, self.checkpointer, asked, _world(), emit)

    def _function(self) -> Any:
        (call,) = self._program.next_calls(self._program.begin(None, None))
        return call.function

    # --- looking ---

    def get_state(self, config: Config) -> StateSnapshot:
        """Return the thread as it stands, or as it stood at `configurable.checkpoint_id`.

        Raises:
            ValueError: the workflow has no checkpointer, or `config` names no thread.
        """
        saver, thread = self._saver(), _thread_id(config)
        wanted = config["configurable"].get("checkpoint_id")
        saved = saver.load(thread, wanted)
        if saved is None:
            return snapshot.empty(dict(config))
        after = saver.load(thread, saved.checkpoint.seq + 1) if wanted else None
        if after is not None and after.checkpoint.parent != saved.checkpoint.seq:
            after = None
        return self._snapshot(saver, saved, after)

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
        saver, thread = self._saver(), _thread_id(config)
        end = None
        if before is not None:
            mark = saver.load(thread, before["configurable"]["checkpoint_id"])
            end = None if mark is None else mark.checkpoint.seq
        found = 0
        completed: dict[int, Saved] = {}
        for saved in saver.history(thread, before=end):
            point = saved.checkpoint
            if point.kind == "end" and point.parent is not None:
                completed[point.parent] = saved
            after = completed.pop(point.seq, None)
            if filter and not filter.items() <= snapshot.metadata(point).items():
                continue
            if limit is not None and found >= limit:
                return
            found += 1
            yield self._snapshot(saver, saved, after)

    async def aget_state(self, config: Config) -> StateSnapshot:
        """Return the thread as it stands; see `get_state`."""
        import asyncio

        return await asyncio.to_thread(self.get_state, config)

    async def aget_state_history(self, config: Config, **options: Any) -> AsyncIterator[StateSnapshot]:
        """Yield the thread's checkpoints, newest first; see `get_state_history`."""
        import asyncio

        for state in await asyncio.to_thread(lambda: list(self.get_state_history(config, **options))):
            yield state

    def _saver(self) -> BaseCheckpointSaver:
        if self.checkpointer is None:
            raise ValueError(f"No checkpointer set: {self.name!r} saves nothing")
        return self.checkpointer

    @staticmethod
    def _snapshot(saver: BaseCheckpointSaver, saved: Saved, after: Saved | None) -> StateSnapshot:
        point = saved.checkpoint
        before = None if point.previous is None else saver.load(point.thread, point.previous)
        parent = None if point.parent is None else saver.load(point.thread, point.parent)
        return snapshot.snapshot(saved, before, after, None if parent is None else parent.checkpoint.id)


class EventStream:
    """The events of a run, as they happen. The workflow's code runs on a thread of its own.

    Attributes:
        ended: the last event, once it has happened.
    """

    def __init__(self, start: Callable[[Callable[[Event], None]], Run], input: Any) -> None:
        self.ended: RunEnded | None = None
        self._queue: SimpleQueue[Event | None] = SimpleQueue()
        self._start = start
        self._input = input
        self._run: Run | None = None
        self._failure: BaseException | None = None
        self._events = self._iterate()

    def __iter__(self) -> Iterator[Event]:
        return self._events

    def __next__(self) -> Event:
        return next(self._events)

    def cancel(self, by: str) -> None:
        """Stop the run in good order: what runs may finish and is saved, nothing more starts.

        Args:
            by: who asked, for the history.
        """
        if self._run is not None:
            self._run.cancel(by)

    def close(self) -> None:
        """Wait for the run to end; its events are lost, its results are not."""
        self._events.close()

    def _iterate(self) -> Generator[Event, None, None]:
        import threading

        self._run = run = self._start(self._queue.put)
        context = copy_context()
        thread = threading.Thread(target=context.run, args=(self._work, run), name="lgrun-run", daemon=True)
        thread.start()
        try:
            while (event := self._queue.get()) is not None:
                yield event
        finally:
            thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self, run: Run) -> None:
        try:
            self.ended = SyncDriver(run).drive(run_flow(run, self._input))
        except BaseException as error:
            self._failure = error
        finally:
            self._queue.put(None)


def _outer(config: Config | None) -> Frame | None:
    """Return the frame of the workflow that this call is made in, unless it asks for a thread of its own."""
    frame: Any = current.get()
    if frame is None or not isinstance(frame, Frame):
        return None
    wanted = (config or {}).get("configurable", {}).get("thread_id")
    own = frame.config.get("configurable", {}).get("thread_id")
    return frame if wanted is None or wanted == own else None


def _collector(stream_mode: str | Sequence[str], chunks: list[Any]) -> Callable[[Event], None]:
    projector = Projector(stream_mode)
    return lambda event: chunks.extend(projector.chunks(event))


def _value(ended: RunEnded) -> Any:
    """Return what a run came to, as `invoke` does."""
    if ended.status == "waiting":
        return {INTERRUPT: list(ended.surfaced)}
    if ended.status == "stopped":
        import asyncio

        raise asyncio.CancelledError
    if ended.error is not None:
        raise ended.error
    return ended.value


def _config(config: Config | None) -> dict[str, Any]:
    read = dict(config or {})
    read["configurable"] = dict(read.get("configurable") or {})
    read["metadata"] = dict(read.get("metadata") or {})
    limit = read.get("recursion_limit")
    if limit is not None and limit < 1:
        raise ValueError("recursion_limit must be at least 1")
    return read


def _thread_id(config: Config | None) -> str:
    configurable = (config or {}).get("configurable") or {}
    if "thread_id" not in configurable:
        raise ValueError(
            "Checkpointer requires one or more of the following 'configurable' keys: thread_id, "
            'checkpoint_ns, checkpoint_id; pass config={"configurable": {"thread_id": "..."}}'
        )
    return str(configurable["thread_id"])
