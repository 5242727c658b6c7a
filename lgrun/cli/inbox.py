"""The inbox: every thread that waits for an answer, one after another, at a terminal."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment, die_of
from lgrun.cli.render.text import one_line, shorten
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver
    from lgrun.cli.selection import Found


@dataclass(slots=True)
class Visit:
    """What was done so far.

    Args:
        skipped: threads that are not shown again.
        failed: a thread failed after its answer.
    """

    skipped: set[str] = field(default_factory=set)
    failed: bool = False


def open_inbox(env: Environment, saver: "BaseCheckpointSaver", options: Sequence[str]) -> ExitStatus:
    """Show what waits, let the person pick and answer, and go on to the next, until nothing waits or they leave.

    Args:
        env: the world.
        saver: where threads are.
        options: of `resume`, which every thread is continued with.

    Returns:
        1 if a thread failed after its answer, else 3 if something still waits, else 0.

    Raises:
        Problem: nobody can be asked and something waits (exit 2).
    """
    found = waiting(env, saver)
    if not found:
        return _nothing(env)
    if not env.interactive() or env.flags.json or env.flags.ndjson or env.flags.get is not None:
        raise _which(env, found)
    visit = Visit()
    while found := [one for one in waiting(env, saver) if one.thread not in visit.skipped]:
        picked = _pick(env, found, visit)
        if picked is None:
            return _end(env, saver, visit)
        _answer(env, saver, picked, visit, options)
    return _end(env, saver, visit)


def waiting(env: Environment, saver: "BaseCheckpointSaver") -> "list[Found]":
    """Return the threads that wait for an answer, newest first."""
    from lgrun.cli.selection import find_threads

    return [one for one in find_threads(env, saver) if one.status == "waiting" and one.standing.questions]


def _nothing(env: Environment) -> ExitStatus:
    env.note("no thread waits for an answer")
    if env.flags.json:
        env.put("[]\n")
    return ExitStatus.DONE


def _which(env: Environment, found: "Sequence[Found]") -> Problem:
    from lgrun.cli.question import question_of
    from lgrun.cli.session import answer_words, command

    context = []
    for one in found:
        questions = one.standing.questions
        context += [one.thread, *(f"  {question_of(write).line()}" for write in questions)]
        words = answer_words(write.q or 0 for write in questions)
        context.append(f"  {command(env, 'resume', one.thread, *words)}")
    count = "1 thread waits" if len(found) == 1 else f"{len(found)} threads wait"
    return Problem("which-thread", f"say which thread: {count} for an answer", context=context)


def _end(env: Environment, saver: "BaseCheckpointSaver", visit: Visit) -> ExitStatus:
    left = len(waiting(env, saver))
    if left:
        env.note(f"{left} still wait{'s' if left == 1 else ''}:  lgrun list --status waiting")
    else:
        env.note("no thread waits any more")
    return ExitStatus.FAILED if visit.failed else ExitStatus.WAITING if left else ExitStatus.DONE


# --- picking one


def _pick(env: Environment, found: "Sequence[Found]", visit: Visit) -> "Found | None":
    """Return the thread that the person picks; None if they leave. A skipped one is not offered again."""
    rest = list(found)
    while rest:
        _show(env, rest)
        env.forget_typed()
        line = env.ask("inbox> ")
        word = "" if line is None else line.strip()
        if line is None or word in ("q", "quit"):
            return None
        if word in ("s", "skip"):
            visit.skipped.add(rest.pop(0).thread)
            continue
        picked = _meant(rest, word)
        if picked is not None:
            return picked
        env.say(f"  type a number of the list or a thread; got {one_line(shorten(word, 60))}", "red")
    return None


def _meant(found: "Sequence[Found]", word: str) -> "Found | None":
    if not word:
        return found[0]
    named = next((one for one in found if one.thread == word), None)
    if named is None and word.isascii() and word.isdigit() and 1 <= int(word[:9]) <= len(found):
        return found[int(word[:9]) - 1]
    return named


def _show(env: Environment, found: "Sequence[Found]") -> None:
    columns, rows = env.screen()
    env.say(f"{len(found)} thread{' waits' if len(found) == 1 else 's wait'} for an answer", "bold")
    entries = [list(_entry(env, n, one, columns)) for n, one in enumerate(found, 1)]
    taken = 0
    for n, lines in enumerate(entries):
        taken += len(lines)
        # The first is always shown; what does not fit can be picked by its number all the same.
        if n and taken > max(rows - 5, 2):
            env.say(f"  … {len(entries) - n} more:  lgrun list --status waiting", "dim")
            break
        for line in lines:
            env.say(line)
    env.say(f"  Enter: {one_line(found[0].thread)} · a number: that one · s: skip the first · q: quit", "dim")


def _entry(env: Environment, number: int, one: "Found", columns: int) -> Iterator[str]:
    from lgrun.cli.question import question_of
    from lgrun.cli.render.thread import ago

    yield f"  {number}  {one_line(one.thread)}  {ago(one.updated, env.now())}"
    for write in one.standing.questions:
        yield f"     {shorten(question_of(write).line(), max(columns - 6, 20))}"


# --- answering it


def _answer(
    env: Environment, saver: "BaseCheckpointSaver", picked: "Found", visit: Visit, options: Sequence[str]
) -> None:
    from lgrun.cli.session import standing_of

    thread = picked.thread
    status = standing_of(saver, thread).status
    if status != "waiting":
        env.say(f"! {one_line(thread)} does not wait any more: it is {status or 'gone'}")
        return
    code = _resume(thread, options)
    if code < 0:
        die_of(-code)
    if code in (ExitStatus.FAILED, ExitStatus.TIMEOUT):
        visit.failed = True
    if code != ExitStatus.DONE and standing_of(saver, thread).status == "waiting":
        # Left open, or what was said on the screen keeps it from going on: the others come first.
        visit.skipped.add(thread)


def _resume(thread: str, options: Sequence[str]) -> int:
    """Run `lgrun resume THREAD` and return its exit code, a signal as a negative number.

    In a process of its own: workflows of several projects must not meet in one, and Ctrl-C, a time limit and what a
    workflow leaves behind end with it.
    """
    old = {signum: signal.signal(signum, _leave_it) for signum in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        child = subprocess.Popen([sys.executable, "-P", "-m", "lgrun.cli.main", "resume", *options, "--", thread])
        for signum in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(signum, lambda received, _frame: child.send_signal(received))
        return child.wait()
    finally:
        for signum, handler in old.items():
            signal.signal(signum, handler)


def _leave_it(_signum: int, _frame: object) -> None:
    """Ctrl-C reaches the other process as well, which decides. (An ignored signal would be inherited; this is not.)"""
