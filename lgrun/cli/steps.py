"""One step of a thread: what is typed behind a `/` (see `checkpoint.references`), and how the step is shown."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from lgrun.checkpoint.base import BaseCheckpointSaver, Checkpoint
from lgrun.checkpoint.references import meant, names_of
from lgrun.cli.diagnostics import Problem
from lgrun.cli.render.history import cells, clock
from lgrun.cli.render.text import brief, dump, nearest, one_line
from lgrun.cli.render.values import readable
from lgrun.cli.status import ExitStatus
from lgrun.cli.timeline import Row

_CHECKPOINT = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def split_reference(typed: str) -> tuple[str, str | None]:
    """Return what was typed of the thread, and of the step behind the `/`."""
    thread, slash, step = typed.partition("/")
    if slash and not step:
        raise Problem("bad-step", f"{typed!r} names no step", hint=f"like {thread}/4, {thread}/TASK or {thread}/q1")
    return thread, step if slash else None


def find_step(rows: Sequence[Row], thread: str, step: str) -> Row:
    """Return the row of the history that is meant.

    Raises:
        Problem: there is none (exit 4).
    """
    found = meant(rows, step)
    if found is None:
        raise no_step(rows, thread, step)
    return found


def no_step(rows: Sequence[Row], thread: str, step: str) -> Problem:
    """Return the refusal of a step that is not there, with what there is."""
    names, questions = names_of(rows)
    near = nearest(step, [*names, *questions])
    there = f"{thread} has {len(rows)} row{'' if len(rows) == 1 else 's'}"
    there += f", tasks {', '.join(names[:20])}" if names else ", no tasks"
    there += f", questions {', '.join(questions[:20])}" if questions else ""
    hint = f"did you mean {thread}/{near}?" if near else f"all of them:  lgrun history {thread}"
    return Problem(
        "no-such-step",
        f"{thread} has no step {step}",
        status=ExitStatus.NOT_FOUND,
        context=[one_line(there)],
        hint=hint,
    )


# --- a row


def step_document(row: Row, rows: Sequence[Row]) -> dict[str, Any]:
    """Return a row for machine output; a question has its answer beside it, None while it has none."""
    document = row.document()
    if row.kind == "ask":
        answer = answer_of(row, rows)
        document["answer"] = answer.document() if answer is not None else None
    return document


def step_page(row: Row, rows: Sequence[Row]) -> Iterator[str]:
    """Draw a row for a person, its value whole."""
    what, detail, took = cells(row, cut=100, args=200)
    yield "  ".join(part for part in (f"#{row.n}", f"run {row.run}", clock(row.at), what, took) if part)
    if row.error is not None:
        yield f"  {one_line(f'{row.error[0]}: {row.error[1]}')}"
        yield from (f"  {one_line(str(line))}" for line in reversed(row.trace or ()))
    if row.kind == "ask":
        yield f"  {detail}"
        answer = answer_of(row, rows)
        yield f"  answer  {brief(readable(answer.value), 1000)}" if answer is not None else "  no answer yet"
    if row.value is not None:
        yield from (f"  {line}" for line in dump(readable(row.value), ascii_only=False, indent=2).split("\n"))


def answer_of(question: Row, rows: Sequence[Row]) -> Row | None:
    """Return the last answer to a question."""
    return next((row for row in reversed(rows) if row.kind == "answer" and row.id == question.id), None)


# --- a checkpoint


def find_checkpoint(saver: BaseCheckpointSaver, thread: str, step: str) -> Checkpoint | None:
    """Return the checkpoint with this id; None if that is no id of one."""
    if not _CHECKPOINT.fullmatch(step):
        return None
    saved = saver.load(thread, step)
    if saved is None:
        raise Problem("no-such-step", f"{thread} has no checkpoint {step}", status=ExitStatus.NOT_FOUND)
    return saved.checkpoint


def checkpoint_document(point: Checkpoint) -> dict[str, Any]:
    """Return a checkpoint for machine output."""
    return {
        "schema": "lgrun.checkpoint/1",
        "thread": point.thread,
        "id": point.id,
        "checkpoint": point.seq,
        "kind": point.kind,
        "at": point.at,
        "step": point.step,
        "parent": point.parent,
        "next": list(point.next),
        "input": readable(point.input),
        "value": readable(point.value),
    }
