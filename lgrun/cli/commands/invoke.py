"""`lgrun invoke`: start a thread, or another run of one."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, OnChange, Wait
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import Saved


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
    discard: Annotated[bool, typer.Option("--discard", help="Give up an unfinished run of the thread.")] = False,
    config: Config = None,
    context: Context = None,
    wait: Wait = None,
    on_change: OnChange = "warn",
) -> ExitStatus:
    """Start a workflow and print what it returns.

    \b
    lgrun invoke trip city=Rome -t rome
    lgrun invoke workflows/trip.py -i '{"city": "Paris"}'
    echo '{"city": "Oslo"}' | lgrun invoke trip -i -
    """
    from lgrun.cli.discover import find
    from lgrun.cli.drive import Job, converse
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.loading import load
    from lgrun.cli.memories import Memories
    from lgrun.cli.report import conclude
    from lgrun.cli.request import input_for, read_request
    from lgrun.cli.session import attach, open_saver, state_path
    from lgrun.cli.settings import context_of, needed_text, read_settings

    env.keep_streams_from_workflow()
    patience = parse_duration(wait)
    request = read_request(env, given=given, text=text, items=items or ())
    settings = read_settings(env, config or (), context or ())
    _check_name(env, thread)
    started = env.monotonic()
    loaded = load(find(workflow, env), env)
    payload = input_for(loaded, request)
    made = context_of(loaded, settings)
    saver = open_saver(env, loaded, settings.names())
    memories = Memories(loaded, state_path(env))
    for notice in (*attach(loaded, saver), *memories.attach()):
        env.say(f"! {notice}")
    store = loaded.workflow.checkpointer or saver
    name = env.thread = thread or _fresh_name(store, loaded.title)
    _refuse_unfinished(env, store.load(name), discard, ours=False)
    saver.guard = lambda saved: _refuse_unfinished(env, saved, discard, ours=True)
    memories.plant()
    env.needs = needed_text(settings)
    env.note(f"▸ {name}")
    job = Job(
        loaded.workflow,
        name,
        on_change,
        patience or 0.0,
        "invoke",
        loaded.title,
        settings.config,
        made,
        settings.record(),
    )
    outcome = converse(env, job, payload)
    return conclude(env, store, name, outcome, seconds=env.monotonic() - started - env.asked)


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
    from lgrun.cli.session import is_located, next_commands
    from lgrun.cli.settings import needed_text, recorded
    from lgrun.cli.views import question_of

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
