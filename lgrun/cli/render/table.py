"""Rows under a header for a person, tab-separated for a program."""

from collections.abc import Sequence

from lgrun.cli.render.text import one_line, shorten


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int, cut: int = -1) -> str:
    """Return rows under a header in aligned columns; only column `cut` (the last one) is ever cut, to fit `width`."""
    shown = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    others = sum(widths) - widths[cut] + 2 * (len(widths) - 1)
    widths[cut] = min(widths[cut], max(width - others, 10))
    lines = []
    for row in shown:
        row[cut] = shorten(row[cut], widths[cut])
        lines.append("  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)).rstrip())
    return "".join(line + "\n" for line in lines)


def tsv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with tabs between the cells: no header, nothing cut, no tab or newline inside a cell."""
    return "".join("\t".join(one_line(cell) for cell in row) + "\n" for row in rows)
