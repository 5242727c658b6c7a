"""What people type as values: the VALUE and ITEM grammar. Says nothing about what a workflow expects.

VALUE   JSON if it parses · @file · - (standard input) · otherwise the text itself
ITEM    key=text   key:=JSON   key=@file   key:=@file.json   a[b][]=x
"""

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from lgrun._configuration import read_switch
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment


class Item(NamedTuple):
    """One `key=text` (raw) or `key:=JSON` of the command line, its value read."""

    key: str
    path: tuple[str, ...]
    value: Any
    raw: bool


class Typed(str):
    """Text from `key=text`: not a value yet, to be read as whatever type is declared in its place."""

    __slots__ = ()


def read_bool(text: str) -> bool | None:
    """Read what people type for yes and no; None for anything else."""
    return read_switch(text)


def read_number(text: str) -> int | float | None:
    """Read what people type for a number; None for anything else.

    More than JSON allows, less than Python does: a sign and leading zeros, no underscores, no nan.
    """
    text = text.strip()
    try:
        if re.fullmatch(r"[+-]?\d{1,4000}", text, re.ASCII):
            return int(text)
        if re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", text, re.ASCII):
            found = float(text)
            return found if abs(found) != float("inf") else None
    except ValueError:
        pass
    return None


# --- VALUE


def parse_value(text: str, env: Environment, *, option: str = "--text") -> Any:
    """Read a VALUE.

    Args:
        text: what was typed.
        env: where `@file` and `-` are read.
        option: how to send the same characters as plain text, for the error message.
    """
    if text == "-":
        return parse_text(_decode(env.read_stdin(), "standard input").removesuffix("\n"), option)
    if text.startswith("@"):
        return read_file(text[1:], env, option=option)
    return parse_text(text, option)


def parse_text(text: str, option: str = "--text") -> Any:
    """Read JSON, or take the text as it is; text that looks like JSON and is not is refused."""
    try:
        return strict_json(text)
    except ValueError as error:
        if text.lstrip()[:1] in ("{", "[", '"') and text.strip():
            _refuse_json(text, error, f"to send it as plain text: {option} TEXT")
    except RecursionError:
        raise Problem("bad-json", "the JSON is nested too deeply") from None
    return text


def strict_json(text: str) -> Any:
    """Read JSON, without the NaN and Infinity that Python's reader also takes.

    Raises:
        ValueError: it is not JSON.
    """
    return json.loads(text, parse_constant=_no_constant, parse_float=_finite)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return value


def _refuse_json(text: str, error: ValueError, hint: str | None) -> NoReturn:
    if not isinstance(error, json.JSONDecodeError):
        raise Problem("bad-json", f"not valid JSON: {error}", hint=hint) from None
    line = text.split("\n")[error.lineno - 1]
    start = max(error.colno - 41, 0)
    context = [line[start : start + 70], " " * (error.colno - 1 - start) + "^"]
    raise Problem("bad-json", f"not valid JSON: {error.msg}", context=context, hint=hint) from None


# --- files


def read_file(name: str, env: Environment, *, option: str = "--text", key: str | None = None) -> Any:
    """Read `@name`: .json and .toml parsed, .yaml where PyYAML is installed, anything else as text."""
    text = read_text(name, env, option=option, key=key)
    suffix = Path(name).suffix.lower()
    try:
        if suffix == ".json":
            return strict_json(text)
        if suffix == ".toml":
            import tomllib

            return tomllib.loads(text)
        if suffix in (".yaml", ".yml"):
            return _yaml(text)
    except (ValueError, RecursionError) as error:
        raise Problem("bad-file", f"{name} cannot be read as {suffix[1:]}: {error}") from None
    return text


def read_text(name: str, env: Environment, *, option: str = "--text", key: str | None = None) -> str:
    """Read a file as text; `-` is standard input.

    Args:
        name: of the file.
        env: where it is.
        option: how to send the same characters as plain text, for the error message.
        key: the ITEM's for which it is read: then they are sent as its JSON.
    """
    if name == "-":
        return _decode(env.read_stdin(), "standard input")
    try:
        return _decode((env.cwd / os.path.expanduser(name)).read_bytes(), name)
    except (OSError, ValueError, RuntimeError) as error:
        if isinstance(error, FileNotFoundError):
            reason = f"no such file: {name}" if name else "a file name is missing after @"
        else:
            reason = f"cannot read {name}: {getattr(error, 'strerror', None) or error}"
        plain = f"{option} {shlex.quote(f'@{name}')}"
        if key is not None:
            plain = f"{shlex.quote(key)}:={shlex.quote(json.dumps(f'@{name}', ensure_ascii=False))}"
        hint = f"to send the characters themselves: {plain}"
        raise Problem("no-such-file", reason, hint=hint) from None


def _decode(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Problem("not-text", f"{name} is not UTF-8 text (byte {error.start})") from None


def _yaml(text: str) -> Any:
    try:
        import yaml  # type: ignore[import-untyped, unused-ignore]
    except ImportError:
        return text
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ValueError(str(error).split("\n")[0]) from None


# --- ITEM

# The key ends at the first := or =, so a value may hold either.
_ITEM = re.compile(r"(?P<key>[^=]+?)(?P<sign>:?=)(?P<value>.*)", re.DOTALL)
_KEY = re.compile(r"(?P<first>[^\[\]]+)(?P<rest>(?:\[[^\[\]]*\])*)")


def is_item(text: str) -> bool:
    """Tell whether an argument has the form of an ITEM."""
    return _ITEM.fullmatch(text) is not None


def parse_item(text: str, env: Environment) -> Item:
    """Read an ITEM."""
    match = _ITEM.fullmatch(text)
    if match is None:
        raise Problem("bad-item", f"{text!r} is not of the form key=text or key:=JSON")
    key, value = match["key"], match["value"]
    if match["sign"] == ":=":
        return Item(key, _key_path(key), _exact(key, value, env), raw=False)
    if value.startswith("@"):
        value = read_text(value[1:], env, key=key).removesuffix("\n")
    return Item(key, _key_path(key), Typed(value), raw=True)


def _exact(key: str, text: str, env: Environment) -> Any:
    if text.startswith("@"):
        name = text[1:]
        if Path(name).suffix.lower() in (".toml", ".yaml", ".yml"):
            return read_file(name, env, key=key)
        text = read_text(name, env, key=key)
    try:
        return strict_json(text)
    except ValueError as error:
        _refuse_json(text, error, f"to send it as text: {key}={text}")
    except RecursionError:
        raise Problem("bad-json", f"{key}: the JSON is nested too deeply") from None


def _key_path(key: str) -> tuple[str, ...]:
    match = _KEY.fullmatch(key)
    if match is None:
        raise Problem("bad-item", f"the key {key!r} is not of the form name, name[key] or name[]")
    return (match["first"], *re.findall(r"\[([^\[\]]*)\]", match["rest"]))


def lay_over(base: dict[str, Any], items: list[Item]) -> dict[str, Any]:
    """Set each item in `base`: `a[b][]=x` appends x to the list under b of the object under a."""
    for item in items:
        _set(base, item)
    return base


def _set(base: dict[str, Any], item: Item) -> None:
    here: Any = base
    for step, following in zip(item.path, (*item.path[1:], None), strict=True):
        last = following is None
        fresh: Any = item.value if last else ([] if following == "" else {})
        if step == "":
            if not isinstance(here, list):
                _clash(item, "not a list")
            here.append(fresh)
        elif not isinstance(here, dict):
            _clash(item, "a list" if isinstance(here, list) else "not an object")
        elif last or step not in here:
            here[step] = fresh
        else:
            fresh = here[step]
        here = fresh


def _clash(item: Item, what: str) -> NoReturn:
    raise Problem("bad-item", f"{item.key} cannot be set: what is there already is {what}")


# --- DURATION

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "": 1.0}


def parse_duration(text: str | None) -> float | None:
    """Read a DURATION (`10s 5m 2h 7d`, a bare number is seconds) into seconds; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([smhd]?)\s*", text, re.ASCII)
    if match is None:
        raise Problem("bad-duration", f"{text!r} is not a duration", hint="like 10s, 5m, 2h or 7d")
    return float(match[1]) * _UNITS[match[2]]
