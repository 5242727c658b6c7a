"""Many inputs, each on a thread of its own, several at a time: what every line comes to, in the order of the lines."""

import json
import os
import signal
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lgrun.cli.diagnostics import Problem, explain
from lgrun.cli.env import Environment, Flags, die_of
from lgrun.cli.lines import Line
from lgrun.cli.render.json import document_text
from lgrun.cli.render.progress import Progress
from lgrun.cli.render.text import duration, one_line, shorten
from lgrun.cli.session import command
from lgrun.cli.status import OF_THREAD, ExitStatus
from lgrun.cli.views import print_document, view_of, wants_document
from lgrun.cli.workers import Crew, Reply

if TYPE_CHECKING:
    from lgrun.cli.starting import Place, Start

_TICK = 0.5
"""Seconds after which the bar is brought up to date."""
_KEYS = ("status", "exit", "value", "error", "questions")
"""What is taken over from a run document."""


@dataclass(slots=True)
class Course:
    """A batch while it runs.

    Args:
        env: the world.
        start: the workflow with all that a run of it is given, but for its thread and input.
        place: where the threads are.
        lines: the inputs.
        size: how many run at the same time.
    """

    env: Environment
    start: "Start"
    place: "Place"
    lines: Sequence[Line]
    size: int

    def run(self) -> ExitStatus:
        """Run what is not done, print what every line came to, and return the exit code.

        A signal ends the process instead, once what runs has stopped in good order, if anything is left to do.
        """
        output = _Output(self.env, self.lines)
        progress = output.progress
        reading, writing = os.pipe() if progress.drawn else (None, None)
        private = [fd for fd in (self.env.stdin, self.env.stdout) if fd > 2]

        def do(order: str, answer: int) -> None:
            if writing is not None:
                os.dup2(writing, 1)
                os.dup2(writing, 2)
            self._do(order, answer)

        # Each thread once, however many lines it has. A thread that is busy is tried again when nothing else is left.
        orders = deque(f"{position} 0" for position in output.first_lines())
        with Crew(do, self.size, private=private, listen=reading, heard=progress.print) as crew:
            told = 0
            while crew.busy or (orders and not crew.caught):
                while orders and not crew.full and not crew.caught:
                    crew.give(orders.popleft())
                progress.draw()
                for reply in crew.wait(_TICK if progress.drawn else 60):
                    position, again = map(int, reply.order.split())
                    found = self._found(self.lines[position].thread, reply, stopped=bool(crew.caught))
                    if found is not None and found["exit"] == ExitStatus.BUSY and not again and not crew.caught:
                        orders.append(f"{position} 1")
                    elif found is not None:
                        output.take(position, found)
                for signum in crew.caught[told:]:
                    told += 1
                    self._stop(crew, progress, signum)
        return output.conclude(crew.caught)

    def _stop(self, crew: Crew, progress: Progress, signum: int) -> None:
        """Hand a signal on. The second one of a kind ends a worker at once.

        Not by the same signal again: two that come close together are one to whom they are sent.
        """
        again = crew.caught.count(signum) > 1
        crew.signal(signal.SIGKILL if again else signum)
        if crew.busy:
            what = f"stopping {crew.busy} line{'' if crew.busy == 1 else 's'} after what runs…"
            progress.say("stopping now" if again else f"{what} Ctrl-C again to stop now")

    # --- in a worker

    def _do(self, order: str, answer: int) -> None:
        """Run one line, or go on with it: what `invoke --once` does, whose document is the answer."""
        from lgrun.cli.starting import once

        position, again = map(int, order.split())
        line = self.lines[position]
        env = Alone(self.env, line.thread, answer)
        patience = self.start.manner.patience if again else 0.0
        manner = self.start.manner._replace(patience=patience)
        start = self.start._replace(thread=line.thread, payload=line.payload, manner=manner)
        try:
            once(env, start, self.place, line.thread)
        except Exception as error:
            env.put(document_text(refused(env, error), pretty=False))

    # --- here

    def _found(self, thread: str, reply: Reply, *, stopped: bool) -> dict[str, Any] | None:
        """Return what a line came to; None if it had not begun when all was stopped."""
        document: dict[str, Any]
        try:
            document = json.loads(reply.said)
        except ValueError:
            # Its process died before it could say so. What it has saved counts.
            try:
                document = view_of(self.env, self.place.store, thread).document()
            except Exception as error:
                document = refused(self.env, error, thread)
            if document["status"] is None and stopped:
                return None
            if document["status"] in (None, "crashed"):
                document |= {"status": "crashed", "exit": int(ExitStatus.FAILED), "error": self._death(thread, reply)}
        if document["status"] == "done":
            # The signal came when the run was over and only its process was not.
            document["exit"] = int(ExitStatus.DONE)
        return {key: document[key] for key in _KEYS}

    def _death(self, thread: str, reply: Reply) -> dict[str, Any]:
        died = reply.died or 0
        how = f"signal {-died}" if died < 0 else f"exit code {died}"
        hint = f"continue:  {command(self.env, 'resume', thread)}"
        return Problem("crashed", f"the process that ran it ended with {how}", hint=hint).document()


class Alone(Environment):
    """The world of one line among many: nobody is asked, and only warnings are told, with the thread's name."""

    def __init__(self, env: Environment, thread: str, answer: int) -> None:
        verbose = env.flags.verbose
        flags = Flags(env.flags.state_dir, json=True, quiet=not verbose, no_input=True, verbose=verbose)
        super().__init__(env.environ, env.cwd, stdout=answer, flags=flags, thread=thread, dies_of_pipe=False)

    def say(self, text: str = "", style: str | None = None) -> None:
        if self.flags.verbose or text.startswith("!"):
            Environment.say(self, f"{self.thread}: {text}", style)

    def paints(self) -> bool:
        return False

    def interactive(self) -> bool:
        return False


def refused(env: Environment, error: Exception, thread: str | None = None) -> dict[str, Any]:
    """Return the document of a line that did not run."""
    thread = thread or env.thread or ""
    problem = explain(error, thread=thread, resume=command(env, "resume", thread))
    if problem is None:
        problem = Problem("bug", f"a bug in lgrun: {type(error).__name__}: {error}", status=ExitStatus.BUG)
    status = "running" if problem.status is ExitStatus.BUSY else "refused"
    ended = {"status": status, "exit": int(problem.status)}
    return {**ended, "value": None, "error": problem.document(), "questions": []}


class _Output:
    """What is told of the lines: on stdout in their order, on stderr as it comes."""

    def __init__(self, env: Environment, lines: Sequence[Line]) -> None:
        self._env = env
        self._lines = lines
        self._printed = 0
        self._found: dict[str, dict[str, Any]] = {}
        self._of_thread = Counter(line.thread for line in lines)
        self._count: Counter[str] = Counter()
        self._exits: set[int] = set()
        self._documents: list[dict[str, Any]] = []
        self._began = env.monotonic()
        self.progress = Progress(env, len(lines))

    def first_lines(self) -> list[int]:
        """Return the positions of the lines that are run: of equal ones the first."""
        return list({line.thread: position for position, line in reversed(list(enumerate(self._lines)))}.values())[::-1]

    def take(self, position: int, found: dict[str, Any]) -> None:
        """Take in what a line, and all that are equal to it, came to."""
        line = self._lines[position]
        self._found[line.thread] = found
        self._count[found["status"]] += self._of_thread[line.thread]
        self._exits.add(found["exit"])
        told = _told(line, found)
        if told is not None and (not self.progress.drawn or found["status"] != "done"):
            if found["status"] == "done" or found["exit"] == ExitStatus.WAITING:
                if not self._env.flags.quiet:
                    self.progress.say(told)
            else:
                self.progress.say(told)
        self.progress.advance(sum(self._count.values()))
        while self._printed < len(self._lines) and self._print(self._lines[self._printed]):
            self._printed += 1

    def _print(self, line: Line) -> bool:
        """Print what a line came to; False if that is not known yet."""
        found = self._found.get(line.thread)
        if found is None:
            return False
        document = {"schema": "lgrun.batch/1", "line": line.number, "thread": line.thread, **found}
        if wants_document(self._env):
            self._documents.append(document)
        else:
            self.progress.answer(document_text(document, pretty=False))
        self._of_thread[line.thread] -= 1
        if not self._of_thread[line.thread]:
            # A million values need not be kept.
            del self._found[line.thread]
        return True

    def conclude(self, caught: Sequence[int]) -> ExitStatus:
        """Print what is left, in order, and a summary; return the exit code."""
        for line in self._lines[self._printed :]:
            self._print(line)
        self.progress.close()
        if wants_document(self._env):
            print_document(self._env, self._documents)
        self._env.note(self._summary())
        if caught and (self._missing or self._count["stopped"] or self._count["crashed"]):
            die_of(caught[0])
        if self._exits - {ExitStatus.DONE, ExitStatus.WAITING}:
            return ExitStatus.FAILED
        return ExitStatus.WAITING if ExitStatus.WAITING in self._exits else ExitStatus.DONE

    @property
    def _missing(self) -> int:
        return len(self._lines) - sum(self._count.values())

    def _summary(self) -> str:
        counts = [f"{self._count[status]} {status}" for status in (*OF_THREAD, "refused") if self._count[status]]
        if self._missing:
            counts.append(f"{self._missing} not begun")
        lines = f"{len(self._lines)} line{'' if len(self._lines) == 1 else 's'}"
        again = "" if self._count["done"] == len(self._lines) else "; the same command runs what is not done"
        took = duration(self._env.monotonic() - self._began)
        return f"{lines} in {took}: {', '.join(counts)}{again}" if self._lines else "there are no lines"


_SYMBOLS = {"done": "✓", "waiting": "?", "stopped": "■", "running": "…"}


def _told(line: Line, found: dict[str, Any]) -> str:
    """Say on one line how a line ended."""
    head = f"{_SYMBOLS.get(found['status'], '✗')} {line.thread} {found['status']} (line {line.number})"
    error = found["error"]
    if error is not None:
        # A kind of ours says no more than the message, the class of an exception does.
        kind = "" if "context" in error else f"{error['type']}: "
        return f"{head}  {shorten(one_line(kind + error['message']), 200)}"
    asked = "; ".join(question["text"] for question in found["questions"])
    return f"{head}  {shorten(one_line(asked), 200)}" if asked and found["status"] == "waiting" else head
