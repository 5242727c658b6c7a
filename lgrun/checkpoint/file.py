"""Threads kept in a directory: `FileSaver`.

What is acknowledged survives a power cut. See `_thread_files` for the files, `document` for what is in them,
`_claim` for writing and `_lock` for who may.
"""

import os
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from lgrun import _hashing
from lgrun._configuration import configured_switch
from lgrun._fs import RealFs
from lgrun.checkpoint._chains import Recalled
from lgrun.checkpoint._claim import Disk, FileClaim, Place
from lgrun.checkpoint._copying import Copy, remove_unfinished, sources_of
from lgrun.checkpoint._lock import (
    LOCK,
    ThreadLock,
    busy_message,
    elsewhere_message,
    is_alive,
    is_elsewhere,
    local_time,
    parse_holder,
    try_lock,
)
from lgrun.checkpoint._state_root import TEMPORARY, StateRoot, state_directory
from lgrun.checkpoint._thread_files import ReadJournal, ThreadFiles, directory_name, source_name, thread_in
from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint, Saved
from lgrun.errors import DamagedStateError, ThreadBusyError, ThreadExistsError

__all__ = ["FileClaim", "FileSaver", "state_directory"]

_THREADS, _TRASH = "threads", "trash"
_GRACE = 0.1


class FileSaver(BaseCheckpointSaver):
    """Keeps threads in a directory, for one writer per thread and any number of readers, across processes.

    Args:
        directory: the state directory; found by `state_directory()` if None. The first claim creates it.
        fs: the disk.
        origin: where the workflow's code is (ref, path, project_path, name, sha256); stored in every `input`
            checkpoint that says nothing itself.
        source: that code, kept once per version.
        strict: refuse a journal whose last line is damaged instead of cutting the line off with a warning.
        break_lock: take a thread that a run on another machine never released, on a network file system.
        trust_state: use a directory that others can write to.
        store_input: keep a summary of each task's arguments, for people; the setting of this name if None.
        clock: seconds that only go forward, for waiting.
        sleep: waits for so many seconds.
    """

    recalls = False
    """Keep the journal that `load` read last, so that a claim right after it need not decode it again."""

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        fs: RealFs | None = None,
        origin: dict[str, Any] | None = None,
        source: bytes | None = None,
        strict: bool = False,
        break_lock: bool = False,
        trust_state: bool = False,
        store_input: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.directory = os.path.realpath(state_directory() if directory is None else directory)
        self.origin = origin
        self.source = source
        self._fs = fs or RealFs()
        self.store_input = configured_switch("store_input", True) if store_input is None else store_input
        self.strict = strict
        self.break_lock = break_lock
        self._clock = clock
        self._sleep = sleep
        self._root = StateRoot(self._fs, self.directory)
        self._root.is_trusted = trust_state
        self._read: ReadJournal | None = None
        self._recalled = Recalled()

    def claim(self, thread_id: str, *, wait: float | None = 0.0) -> "FileClaim":
        """Take the right to write to a thread; see `BaseCheckpointSaver.claim`.

        Raises:
            StateIOError: the disk refused.
        """
        place = self._lock(thread_id, wait)
        try:
            place.files.read, self._read = self._read, None
            with Disk(place.files.path):
                return FileClaim(
                    place,
                    self._root,
                    origin=self.origin,
                    source=self.source,
                    strict=self.strict,
                    store_input=self.store_input,
                    recalled=self._recalled,
                )
        except BaseException:
            place.leave()
            raise

    def load(self, thread_id: str, ref: int | str | None = None) -> Saved | None:
        """Read a checkpoint with its journal; see `BaseCheckpointSaver.load`."""
        with self._reading(thread_id) as files:
            if files is None:
                return None
            found = files.again(lambda: files.load(ref))
            self._read = files.read if self.recalls else None
            return found

    def history(self, thread_id: str, *, before: int | None = None, oldest_first: bool = False) -> Iterator[Saved]:
        """Read the checkpoints of a thread; see `BaseCheckpointSaver.history`."""
        with self._reading(thread_id) as files:
            if files is None:
                return
            numbers = files.again(files.numbers) or []
            for seq in numbers if oldest_first else reversed(numbers):
                found = files.saved_again(seq) if before is None or seq < before else None
                if found is not None:
                    yield found

    def checkpoints(self, thread_id: str, *, before: int | None = None) -> Iterator[Checkpoint]:
        """Read the checkpoints of a thread without their journals; see `BaseCheckpointSaver.checkpoints`."""
        with self._reading(thread_id) as files:
            if files is None:
                return
            for seq in reversed(files.again(files.numbers) or []):
                found = files.checkpoint_again(seq) if before is None or seq < before else None
                if found is not None:
                    yield found

    def threads(self) -> Iterator[str]:
        """Yield the ids of all threads. Of one whose name cannot be read there is a warning."""
        with Disk(self.directory):
            threads = self._open_threads(create=False)
            if threads is None:
                return
            try:
                for name in self._fs.listdir(threads):
                    if name.startswith(TEMPORARY):
                        continue  # a thread that is being copied
                    found = thread_in(self._fs, name, threads, f"{self.directory}/{_THREADS}/{name}")
                    if found is not None:
                        yield found
            finally:
                self._fs.close(threads)

    def copy_thread(self, old: str, new: str, history: Iterable[Saved]) -> None:
        """Save a whole thread at once; see `BaseCheckpointSaver.copy_thread`."""
        with Disk(f"{self.directory}/{_THREADS}"):
            threads = self._open_threads(create=True)
            assert threads is not None
            copy = None
            try:
                remove_unfinished(self._fs, threads)
                copy = Copy(self._fs, threads, f"{self.directory}/{_THREADS}", new)
                with self._reading(old) as files:
                    for sha256, source in sources_of(files) if files else ():
                        copy.add_source(sha256, source)
                copy.fill(history, local_time(time.time()))
                while not copy.move(directory_name(new)):
                    self._make_room(new)
                self._root.sync()
            finally:
                if copy is not None:
                    copy.leave()
                self._fs.close(threads)

    def _make_room(self, thread_id: str) -> None:
        """Remove what a run has left that died before it had begun the thread."""
        place = self._lock(thread_id, 0.0)
        try:
            if place.files.exists() and place.files.numbers():
                raise ThreadExistsError(f"there is a thread {thread_id!r}")
            place.remove()
        finally:
            place.leave()

    def delete_thread(self, thread_id: str) -> None:
        """Remove a thread; see `BaseCheckpointSaver.delete_thread`."""
        with self._reading(thread_id, checked=False) as files:
            if files is None:
                self._sync_removals()
                return
        place = self._lock(thread_id, 0.0)
        try:
            with Disk(self.directory):
                self._discard(directory_name(thread_id), place.threads)
        finally:
            place.leave()

    def holder(self, thread_id: str) -> dict[str, Any] | None:
        """Say who runs a thread (pid, host, since, cmd), without taking its lock; None if nobody does."""
        with self._reading(thread_id, checked=False) as files:
            holder = _read_holder(files) if files else None
        return holder if holder and is_alive(holder) else None

    def size(self, thread_id: str) -> int:
        """Return how many bytes the files of a thread hold; 0 if there is none."""
        with self._reading(thread_id, checked=False) as files:
            return files.size() if files else 0

    def read_source(self, thread_id: str, sha256: str) -> bytes | None:
        """Return the workflow's source as it was when its hash was `sha256`; None if it was not kept.

        Raises:
            DamagedStateError: it was changed since.
        """
        with self._reading(thread_id) as files:
            if files is None:
                return None
            try:
                source = self._fs.read_file(source_name(sha256), files.fd)
            except FileNotFoundError:
                return None
            if _hashing.sha256(source).hexdigest() != sha256:
                raise DamagedStateError(f"{files.path}/{source_name(sha256)} is damaged")
            return source

    def _lock(self, thread_id: str, wait: float | None) -> "Place":
        started = self._clock()
        deadline = None if wait is None else started + wait
        pause = 0.001
        while True:
            found = None
            try:
                with Disk(f"{self.directory}/{_THREADS}", vanishing=True):
                    found = self._try_lock(thread_id)
            except FileNotFoundError:
                continue  # it was deleted while we took the lock
            except KeyboardInterrupt:
                if type(found) is Place:
                    found.leave()
                raise
            if type(found) is Place:
                return found
            left = pause if deadline is None else deadline - self._clock()
            if left <= 0 and (found is None or not is_alive(found)):
                # Whoever has the lock says so only after it has read the thread.
                left = started + _GRACE - self._clock()
            if left <= 0:
                raise ThreadBusyError(busy_message(thread_id, found), found)
            self._sleep(min(pause, left))
            pause = min(pause * 1.5, 0.05)

    def _try_lock(self, thread_id: str) -> "Place | dict[str, Any] | None":
        """Return the locked directory, or what is known of the holder."""
        name = directory_name(thread_id)
        fd = lock = None
        threads = self._open_threads(create=True)
        assert threads is not None
        try:
            fd = self._open_thread(name, threads)
            files = self._files(fd, thread_id, f"{self.directory}/{_THREADS}/{name}")
            with Disk(files.path, vanishing=True):
                lock = try_lock(self._fs, name, threads, fd)
            if lock is not None:
                self._check_holder(lock, fd, thread_id)
                return Place(files, lock, threads, name)
            holder = _read_holder(files)
        except BaseException:
            if lock is not None:
                lock.release()
            self._close(fd, threads)
            raise
        self._close(fd, threads)
        return holder

    def _check_holder(self, lock: ThreadLock, directory: int, thread_id: str) -> None:
        """Refuse a thread that a run on another machine may still hold, although its lock does not reach this one."""
        died = lock.died
        if died is None or self.break_lock or not is_elsewhere(died) or not self._fs.is_remote(directory):
            return
        self._fs.close(lock.forget())
        raise ThreadBusyError(elsewhere_message(thread_id, died), died)

    def _open_thread(self, name: str, threads: int) -> int:
        try:
            return self._fs.open_dir(name, threads)
        except FileNotFoundError:
            try:
                self._fs.mkdir(name, threads)
            except FileExistsError:
                pass
            return self._fs.open_dir(name, threads)

    def _open_threads(self, *, create: bool) -> int | None:
        with Disk(self.directory):
            root = self._root.open(create=create)
            if root is None:
                return None
            try:
                return self._fs.open_dir(_THREADS, root)
            except FileNotFoundError:
                if not create:
                    return None
                self._make(_THREADS, root)
                return self._fs.open_dir(_THREADS, root)
            finally:
                self._fs.close(root)

    def _make(self, name: str, root: int) -> None:
        try:
            self._fs.mkdir(name, root)
        except FileExistsError:
            return
        self._fs.sync_dir(root)

    @contextmanager
    def _reading(self, thread_id: str, *, checked: bool = True) -> Iterator[ThreadFiles | None]:
        """Open the directory of a thread that exists."""
        name = directory_name(thread_id)
        threads = fd = None
        try:
            with Disk(f"{self.directory}/{_THREADS}"):
                threads = self._open_threads(create=False)
                if threads is not None:
                    try:
                        fd = self._fs.open_dir(name, threads)
                    except FileNotFoundError:
                        pass
            path = f"{self.directory}/{_THREADS}/{name}"
            with Disk(path):
                files = None if fd is None else self._files(fd, thread_id, path)
                yield files if files and (not checked or files.exists()) else None
        finally:
            self._close(fd, threads)

    def _files(self, fd: int, thread_id: str, path: str) -> ThreadFiles:
        return ThreadFiles(self._fs, fd, thread_id, path, lambda: self._reading(thread_id))

    def _discard(self, name: str, threads: int) -> None:
        trash = None
        root = self._root.open(create=True)
        assert root is not None
        try:
            self._make(_TRASH, root)
            trash = self._fs.open_dir(_TRASH, root)
            self._fs.rename(name, threads, os.urandom(8).hex(), trash)
            self._fs.sync_dir(threads)
            for leftover in self._fs.listdir(trash):
                try:
                    self._fs.remove_tree(leftover, trash)
                except FileNotFoundError:
                    pass  # another process removes it, too
        finally:
            self._close(trash, root)

    def _sync_removals(self) -> None:
        """Wait for the removal of a thread by a process that may have died before it could."""
        threads = self._open_threads(create=False)
        if threads is not None:
            try:
                self._fs.sync_dir(threads)
            finally:
                self._fs.close(threads)

    def _close(self, *fds: int | None) -> None:
        for fd in fds:
            if fd is not None:
                self._fs.close(fd)


def _read_holder(files: ThreadFiles) -> dict[str, Any] | None:
    try:
        return parse_holder(files.fs.read_file(LOCK, files.fd, 4096))
    except OSError:
        return None
