"""The installed command on the workflows of this repository, and an endpoint that stands for a language model."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest

WORKFLOWS = Path(__file__).parents[2] / "workflows"


class Done(NamedTuple):
    """What a command did."""

    code: int
    stdout: str
    stderr: str

    @property
    def value(self) -> Any:
        """Return what the workflow returned."""
        assert self.code == 0, self
        return json.loads(self.stdout)


class Shell:
    """Runs `lgrun`, with a state directory of its own and without an endpoint, unless `env` names one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "LGRUN_", "PYTEST"))}
        clean = {k: v for k, v in kept.items() if not k.lower().endswith("_proxy")}
        self.env = {**clean, "LGRUN_STATE_DIR": str(folder / "state")}

    def __call__(self, *arguments: str) -> Done:
        done = subprocess.run(
            [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
            cwd=self.folder,
            env=self.env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def invoke(self, name: str, *arguments: str) -> Done:
        """Run a workflow of this repository."""
        return self("invoke", str(WORKFLOWS / f"{name}.py"), *arguments)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    """The command, in an empty folder."""
    return Shell(tmp_path)


class Endpoint(ThreadingHTTPServer):
    """A server that speaks the protocol and gives prepared replies.

    Attributes:
        replies: by a text that the last message contains, each used once: what is said, tool calls, or a status code.
        requests: what was asked.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.replies: list[tuple[str, Any]] = []
        self.requests: list[dict[str, Any]] = []
        self.mutex = threading.Lock()

    def reply_to(self, request: dict[str, Any]) -> Any:
        """Return the first reply that is meant for a request, whatever the order in which requests come."""
        last = request["messages"][-1]["content"]
        with self.mutex:
            self.requests.append(request)
            for n, (part, _) in enumerate(self.replies):
                if part in last:
                    return self.replies.pop(n)[1]
        return 418


class _Handler(BaseHTTPRequestHandler):
    server: Endpoint

    def do_POST(self) -> None:
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = self.server.reply_to(request)
        said = reply if isinstance(reply, dict) else {"content": reply}
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "refusal": None, **said}}
        body = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
        self.send_response(reply if isinstance(reply, int) else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(shell: Shell) -> Iterator[Endpoint]:
    """An endpoint that the command's environment names."""
    with Endpoint() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        shell.env |= {"OPENAI_BASE_URL": f"http://127.0.0.1:{server.server_port}/v1", "OPENAI_MODEL": "stub"}
        yield server
        server.shutdown()
        thread.join()


def calls(name: str, *arguments: str) -> dict[str, Any]:
    """Return a reply that has a tool called, once for each of `arguments`."""
    made = [
        {"id": f"{name}{n}", "type": "function", "function": {"name": name, "arguments": given}}
        for n, given in enumerate(arguments)
    ]
    return {"content": None, "tool_calls": made}
