"""Going on with a thread: what `resume` and `invoke --once` have in common."""

import signal
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
    from lgrun.cli.loading import Loaded
    from lgrun.cli.question import Question
    from lgrun.cli.session import Guarded, Standing
    from lgrun.cli.settings import Settings


def standing_when_free(saver: "BaseCheckpointSaver", thread: str, patience: float) -> "Standing":
    """Return how the thread stands once nobody runs it.

    Raises:
        ThreadBusyError: somebody still does after `patience` seconds.
    """
    from lgrun.cli.session import standing_of

    standing = standing_of(saver, thread)
    if standing.status == "running":
        saver.claim(thread, wait=patience).release()
        standing = standing_of(saver, thread)
    return standing


def standing_in_time(
    env: Environment, saver: "BaseCheckpointSaver", thread: str, manner: "Manner"
) -> "tuple[Standing, Manner] | None":
    """Return how the thread stands once nobody runs it, and the manner with the time that is left for the run.

    Returns:
        None if the time was over before: that is said, and it is `ExitStatus.TIMEOUT`.

    Raises:
        ThreadBusyError: somebody still runs it after the manner's patience.
    """
    from lgrun.cli.drive import Outcome
    from lgrun.cli.report import conclude
    from lgrun.errors import ThreadBusyError

    began, limit = env.monotonic(), manner.timeout
    if limit is None:
        return standing_when_free(saver, thread, manner.patience), manner
    try:
        standing = standing_when_free(saver, thread, min(manner.patience, limit))
    except ThreadBusyError:
        if manner.patience <= limit:
            raise
        conclude(env, saver, thread, Outcome(timed_out=True), seconds=env.monotonic() - began)
        return None
    return standing, manner._replace(timeout=max(limit - (env.monotonic() - began), 0.0))


def note_settings(env: Environment, standing: "Standing", settings: "Settings") -> None:
    """Every command that is shown from now on names what it has to be given."""
    from lgrun.cli.settings import Settings, needed_text, recorded

    known = recorded(standing.saved) if standing.saved is not None else Settings()
    env.needs = needed_text(Settings({**known.config, **settings.config}, {**known.context, **settings.context}))


def say_what_died(env: Environment, standing: "Standing") -> None:
    """Name the tasks whose outcome nobody knows: what they did outside may be done twice."""
    from lgrun.cli.render.text import called
    from lgrun.cli.timeline import timeline

    running: dict[str, list[str]] = {}
    for row in timeline([standing.saved] if standing.saved is not None else []):
        if row.kind in ("input", "continue", "answer", "fork"):
            # What an earlier run had begun, the one after it has taken up.
            running.clear()
        elif row.status == "running":
            running.setdefault(row.name, []).append(called(row.name, row.args))
    names = [
        calls[0] if len(calls) == 1 else f"{called(name, None)} ({len(calls)} times)" for name, calls in running.items()
    ]
    if names:
        env.note(f"! the last run died while {', '.join(names)} ran, so that runs again")


def still_waiting(
    env: Environment, saver: "BaseCheckpointSaver", standing: "Standing", questions: "list[Question]"
) -> ExitStatus:
    """Nobody can be asked: say what is asked."""
    from lgrun.cli.session import is_located
    from lgrun.cli.views import print_run, view_of, waiting_lines, wants_document

    assert standing.saved is not None
    thread = standing.saved.checkpoint.thread
    for line in waiting_lines(env, thread, questions, located=is_located(standing.saved)):
        env.note(line)
    if wants_document(env):
        print_run(env, view_of(env, saver, thread))
    return ExitStatus.WAITING


def on_change_of(env: Environment, given: str | None) -> str:
    """Return what to do about changed code: as the option says, or else the configuration."""
    from lgrun.cli.configuration import setting

    return given or str(setting(env, "on_change").value)


def say_change(env: Environment, loaded: "Loaded", thread: str, origin: dict[str, Any], on_change: str) -> str:
    """Say that the workflow's file is another one than the thread ran with; with `ask`, ask whether to go on.

    Returns:
        What to do about calls that are not those recorded: a person who has agreed is only told of them.

    Raises:
        Problem: with `fail`, or if nobody agrees (exit 6).
    """
    from lgrun.cli.diagnostics import Problem, short_path
    from lgrun.cli.session import resume_command

    if on_change == "ignore" or origin.get("sha256") in (None, loaded.sha256):
        return on_change
    file = short_path(str(loaded.path), str(env.cwd))
    message = f"{file} changed since {thread} started"
    if on_change == "warn":
        env.say(f"! {message}")
        return on_change
    if on_change == "ask" and env.interactive() and _agrees(env, message):
        return "warn"
    hint = f"to go on with what still fits:  {resume_command(env, thread, '--on-change', 'warn')}"
    raise Problem("workflow-changed", message, status=ExitStatus.REFUSED, hint=hint)


def _agrees(env: Environment, message: str) -> bool:
    from lgrun.cli.inputs import read_bool
    from lgrun.cli.render.text import one_line

    env.forget_typed()
    return read_bool(env.ask(f"! {one_line(message)}: go on? [y/N] ") or "") is True


class Manner(NamedTuple):
    """How a run goes on.

    Args:
        verb: the command, for the history.
        on_change: what to do about changed code: warn, ask, fail or ignore.
        patience: seconds to wait for whoever holds the thread.
        timeout: seconds after which it is stopped, those of the patience among them; or None.
        settings: what it is given beside answers.
    """

    verb: str
    on_change: str
    patience: float
    timeout: float | None
    settings: "Settings"

    @property
    def on_mismatch(self) -> str:
        """What to do about another call: in the middle of a run nobody can be asked."""
        return "fail" if self.on_change == "ask" else self.on_change


def take_up(
    env: Environment,
    saver: "Guarded",
    standing: "Standing",
    questions: "list[Question]",
    answers: dict[str, Any],
    manner: Manner,
    *,
    given: str | None,
    loaded: "Loaded | None" = None,
) -> ExitStatus:
    """Do what `resume` does, whatever way the thread stands.

    Args:
        env: the world.
        saver: where the thread is.
        standing: how it stands.
        questions: its open questions.
        answers: to these, by interrupt id.
        manner: how it goes on.
        given: the workflow as it was typed, None for the recorded one.
        loaded: the workflow, if it is loaded already.
    """
    from lgrun.cli.settings import check_recorded
    from lgrun.cli.views import print_done

    assert standing.saved is not None
    thread = standing.saved.checkpoint.thread
    if standing.status == "done":
        return print_done(env, saver, thread)
    if standing.status == "waiting" and not answers and not env.interactive():
        return still_waiting(env, saver, standing, questions)
    if standing.status == "crashed":
        say_what_died(env, standing)
    check_recorded(standing.saved, manner.settings)
    loaded = loaded or load_of(env, saver, standing.saved, given)
    agreed = _attached(env, saver, standing.saved, loaded, manner.on_change)
    saver.origin = {**(saver.origin or {}), **manner.settings.names()}
    return go_on(env, loaded, standing.brief(), questions, answers, manner._replace(on_change=agreed))


def load_of(env: Environment, saver: "Guarded", saved: "Saved", given: str | None) -> "Loaded":
    """Find and load a thread's workflow; `given`: as it was typed, None for the recorded one."""
    from lgrun.cli.loading import load
    from lgrun.cli.session import origin_of, workflow_of

    origin = origin_of(saver, saved)
    reference = workflow_of(env, saved.checkpoint.thread, origin, given=given)
    return load(reference, env, recorded=origin.get("path"))


def _attached(env: Environment, saver: "Guarded", saved: "Saved", loaded: "Loaded", on_change: str) -> str:
    """Make the workflow keep its threads where this one is, and compare it with the one that ran; see `say_change`."""
    from lgrun.cli.memories import Memories
    from lgrun.cli.session import attach, origin_of, state_path

    origin = origin_of(saver, saved)
    saver.origin, saver.source = loaded.origin(), loaded.source
    memories = Memories(loaded, state_path(env))
    for notice in (*attach(loaded, saver), *memories.attach()):
        env.say(f"! {notice}")
    agreed = say_change(env, loaded, saved.checkpoint.thread, origin, on_change)
    memories.plant()
    return agreed


def go_on(
    env: Environment,
    loaded: "Loaded",
    standing: "Standing",
    questions: "list[Question]",
    answers: dict[str, Any],
    manner: Manner,
) -> ExitStatus:
    """Run the thread from where it stands, with the answers, and report how that ended."""
    from lgrun.cli.drive import Job, Outcome, converse
    from lgrun.cli.prompt import ask_all
    from lgrun.cli.report import conclude
    from lgrun.cli.settings import context_of
    from lgrun.types import Command

    assert standing.saved is not None
    name = standing.saved.checkpoint.thread
    settings = manner.settings
    context = context_of(loaded, settings)
    store = loaded.workflow.checkpointer
    assert store is not None
    left = False
    if standing.status == "waiting" and not answers:
        answers, left, interrupted = ask_all(env, questions)
        if not answers:
            outcome = Outcome("waiting", questions=questions, signal=signal.SIGINT if interrupted else None)
            return conclude(env, store, name, outcome, seconds=0.0)
    started, env.asked = env.monotonic(), 0.0
    job = Job(
        loaded.workflow,
        name,
        manner.on_mismatch,
        manner.patience,
        manner.verb,
        loaded.title,
        settings.config,
        context,
        settings.record(),
        manner.timeout,
    )
    payload: Command[str] | None = Command(resume=answers) if answers else None
    outcome = converse(env, job, payload, asking=not left)
    return conclude(env, store, name, outcome, seconds=env.monotonic() - started - env.asked)
