"""Sixty values through a run that stops and is taken up: the first run, the replay and the original are the same.

Each is the result of a task whose workflow then asks a question. What the body sees before and after the answer, in a
saver that reads from the disk, is compared with what the task returned.
"""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import ipaddress
import pathlib
import re
import socket
import threading
import typing
import uuid
import zoneinfo
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydantic
import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.errors import NotSerializableError
from lgrun.func import entrypoint, task
from lgrun.graph import START, StateGraph
from lgrun.types import Command, interrupt

THREAD = {"configurable": {"thread_id": "t"}}


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Holder:
    class Kind(enum.Enum):
        BIG = (1, 2)


class Pair(typing.NamedTuple):
    left: int
    right: Any = None


class Address(typing.TypedDict):
    city: str


@dataclasses.dataclass
class Item:
    name: str
    more: Any = None


@dataclasses.dataclass(frozen=True)
class Frozen:
    at: tuple[int, ...]


@dataclasses.dataclass(slots=True)
class Slotted:
    item: Item


class Line(pydantic.BaseModel):
    n: int
    when: dt.date = dt.date(2026, 1, 1)


class Order(pydantic.BaseModel):
    lines: list[Line]
    by_name: dict[str, Line] = {}


class Secret(pydantic.BaseModel):
    key: pydantic.SecretStr


class AppError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(f"code {code}")
        self.code = code


def error_with_cause() -> AppError:
    error = AppError(3)
    error.__cause__ = ValueError("why", (1,))
    return error


def nest(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def counted() -> Any:
    return collections.defaultdict(list, {"a": [(1,)]})


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

VALUES: dict[str, Any] = {
    "None": None,
    "True": True,
    "False": False,
    "small int": 7,
    "2**53": 2**53,
    "2**63": 2**63,
    "2**80": 2**80,
    "-2**80": -(2**80),
    "float": 1.5,
    "-0.0": -0.0,
    "nan": float("nan"),
    "inf": float("inf"),
    "-inf": float("-inf"),
    "1e308": 1e308,
    "empty str": "",
    "1 MB str": "x" * 1_000_000,
    "emoji": "🎉é",
    "NUL": "a\0b",
    "lone surrogate": "\ud800",
    "bytes": b"\xff\0",
    "bytearray": bytearray(b"ab"),
    "list": [1, [2.0, "3"]],
    "tuple": (1, (2, [3])),
    "tuples in dicts": {"a": ((1,), {"b": ()})},
    "set": {1, "a", None},
    "frozenset": frozenset({1, (2,)}),
    "set of tuples": {(1, "a"), (2, "b")},
    "int keys": {1: "a", 2: "b"},
    "tuple keys": {(1, 2): 3},
    "None key": {None: 1},
    "tag-like keys": {"$lgrun": "tuple", "v": [1, {"$lgrun": {"$lgrun": 1}}]},
    "OrderedDict": collections.OrderedDict([("b", 1), ("a", (2,))]),
    "defaultdict": counted(),
    "Counter": collections.Counter("abca"),
    "deque": collections.deque([1, (2,)], maxlen=3),
    "range": range(1, 10, 3),
    "complex": complex(-0.0, 2),
    "Fraction": fractions.Fraction(1, 3),
    "Decimal": decimal.Decimal("1.10"),
    "Decimal NaN": decimal.Decimal("NaN"),
    "naive datetime": dt.datetime(2026, 1, 2, 3, 4, 5, 6),
    "aware datetime": dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
    "fold=1": dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    "ZoneInfo": BERLIN,
    "date": dt.date(2026, 1, 1),
    "time": dt.time(1, 2, 3, 4),
    "timedelta": dt.timedelta(-1, 2, 3),
    "UUID": uuid.UUID(int=5),
    "Path": pathlib.Path("/a/b"),
    "IP addresses": [ipaddress.ip_address("10.0.0.1"), ipaddress.ip_network("2001:db8::/32")],
    "regex": re.compile("a(?P<x>b)", re.IGNORECASE),
    "Enum": Colour.RED,
    "IntEnum": [Level.LOW],
    "Flag": Access.READ | Access.WRITE,
    "nested Enum": Holder.Kind.BIG,
    "dataclass": Item("a", (1, {2})),
    "frozen dataclass": Frozen((1, 2)),
    "slotted, nested dataclass": Slotted(Item("b", Item("c"))),
    "NamedTuple": Pair(1, Pair(2)),
    "TypedDict": Address(city="x"),
    "pydantic model": Line(n=1),
    "nested pydantic model": Order(lines=[Line(n=1)], by_name={"x": Line(n=2, when=dt.date(2025, 1, 1))}),
    "exception": ValueError("a", 1, (2,)),
    "own exception": error_with_cause(),
    "numpy scalar": np.float32(1.5),
    "numpy array": np.arange(6, dtype="int16").reshape(2, 3),
    "numpy datetime64": np.datetime64("2026-01-01T00:00:00", "ns"),
    "10 MB list": list(range(1_000_000)),
    "depth 199": nest(199),
}

REFUSED: dict[str, tuple[Callable[[], Any], str, str]] = {
    "memoryview": (lambda: memoryview(b"x"), "$", "is a memoryview"),
    "generator": (lambda: {"a": [(x for x in ())]}, "$.a[0]", "is a generator"),
    "lambda": (lambda: [lambda: 0], "$[0]", "is a function"),
    "open file": (lambda: {"f": open(__file__)}, "$.f", "is an open file"),
    "lock": (lambda: (threading.Lock(),), "$[0]", "is a lock"),
    "socket": (lambda: Item(typing.cast("str", socket.socket())), "$.name", "is a socket.socket"),
    "SecretStr": (lambda: Secret(key=pydantic.SecretStr("x")), "$.key", "is a SecretStr, and secrets are never saved"),
    "depth 201": (lambda: nest(201), "$" + "[0]" * 10 + "…", "nests more than 200 levels deep"),
}


def look(value: Any) -> Any:
    """Return what two values have in common only if they are the same, types included."""
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(map(repr, map(look, value)))
    if isinstance(value, BaseException):
        return type(value), value.args, vars(value), str(value), look(value.__cause__)
    if isinstance(value, Item):
        return Item, look(value.name), look(value.more)
    if isinstance(value, np.ndarray):
        return value.dtype, value.shape, value.tobytes()
    if isinstance(value, tuple) and type(value) is tuple:
        return [tuple, *map(look, value)]
    return type(value), repr(value)


@pytest.fixture
def saver(tmp_path: Path) -> FileSaver:
    return FileSaver(tmp_path / "state")


@pytest.mark.parametrize("name", VALUES)
def test_first_run_is_replay_is_original(name: str, saver: FileSaver) -> None:
    """The body sees the same value before and after it was taken up."""
    original, seen, calls = VALUES[name], [], []

    @task
    def make() -> Any:
        calls.append(name)
        return original

    @entrypoint(checkpointer=saver)
    def main(_: int) -> None:
        seen.append(make().result())
        interrupt("go on?")

    main.invoke(1, THREAD)
    main.invoke(Command(resume=True), THREAD)

    assert calls == [name]
    first, replayed = seen
    assert look(first) == look(original)
    assert look(replayed) == look(original)


class State(typing.TypedDict, total=False):
    value: Any
    answer: Any


def graph_of(saver: FileSaver, make: Callable[[Any], Any], seen: list[Any]) -> Any:
    """Return a graph that puts a value into its state, looks at it, asks, and looks again."""

    def ask(state: Any) -> Any:
        seen.append(state["value"])
        return {"answer": interrupt("go on?")}

    def after(state: Any) -> None:
        seen.append(state["value"])

    builder = StateGraph(State)
    for name, node in {"make": make, "ask": ask, "after": after}.items():
        builder.add_node(name, node)
    for start, end in ((START, "make"), ("make", "ask"), ("ask", "after")):
        builder.add_edge(start, end)
    return builder.compile(checkpointer=saver)


@pytest.mark.parametrize("name", VALUES)
def test_state_of_a_graph_is_the_original(name: str, saver: FileSaver) -> None:
    """A graph that is taken up sees in its state what a node wrote, and shows and returns it."""
    # The record of what a node wrote takes three levels of the 200 that a value may have.
    original, seen = nest(197) if name == "depth 199" else VALUES[name], []
    graph = graph_of(saver, lambda _: {"value": original}, seen)

    graph.invoke({}, THREAD)
    held = graph_of(saver, lambda _: {"value": original}, []).get_state(THREAD).values["value"]
    returned = graph.invoke(Command(resume=True), THREAD)["value"]

    assert len(seen) == 3
    for value in (*seen, held, returned):
        assert look(value) == look(original)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_a_state(name: str, saver: FileSaver) -> None:
    """The node fails, naming itself and the place in what it returned, and no other starts."""
    value, seen = REFUSED[name][0](), []

    try:
        with pytest.raises(NotSerializableError) as caught:
            graph_of(saver, lambda _: {"value": value}, seen).invoke({}, THREAD)
    finally:
        for opened in (value.get("f") if isinstance(value, dict) else None, getattr(value, "name", None)):
            if hasattr(opened, "close"):
                opened.close()

    assert "'make'" in caught.value.what
    assert caught.value.reason.startswith(REFUSED[name][2])
    assert seen == []


@pytest.mark.parametrize("name", REFUSED)
def test_refused_at_once(name: str, saver: FileSaver) -> None:
    """The task fails, naming itself and the place in its result, and the next task does not start."""
    make_value, path, reason = REFUSED[name]
    value, after = make_value(), []

    @task
    def make() -> Any:
        return value

    @task
    def later() -> None:
        after.append(1)

    @entrypoint(checkpointer=saver)
    def main(_: int) -> None:
        make().result()
        later().result()

    try:
        with pytest.raises(NotSerializableError) as caught:
            main.invoke(1, THREAD)
    finally:
        for opened in (value.get("f") if isinstance(value, dict) else None, getattr(value, "name", None)):
            if hasattr(opened, "close"):
                opened.close()

    assert caught.value.what == "the result of task 'make'"
    assert caught.value.path.startswith(path)
    assert caught.value.reason.startswith(reason)
    assert after == []


def test_there_are_sixty() -> None:
    """At least."""
    assert len(VALUES) + len(REFUSED) >= 60
