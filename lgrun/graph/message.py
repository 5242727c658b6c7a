"""Chat messages as state: `add_messages` merges two lists of them by id.

Where langchain-core is installed, messages are its objects, as in LangGraph; it is imported by the first call.
Without it they are dicts, `{"role": "user", "content": "hi", "id": "..."}`, merged by the same rules.
"""

import functools
import importlib
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Literal, NamedTuple, TypedDict

from lgrun._engine.context import current, require_frame

__all__ = ["REMOVE_ALL_MESSAGES", "MessagesState", "add_messages", "push_message"]

REMOVE_ALL_MESSAGES = "__remove_all__"
"""A message of the role `remove` with this id removes all messages before it."""


def add_messages(left: Any = None, right: Any = None, *, format: Literal["langchain-openai"] | None = None) -> Any:
    """Merge two lists of messages: those of `right` replace those of the same id and follow the others.

    Args:
        left: the messages so far: a list, or a single one. A message is a message object, a dict with `role` (or
            `type`), `content` and whatever else belongs to it, a pair (role, content), or the text of a user.
        right: the messages to add, in the same forms. One of the role `remove` (a `RemoveMessage`) removes the
            message with its id; with the id `REMOVE_ALL_MESSAGES`, all messages before it.
        format: `langchain-openai` rewrites the contents as OpenAI's; needs langchain-core.

    Returns:
        A new list in which every message has an id. Without `left` and `right`: this function, with `format` given.

    Raises:
        ValueError: only one of `left` and `right` is given; a message to remove is not there; a dict has no role or
            content, or an unknown role; an unknown format.
        NotImplementedError: something else is given as a message.
        ImportError: a format without langchain-core.
    """
    if left is None and right is None:
        return functools.partial(add_messages, format=format) if format else functools.partial(add_messages)
    if left is None or right is None:
        raise ValueError(f"add_messages needs two lists of messages; {'left' if left is None else 'right'} is None")
    kind = _kind()
    merged = _merge(_with_ids(left, kind), _with_ids(right, kind), kind)
    return merged if format is None else _formatted(merged, format)


def push_message(message: Any, *, state_key: str | None = "messages") -> Any:
    """Show a message at once to whoever streams the run with mode `messages`, before the code returns.

    Args:
        message: in one of the forms that `add_messages` takes, with an id.
        state_key: the key of the graph's state that the message is written to when the node returns, before what the
            node itself writes; None: to none. Keys that the state has not are ignored, and so are all of them in tasks.

    Returns:
        The message, as an object where langchain-core is installed.

    Raises:
        ValueError: the message has no id.
        RuntimeError: called outside a running workflow.
    """
    frame: Any = require_frame("push_message()")
    kind = _kind()
    made = message if kind.whole(message) else kind.coerce(message)
    if kind.id_of(made) is None:
        raise ValueError("Message ID is required: give the message an id, so that what follows can replace it")
    frame.push(made, state_key)
    return made


class MessagesState(TypedDict):
    """A state that is a chat: new messages are added to the old ones."""

    messages: Annotated[list[Any], add_messages]


class _Kind(NamedTuple):
    """How messages of one kind are handled.

    Args:
        coerce: makes a message of what is accepted as one.
        id_of: returns a message's id, or None.
        named: returns a message with an id.
        removes: says whether it removes another one.
        whole: says whether it is a message, or a piece of one, as it is.
    """

    coerce: Callable[[Any], Any]
    id_of: Callable[[Any], Any]
    named: Callable[[Any, str], Any]
    removes: Callable[[Any], bool]
    whole: Callable[[Any], bool]


def _merge(left: list[Any], right: list[Any], kind: _Kind) -> list[Any]:
    for index in reversed(range(len(right))):
        if kind.removes(right[index]) and kind.id_of(right[index]) == REMOVE_ALL_MESSAGES:
            return right[index + 1 :]
    merged = left[:]
    place = {kind.id_of(message): index for index, message in enumerate(merged)}
    removed = set()
    for message in right:
        name = kind.id_of(message)
        if kind.removes(message):
            if name not in place:
                raise ValueError(f"Attempting to delete a message with an ID that doesn't exist ({name!r})")
            removed.add(name)
        elif name in place:
            merged[place[name]] = message
            removed.discard(name)
        else:
            place[name] = len(merged)
            merged.append(message)
    return [message for message in merged if kind.id_of(message) not in removed] if removed else merged


def _with_ids(given: Any, kind: _Kind) -> list[Any]:
    messages = [kind.coerce(each) for each in (given if isinstance(given, list) else [given])]
    fresh = _ids()
    return [m if kind.id_of(m) is not None else kind.named(m, next(fresh)) for m in messages]


def _ids() -> Iterator[Any]:
    """Yield new ids: in a run those that a replay repeats, elsewhere random ones."""
    new_id = getattr(current.get(), "new_id", None)
    if new_id is None:
        from uuid import uuid4

        def new_id() -> str:
            return str(uuid4())

    while True:
        yield new_id()


# Objects of langchain-core


@functools.cache
def _kind() -> _Kind:
    """Return the kind of messages that this process has."""
    try:
        importlib.import_module("langchain_core")
    except ModuleNotFoundError:
        return _Kind(_as_dict, _id_of_dict, _named_dict, _dict_removes, lambda given: False)
    core: Any = importlib.import_module("langchain_core.messages")

    whole = set()

    def coerce(given: Any) -> Any:
        # Nearly all are messages already: asking the library, even for their class, takes long.
        if type(given) in whole:
            return given
        (message,) = core.convert_to_messages([given])
        message = core.message_chunk_to_message(message)
        if message is given:
            whole.add(type(given))
        return message

    def named(message: Any, name: str) -> Any:
        # In place: whoever made the message finds it again by its id.
        message.id = name
        return message

    return _Kind(
        coerce,
        lambda message: message.id,
        named,
        lambda message: isinstance(message, core.RemoveMessage),
        lambda given: isinstance(given, core.BaseMessage),
    )


def _formatted(messages: list[Any], format: str) -> Any:
    if format != "langchain-openai":
        raise ValueError(f"unknown format {format!r}; the only one is 'langchain-openai'")
    core: Any = importlib.import_module("langchain_core.messages")
    return core.convert_to_messages(core.convert_to_openai_messages(messages))


# Dicts, without langchain-core

_ROLES = {
    **{role: role for role in ("user", "assistant", "system", "developer", "tool", "function", "remove")},
    "human": "user",
    "ai": "assistant",
}


def _as_dict(given: Any) -> dict[str, Any]:
    """Return a message as a dict with role and content: the given one if it has them."""
    if isinstance(given, str):
        return {"role": "user", "content": given}
    if isinstance(given, (tuple, list)):
        if len(given) != 2:
            raise NotImplementedError(f"a message as a {type(given).__name__} is a pair (role, content)")
        return {"role": _role(given[0]), "content": given[1]}
    if not isinstance(given, dict):
        raise NotImplementedError(
            f"a message is a dict, a pair (role, content) or a text, not a {type(given).__name__}; "
            "message objects need langchain-core"
        )
    role = given.get("role") or given.get("type")
    if role is None or "content" not in given:
        raise ValueError(
            f"a message needs 'role' and 'content'; this one has {', '.join(map(str, given)) or 'nothing'}"
        )
    if role == "tool" and "tool_call_id" not in given:
        raise ValueError("a message of the role 'tool' needs the 'tool_call_id' that it answers")
    return _normal(given, _role(role))


def _normal(given: dict[str, Any], role: str) -> dict[str, Any]:
    name = given.get("id")
    if given.get("role") == role and given["content"] is not None and (name is None or type(name) is str):
        return given
    rest = {key: value for key, value in given.items() if key != "role" and (key != "type" or "role" in given)}
    made = {"role": role, **rest, "content": "" if given["content"] is None else given["content"]}
    return made if name is None else {**made, "id": str(name)}


def _role(given: Any) -> str:
    role = _ROLES.get(given) if isinstance(given, str) else None
    if role is None:
        raise ValueError(f"unknown role {given!r} of a message; use one of {', '.join(map(repr, _ROLES))}")
    return role


def _id_of_dict(message: dict[str, Any]) -> Any:
    return message.get("id")


def _named_dict(message: dict[str, Any], name: str) -> dict[str, Any]:
    # A copy: the caller's dict stays as it was, as it does where it becomes an object.
    return {**message, "id": name}


def _dict_removes(message: dict[str, Any]) -> bool:
    return bool(message["role"] == "remove")
