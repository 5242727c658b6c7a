"""The directory of one thread: names, reading, recovery."""

import errno
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, TypeVar

from lgrun._fs import MAX_BYTES, RealFs
from lgrun._hashing import sha256
from lgrun.checkpoint._chains import Patched
from lgrun.checkpoint._line import seal_of
from lgrun.checkpoint._lock import LOCK, parse_latest
from lgrun.checkpoint._state_root import TEMPORARY, write_file, write_new
from lgrun.checkpoint.base import Checkpoint, PendingWrite, Saved
from lgrun.checkpoint.document import (
    Journal,
    JournalWriter,
    decode_checkpoint,
    decode_journal,
    decode_note,
    encode_checkpoint,
    encode_note,
    is_meant,
    number_in,
)
from lgrun.checkpoint.patching import Patch
from lgrun.errors import DamagedStateError, StateError

__all__ = [
    "JOURNAL",
    "NOTE",
    "ReadJournal",
    "Sealed",
    "ThreadFiles",
    "check_size",
    "directory_name",
    "part_of",
    "source_name",
    "thread_in",
]

NOTE = "thread.json"
_T = TypeVar("_T")
_CHECKPOINT, JOURNAL = ".json", ".writes.jsonl"
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")
_DEVICES = frozenset(["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))])


def directory_name(thread_id: str) -> str:
    """Return the name of a thread's directory: the id, if harmless everywhere, else a slug with its hash.

    '~' is not among the characters of a harmless name, so the two forms cannot clash.
    """
    if (
        0 < len(thread_id) <= 64
        and _PLAIN.issuperset(thread_id)
        and thread_id[0] not in "._-"
        and thread_id[-1] != "."
        and thread_id.partition(".")[0] not in _DEVICES
    ):
        return thread_id
    digest = sha256(thread_id.encode("utf-8", "surrogatepass")).hexdigest()
    # No dots: 'nul.txt~…' would be a device on Windows.
    slug = "".join(c if c in _PLAIN and c != "." else "-" for c in thread_id[:32].lower())
    return f"{slug.lstrip('-_')[:32]}~{digest[:32]}"


class ReadJournal(NamedTuple):
    """A journal as it was read: while there are the same bytes in its file, they need not be decoded again."""

    where: str
    data: bytes
    journal: Journal


class Sealed(NamedTuple):
    """A checkpoint with the checksum that its line ends with, and the bytes of its file."""

    checkpoint: Checkpoint
    crc: str
    size: int


class ThreadFiles:
    """The directory of one thread.

    Args:
        fs: the disk.
        fd: descriptor of the directory.
        thread_id: whose it is.
        path: of the directory, for messages.
        reopened: opens the directory again, for values that are asked for later.

    Attributes:
        read: the journal that was read last.
    """

    def __init__(
        self,
        fs: RealFs,
        fd: int,
        thread_id: str,
        path: str,
        reopened: "Callable[[], AbstractContextManager[ThreadFiles | None]] | None" = None,
    ) -> None:
        self.fs = fs
        self.fd = fd
        self.thread_id = thread_id
        self.path = path
        self.reopened = reopened
        self.read: ReadJournal | None = None

    def exists(self, *, again: bool = True) -> bool:
        """Say whether the thread was ever put; its directory alone may be there from a run that was not.

        Raises:
            DamagedStateError: the directory is another thread's.
        """
        try:
            data = self.fs.read_file(NOTE, self.fd)
        except FileNotFoundError:
            begun = any(part_of(name) for name in self.fs.listdir(self.fd))
            if not begun or again:
                return begun and self.exists(again=False)  # It is written first, so it may have come meanwhile.
            raise DamagedStateError(f"{self.path}/{NOTE} is missing; nothing was changed") from None
        found = decode_note("thread", data, f"{self.path}/{NOTE}").get("thread")
        if found != self.thread_id:
            raise DamagedStateError(f"{self.path} is the directory of another thread; nothing was changed")
        return True

    def size(self) -> int:
        """Return how many bytes all files hold that are there now."""
        total = 0
        for name in self.fs.listdir(self.fd):
            try:
                total += self.fs.size(name, self.fd)
            except FileNotFoundError:
                pass
        return total

    def numbers(self, names: Sequence[str] | None = None) -> list[int]:
        """Return the numbers of the checkpoints, ascending; `names`: what is in the directory, if that is known.

        Raises:
            FileNotFoundError: there is a journal without its checkpoint, and something is in it.
        """
        names = self.fs.listdir(self.fd) if names is None else names
        found, journals = ({name[:8] for name in names if name[8:] == suffix} for suffix in (_CHECKPOINT, JOURNAL))
        for stem in filter(_is_number, journals - found):
            # What is created while names are read need not be among them.
            if self.has(int(stem)):
                found.add(stem)
            elif self.fs.size(stem + JOURNAL, self.fd):
                raise FileNotFoundError(errno.ENOENT, "is missing", f"{stem}{_CHECKPOINT}")
        return [int(stem) for stem in sorted(found) if _is_number(stem)]

    def is_latest(self, seq: int) -> bool:
        """Say whether a checkpoint is there, and neither one nor a journal after it."""
        return self.has(seq) and not self.has(seq + 1) and not self.has(seq + 1, JOURNAL)

    def load(self, ref: int | str | None) -> Saved | None:
        """Return the latest checkpoint, or the one with number or full id `ref`, with its journal."""
        if ref is not None:
            seq = number_in(ref)
        elif not self.is_latest(seq := self._told_latest()):
            seq = max(self.numbers(), default=0)
        if not self.has(seq):
            self.numbers()  # It is missing, if there is its journal.
            return None
        saved = self.saved(seq)
        return saved if is_meant(saved.checkpoint, ref) else None

    def _told_latest(self) -> int:
        return parse_latest(self.fs.read_file(LOCK, self.fd, 4096)) if self._is_there(LOCK) else 0

    def has(self, seq: int, suffix: str = _CHECKPOINT) -> bool:
        """Say whether a checkpoint, or its journal, is there."""
        return self._is_there(f"{seq:08d}{suffix}")

    def _is_there(self, name: str) -> bool:
        try:
            return self.fs.size(name, self.fd) >= 0
        except FileNotFoundError:
            return False

    def again(self, read: Callable[[], _T], *, tries: int = 2) -> _T | None:
        """Return what `read` does. It is called once more if a file vanished; None if the whole thread did.

        Raises:
            DamagedStateError: a file is missing.
        """
        while True:
            tries -= 1
            try:
                return read()
            except FileNotFoundError as error:
                if tries:
                    continue
                if not self.fs.is_at(self.fd, self.path, None):
                    return None
                raise DamagedStateError(f"{self.path}/{error.filename} is missing; nothing was changed") from error

    def saved_again(self, seq: int) -> Saved | None:
        """Return checkpoint `seq` with its journal; None if the thread vanished."""
        return self.again(lambda: self.saved(seq))

    def checkpoint_again(self, seq: int) -> Checkpoint | None:
        """Return checkpoint `seq`; None if the thread vanished."""
        return self.again(lambda: self.checkpoint(seq))

    def saved(self, seq: int) -> Saved:
        """Return checkpoint `seq` with its journal, as far as that verifies."""
        checkpoint, journal = self.checkpoint(seq), self.journal(seq)
        if journal.damage:
            _warn(f"{journal.damage} is damaged and left out")
        return Saved(checkpoint, journal.writes)

    def checkpoint(self, seq: int) -> Checkpoint:
        """Read checkpoint `seq`."""
        return self.sealed(seq).checkpoint

    def sealed(self, seq: int) -> Sealed:
        """Read checkpoint `seq`. What it holds as patches is rebuilt when it is asked for."""
        data = self.fs.read_file(f"{seq:08d}{_CHECKPOINT}", self.fd)
        crc = seal_of(data)

        def patched(name: str, patch: Patch) -> Patched:
            return Patched(self, seq, name, patch, crc)

        found = decode_checkpoint(data, self.thread_id, seq, self.name_of(seq), patched)
        return Sealed(found, crc, len(data))

    def name_of(self, seq: int) -> str:
        """Return the path of checkpoint `seq`, for messages."""
        return f"{self.path}/{seq:08d}{_CHECKPOINT}"

    def journal(self, seq: int, length: int | None = None) -> Journal:
        """Read the journal of checkpoint `seq`, or its first `length` bytes; an empty one if there is no file."""
        name = f"{seq:08d}{JOURNAL}"
        try:
            data = self.fs.read_file(name, self.fd)
        except FileNotFoundError:
            return Journal([], 0, 0)
        data, where = data[:length], f"{self.path}/{name}"
        if self.read is None or self.read[:2] != (where, data):
            self.read = ReadJournal(where, data, decode_journal(data, self.thread_id, seq, where))
        return self.read.journal

    def count_results(self, seq: int, length: int | None) -> int:
        """Return how many results are in the journal of checkpoint `seq`, or in its first `length` bytes."""
        return sum(write.kind == "result" for write in self.journal(seq, length).writes)

    # Only under the thread's lock:

    def create(self, now: str) -> None:
        """Make the directory a thread's."""
        write_new(self.fs, self.fd, NOTE, encode_note("thread", thread=self.thread_id, created=now))

    def put(
        self, checkpoint: Checkpoint, patches: Mapping[str, Patch], then: Callable[[], object] | None = None
    ) -> str:
        """Write a checkpoint, with patches for values of these names; return its checksum. `then`: as `write_new`."""
        data = encode_checkpoint(checkpoint, patches)
        name = f"{checkpoint.seq:08d}{_CHECKPOINT}"
        check_size(len(data), name)
        write_new(self.fs, self.fd, name, data, then)
        return seal_of(data)

    def put_all(self, checkpoint: Checkpoint, patches: Mapping[str, Patch], writes: Sequence[PendingWrite]) -> str:
        """Write a checkpoint and its journal. Their names are safe only once the directory is synced."""
        writer = JournalWriter(self.thread_id, checkpoint.seq)
        name = f"{checkpoint.seq:08d}"
        line = encode_checkpoint(checkpoint, patches)
        parts = [(name + _CHECKPOINT, line)]
        parts += [(name + JOURNAL, writer.line(1, writes))] if writes else []
        for file, data in parts:
            check_size(len(data), file)
            write_file(self.fs, self.fd, file, data)
        return seal_of(line)

    def put_source(self, sha256: str, source: bytes) -> None:
        """Keep a version of the workflow's source, if it is not kept yet."""
        name = source_name(sha256)
        if not self._is_there(name):
            write_new(self.fs, self.fd, name, source)

    def sync(self, seq: int) -> None:
        """Wait until checkpoint `seq` and its journal, as they can be seen, would survive a power cut."""
        for name in (f"{seq:08d}{_CHECKPOINT}", f"{seq:08d}{JOURNAL}"):
            if self._is_there(name):
                fd = self.fs.open_append(name, self.fd)
                try:
                    self.fs.sync(fd)
                finally:
                    self.fs.close(fd)
        self.fs.sync_dir(self.fd)

    def remove_temporary(self, names: Sequence[str]) -> None:
        """Remove what a run that died had begun to write, of what is in the directory."""
        for name in names:
            if name.startswith(TEMPORARY):
                self.fs.unlink(name, self.fd)

    def recover(self, seq: int, *, strict: bool) -> Journal:
        """Read the journal of checkpoint `seq` and cut off what does not verify at its end.

        Raises:
            DamagedStateError: `strict`, and what would be cut off may have been acknowledged.
        """
        journal = self.journal(seq)
        name = f"{seq:08d}{JOURNAL}"
        if journal.damage:
            if strict:
                raise DamagedStateError(f"{journal.damage} is damaged; nothing was changed")
            note = "is damaged and was cut off; it may have been acknowledged: what it held will run again"
            _warn(f"{journal.damage} {note}")
        elif journal.torn:
            _warn(f"{self.path}/{name}: removed an append that was never finished")
        if journal.damage or journal.torn:
            fd = self.fs.open_append(name, self.fd)
            try:
                self.fs.truncate(fd, journal.length)
            finally:
                self.fs.close(fd)
        return journal


def part_of(name: str) -> tuple[str, int] | None:
    """Return what a file of a thread is, `checkpoint` or `journal`, and its number; None if it is something else."""
    for kind, suffix in (("checkpoint", _CHECKPOINT), ("journal", JOURNAL)):
        if _is_numbered(name, suffix):
            return kind, int(name[:8])
    return None


def source_name(sha256: str) -> str:
    """Return the name of the file that keeps the source with this hash.

    Raises:
        StateError: that is no hash.
    """
    if len(sha256) != 64 or not set(sha256) <= set("0123456789abcdef"):
        raise StateError(f"not a SHA-256: {sha256[:80]!r}")
    return f"source-{sha256}.py"


def thread_in(fs: RealFs, name: str, threads: int, path: str) -> str | None:
    """Return the id of the thread in a directory; None if there is none or, with a warning, if unreadable."""
    try:
        fd = fs.open_dir(name, threads)
        try:
            if not any(_is_numbered(entry, _CHECKPOINT) for entry in fs.listdir(fd)):
                return None
            data = _read_note(fs, name, threads, fd)
        finally:
            fs.close(fd)
        found = decode_note("thread", data, f"{path}/{NOTE}").get("thread", "")
    except FileNotFoundError:
        return None
    except (OSError, StateError) as error:
        _warn(f"{path} is left out: {error}")
        return None
    if directory_name(found) == name:
        return found
    _warn(f"{path} is left out: it is the directory of another thread")
    return None


def _read_note(fs: RealFs, name: str, threads: int, fd: int) -> bytes:
    try:
        return fs.read_file(NOTE, fd)
    except FileNotFoundError:
        # Unless it is being deleted.
        if fs.is_at(fd, name, threads):
            raise DamagedStateError(f"{NOTE} is missing") from None
        raise


def check_size(size: int, name: str) -> None:
    """Refuse to write what could not be read again.

    Raises:
        OSError: `name` would be too large.
    """
    if size > MAX_BYTES:
        raise OSError(errno.EFBIG, f"more than {MAX_BYTES >> 20} MB could not be read again", name)


def _is_numbered(name: str, suffix: str) -> bool:
    return name[8:] == suffix and _is_number(name[:8])


def _is_number(stem: str) -> bool:
    return len(stem) == 8 and stem.isascii() and stem.isdigit() and stem != "00000000"


def _warn(message: str) -> None:
    import logging  # takes as long to import as everything here together

    logging.getLogger("lgrun").warning("%s", message)
