"""Ctrl-C in the middle of what savers, stores and caches do leaves no descriptor open."""

import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import lgrun
from lgrun.cache.file import FileCache
from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint
from lgrun.store.file import FileStore

HOME = os.path.dirname(lgrun.__file__)
WATCHED = tuple(f"{HOME}/{part}" for part in ("_fs.py", "checkpoint/", "store/", "cache/"))
CLOSING = {"close", "_close", "release", "leave", "_remove", "__exit__", "__del__"}
"""Functions that close what is open: nothing is promised of one that is itself interrupted."""


def interrupted(call: Callable[[], object], number: int) -> bool:
    """Make a call in which Ctrl-C comes as its `number`-th function begins; tell whether it has that many."""
    left = number

    def trace(frame: FrameType, event: str, arg: Any) -> None:
        nonlocal left
        code = frame.f_code
        if not left or not code.co_filename.startswith(WATCHED) or code.co_name.startswith("<") or _closes(frame):
            return
        left -= 1
        if not left:
            raise KeyboardInterrupt

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    except KeyboardInterrupt:
        pass
    finally:
        sys.settrace(before)
    return not left


def _closes(frame: FrameType | None) -> bool:
    while frame is not None and frame.f_code.co_name not in CLOSING:
        frame = frame.f_back
    return frame is not None


def _open_files(below: Path) -> list[str]:
    links = []
    for fd in os.listdir("/proc/self/fd"):
        try:
            links.append(os.readlink(f"/proc/self/fd/{fd}"))
        except FileNotFoundError:
            pass  # that of the directory that is listed
    return sorted(link for link in links if link.startswith(str(below)))


def _claim(place: Path) -> Callable[[], object]:
    return lambda: FileSaver(place).claim("new").release()


def _old_thread(place: Path) -> Callable[[], object]:
    saver = FileSaver(place)
    entrypoint(checkpointer=saver)(lambda x: x).invoke(1, {"configurable": {"thread_id": "t"}})

    def call() -> None:
        saver.load("t")
        list(saver.threads())
        saver.copy_thread("t", "u", [])
        saver.claim("t").release()
        saver.delete_thread("t")

    return call


def _store(place: Path) -> Callable[[], object]:
    def call() -> None:
        FileStore(place).put(("a",), "k", {"v": 1})
        FileStore(place).get(("a",), "k")

    return call


def _cache(place: Path) -> Callable[[], object]:
    cache, key = FileCache(place), (("a",), "k")

    def call() -> None:
        cache.set({key: (1, None)})
        cache.get([key])
        cache.clear()

    return call


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no list of descriptors")
@pytest.mark.parametrize("prepare", [_claim, _old_thread, _store, _cache])
def test_no_descriptor_is_left(tmp_path: Path, prepare: Callable[[Path], Callable[[], object]]) -> None:
    """Wherever Ctrl-C comes."""
    number, goes_on, left = 0, True, {}
    while goes_on:
        number += 1
        place = tmp_path / str(number)
        goes_on = interrupted(prepare(place), number)
        if found := _open_files(place):
            left[number] = found

    assert number > 50
    assert not left
