"""What values look like when they are stored, and that nothing but values comes back."""

import collections
import dataclasses
import datetime as dt
import decimal
import enum
import fractions
import gc
import io
import ipaddress
import json
import math
import pathlib
import re
import socket
import subprocess
import sys
import textwrap
import threading
import types
import typing
import uuid
import zoneinfo
from typing import Any
from unittest.mock import patch

import orjson
import pydantic
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lgrun.checkpoint import _table, serde
from lgrun.checkpoint._plain import is_plain
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.serde import decode, encode, hand_on
from lgrun.errors import DamagedStateError, NotSerializableError


class Colour(enum.Enum):
    RED = 1
    BLUE = ("b", 2)


class Level(enum.IntEnum):
    LOW = 1


class Mood(enum.StrEnum):
    GOOD = "good"


class Access(enum.Flag):
    READ = 1
    WRITE = 2


class Point(typing.NamedTuple):
    x: int
    y: Any = 0


@dataclasses.dataclass
class Item:
    name: str
    tags: tuple[str, ...] = ()

    class Kind(enum.Enum):
        BIG = "big"


@dataclasses.dataclass(frozen=True, slots=True)
class Frozen:
    at: Any
    item: Item | None = None


@dataclasses.dataclass
class Total:
    price: int
    total: int = dataclasses.field(init=False)
    calls: typing.ClassVar[int] = 0

    def __post_init__(self) -> None:
        type(self).calls += 1
        self.total = self.price * 2
        self.note = "beside the fields"


class Address(typing.TypedDict):
    city: str


class Line(pydantic.BaseModel):
    n: int
    when: dt.date = dt.date(2026, 1, 1)


class Order(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="allow")
    lines: list[Line]
    raw: Any = None
    _seen: set[int] = pydantic.PrivateAttr(default_factory=set)


class AppError(Exception):
    def __init__(self, code: int, *, hint: str) -> None:
        super().__init__(f"code {code}")
        self.code = code
        self.hint = hint


def make_error() -> AppError:
    error = AppError(3, hint="h")
    error.add_note("seen")
    error.__cause__ = ValueError("why")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    return error


def make_order() -> Order:
    order = Order(lines=[Line(n=1)], raw=(1, 2), more={3})  # type: ignore[call-arg]
    order._seen.add(5)
    return order


def nest(depth: int, leaf: Any = 0) -> Any:
    for _ in range(depth):
        leaf = [leaf]
    return leaf


def same(a: Any, b: Any) -> bool:
    """Compare like `==`, but of the same types at every depth, with NaN equal to NaN and -0.0 not to 0.0."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return a == b and math.copysign(1, a) == math.copysign(1, b) if a == a else b != b
    if isinstance(a, complex):
        return same(a.real, b.real) and same(a.imag, b.imag)
    if isinstance(a, decimal.Decimal):
        return str(a) == str(b)
    if isinstance(a, dict):
        extra = [getattr(x, "default_factory", None) for x in (a, b)]
        return extra[0] is extra[1] and same([*a.items()], [*b.items()])
    if isinstance(a, list | tuple | collections.deque):
        bounds = getattr(a, "maxlen", None) == getattr(b, "maxlen", None)
        return bounds and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, set | frozenset):
        return len(a) == len(b) and all(any(same(x, y) for y in b) for x in a)
    if isinstance(a, BaseException):
        left, right = ({k: v for k, v in vars(x).items() if k != "lock"} for x in (a, b))
        return same(a.args, b.args) and same(left, right) and same(a.__cause__, b.__cause__) and str(a) == str(b)
    if isinstance(a, dt.datetime | dt.time):
        return a == b and a.fold == b.fold and repr(a) == repr(b)
    if isinstance(a, pydantic.BaseModel):
        parts = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
        return all(same(getattr(a, part), getattr(b, part)) for part in parts)
    if isinstance(a, Total):
        return same(vars(a), vars(b))
    if isinstance(a, Item | Frozen):
        return all(same(getattr(a, f.name), getattr(b, f.name)) for f in dataclasses.fields(a))
    return bool(a == b)


def stored(value: Any) -> Any:
    """Encode, write, read and decode."""
    encoded = encode(value)
    return decode(Encoded(tree=orjson.loads(encoded.json()), plain=encoded.plain))


BERLIN = zoneinfo.ZoneInfo("Europe/Berlin")

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2**53 - 1, 2**53, -(2**53), 2**63, 2**80, -(2**80), 10**5000),
    *(0.0, -0.0, 1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324, 1e16, [1, 1.0, True]),
    *("", "x" * 1_000_000, "🎉é", "a\0b", "\ud800", "\ud83d\ude00", "$lgrun", {"\udfff": 1}, {"k": "\ud800"}),
    *(b"", b"\xff\0", bytearray(b"ab"), [], [1, [2]], (), (1, (2, [3])), {"a": ((1,), {"b": ()})}),
    *(
        set(),
        {1, "a", None},
        frozenset({(1, 2)}),
        {(1, "a"), (2, "b")},
        {frozenset({1})},
        {math.nan, float("nan")},
    ),
    *({}, {1: 2}, {(1, 2): 3}, {None: 4}, {True: 5}, {1.5: 6}, {b"k": 7}, {Colour.RED: 8}, {Mood.GOOD: 9}),
    *({"$lgrun": "tuple", "v": [1]}, {"$lgrun": 1}, [{"a": {"$lgrun": "os:system", "v": [{"$lgrun": {}}]}}]),
    *({"$lgrun": {"$lgrun": "dict", "v": []}}, {"v": 1}, {"b": 1, "a": 2}, {2: {"$lgrun": (1,)}}),
    collections.OrderedDict([("b", 1), ("a", (2,))]),
    *(
        collections.defaultdict(list, {"a": [1]}),
        collections.defaultdict(None, {1: 2}),
        collections.defaultdict(int),
    ),
    *(collections.Counter("abca"), collections.Counter({"a": -1})),
    *(collections.deque([1, (2,)], maxlen=3), collections.deque(), collections.deque(maxlen=0)),
    *(range(0), range(1, 10, 3), range(2**70), 1 + 2j, complex(-0.0, math.nan), complex(math.inf, -0.0)),
    *(fractions.Fraction(1, 3), fractions.Fraction(-(2**80), 7)),
    *(decimal.Decimal(x) for x in ("1.10", "NaN", "sNaN123", "-0", "Infinity", "1E+5000")),
    *(
        dt.datetime(2026, 1, 2, 3, 4, 5, 6),
        dt.datetime(2026, 1, 2, tzinfo=dt.UTC),
        dt.datetime.min,
        dt.datetime.max,
    ),
    *(dt.datetime(2026, 10, 25, 2, 30, fold=1), dt.datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-3, minutes=-30, microseconds=1))),
    dt.datetime(2026, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=1), "X")),
    *(
        BERLIN,
        dt.UTC,
        dt.timezone(dt.timedelta(hours=2)),
        dt.date(2026, 1, 1),
        dt.time(1, 2, 3, 4),
        dt.time(1, fold=1),
    ),
    *(dt.time(1, tzinfo=dt.UTC), dt.timedelta(-1, 2, 3), dt.timedelta.max),
    *(uuid.UUID(int=5), uuid.uuid1()),
    *(pathlib.Path("/a/b"), pathlib.Path(), pathlib.Path("x\udcff"), pathlib.PurePosixPath("../x")),
    pathlib.PureWindowsPath(r"C:\x"),
    *(ipaddress.ip_address("10.0.0.1"), ipaddress.ip_address("fe80::1%eth0")),
    *(ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("2001:db8::/32")),
    *(ipaddress.ip_interface("10.0.0.1/8"), ipaddress.ip_interface("2001:db8::1/32")),
    *(
        re.compile("a(?P<x>b)", re.IGNORECASE | re.MULTILINE),
        re.compile(rb"\d"),
        re.compile("(?x) a # c"),
        re.compile("a", re.ASCII),
    ),
    *(Colour.RED, Colour.BLUE, Level.LOW, Mood.GOOD, Access.READ, Access.READ | Access.WRITE, Access(0)),
    *(Item.Kind.BIG, [Level.LOW, 1], {"m": Mood.GOOD}),
    *(
        Item("a", ("b",)),
        Frozen((1,)),
        Frozen(at=dt.UTC, item=Item("n")),
        [Item("x"), {"i": Item("y")}],
        Total(4),
    ),
    *(Point(1), Point(1, (2, Point(3))), Address(city="x"), Line(n=1), make_order(), {"o": [make_order()]}),
    *(ValueError("a", 1, (2,)), KeyError("k"), OSError(2, "no", "file"), make_error(), StopIteration(4)),
    *(
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"),
        ImportError("x", name="n", path="p"),
        KeyboardInterrupt(),
    ),
    ExceptionGroup("g", [ValueError(1), ExceptionGroup("h", [make_error()])]),
    list(range(1_000_000)),
    *(nest(199), nest(200), nest(100, 1.5), tuple(nest(50))),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: f"{type(value).__name__} {str(type(value))[:0]}")
def test_round_trip(value: Any) -> None:
    """A value comes back from bytes equal and of the same types, and is handed on as it will come back."""
    assert same(stored(value), value)
    encoded, handed = hand_on(value)
    assert same(handed, value)
    assert encoded == encode(value)


@pytest.mark.parametrize("member", [Colour.RED, Mood.GOOD, Level.LOW, Access.READ, Item.Kind.BIG])
def test_enum_identity(member: enum.Enum) -> None:
    """A member of an Enum comes back as itself."""
    assert stored(member) is member


def test_stdlib_exception_attributes() -> None:
    """Attributes that exceptions keep outside of their dict come back."""
    assert stored(OSError(2, "no", "file")).filename == "file"
    assert stored(StopIteration(4)).value == 4
    assert stored(ImportError("x", name="n", path="p")).path == "p"


def is_hashable(value: Any) -> bool:
    return not isinstance(value, decimal.Decimal) or not value.is_snan()


scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**90), 2**90)
    | st.floats()
    | st.text(st.characters(categories=None))
    | st.binary()
    | st.sampled_from(["$lgrun", "v", "tuple", "dict", Colour.RED, Mood.GOOD])
    | st.decimals()
    | st.datetimes()
    | st.timedeltas()
)
keys = (
    st.sampled_from(["$lgrun", "v", "$", "lgrun", "\ud800"])
    | scalars.filter(is_hashable)
    | st.tuples(st.integers(), st.text())
)


def larger(inner: Any) -> Any:
    return (
        st.lists(inner)
        | st.lists(inner).map(tuple)
        | st.dictionaries(keys, inner)
        | st.fixed_dictionaries({"$lgrun": st.sampled_from(["tuple", "dict", "x:y"]) | inner, "v": inner})
        | inner.map(Item)
        | inner.map(Frozen)
        | st.lists(inner).map(collections.deque)
    )


@given(st.recursive(scalars, larger, max_leaves=20), st.sampled_from([serde.LONG, 40, 1]))
@settings(max_examples=600, deadline=None)
def test_round_trip_property(value: Any, long: int) -> None:
    """Any structure, with keys that look like tags at any depth, comes back the same, also what is long or large."""
    with patch.object(serde, "LONG", long), patch.object(serde, "LARGE", 2 * long):
        assert same(stored(value), value)
        assert same(hand_on(value)[1], value)


@pytest.mark.parametrize(
    "odd",
    [(1,), (), math.nan, -math.inf, Colour.RED, Item(1), {1: 2}, {"a": 1, 2: 3}, {"$lgrun": 1}, Mood.GOOD, Level.LOW],
    ids=repr,
)
@pytest.mark.parametrize("place", [0, 1, 1023, 1024, 4998, 4999])
def test_one_odd_thing_in_a_large_value(odd: Any, place: int) -> None:
    """It is found wherever it is, and alone, as an item, among numbers or below a key, makes the value not plain."""
    usual = {"text": "x" * 90, "n": [1, 2.5, None, True]}
    items: list[Any] = [usual] * 5000
    assert encode(items).plain
    keyed = {str(n): item for n, item in enumerate(items)}
    numbers = [n / 2 for n in range(5000)]
    for value in (
        [*items[:place], odd, *items[place:]],
        [*numbers[:place], odd, *numbers[place:]],
        {"inner": keyed | {str(place): [odd]}},
    ):
        encoded, handed = hand_on(value)
        assert not encoded.plain
        assert same(handed, value)


@pytest.mark.parametrize(
    "value",
    [
        [0.5] * 100_000,
        [[0.25] * 10] * 10_000,
        list(range(100_000)),
        {str(n): {"n": n} for n in range(20_000)},
        [nest(150)] * 2000,
        ["$" * serde.LARGE],
        [[], {}, None, True, "x" * serde.LARGE],
    ],
    ids=["floats", "matrix", "integers", "keys", "deep", "dollars", "few"],
)
def test_large_plain_values_of_all_shapes(value: Any) -> None:
    """They are handed on without a copy, and come back the same."""
    encoded, handed = hand_on(value)
    assert encoded.plain
    assert handed is value
    assert same(decode(encoded), value)


def test_value_that_another_thread_changes() -> None:
    """A dict that grows while it is looked at is stored all the same."""
    value = {str(n): n for n in range(5000)}

    def grow(frame: Any, event: str, arg: Any) -> Any:
        if frame.f_code is is_plain.__code__:
            value[f"another {len(value)}"] = 1
        return grow

    before = sys.gettrace()
    sys.settrace(grow)
    try:
        encoded = encode(value)
    finally:
        sys.settrace(before)
    assert len(value) > 5000
    assert same(decode(encoded), value)


def test_plain_values_are_handed_on_as_they_are() -> None:
    """A plain value is handed on without a copy, and its JSON is itself."""
    value = {"a": [1, {"x": "y"}], "b": None}
    encoded, handed = hand_on(value)
    assert handed is value
    assert encoded.plain
    assert json.loads(encoded.json()) == value


@pytest.mark.parametrize("value", [[(1,)], {"a": "$lgrun"}, [math.nan], Item("x"), {1: 2}])
def test_other_values_are_handed_on_decoded(value: Any) -> None:
    """A value that is not plain is handed on as a copy."""
    encoded, handed = hand_on(value)
    assert handed is not value
    assert not encoded.plain


def test_set_order_is_stable() -> None:
    """Equal sets have equal JSON, in whatever order they were filled."""
    assert encode(set("abcdefgh")).json() == encode(set("hgfedcba")).json()


def test_stored_form() -> None:
    """The JSON is what the format promises."""
    assert encode((1, [2])).json() == b'{"$lgrun":"tuple","v":[1,[2]]}'
    assert encode(2**80).json() == b'{"$lgrun":"int","v":"0x100000000000000000000"}'
    tag = f"{__name__}:Item"
    assert encode(Item("a")).tree() == {
        "$lgrun": tag,
        "v": {"name": "a", "tags": {"$lgrun": "tuple", "v": []}},
    }


class Text(str):
    __slots__ = ()


class Bag(dict[str, int]):
    pass


class Late(dt.datetime):
    pass


class Thing:
    pass


async def coroutine() -> None:
    pass


REFUSED: list[tuple[Any, str, str]] = [
    (memoryview(b"x"), "$", "is a memoryview"),
    ({"a": (x for x in ())}, "$.a", "is a generator"),
    ([lambda: 0], "$[0]", "is a function"),
    ({"a b": len}, '$["a b"]', "is a function (len)"),
    ({"x": [1, io.StringIO()]}, "$.x[1]", "is an open file"),
    ((threading.Lock(),), "$[0]", "is a lock"),
    (threading.RLock(), "$", "is a lock"),
    (Item(socket), "$.name", "is a module (socket)"),
    (Item(typing.cast("str", Thing())), "$.name", f"is a {__name__}.Thing"),
    (Point(1, Thing), "$.y", f"is a class ({__name__}.Thing)"),
    (Line.model_construct(n=Ellipsis), "$.n", "is Ellipsis"),
    ([0, NotImplemented], "$[1]", "is NotImplemented"),
    (Text("x"), "$", f"is a subclass of str ({__name__}.Text)"),
    ({Text("x"): 1}, "$[<Text>] (the key)", f"is a subclass of str ({__name__}.Text)"),
    ([Bag(a=1)], "$[0]", f"is a subclass of dict ({__name__}.Bag)"),
    (Late(2026, 1, 1), "$", f"is a subclass of datetime ({__name__}.Late)"),
    ({"s": pydantic.SecretStr("x")}, "$.s", "is a SecretStr, and secrets are never saved"),
    (pydantic.SecretBytes(b"x"), "$", "is a SecretBytes, and secrets are never saved"),
    (collections.defaultdict(lambda: 0), "$", "is a defaultdict whose default_factory is not a builtin type"),
    (collections.deque([1, object()]), "$[1]", "is a object"),
    (ValueError(object()), "$.args[0]", "is a object"),
    ({1: object()}, "$[1]", "is a object"),
    (collections.OrderedDict(a=object()), "$.a", "is a object"),
    (1 << 4_000_004, "$", "is an integer of more than 1000000 hex digits"),
    (object, "$", "is a class (object)"),
    (types.SimpleNamespace(), "$", "is a types.SimpleNamespace"),
]


@pytest.mark.parametrize(("value", "path", "reason"), REFUSED, ids=[reason for _, _, reason in REFUSED])
def test_refusals(value: Any, path: str, reason: str) -> None:
    """What cannot be saved is refused with its place and what it is."""
    with pytest.raises(NotSerializableError) as caught:
        encode(value)
    assert caught.value.path == path
    assert caught.value.reason.startswith(reason)


def test_refuses_open_things() -> None:
    """Sockets, files and coroutines are refused."""
    with socket.socket() as sock, open(__file__, "rb") as file:
        for value, reason in ((sock, "is a socket.socket"), (file, "is an open file")):
            with pytest.raises(NotSerializableError, match=reason):
                encode([value])
    call = coroutine()
    with pytest.raises(NotSerializableError, match="is a coroutine"):
        encode(call)
    call.close()


@pytest.mark.parametrize("value", [nest(201), nest(254), nest(5000), {"a": nest(200)}, (nest(199),)])
def test_refuses_deep_values(value: Any) -> None:
    """More than 200 levels of JSON are refused."""
    with pytest.raises(NotSerializableError, match="200 levels") as caught:
        encode(value)
    assert len(caught.value.path) < 200


@pytest.mark.parametrize("place", [0, 1, 500, 999])
def test_levels_of_a_large_value(place: int) -> None:
    """They are counted from its root, wherever the deep thing is; 200 are stored, and read back."""
    for wrap in (lambda value: value, lambda value: {"a": {"b": value}}):
        inner = 199 if type(wrap([])) is list else 197
        for items in ([{"text": "x" * 1000}] * 1000, [[0.5] * 100_000] * 4):
            fits, too_deep = ([*items[:place], nest(levels), *items[place:]] for levels in (inner, inner + 1))
            encoded, handed = hand_on(wrap(fits))
            assert encoded.plain
            assert decode(encoded) == handed
            with pytest.raises(NotSerializableError, match="200 levels"):
                encode(wrap(too_deep))


def test_brackets_in_text_are_no_levels() -> None:
    """A text of many brackets is not deep."""
    assert hand_on(["[" * 1000])[0].plain


def test_refuses_cycles() -> None:
    """A value that contains itself is refused; one that is there twice is not."""
    loop: list[Any] = [(1,)]
    loop.append({"again": loop})
    with pytest.raises(NotSerializableError, match="contains itself") as caught:
        encode(loop)
    assert caught.value.path == "$[1].again"
    twin = (1,)
    assert stored([twin, twin]) == [twin, twin]
    error = ValueError()
    error.__cause__ = error
    assert stored(error).__cause__ is None


def test_decoding_runs_no_code_of_the_class() -> None:
    """Neither __init__ nor __post_init__ runs when a dataclass is decoded."""
    encoded, before = encode(Total(4)), Total.calls
    assert decode(encoded).total == 8
    assert Total.calls == before


def test_fields_a_class_got_later() -> None:
    """A field that was not stored starts as its default, and is an error without one."""
    tag = f"{__name__}:Item"
    serde.register(Item, Point, Order)
    assert decode(Encoded(tree={"$lgrun": tag, "v": {"name": "a"}})) == Item("a")
    assert decode(Encoded(tree={"$lgrun": f"{__name__}:Point", "v": {"x": 1}})) == Point(1)
    with pytest.raises(DamagedStateError, match="'name'"):
        decode(Encoded(tree={"$lgrun": tag, "v": {}}))


def test_register_finds_related_classes() -> None:
    """A class brings those of its fields and those inside it; a module those it defines and imports."""
    module = types.ModuleType("reg_mod")
    source = """
        import dataclasses, enum, typing
        @dataclasses.dataclass
        class Inner: n: int = 0
        @dataclasses.dataclass
        class Outer:
            inner: 'list[Inner] | None' = None
            class Kind(enum.Enum): A = 1
        class Space:
            class P(typing.NamedTuple): x: int = 0
        class Oops(Exception): pass
    """
    sys.modules["reg_mod"] = module
    exec(textwrap.dedent(source), vars(module))
    names = ["Inner", "Outer", "Outer.Kind"]
    bodies: dict[str, Any] = {"Outer.Kind": "A", "Oops": {"args": []}}

    def get(name: str) -> Any:
        return decode(Encoded(tree={"$lgrun": f"reg_mod:{name}", "v": bodies.get(name, {})}))

    try:
        with pytest.raises(DamagedStateError, match=r"reg_mod\.Inner is not known .* import it"):
            get("Inner")
        serde.register(module.Outer)
        assert [type(get(name)).__qualname__ for name in names] == names
        with pytest.raises(DamagedStateError, match="Oops"):
            get("Oops")
        serde.register_module(module)
        assert [type(get(name)).__qualname__ for name in ("Space.P", "Oops")] == ["Space.P", "Oops"]
    finally:
        del sys.modules["reg_mod"]
    with pytest.raises(TypeError, match="Thing is no dataclass"):
        serde.register(Thing)


def test_classes_of_one_name() -> None:
    """Of two classes with the same tag, each instance is handed on as its own."""

    def make() -> Any:
        @dataclasses.dataclass
        class Local:
            x: int

        return Local

    first, second = make(), make()
    for cls in (first, second, first):
        assert type(hand_on(cls(1))[1]) is cls


MALFORMED: list[Any] = [
    *(
        {"$lgrun": "tuple"},
        {"$lgrun": "tuple", "v": [], "w": 1},
        {"$lgrun": 5, "v": 1},
        {"$lgrun": None, "v": 1},
    ),
    *(
        {"$lgrun": ["tuple"], "v": []},
        {"$lgrun": "", "v": 1},
        {"$lgrun": ":", "v": 1},
        {"$lgrun": "nope", "v": {}},
    ),
    *({"$lgrun": "x" * 10_000, "v": 1}, {"$lgrun": "a:" + "x" * 10_000, "v": 1}),
    *(
        {"$lgrun": tag, "v": body}
        for tag in sorted({row.tag for row in _table._ROWS})
        for body in (5, None, True, [[]], {}, {"x": 1}, "§", {"$lgrun": "set", "v": []}, [None], [1, "a"])
        if not (tag in ("path", "pureposixpath", "purewindowspath") and body == "§")
        and not (tag == "tuple" and isinstance(body, list))
        and not (tag in ("set", "frozenset") and body in ([None], [1, "a"]))
    ),
    *({"$lgrun": "int", "v": body} for body in ("12", "0x", "0x1_0", " 0x1", "0x1\n", "--0x1", "0x" + "f" * 1_000_010)),
    *({"$lgrun": "float", "v": body} for body in ("1.0", "infinity", "NAN")),
    *({"$lgrun": "zoneinfo", "v": body} for body in ("../../etc/passwd", "/etc/passwd", "No/Where", "", "Europe")),
    *({"$lgrun": "regex", "v": body} for body in (["a", 128], ["(", 0], [1, 0], ["a", "b"], ["a", 1 << 40])),
    *({"$lgrun": "set", "v": body} for body in ([1, 1], [[1]], [{}])),
    *({"$lgrun": "dict", "v": body} for body in ([[1, 2], [1, 3]], [[[], 1]], ["ab"], [[1]])),
    {"$lgrun": "defaultdict", "v": {"factory": "eval", "items": []}},
    {"$lgrun": "deque", "v": {"items": "ab", "maxlen": None}},
    {"$lgrun": "fraction", "v": [1, 0]},
    {"$lgrun": "datetime", "v": {"iso": "2026-01-01", "fold": 7, "tzinfo": None}},
    {"$lgrun": "datetime", "v": {"iso": "2026-01-01", "fold": 0, "tzinfo": 5}},
    *(
        {"$lgrun": f"{__name__}:{name}", "v": body}
        for name in ("Colour", "Access", "Point", "Item", "Frozen", "Order", "AppError", "Line")
        for body in (5, None, "nope", [1, 2], {"__class__": 1}, {"fields": 1}, {"args": 1}, [["x"]])
    ),
    {"$lgrun": "builtins:ImportError", "v": {"args": [], "builtin": {"__class__": 1}}},
    {"$lgrun": "builtins:ValueError", "v": {"args": [], "linked": {"cause": 5}}},
    {"$lgrun": "builtins:ExceptionGroup", "v": {"args": ["g", [5]]}},
    *(nest(201), nest(900), nest(150, {"$lgrun": "tuple", "v": nest(60)})),
]


@pytest.mark.parametrize("tree", MALFORMED, ids=lambda tree: ascii(tree)[:60])
def test_malformed_trees(tree: Any) -> None:
    """A tree that encode would not have written is an error of the state and nothing else."""
    for value in (Colour.RED, Access.READ, Point(1), Item(""), Frozen(1), make_order(), make_error()):
        encode(value)
    with pytest.raises(DamagedStateError):
        decode(Encoded(json=orjson.dumps(tree) if "[" * 250 not in str(tree) else str(tree).encode()))


def test_garbage_collector_stays_as_it_was() -> None:
    """Encoding and decoding leave the garbage collector on, or off, as it was, whatever happens."""
    large = [(n,) for n in range(50_000)]
    for switch in (gc.disable, gc.enable):
        switch()
        before = gc.isenabled()
        hand_on(large)
        hand_on(["x" * 300_000])
        with pytest.raises(DamagedStateError):
            decode(Encoded(tree={"$lgrun": "nope", "v": 1}))
        assert gc.isenabled() is before


MALICIOUS = r"""
import sys, builtins, collections, dataclasses, datetime, decimal, fractions, ipaddress,\
     pathlib, re, uuid, zoneinfo
import json, pydantic, orjson
from lgrun.checkpoint import _table, serde
from lgrun.checkpoint._plain import is_plain
from lgrun.checkpoint.base import Encoded
from lgrun.errors import DamagedStateError

@dataclasses.dataclass
class Trap:
    x: int
    y: object = dataclasses.field(default_factory=lambda: print("SIDE EFFECT"))
    def __post_init__(self): print("SIDE EFFECT")
    def __init_subclass__(cls): print("SIDE EFFECT")

class Model(pydantic.BaseModel):
    x: int = 0
    def model_post_init(self, context): print("SIDE EFFECT")
    @pydantic.field_validator("x", mode="before")
    @classmethod
    def check(cls, v): print("SIDE EFFECT"); return v

class Oops(Exception):
    def __init__(self, *args): print("SIDE EFFECT")

class Foreign(pydantic.BaseModel):
    x: int = 0

serde.register(Trap, Model, Oops)
T = "$lgrun"
names = [
    "os:system", "posix:system", "subprocess:Popen", "builtins:eval", "builtins:exec", "builtins:open",
    "builtins:__import__", "importlib:import_module", "os.system", "eval", "__main__:Foreign", "__main__:sys",
    "__main__:serde.encode", "__main__:Trap.__init__", "__main__:Trap.__class__", "antigravity:fly", "this:s",
    "tarfile:TarFile", "pickle:loads", "ctypes:CDLL", "builtins:type", "builtins:object",
    "builtins:breakpoint"]
bad = [{T: n, "v": v} for n in names for v in (["id"], {"args": ["id"]}, "id")]
bad += [{T: "regex", "v": ["a", 128]}, {T: "zoneinfo", "v": "../../../etc/passwd"},
    {T: "zoneinfo", "v": "/etc/passwd"},
    {T: "defaultdict", "v": {"factory": "eval", "items": []}},
    {T: "ndarray", "v": {"dtype": "O", "shape": [1], "data": 1}},
    {T: "__main__:Trap", "v": {"x": 1}}, {T: "lc", "v": {"lc": 2}},
    {T: "timezone", "v": [{T: "os:system", "v": ["id"]}]}]
good = [{"lc": 2, "type": "constructor", "id": ["os", "system"],
    "method": [None], "args": ["id"], "kwargs": {}},
    {"lc": 1, "type": "constructor", "id": ["subprocess", "Popen"], "kwargs": {"args": "id"}},
    {"py/object": "os.system"}, {"__reduce__": ["os.system", ["id"]]},
    {T: "__main__:Trap", "v": {"x": 1, "y": 2}}, {T: "__main__:Model", "v": {"fields": {"x": "id"}}},
    {T: "__main__:Oops", "v": {"args": ["id"], "attributes": {"__class__": "os", "__reduce__": 5}}},
    {T: "builtins:OSError", "v": {"args": [2, "x", "/etc/passwd"]}}, {T: "path", "v": "/etc/passwd"}]
texts = [(orjson.dumps(p), want) for group, want in ((bad, True), (good, False)) for p in group]
texts += [(orjson.dumps([{"a": p}]), True) for p in bad]
serde.decode(Encoded(tree={T: "uuid", "v": str(uuid.UUID(int=0))}))
events, armed = [], False
WATCH = ("import", "exec", "open", "compile", "os.system",
    "subprocess.Popen", "os.exec", "os.posix_spawn", "ctypes.dlopen")
sys.addaudithook(lambda name, args: events.append((name, args)) if armed and name in WATCH else None)
results = []
for text, want in texts:
    armed = True
    try:
        value, error = serde.decode(Encoded(json=text)), None
    except DamagedStateError as caught:
        error = caught
    armed = False
    if (error is not None) is not want: print("WRONG", text, error, value)
    results.append(error)
for event in events: print("EVENT", event)
armed = True
open("/dev/null").close()
armed = False
assert len(events) == 1, "the hook does not work"
assert type(serde.decode(Encoded(json=orjson.dumps(good[0])))) is dict
print(len(results), "payloads")
"""


def test_malicious_payloads() -> None:
    """Decoding triggers no import, exec, open or process, whatever the JSON names."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", MALICIOUS],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.stderr == ""
    assert re.fullmatch(r"\d+ payloads\n", done.stdout), done.stdout
    assert int(done.stdout.split()[0]) > 100


def test_start_imports_little() -> None:
    """Importing the codec loads neither pydantic nor the modules of the types it knows."""
    code = "import sys, lgrun.checkpoint.serde; print([m for m in sys.argv[1:] if m in sys.modules])"
    heavy = [
        "pydantic",
        "numpy",
        "decimal",
        "fractions",
        "ipaddress",
        "zoneinfo",
        "socket",
        "asyncio",
    ]
    done = subprocess.run([sys.executable, "-c", code, *heavy], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_numpy() -> None:
    """Scalars and arrays of plain dtypes come back writable; object arrays and subclasses are refused."""
    np = pytest.importorskip("numpy")
    values = [
        *(
            np.float64(1.5),
            np.float32("nan"),
            np.int8(-3),
            np.bool_(True),
            np.uint64(2**64 - 1),
            np.complex64(1j),
        ),
        *(
            np.datetime64("2026-01-01T00:00:00", "ns"),
            np.datetime64("NaT"),
            np.timedelta64(5, "D"),
            np.str_("é"),
        ),
        *(np.str_(""), np.bytes_(b"x"), np.datetime64("2026-01-01", "25s")),
    ]
    for value in values:
        got = hand_on([value])[1][0]
        assert type(got) is type(value)
        assert got.dtype == value.dtype
        assert got == value or (got != got and value != value)
    for array in (
        np.arange(6).reshape(2, 3),
        np.array(5),
        np.zeros((0, 3)),
        np.asfortranarray(np.eye(3)),
        np.array(["a"]),
    ):
        got = stored({"a": array})["a"]
        assert got.dtype == array.dtype
        assert got.shape == array.shape
        assert (got == array).all()
        assert got.flags.writeable
    for array in (np.array([object()]), np.zeros(2, dtype="i4,f4"), np.ma.array([1])):
        with pytest.raises(NotSerializableError, match=r"numpy"):
            encode([array])
    for body in (
        {"dtype": "|O", "shape": [1]},
        {"dtype": "<i8", "shape": [-1]},
        {"dtype": "<i8", "shape": [2]},
    ):
        tree = {"$lgrun": "ndarray", "v": {**body, "data": {"$lgrun": "bytes", "v": "AAAAAAAAAAA="}}}
        with pytest.raises(DamagedStateError):
            decode(Encoded(tree=tree))


def test_numpy_must_be_loaded() -> None:
    """Without numpy an array is an error that names it."""
    code = (
        "from lgrun.checkpoint.serde import decode; from lgrun.checkpoint.base import Encoded\n"
        "decode(Encoded(tree={'$lgrun': 'ndarray', 'v': {}}))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "'ndarray' needs numpy: import it in the workflow file" in done.stderr
