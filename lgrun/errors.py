"""Every exception lgrun raises.

    BaseException
     ├─ GraphInterrupt                      a question is open; carries the run out of the workflow's code
     ├─ ParentCommand                       carries a Command to the graph around
     └─ Exception
         ├─ EmptyInputError                 nothing to run: no input and nothing to resume
         ├─ InvalidUpdateError              a state update that no node of the workflow could have made
         ├─ UnknownInterruptError           an answer names a question that is not open
         ├─ NodeCancelledError              the workflow's code cancelled itself
         ├─ NodeTimeoutError                an attempt took longer than it may
         ├─ GraphDrained                    the run was asked to stop before its next step
         ├─ GraphRecursionError             a graph did not finish within its recursion limit
         ├─ InvalidNamespaceError           (also ValueError, in store.base) a store has no such place
         └─ LgrunError
             ├─ NotSerializableError        (also TypeError) a value cannot be saved
             ├─ SwallowedInterruptError     (also RuntimeError) workflow code caught a GraphInterrupt
             ├─ ReplayMismatchError         recorded and replayed calls differ and the run was told not to go on
             ├─ ThreadBusyError             another run holds the thread
             ├─ ThreadExistsError           a thread has the id that a new one was to get
             ├─ ForkError                   (also ValueError) a thread cannot be forked there
             └─ StateError                  the saved state cannot be used
                 ├─ DamagedStateError       a file does not verify
                 ├─ NewerFormatError        a file was written by a newer lgrun
                 ├─ ConfigurationError      a configuration file cannot be understood
                 └─ StateIOError            the disk refused (full, read-only, vanished)

The names in the first group mean what they mean in LangGraph. `GraphInterrupt` is a BaseException so that an
`except Exception` of a workflow, a retry library or a tool wrapper cannot eat a question.
"""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from lgrun.types import Command, Interrupt

__all__ = [
    "ConfigurationError",
    "DamagedStateError",
    "EmptyInputError",
    "ForkError",
    "GraphDrained",
    "GraphInterrupt",
    "GraphRecursionError",
    "InvalidUpdateError",
    "LgrunError",
    "NewerFormatError",
    "NodeCancelledError",
    "NodeError",
    "NodeTimeoutError",
    "NotSerializableError",
    "ParentCommand",
    "ReplayMismatchError",
    "StateError",
    "StateIOError",
    "SwallowedInterruptError",
    "ThreadBusyError",
    "ThreadExistsError",
    "UnknownInterruptError",
]


class GraphInterrupt(BaseException):
    """Carries open questions out of the workflow's code. Let it pass: never catch it.

    Args:
        interrupts: the questions asked.
    """

    def __init__(self, interrupts: "Sequence[Interrupt]" = ()) -> None:
        super().__init__(tuple(interrupts))
        self.interrupts = tuple(interrupts)


class ParentCommand(BaseException):  # the documented name
    """Carries a Command with `graph=Command.PARENT` to the graph around the one whose node returned it.

    Args:
        command: the command.
    """

    def __init__(self, command: "Command[Any]") -> None:
        super().__init__(command)
        self.command = command


class NodeError(NamedTuple):
    """What the error handler of a node is told, if it has a parameter annotated with this class.

    Args:
        node: the node's name.
        error: what it raised.
    """

    node: str
    error: Exception


class EmptyInputError(Exception):
    """There is neither an input to start with nor an unfinished run to continue."""


class InvalidUpdateError(Exception):
    """A state update that no node of the workflow could have made."""


class UnknownInterruptError(Exception):
    """An answer names a question that is not open (never asked, or already answered)."""


class NodeCancelledError(Exception):
    """The workflow's own code raised `asyncio.CancelledError`."""


class NodeTimeoutError(Exception):
    """An attempt of an async task or workflow took longer than its policy allows.

    Args:
        node: name of the task or workflow.
        elapsed: seconds since the attempt began.
        kind: `run`: in all; `idle`: without a sign of progress.
        idle_timeout, run_timeout: the policy's, in seconds.
    """

    def __init__(
        self,
        node: str,
        elapsed: float,
        *,
        kind: Literal["idle", "run"],
        idle_timeout: float | None = None,
        run_timeout: float | None = None,
    ) -> None:
        self.node = node
        self.elapsed = elapsed
        self.kind = kind
        self.idle_timeout = idle_timeout
        self.run_timeout = run_timeout
        self.timeout = run_timeout if kind == "run" else idle_timeout
        progress = "" if kind == "run" else " without making progress"
        super().__init__(
            f"Node {node!r} exceeded its {kind} timeout of {self.timeout:.3f}s{progress} (elapsed: {elapsed:.3f}s)."
        )

    def __reduce__(self) -> tuple[Any, ...]:
        limits: Any = {"kind": self.kind, "idle_timeout": self.idle_timeout, "run_timeout": self.run_timeout}
        return partial(type(self), **limits), (self.node, self.elapsed), self.__dict__


class GraphDrained(Exception):  # the documented name
    """The run was asked to stop before its next step; it can be taken up with None.

    Args:
        reason: why.
    """

    def __init__(self, reason: str = "shutdown") -> None:
        super().__init__(f"Graph drained: {reason}")
        self.reason = reason

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.reason,), self.__dict__


class GraphRecursionError(RecursionError):
    """A graph did not finish within its recursion limit."""


class LgrunError(Exception):
    """Base of the errors that only lgrun has."""


class NotSerializableError(LgrunError, TypeError):
    """A value cannot be saved.

    Args:
        what: what held the value, for people: `"the result of task 'draft'"`. Filled in by the engine, which knows.
        path: where in the value, as a JSON path: `$.client`.
        reason: what was found there: `is a httpx.Client`.
    """

    def __init__(self, path: str, reason: str, what: str = "a value") -> None:
        super().__init__(path, reason, what)
        self.path = path
        self.reason = reason
        self.what = what

    def __str__(self) -> str:
        return (
            f"{self.what} cannot be saved: {self.path} {self.reason}; "
            "use plain data, a dataclass, an Enum, a NamedTuple or a pydantic model"
        )


class SwallowedInterruptError(LgrunError, RuntimeError):
    """Workflow code caught the exception that carries a question, so the question would have been lost."""


class ReplayMismatchError(LgrunError):
    """The workflow now makes another call than the one recorded, and the run was told not to go on."""


class ThreadBusyError(LgrunError):
    """Another run, in this process or another one, holds the thread.

    Args:
        message: what holds it, for people.
        holder: what the holder wrote about itself (pid, host, since, cmd), as far as known.
    """

    def __init__(self, message: str, holder: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.holder = holder or {}


class ThreadExistsError(LgrunError):
    """A thread has the id that a new one was to get. It is left as it is."""


class ForkError(LgrunError, ValueError):
    """A thread cannot be forked there. No thread was made.

    Args:
        message: why.
        known: the names there are, the nearest first, if one was not found.
    """

    def __init__(self, message: str, known: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.known = tuple(known)


class StateError(LgrunError):
    """The saved state cannot be used as it is. Nothing was changed."""


class DamagedStateError(StateError):
    """A file of the state directory does not verify: it was changed or cut after it had been written."""


class NewerFormatError(StateError):
    """A file was written by a newer lgrun. Nothing was changed; upgrade lgrun."""


class ConfigurationError(StateError):
    """A configuration file cannot be understood, so nobody knows where the state is."""


class StateIOError(StateError):
    """The disk refused: full, read-only, no permission, vanished. What was acknowledged before is safe."""
