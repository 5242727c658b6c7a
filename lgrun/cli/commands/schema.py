"""`lgrun schema`: the JSON Schemas of what --json and --ndjson print."""

from typing import Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus


def schema(
    env: Environment,
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", show_default=False, help="run, event, row ...; none lists them, all is all."),
    ] = None,
) -> ExitStatus:
    """Print the JSON Schema of what --json and --ndjson print, or list them.

    \b
    lgrun schema
    lgrun schema run
    lgrun schema event
    lgrun schema all > schemas.json
    """
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.published import SCHEMAS
    from lgrun.cli.render.table import table, tsv
    from lgrun.cli.render.text import nearest
    from lgrun.cli.views import print_document, wants_document

    if name == "all" or (name is None and wants_document(env)):
        print_document(env, SCHEMAS)
    elif name is None:
        rows = [(word, str(found.get("description", found["title"]))) for word, found in SCHEMAS.items()]
        env.put(table(("NAME", ""), rows, width=env.width()) if env.stdout_is_tty() else tsv(rows))
    elif name not in SCHEMAS:
        near = nearest(name, SCHEMAS)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(SCHEMAS)}, all"
        raise Problem("no-such-schema", f"there is no schema {name}", hint=hint)
    else:
        print_document(env, SCHEMAS[name])
    return ExitStatus.DONE
