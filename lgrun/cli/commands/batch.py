"""`lgrun batch`: one thread per line of a file."""

from typing import Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import Config, Context, EnvFile, OnChange, Timeout
from lgrun.cli.status import ExitStatus

_OWN_FILES = 32
"""More than this process has open beside what its workers need."""

_AFTER_A_KILL = "15s"
"""Longer than what a killed batch leaves behind may take to stop."""


def batch(
    env: Environment,
    workflow: Annotated[
        str,
        typer.Argument(
            metavar="WORKFLOW",
            show_default=False,
            help="path.py, path.py:name, pkg.mod:name, or a name in ./workflows.",
        ),
    ],
    inputs: Annotated[
        str,
        typer.Argument(
            metavar="INPUTS", show_default=False, help="A file with an input as JSON on each line; - is stdin."
        ),
    ],
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FIELD", help="The thread's id is this key of the line, not a digest of it."),
    ] = None,
    concurrency: Annotated[
        int | None,
        typer.Option("--concurrency", metavar="N", min=1, help="So many at a time; without it, one per CPU."),
    ] = None,
    config: Config = None,
    context: Context = None,
    wait: Annotated[
        str | None,
        typer.Option("--wait", metavar="DUR", help="Wait for busy threads, when the others are done: 10s, 5m. [15s]"),
    ] = None,
    timeout: Timeout = None,
    on_change: OnChange = None,
    env_file: EnvFile = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Check all lines, say what would be done to each, and do nothing.")
    ] = False,
) -> ExitStatus:
    """Run a workflow on every line of a file, each on a thread of its own.

    \b
    lgrun batch trip cities.ndjson
    lgrun batch trip cities.ndjson --dry-run
    lgrun batch trip cities.ndjson --concurrency 8 > results.ndjson
    jq -c '.[]' cities.json | lgrun batch trip - --key city

    The same command again runs only what is not done: each line is what invoke --once is for one input. (A file
    that has moved is another workflow.) Results are JSON lines in the order of the inputs. The exit code is 1 if a line
    failed, else 3 if one waits for an answer.
    """
    from lgrun.cli.batch import Course
    from lgrun.cli.discover import find
    from lgrun.cli.env_file import add_variables
    from lgrun.cli.going_on import Manner, on_change_of
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.lines import read_lines
    from lgrun.cli.loading import load
    from lgrun.cli.settings import context_of, read_settings
    from lgrun.cli.starting import Start, open_place
    from lgrun.cli.views import check_get

    env.keep_streams_from_workflow()
    check_get(env, "plan" if dry_run else "batch", rows=True)
    patience, limit = parse_duration(wait or _AFTER_A_KILL) or 0.0, parse_duration(timeout)
    settings = read_settings(env, config or (), context or ())
    add_variables(env, env_file)
    loaded = load(find(workflow, env), env)
    lines = read_lines(env, loaded, inputs, key)
    manner = Manner("batch", on_change_of(env, on_change), patience, limit, settings)
    start = Start(loaded, None, context_of(loaded, settings), None, manner)
    place = open_place(env, start)
    if dry_run:
        from lgrun.cli.foreseeing import foresee

        return foresee(env, start, place, lines)
    _warn_of_threads(env, loaded.name)
    return Course(env, start, place, lines, _at_a_time(env, min(concurrency or _processors(), len(lines)))).run()


def _warn_of_threads(env: Environment, name: str) -> None:
    """A process that is forked has only the thread that forked it."""
    import threading

    others = [thread.name for thread in threading.enumerate() if thread is not threading.current_thread()]
    others = [other for other in others if not other.startswith("lgrun-")]
    if others:
        env.say(f"! {name} starts threads while it is loaded; the processes of a batch do not have them: {others[0]}")


def _at_a_time(env: Environment, wanted: int) -> int:
    """Return how many workers there may be: this process needs two files for each of them, and some for itself."""
    import resource

    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = wanted if limit == resource.RLIM_INFINITY else max(1, (limit - _OWN_FILES) // 2)
    if wanted > most:
        env.note(f"! {most} at a time instead of {wanted}: more open files are not allowed (ulimit -n {limit})")
    return min(wanted, most)


def _processors() -> int:
    import os

    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
