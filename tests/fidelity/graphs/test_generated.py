"""Generated graphs do the same under both packages.

    LGRUN_FIDELITY_GRAPHS=2000 python -m pytest -n 0 tests/fidelity/graphs/test_generated.py

runs so many of them and prints its figures; without it a small number is run, always the same. As long as lgrun has no
graphs, LangGraph is compared with itself.
"""

import importlib.util
import os
import re
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from tests.fidelity.api import Api, langgraph, lgrun_files, lgrun_memory
from tests.fidelity.compare import diff
from tests.fidelity.graphs.driving import observations
from tests.fidelity.graphs.shapes import Shape, shapes

COUNT = int(os.environ.get("LGRUN_FIDELITY_GRAPHS", "40"))

pytestmark = [pytest.mark.filterwarnings("default"), pytest.mark.timeout(max(120, 2 * COUNT))]


def test_generated_graphs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Results, questions, errors, chunks, history and side effects are the same."""
    seen: Counter[str] = Counter()
    others = _others(tmp_path)

    @settings(
        max_examples=COUNT,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(shapes())
    def compare(shape: Shape) -> None:
        expected = observations(shape, langgraph())
        seen.update(_kinds(shape, expected))
        for api in others:
            found = _difference(shape, api, expected)
            assert not found, found

    began = time.perf_counter()
    compare()
    figures = ", ".join(f"{count} {kind}" for kind, count in sorted(seen.items()))
    with capsys.disabled():
        print(f"\ngenerated graphs: {figures}; {time.perf_counter() - began:.0f} s")
    for kind in ("pause", "have nodes side by side", "send or return commands"):
        assert seen[kind] >= 0.3 * seen["in all"], kind


def _others(folder: Path) -> list[Api]:
    if importlib.util.find_spec("lgrun.graph") is None:
        return [langgraph()]
    return [lgrun_memory(), lgrun_files(folder)]


def _difference(shape: Shape, api: Api, expected: list[str]) -> str:
    """Return how the packages differ; a difference that is gone when failing nodes wait longer was chance."""
    if not diff(expected, observations(shape, api), ""):
        return ""
    slowly = 0.3
    return diff(observations(shape, langgraph(), slowly), observations(shape, api, slowly), repr(shape))


def _kinds(shape: Shape, observed: list[str]) -> list[str]:
    text = "\n".join(observed)
    kinds = {
        "in all": True,
        "pause": "__interrupt__" in text,
        "ask": "'(type)': 'Interrupt'" in text,
        # Two nodes in one `next`.
        "have nodes side by side": re.search(r"\('\w', '\w'", text) is not None,
        "send or return commands": shape.routes,
        "are async": shape.is_async,
        "raise": "'(error)': 'Boom'" in text,
        "write one key twice": "InvalidUpdateError" in text,
        "take up a step in its middle": "'cached'" in text,
    }
    return [kind for kind, true in kinds.items() if true]
