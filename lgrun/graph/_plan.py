"""What a graph is, frozen when it is compiled, and what a node's return value means in it. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lgrun._engine.model import Function, NodeResult
from lgrun._engine.program import NO_PAUSES, Pauses, Program
from lgrun.checkpoint.serde import register
from lgrun.constants import END, START
from lgrun.errors import InvalidUpdateError, ParentCommand
from lgrun.graph._schema import Key, written
from lgrun.types import Command, Overwrite, Send

# What a checkpoint or a journal of a graph may hold, whichever process reads it.
register(Send, Overwrite)


@dataclass(frozen=True, slots=True)
class Branch:
    """A conditional edge.

    Args:
        name: of the function that decides.
        call: that function, given the state.
        is_async: calling it gives a coroutine.
        ends: where its answers lead; None: an answer is itself the name of a node.
        schema: the part of the state that it sees.
        inject: what else it asks for.
    """

    name: str
    call: Callable[..., Any]
    is_async: bool
    ends: Mapping[Any, str] | None
    schema: Any
    inject: frozenset[str] = frozenset()

    def targets(self, answer: Any) -> list[str | Send]:
        """Return where an answer leads.

        Raises:
            ValueError: it leads nowhere.
            KeyError: it is not among the branch's ends.
            InvalidUpdateError: it sends something to the end.
        """
        answers = list(answer) if isinstance(answer, (list, tuple)) else [answer]
        found = [each if isinstance(each, Send) or self.ends is None else self.ends[each] for each in answers]
        if any(each is None or each == START for each in found):
            raise ValueError(f"Branch {self.name!r} did not return a valid destination: {answer!r}")
        if any(isinstance(each, Send) and each.node == END for each in found):
            raise InvalidUpdateError("Cannot send a packet to the END node")
        return [each for each in found if each != END]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """A node.

    Args:
        name: of the node.
        function: what it runs: given its input and the state, it returns a NodeResult.
        schema: the part of the state that it sees.
        targets: where its edges lead.
        branches: its conditional edges.
        handler: runs in its place when it has failed for good.
        defer: it waits until nothing else is left to run.
        inner: the workflow that it is, or those that its code names.
        rank: its place in the order in which the nodes were added.
    """

    name: str
    function: Function
    schema: Any
    targets: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    handler: Function | None = None
    defer: bool = False
    inner: tuple[Program, ...] = ()
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Join:
    """An edge from several nodes to one, which runs when all of them have run."""

    starts: tuple[str, ...]
    end: str

    @property
    def name(self) -> str:
        """The name under which it is saved and streamed."""
        return f"join:{'+'.join(self.starts)}:{self.end}"


@dataclass(frozen=True, slots=True)
class Plan:
    """A compiled graph.

    Args:
        name: of the graph.
        keys: of its state.
        inputs: the keys that its input may have.
        outputs: the keys that it returns and streams.
        nodes: by name, with one called START, which takes the input in.
        joins: edges from several nodes.
        pauses: where its runs stop.
        triggers: why each node runs, for streams.
    """

    name: str
    keys: Mapping[str, Key]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    nodes: Mapping[str, NodePlan]
    joins: tuple[Join, ...] = ()
    pauses: Pauses = NO_PAUSES
    triggers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def result(self, returned: Any) -> NodeResult:
        """Return what a node's return value means.

        Raises:
            InvalidUpdateError: it means nothing.
            ParentCommand: it is a Command to the graph around.
        """
        writes: list[tuple[str, Any]] = []
        goto: list[str | Send] = []
        many = isinstance(returned, (list, tuple)) and any(isinstance(each, Command) for each in returned)
        for each in returned if many else [returned]:
            if isinstance(each, Command):
                if each.graph == Command.PARENT:
                    raise ParentCommand(each)
                goto += _several(each.goto)
                writes += self._commanded(each.update)
            elif each is not None:
                writes += self._written(each)
        return _result(writes, goto)

    def taken_in(self, given: Any) -> NodeResult:
        """Return what the graph's input writes.

        Raises:
            InvalidUpdateError: it is no state.
        """
        if isinstance(given, Command):
            return self.result(given)
        found = written(given, self.keys)
        if found is None:
            raise InvalidUpdateError(f"Expected dict, got {given}")
        return _result([(key, value) for key, value in found if key in self.inputs], [])

    def merged(self, values: Mapping[str, Any], results: Sequence[NodeResult]) -> dict[str, Any]:
        """Return the keys that results write, as they stand afterwards.

        Raises:
            InvalidUpdateError: a key without a reducer was written more than once.
        """
        writes: dict[str, list[Any]] = {}
        for result in results:
            for key, value in result.get("update", ()):
                if key in self.keys:
                    writes.setdefault(key, []).append(value)
        return {key: self.keys[key].merged(values, found) for key, found in writes.items()}

    def _written(self, returned: Any) -> list[tuple[str, Any]]:
        found = written(returned, self.keys)
        if found is None:
            raise InvalidUpdateError(f"Expected dict, got {returned}")
        return found

    def _commanded(self, update: Any) -> list[tuple[str, Any]]:
        if update is None:
            return []
        pairs = isinstance(update, (list, tuple)) and all(
            isinstance(pair, (list, tuple)) and len(pair) == 2 and isinstance(pair[0], str) for pair in update
        )
        return [(key, value) for key, value in update if key in self.keys] if pairs else self._written(update)


def _several(goto: Any) -> list[str | Send]:
    found = list(goto) if isinstance(goto, (list, tuple)) else [goto]
    if any(isinstance(each, Send) and each.node == END for each in found):
        raise InvalidUpdateError("Cannot send a packet to the END node")
    return [each for each in found if each != END]


def _result(writes: Sequence[tuple[str, Any]], goto: list[str | Send]) -> NodeResult:
    result: NodeResult = {}
    if writes:
        result["update"] = [[key, value] for key, value in writes]
    if goto:
        result["goto"] = goto
    return result
