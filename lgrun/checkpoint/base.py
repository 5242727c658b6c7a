"""What is saved of a thread, and the port through which it is saved.

A *thread* is a row of numbered, immutable `Checkpoint`s. Each has a journal: the `PendingWrite`s made since, in order.
A run of a functional workflow is an `input` checkpoint, its journal, and an `end` checkpoint.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, TypeAlias

import orjson

__all__ = [
    "BaseCheckpointSaver",
    "Checkpoint",
    "CheckpointKind",
    "Claim",
    "Encoded",
    "Path",
    "PendingWrite",
    "Saved",
    "ThreadStatus",
    "WriteKind",
    "open_questions",
    "thread_status",
]

Path: TypeAlias = tuple[tuple[int, int], ...]
"""Where a call was made: one (strand, position) pair per level of nesting; () is the entrypoint's body itself."""

ANY_ARGUMENTS = "*"
"""The digest of a result that was put in by hand: whatever the arguments are now, it is that of the call."""

CheckpointKind: TypeAlias = Literal["input", "step", "end", "update", "fork"]
WriteKind: TypeAlias = Literal[
    "run", "start", "result", "error", "interrupt", "answer", "command", "cancelled", "checkpoint"
]
ThreadStatus: TypeAlias = Literal["done", "failed", "stopped", "waiting", "running", "crashed"]


class Encoded:
    """A value as the codec stores it: JSON text on its way in, a parsed tree on its way out.

    Either form is made from the other when it is asked for. `plain` says that the tree has no tags, that is, that it
    is the value.
    """

    __slots__ = ("_json", "_tree", "plain")

    def __init__(self, *, json: bytes | None = None, tree: Any = None, plain: bool = False) -> None:
        self._json = json
        self._tree = tree
        self.plain = plain

    @property
    def unparsed(self) -> int:
        """How many bytes of JSON have to be parsed for the tree: 0 if there is one."""
        return 0 if self._json is None else len(self._json)

    def json(self) -> bytes:
        """Return the JSON text, UTF-8."""
        if self._json is None:
            self._json = orjson.dumps(self._tree)
            if isinstance(self._tree, (dict, list)):
                self._tree = None  # One form is enough to keep.
        return self._json

    def tree(self) -> Any:
        """Return the parsed JSON. The caller owns it: every call returns another tree."""
        # Read first: another thread may be making the text of it.
        tree = self._tree
        if self._json is None:
            if isinstance(tree, (dict, list)):
                self.json()
            return tree
        return orjson.loads(self._json)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Encoded) and self.tree() == other.tree()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Encoded({self.json().decode()})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """One immutable point in the life of a thread.

    Args:
        thread: the thread's id, any string.
        seq: its number within the thread, from 1. Numbers order checkpoints; clocks never do.
        id: the number as 8 hex digits, then random, in UUID form: sorts by number.
        kind: `input` starts a run, `end` finishes one, `step` is a graph's superstep, `update` and `fork` are made by
            hand.
        step: LangGraph's step number: -1 for the first input, one more for each checkpoint after it.
        at: when it was made, ISO 8601 with offset.
        parent: number of the checkpoint it follows, or None.
        previous: number of the checkpoint that holds the last completed run's value, or None.
        questions: how many questions the thread had asked when it was made (their numbers are never reused).
        entrypoint: name of the workflow.
        input: what the run was given (`input`).
        value: what the run returned (`end`, `update`).
        save: what the next run gets as `previous`, where that is not `value`.
        frontier: what runs next, for a graph: the program's own words.
        next: the names of what runs next, for a graph.
        memories: what nested workflows with `checkpointer=True` hold, by where they are called.
        metadata: the user's own, and nothing else of the configuration.
        origin: where the workflow's code is, as the command line recorded it.
    """

    thread: str
    seq: int
    id: str
    kind: CheckpointKind
    step: int
    at: str
    parent: int | None = None
    previous: int | None = None
    questions: int = 0
    entrypoint: str = ""
    input: Encoded | None = None
    value: Encoded | None = None
    save: Encoded | None = None
    frontier: Encoded | None = None
    next: tuple[str, ...] = ()
    memories: Encoded | None = None
    metadata: Encoded | None = None
    origin: dict[str, Any] | None = None

    @property
    def complete(self) -> bool:
        """There is nothing left to run: it holds a value, neither an input nor steps to make."""
        return self.input is None and not self.next


class PendingWrite(NamedTuple):
    """One line of history since a checkpoint. Which fields are set depends on `kind`:

    | kind | fields besides `at` |
    |---|---|
    | run | by, pid, args (names of what it was given beside answers): another run took the checkpoint up |
    | start | path, name, digest, args, attempt, pid: a call began; ns, if it is a nested workflow |
    | result | path, name, digest, args, ms, attempt, cached, value: it returned; by, if it was put in by hand |
    | error | path, name, type, message, trace, ms, attempt, value (its repr): it raised; path () ends the run |
    | interrupt | path, name, index, digest, id, q, value, schema: a question was asked |
    | answer | id, value, by: it was answered |
    | command | value, by: a graph was written to and led somewhere from outside |
    | cancelled | by: the run was stopped |
    | checkpoint | ns, path, value: what a nested workflow with a memory of its own holds after a call |

    In a thread that was forked, the `run` or `cancelled` with `by` "fork ..." says from where.
    """

    kind: WriteKind
    at: str = ""
    path: Path = ()
    name: str = ""
    digest: str | None = None
    args: str | None = None
    ms: float | None = None
    attempt: int | None = None
    cached: bool | None = None
    value: Encoded | None = None
    id: str | None = None
    q: int | None = None
    index: int | None = None  # type: ignore[assignment]
    schema: dict[str, Any] | None = None
    by: str | None = None
    pid: int | None = None
    type: str | None = None
    message: str | None = None
    trace: list[Any] | None = None
    ns: str | None = None
    number: int | None = None


class Saved(NamedTuple):
    """A checkpoint with the journal written since."""

    checkpoint: Checkpoint
    writes: Sequence[PendingWrite]


def open_questions(writes: Sequence[PendingWrite]) -> list[PendingWrite]:
    """Return the questions without an answer, in the order in which they were first asked."""
    asked: dict[str, PendingWrite] = {}
    answered: set[str] = set()
    for write in writes:
        if write.kind == "interrupt" and write.id is not None:
            asked[write.id] = write
            answered.discard(write.id)
        elif write.kind == "answer" and write.id is not None:
            answered.add(write.id)
    return sorted((w for key, w in asked.items() if key not in answered), key=lambda w: w.q or 0)


def thread_status(saved: Saved, *, held: bool) -> ThreadStatus:
    """Say how a thread stands.

    Args:
        saved: its latest checkpoint and journal.
        held: a live process holds the thread.
    """
    if held:
        return "running"
    last: ThreadStatus | None = None
    for write in saved.writes:
        if write.kind == "run":
            last = None
        elif write.kind == "error" and write.path == ():
            last = "failed"
        elif write.kind == "cancelled":
            last = "stopped"
    # A Command may have led a finished graph on.
    over: ThreadStatus = "done" if saved.checkpoint.complete else "crashed"
    return last or ("waiting" if open_questions(saved.writes) else over)


class Claim(ABC):
    """The right to write to one thread, held by one run at a time.

    Readers see nothing of a thread that does not exist before the first `put`; released without one, the claim leaves
    nothing of it behind.
    """

    @abstractmethod
    def load(self, ref: int | str | None = None) -> Saved | None:
        """Return the latest checkpoint with its journal, or the one with number or full id `ref`; None if absent."""

    @abstractmethod
    def put(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint. When this returns, it survives a power cut.

        Raises:
            StateIOError: the disk refused; nothing was saved.
        """

    @abstractmethod
    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        """Add `writes` to the journal of checkpoint `seq`, all or none. With no writes and `sync`, only sync it.

        Args:
            seq: number of a checkpoint that exists.
            writes: what to add, in order.
            sync: when this returns they survive a power cut; otherwise only the death of the process.

        Raises:
            StateIOError: the disk refused; what had been acknowledged before is safe.
        """

    @abstractmethod
    def release(self) -> None:
        """Let others write. Safe to call twice."""


class BaseCheckpointSaver(ABC):
    """Port: where threads are kept."""

    blocking: bool = True
    """Writes wait for a device, so async code does them off the event loop."""

    @abstractmethod
    def claim(self, thread_id: str, *, wait: float | None = 0.0) -> Claim:
        """Take the right to write to a thread.

        Args:
            thread_id: any string.
            wait: for how many seconds to wait for whoever holds it; None waits for ever.

        Raises:
            ThreadBusyError: it is still held after `wait`.
            StateError: what is saved of the thread cannot be used.
        """

    @abstractmethod
    def load(self, thread_id: str, ref: int | str | None = None) -> Saved | None:
        """Read a checkpoint with its journal without claiming the thread: the latest, or number or full id `ref`."""

    @abstractmethod
    def history(self, thread_id: str, *, before: int | None = None, oldest_first: bool = False) -> Iterator[Saved]:
        """Read the checkpoints of a thread, each when it is asked for.

        Args:
            thread_id: any string.
            before: only those below this number.
            oldest_first: in the order in which they were made; otherwise newest first.
        """

    def checkpoints(self, thread_id: str, *, before: int | None = None) -> Iterator[Checkpoint]:
        """Read the checkpoints of a thread without their journals, newest first, those below number `before` only."""
        for saved in self.history(thread_id, before=before):
            yield saved.checkpoint

    @abstractmethod
    def threads(self) -> Iterator[str]:
        """Yield the ids of all threads, in no particular order."""

    @abstractmethod
    def copy_thread(self, old: str, new: str, history: Iterable[Saved]) -> None:
        """Save a whole thread at once: it is there complete, and survives a power cut, or it is not there at all.

        Args:
            old: the thread that it is made from, whose workflow's sources it gets, too.
            new: its id.
            history: its checkpoints with their journals, oldest first, which name it as their thread.

        Raises:
            ThreadExistsError: there is such a thread.
            ThreadBusyError: somebody is about to begin it.
            StateIOError: the disk refused.
        """

    @abstractmethod
    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread with all its checkpoints; silent when there is none.

        Raises:
            ThreadBusyError: a run holds it.
        """
