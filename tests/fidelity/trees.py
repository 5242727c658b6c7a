"""Small programs as trees, and the strategy that draws them."""

import dataclasses
from dataclasses import dataclass
from typing import TypeAlias

from hypothesis import strategies as st


@dataclass(frozen=True)
class Ask:
    """The code asks a question."""

    id: int


@dataclass(frozen=True)
class Write:
    """The code writes to the stream."""

    id: int


@dataclass(frozen=True)
class Fail:
    """The code fails, the first so many times it comes here."""

    id: int
    times: int


@dataclass(frozen=True)
class Child:
    """A workflow that is called inside another one."""

    id: int
    body: "tuple[Node, ...]"
    caught: bool = False


@dataclass(frozen=True)
class Task:
    """A task call: it runs its inner steps, asks, fails the first times, and returns.

    `attempts` is the retry policy's number, 0 without one; `caught`: the caller goes on after its error.
    """

    id: int
    inner: "tuple[Node, ...]" = ()
    questions: int = 0
    failures: int = 0
    attempts: int = 0
    caught: bool = False
    threaded: bool = False


@dataclass(frozen=True)
class Parallel:
    """Several task calls at the same time."""

    id: int
    tasks: tuple[Task, ...]


Node: TypeAlias = Ask | Write | Fail | Child | Task | Parallel


@dataclass(frozen=True)
class Tree:
    """A whole program: async or not, run on a second input or not."""

    body: tuple[Node, ...]
    is_async: bool
    twice: bool

    @property
    def concurrent(self) -> bool:
        """Some of its tasks run at the same time."""
        return any(isinstance(node, Parallel) for node in walk(self.body))


def walk(nodes: tuple[Node, ...]) -> list[Node]:
    """Return all nodes, outer ones first."""
    found: list[Node] = []
    for node in nodes:
        found.append(node)
        inner = {Child: "body", Task: "inner", Parallel: "tasks"}.get(type(node))
        found += walk(getattr(node, inner)) if inner else []
    return found


_NUMBER = st.just(0)
_SELDOM = st.sampled_from([0, 0, 0, 1, 2])


def _leaf_tasks() -> st.SearchStrategy[Task]:
    return st.builds(
        Task,
        _NUMBER,
        questions=_SELDOM,
        failures=_SELDOM,
        attempts=st.sampled_from([0, 0, 2, 3]),
        caught=st.booleans(),
        threaded=st.booleans(),
    )


def _outer_tasks(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Task]:
    # A task whose inner tasks are finished is not retried: LangGraph runs them again, lgrun does not.
    return st.builds(
        Task,
        _NUMBER,
        inner=st.lists(inner, min_size=1, max_size=2).map(tuple),
        questions=_SELDOM,
        failures=_SELDOM,
        caught=st.booleans(),
    )


def _children(inner: st.SearchStrategy[Node]) -> st.SearchStrategy[Child]:
    return st.builds(Child, _NUMBER, st.lists(inner, min_size=1, max_size=3).map(tuple), st.booleans())


def _parallels(tasks: st.SearchStrategy[Task]) -> st.SearchStrategy[Parallel]:
    return st.builds(Parallel, _NUMBER, st.lists(tasks, min_size=2, max_size=3).map(tuple))


def trees() -> st.SearchStrategy[Tree]:
    """Draw programs."""
    small = st.one_of(st.builds(Ask, _NUMBER), st.builds(Write, _NUMBER), st.builds(Fail, _NUMBER, st.integers(1, 2)))
    leaf = _leaf_tasks()
    simple: st.SearchStrategy[Node] = st.one_of(leaf, leaf, small)
    # A nested workflow with several open questions surfaces them in no certain order under LangGraph.
    silent = leaf.map(lambda task: dataclasses.replace(task, questions=0))
    child = _children(st.one_of(simple, _parallels(silent)))
    outer = _outer_tasks(st.one_of(leaf, leaf, child))
    node: st.SearchStrategy[Node] = st.one_of(simple, leaf, outer, child, _parallels(st.one_of(leaf, leaf, outer)))
    body = st.lists(node, min_size=1, max_size=4).map(tuple)
    return st.builds(Tree, body, st.booleans(), st.booleans()).map(_numbered)


def _numbered(tree: Tree) -> Tree:
    count = iter(range(1, 1000))

    def renumber(node: Node) -> Node:
        node = dataclasses.replace(node, id=next(count))
        for field in ("body", "inner", "tasks"):
            if hasattr(node, field):
                node = dataclasses.replace(node, **{field: tuple(renumber(inner) for inner in getattr(node, field))})
        return _settled(node)

    return dataclasses.replace(tree, body=tuple(renumber(node) for node in tree.body))


def _settled(node: Node) -> Node:
    """Let no error be caught that could hide a question: LangGraph drops an answer that the code does not come to."""
    if isinstance(node, Child) and _asks(node.body):
        return dataclasses.replace(node, caught=False)
    # A task without inner steps asks before it fails.
    if isinstance(node, Task) and node.inner and _asks((node,)):
        return dataclasses.replace(node, caught=False)
    return node


def _asks(nodes: tuple[Node, ...]) -> bool:
    return any(isinstance(node, Ask) or (isinstance(node, Task) and node.questions > 0) for node in walk(nodes))
