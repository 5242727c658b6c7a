"""Messages without langchain-core, and their ids."""

import subprocess
import sys
import textwrap
import typing
from collections.abc import Iterator
from typing import Any

import pytest

from lgrun._engine import context
from lgrun.graph import message
from lgrun.graph.message import REMOVE_ALL_MESSAGES, MessagesState, add_messages


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A process in which langchain-core is not installed."""
    monkeypatch.setitem(sys.modules, "langchain_core", None)
    monkeypatch.delitem(sys.modules, "langchain_core.messages", raising=False)
    message._kind.cache_clear()
    yield
    monkeypatch.undo()
    message._kind.cache_clear()


def bare(messages: list[Any]) -> list[tuple[Any, ...]]:
    return [(m["role"], m["content"], m["id"] if len(m["id"]) < 10 else "made up") for m in messages]


@pytest.mark.usefixtures("plain")
def test_every_form_becomes_a_dict() -> None:
    """Texts, pairs and dicts become dicts with role, content and id; two roles get the usual name."""
    given: list[Any] = [
        "a",
        ("ai", "b"),
        ["system", "c"],
        {"type": "human", "content": None},
        {"role": "developer", "content": "d"},
    ]

    assert bare(add_messages("first", given)) == [
        *(("user", "first", "made up"), ("user", "a", "made up"), ("assistant", "b", "made up")),
        *(("system", "c", "made up"), ("user", "", "made up"), ("developer", "d", "made up")),
    ]


@pytest.mark.usefixtures("plain")
def test_dicts_keep_what_they_hold() -> None:
    """What is complete stays the same object; else a copy gets what it lacks, and the given one nothing."""
    whole = {"role": "user", "content": "x", "id": "1", "extra": [1]}
    lacking = {"role": "ai", "content": None, "id": 5, "tool_calls": [{"id": "c"}], "type": "kept"}
    given = dict(lacking)
    first, second = add_messages([whole], [lacking])

    assert first is whole
    assert second == {"role": "assistant", "content": "", "id": "5", "tool_calls": [{"id": "c"}], "type": "kept"}
    assert lacking == given


@pytest.mark.usefixtures("plain")
def test_dicts_are_merged_by_id() -> None:
    """The same id replaces in place, a removal removes, and one of everything clears the list."""

    def say(name: str, content: str = "x") -> dict[str, Any]:
        return {"role": "user", "content": content, "id": name}

    def remove(name: str) -> dict[str, Any]:
        return {"role": "remove", "content": "", "id": name}

    old = [say("1"), say("2")]

    assert add_messages(old, [say("3"), say("1", "new")]) == [say("1", "new"), say("2"), say("3")]
    assert add_messages(old, remove("1")) == [say("2")]
    assert add_messages(old, [remove("1"), say("1", "new")]) == [say("1", "new"), say("2")]
    assert add_messages(old, [say("4"), remove(REMOVE_ALL_MESSAGES), say("5")]) == [say("5")]
    with pytest.raises(ValueError, match="'9'"):
        add_messages(old, [remove("9")])
    assert old == [say("1"), say("2")]


@pytest.mark.usefixtures("plain")
@pytest.mark.parametrize(
    ("given", "error", "words"),
    [
        ({"role": "user"}, ValueError, "'role' and 'content'; this one has role"),
        ({"content": "x"}, ValueError, "this one has content"),
        ({}, ValueError, "this one has nothing"),
        ({"role": "alien", "content": "x"}, ValueError, "unknown role 'alien'"),
        ({"role": 5, "content": "x"}, ValueError, "unknown role 5"),
        ({"role": "tool", "content": "x"}, ValueError, "tool_call_id"),
        (("alien", "x"), ValueError, "unknown role"),
        (("user",), NotImplementedError, "a pair"),
        (5, NotImplementedError, "not a int; message objects need langchain-core"),
    ],
)
def test_mistakes(given: Any, error: type[Exception], words: str) -> None:
    """What cannot be a message is refused with what is wrong."""
    with pytest.raises(error, match=words):
        add_messages([], [given])


@pytest.mark.usefixtures("plain")
def test_formats_need_langchain() -> None:
    """A format is an ImportError without langchain-core, an unknown one is named."""
    with pytest.raises(ImportError):
        add_messages([], ["x"], format="langchain-openai")
    with pytest.raises(ValueError, match="'zzz'"):
        add_messages([], ["x"], format="zzz")  # type: ignore[arg-type]


def test_one_side_only() -> None:
    """The side that is missing is named."""
    with pytest.raises(ValueError, match="left is None"):
        add_messages(None, ["x"])
    with pytest.raises(ValueError, match="right is None"):
        add_messages(["x"])


class _Frame:
    def __init__(self) -> None:
        self.made = 0

    def new_id(self) -> str:
        self.made += 1
        return f"id{self.made}"


def test_ids_of_a_run_come_from_its_frame() -> None:
    """Within a run the frame names messages, so that a replay names them alike; only those without an id."""
    token = context.current.set(_Frame())  # type: ignore[arg-type]
    try:
        merged = add_messages(["a"], [{"role": "user", "content": "b", "id": "own"}, "c"])
    finally:
        context.current.reset(token)

    assert [m.id for m in merged] == ["id1", "own", "id2"]


def test_a_frame_without_ids() -> None:
    """Elsewhere, and in a frame that has no ids to give, they are random."""
    token = context.current.set(object())  # type: ignore[arg-type]
    try:
        ids = {m.id for m in add_messages([], ["a", "b", "c"])}
    finally:
        context.current.reset(token)

    assert {len(name) for name in ids} == {36}
    assert len(ids) == 3


def test_the_state_names_its_reducer() -> None:
    """A graph finds the reducer in the annotation, with nothing but the standard library imported."""
    hints = typing.get_type_hints(MessagesState, include_extras=True)

    assert hints["messages"].__metadata__ == (add_messages,)


def test_importing_costs_little() -> None:
    """Neither langchain-core nor anything heavy is imported before the first call."""
    code = """
        import sys
        import lgrun.graph
        print([m for m in sys.modules if m.startswith("lgrun.graph.")])
        from lgrun.graph import END, START, MessagesState, add_messages
        print([m for m in ("langchain_core", "pydantic", "uuid", "asyncio", "orjson") if m in sys.modules])
        try:
            lgrun.graph.nonsense
        except AttributeError as error:
            print(error)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n[]\nmodule 'lgrun.graph' has no attribute 'nonsense'\n"
