"""Group commit: results that finish together share one line and one sync.

There is no writer thread. Whoever needs its record on disk and finds no write in progress writes everything that is
queued; the others wait for that write and find theirs done.
"""

import threading

from lgrun.checkpoint.base import Checkpoint, Claim, Path, PendingWrite
from lgrun.types import Durability


class Journal:
    """The journal of one checkpoint, as a run writes it.

    Args:
        claim: the right to write to the thread.
        seq: number of the checkpoint.
        durability: `sync`: `flush` returns when the disk has it; `async`: when the operating system has it; `exit`:
            at once, and everything is written at the next barrier.
        shared: other processes can read the journal while the run goes on.
        first: the checkpoint itself, if it is saved only when something has to be written under it.

    Attributes:
        unsaved: that checkpoint, as long as it is not saved.
    """

    def __init__(
        self, claim: Claim, seq: int, durability: Durability, *, shared: bool, first: Checkpoint | None = None
    ) -> None:
        self.unsaved = first
        self._claim = claim
        self._seq = seq
        self._durability = durability
        self._shared = shared
        self._private = not shared or durability == "exit"
        self._begun: dict[Path, PendingWrite] = {}
        self._queue: list[PendingWrite] = []
        self._queued = 0
        self._written = 0
        self._is_writing = False
        self._lock = threading.Lock()
        # Made by the first who has to wait.
        self._wrote: threading.Condition | None = None

    def move(self, seq: int, first: Checkpoint | None = None) -> None:
        """Write under another checkpoint from now on. What nobody has waited for goes with the one before."""
        with self._lock:
            self.unsaved = first
            self._seq = seq
            self._queue = []
            self._begun.clear()
            self._written = self._queued

    def add(self, *writes: PendingWrite) -> int:
        """Queue records; return the ticket with which to `flush` them."""
        with self._lock:
            if self._begun:
                for write in writes:
                    if write.kind == "result":
                        self._begun.pop(write.path, None)
            self._queue.extend(writes)
            self._queued += len(writes)
            return self._queued

    def note(self, write: PendingWrite) -> None:
        """Record at once what need not survive a power cut: that a task began. Joins a write that is due anyway.

        Where nobody else could read it, it waits, and is dropped when the task's result comes first.
        """
        if self._private:
            self._begun[write.path] = write
            return
        with self._lock:
            if self._queue or self._is_writing:
                self._queue.append(write)
                self._queued += 1
                return
            self._is_writing = True
        try:
            self._claim.append(self._seq, [write], sync=False)
        finally:
            self._end_writing()

    def due(self, ticket: int, barrier: bool) -> bool:
        """Tell whether a `flush` with these arguments has anything to do."""
        return barrier or (self._durability != "exit" and self._written < ticket)

    def waits(self, barrier: bool) -> bool:
        """Tell whether a `flush` waits for a disk, be it with another one that does."""
        return self._shared and (barrier or self._durability == "sync" or self._is_writing)

    def flush(self, ticket: int, barrier: bool = False) -> None:
        """Return when everything up to `ticket` is as durable as the durability asks, with `barrier` on the disk.

        Raises:
            StateIOError: the disk refused.
        """
        with self._lock:
            # Not a lock of its own: who waited for it would wait for the next write, too, although this one was his.
            while self._is_writing and self.due(ticket, barrier):
                self._wrote = self._wrote or threading.Condition(self._lock)
                self._wrote.wait()
            if not self.due(ticket, barrier):
                return
            self._is_writing = True
        try:
            self._write(barrier)
        finally:
            self._end_writing()

    def _end_writing(self) -> None:
        with self._lock:
            self._is_writing = False
            if self._wrote is not None:
                self._wrote.notify_all()

    def _write(self, barrier: bool) -> None:
        with self._lock:
            batch, self._queue, queued = self._queue, [], self._queued
            if barrier and self._begun:
                batch = [*self._begun.values(), *batch]
                self._begun.clear()
        if self.unsaved is not None:
            self._claim.put(self.unsaved)
            self.unsaved = None
        sync = barrier or self._durability == "sync"
        if batch or sync:
            self._claim.append(self._seq, batch, sync=sync)
        self._written = queued
