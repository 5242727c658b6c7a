"""What workflow code and the programs it starts print while the screen belongs to the live view."""

import os
import select
import sys
import threading
from collections.abc import Callable

from lgrun.cli.env import Environment

_LONGEST = 1 << 16
"""A line that is longer is taken in pieces, so that it need not fit into memory."""


class Capture:
    """Reads descriptors 1 and 2 and hands on whole lines; the environment keeps the terminal.

    Args:
        env: whose stderr is the terminal.
        take: gets some lines at a time; called from another thread, may wait.
    """

    def __init__(self, env: Environment, take: Callable[[list[str]], None]) -> None:
        self._env = env
        self._take = take
        self._terminal = os.dup(2)
        self._reading, writing = os.pipe()
        self._stopped, self._stop = os.pipe()
        os.set_blocking(self._reading, False)
        _flush()
        os.dup2(writing, 1)
        os.dup2(writing, 2)
        os.close(writing)
        env.stderr = self._terminal
        self._reader = threading.Thread(target=self._read, name="lgrun-capture", daemon=True)
        self._reader.start()

    def close(self) -> None:
        """Give the terminal back and hand on what is left."""
        _flush()
        os.dup2(self._terminal, 1)
        os.dup2(self._terminal, 2)
        self._env.stderr = 2
        # A program left behind may still hold the other end, so there need not be an end of file.
        os.close(self._stop)
        self._reader.join()
        for descriptor in (self._terminal, self._reading, self._stopped):
            os.close(descriptor)

    def _read(self) -> None:
        rest = b""
        while (data := self._next()) is not None:
            *lines, rest = (rest + data).split(b"\n")
            if len(rest) > _LONGEST:
                lines, rest = [*lines, rest], b""
            if lines:
                self._take([line.decode(errors="replace") for line in lines])
        if rest:
            self._take([rest.decode(errors="replace")])

    def _next(self) -> bytes | None:
        while True:
            try:
                return os.read(self._reading, _LONGEST) or None
            except BlockingIOError:
                ready, _, _ = select.select([self._reading, self._stopped], [], [])
                if self._reading not in ready:
                    return None


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            pass
