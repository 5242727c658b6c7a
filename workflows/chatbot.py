"""A chatbot that remembers: within a thread what was said, across threads what it was told about the user.

    lgrun invoke workflows/chatbot.py -t monday --text "My name is Ann and I like tea." --config user=ann
    lgrun invoke workflows/chatbot.py -t monday --text "What did I say first?" --config user=ann
    lgrun invoke workflows/chatbot.py -t friday --text "What do you know about me?" --config user=ann

The conversation is the thread's `previous` value; facts are in the store, which the command line keeps in the state
directory. Users are told apart by `--config user=...`. See chat_model.py for a real model.
"""

import json
import re

from chat_model import RETRY, Message, calling, chat, tool

from lgrun.config import RunnableConfig, get_store
from lgrun.func import entrypoint, task
from lgrun.store.memory import InMemoryStore

REMEMBER = tool("remember", "Keep a fact about the user for later conversations.", fact="the fact, in one sentence")
FACT = re.compile(r"\bmy \w+ is \w+|\bI (?:like|live|work|have) [^.,!?]+?(?=[.,!?]| and |$)", re.IGNORECASE)


def stand_in(messages: list[Message]) -> Message | str:
    """Have facts remembered, and answer what was said first and what is known; repeat anything else."""
    known, said = messages[0]["content"], [message["content"] for message in messages if message["role"] == "user"]
    if messages[-1]["role"] == "tool":
        return "I will remember that."
    if "know about me" in said[-1]:
        return known
    if "say first" in said[-1]:
        return f'You said: "{said[0]}"'
    facts = FACT.findall(said[-1])
    return calling("remember", [{"fact": fact} for fact in facts]) if facts else f'"{said[-1]}", you say.'


@task(retry_policy=RETRY)
def call_model(messages: list[Message]) -> Message:
    """Return the model's next message."""
    return chat(messages, stand_in, [REMEMBER])


@task
def remember(user: str, arguments: str) -> str:
    """Put a fact into the store. The same fact again changes nothing."""
    try:
        fact = str(json.loads(arguments)["fact"])
    except (ValueError, KeyError, TypeError) as error:
        return f"error: {error!r}"
    get_store().put(("facts", user.replace(".", "_")), fact, {"fact": fact})
    return "remembered"


@task
def recall(user: str) -> list[str]:
    """Return what is known of the user: in a task, so that a resumed run sees what it saw before."""
    found = get_store().search(("facts", user.replace(".", "_")), limit=100)
    return sorted(item.value["fact"] for item in found)


@entrypoint(store=InMemoryStore())
def chatbot(
    message: str, *, previous: list[Message] | None = None, config: RunnableConfig
) -> entrypoint.final[str, list[Message]]:
    """Answer a message. A thread is a conversation; --config user=NAME says whose."""
    user = str(config["configurable"].get("user") or "somebody")
    facts = "; ".join(recall(user).result()) or "nothing yet"
    messages = [*(previous or []), {"role": "user", "content": message}]
    while True:
        reply = call_model([{"role": "system", "content": f"The user has told you: {facts}."}, *messages]).result()
        messages = [*messages, reply]
        if not reply.get("tool_calls"):
            return entrypoint.final(value=str(reply["content"]), save=messages)
        started = [(made["id"], remember(user, made["function"]["arguments"])) for made in reply["tool_calls"]]
        messages += [{"role": "tool", "tool_call_id": name, "content": run.result()} for name, run in started]
