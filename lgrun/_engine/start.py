"""Where an invocation starts, and which question each answer belongs to. Pure, like `replay`."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias, TypeGuard

from lgrun._engine.replay import Questions
from lgrun.checkpoint.base import PendingWrite, Saved
from lgrun.errors import EmptyInputError, UnknownInterruptError
from lgrun.types import Command


class Fresh(NamedTuple):
    """Start over with a new input, after checkpoint `parent` (None: nothing was before)."""

    parent: Saved | None


class Continue(NamedTuple):
    """Take up the unfinished run of `saved`, with these answers by question id; `command` says more to a graph.

    `next_answer` holds one for the question that is asked next: its own went with the checkpoint that an update by hand
    has replaced.
    """

    saved: Saved
    answers: Mapping[str, Any]
    command: Command[Any] | None = None
    next_answer: tuple[Any, ...] = ()


class Fork(NamedTuple):
    """Go back to `saved`, which is not the latest: its run starts over, knowing only `writes`, with these answers."""

    saved: Saved
    writes: Sequence[PendingWrite]
    answers: Mapping[str, Any]


class Finished(NamedTuple):
    """There is nothing left to do: the thread's value stands in `saved`."""

    saved: Saved


Start: TypeAlias = Fresh | Continue | Fork | Finished


def decide_start(head: Saved | None, at: Saved | None, input: Any, steered: bool = False) -> Start:
    """Decide where an invocation starts.

    Args:
        head: the thread's latest checkpoint, or None.
        at: the checkpoint that the caller named; `head` if it named none, None if there is no such checkpoint.
        input: what the caller gave: an input, a Command with answers, or None to continue.
        steered: a Command may also write to the state and lead to nodes.

    Raises:
        EmptyInputError: nothing to start with and nothing to continue.
        UnknownInterruptError: an answer names a question that is not open.
        RuntimeError: one bare answer for several open questions.
    """
    if input is not None and not isinstance(input, Command):
        return Fresh(at)
    if head is None or at is None:
        raise EmptyInputError("Received no input for __start__: the thread has no run to continue")
    resume = input.resume if isinstance(input, Command) else None
    command = input if steered and isinstance(input, Command) and (input.update is not None or input.goto) else None
    if at.checkpoint.seq != head.checkpoint.seq:
        return _go_back(at, resume)
    if at.checkpoint.complete and command is None and not any(write.kind == "command" for write in at.writes):
        if _is_id_map(resume):
            raise UnknownInterruptError(_unknown(next(iter(resume)), []))
        return Finished(at)
    answers = {} if resume is None else match_answers(resume, Questions(at.writes).open_ids())
    updated = at.checkpoint.kind == "update" and resume is not None and not answers and not _is_id_map(resume)
    return Continue(at, answers, command, (resume,) if updated else ())


def _go_back(at: Saved, resume: Any) -> Fork:
    if resume is None or at.checkpoint.complete:
        return Fork(at, (), {})
    asked = [write.id for write in at.writes if write.kind == "interrupt" and write.id is not None]
    # A bare answer is for the question that the snapshot of this checkpoint shows: the last one recorded.
    answers = match_answers(resume, asked if _is_id_map(resume) else asked[-1:])
    return Fork(at, before_answers(at.writes, answers), answers)


def before_answers(writes: Sequence[PendingWrite], ids: Collection[str]) -> list[PendingWrite]:
    """Return what was known before the first of these questions was answered: results after it may depend on it."""
    kept = []
    for write in writes:
        if write.kind == "answer" and write.id in ids:
            break
        if write.kind in ("start", "result", "interrupt", "answer"):
            kept.append(write)
    return kept


def _is_id_map(resume: Any) -> TypeGuard[dict[str, Any]]:
    return (
        isinstance(resume, dict)
        and bool(resume)
        and all(isinstance(key, str) and len(key) == 32 and _is_hex(key) for key in resume)
    )


def _is_hex(text: str) -> bool:
    return not text.strip("0123456789abcdef")


def _unknown(interrupt: str, open_ids: Sequence[str]) -> str:
    known = ", ".join(open_ids) if open_ids else "none"
    return f"no open question has the id {interrupt}; it was never asked or is already answered (open: {known})"


def match_answers(resume: Any, open_ids: Sequence[str]) -> dict[str, Any]:
    """Say which question each answer belongs to. A non-empty dict of 32-hex keys is a map by id, else one answer."""
    if _is_id_map(resume):
        for key in resume:
            if key not in open_ids:
                raise UnknownInterruptError(_unknown(key, open_ids))
        return dict(resume)
    if len(open_ids) > 1:
        raise RuntimeError(
            "When there are multiple pending interrupts, you must specify the interrupt id when resuming: "
            f"Command(resume={{id: answer}}) with ids out of {', '.join(open_ids)}"
        )
    return {open_ids[0]: resume} if open_ids else {}
