"""The VALUE and ITEM grammar, and what it becomes where a type is declared."""

import dataclasses
import enum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, NotRequired, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgrun.cli.conform import Mismatch, conform
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed, is_item, lay_over, parse_duration, parse_item, parse_value


@pytest.fixture
def env(tmp_path: Path) -> Environment:
    """Return a world in an empty folder."""
    return Environment(environ={}, cwd=tmp_path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-5", -5),
        ("1.5", 1.5),
        ("true", True),
        ("null", None),
        ('"5"', "5"),
        ("[1]", [1]),
        ('{"a": 1}', {"a": 1}),
        ("", ""),
        (" ", " "),
        ("007", "007"),
        ("yes", "yes"),
        ("NaN", "NaN"),
        ("Infinity", "Infinity"),
        ("1e999", "1e999"),
        ("a=b", "a=b"),
        ("é", "é"),
        ("9" * 5000, "9" * 5000),
    ],
)
def test_value(env: Environment, text: str, value: Any) -> None:
    """A VALUE is JSON if it parses, else text."""
    found = parse_value(text, env)

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("text", ["{bad", '{"a": NaN}', "[1,", '"open', "[" * 100_000])
def test_value_like_json(env: Environment, text: str) -> None:
    """Text that begins like JSON and is not is refused."""
    with pytest.raises(Problem) as caught:
        parse_value(text, env)

    assert caught.value.status == 2


def test_value_caret(env: Environment) -> None:
    """The message of bad JSON points at the place."""
    with pytest.raises(Problem) as caught:
        parse_value('{"a": x}', env)

    assert list(caught.value.lines())[1:3] == ['  {"a": x}', "        ^"]


def test_value_file(env: Environment, tmp_path: Path) -> None:
    """@file is parsed by its ending."""
    (tmp_path / "a.json").write_text('{"a": 1}')
    (tmp_path / "a.toml").write_text("a = 1")
    (tmp_path / "a.txt").write_text("{a")

    assert parse_value("@a.json", env) == parse_value("@a.toml", env) == {"a": 1}
    assert parse_value("@a.txt", env) == "{a"


@pytest.mark.parametrize("text", ["@missing", "@", "@.", "@bad.json", "@bytes.txt"])
def test_value_bad_file(env: Environment, tmp_path: Path, text: str) -> None:
    """A file that is missing or cannot be read is named."""
    (tmp_path / "bad.json").write_text("{")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")

    with pytest.raises(Problem) as caught:
        parse_value(text, env)

    assert caught.value.status == 2


@pytest.mark.parametrize(
    ("items", "value"),
    [
        (["a=1"], {"a": "1"}),
        (["a:=1"], {"a": 1}),
        (["a=b=c"], {"a": "b=c"}),
        (["a=b:=c"], {"a": "b:=c"}),
        (["a:=[1, 2]"], {"a": [1, 2]}),
        (["a="], {"a": ""}),
        (["a[b]=1", "a[c]=2"], {"a": {"b": "1", "c": "2"}}),
        (["a[]=1", "a[]=2"], {"a": ["1", "2"]}),
        (["a[b][]=x", "a[b][]=y"], {"a": {"b": ["x", "y"]}}),
        (["a[][b]=x"], {"a": [{"b": "x"}]}),
        (["a=1", "a=2"], {"a": "2"}),
        (["a-b=1"], {"a-b": "1"}),
    ],
)
def test_items(env: Environment, items: list[str], value: Any) -> None:
    """ITEMs build an object."""
    assert lay_over({}, [parse_item(item, env) for item in items]) == value


@pytest.mark.parametrize(
    "items", [["a"], ["=1"], ["a:={"], ["a[=1"], ["[a]=1"], ["a=1", "a[b]=2"], ["a[b]=1", "a[]=2"]]
)
def test_bad_items(env: Environment, items: list[str]) -> None:
    """What is no ITEM, or does not fit what is there, is refused."""
    with pytest.raises(Problem):
        lay_over({}, [parse_item(item, env) for item in items])


def test_item_files(env: Environment, tmp_path: Path) -> None:
    """key=@file is the file's text, key:=@file its JSON."""
    (tmp_path / "a.json").write_text('{"a": 1}\n')

    assert parse_item("k=@a.json", env).value == '{"a": 1}'
    assert parse_item("k:=@a.json", env).value == {"a": 1}


@given(st.text())
def test_any_item(text: str) -> None:
    """Any text is an ITEM or is refused."""
    env = Environment(environ={}, cwd=Path("/nonexistent"))
    try:
        item = parse_item(text, env)
    except Problem:
        return
    assert is_item(text)
    assert item.path


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("5m", 300), ("2h", 7200), ("7d", 604800), ("3", 3), ("1.5s", 1.5)]
)
def test_duration(text: str, seconds: float) -> None:
    """A DURATION is a number and a unit."""
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "x", "-1s", "5 minutes", "5w"])
def test_bad_duration(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(Problem):
        parse_duration(text)


# --- declared types


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Topic(TypedDict):
    topic: str
    limit: NotRequired[int]


@dataclasses.dataclass
class Order:
    name: str
    count: int = 1
    colour: Colour = Colour.RED


class Point(NamedTuple):
    x: int
    y: int = 0


T = Typed


@pytest.mark.parametrize(
    ("value", "annotation", "expected"),
    [
        (T("5"), int, 5),
        (T("007"), int, 7),
        (T("5"), str, "5"),
        (T("5"), float, 5.0),
        (T("yes"), bool, True),
        (T("off"), bool, False),
        (T("x"), Any, "x"),
        (T("x"), str | None, "x"),
        (T("5"), int | str, 5),
        (T("x"), int | str, "x"),
        (T("null"), int | None, None),
        (T("red"), Colour, Colour.RED),
        (T("b"), Literal["a", "b"], "b"),
        (T("2"), Literal[1, 2], 2),
        (T("5"), Annotated[int, "doc"], 5),
        (T("a/b"), Path, Path("a/b")),
        (T("[1, 2]"), list[int], [1, 2]),
        ([T("1"), T("2")], list[int], [1, 2]),
        ([1, 2], tuple[int, int], (1, 2)),
        ([1, 1], set[int], {1}),
        ({"a": T("1")}, dict[str, int], {"a": 1}),
        ({"topic": T("x"), "limit": T("5")}, Topic, {"topic": "x", "limit": 5}),
        ({"name": "n", "colour": T("blue")}, Order, Order("n", 1, Colour.BLUE)),
        ({"x": T("1")}, Point, Point(1, 0)),
        ([{"topic": "x"}], list[Topic], [{"topic": "x"}]),
    ],
)
def test_conform(value: Any, annotation: Any, expected: Any) -> None:
    """Typed text becomes what is declared."""
    found = conform(value, annotation)

    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("value", "annotation", "message"),
    [
        (T("ten"), int, 'input: expected integer, got "ten"'),
        (True, int, "input: expected integer, got true"),
        (1, bool, "input: expected boolean, got 1"),
        ({"limit": T("ten"), "topic": "x"}, Topic, 'input.limit: expected integer, got "ten"   (limit: int)'),
        ({"name": "x", "count": "1"}, Order, 'input.count: expected integer, got "1"   (count: int = 1)'),
        ({}, Topic, "input: missing topic   (topic: str)"),
        ({"topc": "x"}, Topic, "input.topc: unknown key, did you mean topic?   (keys: topic, limit)"),
        ([1, "x"], list[int], 'input[1]: expected integer, got "x"'),
        ({"a": {"b": 1}}, dict[str, dict[str, str]], "input.a.b: expected string, got 1"),
        (T("green"), Colour, 'input: expected one of "red", "blue", got "green"'),
        (T("x"), int | None, 'input: expected integer or null, got "x"'),
        ([1], Topic, "input: expected object, got [1]"),
    ],
)
def test_mismatch(value: Any, annotation: Any, message: str) -> None:
    """What does not fit is named with its place and declaration."""
    with pytest.raises(Mismatch) as caught:
        conform(value, annotation)

    assert str(caught.value) == message


def test_no_mark_left() -> None:
    """Text without a declared type arrives as an ordinary string."""
    found = conform({"a": [Typed("x")]}, dict)

    assert type(found["a"][0]) is str
