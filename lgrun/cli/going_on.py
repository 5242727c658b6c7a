"""Going on with a thread: what `resume` and `invoke --once` have in common."""

import signal
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgrun.cli.env import Environment
from lgrun.cli.options import OnChange
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver
    from lgrun.cli.loading import Loaded
    from lgrun.cli.question import Question
    from lgrun.cli.session import Standing
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


def note_settings(env: Environment, standing: "Standing", settings: "Settings") -> None:
    """Every command that is shown from now on names what it has to be given."""
    from lgrun.cli.settings import Settings, needed_text, recorded

    known = recorded(standing.saved) if standing.saved is not None else Settings()
    env.needs = needed_text(Settings({**known.config, **settings.config}, {**known.context, **settings.context}))


def say_what_died(env: Environment, standing: "Standing") -> None:
    """Name the tasks whose outcome nobody knows: what they did outside may be done twice."""
    from lgrun.cli.timeline import timeline

    rows = timeline([standing.saved] if standing.saved is not None else [])
    running = ", ".join(row.name for row in rows if row.status == "running")
    if running:
        env.note(f"! the last run died while {running} ran, so that runs again")


def still_waiting(
    env: Environment, saver: "BaseCheckpointSaver", standing: "Standing", questions: "list[Question]"
) -> ExitStatus:
    """Nobody can be asked: say what is asked."""
    from lgrun.cli.session import is_located
    from lgrun.cli.views import print_document, view_of, waiting_lines, wants_document

    assert standing.saved is not None
    thread = standing.saved.checkpoint.thread
    for line in waiting_lines(env, thread, questions, located=is_located(standing.saved)):
        env.note(line)
    if wants_document(env):
        print_document(env, view_of(env, saver, thread).document())
    return ExitStatus.WAITING


def say_change(env: Environment, loaded: "Loaded", thread: str, origin: dict[str, Any], on_change: OnChange) -> None:
    """Say that the workflow's file is another one than the thread ran with.

    Raises:
        Problem: with --on-change fail (exit 6).
    """
    from lgrun.cli.diagnostics import Problem, short_path
    from lgrun.cli.session import command

    if on_change == "ignore" or origin.get("sha256") in (None, loaded.sha256):
        return
    file = short_path(str(loaded.path), str(env.cwd))
    message = f"{file} changed since {thread} started"
    if on_change == "fail":
        hint = f"to go on with what still fits:  {command(env, 'resume', thread, '--on-change', 'warn')}"
        raise Problem("workflow-changed", message, status=ExitStatus.REFUSED, hint=hint)
    env.say(f"! {message}")


@dataclass(frozen=True, slots=True)
class Manner:
    """How a run goes on.

    Args:
        verb: the command, for the history.
        on_change: what to do about another call than the one recorded.
        patience: seconds to wait for whoever holds the thread.
        timeout: seconds after which it is stopped, or None.
        settings: what it is given beside answers.
    """

    verb: str
    on_change: OnChange
    patience: float
    timeout: float | None
    settings: "Settings"


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
        manner.on_change,
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
