"""A thread that is followed from elsewhere, for people: as a run is drawn, with what only watchers are told."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

from lgrun.cli.render.live import LiveReporter
from lgrun.cli.render.plain import Reporter
from lgrun.cli.render.text import brief, called, one_line, parse_time, shorten
from lgrun.cli.render.values import readable

if TYPE_CHECKING:
    from lgrun.cli.env import Environment
    from lgrun.cli.following import Left
    from lgrun.cli.render.thread import ThreadView


class LineWatcher(Reporter):
    """Draws a line for each change.

    Args:
        env: where to.
        thread: which one is watched.
    """

    def __init__(self, env: "Environment", thread: str) -> None:
        super().__init__(env)
        self._thread = thread

    def _run_start(self, event: Any) -> None:
        self.env.note(start_line(event, self._thread))

    def _question(self, event: Any) -> None:
        self.env.note(question_line(event))

    def _answer(self, event: Any) -> None:
        self.env.note(answer_line(event))


class LiveWatcher(LiveReporter):
    """Draws the tasks as a tree, and lines above it.

    Args:
        env: where to.
        thread: which one is watched.
    """

    def __init__(self, env: "Environment", thread: str) -> None:
        super().__init__(env)
        self._thread = thread

    def tell(self, event: Any) -> None:
        """Draw one event."""
        if event.type == "run.start":
            self.say(start_line(event, self._thread))
        elif event.type == "question":
            self.say(question_line(event))
        elif event.type == "answer":
            self.say(answer_line(event))
        super().tell(event)

    def _moment(self, event: Any) -> float:
        return super()._moment(event) - _age(event.at, self.env.now())


def _age(at: str, now: datetime) -> float:
    """Return how many seconds ago something was; clocks that went back make nothing happen in the future."""
    then = parse_time(at)
    if then is None or then.tzinfo is None:
        return 0.0
    return max((now - then).total_seconds(), 0.0)


def start_line(event: Any, thread: str) -> str:
    """Draw that a run begins, or goes on."""
    return f"▸ {thread} goes on" if event.continued else f"▸ {thread}"


def question_line(event: Any) -> str:
    """Draw a question."""
    return f"? {event.question.line()}"


def answer_line(event: Any) -> str:
    """Draw an answer."""
    by = f"  ({one_line(event.by)})" if event.by else ""
    q = f"q{event.q}" if event.q is not None else event.id
    return f"→ {q} = {brief(readable(event.value), 100)}{by}"


def last_line(view: "ThreadView", left: "Left") -> str:
    """Draw how it ended."""
    thread = view.thread
    if left.timed_out:
        return f"… {thread} is {left.status}: the time to watch it is over"
    if left.status == "running":
        return f"✗ {thread} still runs, but a task failed"
    following = f"  {view.next[0]}" if view.next else ""
    if left.status == "failed" and view.error is not None:
        why = shorten(one_line(f"{view.error['type']}: {view.error['message']}"), 200)
        args = view.error.get("args")
        where = f" in {called(str(view.error['task']), args)}" if args else ""
        return f"✗ {thread} failed{where}: {why}{following}"
    return f"{_LAST[left.status].format(thread)}{following}"


_LAST = {
    "done": "✓ {} done",
    "failed": "✗ {} failed",
    "waiting": "? {} waits for an answer",
    "stopped": "■ {} stopped",
    "crashed": "✗ {} crashed: the process that ran it is gone",
}
