"""What a run is told: what its caller asked for, and what it needs from outside."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

from lgrun._engine.program import Names
from lgrun.cache.base import BaseCache
from lgrun.runtime import RunControl
from lgrun.store.base import BaseStore
from lgrun.types import CachePolicy, Durability, RetryPolicy

OnChange: TypeAlias = Literal["library", "warn", "fail", "ignore"]
"""What to do when the code makes another call than the one recorded: `library`: log it and go on, as LangGraph does;
`warn`: go on after other arguments, refuse another task; `fail`: refuse both; `ignore`: go on, silently but for the
event."""


class World(NamedTuple):
    """What a run needs from outside, so that tests can give it another one.

    Args:
        clock: seconds since the epoch; information only.
        written: writes such a time in ISO 8601 with offset.
        timer: seconds, to measure how long a task takes.
        uniform: as `random.uniform`, for jitter.
        token: as `os.urandom`.
        pid: this process.
    """

    clock: Callable[[], float]
    written: Callable[[float], str]
    timer: Callable[[], float]
    uniform: Callable[[float, float], float]
    token: Callable[[int], bytes]
    pid: int

    def now(self) -> str:
        """Return the time, as records have it."""
        return self.written(self.clock())


class Settings(NamedTuple):
    """What the caller of a run asked for.

    Args:
        thread: id of the thread; without a saver any text.
        config: as `get_config()` shows it.
        durability: when results reach the disk.
        on_change: what to do when the code changed.
        by: who answers, for the history.
        given: what was given beside the input, names only, to be recorded where a run is taken up.
        wait: seconds to wait for a thread that another run holds; None waits for ever.
        retry: policies of the workflow, which its tasks inherit.
        pause_before, pause_after: names of steps before or after which to stop; without any, the program's own.
        checkpoints: somebody wants to hear of checkpoints.
        nests: the workflow's code calls other workflows, as far as can be seen from outside.
        control: asks the run to stop before its next step.
        store: the workflow's long-term memory.
        cache: the workflow's task cache.
        policy: which calls the cache may answer, for tasks that do not say so themselves.
        context: what `runtime.context` is.
        subgraphs: whoever streams the run wants to see nested ones.
        overheard: whoever hears of the run hears all that its code writes, whoever else it is shown to.
        messages: somebody wants to hear of chat messages; None: if the workflow has loaded langchain-core.
        max_concurrency: how many pieces of user code may run at the same time; None for no limit. On an event loop
            nobody sees what a body waits for, so it has a place for ever there, and 1 is the body and one task.
    """

    thread: str
    config: dict[str, Any]
    durability: Durability = "sync"
    on_change: OnChange = "library"
    by: str | None = None
    given: str | None = None
    wait: float | None = 0.0
    retry: Sequence[RetryPolicy] = ()
    pause_before: Names = ()
    pause_after: Names = ()
    checkpoints: bool = False
    nests: bool = False
    control: RunControl | None = None
    max_concurrency: int | None = None
    store: BaseStore | None = None
    cache: BaseCache[Any] | None = None
    policy: CachePolicy | None = None
    context: Any = None
    subgraphs: bool = False
    overheard: bool = False
    messages: bool | None = False
