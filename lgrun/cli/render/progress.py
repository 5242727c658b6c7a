"""How far a batch is: a bar on the last line of a terminal, with what happened above it."""

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

from lgrun.cli.render.text import duration, painted, printable, printed_line

if TYPE_CHECKING:
    from lgrun.cli.env import Environment

_WINDOW = 30.0
"""Seconds that the rate is taken over: it is to say what comes, and what comes is like what was last."""
_WIDEST = 40
_NARROWEST = 8
_ERASE = "\r\x1b[K"


class Pace:
    """How fast lines are done.

    Args:
        total: how many there are.
        now: seconds.
    """

    def __init__(self, total: int, now: float) -> None:
        self._total = total
        self._marks = deque([(now, 0)])

    def tell(self, done: int, now: float) -> None:
        """So many are done."""
        self._marks.append((now, done))
        # One mark from before the window is kept, to measure from.
        while len(self._marks) > 2 and self._marks[1][0] < now - _WINDOW:
            self._marks.popleft()

    def text(self, now: float, width: int = 80) -> str:
        """Say how many of how many are done, how many a second, how long the rest takes: what is known and fits."""
        (began, before), (_, done) = self._marks[0], self._marks[-1]
        parts = [f"{done}/{self._total}"]
        if done > before and now > began:
            rate = (done - before) / (now - began)
            parts.append(f"{rate:.0f}/s" if rate >= 9.95 else f"{rate:.1f}/s" if rate >= 1 else f"{rate * 60:.1f}/min")
            if done < self._total:
                parts.append(f"{duration((self._total - done) / rate)} left")
        while len(parts) > 1 and len("  ".join(parts)) > width:
            parts.pop()
        return "  ".join(parts)[:width]

    @property
    def share(self) -> float:
        """Return the share that is done, 0 to 1."""
        return self._marks[-1][1] / self._total if self._total else 1.0


class Progress:
    """Tells what happens, and where stderr is a screen, shows a bar below it.

    Args:
        env: the world.
        total: how many lines there are.
    """

    def __init__(self, env: "Environment", total: int) -> None:
        self._env = env
        self.drawn = env.paints()
        self._pace = Pace(total, env.monotonic())
        self._rest = b""

    def advance(self, done: int) -> None:
        """So many lines are done now."""
        self._pace.tell(done, self._env.monotonic())
        self.draw()

    def say(self, text: str) -> None:
        """Print a line above the bar."""
        if self.drawn:
            self._print([painted(printable(text)) if self._colored() else printable(text)])
        else:
            self._env.say(text)

    def print(self, data: bytes) -> None:
        """Print above the bar what a workflow has printed, line by line."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if lines:
            self._print([printed_line(line.decode(errors="replace"), colored=self._colored()) for line in lines])

    def answer(self, text: str) -> None:
        """Write to stdout, which may be the same terminal."""
        if self.drawn and self._env.stdout_is_tty():
            self._write(_ERASE)
            self._env.put(text)
            self.draw()
        else:
            self._env.put(text)

    def draw(self) -> None:
        """Bring the bar up to date."""
        if self.drawn:
            self._write(_ERASE + self._bar())

    def close(self) -> None:
        """Take the bar away, after what is left to be printed."""
        if self._rest:
            self.print(b"\n")
        if self.drawn:
            self._write(_ERASE)
            self.drawn = False

    def _print(self, lines: Iterable[str]) -> None:
        self._write(_ERASE + "".join(line + "\n" for line in lines) + self._bar())

    def _bar(self) -> str:
        """Draw the line. It must not be as wide as the screen: where that breaks it, it could not be erased."""
        columns = self._env.screen()[0] - 1
        text = self._pace.text(self._env.monotonic(), columns)
        width = min(columns - len(text) - 2, _WIDEST)
        return f"{self._drawn_by_rich(width)}  {text}" if width >= _NARROWEST else text

    def _drawn_by_rich(self, width: int) -> str:
        import io

        from rich.console import Console
        from rich.progress_bar import ProgressBar

        colored = self._colored()
        console = Console(
            file=io.StringIO(),
            force_terminal=True,
            color_system="standard" if colored else None,
            legacy_windows=False,
            width=width,
            # What it would find there has been decided already.
            _environ={},
        )
        with console.capture() as drawn:
            console.print(ProgressBar(total=1.0, completed=self._pace.share, width=width), end="")
        # Without colours what is left to do would look like what is done.
        return drawn.get().rstrip("\n").ljust(width)

    def _colored(self) -> bool:
        return self._env.colored(self._env.stderr)

    def _write(self, text: str) -> None:
        self._env.draw(text)
