"""Stream mode `messages` beyond what the programs of the fidelity suite compare."""

import subprocess
import sys
import textwrap
from typing import Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint, task


def output(code: str) -> list[str]:
    """Return the lines that a program prints in a process of its own."""
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def model(*texts: str) -> Any:
    return GenericFakeChatModel(messages=iter([AIMessage(text) for text in texts]))


def test_messages_without_the_library() -> None:
    """Without langchain-core the mode yields the dicts that are pushed, and nothing else."""
    lines = output(
        """
        import sys
        sys.modules["langchain_core"] = None
        from lgrun.func import entrypoint
        from lgrun.graph import push_message

        @entrypoint()
        def main(x):
            push_message({"role": "user", "content": "hi", "id": "1"})
            return {"role": "assistant", "content": "bye", "id": "2"}

        for message, metadata in main.stream(1, stream_mode="messages"):
            print(message, metadata["langgraph_node"])
        """
    )

    assert lines == ["{'role': 'user', 'content': 'hi', 'id': '1'} main"]


def test_the_library_is_loaded_for_those_who_ask() -> None:
    """Mode `messages` imports it, no other mode does."""
    lines = output(
        """
        import sys
        from lgrun.func import entrypoint

        @entrypoint()
        def main(x):
            return x

        for mode in ("updates", "values", "custom", "messages"):
            list(main.stream(1, stream_mode=mode))
            print(mode, "langchain_core" in sys.modules)
        """
    )

    assert lines == ["updates False", "values False", "custom False", "messages True"]


def test_tokens_are_not_stored(tmp_path: Any) -> None:
    """What a model says while it is heard is on no disk, unless the code returns it."""
    saver = FileSaver(tmp_path / "state")

    @task
    def ask() -> int:
        return len(model("unforgettable words").invoke("hi").content)

    main = entrypoint(checkpointer=saver)(lambda x: ask().result())
    chunks = list(main.stream(1, {"configurable": {"thread_id": "t"}}, stream_mode="messages"))

    assert [chunk.content for chunk, _ in chunks] == ["unforgettable", " ", "words"]
    files = [path for path in tmp_path.rglob("*") if path.is_file() and not path.name.startswith("source-")]
    assert files
    assert not any(b"unforgettable" in path.read_bytes() for path in files)


def test_events_tell_of_tokens_if_asked() -> None:
    """A listener to events hears tokens only if it says so: hearing them makes models stream."""

    @task
    def ask() -> str:
        return model("a b").invoke("hi").content  # type: ignore[no-any-return]

    main = entrypoint()(lambda x: ask().result())

    def heard(tokens: bool) -> list[Any]:
        return [(e.name, e.message.content) for e in main.events(1, tokens=tokens) if e.type == "token"]

    assert heard(False) == []
    # The last one is the whole message, for those who saw no part of it.
    assert heard(True)[:3] == [("ask", "a"), ("ask", " "), ("ask", "b")]


def test_the_configuration_of_one_task_does_not_reach_the_next() -> None:
    """Models that are called outside of workflow code are told of no callbacks."""
    from langchain_core.runnables.config import var_child_runnable_config

    main = entrypoint()(lambda x: model("a").invoke("hi").content)
    before = var_child_runnable_config.get()
    main.invoke(1, {"tags": ["red"]}, stream_mode="messages")

    assert var_child_runnable_config.get() is before
