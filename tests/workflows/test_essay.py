"""workflows/essay.py against a small server that speaks the protocol: what is asked of it, and what only once."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.file import FileSaver
from lgrun.types import Command

WORKFLOW = Path(__file__).parents[2] / "workflows" / "essay.py"
THREAD = {"configurable": {"thread_id": "cats"}}
OUTLINE = "# 1. Ships\n- Storms\n\n**Harbours:**\nOne too many"
ESSAY = "# Cats\n\n## Ships\n\nOn Ships.\n\n## Storms\n\nOn Storms.\n\n## Harbours\n\nOn Harbours.\n"


class Model(ThreadingHTTPServer):
    """An endpoint that outlines and writes, always the same.

    Attributes:
        prompts: what was asked of it.
        keys: the Authorization headers that came with it.
        trouble: status codes to answer with, the first one first, by a word of the prompt.
        meet: where requests for sections wait for each other.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.prompts: list[str] = []
        self.keys: list[str | None] = []
        self.models: list[str] = []
        self.trouble: dict[str, list[int]] = {}
        self.meet: threading.Barrier | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def asked_for(self, word: str) -> int:
        """Return how many requests had the word in their prompt."""
        return sum(word in prompt for prompt in self.prompts)


class _Handler(BaseHTTPRequestHandler):
    server: Model

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        prompt = body["messages"][0]["content"]
        self.server.prompts.append(prompt)
        self.server.keys.append(self.headers["Authorization"])
        self.server.models.append(body["model"])
        if self.server.meet is not None and "section '" in prompt:
            self.server.meet.wait(10)
        trouble = next((codes for word, codes in self.server.trouble.items() if word in prompt and codes), None)
        if self.path != "/v1/chat/completions":
            self._reply(200, "text/html", "<h1>Welcome</h1>")
        elif trouble:
            self._reply(trouble.pop(0), "application/json", '{"error": {"message": "no"}}')
        else:
            message = {"role": "assistant", "content": self._text(prompt)}
            choice = {"index": 0, "finish_reason": "stop", "message": message}
            reply = {"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}
            self._reply(200, "application/json", json.dumps(reply))

    def _text(self, prompt: str) -> str:
        if prompt.startswith("Outline"):
            return OUTLINE
        heading = prompt.split("'")[1]
        wish = prompt.partition("The editor wants: ")[2].partition("\n")[0]
        return f"On {heading}{f', {wish}' if wish else ''}.\n"

    def _reply(self, status: int, kind: str, text: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep out the tester's own endpoint and proxies; wait for nothing between two attempts."""
    for name in list(os.environ):
        if name.startswith(("OPENAI_", "LGRUN_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setattr("time.sleep", lambda seconds: None)


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> Iterator[Model]:
    """An endpoint that the environment names."""
    with Model() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        monkeypatch.setenv("OPENAI_BASE_URL", server.address)
        monkeypatch.setenv("OPENAI_MODEL", "stub")
        yield server
        server.shutdown()
        thread.join()


class Essay:
    """The workflow on one thread, its state in a directory."""

    def __init__(self, state: Path) -> None:
        spec = spec_from_file_location("essay", WORKFLOW)
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        self.workflow = module.essay
        self.workflow.checkpointer = FileSaver(state)

    def start(self, **inputs: Any) -> Any:
        return self._outcome({"topic": "Cats", **inputs})

    def answer(self, value: Any) -> Any:
        return self._outcome(Command(resume=value))

    def go_on(self) -> Any:
        return self._outcome(None)

    def _outcome(self, given: Any) -> Any:
        """Return the question's value, or what the workflow returned."""
        result = self.workflow.invoke(given, THREAD)
        return result["__interrupt__"][0].value if "__interrupt__" in result else result


@pytest.fixture
def essay(tmp_path: Path) -> Essay:
    """The workflow, not yet started."""
    return Essay(tmp_path / "state")


# --- the essay


def test_written_and_approved(model: Model, essay: Essay) -> None:
    """The headings become sections, the sections an essay, and an approved essay is the result."""
    question = essay.start()

    assert question == {"question": "Is the essay good?", "options": ["approve", "revise", "stop"], "essay": ESSAY}
    assert essay.answer("approve") == {"status": "approved", "model": "stub", "essay": ESSAY}
    assert len(model.prompts) == 4


def test_stopped(model: Model, essay: Essay) -> None:
    """Who stops keeps what was written."""
    essay.start(sections=1)

    assert essay.answer("stop") == {"status": "stopped", "model": "stub", "essay": "# Cats\n\n## Ships\n\nOn Ships.\n"}


def test_revised(model: Model, essay: Essay) -> None:
    """To revise is to say what should be better; the model gets that with its own text, and is asked again."""
    essay.start(sections=1)

    assert essay.answer("revise")["question"] == "What should be better?"
    assert essay.answer("drier")["essay"] == "# Cats\n\n## Ships\n\nOn Ships, drier.\n"
    assert "You wrote:\n\nOn Ships.\n\nThe editor wants: drier\n" in model.prompts[-1]
    assert essay.answer("approve")["status"] == "approved"
    assert len(model.prompts) == 3


def test_other_answers(model: Model, essay: Essay) -> None:
    """An answer that is none of the options is asked about, not guessed at."""
    essay.start(sections=1)

    assert essay.answer("yes")["question"] == "'yes' is none of approve, revise, stop. Is the essay good?"
    assert essay.answer(["approve"])["question"].startswith("['approve'] is none of")
    assert essay.answer("approve")["status"] == "approved"


def test_sections_are_written_in_parallel(model: Model, essay: Essay) -> None:
    """All sections are asked for at the same time: no answer comes before all three requests are there."""
    model.meet = threading.Barrier(3)

    assert essay.start()["essay"] == ESSAY


def test_progress(model: Model, essay: Essay) -> None:
    """Each section that is written is an event of the stream."""
    events = list(essay.workflow.stream({"topic": "Cats"}, THREAD, stream_mode="custom"))

    assert sorted(event["section"] for event in events) == ["Harbours", "Ships", "Storms"]
    assert {event["words"] for event in events} == {2}


def test_key_and_model(model: Model, essay: Essay, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The key goes to the endpoint and into no file; the model of the input wins, and is kept by the thread."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    essay.start(sections=1, model="mine")
    essay.answer("revise")
    essay.answer("drier")

    assert set(model.keys) == {"Bearer sk-secret"}
    assert set(model.models) == {"mine"}
    files = [path for path in (tmp_path / "state").rglob("*") if path.is_file()]
    assert files
    assert not any(b"sk-secret" in path.read_bytes() for path in files)


# --- what fails


@pytest.mark.parametrize("status", [503, 500, 429])
def test_trouble_of_the_server_is_retried(model: Model, essay: Essay, status: int) -> None:
    """A server that is down or busy once is asked once more, and for nothing else again."""
    model.trouble = {"section 'Storms'": [status]}

    assert essay.start()["essay"] == ESSAY
    assert model.asked_for("section 'Storms'") == 2
    assert len(model.prompts) == 5


def test_attempts_end(model: Model, essay: Essay) -> None:
    """After four attempts, which are lgrun's alone, the error says who answered what."""
    model.trouble = {"Outline": [503] * 9}

    with pytest.raises(ConnectionError) as caught:
        essay.start()

    assert str(caught.value).startswith(f"{model.address}/: Error code: 503")
    assert len(model.prompts) == 4


def test_mistakes_are_not_retried(model: Model, essay: Essay) -> None:
    """What the server refuses (a wrong key, say) is an error at once; the next run goes on behind what was saved."""
    model.trouble = {"section 'Storms'": [401]}

    with pytest.raises(Exception, match="Error code: 401"):
        essay.start()

    assert model.asked_for("section 'Storms'") == 1
    assert essay.go_on()["essay"] == ESSAY
    assert [model.asked_for(word) for word in ("Outline", "'Ships'", "'Storms'", "'Harbours'")] == [1, 1, 2, 1]


def test_nobody_there(model: Model, essay: Essay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing listens, the error names the address and the reason."""
    with Model() as closed:
        monkeypatch.setenv("OPENAI_BASE_URL", closed.address)

    with pytest.raises(ConnectionError) as caught:
        essay.start()

    assert str(caught.value).startswith(f"{closed.address}/: ")
    assert str(caught.value).endswith("Connection refused")


def test_wrong_address(model: Model, essay: Essay, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web page in place of an answer is an error of one line that says what to look at."""
    monkeypatch.setenv("OPENAI_BASE_URL", model.address.removesuffix("/v1"))

    with pytest.raises(ValueError, match=r"gave no answer: is the address right, does it end in /v1\?"):
        essay.start()


def test_no_library(model: Model, essay: Essay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the library the error is the command that installs it; afterwards the same run goes on."""
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "openai", None)

        with pytest.raises(RuntimeError) as caught:
            essay.start()

    assert str(caught.value) == f"no library: {sys.executable} -m pip install openai"
    assert model.prompts == []
    assert essay.go_on()["essay"] == ESSAY


def test_no_model(model: Model, essay: Essay, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a model the error names the variable and the input."""
    monkeypatch.delenv("OPENAI_MODEL")

    with pytest.raises(RuntimeError, match="no model: set OPENAI_MODEL, or give model=NAME"):
        essay.start()


# --- the installed command


@pytest.fixture
def lgrun(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Return how to run the command, without a terminal."""

    def call(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [Path(sys.executable).with_name("lgrun"), *arguments, "--no-input"],
            cwd=tmp_path,
            env={**os.environ, "LGRUN_STATE_DIR": str(tmp_path / "state")},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def test_from_the_shell(model: Model, lgrun: Callable[..., Any]) -> None:
    """The commands of the docstring: ask, show, revise, approve, and the essay as it is on stdout."""
    asked = lgrun("invoke", str(WORKFLOW), "-t", "cats", "topic=Cats", "sections=2")

    assert (asked.returncode, asked.stdout) == (3, ""), asked.stderr
    assert '· {"section": "Storms", "words": 2}' in asked.stderr
    assert lgrun("show", "cats", "--get", "questions.0.value.essay").stdout.startswith("# Cats\n\n## Ships\n")
    assert lgrun("resume", "cats", "--value", "revise").returncode == 3
    assert lgrun("resume", "cats", "--text", "drier").returncode == 3

    approved = lgrun("resume", "cats", "--value", "approve", "--get", "value.essay")

    assert approved.returncode == 0, approved.stderr
    assert approved.stdout.rstrip() == "# Cats\n\n## Ships\n\nOn Ships, drier.\n\n## Storms\n\nOn Storms, drier."


def test_failure_in_the_shell(model: Model, lgrun: Callable[..., Any]) -> None:
    """After a failure of one section `lgrun resume` asks the model for that section and for nothing else."""
    model.trouble = {"section 'Storms'": [400]}

    failed = lgrun("invoke", str(WORKFLOW), "-t", "cats", "topic=Cats")

    assert (failed.returncode, failed.stdout) == (1, ""), failed.stderr
    assert "lgrun resume cats" in failed.stderr

    before = list(model.prompts)
    resumed = lgrun("resume", "cats")

    assert resumed.returncode == 3, resumed.stderr
    (again,) = model.prompts[len(before) :]
    assert "section 'Storms'" in again
    assert json.loads(lgrun("resume", "cats", "--value", "approve").stdout)["essay"] == ESSAY


def test_no_endpoint_in_the_shell(lgrun: Callable[..., Any]) -> None:
    """Where nothing is set, one line says which variables there are; a missing topic is a mistake of the command."""
    unset = lgrun("invoke", str(WORKFLOW), "topic=Cats")
    missing = lgrun("invoke", str(WORKFLOW))

    assert (unset.returncode, unset.stdout) == (1, "")
    message = "no endpoint: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own"
    assert f"  RuntimeError: {message}\n" in unset.stderr
    assert missing.returncode == 2
    assert "topic" in missing.stderr
