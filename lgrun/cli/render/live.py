"""The live view of a run: its tasks as a tree at the bottom of the terminal, everything that is said above it.

One thread draws, and all it draws reaches it through one queue: events, lines, what the workflow prints. A signal
handler may therefore say something at any moment, and no lock can be held while it does. The cursor is never hidden
and rests below the view, so a process that is killed leaves the terminal as it should be.
"""

import io
import os
import threading
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.cli.capture import Capture
from lgrun.cli.env import Environment
from lgrun.cli.render.plain import Reporter, custom_line, warning_line
from lgrun.cli.render.text import painted, printable, printed_line
from lgrun.cli.render.tree import SYMBOLS, Row, Tree

if TYPE_CHECKING:
    from types import TracebackType

    from rich.text import Text

_PAUSE = 0.08
"""Seconds between two drawings, at least."""
_TICK = 0.5
"""Seconds after which running times are brought up to date."""
_ROOM = 256
"""Pieces of what the workflow prints, of at most 64 KiB, that may wait to be drawn."""
_STYLES = {
    "running": "cyan",
    "retry": "yellow",
    "waiting": "yellow",
    "failed": "red",
    "stopped": "yellow",
    "done": "green",
    "saved": "cyan",
    "cached": "cyan",
    "folded": "dim",
    "text": "dim",
}


class _Happened(NamedTuple):
    event: Any
    at: float


class _Printed(NamedTuple):
    lines: list[str]


class LiveReporter(Reporter):
    """Draws events as a tree that is brought up to date, while the `with` block lasts; the last state stays."""

    def __init__(self, env: Environment) -> None:
        super().__init__(env)
        self._queue: SimpleQueue[Any] = SimpleQueue()
        # What the workflow prints waits here for the terminal, so that it cannot fill the memory.
        self._room = threading.Semaphore(_ROOM)
        self._closed = False

    def __enter__(self) -> "LiveReporter":
        painter = _Painter(self.env, self._queue, self._room)
        self._painter = threading.Thread(target=painter.work, name="lgrun-view", daemon=True)
        self._painter.start()
        self._capture = Capture(self.env, self._take)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: "TracebackType | None"
    ) -> None:
        """Draw the last state and give the terminal back."""
        self._capture.close()
        self._queue.put(None)
        self._painter.join()
        self._closed = True

    def tell(self, event: Any) -> None:
        """Draw one event."""
        if not self._is_shown(event):
            return
        self._keep_time(event)
        self._queue.put(_Happened(event, self._moment(event)))

    def _moment(self, event: Any) -> float:
        """Return when an event happened, on the clock of the view."""
        return self.env.monotonic()

    def say(self, text: str) -> None:
        """Draw a line above the view, from a signal handler too."""
        if self._closed:
            self.env.say(text)
        else:
            self._queue.put(text)

    def _take(self, lines: list[str]) -> None:
        self._room.acquire()
        self._queue.put(_Printed(lines))


class _Painter:
    """Draws what comes through a queue, until None comes."""

    def __init__(self, env: Environment, queue: "SimpleQueue[Any]", room: threading.Semaphore) -> None:
        self._env = env
        self._queue = queue
        self._room = room
        self._colored = env.colored(env.stderr)
        self._terminal = os.dup(env.stderr)
        self._tree = Tree()
        self._above: list[str] = []
        self._held = 0
        self._drawn = env.monotonic()

    def work(self) -> None:
        """Draw until the end. A terminal that has gone stops no run."""
        going = True
        try:
            screen = _Screen(self._terminal, colored=self._colored)
            while going:
                going = self._collect()
                screen.draw(self._view(), self._above, self._env.screen(self._terminal))
                self._begin_again()
            screen.close(self._view())
        except OSError:
            while going:
                self._begin_again()
                going = self._collect()
        finally:
            self._begin_again()
            os.close(self._terminal)

    def _view(self) -> "list[Text]":
        columns, lines = self._env.screen(self._terminal)
        # Two lines are left: one above, and one for the cursor.
        rows = self._tree.rows(self._env.monotonic(), max(lines - 2, 1))
        return [draw_row(row, max(columns - 1, 1)) for row in rows]

    def _begin_again(self) -> None:
        self._drawn = self._env.monotonic()
        self._above.clear()
        for _ in range(self._held):
            self._room.release()
        self._held = 0

    def _collect(self) -> bool:
        """Take in what has come, until it is time to draw; False at the end."""
        try:
            item = self._queue.get(timeout=_TICK if self._tree.active() else None)
            while item is not None:
                self._take(item)
                left = self._drawn + _PAUSE - self._env.monotonic()
                if left < -_PAUSE or self._held == _ROOM:
                    return True
                item = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
        except Empty:
            return True
        return False

    def _take(self, item: Any) -> None:
        if isinstance(item, _Printed):
            self._held += 1
            self._above += [printed_line(line, colored=self._colored) for line in item.lines]
        elif isinstance(item, str):
            self._say(item)
        else:
            self._tree.tell(item.event, item.at)
            if item.event.type == "custom":
                self._say(custom_line(item.event))
            elif item.event.type == "warn":
                self._say(warning_line(item.event))

    def _say(self, text: str) -> None:
        self._above.append(painted(printable(text)) if self._colored else printable(text))


class _Screen:
    """The terminal, drawn on with Rich. What is printed above the view is written as it is."""

    def __init__(self, descriptor: int, *, colored: bool) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(
            file=io.TextIOWrapper(io.FileIO(descriptor, "w", closefd=False), "utf-8", errors="backslashreplace"),
            force_terminal=True,
            color_system="standard" if colored else None,
            legacy_windows=False,
            # What it would find there has been decided already.
            _environ={},
        )
        self._live = Live(
            console=self._console,
            auto_refresh=False,
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def draw(self, rows: "list[Text]", above: list[str], size: tuple[int, int]) -> None:
        """Print lines above the view and bring it up to date."""
        from rich.console import Group
        from rich.segment import Segment, Segments
        from rich.text import Text

        self._console.size = size
        if above:
            text = "".join(line + "\n" for line in above)
            self._console.print(Segments([Segment(text)]), soft_wrap=True, end="")
        if rows:
            self._start()
            self._live.update(Group(*rows, Text("")), refresh=True)

    def _start(self) -> None:
        if not self._live.is_started:
            self._live.start()
            self._console.show_cursor(True)

    def close(self, rows: "list[Text]") -> None:
        """Leave the view as it is."""
        from rich.console import Group

        if self._live.is_started:
            self._live.update(Group(*rows))
            self._live.stop()


def draw_row(row: Row, width: int) -> "Text":
    """Draw a line of the view in at most `width` columns."""
    from rich.text import Text

    indent = min(row.indent, width // 8) * "  "
    notes = f"  {row.notes}" if row.name and row.notes else row.notes
    line = Text(f"{indent}{SYMBOLS[row.state]} ", style="", no_wrap=True)
    line.stylize(_STYLES[row.state])
    name = Text(row.name)
    name.truncate(max(width - line.cell_len - len(notes), 1), overflow="ellipsis")
    line.append_text(name).append(notes, style="dim")
    left = width - line.cell_len - 2
    if row.remark and left >= 8:
        remark = Text(f"  {row.remark}", style="red" if row.state == "failed" else "dim")
        remark.truncate(left + 2, overflow="ellipsis")
        line.append_text(remark)
    line.truncate(width, overflow="ellipsis")
    return line
