"""What is wrong in the log of a store, and how it is put right."""

from collections.abc import Iterator
from functools import partial

from lgrun.checkpoint._examiner import ASIDE, Examiner, Finding, short
from lgrun.checkpoint._lock import LOCK, try_lock
from lgrun.checkpoint._state_root import TEMPORARY
from lgrun.errors import NewerFormatError, StateError
from lgrun.store._lines import log_name, log_numbers, rewritten, salvage

__all__ = ["StoreExaminer"]

_STORE = "store"


class StoreExaminer(Examiner):
    """Checks a store. One that is written to is left alone."""

    def locked(self, directory: int, root: int) -> Iterator[Finding]:
        """Check the store while nobody can change it."""
        if not self.mends and LOCK not in self.fs.listdir(directory):
            yield from self.store(directory)
            return
        lock = try_lock(self.fs, _STORE, root, directory)
        if lock is None:
            yield Finding(_STORE, "note", "is being written to; it was not checked")
            return
        try:
            yield from self.store(directory)
        finally:
            self.fs.close(lock.forget())

    def store(self, directory: int) -> Iterator[Finding]:
        """Check the log, and what else there is."""
        names = sorted(self.fs.listdir(directory))
        logs = {log_name(number): number for number in log_numbers(names)}
        latest = max(logs, default=None)
        for name in names:
            path = f"{_STORE}/{name}"
            if name.startswith(TEMPORARY):
                yield self.litter(path, name, directory)
            elif name in logs and name != latest:
                problem = f"is an older log; all that counts is in {latest}"
                yield self.found(path, "litter", problem, "remove it", partial(self.fs.unlink, name, directory))
            elif ASIDE in name:
                yield Finding(path, "note", "was set aside; it is not read, and can be deleted")
            elif name not in logs and name != LOCK:
                yield Finding(path, "note", "is not lgrun's; it is left alone")
        if latest is not None:
            yield from self.log(directory, latest, logs[latest])

    def log(self, directory: int, name: str, number: int) -> Iterator[Finding]:
        """Check a log line by line. Intact lines after a damaged one are kept."""
        path = f"{_STORE}/{name}"
        try:
            data = self.fs.read_file(name, directory)
            saved = salvage(data, number, path)
        except NewerFormatError as error:
            yield Finding(path, "newer", str(error))
            return
        except StateError as error:
            yield Finding(path, "damaged", short(error, path))
            return
        except OSError as error:
            yield self.failed(path, error)
            return
        if saved.lost:
            aside = name + self.aside(directory, name)
            which = ", ".join(short(place, path) for place in saved.lost[:5]) + (", ..." if saved.lost[5:] else "")
            yield self.found(
                path, "damaged", f"{which}: damaged; what it changed is lost",
                f"take {'it' if len(saved.lost) == 1 else 'them'} out; the file as it is becomes {aside}",
                lambda: self.anew(directory, name, rewritten(saved.lines, number)),
            )  # fmt: skip
        elif saved.torn:
            cut = partial(self.cut, directory, name, data.rfind(b"\n") + 1)
            yield self.found(path, "litter", "ends in an append that was never finished", "cut it off", cut)

    def cut(self, directory: int, name: str, length: int) -> None:
        """Leave so many bytes of a log."""
        fd = self.fs.open_append(name, directory)
        try:
            self.fs.truncate(fd, length)
        finally:
            self.fs.close(fd)
