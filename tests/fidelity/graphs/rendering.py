"""From a shape to a graph of the package under test."""

import asyncio
import operator
import time
from collections import Counter
from typing import Annotated, Any, TypedDict

from tests.fidelity.api import Api
from tests.fidelity.graphs.shapes import MOST_TURNS, Back, Branch, Edges, Goto, Node, Shape, Spread

NAMES = "dbgafce"
"""Names of nodes, in another order than they are added in."""


class Boom(Exception):
    """What generated graphs fail with."""


class State(TypedDict):
    """The state of generated graphs; `last` takes one value a step."""

    log: Annotated[list, operator.add]
    found: Annotated[list, operator.add]
    turns: Annotated[int, operator.add]
    last: str


class Given(TypedDict):
    """What an inner graph reads."""

    log: list
    sent: str


class Found(TypedDict):
    """What an inner graph writes."""

    found: list


class Inner(Given, Found):
    """The state of inner graphs."""


class Workflow:
    """A shape as a graph; `ran` counts how often each piece of code ran.

    Args:
        shape: the graph.
        api: the package under test.
        settle: how many seconds a node waits before it fails, for those beside it to finish: whether LangGraph
            shows and keeps a sibling that runs while another one fails is chance.
    """

    def __init__(self, shape: Shape, api: Api, settle: float) -> None:
        self.ran: Counter[str] = Counter()
        self._api = api
        self._shape = shape
        self._passed: Counter[tuple[int, str]] = Counter()
        failing = [node.id for node in shape.nodes if node.failures]
        self._waits = {each: settle * (rank + 1) for rank, each in enumerate(failing)}
        self._task = self._tasks(shape.is_async)
        builder = api.StateGraph(State)
        for node in shape.nodes:
            self._add(builder, node)
        for start in shape.starts:
            builder.add_edge(api.START, NAMES[start])
        for starts, end in shape.joins:
            builder.add_edge([NAMES[start] for start in starts], NAMES[end])
        self.flow = builder.compile(
            checkpointer=api.new_saver(),
            interrupt_before=[NAMES[place] for place in shape.before],
            interrupt_after=[NAMES[place] for place in shape.after],
        )

    def _tasks(self, is_async: bool) -> Any:
        def work(name: str, n: int) -> Any:
            self.ran[f"work of {name}"] += 1
            return [name, n]

        async def awork(name: str, n: int) -> Any:
            return work(name, n)

        return self._api.task(name="work")(awork if is_async else work)

    # --- wiring ---

    def _add(self, builder: Any, node: Node) -> None:
        name = NAMES[node.id]
        policy = self._api.now(max_attempts=node.attempts, retry_on=Boom) if node.attempts else None
        action = self._node(node) if node.inner is None else self._inner(node)
        builder.add_node(name, action, retry_policy=policy, defer=node.defer)
        match node.way:
            case Edges(targets):
                for target in targets:
                    builder.add_edge(name, NAMES[target])
            case Branch(options, mapped):
                self._branch(builder, name, options, mapped)
            case Spread(target, count, by_command=False):
                builder.add_conditional_edges(name, lambda state: self._sends(node, _own(node, state), target, count))
            case Back(target):
                way = NAMES[target]
                builder.add_conditional_edges(name, lambda state: way if state["turns"] < MOST_TURNS else self._api.END)

    def _branch(self, builder: Any, name: str, options: tuple[tuple[int, ...], ...], mapped: bool) -> None:
        def route(state: Any) -> Any:
            chosen = options[len(state["log"]) % len(options)]
            return list(chosen) if mapped else [self._name(place) for place in chosen]

        paths = {place: self._name(place) for option in options for place in option}
        builder.add_conditional_edges(name, route, paths if mapped else None)

    def _name(self, id: int) -> str:
        return self._api.END if id < 0 else NAMES[id]

    def _sends(self, node: Node, label: str, target: int, count: int) -> list[Any]:
        args = [{"sent": f"{label}{NAMES[node.id]}{n}", "log": []} for n in range(count)]
        return [self._api.Send(NAMES[target], arg) for arg in args]

    # --- nodes ---

    def _inner(self, node: Node) -> Any:
        name = NAMES[node.id]

        def first(state: Any) -> Any:
            self.ran[f"{name}.first"] += 1
            return {"found": [f"{name}.first", len(state["log"])]}

        def second(state: Any) -> Any:
            self.ran[f"{name}.second"] += 1
            label = state.get("sent", "")
            answers = [self._api.interrupt(f"{name}{label} inner {n}") for n in range(node.inner or 0)]
            return {"found": [*state["found"], f"{name}.second", *answers, label]}

        builder = self._api.StateGraph(Inner, input_schema=Given, output_schema=Found)
        builder.add_node("first", first).add_node("second", second).add_edge(self._api.START, "first")
        return builder.add_edge("first", "second").compile()

    def _node(self, node: Node) -> Any:
        name = NAMES[node.id]

        def sync_node(state: Any) -> Any:
            label = state.get("sent", "")
            self._begin(node)
            results = [self._task(name, n).result() for n in range(node.tasks)]
            answers = self._answers(node, label)
            if self._fails(node, label):
                time.sleep(self._wait(node, label))
                raise Boom(f"{name} fails for the {self._passed[node.id, label]}. time")
            return self._end(node, state, label, [results, answers])

        async def async_node(state: Any) -> Any:
            label = state.get("sent", "")
            self._begin(node)
            results = [await self._task(name, n) for n in range(node.tasks)]
            answers = self._answers(node, label)
            if self._fails(node, label):
                await asyncio.sleep(self._wait(node, label))
                raise Boom(f"{name} fails for the {self._passed[node.id, label]}. time")
            return self._end(node, state, label, [results, answers])

        # A coroutine that awaits nothing but its tasks cannot call tasks from a thread, nor be cancelled there.
        threaded = node.threaded and not node.tasks and not node.failures
        return async_node if self._shape.is_async and not threaded else sync_node

    def _begin(self, node: Node) -> None:
        self.ran[NAMES[node.id]] += 1
        if node.custom:
            self._api.get_stream_writer()(f"{NAMES[node.id]} writes")

    def _answers(self, node: Node, label: str) -> list[Any]:
        return [self._api.interrupt(f"{NAMES[node.id]}{label} question {n}") for n in range(node.questions)]

    def _fails(self, node: Node, label: str) -> bool:
        # Of several tasks of one node that run in one step only one may fail, or it were chance which error shows.
        if not node.failures or label != self._failing_label(node.id):
            return False
        self._passed[node.id, label] += 1
        return self._passed[node.id, label] <= node.failures

    def _wait(self, node: Node, label: str) -> float:
        # An attempt that is followed by another one need not wait; nodes that fail for good do so one after another.
        last = not node.attempts or self._passed[node.id, label] % node.attempts == 0
        return self._waits[node.id] if last else 0.0

    def _failing_label(self, id: int) -> str:
        shape = self._shape
        senders = [n for n in shape.nodes if isinstance(n.way, Spread) and n.way.target == id]
        pulled = id in shape.starts or any(id == end for _, end in shape.joins)
        pulled = pulled or any(id in _targets(node) for node in shape.nodes)
        return "" if pulled or not senders else f"{NAMES[senders[0].id]}0"

    def _end(self, node: Node, state: Any, label: str, seen: list[Any]) -> Any:
        name, length = NAMES[node.id], len(state["log"])
        update: dict[str, Any] = {"log": [[name, label, length, *seen]]}
        if node.plain:
            update["last"] = name
        if isinstance(node.way, Back):
            update["turns"] = 1
        match node.way:
            case Goto(options):
                goto = [self._name(place) for place in options[length % len(options)]]
                return self._api.Command(update=update, goto=goto)
            case Spread(target, count, by_command=True):
                return self._api.Command(update=update, goto=self._sends(node, label, target, count))
        return update


def _own(node: Node, state: Any) -> str:
    """Return how the task was sent that a branch leaves; its own update is the last one that the branch sees."""
    if node.inner is not None:
        return state["found"][-1] if state["found"] else ""
    return state["log"][-1][1] if isinstance(state["log"][-1], list) else ""


def _targets(node: Node) -> set[int]:
    match node.way:
        case Edges(targets):
            return set(targets)
        case Branch(options) | Goto(options):
            return {place for option in options for place in option}
        case Back(target):
            return {target}
    return set()
