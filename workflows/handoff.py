"""Several agents that hand a conversation on to each other, and a person who talks with whoever has it.

    lgrun invoke workflows/handoff.py -t trip --text "I want to go somewhere warm"    # asks; in a script: exit code 3
    lgrun resume trip --text "And where can I sleep there?"                           # the other agent takes over
    lgrun resume trip --text bye                                                      # ends it, prints who said what

See chat_model.py for a real model.
"""

import json

from chat_model import RETRY, Message, calling, chat, tool

from lgrun.func import entrypoint, task
from lgrun.types import interrupt

AGENTS = {
    "travel": "You suggest places to go to, one at a time. For beds and prices, hand off to hotel.",
    "hotel": "You suggest one hotel in the place that was settled on. For other places, hand off to travel.",
}
HAND_OFF = tool("hand_off", "Give the conversation to another agent.", to=" or ".join(AGENTS))
BED = ("sleep", "hotel", "bed", "price")


@task(retry_policy=RETRY)
def call_model(agent: str, messages: list[Message]) -> Message:
    """Return the next message of an agent: words for the person, or a call of the tool that hands off."""

    def stand_in(messages: list[Message]) -> Message | str:
        asked = next(message["content"] for message in reversed(messages) if message["role"] == "user")
        wanted = "hotel" if any(word in asked for word in BED) else "travel"
        if wanted != agent:
            return calling("hand_off", [{"to": wanted}])
        return "How about Malta?" if agent == "travel" else "The Grand in Valletta has a bed for 90."

    return chat([{"role": "system", "content": AGENTS[agent]}, *messages], stand_in, [HAND_OFF])


def wanted_agent(reply: Message) -> str:
    """Return the agent that a call names, or what is no agent."""
    try:
        return str(json.loads(reply["tool_calls"][0]["function"]["arguments"])["to"])
    except (ValueError, KeyError, TypeError) as error:
        return repr(error)


@entrypoint()
def handoff(message: str) -> list[str]:
    """Talk about a journey until you say bye."""
    agent, talk = "travel", [f"you: {message}"]
    messages: list[Message] = [{"role": "user", "content": message}]
    while message != "bye":
        reply = call_model(agent, messages).result()
        messages = [*messages, reply]
        if reply.get("tool_calls"):
            to = wanted_agent(reply)
            agent, told = (to, f"you are {to} now") if to in AGENTS else (agent, f"there is no agent {to}")
            messages += [{"role": "tool", "tool_call_id": made["id"], "content": told} for made in reply["tool_calls"]]
            continue
        message = str(interrupt({"question": f"{agent}: {reply['content']}", "type": "text"}))
        talk += [f"{agent}: {reply['content']}", f"you: {message}"]
        messages = [*messages, {"role": "user", "content": message}]
    return talk
