"""The commands, and the one place where an exception becomes output and an exit code."""

import re
import signal
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any, NoReturn

import typer

from lgrun.cli.diagnostics import Problem, explain, full_traceback
from lgrun.cli.env import Environment, die_of
from lgrun.cli.options import Interrupted, configure, shared_first, with_shared_options
from lgrun.cli.parser import Command, Group, help_width
from lgrun.cli.status import ExitStatus

STREAMS = ("invoke", "resume", "watch")
"""Commands whose --ndjson are the events of a run, the last of which always is how that ended."""
LISTS = ("list", "ls", "history")
"""Commands whose --ndjson are rows."""


def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    """Durable workflows for the shell.

    \b
    lgrun new post --template approve
    lgrun invoke post topic=cats -t cats
    lgrun resume cats --value publish
    lgrun show cats
    lgrun list

    The first writes a workflow, workflows/post.py, the second runs it, the third answers its question; these lines can
    be typed in any folder. stdout is the answer, stderr is the talk. Options that all commands have may also stand
    before the command.
    """
    if version:
        from lgrun.cli.main import _print_version

        raise typer.Exit(_print_version())


_GROUPS = {
    "Run": ("invoke", "resume", "batch", "watch"),
    "Look": ("list", "show", "history", "diff"),
    "Change": ("fork", "rm", "prune"),
    "Write": ("new", "workflows"),
    "House": ("doctor", "config", "schema", "completion", "help"),
}
"""Under which title a command stands in `lgrun -h`."""
_HIDDEN = ("ls",)
_GROUP_OF = {name: title for title, names in _GROUPS.items() for name in names}
_MODULE_OF = {"list": "list_threads", "ls": "list_threads", "help": "help_topic"}
"""Where a command is (and what it is called there), if not under its own name."""
COMMANDS = (*_GROUP_OF, *_HIDDEN)


def program(names: Iterable[str] = COMMANDS) -> typer.Typer:
    """Return lgrun as Typer knows it. To build all commands takes longer than most of them run: see `_call`."""
    made = typer.Typer(
        cls=Group,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    made.callback()(_root)
    for name in names:
        module = _MODULE_OF.get(name, name)
        command = getattr(import_module(f"lgrun.cli.commands.{module}"), module)
        made.command(name, cls=Command, hidden=name in _HIDDEN, rich_help_panel=_GROUP_OF.get(name))(
            with_shared_options(command, rows=name in STREAMS + LISTS)
        )
    return made


def run(arguments: list[str], env: Environment | None = None) -> int:
    """Run one command line and return its exit code."""
    env = env or Environment()
    arguments = shared_first(arguments)
    # Until the options are parsed, this is how errors in them are answered.
    env.flags.json = "--json" in arguments
    env.flags.ndjson = "--ndjson" in arguments and arguments[0] in STREAMS + LISTS
    if env.flags.ndjson and arguments[0] in STREAMS:
        from lgrun.cli.event_log import EventLog

        env.log = EventLog(env)
    env.flags.color = _color_in(arguments)
    env.flags.verbose = "-v" in arguments or "-vv" in arguments
    try:
        return int(_call(arguments, env) or ExitStatus.DONE)
    except (KeyboardInterrupt, Interrupted) as error:
        _die(env, getattr(error, "signum", signal.SIGINT))
    except BrokenPipeError:
        die_of(signal.SIGPIPE)
    except Exception as error:
        problem = _usage_error(error, arguments) or explain(error, thread=env.thread, resume=_resume_command(env))
        return _fail(env, problem) if problem is not None else _bug(env, error)


def _die(env: Environment, signum: int) -> NoReturn:
    env.say()
    if env.log is not None:
        from lgrun.cli.views import print_problem

        status = ExitStatus(128 + signum)
        print_problem(env, Problem("interrupted", f"stopped by {signal.Signals(signum).name}", status=status))
    die_of(signum)


def _color_in(arguments: list[str]) -> str | None:
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        given = following if word == "--color" else word.removeprefix("--color=")
        if word.startswith("--color") and given in ("auto", "always", "never"):
            return given
    return None


def _call(arguments: list[str], env: Environment) -> Any:
    # A command that is named needs no other; help and mistakes need all.
    command = typer.main.get_command(program(_command_in(arguments) or COMMANDS))
    width = help_width(env.width())
    return command.main(args=arguments, prog_name="lgrun", standalone_mode=False, obj=env, terminal_width=width)


def _resume_command(env: Environment) -> str | None:
    if env.thread is None:
        return None
    from lgrun.cli.session import command

    return command(env, "resume", env.thread)


def _usage_error(error: Exception, arguments: list[str]) -> Problem | None:
    """Return Typer's own errors as a problem. Its base class belongs to a library that it carries inside."""
    describe = getattr(error, "format_message", None)
    if describe is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else " ".join(["lgrun", *_command_in(arguments)])
    if type(error).__name__ == "NoArgsIsHelpError":
        return Problem("no-command", "a command is missing", context=str(error).split("\n"))
    message = describe().rstrip(".")
    meant = _SYNONYMS.get(_unknown_command(message))
    if meant:
        # What is spelt like it is not what is meant.
        return Problem("usage", message.partition(". ")[0], hint=f"did you mean lgrun {meant}?")
    return Problem("usage", message, hint=f"see {path} --help")


_SYNONYMS = {
    **dict.fromkeys(("run", "start", "exec", "call"), "invoke"),
    **dict.fromkeys(("answer", "continue", "go", "retry", "reply"), "resume"),
    **dict.fromkeys(("ps", "threads", "status", "all"), "list"),
    **dict.fromkeys(("get", "info", "view", "inspect", "cat", "describe"), "show"),
    **dict.fromkeys(("branch", "copy", "clone", "rewind", "replay"), "fork"),
    **dict.fromkeys(("delete", "remove", "del"), "rm"),
    **dict.fromkeys(("init", "create", "scaffold", "generate", "template"), "new"),
    **dict.fromkeys(("compare", "changes"), "diff"),
    **dict.fromkeys(("clean", "gc", "purge"), "prune"),
    **dict.fromkeys(("set", "settings", "configure", "preferences"), "config"),
    **dict.fromkeys(("follow", "tail", "attach", "monitor"), "watch"),
    **dict.fromkeys(("log", "logs", "events", "timeline", "trace"), "history"),
}
"""What people type who know other programs."""


def _command_in(arguments: list[str]) -> list[str]:
    return [word for word in arguments[:1] if word in COMMANDS]


def _unknown_command(message: str) -> str:
    found = re.match(r"No such command '([^']*)'", message)
    return found[1] if found else ""


def _fail(env: Environment, problem: Problem) -> int:
    # A wrong option was found before the files were read that say something of colours.
    configure(env, lenient=True)
    if problem.reference == "no-command":
        for line in problem.context:
            env.say(line)
        return problem.status
    for line in problem.lines():
        env.say(line)
    if env.flags.json or env.flags.ndjson:
        from lgrun.cli.views import print_problem

        print_problem(env, problem)
    return problem.status


def _bug(env: Environment, error: Exception) -> int:
    """Say that lgrun itself failed: never to be taken for a failure of the workflow."""
    env.say(f"✗ lgrun failed, and that is a bug in lgrun: {type(error).__name__}: {error}")
    if env.flags.verbose:
        for line in full_traceback(error):
            env.say(f"  {line}")
    else:
        env.say(f"  {_where_saved(error)}")
    if env.flags.json or env.flags.ndjson:
        from lgrun.cli.views import print_problem

        print_problem(env, Problem("bug", f"{type(error).__name__}: {error}", status=ExitStatus.BUG))
    return ExitStatus.BUG


def _where_saved(error: Exception) -> str:
    import tempfile

    from lgrun import __version__

    try:
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", errors="backslashreplace", prefix="lgrun-bug-", suffix=".txt", delete=False
        ) as file:
            file.write("\n".join([f"lgrun {__version__}, Python {sys.version}", *full_traceback(error), ""]))
    except OSError:
        return "run it again with -v to see where"
    return f"please report it with this file: {file.name}"
