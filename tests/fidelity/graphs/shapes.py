"""Small graphs as data, and the strategy that draws them."""

import dataclasses
from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import strategies as st

MOST_TURNS = 4
"""How often nodes that loop go back, together, in one run."""


@dataclass(frozen=True)
class Edges:
    """Plain edges; without any, the way ends here."""

    targets: tuple[int, ...] = ()


@dataclass(frozen=True)
class Branch:
    """One of several lists of targets, chosen by the length of the log; `-1` is the end."""

    options: tuple[tuple[int, ...], ...]
    mapped: bool = False


@dataclass(frozen=True)
class Goto:
    """The same, chosen by the node itself, which returns a command."""

    options: tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Spread:
    """So many sends to one node, by a branch or by a command."""

    target: int
    count: int
    by_command: bool


@dataclass(frozen=True)
class Back:
    """Back to an earlier node, or to this one, as long as there are turns left."""

    target: int


Way: TypeAlias = Edges | Branch | Goto | Spread | Back


@dataclass(frozen=True)
class Node:
    """A node: it calls tasks, asks, fails the first times, writes, and goes on.

    `attempts` is the retry policy's number, 0 without one; `inner`: it is a graph of its own, which asks so often.
    """

    id: int
    way: Way
    questions: int = 0
    failures: int = 0
    attempts: int = 0
    tasks: int = 0
    inner: int | None = None
    plain: bool = False
    custom: bool = False
    defer: bool = False
    threaded: bool = False


@dataclass(frozen=True)
class Shape:
    """A whole graph, and how it is run.

    `before`, `after`: breakpoints; `edit`: the state is changed by hand when it first waits, as the node that ran last
    or as the one that comes next; `back`: when all is done, the run is taken up at a checkpoint so many steps ago.
    """

    nodes: tuple[Node, ...]
    starts: tuple[int, ...]
    joins: tuple[tuple[tuple[int, ...], int], ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    is_async: bool
    twice: bool
    edit: str
    back: int
    durability: str

    @property
    def routes(self) -> bool:
        """Some node sends or returns a command."""
        return any(isinstance(node.way, (Spread, Goto)) for node in self.nodes)


_SELDOM = st.sampled_from([0, 0, 0, 0, 1, 2])


def _later(id: int, count: int) -> st.SearchStrategy[int]:
    return st.integers(id + 1, count - 1)


def _options(id: int, count: int) -> st.SearchStrategy[tuple[tuple[int, ...], ...]]:
    targets = st.lists(
        st.one_of(_later(id, count), _later(id, count), st.just(-1)), min_size=1, max_size=2, unique=True
    )
    return st.lists(targets.map(tuple), min_size=1, max_size=3).map(tuple)


def _ways(id: int, count: int) -> st.SearchStrategy[Way]:
    back = st.builds(Back, st.integers(0, id))
    if id == count - 1:
        return st.one_of(st.just(Edges()), st.just(Edges()), back)
    edges = st.builds(Edges, st.lists(_later(id, count), min_size=1, max_size=3, unique=True).map(tuple))
    return st.one_of(
        edges,
        edges,
        st.builds(Branch, _options(id, count), st.booleans()),
        st.builds(Goto, _options(id, count)),
        st.builds(Spread, _later(id, count), st.sampled_from([2, 1, 2, 3]), st.booleans()),
        back,
    )


def _nodes(id: int, count: int) -> st.SearchStrategy[Node]:
    return st.builds(
        Node,
        st.just(id),
        _ways(id, count),
        questions=_SELDOM,
        failures=st.sampled_from([0, 0, 1, 2]),
        attempts=st.sampled_from([0, 0, 0, 2]),
        tasks=_SELDOM,
        inner=st.sampled_from([None, None, None, None, 0, 1]),
        custom=st.booleans(),
        defer=st.sampled_from([False] * 7 + [True]),
        threaded=st.booleans(),
    ).map(_settled)


def _settled(node: Node) -> Node:
    if node.inner is not None:
        edges = Edges() if isinstance(node.way, (Goto, Back)) else node.way
        way = dataclasses.replace(edges, by_command=False) if isinstance(edges, Spread) else edges
        return Node(node.id, way, inner=node.inner, defer=node.defer)
    # LangGraph's retry runs finished tasks again, lgrun's does not.
    return dataclasses.replace(node, tasks=0 if node.attempts else node.tasks)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    """Draw graphs."""
    count = draw(st.integers(3, 7))
    nodes = [draw(_nodes(place, count)) for place in range(count)]
    some = st.lists(st.integers(0, count - 1), min_size=1, max_size=2, unique=True).map(tuple)
    marks = st.one_of(st.just(()), st.just(()), st.just(()), some)
    # One node, or two that may run in one step, which is an error.
    for place in draw(st.one_of(some.map(lambda ids: ids[:1]), st.just(()), some)):
        nodes[place] = dataclasses.replace(nodes[place], plain=nodes[place].inner is None)
    joins = draw(st.lists(_joins(count), max_size=2))
    if any(isinstance(node.way, Spread) for node in nodes):
        # LangGraph does not wait with a deferred node for what was sent.
        nodes = [dataclasses.replace(node, defer=False) for node in nodes]
    # LangGraph does not take note that an update by hand stood for a node that a join led to, or a deferred one; and
    # it runs a deferred node whose turn had come beside what the update leads to.
    # It cannot tell whose update it is after a node that a join and an edge led to at once.
    edits = ["", "", "", "last", "last" if joins else "next"]
    ends = {target for node in nodes for target in _targets(node.way)}
    twice_led = any(end in ends for _, end in joins)
    edits = [""] if twice_led or any(node.defer for node in nodes) else edits
    # LangGraph may save a join after the next step has changed it, unless it has to wait for the disk.
    modes = ["sync"] if joins else ["async", "async", "sync", "exit"]
    return Shape(
        nodes=tuple(_sparing(nodes)),
        starts=draw(st.sampled_from([(0, 1), (1, 0), (0, 2), (0,)])),
        joins=tuple(joins),
        before=draw(marks),
        after=draw(marks),
        is_async=draw(st.booleans()),
        twice=draw(st.booleans()),
        edit=draw(st.sampled_from(edits)),
        back=draw(st.sampled_from([0, 0, 0, 1, 2, 3, 5])),
        durability=draw(st.sampled_from(modes)),
    )


def _targets(way: Way) -> set[int]:
    """Return where a node may lead."""
    match way:
        case Edges(targets):
            return set(targets)
        case Branch(options) | Goto(options):
            return {target for option in options for target in option}
        case Spread(target) | Back(target):
            return {target}


@st.composite
def _joins(draw: st.DrawFn, count: int) -> tuple[tuple[int, ...], int]:
    end = draw(st.integers(2, count - 1))
    starts = draw(st.lists(st.integers(0, end - 1), min_size=2, max_size=2, unique=True))
    return tuple(starts), end


def _sparing(nodes: list[Node]) -> list[Node]:
    """Let at most two nodes send, and one fail.

    So no step has more tasks than LangGraph has threads for their tasks; and of two nodes of one step that fail it is
    chance which one LangGraph reports, and in a coroutine whether the other one fails at all.
    """
    senders = [node.id for node in nodes if isinstance(node.way, Spread)][2:]
    nodes = [dataclasses.replace(node, way=Edges()) if node.id in senders else node for node in nodes]
    failing = [node.id for node in nodes if node.failures][1:]
    return [dataclasses.replace(node, failures=0) if node.id in failing else node for node in nodes]
