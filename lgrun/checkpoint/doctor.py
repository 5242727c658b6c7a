"""What is wrong in a state directory, and how it is put right: `examine`.

Nothing that was acknowledged is thrown away: what has to leave its place is kept beside it, with `.damaged` behind
its name. A thread that a run holds is left alone.
"""

import os
from collections.abc import Iterator

from lgrun._fs import RealFs
from lgrun.checkpoint._examined_threads import ThreadExaminer
from lgrun.checkpoint._examiner import Examiner, Finding, Verdict, short
from lgrun.checkpoint._state_root import MARKER, TEMPORARY, write_new
from lgrun.checkpoint.document import decode_note, encode_note
from lgrun.errors import NewerFormatError, StateError
from lgrun.store._examined import StoreExaminer

__all__ = ["Finding", "Verdict", "examine"]

_OWN = frozenset({MARKER, "threads", "trash", "store", "cache"})


def examine(directory: str | os.PathLike[str], *, mend: bool = False, fs: RealFs | None = None) -> Iterator[Finding]:
    """Check every file of a state directory but the entries of the cache: one that does not verify is none.

    Args:
        directory: the state directory.
        mend: put right what can be.
        fs: the disk.

    Yields:
        What was found; nothing at all if everything is as it should be.

    Raises:
        FileNotFoundError: there is no such directory.
        OSError: it cannot be opened.
    """
    doctor = _Doctor(fs or RealFs(), os.path.realpath(directory), mend)
    root = doctor.fs.open_root(doctor.path)
    try:
        yield from doctor.root(root)
    finally:
        doctor.fs.close(root)


class _Doctor(Examiner):
    def root(self, root: int) -> Iterator[Finding]:
        """Check the directory, then what is in it."""
        is_ours = self.fs.stat(root).st_uid == os.geteuid()
        if not is_ours:
            uid = self.fs.stat(root).st_uid
            yield Finding(".", "refused", f"belongs to uid {uid}; lgrun uses a state directory of its own user only")
        yield from self.mode(".", root, 0o700)
        if self.fs.is_remote(root):
            problem = "is on a network file system: whether locks and syncs hold there depends on its server"
            yield Finding(".", "note", problem)
        names = sorted(self.fs.listdir(root))
        yield from self.marker(root, names)
        for name in names:
            if name.startswith(TEMPORARY):
                yield self.litter(name, name, root)
            elif name not in _OWN:
                yield Finding(name, "note", "is not lgrun's; it is left alone")
        if "threads" in names:
            yield from self.inside("threads", root, ThreadExaminer(self.fs, self.path, self.mends).threads)
        if "store" in names:
            store = StoreExaminer(self.fs, self.path, self.mends)
            yield from self.inside("store", root, lambda fd, _: store.locked(fd, root))
        if "trash" in names:
            yield from self.inside("trash", root, self.trash)

    def marker(self, root: int, names: list[str]) -> Iterator[Finding]:
        """Check the file that says what the directory is, and whether locks work beside it."""
        if MARKER not in names:
            remedy, write = "write it", lambda: write_new(self.fs, root, MARKER, encode_note("state"))
            if set(names) & _OWN:
                yield self.found(MARKER, "damaged", "is missing", remedy, write)
            return
        try:
            decode_note("state", self.fs.read_file(MARKER, root), MARKER)
            if not self.locks_work(root):
                yield Finding(".", "refused", "locks do not work on this file system: two runs could write to a thread")
        except NewerFormatError as error:
            yield Finding(MARKER, "newer", str(error))
        except StateError as error:
            aside = self.aside(root, MARKER)
            yield self.found(
                MARKER, "damaged", short(error, MARKER), f"write it anew; the old one becomes {MARKER}{aside}",
                lambda: self.anew(root, MARKER, encode_note("state")),
            )  # fmt: skip
        except OSError as error:
            yield self.failed(MARKER, error)

    def locks_work(self, root: int) -> bool:
        """Say whether a second descriptor of a locked file is kept out."""
        fds = []
        try:
            fds = [self.fs.open_lock(MARKER, root), self.fs.open_lock(MARKER, root)]
            return not self.fs.lock(fds[0]) or not self.fs.lock(fds[1])
        finally:
            for fd in fds:
                self.fs.close(fd)

    def trash(self, trash: int, path: str) -> Iterator[Finding]:
        """Report threads whose removal was cut short."""
        for name in sorted(self.fs.listdir(trash)):
            yield self.found(
                f"{path}/{name}", "litter", "is a deleted thread", "remove it",
                lambda name=name: self.fs.remove_tree(name, trash),  # type: ignore[misc]
            )  # fmt: skip
