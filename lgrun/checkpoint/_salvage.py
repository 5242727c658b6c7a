"""What can be saved of a damaged thread. Pure."""

from collections.abc import Sequence
from typing import NamedTuple

from lgrun.checkpoint._line import (
    MALFORMED,
    TAG_IN_TEXT,
    BrokenLineError,
    as_text,
    document_in,
    is_intact,
    malformed,
    only_line,
    parsed,
    place_seed,
)
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.document import JournalWriter, read_records, tasks_in

__all__ = ["Salvage", "rewritten", "salvage", "thread_of_checkpoint"]


class Salvage(NamedTuple):
    """What can be saved of a journal.

    Args:
        lines: the writes of each line that verifies.
        lost: the places of those that do not, with the tasks in them, for people.
        torn: it ends in an append that was never acknowledged.
    """

    lines: list[list[PendingWrite]]
    lost: list[str]
    torn: bool


def salvage(data: bytes, thread: str, seq: int, where: str) -> Salvage:
    """Return what is in a journal whose lines need not all verify; the arguments are those of `decode_journal`.

    Raises:
        DamagedStateError: a line that verifies belongs elsewhere.
        NewerFormatError: this lgrun is too old for a line.
    """
    seed = place_seed(thread, seq)
    saved = Salvage([], [], False)
    *lines, tail = data.split(b"\n")
    last = length = known = 0
    for at, line in enumerate(lines, 1):
        place = f"{where}, line {at}, byte {length}"
        length += len(line) + 1
        # Where a line never came to the disk there may be zeros, which run into the next one.
        text = line.lstrip(b"\0")
        try:
            document = document_in(text, seed, "writes", place)
        except BrokenLineError:
            saved.lost.append(f"{place}{tasks_in(line)}")
            continue
        n = document.get("n")
        if type(n) is not int:
            raise malformed(place, TypeError("n"))
        if n > last + 1 and len(saved.lost) == known:
            saved.lost.append(f"{place}: what stood before it")
        saved.lines.append([])
        # The number may be beyond the place, where lines are missing, but never goes back.
        read_records(document, thread, seq, max(n, last + 1), TAG_IN_TEXT not in text, place, saved.lines[-1])
        last, known = n, len(saved.lost)
    if is_intact(tail[:-1], seed):
        saved.lost.append(f"{where}, line {len(lines) + 1}, byte {length}{tasks_in(tail)}")
    return saved._replace(torn=bool(tail))


def rewritten(lines: Sequence[Sequence[PendingWrite]], thread: str, seq: int) -> bytes:
    """Return a journal of these lines, numbered anew."""
    writer = JournalWriter(thread, seq)
    return b"".join([writer.line(n, writes) for n, writes in enumerate(lines, 1)])


def thread_of_checkpoint(data: bytes, seq: int) -> str:
    """Return the thread that a checkpoint, whole and intact, says it is of.

    Raises:
        DamagedStateError: it is not whole or not intact.
    """
    line = only_line(data, "")
    try:
        thread = as_text(parsed(line)["thread"])
    except MALFORMED as error:
        raise malformed("", error) from error
    if not is_intact(line, place_seed(thread, seq)):
        raise BrokenLineError("does not verify")
    return thread
