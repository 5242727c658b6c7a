"""The thread that looks on, every millisecond, for whoever asks."""

import logging
import os
import threading
import time
from collections.abc import Iterator
from queue import SimpleQueue

__all__ = ["QUIET", "TICKS", "Ticks"]

_TICK = 0.001
"""Seconds between two looks."""

QUIET = 10
"""After how many looks in a row that find nothing a look may end: to begin anew costs more than some for nothing."""

_OVER = object()


class Ticks:
    """A thread for what must be looked at while other threads are busy. It sleeps for good where there is nothing.

    A look is an iterator that is advanced at every tick, until it ends. It must not wait, nor raise, which ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looks: list[Iterator[None]] = []
        self._wakes: SimpleQueue[None] | None = None

    def add(self, look: Iterator[None]) -> bool:
        """Have `look` advanced at every tick from now on. False: the system has no thread left for it."""
        with self._lock:
            if self._wakes is None:
                wakes: SimpleQueue[None] = SimpleQueue()
                try:
                    threading.Thread(target=self._look_on, args=(wakes,), name="lgrun-ticks", daemon=True).start()
                except RuntimeError:
                    return False
                self._wakes = wakes
            self._looks.append(look)
            if len(self._looks) == 1:
                self._wakes.put(None)
            return True

    def _look_on(self, wakes: "SimpleQueue[None]") -> None:
        while True:
            wakes.get()
            while self._looks:
                time.sleep(_TICK)
                for look in tuple(self._looks):
                    try:
                        goes_on = next(look, _OVER) is not _OVER
                    except Exception:
                        logging.getLogger("lgrun").exception("what looks on has failed; the others go on")
                        goes_on = False
                    if not goes_on:
                        with self._lock:
                            self._looks.remove(look)


TICKS = Ticks()
"""The process's thread."""

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads.
    os.register_at_fork(after_in_child=TICKS.__init__)  # type: ignore[misc]
