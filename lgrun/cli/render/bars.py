"""A timeline in text: one row per task and question, its bar where on the line of time it was under way."""

import math
import textwrap
from collections.abc import Iterator

from lgrun.cli.render.context import columns_of
from lgrun.cli.render.history import clock
from lgrun.cli.render.text import duration
from lgrun.cli.render.thread import SYMBOLS
from lgrun.cli.spans import Bar, Timeline

GLYPHS = {"done": "█", "failed": "▚", "running": "▒", "unfinished": "▒", "waited": "░", "waiting": "░"}
WORDS = {"waited": "answered", "waiting": "waits for an answer", "unfinished": "not finished"}
SHORTENED = "where nothing ran, time is drawn shorter"
_BAR = 10
"""Columns that a bar beside its name has at least; else it stands below."""
_NAME = 10
"""Columns of a name that is not worth less than the number of attempts."""


def symbol(bar: Bar) -> str:
    """Return the sign for how a task or question ended."""
    return SYMBOLS.get(bar.status, "?" if bar.kind == "question" else "■")


def took(bar: Bar) -> str:
    """Return how long it took, and what else is to be said of it."""
    remark = "cached" if bar.row.cached else f"attempt {bar.attempt}" if bar.attempt > 1 else ""
    return duration(bar.seconds) + (f" ({remark})" if remark else "")


def span_line(timeline: Timeline) -> str:
    """Return how long all of it took and when it began."""
    if not timeline.bars:
        return "no tasks"
    return f"{duration(timeline.scale.end - timeline.scale.start)} from {clock(timeline.bars[0].row.at)}"


def timeline_lines(timeline: Timeline, width: int) -> Iterator[str]:
    """Draw the bars in `width` columns."""
    labels = [f"{symbol(bar)} {bar.label}" for bar in timeline.bars]
    took_by = [took(bar) for bar in timeline.bars]
    names = min(max(map(columns_of, labels), default=0), max(width // 3, 1))
    room = width - names - max(map(len, took_by), default=0) - 4
    for bar, label, time in zip(timeline.bars, labels, took_by, strict=True):
        if room >= _BAR:
            yield f"{_filled(label, names)}  {_drawn(timeline, bar, room)}  {time}"
        else:
            # The name gives way: how long it took is what was asked.
            left = width - len(time) - 2
            if left < _NAME:
                time = duration(bar.seconds)
                left = max(width - len(time) - 2, _NAME)
            yield f"{_filled(label, min(left, columns_of(label)))}  {time}"
            yield "  " + _drawn(timeline, bar, max(width - 2, 4)).rstrip()
    if timeline.scale.shortened:
        yield from textwrap.wrap(f"({SHORTENED})", max(width, 12))


def _drawn(timeline: Timeline, bar: Bar, columns: int) -> str:
    cells = [" "] * columns
    for part in bar.parts:
        first = min(int(timeline.scale.place(part.start) * columns), columns - 1)
        last = max(math.ceil(timeline.scale.place(part.end) * columns), first + 1)
        cells[first:last] = GLYPHS[part.status] * (min(last, columns) - first)
    return "".join(cells)


def _filled(text: str, columns: int) -> str:
    """Return a text in exactly so many columns."""
    if columns_of(text) > columns:
        while text and columns_of(text) > columns - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (columns - columns_of(text))
