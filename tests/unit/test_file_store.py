"""The files of a `FileStore`: what is in them, and what happens when they are not as they were left."""

import json
import logging
import os
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lgrun._fs import RealFs
from lgrun.errors import DamagedStateError, NewerFormatError, StateError, StateIOError
from lgrun.store.base import GetOp, PutOp
from lgrun.store.file import FileStore

SPACE = ("a", "b")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def log_of(state: Path) -> Path:
    (log,) = (state / "store").glob("*.jsonl")
    return log


def filled(state: Path, count: int = 3) -> FileStore:
    store = FileStore(state)
    for number in range(count):
        store.put(SPACE, str(number), {"n": number})
    return store


def numbers(store: FileStore) -> list[Any]:
    return [item.value["n"] for item in store.search((), limit=100_000)]


def test_reading_creates_nothing(state: Path) -> None:
    """A store that nothing was put into leaves no trace, nor does a removal of nothing."""
    store = FileStore(state)
    store.get(SPACE, "k")
    store.search(())

    assert not state.exists()


def test_what_is_in_the_log(state: Path) -> None:
    """One line of JSON a batch, readable with jq; values as the codec writes them."""
    store = FileStore(state, now=lambda: 5.0)
    store.batch([PutOp(SPACE, "k", {"t": (1,)}, ttl=2), PutOp(("\ud800",), "\udfff", {})])
    store.delete(SPACE, "k")
    store.delete(SPACE, "never put")
    lines = [json.loads(line) for line in log_of(state).read_bytes().splitlines()]

    assert all(len(line.pop("crc")) == 8 for line in lines)
    assert lines == [
        {
            "lgrun": "store",
            "format": 1,
            "n": 1,
            "ops": [
                {
                    "op": "put",
                    "ns": ["a", "b"],
                    "key": "k",
                    "updated": 5.0,
                    "ttl": 2,
                    "expires": 125.0,
                    "value": {"t": {"$lgrun": "tuple", "v": [1]}},
                },
                {
                    "op": "put",
                    "ns": [{"$lgrun": "str", "v": "eda080"}],
                    "key": {"$lgrun": "str", "v": "edbfbf"},
                    "updated": 5.0,
                    "value": {},
                },
            ],
        },
        {"lgrun": "store", "format": 1, "n": 2, "ops": [{"op": "delete", "ns": ["a", "b"], "key": "k"}]},
    ]


def test_another_store_sees_everything(state: Path) -> None:
    """Two stores of one directory read what the other has put, at once, with every field."""
    first, second = FileStore(state), FileStore(state)
    first.put(SPACE, "k", {"n": 1, "\ud800": {1, 2}}, ttl=5)
    first.put(("\ud800",), "\ud800", {"n": 2})
    assert second.search((), refresh_ttl=False) == first.search((), refresh_ttl=False)
    second.put(SPACE, "k", {"n": 3})
    second.delete(("\ud800",), "\ud800")
    assert numbers(first) == [3]
    assert FileStore(state).search(()) == first.search(())


def test_an_item_of_an_unknown_class(state: Path) -> None:
    """Is an error that names the item and the class; the others are there."""
    code = (
        "import dataclasses; from lgrun.store.file import FileStore\n"
        "@dataclasses.dataclass\nclass Own: x: int\n"
        f"FileStore({str(state)!r}).put({SPACE!r}, 'own', {{'o': Own(1)}})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    store = filled(state)
    with pytest.raises(DamagedStateError, match=r"the item 'own' of namespace .*: class __main__\.Own is not known"):
        store.get(SPACE, "own")
    assert store.get(SPACE, "1") is not None


def test_vectors_are_kept(state: Path) -> None:
    """What one process has embedded another finds by meaning without embedding it again."""

    def embed(texts: list[str]) -> list[list[float]]:
        return [[0.1, float(len(text))] for text in texts]

    FileStore(state, index={"dims": 2, "embed": embed}).put(SPACE, "k", {"t": "abc"})
    asked: list[str] = []

    def ask(texts: list[str]) -> list[list[float]]:
        asked.extend(texts)
        return embed(texts)

    (found,) = FileStore(state, index={"dims": 2, "embed": ask}).search((), query='{"t": "abc"}')
    assert found.score == pytest.approx(1.0)
    assert asked == ['{"t": "abc"}']


def test_private_to_the_user(state: Path) -> None:
    """Directories 0700, files 0600, whatever the umask."""
    old = os.umask(0)
    try:
        filled(state)
    finally:
        os.umask(old)

    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (state / "store").iterdir()}
    assert stat.S_IMODE((state / "store").stat().st_mode) == 0o700
    assert set(modes.values()) == {0o600}


@pytest.mark.parametrize("where", ["store", "store/lock", "store/00000001.jsonl"])
def test_no_symbolic_link_is_followed(state: Path, tmp_path: Path, where: str) -> None:
    """A link in place of the directory, the lock or the log is refused, and what it points to stays as it is."""
    FileStore(state).put(SPACE, "k", {})
    target = tmp_path / "target"
    (state / where).rename(target)
    (state / where).symlink_to(target)
    before = sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("target*") if path.is_file())

    with pytest.raises(StateIOError):
        FileStore(state).put(SPACE, "k", {"n": 1})
    assert sorted((path.name, path.read_bytes()) for path in tmp_path.rglob("target*") if path.is_file()) == before


def test_foreign_directories_are_refused(tmp_path: Path) -> None:
    """A directory that holds something else, or that others may write to, is no state directory."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match="not a state directory"):
        FileStore(tmp_path).put(SPACE, "k", {})
    filled(tmp_path / "state")
    (tmp_path / "state").chmod(0o777)
    with pytest.raises(StateError, match="can be written by others"):
        FileStore(tmp_path / "state").get(SPACE, "0")


def test_a_torn_line_is_cut_off(state: Path) -> None:
    """An append that was never finished is no item: readers leave it out, the next writer removes it."""
    filled(state)
    whole = log_of(state).read_bytes()
    for cut in (1, 10, len(whole.splitlines()[-1])):
        log_of(state).write_bytes(whole[:-cut])
        reader = FileStore(state)
        assert numbers(reader) == [0, 1]
        FileStore(state).put(SPACE, "9", {"n": 9})
        assert numbers(reader) == numbers(FileStore(state)) == [0, 1, 9]


def test_a_damaged_last_line_is_reported(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It is left out with one warning, and cut off with another by the next writer."""
    filled(state)
    data = bytearray(log_of(state).read_bytes())
    data[-20] ^= 1
    log_of(state).write_bytes(data)
    reader = FileStore(state)
    with caplog.at_level(logging.WARNING, "lgrun"):
        assert numbers(reader) == numbers(reader) == [0, 1]
    assert [record.message for record in caplog.records] == [
        f"{state}/store/00000001.jsonl, line 3 is damaged and left out"
    ]
    FileStore(state).put(SPACE, "9", {"n": 9})
    assert "line 3 is damaged and was cut off; it may have been acknowledged" in caplog.text
    assert numbers(reader) == numbers(FileStore(state)) == [0, 1, 9]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damage_in_the_middle_is_refused(state: Path, line: int) -> None:
    """With file and line; nothing is read, nothing is changed."""
    filled(state, 4)
    lines = log_of(state).read_bytes().splitlines(keepends=True)
    lines[line] = lines[line].replace(b'"ns"', b'"nS"')
    log_of(state).write_bytes(b"".join(lines))
    for use in (lambda s: s.get(SPACE, "0"), lambda s: s.search(()), lambda s: s.put(SPACE, "9", {})):
        with pytest.raises(DamagedStateError, match=rf"store/00000001.jsonl, line {line + 1} is damaged"):
            use(FileStore(state))
    assert log_of(state).read_bytes() == b"".join(lines)


def test_lines_out_of_place_are_refused(state: Path) -> None:
    """A line that is missing, twice there, or of another log."""
    filled(state, 4)
    lines = log_of(state).read_bytes().splitlines(keepends=True)
    for wrong in (lines[:1] + lines[2:], lines[:2] + lines[1:], [lines[1], lines[0]]):
        log_of(state).write_bytes(b"".join(wrong))
        with pytest.raises(DamagedStateError, match="says that it is line"):
            FileStore(state).get(SPACE, "0")
    log_of(state).write_bytes(b"".join(lines))
    log_of(state).rename(state / "store" / "00000002.jsonl")
    assert numbers(FileStore(state)) == []


@pytest.mark.parametrize(
    "ops", ['[{"op":"put"}]', "5", '[{"op":"nope","ns":["a"],"key":"k"}]', "[5]", '[{"op":"put","ns":["a"],"key":5}]']
)
def test_malformed_lines(state: Path, ops: str) -> None:
    """A line that verifies but is not what this lgrun writes is an error of the state and nothing else."""
    from lgrun.checkpoint._line import sealed
    from lgrun.store._lines import _seed

    filled(state, 0).put(SPACE, "k", {})
    for version, error in ((1, DamagedStateError), (2, NewerFormatError)):
        text = f'{{"lgrun":"store","format":{version},"n":1,"ops":{ops}}}'
        log_of(state).write_bytes(sealed(text.encode(), _seed(1)))
        with pytest.raises(error, match="line 1"):
            FileStore(state).get(SPACE, "k")


def test_compaction(state: Path) -> None:
    """A log that is mostly about the past is replaced; order, times and other readers do not notice."""
    clock = iter(range(10_000))
    store, reader = FileStore(state, now=lambda: float(next(clock))), FileStore(state, now=lambda: 0.0)
    for number in range(1100):
        store.put(("x",), str(number % 7), {"n": number}, ttl=10_000)
        assert number % 50 or reader.get(("x",), "0") is not None
    store.put(("y",), "gone", {})
    before = reader.search((), limit=100)

    assert log_of(state).name == "00000002.jsonl"
    assert len(log_of(state).read_bytes()) < 100_000
    assert [item.key for item in before] == ["0", "1", "2", "3", "4", "5", "6", "gone"]
    assert before[0].created_at < before[0].updated_at
    assert store.search((), limit=100) == before == FileStore(state, now=lambda: 0.0).search((), limit=100)


def test_large_items_are_compacted(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What counts is the length of a log: it never becomes too long for items that are not."""
    monkeypatch.setattr("lgrun.store.file.MAX_BYTES", 3_000_000)
    store = FileStore(state)
    for number in range(20):
        store.put(SPACE, "hot", {"n": number, "text": "x" * 400_000})
    assert log_of(state).stat().st_size <= 2_100_000
    for number in range(20):
        store.put(SPACE, str(number % 5), {"n": number, "text": "x" * 400_000})
    store.put(SPACE, "5", {"n": 20, "text": "x" * 400_000})
    with pytest.raises(StateIOError, match="could not be read again"):
        store.put(SPACE, "6", {"n": 21, "text": "x" * 400_000})
    assert numbers(store) == [19, 15, 16, 17, 18, 19, 20]
    assert numbers(FileStore(state)) == numbers(store)


def test_no_room_for_a_compaction(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    """What is stored is stored; the disk is asked again when the log has grown by half."""
    disk = Failing("")
    store = FileStore(state, fs=disk)
    store.put(SPACE, "0", {})
    disk.operation = "create"
    for number in range(1000):
        store.put(SPACE, "0", {"n": number})
    assert numbers(FileStore(state)) == [999]
    assert [record.getMessage().rpartition("/")[2] for record in caplog.records] == [
        "00000001.jsonl could not be compacted: No space left on device"
    ]
    disk.operation = ""
    for number in range(1000):
        store.put(SPACE, "0", {"n": number})
    assert (log_of(state).name > "00000001.jsonl", numbers(FileStore(state))) == (True, [999])


def test_a_compaction_that_died(state: Path) -> None:
    """Of two logs the later one counts; the next compaction removes what is left of the earlier."""
    store = filled(state)
    for number in range(1000):
        store.put(SPACE, "0", {"n": number})
    (state / "store" / "00000001.jsonl").write_bytes(b"older")
    (state / "store" / ".tmp-left").write_bytes(b"begun")
    assert numbers(FileStore(state)) == [999, 1, 2]
    for number in range(1000):
        FileStore(state).put(SPACE, "0", {"n": number}) if number < 3 else store.put(SPACE, "0", {"n": number})
    assert sorted(path.name for path in (state / "store").iterdir()) == ["00000003.jsonl", "lock"]


class Failing(RealFs):
    """A disk that fails at one operation."""

    def __init__(self, operation: str) -> None:
        self.operation = operation

    def create_exclusive(self, name: str, parent: int) -> int:
        if self.operation == "create":
            raise OSError(28, "No space left on device", name)
        return super().create_exclusive(name, parent)

    def write(self, fd: int, data: bytes) -> int:
        if self.operation == "full":
            raise OSError(28, "No space left on device")
        if self.operation == "short":
            return super().write(fd, data[: len(data) // 2])
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        if self.operation == "sync":
            raise OSError(5, "Input/output error")
        super().sync(fd)


@pytest.mark.parametrize("operation", ["full", "short", "sync"])
def test_a_put_that_fails_leaves_nothing(state: Path, operation: str) -> None:
    """The error names the file, no other process sees the item, and the store goes on when the disk does."""
    filled(state)
    reader = FileStore(state)
    assert numbers(reader) == [0, 1, 2]
    fs = Failing(operation)
    store = FileStore(state, fs=fs)
    with pytest.raises(StateIOError, match=r"store/00000001\.jsonl: (No space|Input/output)"):
        store.put(SPACE, "9", {"n": 9})
    assert numbers(store) == numbers(reader) == [0, 1, 2]
    fs.operation = ""
    store.put(SPACE, "8", {"n": 8})
    assert numbers(store) == numbers(reader) == [0, 1, 2, 8]


class Peeking(RealFs):
    """Reads with another store while a line is written but not synced, then fails."""

    other: FileStore

    def sync(self, fd: int) -> None:
        assert numbers(self.other) == [0, 1, 2, 9]
        raise OSError(5, "Input/output error")


@pytest.mark.parametrize("looks", [True, False])
def test_a_line_that_was_taken_back(state: Path, looks: bool) -> None:
    """Whoever has read it before it was taken back reads anew, whether it looks before or after the next put."""
    filled(state)
    fs = Peeking()
    fs.other = FileStore(state)
    with pytest.raises(StateIOError):
        FileStore(state, fs=fs).put(SPACE, "9", {"n": 9})
    if looks:
        assert numbers(fs.other) == [0, 1, 2]
    FileStore(state).put(SPACE, "8", {"n": 8, "longer": "x" * 100})
    assert numbers(fs.other) == [0, 1, 2, 8]


def test_a_directory_that_is_removed_or_moved(state: Path, tmp_path: Path) -> None:
    """A store begins anew where its directory was."""
    import shutil

    store = filled(state)
    state.rename(tmp_path / "moved")
    store.put(SPACE, "9", {"n": 9})
    assert numbers(store) == [9]
    shutil.rmtree(state)
    assert numbers(store) == []
    store.put(SPACE, "8", {"n": 8})
    assert numbers(FileStore(state)) == [8]
    assert numbers(FileStore(tmp_path / "moved")) == [0, 1, 2]


def test_waiting_for_the_lock(state: Path) -> None:
    """A put waits for another process's, and gives up after half a minute with what to do."""
    import fcntl

    filled(state)
    waited: list[float] = []
    with (state / "store" / "lock").open("r+") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        store = FileStore(state, clock=lambda: sum(waited), sleep=waited.append)
        with pytest.raises(StateError, match="locked by another process for 30 seconds"):
            store.put(SPACE, "9", {"n": 9})
        assert numbers(store) == [0, 1, 2]

        def release(_: float) -> None:
            fcntl.flock(held, fcntl.LOCK_UN)

        FileStore(state, clock=lambda: 0.0, sleep=release).put(SPACE, "8", {"n": 8})
    assert numbers(store) == [0, 1, 2, 8]


class Counting(RealFs):
    """Counts syncs, of directories apart."""

    syncs = 0
    directories = 0

    def sync(self, fd: int) -> None:
        self.syncs += 1
        super().sync(fd)

    def sync_dir(self, directory: int) -> None:
        self.directories += 1
        super().sync_dir(directory)


def test_what_a_put_costs(state: Path) -> None:
    """One sync for a batch; none for reading, for removing nothing, and for a time to live that begins anew.

    The first of a process syncs the directories, too: whoever made them may have died before it did.
    """
    filled(state)
    fs = Counting()
    store = FileStore(state, fs=fs)
    store.put(SPACE, "k", {}, ttl=5)
    assert (fs.syncs, fs.directories) == (1, 2)
    fs.syncs = fs.directories = 0
    store.batch([PutOp(SPACE, str(number), {}) for number in range(10)])
    assert fs.syncs == 1
    store.batch([GetOp(SPACE, "k"), PutOp(SPACE, "not there", None)])
    store.search(())
    assert (fs.syncs, fs.directories) == (1, 0)


def test_large_batches(state: Path) -> None:
    """The time that a line takes grows with its length, not with its square: then this took a minute."""
    started = time.process_time()
    FileStore(state).batch([PutOp(SPACE, str(number), {"text": "x" * 100}) for number in range(20_000)])
    assert len(FileStore(state).search((), limit=50_000)) == 20_000
    assert time.process_time() - started < 15


def test_descriptors(state: Path) -> None:
    """A store has one file open, and none after close or when it is forgotten."""

    def count() -> int:
        return len(os.listdir("/dev/fd"))

    before = count()
    store = filled(state)
    assert count() == before + 1
    store.close()
    assert count() == before
    assert numbers(store) == [0, 1, 2]
    del store
    assert count() == before


def test_importing_costs_little() -> None:
    """The port loads nothing but the standard library's small modules; the store no asyncio."""
    code = (
        "import sys, {}; print([m for m in ('asyncio', 'orjson', 'datetime', 'numpy', 'inspect') if m in sys.modules])"
    )
    for module, loaded in (("lgrun.store.base", []), ("lgrun.store.file", ["orjson", "datetime"])):
        done = subprocess.run([sys.executable, "-c", code.format(module)], capture_output=True, text=True, check=True)
        assert [name for name in loaded if name in done.stdout] == loaded
        assert "asyncio" not in done.stdout
        if not loaded:
            assert done.stdout == "[]\n"
