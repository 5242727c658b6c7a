"""Whoever sleeps between two attempts, and is woken when the run is stopped."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Sleepers:
    """Those of one run."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wakes: list[Callable[[], object]] = []
        self._is_over = False

    @contextmanager
    def asleep(self, wake: Callable[[], object]) -> Iterator[None]:
        """Have `wake` called, from any thread, when the run is stopped inside the `with` block or was before."""
        with self._lock:
            self._wakes.append(wake)
            if self._is_over:
                wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakes.remove(wake)

    def wake(self) -> None:
        """Wake all, now and from now on."""
        with self._lock:
            self._is_over = True
            for wake in self._wakes:
                wake()
