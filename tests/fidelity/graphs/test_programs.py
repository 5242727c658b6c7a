"""Every graph gives the same observations under both packages, and with every saver of lgrun."""

import importlib.util
from pathlib import Path

import pytest

from tests.fidelity.api import langgraph, lgrun_files, lgrun_memory
from tests.fidelity.catalogue import GRAPHS
from tests.fidelity.compare import diff, difference, reference
from tests.fidelity.programs import observe

pytestmark = pytest.mark.filterwarnings("default")

needs_graphs = pytest.mark.skipif(importlib.util.find_spec("lgrun.graph") is None, reason="lgrun has no graphs yet")


@needs_graphs
@pytest.mark.parametrize("saver", ["memory", "files"])
@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_graph(name: str, saver: str, tmp_path: Path) -> None:
    """The program's observations do not tell which package ran it."""
    found = difference(name, lgrun_memory() if saver == "memory" else lgrun_files(tmp_path))
    if found:
        pytest.fail(found, pytrace=False)


@pytest.mark.parametrize("name", sorted(GRAPHS))
def test_a_program_is_no_chance(name: str) -> None:
    """What a program observes under LangGraph is the same every time, and it comes to its end."""
    first = reference(name)

    assert not any("the program raised" in line for line in first), "\n".join(first)
    found = diff(first, observe(name, langgraph()), name)
    if found:
        pytest.fail(found, pytrace=False)
