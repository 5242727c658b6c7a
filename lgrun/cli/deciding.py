"""An agent's actions, reviewed at a terminal: a menu for each of them."""

from dataclasses import replace
from typing import Any

from lgrun.cli.answers import BadAnswer
from lgrun.cli.editor import edit_json
from lgrun.cli.env import Environment
from lgrun.cli.prompt import ask_until_it_fits, draw
from lgrun.cli.question import Question
from lgrun.cli.review import Action, Review, check_args, context_of


def decide(env: Environment, question: Question, review: Review) -> Any:
    """Ask for a decision about every action, and return the answer that is made of them.

    Raises:
        Left, Skipped: the person does not answer.
    """
    many = len(review.actions) > 1
    labels = [f"q{question.q} {n}/{len(review.actions)}" if many else f"q{question.q}" for n in _numbers(review)]
    return review.collected(
        [_decision(env, question, review, *each) for each in zip(review.actions, labels, strict=True)]
    )


def _numbers(review: Review) -> range:
    return range(1, len(review.actions) + 1)


def _decision(env: Environment, question: Question, review: Review, action: Action, label: str) -> dict[str, Any]:
    menu = {**context_of(action), "question": f"Run {action.name}?", "options": list(action.allowed)}
    asked = replace(question, value=menu, declared=None)
    hidden = draw(env, asked)
    while True:
        word = ask_until_it_fits(env, asked, f"{label}> ", hidden)
        try:
            return review.decision(action, word, _given(env, question, action, word, label))
        except BadAnswer as error:
            env.say(f"  {error}", "red")


def _given(env: Environment, question: Question, action: Action, word: str, label: str) -> Any:
    """Ask for what has to be said with a decision; None if that is nothing."""
    if word == "edit":
        return edit_json(env, action.args, check=lambda value: check_args(action, value))
    if word in ("respond", "response"):
        return _text(env, question, {"type": "text"}, f"{label} what to say> ")
    if word == "reject":
        # An empty text is no reason at all.
        return _text(env, question, {"type": "text", "default": ""}, f"{label} why (Enter: no reason)> ") or None
    return None


def _text(env: Environment, question: Question, value: dict[str, Any], label: str) -> Any:
    return ask_until_it_fits(env, replace(question, value=value, declared=None), label, None)
