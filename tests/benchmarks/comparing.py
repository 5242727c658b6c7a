"""What all benchmarks share: two things timed in turn, and the lines that compare them."""

import gc
import itertools
import statistics
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.benchmarks.libraries import Library

Measure = Callable[[], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One figure of lgrun's against another one.

    Args:
        case: which benchmark.
        what: what was measured.
        unit: of both figures.
        lgrun: lgrun's figure.
        against: what the other figure is of.
        other: that figure.
        at_least: the target: lgrun is to be so many times faster or smaller.
        at_most: the target: lgrun is to be at most so many times the other.
    """

    case: str
    what: str
    unit: str
    lgrun: float
    against: str
    other: float
    at_least: float | None = None
    at_most: float | None = None

    @property
    def ratio(self) -> float:
        """How many times faster than LangGraph lgrun is; of a floor, or with a target `at_most`, how many times it."""
        if self.at_most is None and self.against.startswith("LangGraph"):
            return self.other / self.lgrun
        return self.lgrun / self.other

    @property
    def is_met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.at_least is not None:
            return self.ratio >= self.at_least
        return self.ratio <= self.at_most if self.at_most is not None else None


@dataclass(frozen=True, slots=True)
class Bench:
    """What a benchmark is given.

    Args:
        tasks: the size that all others follow.
        rounds: how often each thing is measured.
        folder: where it may write.
        lgrun: one of the libraries.
        langgraph: the other one.
    """

    tasks: int
    rounds: int
    folder: Path
    lgrun: Library
    langgraph: Library

    def fresh(self) -> Path:
        """Make an empty folder."""
        path = self.folder / str(next(_numbers))
        path.mkdir()
        return path


_numbers = itertools.count()

Case = Callable[[Bench], Iterator[Line]]


def medians(measures: Mapping[str, Measure], rounds: int) -> dict[str, float]:
    """Measure everything once per round, every other round in reverse order, each without the others' garbage."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds):
        for name in list(measures)[:: -1 if number % 2 else 1]:
            gc.collect()
            taken[name].append(measures[name]())
    return {name: statistics.median(figures) for name, figures in taken.items()}


def compared(
    bench: Bench,
    kind: str,
    measure: Callable[[Library], Measure],
    *,
    case: str,
    what: str,
    unit: str,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Line:
    """Measure both libraries with a kind of saver and return the line, which has the last five of these."""
    theirs = bench.langgraph.label(kind)
    found = medians({"lgrun": measure(bench.lgrun), theirs: measure(bench.langgraph)}, bench.rounds)
    return Line(
        case=case,
        what=what,
        unit=unit,
        lgrun=found["lgrun"],
        against=theirs,
        other=found[theirs],
        at_least=at_least,
        at_most=at_most,
    )


def grown(
    bench: Bench, few: int, many: int, measure: Callable[[int], Measure], *, what: str, against: str, unit: str
) -> Line:
    """Measure what one costs among many and among few, and return the line."""
    found = medians({"many": measure(many), "few": measure(few)}, bench.rounds)
    return Line(
        case="growth",
        what=what,
        unit=unit,
        lgrun=found["many"],
        against=against,
        other=found["few"],
        at_most=1.3,
    )
