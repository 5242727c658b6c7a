"""Rows under a header for a person, tab-separated for a program."""

from collections.abc import Sequence

from lgrun.cli.render.text import one_line, shorten


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int) -> str:
    """Return rows under a header in aligned columns; only the last column is ever cut, to fit `width`."""
    shown = [[one_line(cell) for cell in row] for row in (header, *rows)]
    columns = list(zip(*shown, strict=True))
    widths = [max(map(len, column)) for column in columns[:-1]]
    left = max(width - sum(widths) - 2 * len(widths), 10)
    lines = []
    for row in shown:
        cells = [f"{cell:<{size}}" for cell, size in zip(row, widths, strict=False)]
        lines.append("  ".join([*cells, shorten(row[-1], left)]).rstrip())
    return "".join(line + "\n" for line in lines)


def tsv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with tabs between the cells: no header, nothing cut, no tab or newline inside a cell."""
    return "".join("\t".join(one_line(cell) for cell in row) + "\n" for row in rows)
