"""What everything that checks a part of a state directory has in common."""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from itertools import count
from typing import Literal, NamedTuple, TypeAlias

from lgrun._fs import RealFs
from lgrun.checkpoint._state_root import write_new

__all__ = ["ASIDE", "Examiner", "Finding", "Verdict", "short"]

Verdict: TypeAlias = Literal["note", "litter", "damaged", "refused", "newer", "unreadable"]
"""`note`: nothing to do; `litter`: left by a run that died, removed in passing by the next one; `damaged`: does not
verify; `refused`: others could have put or changed it; `newer`: a newer lgrun is needed; `unreadable`: the disk
refused."""

ASIDE = ".damaged"


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


class Examiner:
    """Reports what is wrong, and puts it right if that is wanted.

    Args:
        fs: the disk.
        path: of the state directory.
        mends: put right what can be.
    """

    def __init__(self, fs: RealFs, path: str, mends: bool) -> None:
        self.fs = fs
        self.path = path
        self.mends = mends

    def found(
        self, path: str, verdict: Verdict, problem: str, remedy: str = "", mend: Callable[[], object] | None = None
    ) -> Finding:
        """Report, and mend if that is wanted."""
        if not self.mends or mend is None:
            return Finding(path, verdict, problem, remedy)
        try:
            mend()
        except FileNotFoundError:
            pass  # Another process has removed it meanwhile.
        except OSError as error:
            return Finding(path, "unreadable", f"{problem}; {remedy}: {error.strerror}")
        return Finding(path, verdict, problem, remedy, mended=True)

    def failed(self, path: str, error: OSError) -> Finding:
        """Report what the disk or the checks of `_fs` refused."""
        refused = error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EINVAL, errno.EPERM, errno.EMLINK, errno.EISDIR)
        return Finding(path, "refused" if refused else "unreadable", error.strerror or str(error))

    def inside(self, name: str, parent: int, check: Callable[[int, str], Iterator[Finding]]) -> Iterator[Finding]:
        """Check a directory. `name` is its path, too, where it is directly in the state directory."""
        fd, entry = None, os.path.basename(name)
        try:
            fd = self.fs.open_dir(entry, parent)
            yield from self.mode(name, fd, 0o700)
            yield from check(fd, name)
        except OSError as error:
            if not isinstance(error, FileNotFoundError) or (fd is not None and self.fs.is_at(fd, entry, parent)):
                yield self.failed(name, error)  # Else it was deleted meanwhile.
        finally:
            if fd is not None:
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

    def anew(self, directory: int, name: str, data: bytes) -> None:
        """Replace a file; what was in it is kept beside it."""
        write_new(self.fs, directory, name + self.aside(directory, name), self.fs.read_file(name, directory))
        write_new(self.fs, directory, name, data)

    def aside(self, directory: int, *names: str) -> str:
        """Return what files that are set aside get behind their names. It need not be the first time."""
        there = frozenset(self.fs.listdir(directory))
        suffixes = (f"{ASIDE}{n}" if n > 1 else ASIDE for n in count(1))
        return next(suffix for suffix in suffixes if there.isdisjoint(name + suffix for name in names))


def short(error: object, path: str) -> str:
    """Return a message without the path that stands before it anyway."""
    return str(error).removeprefix(path).lstrip(" ,").removesuffix("; nothing was changed")
