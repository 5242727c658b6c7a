"""What happens during a run, one plain line per event, for stderr."""

from typing import TYPE_CHECKING, Any

from lgrun.cli.diagnostics import headline
from lgrun.cli.render.text import brief, called, duration, one_line, shorten, token_text

if TYPE_CHECKING:
    from types import TracebackType

    from lgrun.cli.env import Environment


class Reporter:
    """Draws events.

    Args:
        env: where to.

    Attributes:
        has_last_words: something must be said, in `leave`, before the process dies in the middle of a run.
    """

    has_last_words = False

    def __init__(self, env: "Environment") -> None:
        self.env = env
        self._started: dict[str, tuple[str, float]] = {}
        # Failures that are told with how the run ends, unless it goes on after them.
        self._held: list[Any] = []
        self._nodes: set[str] = set()
        # What chat models have said on lines that have no end yet, by task.
        self._said: dict[str, tuple[str, str]] = {}

    def __enter__(self) -> "Reporter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None"
    ) -> None:
        """Draw what is left to draw."""

    def tell(self, event: Any) -> None:
        """Draw one event."""
        if not self._is_shown(event):
            return
        self._keep_time(event)
        if event.type in ("task.end", "task.error", "task.retry", "run.end"):
            self._end_lines(event)
        draw = getattr(self, "_" + event.type.replace(".", "_"), None)
        if draw is not None:
            self._release(None)
            draw(event)
        if event.type in ("task.error", "node.error"):
            self._held.append(event)
            if self._started:
                self._release(None)
        elif event.type == "run.end" and event.ns == ():
            self._release(event.error)

    def say(self, text: str) -> None:
        """Draw a line, from a signal handler too."""
        self.env.say(text)

    def leave(self, status: int) -> None:
        """Say what must be said before the process dies with this exit code. Called from any thread."""

    def running(self) -> str:
        """Say which tasks are running and for how long: `draft (12s so far), read (3 times, 4s so far)`."""
        now = self.env.monotonic()
        # A copy: this is called from a signal handler.
        since: dict[str, list[float]] = {}
        for name, began in list(self._started.values()):
            since.setdefault(name, []).append(began)
        tasks = [
            f"{one_line(name)} ({f'{len(each)} times, ' * (len(each) > 1)}{duration(now - min(each))} so far)"
            for name, each in since.items()
        ]
        return ", ".join(tasks[:3]) + (f" and {len(tasks) - 3} more" if len(tasks) > 3 else "")

    def _is_shown(self, event: Any) -> bool:
        """Tell whether people see an event: of a workflow's own steps, those of graphs, and not of its body."""
        if event.type in ("node.start", "node.saved") and is_node(event):
            self._nodes.add(event.id)
        if event.type == "node.start" and event.known:
            return False
        return not event.type.startswith("node.") or event.id in self._nodes

    def _keep_time(self, event: Any) -> None:
        if event.type in ("task.start", "node.start"):
            self._started[event.id] = (event.name, self.env.monotonic())
        elif event.type in ("task.end", "task.error", "task.retry", "node.end", "node.error", "node.interrupt"):
            self._started.pop(event.id, None)

    def _release(self, told: BaseException | None) -> None:
        """Draw the failures held back, without those that are told elsewhere."""
        held, self._held = self._held, []
        errors = [event.error for event in held]
        for n, event in enumerate(held):
            # A node fails with the error of its task.
            if event.error is not told and event.error not in errors[:n]:
                self.env.note(f"✗ {label(event)} {_error(event.error)}{attempt_of(event)}")

    def _task_start(self, event: Any) -> None:
        if self.env.flags.verbose:
            self.env.note(f"  {label(event, 100)} …")

    def _task_end(self, event: Any) -> None:
        self.env.note(f"✓ {one_line(event.name)} {duration(event.ms / 1000)}{attempt_of(event)}{_given(event)}")

    def _task_saved(self, event: Any) -> None:
        self.env.note(f"⟲ {one_line(event.name)} {'saved' if event.replayed else 'cached'}{_given(event)}")

    def _node_start(self, event: Any) -> None:
        if self.env.flags.verbose:
            self.env.note(f"  {one_line(event.name)} …")

    def _node_end(self, event: Any) -> None:
        took = f" {duration(event.ms / 1000)}" if event.ms is not None else ""
        self.env.note(f"✓ {one_line(event.name)}{took}")

    def _node_saved(self, event: Any) -> None:
        self.env.note(f"⟲ {one_line(event.name)} saved")

    def _task_retry(self, event: Any) -> None:
        self.env.note(f"✗ {label(event)} {_error(event.error)} (attempt {event.attempt})")
        self.env.note(f"↻ {label(event)} again in {duration(event.delay)}")

    def _token(self, event: Any) -> None:
        if event.kind != "token" or not self.env.flags.verbose:
            return
        _, begun = self._said.pop(event.id, ("", ""))
        *whole, rest = (begun + token_text(event.message)).split("\n")
        for line in whole:
            self._say(event.name, line)
        self._said[event.id] = (event.name, rest)

    def _end_lines(self, event: Any) -> None:
        """Draw what chat models have said without ending the line: in the task that is over, or in the whole run."""
        for task in list(self._said) if event.type == "run.end" else [event.id]:
            name, rest = self._said.pop(task, ("", ""))
            if rest:
                self._say(name, rest)

    def _say(self, name: str, line: str) -> None:
        self.env.note(f"│ {one_line(name)}: {one_line(line)}")

    def _custom(self, event: Any) -> None:
        self.env.note(custom_line(event))

    def _warn(self, event: Any) -> None:
        self.env.say(warning_line(event))


def is_node(event: Any) -> bool:
    """Tell whether a step that begins is a node of a graph: the body of a functional workflow has no other cause."""
    return bool(event.triggers != ("__start__",))


def label(event: Any, width: int = 40) -> str:
    """Write a task's name with what it was given, cut to `width`."""
    return called(event.name, getattr(event, "args", None), width)


def _given(event: Any) -> str:
    """Write what a task was given behind all else of its line, which begins with its name."""
    args = getattr(event, "args", None)
    return f"  {shorten(one_line(args), 40)}" if args else ""


def custom_line(event: Any) -> str:
    """Draw what a workflow wrote to its stream."""
    data = event.data
    return f"· {one_line(data) if isinstance(data, str) else _short(data)}"


def warning_line(event: Any) -> str:
    """Draw that the code made another call than the one recorded."""
    recorded, now = one_line(event.recorded), one_line(event.now)
    if not event.where:
        return f"! the code changed: recorded {recorded}; the code no longer calls it"
    outcome = "the recorded result is used" if event.used else "it runs"
    return f"! the code changed: recorded {recorded}, now {now} at {one_line(event.where)} ({outcome})"


def attempt_of(event: Any) -> str:
    """Say which attempt this was, if not the first."""
    attempt = getattr(event, "attempt", 1)
    return f" (attempt {attempt})" if attempt > 1 else ""


def _error(error: BaseException) -> str:
    return shorten(one_line(headline(error)), 200)


def _short(data: Any) -> str:
    try:
        return brief(data, 200)
    except (TypeError, ValueError):
        return shorten(one_line(_repr(data)), 200)


def _repr(data: Any) -> str:
    try:
        return repr(data)
    except Exception:
        return f"({type(data).__name__})"
