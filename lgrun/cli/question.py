"""An open question: what is asked, what came with it, and what may be answered."""

from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.checkpoint.base import PendingWrite
from lgrun.cli.choices import Choice, choice_of
from lgrun.cli.render.text import brief, dump, nearest, one_line, shorten
from lgrun.cli.render.values import readable

if TYPE_CHECKING:
    from lgrun.cli.review import Review

_HEADLINES = ("question", "message", "prompt", "title", "description", "text")
_MENUS = ("options", "choices", "enum")
_SCHEMAS = ("response_schema", "schema")
_KINDS = {
    "boolean": "bool",
    "bool": "bool",
    "confirm": "bool",
    "confirmation": "bool",
    "yesno": "bool",
    "integer": "int",
    "int": "int",
    "number": "number",
    "float": "number",
    "string": "text",
    "str": "text",
    "text": "text",
    "object": "json",
    "array": "json",
    "json": "json",
    "multi": "multi",
    "multiselect": "multi",
    "editor": "editor",
    "textarea": "editor",
    "multiline": "editor",
}
_OF_MENUS = ("choice", "select", "radio")
"""Types that say no more than that there are options."""


class Question(NamedTuple):
    """An open question, as it is shown: its number, who asks, what, and what may be answered.

    Args:
        q: its number in the thread.
        interrupt: its id.
        task: who asks.
        value: what was handed to `interrupt()`, as plain JSON.
        declared: the JSON schema that was handed over beside it.
    """

    q: int
    interrupt: str
    task: str
    value: Any
    declared: dict[str, Any] | None

    @property
    def review(self) -> "Review | None":
        """Return the request to review an agent's actions, if it is one."""
        from lgrun.cli.review import review_of

        return review_of(self.value)

    @property
    def headline(self) -> str | None:
        """Return the text that asks; None if there is only data."""
        if self.review is not None:
            return self.review.text
        if isinstance(self.value, str):
            return self.value
        key = self._headline_key()
        return None if key is None else str(self.value[key])

    @property
    def text(self) -> str:
        """Return what is asked, as text."""
        found = self.headline
        return brief(self.value, 200) if found is None else found

    def _headline_key(self) -> str | None:
        if not isinstance(self.value, dict):
            return None
        return next((key for key in _HEADLINES if isinstance(self.value.get(key), str)), None)

    @property
    def schema(self) -> dict[str, Any] | None:
        """Return the JSON schema of the answer: the one handed over, or the one in the value."""
        inside = [self.value.get(key) for key in _SCHEMAS] if isinstance(self.value, dict) else []
        return next((found for found in (self.declared, *inside) if isinstance(found, dict)), None)

    @property
    def choices(self) -> list[Choice]:
        """Return what can be chosen from, if there is such a list."""
        for key in _MENUS if isinstance(self.value, dict) else ():
            found = self.value.get(key)
            if isinstance(found, list) and found:
                return [choice_of(option) for option in found]
        found = (self.schema or {}).get("enum")
        # A schema says what the answers are: there are no labels in it.
        return [Choice(option, None) for option in found] if isinstance(found, list) else []

    @property
    def options(self) -> list[Any] | None:
        """Return the answers to choose from, if there is such a list."""
        return [choice.answer for choice in self.choices] or None

    @property
    def menu(self) -> list[str]:
        """Return what stands for each option on the screen: its label, or the word that is typed."""
        return [choice.label or word_of(choice.answer) for choice in self.choices]

    @property
    def is_labelled(self) -> bool:
        """Tell whether the menu shows something else than the answers."""
        return any(choice.label is not None for choice in self.choices)

    @property
    def words(self) -> list[Any] | None:
        """Return what can be answered with one word."""
        return self.options if self.review is None else self.review.words or None

    @property
    def kind(self) -> str | None:
        """Return the declared type of the answer: bool, int, number, text, json, multi, editor; or None."""
        inside = self.value.get("type") if isinstance(self.value, dict) else None
        for declared in (inside, (self.schema or {}).get("type")):
            if isinstance(declared, str) and declared in _KINDS:
                return _KINDS[declared]
        return None

    @property
    def default(self) -> tuple[Any] | None:
        """Return the answer that Enter gives, if there is one."""
        for place in (self.value, self.schema):
            if isinstance(place, dict) and "default" in place:
                found = place["default"]
                return (choice_of(found).answer if self.is_labelled else found,)
        return None

    @property
    def edits_json(self) -> bool:
        """Tell whether the editor begins with data, so that what is saved is data, too."""
        return self.kind == "editor" and self.default is not None and not isinstance(self.default[0], str | None)

    @property
    def misspelt(self) -> str | None:
        """Return a note on a declared type that is none, but is written almost like one."""
        declared = self.value.get("type") if isinstance(self.value, dict) else None
        if not isinstance(declared, str) or declared in _KINDS or declared in _OF_MENUS:
            return None
        near = nearest(declared.lower(), _KINDS, 0.8)
        return f"type {brief(declared)} is not known, did you mean {near}?" if near else None

    @property
    def context(self) -> dict[str, Any]:
        """Return what else came with the question."""
        if self.review is not None:
            return self.review.context
        if not isinstance(self.value, dict):
            long = self.headline is None and len(dump(self.value)) > 200
            return {"value": self.value} if long else {}
        used = {*_MENUS, "default", "response_schema", self._headline_key()}
        # These two are ordinary words: they are instructions to us only if they look like it.
        if isinstance(self.value.get("schema"), dict):
            used.add("schema")
        declared = self.value.get("type")
        if isinstance(declared, str) and (declared in _KINDS or (declared in _OF_MENUS and self.options)):
            used.add("type")
        return {key: item for key, item in self.value.items() if key not in used}

    def document(self) -> dict[str, Any]:
        """Return it for machine output."""
        return {
            "id": f"q{self.q}",
            "interrupt": self.interrupt,
            "task": self.task,
            "text": self.text,
            "value": self.value,
            "options": self.words,
            "schema": self.schema,
        }

    def line(self, width: int = 200) -> str:
        """Draw it on one line, its text cut to `width`."""
        words = self.menu if self.review is None else [word_of(option) for option in self.words or ()]
        menu = f"  [{'/'.join(map(one_line, words))}]" if words else ""
        asked = self.headline if self.headline and self.headline.strip() else self.about
        return f"q{self.q}  {shorten(one_line(asked), width)}{menu}"

    @property
    def about(self) -> str:
        """Return the value of a question that has no text, and say so if there is nothing in it."""
        is_empty = self.value is None or (isinstance(self.value, str) and not self.value.strip())
        return brief(self.value, 200) + (" (nothing else was said)" if is_empty or self.value in ([], {}) else "")


def word_of(option: Any) -> str:
    """Return what is typed to choose an option."""
    return option if isinstance(option, str) else dump(option, ascii_only=False)


def question_of(write: PendingWrite) -> Question:
    """Return a recorded question."""
    schema = write.schema if isinstance(write.schema, dict) else None
    return Question(write.q or 0, write.id or "", write.name, readable(write.value), schema)


def question_asked(event: Any) -> Question:
    """Return the question that an event tells of."""
    from lgrun.checkpoint.serde import encode

    asked = event.interrupt
    schema = asked.response_schema if isinstance(asked.response_schema, dict) else None
    return Question(event.q, asked.id, event.name, readable(encode(asked.value)), schema)
