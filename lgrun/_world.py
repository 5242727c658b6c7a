"""What a run needs from outside, as it is: clocks, random numbers, the process."""

import os
import random
import time
from datetime import UTC, datetime

from lgrun._engine.settings import World

__all__ = ["now", "real_world"]


class _Clock:
    """The time in UTC, ISO 8601. What stays the same for a second is written once: a record costs a third so."""

    def __init__(self) -> None:
        self._second = (0, "")

    def __call__(self) -> str:
        microseconds = time.time_ns() // 1000
        second, text = self._second
        if microseconds // 1_000_000 != second:
            second = microseconds // 1_000_000
            text = datetime.fromtimestamp(second, UTC).isoformat()[:-6]
            self._second = (second, text)
        return f"{text}.{microseconds % 1_000_000:06}+00:00"


now = _Clock()
"""The time, as records have it."""

# Tells ids apart and keeps no secret; `os.urandom` lets another thread have the interpreter at every call.
_random = random.Random()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_random.seed)


def real_world() -> World:
    """Return the clocks, the random numbers and the process that a run has outside of tests."""
    pid = os.getpid()
    return World(
        now=now, timer=time.perf_counter, uniform=random.uniform, token=_random.randbytes, pid=pid, clock=time.time
    )
