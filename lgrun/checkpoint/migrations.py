"""How documents of older formats become documents of the current one.

A document is upgraded in memory, step by step, each time it is read; the file stays as it is, and whatever is
written next has the current format.
"""

from collections.abc import Callable
from typing import Any

from lgrun import __version__
from lgrun.errors import DamagedStateError, NewerFormatError

__all__ = ["CURRENT", "UPGRADES", "upgrade"]

CURRENT = 1
"""The format that this lgrun writes."""

UPGRADES: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}
"""Format n -> the function that makes format n + 1 of it."""


def upgrade(document: dict[str, Any], where: str) -> dict[str, Any]:
    """Return a document in the current format.

    Args:
        document: parsed, of any format.
        where: the file it is from, for the message.

    Raises:
        NewerFormatError: this lgrun is too old for it.
        DamagedStateError: there has never been such a format.
    """
    found = document.get("format")
    if type(found) is not int or found < 1:
        raise DamagedStateError(f"{where} has no valid format: {str(found)[:40]!r}")
    if found > CURRENT:
        raise NewerFormatError(f"{where} has format {found}; lgrun {__version__} reads up to {CURRENT}; upgrade lgrun")
    for version in range(found, CURRENT):
        document = UPGRADES[version](document)
    return document
