"""`previous`, `entrypoint.final`, values across a pause, and configuration."""

import collections
import dataclasses
import datetime
import decimal
import enum
import pathlib
import uuid
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from tests.fidelity.api import THREAD, Api
from tests.fidelity.plain import attempt
from tests.fidelity.programs import program

if TYPE_CHECKING:
    from lgrun.config import RunnableConfig
    from lgrun.types import StreamWriter


class Colour(enum.Enum):
    """An enum to save."""

    RED = "r"


class Pair(NamedTuple):
    """A named tuple to save."""

    a: int
    b: str


@dataclasses.dataclass
class Point:
    """A dataclass to save."""

    x: int
    tags: list[str]


def keeping(api: Api, saver: Any = None) -> Any:
    """Return a workflow that shows what it remembers, and does as its input says."""

    @api.entrypoint(checkpointer=saver)
    def main(x: Any, *, previous: Any = "default") -> Any:
        if x == "fail":
            raise ValueError("fail")
        if x == "ask":
            return ["asked", previous, api.interrupt("?")]
        return {"x": x, "previous": previous}

    return main


@program
def previous(api: Api) -> Iterator[Any]:
    """Of the last completed run; not touched by others; None at first, whatever the default."""
    flow = keeping(api, api.new_saver())
    for given in (1, "fail", 2, "ask", 3, "ask", api.Command(resume="a"), 4):
        yield attempt(flow.invoke, given, THREAD)


@program
def previous_without_a_saver(api: Api) -> Iterator[Any]:
    """None."""
    yield keeping(api).invoke(1)


@program
def previous_while_resuming(api: Api) -> Iterator[Any]:
    """The same in each attempt of one run."""
    flow = keeping(api, api.new_saver())
    flow.invoke(1, THREAD)
    flow.invoke("ask", THREAD)
    yield flow.invoke(api.Command(resume="a"), THREAD)


@program
def falsy_returns(api: Api) -> Iterator[Any]:
    """Saved and shown as they are."""
    for number, value in enumerate([None, False, 0, "", [], {}]):
        seen: list[Any] = []

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int, *, previous: Any = "default") -> Any:
            seen.append(previous)
            return value

        config = {"configurable": {"thread_id": str(number)}}
        yield main.invoke(1, config), list(main.stream(2, config, stream_mode=["values", "updates"]))
        yield seen, main.get_state(config).values


@program
def final(api: Api) -> Iterator[Any]:
    """One value to show, another to save."""

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: Any, *, previous: Any = None) -> Any:
        return api.entrypoint.final(value=[x, previous], save={"saved": x})

    for x in (1, 2, 3):
        yield list(main.stream(x, THREAD, stream_mode=["updates", "values", "tasks"]))
        yield main.get_state(THREAD).values


@program
def final_that_saves_nothing(api: Api) -> Iterator[Any]:
    """None is saved; falsy values are shown."""
    seen: list[Any] = []

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: Any, *, previous: Any = None) -> Any:
        seen.append(previous)
        return api.entrypoint.final(value=x, save=None if x else 0)

    yield [main.invoke(x, THREAD) for x in (1, 0, "", 2)], seen


@program
def final_needs_both(api: Api) -> Iterator[Any]:
    """By keyword."""
    yield attempt(api.entrypoint.final, value=1, text=False), attempt(api.entrypoint.final, 1, 2, text=False)


@program
def final_of_a_task(api: Api) -> Iterator[Any]:
    """The body may hand it on; within other values it stays what it is."""

    @api.task
    def make(x: int) -> Any:
        return api.entrypoint.final(value=x, save=x + 1)

    @api.entrypoint()
    def main(x: int, *, previous: Any = None) -> Any:
        return make(x).result()

    @api.entrypoint()
    def inside(x: int) -> Any:
        return {"final": api.entrypoint.final(value=x, save=1)}

    yield main.invoke(1), isinstance(inside.invoke(1)["final"], api.entrypoint.final)


@program
def returned_objects_are_not_saved_ones(api: Api) -> Iterator[Any]:
    """Changing one later changes nothing that is saved; invoke returns the very object."""
    made: list[Any] = []

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, *, previous: Any = None) -> Any:
        made.append([*(previous or []), x])
        return made[-1]

    result = main.invoke(1, THREAD)
    result.append("changed")
    yield result is made[0], main.invoke(2, THREAD)


def _values() -> list[Any]:
    return [
        {"a": [1, {"b": None}], "c": True},
        {1: "int key", "s": 2},
        1.5,
        float("inf"),
        -0.0,
        2**60,
        b"bytes",
        {1, 2},
        frozenset({3}),
        datetime.date(2020, 1, 2),
        datetime.datetime(2020, 1, 2, 3, 4, 5, 6),
        datetime.timedelta(days=1, seconds=2),
        datetime.time(3, 4),
        decimal.Decimal("1.10"),
        uuid.UUID(int=7),
        pathlib.Path("a/b"),
        Colour.RED,
        Pair(1, "b"),
        Point(1, ["t"]),
        collections.deque([1, 2]),
        "text \u20ac \U0001f600",
        "",
        [],
        {},
    ]


@program
def results_across_a_pause(api: Api) -> Iterator[Any]:
    """What a task returned comes back as it was."""
    for number, value in enumerate(_values()):
        seen: list[Any] = []

        @api.task
        def make() -> Any:
            return value

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: int) -> Any:
            seen.append(make().result())
            api.interrupt("?")
            return seen[-1]

        config = {"configurable": {"thread_id": str(number)}}
        main.invoke(1, config)
        yield main.invoke(api.Command(resume=1), config), type(seen[0]).__name__, type(seen[1]).__name__
        yield main.get_state(config).values, seen[0] == seen[1]


@program
def inputs_and_answers_across_a_pause(api: Api) -> Iterator[Any]:
    """The input of a resumed run, and answers, as they were."""
    for number, value in enumerate(_values()):

        @api.entrypoint(checkpointer=api.new_saver())
        def main(x: Any) -> Any:
            return [x, api.interrupt("?")]

        config = {"configurable": {"thread_id": str(number)}}
        main.invoke({"input": value}, config)
        yield main.invoke(api.Command(resume=[value]), config)


@program
def a_failed_value_without_a_saver(api: Api) -> Iterator[Any]:
    """Anything goes."""

    @api.entrypoint()
    def main(x: Any) -> Any:
        return len([x, lambda: 0, object()])

    yield main.invoke(object)


@program
def configuration(api: Api) -> Iterator[Any]:
    """By name, by function, with `with_config`."""
    config = {"configurable": {"thread_id": "t", "who": "me"}, "metadata": {"m": 1}, "tags": ["call"]}

    @api.task
    def who(config: "RunnableConfig", x: int = 0) -> Any:
        return config["configurable"]["who"], api.get_config()["configurable"]["thread_id"]

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, config: "RunnableConfig") -> Any:
        seen = api.get_config()
        user = {key: value for key, value in config["metadata"].items() if key in ("m", "base")}
        return [list(who(x=1).result()), config["configurable"]["who"], seen["tags"], user]

    yield main.invoke(1, config)
    based = main.with_config(tags=["base"], metadata={"base": 1, "m": 0}, configurable={"who": "base"})
    yield based.invoke(1, config), based.invoke(1, THREAD | {"tags": []})


@program
def user_metadata_is_stored(api: Api) -> Iterator[Any]:
    """With every checkpoint of the run."""
    flow = keeping(api, api.new_saver())
    flow.invoke(1, {**THREAD, "metadata": {"user": "u", "n": 1}})
    flow.invoke("ask", {**THREAD, "metadata": {"user": "v"}})
    flow.invoke(api.Command(resume=1), {**THREAD, "metadata": {"user": "w"}})
    yield [s.metadata for s in flow.get_state_history(THREAD)]


@program
def injection(api: Api) -> Iterator[Any]:
    """By name; what the caller passes by keyword wins."""

    @api.task
    def step(x: int, *, previous: Any = None, writer: "StreamWriter" = None) -> Any:
        writer({"x": x})
        return [x, previous]

    @api.entrypoint(checkpointer=api.new_saver())
    def main(x: int, writer: "StreamWriter", *, previous: Any = None) -> Any:
        writer("body")
        return [step(x).result(), step(x, previous="own").result()]

    yield list(main.stream(1, THREAD, stream_mode=["custom", "values"]))
    yield list(main.stream(2, THREAD, stream_mode=["custom", "values"]))


@program
def names(api: Api) -> Iterator[Any]:
    """Of tasks: the function's, or the one given."""

    class Callable:
        def __call__(self, x: int) -> int:
            return x

        def method(self, x: int) -> int:
            return x

    import functools

    def base(x: int, y: int) -> int:
        return x + y

    tasks = [api.task(name="given")(lambda x: x), api.task(lambda x: x), api.task(Callable())]
    tasks += [api.task(Callable().method), api.task(functools.partial(base, y=1))]

    @api.entrypoint()
    def main(x: int) -> Any:
        return [task(x).result() for task in tasks]

    yield list(main.stream(1))
