"""What a run needs from outside, as it is: clocks, random numbers, the process."""

import os
import random
import time
from datetime import UTC, datetime

from lgrun._engine.settings import World

__all__ = ["now", "real_world"]


class _Written:
    """Writes a time, given in seconds since the epoch, in UTC, ISO 8601.

    What stays the same for a second is written once: a record costs a third so.
    """

    def __init__(self) -> None:
        self._second = (0, "")

    def __call__(self, seconds: float) -> str:
        second, text = self._second
        part = seconds - second
        if not 0 <= part < 1:
            second, text = int(seconds), datetime.fromtimestamp(int(seconds), UTC).isoformat()[:-6]
            self._second, part = (second, text), seconds - second
        return "%s.%06d+00:00" % (text, part * 1_000_000)  # noqa: UP031 - takes two thirds of the time


_written = _Written()


def now() -> str:
    """Return the time, as records have it."""
    return _written(time.time())


# Tells ids apart and keeps no secret; `os.urandom` lets another thread have the interpreter at every call.
_random = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def real_world() -> World:
    """Return the clocks, the random numbers and the process that a run has outside of tests."""
    pid = os.getpid()
    return World(
        clock=time.time,
        written=_written,
        timer=time.perf_counter,
        uniform=random.uniform,
        token=_random.randbytes,
        pid=pid,
    )
