"""Which threads a command is about, out of all: by status, workflow and age. What is shown of one comes later."""

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.session import Standing, origin_of, standing_of, touched_at
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
    from lgrun.cli.discover import Reference


class Found(NamedTuple):
    """A thread, before what is shown of it is worked out."""

    thread: str
    status: str
    updated: str
    standing: Standing


def find_threads(env: Environment, saver: "BaseCheckpointSaver") -> list[Found]:
    """Return all threads, newest first. One that cannot be read is damaged: it must not hide the others."""
    return sorted(_found(env, saver), key=lambda one: (one.updated, one.thread), reverse=True)


def _found(env: Environment, saver: "BaseCheckpointSaver") -> Iterator[Found]:
    from lgrun.errors import StateError

    for thread in saver.threads():
        try:
            standing = standing_of(saver, thread)
        except StateError as error:
            env.say(f"! {error}")
            yield Found(thread, "damaged", "", Standing(None, None))
            continue
        if standing.saved is not None:
            yield Found(thread, str(standing.status), touched_at(standing.saved), standing)


def read_statuses(text: str | None) -> frozenset[str]:
    """Read the words of --status.

    Raises:
        Problem: one is no status.
    """
    from lgrun.cli.render.text import nearest
    from lgrun.cli.status import OF_THREAD

    wanted = frozenset(word.strip() for word in (text or "").split(",") if word.strip())
    for word in sorted(wanted - OF_THREAD.keys()):
        near = nearest(word, OF_THREAD)
        hint = f"did you mean {near}?" if near else f"one of {', '.join(OF_THREAD)}"
        raise Problem("usage", f"there is no status {word}", hint=hint)
    return wanted


def older_than(env: Environment, found: list[Found], seconds: float) -> list[Found]:
    """Return the threads that nothing was saved of for so long. Of a damaged one nobody knows when that was."""
    from lgrun.cli.render.text import parse_time

    try:
        limit = env.now() - timedelta(seconds=seconds)
    except OverflowError:
        return []
    times = [(one, parse_time(one.updated)) for one in found]
    return [one for one, at in times if at is not None and at.tzinfo is not None and at < limit]


# --- the threads of one workflow


def of_workflow(env: Environment, saver: "BaseCheckpointSaver", found: list[Found], typed: str | None) -> list[Found]:
    """Return the threads of the workflow that `typed` means; all of them if that is None.

    A WORKFLOW that can be found is known by its file, so that another project's of the same name is not meant. One
    that cannot be found any more is known by what the threads recorded: as it was typed, or its name.

    Raises:
        Problem: there is neither such a workflow nor a thread of one (exit 4).
    """
    if typed is None:
        return found
    from lgrun.cli import discover

    missing: Problem | None = None
    try:
        reference = discover.find(typed, env)
    except Problem as problem:
        if problem.status is not ExitStatus.NOT_FOUND:
            raise
        missing, reference = problem, discover.Reference(typed)
    kept = [one for one in found if one.standing.saved is not None and _is_of(reference, saver, one.standing.saved)]
    if missing is not None and not kept:
        raise missing
    return kept


def _is_of(reference: "Reference", saver: "BaseCheckpointSaver", saved: "Saved") -> bool:
    origin = origin_of(saver, saved)
    name = origin.get("name") or saved.checkpoint.entrypoint
    if reference.name is not None and reference.name != name:
        return False
    if reference.path is not None and origin.get("path"):
        return bool(str(reference.path) == origin["path"])
    # A file that is gone, a module that is not imported to find its file, a thread that a program of one's own started.
    return reference.typed in (origin.get("ref"), name)
