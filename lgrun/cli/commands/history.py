"""`lgrun history`: what happened on a thread."""

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.options import LookThread
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.timeline import Row


def history(
    env: Environment,
    thread: LookThread,
    limit: Annotated[int, typer.Option("--limit", "-L", min=0, metavar="N", help="The last N only; 0 is all.")] = 0,
) -> ExitStatus:
    """Show what happened on a thread: inputs, tasks, questions, answers, errors.

    \b
    lgrun history rome
    lgrun history rome -L 5 --json
    """
    from lgrun.cli.session import open_saver, resolve
    from lgrun.cli.timeline import each_checkpoint

    saver = open_saver(env)
    name = env.thread = resolve(thread, saver, acting=False)
    found = each_checkpoint(saver.history(name, oldest_first=True))
    if limit:
        # Whole pieces, so that no more is held than is shown.
        found = iter([list(deque((row for rows in found for row in rows), limit))])
    if env.flags.json or env.flags.get is not None or (env.stdout_is_tty() and not env.flags.ndjson):
        found = iter([[row for rows in found for row in rows]])
    for rows in found:
        _print(env, rows)
    return ExitStatus.DONE


def _print(env: Environment, rows: "Sequence[Row]") -> None:
    from lgrun.cli.render.history import cells, clock
    from lgrun.cli.render.table import table, tsv
    from lgrun.cli.views import print_rows, wants_document

    if wants_document(env):
        print_rows(env, [row.document() for row in rows])
    elif env.stdout_is_tty():
        lines = [(str(row.n), clock(row.at), *cells(row, cut=60, args=24)) for row in rows]
        env.put(table(("#", "TIME", "WHAT", "", "TOOK"), lines, width=env.width(), cut=3))
    else:
        env.put(tsv([(str(row.n), row.at, *cells(row, cut=None)) for row in rows]))
