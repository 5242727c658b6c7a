"""A thread that is made at once: built beside its place, then moved there by one rename.

What a process leaves that dies meanwhile is a directory whose name no thread has, and whose lock is free: nobody reads
it, the next copy removes it, and so does `lgrun doctor --fix`.
"""

import errno
import os
from collections.abc import Iterable

from lgrun._fs import RealFs
from lgrun.checkpoint._chains import kept_patches
from lgrun.checkpoint._lock import ThreadLock, try_lock
from lgrun.checkpoint._state_root import TEMPORARY
from lgrun.checkpoint._thread_files import ThreadFiles, source_name
from lgrun.checkpoint.base import Saved
from lgrun.checkpoint.document import check_new

__all__ = ["Copy", "remove_unfinished", "sources_of"]

_THERE = frozenset({errno.ENOTEMPTY, errno.EEXIST})


class Copy:
    """A thread that is being built, locked until `leave`.

    Args:
        fs: the disk.
        threads: descriptor of the directory that threads are in.
        path: of that directory, for messages.
        thread_id: whose it will be.
    """

    def __init__(self, fs: RealFs, threads: int, path: str, thread_id: str) -> None:
        self._fs = fs
        self._threads = threads
        self._lock: ThreadLock | None = None
        self._fd: int | None = None
        self._in_place = False
        while self._lock is None:
            self._name = f"{TEMPORARY}{os.urandom(6).hex()}"
            fs.mkdir(self._name, threads)
            try:
                self._fd = fs.open_dir(self._name, threads)
                self._files = ThreadFiles(fs, self._fd, thread_id, f"{path}/{self._name}")
                self._lock = try_lock(fs, self._name, threads, self._fd)
            except FileNotFoundError:
                pass  # Another copy took it for one that was left.
            finally:
                if self._lock is None and self._fd is not None:
                    fs.close(self._fd)
                    self._fd = None

    def fill(self, history: Iterable[Saved], now: str) -> None:
        """Write all there is; it is safe when this returns."""
        files, last = self._files, 0
        seals: dict[int, str] = {}
        files.create(now)
        for checkpoint, writes in history:
            check_new(checkpoint, files.thread_id, last)
            seals[checkpoint.seq] = files.put_all(checkpoint, kept_patches(checkpoint, seals), writes)
            last = checkpoint.seq
        self._fs.sync_dir(files.fd)

    def add_source(self, sha256: str, source: bytes) -> None:
        """Add a version of the workflow's source."""
        self._files.put_source(sha256, source)

    def move(self, name: str) -> bool:
        """Put it in its place, where an empty directory may be; False if something else is there."""
        try:
            self._fs.rename(self._name, self._threads, name, self._threads)
        except OSError as error:
            if error.errno in _THERE:
                return False
            raise
        self._in_place = True
        self._fs.sync_dir(self._threads)
        return True

    def leave(self) -> None:
        """Let others take it; remove it if it is not in its place."""
        if not self._in_place:
            try:
                self._fs.remove_tree(self._name, self._threads)
            except OSError:
                pass
        if self._lock is not None:
            self._lock.release()
        if self._fd is not None:
            self._fs.close(self._fd)


def sources_of(files: ThreadFiles) -> Iterable[tuple[str, bytes]]:
    """Yield the versions of a workflow's source that are kept for a thread, with their hashes."""
    for name in files.fs.listdir(files.fd):
        sha256 = name.removeprefix("source-").removesuffix(".py")
        if len(sha256) == 64 and name == source_name(sha256):
            yield sha256, files.fs.read_file(name, files.fd)


def remove_unfinished(fs: RealFs, threads: int) -> None:
    """Remove what copies have left whose process died."""
    for name in fs.listdir(threads):
        if not name.startswith(TEMPORARY):
            continue
        try:
            fd = fs.open_dir(name, threads)
        except OSError:
            continue
        try:
            lock = try_lock(fs, name, threads, fd)
            if lock is not None:
                try:
                    fs.remove_tree(name, threads)
                finally:
                    lock.release()
        except FileNotFoundError:
            pass  # Another process removes it, too, or it is in its place by now.
        finally:
            fs.close(fd)
