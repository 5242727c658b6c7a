"""`lgrun resume`: answer a thread's questions, or continue an unfinished run."""

import signal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, OnChange, Wait
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.loading import Loaded
    from lgrun.cli.question import Question
    from lgrun.cli.session import Guarded, Standing
    from lgrun.cli.settings import Settings


def resume(
    env: Environment,
    thread: Annotated[
        str, typer.Argument(metavar="THREAD", show_default=False, help="A thread's id, @last or @waiting.")
    ],
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="[Q=ITEM]...", show_default=False, help="Answers: q1=text, q2:=JSON, q1=@file."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--value", metavar="VALUE", help="The answer to the one open question: JSON, @file, - or text."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="STRING", help="The same, exactly this text.")] = None,
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", "-w", metavar="WORKFLOW", help="Continue with this one, not the recorded one."),
    ] = None,
    config: Config = None,
    context: Context = None,
    on_change: OnChange = "warn",
    wait: Wait = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse a journal with a damaged end instead of cutting that off.")
    ] = False,
    break_lock: Annotated[
        bool, typer.Option("--break-lock", help="Take a thread that a run on another machine never released.")
    ] = False,
    trust_state: Annotated[
        bool, typer.Option("--trust-state", help="Use a state directory that others can write to.")
    ] = False,
) -> ExitStatus:
    """Answer a thread's questions, or continue a failed or stopped one.

    \b
    lgrun resume rome --value yes
    lgrun resume rome q1=yes
    lgrun resume rome
    """
    from lgrun.cli.answers import read_answers
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.session import open_saver, resolve
    from lgrun.cli.settings import check_recorded, read_settings
    from lgrun.cli.views import print_done, question_of

    env.keep_streams_from_workflow()
    if value is not None and text is not None:
        _usage("--value and --text exclude each other")
    patience = parse_duration(wait) or 0.0
    settings = read_settings(env, config or (), context or ())
    saver = open_saver(env, trust=trust_state)
    saver.strict, saver.break_lock = strict, break_lock
    name = env.thread = resolve(thread, saver, acting=True)
    standing = _standing_when_free(saver, name, patience)
    _note_settings(env, standing, settings)
    questions = [question_of(write) for write in standing.questions]
    answering = bool(items) or value is not None or text is not None
    if answering:
        _refuse_answers(env, name, standing, questions)
    answers = read_answers(env, questions, items or (), value, text)
    if standing.status == "done":
        return print_done(env, saver, name)
    if standing.status == "waiting" and not answers and not env.interactive():
        return _still_waiting(env, saver, standing, questions)
    if standing.status == "crashed":
        _say_what_died(env, standing)
    assert standing.saved is not None
    check_recorded(standing.saved, settings)
    loaded = _load(env, saver, standing, workflow, on_change)
    saver.origin = {**(saver.origin or {}), **settings.names()}
    return _go_on(env, loaded, standing, questions, answers, (on_change, patience, settings))


def _usage(message: str) -> None:
    from lgrun.cli.diagnostics import Problem

    raise Problem("usage", message)


def _standing_when_free(saver: "Guarded", thread: str, patience: float) -> "Standing":
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


def _note_settings(env: Environment, standing: "Standing", settings: "Settings") -> None:
    """Every command that is shown from now on names what it has to be given."""
    from lgrun.cli.settings import Settings, needed_text, recorded

    known = recorded(standing.saved) if standing.saved is not None else Settings()
    env.needs = needed_text(Settings({**known.config, **settings.config}, {**known.context, **settings.context}))


def _refuse_answers(env: Environment, thread: str, standing: "Standing", questions: "list[Question]") -> None:
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.session import resume_command

    if standing.status == "done":
        raise Problem("nothing-to-answer", f"{thread} is done: there is nothing to answer")
    if not questions:
        hint = f"continue it:  {resume_command(env, thread)}"
        raise Problem("nothing-to-answer", f"{thread} is not waiting for an answer", hint=hint)


def _say_what_died(env: Environment, standing: "Standing") -> None:
    """Name the tasks whose outcome nobody knows: what they did outside may be done twice."""
    from lgrun.cli.timeline import timeline

    rows = timeline([standing.saved] if standing.saved is not None else [])
    running = ", ".join(row.name for row in rows if row.status == "running")
    if running:
        env.note(f"! the last run died while {running} ran, so that runs again")


def _still_waiting(env: Environment, saver: "Guarded", standing: "Standing", questions: "list[Question]") -> ExitStatus:
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


def _load(env: Environment, saver: "Guarded", standing: "Standing", given: str | None, on_change: OnChange) -> "Loaded":
    """Find and load the thread's workflow, and compare it with the one that ran."""
    from lgrun.cli.diagnostics import Problem, short_path
    from lgrun.cli.loading import load
    from lgrun.cli.memories import Memories
    from lgrun.cli.session import attach, command, origin_of, state_path, workflow_of

    assert standing.saved is not None
    origin = origin_of(saver, standing.saved)
    thread = standing.saved.checkpoint.thread
    loaded = load(workflow_of(env, thread, origin, given=given), env, recorded=origin.get("path"))
    saver.origin, saver.source = loaded.origin(), loaded.source
    memories = Memories(loaded, state_path(env))
    for notice in (*attach(loaded, saver), *memories.attach()):
        env.say(f"! {notice}")
    if on_change != "ignore" and origin.get("sha256") not in (None, loaded.sha256):
        file = short_path(str(loaded.path), str(env.cwd))
        message = f"{file} changed since {thread} started"
        if on_change == "fail":
            thread = standing.saved.checkpoint.thread
            hint = f"to go on with what still fits:  {command(env, 'resume', thread, '--on-change', 'warn')}"
            raise Problem("workflow-changed", message, status=ExitStatus.REFUSED, hint=hint)
        env.say(f"! {message}")
    memories.plant()
    return loaded


def _go_on(
    env: Environment,
    loaded: "Loaded",
    standing: "Standing",
    questions: "list[Question]",
    answers: dict[str, Any],
    options: "tuple[OnChange, float, Settings]",
) -> ExitStatus:
    from lgrun.cli.drive import Job, Outcome, converse
    from lgrun.cli.prompt import ask_all
    from lgrun.cli.report import conclude
    from lgrun.cli.settings import context_of
    from lgrun.types import Command

    assert standing.saved is not None
    name = standing.saved.checkpoint.thread
    on_change, patience, settings = options
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
    given = (settings.config, context, settings.record())
    job = Job(loaded.workflow, name, on_change, patience, "resume", loaded.title, *given)
    payload: Command[str] | None = Command(resume=answers) if answers else None
    outcome = converse(env, job, payload, asking=not left)
    return conclude(env, store, name, outcome, seconds=env.monotonic() - started - env.asked)
