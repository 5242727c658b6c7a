"""`lgrun invoke`: start a thread, or another run of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, EnvFile, Events, OnChange, Timeout, Wait
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import Saved
    from lgrun.cli.starting import Place, Start


def invoke(
    env: Environment,
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="WORKFLOW",
            show_default=False,
            help="path.py, path.py:name, pkg.mod:name, or a name in ./workflows.",
        ),
    ],
    items: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ITEM]...",
            show_default=False,
            help="Input: key=text, key:=JSON, key=@file, key:=@file.json, a[b][]=x.",
        ),
    ] = None,
    given: Annotated[
        str | None, typer.Option("--input", "-i", metavar="VALUE", help="The whole input: JSON, @file, - or text.")
    ] = None,
    text: Annotated[str | None, typer.Option("--text", metavar="STRING", help="The whole input is this text.")] = None,
    thread: Annotated[str | None, typer.Option("--thread", "-t", metavar="ID", help="Name the thread.")] = None,
    once: Annotated[
        bool,
        typer.Option("--once", help="Start the thread or go on with it; if it is done, print its result again."),
    ] = False,
    discard: Annotated[bool, typer.Option("--discard", help="Give up an unfinished run of the thread.")] = False,
    config: Config = None,
    context: Context = None,
    wait: Wait = None,
    timeout: Timeout = None,
    events: Events = None,
    on_change: OnChange = None,
    env_file: EnvFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Check the input, say what would be done, and do nothing.")
    ] = False,
) -> ExitStatus:
    """Start a workflow and print what it returns.

    \b
    lgrun invoke trip city=Rome -t rome
    lgrun invoke workflows/trip.py -i '{"city": "Paris"}'
    echo '{"city": "Oslo"}' | lgrun invoke trip -i -
    lgrun invoke trip city=Rome -t rome --once

    With --once the same command can be given again: it starts the thread, goes on with one that failed or was stopped,
    is 3 while that waits, and prints the saved result of one that is done. The input and the
    workflow must be the same.
    """
    from lgrun.cli.discover import find
    from lgrun.cli.env_file import add_variables
    from lgrun.cli.going_on import Manner, on_change_of
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.loading import load
    from lgrun.cli.request import input_for, read_request
    from lgrun.cli.settings import context_of, read_settings
    from lgrun.cli.starting import Start, begin, open_place
    from lgrun.cli.starting import once as start_or_go_on
    from lgrun.cli.views import check_get

    env.keep_streams_from_workflow()
    if env.log is not None or events is not None:
        from lgrun.cli.event_log import carry

        carry(env, events)
    if dry_run and env.log is not None:
        _usage("--dry-run runs nothing, so there are no events", hint="use --json")
    check_get(env, "plan" if dry_run else "run")
    patience, limit = parse_duration(wait) or 0.0, parse_duration(timeout)
    request = read_request(env, given=given, text=text, items=items or ())
    settings = read_settings(env, config or (), context or ())
    _check_name(env, thread)
    if once:
        _check_once(thread, discard)
    manner = Manner("invoke", on_change_of(env, on_change), patience, limit, settings)
    add_variables(env, env_file)
    loaded = load(find(workflow, env), env)
    payload = input_for(loaded, request)
    made = context_of(loaded, settings)
    start = Start(loaded, payload, made, thread, manner)
    place = open_place(env, start)
    if dry_run:
        return _dry_run(env, start, place, once, discard)
    if once:
        return start_or_go_on(env, start, place, str(thread))
    name = env.thread = thread or _fresh_name(place.store, loaded.title)
    saved = place.store.load(name)
    if saved is not None:
        from lgrun.cli.belonging import warn_of_others

        warn_of_others(env, place.store, saved, loaded)
        _refuse_unfinished(env, saved, discard, ours=False)
    return begin(env, start, place, name, lambda saved: _refuse_unfinished(env, saved, discard, ours=True))


def _check_once(thread: str | None, discard: bool) -> None:
    if thread is None:
        _usage("--once needs the name of the thread", hint="add -t ID: the same ID is the same run")
    if discard:
        _usage("--once and --discard exclude each other")


def _usage(message: str, hint: str | None = None) -> None:
    from lgrun.cli.diagnostics import Problem

    raise Problem("usage", message, hint=hint)


def _dry_run(env: Environment, start: "Start", place: "Place", once: bool, discard: bool) -> ExitStatus:
    """Do all that comes before a run, with the same refusals."""
    from lgrun.cli.belonging import warn_of_others
    from lgrun.cli.going_on import standing_when_free
    from lgrun.cli.session import Standing
    from lgrun.cli.starting import action_of, check_same, describe

    standing = Standing(None, None)
    if start.thread is not None:
        standing = standing_when_free(place.store, start.thread, start.manner.patience)
    if standing.saved is not None and once:
        check_same(env, place.store, standing.saved, start)
    elif standing.saved is not None:
        warn_of_others(env, place.store, standing.saved, start.loaded)
        _refuse_unfinished(env, standing.saved, discard, ours=True)
    return describe(env, start, action_of(standing, only_once=once))


def _check_name(env: Environment, thread: str | None) -> None:
    from lgrun.cli.session import check_thread_id

    if thread is not None:
        env.thread = check_thread_id(thread)


def _fresh_name(saver: Any, title: str) -> str:
    from lgrun.cli.session import new_thread_id

    return new_thread_id(title, lambda thread: saver.load(thread) is not None)


def _refuse_unfinished(env: Environment, saved: "Saved | None", discard: bool, *, ours: bool) -> None:
    """Stop before new input throws away a question, or the results of an unfinished run.

    Whether nobody runs a thread any more can only be said once it is `ours`.
    """
    from lgrun.checkpoint.base import open_questions, thread_status
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.question import question_of
    from lgrun.cli.session import is_located, next_commands
    from lgrun.cli.settings import needed_text, recorded

    if saved is None or discard:
        return
    status = thread_status(saved, held=False)
    name = saved.checkpoint.thread
    if status == "done" or (status == "crashed" and not ours):
        return
    questions = [question_of(write) for write in open_questions(saved.writes)]
    env.needs = needed_text(recorded(saved))
    numbers = [question.q for question in questions]
    commands: Sequence[str] = next_commands(env, name, status, numbers, located=is_located(saved))
    word = _STANDS.get(status, f"is {status}")
    raise Problem(
        "unfinished",
        f"{name} {word}; new input would discard that run",
        context=[*(question.line() for question in questions), f"go on with it:  {commands[0]}"],
        hint="start over:  the same command with --discard",
    )


_STANDS = {
    "waiting": "waits for an answer",
    "crashed": "was interrupted",
    "stopped": "was stopped",
    "failed": "has failed",
}
