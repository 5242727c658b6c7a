"""A glance at the threads of a state directory, for completion: quick, with the standard library alone.

Nothing is verified and nothing is locked; what cannot be read is left out. Every other command reads with the saver.
"""

import json
import os
from typing import Any, NamedTuple

from lgrun._folders import user_folder
from lgrun.cli.choices import choice_of

_MOST = 100
"""Threads that are looked at, the most recently touched ones."""


class Glance(NamedTuple):
    """A thread: how it stands, its open questions, the names of its latest tasks.

    A question is its number, its text, and the words that answer it, each with what it means (the text, where nothing
    else is known).

    `asked` are the questions of its last run, the answered ones included.
    """

    thread: str
    status: str
    workflow: str
    questions: list[tuple[int, str, list[tuple[str, str]]]]
    tasks: list[str]
    asked: list[tuple[int, str]]


def state_directory(given: str | None) -> str:
    """Return the state directory: where nothing but the platform decides, without a library to find that out."""
    named = given or os.environ.get("LGRUN_STATE_DIR")
    if named:
        return os.path.expanduser(named)
    if not _is_configured():
        return user_folder("state")
    from lgrun.checkpoint.file import state_directory as configured

    return str(configured())


def _is_configured() -> bool:
    if os.path.exists(os.path.join(user_folder("config"), "config.toml")):
        return True
    here = os.getcwd()
    while True:
        if any(os.path.exists(os.path.join(here, name)) for name in ("lgrun.toml", "pyproject.toml")):
            return True
        above = os.path.dirname(here)
        if above == here:
            return False
        here = above


def glances(directory: str) -> list[Glance]:
    """Return the threads, the most recently touched first."""
    root = os.path.join(directory, "threads")
    try:
        with os.scandir(root) as entries:
            # A name with a dot is a thread that is being copied.
            names = [entry.path for entry in entries if not entry.name.startswith(".")]
    except OSError:
        return []
    found = sorted(((_touched(path), path) for path in names), reverse=True)
    seen = []
    for _, path in found[:_MOST]:
        try:
            seen.append(_glance(path))
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue
    return seen


def _touched(path: str) -> float:
    try:
        return max((entry.stat().st_mtime for entry in os.scandir(path)), default=0.0)
    except OSError:
        return 0.0


def _glance(path: str) -> Glance:
    names = os.listdir(path)
    latest = max(name for name in names if len(name) == 13 and name.endswith(".json"))
    point = _read(os.path.join(path, latest))
    records = _records(os.path.join(path, f"{latest[:8]}.writes.jsonl"))
    origin = point.get("workflow") or {}
    complete = point["kind"] != "input" and not point.get("next")
    # The journal of a run that is done belongs to the checkpoint before its end.
    told = _records(os.path.join(path, f"{int(latest[:8]) - 1:08}.writes.jsonl")) if complete else records
    # A call that took no time has no record of its start.
    tasks = [str(r["name"]) for r in told if r.get("kind") in ("start", "result") and r.get("digest")]
    asked = [(number, text) for number, text, _ in _questions([r for r in told if r.get("kind") == "interrupt"])]
    questions = [] if complete else _questions(records)
    status = _status(records, bool(questions))
    if complete:
        status = "done"
    if _is_held(os.path.join(path, "lock")):
        status = "running"
    name = str(origin.get("ref") or point.get("entrypoint") or "")
    return Glance(str(point["thread"]), status, name, questions, tasks, asked)


def _read(path: str) -> Any:
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _records(path: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if line.endswith("\n"):
                    found += json.loads(line)["records"]
    except FileNotFoundError:
        pass
    return found


def _status(records: list[dict[str, Any]], asks: bool) -> str:
    last = ""
    for record in records:
        if record["kind"] == "run":
            last = ""
        elif record["kind"] == "error" and not record.get("path"):
            last = "failed"
        elif record["kind"] == "cancelled":
            last = "stopped"
    return last or ("waiting" if asks else "crashed")


def _questions(records: list[dict[str, Any]]) -> list[tuple[int, str, list[tuple[str, str]]]]:
    open_ones: dict[str, tuple[int, str, list[tuple[str, str]]]] = {}
    for record in records:
        if record["kind"] == "interrupt":
            open_ones[record["id"]] = (record.get("q") or 0, *_asked(record.get("value"), record.get("schema")))
        elif record["kind"] == "answer":
            open_ones.pop(record["id"], None)
    return sorted(open_ones.values(), key=lambda question: question[0])


def _asked(value: Any, schema: Any) -> tuple[str, list[tuple[str, str]]]:
    if _may_be_review(value):
        # Nearly nobody has such a question open, so nearly nobody waits for this.
        from lgrun.cli.review import review_of

        review = review_of(value)
        if review is not None:
            return review.text, review.offered
    text, options = str(value), _options(schema)
    if isinstance(value, dict):
        words = ("question", "message", "prompt", "title", "description", "text")
        text = next((value[word] for word in words if isinstance(value.get(word), str)), json.dumps(value))
        lists = (value.get(word) for word in ("options", "choices", "enum"))
        options = next((found for found in lists if isinstance(found, list)), options)
    return text, [
        (answer if isinstance(answer, str) else json.dumps(answer), label or text)
        for answer, label in map(choice_of, options)
    ]


def _may_be_review(value: Any) -> bool:
    first = value[0] if isinstance(value, list) and value else value
    return isinstance(first, dict) and ("action_requests" in first or "action_request" in first)


def _options(schema: Any) -> list[Any]:
    found = schema.get("enum") if isinstance(schema, dict) else None
    return found if isinstance(found, list) else []


def _is_held(lock: str) -> bool:
    try:
        with open(lock, encoding="utf-8") as file:
            holder = json.loads(file.read(4096))
        os.kill(int(holder["pid"]), 0)
    except PermissionError:
        return True
    except (OSError, ValueError, LookupError, TypeError):
        return False
    return True
