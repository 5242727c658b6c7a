"""Showing what is longer than the screen with the program that the person has chosen for that."""

import signal
import subprocess
from typing import TYPE_CHECKING

from lgrun.cli.configuration import KEYS, setting
from lgrun.cli.diagnostics import Problem

if TYPE_CHECKING:
    from lgrun.cli.env import Environment

_NOT_THERE = (126, 127)
"""How a shell says that there is no such program, or that it cannot be run."""


def page(env: "Environment", data: bytes) -> bool:
    """Show text with the pager, and wait until the person has read it.

    Args:
        env: the world.
        data: the text.

    Returns:
        Whether it was shown: there may be no pager, or none be wanted.
    """
    program = _program(env)
    if program in ("", "cat"):
        return False
    # F: what fits is just printed; R: colours; X: it stays on the screen afterwards.
    variables = {"LESS": "FRX", **env.environ}
    command = ["sh", "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=env.stdout, stderr=env.stderr, env=variables) as pager:
        # Ctrl-C belongs to the pager, which does not end of it.
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            pager.communicate(data)
        finally:
            signal.signal(signal.SIGINT, before)
    return pager.returncode not in _NOT_THERE


def _program(env: "Environment") -> str:
    from lgrun.errors import ConfigurationError

    try:
        return str(setting(env, "pager").value).strip()
    except (Problem, ConfigurationError):
        # The page of a command that does without configuration: help about it is what may be needed now.
        return env.environ.get("PAGER", str(KEYS["pager"].default))
