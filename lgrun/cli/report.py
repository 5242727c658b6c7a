"""How a run ends: the answer on stdout, the talk on stderr, the exit code."""

from collections.abc import Iterator

from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
from lgrun.cli.diagnostics import Problem, describe, error_document, explain
from lgrun.cli.drive import Outcome
from lgrun.cli.env import Environment, die_of
from lgrun.cli.render.history import counted
from lgrun.cli.render.plain import label
from lgrun.cli.render.text import duration, one_line
from lgrun.cli.session import command, resume_command
from lgrun.cli.status import OF_THREAD, ExitStatus
from lgrun.cli.views import print_run, print_value, view_of, waiting_lines, wants_document


def conclude(
    env: Environment, saver: BaseCheckpointSaver, thread: str, outcome: Outcome, *, seconds: float
) -> ExitStatus:
    """Say how a run ended, print its value, and return the exit code, unless a signal ends the process."""
    problem: Problem | None = None
    if outcome.error is not None:
        problem = explain(outcome.error, thread=thread, resume=command(env, "resume", thread))
    status = _exit_status(outcome, problem)
    for line in _talk(env, saver, thread, outcome, problem, seconds):
        if outcome.status == "failed":
            env.say(line)
        else:
            env.note(line)
    if wants_document(env):
        status = _print_run(env, saver, thread, outcome, problem, status)
    elif outcome.status == "done":
        print_value(env, saver, thread, outcome.checkpoint)
    if outcome.signal is not None:
        die_of(outcome.signal)
    return status


def _exit_status(outcome: Outcome, problem: Problem | None) -> ExitStatus:
    if outcome.signal is not None:
        return ExitStatus(128 + outcome.signal)
    if outcome.timed_out:
        return ExitStatus.TIMEOUT
    if outcome.status == "stopped" and not outcome.paused:
        return ExitStatus.INTERRUPTED
    return problem.status if problem is not None else OF_THREAD[outcome.status]


def _print_run(
    env: Environment,
    saver: BaseCheckpointSaver,
    thread: str,
    outcome: Outcome,
    problem: Problem | None,
    status: ExitStatus,
) -> ExitStatus:
    view = view_of(env, saver, thread, outcome.checkpoint)
    view.exit = int(status)
    if problem is not None:
        view.error = problem.document()
    elif outcome.error is not None:
        view.error = error_document(outcome.error, outcome.failed, next(iter(view.next), None))
    try:
        print_run(env, view)
    except Problem as missing:
        # How the run ended matters more than that it has no such value.
        for line in missing.lines():
            env.say(line)
        return status or missing.status
    return status


def _talk(
    env: Environment,
    saver: BaseCheckpointSaver,
    thread: str,
    outcome: Outcome,
    problem: Problem | None,
    seconds: float,
) -> Iterator[str]:
    if outcome.status == "done":
        yield f"✓ {thread} done in {duration(seconds)}"
    elif outcome.status == "waiting":
        yield from waiting_lines(env, thread, outcome.questions)
    elif outcome.status == "failed":
        yield from _failure(env, thread, outcome, problem)
        if problem is None or problem.status is ExitStatus.STATE_IO:
            yield from _kept(env, saver, thread, failed=True)
        if outcome.questions:
            yield from waiting_lines(env, thread, outcome.questions)
    else:
        yield f"■ {thread} stopped{_why(outcome)}"
        yield from _kept(env, saver, thread)


def _why(outcome: Outcome) -> str:
    if outcome.timed_out:
        return ": its time was over"
    return " at a breakpoint" if outcome.paused else ""


def _failure(env: Environment, thread: str, outcome: Outcome, problem: Problem | None) -> Iterator[str]:
    if problem is not None:
        yield from problem.lines()
        return
    assert outcome.error is not None
    from lgrun.errors import NotSerializableError, SwallowedInterruptError

    # The live view, which stays above, shows which task failed and when.
    in_task = f" in {label(outcome.failed)}" if getattr(outcome.failed, "args", None) else ""
    yield f"✗ {thread} failed{in_task}" if env.paints() and outcome.failed is not None else f"✗ {_who_failed(outcome)}"
    columns = env.screen()[0] - 2 if env.paints() else None
    lines = describe(outcome.error, str(env.cwd), verbose=env.flags.verbose > 0, columns=columns)
    if isinstance(outcome.error, (NotSerializableError, SwallowedInterruptError)):
        lines[0] = str(outcome.error)
    for line in lines:
        yield f"  {line}"


def _who_failed(outcome: Outcome) -> str:
    event = outcome.failed
    if event is None:
        return f"{one_line(outcome.name) or 'the workflow'} failed"
    ms, attempt = getattr(event, "ms", None), getattr(event, "attempt", 1)
    took = f" after {duration(ms / 1000)}" if ms is not None else ""
    return f"{label(event)} failed{took}{f' (attempt {attempt})' if attempt > 1 else ''}"


def _steps_made(saver: BaseCheckpointSaver, saved: Saved) -> int:
    """Return how many steps of a graph were finished in this run."""
    began = next((each for each in saver.checkpoints(saved.checkpoint.thread) if each.kind == "input"), None)
    # The first checkpoint after the input is that of the state to begin with.
    return saved.checkpoint.step - began.step - 1 if began is not None else 0


def _kept(env: Environment, saver: BaseCheckpointSaver, thread: str, *, failed: bool = False) -> Iterator[str]:
    """Say what is not lost. The disk may be the very thing that failed, so this is only said if it can be read."""
    try:
        saved = saver.load(thread)
    except Exception:
        return
    if saved is None:
        return
    if saved.checkpoint.kind == "step":
        steps = _steps_made(saver, saved)
        before = f"before {counted(saved.checkpoint.next)}.  " if saved.checkpoint.next else ""
        kept = f"{steps} finished step{'' if steps == 1 else 's'} kept, " if steps else ""
        yield f"  {kept}{before}continue:  {resume_command(env, thread)}"
        return
    done = {write.path for write in saved.writes if write.kind == "result" and len(write.path) == 1}
    count = f"{len(done)} finished task{'' if len(done) == 1 else 's'} {'is' if len(done) == 1 else 'are'} kept.  "
    yield from _advice(env, f"{count if done else ''}continue:", resume_command(env, thread))
    ref = (saved.checkpoint.origin or {}).get("ref")
    if failed and not done and ref:
        # With nothing done yet, the input itself may be what is wrong; continuing keeps it.
        again = command(env, "invoke", str(ref), "-t", thread, "--discard")
        yield from _advice(env, "with another input:", f"{again} ITEM...")


def _advice(env: Environment, words: str, typed: str) -> Iterator[str]:
    """Say what to type: beside the words, or below them where a narrow screen would break it."""
    if len(words) + len(typed) + 4 <= env.screen()[0] or not env.paints():
        yield f"  {words}  {typed}"
    else:
        yield f"  {words}"
        yield f"    {typed}"
