"""An agent that answers questions about the files of the folder it is started in. Needs nothing but Python.

    lgrun invoke workflows/react.py -t docs question="What is this?"     # lists files, reads some, answers
    lgrun invoke workflows/react.py -t docs question="And how do I install it?"   # the thread remembers
    lgrun show docs --graph                                              # what the agent did

A graph with a loop: `agent` asks the model; each call of a tool that it answers with is sent to a `tool` node, and
these lead back to `agent`. Every finished call is saved: after a crash or Ctrl-C, `lgrun resume docs` goes on.

The model is a stand-in that reads the first Markdown file. A real one is used where OPENAI_BASE_URL and OPENAI_MODEL
are set (and OPENAI_API_KEY where it is needed; `pip install openai`).
"""

import json
import operator
import os
import sys
from pathlib import Path
from typing import Annotated, Any, TypedDict

from lgrun.graph import END, START, StateGraph
from lgrun.types import RetryPolicy, Send

Message = dict[str, Any]  # {"role": "user", "content": "..."} and so on
LONGEST = 20_000  # characters of a file that the model gets to see


def list_files(pattern: str) -> str:
    """List the files that a pattern like *.md or src/**/*.py matches."""
    return "\n".join(sorted(str(path) for path in Path().glob(pattern) if _is_open(path))) or "there are none"


def read_file(path: str) -> str:
    """Read a text file."""
    if not _is_open(Path(path)):
        raise PermissionError(f"{path} is no file of this folder")
    return Path(path).read_text(encoding="utf-8", errors="replace")[:LONGEST]


def _is_open(path: Path) -> bool:
    """Tell whether the model may see a file: nothing hidden, nothing outside the folder, wherever links lead."""
    found = path.resolve()
    inside = found.is_relative_to(Path.cwd()) and found.is_file()
    return inside and not any(part.startswith(".") for part in found.relative_to(Path.cwd()).parts)


TOOLS = {"list_files": (list_files, "pattern"), "read_file": (read_file, "path")}


class Input(TypedDict):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    question: str


class Output(TypedDict):
    """What the graph returns."""

    answer: str


class State(Input, Output):
    """What nodes see. New messages are added to those of earlier runs on the thread."""

    messages: Annotated[list[Message], operator.add]


def ask(state: State) -> dict[str, Any]:
    """Add the question to the conversation."""
    return {"messages": [{"role": "user", "content": state["question"]}]}


def agent(state: State) -> dict[str, Any]:
    """Ask the model what to say, or which tools to call."""
    model = endpoint if os.environ.get("OPENAI_BASE_URL") else stand_in
    reply = model(state["messages"])
    return {"messages": [reply], "answer": reply.get("content") or ""}


def calls(state: State) -> list[Send] | str:
    """Send each call of a tool to a node of its own; without any, the answer is there."""
    return [Send("tool", call) for call in state["messages"][-1].get("tool_calls", ())] or END


def tool(call: Message) -> dict[str, Any]:
    """Run one call. What goes wrong is the model's to read and mend, so it is a result too."""
    try:
        run, argument = TOOLS[call["function"]["name"]]
        content = run(json.loads(call["function"]["arguments"])[argument])
    except Exception as error:
        content = f"error: {error!r}"
    return {"messages": [{"role": "tool", "tool_call_id": call["id"], "content": content}]}


def endpoint(messages: list[Message]) -> Message:
    """Return what a real model says. What may go better the next time is a ConnectionError."""
    try:
        import openai
    except ModuleNotFoundError:
        raise RuntimeError(f"no library: {sys.executable} -m pip install openai") from None
    tools = [
        {
            "type": "function",
            "function": {
                "name": name,
                "description": run.__doc__,
                "parameters": {"type": "object", "required": [key], "properties": {key: {"type": "string"}}},
            },
        }
        for name, (run, key) in TOOLS.items()
    ]
    with openai.OpenAI(api_key=os.environ.get("OPENAI_API_KEY") or "none", max_retries=0) as client:
        create: Any = client.chat.completions.create
        try:
            reply = create(model=os.environ.get("OPENAI_MODEL", ""), messages=messages, tools=tools)
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            raise ConnectionError(f"{client.base_url}: {error.__cause__ or error}") from None
        if not getattr(reply, "choices", None):
            raise ValueError(f"{client.base_url} gave no answer: is the address right, does it end in /v1?")
    said = reply.choices[0].message.model_dump(include={"role", "content", "tool_calls"})
    return {key: value for key, value in said.items() if value or key == "content"}


def stand_in(messages: list[Message]) -> Message:
    """List the Markdown files, read the first one, tell its first line."""
    asked = max(n for n, message in enumerate(messages) if message["role"] == "user")
    match [message["content"] for message in messages[asked:] if message["role"] == "tool"]:
        case []:
            name, arguments = "list_files", {"pattern": "*.md"}
        case ["there are none"]:
            return {"role": "assistant", "content": "There is no Markdown file here."}
        case [files]:
            name, arguments = "read_file", {"path": files.split("\n")[0]}
        case [files, text, *_]:
            said = f"{files.split(chr(10))[0]} begins with: {text.strip().split(chr(10))[0]}"
            return {"role": "assistant", "content": said}
    function = {"name": name, "arguments": json.dumps(arguments)}
    call = {"id": f"call_{len(messages)}", "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


react = (
    StateGraph(State, input_schema=Input, output_schema=Output)
    .add_node(ask)
    .add_node(agent, retry_policy=RetryPolicy(max_attempts=4, retry_on=ConnectionError))
    .add_node(tool)
    .add_edge(START, "ask")
    .add_edge("ask", "agent")
    .add_conditional_edges("agent", calls, ["tool", END])
    .add_edge("tool", "agent")
    .compile(name="react")
)
