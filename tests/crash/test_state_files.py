"""Names, links, secrets, locks, formats and clocks: what a state directory must bear, with the saver as it is used."""

import hashlib
import json
import os
import shutil
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from lgrun.checkpoint._lock import _own_record
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.file import FileSaver
from lgrun.config import get_config
from lgrun.errors import DamagedStateError, NewerFormatError, StateError, ThreadBusyError
from lgrun.func import entrypoint, task
from lgrun.types import Command, interrupt
from tests.crash.scenarios import checkpoint, result
from tests.crash.simulated import SimulatedFs
from tests.crash.workload import STATE

LGRUN = str(Path(sys.executable).with_name("lgrun"))
GOLDEN = Path(__file__).parents[1] / "golden"
EXAMPLES = int(os.environ.get("LGRUN_EXAMPLES", "300"))
IMPOSTORS = ["symlink", "dangling symlink", "fifo", "device", "hard link", "socket", "foreign owner"]
REFS = ["../1", "1/../1", "00000001.json", "\u0661", "-1", "1e0", "0x1", " 1", "1\n", "9" * 400, "", "\0"]

THREADS = [
    "", ".", "..", "../x", "a/b", "a\\b", "/abs", "~", "CON", "nul.txt", "a.", " a ", "\0", "\n", "\x1b[31m", "\u202e",
    "-t", "--help", "@last", "a" * 64, "a" * 65, "a" * 300, "a" * 100_000, "A", "a", "é", "e\u0301", "😀", "%2e%2e",
    "\ud800", "lock", "thread.json", ".tmp-", "~0", "a~" + "0" * 32,
]  # fmt: skip


# Names


def test_thread_ids_side_by_side(tmp_path: Path) -> None:
    """Each has its own thread, inside the directory, and is listed back as it was given."""
    saver = FileSaver(tmp_path / "s")
    for number, thread in enumerate(THREADS):
        claim = saver.claim(thread)
        claim.put(checkpoint(1, thread))
        claim.append(1, [result(number)])
        claim.release()

    assert sorted(saver.threads()) == sorted(THREADS)
    for number, thread in enumerate(THREADS):
        saved = saver.load(thread)
        assert saved is not None
        assert [write.name for write in saved.writes] == [f"task{number}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s"]
    folders = list((tmp_path / "s/threads").iterdir())
    assert len(folders) == len({folder.name.casefold() for folder in folders}) == len(THREADS)
    for thread in THREADS:
        saver.delete_thread(thread)
    assert list(saver.threads()) == list((tmp_path / "s/threads").iterdir()) == []


@settings(
    max_examples=int(os.environ.get("LGRUN_EXAMPLES", "300")), deadline=None, suppress_health_check=list(HealthCheck)
)
@given(st.lists(st.text(st.characters(codec=None, exclude_categories=())), unique=True, min_size=1, max_size=5))
@example(["A", "a"])
def test_generated_thread_ids(threads: list[str]) -> None:
    """Any strings: as many threads as ids, listed back byte for byte, in directories that bear any file system."""
    disk = SimulatedFs({"home": {}})
    saver = FileSaver(STATE, fs=disk)
    for thread in threads:
        claim = saver.claim(thread)
        claim.put(checkpoint(1, thread))
        claim.release()

    assert sorted(saver.threads()) == sorted(threads)
    tree = disk.tree()
    assert list(tree) == ["home"]
    assert set(tree["home"]["state"]) == {"lgrun-state.json", "threads"}
    names = list(tree["home"]["state"]["threads"])
    assert len({name.casefold() for name in names}) == len(threads)
    assert all(name.isascii() and name == name.lower() and "/" not in name and name[0] not in ".-" for name in names)


@pytest.mark.parametrize("ref", REFS)
def test_checkpoint_ids_are_looked_up(tmp_path: Path, ref: str) -> None:
    """What is no number and no full id finds nothing; no id is made a path."""
    saver = FileSaver(tmp_path)
    claim = saver.claim("t")
    claim.put(checkpoint(1))
    claim.release()

    assert saver.load("t", ref) is None
    assert saver.load("t", "1") is not None


# What others could have put there


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A state directory with one thread."""
    claim = FileSaver(tmp_path / "s").claim("t")
    claim.put(checkpoint(1))
    claim.append(1, [result(1)])
    claim.release()
    return tmp_path / "s"


FILES = ["lgrun-state.json", "threads", "threads/t", *(f"threads/t/{name}" for name in (
    "lock", "thread.json", "00000001.json", "00000001.writes.jsonl"
))]  # fmt: skip


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", IMPOSTORS)
@pytest.mark.parametrize("name", FILES)
def test_impostors(state: Path, tmp_path: Path, name: str, kind: str) -> None:
    """Links, FIFOs, devices and sockets, and what belongs to somebody else, are refused without a wait or a write."""
    path, outside = state / name, tmp_path / "outside"
    if kind in ("device", "foreign owner") and os.geteuid() != 0:
        pytest.skip("NOT TESTED: only root can make devices and give files away")
    if kind == "hard link" and path.is_dir():
        return
    if kind == "foreign owner":
        os.chown(path, 12345, 12345)
    elif kind == "hard link":
        os.link(path, outside)
    else:
        path.rename(outside)
        match kind:
            case "symlink":
                path.symlink_to(outside)
            case "dangling symlink":
                path.symlink_to(tmp_path / "nowhere")
            case "fifo":
                os.mkfifo(path)
            case "device":
                os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # endless zeros
            case "socket":
                os.mknod(path, stat.S_IFSOCK | 0o600)
    before = _contents(outside)

    with pytest.raises(StateError):
        FileSaver(state).claim("t")

    assert _contents(outside) == before
    assert not (tmp_path / "nowhere").exists()


def _contents(path: Path) -> Any:
    if path.is_dir():
        return {str(inner.relative_to(path)): _contents(inner) for inner in sorted(path.rglob("*")) if inner.is_file()}
    return path.read_bytes() if path.is_file() else None


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
def test_writable_by_others(state: Path, mode: int) -> None:
    """A state directory that others can write to is refused with what to type, unless it is trusted."""
    state.chmod(mode)
    for use in (FileSaver(state).claim, FileSaver(state).load):
        with pytest.raises(StateError, match="chmod 700"):
            use("t")

    FileSaver(state, trust_state=True).claim("t").release()


# Secrets


CANARY = "c4n4ry-5ecret"

SECRETIVE = """
import os
from lgrun.func import entrypoint, task
from lgrun.types import interrupt

@task
def use():
    return len(os.environ["API_KEY"])

@entrypoint()
def flow(x: int):
    use().result()
    interrupt("ok?")
    return x
"""


def test_secrets_are_not_stored(tmp_path: Path) -> None:
    """Neither the environment nor configurable values nor what follows options on the command line is written."""
    saver = FileSaver(tmp_path / "s")

    @task
    def use() -> int:
        return len(get_config()["configurable"]["api_key"])

    @entrypoint(checkpointer=saver)
    def flow(x: int) -> int:
        use().result()
        interrupt("ok?")
        return x

    config: Any = {"configurable": {"thread_id": "t", "api_key": CANARY}, "tags": [CANARY], "metadata": {"user": "me"}}
    flow.invoke(1, config)
    flow.invoke(Command(resume=1), config)
    (tmp_path / "flow.py").write_text(SECRETIVE)
    env = os.environ | {"LGRUN_STATE_DIR": str(tmp_path / "s"), "API_KEY": CANARY}
    done = subprocess.run([LGRUN, "invoke", "flow.py", "1", "-t", "u"], cwd=tmp_path, env=env, capture_output=True)

    assert done.returncode == 3, done
    stored = [path for path in (tmp_path / "s").rglob("*") if path.is_file()]
    assert len(stored) > 8
    assert [path for path in stored if CANARY.encode() in path.read_bytes()] == []


# Locks


@pytest.fixture
def held(state: Path) -> tuple[Path, bytes]:
    """A thread whose lock file still says who held it, and what it says."""
    record = _own_record()
    (state / "threads/t/lock").write_bytes(record)
    return state, record


def _with(record: bytes, **members: Any) -> bytes:
    return json.dumps(json.loads(record) | members).encode().ljust(255) + b"\n"


def test_reused_pid(held: tuple[Path, bytes]) -> None:
    """A holder whose number another process has now is dead."""
    state, record = held
    start = json.loads(record)["start"].partition(":")[0]
    (state / "threads/t/lock").write_bytes(_with(record, start=f"{start}:1"))

    assert FileSaver(state).holder("t") is None
    claim = FileSaver(state).claim("t")
    assert claim.died is not None
    claim.release()


def test_another_boot(held: tuple[Path, bytes]) -> None:
    """A holder from before the machine was started again is dead."""
    state, record = held
    (state / "threads/t/lock").write_bytes(_with(record, start="00000000-0000-0000-0000-000000000000:1"))

    assert FileSaver(state).holder("t") is None
    FileSaver(state).claim("t").release()


class Remote(SimulatedFs):
    """A network file system."""

    def is_remote(self, fd: int) -> bool:
        return True


@pytest.mark.parametrize("host", ["elsewhere", os.uname().nodename])
def test_foreign_host(host: str) -> None:
    """On a network file system a holder on another machine is believed, unless its lock is broken by hand."""
    disk = Remote({"home": {}})
    claim = FileSaver(STATE, fs=disk).claim("t")
    claim.put(checkpoint(1))
    claim.release()
    fd = disk.open_lock("lock", disk.open_root(f"{STATE}/threads/t"))
    record = _with(_own_record(), host=host, start="boot:1")
    disk.write_at_start(fd, record)

    if host == "elsewhere":
        with pytest.raises(ThreadBusyError, match=r"on host elsewhere since .*--break-lock"):
            FileSaver(STATE, fs=disk).claim("t")
        assert disk.read_start(fd, 256) == record
    claim = FileSaver(STATE, fs=disk, break_lock=True).claim("t")
    assert claim.died is not None
    claim.release()
    FileSaver(STATE, fs=disk).claim("t").release()


def test_foreign_host_on_a_local_disk(held: tuple[Path, bytes]) -> None:
    """On a local disk the lock itself says that the holder is dead, whatever its machine was called."""
    state, record = held
    (state / "threads/t/lock").write_bytes(_with(record, host="container-7"))

    claim = FileSaver(state).claim("t")
    assert claim.died is not None
    claim.release()


def test_orphan_with_the_lock(state: Path) -> None:
    """A child that got hold of the lock file by itself is reported for what it is."""
    code = (
        "import os, sys; from lgrun.checkpoint import file, _lock; "
        f"claim = file.FileSaver({str(state)!r}).claim('t'); _lock._held.clear(); "
        "pid = os.fork(); pid and os.write(1, b'%d\\n' % pid); sys.stdin.read()"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    try:
        with pytest.raises(ThreadBusyError, match=f"held by a process that pid {process.pid} started before it died"):
            FileSaver(state).claim("t")
    finally:
        os.kill(child, signal.SIGKILL)
        process.communicate()
    FileSaver(state).claim("t", wait=5).release()


# Formats


def _digest(directory: Path) -> str:
    found = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        found.update(f"{path} {path.lstat().st_mode} {path.lstat().st_mtime_ns}".encode())
        found.update(path.read_bytes() if path.is_file() else b"")
    return found.hexdigest()


def _golden_files() -> list[str]:
    names = []
    for directory in sorted(GOLDEN.glob("state-*")):
        names += [str(path.relative_to(GOLDEN)) for path in directory.rglob("*.json*")]
    return names


@pytest.mark.parametrize("name", _golden_files())
def test_next_format(tmp_path: Path, name: str) -> None:
    """Of every file of every release in the next format: refused by name and with what to do; nothing is changed."""
    release = Path(name).parts[0]
    shutil.copytree(GOLDEN / release, tmp_path / release)
    for path in (tmp_path / release, *(tmp_path / release).rglob("*")):
        path.chmod(0o700 if path.is_dir() else 0o600)  # git keeps no permissions
    file = tmp_path / name
    file.write_bytes(file.read_bytes().replace(b'"format":1', b'"format":2'))
    before = _digest(tmp_path)
    saver = FileSaver(tmp_path / release)
    thread = json.loads((GOLDEN / name).with_name("thread.json").read_text())["thread"] if "threads" in name else "done"
    thread = thread if isinstance(thread, str) else bytes.fromhex(thread["v"]).decode("utf-8", "surrogatepass")
    uses: list[Any] = [lambda thread: list(saver.history(thread))]
    if "00000001" not in name or thread != "done":  # the files of an older run are read when somebody asks for it
        uses += [saver.claim, saver.load]

    for use in uses:
        with pytest.raises(NewerFormatError, match=rf"{file.name}.* has format 2; .*upgrade lgrun$"):
            use(thread)
    assert _digest(tmp_path) == before


# Clocks


@pytest.mark.parametrize("step", [-3600.0, 3600.0, -1e9, -1.7e9])
def test_clock_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    """Whatever the clock does between two runs, the later one is the later one."""
    import time

    saver = FileSaver(tmp_path)

    @entrypoint(checkpointer=saver)
    def count(n: int, *, previous: int | None = None) -> int:
        return (previous or 0) + n

    config: Any = {"configurable": {"thread_id": "t"}}
    true = time.time
    for run in range(1, 6):
        monkeypatch.setattr(time, "time", lambda run=run: max(true() + step * run, 0.0))
        assert count.invoke(1, config) == run

    assert [saved.checkpoint.seq for saved in saver.history("t")] == list(range(10, 0, -1))
    assert count.get_state(config).values == 5


# For a long time


def test_many_runs_in_one_process(tmp_path: Path) -> None:
    """Neither memory nor descriptors grow with the number of runs."""
    code = """
import os, resource, sys
from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint, task
from tests.crash.simulated import SimulatedFs

@task
def step(x):
    return x + 1

saver = FileSaver(sys.argv[1])
saver._fs.sync = saver._fs.sync_dir = lambda fd: None
saver._root._fs = saver._fs

@entrypoint(checkpointer=saver)
def flow(x):
    return step(x).result()

def run(count, start):
    for i in range(start, start + count):
        flow.invoke(i, {"configurable": {"thread_id": f"t{i}"}})

def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

count = int(sys.argv[2])
run(count // 5, 0)
before, fds = memory(), len(os.listdir("/proc/self/fd"))
run(count, count)
print(memory() - before, len(os.listdir("/proc/self/fd")) - fds)
"""
    if not sys.platform.startswith("linux"):
        pytest.skip("NOT TESTED: memory is read from /proc")
    runs = os.environ.get("LGRUN_RUNS", "600")
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "s", runs], cwd=root, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    memory, descriptors = map(int, done.stdout.split())

    assert memory <= 5 << 20
    assert descriptors == 0


def test_readers_during_appends(tmp_path: Path) -> None:
    """Readers beside a writer see whole records and never fewer than before."""
    code = """
import sys
from lgrun.checkpoint.file import FileSaver
from tests.crash.scenarios import checkpoint, result
saver = FileSaver(sys.argv[1])
saver._fs.sync = saver._fs.sync_dir = lambda fd: None
claim = saver.claim("t")
for seq in range(1, int(sys.argv[2]) + 1):
    claim.put(checkpoint(seq))
    for number in range(10):
        claim.append(seq, [result(number)])
claim.release()
"""
    count = int(os.environ.get("LGRUN_CHECKPOINTS", "150"))
    root = Path(__file__).parents[2]
    writer = subprocess.Popen([sys.executable, "-c", code, tmp_path, str(count)], cwd=root)
    saver, last, looks = FileSaver(tmp_path), (0, 0), 0
    while writer.poll() is None:
        saved = saver.load("t")
        if saved is None:
            assert last == (0, 0)
            continue
        now = (saved.checkpoint.seq, len(saved.writes))
        assert now >= last
        assert [write.name for write in saved.writes] == [f"task{n}" for n in range(len(saved.writes))]
        assert list(saver.threads()) == ["t"]
        last, looks = now, looks + 1

    assert writer.returncode == 0
    assert looks > 10
    saved = saver.load("t")
    assert saved is not None
    assert (saved.checkpoint.seq, len(saved.writes)) == (count, 10)


def test_damage_is_found_by_a_run_too(state: Path) -> None:
    """With `strict`, a damaged end that may have been acknowledged is refused and nothing is changed."""
    journal = state / "threads/t/00000001.writes.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b"task1", b"task9"))
    before = _digest(state)
    with pytest.raises(DamagedStateError):
        FileSaver(state, strict=True).claim("t")
    assert _digest(state) == before
    claim = FileSaver(state).claim("t")
    claim.append(1, [PendingWrite("cancelled")])
    claim.release()
