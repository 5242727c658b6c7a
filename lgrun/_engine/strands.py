"""How the strands of a frame's code are numbered: the body, and each asyncio task and thread that it starts. Pure.

An asyncio task is named by the order in which tasks were created, which is the same in every run of the same code,
however long each of them waits before it calls something. Nobody can see in which order threads are started, so they
are numbered by their first calls.
"""

from typing import TypeAlias
from zlib import crc32

Lineage: TypeAlias = tuple[int, ...]
"""An asyncio task: the how-manieth that its creator created, its creator before it; () is the first strand."""

THREADS = 1_000_000
"""Strands from here on are threads."""

DEEP = 2**31
"""Strands from here on are asyncio tasks that were created by other tasks than the first."""


def strand_number(lineage: Lineage) -> int:
    """Return the number under which an asyncio task is recorded."""
    if len(lineage) < 2:
        return lineage[0] if lineage else 0
    return DEEP + crc32(repr(lineage).encode())


def is_thread(strand: int) -> bool:
    """Tell whether a number is a thread's, which another run may give to another thread."""
    return THREADS <= strand < DEEP
