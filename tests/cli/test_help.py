"""Every help page begins with examples and ends with the exit codes."""

import re
from typing import Any

import pytest
from typer.main import get_command

from lgrun.cli.app import program
from lgrun.cli.status import HELP_LINE

from .conftest import World

_GROUP: Any = get_command(program())
COMMANDS = sorted(name for name, command in _GROUP.commands.items() if not command.hidden)


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)])
def test_every_help_page(lgrun: World, command: list[str]) -> None:
    """Below one sentence stand lines that can be typed; the last line is the exit codes."""
    page = lgrun(*command, "-h")
    usage, about, examples, *_, codes = page.stdout.strip().split("\n\n")

    assert page.code == 0
    assert usage.startswith(" ".join(["Usage: lgrun", *command]))
    assert about.strip().endswith(".")
    for line in examples.splitlines():
        assert re.match(r"  (.* \| )?lgrun ", line), line
        assert not command or command[0] in line, line
    assert " ".join(codes.split()) == HELP_LINE
