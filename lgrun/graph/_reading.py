"""What a graph's builder reads off a user's function: its name, the state it sees, where it may lead."""

import inspect
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from typing import Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

from lgrun.graph._schema import is_schema
from lgrun.workflow import Workflow

Action: TypeAlias = Callable[..., Any] | Workflow
"""What a node may be: a function of the state, or a workflow."""


def named(node: str | Action, action: Action | None) -> tuple[str, Action]:
    if isinstance(node, str):
        if action is None:
            raise TypeError(f"node {node!r} needs a function: add_node({node!r}, function)")
        check_action(action)
        return node, action
    if action is not None:
        raise TypeError("the first of two arguments of add_node is the node's name")
    if isinstance(node, Workflow):
        return node.name, node
    check_action(node)
    return getattr(node, "__name__", None) or type(node).__name__, node


def check_action(action: Any) -> None:
    if not callable(action) and not hasattr(action, "invoke"):
        raise TypeError(f"a node is a function or a workflow, not {action!r}")


def annotated(call: Any) -> Any:
    """Return the schema that a function's first parameter is annotated with, or None."""
    if isinstance(call, Workflow) or not callable(call):
        return None
    target = call if inspect.isfunction(call) or inspect.ismethod(call) else getattr(call, "__call__", call)  # noqa: B004
    try:
        first = next(iter(inspect.signature(call).parameters), None)
        annotation = get_type_hints(target).get(first or "")
    except (NameError, TypeError, ValueError):
        return None
    return annotation if is_schema(annotation) else None


def ends(path: Callable[..., Any], path_map: Mapping[Hashable, str] | list[str] | None) -> Mapping[Any, str] | None:
    if isinstance(path_map, Mapping):
        return dict(path_map)
    if path_map is not None:
        return {name: name for name in path_map}
    return {name: name for name in literals(path)} or None


def labelled(destinations: Mapping[str, str] | Sequence[str]) -> Mapping[str, str | None]:
    """Return where a node's Commands may lead, with the labels that drawings show."""
    return dict(destinations) if isinstance(destinations, Mapping) else dict.fromkeys(destinations)


def literals(call: Any) -> list[Any]:
    if isinstance(call, Workflow) or not callable(call):
        return []
    try:
        annotation = get_type_hints(call).get("return")
    except (NameError, TypeError, ValueError):
        return []
    if get_origin(annotation) is Awaitable:
        (annotation,) = get_args(annotation)
    inner = get_args(annotation)
    for each in (annotation, *inner):
        if get_origin(each) is Literal:
            return list(get_args(each))
    return []
