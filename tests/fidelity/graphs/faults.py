"""Faults to put into lgrun's graphs, each small enough to slip in, to see that some program notices."""

from dataclasses import replace
from typing import Any

import pytest

from lgrun._engine import lifecycle
from lgrun._engine.replay import Calls
from lgrun._engine.steps import Course
from lgrun.constants import START
from lgrun.graph import _schema
from lgrun.graph._plan import Branch, Plan
from lgrun.graph._program import GraphProgram
from tests.fidelity.faults import Fault, fault_of

Patch = pytest.MonkeyPatch

FAULTS: dict[str, tuple[Fault, str]] = {}
"""Each fault by name, with the area whose programs are tried first."""

fault = fault_of(FAULTS)


@fault("routing")
def updates_are_applied_in_reverse(patch: Patch) -> None:
    """The last node's update comes first."""
    merged = Plan.merged
    patch.setattr(Plan, "merged", lambda self, values, results: merged(self, values, [*results][::-1]))


@fault("routing")
def joins_do_not_wait(patch: Patch) -> None:
    """The first arrival releases a join."""
    patch.setattr(
        GraphProgram,
        "_joined",
        lambda self, joins: {join.end for join in self.plan.joins if joins.get(join.name)},
    )


@fault("routing")
def deferred_nodes_do_not_wait(patch: Patch) -> None:
    """They run like all others."""
    init = Plan.__init__

    def wrong(self: Any, *args: Any, **parts: Any) -> None:
        nodes = {name: replace(node, defer=False) for name, node in parts.pop("nodes").items()}
        init(self, *args, nodes=nodes, **parts)

    patch.setattr(Plan, "__init__", wrong)


@fault("sending")
def sends_get_each_others_inputs(patch: Patch) -> None:
    """Of several Sends of a step, each gets the input of another one."""
    due = GraphProgram._due

    def wrong(self: Any, state: Any) -> Any:
        swapped = [replace_arg(send, other.arg) for send, other in zip(state.sends, state.sends[::-1], strict=True)]
        return due(self, replace(state, sends=tuple(swapped)))

    def replace_arg(send: Any, arg: Any) -> Any:
        return type(send)(send.node, arg)

    patch.setattr(GraphProgram, "_due", wrong)


@fault("updates")
def overwrites_are_plain_writes(patch: Patch) -> None:
    """What is to replace a key's value is added to it."""
    patch.setattr(_schema, "Overwrite", type("Overwrite", (), {}))


@fault("updates")
def the_last_of_several_writes_wins(patch: Patch) -> None:
    """Two nodes of a step may write one key."""
    merged = _schema.Key.merged

    def wrong(self: Any, values: Any, writes: Any) -> Any:
        return merged(self, values, writes if self.reducer else writes[-1:])

    patch.setattr(_schema.Key, "merged", wrong)


@fault("routing")
def branches_lead_nowhere(patch: Patch) -> None:
    """What a conditional edge says is not done."""
    patch.setattr(Branch, "targets", lambda self, answer: [])


@fault("errors")
def siblings_of_a_failed_node_run_again(patch: Patch) -> None:
    """After an error, what finished beside it is not known."""
    init = Calls.__init__

    def wrong(self: Any, writes: Any = ()) -> None:
        failed = any(write.kind == "error" for write in writes)
        init(self, [write for write in writes if not (failed and write.kind == "result")])

    patch.setattr(Calls, "__init__", wrong)


@fault("sending")
def commands_lead_nowhere(patch: Patch) -> None:
    """Where a node's Command leads is not done."""
    result = Plan.result

    def wrong(self: Any, returned: Any) -> Any:
        found = result(self, returned)
        found.pop("goto", None)
        return found

    patch.setattr(Plan, "result", wrong)


@fault("state")
def updates_by_hand_are_always_the_last_nodes(patch: Patch) -> None:
    """`as_node` is not looked at."""
    stood_for = GraphProgram.stood_for

    def wrong(self: Any, state: Any, name: str, values: Any) -> Any:
        return stood_for(self, state, state.ran[0] if state.ran else START, values)

    patch.setattr(GraphProgram, "stood_for", wrong)


@fault("questions")
def breakpoints_stop_every_time(patch: Patch) -> None:
    """A run that was stopped before a node stops there again."""
    before = Course.before

    def wrong(self: Any, *args: Any) -> Any:
        self._tried = False
        return before(self, *args)

    patch.setattr(Course, "before", wrong)


@fault("state")
def what_comes_next_is_not_saved(patch: Patch) -> None:
    """A checkpoint holds values only."""
    kept = GraphProgram.kept
    patch.setattr(GraphProgram, "kept", lambda self, state: kept(self, state)._replace(frontier={}))


@fault("streams")
def untouched_values_are_streamed(patch: Patch) -> None:
    """`values` shows the state after each step, whether it changed or not."""
    patch.setattr(lifecycle, "wrote", lambda calls, results: None)


@fault("routing")
def one_step_too_few(patch: Patch) -> None:
    """The recursion limit is counted from 1."""
    init = Course.__init__

    def wrong(self: Any, *args: Any, **options: Any) -> None:
        init(self, *args, **options)
        self._done = 1

    patch.setattr(Course, "__init__", wrong)
