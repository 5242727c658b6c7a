"""Group commit: who waits for which write."""

import queue
import threading
from collections.abc import Sequence
from typing import Any

from lgrun._engine.journal import Journal
from lgrun.checkpoint.base import PendingWrite
from lgrun.checkpoint.memory import InMemorySaver, MemoryClaim

PATIENCE = 30.0


class SlowClaim(MemoryClaim):
    """Every append says what it was given and waits for leave to end."""

    def __init__(self) -> None:
        super().__init__(InMemorySaver(), "t")
        self.begun: queue.Queue[list[str]] = queue.Queue()
        self.leave: queue.Queue[None] = queue.Queue()

    def append(self, seq: int, writes: Sequence[PendingWrite], *, sync: bool = True) -> None:
        self.begun.put([write.name for write in writes])
        self.leave.get(timeout=PATIENCE)


def test_whoever_waits_is_released_by_the_write_that_was_his() -> None:
    claim = SlowClaim()
    journal = Journal(claim, 1, "sync", shared=True)

    def save(name: str) -> threading.Thread:
        ticket = journal.add(PendingWrite("result", name=name))
        thread = threading.Thread(target=journal.flush, args=(ticket,), daemon=True)
        thread.start()
        return thread

    def joined(thread: Any) -> bool:
        thread.join(PATIENCE)
        return not thread.is_alive()

    first = save("a")
    assert claim.begun.get(timeout=PATIENCE) == ["a"]
    together = [save("b"), save("c"), save("d")]
    claim.leave.put(None)
    assert joined(first)
    assert claim.begun.get(timeout=PATIENCE) == ["b", "c", "d"]
    last = save("e")
    claim.leave.put(None)
    assert claim.begun.get(timeout=PATIENCE) == ["e"]
    # The write of "e" is not over, and need not be.
    assert all(joined(thread) for thread in together)
    claim.leave.put(None)
    assert joined(last)
