"""`lgrun rm`: delete threads."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.session import Guarded


def rm(
    env: Environment,
    threads: Annotated[
        list[str],
        typer.Argument(metavar="THREAD...", show_default=False, help="Whole ids, @last or @waiting."),
    ],
    force: Annotated[bool, typer.Option("--force", "-f", help="Do not ask.")] = False,
) -> ExitStatus:
    """Delete threads, with all that is saved of them.

    \b
    lgrun rm rome
    lgrun rm rome paris -f
    lgrun list --status done -q | xargs -r -d'\\n' lgrun rm -f

    It asks first; where nobody can be asked, nothing is deleted without -f. If a thread is unknown or running, none
    is deleted.
    """
    from lgrun.cli.removal import remove
    from lgrun.cli.session import open_saver
    from lgrun.cli.views import print_document, wants_document

    saver = open_saver(env)
    names = _known(env, saver, threads)
    _refuse_running(saver, names)
    if not force and not _agreed(env, names):
        env.note("nothing was deleted")
        return ExitStatus.DONE
    done = remove(env, saver, names)
    if wants_document(env):
        print_document(env, done.document())
    return done.status


def _known(env: Environment, saver: "Guarded", typed: list[str]) -> list[str]:
    """Return the ids, each once. A thread that cannot be read can be deleted."""
    from lgrun.cli.session import resolve
    from lgrun.errors import StateError, StateIOError

    existing = set(saver.threads())
    names: dict[str, None] = {}
    for word in typed:
        try:
            name = word if word in existing else resolve(word, saver, acting=True)
        except StateIOError:
            raise
        except StateError:
            name = word
        names[name] = None
    if len(names) == 1:
        (env.thread,) = names
    return list(names)


def _refuse_running(saver: "Guarded", names: list[str]) -> None:
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.session import holder_of

    running = [name for name in names if holder_of(saver, name) is not None]
    if running:
        is_running = f"{running[0]} is" if len(running) == 1 else f"{', '.join(running)} are"
        raise Problem("busy", f"{is_running} running; nothing was deleted", status=ExitStatus.BUSY)


def _agreed(env: Environment, names: list[str]) -> bool:
    """Ask. Only a yes is one."""
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.inputs import read_bool
    from lgrun.cli.render.text import one_line
    from lgrun.cli.session import command

    what = names[0] if len(names) == 1 else f"{len(names)} threads"
    if not env.interactive():
        hint = f"to delete without being asked:  {command(env, 'rm', '-f', *names)}"
        raise Problem("needs-force", f"nobody can be asked whether to delete {what}", hint=hint)
    if len(names) > 1:
        for name in names:
            env.say(f"  {one_line(name)}")
    return read_bool(env.ask(f"delete {one_line(what)} for good? [y/N] ") or "") is True
