"""Durable workflows for the shell.

The everyday names can be imported from here; the modules mirror the layout of LangGraph's Functional API
(`lgrun.func`, `lgrun.types`, `lgrun.checkpoint.memory`, ...), so that a program runs on lgrun after the package
name in its imports is replaced. Nothing is imported until it is asked for.
"""

from typing import TYPE_CHECKING

__version__ = "0.1.0.dev0"

if TYPE_CHECKING:
    from lgrun.func import entrypoint, task
    from lgrun.types import Command, Interrupt, RetryPolicy, interrupt

__all__ = ["Command", "Interrupt", "RetryPolicy", "__version__", "entrypoint", "interrupt", "task"]

_HOMES = {
    "entrypoint": "lgrun.func",
    "task": "lgrun.func",
    "Command": "lgrun.types",
    "Interrupt": "lgrun.types",
    "RetryPolicy": "lgrun.types",
    "interrupt": "lgrun.types",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lgrun' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
