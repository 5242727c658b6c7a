"""An agent: a model in a loop that calls tools until it can answer.

    lgrun invoke workflows/agent.py --text "How far is it from Oslo to Rome, and from Rome to Cairo?"

Each call of the model and of a tool is a task, the calls of one reply run at the same time. Killed in the middle, it
goes on where it was. review.py has a person look at the calls first. See chat_model.py for a real model.
"""

import json
import math
import re
from itertools import pairwise

from chat_model import RETRY, Message, calling, chat, tool

from lgrun.func import entrypoint, task

PLACES = {"Oslo": (59.9, 10.7), "Rome": (41.9, 12.5), "Cairo": (30.0, 31.2), "Lima": (-12.0, -77.0)}
TOOLS = [tool("distance", "Kilometres between two cities.", a="a city", b="another one")]


def stand_in(messages: list[Message]) -> Message | str:
    """Ask for each distance between two cities that are named one after another, then say what was found."""
    if messages[-1]["role"] == "tool":
        return "; ".join(message["content"] for message in messages if message["role"] == "tool")
    parts = messages[-1]["content"].split(" and ")
    pairs = [pair for part in parts for pair in pairwise(re.findall("|".join(PLACES), part))]
    return calling("distance", [{"a": a, "b": b} for a, b in pairs]) if pairs else "Name two cities."


@task(retry_policy=RETRY)
def call_model(messages: list[Message]) -> Message:
    """Return the model's next message."""
    return chat(messages, stand_in, TOOLS)


@task
def distance(arguments: str) -> str:
    """Measure along a great circle. What goes wrong is the model's to read and mend, so it is a result too."""
    try:
        a, b = (json.loads(arguments)[name] for name in "ab")
        (lat, lon), (lat2, lon2) = ([math.radians(x) for x in PLACES[city]] for city in (a, b))
    except (KeyError, ValueError, TypeError) as error:
        return f"error: {error!r}; known cities: {', '.join(PLACES)}"
    cosine = math.sin(lat) * math.sin(lat2) + math.cos(lat) * math.cos(lat2) * math.cos(lon - lon2)
    return f"{a} to {b}: {round(6371 * math.acos(min(1, cosine)), -1):.0f} km"


@entrypoint()
def agent(question: str) -> str:
    """Answer a question about distances."""
    messages: list[Message] = [{"role": "user", "content": question}]
    while True:
        reply = call_model(messages).result()
        if not reply.get("tool_calls"):
            return str(reply["content"])
        started = [(made["id"], distance(made["function"]["arguments"])) for made in reply["tool_calls"]]
        results = [{"role": "tool", "tool_call_id": name, "content": run.result()} for name, run in started]
        messages = [*messages, reply, *results]
