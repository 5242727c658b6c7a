"""A journal that is open for appending."""

import errno
from collections.abc import Sequence

from lgrun.checkpoint._thread_files import JOURNAL, ThreadFiles, check_size
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.document import JournalWriter

__all__ = ["JournalFile"]


class JournalFile:
    """A journal that is open for appending.

    Args:
        files: the thread's directory.
        seq: number of the checkpoint.
        lines: how many lines the journal has.
        length: how many bytes.
        listed: its name is, or is about to be, synced.
    """

    def __init__(self, files: ThreadFiles, seq: int, lines: int = 0, length: int = 0, *, listed: bool = False) -> None:
        self.seq = seq
        self._fs = files.fs
        self._directory = files.fd
        self._name = f"{seq:08d}{JOURNAL}"
        self._writer = JournalWriter(files.thread_id, seq)
        # Lines and bytes that are acknowledged, in one attribute: a signal must not come between the two.
        self._end = (lines, length)
        self._is_listed = listed
        self._is_synced = False
        self.is_broken = False
        self._fd = self._fs.open_append(self._name, self._directory)

    @property
    def length(self) -> int:
        """How many bytes are acknowledged."""
        return self._end[1]

    def append(self, writes: Sequence[PendingWrite], *, sync: bool) -> None:
        """Add one line; nothing at all if this raises."""
        lines, length = self._end
        line = self._writer.line(lines + 1, writes)
        check_size(length + len(line), self._name)
        try:
            self._is_synced = False
            if self._fs.write(self._fd, line) != len(line):
                raise OSError(errno.ENOSPC, "No space left on device (only part of a record was written)")
            if sync:
                self._sync()
            self._end = (lines + 1, length + len(line))
        except BaseException as error:
            self._undo()
            if isinstance(error, OSError) and error.filename is None:
                error.filename = self._name
            raise

    def sync(self) -> None:
        """Wait until everything appended so far would survive a power cut."""
        if not self._is_synced:
            self._sync()

    def close(self) -> None:
        """Close the file, and remove it if there is nothing in it."""
        self._fs.close(self._fd)
        if not self.length and not self.is_broken:
            try:
                self._fs.unlink(self._name, self._directory)
            except OSError:
                pass

    def _sync(self) -> None:
        try:
            self._fs.sync(self._fd)
            if not self._fs.stat(self._fd).st_nlink:
                raise FileNotFoundError(errno.ENOENT, "was removed while the run wrote to it")
            if not self._is_listed:
                self._fs.sync_dir(self._directory)
        except OSError:
            # After a failed sync nobody knows what is on the disk; a second one would say that all is well.
            self.is_broken = True
            raise
        self._is_listed = self._is_synced = True

    def _undo(self) -> None:
        try:
            self._fs.truncate(self._fd, self._end[1])
        except OSError:
            self.is_broken = True
