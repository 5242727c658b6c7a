"""Snapshots, history, updates by hand, time travel, durability."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def doubling(api: Api, ran: list[Any] | None = None) -> Any:
    """Return a workflow of one task that remembers what it returned."""

    @api.task
    def double(x: int) -> int:
        if ran is not None:
            ran.append(x)
        return x * 2

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, *, previous: Any = None) -> Any:
        return [double(x).result(), previous]

    return main


def asking(api: Api, ran: list[Any] | None = None) -> Any:
    """Return a workflow that asks between two tasks."""

    @api.task
    def double(x: int) -> int:
        if ran is not None:
            ran.append(x)
        return x * 2

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, *, previous: Any = None) -> Any:
        y = double(x).result()
        answer = api.interrupt(f"{x}?")
        return {"y": double(y).result(), "answer": answer, "previous": previous}

    return main


def whole(flow: Any, **options: Any) -> list[Any]:
    """Return a thread's history."""
    return list(flow.get_state_history(THREAD, **options))


def brief(flow: Any) -> list[Any]:
    """Return a thread's history without its steps."""
    return [(s.values, s.next, s.metadata, s.config, s.parent_config) for s in whole(flow)]


def at(snapshot: Any) -> dict[str, Any]:
    """Return the configuration that names a snapshot's checkpoint."""
    names = snapshot.config["configurable"]
    return {"configurable": {"thread_id": names["thread_id"], "checkpoint_id": names["checkpoint_id"]}}


@program
def an_unknown_thread(api: Api) -> Iterator[Any]:
    """An empty snapshot and no history."""
    flow = doubling(api)
    yield flow.get_state(THREAD), whole(flow)


@program
def after_one_run(api: Api) -> Iterator[Any]:
    """Two checkpoints."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    yield flow.get_state(THREAD), whole(flow)


@program
def after_three_runs(api: Api) -> Iterator[Any]:
    """Steps go on, values are those of the last completed run."""
    flow = doubling(api)
    for n in (1, 2, 3):
        flow.invoke(n, THREAD)
    yield whole(flow)


@program
def while_waiting_and_after(api: Api) -> Iterator[Any]:
    """A question is in the snapshot, then in the history."""
    flow = asking(api)
    for given in (1, api.Command(resume="a"), 2, None, api.Command(resume="b")):
        flow.invoke(given, THREAD)
        yield flow.get_state(THREAD)
    yield whole(flow)


@program
def after_an_error(api: Api) -> Iterator[Any]:
    """The error's repr is in the snapshot, values are unchanged."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        if x > 1:
            raise KeyError("bad", x)
        return x

    for n in (1, 2, 1, 3):
        attempt(main.invoke, n, THREAD)
        yield main.get_state(THREAD)
    yield whole(main)


@program
def history_options(api: Api) -> Iterator[Any]:
    """Filter, before, limit, and all of them."""
    flow = doubling(api)
    for n in (1, 2, 3):
        flow.invoke(n, {**THREAD, "metadata": {"user": f"u{n % 2}", "n": n}})
    everything = whole(flow)
    yield everything[0].metadata
    for options in (
        {"filter": {"user": "u1"}},
        {"filter": {"source": "loop"}},
        {"filter": {"step": 1}},
        {"filter": {"user": "u1", "source": "input"}},
        {"filter": {"nobody": 1}},
        {"limit": 2},
        {"limit": 0},
        {"before": everything[2].config},
        {"before": everything[1].config, "limit": 1},
        {"before": everything[1].config, "filter": {"source": "loop"}},
    ):
        yield [(s.values, s.metadata) for s in whole(flow, **options)]


@program
def state_at_a_checkpoint(api: Api) -> Iterator[Any]:
    """Each entry of the history can be looked up."""
    flow = asking(api)
    for given in (1, api.Command(resume="a"), 2):
        flow.invoke(given, THREAD)
    for entry in whole(flow):
        yield flow.get_state(entry.config) == entry, flow.get_state(at(entry)).values, entry.next


@program
def updates_by_hand(api: Api) -> Iterator[Any]:
    """A new checkpoint, which is `previous` for the next run."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    yield flow.update_state(THREAD, "by hand")
    yield flow.get_state(THREAD)
    yield flow.invoke(2, THREAD)
    flow.update_state(THREAD, None)
    yield flow.invoke(3, THREAD), brief(flow)


@program
def an_update_of_a_new_thread(api: Api) -> Iterator[Any]:
    """Begins it."""
    flow = doubling(api)
    flow.update_state(THREAD, 5)
    yield flow.get_state(THREAD)
    yield flow.invoke(1, THREAD), brief(flow)


@program
def an_update_as_a_node(api: Api) -> Iterator[Any]:
    """The workflow's name, or an error."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    flow.update_state(THREAD, 7, as_node="main")
    yield flow.get_state(THREAD).values
    yield attempt(flow.update_state, THREAD, 7, as_node="zz", text=False)


@program
def an_update_with_final(api: Api) -> Iterator[Any]:
    """Is unpacked."""
    flow = doubling(api)
    flow.update_state(THREAD, api.entrypoint.final(value="shown", save="saved"))
    yield flow.get_state(THREAD).values, flow.invoke(1, THREAD)


@program
def an_update_of_a_waiting_thread(api: Api) -> Iterator[Any]:
    """Finishes the run."""
    flow = asking(api)
    flow.invoke(1, THREAD)
    flow.update_state(THREAD, "enough")
    yield flow.get_state(THREAD)
    yield flow.invoke(None, THREAD), flow.invoke(2, THREAD)
    yield brief(flow)


@program
def bulk_updates(api: Api) -> Iterator[Any]:
    """One checkpoint for each."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    yield flow.bulk_update_state(THREAD, [[api.StateUpdate("a", "main")], [api.StateUpdate("b", "main")]])
    yield brief(flow), flow.invoke(2, THREAD)
    yield attempt(flow.bulk_update_state, THREAD, [], text=False)


@program
def a_new_input_at_an_old_end(api: Api) -> Iterator[Any]:
    """Branches: `previous` is what it was there."""
    flow = doubling(api)
    for n in (1, 2, 3):
        flow.invoke(n, THREAD)
    old = whole(flow)[4]
    yield old.values, flow.invoke(10, at(old))
    yield flow.get_state(THREAD).values, flow.invoke(11, THREAD)
    yield brief(flow)


@program
def a_new_input_at_an_old_start(api: Api) -> Iterator[Any]:
    """Branches before that run."""
    flow = doubling(api)
    for n in (1, 2):
        flow.invoke(n, THREAD)
    start = whole(flow)[1]
    yield flow.invoke(20, at(start)), brief(flow)


@program
def going_back_to_an_old_start(api: Api) -> Iterator[Any]:
    """All tasks run again, under a fork."""
    ran: list[Any] = []
    flow = doubling(api, ran)
    for n in (1, 2):
        flow.invoke(n, THREAD)
    start = whole(flow)[3]
    yield start.next, flow.invoke(None, at(start)), ran
    yield brief(flow), flow.get_state(THREAD).values


@program
def streaming_a_fork(api: Api) -> Iterator[Any]:
    """What a replayed run shows."""
    flow = doubling(api)
    for n in (1, 2):
        flow.invoke(n, THREAD)
    start = whole(flow)[3]
    yield list(flow.stream(None, at(start), stream_mode=["updates", "tasks"]))
    yield list(flow.stream(None, at(start), stream_mode="values"))


@program
def going_back_to_an_old_end(api: Api) -> Iterator[Any]:
    """Its value is returned."""
    ran: list[Any] = []
    flow = doubling(api, ran)
    for n in (1, 2):
        flow.invoke(n, THREAD)
    end = whole(flow)[2]
    yield end.next, flow.invoke(None, at(end)), ran


@program
def going_back_to_an_answered_question(api: Api) -> Iterator[Any]:
    """It is asked again, and answered on the thread."""
    ran: list[Any] = []
    flow = asking(api, ran)
    flow.invoke(1, THREAD)
    yield flow.invoke(api.Command(resume="first"), THREAD)
    asked = whole(flow)[1]
    again = flow.invoke(None, at(asked))
    yield [i.value for i in again["__interrupt__"]], ran
    yield flow.invoke(api.Command(resume="second"), THREAD), ran
    yield [(s.values, s.next, s.metadata["source"]) for s in whole(flow)]


@program
def an_unknown_checkpoint(api: Api) -> Iterator[Any]:
    """Is an empty start."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    config = {"configurable": {"thread_id": "t", "checkpoint_id": "00000000-0000-8000-8000-000000000000"}}
    state = flow.get_state(config)
    yield state.values, state.next
    yield attempt(flow.invoke, None, config, text=False)


@program
def deleting_a_thread(api: Api) -> Iterator[Any]:
    """Nothing is left."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    flow.checkpointer.delete_thread("t")
    flow.checkpointer.delete_thread("never was")
    yield flow.get_state(THREAD).values, whole(flow), flow.invoke(2, THREAD)


@program
def durabilities(api: Api) -> Iterator[Any]:
    """What is kept of complete, waiting and failed runs."""
    for durability in ("sync", "async", "exit"):
        ran: list[Any] = []
        flow = asking(api, ran)
        flow.invoke(1, THREAD, durability=durability)
        yield [(s.values, s.next, s.metadata, s.interrupts) for s in whole(flow)]
        yield flow.invoke(api.Command(resume="a"), THREAD, durability=durability), ran
        yield [(s.values, s.next, s.metadata) for s in whole(flow)]


@program
def durabilities_of_complete_runs(api: Api) -> Iterator[Any]:
    """`exit` keeps the last checkpoint only."""
    for durability in ("sync", "async", "exit"):
        flow = doubling(api)
        for n in (1, 2):
            flow.invoke(n, THREAD, durability=durability)
        yield [(s.values, s.next, s.metadata) for s in whole(flow)]


@program
def two_threads(api: Api) -> Iterator[Any]:
    """They know nothing of each other; a number is a name."""
    flow = doubling(api)
    flow.invoke(1, THREAD)
    number = {"configurable": {"thread_id": 5}}
    flow.invoke(2, number)
    yield flow.get_state({"configurable": {"thread_id": "5"}}).values
    yield flow.invoke(3, THREAD), flow.invoke(3, {"configurable": {"thread_id": "other"}})


@program
def no_saver(api: Api) -> Iterator[Any]:
    """Nothing to look at."""

    @api.entrypoint()
    def main(x: int) -> int:
        return x

    yield attempt(main.get_state, THREAD, text=False)
    yield attempt(lambda: list(main.get_state_history(THREAD)), text=False)
    yield attempt(main.update_state, THREAD, 1, text=False)


@program
def stopping_before_and_after(api: Api) -> Iterator[Any]:
    """Breakpoints at the workflow's own step."""
    for options in ({"interrupt_before": ["main"]}, {"interrupt_before": "*"}, {"interrupt_after": ["main"]}):
        ran: list[Any] = []
        flow = doubling(api, ran)
        yield list(flow.stream(1, THREAD, **options)), list(ran)
        yield flow.get_state(THREAD).values, flow.get_state(THREAD).next
        yield flow.invoke(None, THREAD), list(ran)
        yield flow.invoke(2, THREAD, **options), flow.get_state(THREAD).next
        yield list(flow.stream(None, THREAD, stream_mode=["updates", "values"], **options))


@program
def stopping_at_a_task(api: Api) -> Iterator[Any]:
    """Has no effect."""
    flow = doubling(api)
    yield list(flow.stream(1, THREAD, interrupt_before=["double"], interrupt_after=["nobody"]))


@program
def one_thread_of_two_workflows(api: Api) -> Iterator[Any]:
    """They see each other's `previous`."""
    saver = api.new_saver()

    def make(name: str) -> Any:
        def main(x: int, *, previous: Any = None) -> Any:
            return [name, x, previous]

        return api.entrypoint(checkpointer=saver)(main)

    yield make("a").invoke(1, THREAD), make("b").invoke(2, THREAD)
