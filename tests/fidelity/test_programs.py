"""Every program gives the same observations under both packages, and with every saver of lgrun."""

from pathlib import Path

import pytest

from tests.fidelity.api import lgrun_files, lgrun_memory
from tests.fidelity.catalogue import PROGRAMS
from tests.fidelity.compare import difference

pytestmark = pytest.mark.filterwarnings("default")


@pytest.mark.parametrize("saver", ["memory", "files"])
@pytest.mark.parametrize("name", sorted(PROGRAMS))
def test_program(name: str, saver: str, tmp_path: Path) -> None:
    """The program's observations do not tell which package ran it."""
    found = difference(name, lgrun_memory() if saver == "memory" else lgrun_files(tmp_path))
    if found:
        pytest.fail(found, pytrace=False)
