"""An agent whose tool calls a person reviews before they run. Needs nothing but Python.

    lgrun invoke workflows/review.py -t sums message="What is 12 * 7, and 10 / 4?"   # asks; in a script: exit code 3
    lgrun resume sums --value continue                      # the first call may run
    lgrun resume sums --value update                        # the second one not like this:
    lgrun resume sums --value '{"a": 10, "b": 5}'           # with these arguments: prints "84, 2.0"
    lgrun invoke workflows/review.py -t sums message="that + 1"   # the thread goes on: it knows what was said before
    lgrun resume sums --value feedback                      # instead of running it, tell the model something
    lgrun resume sums --text "I meant that * 100"           # which proposes another call

The model is a stand-in that can read sums. A real one is used where OPENAI_BASE_URL and OPENAI_MODEL are set (and
OPENAI_API_KEY where it is needed; `pip install openai`): messages and tools are plain dicts in the form it expects.
"""

import json
import operator
import os
import re
import sys
from collections.abc import Callable
from typing import Any, Required, TypedDict

from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy, interrupt

Message = dict[str, Any]  # {"role": "user", "content": "..."} and so on
TOOLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": operator.add,
    "subtract": operator.sub,
    "multiply": operator.mul,
    "divide": operator.truediv,
}
SIGNS = dict(zip("+-*/", TOOLS, strict=True))
NUMBER = r"-?\d+(?:\.\d+)?"
SUM = re.compile(rf"({NUMBER}|that) *([-+*/]) *({NUMBER}|that)")
OPTIONS = ["continue", "update", "feedback"]


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    message: Required[str]
    model: str


def stand_in(messages: list[Message]) -> Message:
    """Propose a call for each sum in what was said last; where there is none, say what the tools have found."""
    asked = max(n for n, message in enumerate(messages) if message["role"] == "user")
    latest = max(n for n, message in enumerate(messages) if message["role"] != "tool")
    told = [message["content"] if message["role"] == "tool" else "" for message in messages]
    that = next((text for text in reversed(told) if re.fullmatch(NUMBER, text)), "0")
    calls: list[Message] = []
    for a, sign, b in SUM.findall("\n".join(message["content"] or "" for message in messages[latest:])):
        arguments = f'{{"a": {a}, "b": {b}}}'.replace("that", that)
        function = {"name": SIGNS[sign], "arguments": arguments}
        calls.append({"id": f"call_{len(messages)}_{len(calls)}", "type": "function", "function": function})
    if calls:
        return {"role": "assistant", "content": None, "tool_calls": calls}
    results = [text for text in told[asked:] if re.fullmatch(f"{NUMBER}|error: .+", text)]
    return {"role": "assistant", "content": ", ".join(results) or "I can only do sums, like 12 * 7."}


def endpoint(model: str, messages: list[Message]) -> Message:
    """Return what a real model says. What may go better the next time is a ConnectionError."""
    if not model:
        raise RuntimeError("no model: set OPENAI_MODEL, or give model=NAME")
    try:
        import openai
    except ModuleNotFoundError:
        raise RuntimeError(f"no library: {sys.executable} -m pip install openai") from None
    numbers = {"type": "object", "required": ["a", "b"], "properties": {name: {"type": "number"} for name in "ab"}}
    tools = [{"type": "function", "function": {"name": name, "parameters": numbers}} for name in TOOLS]
    with openai.OpenAI(api_key=os.environ.get("OPENAI_API_KEY") or "none", max_retries=0) as client:
        create: Any = client.chat.completions.create
        try:
            reply = create(model=model, messages=messages, tools=tools)
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            raise ConnectionError(f"{client.base_url}: {error.__cause__ or error}") from None
        if not getattr(reply, "choices", None):
            raise ValueError(f"{client.base_url} gave no answer: is the address right, does it end in /v1?")
    said = reply.choices[0].message.model_dump(include={"role", "content", "tool_calls"})
    return {key: value for key, value in said.items() if value or key == "content"}


@task(retry_policy=RetryPolicy(max_attempts=4, retry_on=ConnectionError))
def call_model(model: str, messages: list[Message]) -> Message:
    """Return what the model says: words, or calls of tools."""
    if os.environ.get("OPENAI_BASE_URL"):
        return endpoint(model or os.environ.get("OPENAI_MODEL", ""), messages)
    return stand_in(messages)


@task
def call_tool(call: Message) -> str:
    """Run a call. What goes wrong is the model's to read and mend, so it is a result too."""
    try:
        args = json.loads(call["function"]["arguments"])
        return json.dumps(TOOLS[call["function"]["name"]](args["a"], args["b"]))
    except Exception as error:
        return f"error: {error!r}"


def review_tool_call(call: Message) -> tuple[Message, str | None]:
    """Return the call as it may run, or with it the person's words that the model gets in place of a result."""
    function, hint = call["function"], ""
    try:
        args = json.loads(function["arguments"])
    except ValueError:
        args = function["arguments"]  # models make mistakes; the person can mend this one
    while True:
        question = f"{hint}Run {function['name']} with {function['arguments']}?"
        tool_call = {"id": call["id"], "name": function["name"], "args": args}
        answer = interrupt({"question": question, "options": OPTIONS, "tool_call": tool_call})
        hint = ""
        match answer:
            case "continue":
                return call, None
            case "update":
                better = interrupt({"question": "With which arguments?", "type": "json", "default": args})
                if isinstance(better, dict):
                    return {**call, "function": {**function, "arguments": json.dumps(better)}}, None
                hint = f"{better!r} is no JSON object. "
            case "feedback":
                return call, str(interrupt({"question": "What should the model know?", "type": "text"}))
            case _:
                hint = f"{answer!r} is none of {', '.join(OPTIONS)}. "


@entrypoint()
def review(inputs: Inputs, *, previous: list[Message] | None = None) -> Any:
    """Answer a message with the help of tools; a person reviews each call before it runs.

    message: what to say; model: which one, where OPENAI_BASE_URL is set (default $OPENAI_MODEL).
    """
    messages = [*(previous or []), {"role": "user", "content": inputs["message"]}]
    while True:
        reply = call_model(inputs.get("model", ""), messages).result()
        if not reply.get("tool_calls"):
            # The caller gets the answer; the next run on this thread gets the conversation, as `previous`.
            return entrypoint.final(value=reply["content"], save=[*messages, reply])
        reviewed = [review_tool_call(call) for call in reply["tool_calls"]]
        # Calling a task starts it: all that may run are under way before the first result is awaited.
        started = [call_tool(call) if words is None else words for call, words in reviewed]
        messages = [*messages, {**reply, "tool_calls": [call for call, _ in reviewed]}]
        for (call, _), run in zip(reviewed, started, strict=True):
            content = run if isinstance(run, str) else run.result()
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": content})
