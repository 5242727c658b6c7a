"""What is wrong in the directories of threads, and how it is put right."""

from collections.abc import Iterator
from functools import cache, partial

from lgrun._hashing import sha256
from lgrun.checkpoint._chains import Inspection
from lgrun.checkpoint._examiner import ASIDE, Examiner, Finding, short
from lgrun.checkpoint._lock import LOCK, busy_message, is_alive, parse_holder, try_lock
from lgrun.checkpoint._salvage import rewritten, salvage, thread_of_checkpoint
from lgrun.checkpoint._state_root import TEMPORARY, write_new
from lgrun.checkpoint._thread_files import NOTE, ThreadFiles, directory_name, part_of, source_name
from lgrun.checkpoint.document import decode_note, encode_note
from lgrun.errors import NewerFormatError, StateError

__all__ = ["ThreadExaminer"]


class ThreadExaminer(Examiner):
    """Checks threads. One that a run holds is left alone."""

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
            elif ASIDE in entry:
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
            yield Finding(path, "damaged", short(error, path))
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
        aside = self.aside(files.fd, *(entry for *_, entry in later))

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
            # All of them by one rewriting, with the first.
            mend = cache(partial(self.anew, files.fd, entry, rewritten(saved.lines, files.thread_id, seq)))
            aside = self.aside(files.fd, entry)
            remedy = f"take {'it' if len(saved.lost) == 1 else 'them'} out; the file as it is becomes {entry}{aside}"
            for place in saved.lost:
                problem = f"{short(place, path)} is damaged; what it held will run again"
                yield self.found(path, "damaged", problem, remedy, mend)
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
        if source_name(digest) != entry and ASIDE not in entry:
            other = entry + self.aside(files.fd, entry)
            yield self.found(
                path, "damaged", "is not the source that its name says", f"rename it to {other}",
                lambda: self.fs.rename(entry, files.fd, other, files.fd),
            )  # fmt: skip


def _is_usable(files: ThreadFiles, seq: int, broken: set[int]) -> bool:
    """Tell whether a run can go on from a checkpoint: from what is in it, and from the run before."""
    try:
        Inspection(files).check(seq, last=True)
        return files.checkpoint(seq).previous not in broken
    except (StateError, OSError):
        return False
