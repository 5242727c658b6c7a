"""A frame: one piece of user code while it runs, and its place in the run."""

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

from lgrun._engine import ids
from lgrun._engine.chat import tell
from lgrun._engine.context import caller
from lgrun._engine.strands import THREADS, Lineage
from lgrun._engine.writing import writer
from lgrun.checkpoint.base import Path
from lgrun.errors import GraphInterrupt
from lgrun.runtime import ExecutionInfo, Runtime
from lgrun.types import StreamWriter

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

NAMES = ("thread_id", "assistant_id", "graph_id", "run_id", "task_id")
"""What of `configurable` is in the metadata that code sees, too: tracing looks for it there."""


class _Strands:
    """Where the strands of a frame's code stand that are not its first."""

    __slots__ = ("births", "positions", "threads")

    def __init__(self) -> None:
        self.positions: dict[int, int] = {}
        self.threads: dict[object, int] = {}
        self.births: dict[Lineage, int] = {}

    def place(self, strand: object) -> tuple[int, int]:
        number = strand if isinstance(strand, int) else self.threads.setdefault(strand, THREADS + len(self.threads))
        position = self.positions.get(number, 0)
        self.positions[number] = position + 1
        return number, position


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

    # What most frames never change stands on the class: a task's frame is made for every call.
    attempt = 1
    asked = 0
    began: float | None = None
    suspended_at: str | None = None
    progress: Callable[[], None] | None = None
    beat: Callable[[], None] | None = None
    driver: Any = None
    owner: object = None
    listener: Any = None
    _first = 0
    _nested = 0
    _passed = 0
    _messages = 0
    _id: str | None = None
    _place_name: str | None = None
    _inner_ns: tuple[str, ...] | None = None
    _strands: "_Strands | None" = None
    _pushed: Sequence[tuple[str, Any]] = ()
    _write: StreamWriter | None = None

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
        if parent is not None and parent._nested:
            self._passed = parent._nested

    def enter(self, driver: Any, owner: object) -> None:
        """Begin an attempt: `driver` runs the code, `owner` is the thread or asyncio task of its first strand."""
        first = self.driver is None
        self.driver = driver
        self.owner = owner
        if first:
            self._first_began()
            return
        # Another attempt: what the one before has counted and seen is forgotten.
        for name in (
            "asked",
            "suspended_at",
            "progress",
            "beat",
            "_first",
            "_nested",
            "_messages",
            "_strands",
            "_pushed",
        ):
            self.__dict__.pop(name, None)

    @property
    def id(self) -> str:
        """The task's id, in UUID form."""
        if self._id is None:
            self._id = ids.task_id(self.run.seed, self.path)
        return self._id

    @property
    def inner_ns(self) -> tuple[str, ...]:
        """The chain of nested runs that a run started here belongs to."""
        if self._inner_ns is None:
            self._inner_ns = (*self.outer_ns, f"{self.name}:{self.id}")
        return self._inner_ns

    @property
    def outer_ns(self) -> tuple[str, ...]:
        """The chain of nested runs, steps and tasks around this code."""
        return self.ns if self.parent is None or self.parent.ns != self.ns else self.parent.inner_ns

    def open_ns(self) -> tuple[str, ...]:
        """Return the namespace of the next run that this frame's code starts; all but the first are numbered."""
        with self.run.counting:
            number, self._nested = self._nested, self._nested + 1
        ns = (*self.inner_ns, str(number)) if number else self.inner_ns
        self.run.around[ns] = self.ns
        return ns

    @property
    def used_anything(self) -> bool:
        """The attempt called tasks or asked questions: another attempt must take the same again."""
        return bool(self._first or (self._strands and self._strands.positions) or self.asked)

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration, with what it says of this place."""
        config, call = self.run.config_at(self.ns), self.call
        given = config["configurable"]
        metadata = {
            **{key: given[key] for key in NAMES if given.get(key)},
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
        # Workflows that were called before do not count there.
        place = self.path[-1][1] - self._passed
        return ("__pregel_push", () if self.parent is None else self.parent.origin, place, True)

    @property
    def place_name(self) -> str:
        """The chain of steps and tasks around this code and itself."""
        if self._place_name is None:
            around = self.ns if self.parent is None or self.call is not None else (self.parent.place_name,)
            self._place_name = "|".join((*around, f"{self.name}:{self.id}"))
        return self._place_name

    def offered(self, names: Collection[str]) -> dict[str, Any]:
        """Return what code here asks the run for, by name."""
        return {name: _OFFERED[name](self) for name in names} if names else {}

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
            node_first_attempt_time=self._first_began(),
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

    def _first_began(self) -> float:
        """Return when the first attempt began: its code is offered this first."""
        if self.began is None:
            self.began = self.run.world.clock()
        return self.began

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
        with self.run.counting:
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
        with self.run.counting:
            return self._beyond_first().place(strand)

    def bear(self, parent: Lineage) -> Lineage:
        """Name the asyncio task that the strand `parent` creates: creation order is the same in every run."""
        with self.run.counting:
            births = self._beyond_first().births
            count = births[parent] = births.get(parent, 0) + 1
        return (*parent, count)

    def _beyond_first(self) -> "_Strands":
        if self._strands is None:
            self._strands = _Strands()
        return self._strands

    @property
    def write(self) -> StreamWriter:
        """Sends its argument to whoever streams the run with mode `custom`."""
        if self._write is None:
            self._write = writer(self)
        return self._write

    def push(self, message: Any, state_key: str | None) -> None:
        """Show a message to whoever streams the run with mode `messages`, and write it to a key of a graph's state."""
        if self.run.heard:
            tell(self, message, "token")
        if state_key is not None and self.call is not None:
            self._pushed = (*self._pushed, (state_key, message))

    @property
    def pushed(self) -> Sequence[tuple[str, Any]]:
        """The keys and messages that this code has written to a graph's state with `push_message`."""
        return self._pushed

    def touch(self) -> None:
        """Show that this frame, and so those around it, makes progress."""
        frame: Frame | None = self
        while frame is not None:
            if frame.progress is not None:
                frame.progress()
            frame = frame.parent

    def interrupt(self, value: Any, response_schema: Any) -> Any:
        """Return the answer to a question, or raise GraphInterrupt."""
        with self.run.counting:
            index = self.asked
            self.asked += 1
        return self.run.interrupt(self, index, value, response_schema)

    def saw(self, asked: GraphInterrupt) -> None:
        """Take note that the exception of a question passes through this frame's code, and where."""
        self.suspended_at = self.suspended_at or caller()
