"""The files of a `FileCache`, and the keys of calls."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lgrun._fs import RealFs
from lgrun.cache._entry import call_key, default_cache_key
from lgrun.cache.file import FileCache
from lgrun.errors import NotSerializableError, StateError, StateIOError
from lgrun.types import CachePolicy

KEY = (("task",), "k")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def entry(state: Path) -> Path:
    (found,) = (state / "cache").glob("*/*")
    return found


def filled(state: Path, value: Any = (1, 2)) -> "FileCache[Any]":
    cache: FileCache[Any] = FileCache(state)
    cache.set({KEY: (value, None)})
    return cache


def test_reading_creates_nothing(state: Path) -> None:
    """A cache that nothing was put into leaves no trace."""
    cache: FileCache[Any] = FileCache(state)
    assert cache.get([KEY]) == {}
    cache.clear()
    assert not state.exists()


def test_another_process_finds_it(state: Path) -> None:
    """An entry is there for everybody, private to the user."""
    old = os.umask(0)
    try:
        filled(state)
    finally:
        os.umask(old)
    code = f"from lgrun.cache.file import FileCache; print(FileCache({str(state)!r}).get([{KEY!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "{(('task',), 'k'): (1, 2)}\n"
    assert stat.S_IMODE(entry(state).stat().st_mode) == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in (state, *(state / "cache").glob("*"))} == {0o700}


def test_any_damage_is_a_miss(state: Path) -> None:
    """Whatever byte is changed, wherever the file ends: the entry is not there, and can be put again."""
    whole = (filled(state), entry(state).read_bytes())[1]
    for position in range(len(whole)):
        for spoilt in (whole[:position], whole[:position] + bytes([whole[position] ^ 1]) + whole[position + 1 :]):
            entry(state).write_bytes(spoilt)
            assert FileCache(state).get([KEY]) == {}
            filled(state)
    assert FileCache(state).get([KEY]) == {KEY: (1, 2)}


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo, lambda path: path.symlink_to("/etc/passwd")])
def test_something_else_in_its_place(state: Path, make: Any) -> None:
    """A directory, a FIFO or a link where the entry should be is a miss, at once."""
    cache = filled(state)
    path = entry(state)
    path.unlink()
    make(path)
    assert cache.get([KEY]) == {}


def test_an_entry_that_was_moved(state: Path) -> None:
    """A file under another name, or of a class that is not known here, is a miss."""
    cache = filled(state)
    other = (("task",), "other")
    cache.set({other: (5, None)})
    first, second = (state / "cache").glob("*/*")
    data = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(data)
    assert cache.get([KEY, other]) == {}
    code = (
        "import dataclasses; from lgrun.cache.file import FileCache\n"
        "@dataclasses.dataclass\nclass Own: x: int\n"
        f"FileCache({str(state)!r}).set({{{KEY!r}: (Own(1), None)}})"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
    assert cache.get([KEY]) == {}


def test_what_is_over_is_removed(state: Path) -> None:
    """An entry whose time is over leaves the disk when it is asked for."""
    cache: FileCache[Any] = FileCache(state, now=lambda: 1.0)
    cache.set({KEY: (1, 5)})
    later: FileCache[Any] = FileCache(state, now=lambda: 6.0)
    assert later.get([KEY]) == {}
    assert list((state / "cache").glob("*/*")) == []


class Full(RealFs):
    """A disk that is full."""

    half = False

    def write(self, fd: int, data: bytes) -> int:
        if self.half:
            return super().write(fd, data[:5])
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("half", [False, True])
def test_a_full_disk(state: Path, caplog: pytest.LogCaptureFixture, half: bool) -> None:
    """Is a warning that names the cache; the old entry or none is there, and nothing half written."""
    filled(state)
    fs = Full()
    fs.half = half
    FileCache(state, fs=fs).set({KEY: (2, None), (("task",), "l"): (2, None)})

    assert caplog.messages == [f"a result was not cached in {state}/cache: No space left on device"] * 2
    assert FileCache(state).get([KEY, (("task",), "l")]) == {KEY: (1, 2)}
    assert entry(state).suffix == ".json"


def test_directories_that_cannot_be_used(state: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A foreign state directory is an error; a link in place of the cache's a warning and a miss."""
    (tmp_path / "file").write_text("x")
    with pytest.raises(StateError, match="not a state directory"):
        FileCache(tmp_path).set({KEY: (1, None)})
    cache = filled(state)
    (state / "cache").rename(tmp_path / "target")
    (state / "cache").symlink_to(tmp_path / "target")
    assert cache.get([KEY]) == {}
    cache.set({KEY: (3, None)})
    assert len(caplog.messages) == 2
    assert f"the cache in {state}/cache cannot be used" in caplog.text


def test_clearing_what_cannot_be_cleared(state: Path) -> None:
    """An error that names the directory."""

    class Stuck(RealFs):
        def unlink(self, name: str, parent: int) -> None:
            raise OSError(30, "Read-only file system")

    filled(state)
    with pytest.raises(StateIOError, match="cache: Read-only"):
        FileCache(state, fs=Stuck()).clear()


WRITER = """
import sys
from lgrun.cache.file import FileCache
cache, name = FileCache(sys.argv[1]), sys.argv[2]
number = 0
while True:
    number += 1
    own = (("task",), name + str(number % 50))
    cache.set({(("task",), "shared"): ([name] * 500, None), own: ([number] * 500, None)})
    print(number, flush=True)
"""


@pytest.mark.parametrize("seed", range(4))
def test_writers_that_are_killed(state: Path, seed: int) -> None:
    """Several processes write the same entries until they are killed: all are whole and can be put again."""
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, str(state), name], stdout=subprocess.PIPE, text=True)
        for name in "abc"
    ]
    cache: FileCache[Any] = FileCache(state)
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(5):
            writer.stdout.readline()
    seen = 0
    while seen < 50 + 10 * seed:  # how often it is there depends on when they take it away to put another one
        assert not any(writer.poll() for writer in writers)
        for value in cache.get([(("task",), "shared")]).values():
            assert value in [[name] * 500 for name in "abc"]
            seen += 1
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        writer.communicate()
    keys = [(("task",), f"{name}{number}") for name in "abc" for number in range(50)]
    found = cache.get(keys)

    assert len(found) > 3
    assert all(value == [value[0]] * 500 for value in found.values())
    cache.set(dict.fromkeys(keys, (1, None)))
    assert cache.get(keys) == dict.fromkeys(keys, 1)
    cache.clear()
    assert list((state / "cache").iterdir()) == []


def test_default_keys_tell_calls_apart() -> None:
    """By value and type, by position and name; the order of names does not count."""
    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        *(((), {}), ((2,), {}), ((), {"x": 2}), ((2, 1), {}), ((2,), {"y": 1}), ((), {"x": 2, "y": 1})),
        *(((2.0,), {}), ((True,), {}), ((1,), {}), (("1",), {}), ((None,), {}), (([1],), {}), (((1,),), {})),
        *((({1},), {}), (({1: 2},), {}), (({"1": 2},), {}), ((b"1",), {}), (([],), {}), (({},), {}), ((0.0,), {})),
        *(((-0.0,), {}), ((float("nan"),), {}), (({"$lgrun": "tuple", "v": [1]},), {})),
    ]
    keys = [default_cache_key(*args, **kwargs) for args, kwargs in calls]

    assert len(set(keys)) == len(calls)
    assert keys == [default_cache_key(*args, **kwargs) for args, kwargs in calls]
    assert default_cache_key(a=1, b={"x": 1, "y": 2}) == default_cache_key(b={"y": 2, "x": 1}, a=1)
    assert default_cache_key({"a", "b", "c"}) == default_cache_key({"c", "b", "a"})


def test_default_keys_are_the_same_everywhere() -> None:
    """Whatever PYTHONHASHSEED is."""
    code = "from lgrun.cache._entry import default_cache_key as k; print(k({'a', 'b', ('c',)}, d={'x': 1.5}))"
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout
        for seed in ("1", "2")
    }
    assert outputs == {default_cache_key({"a", "b", ("c",)}, d={"x": 1.5}) + "\n"}


def test_arguments_without_a_key() -> None:
    """An argument that cannot be saved is an error that says what to do."""
    with pytest.raises(NotSerializableError, match=r"give its CachePolicy a key_func.*\$\[0\] is a function"):
        default_cache_key(print)


def test_policies() -> None:
    """A key function's text or bytes count, and nothing else may come from it."""
    by_first = CachePolicy(key_func=lambda x, **_: x, ttl=5)

    assert call_key(by_first, ("a",), {"y": 1}) == call_key(by_first, (b"a",), {"y": 2})
    assert call_key(by_first, ("a",), {}) != call_key(by_first, ("b",), {})
    assert call_key(CachePolicy(), (1,), {"y": 2}) == default_cache_key(1, y=2)
    assert CachePolicy() == CachePolicy(key_func=None, ttl=None)
    assert hash(CachePolicy(ttl=1)) == hash(CachePolicy(ttl=1))
    with pytest.raises(TypeError, match="returned a int; it must return str or bytes"):
        call_key(by_first, (5,), {})
    with pytest.raises(TypeError):
        CachePolicy(lambda: "x")  # type: ignore[misc]
