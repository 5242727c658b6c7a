"""Copies of the kept state directories."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[str], Path]:
    """Copies a kept state directory, and gives it the permissions that git does not keep."""

    def copied(name: str) -> Path:
        copy = tmp_path / "state"
        shutil.copytree(Path(__file__).with_name(name), copy)
        copy.chmod(0o700)
        return copy

    return copied
