"""A `FileStore` used by many processes at once, and by processes that are killed."""

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lgrun.store.file import FileStore

WRITER = """
import sys
from lgrun.store.file import FileStore

store, name = FileStore("state"), sys.argv[1]
for number in range(int(sys.argv[2])):
    store.put(("n", name), str(number), {"n": number, "text": "x" * (number % 50)})
    for _ in range(4):
        store.put(("shared",), "k", {"by": name, "n": number})
    if number % 3 == 0:
        store.delete(("n", name), str(number))
    print(number, flush=True)
"""


def start(place: Path, name: str, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, name, str(count)],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def check(store: FileStore, name: str, acknowledged: int) -> None:
    """Everything that a writer has reported is there, and at most one thing that it has not."""
    found = {item.key: item.value["n"] for item in store.search(("n", name), limit=10_000)}
    told = {str(number): number for number in range(acknowledged) if number % 3}
    assert {key: value for key, value in found.items() if value < acknowledged} == told
    assert len(found) <= len(told) + 1


def test_eight_processes(tmp_path: Path) -> None:
    """All items of all are there, nothing is damaged, whatever is compacted meanwhile."""
    count = 60
    writers = {str(name): start(tmp_path, str(name), count) for name in range(8)}
    reader = FileStore(tmp_path / "state")
    seen = 0
    while any(writer.poll() is None for writer in writers.values()):
        found = len(reader.search(("n",), limit=10_000))
        assert found >= seen - 8, "items vanished"
        seen = max(found, seen)
    for name, writer in writers.items():
        output, errors = writer.communicate()
        assert (errors, writer.returncode) == ("", 0)
        assert output.split() == [str(number) for number in range(count)]
        check(reader, name, count)
        check(FileStore(tmp_path / "state"), name, count)
    assert reader.get(("shared",), "k").value["n"] == count - 1  # type: ignore[union-attr]
    assert not (tmp_path / "state/store/00000001.jsonl").exists(), "nothing was compacted meanwhile"


@pytest.mark.parametrize("seed", range(12))
def test_killed(tmp_path: Path, seed: int) -> None:
    """What was reported before the kill is there, for readers and for the next writer."""
    chance = random.Random(seed)
    (tmp_path / "state").mkdir(mode=0o700)
    doomed = start(tmp_path, "doomed", 100_000)
    other = start(tmp_path, "other", 30)
    assert doomed.stdout is not None
    told = chance.randint(1, 80)
    for _ in range(told):
        doomed.stdout.readline()
    time.sleep(chance.uniform(0, 0.005))  # the moment itself is what is tested
    doomed.send_signal(signal.SIGKILL)
    # Of the same stream: it may have read more than the lines asked for.
    told += len(doomed.stdout.readlines())
    doomed.communicate()
    assert other.communicate()[1] == ""
    store = FileStore(tmp_path / "state")

    check(store, "doomed", told)
    check(store, "other", 30)
    store.put(("after",), "k", {"n": 1})
    check(FileStore(tmp_path / "state"), "doomed", told)
