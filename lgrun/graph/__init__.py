"""Graphs and the state of chats. Nothing is imported until it is asked for."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lgrun.constants import END, START
    from lgrun.graph.message import MessagesState, add_messages, push_message
    from lgrun.graph.state import StateGraph

__all__ = ["END", "START", "MessagesState", "StateGraph", "add_messages", "push_message"]

_HOMES = {
    "END": "lgrun.constants",
    "START": "lgrun.constants",
    "MessagesState": "lgrun.graph.message",
    "StateGraph": "lgrun.graph.state",
    "add_messages": "lgrun.graph.message",
    "push_message": "lgrun.graph.message",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'lgrun.graph' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
