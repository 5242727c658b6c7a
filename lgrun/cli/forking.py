"""Forking: which point is meant, what is put in there, what will run again; and going on with the new thread."""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgrun.checkpoint.forking import Point
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.going_on import Manner
from lgrun.cli.session import Guarded, command, open_saver, resolve, standing_of
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.loading import Loaded
    from lgrun.cli.question import Question
    from lgrun.cli.timeline import Row
    from lgrun.forking import Fork


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was typed.

    Args:
        thread: THREAD or THREAD/STEP.
        new: the id of the new thread, or None.
        results: the ITEMs of --set.
        answers: the ITEMs of --answer.
        workflow: with which to go on, or None for the recorded one.
        runs: go on with the new thread.
    """

    thread: str
    new: str | None
    results: Sequence[str]
    answers: Sequence[str]
    workflow: str | None
    runs: bool


def make_fork(env: Environment, wanted: Wanted, manner: Manner) -> ExitStatus:
    """Make a fork, and go on with it or say how; everything that can be wrong is found before.

    Raises:
        Problem: there is no such thread or step, a value does not fit, or the workflow cannot be loaded.
        ThreadExistsError: there is a thread with the new id.
    """
    from lgrun.cli.going_on import note_settings
    from lgrun.cli.settings import check_recorded, context_of
    from lgrun.cli.steps import split_reference
    from lgrun.forking import made

    saver = open_saver(env)
    typed, step = split_reference(wanted.thread)
    old = env.thread = resolve(typed, saver, acting=True)
    _refuse_existing(env, saver, wanted.new)
    place = _Place(saver, old)
    point = {} if step is None else place.point(step)
    answers = _answers(env, place, wanted.answers)
    loaded = _loaded(env, wanted, place)
    results = _results(env, place, wanted.results, loaded)
    node = None if loaded is None else loaded.workflow.node_result
    fork = _planned(place, {**point, "results": results, "answers": answers, "node": node, "by": f"{env.user()}, fork"})
    if wanted.runs:
        check_recorded(fork.saved, manner.settings)
        if loaded is not None:
            context_of(loaded, manner.settings)
    for line in _plan_lines(fork):
        env.note(line)
    new = made(saver, fork, wanted.new)
    env.thread = new
    env.note(f"▸ {new}")
    note_settings(env, standing_of(saver, new), manner.settings)
    if not wanted.runs:
        return _told(env, saver, new, wanted.workflow)
    return _gone_on(env, saver, new, wanted, manner, loaded)


def _refuse_existing(env: Environment, saver: Guarded, new: str | None) -> None:
    if new is not None and next(saver.checkpoints(new), None) is not None:
        hint = f"another name with -t, or first:  {command(env, 'rm', new)}"
        raise Problem("thread-exists", f"there is a thread {new} already", hint=hint)


# --- points


class _Place:
    """The old thread, with all that can be named in it, read when it is asked for."""

    def __init__(self, saver: Guarded, thread: str) -> None:
        self.saver = saver
        self.thread = thread
        self._rows: list[Row] | None = None
        self._points: list[Point] | None = None

    @property
    def rows(self) -> "list[Row]":
        if self._rows is None:
            from lgrun.cli.timeline import timeline

            self._rows = timeline(self.saver.history(self.thread, oldest_first=True))
        return self._rows

    @property
    def points(self) -> list[Point]:
        if self._points is None:
            from lgrun.forking import points

            self._points = points(self.saver, self.thread)
        return self._points

    def point(self, step: str) -> dict[str, Any]:
        """Return how `planned` is told of a step: a row of the history, a call, a question, a checkpoint."""
        from lgrun.cli.steps import find_checkpoint

        where = f"{self.thread}/{step}"
        checkpoint = find_checkpoint(self.saver, self.thread, step)
        if checkpoint is not None:
            return {"checkpoint": checkpoint.seq, "where": where}
        if not re.fullmatch(r"\d{1,9}", step, re.ASCII):
            return {"before": self.call(step), "where": where}
        row = self._row(step)
        if row.kind in ("task", "ask", "answer"):
            return {"before": self._of_row(row), "where": where}
        if row.kind in ("input", "step"):
            return {"checkpoint": row.checkpoint, "anew": True, "where": where}
        if row.kind in ("result", "update"):
            return {"checkpoint": row.checkpoint, "where": where}
        hint = f"a task, a question, an input or a result:  lgrun history {self.thread}"
        raise Problem("bad-step", f"{where} is no point to fork from: it is '{row.kind}'", hint=hint)

    def call(self, name: str) -> Point:
        """Return the call or question that a name means, as it does for `show`; a node may be one that has not run."""
        from lgrun.checkpoint.references import meant
        from lgrun.cli.steps import no_step

        row = meant(self.rows, name)
        found = meant(self.points, name) if row is None else self._of_row(row)
        if found is None:
            raise no_step(self.rows, self.thread, name)
        return found

    def _row(self, step: str) -> "Row":
        from lgrun.cli.steps import find_step

        return find_step(self.rows, self.thread, step)

    def _of_row(self, row: "Row") -> Point:
        if row.kind in ("ask", "answer"):
            return next(point for point in self.points if point.kind == "ask" and point.id == row.id)
        calls = (point for point in self.points if point.kind == "task")
        return next(point for point in calls if (point.seq, point.path) == (row.checkpoint, row.path))


# --- what is put in


def _answers(env: Environment, place: _Place, items: Sequence[str]) -> dict[str, Any]:
    """Return the answers, held to what each question takes, by interrupt id."""
    if not items:
        return {}
    from lgrun.cli.answers import Given, read_answers

    try:
        return read_answers(env, list(_questions(place)), Given(items))
    except Problem as problem:
        # Questions that are answered are no less meant here than open ones.
        message = problem.message.replace("there is no open question", f"{place.thread} has no question")
        hint = f"like:  {command(env, 'fork', place.thread, '--answer', 'q1=ANSWER')}"
        raise Problem(problem.reference, message, status=problem.status, context=problem.context, hint=hint) from None


def _questions(place: _Place) -> "Iterator[Question]":
    from lgrun.cli.question import Question
    from lgrun.cli.render.values import readable

    for row in place.rows:
        if row.kind == "ask":
            yield Question(row.q or 0, row.id or "", row.name, readable(row.value), row.schema)


def _loaded(env: Environment, wanted: Wanted, place: _Place) -> "Loaded | None":
    """Load the workflow, if it is to run, or knows of what type a result is."""
    if not wanted.runs and not wanted.results:
        return None
    from lgrun.cli.going_on import load_of

    env.keep_streams_from_workflow()
    saved = place.saver.load(place.thread)
    assert saved is not None
    return load_of(env, place.saver, saved, wanted.workflow)


def _results(env: Environment, place: _Place, items: Sequence[str], loaded: "Loaded | None") -> dict[Point, Any]:
    """Return what calls are to have returned, in the form that they declare."""
    if not items or loaded is None:
        return {}
    from lgrun.cli.inputs import is_item, lay_over, parse_item

    for item in items:
        if not is_item(item):
            raise Problem("bad-item", f"{item!r} does not say which task returned it", hint=f"like:  --set TASK={item}")
    given = [parse_item(item, env) for item in items]
    names = list(dict.fromkeys(item.path[0] for item in given))
    calls = {name: place.call(name) for name in names}
    base = {item.path[0]: _recorded(place, calls[item.path[0]]) for item in given if len(item.path) > 1}
    values = lay_over(base, given)
    return {calls[name]: _conformed(values[name], calls[name], loaded) for name in names}


def _recorded(place: _Place, call: Point) -> Any:
    """Return what a call returned, for a change of a part of it."""
    from lgrun.cli.render.values import readable

    rows = [row for row in place.rows if (row.kind, row.checkpoint, row.path) == ("task", call.seq, call.path)]
    value = readable(rows[-1].value) if rows and rows[-1].status == "done" else None
    return value if isinstance(value, (dict, list)) else {}


def _conformed(value: Any, call: Point, loaded: "Loaded") -> Any:
    from lgrun._typed import is_typed_dict
    from lgrun.cli.conform import Mismatch, conform, conform_part
    from lgrun.cli.declared import returned_by

    builder: Any = getattr(loaded.workflow, "builder", None)
    annotation = builder.state_schema if call.node and builder else returned_by(loaded.module, call.name)
    part = call.node and is_typed_dict(annotation)
    try:
        return conform_part(value, annotation, call.name) if part else conform(value, annotation, call.name)
    except Mismatch as problem:
        raise Problem("bad-result", str(problem)) from None


def _planned(place: _Place, options: dict[str, Any]) -> "Fork":
    from lgrun.errors import InvalidUpdateError, NotSerializableError
    from lgrun.forking import planned

    try:
        return planned(place.saver, place.thread, **options)
    except (InvalidUpdateError, NotSerializableError) as error:
        raise Problem("bad-result", str(error)) from None


# --- what is said, and going on


def _plan_lines(fork: "Fork") -> Iterator[str]:
    from lgrun.cli.render.history import counted
    from lgrun.cli.render.text import one_line

    kept, again = fork.kept, fork.again
    yield one_line(f"a fork of {fork.where}")
    if kept:
        yield one_line(f"  kept:        {counted(kept)}")
    if again:
        yield one_line(f"  runs again:  {counted(again)}")


def _told(env: Environment, saver: Guarded, new: str, workflow: str | None) -> ExitStatus:
    """Print the new id, and say how to go on."""
    from lgrun.cli.session import is_located, next_commands, unknown_thread
    from lgrun.cli.views import print_run, view_of, wants_document

    standing = standing_of(saver, new)
    if standing.saved is None:
        # Somebody has removed it at once.
        raise unknown_thread(new)
    if workflow is not None:
        env.again = f" -w {shlex.quote(workflow)}{env.again}"
    numbers = [write.q or 0 for write in standing.questions]
    located = is_located(standing.saved) or workflow is not None
    for line in next_commands(env, new, standing.status, numbers, located=located)[:1]:
        env.note(f"  go on:  {line}")
    if wants_document(env):
        view = view_of(env, saver, new)
        view.exit = int(ExitStatus.DONE)
        print_run(env, view)
    else:
        env.put(f"{new}\n")
    return ExitStatus.DONE


def _gone_on(
    env: Environment, saver: Guarded, new: str, wanted: Wanted, manner: Manner, loaded: "Loaded | None"
) -> ExitStatus:
    from lgrun.cli.going_on import take_up
    from lgrun.cli.question import question_of

    standing = standing_of(saver, new)
    questions = [question_of(write) for write in standing.questions]
    return take_up(env, saver, standing, questions, {}, manner, given=wanted.workflow, loaded=loaded)
