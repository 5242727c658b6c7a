"""From what a person typed to the answer a question wants."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import (
    Typed,
    is_item,
    parse_item,
    parse_text,
    parse_value,
    read_bool,
    read_number,
    read_text,
    strict_json,
)
from lgrun.cli.question import Question, word_of
from lgrun.cli.render.text import brief, dump, nearest, one_line
from lgrun.cli.schema import BadAnswer, check_schema, same
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.review import Review

__all__ = ["BadAnswer", "Given", "choose", "coerce", "read_answers"]


def coerce(question: Question, value: Any) -> Any:
    """Return the answer in the type the question declares.

    Args:
        question: what was asked.
        value: a value, or `Typed` text that is not one yet.

    Raises:
        BadAnswer: it does not fit.
    """
    review = question.review
    if review is not None:
        return review.answer(_json_or_word(value))
    if question.kind == "multi":
        answer: Any = _several(question.options, question.menu, value)
    elif question.options:
        answer = choose(question.options, value, question.menu)
    else:
        answer = _of_kind("json" if question.edits_json else question.kind, value)
    if question.schema is not None:
        check_schema(answer, question.schema)
    return answer


# --- choices


def choose(options: Sequence[Any], value: Any, menu: Sequence[str] = ()) -> Any:
    """Return the option that is meant: it itself, its word, what the menu shows for it, or that in other letters.

    Args:
        options: the answers.
        value: what was typed.
        menu: what is shown for each of them, if that is not its word.

    Raises:
        BadAnswer: none.
    """
    found = [option for option in options if same(option, value)]
    if found:
        return found[0]
    word = word_of(value)
    names = list(menu) or [word_of(option) for option in options]
    words = dict(zip(names, options, strict=True)) | {word_of(option): option for option in options}
    if word in words:
        return words[word]
    alike = [option for known, option in words.items() if known.lower() == word.lower()]
    if alike and all(same(alike[0], option) for option in alike):
        return alike[0]
    near = nearest(word, names)
    allowed = ", ".join(map(one_line, names))
    meant = f"; did you mean {one_line(near)}?" if near else ""
    raise BadAnswer(f"expected one of {allowed}; got {brief(value)}{meant}")


def _several(options: Sequence[Any] | None, menu: Sequence[str], value: Any) -> list[Any]:
    if isinstance(value, str):
        value = strict_list(value)
    if not isinstance(value, list):
        raise BadAnswer(f"expected a list, got {brief(value)}")
    chosen = [choose(options, item, menu) for item in value] if options else value
    return [item for n, item in enumerate(chosen) if not any(same(item, other) for other in chosen[:n])]


def strict_list(text: str) -> list[Any]:
    """Read several values: a JSON list, or words between commas."""
    if text.lstrip().startswith("["):
        try:
            return list(strict_json(text))
        except (ValueError, RecursionError) as error:
            raise BadAnswer(f"expected a list, and this is not valid JSON: {error}") from None
    return [word.strip() for word in text.split(",") if word.strip()]


# --- types


def _of_kind(kind: str | None, value: Any) -> Any:
    if kind is None:
        return str(value) if isinstance(value, Typed) else value
    if kind in ("text", "editor"):
        if not isinstance(value, str):
            raise BadAnswer(f"expected text, got {brief(value)}")
        return str(value)
    if kind == "bool":
        return _bool(value)
    if kind in ("int", "number"):
        return _number(kind, value)
    return _json(value) if isinstance(value, Typed) else value


def _bool(value: Any) -> bool:
    found = value if isinstance(value, bool) else read_bool(value) if isinstance(value, str) else None
    if found is None:
        raise BadAnswer(f"expected yes or no, got {brief(value)}")
    return found


def _number(kind: str, value: Any) -> int | float:
    read = read_number(value) if isinstance(value, str) else value
    fits = isinstance(read, int if kind == "int" else (int, float)) and not isinstance(read, bool)
    if not fits:
        raise BadAnswer(f"expected {'an integer' if kind == 'int' else 'a number'}, got {brief(value)}")
    assert isinstance(read, (int, float))
    return read


def _json_or_word(value: Any) -> Any:
    return parse_text(value) if isinstance(value, Typed) else value


def _json(text: str) -> Any:
    try:
        return strict_json(text)
    except (ValueError, RecursionError):
        # What begins like JSON is refused with the place that is wrong.
        parse_text(text)
        raise BadAnswer(f'expected JSON, like {{"a": 1}} or "text"; got {brief(str(text))}') from None


# --- the arguments of `resume`


class Given(NamedTuple):
    """What was typed as answers.

    Args:
        items: the ITEMs.
        value: that of --value.
        text: that of --text.
        every: that one is the answer to every open question.
        answers: that of --answers.
    """

    items: Sequence[str] = ()
    value: str | None = None
    text: str | None = None
    every: bool = False
    answers: str | None = None

    def __bool__(self) -> bool:
        return bool(self.items) or self.every or (self.value, self.text, self.answers) != (None, None, None)


def read_answers(env: Environment, questions: Sequence[Question], given: Given) -> dict[str, Any]:
    """Return the answers given on the command line, by interrupt id.

    Raises:
        Problem: they name no open question, or do not fit.
    """
    answers: dict[str, Any] = {}
    for question, value in _typed(env, questions, given):
        if question.interrupt in answers:
            raise Problem("bad-answer", f"q{question.q} is answered twice")
        answers[question.interrupt] = _fit(env, question, value)
    return answers


def edit_one(env: Environment, questions: Sequence[Question]) -> dict[str, Any]:
    """Have the answer to the one open question written in an editor; empty if nothing is to be sent.

    Raises:
        Problem: several are open, or what was written does not fit and nobody can be asked again.
    """
    from lgrun.cli.editor import NothingSent, edit_answer
    from lgrun.cli.prompt import Left

    question = _the_one(questions)
    try:
        return {question.interrupt: edit_answer(env, question)}
    except Left:
        return {}
    except NothingSent as error:
        env.say(f"! {error}")
        return {}
    except BadAnswer as error:
        raise Problem("bad-answer", f"q{question.q}: {error}", context=[question.line()]) from None


def _typed(env: Environment, questions: Sequence[Question], given: Given) -> Iterator[tuple[Question, Any]]:
    """Yield what was typed for which question."""
    if given.value is not None or given.text is not None:
        if given.every and given.value == "-" and len(questions) > 1:
            raise Problem("usage", "--value - can be read once only", hint="give the answers with --answers -")
        for question in questions if given.every else [_the_one(questions)]:
            value = given.text if given.text is not None else _read_value(env, question, str(given.value))
            yield question, value
    elif given.every:
        raise Problem("usage", "--all says to which questions, but not what", hint="add --value VALUE or --text STRING")
    if given.answers is not None:
        found = parse_value(given.answers, env)
        if not isinstance(found, dict):
            raise Problem("bad-answer", f"--answers wants an object, got {brief(found)}", hint='like {"q1": "yes"}')
        for key, value in found.items():
            yield _named(key, questions), value
    for item in given.items:
        if not is_item(item):
            _no_item(env, item, questions)
        parsed = parse_item(item, env)
        yield _named(parsed.key, questions), parsed.value


def _read_value(env: Environment, question: Question, text: str) -> Any:
    """Read a VALUE; where a type is declared, plain words are read as that type and not as JSON."""
    declared = question.kind is not None or bool(question.options)
    if declared and text == "-":
        return Typed(read_text("-", env).removesuffix("\n"))
    if not declared or text.startswith("@") or text.lstrip()[:1] in ("{", "[", '"'):
        return parse_value(text, env)
    return Typed(text)


def _the_one(questions: Sequence[Question]) -> Question:
    if len(questions) == 1:
        return questions[0]
    raise Problem(
        "several-questions",
        f"{len(questions)} questions are open: say which one is answered",
        context=[question.line() for question in questions],
        hint=f"like q{questions[0].q}=ANSWER, or the same for all with --all",
    )


def _named(key: str, questions: Sequence[Question]) -> Question:
    for question in questions:
        if key in (f"q{question.q}", question.interrupt):
            return question
    raise Problem(
        "unknown-question",
        f"there is no open question {key}",
        context=[question.line() for question in questions],
    )


def _no_item(env: Environment, item: str, questions: Sequence[Question]) -> NoReturn:
    """Refuse an answer that does not say to which question."""
    number = questions[0].q if questions else 1
    words = ["--value", item] if len(questions) == 1 else [f"q{number}={item}"]
    hint = f"did you mean:  {_answer_command(env, words)}"
    raise Problem("bad-item", f"{item!r} does not say which question it answers", hint=hint)


def _fit(env: Environment, question: Question, value: Any) -> Any:
    review, hint = question.review, None
    word = str(value).strip() if review is not None and isinstance(value, str) else ""
    if review is not None and word in review.begun:
        if env.interactive():
            return _rest_of(env, question, review, word)
        hint = f"like:  {_answer_command(env, [f'q{question.q}:={dump(review.example(word))}'])}"
    try:
        return coerce(question, value)
    except BadAnswer as error:
        if question.words and hint is None:
            words = question.menu or [word_of(word) for word in question.words]
            word = nearest(word_of(value), words) or words[0]
            hint = f"like:  {_answer_command(env, [f'q{question.q}={word}'])}"
        raise Problem("bad-answer", f"q{question.q}: {error}", context=[question.line()], hint=hint) from None


def _rest_of(env: Environment, question: Question, review: "Review", word: str) -> Any:
    """Ask for what a decision needs beside its word: other arguments, a text."""
    from lgrun.cli.deciding import decided
    from lgrun.cli.editor import NothingSent
    from lgrun.cli.prompt import Left

    env.forget_typed()
    try:
        return decided(env, question, review, word)
    except (Left, NothingSent) as error:
        why = f": {error}" if str(error) else ""
        hint = f"answer it:  {_answer_command(env, [])}"
        raise Problem("not-answered", f"q{question.q} stays open{why}", status=ExitStatus.WAITING, hint=hint) from None


def _answer_command(env: Environment, words: Sequence[str]) -> str:
    from lgrun.cli.session import command

    return command(env, "resume", env.thread or "THREAD", *words)
