"""Evaluator and optimizer: one call of the model writes, another one judges, until the judge is content.

    lgrun invoke workflows/evaluate.py product="a kettle that sings when it is done"
    lgrun invoke workflows/evaluate.py product="a kettle" rounds:=1

See chat_model.py for a real model.
"""

from typing import Required, TypedDict

from chat_model import RETRY, ask

from lgrun.func import entrypoint, task

WORDS = 5


class Inputs(TypedDict, total=False):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    product: Required[str]
    rounds: int


@task(retry_policy=RETRY)
def write(product: str, before: str, advice: str) -> str:
    """Write a slogan, or a better one."""
    wish = f" Last time it was '{before}', and the judge said: {advice}" if advice else ""
    words = before.split()[: -max(2, len(before.split()) - 7)] if before else f"Get {product}, you will love it".split()
    return ask(f"Write a slogan for {product}.{wish} Answer with the slogan only.", lambda _: " ".join(words))


@task(retry_policy=RETRY)
def judge(slogan: str) -> str:
    """Return OK, or what should be better."""

    def by_length(_: str) -> str:
        return "OK" if len(slogan.split()) <= WORDS else f"{len(slogan.split())} words are too many."

    return ask(f"Is this a good slogan, of at most {WORDS} words? Say OK, or what is wrong:\n\n{slogan}", by_length)


@entrypoint()
def evaluate(inputs: Inputs) -> dict[str, str | int]:
    """Write a slogan that a judge likes.

    product: for what; rounds: how often to try (default 4).
    """
    slogan = advice = ""
    for n in range(1, inputs.get("rounds", 4) + 1):
        slogan = write(inputs["product"], slogan, advice).result()
        advice = judge(slogan).result()
        if advice.strip().upper().startswith("OK"):
            return {"slogan": slogan, "rounds": n}
    return {"slogan": slogan, "rounds": n, "advice": advice}
