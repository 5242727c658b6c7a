"""An agent's actions, reviewed at a terminal: a menu for each of them."""

from typing import Any

from lgrun.cli.answers import BadAnswer
from lgrun.cli.editor import edit_json
from lgrun.cli.env import Environment
from lgrun.cli.prompt import ask_until_it_fits, draw
from lgrun.cli.question import Question
from lgrun.cli.render.context import context_lines
from lgrun.cli.review import Action, Review, check_args, context_of


def decide(env: Environment, question: Question, review: Review) -> Any:
    """Ask for a decision about every action, and return the answer that is made of them.

    Raises:
        Left, Skipped: the person does not answer.
    """
    labels = _labels(question, review)
    return review.collected(
        [_decision(env, question, review, *each) for each in zip(review.actions, labels, strict=True)]
    )


def decided(env: Environment, question: Question, review: Review, word: str) -> Any:
    """Return the answer that makes one decision about every action, once the person has said what goes with it.

    Raises:
        Left: the person does not answer.
        NothingSent: the editor failed, or was left without a word.
    """
    decisions = []
    for action, label in zip(review.actions, _labels(question, review), strict=True):
        for line in context_lines(context_of(action)):
            env.say(*line)
        decisions.append(review.decision(action, word, _given(env, question, action, word, label)))
    return review.collected(decisions)


def _labels(question: Question, review: Review) -> list[str]:
    count = len(review.actions)
    return [f"q{question.q} {n}/{count}" if count > 1 else f"q{question.q}" for n in range(1, count + 1)]


def _decision(env: Environment, question: Question, review: Review, action: Action, label: str) -> dict[str, Any]:
    menu = {**context_of(action), "question": f"Run {action.name}?", "options": list(action.allowed)}
    asked = question._replace(value=menu, declared=None)
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
    return ask_until_it_fits(env, question._replace(value=value, declared=None), label, None)
