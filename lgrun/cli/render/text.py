"""Text for people: what may be shown of a string that came from a workflow, and short forms of times and values."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

# C0 without newline and tab, DEL, C1, the bidirectional controls and the two Unicode line ends: what can move the
# cursor, recolour, rewrite or reorder a terminal. Lone surrogates cannot be encoded.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """Return `text` with every character that could control a terminal written as an escape."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """Return `text` on one line, safe for a terminal."""
    return printable(text.replace("\n", "\\n").replace("\t", "\\t"))


def shorten(text: str, width: int) -> str:
    """Cut `text` to `width` characters, marking the cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def brief(value: Any, width: int = 60) -> str:
    """Return a plain value as JSON on one line, cut to `width`."""
    if isinstance(value, str) and len(value) > width:
        value = value[:width]
    return shorten(one_line(dump(value, ascii_only=False)), width)


def dump(value: Any, *, ascii_only: bool = True, indent: int | None = None) -> str:
    """Return a plain value as JSON: in ASCII, or readable but without what could control a terminal."""
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    # JSON's own escapes, so that it still parses. Newlines of the indentation are none of these.
    return text if ascii_only else _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def duration(seconds: float) -> str:
    """Return a time span as a person says it: `12ms`, `1.2s`, `4m`, `2h05m`, `3d`."""
    if seconds < 0.1:
        return f"{max(round(seconds * 1000), 0)}ms"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes}m"
    if minutes < 48 * 60:
        return f"{minutes // 60}h{minutes % 60:02d}m"
    return f"{minutes // (60 * 24)}d"


def parse_time(text: str) -> datetime | None:
    """Read a recorded time; None if it is not one."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def seconds_between(start: str, end: str) -> float | None:
    """Return the seconds between two recorded times, never negative: clocks step back."""
    a, b = parse_time(start), parse_time(end)
    if a is None or b is None or (a.tzinfo is None) != (b.tzinfo is None):
        return None
    return max((b - a).total_seconds(), 0.0)


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word most like `word`, if one is like it at all."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)), None)
