"""A graph as a program: which nodes run in the next step, and what their results do to the state. Pure.

Rule 1: the nodes of a step run side by side and see the state before it; what they wrote is applied together, in the
order of their names, Sends after them by index.
Rule 2: then edges, conditional edges, `goto` and joins say which nodes run next. A node led to twice runs once; each
Send is a call of its own.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lgrun._engine.model import Function, NodeCall, NodeResult
from lgrun._engine.program import Kept, Output, Pauses, Program
from lgrun._engine.project import shown
from lgrun.constants import END, START
from lgrun.errors import InvalidUpdateError
from lgrun.graph._plan import Plan
from lgrun.graph._schema import coerced
from lgrun.types import Command, Send, StateUpdate


class Standing(NamedTuple):
    """How a graph stands between two steps.

    Args:
        values: its state.
        nodes: names of the nodes that run next.
        sends: calls that run next with inputs of their own.
        added: nodes that a Command from outside has led to, which run beside the others.
        deferred: nodes that run when nothing else is left to run.
        joins: which of the nodes that a join waits for have run, by the join's name; all of them until it has run.
        ran: the nodes of the last step that ran any but those that were sent something.
        number: how many steps were made.
        given: the graph's input, before the first step.
    """

    values: Mapping[str, Any]
    nodes: tuple[str, ...] = ()
    sends: tuple[Send, ...] = ()
    added: tuple[str, ...] = ()
    deferred: tuple[str, ...] = ()
    joins: Mapping[str, tuple[str, ...]] = {}
    ran: tuple[str, ...] = ()
    number: int = 0
    given: Any = None


@dataclass(frozen=True, slots=True)
class GraphProgram:
    """A compiled graph, seen by the engine."""

    plan: Plan
    stepwise: bool = True

    @property
    def name(self) -> str:
        return self.plan.name

    @property
    def outputs(self) -> Sequence[str]:
        return self.plan.outputs

    @property
    def streamed(self) -> Sequence[str]:
        return tuple(self.plan.keys)

    @property
    def channel_names(self) -> Sequence[str]:
        return tuple(self.plan.keys)

    @property
    def pauses(self) -> Pauses:
        return self.plan.pauses

    # --- states and checkpoints ---

    def begin(self, input: Any, memory: Standing | None) -> Standing:
        if memory is None:
            empty = {key.name: key.empty() for key in self.plan.keys.values() if key.empty is not None}
            return Standing(empty, (START,), given=input)
        waiting = {name: starts for name, starts in memory.joins.items() if not self._joined({name: starts})}
        return memory._replace(nodes=(START,), sends=(), added=(), deferred=(), joins=waiting, number=0, given=input)

    def thaw(self, kept: Kept) -> Standing:
        held = kept.frontier or {}
        return Standing(
            kept.value or {},
            tuple(held.get("nodes", ())),
            tuple(held.get("sends", ())),
            tuple(held.get("added", ())),
            tuple(held.get("deferred", ())),
            {name: tuple(starts) for name, starts in held.get("joins", {}).items()},
            tuple(held.get("ran", ())),
            held.get("number", 0),
        )

    def kept(self, state: Standing) -> Kept:
        values, nodes, sends, added, deferred, joins, ran, number, _ = state
        named = {"nodes": nodes, "sends": sends, "added": added, "deferred": deferred, "ran": ran}
        frontier: dict[str, Any] = {name: list(part) for name, part in named.items() if part}
        if joins:
            frontier["joins"] = {name: list(starts) for name, starts in joins.items()}
        if number:
            frontier["number"] = number
        pulled = sorted((*nodes, *added), key=lambda name: self.plan.nodes[name].rank)
        saved = dict(values)
        # But for what is sent, the frontier has names and numbers only.
        return Kept(saved, saved, frontier, (*(send.node for send in sends), *pulled), plain=not sends)

    def channels(self, state: Standing) -> Mapping[str, Any]:
        return state.values

    def output(self, state: Standing) -> Output:
        value = shown(state.values, self.plan.outputs)
        return Output(value, value)

    # --- steps ---

    def next_calls(self, state: Standing, *, inputs: bool = False) -> list[NodeCall]:
        return [self._call(state, name, index, sent, inputs) for index, (name, sent) in enumerate(self._due(state))]

    def _due(self, state: Standing) -> Iterator[tuple[str, Send | None]]:
        """Yield what runs next in the order in which it is started: Sends, nodes by name, those led to from outside.

        A node that the graph does not have any more is left out.
        """
        known = self.plan.nodes
        for send in state.sends:
            if send.node in known:
                yield send.node, send
        for name in (*state.nodes, *state.added):
            if name in known:
                yield name, None

    def _call(self, state: Standing, name: str, index: int, sent: Send | None, inputs: bool) -> NodeCall:
        node = self.plan.nodes[name]
        given = state.given if sent is None else sent.arg
        if inputs and sent is None and name != START:
            given = coerced(node.schema, state.values)
        triggers = ("__pregel_push",) if sent is not None else self.plan.triggers.get(name, (START,))
        return NodeCall(
            node.function,
            (given, state.values),
            given,
            ((state.number, index),),
            triggers=triggers,
            origin=("__pregel_pull", name) if sent is None else ("__pregel_push", index, False),
            recorded=True,
            hidden=name == START,
            handler=node.handler,
            rank=index - len(state.sends) if sent is not None else node.rank,
            nests=bool(node.inner),
        )

    def apply(self, state: Standing, results: Sequence[Any]) -> Standing:
        """Return the state after a step; a result of None, of a node that has not finished, changes nothing."""
        pulled: list[tuple[str, Any]] = []
        pushed: list[tuple[str, Any]] = []
        for (name, sent), result in zip(self._due(state), results, strict=True):
            if result is not None:
                (pulled if sent is None else pushed).append((name, result))
        done = [*pulled, *pushed]
        values = {**state.values, **self.plan.merged(state.values, [result for _, result in done])}
        return self._led(state, values, state.deferred, done, tuple(dict(pulled)))

    def _led(
        self,
        before: Standing,
        values: Mapping[str, Any],
        waiting: Sequence[str],
        results: Sequence[tuple[str, Any]],
        ran: tuple[str, ...],
    ) -> Standing:
        """Return the state after a step, with the nodes that its results lead to.

        Args:
            before: the state before it.
            values: what it has written included.
            waiting: nodes that wait until nothing else is left to run.
            results: what the nodes of the step came to.
            ran: those of them that an update may stand for.
        """
        led: set[str] = set()
        sends: list[Send] = []
        for name, result in results:
            if not result.get("handled"):
                led.update(self.plan.nodes[name].targets)
            for target in result.get("goto", ()):
                sends.append(target) if isinstance(target, Send) else led.add(target)
        joins: Mapping[str, tuple[str, ...]] = {}
        if self.plan.joins:
            joins = self._arrived(before.joins, results)
            led |= self._joined(joins)
        known = self.plan.nodes
        wanted = sorted([name for name in led if name in known and name != START])
        nodes = [name for name in wanted if not known[name].defer]
        deferred = sorted({*waiting, *(name for name in wanted if known[name].defer)})
        sends = [send for send in sends if send.node in known]
        if not nodes and not sends:
            nodes, deferred = deferred, []
        return Standing(
            values=values,
            nodes=tuple(nodes),
            sends=tuple(sends),
            deferred=tuple(deferred),
            joins=joins,
            ran=ran or before.ran,
            number=before.number + 1,
        )

    def _arrived(
        self, before: Mapping[str, tuple[str, ...]], results: Sequence[tuple[str, Any]]
    ) -> dict[str, tuple[str, ...]]:
        """Return which nodes have run that joins wait for; one that was complete and has run waits anew."""
        ran = [name for name, _ in results]
        count = [name for name, result in results if not result.get("handled")]
        joins = {}
        for join in self.plan.joins:
            held = before.get(join.name, ())
            if join.end in ran and len(held) == len(set(join.starts)):
                held = ()
            joins[join.name] = tuple(sorted({*held, *(name for name in count if name in join.starts)}))
        return {name: arrived for name, arrived in joins.items() if arrived}

    def _joined(self, joins: Mapping[str, tuple[str, ...]]) -> set[str]:
        """Return the nodes for which everything has arrived."""
        return {join.end for join in self.plan.joins if set(joins.get(join.name, ())) == set(join.starts)}

    # --- from outside ---

    def functions(self) -> Sequence[Function]:
        return [node.function for node in self.plan.nodes.values()]

    def find(self, name: str) -> Program | None:
        return next((inner for node in self.plan.nodes.values() for inner in node.inner if inner.name == name), None)

    def command(self, command: Command[Any]) -> NodeResult:
        return self.plan.result(command)

    def told(self, state: Standing, result: NodeResult) -> Standing:
        values = {**state.values, **self.plan.merged(state.values, [result])}
        goto = result.get("goto", [])
        sends = [target for target in goto if isinstance(target, Send) and target.node in self.plan.nodes]
        names = [name for name in goto if isinstance(name, str) and name in self.plan.nodes and name not in state.nodes]
        return state._replace(values=values, sends=(*state.sends, *sends), added=(*state.added, *names))

    def check(self, updates: Sequence[StateUpdate]) -> None:
        for update in updates:
            if update.as_node not in (None, END) and update.as_node not in self.plan.nodes:
                raise InvalidUpdateError(f"Node {update.as_node} does not exist")

    def by_hand(self, state: Standing | None, updates: Sequence[StateUpdate]) -> Kept:
        base = state or self.begin(None, None)
        results: list[tuple[str, NodeResult]] = []
        for values, as_node, _ in updates:
            if as_node == END:
                return self.kept(base._replace(nodes=(), sends=(), added=(), deferred=()))
            name = as_node or self._last(base)
            results.append((name, self.stood_for(base, name, values)))
        merged = {**base.values, **self.plan.merged(base.values, [result for _, result in results])}
        stood = tuple(dict.fromkeys(name for name, _ in results))
        # A deferred node whose turn had come still waits for it.
        waiting = [name for name in base.nodes if self.plan.nodes[name].defer and name not in stood]
        return self.kept(self._led(base, merged, (*base.deferred, *waiting), results, stood))

    def stood_for(self, state: Standing, name: str, values: Any) -> NodeResult:
        if name not in self.plan.nodes:
            raise InvalidUpdateError(f"Node {name} does not exist")
        result = self.plan.taken_in(values) if name == START else self.plan.result(values)
        seen = {**state.values, **self.plan.merged(state.values, [result])}
        for branch in self.plan.nodes[name].branches:
            if branch.is_async:
                raise InvalidUpdateError(f"Node {name} has an async conditional edge, which only a run can ask")
            # Outside a run there is nothing to offer.
            led = branch.targets(branch.call(coerced(branch.schema, seen), **dict.fromkeys(branch.inject)))
            result["goto"] = [*result.get("goto", ()), *led]
        return result

    def _last(self, state: Standing) -> str:
        """Return the node that ran last."""
        if len(state.ran) > 1:
            raise InvalidUpdateError("Ambiguous update, specify as_node")
        return state.ran[0] if state.ran else START
