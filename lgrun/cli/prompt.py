"""Questions, one after another, at a terminal."""

from collections.abc import Iterator, Sequence
from textwrap import wrap
from typing import Any, NamedTuple

from lgrun.cli.answers import BadAnswer, choose, coerce, strict_list
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Typed, parse_text
from lgrun.cli.question import Question, word_of
from lgrun.cli.render.context import Line, context_lines, context_on_screen, fitting, rows_of
from lgrun.cli.render.text import brief, one_line, printable
from lgrun.cli.schema import same


class Answers(NamedTuple):
    """What was answered, by interrupt id; whether the person left a question open, and with Ctrl-C."""

    given: dict[str, Any]
    left: bool
    interrupted: bool = False


class Left(Exception):
    """The person leaves this question open, and the following ones (Ctrl-D)."""


class Skipped(Exception):
    """The person leaves this question open."""


def ask_all(env: Environment, questions: Sequence[Question]) -> Answers:
    """Ask every question. `s` leaves one open, Ctrl-D this one and the following ones, Ctrl-C all."""
    began = env.monotonic()
    try:
        return _ask_each(env, questions)
    finally:
        env.asked += env.monotonic() - began


def _ask_each(env: Environment, questions: Sequence[Question]) -> Answers:
    given: dict[str, Any] = {}
    left = False
    # What was typed before a question was seen is no answer to it.
    env.forget_typed()
    for question in questions:
        try:
            answer = _ask(env, question)
        except KeyboardInterrupt:
            env.say()
            return Answers({}, left=True, interrupted=True)
        except Skipped:
            left = True
            continue
        except Left:
            return Answers(given, left=True)
        env.say(f"→ q{question.q} = {brief(answer, 200)} ({_type_name(answer)})")
        given[question.interrupt] = answer
    return Answers(given, left)


def _ask(env: Environment, question: Question) -> Any:
    review = question.review
    if review is not None:
        from lgrun.cli.deciding import decide

        return decide(env, question, review)
    hidden = draw(env, question)
    if is_form(question):
        from lgrun.cli.form import fill

        return fill(env, question, hidden)
    return ask_until_it_fits(env, question, f"q{question.q}> ", hidden)


def draw(env: Environment, question: Question) -> Question | None:
    """Draw a question; return it if it did not fit on the screen, so that `?` shows it whole."""
    shown = list(drawn(env, question))
    for line in shown:
        env.say(*line)
    return question if any(line.text.endswith(_MORE) for line in shown) else None


_MORE = "? shows all"
"""What stands where something did not fit on the screen."""


def is_form(question: Question) -> bool:
    """Tell whether the answer is an object that is asked for field by field."""
    schema = question.schema
    return schema is not None and bool(schema.get("properties")) and not question.options and question.default is None


def ask_until_it_fits(env: Environment, question: Question, label: str, hidden: Question | None) -> Any:
    """Read lines until one is an answer.

    Args:
        env: the world.
        question: what is asked.
        label: stands before what is typed.
        hidden: the question that did not fit on the screen, which `?` shows whole.

    Raises:
        Left, Skipped: the person does not answer.
    """
    while True:
        line = env.ask(label)
        if line is None:
            raise Left
        if line.strip() == "s" and _may_skip(question):
            raise Skipped
        if line.strip() == "?" and hidden is not None:
            for shown in whole(hidden, env.screen()[0]):
                env.say(*shown)
            continue
        try:
            return _answer(env, question, line)
        except BadAnswer as error:
            env.say(f"  {error}", "red")
        except Problem as problem:
            env.say(f"  {problem.message}", "red")
            for context in problem.context:
                env.say(f"    {context}")


def _answer(env: Environment, question: Question, line: str) -> Any:
    if question.kind == "editor" and not line.strip():
        from lgrun.cli.editor import edit

        return edit(env, question)
    return read(question, line)


def _may_skip(question: Question) -> bool:
    # Where any text is an answer, so is this one.
    return question.kind not in ("text", "editor") and "s" not in question.menu


# --- how a question looks


def whole(question: Question, columns: int) -> Iterator[Line]:
    """Draw a question with all that came with it, however long."""
    yield from context_lines(question.context)
    yield from _headline(_asked(question), columns)
    yield from _choices(question.menu)


def drawn(env: Environment, question: Question) -> Iterator[Line]:
    """Draw a question: what came with it, its text, the choices, how to answer."""
    columns, rows = env.screen()
    hint = wrap(f"{hint_of(question)} · {leaving(question)}", max(columns - 2, 10))
    asked = [
        *_headline(_asked(question), columns),
        *_choices(question.menu),
        *(Line(f"  {line}", "dim") for line in hint),
    ]
    needed = sum(rows_of(line.text, columns) for line in asked) + 2
    yield from context_on_screen(question.context, max(rows - needed, 6), columns, _MORE)
    yield from fitting(asked, max(rows - 2, 6), columns, _MORE) if len(asked) > rows else asked


def _asked(question: Question) -> str:
    """Return the line that asks; of a question without a text what it is about, unless that is drawn above."""
    if question.headline and question.headline.strip():
        return question.headline
    is_drawn = bool(question.context) or (isinstance(question.value, dict) and bool(question.value))
    return f"{question.task} asks" + ("" if is_drawn else f": {question.about}")


def _headline(text: str, columns: int) -> Iterator[Line]:
    first, *others = (
        piece
        for line in text.rstrip("\n").split("\n")
        for piece in ([line] if len(line) < columns - 2 else wrap(line, max(columns - 3, 10), break_on_hyphens=False))
    )
    yield Line(f"? {first}")
    for line in others:
        yield Line(f"  {line}")


def _choices(menu: Sequence[str]) -> Iterator[Line]:
    width = len(str(len(menu)))
    for n, word in enumerate(menu, 1):
        yield Line(f"  {n:>{width}}  {one_line(word)}")


_HINTS = {
    "bool": "yes or no",
    "int": "a whole number",
    "number": "a number",
    "text": "any text",
    "json": "JSON",
    "editor": "any text, or Enter for an editor",
    "multi": "several, with commas between",
    None: 'JSON, or any other text; "…" is always text',
}


def hint_of(question: Question) -> str:
    """Say what may be typed."""
    if is_form(question):
        return "one field after another"
    words = ["a number or a word" if question.options else _HINTS[question.kind]]
    if question.edits_json:
        words = ["JSON, or Enter for an editor"]
    if question.kind == "multi" and question.options:
        words = ["numbers or words, with commas between"]
    if question.default is not None and question.kind != "editor":
        words.append(f"Enter: {_shown(question, question.default[0])}")
    if question.misspelt is not None:
        words.append(question.misspelt)
    return " · ".join(words)


def leaving(question: Question) -> str:
    """Say how to leave a question open."""
    return "s leaves it open" if _may_skip(question) and not is_form(question) else "Ctrl-D leaves it open"


def _shown(question: Question, value: Any) -> str:
    for choice in question.choices:
        if choice.label is not None and same(choice.answer, value):
            return one_line(choice.label)
    return brief(value) if isinstance(value, str) and "\n" in value else one_line(word_of(value))


# --- what a line means


def read(question: Question, line: str) -> Any:
    """Return the answer a typed line means.

    Raises:
        BadAnswer: none.
        Problem: it begins like JSON and is not.
    """
    if printable(line) != line:
        raise BadAnswer("there are control characters in it (an arrow key?): type it again")
    if not line.strip():
        if question.default is None:
            empty = '; "" is an empty text' if question.kind is None and not question.options else ""
            raise BadAnswer(f"type an answer{empty} · {leaving(question)}")
        return question.default[0]
    if question.kind == "multi":
        words = [_numbered(question, word) for word in strict_list(line)]
        return coerce(question, words)
    if question.options:
        return _choice(question, line.strip())
    if question.kind in ("text", "editor") and not question.edits_json:
        return coerce(question, Typed(line))
    return coerce(question, Typed(line.strip()) if question.kind else parse_text(line.strip()))


def _choice(question: Question, line: str) -> Any:
    assert question.options
    try:
        return coerce(question, _numbered(question, line))
    except BadAnswer as error:
        meant = str(error).rpartition("; did you mean ")[1:]
        raise BadAnswer(f"type a number or a word of the list{': ' + meant[1] if meant[0] else ''}") from None


def _numbered(question: Question, word: Any) -> Any:
    """Return the option a number means, unless it is a word of the list itself, as the screen shows it."""
    options = question.options
    if not options or not isinstance(word, str):
        return word
    menu = question.menu
    try:
        if question.is_labelled:
            return options[menu.index(choose(menu, str(word)))]
        return choose(options, Typed(word))
    except BadAnswer:
        if word.isascii() and word.isdigit() and 1 <= int(word) <= len(options):
            return options[int(word) - 1]
        return Typed(word)


def _type_name(value: Any) -> str:
    return {str: "text", type(None): "null", dict: "object"}.get(type(value), type(value).__name__)
