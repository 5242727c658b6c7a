"""Values that are stored as patches: how they are rebuilt, and what the next one builds on.

Every checkpoint is on the disk before the next one is written, so whatever survives a power cut finds its base. Nothing
is rebuilt before it is asked for: who reads numbers, names and times only pays for no value.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun._fs import MAX_BYTES
from lgrun.checkpoint._line import MALFORMED, TAG_IN_TEXT, collector_paused, malformed
from lgrun.checkpoint.base import Checkpoint, Encoded
from lgrun.checkpoint.document import PATCHABLE
from lgrun.checkpoint.patching import SMALL, Link, Patch, applied, base_for, changes_between, is_worth_it
from lgrun.errors import DamagedStateError, StateError

if TYPE_CHECKING:
    from lgrun.checkpoint._thread_files import ThreadFiles

__all__ = ["Chains", "Inspection", "Patched", "Planned", "Recalled", "kept_patches"]


class _Rebuilt(NamedTuple):
    value: Encoded
    way: list[Link]


class Patched(Encoded):
    """A value that is stored as a patch, rebuilt when it is asked for.

    Args:
        files: the directory of its thread, which is opened again if it can be, since it may be closed by then.
        seq: number of its checkpoint.
        name: which of the checkpoint's values it is.
        patch: what is stored.
        crc: the checksum of the checkpoint's line.
    """

    __slots__ = ("_crc", "_files", "_name", "_rebuilt", "_seq", "patch")

    def __init__(self, files: "ThreadFiles", seq: int, name: str, patch: Patch, crc: str) -> None:
        self._files = files
        self._seq = seq
        self._name = name
        self.patch = patch
        self._crc = crc
        self._rebuilt: _Rebuilt | None = None

    @property
    def plain(self) -> bool:  # type: ignore[override]
        """The tree has no tags."""
        return self.rebuilt().value.plain

    @property
    def unparsed(self) -> int:
        """How many bytes of JSON have to be parsed for the tree; see `Encoded.unparsed`."""
        return self.rebuilt().value.unparsed

    def json(self) -> bytes:
        """Return the JSON text, UTF-8; see `Encoded.json`."""
        return self.rebuilt().value.json()

    def tree(self) -> Any:
        """Return the parsed JSON; see `Encoded.tree`."""
        return self.rebuilt().value.tree()

    def rebuilt(self, files: "ThreadFiles | None" = None) -> _Rebuilt:
        """Return the value and the way to it.

        Args:
            files: the directory, if it is open.

        Raises:
            DamagedStateError: it, or something that it builds on, is missing or not what it was.
        """
        if self._rebuilt is None:
            if files is not None or self._files.reopened is None:
                self._rebuilt = self._read(files or self._files)
            else:
                with self._files.reopened() as opened:
                    if opened is None:
                        raise StateError(f"thread {self._files.thread_id!r} was deleted")
                    self._rebuilt = self._read(opened)
        return self._rebuilt

    def recall(self, latest: "_Latest") -> None:
        """Use what is known, if it is of this very checkpoint."""
        if self._rebuilt is None and latest.way and latest.way[-1][:2] == (self._seq, self._crc):
            text = latest.value.json()
            self._rebuilt = _Rebuilt(Encoded(json=text, plain=TAG_IN_TEXT not in text), latest.way)

    def _read(self, files: "ThreadFiles") -> _Rebuilt:
        """Go from patch to patch to a whole value, and apply them to it on the way back."""
        steps: list[_Step] = []
        step: _Step | None = _Step(self._seq, self._crc, self.patch)
        size = 0
        while step is not None:
            steps.append(step)
            value, crc, length = _base(files, self._name, step)
            size += length
            if size > MAX_BYTES:
                raise DamagedStateError(f"{files.name_of(self._seq)} builds on more than {MAX_BYTES >> 20} MB")
            step = _Step(step.patch.base, crc, value.patch) if isinstance(value, Patched) else None
        first = steps[-1].patch
        with collector_paused():
            tree, plain = value.tree(), value.plain
            way = [Link(first.base, first.crc, 0, len(value.json()))]
            for seq, crc, patch in reversed(steps):
                text = patch.changes.json()
                plain = plain and TAG_IN_TEXT not in text
                try:
                    tree = applied(tree, patch.changes.tree())
                except MALFORMED as error:
                    raise malformed(files.name_of(seq), error) from error
                way.append(Link(seq, crc, patch.n, len(text)))
            made = Encoded(tree=tree, plain=plain)
            try:
                made.json()
            except MALFORMED as error:
                raise malformed(files.name_of(self._seq), error) from error
        return _Rebuilt(made, way)


class _Step(NamedTuple):
    seq: int
    crc: str
    patch: Patch


def _base(files: "ThreadFiles", name: str, step: _Step) -> tuple[Encoded, str, int]:
    """Return the value that a patch builds on, with the checksum and the length of its file."""
    base, builder = step.patch.base, files.name_of(step.seq)
    try:
        read = files.sealed(base)
    except FileNotFoundError as error:
        if files.reopened is not None and not files.fs.is_at(files.fd, files.path, None):
            raise StateError(f"thread {files.thread_id!r} was deleted") from error
        raise DamagedStateError(f"{builder} builds on {files.name_of(base)}, which is missing") from error
    except DamagedStateError as error:
        raise DamagedStateError(f"{builder} builds on what cannot be read: {error}") from error
    value: Encoded | None = getattr(read.checkpoint, name)
    if value is None or read.crc != step.patch.crc:
        raise DamagedStateError(f"{builder} builds on {files.name_of(base)} as it was, not as it is")
    return value, read.crc, read.size


def kept_patches(checkpoint: Checkpoint, seals: Mapping[int, str]) -> dict[str, Patch]:
    """Return the patches of a checkpoint as a copy of its thread holds them, where all checkpoints keep their numbers.

    Args:
        checkpoint: as it was read.
        seals: the checksums of the lines of the copies of those before it.
    """
    values = {name: getattr(checkpoint, name) for name in PATCHABLE}
    return {
        name: value.patch._replace(crc=seals[value.patch.base])
        for name, value in values.items()
        if isinstance(value, Patched)
    }


class Inspection:
    """Goes through the checkpoints of a thread in their order, reading each file once.

    Args:
        files: the directory of the thread, open.
    """

    def __init__(self, files: "ThreadFiles") -> None:
        self._files = files
        self._sound: dict[tuple[int, str], str] = {}

    def check(self, seq: int, *, last: bool) -> None:
        """Check the next checkpoint, and what it builds on: of the last one, whether its values can be rebuilt, too.

        Raises:
            DamagedStateError: it is not as it was written, or builds on one that is not.
        """
        read = self._files.sealed(seq)
        for name in PATCHABLE:
            value = getattr(read.checkpoint, name)
            if isinstance(value, Patched) and (last or self._sound.get((value.patch.base, name)) != value.patch.crc):
                self._rebuild(seq, value)
            if value is not None:
                self._sound[seq, name] = read.crc

    def _rebuild(self, seq: int, value: Patched) -> None:
        name = self._files.name_of(seq)
        try:
            value.rebuilt(self._files)
        except DamagedStateError as error:
            told = str(error)
            raise DamagedStateError(told if told.startswith(name) else f"{name} cannot be rebuilt: {told}") from error


class Planned(NamedTuple):
    """A patch that will be written, and the way to what it builds on."""

    patch: Patch
    way: list[Link]


class _Latest(NamedTuple):
    seq: int
    value: Encoded
    way: list[Link] | None


class Recalled:
    """The latest values of the thread that was written to last, as JSON text, for whoever writes to it next."""

    def __init__(self) -> None:
        self._held: tuple[str, dict[str, _Latest]] | None = None

    def keep(self, thread: str, latest: dict[str, _Latest]) -> None:
        """Keep these values of a thread instead of those that were kept before."""
        self._held = (thread, {name: each for name, each in latest.items() if each.way and each.way[-1].n})

    def take(self, thread: str) -> dict[str, _Latest]:
        """Return what is kept of a thread; nothing is kept from then on."""
        held, self._held = self._held, None
        return held[1] if held is not None and held[0] == thread else {}


class Chains:
    """What the next values of a thread can build on: the latest of each kind that a claim has seen or written.

    Args:
        files: the directory of the thread, open.
        recalled: what is known from the claim before.
    """

    def __init__(self, files: "ThreadFiles", recalled: Recalled) -> None:
        self._files = files
        self._recalled = recalled
        self._before = recalled.take(files.thread_id)
        self._latest: dict[str, _Latest] = {}

    def leave(self) -> None:
        """Let the next claim know what this one knows."""
        self._recalled.keep(self._files.thread_id, self._latest)

    def saw(self, checkpoint: Checkpoint) -> None:
        """Take note of a checkpoint that is on the disk."""
        for name in PATCHABLE:
            value: Encoded | None = getattr(checkpoint, name)
            if isinstance(value, Patched) and name in self._before:
                value.recall(self._before[name])
            known = self._latest.get(name)
            if value is not None and (known is None or known.seq < checkpoint.seq):
                self._latest[name] = _Latest(checkpoint.seq, value, None)

    def check(self, checkpoint: Checkpoint) -> None:
        """Rebuild what a checkpoint holds as patches, as long as the directory is open.

        Raises:
            DamagedStateError: something that it builds on is missing or not what it was.
        """
        for name in PATCHABLE:
            value = getattr(checkpoint, name)
            if isinstance(value, Patched):
                value.rebuilt(self._files)

    def planned(self, checkpoint: Checkpoint) -> dict[str, Planned]:
        """Return which values of the next checkpoint are to be stored as patches."""
        found = {}
        for name in PATCHABLE:
            value: Encoded | None = getattr(checkpoint, name)
            latest = self._latest.get(name)
            if value is not None and latest is not None and len(value.json()) > SMALL:
                try:
                    patch = self._patch(name, latest, value.json())
                except (OSError, StateError):
                    patch = None  # It cannot be built upon: the value is stored whole.
                if patch is not None:
                    found[name] = patch
        return found

    def wrote(self, checkpoint: Checkpoint, planned: Mapping[str, Planned], crc: str) -> None:
        """Take note of a checkpoint that was written."""
        for name in PATCHABLE:
            value: Encoded | None = getattr(checkpoint, name)
            if value is None:
                continue
            text = value.json()
            if name in planned:
                patch, way = planned[name]
                way = [*way, Link(checkpoint.seq, crc, patch.n, len(patch.changes.json()))]
            else:
                way = [Link(checkpoint.seq, crc, 0, len(text))]
            self._latest[name] = _Latest(checkpoint.seq, Encoded(json=text), way)

    def _patch(self, name: str, latest: _Latest, text: bytes) -> Planned | None:
        known = latest.value
        way = latest.way
        if way is None and isinstance(known, Patched):
            way = known.rebuilt(self._files).way
        elif way is None:
            if len(known.json()) <= SMALL:
                return None
            way = [Link(latest.seq, self._files.sealed(latest.seq).crc, 0, len(known.json()))]
        n = way[-1].n + 1
        way = way[: base_for(way) + 1]
        base = way[-1]
        if base.seq != latest.seq:
            known = getattr(self._files.checkpoint(base.seq), name)
            if isinstance(known, Patched):
                known.rebuilt(self._files)
        changes = changes_between(known.json(), text)
        if changes is None or not is_worth_it(len(changes), len(text), way):
            return None
        return Planned(Patch(base.seq, base.crc, n, Encoded(json=changes)), way)
