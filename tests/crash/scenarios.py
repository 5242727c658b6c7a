"""Short stories about one saver, each of which must end well whatever was left out of the protocol to test them."""

import errno
from collections.abc import Callable
from typing import Any

import orjson

from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateError, StateIOError, ThreadBusyError
from tests.crash.faults import Call, Failing, Layer
from tests.crash.simulated import SimulatedFs
from tests.crash.workload import STATE, Killed, Violation

THREAD = f"{STATE}/threads/t"


def checkpoint(seq: int, thread: str = "t", **fields: Any) -> Checkpoint:
    """Return a checkpoint that starts a run."""
    identity = new_checkpoint_id(seq, bytes(12))
    return Checkpoint(thread=thread, seq=seq, id=identity, kind="input", step=0, at="", **fields)


def result(number: int) -> PendingWrite:
    """Return the result of a task."""
    return PendingWrite("result", name=f"task{number}", value=Encoded(json=b"%d" % number))


def _filled(count: int = 3) -> SimulatedFs:
    disk = SimulatedFs({"home": {}})
    claim = FileSaver(STATE, fs=disk).claim("t")
    claim.put(checkpoint(1))
    for number in range(count):
        claim.append(1, [result(number)])
    claim.release()
    return disk


def _names(disk: SimulatedFs) -> list[str]:
    saved = FileSaver(STATE, fs=disk).load("t")
    return [write.name for write in saved.writes] if saved is not None else []


def two_writers() -> None:
    """A second claim is refused while the first one is held."""
    disk = _filled()
    claim = FileSaver(STATE, fs=disk).claim("t")
    try:
        FileSaver(STATE, fs=disk, clock=iter(range(9)).__next__, sleep=lambda _: None).claim("t").release()
    except ThreadBusyError:
        return
    finally:
        claim.release()
    raise Violation("two writers")


def removed_while_locking() -> None:
    """A thread that is removed between the opening of its lock file and the locking is not written to."""
    disk = _filled()

    def remove(call: Call, do: Callable[..., Any]) -> Any:
        if call.name == "lock" and layer.meddle is remove:
            layer.meddle = lambda call, do: do(*call.arguments)
            FileSaver(STATE, fs=disk).delete_thread("t")
        return do(*call.arguments)

    layer = Layer(disk, remove)
    claim = FileSaver(STATE, fs=layer).claim("t")
    claim.put(checkpoint(1))
    claim.release()
    if FileSaver(STATE, fs=disk).load("t") is None:
        raise Violation("a checkpoint was put into a removed directory")


def failed_sync() -> None:
    """After a failed sync the claim acknowledges nothing more."""
    layer = Layer(_filled(), lambda call, do: do(*call.arguments))
    claim = FileSaver(STATE, fs=layer).claim("t")
    claim.append(1, [result(3)])

    def fail(call: Call, do: Callable[..., Any]) -> Any:
        if call.name == "sync":
            raise OSError(errno.EIO, "I/O error")
        return do(*call.arguments)

    layer.meddle = fail
    try:
        claim.append(1, [result(4)])
        raise Violation("a failed sync was passed over")
    except StateIOError:
        pass
    layer.meddle = lambda call, do: do(*call.arguments)
    try:
        claim.append(1, [result(5)])
    except StateIOError:
        return
    finally:
        claim.release()
    raise Violation("a claim went on after a failed sync")


def failed_write() -> None:
    """After half a line, the next one is whole."""
    disk = _filled()
    layer = Layer(disk, lambda call, do: do(*call.arguments))
    claim = FileSaver(STATE, fs=layer).claim("t")
    claim.append(1, [result(3)])
    layer.meddle = Failing(None, layer.count + 1, forever=False)
    try:
        claim.append(1, [result(4)])
        raise Violation("half a line was acknowledged")
    except StateIOError:
        pass
    claim.append(1, [result(5)])
    claim.release()
    if _names(disk) != ["task0", "task1", "task2", "task3", "task5"]:
        raise Violation(f"half a line is in the way of the next: {_names(disk)}")


def damaged_lines() -> None:
    """Lines that were changed, repeated or moved are never taken for what they are not."""
    journal = _filled().tree()["home"]["state"]["threads"]["t"]["00000001.writes.jsonl"]
    first, second, third = journal.splitlines(keepends=True)
    for what, data in {
        "changed": first + second.replace(b'"value":1', b'"value":7') + third,
        "repeated": first + first + second + third,
        "swapped": second + first + third,
        "missing": first + third,
    }.items():
        disk = _filled()
        fd = disk.open_append("00000001.writes.jsonl", disk.open_root(THREAD))
        disk.truncate(fd, 0)
        disk.write(fd, data)
        try:
            names = _names(disk)
        except StateError:
            continue
        raise Violation(f"a line was {what} and {names} were read")


def dead_writer() -> None:
    """What a run that died had written and not synced is on the disk before the next run builds on it."""
    disk = _filled()

    def die(call: Call, do: Callable[..., Any]) -> Any:
        if call.name == "sync":
            layer.meddle = die_again
            raise Killed
        return do(*call.arguments)

    def die_again(call: Call, do: Callable[..., Any]) -> Any:
        raise Killed

    layer = Layer(disk, lambda call, do: do(*call.arguments))
    claim = FileSaver(STATE, fs=layer).claim("t")
    layer.meddle = die
    try:
        claim.append(1, [result(3)])
    except Killed:
        pass
    disk.close_all()
    seen = FileSaver(STATE, fs=disk).claim("t").load()
    after = SimulatedFs(disk.safe_tree())
    if seen is None or len(_names(after)) < len(seen.writes):
        raise Violation("a claim shows what a power cut would take away")


def another_base() -> None:
    """A checkpoint that verifies is not built upon if it is another one than that which was."""
    disks = []
    for word in ("this", "that"):
        disks.append(disk := SimulatedFs({"home": {}}))
        claim = FileSaver(STATE, fs=disk).claim("t")
        for seq in (1, 2):
            long = [word] * 1000 + list(range(seq))
            claim.put(checkpoint(seq, value=Encoded(json=orjson.dumps(long))))
        claim.release()
    here, there = (disk.tree() for disk in disks)
    name = "00000001.json"
    here["home"]["state"]["threads"]["t"][name] = there["home"]["state"]["threads"]["t"][name]
    saved = FileSaver(STATE, fs=SimulatedFs(here)).load("t")
    assert saved is not None
    assert saved.checkpoint.value is not None
    try:
        found = saved.checkpoint.value.tree()
    except StateError:
        return
    raise Violation(f"read was {found[:1]}")


SCENARIOS = [another_base, dead_writer, two_writers, removed_while_locking, failed_sync, failed_write, damaged_lines]


def violations() -> list[str]:
    """Go through all stories and say which end badly."""
    found = []
    for scenario in SCENARIOS:
        try:
            scenario()
        except (Violation, StateError) as error:
            found.append(f"{scenario.__name__}: {error}")
    return found
