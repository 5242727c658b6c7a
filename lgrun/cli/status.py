"""The exit codes: how a thread stands, or why a command did nothing."""

from enum import IntEnum


class ExitStatus(IntEnum):
    """What the command tells the shell."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    WAITING = 3
    NOT_FOUND = 4
    BUSY = 5
    REFUSED = 6
    BUG = 70
    STATE_IO = 74
    TIMEOUT = 124
    HANGUP = 129
    INTERRUPTED = 130
    TERMINATED = 143


OF_THREAD = {
    "done": ExitStatus.DONE,
    "failed": ExitStatus.FAILED,
    "stopped": ExitStatus.FAILED,
    "crashed": ExitStatus.FAILED,
    "waiting": ExitStatus.WAITING,
    "running": ExitStatus.BUSY,
    "damaged": ExitStatus.REFUSED,
}
"""How a thread stands, as an exit code."""

HELP_LINE = (
    "Exit codes: 0 done, 1 failed, 2 usage, 3 waiting for an answer, 4 not found, 5 busy, 6 refused, "
    "70 bug, 74 state i/o, 124 timeout, 129/130/143 stopped by a signal"
)
"""The last line of every help page."""
