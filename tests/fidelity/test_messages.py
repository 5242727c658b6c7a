"""`add_messages` beside LangGraph's: the same lists and the same errors for every form of messages."""

from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    ChatMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
    ToolMessageChunk,
)
from langgraph.graph.message import REMOVE_ALL_MESSAGES as THEIR_REMOVE_ALL
from langgraph.graph.message import add_messages as their_add_messages

from lgrun.graph.message import REMOVE_ALL_MESSAGES, add_messages

ALL = REMOVE_ALL_MESSAGES


def base() -> list[Any]:
    return [HumanMessage("a", id="1"), AIMessage("b", id="2")]


def removal(name: Any) -> RemoveMessage:
    return RemoveMessage(id=name)


def user(**more: Any) -> dict[str, Any]:
    return {"role": "user", "content": "x", **more}


def assistant(**more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": "x", **more}


OPENAI_CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
OWN_CALL = {"name": "f", "args": {"x": 1}, "id": "c", "type": "tool_call"}
IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "1234"}}

ONE_MESSAGE: list[Any] = [
    *("text", "", ("user", "x"), ("ai", "x"), ("system", "x"), ("human", "x"), ["user", "x"], ("user", ["x"])),
    *(("user",), ("user", "a", "b"), ("alien", "x"), ("", "x"), ("user", {"content": "x"}), (5, "x")),
    *(user(), assistant(), user(role="human"), user(role="ai"), user(role="system"), user(role="developer")),
    *(user(role="USER"), user(role="alien"), user(role=5), user(role="chat"), {"role": "user"}, {"content": "x"}, {}),
    *({"type": "human", "content": "x"}, user(type="ai"), user(name="bob", extra=1), user(example=True)),
    *(user(content=None), user(content=5), user(content=["a", {"type": "text", "text": "b"}]), user(content=[5])),
    *(user(id="i"), user(id=5), user(id=""), user(id=None), user(additional_kwargs={"z": 1})),
    *(user(additional_kwargs={"z": 1}, response_metadata={"m": 1}), assistant(usage_metadata={"input_tokens": 1})),
    *(assistant(tool_calls=[OPENAI_CALL]), assistant(tool_calls=[OWN_CALL]), assistant(content=None)),
    assistant(tool_calls=[{**OPENAI_CALL, "function": {"name": "f", "arguments": "{bad"}}]),
    *(assistant(function_call={"name": "f", "arguments": "{}"}), assistant(invalid_tool_calls=[])),
    *({"role": "tool", "content": "x"}, {"role": "tool", "content": {"a": 1}, "tool_call_id": "c"}),
    {"role": "tool", "content": "x", "tool_call_id": "c", "artifact": {"a": 1}, "status": "error"},
    *({"role": "function", "content": "x", "name": "f"}, {"role": "function", "content": "x"}),
    *({"role": "remove", "content": "", "id": "1"}, {"role": "remove", "id": "1"}),
    {"role": "remove", "content": "", "id": ALL},
    *(5, b"x", object(), HumanMessage("o"), AIMessageChunk("c", id="k"), HumanMessageChunk("c")),
    *(ToolMessageChunk("c", tool_call_id="1"), ChatMessage("x", role="r"), SystemMessage("s", id="1")),
]

TWO_LISTS: list[Callable[[], tuple[Any, Any]]] = [
    lambda: (base(), []),
    lambda: ([], base()),
    lambda: (base(), base()),
    lambda: (base(), [removal("1")]),
    lambda: (base(), [removal("1"), removal("1")]),
    lambda: (base(), [removal("nope")]),
    lambda: (base(), [removal("1"), removal("nope")]),
    lambda: (base(), [removal(None)]),
    lambda: (base(), [removal("1"), HumanMessage("n", id="1")]),
    lambda: (base(), [HumanMessage("n", id="1"), removal("1")]),
    lambda: (base(), [removal("1"), removal("2"), HumanMessage("n", id="2")]),
    lambda: (base(), [HumanMessage("n", id="9"), removal("9")]),
    lambda: (base(), [removal("9"), HumanMessage("n", id="9")]),
    lambda: (base(), [removal(ALL)]),
    lambda: (base(), ["x", removal(ALL), "y"]),
    lambda: (base(), [removal(ALL), "y", removal(ALL), "z"]),
    lambda: (base(), [removal(ALL), removal("1")]),
    lambda: (base(), [HumanMessage("text", id=ALL)]),
    lambda: (base(), [HumanMessage("d", id="3"), HumanMessage("e", id="3")]),
    lambda: (base(), [HumanMessage("d", id="1"), AIMessage("e", id="1")]),
    lambda: (base(), [AIMessageChunk("c", id="2")]),
    lambda: (base(), [ToolMessage("t", tool_call_id="x", id="2")]),
    lambda: ([HumanMessage("a", id="1"), HumanMessage("b", id="1")], [HumanMessage("c", id="1")]),
    lambda: ([HumanMessage("a", id="1"), HumanMessage("b", id="1")], [removal("1")]),
    lambda: ([removal("1")], [HumanMessage("b", id="1")]),
    lambda: ([removal("1")], []),
    lambda: ([AIMessageChunk("a", id="1")], [user(id="1")]),
    lambda: (tuple(base()), []),
    lambda: ([], tuple(base())),
    lambda: (("user", "a"), "b"),
    lambda: ("a", ("ai", "b")),
    lambda: (user(id="1"), user(id="1", content="y")),
    lambda: (HumanMessage("a"), AIMessage("b")),
    lambda: (None, ["x"]),
    lambda: (["x"], None),
    lambda: ([], None),
    lambda: ([[]], []),
    lambda: ([], (text for text in ["a"])),
]


def seen(message: Any) -> Any:
    """Say what a message is; of an id that was made up, only that it is one."""
    fields = {key: value for key, value in vars(message).items() if key != "id"}
    name = message.id if message.id is None or len(message.id) != 36 else "made up"
    return type(message).__name__, name, fields


def outcome(call: Callable[[], Any]) -> Any:
    try:
        return [seen(message) for message in call()]
    except Exception as error:
        return type(error).__name__


def named(given: Any) -> str:
    """Return a name that is the same in every process, so without an address."""
    return "object()" if type(given) is object else ascii(given)[:50]


@pytest.mark.parametrize("form", ["in a list", "alone", "on the left"])
@pytest.mark.parametrize("given", ONE_MESSAGE, ids=named)
def test_one_message(given: Any, form: str) -> None:
    """A message of any form becomes the same object, or the same error."""

    def call(add: Any) -> Any:
        left, right = {"in a list": ([], [given]), "alone": ([], given), "on the left": ([given], [])}[form]
        return outcome(lambda: add(left, right))

    expected = call(their_add_messages)

    assert call(add_messages) == expected


@pytest.mark.parametrize("make", TWO_LISTS)
def test_two_lists(make: Callable[[], tuple[Any, Any]]) -> None:
    """Two lists are merged into the same one, or fail alike."""
    assert outcome(lambda: add_messages(*make())) == outcome(lambda: their_add_messages(*make()))


@pytest.mark.parametrize(
    "messages",
    [["x"], [user(content=[{"type": "text", "text": "hi"}, IMAGE], id="1")], [assistant(tool_calls=[OWN_CALL])]],
)
@pytest.mark.parametrize("format", ["langchain-openai", None, "zzz"])
def test_formats(messages: Any, format: Any) -> None:
    """Contents are rewritten alike, by the function and by what it returns without messages."""
    expected = outcome(lambda: their_add_messages([], messages, format=format))

    assert outcome(lambda: add_messages([], messages, format=format)) == expected
    assert outcome(lambda: add_messages(format=format)([], messages)) == expected


def test_identities() -> None:
    """Objects are not copied, get their id in place, and neither list is changed."""
    for add in (their_add_messages, add_messages):
        left, right, plain = [HumanMessage("a")], [AIMessage("b")], user()
        merged = add(left, [*right, plain])

        assert merged[0] is left[0]
        assert merged[1] is right[0]
        assert left[0].id
        assert right[0].id
        assert (len(left), len(right), plain) == (1, 1, user())
    assert REMOVE_ALL_MESSAGES == THEIR_REMOVE_ALL
