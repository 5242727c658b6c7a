"""One program under both packages, and the difference, if there is one."""

import difflib
import functools
from collections.abc import Callable, Sequence
from typing import Any

from tests.fidelity.api import Api, langgraph, lgrun_memory
from tests.fidelity.programs import observe


@functools.cache
def reference(name: str) -> tuple[str, ...]:
    """Return what LangGraph does; it is asked once."""
    return tuple(observe(name, langgraph()))


def difference(name: str, api: Api) -> str:
    """Return how a program's observations differ from LangGraph's; empty if they do not."""
    return diff(reference(name), observe(name, api), name)


def diff(expected: Sequence[str], found: Sequence[str], name: str) -> str:
    """Write a difference the way `diff -u` does."""
    return "\n".join(difflib.unified_diff(expected, found, f"{name} (langgraph)", f"{name} (lgrun)", lineterm="", n=5))


def both(program: Callable[[Api], Any]) -> tuple[Any, Any]:
    """Return what a program observes under LangGraph and under lgrun."""
    return program(langgraph()), program(lgrun_memory())
