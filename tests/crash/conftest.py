"""What the tests of this folder share."""

import logging
from collections.abc import Iterator

import pytest

from lgrun.checkpoint import _lock


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Thousands of torn appends need not be announced."""
    logger = logging.getLogger("lgrun")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    yield
    logger.setLevel(before)


@pytest.fixture(autouse=True)
def _forgotten_locks() -> Iterator[None]:
    """Processes that died in a simulation left their locks: no child of this one is to close what it never had."""
    yield
    _lock._held.clear()
