"""Rows of a thread's timeline as cells of a table."""

from collections import Counter
from collections.abc import Sequence

from lgrun.cli.question import Question
from lgrun.cli.render.text import brief, called, dump, duration, one_line, parse_time, shorten
from lgrun.cli.render.values import readable
from lgrun.cli.timeline import Row

_WORDS = {"continue": "go on", "stop": "stopped"}


def cells(row: Row, *, cut: int | None, args: int = 0) -> tuple[str, str, str]:
    """Return what happened, its detail and how long it took.

    Args:
        row: of the history.
        cut: characters of the detail, None for all.
        args: characters of what a task was given.
    """
    detail = _detail(row)
    return what_happened(row, args), shorten(one_line(detail), cut) if cut else one_line(detail), _took(row)


def clock(at: str) -> str:
    """Return the time of day of a recorded time, here."""
    moment = parse_time(at)
    return at if moment is None else moment.astimezone().strftime("%H:%M:%S")


def what_happened(row: Row, args: int = 0) -> str:
    """Return the word for a row: the name of a task, else what kind it is."""
    if row.kind == "task":
        return called(row.name, row.args, args)
    if row.kind == "ask":
        return f"ask q{row.q}"
    if row.kind == "step":
        return f"step {row.step}"
    return _WORDS.get(row.kind, row.kind)


def _detail(row: Row) -> str:
    if row.kind == "task":
        return _task(row)
    if row.kind == "ask":
        question = Question(row.q or 0, row.id or "", row.name, readable(row.value), row.schema)
        return question.line().partition("  ")[2]
    if row.kind == "step":
        return counted(row.leads)
    if row.kind == "answer":
        return f"q{row.q} = {_value(row)}{_by(row)}"
    if row.source is not None:
        return f"from {row.source}"
    if row.kind == "error" and row.error is not None:
        return f"✗ {row.error[0]}: {row.error[1]}"
    return _value(row) if row.value is not None else _by(row).strip()


def _task(row: Row) -> str:
    if row.status == "done":
        value = _value(row) if row.value is not None or not row.node else ""
        leads = f"→ {counted(row.leads)}" if row.leads else ""
        return (
            "  ".join(part for part in (f"✓ {value}".rstrip(), leads, row.cached and "(cached)") if part)
            + _attempt(row)
            + _by(row)
        )
    if row.status == "failed" and row.error is not None:
        return f"✗ {row.error[0]}: {row.error[1]}{_attempt(row)}"
    return "… not finished"


def counted(names: Sequence[str]) -> str:
    """Return names in a row, those that come several times once, with their number."""
    found = Counter(names)
    return ", ".join(name if times == 1 else f"{name} ×{times}" for name, times in found.items())  # noqa: RUF001


def _attempt(row: Row) -> str:
    return f"   (attempt {row.attempt})" if (row.attempt or 1) > 1 else ""


def _by(row: Row) -> str:
    return f"   (by {row.by})" if row.by else ""


def _value(row: Row) -> str:
    value = readable(row.value)
    return dump(value, ascii_only=False) if row.kind != "answer" else brief(value, 200)


def _took(row: Row) -> str:
    if row.ms is None:
        return ""
    took = duration(row.ms / 1000)
    return f"waited {took}" if row.kind == "ask" else took
