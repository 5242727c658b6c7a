"""`lgrun new`: a workflow and its test, to begin with."""

from typing import Annotated, Literal

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus


def new(
    env: Environment,
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", show_default=False, help="What it is called: a name for a Python module."),
    ],
    template: Annotated[
        Literal["hello", "approve", "llm", "parallel"],
        typer.Option("--template", help="What it begins as."),
    ] = "hello",
    to_stdout: Annotated[bool, typer.Option("--stdout", help="Print the workflow, and write nothing.")] = False,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace files that there are.")] = False,
) -> ExitStatus:
    """Write a workflow to begin with, and a test of it.

    \b
    lgrun new greeting
    lgrun new post --template approve
    lgrun new summary --template llm --stdout

    These are workflows/NAME.py and tests/test_NAME.py. Files that there are stay as they are without -f. hello is two
    tasks; approve asks a person; llm calls a language model; parallel runs many tasks at once.
    """
    from lgrun.cli.diagnostics import Problem, short_path
    from lgrun.cli.scaffold import TEMPLATES, check_name, places, write_files
    from lgrun.cli.session import command
    from lgrun.cli.views import print_document, wants_document

    chosen = TEMPLATES[template]
    if to_stdout and wants_document(env):
        raise Problem("usage", "--stdout prints the workflow itself: no --json or --get with it")
    check_name(name, chosen)
    if to_stdout:
        env.put(chosen.workflow(name))
        return ExitStatus.DONE
    workflow, test = places(env, name)
    import os

    folder = os.path.relpath(workflow.parent, env.cwd)
    options = ["--template", template] if template != "hello" else []
    files = {workflow: chosen.workflow(name), test: chosen.test(name, folder)}
    write_files(env, files, force=force, again=command(env, "new", name, *options, "-f"))
    written = [short_path(str(path), str(env.cwd)) for path in files]
    following = [command(env, "invoke", name, *chosen.example), f"python -m pytest {written[1]}"]
    if wants_document(env):
        document = {"schema": "lgrun.new/1", "name": name, "template": template, "files": written, "next": following}
        print_document(env, document | {"exit": 0})
        return ExitStatus.DONE
    env.put("".join(f"{path}\n" for path in written))
    env.note(f"  run it:   {following[0]}")
    env.note(f"  test it:  {following[1]}{_needs_pytest()}")
    return ExitStatus.DONE


def _needs_pytest() -> str:
    from importlib.util import find_spec

    return "" if find_spec("pytest") else "   (after: python -m pip install pytest)"
