"""The door to the disk for all that is written and believed below the state directory.

Every name is relative to the descriptor of an open directory, so that no component can be swapped for a
symbolic link on the way. A subclass of `RealFs` injects faults. Errors are `OSError`s; the savers turn them
into `StateIOError`.
"""

import errno
import fcntl
import os
import stat
import sys
from functools import cache

__all__ = ["MAX_BYTES", "RealFs", "boot_id", "slurp"]

MAX_BYTES = 256 << 20
"""The largest file that is read, and that a journal may grow to."""

_REMOTE = ("nfs", "cifs", "smb", "fuse", "9p", "afs", "ceph", "lustre", "glusterfs", "gfs2", "ocfs2")
_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
# Without O_NONBLOCK, opening a FIFO waits for its other end.
_SAFE = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


def _check(found: os.stat_result, name: str) -> None:
    """Refuse what another user could have put there."""
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", name)
    if found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, f"belongs to uid {found.st_uid}, not to this user", name)
    if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
        # What is written here would change a file somewhere else.
        raise OSError(errno.EMLINK, f"has {found.st_nlink} hard links: replace it by a copy", name)


def _open(name: str, flags: int, parent: int, *, private: bool = False) -> int:
    """Open what is this user's, or create it; a `private` file is made one. What is not kept is closed."""
    fd = os.open(name, flags, 0o600, dir_fd=parent)
    try:
        found = os.fstat(fd)
        _check(found, name)
        if private and found.st_mode & 0o777 != 0o600:
            os.fchmod(fd, 0o600)
    except BaseException:
        os.close(fd)
        raise
    return fd


def slurp(path: str) -> str:
    """Return what the system says in a file of its own, below /proc."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(fd, 4096).decode("ascii", "replace")
    finally:
        os.close(fd)


@cache
def boot_id() -> str:
    """Return what tells the system from itself before it was started; "" where it does not say."""
    try:
        return slurp("/proc/sys/kernel/random/boot_id").strip()
    except OSError:
        return ""


class RealFs:
    """The operations that savers need, on the real file system."""

    # Directories

    def open_root(self, path: str) -> int:
        """Open the directory below which no symbolic link is followed."""
        return os.open(path, _DIRECTORY)

    def open_dir(self, name: str, parent: int) -> int:
        """Open a directory of this user's."""
        return _open(name, _DIRECTORY | os.O_NOFOLLOW, parent)

    def mkdir(self, name: str, parent: int | None) -> None:
        """Create a directory for this user alone, whatever the umask."""
        os.mkdir(name, 0o700, dir_fd=parent)
        if parent is None:
            os.chmod(name, 0o700)
        else:
            os.chmod(name, 0o700, dir_fd=parent)

    def listdir(self, directory: int) -> list[str]:
        """Return the names in a directory."""
        return os.listdir(directory)

    def size(self, name: str, parent: int) -> int:
        """Return how many bytes a file in a directory holds."""
        return os.stat(name, dir_fd=parent, follow_symlinks=False).st_size

    def sync_dir(self, directory: int) -> None:
        """Wait until the names in a directory would survive a power cut."""
        os.fsync(directory)

    def rmdir(self, name: str, parent: int) -> None:
        """Remove an empty directory."""
        os.rmdir(name, dir_fd=parent)

    def remove_tree(self, name: str, parent: int) -> None:
        """Remove a directory of this user's and everything in it. No link is followed."""
        fd = self.open_dir(name, parent)
        try:
            for entry in self.listdir(fd):
                try:
                    self.unlink(entry, fd)
                except OSError as error:
                    # How systems say that it is a directory.
                    if error.errno not in (errno.EISDIR, errno.EPERM):
                        raise
                    self.remove_tree(entry, fd)
        finally:
            self.close(fd)
        self.rmdir(name, parent)

    # Files

    def create_exclusive(self, name: str, parent: int) -> int:
        """Create a file for writing; an existing one is an error."""
        return _open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _SAFE, parent, private=True)

    def open_append(self, name: str, parent: int) -> int:
        """Open a file for appending; it is created if need be."""
        return _open(name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _SAFE, parent, private=True)

    def open_lock(self, name: str, parent: int) -> int:
        """Open a file for reading and writing in place; it is created if need be."""
        return _open(name, os.O_RDWR | os.O_CREAT | _SAFE, parent, private=True)

    def open_read(self, name: str, parent: int) -> int:
        """Open a file for reading."""
        return _open(name, os.O_RDONLY | _SAFE, parent)

    def read_rest(self, fd: int, offset: int, limit: int = MAX_BYTES) -> bytes:
        """Return an open file's bytes from `offset` on; of a file of more than `limit` bytes nothing is read."""
        found = os.fstat(fd)
        if found.st_size > limit:
            raise OSError(errno.EFBIG, f"{found.st_size} bytes are more than the {limit} allowed")
        pieces = []
        while piece := os.pread(fd, max(found.st_size - offset, 0) + 1, offset):
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def read_file(self, name: str, parent: int, limit: int = MAX_BYTES) -> bytes:
        """Return a regular file's bytes; one of more than `limit` bytes is not read at all."""
        fd = os.open(name, os.O_RDONLY | _SAFE, dir_fd=parent)
        try:
            found = os.fstat(fd)
            _check(found, name)
            if stat.S_ISDIR(found.st_mode):
                raise OSError(errno.EISDIR, "not a regular file", name)
            if found.st_size > limit:
                raise OSError(errno.EFBIG, f"{found.st_size} bytes are more than the {limit} allowed", name)
            return self._read_all(fd, found.st_size)
        finally:
            os.close(fd)

    def stat(self, fd: int) -> os.stat_result:
        """Return what the system says about an open file or directory."""
        return os.fstat(fd)

    def chmod(self, fd: int, mode: int) -> None:
        """Change the permissions of an open file or directory."""
        os.fchmod(fd, mode)

    def read_start(self, fd: int, size: int) -> bytes:
        """Return the first bytes of a file that is open for reading and writing."""
        return os.pread(fd, size, 0)

    def write(self, fd: int, data: bytes) -> int:
        """Write, and return how many bytes were."""
        return os.write(fd, data)

    def write_at_start(self, fd: int, data: bytes) -> None:
        """Overwrite the first bytes of a file."""
        os.pwrite(fd, data, 0)

    def sync(self, fd: int) -> None:
        """Wait until a file's bytes would survive a power cut, as far as the platform can say."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)
        else:
            os.fdatasync(fd)

    def truncate(self, fd: int, length: int) -> None:
        """Cut a file off."""
        os.ftruncate(fd, length)

    def rename(self, old: str, old_parent: int, new: str, new_parent: int) -> None:
        """Rename within one file system; an existing file `new` is replaced."""
        os.rename(old, new, src_dir_fd=old_parent, dst_dir_fd=new_parent)

    def unlink(self, name: str, parent: int) -> None:
        """Remove a file."""
        os.unlink(name, dir_fd=parent)

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    # Locks

    def lock(self, fd: int) -> bool:
        """Try to lock a file against all other descriptors, this process's too; say whether it worked."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def is_at(self, fd: int, path: str, parent: int | None) -> bool:
        """Say whether an open file or directory is still the one at `path`."""
        here = os.fstat(fd)
        try:
            there = os.stat(path, dir_fd=parent, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return here.st_nlink > 0 and (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino)

    def boot(self) -> str:
        """Return what changes when the power was cut; "" if nobody can say."""
        return boot_id()

    def is_remote(self, fd: int) -> bool:
        """Say whether an open file or directory is on a network file system, as far as the system tells."""
        device = os.fstat(fd).st_dev
        number = f"{os.major(device)}:{os.minor(device)}"
        try:
            with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as mounts:
                kinds = [line.partition(" - ")[2].split(" ")[0] for line in mounts if line.split(" ")[2] == number]
        except OSError:
            return False
        return any(kind.startswith(_REMOTE) for kind in kinds)

    def _read_all(self, fd: int, size: int) -> bytes:
        # One byte more than there should be: one call reads the file, a second sees its end.
        pieces = []
        while piece := os.read(fd, size + 1):
            pieces.append(piece)
            size = max(size - len(piece), 1 << 16)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
