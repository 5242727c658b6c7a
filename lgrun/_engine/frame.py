"""A frame: one piece of user code while it runs, and its place in the run."""

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lgrun._engine import ids
from lgrun._engine.strands import THREADS, Lineage
from lgrun.checkpoint.base import Path
from lgrun.errors import GraphInterrupt

if TYPE_CHECKING:
    from lgrun._engine.run import Run


class Frame:
    """The body of a workflow, or a task, while it runs.

    Args:
        run: the run it belongs to.
        name: of the workflow or the task.
        path: where it was called.
        parent: the frame that called it; None for the body of the run's own workflow.
        ns: the chain of nested runs it belongs to.
    """

    __slots__ = (
        "_births",
        "_first",
        "_inner_ns",
        "_lock",
        "_nested",
        "_positions",
        "_threads",
        "asked",
        "attempt",
        "driver",
        "name",
        "ns",
        "owner",
        "parent",
        "path",
        "progress",
        "run",
        "suspended_at",
    )

    def __init__(self, run: "Run", name: str, path: Path, parent: "Frame | None", ns: tuple[str, ...] = ()) -> None:
        self.run = run
        self.name = name
        self.path = path
        self.parent = parent
        self.ns = ns
        self.attempt = 1
        self.driver: Any = None
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
        self._first = 0
        self._nested = 0
        self._positions: dict[int, int] = {}
        self._threads: dict[object, int] = {}
        self._births: dict[Lineage, int] = {}

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
        """The run's configuration."""
        return self.run.config

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
