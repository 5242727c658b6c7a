"""`StateGraph`: a graph of nodes that read and write a common state."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from types import GenericAlias
from typing import Any, NamedTuple, Self, cast

from lgrun._engine.model import Function
from lgrun._engine.program import Names, Pauses, Program
from lgrun._engine.retry import as_policies
from lgrun._signature import Timeout, injected, is_async, name_of, timeout_of
from lgrun.cache.base import BaseCache
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.constants import END, START
from lgrun.graph._node import configured, runner
from lgrun.graph._plan import Branch, Join, NodePlan, Plan
from lgrun.graph._program import GraphProgram
from lgrun.graph._reading import Action, annotated, ends, labelled, literals, named
from lgrun.graph._schema import Key, keys_of
from lgrun.store.base import BaseStore
from lgrun.types import CachePolicy, RetryPolicy
from lgrun.workflow import Extras, Workflow, check_saver, workflows_in

__all__ = ["CompiledStateGraph", "StateGraph"]

_RESERVED = "|:"


@dataclass(frozen=True, slots=True)
class _Node:
    """A node as it was added."""

    action: Any
    schema: Any
    retry: Sequence[RetryPolicy]
    timeout: Timeout
    handler: Action | None
    ends: Mapping[str, str | None]
    defer: bool
    metadata: Mapping[str, Any]
    cache: CachePolicy | None

    @property
    def inner(self) -> list[Workflow]:
        """The workflow that it is, or those that its code names."""
        if isinstance(self.action, Workflow):
            return [self.action]
        return workflows_in(self.action) if callable(self.action) else []


class _Defaults(NamedTuple):
    """What nodes get that are added without their own."""

    retry: Sequence[RetryPolicy] = ()
    handler: Action | None = None
    timeout: Timeout = None
    cache: CachePolicy | None = None


class StateGraph:
    """A graph of nodes; `compile` makes a workflow of it.

    A node is a function of the state; what it returns (a dict of keys to write, a Command, None) is merged into it.

    Args:
        state_schema: the state: a TypedDict, a dataclass or a pydantic model. A key annotated `Annotated[T, f]` has
            the reducer `f(old, new)`; any other key takes one write in a step.
        context_schema: of the `context` that runs are given.
        input_schema: the keys that the input may have; by default the state's.
        output_schema: the keys that are returned and streamed; by default the state's.

    Raises:
        TypeError: a schema is none.
        ValueError: a reducer does not take two arguments.
    """

    def __init__(
        self, state_schema: Any, context_schema: Any = None, *, input_schema: Any = None, output_schema: Any = None
    ) -> None:
        self.state_schema = state_schema
        self.context_schema = context_schema
        self.input_schema = input_schema or state_schema
        self.output_schema = output_schema or state_schema
        self.nodes: dict[str, _Node] = {}
        self.edges: set[tuple[str, str]] = set()
        self.joins: list[Join] = []
        self.branches: dict[str, dict[str, Branch]] = {}
        self._defaults = _Defaults()
        self._keys: dict[str, Key] = {}
        for schema in (state_schema, self.input_schema, self.output_schema):
            self._declare(schema)

    # Type arguments, as in StateGraph[State, Context], are for readers and for the types of other packages.
    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    def _declare(self, schema: Any) -> None:
        for name, key in keys_of(schema).items():
            known = self._keys.get(name)
            if known is None or known.reducer is None:
                self._keys[name] = key
            elif key.reducer is not None and key.reducer is not known.reducer:
                raise ValueError(f"Channel '{name}' already exists with a different type")

    # --- building ---

    def add_node(
        self,
        node: str | Action,
        action: Action | None = None,
        *,
        defer: bool = False,
        metadata: Mapping[str, Any] | None = None,
        input_schema: Any = None,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy | None = None,
        timeout: Timeout = None,
        error_handler: Action | None = None,
        destinations: Mapping[str, str] | Sequence[str] | None = None,
    ) -> Self:
        """Add a node.

        Args:
            node: its name; or the function, whose name it gets.
            action: a function of the state, or a compiled graph or entrypoint.
            defer: run it when nothing else is left to run.
            metadata: the user's own.
            input_schema: the part of the state that it sees; by default that of its first parameter's annotation.
            retry_policy: when to try again after an error; of several, the first that matches decides.
            cache_policy: which inputs are the same, so that the graph's cache may answer for it.
            timeout: how long an attempt may take, in seconds, as a timedelta or a TimeoutPolicy; async functions only.
            error_handler: runs in its place when it has failed for good; it may ask for a `NodeError` by annotation.
            destinations: where its Commands may lead, for drawings.

        Raises:
            ValueError: the name is taken, reserved or not allowed; a timeout for a sync function.
            TypeError: the action is neither a function nor a workflow.
        """
        name, action = named(node, action)
        if name in self.nodes:
            raise ValueError(f"Node `{name}` already present.")
        if name in (START, END):
            raise ValueError(f"Node `{name}` is reserved.")
        for character in _RESERVED:
            if character in name:
                raise ValueError(f"'{character}' is a reserved character and is not allowed in the node names.")
        schema = input_schema or annotated(action) or self.state_schema
        self._declare(schema)
        if timeout is not None:
            timeout_of(timeout, cast("Callable[..., Any]", action), f"Node {name!r}")
        self.nodes[name] = _Node(
            action=action,
            schema=schema,
            retry=as_policies(retry_policy),
            timeout=timeout,
            handler=error_handler,
            ends=labelled(destinations or literals(action)),
            defer=defer,
            metadata=dict(metadata or {}),
            cache=cache_policy,
        )
        return self

    def add_edge(self, start_key: str | list[str], end_key: str) -> Self:
        """Lead from a node to another one; from a list of nodes when all of them have run.

        Raises:
            ValueError: it starts at END, ends at START, or names a node of a list that does not exist.
        """
        starts = [start_key] if isinstance(start_key, str) else list(start_key)
        if END in starts:
            raise ValueError("END cannot be a start node")
        if end_key == START:
            raise ValueError("START cannot be an end node")
        if isinstance(start_key, str):
            self.edges.add((start_key, end_key))
            return self
        for name in [*starts, *([] if end_key == END else [end_key])]:
            if name not in self.nodes:
                raise ValueError(f"Need to add_node `{name}` first")
        self.joins.append(Join(tuple(starts), end_key))
        return self

    def add_conditional_edges(
        self, source: str, path: Callable[..., Any], path_map: Mapping[Hashable, str] | list[str] | None = None
    ) -> Self:
        """Lead from a node to wherever a function of the state says: a name, a Send, END, or several of them.

        Args:
            source: the node.
            path: the function, sync or async.
            path_map: names by what the function returns; by default it returns names.

        Raises:
            ValueError: the node has a branch of that name already.
        """
        name = name_of(path)
        if name in self.branches.get(source, {}):
            raise ValueError(f"Branch with name `{name}` already exists for node `{source}`")
        known = self.nodes.get(source)
        schema = annotated(path) or (known.schema if known else self.state_schema)
        self._declare(schema)
        leads, inject = ends(path, path_map), injected(path, skip=1)
        self.branches.setdefault(source, {})[name] = Branch(name, path, is_async(path), leads, schema, inject)
        return self

    def set_node_defaults(
        self,
        *,
        retry_policy: RetryPolicy | Sequence[RetryPolicy] | None = None,
        cache_policy: CachePolicy | None = None,
        error_handler: Action | None = None,
        timeout: Timeout = None,
    ) -> Self:
        """Set what nodes get that are added without their own; see `add_node`."""
        self._defaults = _Defaults(as_policies(retry_policy), error_handler, timeout, cache_policy)
        return self

    def add_sequence(self, nodes: Sequence[Action | tuple[str, Action]]) -> Self:
        """Add nodes that run one after another.

        Raises:
            ValueError: there are none, or a name is taken.
        """
        if not nodes:
            raise ValueError("Sequence requires at least one node.")
        before: str | None = None
        for node in nodes:
            name, action = named(*node) if isinstance(node, tuple) else named(node, None)
            self.add_node(name, action)
            if before is not None:
                self.add_edge(before, name)
            before = name
        return self

    def set_entry_point(self, key: str) -> Self:
        """Begin with a node: an edge from START."""
        return self.add_edge(START, key)

    def set_conditional_entry_point(
        self, path: Callable[..., Any], path_map: Mapping[Hashable, str] | list[str] | None = None
    ) -> Self:
        """Begin wherever a function of the input says: a conditional edge from START."""
        return self.add_conditional_edges(START, path, path_map)

    def set_finish_point(self, key: str) -> Self:
        """End after a node: an edge to END."""
        return self.add_edge(key, END)

    # --- compiling ---

    def validate(self, interrupt: Sequence[str] | None = None) -> Self:
        """Check that every edge leads from and to nodes that exist, and that there is a beginning.

        Args:
            interrupt: names of nodes that must exist too.

        Raises:
            ValueError: what is wrong.
        """
        starts = {start for start, _ in self.edges} | set(self.branches)
        starts |= {start for join in self.joins for start in join.starts}
        for start in sorted(starts):
            if start not in self.nodes and start != START:
                raise ValueError(f"Found edge starting at unknown node '{start}'")
        if START not in starts:
            raise ValueError("Graph must have an entrypoint: add at least one edge from START to another node")
        for end in sorted({end for _, end in self.edges} | {join.end for join in self.joins}):
            if end not in self.nodes and end != END:
                raise ValueError(f"Found edge ending at unknown node `{end}`")
        for start, branches in self.branches.items():
            for branch in branches.values():
                for end in (branch.ends or {}).values():
                    if end not in self.nodes and end != END:
                        raise ValueError(f"At '{start}' node, '{branch.name}' branch found unknown target '{end}'")
        for name in interrupt or ():
            if name not in self.nodes:
                raise ValueError(f"Interrupt node `{name}` not found")
        return self

    def compile(
        self,
        checkpointer: BaseCheckpointSaver | bool | None = None,
        *,
        cache: BaseCache[Any] | None = None,
        store: BaseStore | None = None,
        interrupt_before: Names | None = None,
        interrupt_after: Names | None = None,
        debug: bool = False,
        name: str | None = None,
    ) -> "CompiledStateGraph":
        """Return the graph as a workflow.

        Args:
            checkpointer: where threads are saved; None inside another workflow means that workflow's; True there
                means, besides, that the graph remembers its state from one call to the next.
            cache: where results of nodes and tasks with a cache policy are kept for other threads and runs.
            store: long-term memory, shared by all threads.
            interrupt_before, interrupt_after: `"*"`, or a list of nodes before or after which its runs stop.
            debug: print updates and values while it runs.
            name: of the graph, `LangGraph` by default.

        Raises:
            ValueError: the graph is not whole; see `validate`.
            TypeError: the checkpointer is none.
        """
        if checkpointer is not None and not isinstance(checkpointer, bool):
            check_saver(checkpointer)
        pauses = Pauses(interrupt_before or (), interrupt_after or ())
        self.validate([name for names in pauses if names != "*" for name in names])
        made: list[Plan] = []
        plan = self._plan(name or "LangGraph", pauses, lambda: made[0])
        made.append(plan)
        return CompiledStateGraph(
            self,
            GraphProgram(plan),
            checkpointer=checkpointer,
            is_async=any(node.function.is_async for node in plan.nodes.values()),
            extras=Extras(store, cache, self.context_schema),
            debug=debug,
        )

    def _plan(self, name: str, pauses: Pauses, plan: Callable[[], Plan]) -> Plan:
        nodes = {START: self._entry(plan)}
        for rank, (key, node) in enumerate(self.nodes.items()):
            nodes[key] = self._node(key, node, rank, plan)
        joined = {key: [f"branch:to:{key}"] for key in self.nodes}
        for join in self.joins:
            if join.end != END:
                joined[join.end].append(join.name)
        return Plan(
            name=name,
            keys=dict(self._keys),
            inputs=tuple(keys_of(self.input_schema)),
            outputs=tuple(keys_of(self.output_schema)),
            nodes=nodes,
            joins=tuple(self.joins),
            pauses=pauses,
            triggers={key: tuple(sorted(causes)) for key, causes in joined.items()},
        )

    def _entry(self, plan: Callable[[], Plan]) -> NodePlan:
        branches = tuple(self.branches.get(START, {}).values())
        any_async = any(branch.is_async for branch in branches)
        function = Function(START, runner(plan, None, branches, is_async=any_async), any_async)
        return NodePlan(START, function, self.input_schema, self._targets(START), branches)

    def _node(self, name: str, node: _Node, rank: int, plan: Callable[[], Plan]) -> NodePlan:
        branches = tuple(self.branches.get(name, {}).values())
        own, common = node.handler, self._defaults.handler
        handler = None
        if own is not None or common is not None:
            title = f"__error_handler__{name}" if own else "__default_error_handler__"
            handler = _function(title, own or common, (), plan, handles=True)
        function = _function(name, node.action, branches, plan)
        limit = node.timeout or (self._defaults.timeout if function.is_async else None)
        timeout = None if limit is None else timeout_of(limit, node.action, f"Node {name!r}")
        return NodePlan(
            name=name,
            function=function._replace(
                retry=node.retry or self._defaults.retry,
                timeout=timeout,
                cache=node.cache or self._defaults.cache,
                metadata=node.metadata,
                origin=node.action,
            ),
            schema=node.schema,
            targets=self._targets(name),
            branches=branches,
            handler=handler,
            defer=node.defer,
            inner=tuple(inner._program for inner in node.inner),
            rank=rank,
        )

    def _targets(self, name: str) -> tuple[str, ...]:
        return tuple(sorted(end for start, end in self.edges if start == name and end != END))


class CompiledStateGraph(Workflow):
    """A compiled graph: a workflow.

    Attributes:
        builder: the graph it was compiled from.
    """

    __class_getitem__ = classmethod(GenericAlias)  # type: ignore[var-annotated]

    def __init__(
        self,
        builder: StateGraph,
        program: GraphProgram,
        *,
        checkpointer: BaseCheckpointSaver | bool | None,
        is_async: bool,
        extras: Extras,
        debug: bool,
    ) -> None:
        def graph(input: Any) -> Any:
            """Stand for the graph where a function's signature is read."""

        graph.__doc__ = None
        super().__init__(program, checkpointer=checkpointer, retry=(), is_async=is_async, source=graph, extras=extras)
        self.builder = builder
        self.debug = debug
        self.input_annotation = builder.input_schema

    def _nests(self) -> bool:
        return False

    def _find(self, name: str) -> Program | None:
        return None


def _function(
    name: str, action: Any, branches: Sequence[Branch], plan: Callable[[], Plan], *, handles: bool = False
) -> Function:
    if isinstance(action, Workflow):
        runs_async = action._is_async
        call: Any = action.ainvoke if runs_async else action.invoke
        call = configured(call) if action.config else call
        inject: frozenset[str] = frozenset()
    elif callable(action):
        call, runs_async, inject = action, is_async(action), injected(action, skip=1)
    else:
        call, runs_async, inject = action.invoke, False, frozenset()
    any_async = runs_async or any(branch.is_async for branch in branches)
    return Function(name, runner(plan, call, branches, is_async=any_async, handles=handles), any_async, inject)
