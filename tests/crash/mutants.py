"""Steps of the protocol, each taken out: whoever says that the protocol is tested has to notice all of them.

A mutant is a function of production code with a piece of its text replaced, compiled in its own module.
"""

import inspect
import textwrap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType
from typing import Any, NamedTuple

from lgrun._engine.run import Run
from lgrun.checkpoint import (
    _chains,
    _claim,
    _copying,
    _journal_file,
    _line,
    _lock,
    _state_root,
    _thread_files,
    document,
    file,
)


class Mutant(NamedTuple):
    """A step that is left out.

    Args:
        what: the step.
        owner: the module or class that has the function.
        name: of the function.
        old: text of the function.
        new: what stands there instead.
    """

    what: str
    owner: Any
    name: str
    old: str
    new: str = "pass"


MUTANTS = [
    Mutant("results are not synced", _journal_file.JournalFile, "append", "self._sync()"),
    Mutant("the journal's name is not synced", _journal_file.JournalFile, "_sync", "if not self._is_listed:", "if 0:"),
    Mutant(
        "a failed write is not cut off", _journal_file.JournalFile, "_undo", "self._fs.truncate(", "print if 1 else ("
    ),
    Mutant("a failed sync is tried again", _journal_file.JournalFile, "_sync", "self.is_broken = True"),
    Mutant("checkpoints are not synced", _state_root, "write_file", "fs.sync(fd)"),
    Mutant("names of checkpoints are not synced", _state_root, "write_new", "fs.sync_dir(directory)"),
    Mutant(
        "checkpoints are written in place",
        _state_root,
        "_put_in_place",
        'f"{TEMPORARY}{os.urandom(6).hex()}"',
        "name",
    ),
    Mutant(
        "the state directory's name is not synced",
        _state_root.StateRoot,
        "_is_usable",
        "self._sync_dir(os.path.dirname(self.path))",
    ),
    Mutant("names of threads are not synced", _claim.FileClaim, "_put", "self._files.fs.sync_dir(self._place.threads)"),
    Mutant("the directory of threads is not synced", _claim.FileClaim, "_put", "self._root.sync()"),
    Mutant("what a dead run wrote is not synced", _claim.FileClaim, "_recover", "self._files.sync(seq)"),
    Mutant("a journal is not synced before the end", _claim.FileClaim, "_put", "sync=True", "sync=False"),
    Mutant("leftovers are not removed", _claim.FileClaim, "_find_latest", "self._files.remove_temporary(names)"),
    Mutant(
        "a torn append is not cut off", _thread_files.ThreadFiles, "recover", "self.fs.truncate(fd, journal.length)"
    ),
    Mutant("checksums are not compared", _line, "is_intact", "return tail ==", "return True or tail =="),
    Mutant("a base's checksum is not compared", _chains, "_base", "read.crc != step.patch.crc", "False"),
    Mutant("a damaged middle is cut off", document, "_journal", "if any(is_intact(", "if 0 and any(is_intact("),
    Mutant("the place of a line is not compared", document, "read_records", "if place != (thread, seq, n):", "if 0:"),
    Mutant("the lock is not waited for", _lock, "try_lock", "if fs.lock(fd):", "if fs.lock(fd) or 1:"),
    Mutant("a removed lock counts", _lock, "try_lock", "if not fs.is_at(", "if 0 and not fs.is_at("),
    Mutant(
        "results are told before they are written",
        Run,
        "commit",
        "yield Flush(",
        'if write.kind != "result": yield Flush(',
    ),
    Mutant(
        "threads are removed where they are",
        file.FileSaver,
        "_discard",
        "self._fs.rename(name, threads, os.urandom(8).hex(), trash)",
        "self._fs.remove_tree(name, threads)",
    ),
    Mutant("a removal is not synced", file.FileSaver, "_discard", "self._fs.sync_dir(threads)"),
]


@contextmanager
def mutated(mutant: Mutant) -> Iterator[None]:
    """Run production code without a step."""
    original = inspect.getattr_static(mutant.owner, mutant.name)
    changed = _compiled(original, mutant)
    holders = [mutant.owner]
    if inspect.ismodule(mutant.owner):
        # Other modules have imported it by name.
        modules = (_chains, _claim, _copying, _journal_file, _line, _lock, _state_root, _thread_files, document, file)
        holders = [module for module in modules if getattr(module, mutant.name, None) is original]
    for holder in holders:
        setattr(holder, mutant.name, changed)
    try:
        yield
    finally:
        for holder in holders:
            setattr(holder, mutant.name, original)


def _compiled(original: FunctionType, mutant: Mutant) -> Callable[..., Any]:
    text = textwrap.dedent(inspect.getsource(original))
    if text.count(mutant.old) != 1:
        raise AssertionError(
            f"{mutant.what}: the code has changed, {mutant.old!r} is there {text.count(mutant.old)} times"
        )
    made: dict[str, Any] = {}
    exec(
        compile(text.replace(mutant.old, mutant.new), original.__code__.co_filename, "exec"), original.__globals__, made
    )
    changed: FunctionType = made[mutant.name]
    changed.__defaults__, changed.__kwdefaults__ = original.__defaults__, original.__kwdefaults__
    return changed
