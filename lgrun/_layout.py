"""Boxes and lines: a graph laid out in layers and drawn with characters. Pure; knows nothing of workflows.

A node stands below those that lead to it; lines that lead back up end in `^`. Between two layers every bundle of lines
with one origin has a row of its own, so no two run into each other.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from lgrun.constants import START

_GAP = 3
"""Columns between two boxes."""
_PASSES = 4
"""How often the layers are put in order."""


_Origin: TypeAlias = tuple[int, bool, int]
"""Where a bundle of lines begins: a node, whether they lead back up to it, and from which node or of which kind."""


class _Line(NamedTuple):
    """A line from a node of one layer to a node of the next.

    Args:
        upper, lower: numbers of the nodes.
        dotted: of a conditional edge.
        up: it leads from the lower to the upper one.
    """

    upper: int
    lower: int
    dotted: bool
    up: bool


@dataclass(slots=True)
class _Cell:
    """A box, or a point that a long line passes through (`text` is None; `dotted` as the line)."""

    text: str | None
    layer: int
    dotted: bool = False
    x: int = 0
    above: list[int] = field(default_factory=list)
    below: list[int] = field(default_factory=list)

    @property
    def width(self) -> int:
        return 1 if self.text is None else len(self.text) + 4


def drawn(names: Mapping[str, str], edges: Sequence[tuple[str, str, bool]]) -> list[str]:
    """Return the lines of a drawing.

    Args:
        names: what to write into the nodes, by their ids, in order.
        edges: source, target, conditional.
    """
    cells, lines, layers = _cells(names, edges)
    _order(cells, layers)
    _place(cells, layers)
    rows: list[str] = []
    for number, layer in enumerate(layers):
        rows += _boxes(cells, layer)
        if number + 1 < len(layers):
            rows += _between(cells, [line for line in lines if cells[line.upper].layer == number])
    return [row.rstrip() for row in rows]


# --- layers


def _cells(
    names: Mapping[str, str], edges: Sequence[tuple[str, str, bool]]
) -> tuple[list[_Cell], list[_Line], list[list[int]]]:
    back = _back_edges(names, [edge[:2] for edge in edges])
    forward = [(target, source) if (source, target) in back else (source, target) for source, target, _ in edges]
    ranks = _ranks(names, [pair for pair in forward if pair[0] != pair[1]])
    loops = {source for source, target, _ in edges if source == target}
    cells = [_Cell(f"{names[name]} (loop)" if name in loops else names[name], ranks[name]) for name in names]
    numbers = {name: number for number, name in enumerate(names)}
    lines: list[_Line] = []
    for (source, target, dotted), (upper, lower) in zip(edges, forward, strict=True):
        if source == target:
            continue
        here = numbers[upper]
        for layer in range(ranks[upper] + 1, ranks[lower]):
            cells.append(_Cell(None, layer, dotted))
            lines.append(_Line(here, len(cells) - 1, dotted, (source, target) in back))
            here = len(cells) - 1
        lines.append(_Line(here, numbers[lower], dotted, (source, target) in back))
    for line in lines:
        cells[line.upper].below.append(line.lower)
        cells[line.lower].above.append(line.upper)
    layers: list[list[int]] = [[] for _ in range(max((cell.layer for cell in cells), default=-1) + 1)]
    for number, cell in enumerate(cells):
        layers[cell.layer].append(number)
    return cells, lines, layers


def _back_edges(names: Mapping[str, str], edges: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges that close a circle, seen from the start."""
    leads: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        leads[source].append(target)
    back: set[tuple[str, str]] = set()
    done: set[str] = set()
    for root in sorted(names, key=lambda name: name != START):
        if root in done:
            continue
        path, todo = [root], [iter(leads[root])]
        while todo:
            following = next(todo[-1], None)
            if following is None:
                done.add(path.pop())
                todo.pop()
            elif following in path:
                back.add((path[-1], following))
            elif following not in done:
                path.append(following)
                todo.append(iter(leads[following]))
    return back


def _ranks(names: Mapping[str, str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """Return the layer of every node: the length of the longest way to it."""
    ranks = dict.fromkeys(names, 0)
    for _ in names:
        for source, target in edges:
            ranks[target] = max(ranks[target], ranks[source] + 1)
    return ranks


def _order(cells: Sequence[_Cell], layers: Sequence[list[int]]) -> None:
    """Put every layer into an order in which few lines cross: each node near the middle of its neighbours."""
    for turn in range(_PASSES):
        down = turn % 2 == 0
        for layer in layers if down else reversed(layers):
            at = {number: n for each in layers for n, number in enumerate(each)}

            def middle(number: int, at: dict[int, int] = at, down: bool = down) -> float:
                near = cells[number].above if down else cells[number].below
                return sum(at[other] for other in near) / len(near) if near else at[number]

            layer.sort(key=middle)


def _place(cells: Sequence[_Cell], layers: Sequence[list[int]]) -> None:
    """Give every node its column, that of its middle."""
    for layer in layers:
        edge = 0
        for number in layer:
            cells[number].x = edge + cells[number].width // 2
            edge += cells[number].width + _GAP
    for turn in range(_PASSES * 2):
        for layer in layers if turn % 2 == 0 else reversed(layers):
            _shift(cells, layer, down=turn % 2 == 0)
    left = min((cell.x - cell.width // 2 for cell in cells), default=0)
    for cell in cells:
        cell.x -= left


def _shift(cells: Sequence[_Cell], layer: Sequence[int], *, down: bool) -> None:
    """Move the nodes of a layer towards the middle of their neighbours, without changing their order."""
    wanted = []
    for number in layer:
        near = cells[number].above if down else cells[number].below
        wanted.append(round(sum(cells[n].x for n in near) / len(near)) if near else cells[number].x)
    # Those that want to be at the same place share it: they are packed, and the pack is centred on it.
    packs: list[tuple[list[int], int]] = []
    for number, place in zip(layer, wanted, strict=True):
        members, start = [number], place - cells[number].width // 2
        while packs and packs[-1][1] + _span(cells, packs[-1][0]) + _GAP > start:
            before, at = packs.pop()
            weight, joined = len(before), [*before, *members]
            offset = _span(cells, before) + _GAP
            start = round((at * weight + (start - offset) * len(members)) / len(joined))
            members = joined
        packs.append((members, start))
    for members, start in packs:
        for number in members:
            cells[number].x = start + cells[number].width // 2
            start += cells[number].width + _GAP


def _span(cells: Sequence[_Cell], members: Sequence[int]) -> int:
    return sum(cells[number].width for number in members) + _GAP * (len(members) - 1)


# --- characters


class _Canvas:
    """Rows of characters that grow as needed."""

    def __init__(self) -> None:
        self.rows: list[list[str]] = []

    def put(self, x: int, y: int, text: str) -> None:
        while len(self.rows) <= y:
            self.rows.append([])
        row = self.rows[y]
        row += [" "] * (x + len(text) - len(row))
        row[x : x + len(text)] = text

    def cross(self, x: int, y: int, character: str) -> None:
        """Put a piece of a line; where it meets one in the other direction, they cross."""
        there = self.at(x, y)
        self.put(x, y, character if there in (" ", character) else "+")

    def at(self, x: int, y: int) -> str:
        return self.rows[y][x] if y < len(self.rows) and x < len(self.rows[y]) else " "

    def text(self) -> list[str]:
        return ["".join(row) for row in self.rows]


def _boxes(cells: Sequence[_Cell], layer: Sequence[int]) -> list[str]:
    canvas = _Canvas()
    for number in layer:
        cell = cells[number]
        left = cell.x - cell.width // 2
        if cell.text is None:
            for y in range(3):
                canvas.put(left, y, ":" if cell.dotted else "|")
            continue
        for y, row in enumerate((f"+{'-' * (cell.width - 2)}+", f"| {cell.text} |", f"+{'-' * (cell.width - 2)}+")):
            canvas.put(left, y, row)
    return canvas.text()


@dataclass(slots=True)
class _Bundle:
    """Lines with one origin: one column down from it, one row across, a column down to each target.

    Args:
        start: the column below the origin.
        ends: the columns above the targets, each with its line.
        row: the row across.
    """

    start: int
    ends: list[tuple[int, _Line]] = field(default_factory=list)
    row: int = 1

    @property
    def reach(self) -> tuple[int, int]:
        """The columns between which it lies."""
        every = [self.start, *(x for x, _ in self.ends)]
        return min(every), max(every)

    @property
    def dotted(self) -> bool:
        """Whether all of its lines are."""
        return all(line.dotted for _, line in self.ends)


def _between(cells: Sequence[_Cell], lines: Sequence[_Line]) -> list[str]:
    bundles = _bundles(cells, lines)
    height = _rows(bundles)
    canvas = _Canvas()
    for bundle in bundles:
        _draw(canvas, bundle, height)
    for bundle in bundles:
        for x, line in bundle.ends:
            if line.up and cells[line.upper].text is not None:
                canvas.put(bundle.start, 0, "^")
            arrives = not line.up and cells[line.lower].text is not None
            canvas.put(x, height, "v" if arrives else _upright(line.dotted))
    return canvas.text()


def _draw(canvas: _Canvas, bundle: _Bundle, height: int) -> None:
    for y in range(bundle.row):
        canvas.cross(bundle.start, y, _upright(bundle.dotted))
    for x, line in bundle.ends:
        for y in range(bundle.row + 1, height):
            canvas.cross(x, y, _upright(line.dotted))
    left, right = bundle.reach
    for x in range(left, right + 1) if left < right else ():
        canvas.cross(x, bundle.row, "." if bundle.dotted else "-")
    for x in {bundle.start, *(x for x, _ in bundle.ends)}:
        canvas.put(x, bundle.row, "+" if left < right else _upright(bundle.dotted))


def _upright(dotted: bool) -> str:
    return ":" if dotted else "|"


def _bundles(cells: Sequence[_Cell], lines: Sequence[_Line]) -> list[_Bundle]:
    """Give every line its columns: lines of a node leave and arrive side by side."""
    grouped: dict[_Origin, list[_Line]] = {}
    for line in lines:
        # Lines of a kind that lead on share a column below their node; each that leads back has its own.
        shared = -2 if line.dotted else -1
        grouped.setdefault((line.upper, line.up, line.lower if line.up else shared), []).append(line)
    leaving: dict[int, list[_Origin]] = {}
    for key in grouped:
        leaving.setdefault(key[0], []).append(key)
    arriving: dict[int, list[tuple[_Origin, _Line]]] = {}
    for key, members in grouped.items():
        for line in members:
            arriving.setdefault(line.lower, []).append((key, line))
    bundles = {}
    for number, keys in leaving.items():
        keys.sort(key=lambda key: (key[1], sum(cells[line.lower].x for line in grouped[key]) / len(grouped[key])))
        for key, x in zip(keys, _ports(cells[number], len(keys)), strict=True):
            bundles[key] = _Bundle(x)
    for number, found in arriving.items():
        found.sort(key=lambda pair: (bundles[pair[0]].start, pair[1].up))
        for (key, line), x in zip(found, _ports(cells[number], len(found)), strict=True):
            bundles[key].ends.append((x, line))
    return list(bundles.values())


def _ports(cell: _Cell, count: int) -> list[int]:
    """Return the columns at which so many lines leave or reach a node."""
    step = max(min((cell.width - 2) // max(count, 1), 4), 2)
    return [cell.x + step * n - step * (count - 1) // 2 for n in range(count)]


def _rows(bundles: Sequence[_Bundle]) -> int:
    """Give every bundle a row in which nothing else is; return the number of rows."""
    taken: list[list[tuple[int, int]]] = []
    for bundle in sorted(bundles, key=lambda bundle: bundle.reach):
        left, right = bundle.reach
        if left == right:
            continue
        free = (row for row, spans in enumerate(taken) if all(right < a - 1 or left > b + 1 for a, b in spans))
        bundle.row = next(free, len(taken)) + 1
        if bundle.row > len(taken):
            taken.append([])
        taken[bundle.row - 1].append((left, right))
    return len(taken) + 1
