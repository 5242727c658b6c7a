"""`lgrun completion`: what a shell has to read so that Tab completes."""

from typing import Annotated, Literal

import typer

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus


def completion(
    env: Environment,
    shell: Annotated[Literal["bash", "zsh", "fish"], typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
) -> ExitStatus:
    """Print the completion script of a shell.

    \b
    lgrun completion bash > ~/.local/share/bash-completion/completions/lgrun
    lgrun completion zsh > ~/.zfunc/_lgrun
    lgrun completion fish > ~/.config/fish/completions/lgrun.fish

    The folder must exist; for zsh it must be in $fpath before compinit runs. Threads, questions and answers are
    completed as they stand when Tab is pressed.
    """
    from lgrun.cli.completion_scripts import SCRIPTS

    env.put(SCRIPTS[shell])
    return ExitStatus.DONE
