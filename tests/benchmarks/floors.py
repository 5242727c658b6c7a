"""What no library could be faster than: the same bytes, appended and synced by a few lines of Python."""

import json
import os
import time
from pathlib import Path


def journal_lines(folder: Path) -> list[bytes]:
    """Return the lines of the longest journal below a folder."""
    longest = max(folder.rglob("*.writes.jsonl"), key=lambda path: path.stat().st_size)
    return longest.read_bytes().splitlines(keepends=True)


def synced_pieces(lines: list[bytes]) -> list[bytes]:
    """Join lines that are not waited for (they only say that a task began) with the next one that is."""
    pieces, piece = [], b""
    for line in lines:
        piece += line
        if any(record["kind"] == "result" for record in json.loads(line)["records"]):
            pieces.append(piece)
            piece = b""
    return pieces


def append_and_sync(pieces: list[bytes], folder: Path) -> float:
    """Append every piece to a new file and sync it before the next one; return the seconds that took."""
    fd = os.open(folder / "floor", os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        began = time.perf_counter()
        for piece in pieces:
            os.write(fd, piece)
            getattr(os, "fdatasync", os.fsync)(fd)
        return time.perf_counter() - began
    finally:
        os.close(fd)
