"""Group commit: results that finish together share one line and one sync.

Whoever needs its record on disk and finds no write in progress writes everything that is queued; the others wait for
that write and find theirs done. A thread that has other calls to run has another thread write and wait.

The order of records is that of what happened. That a call began is recorded when something else is, or when the call
has lasted for a tick, for some more where calls come and go. Where nothing else was recorded before its result, the
result says it.
"""

import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple

from lgrun._engine.ticks import QUIET, REST, TICKS
from lgrun._waiting import WAITING
from lgrun.checkpoint.base import Checkpoint, Claim, Path, PendingWrite
from lgrun.types import Durability

_GLANCE = 0.5
"""Seconds after which a wait for somebody else's write begins anew."""


_MOST_WAITING = 32
"""Records that may wait to be written beside those that are being written, before whoever has another one waits."""


class Begun(NamedTuple):
    """A call that began.

    Args:
        path: where it was made.
        plain: its result says all that the record of its start does.
        record: makes that record.
    """

    path: Path
    plain: bool
    record: Callable[[], PendingWrite]


class Journal:
    """The journal of one checkpoint, as a run writes it.

    Args:
        claim: the right to write to the thread.
        seq: number of the checkpoint.
        durability: `sync`: `flush` returns when the disk has it; `async`: when the operating system has it; `exit`:
            at once, and everything is written at the next barrier.
        shared: other processes can read the journal while the run goes on.
        first: the checkpoint itself, if it is saved only when something has to be written under it.
        watch: as `Ticks.add`.
        apart: has something done by another thread, for the one that looks on must not wait for a disk.

    Attributes:
        unsaved: that checkpoint, as long as it is not saved.
    """

    def __init__(
        self,
        claim: Claim,
        seq: int,
        durability: Durability,
        *,
        shared: bool,
        first: Checkpoint | None = None,
        watch: Callable[[Iterator[int]], bool] = TICKS.add,
        apart: Callable[[Callable[[], None]], object] = WAITING.submit,
    ) -> None:
        self.unsaved = first
        self._claim = claim
        self._seq = seq
        self._durability = durability
        self._shared = shared
        # Starts that are not queued. All of them are later than what is.
        self._begun: list[Begun] = []
        self._noted = 0
        self._watch = watch
        self._apart = apart
        # Nobody looks at what nobody could read.
        self._is_watched = not shared or durability == "exit"
        self._queue: list[PendingWrite] = []
        self._queued = 0
        self._written = 0
        self._is_writing = False
        self._failure: BaseException | None = None
        self._lock = threading.Lock()
        # Who is to be told of a write, and whether somebody sees to it.
        self._waiting: list[tuple[int, Callable[[BaseException | None], None]]] = []
        self._is_seen_to = False
        # Made by the first who has to wait.
        self._wrote: threading.Condition | None = None

    def move(self, seq: int, first: Checkpoint | None = None) -> None:
        """Write under another checkpoint from now on. What nobody has waited for goes with the one before."""
        with self._lock:
            while self._is_writing:
                self._wait()
            self.unsaved = first
            self._seq = seq
            self._queue = []
            self._begun = []
            self._written = self._queued

    def add(self, *writes: PendingWrite) -> int:
        """Queue records; return the ticket with which to `flush` them."""
        with self._lock:
            if self._begun and writes:
                last, first = self._begun[-1], writes[0]
                if last.plain and first.kind == "result" and first.path == last.path:
                    self._begun.pop()
                self._queue_begun()
            self._queue.extend(writes)
            self._queued += len(writes)
            return self._queued

    def note(self, start: Begun) -> None:
        """Take note that a call began. Its record need not survive a power cut, and nobody waits for it."""
        with self._lock:
            self._begun.append(start)
            self._noted += 1
            if not self._is_watched:
                self._is_watched = self._watch(self._look_on())

    def _queue_begun(self) -> None:
        if self._begun:
            self._queue.extend(start.record() for start in self._begun)
            self._queued += len(self._begun)
            self._begun = []

    def _look_on(self) -> Iterator[int]:
        """Write the starts of calls that last, as long as calls begin."""
        quiet, noted, oldest, pause = 0, self._noted, None, 1
        while quiet < QUIET:
            yield pause
            with self._lock:
                pause = REST if self._noted > noted + 1 else 1
                quiet = 0 if self._begun or noted != self._noted else quiet + 1
                noted, before = self._noted, oldest
                oldest = self._begun[0] if self._begun else None
                # What is queued is about to be written, and takes along what is later.
                if lasts := oldest is not None and oldest is before and not self._queue and not self._is_writing:
                    lasting, self._begun, self._is_writing = self._begun, [], True
                self._is_watched = quiet < QUIET
            if lasts:
                self._apart(partial(self._write_begun, lasting))

    def _write_begun(self, begun: list[Begun]) -> None:
        starts = [start.record() for start in begun]
        try:
            self._claim.append(self._seq, starts, sync=False)
        except Exception:
            # Whoever writes next will be told, and stops the run.
            with self._lock:
                self._queue[:0] = starts
                self._queued += len(starts)
        finally:
            self._is_writing = False
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
            StateIOError: the disk refused, now or before: what a write that failed took along is nowhere, and nothing
                more is written.
        """
        writes, batch = False, []
        try:
            with self._lock:
                # Not a lock of its own: who waited for it would wait for the next write, too, although this one was
                # his.
                while self._is_writing and self.due(ticket, barrier):
                    self._wait()
                if not self.due(ticket, barrier):
                    return
                if self._failure is not None:
                    raise self._failure
                writes = self._is_writing = True
                if barrier:
                    self._queue_begun()
                batch, self._queue, queued = self._queue, [], self._queued
            self._write(batch, barrier or self._durability == "sync")
            self._written = queued
        except BaseException as error:
            # The handler of a signal may raise anything. Whoever writes next takes them along. A record that is there
            # twice says the same twice.
            self._queue[:0] = batch
            if isinstance(error, Exception):
                self._failure = error
            raise
        finally:
            if writes:
                # Before any call, which an interrupt may cut short.
                self._is_writing = False
                self._end_writing()

    def flush_apart(self, ticket: int, told: Callable[[BaseException | None], None]) -> bool:
        """Have another thread `flush` up to `ticket`, which then tells what that raised, if it did.

        Returns:
            False: so many wait that whoever asks had better wait, too.
        """
        with self._lock:
            if len(self._waiting) >= _MOST_WAITING:
                return False
            self._waiting.append((ticket, told))
            begins, self._is_seen_to = not self._is_seen_to, True
        if begins:
            self._apart(self._see_to)
        return True

    def _see_to(self) -> None:
        while True:
            with self._lock:
                waiting, self._waiting = self._waiting, []
                self._is_seen_to = bool(waiting)
            if not waiting:
                return
            failure: BaseException | None = None
            try:
                self.flush(max(ticket for ticket, _ in waiting))
            except BaseException as error:
                failure = error
            for ticket, told in waiting:
                # What others wrote before the disk refused is there.
                told(failure if self._written < ticket else None)

    def _wait(self) -> None:
        self._wrote = self._wrote or threading.Condition(self._lock)
        # Not for ever: whoever writes may be interrupted before it can say that it is over.
        self._wrote.wait(_GLANCE)

    def _end_writing(self) -> None:
        with self._lock:
            if self._wrote is not None:
                self._wrote.notify_all()

    def _write(self, batch: list[PendingWrite], sync: bool) -> None:
        if self.unsaved is not None:
            self._claim.put(self.unsaved)
            self.unsaved = None
        if batch or sync:
            self._claim.append(self._seq, batch, sync=sync)
