"""A language model sums up a text, through any endpoint that speaks OpenAI's protocol. Needs nothing but Python.

    export OPENAI_API_KEY=sk-... OPENAI_MODEL=gpt-4o-mini                   # OpenAI, or any server that speaks
    export OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=llama3.2  # its protocol: this one is Ollama
    lgrun invoke llm -t sum text=@FILE words=50
    python -m pytest tests/test_llm.py

Every call of the model is a `@task`: paid for once. If the second one fails for good (no credit, Ctrl-C), `lgrun resume
sum` does not ask for the first again. The key is read from the environment and never saved.
"""

import json
import os
from http.client import HTTPException
from typing import Any, Required, TypedDict
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy

RETRY = RetryPolicy(max_attempts=4, retry_on=ConnectionError)


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    text: Required[str]
    words: int


def chat(prompt: str) -> str:
    """Return what the model answers. What may go better the next time is a ConnectionError."""
    key, address = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    model = os.environ.get("OPENAI_MODEL")
    if not key and not address:
        raise RuntimeError("no endpoint: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
    if not model:
        raise RuntimeError("no model: set OPENAI_MODEL")
    url = f"{address or 'https://api.openai.com/v1'}".rstrip("/") + "/chat/completions"
    body = json.dumps({"model": model, "messages": [{"role": "user", "content": prompt}]}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key or 'none'}"}
    try:
        with urlopen(Request(url, body, headers), timeout=120) as reply:
            data = reply.read()
    except HTTPError as error:
        said = f"{url}: {error.code} {error.read(1000).decode(errors='replace')}"
        if error.code < 500 and error.code != 429:
            raise RuntimeError(said) from None
        raise ConnectionError(said) from None
    except (OSError, HTTPException) as error:
        raise ConnectionError(f"{url}: {getattr(error, 'reason', error)}") from None
    try:
        text = json.loads(data)["choices"][0]["message"]["content"].strip()
    except (ValueError, LookupError, TypeError, AttributeError):
        text = ""
    if not text:
        raise ValueError(f"{url} gave no answer: is the address right, does it end in /v1?")
    return str(text)


@task(retry_policy=RETRY)
def sum_up(text: str, words: int) -> str:
    """Return the text in so many words."""
    return chat(f"Sum up this text in at most {words} words:\n\n{text}")


@task(retry_policy=RETRY)
def entitle(summary: str) -> str:
    """Return a title."""
    return chat(f"Give this text a title, five words at most, nothing else:\n\n{summary}")


@entrypoint()
def llm(inputs: Inputs) -> dict[str, Any]:
    """Sum a text up and find a title for it.

    text: which; words: how many at most (default 100).
    """
    summary = sum_up(inputs["text"], inputs.get("words", 100)).result()
    title = entitle(summary).result()
    return {"title": title, "summary": summary}
