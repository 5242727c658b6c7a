"""A timeline as an SVG picture. It needs nothing but itself."""

import html
import re
from collections.abc import Iterator

from lgrun.cli.render.bars import SHORTENED, WORDS, span_line, symbol, took
from lgrun.cli.render.text import one_line, shorten
from lgrun.cli.spans import Bar, Timeline

MOST = 1000
"""Bars that are drawn."""

_WIDTH, _ROW, _TOP = 760, 24, 34
_LEFT, _ACROSS = 230, 400
"""Where the bars begin, and how wide the line of time is."""

STYLE = """
.tl { --_done: #2e7d4f; --_failed: #b3261e; --_wait: #a07400; --_open: #5f6774; --_text: #1b1f24; --_line: #d5d9df; }
.tl text { font: 13px system-ui, sans-serif; fill: var(--_text); }
.tl line { stroke: var(--_line); }
.tl .done { fill: var(--_done); } .tl .failed { fill: var(--_failed); }
.tl .running, .tl .unfinished { fill: var(--_open); }
.tl .waited, .tl .waiting { fill: none; stroke: var(--_wait); stroke-dasharray: 4 2; }
@media (prefers-color-scheme: dark) {
  .tl { --_done: #5fcf8f; --_failed: #ff8a80; --_wait: #e0c15a; --_open: #9aa3af; --_text: #e6e8eb; --_line: #3a4048; }
}
"""
_PAPER = """
.tl { background: #fff; }
@media (prefers-color-scheme: dark) { .tl { background: #16191d; } }
"""


def escaped(text: str) -> str:
    """Return a text from a workflow as it may stand in HTML and XML, on one line."""
    # Two characters that XML cannot have at all.
    return html.escape(re.sub("[\ufffe\uffff]", "\ufffd", one_line(text)))


def summary(timeline: Timeline) -> str:
    """Return in words what the picture shows."""
    tasks = sum(bar.kind == "task" for bar in timeline.bars)
    asked = len(timeline.bars) - tasks
    failed = sum(bar.status == "failed" for bar in timeline.bars)
    parts = [f"{tasks} task{'' if tasks == 1 else 's'}"]
    parts += [f"{failed} of them failed"] if failed else []
    parts += [f"{asked} question{'' if asked == 1 else 's'}"] if asked else []
    return f"Timeline: {', '.join(parts)}, {span_line(timeline)}"


def svg(timeline: Timeline, title: str, *, alone: bool) -> str:
    """Return the picture.

    Args:
        timeline: what is drawn.
        title: above it.
        alone: it is a file of its own, not a part of a page: it brings its colours and says in words what it shows.
    """
    bars = timeline.bars[:MOST]
    height = _TOP + _ROW * len(bars) + 12 + (_ROW if timeline.scale.shortened else 0)
    box = f'viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}"'
    label = f' role="img" aria-label="{escaped(f"{title}. {summary(timeline)}")}"' if alone else ' aria-hidden="true"'
    style = f"<title>{escaped(title)}</title><style>{STYLE}{_PAPER}</style>" if alone else ""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" class="tl" {box}{label}>{style}'
    return head + "".join(_pieces(timeline, bars, title, height)) + "</svg>\n"


def _pieces(timeline: Timeline, bars: list[Bar], title: str, height: int) -> Iterator[str]:
    yield f'<text x="12" y="20">{escaped(shorten(title, 60))}</text>'
    yield f'<text x="{_WIDTH - 12}" y="20" text-anchor="end">{escaped(span_line(timeline))}</text>\n'
    for x in (_LEFT, _LEFT + _ACROSS):
        yield f'<line x1="{x}" x2="{x}" y1="{_TOP - 4}" y2="{_TOP + _ROW * len(bars)}"/>'
    for number, bar in enumerate(bars):
        middle = _TOP + _ROW * number + 16
        yield f'\n<text x="12" y="{middle}">{symbol(bar)} {escaped(shorten(bar.label, 29))}</text>'
        for part in bar.parts:
            left = _LEFT + _ACROSS * timeline.scale.place(part.start)
            wide = max(_LEFT + _ACROSS * timeline.scale.place(part.end) - left, 2)
            left = min(left, _LEFT + _ACROSS - wide)
            yield f'<rect class="{part.status}" x="{left:.1f}" y="{middle - 12}" width="{wide:.1f}" height="15" rx="2">'
            yield f"<title>{escaped(shorten(bar.label, 29))}: {WORDS.get(part.status, part.status)}</title></rect>"
        yield f'<text x="{_LEFT + _ACROSS + 8}" y="{middle}">{took(bar)}</text>'
    if timeline.scale.shortened:
        yield f'\n<text x="{_LEFT}" y="{height - 12}">{SHORTENED}</text>'
