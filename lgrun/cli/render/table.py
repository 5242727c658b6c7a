"""Rows under a header for a person, tab-separated for a program."""

from collections.abc import Iterator, Sequence

from lgrun.cli.render.text import one_line, shorten


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, width: int, cut: int = -1) -> str:
    """Return rows under a header in aligned columns; only column `cut` (the last one) is ever cut, to fit `width`.

    Where that leaves no room for it, each row is put on several lines, without a header.
    """
    shown = [[one_line(cell) for cell in row] for row in (header, *rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    others = sum(widths) - widths[cut] + 2 * (len(widths) - 1)
    if width - others < min(widths[cut], _ROOM):
        return "".join(line + "\n" for row in shown[1:] for line in _stacked(row, width, cut))
    widths[cut] = min(widths[cut], max(width - others, 0))
    lines = []
    for row in shown:
        row[cut] = shorten(row[cut], widths[cut])
        lines.append("  ".join(f"{cell:<{size}}" for cell, size in zip(row, widths, strict=True)).rstrip())
    return "".join(line + "\n" for line in lines)


_ROOM = 14
"""Columns that the cell which may be cut has at least."""


def _stacked(row: Sequence[str], width: int, cut: int) -> Iterator[str]:
    """Return a row as lines: as many cells on each as fit, the one that may be cut on a line of its own."""
    line = ""
    for cell in (cell for n, cell in enumerate(row) if cell and n != cut % len(row)):
        if line and len(line) + 2 + len(cell) > width:
            yield line
            line = "  " + cell
        else:
            line = f"{line}  {cell}" if line else cell
    yield line
    if row[cut]:
        yield "    " + shorten(row[cut], max(width - 4, 10))


def tsv(rows: Sequence[Sequence[str]]) -> str:
    """Return rows with tabs between the cells: no header, nothing cut, no tab or newline inside a cell."""
    return "".join("\t".join(one_line(cell) for cell in row) + "\n" for row in rows)
