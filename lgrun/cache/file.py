"""The task cache in the state directory: `FileCache`.

`<state>/cache/` has a directory for each namespace and in it a file for each entry, written beside and renamed, so
that a reader finds the old one, the new one or none. Nothing is synced: what a power cut spoils does not verify, and an
entry that does not verify is none. (An append-only log would have to be read whole at every start.)
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from lgrun._fs import RealFs
from lgrun.cache._entry import decode_entry, encode_entry, entry_name, space_name
from lgrun.cache.base import BaseCache, FullKey, Namespace, ValueT, checked_key
from lgrun.checkpoint._claim import Disk
from lgrun.checkpoint._state_root import TEMPORARY, StateRoot, state_directory
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.serde import decode, encode
from lgrun.errors import StateError

__all__ = ["FileCache"]

_CACHE = "cache"


class FileCache(BaseCache[ValueT]):
    """Keeps entries in a directory, for any number of processes.

    Args:
        directory: the state directory; found by `state_directory()` if None. The first `set` creates it.
        fs: the disk.
        now: seconds since the epoch.
    """

    blocking = True

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        fs: RealFs | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.directory = os.path.realpath(state_directory() if directory is None else directory)
        self._fs = fs or RealFs()
        self._root = StateRoot(self._fs, self.directory)
        self._now = now

    def get(self, keys: Sequence[FullKey]) -> dict[FullKey, ValueT]:
        """Return what there is of some entries; see `BaseCache.get`. One that cannot be read is not there.

        Raises:
            StateError: the directory is not lgrun's, or others could change it.
        """
        found = {}
        wanted = [checked_key(key) for key in keys]
        with self._open(create=False) as cache:
            if cache is None:
                return {}
            for key in wanted:
                try:
                    found[key] = decode(self._read(key, cache))
                except (OSError, StateError):
                    continue
        return found

    def set(self, pairs: Mapping[FullKey, tuple[ValueT, float | None]]) -> None:
        """Keep some values; see `BaseCache.set`. If the disk refuses, there is a warning and nothing is kept.

        Raises:
            StateError: the directory is not lgrun's, or others could change it.
        """
        entries = [(checked_key(key), encode(value), ttl) for key, (value, ttl) in pairs.items()]
        now = self._now()
        with self._open(create=True) as cache:
            if cache is None:
                return
            for key, value, ttl in entries:
                try:
                    self._write(key, encode_entry(key, value, None if ttl is None else now + ttl), cache)
                except OSError as error:
                    _warn(f"a result was not cached in {self.directory}/{_CACHE}: {error.strerror or error}")

    def clear(self, namespaces: Sequence[Namespace] | None = None) -> None:
        """Forget the entries of some namespaces; of all if None.

        Raises:
            StateError: the directory is not lgrun's.
            StateIOError: the disk refused.
        """
        with self._open(create=False) as cache, Disk(f"{self.directory}/{_CACHE}"):
            if cache is None:
                return
            names = self._fs.listdir(cache) if namespaces is None else [space_name(tuple(n)) for n in namespaces]
            for name in names:
                self._empty(name, cache)

    def _read(self, key: FullKey, cache: int) -> Encoded:
        namespace, name = key
        space = self._fs.open_dir(space_name(namespace), cache)
        try:
            value = decode_entry(self._fs.read_file(entry_name(name), space), key, self._now())
            if value is None:
                # Over, or spoilt. Should a new one have come meanwhile, it is computed again.
                self._fs.unlink(entry_name(name), space)
                raise FileNotFoundError(name)
            return value
        finally:
            self._fs.close(space)

    def _write(self, key: FullKey, data: bytes, cache: int) -> None:
        namespace, name = key
        while True:
            space = self._open_or_make(space_name(namespace), cache)
            try:
                self._put(entry_name(name), data, space)
                return
            except FileNotFoundError:
                continue  # it was cleared meanwhile
            finally:
                self._fs.close(space)

    def _put(self, name: str, data: bytes, space: int) -> None:
        temporary = f"{TEMPORARY}{os.urandom(6).hex()}"
        fd = self._fs.create_exclusive(temporary, space)
        try:
            try:
                whole = self._fs.write(fd, data) == len(data)
            finally:
                self._fs.close(fd)
            if not whole:
                raise OSError(28, "No space left on device")
            # ext4 writes a file to the disk at once when it is renamed over another one: that takes milliseconds.
            self._unlink(name, space)
            self._fs.rename(temporary, space, name, space)
        except BaseException:
            self._unlink(temporary, space)
            raise

    def _empty(self, name: str, cache: int) -> None:
        try:
            space = self._fs.open_dir(name, cache)
        except FileNotFoundError:
            return
        try:
            for entry in self._fs.listdir(space):
                self._unlink(entry, space)
        finally:
            self._fs.close(space)
        try:
            self._fs.rmdir(name, cache)
        except OSError:
            pass  # somebody has put an entry there, or was faster

    def _unlink(self, name: str, directory: int) -> None:
        try:
            self._fs.unlink(name, directory)
        except FileNotFoundError:
            pass

    @contextmanager
    def _open(self, *, create: bool) -> Iterator[int | None]:
        """Give the descriptor of the cache's directory; None if there is none, or, after a warning, none to be had."""
        root = cache = None
        try:
            try:
                root = self._root.open(create=create)
                if root is not None:
                    cache = self._open_or_make(_CACHE, root) if create else self._fs.open_dir(_CACHE, root)
            except FileNotFoundError:
                pass
            except OSError as error:
                _warn(f"the cache in {self.directory}/{_CACHE} cannot be used: {error.strerror or error}")
            yield cache
        finally:
            for fd in (cache, root):
                if fd is not None:
                    self._fs.close(fd)

    def _open_or_make(self, name: str, parent: int) -> int:
        try:
            return self._fs.open_dir(name, parent)
        except FileNotFoundError:
            try:
                self._fs.mkdir(name, parent)
            except FileExistsError:
                pass
            return self._fs.open_dir(name, parent)


def _warn(message: str) -> None:
    import logging  # takes as long to import as everything here together

    logging.getLogger("lgrun").warning("%s", message)
