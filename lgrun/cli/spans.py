"""When what a run did was done: one bar for each task and question, with a part for every time it was tried. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lgrun.cli.question import Question
from lgrun.cli.render.text import called, parse_time
from lgrun.cli.render.values import readable
from lgrun.cli.timeline import Row


@dataclass(frozen=True, slots=True)
class Part:
    """A time during which a task ran or a question waited.

    Args:
        start: seconds since 1970.
        end: the same, never before `start`.
        status: done, failed, running, unfinished (the run ended before the task did), waited, waiting.
    """

    start: float
    end: float
    status: str


@dataclass(slots=True)
class Bar:
    """A task or a question.

    Args:
        name: of the task; of a question its number and its text.
        kind: task or question.
        row: the last row of the history about it.
        parts: when.
    """

    name: str
    kind: str
    row: Row
    parts: list[Part] = field(default_factory=list)

    @property
    def label(self) -> str:
        """Return the name, of a task with what it was given, safe for a terminal."""
        return called(self.name, self.row.args)

    @property
    def status(self) -> str:
        """Return how the last part ended."""
        return self.parts[-1].status

    @property
    def seconds(self) -> float:
        """Return how long it took, all parts together."""
        return sum(part.end - part.start for part in self.parts)

    @property
    def attempt(self) -> int:
        """Return how often it was tried: within a run, or in several."""
        return max(self.row.attempt or 1, len(self.parts)) if self.kind == "task" else 1


@dataclass(frozen=True, slots=True)
class Timeline:
    """The bars of a run, in the order in which they begin.

    Args:
        bars: tasks and questions.
        scale: where on a line a moment is.
    """

    bars: list[Bar]
    scale: "Scale"

    def document(self, thread: str, run: int, status: str | None) -> dict[str, Any]:
        """Return it for machine output: times in milliseconds from the begin of the first bar."""
        start = self.scale.start
        return {
            "schema": "lgrun.timeline/1",
            "thread": thread,
            "run": run,
            "status": status,
            "ms": round((self.scale.end - start) * 1000),
            "bars": [
                {
                    "name": bar.name,
                    "kind": bar.kind,
                    "row": bar.row.n,
                    "status": bar.status,
                    "ms": round(bar.seconds * 1000),
                    "attempt": bar.attempt,
                    "cached": bar.row.cached,
                    "args": bar.row.args,
                    "parts": [
                        {
                            "from": round((part.start - start) * 1000),
                            "to": round((part.end - start) * 1000),
                            "status": part.status,
                        }
                        for part in bar.parts
                    ],
                }
                for bar in self.bars
            ],
        }


def spans(rows: Sequence[Row], status: str | None, now: datetime) -> Timeline:
    """Return when the tasks and questions of a run were under way.

    Args:
        rows: those of the run, in order.
        status: how the thread stands, if it is the last run.
        now: what still goes on ends here.
    """
    bars: dict[Any, Bar] = {}
    for position, row in enumerate(rows):
        if row.kind == "task":
            bar = bars.setdefault((row.checkpoint, row.path, row.name), Bar(row.name, "task", row))
            bar.row = row
            bar.parts += _task_part(rows, position, status, now)
        elif row.kind == "ask":
            text = Question(row.q or 0, row.id or "", row.name, readable(row.value), row.schema).text
            bar = bars[row.id] = Bar(f"q{row.q} {text}", "question", row)
            bar.parts += _wait(rows, row, status, now)
    shown = sorted((bar for bar in bars.values() if bar.parts), key=lambda bar: (bar.parts[0].start, bar.row.n))
    return Timeline(shown, Scale(shown))


def _task_part(rows: Sequence[Row], position: int, status: str | None, now: datetime) -> Iterator[Part]:
    row = rows[position]
    at = _seconds(row.at)
    if at is None:
        return
    if row.status != "running":
        yield Part(at - (row.ms or 0) / 1000, at, row.status or "done")
        return
    # Its begin is all that is recorded of it.
    later = _until_taken_up(rows[position + 1 :])
    if later is None and status == "running":
        yield Part(at, max(now.timestamp(), at), "running")
    else:
        yield Part(at, max([at, *(later if later is not None else _times(rows[position + 1 :]))]), "unfinished")


def _until_taken_up(rows: Sequence[Row]) -> list[float] | None:
    """Return the times of the rows before a run took the thread up again; None if none did."""
    for position, row in enumerate(rows):
        if row.kind in ("continue", "answer"):
            return _times(rows[:position])
    return None


def _times(rows: Sequence[Row]) -> list[float]:
    return [at for row in rows if (at := _seconds(row.at)) is not None]


def _wait(rows: Sequence[Row], row: Row, status: str | None, now: datetime) -> Iterator[Part]:
    at = _seconds(row.at)
    if at is None:
        return
    answers = [end for each in rows if each.kind == "answer" and each.id == row.id for end in _times([each])]
    if answers:
        yield Part(at, max(at, answers[0]), "waited")
    elif status in ("waiting", "running"):
        yield Part(at, max(at, now.timestamp()), "waiting")
    else:
        yield Part(at, max([at, *_times(rows)]), "waiting")


def _seconds(at: str) -> float | None:
    moment = parse_time(at)
    return None if moment is None else moment.timestamp()


class Scale:
    """Where on a line a moment is. While nothing runs, time is drawn shorter: else a wait of days hides all tasks."""

    def __init__(self, bars: Sequence[Bar]) -> None:
        parts = [part for bar in bars for part in bar.parts]
        self.start = min((part.start for part in parts), default=0.0)
        self.end = max((part.end for part in parts), default=0.0)
        busy = _united([part for bar in bars if bar.kind == "task" for part in bar.parts])
        idle = _between(busy, self.start, self.end)
        worked = sum(end - start for start, end in busy)
        most = worked / max(2, len(idle)) if worked else self.end - self.start
        self.shortened = any(end - start > most for start, end in idle)
        self._pieces = [
            *((start, end, end - start) for start, end in busy),
            *((start, end, min(end - start, most)) for start, end in idle),
        ]
        self._pieces.sort()
        self._total = sum(weight for _, _, weight in self._pieces)

    def place(self, moment: float) -> float:
        """Return where a moment is, from 0 to 1."""
        passed = 0.0
        for start, end, weight in self._pieces:
            if moment >= end:
                passed += weight
                continue
            if moment > start:
                passed += weight * (moment - start) / (end - start)
            break
        return min(passed / self._total, 1.0) if self._total else 0.0


def _united(parts: Sequence[Part]) -> list[tuple[float, float]]:
    """Return the times during which something went on, overlapping ones as one."""
    found: list[tuple[float, float]] = []
    for start, end in sorted((part.start, part.end) for part in parts):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _between(busy: Sequence[tuple[float, float]], start: float, end: float) -> list[tuple[float, float]]:
    """Return the times from `start` to `end` during which nothing went on."""
    edges = [start, *(edge for pair in busy for edge in pair), end]
    pairs = zip(edges[::2], edges[1::2], strict=True)
    return [(before, after) for before, after in pairs if after > before]
