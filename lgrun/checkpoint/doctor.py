"""What is wrong in a state directory, and how it is put right: `examine`.

Nothing that was acknowledged is thrown away: what has to leave its place is kept beside it, with `.damaged` behind
its name. A thread that a run holds is left alone.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count
from typing import Literal, NamedTuple, TypeAlias

from lgrun._fs import RealFs
from lgrun._hashing import sha256
from lgrun.checkpoint._chains import Inspection
from lgrun.checkpoint._lock import LOCK, busy_message, is_alive, parse_holder, try_lock
from lgrun.checkpoint._salvage import rewritten, salvage, thread_of_checkpoint
from lgrun.checkpoint._state_root import MARKER, TEMPORARY, write_new
from lgrun.checkpoint._thread_files import NOTE, ThreadFiles, directory_name, part_of, source_name
from lgrun.checkpoint.document import decode_note, encode_note
from lgrun.errors import NewerFormatError, StateError

__all__ = ["Finding", "Verdict", "examine"]

Verdict: TypeAlias = Literal["note", "litter", "damaged", "refused", "newer", "unreadable"]
"""`note`: nothing to do; `litter`: left by a run that died, removed in passing by the next one; `damaged`: does not
verify; `refused`: others could have put or changed it; `newer`: a newer lgrun is needed; `unreadable`: the disk
refused."""

_OWN = frozenset({MARKER, "threads", "trash", "store", "cache"})
_ASIDE = ".damaged"


class Finding(NamedTuple):
    """Something about one file or directory.

    Args:
        path: which, relative to the state directory.
        verdict: how bad it is.
        problem: what was found.
        remedy: what mending does; empty if only a person can.
        mended: it was done.
    """

    path: str
    verdict: Verdict
    problem: str
    remedy: str = ""
    mended: bool = False


def examine(directory: str | os.PathLike[str], *, mend: bool = False, fs: RealFs | None = None) -> Iterator[Finding]:
    """Check every file of a state directory.

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


class _Doctor:
    def __init__(self, fs: RealFs, path: str, mend: bool) -> None:
        self.fs = fs
        self.path = path
        self.mends = mend

    def found(
        self, path: str, verdict: Verdict, problem: str, remedy: str = "", mend: Callable[[], object] | None = None
    ) -> Finding:
        """Report, and mend if that is wanted."""
        if not self.mends or mend is None:
            return Finding(path, verdict, problem, remedy)
        try:
            mend()
        except OSError as error:
            return Finding(path, "unreadable", f"{problem}; {remedy}: {error.strerror}")
        return Finding(path, verdict, problem, remedy, mended=True)

    def failed(self, path: str, error: OSError) -> Finding:
        """Report what the disk or the checks of `_fs` refused."""
        refused = error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.EPERM, errno.EMLINK, errno.EISDIR)
        return Finding(path, "refused" if refused else "unreadable", error.strerror or str(error))

    # --- the directory itself

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
            yield from self.inside("threads", root, self.threads)
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
            yield self.found(
                MARKER, "damaged", _short(error, MARKER), f"write it anew; the old one becomes {MARKER}{_ASIDE}",
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

    def inside(self, name: str, parent: int, check: Callable[[int, str], Iterator[Finding]]) -> Iterator[Finding]:
        """Check a directory. `name` is its path, too, where it is directly in the state directory."""
        try:
            fd = self.fs.open_dir(os.path.basename(name), parent)
        except OSError as error:
            yield self.failed(name, error)
            return
        try:
            yield from self.mode(name, fd, 0o700)
            yield from check(fd, name)
        except OSError as error:
            yield self.failed(name, error)
        finally:
            self.fs.close(fd)

    def mode(self, path: str, fd: int, wanted: int) -> Iterator[Finding]:
        """Check who else may read and write."""
        found = stat.S_IMODE(self.fs.stat(fd).st_mode)
        if found & 0o077:
            who = "written" if found & 0o022 else "read"
            verdict: Verdict = "refused" if found & 0o022 else "note"
            problem = f"can be {who} by others (its mode is {found:03o})"
            yield self.found(path, verdict, problem, f"chmod {wanted:o}", lambda: self.fs.chmod(fd, wanted))

    def litter(self, path: str, name: str, parent: int) -> Finding:
        """Report what a run that died had begun to write."""
        problem = "is the beginning of a file that was never finished"
        return self.found(path, "litter", problem, "remove it", lambda: self.fs.unlink(name, parent))

    def trash(self, trash: int, path: str) -> Iterator[Finding]:
        """Report threads whose removal was cut short."""
        for name in sorted(self.fs.listdir(trash)):
            yield self.found(
                f"{path}/{name}", "litter", "is a deleted thread", "remove it",
                lambda name=name: self.fs.remove_tree(name, trash),  # type: ignore[misc]
            )  # fmt: skip

    def anew(self, directory: int, name: str, data: bytes) -> None:
        """Replace a file; what was in it is kept beside it."""
        write_new(self.fs, directory, name + _ASIDE, self.fs.read_file(name, directory))
        write_new(self.fs, directory, name, data)

    # --- a thread

    def threads(self, threads: int, path: str) -> Iterator[Finding]:
        """Check every thread."""
        for name in sorted(self.fs.listdir(threads)):
            place = f"{path}/{name}"
            yield from self.inside(place, threads, lambda fd, _, name=name: self.locked(fd, threads, name))  # type: ignore[misc]

    def locked(self, fd: int, threads: int, name: str) -> Iterator[Finding]:
        """Check a thread while no run can change it."""
        path = f"threads/{name}"
        if not self.mends and LOCK not in self.fs.listdir(fd):
            yield from self.thread(fd, threads, name)
            return
        try:
            lock = try_lock(self.fs, name, threads, fd)
        except FileNotFoundError:
            return  # deleted meanwhile
        except OSError as error:
            yield self.failed(f"{path}/{LOCK}", error)
            return
        if lock is None:
            holder = parse_holder(self.fs.read_file(LOCK, fd, 4096))
            yield Finding(path, "note", f"{busy_message(name, holder)}; it was not checked")
            return
        try:
            if lock.died is not None and not is_alive(lock.died):
                yield Finding(path, "note", f"its last run (pid {lock.died['pid']}) died; lgrun resume takes it up")
            yield from self.thread(fd, threads, name)
        finally:
            self.fs.close(lock.forget())

    def thread(self, fd: int, threads: int, name: str) -> Iterator[Finding]:
        """Check the files of a thread."""
        path = f"threads/{name}"
        names = sorted(self.fs.listdir(fd))
        parts = {entry: part for entry in names if (part := part_of(entry)) is not None}
        if not parts or name.startswith(TEMPORARY):
            problem = "is a copy that was never finished" if parts else "was never begun"
            yield self.found(path, "litter", problem, "remove it", lambda: self.fs.remove_tree(name, threads))
            return
        for entry in names:
            if entry.startswith(TEMPORARY):
                yield self.litter(f"{path}/{entry}", entry, fd)
            elif _ASIDE in entry:
                yield Finding(f"{path}/{entry}", "note", "was set aside; it is not read, and can be deleted")
            elif entry not in parts and entry not in (NOTE, LOCK) and not entry.startswith("source-"):
                yield Finding(f"{path}/{entry}", "note", "is not lgrun's; it is left alone")
        thread, findings = self.identity(fd, name, names, parts)
        yield from findings
        if thread is None:
            return
        files = ThreadFiles(self.fs, fd, thread, path)
        chains = Inspection(files)
        checked = [
            (kind, seq, finding)
            for entry, (kind, seq) in parts.items()
            for finding in self.part(files, chains, entry, kind, seq, names)
        ]
        broken = {seq for kind, seq, finding in checked if kind == "checkpoint" and finding.verdict == "damaged"}
        usable, back = self.go_back(files, parts, broken)
        for _, seq, finding in checked:
            if back is not None and seq > usable and finding.verdict == "damaged":
                finding = finding._replace(remedy="it is set aside", mended=back.mended)
            yield finding
        if back is not None:
            yield back
        for entry in names:
            if entry.startswith("source-"):
                yield from self.source(files, entry)

    def identity(
        self, fd: int, name: str, names: list[str], parts: dict[str, tuple[str, int]]
    ) -> tuple[str | None, list[Finding]]:
        """Return whose directory it is, as far as that can be said."""
        path = f"threads/{name}/{NOTE}"
        try:
            found = decode_note("thread", self.fs.read_file(NOTE, fd), path).get("thread", "")
            if directory_name(found) == name:
                return found, []
            return None, [Finding(path, "refused", f"is that of another thread, {found[:60]!r}")]
        except NewerFormatError as error:
            return None, [Finding(path, "newer", str(error))]
        except (FileNotFoundError, StateError) as error:
            is_missing = isinstance(error, OSError)
        except OSError as error:
            return None, [self.failed(path, error)]
        thread = self.told_by_checkpoints(
            fd, name, [entry for entry, (kind, _) in parts.items() if kind == "checkpoint"]
        )
        problem = "is missing" if is_missing else "is damaged"
        if thread is None:
            return None, [Finding(path, "damaged", f"{problem}, and no checkpoint says whose it was")]
        data = encode_note("thread", thread=thread)
        write = (lambda: write_new(self.fs, fd, NOTE, data)) if is_missing else (lambda: self.anew(fd, NOTE, data))
        return thread, [self.found(path, "damaged", problem, "write it anew from a checkpoint", write)]

    def told_by_checkpoints(self, fd: int, name: str, entries: list[str]) -> str | None:
        """Return the id that an intact checkpoint names, if this can be its directory."""
        for entry in entries:
            try:
                thread = thread_of_checkpoint(self.fs.read_file(entry, fd), int(entry[:8]))
            except (OSError, StateError):
                continue
            if directory_name(thread) == name:
                return thread
        return None

    def part(
        self, files: ThreadFiles, chains: Inspection, entry: str, kind: str, seq: int, names: list[str]
    ) -> Iterator[Finding]:
        """Check a checkpoint or a journal."""
        path = f"{files.path}/{entry}"
        try:
            if kind == "checkpoint":
                chains.check(seq, last=f"{seq + 1:08d}.json" not in names)
                return
            if f"{seq:08d}.json" not in names and not files.fs.size(entry, files.fd):
                yield self.litter(path, entry, files.fd)
                return
            if f"{seq:08d}.json" not in names:
                yield Finding(path, "damaged", f"has no checkpoint: {seq:08d}.json is missing")
            yield from self.journal(files, entry, seq, path)
        except NewerFormatError as error:
            yield Finding(path, "newer", str(error))
        except StateError as error:
            yield Finding(path, "damaged", _short(error, path))
        except OSError as error:
            yield self.failed(path, error)

    def go_back(
        self, files: ThreadFiles, parts: dict[str, tuple[str, int]], broken: set[int]
    ) -> tuple[int, Finding | None]:
        """Have a thread whose latest checkpoint cannot be read go on from the last one that can; return which."""
        numbers = sorted(seq for kind, seq in parts.values() if kind == "checkpoint")
        if not numbers or numbers[-1] not in broken:
            return 0, None
        usable = next((seq for seq in reversed(numbers) if seq not in broken and _is_usable(files, seq, broken)), 0)
        if not usable:
            return 0, None
        # The latest first, and of each its journal, so that what is there at any time is a thread.
        later = sorted(((seq, kind, entry) for entry, (kind, seq) in parts.items() if seq > usable), reverse=True)

        there = frozenset(self.fs.listdir(files.fd))
        # It may be the second time.
        suffixes = (f"{_ASIDE}{n}" if n > 1 else _ASIDE for n in count(1))
        aside = next(suffix for suffix in suffixes if there.isdisjoint(entry + suffix for *_, entry in later))

        def set_aside() -> None:
            for *_, entry in later:
                self.fs.rename(entry, files.fd, entry + aside, files.fd)
            self.fs.sync_dir(files.fd)

        problem = f"cannot go on: the last checkpoint that can be read, with all that it needs, is {usable}"
        remedy = f"go on from there; what came after it is kept, as NAME{aside}"
        return usable, self.found(files.path, "damaged", problem, remedy, set_aside)

    def journal(self, files: ThreadFiles, entry: str, seq: int, path: str) -> Iterator[Finding]:
        """Check a journal line by line. Intact lines after a damaged one are kept."""
        saved = salvage(self.fs.read_file(entry, files.fd), files.thread_id, seq, path)
        if saved.lost:
            data = rewritten(saved.lines, files.thread_id, seq)
            remedy = f"take {'it' if len(saved.lost) == 1 else 'them'} out; the file as it is becomes {entry}{_ASIDE}"
            for place in saved.lost:
                problem = f"{_short(place, path)} is damaged; what it held will run again"
                yield self.found(path, "damaged", problem, remedy)
            if self.mends:
                self.anew(files.fd, entry, data)
                yield Finding(
                    path, "damaged", f"{len(saved.lost)} damaged, {len(saved.lines)} intact lines", remedy, True
                )
        elif saved.torn:
            yield self.found(
                path, "litter", "ends in an append that was never finished", "cut it off",
                lambda: files.recover(seq, strict=False),
            )  # fmt: skip

    def source(self, files: ThreadFiles, entry: str) -> Iterator[Finding]:
        """Check a version of the workflow's source."""
        path = f"{files.path}/{entry}"
        try:
            digest = sha256(self.fs.read_file(entry, files.fd)).hexdigest()
        except OSError as error:
            yield self.failed(path, error)
            return
        if source_name(digest) != entry and not entry.endswith(_ASIDE):
            yield self.found(
                path, "damaged", "is not the source that its name says", f"rename it to {entry}{_ASIDE}",
                lambda: self.fs.rename(entry, files.fd, entry + _ASIDE, files.fd),
            )  # fmt: skip


def _is_usable(files: ThreadFiles, seq: int, broken: set[int]) -> bool:
    """Tell whether a run can go on from a checkpoint: from what is in it, and from the run before."""
    try:
        Inspection(files).check(seq, last=True)
        return files.checkpoint(seq).previous not in broken
    except (StateError, OSError):
        return False


def _short(error: object, path: str) -> str:
    """Return a message without the path that stands before it anyway."""
    return str(error).removeprefix(path).lstrip(" ,").removesuffix("; nothing was changed")
