"""What lgrun asks of Typer's commands beyond what they do: help that fits the terminal, no option given twice."""

from functools import partial
from textwrap import wrap
from typing import Any

from typer.core import TyperCommand, TyperGroup

from lgrun.cli.diagnostics import Problem
from lgrun.cli.status import HELP_LINE

WIDEST = 110
"""Columns; longer lines are hard to read."""
NARROWEST = 30
_TWO_COLUMNS = 60

_KEPT_TOGETHER = "\u00a0"


def help_width(columns: int) -> int:
    """Return how wide help is on a terminal of so many columns."""
    return max(min(columns, WIDEST) - 1, NARROWEST)


class Command(TyperCommand):
    """A command that refuses an option given twice; its help fits the terminal and ends with the exit codes."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments.

        Raises:
            Problem: an option that takes one value is there twice. Silently taking the last one would guess.
        """
        found: tuple[Any, Any, list[Any]] = self.make_parser(ctx).parse_args(args=list(args))
        seen: set[str] = set()
        for option in found[2]:
            if option.param_type_name != "option" or option.multiple or option.count or option.is_flag:
                continue
            if option.name in seen:
                raise Problem("usage", f"{max(option.opts, key=len)} is given twice", hint=f"see {ctx.command_path} -h")
            seen.add(option.name)
        return super().parse_args(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        _narrow(formatter)
        super().format_help(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes."""
        _write_codes(formatter)


def about(command: Any) -> str:
    """Return the sentence that a command's page begins with, on one line."""
    return " ".join(str(command.help or "").split("\n\n")[0].split())


class Group(TyperGroup):
    """The same of `lgrun` itself; its commands stand under titles, each with its whole sentence."""

    def titled(self) -> dict[str, dict[str, Any]]:
        """Return the commands that are shown, by name, under the titles they stand under."""
        found: dict[str, dict[str, Any]] = {}
        for name, command in self.commands.items():
            if not command.hidden:
                title = getattr(command, "rich_help_panel", None)
                found.setdefault(title if isinstance(title, str) else "Commands", {})[name] = command
        return found

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands."""
        titled = self.titled()
        # All in one column, whatever title they are under.
        widest = max(len(name) for commands in titled.values() for name in commands)
        for title, commands in titled.items():
            with formatter.section(title):
                formatter.write_dl([(f"{name:<{widest}}", about(command)) for name, command in commands.items()])

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the page."""
        _narrow(formatter)
        super().format_help(ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes."""
        _write_codes(formatter)


def _narrow(formatter: Any) -> None:
    """Where two columns would be too narrow to read, put what an option means below it."""
    if formatter.width < _TWO_COLUMNS:
        formatter.write_dl = partial(formatter.write_dl, col_max=8)


def _write_codes(formatter: Any) -> None:
    """Write the exit codes, each on one line with what it means."""
    title, _, codes = HELP_LINE.partition(": ")
    parts = [part.replace(" ", _KEPT_TOGETHER) for part in codes.split(", ")]
    text = f"{title.replace(' ', _KEPT_TOGETHER)}: {', '.join(parts)}"
    formatter.write_paragraph()
    for line in wrap(text, formatter.width - 2, break_on_hyphens=False):
        formatter.write(f"  {line.replace(_KEPT_TOGETHER, ' ')}\n")
