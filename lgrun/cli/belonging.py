"""Whose thread it is: ids are one set for all projects of a person, so another file's thread may have the same one."""

import os
from typing import TYPE_CHECKING, NamedTuple

from lgrun.cli.diagnostics import short_path
from lgrun.cli.env import Environment
from lgrun.cli.render.text import one_line
from lgrun.cli.session import origin_of

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
    from lgrun.cli.loading import Loaded


class Others(NamedTuple):
    """A thread that is not of the workflow that is run.

    Args:
        thread: its id.
        theirs: the workflow it is of, as one would type it.
        ours: the one that is run.
    """

    thread: str
    theirs: str
    ours: str

    def __str__(self) -> str:
        return f"{self.thread} is a thread of {self.theirs}, not of {self.ours}"


def others(env: Environment, saver: "BaseCheckpointSaver", saved: "Saved", loaded: "Loaded") -> Others | None:
    """Return whose thread it is if it is not one of `loaded`.

    A recorded file that is not there any more has moved, so then only the entrypoint's name counts.
    """
    thread, origin = saved.checkpoint.thread, origin_of(saver, saved)
    name = origin.get("name") or saved.checkpoint.entrypoint
    path = origin.get("path")
    if isinstance(path, str) and _is_another_file(path, str(loaded.path)):
        return Others(thread, _typed(env, path, name), _typed(env, str(loaded.path), loaded.name))
    # What a program of one's own runs is recorded by the workflow's name, which need not be that of its variable.
    same = name in (loaded.name, None if "name" in origin else loaded.workflow.name)
    return None if same or not name else Others(thread, one_line(str(name)), loaded.name)


def _is_another_file(recorded: str, ours: str) -> bool:
    try:
        return recorded != ours and os.path.isfile(recorded) and not os.path.samefile(recorded, ours)
    except (OSError, ValueError):
        return False


def _typed(env: Environment, path: str, name: object) -> str:
    return one_line(short_path(path, str(env.cwd)) + (f":{name}" if name else ""))


def warn_of_others(env: Environment, saver: "BaseCheckpointSaver", saved: "Saved | None", loaded: "Loaded") -> None:
    """Say that a thread which is given new input is not of this workflow; afterwards it is."""
    found = others(env, saver, saved, loaded) if saved is not None else None
    if found is not None:
        env.say(f"! {found}")
