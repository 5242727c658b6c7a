"""Events on stdout, one line each, written when they happen: --ndjson of the commands that run or watch a thread."""

import _thread
import os
from typing import TYPE_CHECKING, Any

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.happenings import CHOICES, Documents, Happening
from lgrun.cli.render.json import document_text
from lgrun.cli.render.plain import Reporter

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver

_PATIENCE = 1.0
"""Seconds that the last words of a process that is to die wait for a line that is just being written."""


class EventLog:
    """The lines.

    Args:
        env: where to.
    """

    def __init__(self, env: Environment) -> None:
        self._env = env
        self._documents = Documents()
        self._lock = _thread.allocate_lock()
        self._torn = False
        self._busy = False
        self._put_off: int | None = None

    def carry(self, kinds: list[str]) -> None:
        """Carry these kinds of events instead of the usual ones."""
        self._documents.carried = frozenset(kinds)

    def carries(self, kind: str) -> bool:
        """Tell whether a kind of events is carried."""
        return kind in self._documents.carried

    def begin(self, thread: str, run: int) -> None:
        """Say whose events follow."""
        self._documents.thread, self._documents.run = thread, run

    def tell(self, event: Any, at: str | None = None) -> None:
        """Write an event, if it is told. `at`: when it happened, if not now."""
        self._busy = True
        with self._lock:
            self._write(self._documents.of(event, at or self._now()))
        self._busy = False
        signum, self._put_off = self._put_off, None
        if signum is not None:
            os.kill(os.getpid(), signum)

    def put_off(self, signum: int) -> bool:
        """Keep a signal until the line that is being written is whole; False if there is none, or for the second one.

        Called by the handlers of signals that stop a command, in the thread that writes.
        """
        if not self._busy or self._put_off is not None:
            return False
        self._put_off = signum
        return True

    def end(self, document: dict[str, Any]) -> None:
        """Write the last event, unless it is written already. From any thread."""
        if self._lock.acquire(timeout=_PATIENCE):
            self._busy = True
            try:
                self._write(self._documents.end(document, self._now()), last=True)
            finally:
                self._lock.release()
                self._busy = False

    def _now(self) -> str:
        return self._env.now().isoformat()

    def _write(self, document: dict[str, Any] | None, *, last: bool = False) -> None:
        if document is None or (self._torn and not last):
            return
        # Where the disk behind stdout was full, a piece of a line may be there.
        text = "\n" * self._torn + document_text(document, pretty=False)
        self._torn = not self._env.put_bytes(text.encode()) or self._torn


def carry(env: Environment, given: str | None) -> None:
    """Read what --events says, or else the configuration.

    Raises:
        Problem: it names something else than kinds of events, or there are none to be carried.
    """
    if given is None:
        if env.log is not None:
            from lgrun.cli.configuration import setting

            env.log.carry(setting(env, "events").value)
        return
    kinds = [kind.strip() for kind in given.split(",") if kind.strip()]
    unknown = [kind for kind in kinds if kind not in CHOICES]
    if unknown:
        hint = f"one or more of {','.join(CHOICES)}; question, answer, warn and run are always told"
        raise Problem("usage", f"--events: there are no events {', '.join(unknown)}", hint=hint)
    if env.log is None:
        raise Problem("usage", "--events says what --ndjson carries", hint="add --ndjson")
    env.log.carry(kinds)


class EventReporter(Reporter):
    """Writes the events of a run to the log; on stderr there is only what they do not say.

    Args:
        env: the world.
        log: where to.
        saver: where the thread is kept.
        thread: which one.
    """

    has_last_words = True

    def __init__(self, env: Environment, log: EventLog, saver: "BaseCheckpointSaver", thread: str) -> None:
        super().__init__(env)
        self._log = log
        self._saver = saver
        self._thread = thread

    def tell(self, event: Any) -> None:
        """Write one event."""
        if self._is_shown(event):
            self._keep_time(event)
        own = event.ns == ()
        if event.type == "run.start" and own:
            self._begin(event)
            return
        if event.type == "run.end" and own:
            for question in event.questions:
                self._log.tell(question)
        self._log.tell(event)

    def _begin(self, event: Any) -> None:
        from lgrun.cli.rebuilt import Rebuilder

        past = Rebuilder()
        happened = list(past.feed(reversed(list(self._saver.history(self._thread)))))
        self._log.begin(self._thread, past.run)
        self._log.tell(event)
        if event.continued:
            for answer in _answers_since_start(happened):
                self._log.tell(answer)

    def leave(self, status: int) -> None:
        """Write how the run stood when its process died."""
        from lgrun.cli.session import resume_command
        from lgrun.cli.views import view_of

        try:
            view = view_of(self.env, self._saver, self._thread)
            view.status, view.exit = "crashed", status
            view.next = [resume_command(self.env, self._thread)]
            self._log.end(view.document())
        except Exception:
            # The process dies all the same.
            return


def _answers_since_start(happened: list[Happening]) -> list[Happening]:
    """Return the answers that the last run was given."""
    found: list[Happening] = []
    for one in happened:
        if one.type == "run.start":
            found = []
        elif one.type == "answer":
            found.append(one)
    return found
