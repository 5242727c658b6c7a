"""What `lgrun diff` compares: of a thread its last run, of a step its value, of code the saved copy and the file."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from lgrun.cli.diagnostics import Problem, short_path
from lgrun.cli.env import Environment
from lgrun.cli.render.history import what_happened
from lgrun.cli.render.thread import ThreadView
from lgrun.cli.render.values import readable
from lgrun.cli.session import Guarded, command, resolve
from lgrun.cli.status import ExitStatus
from lgrun.cli.steps import answer_of, find_checkpoint, find_step, split_reference
from lgrun.cli.timeline import Row, last_error, timeline
from lgrun.cli.views import view_of

if TYPE_CHECKING:
    from lgrun.checkpoint.base import Checkpoint


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two that are compared.

    Args:
        name: as it can be typed again.
        about: what it is, for a person.
        value: plain JSON.
    """

    name: str
    about: str
    value: Any


def two_sides(env: Environment, saver: Guarded, a: str, b: str) -> tuple[Side, Side]:
    """Return what two references mean.

    Raises:
        Problem: there is no such thread or step, or one is a thread and the other one a step.
    """
    found = (_Found(env, saver, a), _Found(env, saver, b))
    if (found[0].step is None) != (found[1].step is None):
        raise Problem("usage", "a thread and a step cannot be compared", hint="name two threads, or two steps")
    return found[0].side(), found[1].side()


def with_the_one_before(env: Environment, saver: Guarded, typed: str) -> tuple[Side, Side]:
    """Return what came before a step and the step; of a thread its last two runs.

    Raises:
        Problem: there is no such thread or step, or nothing before it.
    """
    found = _Found(env, saver, typed)
    return found.before(), found.side()


class _Found:
    """A thread, or a step of one."""

    def __init__(self, env: Environment, saver: Guarded, typed: str) -> None:
        self._env, self._saver = env, saver
        typed, self.step = split_reference(typed)
        self.thread = env.thread = resolve(typed, saver, acting=False)

    def side(self) -> Side:
        if self.step is None:
            view = view_of(self._env, self._saver, self.thread)
            return _thread_side(view, self.thread)
        point = find_checkpoint(self._saver, self.thread, self.step)
        if point is not None:
            return _checkpoint_side(self.thread, point)
        rows = self._rows()
        return self._row_side(find_step(rows, self.thread, self.step), rows, self.step)

    def before(self) -> Side:
        if self.step is None:
            view = view_of(self._env, self._saver, self.thread)
            if view.run < 2:
                self._nothing_before(f"{self.thread} has run once", "diff", self.thread, "OTHER")
            return run_side(view, view.run - 1)
        point = find_checkpoint(self._saver, self.thread, self.step)
        if point is not None:
            earlier = next(iter(self._saver.history(self.thread, before=point.seq)), None)
            if earlier is None:
                self._nothing_before(f"{point.id} is the first checkpoint", "diff", self.thread, "OTHER")
            return _checkpoint_side(self.thread, earlier.checkpoint)
        rows = self._rows()
        return self._row_before(find_step(rows, self.thread, self.step), rows)

    def _row_before(self, row: Row, rows: Sequence[Row]) -> Side:
        """Return the row before; of a task that was named, the one of that name before, of a question likewise."""
        alike = rows if self.step == str(row.n) else [each for each in rows if _is_like(each, row)]
        earlier = [each for each in alike if each.n < row.n]
        if not earlier:
            self._nothing_before(f"nothing like {self.thread}/{self.step} is before it", "history", self.thread)
        return self._row_side(earlier[-1], rows, str(earlier[-1].n))

    def _nothing_before(self, message: str, *words: str) -> NoReturn:
        hint = command(self._env, *words)
        raise Problem("nothing-there", message, status=ExitStatus.NOT_FOUND, hint=hint)

    def _rows(self) -> list[Row]:
        return timeline(reversed(list(self._saver.history(self.thread))))

    def _row_side(self, row: Row, rows: Sequence[Row], step: str) -> Side:
        return Side(f"{self.thread}/{step}", f"#{row.n}  {what_happened(row)}", _row_value(row, rows))


def _is_like(each: Row, row: Row) -> bool:
    return each.kind == row.kind and (row.kind != "task" or each.name == row.name)


def _row_value(row: Row, rows: Sequence[Row]) -> Any:
    if row.error is not None:
        return {"error": {"type": row.error[0], "message": row.error[1]}}
    if row.kind == "ask":
        answer = answer_of(row, rows)
        return {"question": readable(row.value), **({"answer": readable(answer.value)} if answer is not None else {})}
    return list(row.leads) if row.kind == "step" else readable(row.value)


def _checkpoint_side(thread: str, point: "Checkpoint") -> Side:
    value = point.value if point.value is not None else point.input
    return Side(f"{thread}/{point.id}", f"checkpoint {point.seq}, {point.kind}", readable(value))


# --- a thread


def _thread_side(view: ThreadView, name: str) -> Side:
    side = run_side(view, view.run)
    return Side(name, side.about, side.value)


def run_side(view: ThreadView, run: int) -> Side:
    """Return what a person asks of a run: when and how long are no differences."""
    rows = [row for row in view.rows if row.run == run]
    last = run == view.run
    status = view.status if last else _ended(rows)
    given = next((row.value for row in rows if row.kind == "input"), None)
    found: dict[str, Any] = {"workflow": (view.origin or {}).get("name") or view.entrypoint, "status": status}
    found |= {"input": readable(given), "tasks": dict(_tasks(rows)), "questions": dict(_questions(rows))}
    returned = [row for row in rows if row.kind == "result"]
    if returned:
        found["result"] = readable(returned[-1].value)
    elif last and view.state is not None:
        found["state"] = readable(view.state)
    failed = last_error(rows) if status == "failed" else None
    if failed is not None and failed.error is not None:
        found["error"] = {"type": failed.error[0], "message": failed.error[1], "task": failed.name}
    return Side(f"{view.thread}", f"run {run}, {status}", found)


_ENDS = {"result": "done", "error": "failed", "stop": "stopped", "ask": "waiting"}
"""How a run stands after a row. After a fork it stands as it was left, but nobody died there."""


def _ended(rows: Sequence[Row]) -> str:
    """Return how a run stood when the next one began."""
    status = "crashed"
    for row in rows:
        if row.kind == "fork" and status == "crashed":
            status = "stopped"
        status = _ENDS.get(row.kind, "crashed" if row.kind in ("continue", "answer", "task") else status)
    return status


def _tasks(rows: Sequence[Row]) -> Iterator[tuple[str, Any]]:
    """Yield what came of each task, in the order of the calls: `draft`, `draft.2`. How often it was tried is left out.

    Calls side by side begin in another order each time, so their rows tell them apart less well.
    """
    latest = {(row.checkpoint, row.path, row.name): row for row in rows if row.kind == "task"}
    seen: dict[str, int] = {}
    for _, row in sorted(latest.items(), key=lambda pair: pair[0][:2]):
        number = seen[row.name] = seen.get(row.name, 0) + 1
        name = row.name if number == 1 else f"{row.name}.{number}"
        if row.status == "done":
            yield name, {"result": readable(row.value)}
        else:
            yield name, _row_value(row, rows) if row.error is not None else {"status": "not finished"}


def _questions(rows: Sequence[Row]) -> Iterator[tuple[str, Any]]:
    """Yield the questions with their answers, numbered within the run: a later run goes on counting."""
    asked = [row for row in rows if row.kind == "ask"]
    for number, row in enumerate(asked, 1):
        yield f"q{number}", _row_value(row, rows)


# --- code


@dataclass(frozen=True, slots=True)
class Code:
    """A text of a program: the name it has in a comparison, where the file is, and what is in it."""

    name: str
    path: str
    source: bytes


def saved_code(env: Environment, saver: Guarded, typed: str) -> Code:
    """Return the copy of the code that a thread ran with last.

    Raises:
        Problem: it was not kept (exit 4).
    """
    thread, step = split_reference(typed)
    if step is not None:
        raise Problem("usage", "code is that of a thread, not of a step", hint=f"{thread} --code")
    thread = env.thread = resolve(thread, saver, acting=False)
    saved = saver.history(thread)
    origin = next((each.checkpoint.origin for each in saved if each.checkpoint.origin), {})
    sha256, path = origin.get("sha256"), str(origin.get("path") or "")
    source = saver.read_source(thread, sha256) if isinstance(sha256, str) else None
    if source is None:
        raise Problem("nothing-there", f"the code of {thread} was not kept", status=ExitStatus.NOT_FOUND)
    return Code(thread, path, source)


_MOST = 1 << 24


def code_now(env: Environment, saved: Code) -> Code:
    """Return the file that a thread's code came from as it is now.

    Raises:
        Problem: it is gone or cannot be read (exit 4).
    """
    shown = short_path(saved.path, str(env.cwd))
    path = Path(saved.path)
    hint = f"the code it ran with:  {command(env, 'show', saved.name, '--source')}"
    try:
        # A pipe or a device would be waited for.
        if saved.path and path.is_file():
            with path.open("rb") as file:
                return Code(shown, saved.path, file.read(_MOST))
        reason = "is not there any more"
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    message = f"{shown or 'the file'}, which {saved.name} ran, {reason}"
    raise Problem("workflow-gone", message, status=ExitStatus.NOT_FOUND, hint=hint)
