"""Differences for people: per place a line that begins with - and one that begins with +, as programs for diffs do."""

import difflib
from collections.abc import Iterable, Iterator

from lgrun.cli.differences import Change
from lgrun.cli.render.context import Line, diff_style
from lgrun.cli.render.text import dump, one_line


def change_lines(changes: Iterable[Change]) -> Iterator[Line]:
    """Draw the places where two values differ. Of texts of several lines, only the lines that differ."""
    for change in changes:
        path = one_line(change.path)
        if change.kind == "changed" and _are_long(change.a, change.b):
            yield Line(f"@@ {path} @@", "cyan")
            hunks = difflib.unified_diff(change.a.split("\n"), change.b.split("\n"), n=1, lineterm="")
            yield from (Line(line, diff_style(line)) for line in list(hunks)[2:] if not line.startswith("@@"))
            continue
        if change.kind != "added":
            yield Line(f"- {path}: {dump(change.a, ascii_only=False)}", "red")
        if change.kind != "removed":
            yield Line(f"+ {path}: {dump(change.b, ascii_only=False)}", "green")


def _are_long(a: object, b: object) -> bool:
    return isinstance(a, str) and isinstance(b, str) and "\n" in a and "\n" in b


def unified(a: tuple[str, bytes], b: tuple[str, bytes]) -> list[str]:
    """Return the unified diff of two files, each a name and what is in it; nothing if they are the same."""
    texts = [source.decode(errors="replace").splitlines(keepends=True) for _, source in (a, b)]
    lines: list[str] = []
    for line in difflib.unified_diff(texts[0], texts[1], one_line(a[0]), one_line(b[0])):
        lines.append(line.removesuffix("\n"))
        if not line.endswith("\n"):
            lines.append("\\ No newline at end of file")
    return lines


def counted(lines: Iterable[str]) -> tuple[int, int]:
    """Return how many lines a unified diff adds and removes."""
    body = list(lines)[2:]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)
