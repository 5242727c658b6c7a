"""The input of a run: what was typed, checked against what the workflow declares."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, NoReturn

from lgrun._typed import is_typed_dict
from lgrun.cli import declared
from lgrun.cli.conform import Mismatch, conform, conform_part
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.inputs import Item, Typed, is_item, lay_over, parse_item, parse_value
from lgrun.cli.loading import Loaded
from lgrun.cli.render.text import brief

_EMPTY = inspect.Parameter.empty


class Request(NamedTuple):
    """What was typed as input.

    Args:
        given: there was an --input or --text.
        value: that value.
        items: the ITEMs.
        word: the only argument, where that is no ITEM.
    """

    given: bool
    value: Any
    items: tuple[Item, ...]
    word: str | None


def read_request(env: Environment, *, given: str | None, text: str | None, items: Sequence[str]) -> Request:
    """Read the input arguments, and the files and standard input they name.

    Raises:
        Problem: they contradict each other or do not parse.
    """
    if given is not None and text is not None:
        raise Problem("usage", "--input and --text exclude each other")
    if text is not None and items:
        raise Problem("usage", "--text is the whole input, so there can be no ITEM beside it")
    value = text if text is not None else parse_value(given, env) if given is not None else None
    word = None
    if given is None and len(items) == 1 and not is_item(items[0]):
        word, items = items[0], ()
    parsed = tuple(parse_item(item, env) for item in items)
    return Request(given is not None or text is not None, value, parsed, word)


def input_for(loaded: Loaded, request: Request) -> Any:
    """Return the input in the form the workflow declares.

    Raises:
        Problem: it does not fit, or there is none and the workflow needs one.
    """
    annotation = input_annotation(loaded)
    value = _assemble(loaded, annotation, request)
    if value is None:
        raise Problem("no-input", "null is no input: a run without input continues a thread (lgrun resume)")
    try:
        # A graph may be given a part of its state.
        whole = not hasattr(loaded.workflow, "builder") or not is_typed_dict(annotation)
        return conform(value, annotation) if whole else conform_part(value, annotation)
    except Mismatch as problem:
        hint = None if problem.where != "input" else _example(loaded, annotation)
        raise Problem("bad-input", str(problem), hint=hint) from None


def input_annotation(loaded: Loaded) -> Any:
    """Return the type that the workflow declares for its input; `Parameter.empty` if it declares none."""
    annotation = loaded.workflow.input_annotation
    if isinstance(annotation, str):
        # `from __future__ import annotations`: the text is code of the user's own file.
        try:
            names = getattr(loaded.workflow.source, "__globals__", vars(loaded.module))
            return eval(annotation, names)
        except Exception:
            return Any
    return annotation


def _assemble(loaded: Loaded, annotation: Any, request: Request) -> Any:
    if request.word is not None:
        return _from_word(loaded, annotation, request.word)
    if request.items:
        base = request.value if request.given else {}
        if not isinstance(base, dict):
            raise Problem("bad-input", f"ITEMs are laid over an object, but the input is {brief(base)}")
        return lay_over(base, list(request.items))
    if request.given:
        return request.value
    return _without_input(loaded, annotation)


def _from_word(loaded: Loaded, annotation: Any, word: str) -> Any:
    if declared.is_scalar(annotation):
        return Typed(word)
    if annotation in (_EMPTY, Any, object):
        return Typed(word)
    raise Problem(
        "bad-item",
        f"{word!r} is not of the form key=text or key:=JSON",
        hint=_example(loaded, annotation),
    )


def _without_input(loaded: Loaded, annotation: Any) -> Any:
    default = loaded.workflow.input_default
    if default is not _EMPTY and default is not None:
        return default
    if declared.accepts_object(annotation):
        return {}
    return _missing(loaded, annotation)


def _missing(loaded: Loaded, annotation: Any) -> NoReturn:
    raise Problem(
        "missing-input",
        f"{loaded.name} needs an input: {declared.kind_name(annotation)}",
        hint=_example(loaded, annotation),
    )


# --- examples to type


def _example(loaded: Loaded, annotation: Any) -> str:
    return f"like:  lgrun invoke {loaded.reference.typed} {example_of(annotation)}"


def example_of(annotation: Any) -> str:
    """Return arguments that would fit."""
    fields = declared.object_fields(declared.strip(annotation))
    if fields is not None:
        wanted = [field for field in fields if field.required] or fields[:1]
        return " ".join(item_example(field.name, field.annotation) for field in wanted)
    if declared.is_scalar(annotation):
        return _SAMPLES.get(declared.kind_name(annotation), "TEXT")
    return "key=TEXT" if declared.accepts_object(annotation) else "-i JSON"


_SAMPLES: Mapping[str, str] = {"integer": "5", "number": "0.5", "boolean": "true"}


def item_example(name: str, annotation: Any) -> str:
    """Return an ITEM that would fit."""
    kind = declared.kind_name(annotation)
    if kind in _SAMPLES:
        return f"{name}={_SAMPLES[kind]}"
    return f"{name}=TEXT" if declared.is_scalar(annotation) else f"{name}:=JSON"
