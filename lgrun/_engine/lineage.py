"""Which asyncio task a call is made in: tasks are named by the order in which they were created (see `strands`)."""

import asyncio
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


def name_strands(loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop name the tasks that workflow code creates by their order of creation."""
    make: Any = loop.get_task_factory()
    if getattr(make, "names_strands", False):
        return

    def factory(loop: Any, coroutine: Any, context: Context | None = None, **options: Any) -> Any:
        frame = current.get()
        if isinstance(frame, Frame):
            context = context or copy_context()
            context.run(_lineage.set, (frame, frame.bear(_own_lineage(frame))))
        if make is None:
            return asyncio.Task(coroutine, loop=loop, context=context, **options)
        return (
            make(loop, coroutine, **options) if context is None else make(loop, coroutine, context=context, **options)
        )

    factory.names_strands = True  # type: ignore[attr-defined]
    loop.set_task_factory(factory)
