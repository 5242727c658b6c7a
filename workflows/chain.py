"""Prompt chaining: each call of the model works on what the one before has made, with a check between them.

    lgrun invoke workflows/chain.py --text "Rain is due. It will fall in the north, and in the hills, and by the sea."

Every call is a task: after a failure, `lgrun resume` goes on with the one that failed. See chat_model.py for a real
model.
"""

from chat_model import RETRY, ask

from lgrun.func import entrypoint, task

LIMIT = 8


@task(retry_policy=RETRY)
def summarize(text: str) -> str:
    """Say it in one sentence."""
    return ask(f"Say this in one sentence:\n\n{text}", lambda _: " ".join(text.split()).replace(". ", ", and "))


@task(retry_policy=RETRY)
def shorten(sentence: str) -> str:
    """Say it in fewer words."""
    return ask(
        f"Say this in at most {LIMIT} words, without a comma:\n\n{sentence}",
        lambda _: " ".join(sentence.replace(",", "").split()[:LIMIT]),
    )


@task(retry_policy=RETRY)
def headline(sentence: str) -> str:
    """Make a headline of it."""
    return ask(f"Make a headline of this:\n\n{sentence}", lambda _: sentence.rstrip(".").title())


@entrypoint()
def chain(text: str) -> str:
    """Make a headline of a text: a summary, shortened where it is too long, then the headline."""
    sentence = summarize(text).result()
    if len(sentence.split()) > LIMIT:  # what can be checked without a model is
        sentence = shorten(sentence).result()
    return headline(sentence).result()
