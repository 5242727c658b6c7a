"""workflows/react.py: the loop of an agent and its tools, what tools refuse, what a model behind an endpoint gets."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.file import FileSaver

WORKFLOW = Path(__file__).parents[2] / "workflows" / "react.py"
THREAD = {"configurable": {"thread_id": "docs"}}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Start in a folder with two files; keep out the tester's own endpoint and proxies; wait for no second attempt."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "LGRUN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    here = tmp_path / "here"
    here.mkdir()
    (here / "README.md").write_text("# A thing\n\nIt does things.\n")
    (here / ".env").write_text("SECRET=1")
    (tmp_path / "outside.md").write_text("private")
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def agent(tmp_path: Path) -> Any:
    """The graph, its threads in a directory."""
    spec = spec_from_file_location("react", WORKFLOW)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    module.react.checkpointer = FileSaver(tmp_path / "state")
    return module.react


def said(agent: Any) -> list[tuple[str, str]]:
    """Return the conversation of the thread: who said what, or which tools were called."""
    return [
        (each["role"], each["content"] or json.dumps([call["function"] for call in each["tool_calls"]]))
        for each in agent.get_state(THREAD).values["messages"]
    ]


def test_the_loop(agent: Any) -> None:
    """The stand-in lists files, reads one and answers; the thread remembers what was said."""
    assert agent.invoke({"question": "What?"}, THREAD) == {"answer": "README.md begins with: # A thing"}
    assert [role for role, _ in said(agent)] == ["user", "assistant", "tool", "assistant", "tool", "assistant"]

    agent.invoke({"question": "And?"}, THREAD)
    assert [text for role, text in said(agent) if role == "user"] == ["What?", "And?"]
    Path("README.md").unlink()
    assert agent.invoke({"question": "Now?"}, THREAD) == {"answer": "There is no Markdown file here."}


# --- a model behind an endpoint


class Model(HTTPServer):
    """An endpoint that gives prepared replies: messages, or status codes to fail with."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[dict[str, Any] | int] = []
        self.requests: list[dict[str, Any]] = []


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        self.server.requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        reply = self.server.replies.pop(0)
        body: dict[str, Any] = {"error": {"message": "no"}}
        if isinstance(reply, dict):
            choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "refusal": None, **reply}}
            body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        self.send_response(reply if isinstance(reply, int) else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """An endpoint that the environment names."""
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", f"http://127.0.0.1:{server.server_port}/v1")
        monkeypatch.setenv("OPENAI_MODEL", "stub")
        yield server
        server.shutdown()
        thread.join()


def call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    """Return a tool call as a model makes it."""
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_endpoint(agent: Any, model: Model) -> None:
    """The model is told of the tools and gets every result in the order of its calls; trouble is tried again."""
    calls = [call("x", "list_files", '{"pattern": "*"}'), call("y", "read_file", '{"path": "README.md"}')]
    model.replies = [503, {"content": None, "tool_calls": calls}, {"content": "A thing."}]

    assert agent.invoke({"question": "What?"}, THREAD) == {"answer": "A thing."}
    tools = [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert tools == ["list_files", "read_file"]
    assert [request["model"] for request in model.requests] == ["stub"] * 3
    assert model.requests[-1]["messages"] == [
        {"role": "user", "content": "What?"},
        {"role": "assistant", "content": None, "tool_calls": calls},
        {"role": "tool", "tool_call_id": "x", "content": "README.md"},
        {"role": "tool", "tool_call_id": "y", "content": "# A thing\n\nIt does things.\n"},
    ]


def test_what_tools_refuse(agent: Any, model: Model, folder: Path) -> None:
    """Nothing hidden and nothing outside the folder is read; mistakes of the model are told to it."""
    (folder / "link.md").symlink_to(folder.parent / "outside.md")
    wrong = ["../outside.md", "link.md", ".env", "missing.md"]
    calls = [call(path, "read_file", json.dumps({"path": path})) for path in wrong]
    calls += [
        call("launch", "launch", "{}"),
        call("oops", "read_file", "oops"),
        call("up", "list_files", '{"pattern": "../*"}'),
    ]
    model.replies = [{"content": None, "tool_calls": calls}, {"content": "Sorry."}]

    agent.invoke({"question": "Secrets?"}, THREAD)
    results = [message["content"] for message in model.requests[-1]["messages"] if message["role"] == "tool"]
    assert len(results) == len(calls)
    assert not [text for text in results if "private" in text or "SECRET" in text]
    assert ["PermissionError" in text for text in results[:4]] == [True] * 4
    assert "KeyError('launch')" in results[4]
    assert results[5].startswith("error: JSONDecodeError")
    assert results[6] == "there are none"


def test_trouble_is_taken_up_where_it_was(agent: Any, model: Model) -> None:
    """When the endpoint stays away, the run fails; going on repeats no finished call."""
    model.replies = [{"content": None, "tool_calls": [call("x", "list_files", '{"pattern": "*"}')]}, 500, 500, 500, 500]
    with pytest.raises(ConnectionError, match="Error code: 500"):
        agent.invoke({"question": "What?"}, THREAD)

    Path("README.md").unlink()
    model.replies = [{"content": "Done."}]
    assert agent.invoke(None, THREAD) == {"answer": "Done."}
    assert model.requests[-1]["messages"][-1]["content"] == "README.md"


def test_from_the_shell(tmp_path: Path) -> None:
    """The commands of the docstring, without an endpoint and without a library."""

    def lgrun(*arguments: str) -> str:
        done = subprocess.run(
            [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
            env={**os.environ, "LGRUN_STATE_DIR": str(tmp_path / "shell")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout

    answer = lgrun("invoke", str(WORKFLOW), "-t", "docs", "question=What is this?")
    assert json.loads(answer) == {"answer": "README.md begins with: # A thing"}
    lgrun("invoke", str(WORKFLOW), "-t", "docs", "question=And?")
    assert lgrun("show", "docs", "--graph").count("✓ agent") == 3
