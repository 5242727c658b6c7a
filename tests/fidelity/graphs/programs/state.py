"""Snapshots, history, updates by hand, time travel, durability."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, at, brief, built, fan, line, parts, says, short, wired
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


def whole(flow: Any, **options: Any) -> list[Any]:
    """Return a thread's history."""
    return list(flow.get_state_history(THREAD, **options))


def asks(api: Api, name: str = "ask") -> Any:
    """Return a node that asks a question."""

    def node(state: Log) -> Any:
        return {"log": [[name, api.interrupt(f"{name}?")]]}

    node.__name__ = name
    return node


def counting(ran: list[str], *names: str) -> list[Any]:
    """Return nodes that note that they ran."""

    def make(name: str) -> Any:
        def node(state: Log) -> Any:
            ran.append(name)
            return {"log": [name]}

        node.__name__ = name
        return node

    return [make(name) for name in names]


def abc(api: Api, **options: Any) -> Any:
    """Return a graph of three nodes."""
    return line(api, says("a"), says("b"), says("c"), checkpointer=api.new_saver(), **options)


@program
def an_unknown_thread(api: Api) -> Iterator[Any]:
    """An empty snapshot and no history."""
    flow = abc(api)
    yield flow.get_state(THREAD), whole(flow)


@program
def after_two_runs(api: Api) -> Iterator[Any]:
    """All of it."""
    flow = line(api, says("a", n=5), says("b"), checkpointer=api.new_saver())
    flow.invoke({"n": 1, "log": ["in"]}, THREAD)
    yield flow.get_state(THREAD)
    flow.invoke({"log": ["again"]}, THREAD)
    yield whole(flow)


@program
def history_options(api: Api) -> Iterator[Any]:
    """Filter, before, limit; metadata of the run."""
    flow = line(api, says("a"), checkpointer=api.new_saver())
    for n in (1, 2):
        flow.invoke({"n": n}, {**THREAD, "metadata": {"user": f"u{n}"}})
    everything = whole(flow)
    yield [s.metadata for s in everything]
    for options in (
        {"filter": {"user": "u1"}},
        {"filter": {"source": "input"}},
        {"filter": {"step": 1}},
        {"limit": 2},
        {"before": everything[2].config},
        {"before": everything[1].config, "limit": 1, "filter": {"source": "loop"}},
    ):
        yield [(s.values, s.metadata) for s in whole(flow, **options)]


@program
def state_at_a_checkpoint(api: Api) -> Iterator[Any]:
    """Each entry of the history can be looked up."""
    flow = line(api, says("a"), asks(api), says("z"), checkpointer=api.new_saver())
    for given in ({"n": 1}, api.Command(resume="yes")):
        flow.invoke(given, THREAD)
    for entry in whole(flow):
        yield flow.get_state(entry.config) == entry, entry.values, entry.next


@program
def an_update_by_hand(api: Api) -> Iterator[Any]:
    """Through reducers; the nodes after the one it stands for come next."""
    flow = abc(api, interrupt_before=["b", "c"])
    flow.invoke({"n": 1}, THREAD)
    config = flow.update_state(THREAD, {"log": ["hand"], "n": 5})
    yield config, flow.get_state(THREAD)
    yield flow.invoke(None, THREAD)
    flow.update_state(THREAD, {"log": ["hand again"]})
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)
    yield brief(flow)


@program
def an_update_as_a_node(api: Api) -> Iterator[Any]:
    """Says what comes next."""
    for node in ("a", "b", "c", "__start__", "zz"):
        flow = abc(api, interrupt_before=["b"])
        flow.invoke({"n": 1}, THREAD)
        yield attempt(flow.update_state, THREAD, {"log": [f"as {node}"]}, as_node=node, text=False)
        yield flow.get_state(THREAD).next, flow.get_state(THREAD).values
        yield flow.invoke(None, THREAD), short(flow)


@program
def an_update_as_the_end(api: Api) -> Iterator[Any]:
    """The run is over."""
    flow = abc(api, interrupt_before=["b"])
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, None, as_node="__end__")
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD), short(flow)


@program
def an_update_of_a_finished_thread(api: Api) -> Iterator[Any]:
    """Nothing comes next, unless it stands for a node that others follow."""
    flow = abc(api)
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, {"n": 9})
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)
    flow.update_state(THREAD, {"n": 10}, as_node="a")
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)
    yield short(flow)


@program
def an_update_of_a_new_thread(api: Api) -> Iterator[Any]:
    """Begins it, where the graph begins or where it says."""
    for node in (None, "a", "__start__"):
        flow = abc(api)
        yield attempt(flow.update_state, THREAD, {"n": 5, "log": ["x"]}, as_node=node, text=False)
        yield flow.get_state(THREAD).next, flow.get_state(THREAD).values, attempt(flow.invoke, None, THREAD, text=False)
        yield short(flow)


@program
def an_update_that_is_ambiguous(api: Api) -> Iterator[Any]:
    """After a step of two nodes it must say which it stands for."""
    flow = wired(built(api, says("a"), says("b"), says("z")), "^>a", "^>b", "a+b>z").compile(
        checkpointer=api.new_saver(), interrupt_before=["z"]
    )
    flow.invoke({"n": 1}, THREAD)
    yield attempt(flow.update_state, THREAD, {"n": 2}, text=False)
    yield attempt(flow.update_state, THREAD, {"n": 2}, as_node="a"), flow.get_state(THREAD).next
    yield flow.invoke(None, THREAD)


@program
def an_update_of_a_waiting_thread(api: Api) -> Iterator[Any]:
    """The question is gone or asked again, as the node it stands for says."""
    for node in (None, "a", "ask"):
        flow = line(api, says("a"), asks(api), says("z"), checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"log": ["hand"]}, as_node=node)
        yield flow.get_state(THREAD).next, flow.get_state(THREAD).interrupts, flow.get_state(THREAD).values
        yield flow.invoke(None, THREAD)
        yield short(flow)


@program
def an_update_beside_finished_siblings(api: Api) -> Iterator[Any]:
    """What they wrote is kept or lost."""
    flow = fan(api, says("a"), asks(api), checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, {"log": ["hand"]}, as_node="ask")
    yield flow.get_state(THREAD).values, flow.get_state(THREAD).next, short(flow)


@program
def an_update_through_a_branch(api: Api) -> Iterator[Any]:
    """The branch of the node it stands for decides what is next."""
    builder = wired(built(api, says("a"), says("b"), says("c")), "^>a")
    builder.add_conditional_edges("a", lambda state: "b" if state["n"] > 3 else "c")
    flow = builder.compile(checkpointer=api.new_saver(), interrupt_after=["a"])
    for n in (1, 5):
        flow.invoke({"n": 1}, THREAD)
        flow.update_state(THREAD, {"n": n})
        yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)
    builder = built(api, says("a"), says("b")).add_conditional_edges(
        "a", lambda state: [api.Send("b", {"n": n}) for n in range(state["n"])]
    )
    flow = wired(builder, "^>a").compile(checkpointer=api.new_saver())
    flow.update_state(THREAD, {"n": 2}, as_node="a")
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)


@program
def bulk_updates(api: Api) -> Iterator[Any]:
    """One checkpoint for each list; several nodes in one."""
    flow = abc(api)
    flow.invoke({"n": 1}, THREAD)
    update = api.StateUpdate
    yield flow.bulk_update_state(
        THREAD, [[update({"n": 2}, "a")], [update({"n": 3}, "b"), update({"log": ["x"]}, "c")]]
    )
    yield flow.get_state(THREAD).next, flow.get_state(THREAD).values, short(flow)
    yield attempt(flow.bulk_update_state, THREAD, [], text=False)
    yield attempt(flow.bulk_update_state, THREAD, [[]], text=False)
    yield attempt(flow.bulk_update_state, THREAD, [[update({"n": 2}, "zz")]], text=False)
    yield len(whole(flow))


@program
def going_back(api: Api) -> Iterator[Any]:
    """From each checkpoint on, the nodes after it run again."""
    for index in range(1, 5):
        ran: list[str] = []
        flow = line(api, *counting(ran, "a", "b", "c"), checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD)
        ran.clear()
        old = whole(flow)[index]
        yield old.next, list(flow.stream(None, at(old), stream_mode=["updates", "values"])), ran
        yield short(flow), flow.get_state(THREAD).values


@program
def a_new_input_at_an_old_checkpoint(api: Api) -> Iterator[Any]:
    """Branches: the state is what it was there."""
    flow = line(api, says("a"), says("b"), checkpointer=api.new_saver())
    for n in (1, 2):
        flow.invoke({"n": n}, THREAD)
    for index in (4, 6):
        yield flow.invoke({"n": 10, "log": ["branch"]}, at(whole(flow)[index]))
    yield short(flow), [(s.config, s.parent_config) for s in whole(flow)]


@program
def an_update_of_an_old_checkpoint(api: Api) -> Iterator[Any]:
    """A fork, from which the run can go on."""
    flow = abc(api)
    flow.invoke({"n": 1}, THREAD)
    old = next(s for s in whole(flow) if s.next == ("b",))
    config = flow.update_state(old.config, {"log": ["fork"], "n": 7})
    yield config, flow.get_state(config).next, flow.invoke(None, config)
    yield short(flow), [(s.metadata, s.config, s.parent_config) for s in whole(flow)]


@program
def going_back_to_a_question(api: Api) -> Iterator[Any]:
    """It is asked again, and answered on the thread."""
    flow = line(api, says("a"), asks(api), says("z"), checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    yield flow.invoke(api.Command(resume="first"), THREAD)
    asked = next(s for s in whole(flow) if s.next == ("ask",))
    yield asked.interrupts, flow.invoke(None, at(asked))
    yield flow.get_state(THREAD).next, flow.invoke(api.Command(resume="second"), THREAD)
    yield short(flow)


@program
def a_step_of_two_at_an_old_checkpoint(api: Api) -> Iterator[Any]:
    """Both run again."""
    ran: list[str] = []
    flow = fan(api, *counting(ran, "a", "b"), checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    yield flow.invoke(None, at(whole(flow)[1])), Bag(ran)


@program
def durabilities(api: Api) -> Iterator[Any]:
    """What is kept of complete, waiting and failed runs."""
    for durability in ("sync", "async", "exit"):
        fails = [ValueError("once")]

        def bad(state: Log) -> Any:
            if fails:
                raise fails.pop()
            return {"log": ["bad"]}

        flow = line(api, says("a"), asks(api), says("m"), bad, says("z"), checkpointer=api.new_saver())
        yield flow.invoke({"n": 1}, THREAD, durability=durability), short(flow)
        yield parts(flow, api.Command(resume="yes"), durability=durability), short(flow)
        yield flow.get_state(THREAD).next, flow.get_state(THREAD).values
        yield parts(flow, None, durability=durability), short(flow)


@program
def two_threads(api: Api) -> Iterator[Any]:
    """They know nothing of each other."""
    flow = abc(api)
    for name in ("1", "2", "1"):
        yield flow.invoke({"n": 1}, {"configurable": {"thread_id": name}})


@program
def one_thread_of_two_graphs(api: Api) -> Iterator[Any]:
    """The second goes on with the state of the first."""
    saver = api.new_saver()
    line(api, says("a"), says("b"), checkpointer=saver).invoke({"n": 1}, THREAD)
    yield line(api, says("x"), checkpointer=saver).invoke({"n": 2}, THREAD)


@program
def a_graph_that_changed(api: Api) -> Iterator[Any]:
    """A paused thread is taken up by a graph with another node after the question."""
    saver = api.new_saver()
    line(api, says("a"), asks(api), says("z"), checkpointer=saver).invoke({"n": 1}, THREAD)
    changed = line(api, says("a"), asks(api), says("y"), checkpointer=saver)
    yield changed.get_state(THREAD).next, changed.invoke(api.Command(resume="yes"), THREAD)


@program
def deleting_a_thread(api: Api) -> Iterator[Any]:
    """Nothing is left."""
    flow = abc(api)
    flow.invoke({"n": 1}, THREAD)
    flow.checkpointer.delete_thread("t")
    yield flow.get_state(THREAD).values, whole(flow), flow.invoke({"n": 2}, THREAD)


@program
def going_back_to_sends(api: Api) -> Iterator[Any]:
    """Tasks that were sent are sent again."""
    ran: list[int] = []

    def work(state: Any) -> Any:
        ran.append(state["n"])
        return {"log": [state["n"]]}

    builder = wired(built(api, says("plan"), work, says("end")), "^>plan", "work>end")
    builder.add_conditional_edges("plan", lambda state: [api.Send("work", {"n": n}) for n in range(2)])
    flow = builder.compile(checkpointer=api.new_saver())
    flow.invoke({"n": 9}, THREAD)
    old = next(s for s in whole(flow) if s.next == ("work", "work"))
    yield flow.invoke(None, at(old)), Bag(ran), short(flow)
    yield [(t.path, t.result) for t in flow.get_state(old.config).tasks]


@program
def going_back_into_a_loop(api: Api) -> Iterator[Any]:
    """Only the later turns run again."""
    ran: list[int] = []

    def turn(state: Log) -> Any:
        ran.append(state["n"])
        return {"n": state["n"] + 1, "log": [state["n"]]}

    builder = wired(built(api, turn), "^>turn")
    builder.add_conditional_edges("turn", lambda state: "turn" if state["n"] < 4 else api.END)
    flow = builder.compile(checkpointer=api.new_saver())
    flow.invoke({"n": 0}, THREAD)
    old = next(s for s in whole(flow) if s.values.get("n") == 2)
    yield flow.invoke(None, at(old)), ran
    yield flow.invoke({"n": 3}, at(old)), ran, short(flow)


@program
def joins_over_a_pause(api: Api) -> Iterator[Any]:
    """What has arrived at a join is kept while another node waits, fails, or the state is changed by hand."""
    fails = [ValueError("once")]

    def bad(state: Log) -> Any:
        if fails:
            raise fails.pop()
        return {"log": ["bad"]}

    builder = built(api, says("a"), says("b"), asks(api), bad, says("end"))
    wired(builder, "^>a", "^>b", "b>ask", "ask>bad", "a+bad>end")
    flow = builder.compile(checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, {"log": ["hand"]}, as_node="b")
    yield flow.get_state(THREAD).next, flow.invoke(None, THREAD)
    yield parts(flow, api.Command(resume="yes")), flow.invoke(None, THREAD), short(flow)
