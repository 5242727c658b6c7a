"""Threads kept in the memory of this process, for tests and for programs that need no second life."""

import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Claim, PendingWrite, Saved
from lgrun.checkpoint.document import check_new, is_meant, number_in
from lgrun.errors import StateError, ThreadBusyError, ThreadExistsError

__all__ = ["InMemorySaver", "MemoryClaim", "MemorySaver"]


class _Thread:
    __slots__ = ("checkpoints", "journals")

    def __init__(self) -> None:
        self.checkpoints: dict[int, Checkpoint] = {}
        self.journals: dict[int, list[PendingWrite]] = {}

    def last(self) -> int:
        return next(reversed(self.checkpoints), 0)

    def find(self, ref: int | str | None) -> Saved | None:
        seq = self.last() if ref is None else number_in(ref)
        checkpoint = self.checkpoints.get(seq)
        if checkpoint is None or not is_meant(checkpoint, ref):
            return None
        return Saved(checkpoint, self.journals[seq][:])


class InMemorySaver(BaseCheckpointSaver):
    """Keeps threads as long as the saver lives.

    Args:
        clock: seconds that only go forward, for waiting.
    """

    blocking = False

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._threads: dict[str, _Thread] = {}
        self._held: set[str] = set()
        self._lock = threading.RLock()
        self._changed = threading.Condition(self._lock)

    def claim(self, thread_id: str, *, wait: float | None = 0.0) -> "MemoryClaim":
        """Take the right to write to a thread; see `BaseCheckpointSaver.claim`."""
        deadline = None if wait is None else self._clock() + wait
        with self._changed:
            while thread_id in self._held:
                left = None if deadline is None else deadline - self._clock()
                if left is not None and left <= 0:
                    raise _busy(thread_id)
                self._changed.wait(left)
            try:
                self._held.add(thread_id)
                return MemoryClaim(self, thread_id)
            except KeyboardInterrupt:
                self._held.discard(thread_id)
                raise

    def load(self, thread_id: str, ref: int | str | None = None) -> Saved | None:
        """Read a checkpoint with its journal; see `BaseCheckpointSaver.load`."""
        with self._lock:
            thread = self._threads.get(thread_id)
            return thread.find(ref) if thread else None

    def history(self, thread_id: str, *, before: int | None = None, oldest_first: bool = False) -> Iterator[Saved]:
        """Read the checkpoints of a thread; see `BaseCheckpointSaver.history`."""
        with self._lock:
            thread = self._threads.get(thread_id)
            numbers = sorted(thread.checkpoints, reverse=not oldest_first) if thread else []
        for seq in numbers:
            if before is None or seq < before:
                found = self.load(thread_id, seq)
                if found is not None:
                    yield found

    def threads(self) -> Iterator[str]:
        """Yield the ids of all threads."""
        with self._lock:
            names = list(self._threads)
        yield from names

    def copy_thread(self, old: str, new: str, history: Iterable[Saved]) -> None:
        """Save a whole thread at once; see `BaseCheckpointSaver.copy_thread`."""
        made = _Thread()
        for checkpoint, writes in history:
            check_new(checkpoint, new, made.last())
            made.checkpoints[checkpoint.seq] = checkpoint
            made.journals[checkpoint.seq] = list(writes)
        with self._lock:
            if new in self._threads:
                raise ThreadExistsError(f"there is a thread {new!r}")
            if new in self._held:
                raise _busy(new)
            if made.checkpoints:
                self._threads[new] = made

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread; see `BaseCheckpointSaver.delete_thread`."""
        with self._lock:
            if thread_id in self._held:
                raise _busy(thread_id)
            self._threads.pop(thread_id, None)

    def holder(self, thread_id: str) -> dict[str, object] | None:
        """Say who runs a thread: this process, or None."""
        with self._lock:
            return {"pid": os.getpid()} if thread_id in self._held else None

    def _put(self, thread_id: str, checkpoint: Checkpoint) -> None:
        with self._lock:
            known = self._threads.get(thread_id)
            thread = known or _Thread()
            check_new(checkpoint, thread_id, thread.last())
            thread.checkpoints[checkpoint.seq] = checkpoint
            thread.journals[checkpoint.seq] = []
            self._threads[thread_id] = thread

    def _append(self, thread_id: str, seq: int, writes: Sequence[PendingWrite]) -> None:
        with self._lock:
            thread = self._threads.get(thread_id)
            if thread is None or seq not in thread.journals:
                raise ValueError(f"thread {thread_id!r} has no checkpoint {seq}")
            thread.journals[seq].extend(writes)

    def _release(self, thread_id: str) -> None:
        with self._changed:
            self._held.discard(thread_id)
            self._changed.notify_all()


MemorySaver = InMemorySaver


class MemoryClaim(Claim):
    """The right to write to one thread of an `InMemorySaver`."""

    died: dict[str, object] | None = None
    """Of whom died while it held the thread: nobody, since the threads die with it."""

    def __init__(self, saver: InMemorySaver, thread_id: str) -> None:
        self._saver = saver
        self._thread_id = thread_id
        self._open = True

    def load(self, ref: int | str | None = None) -> Saved | None:
        """Return a checkpoint with its journal; see `Claim.load`."""
        return self._saver.load(self._thread_id, ref)

    def put(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint; see `Claim.put`."""
        self._check_open()
        self._saver._put(self._thread_id, checkpoint)

    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        """Add to a journal; see `Claim.append`."""
        self._check_open()
        self._saver._append(self._thread_id, seq, writes)

    def release(self) -> None:
        """Let others write."""
        if self._open:
            self._saver._release(self._thread_id)
            self._open = False

    def _check_open(self) -> None:
        if not self._open:
            raise StateError(f"the claim on thread {self._thread_id!r} was released")


def _busy(thread_id: str) -> ThreadBusyError:
    pid = os.getpid()
    return ThreadBusyError(f"thread {thread_id!r} is being run by this process (pid {pid})", {"pid": pid})
