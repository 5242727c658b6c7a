"""Where the state directory is, and whether it may be used."""

import errno
import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from lgrun._configuration import find, resolved, settings_files
from lgrun._folders import user_folder
from lgrun._fs import RealFs
from lgrun.checkpoint.document import decode_note, encode_note
from lgrun.errors import ConfigurationError, StateError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["TEMPORARY", "StateRoot", "state_directory", "write_anew", "write_file", "write_new"]

MARKER = "lgrun-state.json"
TEMPORARY = ".tmp-"


def state_directory(environ: Mapping[str, str] | None = None, cwd: str | None = None) -> "Path":
    """Return the state directory: where threads are kept unless something else is said.

    The first of: `LGRUN_STATE_DIR`; `state_dir` in the nearest `lgrun.toml`, or `[tool.lgrun]` of a
    `pyproject.toml`, relative to that file; `state_dir` in the user's `config.toml`; the platform's directory
    for state.

    Args:
        environ: the environment variables; this process's by default.
        cwd: the directory to search from; this process's by default.

    Raises:
        ConfigurationError: one of these files cannot be understood.
    """
    from pathlib import Path

    here = os.getcwd() if cwd is None else cwd
    found = find("state_dir", os.environ if environ is None else environ, here, settings_files(here))
    if found is None:
        return Path(user_folder("state"))
    if not isinstance(found.value, str) or not found.value:
        raise ConfigurationError(f"{found.where}: state_dir must be the path of a directory")
    return Path(resolved(found.folder, found.value))


class StateRoot:
    """The state directory.

    Args:
        fs: the disk.
        path: of the directory, with no symbolic link in it.

    Attributes:
        is_trusted: the directory is used although others can write to it.
    """

    def __init__(self, fs: RealFs, path: str) -> None:
        self._fs = fs
        self.path = path
        self.is_trusted = False
        self._known: tuple[int, int] | None = None

    def open(self, *, create: bool) -> int | None:
        """Return a descriptor of the directory; None if there is none and it is not to be created.

        Raises:
            StateError: it is not lgrun's, or others could change it.
            NewerFormatError: a newer lgrun made it.
            OSError: the disk refused.
        """
        try:
            fd = self._fs.open_root(self.path)
        except FileNotFoundError:
            # The next directory there may get the same inode.
            self._known = None
            if not create:
                return None
            self._make(self.path)
            fd = self._fs.open_root(self.path)
        try:
            usable = self._is_usable(fd, create=create)
        except BaseException:
            self._fs.close(fd)
            raise
        if usable:
            return fd
        self._fs.close(fd)
        return None

    def _is_usable(self, fd: int, *, create: bool) -> bool:
        found = self._fs.stat(fd)
        if found.st_uid != os.geteuid():
            raise StateError(
                f"{self.path} belongs to uid {found.st_uid}; lgrun uses a state directory of its own user "
                f"(uid {os.geteuid()}) only: set LGRUN_STATE_DIR"
            )
        place = (found.st_dev, found.st_ino)
        if self._known != place and not self._has_marker(fd):
            if not create:
                return False
            self._fs.chmod(fd, 0o700)
            # Before the file that says that this is done: a run that died may have left the directory without it.
            self._sync_dir(os.path.dirname(self.path))
            write_new(self._fs, fd, MARKER, encode_note("state"))
        elif found.st_mode & 0o022 and not self.is_trusted:
            raise StateError(f"{self.path} can be written by others; type: chmod 700 {_quoted(self.path)}")
        self._known = place
        return True

    def _has_marker(self, fd: int) -> bool:
        """Say whether the directory is lgrun's; False if it is empty."""
        names = self._fs.listdir(fd)
        try:
            data = self._fs.read_file(MARKER, fd)
        except FileNotFoundError:
            if any(not name.startswith(TEMPORARY) for name in names):
                raise StateError(
                    f"{self.path} is not empty and not a state directory of lgrun: set LGRUN_STATE_DIR"
                ) from None
            return False
        decode_note("state", data, f"{self.path}/{MARKER}")
        return True

    def sync(self) -> None:
        """Wait until the names in the directory would survive a power cut."""
        self._sync_dir(self.path)

    def _make(self, path: str) -> None:
        parent = os.path.dirname(path)
        if not os.path.isdir(parent):
            self._make(parent)
            self._sync_dir(os.path.dirname(parent))
        try:
            self._fs.mkdir(path, None)
        except FileExistsError:
            pass

    def _sync_dir(self, path: str) -> None:
        fd = self._fs.open_root(path)
        try:
            self._fs.sync_dir(fd)
        finally:
            self._fs.close(fd)


def write_new(fs: RealFs, directory: int, name: str, data: bytes, then: Callable[[], object] | None = None) -> None:
    """Create a file that is there whole or not at all, and that survives a power cut when this returns.

    Args:
        fs: the disk.
        directory: an open one.
        name: of the file.
        data: all of it.
        then: creates something else there, which is synced along.

    Raises:
        OSError: the disk refused; there is no such file.
    """
    _put_in_place(fs, directory, name, data, None)
    try:
        if then is not None:
            then()
        fs.sync_dir(directory)
    except OSError:
        _remove(fs, name, directory)
        raise


def write_anew(fs: RealFs, directory: int, name: str, data: bytes, mode: int) -> None:
    """Put a file in the place of another one, or of none: whoever reads finds the whole old one or the whole new one.

    Args:
        fs: the disk.
        directory: an open one.
        name: of the file.
        data: all of the new file.
        mode: its permissions.

    Raises:
        OSError: the disk refused; the old file is still there, or the new one already.
    """
    _put_in_place(fs, directory, name, data, mode)
    fs.sync_dir(directory)


def write_file(fs: RealFs, directory: int, name: str, data: bytes, mode: int | None = None) -> None:
    """Create a file and sync its bytes. Its name is safe once the directory is synced.

    Raises:
        OSError: the disk refused; a part of the file may be there.
    """
    fd = fs.create_exclusive(name, directory)
    try:
        _write_all(fs, fd, data)
        if mode is not None:
            fs.chmod(fd, mode)
        fs.sync(fd)
    finally:
        fs.close(fd)


def _put_in_place(fs: RealFs, directory: int, name: str, data: bytes, mode: int | None) -> None:
    temporary = f"{TEMPORARY}{os.urandom(6).hex()}"
    try:
        write_file(fs, directory, temporary, data, mode)
        fs.rename(temporary, directory, name, directory)
    except BaseException:
        _remove(fs, temporary, directory)
        raise


def _write_all(fs: RealFs, fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        written = fs.write(fd, bytes(left) if len(left) < len(data) else data)
        if written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left = left[written:]


def _remove(fs: RealFs, name: str, directory: int) -> None:
    try:
        fs.unlink(name, directory)
    except OSError:
        pass


def _quoted(path: str) -> str:
    import shlex

    return shlex.quote(path)
