"""`lgrun help`: the help page of a command, or what holds for all of them."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus


def help_topic(
    env: Environment,
    topic: Annotated[
        str | None,
        typer.Argument(
            metavar="[TOPIC]",
            show_default=False,
            help="A command, exit-codes, env, values, questions or files; none is lgrun -h.",
        ),
    ] = None,
) -> ExitStatus:
    """Show the help page of a command, or of what all commands have in common.

    \b
    lgrun help resume
    lgrun help exit-codes
    lgrun help values
    """
    from lgrun.cli.topics import TOPICS

    if topic in TOPICS:
        env.put(TOPICS[topic])
    else:
        env.put(_page(env, topic))
    return ExitStatus.DONE


def _page(env: Environment, name: str | None) -> str:
    """Return the page of a command.

    Raises:
        Problem: there is no such command (exit 2).
    """
    from lgrun.cli.app import program
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.parser import help_width
    from lgrun.cli.render.text import nearest
    from lgrun.cli.topics import TOPICS

    group: Any = typer.main.get_command(program())
    commands: Mapping[str, Any] = group.commands
    width = help_width(env.width())
    outer = group.context_class(group, info_name="lgrun", terminal_width=width, **group.context_settings)
    if name is None:
        return str(group.get_help(outer)) + "\n"
    if name not in commands:
        near = nearest(name, [*commands, *TOPICS])
        hint = f"did you mean lgrun help {near}?" if near else f"topics: {', '.join(TOPICS)}; commands: lgrun -h"
        raise Problem("no-such-topic", f"there is no help about {name}", hint=hint)
    command = commands[name]
    context = command.context_class(
        command, info_name=name, parent=outer, terminal_width=width, **command.context_settings
    )
    return str(command.get_help(context)) + "\n"
