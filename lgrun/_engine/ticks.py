"""The thread that looks on, every millisecond or less often, for whoever asks."""

import logging
import os
import threading
from collections.abc import Iterator
from queue import Empty, SimpleQueue

__all__ = ["QUIET", "REST", "TICKS", "Ticks"]

_TICK = 0.001
"""Seconds of a tick."""

QUIET = 10
"""After how many looks in a row that find nothing a look may end: to begin anew costs more than some for nothing."""

REST = 32
"""Ticks between two looks at what goes on briskly.

A thread that has woken waits for the interpreter, at most for a switch interval. As long as it does, whoever lets go of
the interpreter for a moment, to write a few bytes, wakes it in vain, which takes ten times as long as the write.
"""


class Ticks:
    """A thread for what must be looked at while other threads are busy. It sleeps for good where there is nothing.

    A look is an iterator that yields after how many ticks it is to be advanced again, until it ends. It must not wait,
    nor raise, which ends it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        # With the ticks that are left to each.
        self._looks: dict[Iterator[int], int] = {}
        # For so many the thread sleeps.
        self._passing = 0
        self._wakes: SimpleQueue[None] | None = None

    def add(self, look: Iterator[int]) -> bool:
        """Have `look` advanced, first at the next tick. False: the system has no thread left for it."""
        with self._lock:
            if self._wakes is None:
                wakes: SimpleQueue[None] = SimpleQueue()
                try:
                    threading.Thread(target=self._look_on, args=(wakes,), name="lgrun-ticks", daemon=True).start()
                except RuntimeError:
                    return False
                self._wakes = wakes
            self._looks[look] = 1
            if len(self._looks) == 1 or self._passing > 1:
                self._wakes.put(None)
            return True

    def hurry(self) -> None:
        """Have all looks advanced now."""
        if self._wakes is not None:
            self._wakes.put(None)

    def _look_on(self, wakes: "SimpleQueue[None]") -> None:
        while True:
            wakes.get()
            while self._looks:
                with self._lock:
                    passed = self._passing = min(self._looks.values())
                hurried = self._sleep(wakes, passed)
                with self._lock:
                    looks = [(look, 0 if hurried else left - passed) for look, left in self._looks.items()]
                for look, left in looks:
                    pause = self._advanced(look) if left <= 0 else left
                    with self._lock:
                        if pause:
                            self._looks[look] = pause
                        else:
                            del self._looks[look]

    def _sleep(self, wakes: "SimpleQueue[None]", ticks: int) -> bool:
        """Sleep for so many ticks; tell whether somebody could not wait."""
        try:
            wakes.get(timeout=ticks * _TICK)
            return True
        except Empty:
            return False

    def _advanced(self, look: Iterator[int]) -> int:
        try:
            return next(look, 0)
        except Exception:
            logging.getLogger("lgrun").exception("what looks on has failed; the others go on")
            return 0


TICKS = Ticks()
"""The process's thread."""

if hasattr(os, "register_at_fork"):
    # A child has none of its parent's threads.
    os.register_at_fork(after_in_child=TICKS.__init__)  # type: ignore[misc]
