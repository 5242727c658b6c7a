"""Which asyncio task a call is made in: tasks are named by the order in which they were created (see `strands`)."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import Context, ContextVar, copy_context
from typing import Any

from lgrun._engine.context import current
from lgrun._engine.frame import Frame
from lgrun._engine.strands import Lineage, strand_number

_lineage: ContextVar[tuple[Frame, Lineage] | None] = ContextVar("lgrun_lineage", default=None)


def _own_lineage(frame: Frame) -> Lineage:
    found = _lineage.get()
    return found[1] if found is not None and found[0] is frame else ()


def strand_on_loop(frame: Frame) -> int:
    """Return the strand of a call that the current asyncio task makes."""
    return strand_number(_own_lineage(frame))


class _Naming:
    """A loop's task factory that names the tasks which workflow code creates by their order of creation.

    Args:
        make: the factory that the loop had.
    """

    def __init__(self, make: Any) -> None:
        self.make = make
        self.runs = 0

    def __call__(self, loop: Any, coroutine: Any, context: Context | None = None, **options: Any) -> Any:
        make, frame = self.make, current.get()
        if isinstance(frame, Frame):
            context = context or copy_context()
            context.run(_lineage.set, (frame, frame.bear(_own_lineage(frame))))
        if make is None:
            return asyncio.Task(coroutine, loop=loop, context=context, **options)
        return (
            make(loop, coroutine, **options) if context is None else make(loop, coroutine, context=context, **options)
        )


@contextmanager
def strands_named(loop: asyncio.AbstractEventLoop) -> Iterator[None]:
    """Have the loop name the tasks that workflow code creates, as long as a run is in the `with` block."""
    found: Any = loop.get_task_factory()
    factory = found if isinstance(found, _Naming) else _Naming(found)
    loop.set_task_factory(factory)
    factory.runs += 1
    try:
        yield
    finally:
        factory.runs -= 1
        # Another one that was set meanwhile is left alone.
        if not factory.runs and loop.get_task_factory() is factory:
            loop.set_task_factory(factory.make)
