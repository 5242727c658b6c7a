"""What only the saver on disk does: crashes, damage, locks between processes, permissions, faults of the disk."""

import errno
import hashlib
import logging
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgrun._fs import RealFs
from lgrun.checkpoint import _lock
from lgrun.checkpoint._thread_files import directory_name
from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite
from lgrun.checkpoint.document import encode_checkpoint, new_checkpoint_id
from lgrun.checkpoint.file import FileSaver, state_directory
from lgrun.errors import (
    ConfigurationError,
    DamagedStateError,
    NewerFormatError,
    StateError,
    StateIOError,
    ThreadBusyError,
)

ROOT = Path(__file__).parents[2]
JOURNAL = "00000001.writes.jsonl"

CHILD = """
import os, sys, time
from lgrun.checkpoint.base import Checkpoint, Encoded, PendingWrite
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver
claim = FileSaver(sys.argv[1]).claim("t")
def say(text):
    sys.stdout.write(text + "\\n"); sys.stdout.flush()
def put(seq):
    claim.put(Checkpoint(thread="t", seq=seq, id=new_checkpoint_id(seq, os.urandom(12)), kind="input", step=0, at=""))
def append(i):
    claim.append(1, [PendingWrite("result", name=f"task{i}", value=Encoded(json=b"%d" % i))])
"""


def start(directory: Path, code: str) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    command = [sys.executable, "-c", CHILD + code, str(directory)]
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def line_from(child: subprocess.Popen[str]) -> str:
    assert child.stdout is not None
    return child.stdout.readline().strip()


def end(child: subprocess.Popen[str]) -> str:
    """Kill a child as the kernel would and return what it had still said."""
    child.kill()
    said, _ = child.communicate()
    return said


def checkpoint(seq: int, thread: str = "t", **fields: Any) -> Checkpoint:
    identity = new_checkpoint_id(seq, bytes(12))
    return Checkpoint(thread=thread, seq=seq, id=identity, kind="input", step=0, at="", **fields)


def result(number: int) -> PendingWrite:
    return PendingWrite("result", name=f"task{number}", value=Encoded(json=b"%d" % number))


def filled(directory: Path, count: int = 3, thread: str = "t", **options: Any) -> Path:
    """Make a thread of one checkpoint and `count` results; return its directory."""
    claim = FileSaver(directory, **options).claim(thread)
    claim.put(checkpoint(1, thread))
    for number in range(count):
        claim.append(1, [result(number)])
    claim.release()
    return directory / "threads" / directory_name(thread)


def names(saver: FileSaver) -> list[str]:
    saved = saver.load("t")
    assert saved is not None
    return [write.name for write in saved.writes]


def digest_of(directory: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        found.update(f"{path.relative_to(directory)} {path.lstat().st_mode}\n".encode())
        if path.is_file():
            found.update(path.read_bytes())
    return found.hexdigest()


# Crashes and damage


def test_acknowledged_results_survive_kill(tmp_path: Path) -> None:
    """A process killed right after any acknowledgement loses nothing that it had acknowledged."""
    code = "put(1)\nfor i in range(10**6):\n    append(i); say(str(i))\n"
    for trial in range(24):
        directory = tmp_path / str(trial)
        child = start(directory, code)
        for _ in range(trial + 1):
            line_from(child)
        said = end(child).splitlines()
        acknowledged = int(said[-1]) if said and said[-1].isdigit() else trial
        found = names(FileSaver(directory))
        assert found == [f"task{number}" for number in range(len(found))]
        assert len(found) > acknowledged - 1
        claim = FileSaver(directory).claim("t")
        assert claim.died is not None
        assert claim.died["pid"] == child.pid
        claim.append(1, [PendingWrite("cancelled")])
        claim.release()
        assert len(names(FileSaver(directory))) == len(found) + 1


def test_a_journal_is_made_with_its_checkpoint(tmp_path: Path) -> None:
    """For a sync less, where something is likely to be written into it; if nothing was, it is removed."""
    claim = FileSaver(tmp_path).claim("t")

    def put(seq: int, kind: Any, **more: Any) -> bool:
        claim.put(replace(checkpoint(seq), kind=kind, **more))
        return (tmp_path / f"threads/t/{seq:08}.writes.jsonl").exists()

    assert put(1, "input")
    assert not put(2, "end")
    assert not put(3, "input"), "nothing was written under the last input"
    claim.append(3, [result(0)])
    assert not put(4, "end")
    assert put(5, "input")
    assert put(6, "step", next=("a",))
    claim.release()
    journals = sorted(path.name[:8] for path in (tmp_path / "threads/t").glob("*.jsonl"))
    assert journals == ["00000003"]


def test_the_names_in_a_long_directory_are_not_read(tmp_path: Path) -> None:
    """Whoever released a thread has said which checkpoint is the latest."""
    listed: list[int] = []

    class Counting(RealFs):
        def listdir(self, directory: int) -> list[str]:
            listed.append(directory)
            return super().listdir(directory)

    filled(tmp_path)
    saver = FileSaver(tmp_path, fs=Counting())
    saver.load("t")
    listed.clear()
    for seq in (2, 3):
        claim = saver.claim("t")
        claim.put(checkpoint(seq))
        claim.append(seq, [result(0)])
        claim.release()
        assert claim_and_reader_find(saver) == (seq, seq)
    assert listed == []


def claim_and_reader_find(saver: FileSaver) -> tuple[int, int]:
    """Return the number of the latest checkpoint, as a claim and a reader find it."""
    read = saver.load("t")
    claim = saver.claim("t")
    held = claim.load()
    claim.release()
    assert read is not None
    assert held is not None
    return held.checkpoint.seq, read.checkpoint.seq


@pytest.mark.parametrize("told", [1, 3, 4, 99_999_999, 10**12, 0, -1, True, "2", None, [2]], ids=repr)
def test_a_wrong_number_is_not_believed(tmp_path: Path, told: Any) -> None:
    """What a lock says is looked at: it may be older, or from a backup, or somebody's."""
    directory = filled(tmp_path)
    claim = FileSaver(tmp_path).claim("t")
    claim.put(checkpoint(2))
    claim.release()
    told = orjson.dumps({"format": 1, "latest": told, "boot": RealFs().boot()})
    for record in (told.ljust(256), told[:-5], b""):
        (directory / "lock").write_bytes(record)
        assert claim_and_reader_find(FileSaver(tmp_path)) == (2, 2)


def test_after_a_power_cut_leftovers_are_removed(tmp_path: Path) -> None:
    """The lock may say that it was released, and something begun is there all the same."""
    directory = filled(tmp_path)
    (directory / ".tmp-1").write_bytes(b"half")
    FileSaver(tmp_path).claim("t").release()
    assert (directory / ".tmp-1").exists()

    class Restarted(RealFs):
        def boot(self) -> str:
            return "another"

    FileSaver(tmp_path, fs=Restarted()).claim("t").release()
    assert not (directory / ".tmp-1").exists()


def test_torn_append_is_cut_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A reader ignores an append that was never finished; the next claim removes it with a note and goes on."""
    journal = filled(tmp_path / "s") / JOURNAL
    whole = journal.read_bytes()
    for cut in (1, 40, len(whole.splitlines(keepends=True)[-1]) - 1):
        journal.write_bytes(whole[:-cut])
        saver = FileSaver(tmp_path / "s")
        assert names(saver) == ["task0", "task1"]
        assert journal.read_bytes() == whole[:-cut]
        caplog.clear()
        claim = saver.claim("t")
        assert "never finished" in caplog.text
        claim.append(1, [result(2)])
        claim.release()
        assert journal.read_bytes() == whole


def test_a_reading_that_a_claim_takes_over(tmp_path: Path) -> None:
    """The same bytes are not decoded twice; those that came since are read."""

    class Recalling(FileSaver):
        recalls = True

    filled(tmp_path, 1)
    saver = Recalling(tmp_path)
    seen = saver.load("t")
    claim = saver.claim("t")
    found = claim.load()
    claim.release()
    assert seen is not None
    assert found is not None
    assert found.writes is seen.writes

    saver.load("t")
    claim = FileSaver(tmp_path).claim("t")
    claim.append(1, [result(1)])
    claim.release()
    claim = saver.claim("t")
    found = claim.load()
    claim.release()
    assert found is not None
    assert [write.name for write in found.writes] == ["task0", "task1"]


def test_damaged_last_line_is_cut_off_loudly(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A damaged last line is removed with a warning that names its task, or refused when strict."""
    journal = filled(tmp_path / "s") / JOURNAL
    whole = journal.read_bytes()
    damaged = whole[:-30] + b"#" + whole[-29:]
    journal.write_bytes(damaged)
    with pytest.raises(DamagedStateError, match="task2"):
        FileSaver(tmp_path / "s", strict=True).claim("t")
    assert journal.read_bytes() == damaged
    claim = FileSaver(tmp_path / "s").claim("t")
    [warning] = caplog.records
    assert warning.levelno == logging.WARNING
    assert f"{JOURNAL}, line 3, byte" in caplog.text
    assert "(task2)" in caplog.text
    claim.append(1, [result(2)])
    claim.release()
    assert journal.read_bytes() == whole


def test_damaged_middle_is_refused(tmp_path: Path) -> None:
    """A damaged line before an intact one is an error naming file, line and byte, and nothing is changed."""
    directory = filled(tmp_path / "s")
    whole = (directory / JOURNAL).read_bytes()
    (directory / JOURNAL).write_bytes(whole.replace(b"task1", b"task9"))
    before = digest_of(tmp_path)
    byte = whole.index(b"\n") + 1
    saver = FileSaver(tmp_path / "s")
    for read in (lambda: saver.claim("t"), lambda: saver.load("t"), lambda: list(saver.history("t"))):
        with pytest.raises(DamagedStateError, match=rf"/t/{JOURNAL}, line 2, byte {byte} is damaged"):
            read()
    assert digest_of(tmp_path) == before
    saver.delete_thread("t")


def test_flipped_bit_in_a_checkpoint(tmp_path: Path) -> None:
    """A checkpoint that does not verify is refused by readers and by claims."""
    file = filled(tmp_path / "s") / "00000001.json"
    data = bytearray(file.read_bytes())
    data[30] ^= 1
    file.write_bytes(data)
    saver = FileSaver(tmp_path / "s")
    for read in (saver.claim, saver.load):
        with pytest.raises(DamagedStateError, match=r"/t/00000001.json is damaged"):
            read("t")


def test_moved_files_are_refused(tmp_path: Path) -> None:
    """A journal, a checkpoint or a whole directory put in another place is refused."""
    first, second = filled(tmp_path / "s"), filled(tmp_path / "s", thread="u")
    saver = FileSaver(tmp_path / "s")
    for name in (JOURNAL, "00000001.json"):
        kept = (second / name).read_bytes()
        (second / name).write_bytes((first / name).read_bytes())
        for read in (saver.load, saver.claim):
            with pytest.raises(DamagedStateError, match=r"belongs to checkpoint 1.* of thread 't'"):
                read("u")
        (second / name).write_bytes(kept)
    second.rename(second.with_name("v"))
    with pytest.raises(DamagedStateError, match="directory of another thread"):
        saver.load("v")
    assert list(saver.threads()) == ["t"]


def test_missing_checkpoint_is_damage(tmp_path: Path) -> None:
    """A journal whose checkpoint is gone, and a checkpoint without thread.json, are not passed over."""
    directory = filled(tmp_path / "s")
    saver = FileSaver(tmp_path / "s")
    data = (directory / "00000001.json").read_bytes()
    (directory / "00000001.json").unlink()
    for read in (saver.load, saver.claim):
        with pytest.raises(DamagedStateError, match=r"00000001.json is missing"):
            read("t")
    (directory / "00000001.json").write_bytes(data)
    (directory / "thread.json").unlink()
    with pytest.raises(DamagedStateError, match=r"thread.json is missing"):
        saver.claim("t")


def test_leftovers_are_removed(tmp_path: Path) -> None:
    """What a run that died had begun to write is removed by the next claim and never seen by readers."""
    directory = filled(tmp_path / "s")
    (directory / ".tmp-1").write_bytes(b"half")
    (directory / "lock").write_bytes(b'{"format":1,"pid":99999999}'.ljust(256))
    saver = FileSaver(tmp_path / "s")
    assert saver.load("t") is not None
    saver.claim("t").release()
    assert not (directory / ".tmp-1").exists()
    (tmp_path / "s/threads/x").mkdir(mode=0o700)
    assert list(saver.threads()) == ["t"]
    claim = saver.claim("x")
    claim.put(checkpoint(1, "x"))
    claim.release()
    assert sorted(saver.threads()) == ["t", "x"]


def test_newer_format_is_refused_untouched(tmp_path: Path) -> None:
    """Of a checkpoint, a thread or a state directory of a newer lgrun not one byte is changed."""
    directory = filled(tmp_path / "s")
    for file in (directory / "00000001.json", directory / "thread.json", tmp_path / "s/lgrun-state.json"):
        kept = file.read_bytes()
        file.write_bytes(kept.replace(b'"format":1', b'"format":2'))
        before = digest_of(tmp_path)
        for read in (FileSaver(tmp_path / "s").claim, FileSaver(tmp_path / "s").load):
            with pytest.raises(NewerFormatError, match=rf"{file.name} has format 2; lgrun .* upgrade lgrun"):
                read("t")
        assert digest_of(tmp_path) == before
        file.write_bytes(kept)
    assert names(FileSaver(tmp_path / "s")) == ["task0", "task1", "task2"]


# Locks


def test_a_thread_that_begins_while_it_is_looked_at(tmp_path: Path) -> None:
    """Its first checkpoint may come after the look for the file that is written before it."""
    claim = FileSaver(tmp_path).claim("t")

    class Late(RealFs):
        """A disk on which the thread begins before names are read."""

        def listdir(self, directory: int) -> list[str]:
            names = super().listdir(directory)
            if "lock" in names and "thread.json" not in names:
                claim.put(checkpoint(1))
            return super().listdir(directory)

    saved = FileSaver(tmp_path, fs=Late()).load("t")

    assert saved is not None
    assert saved.checkpoint.seq == 1
    claim.release()


def test_processes_exclude_each_other(tmp_path: Path) -> None:
    """A thread claimed by another process is busy, which says who has it, and free again when it dies."""
    saver = FileSaver(tmp_path / "s")
    child = start(tmp_path / "s", "put(1); say('ready'); sys.stdin.read()")
    line_from(child)
    holder = saver.holder("t")
    assert holder is not None
    assert holder["pid"] == child.pid
    with pytest.raises(ThreadBusyError) as caught:
        saver.claim("t")
    host = os.uname().nodename[:48]
    assert str(caught.value).startswith(f"thread 't' is being run by pid {child.pid} on host {host} since ")
    assert caught.value.holder["pid"] == child.pid
    assert saver.load("t") is not None
    end(child)
    assert saver.holder("t") is None
    claim = saver.claim("t")
    assert claim.died is not None
    assert claim.died["pid"] == child.pid
    claim.release()
    claim = saver.claim("t")
    assert claim.died is None
    claim.release()


def test_waiting_uses_the_clock_it_is_given(tmp_path: Path) -> None:
    """A claim polls until its deadline by the given clock and no longer."""
    now = 0.0

    def sleep(seconds: float) -> None:
        nonlocal now
        now += seconds

    saver = FileSaver(tmp_path / "s", clock=lambda: now, sleep=sleep)
    claim = saver.claim("t")
    with pytest.raises(ThreadBusyError):
        saver.claim("t", wait=30)
    assert now == pytest.approx(30)
    claim.release()
    assert saver.holder("t") is None


def test_orphan_of_the_holder(tmp_path: Path) -> None:
    """A forked child does not keep the lock of its dead parent, and cannot use its claim."""
    code = """
put(1)
if os.fork() == 0:
    try:
        append(0)
    except Exception as error:
        say(f"{os.getpid()} {error}")
    sys.stdin.read()
else:
    sys.stdin.read()
"""
    child = start(tmp_path / "s", code)
    orphan, _, refusal = line_from(child).partition(" ")
    assert "parent process" in refusal
    child.kill()
    child.wait()
    FileSaver(tmp_path / "s").claim("t").release()
    os.kill(int(orphan), signal.SIGKILL)
    child.communicate()


def test_garbled_holder_is_nobody(tmp_path: Path) -> None:
    """Whatever is in the lock file, the thread can be claimed."""
    lock = filled(tmp_path / "s") / "lock"
    saver = FileSaver(tmp_path / "s")
    for data in (b"", b"\0" * 256, b"[1]", b'{"pid":"1"}', b'{"pid":-1}', b'{"pid":1e400}', b"\xff" * 9999):
        lock.write_bytes(data)
        assert saver.holder("t") is None
        saver.claim("t").release()
    lock.unlink()
    saver.claim("t").release()


def test_lock_file_deleted_in_mid_run(tmp_path: Path) -> None:
    """Someone who deletes the lock file of a running thread does not get the holder's descriptor confused."""
    lock = filled(tmp_path / "s") / "lock"
    saver = FileSaver(tmp_path / "s")
    claim = saver.claim("t")
    lock.unlink()
    claim.append(1, [result(3)])
    claim.release()
    saver.claim("t").release()
    assert len(names(saver)) == 4


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    """A hundred claims, busy ones, refusals and reads leave no descriptor open."""
    filled(tmp_path / "s")
    saver = FileSaver(tmp_path / "s")
    before = len(os.listdir("/dev/fd"))
    for _ in range(100):
        claim = saver.claim("t")
        claim.append(1, [PendingWrite("cancelled")], sync=False)
        with pytest.raises(ThreadBusyError):
            saver.claim("t")
        claim.release()
        saver.claim("new").release()
        saver.load("t")
        next(saver.history("t"))
        list(saver.threads())
        saver.holder("t")
    assert len(os.listdir("/dev/fd")) == before


# Permissions and what others may have put there


@pytest.mark.parametrize("mask", [0o000, 0o077, 0o777])
def test_modes_do_not_depend_on_the_umask(tmp_path: Path, mask: int) -> None:
    """Directories are 0700 and files 0600 whatever the umask."""
    before = os.umask(mask)
    try:
        filled(tmp_path / "a/b", origin={"sha256": hashlib.sha256(b"x").hexdigest()}, source=b"x")
    finally:
        os.umask(before)
    for path in [tmp_path / "a", *(tmp_path / "a").rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_existing_directories(tmp_path: Path) -> None:
    """An empty directory is tightened, a foreign or writable one refused with what to do."""
    empty = tmp_path / "empty"
    empty.mkdir()
    empty.chmod(0o777)
    filled(empty)
    assert stat.S_IMODE(empty.stat().st_mode) == 0o700
    empty.chmod(0o770)
    for use in (FileSaver(empty).claim, FileSaver(empty).load):
        with pytest.raises(StateError, match=f"type: chmod 700 {empty}"):
            use("t")
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "thesis.tex").touch()
    for use in (FileSaver(foreign).claim, FileSaver(foreign).load):
        with pytest.raises(StateError, match="not a state directory of lgrun"):
            use("t")
    assert os.listdir(foreign) == ["thesis.tex"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory to another user")
def test_another_users_directory(tmp_path: Path) -> None:
    """A state directory or a thread's of another user is refused, also for root."""
    thread = filled(tmp_path / "s")
    os.chown(thread, 12345, 12345)
    with pytest.raises(StateError, match="belongs to uid 12345"):
        FileSaver(tmp_path / "s").load("t")
    os.chown(tmp_path / "s", 12345, 12345)
    with pytest.raises(StateError, match="belongs to uid 12345"):
        FileSaver(tmp_path / "s").claim("t")


def test_reading_creates_nothing(tmp_path: Path) -> None:
    """Looking at a state directory that is not there does not create it."""
    for directory in (tmp_path / "none", tmp_path):
        saver = FileSaver(directory)
        assert saver.load("t") is None
        assert list(saver.threads()) == []
        assert list(saver.history("t")) == []
        assert saver.holder("t") is None
        saver.delete_thread("t")
        assert saver.read_source("t", "0" * 64) is None
    assert os.listdir(tmp_path) == []


def test_symlinks_are_refused(tmp_path: Path) -> None:
    """No symbolic link below the state directory is followed, neither to a directory nor to a file."""
    thread = filled(tmp_path / "s")
    elsewhere = tmp_path / "elsewhere"
    thread.rename(elsewhere)
    thread.symlink_to(elsewhere)
    saver = FileSaver(tmp_path / "s")
    for use in (saver.load, saver.claim):
        with pytest.raises(StateError, match=r"threads/t: "):
            use("t")
    assert list(saver.threads()) == []
    thread.unlink()
    elsewhere.rename(thread)
    for name in (JOURNAL, "00000001.json", "thread.json", "lock"):
        (thread / name).rename(elsewhere)
        (thread / name).symlink_to(elsewhere)
        with pytest.raises(StateError, match=name):
            saver.claim("t")
        (thread / name).unlink()
        elsewhere.rename(thread / name)
    saver.claim("t").release()


def test_symlink_above_the_state_directory(tmp_path: Path) -> None:
    """The way to the state directory may lead through a symbolic link."""
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    filled(tmp_path / "link/s")
    assert names(FileSaver(tmp_path / "real/s")) == ["task0", "task1", "task2"]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", [JOURNAL, "00000001.json", "thread.json", "lock"])
def test_fifo_does_not_hang(tmp_path: Path, name: str) -> None:
    """A FIFO in place of a file is an error, not a wait."""
    thread = filled(tmp_path / "s")
    (thread / name).unlink()
    os.mkfifo(thread / name)
    with pytest.raises(StateError, match=name):
        FileSaver(tmp_path / "s").claim("t")


def test_oversized_file_is_not_read(tmp_path: Path) -> None:
    """A file of more than 256 MB is refused by its size alone."""
    thread = filled(tmp_path / "s")
    os.truncate(thread / JOURNAL, 257 << 20)
    with pytest.raises(StateIOError, match=rf"{JOURNAL}: {257 << 20} bytes are more than"):
        FileSaver(tmp_path / "s").load("t")


@given(st.text(st.characters(codec=None, exclude_categories=())), st.text("aA.~-_/\\\0é ", max_size=70))
def test_directory_names(one: str, other: str) -> None:
    """Names of different threads differ, also when case is folded, and stay inside their directory."""
    first, second = directory_name(one), directory_name(other)
    assert (first == second) == (one == other)
    for name in (first, second):
        assert name == name.lower()
        assert name.isascii()
        assert 0 < len(name) <= 65
        assert not set(name) & set('/\\\0:*?"<>|. ') - {"."}
        assert name.strip(".") == name


def test_plain_names() -> None:
    """A harmless id is its own directory name; one that is not keeps a readable part."""
    assert directory_name("order-1.a_b") == "order-1.a_b"
    assert directory_name("Order 1") == f"order-1~{hashlib.sha256(b'Order 1').hexdigest()[:32]}"
    for thread in ("con", "nul.txt", "com1", "a.", "-t", ".x", "a" * 65):
        assert "~" in directory_name(thread)


# Faults of the disk


class FaultyFs(RealFs):
    """The real file system, but operation `name` fails when `when` says so."""

    def __init__(self, name: str, number: int, when: Callable[[int], bool]) -> None:
        self._calls = 0
        real: Callable[..., Any] = getattr(self, name)

        def faulty(*args: Any) -> Any:
            self._calls += 1
            if when(self._calls):
                raise OSError(number, os.strerror(number))
            return real(*args)

        setattr(self, name, faulty)


class FullFs(RealFs):
    """The real file system, on which only so many more bytes can be written."""

    room = 10**9

    def write(self, fd: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = super().write(fd, data[: self.room])
        self.room -= written
        return written


class CountingFs(RealFs):
    """The real file system until operation number `at`: that one fails with EIO, or it and all later ones."""

    def __init__(self, at: int, *, crash: bool) -> None:
        self.calls = 0
        self.opened: set[int] = set()
        for name in [name for name in dir(RealFs) if not name.startswith("_") and name != "close"]:
            setattr(self, name, self._counted(name, getattr(self, name), at, crash))

    def _counted(self, name: str, real: Callable[..., Any], at: int, crash: bool) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            self.calls += 1
            if self.calls == at and name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            if crash and self.calls >= at:
                raise PowerCut
            if self.calls == at:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            done = real(*args)
            if name.startswith(("open", "create")):
                self.opened.add(done)
            return done

        return counted

    def close(self, fd: int) -> None:
        self.opened.discard(fd)
        super().close(fd)


class PowerCut(BaseException):
    pass


def run(directory: Path, fs: RealFs, acknowledged: list[str]) -> None:
    """A run of one checkpoint, results and an end, that notes what was acknowledged."""
    claim = FileSaver(directory, fs=fs).claim("t")
    try:
        saved = claim.load()
        seq = saved.checkpoint.seq if saved else 0
        claim.put(checkpoint(seq + 1))
        for number in (10, 11, 12):
            claim.append(seq + 1, [result(number)], sync=number != 11)
            acknowledged.append(f"task{number}")
        claim.put(checkpoint(seq + 2))
        acknowledged.append("end")
    finally:
        claim.release()


@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("existing", [False, True])
def test_every_operation_may_fail(tmp_path: Path, crash: bool, existing: bool) -> None:
    """Whichever operation fails or is the last, what was acknowledged is there and the thread can go on."""
    counter = CountingFs(0, crash=False)
    for at in range(1, 200):
        directory = tmp_path / str(at)
        if existing:
            filled(directory)
        acknowledged: list[str] = []
        fs = CountingFs(at, crash=crash)
        try:
            run(directory, fs, acknowledged)
        except (PowerCut, StateError):
            pass
        for fd in fs.opened:
            os.close(fd)
        # Nor is it closed once more in processes that are forked from this one.
        _lock._held.clear()
        saver = FileSaver(directory)
        history = [[write.name for write in saved.writes] for saved in saver.history("t")]
        if "end" in acknowledged:
            assert history.pop(0) == []
        found = next((names for names in history if names), [])
        expected = [name for name in acknowledged if name != "end"]
        assert not expected or found[: len(expected)] == expected
        run(directory, RealFs(), [])
        assert names(saver) == []
        if fs.calls < at:
            break
        counter = fs
    assert counter.calls > 30


@pytest.mark.parametrize("room", [0, 1, 50])
def test_full_disk(tmp_path: Path, room: int) -> None:
    """On a full disk the append fails, what was acknowledged is safe, and the same run can go on after the fault."""
    fs = FullFs()
    claim = FileSaver(tmp_path / "s", fs=fs).claim("t")
    claim.put(checkpoint(1))
    claim.append(1, [result(0)])
    fs.room = room
    with pytest.raises(StateIOError, match=rf"/threads/t/{JOURNAL}: No space left on device"):
        claim.append(1, [result(1)])
    with pytest.raises(StateIOError, match=r"No space left on device"):
        claim.put(checkpoint(2))
    claim.release()
    fs.room = 10**9
    claim = FileSaver(tmp_path / "s", fs=fs).claim("t")
    claim.append(1, [result(1)])
    fs.room = room
    with pytest.raises(StateIOError):
        claim.append(1, [result(2)])
    fs.room = 10**9
    claim.append(1, [result(2)])
    claim.release()
    assert names(FileSaver(tmp_path / "s")) == ["task0", "task1", "task2"]
    assert not [name for name in os.listdir(tmp_path / "s/threads/t") if name.startswith(".tmp")]


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
def test_failed_sync_breaks_the_claim(tmp_path: Path, number: int) -> None:
    """After a failed sync nothing more is written by this claim, and the sync is never tried again."""
    filled(tmp_path / "s", count=1)
    fs = FaultyFs("sync", number, lambda call: call == 2)
    claim = FileSaver(tmp_path / "s", fs=fs).claim("t")
    claim.append(1, [result(1)])
    with pytest.raises(StateIOError, match=os.strerror(number)):
        claim.append(1, [result(2)])
    writes: list[Callable[[], None]] = [
        lambda: claim.append(1, [result(2)]),
        lambda: claim.put(checkpoint(2)),
    ]
    for write in writes:
        with pytest.raises(StateIOError, match="failed before"):
            write()
    claim.release()
    assert names(FileSaver(tmp_path / "s")) == ["task0", "task1"]


@pytest.mark.parametrize("operation", ["create_exclusive", "write", "sync", "rename", "sync_dir", "mkdir"])
def test_failed_new_thread_leaves_no_thread(tmp_path: Path, operation: str) -> None:
    """Whichever operation fails while a thread is created, there is no thread and the next attempt works."""
    filled(tmp_path / "s", thread="other")
    for failing in range(1, 6):
        fs = FaultyFs(operation, errno.EIO, lambda call: call == failing)
        saver = FileSaver(tmp_path / "s", fs=fs)
        try:
            claim = saver.claim("t")
        except StateIOError:
            continue
        try:
            claim.put(checkpoint(1))
        except StateIOError:
            claim.release()
            assert list(FileSaver(tmp_path / "s").threads()) == ["other"]
            assert FileSaver(tmp_path / "s").load("t") is None
            continue
        claim.release()
        assert saver.load("t") is not None
        FileSaver(tmp_path / "s").delete_thread("t")


def test_interrupted_append_leaves_no_trace(tmp_path: Path) -> None:
    """A signal between the write and its acknowledgement leaves the journal as it was."""

    class Interrupted(RealFs):
        armed = False

        def write(self, fd: int, data: bytes) -> int:
            written = super().write(fd, data)
            if self.armed:
                self.armed = False
                raise KeyboardInterrupt
            return written

    fs = Interrupted()
    claim = FileSaver(tmp_path / "s", fs=fs).claim("t")
    claim.put(checkpoint(1))
    claim.append(1, [result(0)])
    fs.armed = True
    with pytest.raises(KeyboardInterrupt):
        claim.append(1, [result(1)])
    claim.append(1, [result(2)])
    claim.release()
    assert names(FileSaver(tmp_path / "s")) == ["task0", "task2"]


def test_syncs_of_an_append(tmp_path: Path) -> None:
    """A result costs one sync, an unsynced one none until the barrier; a journal that was not expected one more."""
    calls: list[str] = []

    class Counting(RealFs):
        def sync(self, fd: int) -> None:
            calls.append("file")

        def sync_dir(self, directory: int) -> None:
            calls.append("directory")

    claim = FileSaver(tmp_path / "s", fs=Counting()).claim("t")
    claim.put(checkpoint(1))
    expected = [(True, ["file"]), (True, ["file"]), (False, []), (False, [])]
    for number, (sync, wanted) in enumerate(expected):
        calls.clear()
        claim.append(1, [result(number)], sync=sync)
        assert calls == wanted
    claim.append(1, [], sync=True)
    claim.append(1, [], sync=True)
    assert calls == ["file"]
    calls.clear()
    claim.append(1, [result(4)], sync=False)
    claim.put(replace(checkpoint(2), kind="update"))
    assert calls == ["file", "file", "directory"]
    calls.clear()
    claim.append(2, [result(0)])
    assert calls == ["file", "directory"]
    claim.release()


def test_read_only_state_directory(tmp_path: Path) -> None:
    """A state directory that cannot be written can be read; claiming says why not."""
    thread = filled(tmp_path / "s")
    root = os.geteuid() == 0
    if root and subprocess.run(["chattr", "+i", thread, thread / "lock"], capture_output=True).returncode:
        pytest.skip("running as root, whom modes do not bind, and chattr +i does not work here")
    thread.chmod(0o500) if not root else None
    (thread / "lock").chmod(0o400) if not root else None
    try:
        assert names(FileSaver(tmp_path / "s")) == ["task0", "task1", "task2"]
        with pytest.raises(StateError, match=r"/threads/t/lock: (Operation not permitted|Permission denied)"):
            FileSaver(tmp_path / "s").claim("t")
    finally:
        if root:
            subprocess.run(["chattr", "-i", thread, thread / "lock"], check=True)
        else:
            thread.chmod(0o700)


# Origin, deletion, where the state is


def test_origin_and_source(tmp_path: Path) -> None:
    """Each version of the workflow's source is kept once, and verified when it is read."""
    sha256 = hashlib.sha256(b"code").hexdigest()
    origin = {"ref": "flow:main", "sha256": sha256}
    thread = filled(tmp_path / "s", origin=origin, source=b"code")
    claim = FileSaver(tmp_path / "s", origin=origin, source=b"code").claim("t")
    claim.put(checkpoint(2, origin={"ref": "other"}))
    claim.put(checkpoint(3))
    claim.release()
    saver = FileSaver(tmp_path / "s")
    assert [s.checkpoint.origin for s in saver.history("t")] == [origin, {"ref": "other"}, origin]
    assert saver.read_source("t", sha256) == b"code"
    assert saver.read_source("t", "0" * 64) is None
    with pytest.raises(StateError):
        saver.read_source("t", "../thread.json")
    (thread / f"source-{sha256}.py").write_bytes(b"evil")
    with pytest.raises(DamagedStateError):
        saver.read_source("t", sha256)


def test_delete_leaves_nothing(tmp_path: Path) -> None:
    """Deleting removes a thread's files and those of an earlier deletion that died; links are not followed."""
    thread = filled(tmp_path / "s")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    (thread / "link").symlink_to(outside)
    (tmp_path / "s/trash/old/sub").mkdir(parents=True, mode=0o700)
    FileSaver(tmp_path / "s").delete_thread("t")
    assert os.listdir(tmp_path / "s/trash") == os.listdir(tmp_path / "s/threads") == []
    assert (outside / "kept").exists()


def test_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment comes before the project, the project before the user, the user before the platform."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    here = project / "a/b"
    here.mkdir(parents=True)

    def found(**environ: str) -> Path:
        return state_directory(environ, str(here))

    if sys.platform == "linux":
        assert found() == tmp_path / "home/lgrun"
        (tmp_path / "config/lgrun").mkdir(parents=True)
        (tmp_path / "config/lgrun/config.toml").write_text('state_dir = "mine"\n')
        assert found() == tmp_path / "config/lgrun/mine"
    (project / "pyproject.toml").write_text('[tool.lgrun]\nstate_dir = "state"\n')
    assert found() == project / "state"
    (here.parent / "pyproject.toml").write_text("[tool.other]\n")
    assert found() == project / "state"
    (here.parent / "lgrun.toml").write_text('state_dir = "/abs"\n')
    assert found() == Path("/abs")
    assert found(LGRUN_STATE_DIR="rel") == here / "rel"
    for wrong in ("state_dir = 1", "state_dir ="):
        (here / "lgrun.toml").write_text(wrong)
        with pytest.raises(StateError):
            found()


def test_summaries_of_arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With store_input off, as an argument or a setting, results have none; a run keeps the names it was given."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    writes = [PendingWrite("result", name="a", args="secret"), PendingWrite("run", args="config=k")]

    def kept(name: str, **options: Any) -> list[str | None]:
        saver = FileSaver(tmp_path / name, **options)
        claim = saver.claim("t")
        claim.put(checkpoint(1))
        claim.append(1, writes)
        claim.release()
        saved = saver.load("t")
        return [write.args for write in saved.writes] if saved else []

    assert kept("a") == ["secret", "config=k"]
    assert kept("b", store_input=False) == [None, "config=k"]
    (tmp_path / "lgrun.toml").write_text("store_input = false\n")
    assert kept("c") == [None, "config=k"]
    assert kept("d", store_input=True) == ["secret", "config=k"]
    monkeypatch.setenv("LGRUN_STORE_INPUT", "yes")
    assert kept("e") == ["secret", "config=k"]
    monkeypatch.setenv("LGRUN_STORE_INPUT", "perhaps")
    with pytest.raises(ConfigurationError, match="LGRUN_STORE_INPUT: store_input must be true or false"):
        FileSaver(tmp_path / "f")


def test_encoded_checkpoint_is_the_file(tmp_path: Path) -> None:
    """The file of a checkpoint is its line, and is never written again."""
    file = filled(tmp_path / "s") / "00000001.json"
    assert file.read_bytes() == encode_checkpoint(checkpoint(1))
    before = file.stat()
    claim = FileSaver(tmp_path / "s").claim("t")
    claim.put(checkpoint(2))
    claim.release()
    after = file.stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
