"""A thread as a document for machines, and as a page for people."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from lgrun.checkpoint.base import Encoded
from lgrun.cli.question import Question
from lgrun.cli.render.context import shortened
from lgrun.cli.render.text import brief, called, duration, one_line, parse_time, shorten
from lgrun.cli.render.values import readable
from lgrun.cli.status import OF_THREAD
from lgrun.cli.timeline import Row, last_error


@dataclass(slots=True, eq=False, kw_only=True)
class ThreadView:
    """What is known of a thread. Machine output of every command that has one is made from this.

    Args:
        thread: its id.
        status: how it stands; None if there is no such thread.
        origin: what it recorded of its workflow.
        entrypoint: the workflow's name.
        rows: its timeline.
        questions: the open ones.
        value: what the last run returned, if that is done.
        state: how a graph stands that is not done.
        error: why it failed, as a document.
        next: what to type next.
        whole: the commands that show the questions with all that came with them.
        exit: the exit code of the command, where that is not the thread's.
    """

    thread: str
    status: str | None
    origin: dict[str, Any] | None = None
    entrypoint: str = ""
    rows: Sequence[Row] = ()
    questions: Sequence[Question] = ()
    value: Encoded | None = None
    state: Encoded | None = None
    error: dict[str, Any] | None = None
    next: Sequence[str] = ()
    whole: Sequence[str] = ()
    exit: int | None = None

    @property
    def run(self) -> int:
        """Return the number of the last run."""
        return self.rows[-1].run if self.rows else 0

    def last_run(self) -> list[Row]:
        """Return the rows of the last run."""
        return [row for row in self.rows if row.run == self.run]

    def input(self) -> Encoded | None:
        """Return what the last run was given."""
        return next((row.value for row in self.last_run() if row.kind == "input"), None)

    def tasks(self) -> list[Row]:
        """Return the tasks of the last run."""
        return [row for row in self.last_run() if row.kind == "task"]

    def forked_from(self) -> str | None:
        """Return where the thread was forked from."""
        return next((row.source for row in reversed(self.rows) if row.source is not None), None)

    def document(self) -> dict[str, Any]:
        """Return the run document."""
        forked_from = self.forked_from()
        origin = self.origin or {}
        rows = self.last_run()
        return {
            "schema": "lgrun.run/1",
            "thread": self.thread,
            "workflow": {key: origin.get(key) for key in ("ref", "path")}
            | {"name": origin.get("name") or self.entrypoint or None, "sha256": origin.get("sha256")},
            "run": self.run,
            "status": self.status,
            "exit": int(OF_THREAD[self.status]) if self.exit is None and self.status else self.exit,
            "value": readable(self.value),
            "has_value": self.value is not None,
            "questions": [question.document() for question in self.questions],
            "error": self.error,
            "tasks": [_task_document(row) for row in self.tasks()],
            "started": rows[0].at if rows else None,
            "ended": rows[-1].at if rows and self.status != "running" else None,
            "next": list(self.next),
            **({} if forked_from is None else {"forked_from": forked_from}),
            **({} if self.state is None else {"state": readable(self.state)}),
        }


def _task_document(row: Row) -> dict[str, Any]:
    return {
        "step": row.n,
        "name": row.name,
        "status": row.status,
        "cached": row.cached,
        "ms": None if row.ms is None else round(row.ms),
        "args": row.args,
    }


def recorded_error(rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return the recorded failure of the last run as machine output shows it."""
    row = last_error(rows)
    if row is None or row.error is None:
        return None
    return {
        "type": row.error[0],
        "message": row.error[1],
        "task": row.name or None,
        "frames": [str(line) for line in row.trace or ()],
        "hint": None,
        **({} if row.args is None else {"args": row.args}),
    }


# --- for people

SYMBOLS = {"done": "✓", "failed": "✗", "waiting": "?", "running": "…", "stopped": "■", "crashed": "✗"}


def page(view: ThreadView, now: datetime, folder: Path) -> Iterator[str]:
    """Draw the thread for a person who is in a folder."""
    origin = view.origin or {}
    where = str(origin.get("ref") or view.entrypoint or "?")
    yield f"{SYMBOLS.get(view.status or '', '?')} {view.thread}  {view.status}  {one_line(where)}"
    if (file := file_elsewhere(origin, folder)) is not None:
        yield f"  file    {one_line(file)}"
    if view.rows:
        yield f"  run {view.run}, {ago(view.rows[-1].at, now)}"
    if (source := view.forked_from()) is not None:
        yield f"  forked from {one_line(source)}"
    given = view.input()
    if given is not None:
        yield f"  input   {brief(readable(given), 100)}"
    yield from _section("tasks", [task_line(row) for row in view.tasks()])
    yield from _section("questions", list(_questions(view)))
    if view.error is not None:
        yield from _section("error", _error_lines(view.error))
    if view.value is not None:
        yield from _section("result", [brief(readable(view.value), 200)])
    if view.state is not None:
        yield from _section("state", [brief(readable(view.state), 200)])
    for line in view.next:
        yield f"  next:  {line}"


def file_elsewhere(origin: Mapping[str, Any], folder: Path) -> str | None:
    """Return a thread's file unless it is the one that its reference means in this folder, or a named one below it."""
    file, typed = origin.get("path"), str(origin.get("ref") or "")
    if not isinstance(file, str):
        return None
    target, colon, name = typed.rpartition(":")
    if not colon or not name.isidentifier():
        target = typed
    if target.endswith(".py") or os.sep in target:
        meant = os.path.abspath(folder / os.path.expanduser(target))
        return None if file in (meant, os.path.join(meant, "__init__.py")) else file
    return None if Path(file).is_relative_to(folder) else file


def _questions(view: ThreadView) -> Iterator[str]:
    for question, more in zip(view.questions, view.whole, strict=True):
        yield from question_lines(question, more)


def question_lines(question: Question, more: str) -> Iterator[str]:
    """Draw a question where nobody can answer it: on one line, and below it, shortened, what came with it."""
    yield question.line()
    proposed = {} if question.default is None else {"default": question.default[0]}
    yield from shortened({**question.context, **proposed}, more)


def _error_lines(error: dict[str, Any]) -> list[str]:
    task = f"  in {called(str(error['task']), error.get('args'))}" if error.get("task") else ""
    return [f"{error['type']}: {shorten(one_line(str(error['message'])), 300)}{task}"]


def _section(title: str, lines: Sequence[str]) -> Iterator[str]:
    if lines:
        yield f"  {title}"
        for line in lines:
            yield f"    {line}"


def task_line(row: Row) -> str:
    """Draw one task: how it ended and how long it took."""
    symbol = SYMBOLS.get(row.status or "", "?")
    took = f"  {duration(row.ms / 1000)}" if row.ms is not None else ""
    detail = f"  {row.error[0]}: {shorten(one_line(row.error[1]), 100)}" if row.error else ""
    return f"{symbol} {called(row.name, row.args)}{took}{'  (cached)' if row.cached else ''}{detail}"


def ago(at: str, now: datetime) -> str:
    """Return how long ago something was."""
    then = parse_time(at)
    if then is None or then.tzinfo is None:
        return at
    seconds = (now - then).total_seconds()
    if seconds < 1:
        return "just now"
    return f"{int(seconds)}s ago" if seconds < 60 else f"{duration(seconds)} ago"
