"""`lgrun prune`: delete old threads."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.selection import Found
    from lgrun.cli.session import Guarded

_SPARED = frozenset({"waiting", "running", "damaged"})
"""Never deleted unless --status names them."""


def prune(
    env: Environment,
    older: Annotated[
        str | None, typer.Option("--older", metavar="DUR", help="Only what was last touched so long ago: 12h, 30d.")
    ] = None,
    status: Annotated[
        str | None,
        typer.Option("--status", metavar="STATUS,...", help="Only these; without it done, failed, stopped, crashed."),
    ] = None,
    keep: Annotated[
        int | None, typer.Option("--keep", min=0, metavar="N", help="Keep the N newest of these.", show_default=False)
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", "-w", metavar="WORKFLOW", help="Only those of this workflow.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Delete them.")] = False,
) -> ExitStatus:
    """List threads that could be deleted and what they take; with -f, delete them.

    \b
    lgrun prune --older 30d
    lgrun prune --older 30d --status done -f
    lgrun prune -w trip --keep 10 -f

    A thread is deleted if all that is given is true of it; -f wants at least one of --older, --status, --keep and -w.
    Threads that wait for an answer or run are not touched unless --status names them.
    """
    from lgrun.cli.inputs import parse_duration
    from lgrun.cli.selection import find_threads, of_workflow, older_than, read_statuses
    from lgrun.cli.session import open_saver

    age = parse_duration(older)
    wanted = read_statuses(status)
    if force and age is None and not wanted and keep is None and workflow is None:
        _refuse_everything()
    saver = open_saver(env)
    found = of_workflow(env, saver, find_threads(env, saver), workflow)
    found = [one for one in found if (one.status in wanted if wanted else one.status not in _SPARED)][keep or 0 :]
    if age is not None:
        found = older_than(env, found, age)
    return _delete(env, saver, found) if force else _propose(env, saver, found)


def _refuse_everything() -> None:
    from lgrun.cli.diagnostics import Problem

    hint = "say which:  --older 30d, --status done, --keep 10 or -w WORKFLOW"
    raise Problem("needs-criterion", "prune -f alone would delete every thread that is not waiting", hint=hint)


def _propose(env: Environment, saver: "Guarded", found: "Sequence[Found]") -> ExitStatus:
    from lgrun.cli.removal import bytes_text, size_of
    from lgrun.cli.views import print_document, wants_document

    sizes = [size_of(saver, one.thread) for one in found]
    if wants_document(env):
        print_document(env, _document(found, sizes))
    elif env.flags.quiet:
        env.put("".join(f"{one.thread}\n" for one in found))
    else:
        _print_rows(env, saver, found, sizes)
    count = f"{len(found)} thread{'' if len(found) == 1 else 's'}"
    env.note(f"{count}, {bytes_text(sum(sizes))}; nothing was deleted{': -f deletes them' if found else ''}")
    return ExitStatus.DONE


def _document(found: "Sequence[Found]", sizes: Sequence[int]) -> dict[str, Any]:
    rows = [
        {"thread": one.thread, "status": one.status, "updated": one.updated or None, "bytes": size}
        for one, size in zip(found, sizes, strict=True)
    ]
    return {"schema": "lgrun.prune/1", "threads": rows, "bytes": sum(sizes), "exit": 0}


def _print_rows(env: Environment, saver: "Guarded", found: "Sequence[Found]", sizes: Sequence[int]) -> None:
    from lgrun.cli.commands.list_threads import entry_of
    from lgrun.cli.removal import bytes_text
    from lgrun.cli.render.table import table, tsv
    from lgrun.cli.render.thread import ago

    pairs = [(entry_of(saver, one), size) for one, size in zip(found, sizes, strict=True)]
    if not env.stdout_is_tty():
        env.put(tsv([(e.thread, e.status, e.workflow, e.updated, str(size)) for e, size in pairs]))
    elif pairs:
        now = env.now()
        rows = [(e.thread, e.status, ago(e.updated, now), bytes_text(size), e.workflow) for e, size in pairs]
        env.put(table(("THREAD", "STATUS", "UPDATED", "SIZE", "WORKFLOW"), rows, width=env.width()))


def _delete(env: Environment, saver: "Guarded", found: "Sequence[Found]") -> ExitStatus:
    from lgrun.cli.removal import bytes_text, remove
    from lgrun.cli.views import print_document, wants_document

    done = remove(env, saver, [one.thread for one in found if not _touched_since(saver, one)])
    env.note(f"{len(done.removed)} deleted, {bytes_text(done.bytes)}")
    if wants_document(env):
        print_document(env, done.document())
    return done.status


def _touched_since(saver: "Guarded", found: "Found") -> bool:
    """Tell whether a thread is no longer what was chosen: another process may have begun a run of it."""
    from lgrun.cli.session import standing_of, touched_at
    from lgrun.errors import StateError, StateIOError

    try:
        standing = standing_of(saver, found.thread)
    except StateIOError:
        raise
    except StateError:
        return found.status != "damaged"
    if standing.saved is None:
        return True
    return (str(standing.status), touched_at(standing.saved)) != (found.status, found.updated)
