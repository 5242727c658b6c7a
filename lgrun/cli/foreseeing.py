"""What a batch would do: for every line which thread it is run on, and what would become of that. Nothing is run."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from lgrun.cli.batch import Alone, refused
from lgrun.cli.env import Environment
from lgrun.cli.lines import Line
from lgrun.cli.render.json import document_text
from lgrun.cli.render.text import one_line, shorten
from lgrun.cli.status import ExitStatus
from lgrun.cli.views import print_document, wants_document

if TYPE_CHECKING:
    from lgrun.cli.starting import Place, Start

_WOULD = {
    "start": "new, would start",
    "continue": "{status}, would go on",
    "wait": "waiting, would go on waiting for its answer",
    "print": "done, would print its saved result again",
    "busy": "run by another process, would wait for that",
    "refuse": "would be refused",
}


def foresee(env: Environment, start: "Start", place: "Place", lines: Sequence[Line]) -> ExitStatus:
    """Print a plan for every line, in their order; return 1 if one would be refused, as the batch would."""
    count: Counter[str] = Counter()
    documents = []
    for line, plan, text in _plans(env, start, place, lines):
        count[plan["action"]] += 1
        env.note(f"{line.thread} (line {line.number}): {text}")
        if wants_document(env):
            documents.append(plan)
        else:
            env.put(document_text(plan, pretty=False))
    if wants_document(env):
        print_document(env, documents)
    told = ", ".join(f"{count[action]} to {action}" for action in _WOULD if count[action])
    env.note(f"{len(lines)} line{'' if len(lines) == 1 else 's'}: {told}; nothing was run" if lines else _NONE)
    return ExitStatus.FAILED if count["refuse"] else ExitStatus.DONE


_NONE = "there are no lines"


def _plans(
    env: Environment, start: "Start", place: "Place", lines: Sequence[Line]
) -> Iterator[tuple[Line, dict[str, Any], str]]:
    from lgrun.checkpoint.serde import encode
    from lgrun.cli.render.values import readable

    origin = start.loaded.origin()
    workflow = {key: origin.get(key) for key in ("ref", "path", "name", "sha256")}
    known: dict[str, tuple[int, dict[str, Any], str]] = {}
    for line in lines:
        first = known.get(line.thread)
        if first is None:
            found, text = _found(env, start._replace(thread=line.thread, payload=line.payload), place, line.thread)
            known[line.thread] = (line.number, found, text)
        else:
            found, text = first[1], f"the same as line {first[0]}"
        document = {"schema": "lgrun.plan/1", "line": line.number, "thread": line.thread, "workflow": workflow, **found}
        yield line, document | {"input": readable(encode(line.payload))}, text


def _found(env: Environment, start: "Start", place: "Place", thread: str) -> tuple[dict[str, Any], str]:
    """Return what would be done to a thread, for programs and for people."""
    from lgrun.cli.session import standing_of
    from lgrun.cli.starting import action_of

    alone = Alone(env, thread, env.stdout)
    try:
        standing = standing_of(place.store, thread)
        if standing.status == "running":
            return {"action": "busy", "exit": int(ExitStatus.BUSY)}, _WOULD["busy"]
        action = action_of(standing, only_once=True)
        if standing.saved is not None:
            _check(alone, start, place, standing.saved, action)
    except Exception as error:
        document = refused(alone, error, thread)
        text = f"{_WOULD['refuse']}: {shorten(one_line(document['error']['message']), 200)}"
        return {"action": "refuse", "exit": document["exit"], "error": document["error"]}, text
    code = ExitStatus.WAITING if action == "wait" else ExitStatus.DONE
    return {"action": action, "exit": int(code)}, _WOULD[action].format(status=standing.status)


def _check(env: Environment, start: "Start", place: "Place", saved: Any, action: str) -> None:
    """Refuse what the run would refuse before anything of the workflow runs."""
    from lgrun.cli.going_on import say_change
    from lgrun.cli.session import origin_of
    from lgrun.cli.settings import check_recorded
    from lgrun.cli.starting import check_same

    check_same(env, place.store, saved, start)
    if action == "continue":
        check_recorded(saved, start.manner.settings)
        say_change(env, start.loaded, saved.checkpoint.thread, origin_of(place.store, saved), start.manner.on_change)
