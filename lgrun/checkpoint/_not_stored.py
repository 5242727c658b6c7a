"""What to say when the disk refuses a record: what was lost, where, what is safe, and what to do. Pure."""

import errno
from collections.abc import Sequence

from lgrun.checkpoint.base import PendingWrite

__all__ = ["not_stored"]

_ADVICE = {
    errno.ENOSPC: "free space",
    errno.EDQUOT: "free space, or have the quota raised",
    errno.EFBIG: "return less",
    errno.EROFS: "make the file system writable",
    errno.EACCES: "make the state directory writable",
    errno.EPERM: "make the state directory writable",
    errno.ENOENT: "bring the state directory back",
    errno.EMFILE: "allow more open files (ulimit -n)",
    errno.ENFILE: "allow more open files",
    errno.EIO: "check the disk",
}


def not_stored(writes: Sequence[PendingWrite], reason: str, cause: OSError, safe: int | None) -> str:
    """Return the message.

    Args:
        writes: what could not be stored.
        reason: the file and what the system said.
        cause: the same, for its number.
        safe: how many results had been stored before; None if that cannot be read.
    """
    earlier = "what was stored before is safe"
    if safe is not None:
        earlier = "1 earlier result is safe" if safe == 1 else f"{safe} earlier results are safe"
    advice = _ADVICE.get(cause.errno or 0, "mend that")
    return f"{_what(writes)} could not be stored in {reason}; {earlier}; {advice} and resume the thread"


def _what(writes: Sequence[PendingWrite]) -> str:
    names = [write.name for write in writes if write.kind == "result"]
    if len(names) == 1:
        return f"task {names[0]!r} finished but its result"
    if names:
        return f"tasks {', '.join(map(repr, names[:5]))}{', …' if len(names) > 5 else ''} finished but their results"
    first = writes[0]
    return {
        "start": f"task {first.name!r} was not started: that it begins",
        "interrupt": f"question q{first.q}",
        "answer": "the answer",
        "error": f"that {first.name!r} failed ({first.type})",
    }.get(first.kind, "what happened")
