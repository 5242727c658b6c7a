"""What went wrong, for the person who has to do something about it.

`Problem` is what the command line itself raises. Exceptions of the library and of workflows are turned into one by
`explain`; both are drawn in one place, `Problem.lines`.
"""

import errno
import os
import re
import shlex
import sys
import traceback
from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, NamedTuple

from lgrun.cli.render.text import one_line
from lgrun.cli.status import ExitStatus


class Problem(Exception):
    """An expected failure of a command.

    Args:
        reference: which kind, in kebab-case; what machine output calls `type`.
        message: what is wrong, in one line.
        status: the exit code.
        context: further lines: what was found, what is there instead.
        hint: what to do, or exactly what to type.
    """

    def __init__(
        self,
        reference: str,
        message: str,
        *,
        status: ExitStatus = ExitStatus.USAGE,
        context: Sequence[str] = (),
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.reference = reference
        self.message = message
        self.status = status
        self.context = tuple(context)
        self.hint = hint

    def lines(self) -> Iterator[str]:
        """Draw it for stderr."""
        yield f"✗ {self.message}"
        for line in self.context:
            yield f"  {line}"
        if self.hint:
            yield f"  {self.hint}"

    def document(self) -> dict[str, Any]:
        """Return it as machine output shows it under `error`."""
        return {
            "type": self.reference,
            "message": self.message,
            "task": None,
            "frames": [],
            "hint": self.hint,
            "context": list(self.context),
        }


class FrameInfo(NamedTuple):
    """One line of a traceback."""

    file: str
    line: int
    function: str
    source: str

    def document(self) -> dict[str, Any]:
        """Return it as machine output shows it."""
        return {"file": self.file, "line": self.line, "function": self.function, "source": self.source}


class Frames(NamedTuple):
    """The lines of a traceback that are the user's, innermost first, and how many others were left out."""

    shown: tuple[FrameInfo, ...]
    hidden: int

    def lines(self, cwd: str, columns: int | None = None) -> Iterator[str]:
        """Draw them, the source lines below each other; where `columns` are too few, each below its place."""
        places = [f"{short_path(frame.file, cwd)}:{frame.line} in {frame.function}" for frame in self.shown]
        width = min(max(map(len, places), default=0), 60)
        for frame, place in zip(self.shown, places, strict=True):
            line = one_line(f"{place:<{width}}  {frame.source}".rstrip())
            if columns is None or len(line) <= columns:
                yield line
            else:
                yield one_line(place)
                yield f"  {one_line(frame.source)}"
        if self.hidden:
            yield f"({self.hidden} library frames hidden; -v shows them)"


def frames_of(tb: TracebackType | None, *, verbose: bool = False) -> Frames:
    """Read a traceback. Without `verbose` only the user's own frames are kept, if there are any."""
    found = [frame for frame in _walk(tb) if not frame.file.startswith(_MACHINERY)]
    found.reverse()
    own = [frame for frame in found if not is_library(frame.file)]
    if verbose or not own:
        return Frames(tuple(found), 0)
    return Frames(tuple(own), len(found) - len(own))


def _walk(tb: TracebackType | None) -> Iterator[FrameInfo]:
    for summary in traceback.extract_tb(tb):
        yield FrameInfo(summary.filename, summary.lineno or 0, summary.name, summary.line or "")


_LGRUN = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
_STDLIB = os.path.dirname(os.path.abspath(os.__file__)) + os.sep
# What carries a call from lgrun to the user's function says nothing to anybody.
_MACHINERY = (
    _LGRUN,
    _STDLIB + "concurrent" + os.sep,
    _STDLIB + "threading.py",
    _STDLIB + "asyncio" + os.sep,
    _STDLIB + "contextlib.py",
    _STDLIB + "importlib" + os.sep,
    "<frozen importlib",
)


def is_library(file: str) -> bool:
    """Tell whether a source file belongs to lgrun, to Python or to an installed package."""
    return (
        file.startswith((_LGRUN, _STDLIB, "<"))
        or f"{os.sep}site-packages{os.sep}" in file
        or f"{os.sep}dist-packages{os.sep}" in file
    )


def short_path(file: str, cwd: str) -> str:
    """Return a path relative to the current folder if it lies inside."""
    prefix = cwd.rstrip(os.sep) + os.sep
    return file.removeprefix(prefix)


def headline(error: BaseException) -> str:
    """Return `Type: message`, with the type's module left out."""
    try:
        text = str(error)
    except Exception:
        text = "(its message cannot be shown)"
    name = type(error).__name__
    return f"{name}: {text}" if text else name


def describe(error: BaseException, cwd: str, *, verbose: bool = False, columns: int | None = None) -> list[str]:
    """Draw a workflow's exception: what it says, where in the user's code, and what caused it.

    Args:
        error: what was raised.
        cwd: the current folder.
        verbose: with the frames of libraries.
        columns: of the screen, if it is one.
    """
    lines = headline(error).split("\n")
    lines += [note for note in getattr(error, "__notes__", ()) if not note.startswith("During task with name")]
    lines += _not_waited_for(error, lines[0])
    if isinstance(error, BaseExceptionGroup):
        lines += [f"- {headline(inner)}" for inner in error.exceptions]
    lines += frames_of(error.__traceback__, verbose=verbose).lines(cwd, columns)
    cause = error.__cause__
    if cause is not None:
        lines.append(f"caused by {headline(cause)}")
        lines += frames_of(cause.__traceback__, verbose=verbose).lines(cwd, columns)
    return lines


def _not_waited_for(error: BaseException, said: str) -> Iterator[str]:
    """Explain what Python says where a call was used in place of what it returns."""
    misused = isinstance(error, (TypeError, AttributeError))
    if misused and "TaskFuture" in said:
        yield "a task call gives a future: .result() is what the task returns, or await in async code"
    elif misused and re.search(r"'(_asyncio\.(Task|Future)|coroutine)'|Object of type (Task|Future|coroutine) ", said):
        yield "in async code a call is awaited: await gives what it returns"
    if type(error).__name__ == "InvalidStateError" and "Result is not set" in said:
        yield "in async code a task call is awaited; .result() is there only once it is over"


def full_traceback(error: BaseException) -> list[str]:
    """Return Python's own traceback, line by line."""
    return "".join(traceback.format_exception(error)).rstrip("\n").split("\n")


def error_document(error: BaseException, failed: Any, hint: str | None) -> dict[str, Any]:
    """Return a workflow's exception as machine output shows it under `error`; `failed`: its task's event or None."""
    frames, args = frames_of(error.__traceback__), getattr(failed, "args", None)
    return {
        "type": type(error).__name__,
        "message": headline(error).removeprefix(type(error).__name__).removeprefix(": "),
        "task": None if failed is None else failed.name,
        "frames": [frame.document() for frame in frames.shown],
        "hint": hint,
        **({} if args is None else {"args": args}),
    }


def explain(error: BaseException, *, thread: str | None = None, resume: str | None = None) -> Problem | None:
    """Turn an exception the library raises into a problem; None if it is not one of those.

    Args:
        error: what was raised.
        thread: the thread it is about.
        resume: the command that continues that thread.
    """
    from lgrun import errors

    if isinstance(error, Problem):
        return error
    if isinstance(error, errors.ThreadBusyError):
        return Problem("busy", str(error), status=ExitStatus.BUSY, hint="wait for it with --wait 5m")
    if isinstance(error, errors.ThreadExistsError):
        return Problem("thread-exists", str(error), hint="another name:  -t ID")
    if isinstance(error, errors.ForkError):
        status = ExitStatus.NOT_FOUND if error.known else ExitStatus.USAGE
        return Problem("cannot-fork", str(error), status=status)
    if isinstance(error, errors.StateIOError):
        return Problem("state-io", str(error), status=ExitStatus.STATE_IO)
    if isinstance(error, errors.ConfigurationError):
        return Problem("bad-config", str(error))
    if isinstance(error, errors.StateError):
        kind = "newer-format" if isinstance(error, errors.NewerFormatError) else "damaged-state"
        is_damaged = isinstance(error, errors.DamagedStateError)
        hint = "what is wrong, and what can be done:  lgrun doctor" if is_damaged else None
        return Problem(kind, str(error), status=ExitStatus.REFUSED, hint=hint)
    if isinstance(error, errors.ReplayMismatchError):
        return Problem(
            "replay-mismatch",
            f"replay mismatch: {error}",
            status=ExitStatus.REFUSED,
            context=["finished tasks and answers are kept", *_from_there(str(error), resume)],
            hint=f"to go on all the same:  {resume} --on-change ignore" if resume else None,
        )
    if isinstance(error, errors.UnknownInterruptError):
        return Problem("unknown-question", str(error), hint=thread and f"what is open: lgrun show {thread}")
    if isinstance(error, errors.EmptyInputError):
        return Problem("no-input", str(error))
    if isinstance(error, OSError) and error.filename is None and error.errno in _DISK_REFUSES:
        # Files of the state have names; what is left is what the shell has put stdout to.
        return Problem("stdout", f"stdout could not be written: {error.strerror}", status=ExitStatus.STATE_IO)
    return None


def _from_there(mismatch: str, resume: str | None) -> Iterator[str]:
    """Say how the call that was recorded can be made again in another thread, with what the code says now."""
    recorded = re.match(r"recorded ([^(]+)\(", mismatch)
    if resume is None or recorded is None or recorded[1] == "interrupt":
        return
    program, _, thread, *options = shlex.split(resume)
    typed = shlex.join([program, "fork", f"{thread}/{recorded[1]}", *options])
    yield f"to run again from there, in a new thread:  {typed}"


_DISK_REFUSES = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def interpreter() -> str:
    """Return which Python runs, for messages about modules that are not installed in it."""
    return sys.executable
