"""`lgrun fork`: a new thread from a point of an old one."""

from typing import Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, EnvFile, OnChange, Timeout
from lgrun.cli.status import ExitStatus


def fork(
    env: Environment,
    thread: Annotated[
        str,
        typer.Argument(
            metavar="THREAD[/STEP]", show_default=False, help="A thread's id, @last or @waiting; a step as for show."
        ),
    ],
    new: Annotated[str | None, typer.Option("--thread", "-t", metavar="ID", help="Name the new thread.")] = None,
    results: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="TASK=ITEM", help="What a task or node returned: draft=text, :=JSON, =@file."),
    ] = None,
    answers: Annotated[
        list[str] | None,
        typer.Option("--answer", metavar="Q=ITEM", help="What was answered: q1=text, q1:=JSON, q1=@file."),
    ] = None,
    workflow: Annotated[
        str | None,
        typer.Option("--workflow", "-w", metavar="WORKFLOW", help="Go on with this one, not the recorded one."),
    ] = None,
    runs: Annotated[
        bool | None,
        typer.Option(
            "--run/--no-run", help="Go on with the new thread at once; at a terminal, yes.", show_default=False
        ),
    ] = None,
    config: Config = None,
    context: Context = None,
    on_change: OnChange = None,
    env_file: EnvFile = None,
    timeout: Timeout = None,
) -> ExitStatus:
    """Make a new thread from a point of an old one, which stays as it is.

    \b
    lgrun fork rome/book
    lgrun fork rome/q1 --answer q1=no --run
    lgrun fork rome --set find_flights=@flights.json
    lgrun resume "$(lgrun fork rome/4 -t rome-again)"

    What had begun before that point and has finished is kept; what began later runs again. With a question as the point
    the new thread waits at it. With --set a task is taken to have returned something else, with --answer a person to
    have answered something else. Without a STEP and these, all is kept. In a script the new id is printed, and nothing
    runs without --run; with it, the rest is as with lgrun resume. A thread that is running is forked as it is on disk.
    """
    from lgrun.cli.env_file import add_variables
    from lgrun.cli.forking import Wanted, make_fork
    from lgrun.cli.going_on import Manner, on_change_of
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.session import check_thread_id
    from lgrun.cli.settings import read_settings
    from lgrun.cli.views import check_get

    check_get(env)
    limit = parse_duration(timeout)
    settings = read_settings(env, config or (), context or ())
    manner = Manner("fork", on_change_of(env, on_change), 0.0, limit, settings)
    if new is not None:
        check_thread_id(new)
    add_variables(env, env_file)
    goes_on = env.interactive() if runs is None else runs
    wanted = Wanted(thread, new, results or (), answers or (), workflow, goes_on)
    return make_fork(env, wanted, manner)
