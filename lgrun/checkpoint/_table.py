"""How values of standard types, and of numpy's, become simpler values and are made again."""

import binascii
import importlib
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from lgrun.checkpoint._classes import FACTORIES, Pairs, Parts, Refused
from lgrun.errors import DamagedStateError

__all__ = ["MAX_HEX", "row_of", "row_tagged", "to_base64"]

MAX_HEX = 1_000_000
"""Digits of the largest integer."""


class _Row(NamedTuple):
    """How values of exactly one type are stored.

    Args:
        tag: its name in the JSON.
        module: where the type is; never imported to encode, imported to decode.
        name: what it is called there.
        body: type of the simpler value.
        reduce: makes the simpler value.
        build: makes a value from the type and the simpler one.
    """

    tag: str
    module: str
    name: str
    body: type | tuple[type, ...]
    reduce: Callable[[Any], Any]
    build: Callable[[Any, Any], Any]


def _call(cls: Any, body: Any) -> Any:
    return cls(body)


def _spread(cls: Any, body: Any) -> Any:
    return cls(*body)


def _bad(why: str) -> NoReturn:
    raise ValueError(why)


def to_base64(data: Any) -> str:
    return binascii.b2a_base64(data, newline=False).decode()


def _from_base64(cls: Any, body: str) -> Any:
    return cls(binascii.a2b_base64(body, strict_mode=True))


def _build_str(_: Any, body: str) -> str:
    return binascii.a2b_base64(body, strict_mode=True).decode("utf-8", "surrogatepass")


def _build_int(_: Any, body: str) -> int:
    # Hexadecimal is read in linear time, decimal is not.
    if len(body) > MAX_HEX + 3 or not re.fullmatch("-?0x[0-9a-f]+", body):
        _bad("not a hexadecimal number")
    return int(body, 16)


def _build_float(_: Any, body: str) -> float:
    # One object each: a set may hold several NaN.
    return float(body) if body in ("nan", "inf", "-inf") else _bad("not one of nan, inf, -inf")


def _build_set(cls: Any, body: list[Any]) -> Any:
    made = cls(body)
    return made if len(made) == len(body) else _bad("an element is there twice")


def _into(made: Any, pairs: Any) -> Any:
    """Fill an empty mapping."""
    if type(pairs) is not list or not all(type(pair) is list and len(pair) == 2 for pair in pairs):
        _bad("a mapping is stored as a list of pairs")
    for key, item in pairs:
        made[key] = item
    return made if len(made) == len(pairs) else _bad("a key is there twice")


def _build_mapping(cls: Any, body: Any) -> Any:
    return _into(cls(), body)


def _pairs(value: Any) -> Pairs:
    return Pairs(value.items())


def _reduce_defaultdict(value: Any) -> Any:
    factory = value.default_factory
    name = next((name for name, kind in FACTORIES.items() if kind is factory), None)
    if factory is not None and name is None:
        raise Refused("is a defaultdict whose default_factory is not a builtin type")
    return Parts(factory=name, items=_pairs(value))


def _build_defaultdict(cls: Any, body: Any) -> Any:
    name = body["factory"]
    return _into(cls(None if name is None else FACTORIES[name]), body["items"])


def _reduce_deque(value: Any) -> Any:
    return Parts(maxlen=value.maxlen, items=list(value))


def _build_deque(cls: Any, body: Any) -> Any:
    return cls(body["items"] if type(body["items"]) is list else _bad("not a list"), body["maxlen"])


def _reduce_clock(value: Any) -> Any:
    """Reduce a datetime or time: a text if that says all, else naive with what it lacks."""
    utc = sys.modules["datetime"].timezone.utc
    if not value.fold and (value.tzinfo is None or value.tzinfo is utc):
        return value.isoformat()
    naive = value.replace(tzinfo=None, fold=0).isoformat()
    return {"iso": naive, "fold": value.fold, "tzinfo": value.tzinfo}


def _build_clock(cls: Any, body: Any) -> Any:
    if type(body) is str:
        return cls.fromisoformat(body)
    return cls.fromisoformat(body["iso"]).replace(fold=body["fold"], tzinfo=body["tzinfo"])


def _build_zone(cls: Any, body: str) -> Any:
    # The name becomes a path.
    if not re.fullmatch(r"[A-Za-z0-9_+-]+(/[A-Za-z0-9_+-]+){0,3}", body):
        _bad("not the name of a time zone")
    return cls(body)


def _reduce_regex(value: Any) -> Any:
    return [value.pattern, value.flags & ~_DEBUG]


def _build_regex(_: Any, body: Any) -> Any:
    pattern, flags = body
    # DEBUG prints.
    return _bad("unknown flags") if flags & ~_REGEX_FLAGS else re.compile(pattern, flags)


_DEBUG = int(re.DEBUG)
_REGEX_FLAGS = 0x17E
"""All but DEBUG and the undocumented TEMPLATE."""

_DTYPE = r"[<>|](b1|[iu][1248]|f[248]|f16|c8|c16|c32|[mM]8(\[\d{0,9}[A-Za-z]{1,2}\])?|[SU]\d{1,9})"


def _reduce_numpy(value: Any) -> Any:
    dtype = value.dtype.str
    if not re.fullmatch(_DTYPE, dtype):
        raise Refused(f"is a numpy array or scalar of dtype {value.dtype}")
    return {"dtype": dtype, "shape": list(value.shape), "data": value.tobytes()}


def _build_numpy(numpy: Any, body: Any) -> Any:
    if not re.fullmatch(_DTYPE, body["dtype"]) or not all(type(n) is int and n >= 0 for n in body["shape"]):
        _bad("not a dtype and shape that are ever stored")
    if body["dtype"][1:] in ("U0", "S0") and not body["shape"]:
        # An empty text has no buffer to be made from.
        return numpy.zeros((), body["dtype"])
    made = numpy.ndarray(body["shape"], body["dtype"], bytearray(body["data"]))
    return made if made.nbytes == len(body["data"]) else _bad("shape and size differ")


def _build_array(cls: Any, body: Any) -> Any:
    return _build_numpy(sys.modules["numpy"], body).copy()


def _build_scalar(_: Any, body: Any) -> Any:
    return _build_numpy(sys.modules["numpy"], body)[()]


_ROWS = (
    _Row("str", "builtins", "str", str, str, _build_str),
    _Row("int", "builtins", "int", str, hex, _build_int),
    _Row("float", "builtins", "float", str, repr, _build_float),
    _Row("dict", "builtins", "dict", list, _pairs, _build_mapping),
    _Row("bytes", "builtins", "bytes", str, to_base64, _from_base64),
    _Row("bytearray", "builtins", "bytearray", str, to_base64, _from_base64),
    _Row("tuple", "builtins", "tuple", list, list, _call),
    _Row("set", "builtins", "set", list, list, _build_set),
    _Row("frozenset", "builtins", "frozenset", list, list, _build_set),
    _Row("range", "builtins", "range", list, lambda v: [v.start, v.stop, v.step], _spread),
    _Row("complex", "builtins", "complex", list, lambda v: [v.real, v.imag], _spread),
    _Row("ordereddict", "collections", "OrderedDict", list, _pairs, _build_mapping),
    _Row("counter", "collections", "Counter", list, _pairs, _build_mapping),
    _Row("defaultdict", "collections", "defaultdict", dict, _reduce_defaultdict, _build_defaultdict),
    _Row("deque", "collections", "deque", dict, _reduce_deque, _build_deque),
    _Row("fraction", "fractions", "Fraction", list, lambda v: [v.numerator, v.denominator], _spread),
    _Row("decimal", "decimal", "Decimal", str, str, _call),
    _Row("datetime", "datetime", "datetime", (str, dict), _reduce_clock, _build_clock),
    _Row("time", "datetime", "time", (str, dict), _reduce_clock, _build_clock),
    _Row("date", "datetime", "date", str, str, lambda cls, body: cls.fromisoformat(body)),
    _Row("timedelta", "datetime", "timedelta", list, lambda v: [v.days, v.seconds, v.microseconds], _spread),
    _Row("timezone", "datetime", "timezone", list, lambda v: list(v.__getinitargs__()), _spread),
    _Row("zoneinfo", "zoneinfo", "ZoneInfo", str, lambda v: v.key, _build_zone),
    _Row("uuid", "uuid", "UUID", str, str, _call),
    _Row("path", "pathlib", "PosixPath", str, str, _call),
    _Row("path", "pathlib", "WindowsPath", str, str, _call),
    _Row("pureposixpath", "pathlib", "PurePosixPath", str, str, _call),
    _Row("purewindowspath", "pathlib", "PureWindowsPath", str, str, _call),
    *(
        _Row(name.lower(), "ipaddress", name, str, str, _call)
        for version in ("IPv4", "IPv6")
        for name in (f"{version}Address", f"{version}Network", f"{version}Interface")
    ),
    _Row("regex", "re", "Pattern", list, _reduce_regex, _build_regex),
    _Row("ndarray", "numpy", "ndarray", dict, _reduce_numpy, _build_array),
    _Row("npscalar", "numpy", "generic", dict, _reduce_numpy, _build_scalar),
)

_BY_TAG = {row.tag: row for row in _ROWS} | {"path": _Row("path", "pathlib", "Path", str, str, _call)}
_BY_TYPE: dict[type, _Row] = {}


def row_of(kind: type) -> _Row | None:
    """Return the row of a type of the table; its module is loaded, as there is a value of it."""
    if kind in _BY_TYPE:
        return _BY_TYPE[kind]
    for row in _ROWS:
        if getattr(sys.modules.get(row.module), row.name, None) is kind:
            _BY_TYPE[kind] = row
            return row
    scalar = getattr(sys.modules.get("numpy"), "generic", None)
    if scalar is not None and issubclass(kind, scalar) and kind.__module__ == "numpy":
        return _BY_TAG["npscalar"]
    return None


def row_tagged(tag: str) -> tuple[Callable[[Any, Any], Any], Any] | None:
    """Return what builds values with this tag, and their type; None if the tag is not in the table.

    Raises:
        DamagedStateError: the type needs a module that only the workflow may import.
    """
    row = _BY_TAG.get(tag)
    if row is None:
        return None
    if row.module == "numpy" and "numpy" not in sys.modules:
        raise DamagedStateError(f"a stored value tagged {tag!r} needs numpy: import it in the workflow file")

    def build(cls: Any, body: Any) -> Any:
        return row.build(cls, body) if isinstance(body, row.body) else _bad("its body has the wrong type")

    return build, getattr(importlib.import_module(row.module), row.name)
