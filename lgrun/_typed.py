"""Typed dictionaries, whichever module they are made with."""

from typing import Any, is_typeddict

__all__ = ["is_typed_dict"]


def is_typed_dict(annotation: Any) -> bool:
    """Tell whether an annotation is a TypedDict of `typing` or of `typing_extensions`, which `typing` does not know."""
    if is_typeddict(annotation):
        return True
    marks = ("__total__", "__required_keys__")
    return isinstance(annotation, type) and issubclass(annotation, dict) and all(hasattr(annotation, m) for m in marks)
