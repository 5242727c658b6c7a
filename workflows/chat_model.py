"""How the workflows beside this file ask a language model. Not a workflow itself.

    export OPENAI_API_KEY=sk-... OPENAI_MODEL=gpt-4o-mini                     # OpenAI, or any server that speaks
    export OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=llama3.2    # its protocol: this one is Ollama

and `pip install openai`. Without these variables a stand-in answers, a few lines of Python in each file, so everything
runs offline and shows the same course of events.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from lgrun.types import RetryPolicy

Message = dict[str, Any]  # {"role": "user", "content": "..."} and so on
RETRY = RetryPolicy(max_attempts=4, retry_on=ConnectionError)


def tool(name: str, description: str, **parameters: str) -> Message:
    """Describe a tool with text parameters as the endpoint wants it."""
    properties = {key: {"type": "string", "description": text} for key, text in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


def calling(name: str, arguments: Sequence[dict[str, str]]) -> Message:
    """Return what a stand-in says to have a tool called, once for each of `arguments`."""
    functions = [{"name": name, "arguments": json.dumps(given)} for given in arguments]
    calls = [{"id": f"call_{n}", "type": "function", "function": function} for n, function in enumerate(functions)]
    return {"role": "assistant", "content": None, "tool_calls": calls}


def chat(
    messages: list[Message], stand_in: Callable[[list[Message]], str | Message], tools: Sequence[Message] = ()
) -> Message:
    """Return the model's next message: words, or calls of tools. Call it in a task, so that it is paid for once.

    Raises:
        ConnectionError: what may go better the next time; tasks retry it with RETRY.
    """
    if not (os.environ.get("OPENAI_API_KEY") or os.environ.get("OPENAI_BASE_URL")):
        said = stand_in(messages)
        return {"role": "assistant", "content": said} if isinstance(said, str) else said
    model = os.environ.get("OPENAI_MODEL")
    if not model:
        raise RuntimeError("no model: set OPENAI_MODEL")
    try:
        import openai  # here, so that `lgrun list` and the stand-ins do without it
    except ModuleNotFoundError:
        raise RuntimeError(f"no library: {sys.executable} -m pip install openai") from None
    with openai.OpenAI(api_key=os.environ.get("OPENAI_API_KEY") or "none", max_retries=0) as client:
        create: Any = client.chat.completions.create
        try:
            reply = create(model=model, messages=messages, **({"tools": list(tools)} if tools else {}))
        except (openai.APIConnectionError, openai.InternalServerError, openai.RateLimitError) as error:
            raise ConnectionError(f"{client.base_url}: {error.__cause__ or error}") from None
        if not getattr(reply, "choices", None):
            raise ValueError(f"{client.base_url} gave no answer: is the address right, does it end in /v1?")
    said = reply.choices[0].message.model_dump(include={"role", "content", "tool_calls"})
    return {key: value for key, value in said.items() if value or key == "content"}


def ask(prompt: str, stand_in: Callable[[str], str]) -> str:
    """Return what the model answers to one prompt."""
    reply = chat([{"role": "user", "content": prompt}], lambda _: stand_in(prompt))
    return str(reply["content"] or "").strip()
