"""An essay by a language model, section by section, until a person approves it. Needs `pip install openai`.

    export OPENAI_API_KEY=sk-... OPENAI_MODEL=gpt-4o-mini                     # OpenAI, or any server that speaks
    export OPENAI_BASE_URL=http://localhost:11434/v1 OPENAI_MODEL=llama3.2    # its protocol: this one is Ollama
    lgrun invoke workflows/essay.py -t cats topic="Cats at sea" sections=4    # asks; in a script: exit code 3
    lgrun show cats --get questions.0.value.essay                             # what has been written
    lgrun resume cats --value revise                                          # asks what should be better
    lgrun resume cats --text "More storms."                                   # writes it again, asks again
    lgrun resume cats --value approve --get value.essay >cats.md              # or `stop`

Every call of the model is a `@task`: paid for once. If the third of four sections fails (a timeout, no credit, Ctrl-C),
`lgrun resume cats` asks for that one and not for the others. The key is read from the environment and never saved.
"""

import os
import re
import sys
from typing import Any, Required, TypedDict

from lgrun.config import get_stream_writer
from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy, interrupt

RETRY = RetryPolicy(max_attempts=4, retry_on=ConnectionError)
OPTIONS = ["approve", "revise", "stop"]


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    topic: Required[str]
    sections: int
    model: str


def connect() -> Any:
    """Return a client for the endpoint that the environment names."""
    key, address = os.environ.get("OPENAI_API_KEY"), os.environ.get("OPENAI_BASE_URL")
    if not key and not address:
        raise RuntimeError("no endpoint: set OPENAI_API_KEY, or OPENAI_BASE_URL for a server of your own")
    try:
        import openai  # here, so that `lgrun list` and the message below do without it
    except ModuleNotFoundError:
        raise RuntimeError(f"no library: {sys.executable} -m pip install openai") from None
    # A server of your own may want no key, but the client does. The attempts are lgrun's, which shows them.
    return openai.OpenAI(api_key=key or "none", base_url=address or None, max_retries=0)


def chat(model: str, prompt: str) -> str:
    """Return what the model answers. What may go better the next time is a ConnectionError."""
    with connect() as client:
        import openai

        try:
            reply = client.chat.completions.create(model=model, messages=[{"role": "user", "content": prompt}])
        except openai.APIConnectionError as error:
            raise ConnectionError(f"{client.base_url}: {error.__cause__ or error}") from None
        except openai.APIStatusError as error:
            if error.status_code < 500 and error.status_code != 429:
                raise
            raise ConnectionError(f"{client.base_url}: {error}") from None
        choices = getattr(reply, "choices", None)  # an address without its /v1 may answer with a web page
        text = choices[0].message.content if choices else None
        if not text:
            raise ValueError(f"{client.base_url} gave no answer: is the address right, does it end in /v1?")
        return str(text).strip()


@task
def choose_model(wanted: str) -> str:
    """Settle on a model before anything is paid for: a resume from another shell goes on with the same."""
    connect().close()
    model = wanted or os.environ.get("OPENAI_MODEL")
    if not model:
        raise RuntimeError("no model: set OPENAI_MODEL, or give model=NAME")
    return model


@task(retry_policy=RETRY)
def outline(model: str, topic: str, count: int) -> list[str]:
    """Return the headings."""
    reply = chat(model, f"Outline an essay about {topic}: exactly {count} short headings, one per line, nothing else.")
    lines = [re.sub(r"^(?:[#*\s-]|\d+[.)])+|[*:\s]+$", "", line) for line in reply.splitlines()]
    headings = [line for line in lines if line][:count]
    if not headings:
        raise ValueError(f"{model} gave no headings")
    return headings


@task(retry_policy=RETRY)
def write_section(model: str, topic: str, headings: list[str], n: int, before: str, wish: str) -> str:
    """Return the text under one heading; the second time, `before` is the first text and `wish` what was said to it."""
    prompt = f"Write the section '{headings[n]}' of an essay about {topic}, without its heading. "
    prompt += f"The whole essay: {'; '.join(headings)}."
    if wish:
        prompt += f"\n\nYou wrote:\n\n{before}\n\nThe editor wants: {wish}\n\nWrite the section again."
    text = chat(model, prompt)
    # Whoever watches the run sees it at once. Progress is not saved: a resume does not repeat it.
    get_stream_writer()({"section": headings[n], "words": len(text.split())})
    return text


@task
def join(topic: str, headings: list[str], sections: list[str]) -> str:
    """Join the sections. A task, so that a change to this file cannot change an essay somebody is reading."""
    parts = [f"## {heading}\n\n{section}" for heading, section in zip(headings, sections, strict=True)]
    return "\n\n".join([f"# {topic}", *parts]) + "\n"


def review(text: str) -> str:
    """Ask until the answer is one of the options."""
    hint = ""
    while True:
        answer = interrupt({"question": f"{hint}Is the essay good?", "options": OPTIONS, "essay": text})
        if answer in OPTIONS:
            return str(answer)
        hint = f"{answer!r} is none of {', '.join(OPTIONS)}. "


@entrypoint()
def essay(inputs: Inputs) -> dict[str, Any]:
    """Write an essay with a language model and revise it until a person approves it.

    topic: what about; sections: how many (default 3); model: which one (default $OPENAI_MODEL).
    """
    topic = inputs["topic"]
    model = choose_model(inputs.get("model", "")).result()
    headings = outline(model, topic, inputs.get("sections", 3)).result()
    sections, wish = [""] * len(headings), ""
    while True:
        # A call starts its task, result() waits for it: all sections are under way before the first is awaited.
        started = [write_section(model, topic, headings, n, before, wish) for n, before in enumerate(sections)]
        sections = [section.result() for section in started]
        text = join(topic, headings, sections).result()
        answer = review(text)
        if answer != "revise":
            return {"status": "approved" if answer == "approve" else "stopped", "model": model, "essay": text}
        wish = interrupt({"question": "What should be better?", "type": "text"})
