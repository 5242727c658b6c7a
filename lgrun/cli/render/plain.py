"""What happens during a run, one plain line per event, for stderr."""

from typing import TYPE_CHECKING, Any

from lgrun.cli.render.text import brief, duration, one_line, shorten

if TYPE_CHECKING:
    from lgrun.cli.env import Environment


class Reporter:
    """Draws events.

    Args:
        env: where to.
    """

    def __init__(self, env: "Environment") -> None:
        self.env = env
        self._started: dict[str, tuple[str, float]] = {}

    def tell(self, event: Any) -> None:
        """Draw one event."""
        draw = getattr(self, "_" + event.type.replace(".", "_"), None)
        if draw is not None:
            draw(event)

    def running(self) -> str:
        """Say which tasks are running and for how long: `draft (12s so far)`."""
        now = self.env.monotonic()
        # A copy: this is called from a signal handler.
        return ", ".join(
            f"{one_line(name)} ({duration(now - since)} so far)" for name, since in list(self._started.values())
        )

    def _task_start(self, event: Any) -> None:
        self._started[event.id] = (event.name, self.env.monotonic())
        if self.env.flags.verbose:
            args = f" {shorten(one_line(event.args), 100)}" if event.args else ""
            self.env.note(f"  {one_line(event.name)}{args} …")

    def _task_end(self, event: Any) -> None:
        self._started.pop(event.id, None)
        attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        self.env.note(f"✓ {one_line(event.name)} {duration(event.ms / 1000)}{attempt}")

    def _task_saved(self, event: Any) -> None:
        self.env.note(f"⟲ {one_line(event.name)} {'saved' if event.replayed else 'cached'}")

    def _task_retry(self, event: Any) -> None:
        self._started.pop(event.id, None)
        self.env.note(f"✗ {one_line(event.name)} {_error(event.error)} (attempt {event.attempt})")
        self.env.note(f"↻ {one_line(event.name)} again in {duration(event.delay)}")

    def _task_error(self, event: Any) -> None:
        self._started.pop(event.id, None)
        attempt = f" (attempt {event.attempt})" if event.attempt > 1 else ""
        self.env.note(f"✗ {one_line(event.name)} {_error(event.error)}{attempt}")

    def _custom(self, event: Any) -> None:
        data = event.data
        self.env.note(f"· {one_line(data) if isinstance(data, str) else _short(data)}")

    def _warn(self, event: Any) -> None:
        recorded, now = one_line(event.recorded), one_line(event.now)
        outcome = "the recorded result is used" if event.used else "it runs"
        self.env.say(f"! the code changed: recorded {recorded}, now {now} at {one_line(event.where)} ({outcome})")


def _error(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return shorten(one_line(text), 200)


def _short(data: Any) -> str:
    try:
        return brief(data, 200)
    except (TypeError, ValueError):
        return shorten(one_line(repr(data)), 200)
