"""Questions of nodes."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.graphs.making import Log, brief, built, fan, line, parts, says, short, wired
from tests.fidelity.plain import Bag, attempt
from tests.fidelity.programs import program


def asks(api: Api, name: str, *questions: str, ran: list[str] | None = None) -> Any:
    """Return a node that asks some questions and logs the answers."""

    def node(state: Log) -> Any:
        if ran is not None:
            ran.append(name)
        return {"log": [[name, *[api.interrupt(question) for question in questions]]]}

    node.__name__ = name
    return node


def surfaced(result: Any) -> list[Any]:
    """Return the questions of a result, ordered by what they ask."""
    return sorted(result["__interrupt__"], key=lambda question: question.value)


@program
def one(api: Api) -> Iterator[Any]:
    """The state comes with the question; the node runs again."""
    ran: list[str] = []
    flow = line(api, says("a", n=1), asks(api, "ask", "?", ran=ran), says("z"), checkpointer=api.new_saver())
    yield flow.invoke({"log": ["in"]}, THREAD), flow.get_state(THREAD)
    yield flow.invoke(api.Command(resume="yes"), THREAD), flow.get_state(THREAD)
    yield ran, brief(flow)


@program
def in_the_first_node(api: Api) -> Iterator[Any]:
    """Nothing has been written but the input."""
    flow = line(api, asks(api, "ask", "?"), checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).values
    yield flow.invoke(api.Command(resume=0), THREAD)


@program
def several_in_one_node(api: Api) -> Iterator[Any]:
    """One after another; answers are kept in order."""
    ran: list[str] = []
    flow = line(api, asks(api, "ask", "1?", "2?", "3?", ran=ran), checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD)
    for answer in ("", False, {"a": 1}):
        yield flow.invoke(api.Command(resume=answer), THREAD), flow.get_state(THREAD).interrupts
    yield ran


@program
def in_several_nodes(api: Api) -> Iterator[Any]:
    """Each in its own step."""
    flow = line(api, asks(api, "a", "a?"), says("b"), asks(api, "c", "c?"), checkpointer=api.new_saver())
    yield list(flow.stream({"n": 1}, THREAD))
    yield list(flow.stream(api.Command(resume="A"), THREAD))
    yield list(flow.stream(api.Command(resume="C"), THREAD))
    yield short(flow)


@program
def side_by_side(api: Api) -> Iterator[Any]:
    """All are surfaced; a bare answer is refused, a map answers all."""
    ran: list[str] = []
    nodes = [asks(api, name, f"{name}?", ran=ran) for name in "pq"]
    flow = fan(api, *nodes, says("quick"), checkpointer=api.new_saver())
    first = flow.invoke({"n": 1}, THREAD)
    yield surfaced(first), first["log"], first["n"]
    state = flow.get_state(THREAD)
    yield state.next, state.values, state.tasks, state.interrupts
    yield attempt(flow.invoke, api.Command(resume="?"), THREAD, text=False)
    yield flow.invoke(api.Command(resume={each.id: each.value.upper() for each in surfaced(first)}), THREAD)
    yield Bag(ran), short(flow)


@program
def side_by_side_one_by_one(api: Api) -> Iterator[Any]:
    """An answered node keeps its result; the other asks again."""
    ran: list[str] = []
    nodes = [asks(api, name, f"{name}?", ran=ran) for name in "pqr"]
    flow = fan(api, *nodes, checkpointer=api.new_saver())
    p, q, r = surfaced(flow.invoke({"n": 1}, THREAD))
    second = flow.invoke(api.Command(resume={q.id: "Q"}), THREAD)
    yield surfaced(second), [each.id for each in surfaced(second)] == [p.id, r.id]
    state = flow.get_state(THREAD)
    yield state.next, [(t.name, t.interrupts, t.result) for t in state.tasks], state.values
    third = flow.invoke(api.Command(resume={p.id: "P"}), THREAD)
    yield surfaced(third), flow.get_state(THREAD).next
    yield flow.invoke(api.Command(resume="R"), THREAD), flow.get_state(THREAD).next


@program
def streams_of_questions_side_by_side(api: Api) -> Iterator[Any]:
    """A chunk for each asking node; those that are done show at once."""
    flow = fan(api, asks(api, "p", "p?"), asks(api, "q", "q?"), checkpointer=api.new_saver())
    chunks = list(flow.stream({"n": 1}, THREAD))
    yield Bag(chunks)
    ids = {each.value: each.id for chunk in chunks for each in chunk["__interrupt__"]}
    yield list(flow.stream(api.Command(resume={ids["p?"]: "P"}), THREAD, stream_mode=["updates", "values"]))
    yield list(flow.stream(api.Command(resume={ids["q?"]: "Q"}), THREAD, stream_mode=["updates", "values"]))


@program
def in_a_loop(api: Api) -> Iterator[Any]:
    """The same node asks in each turn; ids differ."""

    def ask(state: Log) -> Any:
        return {"log": [api.interrupt(f"turn {state['n']}")], "n": state["n"] + 1}

    builder = wired(built(api, ask), "^>ask")
    builder.add_conditional_edges("ask", lambda state: "ask" if state["n"] < 3 else api.END)
    flow = builder.compile(checkpointer=api.new_saver())
    given: Any = {"n": 0}
    ids = []
    for answer in ("a", "b", "c"):
        result = flow.invoke(given, THREAD)
        yield result
        ids.append(result["__interrupt__"][0].id)
        given = api.Command(resume=answer)
    yield flow.invoke(given, THREAD), len(set(ids)), short(flow)


@program
def asked_again(api: Api) -> Iterator[Any]:
    """Going on without an answer asks the same question; a new input starts over with the state that is there."""
    ran: list[str] = []
    flow = line(api, says("a"), asks(api, "ask", "?", ran=ran), checkpointer=api.new_saver())
    first = flow.invoke({"n": 1}, THREAD)
    again = flow.invoke(None, THREAD)
    yield first == again, list(flow.stream(None, THREAD)), ran
    yield flow.invoke({"n": 2}, THREAD), flow.get_state(THREAD).next
    yield flow.invoke(api.Command(resume="yes"), THREAD), short(flow)


@program
def a_sent_node_asks(api: Api) -> Iterator[Any]:
    """Each task of a node has its own question."""

    def ask(state: Any) -> Any:
        return {"log": [(f"{state['n']}", api.interrupt(f"{state['n']}?"))[1]]}

    builder = built(api, ask, says("end"))
    builder.add_conditional_edges(api.START, lambda state: [api.Send("ask", {"n": n}) for n in range(3)])
    flow = wired(builder, "ask>end").compile(checkpointer=api.new_saver())
    first = flow.invoke({"n": 9}, THREAD)
    state = flow.get_state(THREAD)
    yield surfaced(first), state.next, [(t.name, t.path, [i.value for i in t.interrupts]) for t in state.tasks]
    yield flow.invoke(api.Command(resume={each.id: each.value[0] for each in surfaced(first)}), THREAD), short(flow)


@program
def an_answer_with_an_update(api: Api) -> Iterator[Any]:
    """The update is applied before the node runs again."""

    def ask(state: Log) -> Any:
        return {"log": [[state["n"], api.interrupt("?")]]}

    for saver in (api.new_saver(), api.new_saver()):
        flow = line(api, says("a"), ask, checkpointer=saver)
        flow.invoke({"n": 1}, THREAD)
        yield flow.invoke(api.Command(resume="yes", update={"n": 2, "log": ["by hand"]}), THREAD)
        yield short(flow)


@program
def an_answer_with_a_goto(api: Api) -> Iterator[Any]:
    """The node it names runs beside the one that asked."""
    flow = wired(built(api, asks(api, "ask", "?"), says("other")), "^>ask").compile(checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    yield Bag(parts(flow, api.Command(resume="yes", goto="other"))), flow.get_state(THREAD).values
    yield [(entry.values, entry.metadata) for entry in flow.get_state_history(THREAD)]


@program
def a_command_without_an_answer(api: Api) -> Iterator[Any]:
    """A goto, an update, or both, on a finished thread."""
    for command in ({"goto": "other"}, {"update": {"n": 5}}, {"update": {"n": 6, "log": ["x"]}, "goto": "a"}):
        flow = wired(built(api, says("a"), says("other")), "^>a").compile(checkpointer=api.new_saver())
        flow.invoke({"n": 1}, THREAD)
        yield parts(flow, api.Command(**command)), flow.get_state(THREAD).values, flow.get_state(THREAD).next
        yield flow.invoke(None, THREAD), [(entry.values, entry.metadata) for entry in flow.get_state_history(THREAD)]


@program
def with_a_schema_and_any_value(api: Api) -> Iterator[Any]:
    """Question and answer are any data; None is an answer of a map."""

    def ask(state: Log) -> Any:
        return {"log": [api.interrupt({"q": [1, 2], "deep": {"a": None}})]}

    flow = line(api, ask, checkpointer=api.new_saver())
    (question,) = flow.invoke({"n": 1}, THREAD)["__interrupt__"]
    yield question
    yield flow.invoke(api.Command(resume={question.id: None}), THREAD)


@program
def without_a_saver(api: Api) -> Iterator[Any]:
    """It is shown, but cannot be answered."""
    flow = line(api, says("a"), asks(api, "ask", "?"))
    yield flow.invoke({"n": 1}), list(flow.stream({"n": 1}))
    yield attempt(flow.invoke, api.Command(resume=1), text=False)


@program
def all_modes(api: Api) -> Iterator[Any]:
    """What each stream shows of a question and of the run that answers it."""
    modes = ["updates", "values", "custom", "tasks", "checkpoints", "debug"]
    flow = line(api, says("a"), asks(api, "ask", "?"), says("z"), checkpointer=api.new_saver())
    yield list(flow.stream({"n": 1}, THREAD, stream_mode=modes))
    yield list(flow.stream(api.Command(resume="yes"), THREAD, stream_mode=modes))


@program
def beside_a_failure(api: Api) -> Iterator[Any]:
    """An error wins; the question is asked when the failed node passes."""
    fails = [ValueError("once")]

    def bad(state: Log) -> Any:
        if fails:
            raise fails.pop()
        return {"log": ["bad"]}

    flow = fan(api, asks(api, "ask", "?"), bad, checkpointer=api.new_saver())
    yield attempt(flow.invoke, {"n": 1}, THREAD), flow.get_state(THREAD).next
    second = flow.invoke(None, THREAD)
    yield second, flow.get_state(THREAD).next
    yield flow.invoke(api.Command(resume="yes"), THREAD)


@program
def breakpoints(api: Api) -> Iterator[Any]:
    """Before and after nodes, when compiled, when called, at all."""
    for compiled, called in (
        ({"interrupt_before": ["b"]}, {}),
        ({"interrupt_after": ["a"]}, {}),
        ({"interrupt_before": ["b"], "interrupt_after": ["b"]}, {}),
        ({}, {"interrupt_before": ["b"]}),
        ({}, {"interrupt_after": "*"}),
        ({"interrupt_before": "*"}, {}),
        ({"interrupt_before": ["b"]}, {"interrupt_before": []}),
    ):
        flow = line(api, says("a"), says("b"), says("c"), checkpointer=api.new_saver(), **compiled)
        given: Any = {"n": 1}
        for _ in range(6):
            yield list(flow.stream(given, THREAD, stream_mode=["updates", "values"], **called))
            state = flow.get_state(THREAD)
            yield state.next, state.tasks, state.interrupts
            given = None
            if not state.next:
                break


@program
def breakpoints_and_an_update(api: Api) -> Iterator[Any]:
    """The state is changed by hand while the run stands."""
    flow = line(api, says("a"), says("b"), checkpointer=api.new_saver(), interrupt_before=["b"])
    flow.invoke({"n": 1}, THREAD)
    flow.update_state(THREAD, {"log": ["human"], "n": 2})
    yield flow.get_state(THREAD).next, flow.get_state(THREAD).metadata
    yield flow.invoke(None, THREAD), short(flow)


@program
def a_breakpoint_side_by_side(api: Api) -> Iterator[Any]:
    """One named node of a step stops the whole step."""
    flow = fan(api, says("a"), says("b"), checkpointer=api.new_saver(), interrupt_before=["b"])
    yield flow.invoke({"n": 1}, THREAD), flow.get_state(THREAD).next
    yield flow.invoke(None, THREAD), short(flow)


@program
def a_breakpoint_without_a_saver(api: Api) -> Iterator[Any]:
    """It stops, and that is all."""
    flow = line(api, says("a"), says("b"), interrupt_before=["b"])
    yield flow.invoke({"n": 1}), list(flow.stream({"n": 1}))


@program
def in_a_branch(api: Api) -> Iterator[Any]:
    """The way on is asked for."""
    ran: list[str] = []

    def a(state: Log) -> Any:
        ran.append("a")
        return {"log": ["a"]}

    builder = wired(built(api, a, says("b"), says("c")), "^>a")
    builder.add_conditional_edges("a", lambda state: api.interrupt("b or c?"))
    flow = builder.compile(checkpointer=api.new_saver())
    yield parts(flow, {"n": 1})
    yield parts(flow, api.Command(resume="c")), ran


@program
def with_a_retry_policy(api: Api) -> Iterator[Any]:
    """A question is no failure; a failure after the answer is tried again with the same answer."""
    ran: list[str] = []

    def ask(state: Log) -> Any:
        ran.append("ask")
        answer = api.interrupt("?")
        if len(ran) < 4:
            raise ValueError
        return {"log": [answer]}

    flow = wired(built(api, ask, retry_policy=api.now(max_attempts=5)), "^>ask").compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 1}, THREAD), list(ran)
    yield flow.invoke(api.Command(resume="yes"), THREAD), ran


@program
def then_a_command(api: Api) -> Iterator[Any]:
    """The answer says where to go; one of the ways leads back to the question."""

    def review(state: Log) -> Any:
        answer = api.interrupt({"draft": state["n"]})
        return api.Command(update={"log": [answer]}, goto="write" if answer == "again" else "publish")

    def write(state: Log) -> Any:
        return {"n": state["n"] + 1}

    builder = built(api, write, review, says("publish"))
    flow = wired(builder, "^>write", "write>review").compile(checkpointer=api.new_saver())
    yield flow.invoke({"n": 0}, THREAD)
    for answer in ("again", "again", "good"):
        yield list(flow.stream(api.Command(resume=answer), THREAD, stream_mode=["updates", "values"]))
    yield short(flow)


@program
def answers_by_wrong_ids(api: Api) -> Iterator[Any]:
    """A dictionary that is no id map is an answer."""
    flow = line(api, asks(api, "ask", "?"), checkpointer=api.new_saver())
    flow.invoke({"n": 1}, THREAD)
    yield flow.invoke(api.Command(resume={"a": 1}), THREAD)
