"""A frame: one piece of user code while it runs, and its place in the run."""

import threading
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

from lgrun._engine import ids
from lgrun._engine.chat import tell
from lgrun._engine.strands import THREADS, Lineage
from lgrun.checkpoint.base import Path
from lgrun.errors import GraphInterrupt
from lgrun.runtime import ExecutionInfo, Runtime

if TYPE_CHECKING:
    from lgrun._engine.model import NodeCall
    from lgrun._engine.run import Run


_OFFERED: dict[str, Callable[["Frame"], Any]] = {
    "config": lambda frame: frame.config,
    "writer": lambda frame: frame.write,
    "store": lambda frame: frame.store,
    "runtime": lambda frame: frame.runtime,
    "previous": lambda frame: frame.previous,
}
"""What code may ask the run for, by the parameter's name."""


class Frame:
    """The body of a workflow, or a task, while it runs.

    Args:
        run: the run it belongs to.
        name: of the workflow or the task.
        path: where it was called.
        parent: the frame that called it; None for the body of the run's own workflow.
        ns: the chain of nested runs it belongs to.
        call: what the program asked for, if it is a step of a program; None for a task.
    """

    __slots__ = (
        "_births",
        "_first",
        "_inner_ns",
        "_lock",
        "_messages",
        "_nested",
        "_positions",
        "_threads",
        "asked",
        "attempt",
        "beat",
        "began",
        "call",
        "driver",
        "listener",
        "name",
        "ns",
        "owner",
        "parent",
        "path",
        "progress",
        "pushed",
        "run",
        "suspended_at",
    )

    def __init__(
        self,
        run: "Run",
        name: str,
        path: Path,
        parent: "Frame | None",
        ns: tuple[str, ...] = (),
        call: "NodeCall | None" = None,
    ) -> None:
        self.run = run
        self.name = name
        self.path = path
        self.parent = parent
        self.ns = ns
        self.call = call
        self.attempt = 1
        self.began: float | None = None
        self.driver: Any = None
        self.listener: Any = None
        self._inner_ns: tuple[str, ...] | None = None
        self._lock = threading.Lock()
        self.enter(None, None)

    def enter(self, driver: Any, owner: object) -> None:
        """Begin an attempt: `driver` runs the code, `owner` is the thread or asyncio task of its first strand."""
        self.driver = driver
        self.owner = owner
        self.asked = 0
        self.suspended_at: str | None = None
        self.progress: Callable[[], None] | None = None
        self.beat: Callable[[], None] | None = None
        self.began = self.began or self.run.world.clock()
        self._first = 0
        self._nested = 0
        self._positions: dict[int, int] = {}
        self._threads: dict[object, int] = {}
        self._births: dict[Lineage, int] = {}
        self._messages = 0
        self.pushed: list[tuple[str, Any]] = []

    @property
    def id(self) -> str:
        """The task's id, in UUID form."""
        return ids.task_id(self.run.seed, self.path)

    @property
    def inner_ns(self) -> tuple[str, ...]:
        """The chain of nested runs that a run started here belongs to."""
        if self._inner_ns is None:
            outer = self.ns if self.parent is None or self.parent.ns != self.ns else self.parent.inner_ns
            self._inner_ns = (*outer, f"{self.name}:{self.id}")
        return self._inner_ns

    def open_ns(self) -> tuple[str, ...]:
        """Return the namespace of the next run that this frame's code starts; all but the first are numbered."""
        with self._lock:
            number, self._nested = self._nested, self._nested + 1
        return (*self.inner_ns, str(number)) if number else self.inner_ns

    @property
    def used_anything(self) -> bool:
        """The attempt called tasks or asked questions: another attempt must take the same again."""
        return bool(self._first or self._positions or self.asked)

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration, with what it says of this place."""
        config, call = self.run.config, self.call
        metadata = {
            **config["metadata"],
            **((call and call.function.metadata) or {}),
            "langgraph_step": self.run.step_of(self),
            "langgraph_node": self.name,
            "langgraph_triggers": ("__pregel_push",) if call is None else call.triggers,
            "langgraph_path": self.origin,
            "langgraph_checkpoint_ns": self.place_name,
        }
        return {**config, **self.run.chat.callbacks(self), "metadata": metadata}

    @property
    def origin(self) -> tuple[Any, ...]:
        """Where it comes from, as LangGraph writes it."""
        if self.call is not None:
            return self.call.origin
        return ("__pregel_push", () if self.parent is None else self.parent.origin, self.path[-1][1], True)

    @property
    def place_name(self) -> str:
        """The chain of steps and tasks around this code and itself."""
        around = self.ns if self.parent is None or self.call is not None else (self.parent.place_name,)
        return "|".join((*around, f"{self.name}:{self.id}"))

    def offered(self, names: Collection[str]) -> dict[str, Any]:
        """Return what code here asks the run for, by name."""
        return {name: _OFFERED[name](self) for name in names}

    @property
    def store(self) -> Any:
        """The run's long-term memory, or None."""
        return self.run.settings.store

    @property
    def runtime(self) -> Runtime[Any]:
        """What the run offers to this code."""
        run, settings = self.run, self.run.settings
        info = ExecutionInfo(
            checkpoint_id=run.seed,
            checkpoint_ns=self.place_name,
            task_id=self.id,
            thread_id=settings.thread or run.config["configurable"].get("thread_id"),
            run_id=run.config.get("run_id"),
            node_attempt=self.attempt,
            node_first_attempt_time=self.began,
        )
        return Runtime(
            context=run.context_at(self.ns),
            store=settings.store,
            stream_writer=self.write,
            heartbeat=self.heartbeat,
            previous=self.previous,
            execution_info=info,
            control=run.control,
        )

    @property
    def previous(self) -> Any:
        """What the last completed run of the thread saved, in code of the run's own workflow."""
        return self.run.previous if self.ns == () else None

    def heartbeat(self) -> None:
        """Show that this code, and so that around it, makes progress."""
        if self.beat is not None:
            self.beat()
        self.touch()

    def new_id(self) -> str:
        """Return an id for a message, the same one in a replay."""
        with self._lock:
            number = self._messages = self._messages + 1
        return ids.message_id(self.run.seed, self.path, number)

    def place(self, strand: object) -> tuple[int, int]:
        """Return the (strand, position) of a call.

        Args:
            strand: the number of the strand that makes it, 0 for the first; or the thread that makes it, which gets
                its number now, because nobody can see in which order threads are started.
        """
        if strand == 0:
            position = self._first
            self._first += 1
            return 0, position
        with self._lock:
            number = strand if isinstance(strand, int) else self._number(strand)
            position = self._positions.get(number, 0)
            self._positions[number] = position + 1
            return number, position

    def _number(self, thread: object) -> int:
        return self._threads.setdefault(thread, THREADS + len(self._threads))

    def bear(self, parent: Lineage) -> Lineage:
        """Name the asyncio task that the strand `parent` creates: creation order is the same in every run."""
        count = self._births[parent] = self._births.get(parent, 0) + 1
        return (*parent, count)

    def write(self, data: Any) -> None:
        """Send `data` to whoever streams the run with mode `custom`."""
        self.run.write(self, data)
        self.touch()

    def push(self, message: Any, state_key: str | None) -> None:
        """Show a message to whoever streams the run with mode `messages`, and write it to a key of a graph's state."""
        if self.run.heard:
            tell(self, message, "token")
        if state_key is not None and self.call is not None:
            self.pushed.append((state_key, message))

    def touch(self) -> None:
        """Show that this frame, and so those around it, makes progress."""
        frame: Frame | None = self
        while frame is not None:
            if frame.progress is not None:
                frame.progress()
            frame = frame.parent

    def interrupt(self, value: Any, response_schema: Any) -> Any:
        """Return the answer to a question, or raise GraphInterrupt."""
        with self._lock:
            index = self.asked
            self.asked += 1
        return self.run.interrupt(self, index, value, response_schema)

    def saw(self, asked: GraphInterrupt) -> None:
        """Take note that the exception of a question passes through this frame's code, and where."""
        self.suspended_at = self.suspended_at or self.run.caller()
