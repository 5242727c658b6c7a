"""What is found wrong in a state directory, and how it is put right."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

from lgrun.checkpoint.base import Encoded, PendingWrite
from lgrun.checkpoint.doctor import Finding, examine
from lgrun.checkpoint.file import FileSaver
from lgrun.errors import StateError
from lgrun.store.file import FileStore
from tests.crash.scenarios import checkpoint, result

JOURNAL = "00000001.writes.jsonl"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with one thread: a checkpoint with three results, and its source."""
    digest = hashlib.sha256(b"code").hexdigest()
    saver = FileSaver(tmp_path / "s", origin={"sha256": digest}, source=b"code")
    claim = saver.claim("t")
    claim.put(checkpoint(1))
    for number in range(3):
        claim.append(1, [result(number)])
    claim.release()
    return tmp_path / "s"


def found(state: Path, **options: Any) -> list[Finding]:
    return list(examine(state, **options))


def contents(state: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(state)): (path.lstat().st_mode, path.read_bytes() if path.is_file() else b"")
        for path in sorted(state.rglob("*"))
    }


def names(state: Path) -> list[str]:
    saved = FileSaver(state).load("t")
    assert saved is not None
    return [write.name for write in saved.writes]


def mended(state: Path, path: str, verdict: str, words: str, remedy: str) -> None:
    """Check that one thing is found, that finding it changes nothing, and that it is mended for good."""
    before = contents(state)
    first = found(state)
    assert [(f.path, f.verdict, f.mended) for f in first] == [(path, verdict, False)], first
    assert words in first[0].problem
    assert remedy in first[0].remedy
    assert contents(state) == before
    after = found(state, mend=True)
    assert after != []
    assert all(f.mended for f in after), after
    assert [f for f in found(state) if f.verdict != "note"] == []


def test_nothing_to_find(state: Path) -> None:
    """A state directory that is in order."""
    assert found(state) == []
    with pytest.raises(FileNotFoundError):
        found(state / "none")


def test_torn_append(state: Path) -> None:
    """An append that was never finished is cut off, in any journal."""
    journal = state / "threads/t" / JOURNAL
    journal.write_bytes(journal.read_bytes()[:-9])
    mended(state, f"threads/t/{JOURNAL}", "litter", "never finished", "cut it off")
    assert names(state) == ["task0", "task1"]


def test_empty_journal_of_no_checkpoint(state: Path) -> None:
    """A run died while it put the checkpoint: nothing is lost, readers and runs go on."""
    (state / "threads/t/00000002.writes.jsonl").touch(mode=0o600)
    assert names(state) == ["task0", "task1", "task2"]
    claim = FileSaver(state).claim("t")
    claim.put(checkpoint(2))
    claim.release()
    (state / "threads/t/00000003.writes.jsonl").touch(mode=0o600)
    mended(state, "threads/t/00000003.writes.jsonl", "litter", "never finished", "remove it")


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damaged_line(state: Path, line: int) -> None:
    """A damaged line, and only that, is taken out; the journal as it was is kept, and the thread goes on."""
    journal = state / "threads/t" / JOURNAL
    whole = journal.read_bytes()
    broken = whole.replace(b"task%d" % line, b"tusk%d" % line)
    journal.write_bytes(broken)
    mended(state, f"threads/t/{JOURNAL}", "damaged", f"line {line + 1}, byte", f"becomes {JOURNAL}.damaged")
    assert names(state) == [name for name in ("task0", "task1", "task2") if name != f"task{line}"]
    assert journal.with_name(f"{JOURNAL}.damaged").read_bytes() == broken
    claim = FileSaver(state).claim("t")
    claim.append(1, [result(9)])
    claim.release()
    assert names(state)[-1] == "task9"


def test_damaged_lines(state: Path) -> None:
    """Several are taken out at once; the journal as it was is kept once."""
    journal = state / "threads/t" / JOURNAL
    broken = journal.read_bytes().replace(b"task0", b"tusk0").replace(b"task2", b"tusk2")
    journal.write_bytes(broken)
    first, second = found(state, mend=True)
    assert (first.mended, second.mended) == (True, True)
    assert names(state) == ["task1"]
    assert [path.read_bytes() for path in journal.parent.glob("*.damaged*")] == [broken]


def test_missing_line(state: Path) -> None:
    """Where a line is missing, those after it are kept."""
    journal = state / "threads/t" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[2])
    mended(state, f"threads/t/{JOURNAL}", "damaged", "what stood before it", "take it out")
    assert names(state) == ["task0", "task2"]


def test_zeros_before_a_line(state: Path) -> None:
    """Zeros, which a power cut leaves where bytes never came to the disk, do not cost the line after them."""
    journal = state / "threads/t" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + bytes(len(lines[1])) + lines[2])
    found(state, mend=True)
    assert names(state) == ["task0", "task2"]


def test_swapped_lines_are_left_alone(state: Path) -> None:
    """Lines that go back cannot be mended, and nothing is changed."""
    journal = state / "threads/t" / JOURNAL
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[1] + lines[0] + lines[2])
    before = contents(state)
    [one] = found(state, mend=True)
    assert (one.verdict, one.remedy, one.mended) == ("damaged", "", False)
    assert contents(state) == before


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_thread_file(state: Path, damage: str) -> None:
    """thread.json is written anew from a checkpoint."""
    note = state / "threads/t/thread.json"
    if damage == "gone":
        note.unlink()
    else:
        note.write_bytes(note.read_bytes().replace(b"created", b"creaded"))
    mended(state, "threads/t/thread.json", "damaged", "missing" if damage == "gone" else "is damaged", "write it anew")
    assert names(state) == ["task0", "task1", "task2"]


@pytest.mark.parametrize("damage", ["gone", "changed"])
def test_marker(state: Path, damage: str) -> None:
    """The file that says what the directory is, is written anew."""
    marker = state / "lgrun-state.json"
    marker.unlink() if damage == "gone" else marker.write_bytes(b"?")
    mended(state, "lgrun-state.json", "damaged", "missing" if damage == "gone" else "not one whole line", "write it")
    assert names(state) == ["task0", "task1", "task2"]


def test_litter(state: Path) -> None:
    """Beginnings of files, deleted threads and threads that were never begun are removed."""
    (state / "threads/t/.tmp-1").touch()
    (state / ".tmp-2").touch()
    (state / "trash").mkdir(mode=0o700)
    (state / "trash/x").mkdir(mode=0o700)
    (state / "threads/u").mkdir(mode=0o700)
    paths = {f.path for f in found(state) if f.verdict == "litter"}
    assert paths == {"threads/t/.tmp-1", ".tmp-2", "trash/x", "threads/u"}
    assert all(f.mended for f in found(state, mend=True))
    assert found(state) == []


def test_source(state: Path) -> None:
    """A copy of the source that was changed is renamed."""
    source = next((state / "threads/t").glob("source-*"))
    source.write_bytes(b"evil")
    mended(state, f"threads/t/{source.name}", "damaged", "is not the source", "rename it")
    assert FileSaver(state).read_source("t", source.name[7:-3]) is None


def test_modes(state: Path) -> None:
    """A directory that others can write to is refused until it is theirs no more."""
    (state / "threads").chmod(0o777)
    mended(state, "threads", "refused", "can be written by others", "chmod 700")


@pytest.mark.parametrize("name", [JOURNAL, "00000001.json", "thread.json", "lock"])
@pytest.mark.parametrize("kind", ["symlink", "fifo", "hard link", "directory"])
def test_what_others_could_have_put_there(state: Path, tmp_path: Path, name: str, kind: str) -> None:
    """Links, FIFOs and directories in place of a file are refused, and nothing is done to them."""
    file = state / "threads/t" / name
    outside = tmp_path / "outside"
    if kind == "hard link":
        os.link(file, outside)
    else:
        file.rename(outside)
        {"symlink": lambda: file.symlink_to(outside), "fifo": lambda: os.mkfifo(file), "directory": file.mkdir}[kind]()
    before = outside.read_bytes()
    verdicts = {f.verdict for f in found(state, mend=True) if f.path == f"threads/t/{name}"}
    assert verdicts == {"refused"}
    assert outside.read_bytes() == before
    for use in (FileSaver(state).claim, FileSaver(state).delete_thread if name == "lock" else FileSaver(state).claim):
        with pytest.raises(StateError, match=name):
            use("t")


def test_newer_format(state: Path) -> None:
    """A newer file is reported with what to do, and not mended."""
    file = state / "threads/t/00000001.json"
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    [one] = found(state, mend=True)
    assert (one.path, one.verdict, one.mended) == ("threads/t/00000001.json", "newer", False)
    assert "upgrade lgrun" in one.problem


def test_running_thread_is_left_alone(state: Path) -> None:
    """A thread that a run holds is not checked."""
    claim = FileSaver(state).claim("t")
    claim.append(1, [PendingWrite("cancelled")])
    (state / "threads/t/.tmp-1").touch()
    [one] = found(state, mend=True)
    claim.release()
    assert one.verdict == "note"
    assert f"pid {os.getpid()}" in one.problem
    assert (state / "threads/t/.tmp-1").exists()


def test_strangers_are_left_alone(state: Path) -> None:
    """Files that are not lgrun's are named and kept."""
    for path in (state / "notes.txt", state / "threads/t/notes.txt"):
        path.touch()
    assert [(f.path, f.verdict) for f in found(state, mend=True)] == [
        ("notes.txt", "note"),
        ("threads/t/notes.txt", "note"),
    ]
    assert (state / "notes.txt").exists()


def test_damaged_checkpoint_cannot_be_mended(state: Path) -> None:
    """A checkpoint that does not verify stays where it is."""
    file = state / "threads/t/00000001.json"
    file.write_bytes(file.read_bytes().replace(b"input", b"inout"))
    before = contents(state)
    [one] = found(state, mend=True)
    assert (one.path, one.verdict, one.remedy) == ("threads/t/00000001.json", "damaged", "")
    assert contents(state) == before


@pytest.fixture
def chat(tmp_path: Path) -> Path:
    """A state directory with a thread of three runs, each of which builds on what the one before has returned."""
    claim = FileSaver(tmp_path / "c").claim("t")
    for run in range(3):
        text = Encoded(json=orjson.dumps(["x" * 3000] * (run + 1)))
        claim.put(replace(checkpoint(2 * run + 1), previous=2 * run or None))
        claim.append(2 * run + 1, [result(run)])
        claim.put(replace(checkpoint(2 * run + 2), kind="end", value=text))
    claim.release()
    assert b'"patches"' in (tmp_path / "c/threads/t/00000006.json").read_bytes()
    return tmp_path / "c"


@pytest.mark.parametrize(("damaged", "goes_on_from"), [(2, 6), (4, 3), (5, 6), (6, 5)])
def test_going_back_to_what_can_be_read(chat: Path, damaged: int, goes_on_from: int) -> None:
    """A run goes on from the last checkpoint that can be read, with what it needs; nothing is thrown away."""
    thread = chat / "threads/t"
    file = thread / f"{damaged:08}.json"
    file.write_bytes(file.read_bytes().replace(b"kind", b"kimd"))
    before = {path.name.removesuffix(".damaged"): path.read_bytes() for path in thread.iterdir()}
    mended = [one for one in found(chat, mend=True) if one.mended]

    assert [one.path for one in mended if one.path == "threads/t"] == (["threads/t"] if goes_on_from < 6 else [])
    claim = FileSaver(chat).claim("t")
    saved = claim.load()
    assert saved is not None
    assert saved.checkpoint.seq == goes_on_from
    if saved.checkpoint.value is not None:
        assert saved.checkpoint.value.tree() == ["x" * 3000] * 3
    claim.put(checkpoint(goes_on_from + 1))
    claim.release()
    (thread / f"{goes_on_from + 1:08}.json").unlink()
    after = {path.name.removesuffix(".damaged"): path.read_bytes() for path in thread.iterdir()}
    assert {**after, "lock": b""} == {**before, "lock": b""}
    assert all(path.exists() for path in [thread / f"{n:08}.json" for n in range(1, goes_on_from)])


def test_going_back_twice(chat: Path) -> None:
    """What was set aside the first time stays."""
    file = chat / "threads/t/00000006.json"
    for _ in range(2):
        file.write_bytes(b"damaged")
        assert any(one.mended for one in found(chat, mend=True))
        assert not file.exists()
    asides = sorted(path.name for path in (chat / "threads/t").glob("*.damaged*"))
    assert asides == ["00000006.json.damaged", "00000006.json.damaged2"]
    assert {one.problem for one in found(chat)} == {"was set aside; it is not read, and can be deleted"}


# --- the store


@pytest.fixture
def stored(state: Path) -> Path:
    """A state directory with three items in its store."""
    store = FileStore(state)
    for number in range(3):
        store.put(("notes",), f"key{number}", {"n": number})
    return state


LOG = "store/00000001.jsonl"


def keys(state: Path) -> list[str]:
    return [item.key for item in FileStore(state).search(())]


@pytest.mark.parametrize("line", [0, 1, 2])
def test_damaged_line_of_a_store(stored: Path, line: int) -> None:
    """The other items can be read again, and the log as it was is kept, each time."""
    log, kept = stored / LOG, []
    for damaged in (line, (line + 1) % 3):
        log.write_bytes(log.read_bytes().replace(b"key%d" % damaged, b"kex%d" % damaged))
        kept.append(log.read_bytes())
        assert [finding.verdict for finding in found(stored, mend=True) if finding.verdict != "note"] == ["damaged"]
    assert keys(stored) == [f"key{(line + 2) % 3}"]
    assert [finding.verdict for finding in found(stored)] == ["note", "note"]
    assert [log.with_name(f"{log.name}.damaged{n}").read_bytes() for n in ("", "2")] == kept
    FileStore(stored).put(("notes",), "new", {})
    assert keys(stored) == [f"key{(line + 2) % 3}", "new"]


def test_what_a_store_that_died_leaves(stored: Path) -> None:
    log = stored / LOG
    whole = log.read_bytes()
    log.write_bytes(whole + whole[:20])
    mended(stored, LOG, "litter", "never finished", "cut it off")
    assert log.read_bytes() == whole
    (stored / "store/00000000.jsonl").write_bytes(b"older")
    mended(stored, "store/00000000.jsonl", "litter", "older log", "remove it")
    (stored / "store/.tmp-x").touch(mode=0o600)
    mended(stored, "store/.tmp-x", "litter", "never finished", "remove it")


def test_a_store_that_is_written_to_is_left_alone(stored: Path) -> None:
    with FileStore(stored)._locked():
        assert [(f.path, f.verdict) for f in found(stored, mend=True)] == [("store", "note")]


def test_setting_aside_twice(state: Path) -> None:
    """What was set aside the first time is kept."""
    journal = state / "threads/t" / JOURNAL
    kept = []
    for line in (0, 1):
        journal.write_bytes(journal.read_bytes().replace(b"task%d" % line, b"tusk%d" % line))
        kept.append(journal.read_bytes())
        assert any(finding.mended for finding in found(state, mend=True))
    assert [journal.with_name(f"{JOURNAL}.damaged{n}").read_bytes() for n in ("", "2")] == kept
    assert names(state) == ["task2"]


def test_a_thread_that_is_deleted_meanwhile(state: Path) -> None:
    """It is no finding that a thread is not there any more."""
    claim = FileSaver(state).claim("u")
    claim.put(checkpoint(1, thread="u"))
    claim.release()
    for name in ("t", "u"):
        (state / "threads" / name / ".tmp-1").write_text("")

    looking = examine(state)
    first = next(looking)
    FileSaver(state).delete_thread("u")

    assert [found.path for found in (first, *looking)] == ["threads/t/.tmp-1"]


def test_trash_that_another_process_removes_meanwhile(state: Path) -> None:
    """It is gone, as it should be."""
    for name in ("1", "2"):
        (state / "trash" / name).mkdir(mode=0o700, parents=True)
    (state / "trash").chmod(0o700)

    looking = examine(state, mend=True)
    first = next(looking)
    (state / "trash" / "2").rmdir()

    assert [(found.path, found.mended) for found in (first, *looking)] == [("trash/1", True), ("trash/2", True)]
