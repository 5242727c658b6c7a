"""Generated programs do the same under both packages.

    LGRUN_FIDELITY=2000 python -m pytest -n 0 tests/fidelity/test_generated.py

runs so many of them and prints its figures; without it a small number is run, always the same.
"""

import os
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fidelity.api import langgraph, lgrun_files, lgrun_memory
from tests.fidelity.compare import diff
from tests.fidelity.driving import observations
from tests.fidelity.trees import Tree, trees

COUNT = int(os.environ.get("LGRUN_FIDELITY", "60"))

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(max(120, COUNT))]


def test_generated_programs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, questions, errors, chunks, history and side effects are the same."""
    seen: Counter[str] = Counter()
    files = lgrun_files(tmp_path)

    @settings(
        max_examples=COUNT,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(trees())
    def compare(tree: Tree) -> None:
        expected = observations(tree, langgraph())
        seen.update(_kinds(tree, expected))
        for api in (lgrun_memory(), files):
            found = diff(expected, observations(tree, api), repr(tree))
            assert not found, found

    began = time.perf_counter()
    compare()
    figures = ", ".join(f"{count} {kind}" for kind, count in sorted(seen.items()))
    with capsys.disabled():
        print(f"\ngenerated programs: {figures}; {time.perf_counter() - began:.0f} s")
    assert seen["pause"] >= 0.3 * seen["in all"]
    assert seen["have concurrency"] >= 0.3 * seen["in all"]


def _kinds(tree: Tree, observed: list[str]) -> list[str]:
    text = "\n".join(observed)
    kinds = {
        "in all": True,
        "pause": "__interrupt__" in text,
        "have concurrency": tree.concurrent,
        "are async": tree.is_async,
        "raise": "'(error)': 'Boom'" in text,
    }
    return [kind for kind, true in kinds.items() if true]
