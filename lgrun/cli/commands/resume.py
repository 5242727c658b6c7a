"""`lgrun resume`: answer a thread's questions, or continue an unfinished run."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, EnvFile, Events, OnChange, Timeout, Wait
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lgrun.cli.question import Question
    from lgrun.cli.session import Standing


def resume(
    env: Environment,
    thread: Annotated[
        str | None,
        typer.Argument(
            metavar="[THREAD]", show_default=False, help="A thread's id, @last or @waiting; none: all that wait."
        ),
    ] = None,
    items: Annotated[
        list[str] | None,
        typer.Argument(metavar="[Q=ITEM]...", show_default=False, help="Answers: q1=text, q2:=JSON, q1=@file."),
    ] = None,
    value: Annotated[
        str | None,
        typer.Option("--value", metavar="VALUE", help="The answer to the one open question: JSON, @file, - or text."),
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="STRING", help="The same, exactly this text.")] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Give --value or --text to every open question.", show_default=False)
    ] = False,
    answer_map: Annotated[
        str | None,
        typer.Option("--answers", metavar="VALUE", help='Answers as one object: {"q1": ..., "q2": ...}, @file or -.'),
    ] = None,
    edit: Annotated[
        bool,
        typer.Option("--edit", help="Write the answer in $VISUAL or $EDITOR, which begins with what is proposed."),
    ] = False,
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", "-w", metavar="WORKFLOW", help="Continue with this one, not the recorded one."),
    ] = None,
    config: Config = None,
    context: Context = None,
    on_change: OnChange = None,
    env_file: EnvFile = None,
    wait: Wait = None,
    timeout: Timeout = None,
    events: Events = None,
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
    lgrun resume
    lgrun list --status waiting -w trip -q | xargs -r -d'\\n' -n1 lgrun resume --all --value yes

    Without a THREAD, at a terminal, it is the inbox: all threads that wait are shown; pick one, answer it, and the
    next comes. With several questions open, some may be answered: the run goes on as far as it can and waits for the
    others (3).
    """
    from lgrun.cli.answers import Given, edit_one, read_answers
    from lgrun.cli.env_file import add_variables
    from lgrun.cli.event_log import carry
    from lgrun.cli.going_on import (
        Manner,
        note_settings,
        on_change_of,
        standing_in_time,
        still_waiting,
        take_up,
    )
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.question import question_of
    from lgrun.cli.session import open_saver, resolve, unknown_thread
    from lgrun.cli.settings import read_settings
    from lgrun.cli.views import check_get

    check_get(env)
    if thread is not None:
        env.keep_streams_from_workflow()
        carry(env, events)
    if value is not None and text is not None:
        _usage("--value and --text exclude each other")
    given = Given(items or (), value, text, every, answer_map)
    if edit and (given or env.no_input()):
        _usage(f"--edit and {'another answer' if given else '--no-input'} exclude each other")
    if thread is None:
        if given or workflow is not None:
            _usage("say which THREAD")
        switches = {"--edit": edit, "--strict": strict, "--break-lock": break_lock, "--trust-state": trust_state}
        file = None if env_file is None else str(env_file)
        once = {"--on-change": on_change, "--wait": wait, "--timeout": timeout, "--env-file": file}
        options = [*once.items(), *(("--config", item) for item in config or ())]
        return _inbox(env, switches, [*options, *(("--context", item) for item in context or ())])
    patience, limit = parse_duration(wait) or 0.0, parse_duration(timeout)
    settings = read_settings(env, config or (), context or ())
    wanted = on_change_of(env, on_change)
    add_variables(env, env_file)
    saver = open_saver(env, trust=trust_state)
    saver.strict, saver.break_lock = strict, break_lock
    name = env.thread = resolve(thread, saver, acting=True)
    manner = Manner("resume", wanted, patience, limit, settings)
    found = standing_in_time(env, saver, name, manner)
    if found is None:
        return ExitStatus.TIMEOUT
    standing, manner = found
    if standing.saved is None:
        # Whoever held it has removed it.
        raise unknown_thread(name)
    note_settings(env, standing, settings)
    questions = [question_of(write) for write in standing.questions]
    if given or edit:
        _refuse_answers(env, name, standing, questions)
    answers = read_answers(env, questions, given)
    if edit:
        answers = edit_one(env, questions)
        if not answers:
            return still_waiting(env, saver, standing, questions)
    return take_up(env, saver, standing, questions, answers, manner, given=workflow)


def _inbox(env: Environment, switches: "Mapping[str, bool]", options: "Sequence[tuple[str, str | None]]") -> ExitStatus:
    from lgrun.cli.inbox import open_inbox
    from lgrun.cli.session import open_saver

    words = [name for name, given in switches.items() if given]
    words += [f"{name}={value}" for name, value in options if value is not None]
    if env.flags.state_dir is not None:
        words.append(f"--state-dir={env.flags.state_dir}")
    if env.flags.color is not None:
        words.append(f"--color={env.flags.color}")
    words += [*["-v"] * env.flags.verbose, *["-q"] * env.flags.quiet]
    return open_inbox(env, open_saver(env, trust=switches["--trust-state"]), words)


def _usage(message: str) -> None:
    from lgrun.cli.diagnostics import Problem

    raise Problem("usage", message)


def _refuse_answers(env: Environment, thread: str, standing: "Standing", questions: "list[Question]") -> None:
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.session import resume_command

    if standing.status == "done":
        raise Problem("nothing-to-answer", f"{thread} is done: there is nothing to answer")
    if not questions:
        hint = f"continue it:  {resume_command(env, thread)}"
        raise Problem("nothing-to-answer", f"{thread} is not waiting for an answer", hint=hint)
