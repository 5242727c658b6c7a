"""`lgrun workflows`: what can be run here, and what one of them wants."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.loading import Loaded
    from lgrun.cli.selection import Found


def workflows(
    env: Environment,
    workflow: Annotated[
        str | None,
        typer.Argument(metavar="[WORKFLOW]", show_default=False, help="Describe this one, which is loaded for it."),
    ] = None,
) -> ExitStatus:
    """List the workflows that have a name here, or describe one.

    \b
    lgrun workflows
    lgrun workflows trip

    Named are those in ./workflows, in $LGRUN_PATH and in [workflows] of lgrun.toml. For the list their code is read,
    not run.
    """
    from lgrun.cli.views import print_document, wants_document

    if workflow is not None:
        return _describe(env, workflow)
    rows = _rows(env)
    if wants_document(env):
        print_document(env, rows)
    elif env.flags.quiet:
        env.put("".join(f"{row['name']}\n" for row in rows))
    else:
        _print_rows(env, rows)
    return ExitStatus.DONE


# --- the list


def _rows(env: Environment) -> list[dict[str, Any]]:
    from lgrun.cli.diagnostics import short_path
    from lgrun.cli.discover import named
    from lgrun.cli.selection import find_threads
    from lgrun.cli.session import open_saver, origin_of
    from lgrun.cli.sketch import first_line_in

    saver = open_saver(env)
    counts: Counter[tuple[Any, str]] = Counter()
    for one in find_threads(env, saver):
        if one.standing.saved is not None:
            counts[origin_of(saver, one.standing.saved).get("path"), one.status] += 1
    rows = []
    for word, reference in named(env):
        file = None if reference.path is None else str(reference.path)
        rows.append(
            {
                "schema": "lgrun.workflow/1",
                "name": word,
                "workflow": reference.typed if file is None else short_path(file, str(env.cwd)),
                "about": "" if file is None else first_line_in(file, reference.name),
                "threads": {status: count for (path, status), count in counts.items() if file and path == file},
            }
        )
    return rows


def _print_rows(env: Environment, rows: list[dict[str, Any]]) -> None:
    from lgrun.cli.render.table import table, tsv

    cells = [(row["name"], row["workflow"], _counted(row["threads"]), row["about"]) for row in rows]
    if not env.stdout_is_tty():
        env.put(tsv(cells))
    elif cells:
        env.put(table(("NAME", "WORKFLOW", "THREADS", ""), cells, width=env.width()))
    if not cells:
        env.note("no workflows here: lgrun new NAME puts one into ./workflows")


def _counted(threads: dict[str, int]) -> str:
    return ", ".join(f"{count} {status}" for status, count in sorted(threads.items()))


# --- one of them


def _describe(env: Environment, typed: str) -> ExitStatus:
    from lgrun.cli.discover import find
    from lgrun.cli.loading import load
    from lgrun.cli.selection import find_threads, of_workflow
    from lgrun.cli.session import open_saver
    from lgrun.cli.views import print_document, wants_document

    env.keep_streams_from_workflow()
    env.dies_of_pipe = True
    loaded = load(find(typed, env), env)
    saver = open_saver(env)
    document = _document(env, loaded, of_workflow(env, saver, find_threads(env, saver), typed))
    if wants_document(env):
        print_document(env, document)
    else:
        _print_page(env, document)
    return ExitStatus.DONE


def _document(env: Environment, loaded: "Loaded", threads: "list[Found]") -> dict[str, Any]:
    import inspect

    from lgrun.cli.diagnostics import short_path
    from lgrun.cli.request import example_of, input_annotation
    from lgrun.cli.sketch import marked

    annotation = input_annotation(loaded)
    doc = getattr(loaded.workflow, "doc", None)
    return {
        "schema": "lgrun.description/1",
        "name": loaded.name,
        "workflow": short_path(str(loaded.path), str(env.cwd)),
        "about": inspect.cleandoc(doc) if isinstance(doc, str) else "",
        "input": _fields(annotation),
        "example": f"lgrun invoke {loaded.reference.typed} {example_of(annotation)}",
        "tasks": marked(loaded.source, "task"),
        "questions": _questions(threads),
        "threads": dict(Counter(one.status for one in threads)),
    }


def _fields(annotation: Any) -> list[dict[str, Any]]:
    from lgrun.cli import declared

    fields = declared.object_fields(declared.strip(annotation)) or []
    return [{"key": f.name, "type": declared.kind_name(f.annotation), "required": f.required} for f in fields]


def _questions(threads: "list[Found]") -> list[str]:
    """Return what the latest runs asked, each text once."""
    from lgrun.cli.question import question_of

    asked: dict[str, None] = {}
    for one in threads:
        saved = one.standing.saved
        for write in saved.writes if saved is not None else ():
            if write.kind == "interrupt":
                asked[question_of(write).text] = None
    return list(asked)[:20]


def _print_page(env: Environment, document: dict[str, Any]) -> None:
    from lgrun.cli.render.text import one_line

    lines = [f"{document['name']}  {document['workflow']}"]
    lines += [f"  {line}" for line in document["about"].split("\n") if document["about"]]
    for field in document["input"]:
        lines.append(f"  input     {field['key']}: {field['type']}{'' if field['required'] else ' (optional)'}")
    lines += [f"  task      {name}" for name in document["tasks"]]
    lines += [f"  asked     {one_line(text)}" for text in document["questions"]]
    if document["threads"]:
        lines.append(f"  threads   {_counted(document['threads'])}")
    env.put("".join(f"{line}\n" for line in [*lines, f"  run:  {document['example']}"]))
