"""Classes of libraries that a stored value may name without a workflow's having registered them: a closed table.

A library is never imported because a value names it: it has to be loaded already. Then the module of the class is, too,
or is loaded now, from this table; `langchain_core.messages` loads its parts only when they are asked for.
"""

import importlib
import sys
from typing import Any

__all__ = ["library_class", "missing_library"]

_MESSAGES = {
    "ai": ("AIMessage", "AIMessageChunk"),
    "base": ("BaseMessage", "BaseMessageChunk"),
    "chat": ("ChatMessage", "ChatMessageChunk"),
    "function": ("FunctionMessage", "FunctionMessageChunk"),
    "human": ("HumanMessage", "HumanMessageChunk"),
    "modifier": ("RemoveMessage",),
    "system": ("SystemMessage", "SystemMessageChunk"),
    "tool": ("ToolMessage", "ToolMessageChunk"),
}
_CLASSES = {
    f"langchain_core.messages.{module}:{name}": (f"langchain_core.messages.{module}", name)
    for module, names in _MESSAGES.items()
    for name in names
}


def library_class(tag: str) -> Any:
    """Return the class that a tag of the table names, if its library is loaded; else None."""
    if tag not in _CLASSES or missing_library(tag):
        return None
    module, name = _CLASSES[tag]
    return getattr(importlib.import_module(module), name, None)


def missing_library(tag: str) -> str | None:
    """Return the library that would have to be imported for a tag of the table; None if that is not the matter."""
    if tag not in _CLASSES:
        return None
    library = tag.partition(".")[0]
    return None if library in sys.modules else library
