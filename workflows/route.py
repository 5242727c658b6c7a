"""Routing: one call of the model decides which of several others answers.

    lgrun invoke workflows/route.py --text "I was charged twice"
    lgrun invoke workflows/route.py --text "The app crashes when I log in" --get value.desk

See chat_model.py for a real model.
"""

from chat_model import RETRY, ask

from lgrun.func import entrypoint, task

DESKS = {
    "billing": "You handle money: charges, refunds, invoices. Name the amount and the date you need.",
    "technical": "You mend things: crashes, errors, logins. Ask for one thing that narrows the cause down.",
    "general": "You answer what nobody else does, and say so when you do not know.",
}
WORDS = {"billing": ("charge", "refund", "invoice", "pay"), "technical": ("crash", "error", "log in", "broken")}


@task(retry_policy=RETRY)
def choose(message: str) -> str:
    """Return the desk that a message is for."""

    def by_words(_: str) -> str:
        return next(
            (desk for desk, words in WORDS.items() if any(word in message.lower() for word in words)), "general"
        )

    said = ask(f"Which desk is this for? Answer with one word of {', '.join(DESKS)}.\n\n{message}", by_words)
    # A model may say "Billing." or something else altogether.
    return next((desk for desk in DESKS if desk in said.lower()), "general")


@task(retry_policy=RETRY)
def answer(desk: str, message: str) -> str:
    """Answer as a desk does."""
    return ask(
        f"{DESKS[desk]} Answer in two sentences.\n\n{message}", lambda _: f"This is the {desk} desk. Tell me more."
    )


@entrypoint()
def route(message: str) -> dict[str, str]:
    """Answer a customer, at the right desk."""
    desk = choose(message).result()
    return {"desk": desk, "answer": answer(desk, message).result()}
