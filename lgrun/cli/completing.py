"""What Tab can complete, answered by `lgrun __complete WORD...` before Typer is imported.

Every line is a candidate, a tab and a description. A candidate that ends in = or / is to be gone on with; `:files`
asks the shell for names of files.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from lgrun.cli.completion_table import COMMANDS, OPTIONS, SETTINGS, TEMPLATES

if TYPE_CHECKING:
    from lgrun.cli.glance import Glance

Candidate = tuple[str, str]

_CHOICES = {
    "--color": ("auto", "always", "never"),
    "--on-change": ("warn", "ask", "fail", "ignore"),
    "--events": ("task", "custom", "token", "checkpoint"),
    "--from": ("start", "now"),
}
_STATUSES = ("done", "failed", "stopped", "waiting", "running", "crashed")
_ALL = frozenset(_STATUSES)
_WANTED = {
    "resume": frozenset({"waiting", "failed", "stopped", "crashed"}),
    "watch": frozenset({"running", "waiting"}),
    "rm": _ALL - {"running"},
    "show": _ALL,
    "diff": _ALL,
    "fork": _ALL,
    "history": _ALL,
}
"""Of which threads a command can do something, by how they stand."""


def complete(words: list[str]) -> str:
    """Return the answer for the words typed behind `lgrun`, the last of which is to be completed."""
    current = words[-1] if words else ""
    lines = [
        f"{value}\t{_one_line(about)}\n"
        for value, about in _candidates(words[:-1], current)
        if value.startswith((current, ":files")) and value.isprintable()
    ]
    return "".join(lines)


def _one_line(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _candidates(before: list[str], current: str) -> Iterator[Candidate]:
    command, arguments, state, expected = _parse(before)
    if expected is not None:
        yield from _values_of(expected, state)
    elif command is None:
        yield from _options("") if current.startswith("-") else COMMANDS.items()
    elif current.startswith("-"):
        yield from _options(command)
    elif command == "invoke":
        yield from _workflows() if not arguments else _items(arguments[0], current)
    elif command == "batch" and len(arguments) < 2:
        yield from [(":files", "")] if arguments else _workflows()
    elif command == "workflows" and not arguments:
        yield from _workflows()
    elif command == "help" and not arguments:
        yield from [
            *COMMANDS.items(),
            *((topic, "") for topic in ("exit-codes", "env", "values", "questions", "files")),
        ]
    elif command == "config" and len(arguments) < 2:
        yield from _settings(arguments)
    elif command == "completion":
        yield from ((shell, "") for shell in ("bash", "zsh", "fish") if not arguments)
    elif command == "resume" and arguments:
        yield from _answers(arguments[0], state, current)
    elif command in _WANTED and (not arguments or command in ("rm", "diff")):
        yield from _threads(command, state, current, arguments)


def _parse(before: list[str]) -> tuple[str | None, list[str], str | None, str | None]:
    """Return the command, its arguments, the state directory, and the option whose value is to come."""
    command, arguments, state, expected = None, [], None, None
    for word in before:
        if expected is not None:
            state = word if expected == "--state-dir" else state
            expected = None
        elif word.startswith("-") and word != "-":
            name, joined, value = word.partition("=")
            option = _known(command, name)
            if option is None or not option[2]:
                continue
            if joined:
                state = value if option[0] == "--state-dir" else state
            else:
                expected = option[0]
        elif command is None:
            command = "list" if word == "ls" else word
        else:
            arguments.append(word)
    return command, arguments, state, expected


def _known(command: str | None, name: str) -> tuple[str, str, bool, str] | None:
    options = OPTIONS.get(command or "", ()) or OPTIONS["list"]
    return next((option for option in options if name in option[:2]), None)


def _options(command: str) -> Iterator[Candidate]:
    for long, _short, _takes_value, about in OPTIONS.get(command, ()):
        yield long, about


def _values_of(option: str, state: str | None) -> Iterable[Candidate]:
    if option in _CHOICES:
        return [(choice, "") for choice in _CHOICES[option]]
    if option == "--template":
        return TEMPLATES.items()
    if option == "--status":
        return [(status, "") for status in _STATUSES]
    if option == "--workflow":
        return _workflows()
    if option == "--thread":
        return [(glance.thread, _about(glance)) for glance in _seen(state)]
    return [(":files", "")] if option in ("--state-dir", "--env-file", "--html", "--svg") else []


def _settings(arguments: list[str]) -> Iterator[Candidate]:
    """Yield the settings, or behind one of them what it may be."""
    if not arguments:
        yield from ((key if key != "workflows" else "workflows.", about) for key, (about, _) in SETTINGS.items())
    elif arguments[0] in SETTINGS:
        _, choices = SETTINGS[arguments[0]]
        yield from ((choice, "") for choice in choices)
        if not choices:
            yield ":files", ""
    elif arguments[0].startswith("workflows."):
        yield ":files", ""


# --- threads and questions


def _seen(state: str | None) -> "list[Glance]":
    from lgrun.cli.glance import glances, state_directory

    return [
        one for one in glances(state_directory(state)) if "/" not in one.thread and one.thread[:1] not in ("@", "-")
    ]


def _about(glance: "Glance") -> str:
    asked = "; ".join(text for _, text, _ in glance.questions)
    return f"{glance.status}: {asked}" if asked else f"{glance.status}, {glance.workflow}"


def _threads(command: str, state: str | None, current: str, arguments: list[str]) -> Iterator[Candidate]:
    thread, slash, _ = current.partition("/")
    found = [one for one in _seen(state) if one.status in _WANTED[command] and one.thread not in arguments]
    if not slash:
        yield from ((one.thread, _about(one)) for one in found)
    elif command in ("show", "diff", "fork"):
        for one in found:
            if one.thread == thread:
                yield from ((f"{thread}/{name}", "task") for name in dict.fromkeys(one.tasks))
                yield from ((f"{thread}/q{number}", text) for number, text in one.asked)


def _answers(thread: str, state: str | None, current: str) -> Iterator[Candidate]:
    for one in _seen(state):
        if one.thread == thread:
            for number, text, words in one.questions:
                if current.startswith(f"q{number}="):
                    yield from ((f"q{number}={word}", about) for word, about in words)
                else:
                    yield f"q{number}=", text


# --- workflows and their inputs


def _workflows() -> Iterator[Candidate]:
    from lgrun.cli.sketch import named_workflows

    yield from named_workflows()
    yield ":files", ""


def _items(workflow: str, current: str) -> Iterator[Candidate]:
    from lgrun.cli.sketch import input_keys

    if "=" in current:
        return
    for key, about in input_keys(workflow):
        yield f"{key}=", about
