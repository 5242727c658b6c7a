"""Writes `lgrun/cli/completion_table.py` from what the commands declare: python -m tests.cli.completion_table"""

import pprint
from pathlib import Path
from typing import Any

from typer.main import get_command

import lgrun
from lgrun.cli.app import program
from lgrun.cli.configuration import KEYS
from lgrun.cli.parser import about
from lgrun.cli.scaffold import TEMPLATES

PATH = Path(lgrun.__file__).parent / "cli" / "completion_table.py"


def text() -> str:
    """Return the module."""
    group: Any = get_command(program())
    shown = {name: command for name, command in group.commands.items() if not command.hidden}
    commands = {name: about(command) for name, command in shown.items()}
    options = {
        name: [_option(p) for p in command.params if p.param_type_name == "option"] for name, command in shown.items()
    }
    settings = {
        key.name: (key.about, ("true", "false") if key.kind == "switch" else key.choices) for key in KEYS.values()
    }
    templates = {template.name: template.about for template in TEMPLATES.values()}
    return (
        '"""The commands and their options, for completion, which has no time to import Typer.\n\n'
        'Written by a program: python -m tests.cli.completion_table\n"""\n\n# fmt: off\n# ruff: noqa\n'
        f"COMMANDS: dict[str, str] = {pprint.pformat(commands, width=110, sort_dicts=False)}\n\n"
        "OPTIONS: dict[str, list[tuple[str, str, bool, str]]] = "
        f"{pprint.pformat(options, width=200, sort_dicts=False)}\n"
        '"""Of each option the long name, the short one, whether it takes a value, and what it does."""\n\n'
        f"SETTINGS: dict[str, tuple[str, tuple[str, ...]]] = {pprint.pformat(settings, width=110, sort_dicts=False)}\n"
        '"""Of each setting what it is for, and what it may be."""\n\n'
        f"TEMPLATES: dict[str, str] = {pprint.pformat(templates, width=110, sort_dicts=False)}\n"
        '"""Of each template what a new workflow made of it is."""\n'
    )


def _option(parameter: Any) -> tuple[str, str, bool, str]:
    long = max(parameter.opts, key=len)
    short = min(parameter.opts, key=len) if len(parameter.opts) > 1 else ""
    return long, short, not parameter.is_flag and not parameter.count, parameter.help or ""


if __name__ == "__main__":
    PATH.write_text(text())
