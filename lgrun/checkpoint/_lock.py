"""One writer per thread: a locked file, and what its holder wrote about itself.

The kernel frees the lock when its holder dies, so a record that is found under a fresh lock was left by a run
that died. One that was released says which checkpoint is the latest: a hint, for whoever comes next looks whether
that is so before a long directory is read. The file is never truncated: ext4 flushes a truncated and rewritten file
when it is closed, which takes milliseconds.
"""

import os
import sys
import time
from typing import Any

import orjson

from lgrun._fs import RealFs, boot_id, slurp

__all__ = [
    "LOCK",
    "ThreadLock",
    "busy_message",
    "elsewhere_message",
    "is_alive",
    "is_elsewhere",
    "local_time",
    "parse_holder",
    "parse_latest",
    "try_lock",
]

LOCK = "lock"
_LARGEST = 99_999_999
_SIZE = 256

_held: dict[int, "ThreadLock"] = {}


class ThreadLock:
    """A lock that is held, until `release`.

    Args:
        fs: the disk.
        fd: the locked file, which is closed by `release`.
        died: what a run that died while it held the lock had written.
        latest: the number of the latest checkpoint, as whoever released the lock knew it; else 0.
    """

    __slots__ = ("_fd", "_fs", "_is_announced", "died", "latest")

    def __init__(self, fs: RealFs, fd: int, died: dict[str, Any] | None, latest: int) -> None:
        self._fs = fs
        self._fd: int | None = fd
        self._is_announced = False
        self.died = died
        self.latest = latest
        _held[id(self)] = self

    @property
    def is_held(self) -> bool:
        """Whether this process, and no parent of it, holds the lock."""
        return self._fd is not None

    def announce(self) -> None:
        """Write who holds the lock. Nothing is written before: a refused thread stays as it is."""
        if self._fd is not None:
            self._is_announced = True
            self._fs.write_at_start(self._fd, _own_record())

    def release(self) -> None:
        """Replace the record by the number of the latest checkpoint, and unlock."""
        _held.pop(id(self), None)
        fd, self._fd = self._fd, None
        if fd is None:
            return
        try:
            if self._is_announced:
                self._fs.write_at_start(fd, _line({"format": 1, "latest": self.latest, "boot": self._fs.boot()}))
        except OSError:
            pass  # The next holder is told that this one died, which does no harm.
        finally:
            self._fs.close(fd)

    def forget(self) -> int:
        """Leave the record as it is and return the locked file, which the caller closes."""
        _held.pop(id(self), None)
        fd, self._fd = self._fd, None
        assert fd is not None
        return fd

    def _forget(self) -> None:
        # A forked child keeps the lock after its parent's death as long as it has the descriptor.
        fd, self._fd = self._fd, None
        if fd is not None:
            # Through the same door: of a disk that is not the real one, this is no descriptor of the process.
            self._fs.close(fd)


def _after_fork() -> None:
    for lock in list(_held.values()):
        lock._forget()
    _held.clear()


os.register_at_fork(after_in_child=_after_fork)


def try_lock(fs: RealFs, name: str, threads: int, directory: int) -> ThreadLock | None:
    """Lock a thread's directory if nobody else holds it.

    Args:
        fs: the disk.
        name: of the directory.
        threads: descriptor of the directory it is in.
        directory: its own descriptor.

    Raises:
        FileNotFoundError: the directory was removed meanwhile.
    """
    fd = fs.open_lock(LOCK, directory)
    try:
        if fs.lock(fd):
            if not fs.is_at(fd, f"{name}/{LOCK}", threads):
                raise FileNotFoundError(name)
            record = fs.read_start(fd, _SIZE)
            # After a power cut there may be what a holder had begun to write: then all names are looked at.
            return ThreadLock(fs, fd, parse_holder(record), parse_latest(record, fs.boot()))
    except BaseException:
        fs.close(fd)
        raise
    fs.close(fd)
    return None


def parse_holder(data: bytes) -> dict[str, Any] | None:
    """Return what a holder wrote about itself; None if it released the lock or wrote nothing intelligible."""
    holder = _parsed(data)
    if type(holder.get("pid")) is not int or holder["pid"] < 1:
        return None
    return {key: value for key, value in holder.items() if type(value) in (int, str)}


def parse_latest(data: bytes, boot: str | None = None) -> int:
    """Return the number that whoever released the lock wrote; 0 if it is held, or nothing intelligible is there.

    `boot`: only if the system has been up since then, which has this id.
    """
    record = _parsed(data)
    latest = record.get("latest")
    if type(latest) is not int or not 0 < latest < _LARGEST or "pid" in record:
        return 0
    return latest if boot is None or (boot and boot == record.get("boot")) else 0


def _parsed(data: bytes) -> dict[str, Any]:
    try:
        record = orjson.loads(data[:_SIZE])
    except ValueError:
        return {}
    return record if type(record) is dict else {}


def is_alive(holder: dict[str, Any]) -> bool:
    """Say whether the process that wrote `holder` lives. One on another machine is taken at its word."""
    pid, start = int(holder["pid"]), str(holder.get("start", ""))
    boot = boot_id()
    if start.partition(":")[0] != boot:
        return "host" in holder and str(holder["host"]) != _host()
    if start:
        return _start_of(pid) == start
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def is_elsewhere(holder: dict[str, Any]) -> bool:
    """Say whether `holder` ran on another machine, which this one cannot ask whether it lives."""
    return "host" in holder and str(holder["host"]) != _host()


def elsewhere_message(thread_id: str, holder: dict[str, Any]) -> str:
    """Say that a holder on another machine never released a thread."""
    name = thread_id if len(thread_id) <= 60 else thread_id[:60] + "…"
    who = f"pid {holder['pid']} on host {holder['host']} since {str(holder.get('since', ''))[:19]}"
    return (
        f"thread {name!r} was never released by {who}, and the state directory is on a network file system, where "
        "locks need not reach that far: make sure that it does not run any more, then lgrun resume --break-lock"
    )


def busy_message(thread_id: str, holder: dict[str, Any] | None) -> str:
    """Say who holds a thread."""
    name = thread_id if len(thread_id) <= 60 else thread_id[:60] + "…"
    if holder is None:
        return f"thread {name!r} is being run by another process"
    pid, since = holder["pid"], str(holder.get("since", ""))
    if not is_alive(holder):
        return f"thread {name!r} is held by a process that pid {pid} started before it died"
    who = f"pid {pid} on host {holder.get('host', '?')} since {since[11:19]}"
    return f"thread {name!r} is being run by {who} ({holder.get('cmd', '?')})"


def _own_record() -> bytes:
    pid = os.getpid()
    record: dict[str, Any] = {"format": 1, "pid": pid, "start": _start_of(pid)}
    record |= {"host": _host()[:48], "since": local_time(time.time()), "cmd": _command()}
    while len(orjson.dumps(record)) >= _SIZE:
        record["cmd"] = record["cmd"][:-1]
    return _line(record)


def _line(record: dict[str, Any]) -> bytes:
    return orjson.dumps(record).ljust(_SIZE - 1) + b"\n"


def local_time(seconds: float) -> str:
    """Return a time as ISO 8601 with offset, to the second."""
    text = time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
    return f"{text[:-2]}:{text[-2:]}"


def _command() -> str:
    # Words from the first option or input on may hold secrets.
    words = [os.path.basename(sys.argv[0])] if sys.argv else []
    for word in sys.argv[1:3]:
        if word.startswith("-") or "=" in word:
            break
        words.append(word)
    return _plain(" ".join(words))[:100]


def _plain(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text.encode("ascii", "replace").decode())


def _host() -> str:
    return _plain(os.uname().nodename)[:48]


def _start_of(pid: int) -> str:
    """Return what tells a process from a later one with the same number; "" where the system does not say."""
    try:
        fields = slurp(f"/proc/{pid}/stat").rpartition(")")[2].split()
    except OSError:
        return ""
    return f"{boot_id()}:{fields[19]}" if len(fields) > 19 else ""
