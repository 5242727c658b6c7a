"""The commands, and the one place where an exception becomes output and an exit code."""

import signal
import sys
from typing import Any

import typer

from lgrun.cli.commands import doctor, history, invoke, list_threads, resume, show
from lgrun.cli.diagnostics import Problem, explain, full_traceback
from lgrun.cli.env import Environment, die_of
from lgrun.cli.options import Interrupted, shared_first, with_shared_options
from lgrun.cli.status import HELP_LINE, ExitStatus

_EPILOG = "\b\n" + HELP_LINE

app = typer.Typer(
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)


@app.callback(epilog=_EPILOG)
def _root(
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    """Durable workflows for the shell.

    \b
    lgrun invoke review.py topic=cats      start a workflow
    lgrun resume review-7k3f --value yes   answer its question, or continue it
    lgrun list                             all threads
    lgrun show review-7k3f                 one of them

    stdout is the answer, stderr is the talk. The options --state-dir, --json, --get, --quiet, --no-input,
    --color and --verbose of the commands may also be given before the command.
    """
    if version:
        from lgrun.cli.main import _print_version

        raise typer.Exit(_print_version())


for _name, _command in (
    ("invoke", invoke.invoke),
    ("resume", resume.resume),
    ("list", list_threads.list_threads),
    ("show", show.show),
    ("history", history.history),
    ("doctor", doctor.doctor),
):
    app.command(_name, epilog=_EPILOG)(with_shared_options(_command))
app.command("ls", hidden=True, epilog=_EPILOG)(with_shared_options(list_threads.list_threads))


def run(arguments: list[str], env: Environment | None = None) -> int:
    """Run one command line and return its exit code."""
    env = env or Environment()
    arguments = shared_first(arguments)
    # Until the options are parsed, this is how errors in them are answered.
    env.flags.json = "--json" in arguments
    env.flags.color = _color_in(arguments)
    env.flags.verbose = "-v" in arguments or "-vv" in arguments
    try:
        return int(_call(arguments, env) or ExitStatus.DONE)
    except (KeyboardInterrupt, Interrupted):
        env.say()
        die_of(signal.SIGINT)
    except BrokenPipeError:
        die_of(signal.SIGPIPE)
    except Exception as error:
        problem = _usage_error(error) or explain(error, thread=env.thread)
        return _fail(env, problem) if problem is not None else _bug(env, error)


def _color_in(arguments: list[str]) -> str:
    for word, following in zip(arguments, [*arguments[1:], ""], strict=False):
        given = following if word == "--color" else word.removeprefix("--color=")
        if word.startswith("--color") and given in ("always", "never"):
            return given
    return "auto"


def _call(arguments: list[str], env: Environment) -> Any:
    command = typer.main.get_command(app)
    return command.main(args=arguments, prog_name="lgrun", standalone_mode=False, obj=env)


def _usage_error(error: Exception) -> Problem | None:
    """Return Typer's own errors as a problem. Its base class belongs to a library that it carries inside."""
    describe = getattr(error, "format_message", None)
    if describe is None:
        return None
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "lgrun"
    if type(error).__name__ == "NoArgsIsHelpError":
        return Problem("no-command", "a command is missing", context=str(error).split("\n"))
    return Problem("usage", describe().rstrip("."), hint=f"see {path} --help")


def _fail(env: Environment, problem: Problem) -> int:
    if problem.reference == "no-command":
        for line in problem.context:
            env.say(line)
        return problem.status
    for line in problem.lines():
        env.say(line)
    if env.flags.json:
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
    if env.flags.json:
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
