"""The options that every command has, declared once."""

import functools
import inspect
import signal
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from lgrun.cli.env import Environment, Flags
from lgrun.cli.status import ExitStatus

Wait = Annotated[str | None, typer.Option("--wait", metavar="DUR", help="Wait if the thread is busy: 10s, 5m, 2h.")]
Timeout = Annotated[
    str | None,
    typer.Option("--timeout", metavar="DUR", help="Stop the run after so long (124); resume continues it."),
]
OnChange = Annotated[
    Literal["warn", "ask", "fail", "ignore"] | None,
    typer.Option("--on-change", help="When the code no longer does what is recorded.", show_default="warn"),
]
EnvFile = Annotated[
    Path | None,
    typer.Option(
        "--env-file", metavar="FILE", help="Variables for the code: NAME=value lines. Those set already stay."
    ),
]
Config = Annotated[
    list[str] | None,
    typer.Option("--config", metavar="ITEM", help="A `configurable` value. Its name is recorded, its value is not."),
]
Context = Annotated[
    list[str] | None,
    typer.Option("--context", metavar="ITEM", help="A value of the run's context, recorded no more than --config."),
]
Events = Annotated[
    str | None,
    typer.Option(
        "--events",
        metavar="LIST",
        help="What --ndjson carries: task,custom,token,checkpoint; not given, as configured: the first two.",
    ),
]
LookThread = Annotated[
    str,
    typer.Argument(metavar="THREAD", show_default=False, help="A thread's id or the start of it, @last or @waiting."),
]
LookStep = Annotated[
    str,
    typer.Argument(
        metavar="THREAD[/STEP]", show_default=False, help="A thread's id or the start of it, @last or @waiting."
    ),
]

_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def _shared(
    *,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", "-S", metavar="DIR", help="Where threads are kept. [env: LGRUN_STATE_DIR]"),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document, also on failure.")] = False,
    get: Annotated[
        str | None,
        typer.Option("--get", metavar="PATH", help="Print one value of that document, like questions.0.text."),
    ] = None,
    ndjson: Annotated[
        bool, typer.Option("--ndjson", help="Print one JSON document per line: events as they come, rows.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong; list: ids only.")] = False,
    no_input: Annotated[bool, typer.Option("--no-input", help="Never ask. [env: LGRUN_NO_INPUT]")] = False,
    color: Annotated[
        Literal["auto", "always", "never"] | None,
        typer.Option("--color", help="Colours. [env: NO_COLOR, FORCE_COLOR]", show_default=False),
    ] = None,
    no_pager: Annotated[
        bool, typer.Option("--no-pager", help="Print at once what is longer than the screen. [env: LGRUN_PAGER]")
    ] = False,
    verbose: Annotated[int, typer.Option("--verbose", "-v", count=True, help="Say more.", show_default=False)] = 0,
) -> None:
    """Only its signature is used."""


SHARED = inspect.signature(_shared).parameters

VALUE_FLAGS = frozenset({"-S", "--state-dir", "--get", "--color"})
"""Shared options that take a value."""
SWITCHES = frozenset({"--json", "--ndjson", "-q", "--quiet", "--no-input", "--no-pager", "-v", "--verbose", "-vv"})
"""Shared options that do not."""

_JOINED = ("--state-dir=", "--get=", "--color=")


_WITHOUT_FILES = frozenset({"help", "completion", "schema", "config"})
"""Commands that do not need configuration, or read it themselves: with them a person finds out what is wrong in it."""


class Interrupted(Exception):
    """A signal that stops the command, where no run is there to be stopped."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


class Signalled(KeyboardInterrupt):
    """A signal, perhaps another one than that of Ctrl-C, which stops a command in the same way."""

    def __init__(self, signum: int) -> None:
        super().__init__(signum)
        self.signum = signum


def _catch_signals(env: Environment) -> None:
    log = env.log
    if log is None:
        if signal.getsignal(signal.SIGINT) is signal.SIG_DFL:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return

    def stop(signum: int, _frame: Any) -> None:
        if not log.put_off(signum):
            raise Signalled(signum)

    # Whoever reads events is told how it ended, whatever ends it.
    for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(signum) is signal.SIG_DFL:
            signal.signal(signum, stop)


def _check_outputs(env: Environment) -> None:
    from lgrun.cli.diagnostics import Problem

    other = "--json" if env.flags.json else "--get"
    if env.flags.ndjson and (env.flags.json or env.flags.get is not None):
        raise Problem("usage", f"--ndjson and {other} exclude each other")
    if not env.flags.ndjson:
        env.log = None


def with_shared_options(command: Callable[..., ExitStatus], *, rows: bool = False) -> Callable[..., ExitStatus]:
    """Return what Typer calls for `command(env, ...)`: it has the shared options too, and puts them into `env`.

    Args:
        command: what is done.
        rows: it can print a document per line, so it has --ndjson.
    """
    own = inspect.signature(command, eval_str=True).parameters
    shared = {name: option for name, option in SHARED.items() if rows or name != "ndjson"}

    @functools.wraps(command)
    def run(*, ctx: typer.Context, **given: Any) -> ExitStatus:
        env: Environment = ctx.obj
        env.flags = Flags(**{name: given.pop(name) for name in shared})
        try:
            _check_outputs(env)
            _catch_signals(env)
            configure(env, lenient=ctx.info_name in _WITHOUT_FILES)
            return command(env, **given)
        except KeyboardInterrupt as error:
            # Typer would make an exit code of it.
            raise Interrupted(getattr(error, "signum", signal.SIGINT)) from None

    context = inspect.Parameter("ctx", _KEYWORD, annotation=typer.Context)
    mine = [parameter.replace(kind=_KEYWORD) for name, parameter in own.items() if name != "env"]
    signature = inspect.Signature([context, *mine, *shared.values()])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in signature.parameters.items()}
    del run.__wrapped__
    return typing.cast("Callable[..., ExitStatus]", run)


def configure(env: Environment, *, lenient: bool) -> None:
    """Read the configuration files, for what all commands take from them.

    Args:
        env: the world.
        lenient: do without those that are wrong.

    Raises:
        Problem, ConfigurationError: one is wrong.
    """
    from lgrun.cli.configuration import files_of, setting
    from lgrun.cli.diagnostics import Problem
    from lgrun.errors import ConfigurationError

    try:
        files_of(env)
        env.color = setting(env, "color").value
    except (Problem, ConfigurationError):
        if not lenient:
            raise


def shared_first(arguments: list[str]) -> list[str]:
    """Move shared options that stand before the subcommand behind it.

    Behind it, Typer knows them; before it there can be nothing else, so no value can be mistaken for an option.
    """
    moved: list[str] = []
    rest = list(arguments)
    while rest and rest[0].startswith("-"):
        head = rest[0]
        if head in SWITCHES or head.startswith(_JOINED) or (head[:2] == "-S" and len(head) > 2):
            moved.append(rest.pop(0))
        elif head in VALUE_FLAGS and len(rest) > 1:
            moved += rest[:2]
            del rest[:2]
        else:
            break
    # Without a subcommand there is only the help page, which needs none of them.
    return [rest[0], *moved, *rest[1:]] if rest and not rest[0].startswith("-") else rest
