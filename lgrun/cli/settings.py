"""What a run is given beside its input: `--config` and `--context`. Names are recorded in the thread, values never."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lgrun.cli.diagnostics import Problem

if TYPE_CHECKING:
    from lgrun.checkpoint.base import Saved
    from lgrun.cli.env import Environment
    from lgrun.cli.loading import Loaded

_OPTIONS = ("config", "context")
_OWN = {"thread_id": "name the thread with -t", "checkpoint_id": "", "checkpoint_ns": "", "checkpoint_map": ""}
"""Keys of `configurable` that say where a run is kept; the command line sets them."""


@dataclass(frozen=True, slots=True)
class Settings:
    """The values of one run, by name.

    Args:
        config: what code finds under `configurable`.
        context: what `runtime.context` is made of.
    """

    config: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)

    def of(self, option: str) -> dict[str, Any]:
        """Return those of one option."""
        return self.config if option == "config" else self.context

    def names(self) -> dict[str, list[str]]:
        """Return what a run that begins records of them."""
        return {option: sorted(values) for option in _OPTIONS if (values := self.of(option))}

    def record(self) -> str | None:
        """Return what a run that goes on records of them."""
        return shlex.join(f"{option}={name}" for option, names in self.names().items() for name in names) or None


def read_settings(env: "Environment", config: Sequence[str], context: Sequence[str]) -> Settings:
    """Read the options, and the files they name.

    Raises:
        Problem: one is no ITEM, or sets what the command line sets itself.
    """
    if not config and not context:
        return Settings()
    from lgrun.cli.conform import plain
    from lgrun.cli.inputs import lay_over, parse_item

    given = Settings(
        plain(lay_over({}, [parse_item(item, env) for item in config])),
        lay_over({}, [parse_item(item, env) for item in context]),
    )
    for name in _OWN:
        if name in given.config:
            raise Problem("bad-config", f"--config {name}: lgrun sets {name} itself", hint=_OWN[name] or None)
    return given


def context_of(loaded: "Loaded", given: Settings) -> Any:
    """Return the context in the form that the workflow's context schema declares; None if none was given.

    Raises:
        Problem: it does not fit, or there is none and the schema has fields that must be given.
    """
    from lgrun.cli.declared import object_fields, strip

    schema = loaded.workflow.context_schema
    fields = object_fields(strip(schema)) or ()
    missing = [field for field in fields if field.required and field.name not in given.context]
    if not given.context and not missing:
        return None
    from lgrun.cli.conform import Mismatch, conform
    from lgrun.cli.request import item_example

    try:
        return conform(dict(given.context), Any if schema is None else schema, "context")
    except Mismatch as problem:
        lacks = problem.where in ("context", *(f"context.{field.name}" for field in missing))
        add = " ".join(f"--context {item_example(field.name, field.annotation)}" for field in missing)
        raise Problem("bad-context", str(problem), hint=f"add  {add}" if missing and lacks else None) from None


# --- what is recorded


def recorded(saved: "Saved") -> Settings:
    """Return the names that the latest run of a thread records, without values, whatever else its file may hold."""
    found = Settings()
    for option in _OPTIONS:
        names = (saved.checkpoint.origin or {}).get(option)
        for name in names if isinstance(names, list) else ():
            if isinstance(name, str):
                found.of(option)[name] = None
    for write in saved.writes:
        if write.kind == "run" and write.args:
            for option, _, name in (word.partition("=") for word in _words(write.args)):
                if option in _OPTIONS:
                    found.of(option)[name] = None
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return []


def check_recorded(saved: "Saved", given: Settings) -> None:
    """Refuse to go on without a value that the thread was run with: nobody but the caller knows it.

    Args:
        saved: the thread.
        given: what it is to go on with.

    Raises:
        Problem: one is missing.
    """
    known, missing = recorded(saved), Settings()
    for option in _OPTIONS:
        missing.of(option).update({name: None for name in known.of(option) if name not in given.of(option)})
    if missing.names():
        words = (f"--{option} {name}" for option, names in missing.names().items() for name in names)
        raise Problem(
            "missing-setting",
            f"{saved.checkpoint.thread} was run with {' and '.join(words)}",
            hint=f"such values are not stored, so give them again: {needed_text(missing)}",
        )


def needed_text(names: Settings) -> str:
    """Return what has to be typed to give these names again, with a space in front if there is any."""
    words = ((f"--{option}", f"{name}=VALUE") for option, known in names.names().items() for name in known)
    return "".join(f" {option} {shlex.quote(item)}" for option, item in words)
