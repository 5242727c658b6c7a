"""Orchestrator and workers: a first call of the model plans the work, one call for each part of the plan does it.

    lgrun invoke workflows/orchestrate.py --text "Tea" -t tea
    lgrun history tea                       # the plan, and the sections that it led to

How many workers there are is known only when the plan is there. See chat_model.py for a real model.
"""

import re

from chat_model import RETRY, ask

from lgrun.func import entrypoint, task

MOST = 5


@task(retry_policy=RETRY)
def plan(topic: str) -> list[str]:
    """Return the headings of a report."""
    said = ask(
        f"Plan a short report about {topic}: three headings, one a line, nothing else.",
        lambda _: f"1. What {topic} is\n2. Where {topic} comes from\n3. What is next for {topic}",
    )
    lines = [re.sub(r"^[\s\d.*#-]+|[\s*]+$", "", line) for line in said.splitlines()]
    return [line for line in lines if line][:MOST]


@task(retry_policy=RETRY)
def write(topic: str, heading: str) -> str:
    """Write one section."""
    return ask(
        f"Write the section '{heading}' of a report about {topic}: three sentences, no heading.",
        lambda _: f"There is much to say about {topic}.",
    )


@entrypoint()
def orchestrate(topic: str) -> str:
    """Write a report: a plan, then its sections, all at the same time."""
    headings = plan(topic).result()
    started = [write(topic, heading) for heading in headings]
    sections = [f"## {heading}\n\n{section.result()}" for heading, section in zip(headings, started, strict=True)]
    return "\n\n".join([f"# {topic}", *sections])
