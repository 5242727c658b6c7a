"""workflows/review.py: what a person can do with a tool call, what the model gets to see, what a thread remembers."""

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
from lgrun.types import Command

WORKFLOW = Path(__file__).parents[2] / "workflows" / "review.py"
THREAD = {"configurable": {"thread_id": "sums"}}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out the tester's own endpoint and proxies; wait for nothing between two attempts."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "LGRUN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.sleep", lambda seconds: None)


class Agent:
    """The workflow on one thread, its state in a directory."""

    def __init__(self, state: Path) -> None:
        spec = spec_from_file_location("review", WORKFLOW)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.workflow = module.review
        self.workflow.checkpointer = FileSaver(state)

    def say(self, message: str, **inputs: str) -> Any:
        return self._outcome({"message": message, **inputs})

    def answer(self, *values: Any) -> Any:
        """Give answers, one after another; return what the last one led to."""
        return [self._outcome(Command(resume=value)) for value in values][-1]

    def _outcome(self, given: Any) -> Any:
        """Return the question's value, or what the workflow returned."""
        result = self.workflow.invoke(given, THREAD)
        return result["__interrupt__"][0].value if isinstance(result, dict) else result


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    """The workflow, to which nothing has been said."""
    return Agent(tmp_path / "state")


# --- the person


def test_continue(agent: Agent) -> None:
    """A call is shown before it runs; who continues lets it run as it is."""
    question = agent.say("What is 12 * 7?")

    assert question == {
        "question": 'Run multiply with {"a": 12, "b": 7}?',
        "options": ["continue", "update", "feedback"],
        "tool_call": {"id": "call_1_0", "name": "multiply", "args": {"a": 12, "b": 7}},
    }
    assert agent.answer("continue") == "84"


def test_update(agent: Agent) -> None:
    """An updated call runs with other arguments, which the person starts from the old ones."""
    agent.say("12 * 7")

    assert agent.answer("update") == {"question": "With which arguments?", "type": "json", "default": {"a": 12, "b": 7}}
    assert agent.answer({"a": 12, "b": 8}) == "96"


def test_feedback(agent: Agent) -> None:
    """Feedback goes to the model in place of a result, and the model may propose something else."""
    agent.say("12 * 7")

    assert agent.answer("feedback") == {"question": "What should the model know?", "type": "text"}
    assert agent.answer("I meant 12 - 7")["tool_call"]["name"] == "subtract"
    assert agent.answer("continue") == "5"


def test_several_calls(agent: Agent) -> None:
    """The calls of one reply are reviewed one after another, and none runs before the last has been."""
    agent.say("1 + 2, 3 * 4 and 9 / 0")
    asked = [agent.answer("continue")["tool_call"], agent.answer("update")["default"]]
    tasks = list(agent.workflow.stream(Command(resume={"a": 3, "b": 5}), THREAD))

    assert [asked[0]["name"], asked[1]] == ["multiply", {"a": 3, "b": 4}]
    assert not any("call_tool" in chunk for chunk in tasks)
    assert agent.answer("continue") == "3, 15, error: ZeroDivisionError('division by zero')"


def test_no_calls(agent: Agent) -> None:
    """A message that needs no tool is answered at once."""
    assert agent.say("Hello") == "I can only do sums, like 12 * 7."


def test_other_answers(agent: Agent) -> None:
    """An answer that is none of the options, and arguments that are no object, are asked about again."""
    agent.say("12 * 7")

    assert agent.answer("yes")["question"].startswith("'yes' is none of continue, update, feedback. Run multiply")
    assert agent.answer("update", [12, 8])["question"].startswith("[12, 8] is no JSON object. Run multiply")
    assert agent.answer("update", {"a": 12}) == "error: KeyError('b')"


def test_previous(agent: Agent) -> None:
    """The next run on the thread goes on with the conversation; another thread knows nothing of it."""
    agent.say("12 * 7")
    agent.answer("continue")

    assert agent.say("that + 1")["tool_call"]["args"] == {"a": 84, "b": 1}
    assert agent.answer("continue") == "85"
    assert agent.say("that / 2")["tool_call"]["args"] == {"a": 85, "b": 2}

    elsewhere = {"configurable": {"thread_id": "other"}}
    fresh = agent.workflow.invoke({"message": "that + 1"}, elsewhere)

    assert fresh["__interrupt__"][0].value["tool_call"]["args"] == {"a": 0, "b": 1}


# --- a model behind an endpoint


class Model(HTTPServer):
    """An endpoint that gives prepared replies: messages, or status codes to fail with.

    Attributes:
        replies: the prepared ones.
        requests: what was asked.
    """

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


def test_endpoint(agent: Agent, model: Model) -> None:
    """The model is told of the tools, of calls as they were made, of results and of what the person said, in order."""
    calls = [call("x", "add", '{"a": 1, "b": 2}'), call("y", "add", "oops"), call("z", "launch", '{"a": 1, "b": 2}')]
    model.replies = [503, {"content": None, "tool_calls": calls}, {"content": "Seven."}, {"content": "Bye."}]

    agent.say("Add.")
    assert agent.answer("feedback", "better not")["tool_call"]["args"] == "oops"
    assert agent.answer("update", {"a": 3, "b": 4}, "continue") == "Seven."

    conversation = [
        {"role": "user", "content": "Add."},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [calls[0], call("y", "add", '{"a": 3, "b": 4}'), calls[2]],
        },
        {"role": "tool", "tool_call_id": "x", "content": "better not"},
        {"role": "tool", "tool_call_id": "y", "content": "7"},
        {"role": "tool", "tool_call_id": "z", "content": "error: KeyError('launch')"},
    ]
    tools = [tool["function"]["name"] for tool in model.requests[0]["tools"]]
    assert tools == ["add", "subtract", "multiply", "divide"]
    assert [request["messages"] for request in model.requests] == [conversation[:1], conversation[:1], conversation]
    assert agent.say("Thanks.", model="mine") == "Bye."

    more = [{"role": "assistant", "content": "Seven."}, {"role": "user", "content": "Thanks."}]
    assert model.requests[-1]["messages"] == conversation + more
    assert [request["model"] for request in model.requests] == ["stub", "stub", "stub", "mine"]


def test_endpoint_trouble(agent: Agent, model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server in trouble is asked four times; a missing library is an error that says how to get it."""
    model.replies = [500, 502, 503, 429, {"content": "Hello."}]

    with pytest.raises(ConnectionError, match="Error code: 429"):
        agent.say("Hello")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "openai", None)
        with pytest.raises(RuntimeError, match="-m pip install openai"):
            agent.workflow.invoke(None, THREAD)

    assert agent.workflow.invoke(None, THREAD) == "Hello."


# --- the installed command


def test_from_the_shell(tmp_path: Path) -> None:
    """The commands of the docstring, without an endpoint and without a library."""

    def lgrun(*arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
            cwd=tmp_path,
            env={**os.environ, "LGRUN_STATE_DIR": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout.rstrip("\n")

    def invoke(message: str) -> tuple[int, str]:
        return lgrun("invoke", str(WORKFLOW), "-t", "sums", f"message={message}")

    assert invoke("What is 12 * 7, and 10 / 4?") == (3, "")
    assert lgrun("resume", "sums", "--value", "continue") == (3, "")
    assert lgrun("show", "sums", "--get", "questions.0.value.tool_call.args.b") == (0, "4")
    assert lgrun("resume", "sums", "--value", "update") == (3, "")
    assert lgrun("resume", "sums", "--value", '{"a": 10, "b": 5}') == (0, '"84, 2.0"')
    assert invoke("that + 1") == (3, "")
    assert lgrun("resume", "sums", "--value", "feedback") == (3, "")
    assert lgrun("resume", "sums", "--text", "I meant that * 100") == (3, "")
    assert lgrun("resume", "sums", "--value", "continue") == (0, '"200.0"')
