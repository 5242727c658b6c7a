"""The world, as one object: streams, terminal, variables, folder, clock, and the flags every command shares.

Nothing else in the command line touches `sys.stdout`, `os.environ` or a clock, so a test can put another world in.
"""

import builtins
import io
import os
import select
import signal
import sys
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TextIO

from lgrun.cli.render.text import painted, printable

if TYPE_CHECKING:
    from lgrun._configuration import SettingsFile
    from lgrun.cli.event_log import EventLog


@dataclass(slots=True, eq=False)
class Flags:
    """The options that mean the same in every command."""

    state_dir: Path | None = None
    json: bool = False
    ndjson: bool = False
    get: str | None = None
    quiet: bool = False
    no_input: bool = False
    verbose: int = 0
    color: str | None = None
    no_pager: bool = False


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        return Path("/")


@dataclass(slots=True, eq=False)
class Environment:
    """What a command sees of the world.

    Args:
        environ: environment variables.
        cwd: the current folder.
        stdin: descriptor questions are answered on, and `-` is read from.
        stdout: descriptor of the answer.
        stderr: descriptor of the talk.
        flags: the shared options; set once the arguments are parsed.
        thread: the thread this command turned out to be about, for machine output of an error.
        color: what configuration files say of colours.
        configuration: these files, once they were read.
        needs: options that a resume of that thread has to be given again, as text for a shell.
        again: options of this command that a resume will want, too.
        dies_of_pipe: a reader who has gone ends the command (it looks) or not (it runs a workflow).
        asked: seconds that a person has been asked for answers.
        log: where events go, with --ndjson.
    """

    environ: Mapping[str, str] = field(default_factory=lambda: os.environ)
    cwd: Path = field(default_factory=_current_folder)
    stdin: int = 0
    stdout: int = 1
    stderr: int = 2
    flags: Flags = field(default_factory=Flags)
    thread: str | None = None
    color: str = "auto"
    configuration: "list[SettingsFile] | None" = None
    needs: str = ""
    again: str = ""
    dies_of_pipe: bool = True
    asked: float = 0.0
    log: "EventLog | None" = None
    _colored: dict[tuple[int, str | None, str], bool] = field(default_factory=dict)

    # --- talk and answer

    def say(self, text: str = "", style: str | None = None) -> None:
        """Write a line for people to stderr. Never fails: that nobody listens stops nothing."""
        shown = printable(text)
        if self.colored(self.stderr):
            shown = painted(shown, style)
        self.draw(shown + "\n")

    def draw(self, text: str) -> None:
        """Write text to stderr as it is. Never fails, like `say`."""
        try:
            _write_all(self.stderr, _encode(text))
        except OSError:
            if not self.dies_of_pipe:
                _talk_to_nobody()

    def note(self, text: str) -> None:
        """Like `say`, but not with --quiet."""
        if not self.flags.quiet:
            self.say(text)

    def put(self, text: str) -> None:
        """Write the answer to stdout: as it is into a pipe, with control characters made visible on a terminal.

        There, what a command that only looks has to say goes through a pager if it is longer than the screen.
        """
        if not self.stdout_is_tty():
            self.put_bytes(_encode(text))
            return
        data = _encode(printable(text))
        if not (self._is_too_long(text) and self._paged(data)):
            self.put_bytes(data)

    def put_lines(self, lines: Iterable[tuple[str, str | None]]) -> None:
        """Write lines of the answer, each with its style (of those that `painted` knows) where there may be colours."""
        colored, safe = self.colored(self.stdout), self.stdout_is_tty()
        plain = [(printable(text) if safe or colored else text, style) for text, style in lines]
        shown = "".join((painted(text, style) if colored else text) + "\n" for text, style in plain)
        if not (safe and self._is_too_long("\n".join(text for text, _ in plain)) and self._paged(_encode(shown))):
            self.put_bytes(_encode(shown))

    def put_bytes(self, data: bytes) -> bool:
        """Write raw bytes to stdout; False if they did not all get there."""
        try:
            _write_all(self.stdout, data)
        except BrokenPipeError:
            if self.dies_of_pipe:
                die_of(signal.SIGPIPE)
            return False
        except OSError as error:
            # A full disk behind `> file`: the answer is saved, but whoever called must not take this for success.
            if not self.dies_of_pipe:
                self.say(f"! the answer could not be written to stdout: {error.strerror}")
                return False
            raise
        return True

    def _is_too_long(self, text: str) -> bool:
        """Tell whether a person has to be able to scroll: a run is watched, and --no-input waits for no key."""
        if not self.dies_of_pipe or self.flags.no_pager or self.no_input() or self._dumb():
            return False
        columns, lines = self.screen(self.stdout)
        # The shell's next prompt needs a line, too.
        return sum(max(-(-len(line) // columns), 1) for line in text.splitlines()) >= lines

    def _paged(self, data: bytes) -> bool:
        from lgrun.cli.pager import page

        return page(self, data)

    # --- the terminal

    def stdout_is_tty(self) -> bool:
        """Tell whether a person reads the answer."""
        return os.isatty(self.stdout)

    def colored(self, descriptor: int) -> bool:
        """Tell whether what goes to a descriptor may have colours: option, variables, configuration, the terminal."""
        # Asked for every line.
        place = (descriptor, self.flags.color, self.color)
        if place not in self._colored:
            asked = self.color_asked()
            choice = self.color if asked is None else asked[0]
            found = choice == "always" or (choice != "never" and os.isatty(descriptor) and not self._dumb())
            self._colored[place] = found
        return self._colored[place]

    def color_asked(self) -> tuple[str, str] | None:
        """Return what the option or a variable says of colours, and which of them; None if none says anything."""
        if self.flags.color is not None:
            return self.flags.color, "--color"
        if self.environ.get("LGRUN_COLOR"):
            return self.environ["LGRUN_COLOR"], "LGRUN_COLOR"
        if self.environ.get("NO_COLOR"):
            return "never", "NO_COLOR"
        forced = (name for name in ("FORCE_COLOR", "CLICOLOR_FORCE") if truthy(self.environ.get(name)))
        return next((("always", name) for name in forced), None)

    def _dumb(self) -> bool:
        return self.environ.get("TERM", "dumb").lower() in ("", "dumb", "unknown")

    def paints(self) -> bool:
        """Tell whether stderr is a screen that may be drawn on, and a person looks at it."""
        return not self.flags.quiet and os.isatty(self.stderr) and not self._dumb() and self.in_front()

    def in_front(self) -> bool:
        """Tell whether the terminal is ours and not, with a job of a shell in the background, somebody else's."""
        try:
            return os.tcgetpgrp(self.stderr) == os.getpgrp()
        except OSError:
            # A terminal that is not the one the process belongs to.
            return True

    def screen(self, descriptor: int | None = None) -> tuple[int, int]:
        """Return columns and lines of the terminal on stderr, or on another descriptor."""
        try:
            size = os.get_terminal_size(self.stderr if descriptor is None else descriptor)
        except OSError:
            return self.width(), 24
        return size.columns or self.width(), size.lines or 24

    def width(self) -> int:
        """Return how many columns the terminal on stdout has."""
        given = self.environ.get("COLUMNS", "")
        if given.isascii() and given.isdigit() and int(given):
            return int(given)
        try:
            return os.get_terminal_size(self.stdout).columns or 80
        except OSError:
            return 80

    def interactive(self) -> bool:
        """Tell whether questions may be asked: a person is there and did not forbid it."""
        return not self.no_input() and os.isatty(self.stdin) and os.isatty(self.stderr)

    def no_input(self) -> bool:
        """Tell whether asking was forbidden."""
        return self.flags.no_input or truthy(self.environ.get("LGRUN_NO_INPUT"))

    def ask(self, prompt: str) -> str | None:
        """Print `prompt` and read one line; None at the end of input (Ctrl-D)."""
        _write_all(self.stderr, _encode(printable(prompt)))
        line = bytearray()
        while not line.endswith(b"\n"):
            piece = os.read(self.stdin, 4096)
            if not piece:
                break
            line += piece
        if not line:
            self.say()
            return None
        return line.decode(errors="replace").removesuffix("\n")

    def forget_typed(self) -> None:
        """Throw away what was typed ahead."""
        import termios

        try:
            termios.tcflush(self.stdin, termios.TCIFLUSH)
        except (termios.error, OSError):
            pass

    def read_stdin(self) -> bytes:
        """Read all of standard input. Only called where the user wrote `-`."""
        with os.fdopen(os.dup(self.stdin), "rb") as stream:
            return stream.read()

    # --- everything else

    def add_variables(self, found: Mapping[str, str]) -> None:
        """Give variables to the code of workflows and the programs it starts; those that there are stay."""
        for name, value in found.items():
            os.environ.setdefault(name, value)

    def now(self) -> datetime:
        """Return the time of day, with offset."""
        return datetime.now().astimezone()

    def monotonic(self) -> float:
        """Return seconds, for measuring."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)

    def user(self) -> str:
        """Return who is at the keyboard, as `name@host`."""
        name = self.environ.get("LOGNAME") or self.environ.get("USER")
        if not name:
            import pwd

            try:
                name = pwd.getpwuid(os.getuid()).pw_name
            except KeyError:
                name = str(os.getuid())
        return f"{name}@{os.uname().nodename}"

    def keep_answer(self) -> None:
        """Keep stdout for the answer: descriptor 1 may be anything from now on."""
        if self.stdout == 1:
            self.stdout = os.dup(1)

    def keep_streams_from_workflow(self) -> None:
        """Keep workflow code, and programs it starts, away from the answer and from the user's input.

        From now on descriptor 1 is stderr and descriptor 0 is empty; this object keeps the real ones. It is never
        undone: threads a workflow leaves behind may still print.
        """
        self.dies_of_pipe = False
        if self.stdin != 0 or self.stdout != 1:
            return
        self.stdin, self.stdout = os.dup(0), os.dup(1)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        sys.stdin = _NoInput()
        builtins.input = _no_input
        sys.stdout = _unbreakable(1)
        sys.stderr = _unbreakable(2)


class WorkflowReadsInput(RuntimeError):
    """Workflow code reads the terminal; a run that is taken up again later could not repeat that."""

    def __init__(self) -> None:
        super().__init__("a workflow cannot read standard input: ask with interrupt(), or take it from the input")


def _no_input(prompt: object = "", /) -> NoReturn:
    """Stand in for `input()`, which would print its prompt first."""
    raise WorkflowReadsInput


class _NoInput(io.TextIOBase):
    """Standard input of workflow code: reading says what to use instead of hanging or taking an answer away."""

    def readable(self) -> bool:
        return True

    def readline(self, size: int = -1, /) -> NoReturn:  # type: ignore[override]
        raise WorkflowReadsInput

    def read(self, size: int | None = -1, /) -> NoReturn:
        raise WorkflowReadsInput


class _UnbreakableFile(io.FileIO):
    """A descriptor that swallows what nobody reads: a closed pipe or terminal must not stop a run in a print()."""

    def write(self, data: "io.ReadableBuffer") -> int:  # type: ignore[name-defined]
        try:
            written = super().write(data)
        except BlockingIOError:
            written = None
        except OSError:
            _talk_to_nobody()
            return len(data)
        if written is None:
            select.select([], [self.fileno()], [])
            return 0
        return written


def _talk_to_nobody() -> None:
    """Point a workflow's stdout and stderr nowhere, once a write has failed: the next one may be its own."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.dup2(nothing, 2)
    os.close(nothing)


def _unbreakable(descriptor: int) -> TextIO:
    raw = _UnbreakableFile(descriptor, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding="utf-8", errors="backslashreplace", line_buffering=True)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            # Some other program made the pipe non-blocking.
            select.select([], [descriptor], [])


def _encode(text: str) -> bytes:
    return text.encode("utf-8", errors="backslashreplace")


def truthy(text: str | None) -> bool:
    """Read an on/off variable: unset, empty and what people type for no are off, all else is on."""
    from lgrun._configuration import read_switch

    text = (text or "").strip()
    return bool(text) and read_switch(text) is not False


def die_of(signum: int) -> NoReturn:
    """End the process by the signal itself, so that a shell loop around it stops as well."""
    signal.signal(signum, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signum})
    os.kill(os.getpid(), signum)
    # Only reached if the signal is held back from outside.
    os._exit(128 + signum)
