"""What stands in a list of options: an answer, or an answer that has a label."""

from typing import Any, NamedTuple

_MORE = frozenset({"description", "hint"})


class Choice(NamedTuple):
    """An option: the answer that it is, and its label if it has one."""

    answer: Any
    label: str | None


def choice_of(option: Any) -> Choice:
    """Return what an option of a question is: `{"label": "Rome", "value": "FCO"}` is the answer FCO, shown as Rome."""
    if isinstance(option, dict) and {"label", "value"} <= option.keys() <= {"label", "value"} | _MORE:
        label = option["label"]
        if isinstance(label, str) and label.strip():
            return Choice(option["value"], label)
    return Choice(option, None)
