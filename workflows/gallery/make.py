"""Make the pictures of the README from real runs in a real terminal: `python workflows/gallery/make.py`.

Needs the `test` extra. Each scene types commands and answers as a person would; what then stands on the screen is
exported as SVG.
"""

import io
import os
import re
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pexpect
import pyte
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HERE = Path(__file__).parent
WIDTH, HEIGHT = 84, 40
COLOURS = {"brown": "yellow", "default": None}


class Terminal:
    """A shell in a pseudo-terminal, and the screen that it draws on."""

    def __init__(self, folder: str) -> None:
        self.screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self.screen)
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        env = {
            "PATH": path,
            "HOME": folder,
            "LGRUN_STATE_DIR": f"{folder}/state",
            "TERM": "xterm-256color",
            "PS1": "$ ",
        }
        self._shell = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], cwd=folder, env=env, dimensions=(HEIGHT, WIDTH), timeout=30
        )
        self._see(rb"\$ $")

    def type(self, text: str, until: bytes = rb"\$ $") -> None:
        """Type a line and wait until `until` (by default the shell's prompt) ends the screen."""
        self._shell.send(text + "\r")
        self._shell.expect_exact(b"\n")
        self._stream.feed((self._shell.before or b"") + b"\n")
        self._see(until)

    def _see(self, until: bytes) -> None:
        self._shell.expect(until)
        self._stream.feed((self._shell.before or b"") + (self._shell.after or b""))

    def clear(self) -> None:
        """Begin a new picture."""
        self.screen.reset()
        self._stream.feed(b"$ ")

    def text(self) -> Text:
        """Return what stands on the screen, without the prompt that waits at its end."""
        lines = [self._line(row) for row in range(HEIGHT)]
        while lines and lines[-1].plain.strip() in ("", "$"):
            lines.pop()
        return Text("\n").join(lines)

    def _line(self, row: int) -> Text:
        line = Text()
        for column in range(WIDTH):
            cell = self.screen.buffer[row][column]
            colour = COLOURS.get(cell.fg, cell.fg)
            line.append(cell.data, f"{'bold ' if cell.bold else ''}{colour or ''}".strip())
        line.rstrip()
        return line


def invoke(terminal: Terminal) -> None:
    """A run asks, a person answers, the booking fails."""
    terminal.type("lgrun invoke trip.py -t rome city=Rome", until=rb"q1> ?$")
    terminal.type("yes")


def resume(terminal: Terminal) -> None:
    """The mended workflow is taken up."""
    terminal.type('sed -i.bak \'s/raise ConnectionError("net")/return "seat 12A"/\' trip.py')
    terminal.type("lgrun resume rome")


def history(terminal: Terminal) -> None:
    """What happened."""
    terminal.type("lgrun history rome")
    terminal.type("lgrun list")


SCENES: dict[str, Callable[[Terminal], None]] = {"invoke": invoke, "resume": resume, "history": history}


def picture(text: Text, title: str) -> str:
    """Return a screen as SVG that loads nothing from elsewhere."""
    console = Console(width=WIDTH, record=True, file=io.StringIO(), force_terminal=True)
    console.print(text)
    svg = console.export_svg(title=title, theme=MONOKAI, unique_id=f"lgrun-{title}")
    return re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)


def main() -> None:
    """Play all scenes, one after the other, in a new folder."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "trip.py").write_text((HERE.parent / "trip.py").read_text())
        terminal = Terminal(folder)
        for name, play in SCENES.items():
            terminal.clear()
            play(terminal)
            (HERE / f"{name}.svg").write_text(picture(terminal.text(), name))


if __name__ == "__main__":
    main()
