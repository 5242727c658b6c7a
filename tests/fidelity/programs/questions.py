"""What interrupts show, and how they are answered."""

from collections.abc import Iterator
from typing import Any

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program


def surfaced(result: Any) -> Any:
    """Return the first question of an invoke result."""
    return result["__interrupt__"][0]


def counted(api: Api, ran: list[str], name: str, ask: bool = False) -> Any:
    """Return a task that notes its run, and asks if it is told to."""

    @api.task(name=name)
    def run(x: Any = None) -> Any:
        ran.append(name)
        return [x, api.interrupt(f"{name}?")] if ask else x

    return run


def snapshot(flow: Any) -> Any:
    """Return what a caller looks at after a stop."""
    state = flow.get_state(THREAD)
    return state.values, state.next, state.tasks, state.interrupts


@program
def in_the_body(api: Api) -> Iterator[Any]:
    """Asked, shown, answered; the body runs again from its top."""
    ran: list[str] = []
    before = counted(api, ran, "before")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        ran.append("body")
        y = before(x).result()
        return [y, api.interrupt({"question": "ok?", "y": y})]

    yield list(main.stream(1, THREAD))
    yield snapshot(main)
    yield main.invoke(None, THREAD)
    yield list(main.stream(api.Command(resume="yes"), THREAD))
    yield snapshot(main), ran


@program
def in_a_task(api: Api) -> Iterator[Any]:
    """The task runs again from its top."""
    ran: list[str] = []
    before, ask = counted(api, ran, "before"), counted(api, ran, "ask", ask=True)

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        ran.append("body")
        return ask(before(x).result()).result()

    yield list(main.stream(1, THREAD))
    yield snapshot(main)
    yield list(main.stream(api.Command(resume="yes"), THREAD))
    yield snapshot(main), ran


@program
def several_in_one_body(api: Api) -> Iterator[Any]:
    """Each has an id of its own; earlier answers are remembered."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [api.interrupt("one"), api.interrupt("two"), api.interrupt("three")]

    yield main.invoke(1, THREAD)
    for answer in ("a", "b", "c"):
        yield main.invoke(api.Command(resume=answer), THREAD)
        yield snapshot(main)


@program
def several_in_one_task(api: Api) -> Iterator[Any]:
    """As in a body."""
    ran = []

    @api.task
    def form() -> Any:
        ran.append("form")
        return {"name": api.interrupt("name?"), "age": api.interrupt("age?")}

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return form().result()

    yield list(main.stream(1, THREAD))
    yield list(main.stream(api.Command(resume="Ann"), THREAD))
    yield list(main.stream(api.Command(resume=30), THREAD)), ran


@program
def a_validation_loop(api: Api) -> Iterator[Any]:
    """The same question until the answer is valid."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        question = "age?"
        while True:
            answer = api.interrupt(question)
            if isinstance(answer, int):
                return answer
            question = f"{answer!r} is no number. age?"

    yield main.invoke(1, THREAD)
    for answer in ("x", "y", 7):
        yield main.invoke(api.Command(resume=answer), THREAD)


@program
def the_same_question_in_a_loop(api: Api) -> Iterator[Any]:
    """Equal questions have different ids."""
    ran: list[str] = []
    work = counted(api, ran, "work")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(n: int) -> Any:
        answers = []
        for i in range(n):
            work(i).result()
            answers.append(api.interrupt("more?"))
        return answers

    yield surfaced(main.invoke(3, THREAD))
    for answer in (1, 2, 3):
        yield main.invoke(api.Command(resume=answer), THREAD), list(ran)


@program
def in_different_tasks(api: Api) -> Iterator[Any]:
    """One after the other."""
    ran: list[str] = []
    a, b = counted(api, ran, "a", ask=True), counted(api, ran, "b", ask=True)

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [a(1).result(), b(2).result(), api.interrupt("end?")]

    for given in (1, api.Command(resume="A"), api.Command(resume="B"), api.Command(resume="E")):
        yield list(main.stream(given, THREAD))
        yield snapshot(main), list(ran)


@program
def ids_are_stable(api: Api) -> Iterator[Any]:
    """The same id when asked again, another one in another thread and after an answer."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [api.interrupt("one"), api.interrupt("two")]

    other = {"configurable": {"thread_id": "other"}}
    yield main.invoke(1, THREAD), main.invoke(None, THREAD), main.get_state(THREAD).interrupts
    yield main.invoke(1, other)
    one = surfaced(main.invoke(None, THREAD))
    yield main.invoke(api.Command(resume={one.id: 1}), THREAD), main.invoke(None, THREAD)
    yield main.invoke(9, THREAD)


@program
def a_map_by_id(api: Api) -> Iterator[Any]:
    """A dict whose keys are ids is a map, any other dict an answer."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return [api.interrupt("one"), api.interrupt("two"), api.interrupt("three")]

    asked = surfaced(main.invoke(1, THREAD))
    second = main.invoke(api.Command(resume={asked.id: {"x": 1}}), THREAD)
    yield second
    yield main.invoke(api.Command(resume={"x": 2}), THREAD)
    yield main.invoke(api.Command(resume={"not hex" * 5: 2, "a": 3}), THREAD)


@program
def falsy_answers(api: Api) -> Iterator[Any]:
    """They are answers."""
    for number, answer in enumerate([False, 0, "", [], 0.0]):

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            return {"answer": api.interrupt("?")}

        config = {"configurable": {"thread_id": str(number)}}
        main.invoke(1, config)
        yield main.invoke(api.Command(resume=answer), config)


@program
def without_a_saver(api: Api) -> Iterator[Any]:
    """The question is returned and cannot be answered."""

    @api.entrypoint()
    def main(x: int) -> Any:
        return api.interrupt("?")

    result = main.invoke(1)
    yield list(result), [i.value for i in result["__interrupt__"]]
    yield attempt(main.invoke, api.Command(resume=1))


@program
def outside_a_run(api: Api) -> Any:
    """An error."""
    return attempt(api.interrupt, "?", text=False)


@program
def new_input_while_waiting(api: Api) -> Iterator[Any]:
    """Starts over; the question is dropped; `previous` is that of the last completed run."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, *, previous: Any = None) -> Any:
        return x if x < 10 else [previous, api.interrupt(x)]

    for given in (1, 10, 11, 2, 12, api.Command(resume="a")):
        yield main.invoke(given, THREAD), main.get_state(THREAD).next


@program
def resuming_a_finished_run(api: Api) -> Iterator[Any]:
    """Gives the stored value, and runs nothing."""
    ran = []

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        ran.append(x)
        return {"x": x}

    main.invoke(1, THREAD)
    yield main.invoke(api.Command(resume="late"), THREAD)
    yield main.invoke(None, THREAD)
    yield list(main.stream(None, THREAD)), list(main.stream(None, THREAD, stream_mode="values"))
    yield ran, len(list(main.get_state_history(THREAD)))


@program
def an_answer_after_an_error(api: Api) -> Iterator[Any]:
    """Behaves like going on."""
    broken = [True]

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        if broken.pop() if broken else False:
            raise ValueError("once")
        return "done"

    yield attempt(main.invoke, 1, THREAD)
    yield main.invoke(api.Command(resume="early"), THREAD)


@program
def an_error_after_an_answer(api: Api) -> Iterator[Any]:
    """The answer is kept."""
    broken = [True]

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        answer = api.interrupt("?")
        if broken:
            broken.clear()
            raise ValueError(f"after {answer}")
        return answer

    yield main.invoke(1, THREAD)
    yield attempt(main.invoke, api.Command(resume="kept"), THREAD)
    yield main.get_state(THREAD).tasks[0].error, main.get_state(THREAD).next
    yield main.invoke(None, THREAD)


@program
def finally_runs(api: Api) -> Iterator[Any]:
    """A question passes through `finally` and through handlers of other errors."""
    seen = []

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        try:
            return api.interrupt("?")
        except ValueError:
            seen.append("caught")
        finally:
            seen.append("finally")

    yield main.invoke(1, THREAD), main.invoke(api.Command(resume=1), THREAD), seen


@program
def questions_of_many_types(api: Api) -> Iterator[Any]:
    """Shown live as they are."""
    for number, value in enumerate(["text", 1, None, ["a", 1], {"a": {"b": [1]}}, 1.5, True, b"bytes"]):

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            return api.interrupt(value)

        config = {"configurable": {"thread_id": str(number)}}
        yield main.invoke(1, config), main.get_state(config).interrupts


@program
def a_question_is_never_retried(api: Api) -> Iterator[Any]:
    """Whatever the policy says."""
    ran = []

    @api.task(retry_policy=api.now(max_attempts=5))
    def ask() -> Any:
        ran.append("ask")
        return api.interrupt("?")

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int) -> Any:
        return ask().result()

    yield main.invoke(1, THREAD), ran
    yield main.invoke(api.Command(resume=1), THREAD), ran
