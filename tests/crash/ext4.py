"""The power of a real ext4 is cut: what a device in a file holds at that moment is mounted again.

`python -m tests.crash.ext4 FOLDER CUTS` prints what came of it; only root can do this. The file system lives on a
loop device. A cut is a copy of the backing file, taken while the writer is stopped in mid-run and without asking the
mounted file system for anything: what was not synced is not in it.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lgrun.errors import StateError

WRITER = """
import os, sys
from lgrun.checkpoint.file import FileSaver
from tests.crash.scenarios import checkpoint, result
saver = FileSaver(sys.argv[1])
if sys.argv[2] == "unsafe":
    saver._fs.sync = saver._fs.sync_dir = lambda fd: None
for thread in range(10**6):
    claim = saver.claim(f"t{thread}")
    for seq in (1, 2):
        claim.put(checkpoint(seq, f"t{thread}"))
        for number in range(20):
            claim.append(seq, [result(number)])
            os.write(1, b"%d %d %d\\n" % (thread, seq, number))
    claim.release()
"""


def _run(*words: object) -> None:
    subprocess.run([str(word) for word in words], check=True, capture_output=True)


def cut(folder: Path, chance: random.Random, kind: str) -> tuple[int, list[str]]:
    """Write for a moment, cut the power, and look; return how many results were acknowledged and what is wrong."""
    image, copy, mount = folder / "disk.img", folder / "copy.img", folder / "mount"
    mount.mkdir(exist_ok=True)
    with image.open("wb") as file:
        file.truncate(24 << 20)
    _run("mkfs.ext4", "-q", "-F", image)
    _run("mount", "-o", "loop", image, mount)
    command = [sys.executable, "-c", WRITER, mount / "state", kind]
    writer = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2])
    try:
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(chance.uniform(0, 0.4))
        # A copy takes a moment, in which nothing may change.
        writer.send_signal(signal.SIGSTOP)
        while _state(writer.pid) != "T":
            time.sleep(0.001)
        os.set_blocking(writer.stdout.fileno(), False)
        said = first + (writer.stdout.read() or b"")
        shutil.copyfile(image, copy)
    finally:
        writer.kill()
        writer.wait()
        writer.stdout.close() if writer.stdout else None
        _run("umount", mount)
    _run("mount", "-o", "loop", copy, mount)
    try:
        return _look(mount / "state", said)
    finally:
        _run("umount", mount)


def _state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def _look(state: Path, said: bytes) -> tuple[int, list[str]]:
    from lgrun.checkpoint.file import FileSaver

    told = [tuple(map(int, line.split())) for line in said.split(b"\n")[:-1]]
    saver, wrong = FileSaver(state), []
    for thread in sorted({line[0] for line in told}):
        try:
            held = {s.checkpoint.seq: len(s.writes) for s in saver.history(f"t{thread}")}
            saver.claim(f"t{thread}").release()
        except StateError as error:
            wrong.append(str(error))
            continue
        for _, seq, number in [line for line in told if line[0] == thread]:
            if held.get(seq, 0) <= number:
                wrong.append(f"thread {thread}, checkpoint {seq}: result {number} was acknowledged and is lost")
    return len(told), wrong


def main() -> None:
    """Cut the power so many times; then once more of a run that does not sync, which must be noticed."""
    folder, cuts = Path(sys.argv[1]), int(sys.argv[2])
    chance = random.Random(1)
    found = [cut(folder, chance, "safe") for _ in range(cuts)]
    unsafe = [cut(folder, chance, "unsafe") for _ in range(max(3, cuts // 20))]
    result: dict[str, Any] = {
        "cuts": cuts,
        "acknowledged": sum(count for count, _ in found),
        "violations": [wrong for _, wrongs in found for wrong in wrongs],
        "noticed without syncs": f"{sum(bool(wrongs) for _, wrongs in unsafe)} of {len(unsafe)}",
    }
    json.dump(result, sys.stdout)


if __name__ == "__main__":
    main()
