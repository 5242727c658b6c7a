"""workflows/llm.py with a server on this machine that stands for the model; nothing leaves it, nothing is paid for."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.memory import InMemorySaver

sys.path.insert(0, str(Path(__file__).parents[1] / "workflows"))
import llm as module

THREAD: Any = {"configurable": {"thread_id": "sum"}}


class Model(ThreadingHTTPServer):
    """An endpoint that says what it is asked for; `trouble` are status codes to answer with first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[dict[str, Any]] = []
        self.trouble: list[int] = []


class Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, "key": self.headers["Authorization"], **body})
        said = "A title" if "title" in body["messages"][0]["content"] else "A summary"
        reply = json.dumps({"choices": [{"message": {"role": "assistant", "content": said}}]}).encode()
        self.send_response(self.server.trouble.pop(0) if self.server.trouble else 200)
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """The endpoint, which the environment names."""
    with Model() as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_API_KEY", "secret")
        monkeypatch.setenv("OPENAI_MODEL", "small")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()
        serving.join()


@pytest.fixture
def workflow() -> Any:
    """The workflow, which keeps its threads in memory."""
    module.llm.checkpointer = InMemorySaver()
    return module.llm


def test_two_questions_to_the_model(model: Model, workflow: Any) -> None:
    result = workflow.invoke({"text": "Once upon a time", "words": 20}, THREAD)

    assert result == {"title": "A title", "summary": "A summary"}
    first, second = model.asked
    assert (first["path"], first["model"], first["key"]) == ("/v1/chat/completions", "small", "Bearer secret")
    assert "at most 20 words" in first["messages"][0]["content"]
    assert "Once upon a time" in first["messages"][0]["content"]
    assert "A summary" in second["messages"][0]["content"]


def test_a_busy_server_is_asked_again(model: Model, workflow: Any) -> None:
    model.trouble = [503]

    assert workflow.invoke({"text": "Once"}, THREAD)["title"] == "A title"
    assert len(model.asked) == 3


def test_a_resume_pays_for_nothing_twice(model: Model, workflow: Any) -> None:
    model.trouble = [200, 401]
    with pytest.raises(RuntimeError, match="401"):
        workflow.invoke({"text": "Once"}, THREAD)

    assert workflow.invoke(None, THREAD)["title"] == "A title"  # what `lgrun resume` does
    assert len(model.asked) == 3


def test_without_an_endpoint_it_says_what_to_set(workflow: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(RuntimeError, match="set OPENAI_API_KEY"):
        workflow.invoke({"text": "Once"}, THREAD)
