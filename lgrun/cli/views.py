"""What is known of a thread, printed: for programs as a document, for people as lines."""

from collections.abc import Iterator, Sequence
from typing import Any

from lgrun.checkpoint.base import BaseCheckpointSaver, Encoded
from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.question import Question, question_of
from lgrun.cli.render.json import document_text, pick, result_text
from lgrun.cli.render.text import nearest
from lgrun.cli.render.thread import ThreadView, question_lines, recorded_error
from lgrun.cli.render.values import readable
from lgrun.cli.session import command, is_located, next_commands, open_saver, origin_of, standing_of
from lgrun.cli.settings import needed_text, recorded
from lgrun.cli.status import ExitStatus
from lgrun.cli.timeline import returned, timeline

LINES_ON_A_TERMINAL = 200


def view_of(env: Environment, saver: BaseCheckpointSaver, thread: str, at: str | None = None) -> ThreadView:
    """Return all that is known of a thread; `status` is None if it does not exist.

    Args:
        env: the world.
        saver: where threads are.
        thread: its id.
        at: id of the checkpoint with which it was done; others may have gone on with it since. By default as it stands.
    """
    saved, status = standing = standing_of(saver, thread, at)
    if saved is None:
        return ThreadView(thread=thread, status=status)
    history = list(saver.history(thread, before=saved.checkpoint.seq + 1, oldest_first=True))
    rows = timeline(history)
    questions = [question_of(write) for write in standing.questions]
    env.needs = env.needs or needed_text(recorded(saved))
    error = recorded_error(rows) if status == "failed" else None
    following = next_commands(env, thread, status, [question.q for question in questions], located=is_located(saved))
    if error is not None and error["type"] == "ReplayMismatchError":
        # Unless the code is put back, only this goes on.
        following.append(command(env, "resume", thread, "--on-change", "ignore"))
    origin = next((s.checkpoint.origin for s in reversed(history) if s.checkpoint.origin), None)
    return ThreadView(
        thread=thread,
        status=status,
        origin=origin,
        entrypoint=saved.checkpoint.entrypoint,
        rows=rows,
        questions=questions,
        value=returned(saved.checkpoint, origin) if saved.checkpoint.complete else None,
        state=None if saved.checkpoint.complete else saved.checkpoint.value,
        error=error,
        next=following,
        whole=[_whole(env, thread, position) for position in range(len(questions))],
    )


def _whole(env: Environment, thread: str, position: int) -> str:
    return command(env, "show", thread, "--get", f"questions.{position}.value")


def print_document(env: Environment, document: Any) -> None:
    """Print what --json or --get ask for."""
    if env.flags.get is not None:
        env.put(pick(document, env.flags.get))
    else:
        env.put(document_text(document, pretty=env.stdout_is_tty()))


def check_get(env: Environment, kind: str = "run", *, rows: bool = False) -> None:
    """Refuse a --get of what the document will not have, before anything runs for it.

    Args:
        env: the world.
        kind: which document the command prints: a name of `lgrun schema`.
        rows: it prints a list of them.

    Raises:
        Problem: the first key of the path is none of the document (4).
    """
    if not env.flags.get:
        return
    from lgrun.cli.published import SCHEMAS

    first, _, following = env.flags.get.partition(".")
    if rows and not first.removeprefix("-").isdecimal():
        hint = f"the first one's:  --get 0.{env.flags.get}"
        raise Problem("no-such-value", f"{first} is no number of a row", status=ExitStatus.NOT_FOUND, hint=hint)
    key = following.partition(".")[0] if rows else first
    known = SCHEMAS[kind]["properties"]
    if key and key not in known:
        near = nearest(key, known)
        raise Problem(
            "no-such-value",
            f"there will be no {key} for --get",
            status=ExitStatus.NOT_FOUND,
            context=[f"the document has: {', '.join(known)}"],
            hint=f"did you mean {near}?" if near else None,
        )


def print_run(env: Environment, view: ThreadView) -> None:
    """Print the run document, where there is a stream of events as the last of them."""
    if env.log is not None:
        env.log.end(view.document())
    else:
        print_document(env, view.document())


def print_rows(env: Environment, rows: Sequence[dict[str, Any]]) -> None:
    """Print what --json, --get or --ndjson ask for of a list."""
    if env.flags.ndjson:
        env.put("".join(document_text(row, pretty=False) for row in rows))
    else:
        print_document(env, rows)


def wants_document(env: Environment) -> bool:
    """Tell whether documents were asked for instead of text."""
    return env.flags.json or env.flags.ndjson or env.flags.get is not None


def print_problem(env: Environment, problem: Problem) -> None:
    """Print the document of a command that did nothing, with what is known of the thread it was about."""
    view = ThreadView(thread=env.thread or "", status=None)
    if env.thread is not None:
        try:
            view = view_of(env, open_saver(env), env.thread)
        except Exception:
            # What is reported already is why; the document just says less.
            view = ThreadView(thread=env.thread, status=None)
    document = view.document() | {"error": problem.document(), "exit": int(problem.status)}
    if env.thread is None:
        document["thread"] = None
    if env.log is not None:
        env.log.end(document)
    else:
        env.put(document_text(document, pretty=env.stdout_is_tty() and not env.flags.ndjson))


def print_value(env: Environment, saver: BaseCheckpointSaver, thread: str, at: str | None = None) -> None:
    """Print what the thread's last run returned, or the one that ended with checkpoint `at`."""
    saved = saver.load(thread, at)
    value = readable(returned(saved.checkpoint, origin_of(saver, saved))) if saved is not None else None
    pretty = env.stdout_is_tty()
    if pretty and value is None:
        return
    more = command(env, "show", thread, "--result")
    env.put(result_text(value, pretty=pretty, limit=LINES_ON_A_TERMINAL, more=more))


def print_saved(env: Environment, value: Encoded | None) -> None:
    """Print a saved value, never cut: one JSON line in a pipe, for reading on a terminal."""
    env.put(result_text(readable(value), pretty=env.stdout_is_tty(), limit=1 << 62, more=""))


def waiting_lines(env: Environment, thread: str, questions: list[Question], *, located: bool = True) -> Iterator[str]:
    """Say what a thread waits for, and what to type."""
    yield f"? {thread} waits for {'an answer' if len(questions) == 1 else f'{len(questions)} answers'}"
    for position, question in enumerate(questions):
        for line in question_lines(question, _whole(env, thread, position)):
            yield f"  {line}"
    numbers = [question.q for question in questions]
    for line in next_commands(env, thread, "waiting", numbers, located=located):
        yield f"  {line}"


def print_done(env: Environment, saver: BaseCheckpointSaver, thread: str) -> ExitStatus:
    """Print what a thread that is done has returned."""
    env.note(f"✓ {thread} is done")
    if wants_document(env):
        print_run(env, view_of(env, saver, thread))
    else:
        print_value(env, saver, thread)
    return ExitStatus.DONE
