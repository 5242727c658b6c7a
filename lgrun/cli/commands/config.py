"""`lgrun config`: what the settings are and who says so; setting them."""

from typing import TYPE_CHECKING, Annotated

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.configuration import Setting


def config(
    env: Environment,
    key: Annotated[
        str | None,
        typer.Argument(metavar="[KEY]", show_default=False, help="Print this one: state_dir, on_change ..."),
    ] = None,
    value: Annotated[str | None, typer.Argument(metavar="[VALUE]", show_default=False, help="Set it to this.")] = None,
    unset: Annotated[bool, typer.Option("--unset", help="Take the setting out of the file.")] = False,
    project: Annotated[
        bool, typer.Option("--project", help="Change lgrun.toml of the project instead of the file of your own.")
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", "-f", help="Rewrite a file although its comments get lost.")
    ] = False,
) -> ExitStatus:
    """List the settings and who says so, print one, or set one.

    \b
    lgrun config
    lgrun config on_change
    lgrun config on_change ask
    lgrun config workflows.review src/review.py --project
    lgrun config on_change --unset

    An option goes before a variable (LGRUN_ON_CHANGE), that before lgrun.toml or [tool.lgrun] of pyproject.toml in the
    nearest folder upwards, that before the file of your own.
    """
    from lgrun.cli.diagnostics import Problem

    if unset and (key is None or value is not None):
        raise Problem("usage", "--unset needs the KEY and nothing else", hint="lgrun config KEY --unset")
    if value is None and not unset:
        if project or force:
            raise Problem("usage", f"{'--project' if project else '--force'} is for setting: give KEY and VALUE too")
        return _list(env) if key is None else _print(env, key)
    return _set(env, str(key), value, project=project, force=force)


def _list(env: Environment) -> ExitStatus:
    from lgrun.cli.configuration import settings
    from lgrun.cli.render.table import tsv
    from lgrun.cli.views import print_document, wants_document

    rows = settings(env)
    if wants_document(env):
        print_document(env, {"schema": "lgrun.config/1", "settings": [row.document() for row in rows]})
    elif env.flags.quiet:
        env.put("".join(f"{row.key}\n" for row in rows))
    elif env.stdout_is_tty():
        env.put(_table(env, rows))
    else:
        env.put(tsv([(row.key, row.text, row.source) for row in rows]))
    return ExitStatus.DONE


def _table(env: Environment, rows: "list[Setting]") -> str:
    from lgrun.cli.render.table import table

    cells = [(row.key, row.text, row.source) for row in rows]
    return table(("KEY", "VALUE", "FROM"), cells, width=env.width())


def _print(env: Environment, key: str) -> ExitStatus:
    from lgrun.cli.configuration import setting, settings
    from lgrun.cli.render.table import tsv
    from lgrun.cli.views import print_document, wants_document

    if key == "workflows" and not wants_document(env):
        rows = [row for row in settings(env) if row.key.startswith("workflows.")]
        env.put(tsv([(row.key.removeprefix("workflows."), row.text) for row in rows]))
        return ExitStatus.DONE
    found = setting(env, key)
    if wants_document(env):
        print_document(env, {"schema": "lgrun.setting/1", **found.document()})
    else:
        env.put(f"{found.text}\n")
    return ExitStatus.DONE


def _set(env: Environment, key: str, text: str | None, *, project: bool, force: bool) -> ExitStatus:
    from lgrun.cli.configuration import check_project, text_of
    from lgrun.cli.configuring import change_of, target_file, write
    from lgrun.cli.diagnostics import Problem
    from lgrun.errors import ConfigurationError

    file = target_file(env, project=project)
    change = change_of(env, key, text, file)
    if project and text is not None:
        check_project(change.key, file)
    if not write(file, change, force=force):
        from lgrun.cli.configuration import known_key

        known_key(key.partition(".")[0])
        env.note(f"{key} is not set in {file}")
        return ExitStatus.DONE
    env.note(f"✓ {file}: {key} is not set any more" if text is None else f"✓ {file}: {key} = {text_of(change.value)}")
    env.configuration = None
    try:
        _say_what_holds(env, key, file)
    except (Problem, ConfigurationError) as problem:
        # What was asked for is done; this is about the rest of the files.
        env.say(f"! {problem}")
    return ExitStatus.DONE


def _say_what_holds(env: Environment, key: str, file: str) -> None:
    """Tell of what goes before the file, and print the document that was asked for."""
    from lgrun.cli.configuration import KEYS, setting, settings
    from lgrun.cli.views import print_document, wants_document

    held = {row.key: row for row in settings(env)}
    found = held.get(key) or (setting(env, key) if key in KEYS else None)
    if found is None:
        return
    if found.where not in (None, file):
        env.note(f"! but {found.where} says {found.text}")
    if wants_document(env):
        print_document(env, {"schema": "lgrun.setting/1", **found.document()})
