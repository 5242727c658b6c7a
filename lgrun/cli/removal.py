"""Deleting threads: what `rm` and `prune` have in common."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver


@dataclass(slots=True)
class Removal:
    """What became of threads that were to be deleted.

    Args:
        removed: they are gone.
        busy: a run holds them.
        bytes: what the removed ones held.
    """

    removed: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    bytes: int = 0

    @property
    def status(self) -> ExitStatus:
        """The exit code."""
        return ExitStatus.BUSY if self.busy else ExitStatus.DONE

    def document(self) -> dict[str, Any]:
        """Return it for machine output."""
        return {
            "schema": "lgrun.removal/1",
            "removed": self.removed,
            "busy": self.busy,
            "bytes": self.bytes,
            "exit": int(self.status),
        }


def remove(env: Environment, saver: "BaseCheckpointSaver", threads: Sequence[str]) -> Removal:
    """Delete threads, one after the other; one that runs is left alone, and the others are deleted all the same."""
    from lgrun.errors import ThreadBusyError

    done = Removal()
    for thread in threads:
        size = size_of(saver, thread)
        try:
            saver.delete_thread(thread)
        except ThreadBusyError as error:
            env.say(f"✗ {error}")
            done.busy.append(thread)
        else:
            env.note(f"✓ {thread} deleted, {bytes_text(size)}")
            done.removed.append(thread)
            done.bytes += size
    return done


def size_of(saver: "BaseCheckpointSaver", thread: str) -> int:
    """Return how many bytes a thread takes, if its saver can tell."""
    size = getattr(saver, "size", None)
    return int(size(thread)) if size is not None else 0


def bytes_text(size: int) -> str:
    """Return a size as a person says it: `812 B`, `1.2 kB`, `34 MB`."""
    number, unit = float(size), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if number < 999.5:
            break
        number, unit = number / 1000, larger
    return f"{number:.1f} {unit}" if unit != "B" and number < 9.95 else f"{number:.0f} {unit}"
