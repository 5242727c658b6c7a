"""Text for people: what may be shown of a string that came from a workflow, and short forms of times and values."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

# C0 without newline and tab, DEL, C1, the bidirectional controls and marks, what has no width and the two Unicode
# line ends: what can move the cursor, recolour, rewrite, reorder or hide in a terminal. Lone surrogates cannot be
# encoded. Joiners stay: scripts and emoji are written with them.
_UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)


def printable(text: str) -> str:
    """Return `text` with every character that could control a terminal written as an escape."""
    return _UNSAFE.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def one_line(text: str) -> str:
    """Return `text` on one line, safe for a terminal."""
    return printable(text.replace("\n", "\\n").replace("\t", "\\t"))


_SGR = re.compile("\x1b\\[[0-9;:]*m")
_COLOURS = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "cyan": "36"}
_SYMBOLS = {
    "✓": "green",
    "✗": "red",
    "!": "yellow",
    "?": "yellow",
    "■": "yellow",
    "↻": "yellow",
    "⟲": "cyan",
    "▸": "cyan",
    "→": "cyan",
    "·": "dim",
}


def painted(text: str, style: str | None = None) -> str:
    """Return safe text with colours: all of it in `style`, or only the symbol it begins with."""
    if style is not None:
        return "\n".join(f"\x1b[{_COLOURS[style]}m{line}\x1b[0m" if line else "" for line in text.split("\n"))
    found = _SYMBOLS.get(text[:1])
    if found is None or text[1:2] not in (" ", ""):
        return text
    return f"\x1b[{_COLOURS[found]}m{text[0]}\x1b[0m{text[1:]}"


def printed_line(text: str, *, colored: bool) -> str:
    """Return a line that a workflow printed: colours may stay, what else controls a terminal is made visible.

    A carriage return overwrites, as it does on a terminal.
    """
    text = text.removesuffix("\r").rpartition("\r")[2]
    if "\x1b" not in text:
        return printable(text)
    pieces = [printable(piece) for piece in _SGR.split(text)]
    if not colored:
        return "".join(pieces)
    codes = [*_SGR.findall(text), "\x1b[0m" if len(pieces) > 1 else ""]
    return "".join(piece + code for piece, code in zip(pieces, codes, strict=True))


def shorten(text: str, width: int) -> str:
    """Cut `text` to `width` characters, marking the cut."""
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"


def called(name: str, args: str | None, width: int = 40) -> str:
    """Write a task's name with what it was given, if that is known: `t(17)`; the arguments cut to `width`."""
    return f"{one_line(name)}({shorten(one_line(args), width)})" if args and width else one_line(name)


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


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str | None:
    """Return the known word most like `word`, if one is as like it as that."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)), None)


def token_text(message: Any) -> str:
    """Return the text of a chat message or a piece of one, whatever else it holds."""
    content = message.get("content") if isinstance(message, dict) else getattr(message, "content", None)
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content or () if isinstance(part, dict)]
    return "".join(part for part in parts if isinstance(part, str))
