"""Short forms for people, and what of a string may reach a terminal."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lgrun.cli.env import truthy
from lgrun.cli.options import shared_first
from lgrun.cli.render.table import table, tsv
from lgrun.cli.render.text import brief, dump, duration, one_line, painted, printable, printed_line, shorten

CONTROLS = (
    {chr(n) for n in (*range(0x20), 0x7F, *range(0x80, 0xA0))}
    | {chr(n) for n in (*range(0x2028, 0x202F), *range(0x2066, 0x206A), 0x61C, 0x200E, 0x200F)}
) - {"\n", "\t"}


@given(st.text())
def test_printable(text: str) -> None:
    """Nothing that controls a terminal is left, and harmless text is left alone."""
    shown = printable(text)

    assert not CONTROLS & set(shown)
    assert not CONTROLS & set(one_line(text))
    assert "\n" not in one_line(text)
    shown.encode()
    if text.isprintable():
        assert shown == text


def test_printable_escapes() -> None:
    """An escape names the character."""
    assert printable("\x1b[2J\x9b\u202e\n\t") == "\\x1b[2J\\x9b\\u202e\n\t"


@pytest.mark.parametrize(
    ("text", "style", "shown"),
    [
        ("✓ t done", None, "\x1b[32m✓\x1b[0m t done"),
        ("✓done", None, "✓done"),
        ("plain ✓", None, "plain ✓"),
        ("a\n\nb", "red", "\x1b[31ma\x1b[0m\n\n\x1b[31mb\x1b[0m"),
    ],
)
def test_painted(text: str, style: str | None, shown: str) -> None:
    """A line has a style, or only the symbol it begins with is coloured."""
    assert painted(text, style) == shown


@pytest.mark.parametrize(
    ("line", "colored", "plain"),
    [
        ("10%\r20%\r", "20%", "20%"),
        ("\x1b[32mok\x1b[0m", "\x1b[32mok\x1b[0m\x1b[0m", "ok"),
        ("a\x1b[2Jb\x1b[1mc", "a\\x1b[2Jb\x1b[1mc\x1b[0m", "a\\x1b[2Jbc"),
        ("\x1b]0;title\x07", "\\x1b]0;title\\x07", "\\x1b]0;title\\x07"),
    ],
)
def test_printed_line(line: str, colored: str, plain: str) -> None:
    """Of what a workflow prints, colours are kept and everything else that controls is made visible."""
    assert printed_line(line, colored=True) == colored
    assert printed_line(line, colored=False) == plain


@given(st.dictionaries(st.text(), st.text()))
def test_readable_json_is_json(value: dict[str, str]) -> None:
    """JSON for reading still parses, and controls nothing."""
    text = dump(value, ascii_only=False, indent=2)

    assert json.loads(text) == value
    assert not CONTROLS & set(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0ms"),
        (0.0124, "12ms"),
        (0.5, "0.5s"),
        (8, "8.0s"),
        (59.96, "1m"),
        (240, "4m"),
        (7500, "2h05m"),
        (3e5, "3d"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    """A time span is said as a person says it."""
    assert duration(seconds) == text


def test_brief() -> None:
    """A value is cut, and the cut is marked."""
    assert brief("x" * 100, 10) == '"xxxxxxxx…'
    assert brief({"a": "é"}) == '{"a": "é"}'
    assert shorten("abc", 3) == "abc"


def test_tables() -> None:
    """Only the last column of a table is cut; a program gets everything."""
    rows = [("a-long-id", "x" * 40), ("b", "tab\there")]

    assert table(("ID", "TEXT"), rows, width=30).splitlines() == [
        "ID         TEXT",
        "a-long-id  " + "x" * 18 + "…",
        "b          tab\\there",
    ]
    assert tsv(rows) == "a-long-id\t" + "x" * 40 + "\nb\ttab\\there\n"


def test_a_table_on_a_narrow_screen() -> None:
    """Where a row does not fit beside its long cell it takes several lines; ids are whole, nothing is too wide."""
    rows = [("a-long-id", "waiting", "review.py", "x" * 60), ("b", "done", "c.py", "")]

    assert table(("ID", "STATUS", "FILE", ""), rows, width=25).splitlines() == [
        "a-long-id  waiting",
        "  review.py",
        "    " + "x" * 20 + "…",
        "b  done  c.py",
    ]


@pytest.mark.parametrize(
    ("typed", "normal"),
    [
        (["list", "--json"], ["list", "--json"]),
        (["--json", "list"], ["list", "--json"]),
        (["-S", "d", "-q", "list", "-L", "1"], ["list", "-S", "d", "-q", "-L", "1"]),
        (["-Sd", "--get=x", "show", "t"], ["show", "-Sd", "--get=x", "t"]),
        (["--state-dir", "list", "list"], ["list", "--state-dir", "list"]),
        (["resume", "t", "--value", "--json"], ["resume", "t", "--value", "--json"]),
        (["--json", "--help"], ["--help"]),
        (["--bogus", "list"], ["--bogus", "list"]),
        (["--get"], ["--get"]),
        ([], []),
    ],
)
def test_shared_first(typed: list[str], normal: list[str]) -> None:
    """Shared options before the subcommand move behind it; nothing else moves."""
    assert shared_first(typed) == normal


@pytest.mark.parametrize(("text", "on"), [(None, False), ("", False), ("0", False), ("No", False), ("1", True)])
def test_variables(text: str | None, on: bool) -> None:
    """An on/off variable is off when unset, empty, 0, false, no or off."""
    assert truthy(text) is on
