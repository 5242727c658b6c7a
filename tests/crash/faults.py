"""The one layer of faults under `lgrun._fs` that everything in this folder shares.

`Layer` stands between a saver and a disk, real or simulated, counts the operations and lets a `Meddler` do something
to each of them: record it, fail it, kill the process at it. Production code knows nothing of all this.
"""

import errno
import os
import signal
from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from lgrun._fs import RealFs

OPERATIONS = [name for name in vars(RealFs) if not name.startswith("_") and name != "boot"]
COMPOSED = {"remove_tree"}
"""Operations that are made of others, which are counted instead."""


class Call(NamedTuple):
    """An operation that is about to be done."""

    number: int
    name: str
    arguments: tuple[Any, ...]


class Meddler(Protocol):
    """What happens instead of an operation; `do`, called with its arguments, is the operation itself."""

    def __call__(self, call: Call, do: Callable[..., Any]) -> Any: ...


class Layer(RealFs):
    """A disk with a meddler.

    Args:
        under: the disk.
        meddle: what is done to each operation.
    """

    def __init__(self, under: RealFs, meddle: Meddler) -> None:
        self.under = under
        self.meddle = meddle
        self.count = 0
        self.boot = under.boot  # type: ignore[method-assign] # no operation of a disk
        for name in OPERATIONS:
            if name not in COMPOSED:
                setattr(self, name, self._counted(name, getattr(under, name)))

    def _counted(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any) -> Any:
            self.count += 1
            return self.meddle(Call(self.count, name, arguments), real)

        return counted


def honest(call: Call, do: Callable[..., Any]) -> Any:
    """Meddle with nothing."""
    return do(*call.arguments)


class Failing:
    """Makes operations fail.

    Args:
        number: the errno; None for a write of which only a part is done.
        at: the first operation that fails.
        forever: whether those after it fail, too.
    """

    def __init__(self, number: int | None, at: int, *, forever: bool) -> None:
        self.number = number
        self.at = at
        self.forever = forever
        self.failed: list[Call] = []

    def __call__(self, call: Call, do: Callable[..., Any]) -> Any:
        due = call.number >= self.at if self.forever else call.number == self.at
        if not due or call.name not in can_fail(self.number):
            return do(*call.arguments)
        self.failed.append(call)
        if self.number is None:
            return self._short(call, do)
        raise OSError(self.number, os.strerror(self.number))

    def _short(self, call: Call, do: Callable[..., Any]) -> Any:
        # The disk has room for half of it, and then for nothing.
        fd, data = call.arguments
        half = data[: len(data) // 2] if self.failed == [call] else b""
        return do(fd, half) if half else 0


READING = {"open_root", "open_dir", "listdir", "read_file", "read_start", "stat", "size", "is_at", "is_remote"}
_CHANGING = set(OPERATIONS) - READING - COMPOSED - {"close", "lock"}
_OPENING = {"open_root", "open_dir", "create_exclusive", "open_append", "open_lock", "read_file", "listdir"}

ERRNOS: dict[str, int | None] = {
    name: getattr(errno, name) for name in ("ENOSPC", "EDQUOT", "EIO", "EROFS", "EACCES", "EMFILE", "EINTR")
} | {"short write": None}


def can_fail(number: int | None) -> set[str]:
    """Return the operations that can fail with an errno."""
    if number is None:
        return {"write"}
    if number in (errno.EIO, errno.EINTR):
        return READING | _CHANGING | {"lock"}
    return _OPENING if number == errno.EMFILE else _CHANGING


class Killing:
    """Kills this process, as the kernel would, at one operation.

    Args:
        at: the operation.
        when: `before` it, `after` it, or how much of a write is done first, from 0 to 1.
    """

    def __init__(self, at: int, when: str | float) -> None:
        self.at = at
        self.when = when

    def __call__(self, call: Call, do: Callable[..., Any]) -> Any:
        if call.number != self.at:
            return do(*call.arguments)
        if isinstance(self.when, float) and call.name == "write":
            fd, data = call.arguments
            do(fd, data[: int(len(data) * self.when)])
        elif self.when == "after":
            do(*call.arguments)
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("survived SIGKILL")
