"""A terminal with a screen: runs the installed command in one and shows what a person would see."""

import os
import re
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest

from .conftest import LGRUN, World

pexpect: Any = pytest.importorskip("pexpect")
pyte: Any = pytest.importorskip("pyte")

# What lgrun and Rich send on purpose: colours, cursor up, erase the line, show and hide the cursor.
ALLOWED = re.compile("\x1b\\[(?:[0-9;]*m|[0-9]*A|[0-9]*K|\\?25[hl])")


class Screen:
    """What is on the screen of a command that runs in a terminal."""

    def __init__(self, child: Any, columns: int, lines: int) -> None:
        self.child = child
        self.raw = ""
        self._screen = pyte.HistoryScreen(columns, lines, history=5000, ratio=1)
        self._stream = pyte.Stream(self._screen)

    def read(self) -> bool:
        """Take in what has been written; False at the end."""
        try:
            text = self.child.read_nonblocking(65536, timeout=0.1)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            text = self._late()
        self.raw += text
        self._stream.feed(text)
        return bool(text)

    def _late(self) -> str:
        """Return what the system hands on only now: for pexpect a dead child is the end of all."""
        try:
            ready = select.select([self.child.child_fd], [], [], 1)[0]
            return os.read(self.child.child_fd, 65536).decode(errors="replace") if ready else ""
        except OSError:
            return ""

    def lines(self) -> list[str]:
        """Return the lines of the screen, without the empty ones at its end."""
        return "\n".join(line.rstrip() for line in self._screen.display).rstrip().split("\n")

    def everything(self) -> list[str]:
        """Return the lines that have scrolled off the screen, and those on it."""
        width = self._screen.columns
        above = ["".join(line[x].data for x in range(width)).rstrip() for line in self._screen.history.top]
        return above + self.lines()

    def text(self) -> str:
        """Return all lines as one text."""
        return "\n".join(self.everything())

    def until(self, done: str | Callable[["Screen"], bool], timeout: float = 20) -> "Screen":
        """Read until a text is on the screen, or something else holds."""
        end = time.monotonic() + timeout
        while not (done in self.text() if isinstance(done, str) else done(self)):
            assert time.monotonic() < end, f"never came: {done!r}\n{self.text()}"
            if not self.read():
                self._at_end(done)
                break
        return self

    def _at_end(self, done: str | Callable[["Screen"], bool]) -> None:
        came = done in self.text() if isinstance(done, str) else done(self)
        assert came, f"ended without {done!r}\n{self.text()}"

    def type(self, text: str) -> "Screen":
        """Type a line."""
        self.child.send(text + "\r")
        return self

    def end(self, timeout: float = 20) -> int:
        """Read to the end; return the exit code, or the signal as a negative number."""
        limit = time.monotonic() + timeout
        while self.read():
            assert time.monotonic() < limit, self.text()
        self.child.close()
        if self.child.signalstatus is not None:
            return -int(signal.Signals(self.child.signalstatus))
        return int(self.child.exitstatus)

    def strange(self) -> set[str]:
        """Return the control characters that were written and are none of those sent on purpose."""
        rest = ALLOWED.sub("", self.raw).replace("\r\n", "\n").replace("\r\r", "\r")
        # Rich begins to redraw with a carriage return before the sequences removed above.
        rest = rest.replace("\r", "") if "\x1b[" in self.raw else rest
        return {c for c in rest if (ord(c) < 0x20 and c not in "\n\t") or 0x7F <= ord(c) < 0xA0} | {
            c for c in rest if c in "\u061c\u200e\u200f" or 0x2028 <= ord(c) <= 0x202E or 0x2066 <= ord(c) <= 0x2069
        }


@contextmanager
def screen(
    lgrun: World, *args: str, columns: int = 80, lines: int = 24, env: Mapping[str, str] = {}, command: str = LGRUN
) -> Iterator[Screen]:
    """Run `lgrun` in a terminal of this size."""
    variables = lgrun.env({"TERM": "xterm", **env})
    del variables["COLUMNS"]
    child = pexpect.spawn(
        command,
        list(args),
        cwd=str(lgrun.folder),
        env=variables,
        timeout=20,
        encoding="utf-8",
        codec_errors="replace",
        dimensions=(lines, columns),
    )
    child.delaybeforesend = None
    try:
        yield Screen(child, columns, lines)
    finally:
        child.close(force=True)
