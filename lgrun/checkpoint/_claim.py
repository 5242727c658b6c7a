"""The right to write to one thread of a `FileSaver`: commits, in order, or errors that name the file.

`Disk` is the one place where an `OSError` becomes a `StateIOError`.
"""

import os
import threading
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from types import TracebackType
from typing import Any, final

from lgrun.checkpoint._chains import Chains, Recalled
from lgrun.checkpoint._journal_file import JournalFile
from lgrun.checkpoint._lock import ThreadLock, local_time
from lgrun.checkpoint._not_stored import not_stored
from lgrun.checkpoint._state_root import StateRoot
from lgrun.checkpoint._thread_files import JOURNAL, ThreadFiles
from lgrun.checkpoint.base import Checkpoint, Claim, PendingWrite, Saved
from lgrun.checkpoint.document import check_new
from lgrun.errors import DamagedStateError, StateError, StateIOError

__all__ = ["Disk", "FileClaim", "Place"]


class Disk:
    """Turns an OSError into a StateIOError that names the file.

    Args:
        path: the directory that the error's file name is relative to.
        vanishing: let a FileNotFoundError through, since the caller tries again.
    """

    __slots__ = ("_path", "_vanishing")

    def __init__(self, path: str, *, vanishing: bool = False) -> None:
        self._path = path
        self._vanishing = vanishing

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, FileNotFoundError) and self._vanishing:
            return
        if isinstance(error, OSError):
            named = isinstance(error.filename, str)
            file = os.path.join(self._path, error.filename) if named else self._path
            raise StateIOError(f"{file}: {error.strerror or error}") from error


@final
class Place:
    """A thread's directory, locked.

    Args:
        files: the directory.
        lock: its lock.
        threads: descriptor of the directory it is in.
        name: its name there.
    """

    __slots__ = ("_left", "_name", "files", "lock", "threads")

    def __init__(self, files: ThreadFiles, lock: ThreadLock, threads: int, name: str) -> None:
        self.files = files
        self.lock = lock
        self.threads = threads
        self._name = name
        self._left = False

    def remove(self) -> None:
        """Remove the directory of a thread that was never put. Whoever has its lock file open will notice."""
        if not self.lock.is_held:
            return
        try:
            self.files.fs.remove_tree(self._name, self.threads)
        except OSError:
            pass

    def leave(self) -> None:
        """Unlock and close."""
        try:
            self.lock.release()
        finally:
            if not self._left:
                self._left = True
                self.files.fs.close(self.files.fd)
                self.files.fs.close(self.threads)


class FileClaim(Claim):
    """The right to write to one thread of a `FileSaver`.

    Attributes:
        died: what the previous run wrote about itself (pid, host, since, cmd), if it died holding the thread.
    """

    def __init__(
        self,
        place: Place,
        root: StateRoot,
        *,
        origin: dict[str, Any] | None,
        source: bytes | None,
        strict: bool,
        store_input: bool,
        recalled: Recalled,
    ) -> None:
        self._place = place
        self._root = root
        self._origin = origin
        self._source = source
        self._store_input = store_input
        self._files = place.files
        self._strict = strict
        self._mutex = threading.Lock()
        self._journal: JournalFile | None = None
        self._broken = False
        self._recovered: Saved | None = None
        self._chains = Chains(self._files, recalled)
        self._exists = self._files.exists()
        self.died = place.lock.died
        self._latest = self._find_latest(0 if self.died else place.lock.latest)
        if self._latest:
            self._recover()
        place.lock.announce()

    def load(self, ref: int | str | None = None) -> Saved | None:
        """Return a checkpoint with its journal; see `Claim.load`."""
        with self._mutex, Disk(self._files.path):
            self._check_held()
            if ref is None and self._recovered is not None:
                return self._recovered
            found = self._files.again(lambda: self._files.load(ref), tries=1)
            if found is not None:
                self._chains.saw(found.checkpoint)
            return found

    def put(self, checkpoint: Checkpoint) -> None:
        """Save a checkpoint; see `Claim.put`."""
        with self._mutex, Disk(self._files.path):
            self._check_usable()
            check_new(checkpoint, self._files.thread_id, self._latest)
            try:
                self._put(self._with_origin(checkpoint))
            except OSError:
                self._broken = True
                raise
            self._latest = checkpoint.seq
            self._recovered = None

    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        """Add to a journal; see `Claim.append`."""
        if not self._store_input:
            # Of a run, it is the names of what it was given.
            writes = [write if write.kind == "run" else write._replace(args=None) for write in writes]
        try:
            self._append(seq, writes, sync)
        except StateIOError as error:
            if not isinstance(error.__cause__, OSError) or not writes:
                raise
            raise StateIOError(not_stored(writes, str(error), error.__cause__, self._safe_results(seq))) from error

    def _append(self, seq: int, writes: Sequence[PendingWrite], sync: bool) -> None:
        with self._mutex, Disk(self._files.path):
            self._check_usable()
            try:
                journal = self._journal
                if journal is None or journal.seq != seq:
                    journal = self._open_journal(seq)
                if writes:
                    self._recovered = None
                    journal.append(writes, sync=sync)
                elif sync:
                    journal.sync()
            finally:
                self._broken = self._journal is not None and self._journal.is_broken

    def release(self) -> None:
        """Let others write."""
        with self._mutex:
            try:
                self._close_journal()
                if not self._latest:
                    self._place.remove()
                self._place.lock.latest = 0 if self._broken else self._latest
                self._chains.leave()
            finally:
                self._place.leave()

    def _safe_results(self, seq: int) -> int | None:
        """Return how many results are safe in a journal; None if the disk does not even say that."""
        journal = self._journal
        length = journal.length if journal is not None and journal.seq == seq else None
        try:
            return self._files.count_results(seq, length)
        except (OSError, StateError):
            return None

    def _find_latest(self, hint: int) -> int:
        """Return the number of the latest checkpoint; a long directory is read only if it is not `hint`."""
        if hint and self._files.is_latest(hint):
            return hint
        names = self._files.fs.listdir(self._files.fd)
        self._files.remove_temporary(names)
        return max(self._files.again(lambda: self._files.numbers(names), tries=1) or [], default=0)

    def _recover(self) -> None:
        if not self._exists:
            raise DamagedStateError(f"{self._files.path}/thread.json is missing; nothing was changed")
        seq = self._latest
        checkpoint = self._files.checkpoint(seq)
        self._chains.saw(checkpoint)
        self._chains.check(checkpoint)
        journal = self._files.recover(seq, strict=self._strict)
        if self.died is not None:
            # What it wrote can be seen, but need not be on the disk; this run will build on it.
            self._files.sync(seq)
        self._files.read = None
        self._recovered = Saved(checkpoint, journal.writes)
        self._end = (seq, journal.lines, journal.length)

    def _put(self, checkpoint: Checkpoint) -> None:
        self._close_journal(sync=True)
        if not self._exists:
            self._files.create(local_time(time.time()))
            self._exists = True
        if not self._latest:
            # Always: a run that died may have left the directories without this.
            self._files.fs.sync_dir(self._place.threads)
            self._root.sync()
        sha256 = (checkpoint.origin or {}).get("sha256")
        if checkpoint.kind == "input" and self._source is not None and isinstance(sha256, str):
            self._files.put_source(sha256, self._source)
        planned = self._chains.planned(checkpoint)
        patches = {name: plan.patch for name, plan in planned.items()}
        then = partial(self._new_journal, checkpoint.seq) if self._expects_writes(checkpoint) else None
        crc = self._files.put(checkpoint, patches, then)
        self._chains.wrote(checkpoint, planned, crc)

    def _with_origin(self, checkpoint: Checkpoint) -> Checkpoint:
        begins = checkpoint.kind == "input" or not checkpoint.complete
        if begins and checkpoint.origin is None and self._origin is not None:
            return replace(checkpoint, origin=self._origin)
        return checkpoint

    def _expects_writes(self, checkpoint: Checkpoint) -> bool:
        """Tell whether something will be written under a checkpoint: by a graph always, else as last time."""
        if checkpoint.kind not in ("input", "step"):
            return False
        return bool(checkpoint.next) or self._latest < 2 or self._files.has(self._latest - 1, JOURNAL)

    def _new_journal(self, seq: int) -> None:
        self._journal = JournalFile(self._files, seq, listed=True)

    def _open_journal(self, seq: int) -> JournalFile:
        if not self._files.has(seq):
            raise ValueError(f"thread {self._files.thread_id!r} has no checkpoint {seq}")
        self._close_journal(sync=True)
        if self._recovered is not None and self._end[0] == seq:
            lines, length = self._end[1:]
        else:
            found = self._files.recover(seq, strict=self._strict)
            lines, length = found.lines, found.length
        self._journal = JournalFile(self._files, seq, lines, length)
        return self._journal

    def _close_journal(self, *, sync: bool = False) -> None:
        journal = self._journal
        if journal is not None:
            if sync:
                journal.sync()
            self._journal = None
            journal.close()

    def _check_held(self) -> None:
        name = self._files.thread_id
        if not self._place.lock.is_held:
            raise StateError(f"the claim on thread {name!r} was released, or is the parent process's")

    def _check_usable(self) -> None:
        self._check_held()
        if self._broken:
            raise StateIOError(f"{self._files.path}: the disk failed before; nothing more is written in this run")
