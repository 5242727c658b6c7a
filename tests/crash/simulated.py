"""A disk in memory that knows what a power cut may leave of it.

Rules, no kinder than POSIX:
- bytes written to a file are there after `sync` of that file; before, any first part of the writes may be, the last
  of them torn, or its bytes still zeros, or an earlier one missing;
- names in a directory are there after `sync_dir` of it; before, any of the changes since may be. A rename is one
  change, also from one directory to another;
- a name may be there without the bytes of its file.
"""

import errno
import itertools
import os
import random
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from lgrun._fs import MAX_BYTES, RealFs

Tree = dict[str, Any]
"""What is on a disk: a name leads to bytes or to another tree."""

_numbers = itertools.count(1)


@dataclass(eq=False)
class File:
    """A file: its bytes, those that are safe, and the changes in between: (offset, bytes) or a length."""

    data: bytearray = field(default_factory=bytearray)
    safe: bytes = b""
    changes: list[tuple[int, bytes] | int] = field(default_factory=list)
    links: int = 1
    number: int = field(default_factory=lambda: next(_numbers))
    locked: int | None = None


@dataclass(eq=False)
class Change:
    """A change of names: `gone` is no longer there, `name` leads to `node`; `other` is its half elsewhere."""

    gone: str | None = None
    name: str | None = None
    node: "File | Folder | None" = None
    other: "tuple[Folder, Change] | None" = None


@dataclass(eq=False)
class Folder:
    """A directory: its names, those that are safe, and the changes in between."""

    names: dict[str, "File | Folder"] = field(default_factory=dict)
    safe: dict[str, "File | Folder"] = field(default_factory=dict)
    changes: list[Change] = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_numbers))
    links: int = 1


def _fail(number: int, name: str = "") -> OSError:
    return OSError(number, os.strerror(number), name)


class SimulatedFs(RealFs):
    """The disk.

    Args:
        tree: what is on it.
    """

    _boots = itertools.count()

    def __init__(self, tree: Tree | None = None) -> None:
        self.root = _folder_of(tree or {})
        self._boot = f"boot {next(self._boots)}"
        self._open: dict[int, File | Folder] = {}
        self._next = 1 << 20

    # Directories

    def open_root(self, path: str) -> int:
        return self._opened(self._walk(path))

    def open_dir(self, name: str, parent: int) -> int:
        found = self._entry(name, parent)
        if not isinstance(found, Folder):
            raise _fail(errno.ENOTDIR, name)
        return self._opened(found)

    def mkdir(self, name: str, parent: int | None) -> None:
        folder = self._walk(os.path.dirname(name)) if parent is None else self._folder(parent)
        name = os.path.basename(name)
        if name in folder.names:
            raise _fail(errno.EEXIST, name)
        self._link(folder, name, Folder())

    def listdir(self, directory: int) -> list[str]:
        return list(self._folder(directory).names)

    def sync_dir(self, directory: int) -> None:
        folder = self._folder(directory)
        halves = [change.other for change in folder.changes if change.other is not None]
        folder.safe, folder.changes = dict(folder.names), []
        for other, half in halves:
            if half in other.changes:
                other.safe = _with_changes(other, (other.changes.index(half),))
                other.changes.remove(half)

    def rmdir(self, name: str, parent: int) -> None:
        found = self._entry(name, parent)
        if not isinstance(found, Folder):
            raise _fail(errno.ENOTDIR, name)
        if found.names:
            raise _fail(errno.ENOTEMPTY, name)
        self._unlink(self._folder(parent), name)

    # Files

    def create_exclusive(self, name: str, parent: int) -> int:
        folder = self._folder(parent)
        if name in folder.names:
            raise _fail(errno.EEXIST, name)
        return self._create(folder, name)

    def open_append(self, name: str, parent: int) -> int:
        return self._open_or_create(name, parent)

    def open_lock(self, name: str, parent: int) -> int:
        return self._open_or_create(name, parent)

    def read_file(self, name: str, parent: int, limit: int = MAX_BYTES) -> bytes:
        found = self._entry(name, parent)
        if not isinstance(found, File):
            raise _fail(errno.EISDIR, name)
        if len(found.data) > limit:
            raise _fail(errno.EFBIG, name)
        return bytes(found.data)

    def size(self, name: str, parent: int) -> int:
        return len(self.read_file(name, parent))

    def stat(self, fd: int) -> os.stat_result:
        node = self._node(fd)
        kind = stat.S_IFDIR | 0o700 if isinstance(node, Folder) else stat.S_IFREG | 0o600
        return os.stat_result((kind, node.number, 1, node.links, os.geteuid(), os.getegid(), 0, 0, 0, 0))

    def chmod(self, fd: int, mode: int) -> None:
        self._node(fd)

    def read_start(self, fd: int, size: int) -> bytes:
        return bytes(self._file(fd).data[:size])

    def write(self, fd: int, data: bytes) -> int:
        file = self._file(fd)
        self._write(file, len(file.data), data)
        return len(data)

    def write_at_start(self, fd: int, data: bytes) -> None:
        self._write(self._file(fd), 0, data)

    def sync(self, fd: int) -> None:
        file = self._file(fd)
        file.safe, file.changes = bytes(file.data), []

    def truncate(self, fd: int, length: int) -> None:
        file = self._file(fd)
        file.changes.append(length)
        _apply(file.data, length)

    def rename(self, old: str, old_parent: int, new: str, new_parent: int) -> None:
        source, target = self._folder(old_parent), self._folder(new_parent)
        node = self._entry(old, old_parent)
        replaced = target.names.get(new)
        if isinstance(replaced, Folder) and replaced.names:
            raise _fail(errno.ENOTEMPTY, new)
        if isinstance(replaced, File):
            replaced.links -= 1
        del source.names[old]
        target.names[new] = node
        if source is target:
            source.changes.append(Change(old, new, node))
            return
        come, gone = Change(None, new, node), Change(old)
        come.other, gone.other = (source, gone), (target, come)
        target.changes.append(come)
        source.changes.append(gone)

    def unlink(self, name: str, parent: int) -> None:
        found = self._entry(name, parent)
        if isinstance(found, Folder):
            raise _fail(errno.EISDIR, name)
        self._unlink(self._folder(parent), name)

    def close(self, fd: int) -> None:
        node = self._open.pop(fd)
        if isinstance(node, File) and node.locked == fd:
            node.locked = None

    def close_all(self) -> None:
        """Close what a process that died had open."""
        for fd in list(self._open):
            self.close(fd)

    # Locks

    def lock(self, fd: int) -> bool:
        file = self._file(fd)
        if file.locked not in (None, fd):
            return False
        file.locked = fd
        return True

    def is_at(self, fd: int, path: str, parent: int | None) -> bool:
        try:
            node: File | Folder = self._walk(path) if parent is None else self._folder(parent)
            for name in path.split("/") if parent is not None else ():
                node = node.names[name] if isinstance(node, Folder) else _missing(name)
        except (OSError, KeyError):
            return False
        return node is self._node(fd)

    def boot(self) -> str:
        return self._boot

    def is_remote(self, fd: int) -> bool:
        return False

    # What a power cut leaves

    def tree(self) -> Tree:
        """Return what everybody sees."""
        return _seen(self.root)

    def safe_tree(self) -> Tree:
        """Return the least that a power cut may leave."""
        return _left(self.root, {})  # type: ignore[no-any-return]

    def after_power_cut(self, chance: random.Random, limit: int) -> Iterator[Tree]:
        """Yield what may be on the disk if the power goes now: all of it, or a sample of so many."""
        dirty = list(_dirty(self.root, set()))
        choices = [_choices(node) for node in dirty]
        total = 1
        for options in choices:
            total *= len(options)
        if total <= limit:
            picked: Iterator[Any] = itertools.product(*choices)
        else:
            picked = (tuple(chance.choice(options) for options in choices) for _ in range(limit))
        for chosen in picked:
            left = dict(zip(dirty, chosen, strict=True))
            if all(_is_whole(node, left) for node in dirty):
                yield _left(self.root, left)

    # Inside

    def _opened(self, node: File | Folder) -> int:
        self._next += 1
        self._open[self._next] = node
        return self._next

    def _node(self, fd: int) -> File | Folder:
        if fd not in self._open:
            raise _fail(errno.EBADF)
        return self._open[fd]

    def _file(self, fd: int) -> File:
        node = self._node(fd)
        if isinstance(node, Folder):
            raise _fail(errno.EISDIR)
        return node

    def _folder(self, fd: int) -> Folder:
        node = self._node(fd)
        if isinstance(node, File):
            raise _fail(errno.ENOTDIR)
        return node

    def _entry(self, name: str, parent: int) -> File | Folder:
        found = self._folder(parent).names.get(name)
        if found is None:
            raise _fail(errno.ENOENT, name)
        return found

    def _walk(self, path: str) -> Folder:
        node: File | Folder = self.root
        for name in [name for name in path.split("/") if name]:
            found = node.names.get(name) if isinstance(node, Folder) else None
            if found is None:
                raise _fail(errno.ENOENT, path)
            node = found
        if isinstance(node, File):
            raise _fail(errno.ENOTDIR, path)
        return node

    def _open_or_create(self, name: str, parent: int) -> int:
        folder = self._folder(parent)
        found = folder.names.get(name)
        if found is None:
            return self._create(folder, name)
        if isinstance(found, Folder):
            raise _fail(errno.EISDIR, name)
        return self._opened(found)

    def _create(self, folder: Folder, name: str) -> int:
        file = File()
        self._link(folder, name, file)
        return self._opened(file)

    def _link(self, folder: Folder, name: str, node: File | Folder) -> None:
        folder.names[name] = node
        folder.changes.append(Change(None, name, node))

    def _unlink(self, folder: Folder, name: str) -> None:
        folder.names.pop(name).links -= 1
        folder.changes.append(Change(name))

    def _write(self, file: File, offset: int, data: bytes) -> None:
        file.changes.append((offset, data))
        _apply(file.data, (offset, data))


def _missing(name: str) -> Any:
    raise KeyError(name)


def _apply(data: bytearray, change: tuple[int, bytes] | int) -> None:
    if isinstance(change, int):
        del data[change:]
        return
    offset, piece = change
    data.extend(bytes(max(0, offset - len(data))))
    data[offset : offset + len(piece)] = piece


def _folder_of(tree: Tree) -> Folder:
    names: dict[str, File | Folder] = {}
    for name, held in tree.items():
        names[name] = _folder_of(held) if isinstance(held, dict) else File(bytearray(held), held)
    return Folder(names, dict(names))


def _seen(folder: Folder) -> Tree:
    return {name: _seen(node) if isinstance(node, Folder) else bytes(node.data) for name, node in folder.names.items()}


def _dirty(node: File | Folder, seen: set[int]) -> Iterator[File | Folder]:
    """Yield what has changes that are not safe, of all that may be there after a power cut."""
    if node.number in seen:
        return
    seen.add(node.number)
    if node.changes:
        yield node
    if isinstance(node, Folder):
        nodes = [*node.safe.values(), *(change.node for change in node.changes if change.node is not None)]
        for inner in nodes:
            yield from _dirty(inner, seen)


def _choices(node: File | Folder) -> list[Any]:
    return _names_left(node) if isinstance(node, Folder) else _bytes_left(node)


def _names_left(folder: Folder) -> list[dict[str, File | Folder]]:
    count = len(folder.changes)
    if count <= 5:
        chosen: list[tuple[int, ...]] = [
            kept for size in range(count + 1) for kept in itertools.combinations(range(count), size)
        ]
    else:
        chosen = [tuple(range(size)) for size in range(count + 1)]
        chosen += [tuple(i for i in range(count) if i != out) for out in range(count)]
    return [_with_changes(folder, kept) for kept in chosen]


def _with_changes(folder: Folder, kept: tuple[int, ...]) -> dict[str, File | Folder]:
    names = dict(folder.safe)
    for change in (folder.changes[i] for i in kept):
        if change.gone is not None:
            names.pop(change.gone, None)
        if change.name is not None and change.node is not None:
            names[change.name] = change.node
    return names


def _bytes_left(file: File) -> list[bytes]:
    found: dict[bytes, None] = {}
    changes = file.changes
    for done in range(len(changes) + 1):
        found[_with(file.safe, changes[:done])] = None
        if done < len(changes) and not isinstance(changes[done], int):
            offset, data = changes[done]  # type: ignore[misc]
            for torn in _torn(data):
                found[_with(file.safe, [*changes[:done], (offset, torn)])] = None
        found[_with(file.safe, [change for i, change in enumerate(changes) if i != done])] = None
    return list(found)


def _torn(data: bytes) -> list[bytes]:
    half = len(data) // 2
    return [data[:1], data[:half], data[:-1], bytes(len(data)), data[:half] + bytes(len(data) - half)]


def _with(data: bytes, changes: list[tuple[int, bytes] | int]) -> bytes:
    made = bytearray(data)
    for change in changes:
        _apply(made, change)
    return bytes(made)


def _is_whole(node: File | Folder, left: dict[File | Folder, Any]) -> bool:
    """Say whether of every rename between directories both halves are left or none."""
    for change in node.changes if isinstance(node, Folder) else ():
        if change.other is not None and change.node is not None:
            source, gone = change.other
            come = left[node].get(change.name) is change.node
            if source in left and come == (left[source].get(gone.gone) is change.node):
                return False
    return True


def _left(node: File | Folder, chosen: dict[File | Folder, Any]) -> Any:
    found = chosen[node] if node in chosen else node.safe
    if isinstance(node, File):
        return found
    return {name: _left(inner, chosen) for name, inner in found.items()}
