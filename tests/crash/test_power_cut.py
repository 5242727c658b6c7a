"""The power goes at every operation, twice: nothing acknowledged is lost, no acknowledged task runs again.

`python -m tests.crash.long` does the same with long counts.
"""

import pytest

from tests.crash import scenarios
from tests.crash.mutants import MUTANTS, Mutant, mutated
from tests.crash.workload import deaths, explore


@pytest.mark.parametrize("lazy", [False, True], ids=["sync", "async"])
def test_power_cuts(lazy: bool) -> None:
    """Of what a first and a second power cut may leave, a sample, with every operation in it."""
    found = explore(7, states=1500, deeper=1200, lazy=lazy)

    assert found.violations == []
    assert found.states > 500
    assert found.deeper > 600


@pytest.mark.parametrize("lazy", [False, True], ids=["sync", "async"])
def test_power_cuts_after_deaths(lazy: bool) -> None:
    """What a process wrote that was killed can be seen by the next one, which must not take it for safe."""
    found = deaths([*range(1, 80), *range(80, 999, 7)], lazy=lazy)

    assert found.violations == []
    assert found.states > 100


@pytest.mark.parametrize("scenario", scenarios.SCENARIOS, ids=lambda scenario: scenario.__name__)
def test_scenarios(scenario: "scenarios.Callable[[], None]") -> None:
    """Every short story ends well."""
    scenario()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.what)
def test_mutants_are_caught(mutant: Mutant) -> None:
    """Whichever step of the protocol is left out, these tests notice."""
    with mutated(mutant):
        caught = scenarios.violations()
        for lazy in (False, True):
            caught = caught or deaths(range(1, 80), lazy=lazy, first_only=True).violations
            caught = caught or explore(7, states=1500, deeper=0, lazy=lazy, first_only=True).violations

    assert caught
