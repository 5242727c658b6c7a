"""Long-term memory kept in the state directory: `FileStore`.

`<state>/store/` has one log, `00000001.jsonl`, to which every batch appends one line under the lock, synced before
`put` returns. A process keeps the items in memory and reads what others have appended before each operation. When most
of a log is about items that have changed since, the items go into a new log with the next number and the old one is
removed.
"""

import errno
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from lgrun._fs import MAX_BYTES, RealFs
from lgrun.checkpoint._claim import Disk
from lgrun.checkpoint._lock import ThreadLock, try_lock
from lgrun.checkpoint._state_root import TEMPORARY, StateRoot, state_directory, write_new
from lgrun.errors import StateError
from lgrun.store._lines import Lines, encode_line, log_name, log_numbers, read_lines, rewritten
from lgrun.store._meaning import Vector
from lgrun.store._ops import IndexConfig, Result, TTLConfig
from lgrun.store._table import Change, Plan, Row, Table, Touch
from lgrun.store.memory import TableStore

__all__ = ["FileStore"]

_STORE = "store"
_START = Lines([], 0, 0)
_COMPACTED_FROM, _COMPACTED_AT, _AGAIN_AT = 100_000, 4, 1.5
"""A log of so many bytes is compacted if its items need a fourth of them at most; if not, the question comes again when
it is half as long again."""
_PATIENCE = 30.0


class FileStore(TableStore):
    """Keeps items in a directory, for any number of processes. What `put` has returned from survives a power cut.

    Args:
        directory: the state directory; found by `state_directory()` if None. The first put creates it.
        index: how items are found by meaning; None: they are not. Vectors are kept beside the items.
        ttl: how long items live if a call says nothing; for ever by default.
        fs: the disk.
        now: seconds since the epoch.
        clock: seconds that only go forward, for waiting.
        sleep: waits for so many seconds.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        index: IndexConfig | None = None,
        ttl: TTLConfig | None = None,
        fs: RealFs | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(index=index, ttl=ttl)
        self.directory = os.path.realpath(state_directory() if directory is None else directory)
        self._path = f"{self.directory}/{_STORE}"
        self._fs = fs or RealFs()
        self._root = StateRoot(self._fs, self.directory)
        self._now = now
        self._clock = clock
        self._sleep = sleep
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._warned = (0, 0)
        self._fd: int | None = None
        self._forget()

    def close(self) -> None:
        """Close the log. The store can still be used."""
        with self._reading:
            self._forget()

    def __del__(self) -> None:
        fd = getattr(self, "_fd", None)
        if fd is not None:
            self._fs.close(fd)

    def _run(self, plan: Plan, vectors: dict[str, Vector]) -> list[Result]:
        now = self._now()
        changes = plan.changes(vectors, now)
        results, touched = list[Result]([None] * len(plan.ops)), list[Touch]()
        if plan.reads:
            with self._reading, Disk(self._path):
                self._catch_up()
                results, touched = self._table.answer(plan, vectors, now)
        if changes or touched:
            with self._writing, Disk(self._path):
                self._write(changes, touched, now)
        return results

    async def _arun(self, plan: Plan, vectors: dict[str, Vector]) -> list[Result]:
        from lgrun._waiting import apart

        return await apart(self._run, plan, vectors)

    # Reading

    def _forget(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            self._fs.close(fd)
        self._table = Table()
        self._is_listed = False
        self._number = 0
        self._asked_at = float(_COMPACTED_FROM)
        self._read = _START

    def _catch_up(self, directory: int | None = None) -> None:
        """Read what was appended since the last time. A log that was compacted meanwhile is read anew."""
        if self._fd is not None:
            found = self._fs.stat(self._fd)
            if found.st_nlink and found.st_size == self._read.length:
                return
            if not found.st_nlink or found.st_size < self._read.length:
                self._forget()
        if self._fd is None and not self._open(directory):
            return
        self._take_in()

    def _open(self, directory: int | None) -> bool:
        """Open the latest log, if there is one."""
        if directory is not None:
            return self._open_latest(directory)
        found = None
        root = self._root.open(create=False)
        if root is None:
            return False
        try:
            found = self._fs.open_dir(_STORE, root)
            return self._open_latest(found)
        except FileNotFoundError:
            return False
        finally:
            self._close(found, root)

    def _open_latest(self, directory: int) -> bool:
        while numbers := log_numbers(self._fs.listdir(directory)):
            try:
                self._fd = self._fs.open_read(log_name(max(numbers)), directory)
            except FileNotFoundError:
                continue  # it was compacted while we looked
            self._number = max(numbers)
            return True
        return False

    def _take_in(self) -> None:
        assert self._fd is not None
        start, where = self._read, f"{self._path}/{log_name(self._number)}"
        try:
            found = read_lines(self._fs.read_rest(self._fd, start.length), self._number, where, start)
            doubtful = bool(found.damage)
        except StateError:
            if not start.length:
                raise
            doubtful = True
        if doubtful and start.length:
            # What was read before may have been taken back: its writer could not sync it.
            fd, number = self._fd, self._number
            self._fd = None
            self._forget()
            self._fd, self._number = fd, number
            found = read_lines(self._fs.read_rest(fd, 0), number, where, _START)
        if found.damage and self._warned != (self._number, found.length):
            self._warned = (self._number, found.length)
            _warn(f"{found.damage} is damaged and left out")
        self._took_in(found)

    def _took_in(self, found: Lines) -> None:
        for change in found.changes:
            self._table.apply(change)
        self._read = Lines([], *found[1:])

    # Writing

    def _write(self, changes: list[Change], touched: list[Touch], now: float) -> None:
        with self._locked() as directory:
            with self._reading:
                if self._fd is not None and not self._fs.is_at(self._fd, log_name(self._number), directory):
                    self._forget()  # the state directory was moved away, or replaced
                self._catch_up(directory)
                known = [
                    change
                    for change in (*touched, *changes)
                    if isinstance(change, Row) or self._table.find(change.namespace, change.key, now)
                ]
            if not known:
                return
            sync = any(not isinstance(change, Touch) for change in known)
            before = self._read
            try:
                length = self._append(directory, known, sync=sync)
            except OSError as error:
                if error.errno != errno.EFBIG or not self._compact(directory, now, 1):
                    raise
                before = self._read
                length = self._append(directory, known, sync=sync)
            with self._reading:
                if self._fd is not None and self._read is before:
                    self._took_in(Lines(known, before.lines + 1, length))
                self._catch_up(directory)
            if self._read.length >= self._asked_at:
                self._asked_at = self._read.length * _AGAIN_AT
                self._compact(directory, now, _COMPACTED_AT)

    def _append(self, directory: int, changes: list[Change], *, sync: bool) -> int:
        """Add a line; return the length of the log. If this raises, nothing was added."""
        number, read = self._number or 1, self._read
        line = encode_line(number, read.lines + 1, changes)
        if read.length + len(line) > MAX_BYTES:
            raise OSError(errno.EFBIG, f"more than {MAX_BYTES >> 20} MB could not be read again", log_name(number))
        fd = self._fs.open_append(log_name(number), directory)
        try:
            if read.torn or read.damage:
                self._cut(fd, read)
            try:
                if self._fs.write(fd, line) != len(line):
                    raise OSError(errno.ENOSPC, "No space left on device (only part of a record was written)")
                if sync:
                    self._fs.sync(fd)
                self._list(directory)
            except BaseException as error:
                self._fs.truncate(fd, read.length)
                if isinstance(error, OSError) and error.filename is None:
                    error.filename = log_name(number)
                raise
        finally:
            self._fs.close(fd)
        return read.length + len(line)

    def _cut(self, fd: int, read: Lines) -> None:
        if read.damage:
            _warn(f"{read.damage} is damaged and was cut off; it may have been acknowledged")
        self._fs.truncate(fd, read.length)

    def _list(self, directory: int) -> None:
        """Wait until the names that lead to the log would survive a power cut. A writer that died may not have."""
        if not self._is_listed:
            self._fs.sync_dir(directory)
            self._root.sync()
            self._is_listed = True

    def _compact(self, directory: int, now: float, times: float) -> bool:
        """Put the items into a new log, if they need so many times less; tell whether that was done.

        A disk that has no room for both logs is no reason to fail: what was to be stored is stored.
        """
        number = self._number + 1
        data = rewritten([[row] for row in self._table.rows(now)], number)
        if self._read.length < len(data) * times:
            return False
        try:
            write_new(self._fs, directory, log_name(number), data)
            for name in self._fs.listdir(directory):
                # What a writer that died had begun to write, too: we have the lock.
                if name.startswith(TEMPORARY) or (log_numbers([name]) and name != log_name(number)):
                    self._fs.unlink(name, directory)
        except OSError as error:
            _warn(f"{self._path}/{log_name(self._number)} could not be compacted: {error.strerror or error}")
            return False
        with self._reading:
            self._catch_up(directory)
        return True

    @contextmanager
    def _locked(self) -> Iterator[int]:
        """Give the descriptor of the locked directory."""
        root = directory = lock = None
        deadline, pause = self._clock() + _PATIENCE, 0.0002
        try:
            root = self._root.open(create=True)
            assert root is not None
            directory = self._make(root)
            while lock is None:
                lock = self._try_lock(root, directory)
                if lock is None:
                    if self._clock() >= deadline:
                        raise StateError(
                            f"{self._path} has been locked by another process for {_PATIENCE:.0f} seconds; "
                            "see which one with: fuser -v lock"
                        )
                    self._sleep(pause)
                    pause = min(pause * 1.5, 0.005)
            yield directory
        finally:
            if lock is not None:
                lock.release()
            self._close(directory, root)

    def _try_lock(self, root: int, directory: int) -> ThreadLock | None:
        try:
            return try_lock(self._fs, _STORE, root, directory)
        except FileNotFoundError:
            raise StateError(f"{self._path} was removed while it was written to; nothing was stored") from None

    def _make(self, root: int) -> int:
        try:
            return self._fs.open_dir(_STORE, root)
        except FileNotFoundError:
            try:
                self._fs.mkdir(_STORE, root)
            except FileExistsError:
                pass
            return self._fs.open_dir(_STORE, root)

    def _close(self, *fds: int | None) -> None:
        for fd in fds:
            if fd is not None:
                self._fs.close(fd)


def _warn(message: str) -> None:
    import logging  # takes as long to import as everything here together

    logging.getLogger("lgrun").warning("%s", message)
