"""The programs notice faults: for each one put into lgrun's graphs, at least one fails that passed without it."""

import functools

import pytest

from tests.fidelity.api import lgrun_memory
from tests.fidelity.catalogue import GRAPHS
from tests.fidelity.compare import difference
from tests.fidelity.graphs.faults import FAULTS

pytestmark = pytest.mark.filterwarnings("default")


@functools.cache
def passes(name: str) -> bool:
    """Tell whether a program passes when nothing is wrong; asked before the fault is there."""
    return not difference(name, lgrun_memory())


@pytest.mark.parametrize("name", FAULTS)
def test_some_program_notices(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong graph is told from a right one."""
    fault, area = FAULTS[name]
    programs = [program for program in GRAPHS if program.startswith(f"graphs.{area}.") and passes(program)]

    fault(monkeypatch)

    assert any(difference(program, lgrun_memory()) for program in programs)
