"""The exceptions: what goes to another process, or is copied, is the same there."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from lgrun import errors
from lgrun.types import Command, Interrupt

MADE: dict[str, Callable[[], BaseException]] = {
    "ForkError": lambda: errors.ForkError("no such call", ["draft"]),
    "GraphDrained": lambda: errors.GraphDrained("maintenance"),
    "GraphInterrupt": lambda: errors.GraphInterrupt([Interrupt("ok?", id="1")]),
    "NodeTimeoutError": lambda: errors.NodeTimeoutError("slow", 2.5, kind="idle", idle_timeout=1.0),
    "NotSerializableError": lambda: errors.NotSerializableError("$.client", "is a socket", "the result"),
    "ParentCommand": lambda: errors.ParentCommand(Command(goto="up")),
    "ThreadBusyError": lambda: errors.ThreadBusyError("busy", {"pid": 1}),
}


def _exceptions() -> list[str]:
    found = (getattr(errors, name) for name in errors.__all__)
    return [kind.__name__ for kind in found if isinstance(kind, type) and issubclass(kind, BaseException)]


@pytest.mark.parametrize("name", _exceptions())
@pytest.mark.parametrize("copied", [copy.copy, lambda error: pickle.loads(pickle.dumps(error))], ids=["copy", "pickle"])
def test_copies(name: str, copied: Callable[[Any], Any]) -> None:
    error: Any = MADE.get(name, lambda: getattr(errors, name)("why"))()
    error.add_note("noted")

    same = copied(error)

    assert (type(same), str(same), same.__dict__) == (type(error), str(error), error.__dict__)
