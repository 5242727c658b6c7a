"""What came with a question: text as it is, data as JSON, changes coloured. Nothing is left out or reordered.

Markdown is coloured and not laid out: a person who approves a text should see that text, every character of it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lgrun.cli.render.text import dump, one_line, printable, shorten


class Line(NamedTuple):
    """A line and its style, one of those `painted` knows."""

    text: str
    style: str | None = None


_NEXT_TO_KEY = 100
"""Longer than this, a value stands below its key."""

_FEW = 8
"""Lines that are shown where there is no screen to fill."""


def context_lines(context: dict[str, Any], indent: str = "  ") -> Iterator[Line]:
    """Draw what came with a question, whole."""
    for key, item in context.items():
        yield from _item_lines(key, item, indent)


def _item_lines(key: str, item: Any, indent: str) -> Iterator[Line]:
    name = one_line(key)
    text = item if isinstance(item, str) else dump(item, ascii_only=False)
    if "\n" not in text and len(name) + len(text) <= _NEXT_TO_KEY:
        yield Line(f"{indent}{name}: {text}")
        return
    yield Line(f"{indent}{name}:", "bold")
    text = text if isinstance(item, str) else dump(item, ascii_only=False, indent=2)
    styles = diff_style if _is_diff(text) else _Markdown().style if isinstance(item, str) else _no_style
    for line in text.rstrip("\n").split("\n"):
        yield Line(f"{indent}  {line}", styles(line))


def context_on_screen(context: dict[str, Any], rows: int, columns: int, more: str) -> Iterator[Line]:
    """Draw what came with a question in so many rows: nothing is hidden by what stands before it.

    Args:
        context: what came.
        rows: of the screen that may be filled.
        columns: of the screen.
        more: how to see all.
    """
    drawn = [(key, list(_item_lines(key, item, "  "))) for key, item in context.items()]
    needs = [sum(rows_of(line.text, columns) for line in lines) for _, lines in drawn]
    share = _fair_share(needs, rows)
    for _, lines in drawn:
        yield from fitting(lines, max(share, 3), columns, more)


def _fair_share(needs: Sequence[int], rows: int) -> int:
    """Return how much the largest get when nobody gets more than it needs."""
    left, share = rows, rows
    for n, need in enumerate(sorted(needs)):
        share = left // (len(needs) - n)
        if need > share:
            return share
        left -= need
    return rows


def _is_diff(text: str) -> bool:
    return bool(re.search(r"^@@ .*@@", text, re.MULTILINE) and re.search(r"^[-+]", text, re.MULTILINE))


def diff_style(line: str) -> str | None:
    """Return the style of a line of a unified diff."""
    if line.startswith(("+++", "---", "diff ", "index ")):
        return "bold"
    return {"+": "green", "-": "red", "@": "cyan"}.get(line[:1])


def _no_style(_line: str) -> str | None:
    return None


class _Markdown:
    """Headings, code and quotations of a text, line by line."""

    def __init__(self) -> None:
        self._in_code = False

    def style(self, line: str) -> str | None:
        """Return the style of the next line."""
        if line.lstrip().startswith("```"):
            self._in_code = not self._in_code
            return "cyan"
        if self._in_code:
            return "cyan"
        if re.match(r"#{1,6} ", line):
            return "bold"
        return "dim" if line.startswith(">") else None


def fitting(lines: Sequence[Line], rows: int, columns: int, more: str) -> list[Line]:
    """Return the first lines that fit into so many rows; if some do not, the last one says how to see them.

    Args:
        lines: to be shown.
        rows: of the screen.
        columns: of the screen.
        more: how to see all.
    """
    taken = 0
    for n, line in enumerate(lines):
        taken += rows_of(line.text, columns)
        if taken > rows:
            kept = list(lines[: max(n - 1, 0)])
            return [*kept, Line(f"  … {len(lines) - len(kept)} more lines: {more}", "dim")]
    return list(lines)


def shortened(context: dict[str, Any], more: str) -> Iterator[str]:
    """Draw what came with a question in a few lines; `more` is the command that shows all."""
    lines = list(context_lines(context, indent="    "))
    for line in lines[:_FEW] if len(lines) > _FEW + 1 else lines:
        yield shorten(printable(line.text), 120)
    if len(lines) > _FEW + 1:
        yield f"    … {len(lines) - _FEW} more lines:  {more}"


def rows_of(text: str, columns: int) -> int:
    """Return how many rows a text takes on the screen."""
    shown = printable(text).expandtabs()
    return sum(max(-(-columns_of(line) // max(columns, 1)), 1) for line in shown.split("\n"))


def columns_of(line: str) -> int:
    """Return how many columns a line takes on the screen."""
    if line.isascii():
        return len(line)
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(character) in "WF" else 1 for character in line)
