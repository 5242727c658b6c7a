"""Messages of langchain-core as stored values."""

import subprocess
import sys
from typing import Any

import orjson
import pytest
from langchain_core import messages as lc

from lgrun.checkpoint import _libraries
from lgrun.checkpoint.base import Encoded
from lgrun.checkpoint.serde import decode, encode, hand_on
from lgrun.errors import DamagedStateError, NotSerializableError

CALL = {"name": "f", "args": {"x": (1, {2})}, "id": "c", "type": "tool_call"}
USAGE: Any = {"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_token_details": {"cache_read": 1}}
BLOCKS: list[Any] = [
    "text",
    {"type": "text", "text": "é", "annotations": [{"type": "citation", "url": "https://x"}]},
    {"type": "image", "url": "https://x/y.png"},
    {"type": "reasoning", "reasoning": "because", "extras": {"signature": b"\x00\xff"}},
    {"type": "tool_use", "id": "c", "name": "f", "input": {"$lgrun": "tuple", "v": []}},
]
MORE: Any = {
    "id": "1",
    "name": "bob",
    "additional_kwargs": {"k": [None, 1.5, b"x"]},
    "response_metadata": {"model_name": "m", "logprobs": [float("inf")]},
}

MESSAGES: list[Any] = [
    *(lc.HumanMessage("hi"), lc.HumanMessage(BLOCKS, **MORE), lc.HumanMessage("x", beside=(1, 2))),
    *(lc.AIMessage("hi"), lc.AIMessage(BLOCKS, tool_calls=[CALL], usage_metadata=USAGE, **MORE)),
    lc.AIMessage("", invalid_tool_calls=[{"name": "f", "args": "{bad", "id": "c", "error": "e"}]),
    lc.AIMessage(content_blocks=[{"type": "text", "text": "v1"}], response_metadata={"output_version": "v1"}),
    *(lc.SystemMessage("s", **MORE), lc.ChatMessage("x", role="r", **MORE), lc.RemoveMessage(id="1")),
    *(lc.ToolMessage("t", tool_call_id="c", artifact={"raw": {1, 2}}, status="error", id="1"),),
    *(lc.FunctionMessage("x", name="f"), lc.HumanMessageChunk("c", id="1"), lc.SystemMessageChunk("c")),
    lc.AIMessageChunk(
        "c", tool_call_chunks=[{"name": "f", "args": '{"a":', "id": "c", "index": 0}], usage_metadata=USAGE
    ),
    *(lc.ToolMessageChunk("t", tool_call_id="c"), lc.FunctionMessageChunk("x", name="f")),
    lc.ChatMessageChunk("x", role="r"),
]


def state(message: Any) -> Any:
    """Return everything that a message holds."""
    parts = ("__dict__", "__pydantic_fields_set__", "__pydantic_extra__", "__pydantic_private__")
    return type(message), [getattr(message, part) for part in parts]


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_round_trip(message: Any) -> None:
    """A message comes back whole, alone and in a list, and works as the one it was."""
    encoded = encode([message])
    (back,) = decode(Encoded(tree=orjson.loads(encoded.json())))

    assert state(back) == state(message)
    assert back == message
    assert repr(back) == repr(message)
    assert back.model_dump() == message.model_dump()
    assert str(back.text) == str(message.text)
    assert state(hand_on(message)[1]) == state(message)


def in_another_process(value: Any, imports: str) -> str:
    """Decode in a process that has imported something; return what it says."""
    code = (
        f"{imports}\nimport sys\nfrom lgrun.checkpoint.serde import decode\nfrom lgrun.checkpoint.base import Encoded\n"
    )
    code += f"before = set(sys.modules)\ntry: print(decode(Encoded(json={encode(value).json()!r})))\n"
    code += "except Exception as error: print(type(error).__name__, error)\n"
    code += "print([name for name in set(sys.modules) - before if not name.startswith('langchain_core.messages')])"
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize(
    "imports", ["from langchain_core.messages import HumanMessage", "import langchain_core.messages"]
)
def test_a_process_that_uses_langchain(imports: str) -> None:
    """Every class is known as soon as the library is loaded, whichever of them was imported."""
    assert in_another_process([lc.AIMessage("hi", id="1")], imports).startswith("[AIMessage(content='hi'")


def test_a_process_that_does_not() -> None:
    """Without the library the error names the class and what to import, and nothing is imported."""
    said = in_another_process([lc.AIMessage("hi")], "")

    assert said == (
        "DamagedStateError a stored value is a langchain_core.messages.ai.AIMessage: "
        "import langchain_core in the workflow file\n[]\n"
    )


@pytest.mark.parametrize(
    "tag",
    [
        "langchain_core.messages.utils:convert_to_messages",
        "langchain_core.messages.ai:subtract_usage",
        "langchain_core.messages:AIMessage",
        "langchain_core.load.load:loads",
        "langchain_core.prompts.chat:ChatPromptTemplate",
        "langchain_core:messages",
    ],
)
def test_nothing_else_of_the_library(tag: str) -> None:
    """The table is closed."""
    with pytest.raises(DamagedStateError, match="is not known to this process"):
        decode(Encoded(tree={"$lgrun": tag, "v": {"fields": {}}}))


def test_the_table_is_true() -> None:
    """Each of its classes is where it says, under the tag that the encoder writes."""
    for tag, (module, name) in _libraries._CLASSES.items():
        cls = _libraries.library_class(tag)
        assert f"{cls.__module__}:{cls.__qualname__}" == tag == f"{module}:{name}"
        assert issubclass(cls, lc.BaseMessage)


def test_fields_that_a_version_had() -> None:
    """A field that the class has no more is kept beside its fields, as its own constructor would."""
    tree = encode(lc.HumanMessage("x", id="1")).tree()
    tree["v"]["fields"]["example_of_old"] = True
    back = decode(Encoded(tree=tree))

    assert back.content == "x"
    assert back.example_of_old is True
    assert back == lc.HumanMessage("x", id="1", example_of_old=True)


def test_what_cannot_be_saved_is_named() -> None:
    """With its place in the message."""
    with pytest.raises(NotSerializableError) as caught:
        encode({"messages": [lc.AIMessage("x", additional_kwargs={"client": object()})]})
    assert (caught.value.path, caught.value.reason) == ("$.messages[0].additional_kwargs.client", "is a object")
