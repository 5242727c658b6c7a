"""`lgrun list`: all threads, newest first."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.selection import Found


class Entry(NamedTuple):
    """A thread in the list. `summary` is its question, error or result on one line; `value` the same as data."""

    thread: str
    status: str
    workflow: str
    updated: str
    summary: str
    questions: tuple[dict[str, Any], ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it for machine output."""
        return {
            "schema": "lgrun.thread/1",
            "thread": self.thread,
            "status": self.status,
            "workflow": self.workflow,
            "updated": self.updated,
            "summary": self.summary,
            "questions": list(self.questions),
        }


def list_threads(
    env: Environment,
    status: Annotated[
        str | None,
        typer.Option(
            "--status", metavar="STATUS,...", help="Only these: done, failed, stopped, waiting, running, crashed."
        ),
    ] = None,
    workflow: Annotated[
        str | None, typer.Option("--workflow", "-w", metavar="WORKFLOW", help="Only those of this workflow.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            "--limit",
            "-L",
            min=0,
            metavar="N",
            help="At most so many; 0 is all.",
            show_default="20 in the table at a terminal, else 0",
        ),
    ] = None,
) -> ExitStatus:
    """List threads, newest first.

    \b
    lgrun list
    lgrun list --status waiting,failed -w trip
    lgrun list -q | xargs -r -d'\\n' -n1 lgrun show
    lgrun list --ndjson | jq -r .thread
    """
    from lgrun.cli.selection import find_threads, of_workflow, read_statuses
    from lgrun.cli.session import open_saver
    from lgrun.cli.views import print_rows, wants_document

    wanted = read_statuses(status)
    saver = open_saver(env)
    found = of_workflow(env, saver, find_threads(env, saver), workflow)
    found = [one for one in found if not wanted or one.status in wanted]
    as_ids = env.flags.quiet and not wants_document(env)
    if limit is None:
        # A person sees that there are more; a script would take them for all.
        limit = _ON_A_TERMINAL if env.stdout_is_tty() and not as_ids and not wants_document(env) else 0
    chosen = found[:limit] if limit else found
    if as_ids:
        _print_ids(env, [one.thread for one in chosen])
        return ExitStatus.DONE
    shown = [entry_of(saver, one) for one in chosen]
    if wants_document(env):
        print_rows(env, [entry.document() for entry in shown])
    else:
        _print_text(env, shown, len(found))
    return ExitStatus.DONE


def _print_ids(env: Environment, threads: Sequence[str]) -> None:
    """Print one id a line: what is more than a line would be taken for other threads."""
    lines = [thread for thread in threads if len(thread.splitlines()) == 1]
    env.put("".join(f"{thread}\n" for thread in lines))
    if len(lines) < len(threads):
        env.say(f"! {len(threads) - len(lines)} not listed, with line breaks in the id: lgrun list --json")


_ON_A_TERMINAL = 20
"""So many rows, if nothing else is said: they fit on a screen."""
_WHOLE = 1 << 62
"""Nothing is cut in a pipe; at a terminal the table cuts to its width."""


def entry_of(saver: Any, found: "Found") -> Entry:
    """Work out what is shown of a thread."""
    from lgrun.cli.question import question_of
    from lgrun.cli.session import origin_of

    saved = found.standing.saved
    if saved is None:
        return Entry(found.thread, found.status, "", "", "")
    origin = origin_of(saver, saved)
    questions = tuple(question_of(write) for write in found.standing.questions)
    return Entry(
        found.thread,
        found.status,
        str(origin.get("ref") or saved.checkpoint.entrypoint),
        found.updated,
        _summary(found.status, saved, origin, [question.line(_WHOLE) for question in questions]),
        tuple(question.document() for question in questions),
    )


def _summary(status: str, saved: Any, origin: dict[str, Any], questions: Sequence[str]) -> str:
    from lgrun.cli.render.text import dump
    from lgrun.cli.render.values import readable
    from lgrun.cli.timeline import returned

    if status == "done":
        return dump(readable(returned(saved.checkpoint, origin)))
    if status == "failed":
        error = next(write for write in reversed(saved.writes) if write.kind == "error" and write.path == ())
        return f"{error.type}: {error.message}"
    return "; ".join(questions) if status == "waiting" else ""


def _print_text(env: Environment, shown: Sequence[Entry], found: int) -> None:
    from lgrun.cli.render.table import table, tsv
    from lgrun.cli.render.thread import ago

    if not env.stdout_is_tty():
        env.put(tsv([(e.thread, e.status, e.workflow, e.updated, e.summary) for e in shown]))
        return
    if not shown:
        env.note("no threads")
        return
    now = env.now()
    rows = [(e.thread, e.status, e.workflow, ago(e.updated, now), e.summary) for e in shown]
    env.put(table(("THREAD", "STATUS", "WORKFLOW", "UPDATED", ""), rows, width=env.width()))
    if len(shown) < found:
        env.note(f"{found - len(shown)} more: -L 0 shows all")
