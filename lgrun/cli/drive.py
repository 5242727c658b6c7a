"""Running a workflow: its events are drawn as they come, signals stop it in good order, questions are asked."""

import _thread
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lgrun.cli.env import Environment
from lgrun.cli.question import Question, question_asked
from lgrun.cli.render.plain import Reporter
from lgrun.cli.status import ExitStatus
from lgrun.cli.timeline import NO_NAME

GRACE = 10.0
"""Seconds that running tasks get after SIGTERM or SIGHUP."""


class Job(NamedTuple):
    """What is run.

    Args:
        workflow: with a saver.
        thread: id of the thread.
        on_change: what to do about another call than the one recorded.
        wait: seconds to wait for whoever holds the thread.
        verb: `invoke` or `resume`, for the history.
        title: what the workflow is called where it has no name of its own.
        config: `configurable` values beside the thread.
        context: what the run's code gets as `runtime.context`.
        given: the names of both, for the record.
        timeout: seconds after which it is stopped, those that a person is asked left out; None for never.
    """

    workflow: Any
    thread: str
    on_change: str
    wait: float | None
    verb: str
    title: str
    config: Mapping[str, Any]
    context: Any
    given: str | None
    timeout: float | None = None

    @property
    def name(self) -> str:
        """The workflow's name."""
        name: str = self.workflow.name
        return self.title if self.title and name == NO_NAME else name


@dataclass(slots=True, eq=False)
class Outcome:
    """How a run ended.

    Args:
        status: done, waiting, failed or stopped.
        name: of the workflow.
        error: what it raised.
        failed: the event of the task that raised it.
        questions: the open ones.
        signal: the signal that stopped it.
        paused: it stopped at a breakpoint.
        timed_out: it was stopped because its time was over.
        checkpoint: id of the one that holds what it returned.
    """

    status: str = "stopped"
    name: str = ""
    error: BaseException | None = None
    failed: Any = None
    questions: list[Question] = field(default_factory=list)
    signal: int | None = None
    paused: bool = False
    timed_out: bool = False
    checkpoint: str | None = None


def converse(env: Environment, job: Job, payload: Any, *, asking: bool = True) -> Outcome:
    """Run; at a terminal, ask what the run asks and go on, until it ends or the person leaves.

    Args:
        env: the world.
        job: what is run.
        payload: the input, or the answers.
        asking: the person has not left yet.
    """
    from lgrun.types import Command

    started, asked = env.monotonic(), env.asked
    outcome = run(env, job, payload, timeout=job.timeout)
    while asking and outcome.status == "waiting" and env.interactive():
        from lgrun.cli.prompt import ask_all

        answers = ask_all(env, outcome.questions)
        if answers.interrupted:
            outcome.signal = signal.SIGINT
        if answers.given:
            spent = env.monotonic() - started - (env.asked - asked)
            left = None if job.timeout is None else max(job.timeout - spent, 0.0)
            outcome = run(env, job, Command(resume=answers.given), timeout=left)
        if answers.left:
            break
    return outcome


def run(env: Environment, job: Job, payload: Any, *, timeout: float | None = None) -> Outcome:
    """Run once and report on stderr what happens.

    A disk that refuses and code that changed end a run like a failure of the workflow: what is saved is kept.

    Raises:
        ThreadBusyError, EmptyInputError, UnknownInterruptError: see `Workflow.events`.
    """
    from lgrun.cli.session import resume_command
    from lgrun.errors import ReplayMismatchError, StateError

    config = {"configurable": {**job.config, "thread_id": job.thread}}
    by = f"{env.user()}, {job.verb}"
    # Whoever listens to tokens makes models stream: only if somebody sees them.
    tokens = env.log.carries("token") if env.log is not None else env.paints() or bool(env.flags.verbose)
    checkpoints = env.log is not None and env.log.carries("checkpoint")
    options = {"on_change": job.on_change, "by": by, "given": job.given, "wait": job.wait, "context": job.context}
    events = job.workflow.events(payload, config, tokens=tokens, checkpoints=checkpoints, **options)
    outcome = Outcome(name=job.name)
    failures: list[Any] = []
    with (
        _reporter(env, job) as reporter,
        _signals(reporter, events.cancel, resume_command(env, job.thread)) as caught,
        _time_limit(reporter, events.cancel, timeout) as over,
    ):
        try:
            for event in _kept_back(env, _told_once(events)):
                if event.type in ("task.error", "node.error"):
                    failures.append(event)
                elif event.type == "run.end" and event.ns == ():
                    outcome = _outcome(event, job.name, failures)
                reporter.tell(event)
        except (StateError, ReplayMismatchError) as error:
            outcome = Outcome("failed", job.name, error)
    outcome.timed_out = bool(over) and outcome.status == "stopped" and not outcome.paused
    outcome.signal = caught[0] if caught and outcome.status != "done" else None
    return outcome


def _told_once(events: Iterable[Any]) -> Iterator[Any]:
    """Hand on events, but not a change of the code because of which the run refuses to go on: its error says it."""
    change = None
    for event in events:
        # Of a run that refuses, nothing follows but that its body was left.
        if change is not None and event.type != "node.error":
            yield change
            change = None
        if event.type == "warn":
            change = event
        else:
            yield event


def _kept_back(env: Environment, events: Iterable[Any]) -> Iterator[Any]:
    """Hand on events; what tasks are given only if it may be kept: what is shown may be, too."""
    from lgrun.cli.configuration import setting

    keep = bool(setting(env, "store_input").value)
    for event in events:
        yield event if keep or not getattr(event, "args", None) else event._replace(args=None)


def _reporter(env: Environment, job: Job) -> Reporter:
    if env.log is not None:
        from lgrun.cli.event_log import EventReporter

        return EventReporter(env, env.log, job.workflow.checkpointer, job.thread)
    if not env.paints():
        return Reporter(env)
    from lgrun.cli.render.live import LiveReporter

    return LiveReporter(env)


def _outcome(event: Any, name: str, failures: list[Any]) -> Outcome:
    failed = next((found for found in failures if found.error is event.error), None)
    questions = [question_asked(question) for question in event.questions]
    # A graph that waits for nobody has come to a breakpoint.
    stopped = event.status == "waiting" and not questions
    status = "stopped" if stopped else event.status
    return Outcome(status, name, event.error, failed, questions, paused=stopped, checkpoint=event.checkpoint)


# --- signals

_SOON = 0.1
"""Seconds in which a run is told to stop, unless the signal came in an awkward moment: then it is a little later."""

_before: dict[int, Any] = {}
"""What was done about the signals that stop the run, while there is one."""


def _after_fork() -> None:
    """Leave signals to the children of a workflow's code: they are nobody's run, and `terminate()` must end them."""
    for signum, old in _before.items():
        signal.signal(signum, old)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


@contextmanager
def _signals(reporter: Reporter, cancel: Callable[[str], None], resume: str) -> Iterator[list[int]]:
    """Stop the run in good order at the first signal; the second one of a kind kills, as the system does it.

    Yields:
        The signals that came.
    """
    caught: list[int] = []

    def handle(signum: int, _frame: Any) -> None:
        caught.append(signum)
        signal.signal(signum, leave if reporter.has_last_words else signal.SIG_DFL)
        message, cancelled = _stopping(signum, reporter), _thread.allocate_lock()
        cancelled.acquire()
        # Elsewhere, because this code may have interrupted the main thread while it holds a lock of the run.
        _thread.start_new_thread(_cancel, (cancel, signal.Signals(signum).name, cancelled))
        cancelled.acquire(timeout=_SOON)
        reporter.say(message)
        if signum == signal.SIGINT:
            # Whoever presses it again is told nothing more.
            reporter.say(f"  continue later:  {resume}")
        else:
            _thread.start_new_thread(_kill_later, (signum, reporter))

    def leave(signum: int, _frame: Any) -> None:
        signal.signal(signum, signal.SIG_DFL)
        _thread.start_new_thread(_kill, (signum, reporter))

    # A signal that was ignored from the start stays ignored: nohup, background jobs of a shell.
    wanted = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    old = {signum: signal.getsignal(signum) for signum in wanted}
    changed = [signum for signum in wanted if old[signum] is not signal.SIG_IGN]
    _before.update((signum, old[signum]) for signum in changed)
    for signum in changed:
        signal.signal(signum, handle)
    try:
        yield caught
    finally:
        for signum in changed:
            signal.signal(signum, signal.SIG_DFL if signum in caught else old[signum])
        _before.clear()


def _cancel(cancel: Callable[[str], None], by: str, cancelled: _thread.LockType) -> None:
    cancel(by)
    cancelled.release()


@contextmanager
def _time_limit(reporter: Reporter, cancel: Callable[[str], None], seconds: float | None) -> Iterator[list[bool]]:
    """Stop the run in good order once its time is over; tasks that then still run get as long as after SIGTERM.

    Yields:
        A list that has an element once the time is over.
    """
    over: list[bool] = []
    if seconds is None:
        yield over
        return
    import threading

    ended = threading.Event()

    def watch() -> None:
        if ended.wait(min(seconds, threading.TIMEOUT_MAX)):
            return
        over.append(True)
        running = reporter.running()
        reporter.say(f"the time is over: stopping{f' after {running}' if running else ''}…")
        cancel("timeout")
        if ended.wait(GRACE):
            return
        reporter.leave(ExitStatus.TIMEOUT)
        os._exit(ExitStatus.TIMEOUT)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield over
    finally:
        ended.set()


def _stopping(signum: int, reporter: Reporter) -> str:
    running = reporter.running()
    what = f"stopping after {running}…" if running else "stopping…"
    return f"{what} Ctrl-C again to stop now" if signum == signal.SIGINT else what


def _kill_later(signum: int, reporter: Reporter) -> None:
    time.sleep(GRACE)
    _kill(signum, reporter)


def _kill(signum: int, reporter: Reporter) -> None:
    reporter.leave(128 + signum)
    os.kill(os.getpid(), signum)
