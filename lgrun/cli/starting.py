"""Starting a run with an input: what `invoke` does with and without --once, and what it would do."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.cli.env import Environment
from lgrun.cli.going_on import Manner
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.checkpoint.base import BaseCheckpointSaver, Saved
    from lgrun.cli.loading import Loaded
    from lgrun.cli.memories import Memories
    from lgrun.cli.session import Guarded, Standing


class Start(NamedTuple):
    """A workflow with all that a run of it is given.

    Args:
        loaded: the workflow.
        payload: the input, checked.
        context: what the run's code gets as `runtime.context`.
        thread: its id, or None for a new one.
        manner: how it runs.
    """

    loaded: "Loaded"
    payload: Any
    context: Any
    thread: str | None
    manner: Manner


class Place(NamedTuple):
    """Where its threads are: our saver, the one the workflow uses (mostly the same), and what outlives threads."""

    saver: "Guarded"
    store: "BaseCheckpointSaver"
    memories: "Memories"


class Moved(Exception):
    """A thread is not as it was found any more: another process was faster."""


def open_place(env: Environment, start: Start) -> Place:
    """Make the workflow keep its threads in the state directory. Creates nothing."""
    from lgrun.cli.memories import Memories
    from lgrun.cli.session import attach, open_saver, state_path

    saver = open_saver(env, start.loaded, start.manner.settings.names())
    memories = Memories(start.loaded, state_path(env))
    for notice in (*attach(start.loaded, saver), *memories.attach()):
        env.say(f"! {notice}")
    return Place(saver, start.loaded.workflow.checkpointer or saver, memories)


def begin(
    env: Environment, start: Start, place: Place, thread: str, guard: "Callable[[Saved | None], None]"
) -> ExitStatus:
    """Run the workflow on a thread, and report how that ended.

    Args:
        env: the world.
        start: what is run.
        place: where.
        thread: on which thread.
        guard: raises if the thread, once it is ours, must not be given new input.
    """
    from lgrun.cli.drive import Job, converse
    from lgrun.cli.report import conclude
    from lgrun.cli.settings import needed_text

    manner, loaded = start.manner, start.loaded
    place.saver.guard = guard
    place.memories.plant()
    env.needs = needed_text(manner.settings)
    env.note(f"▸ {thread}")
    started, asked = env.monotonic(), env.asked
    job = Job(
        loaded.workflow,
        thread,
        manner.on_mismatch,
        manner.patience,
        manner.verb,
        loaded.title,
        manner.settings.config,
        start.context,
        manner.settings.record(),
        manner.timeout,
    )
    outcome = converse(env, job, start.payload)
    return conclude(env, place.store, thread, outcome, seconds=env.monotonic() - started - (env.asked - asked))


# --- --once


def once(env: Environment, start: Start, place: Place, thread: str) -> ExitStatus:
    """Start the thread, or go on with it where it stands.

    Raises:
        Problem: it was started with another input or workflow.
        ThreadBusyError: another process runs it.
    """
    from lgrun.cli.going_on import standing_in_time

    while True:
        found = standing_in_time(env, place.store, thread, start.manner)
        if found is None:
            return ExitStatus.TIMEOUT
        standing, start = found[0], start._replace(manner=found[1])
        try:
            if standing.saved is None:
                return begin(env, start, place, thread, _refuse_existing)
            return _again(env, start, place, standing)
        except Moved:
            continue


def _refuse_existing(saved: "Saved | None") -> None:
    if saved is not None:
        raise Moved


def _again(env: Environment, start: Start, place: Place, standing: "Standing") -> ExitStatus:
    from lgrun.cli.going_on import go_on, note_settings, say_change, say_what_died, still_waiting
    from lgrun.cli.question import question_of
    from lgrun.cli.session import origin_of, touched_at
    from lgrun.cli.settings import check_recorded
    from lgrun.cli.views import print_done

    found = standing.saved
    assert found is not None
    thread, settings = found.checkpoint.thread, start.manner.settings
    check_same(env, place.store, found, start)
    note_settings(env, standing, settings)
    if standing.status == "done":
        return print_done(env, place.store, thread)
    questions = [question_of(write) for write in standing.questions]
    if standing.status == "waiting" and not env.interactive():
        return still_waiting(env, place.store, standing, questions)
    if standing.status == "crashed":
        say_what_died(env, standing)
    check_recorded(found, settings)
    agreed = say_change(env, start.loaded, thread, origin_of(place.store, found), start.manner.on_change)

    def guard(saved: "Saved | None") -> None:
        if saved is None or touched_at(saved) != touched_at(found):
            raise Moved

    place.saver.guard = guard
    place.memories.plant()
    return go_on(env, start.loaded, standing, questions, {}, start.manner._replace(on_change=agreed))


def check_same(env: Environment, saver: "BaseCheckpointSaver", saved: "Saved", start: Start) -> None:
    """Refuse to take the result of one input, or of one workflow, for that of another.

    Raises:
        Problem: the thread was started with another input, or is another workflow's.
    """
    from lgrun.checkpoint.serde import encode
    from lgrun.cli.belonging import others
    from lgrun.cli.diagnostics import Problem
    from lgrun.cli.render.text import brief
    from lgrun.cli.render.values import readable
    from lgrun.cli.session import command

    thread = saved.checkpoint.thread
    hint = "give it another name with -t, or leave --once out to run it with this input"
    if start.manner.verb == "batch":
        hint = "give the line a thread of its own: another value of --key's field"
    found = others(env, saver, saved, start.loaded)
    if found is not None:
        look = f"what that is:  {command(env, 'show', thread)}"
        raise Problem("different-input", str(found), context=[look], hint=hint)
    given = next((point.input for point in saver.checkpoints(thread) if point.kind == "input"), None)
    if given is not None and _words(given.tree()) != _words(encode(start.payload).tree()):
        raise Problem(
            "different-input",
            f"{thread} was started with another input",
            context=[
                f"it was given  {brief(readable(given), 200)}",
                f"and not  {brief(readable(encode(start.payload)), 200)}",
            ],
            hint=hint,
        )


def _words(tree: Any) -> str:
    import json

    return json.dumps(tree, sort_keys=True)


# --- --dry-run


def describe(env: Environment, start: Start, action: str) -> ExitStatus:
    """Say what would be done, and print the input as the workflow would get it."""
    from lgrun.checkpoint.serde import encode
    from lgrun.cli.diagnostics import short_path
    from lgrun.cli.render.values import readable
    from lgrun.cli.views import print_document, print_saved, wants_document

    origin, given = start.loaded.origin(), encode(start.payload)
    file = short_path(str(start.loaded.path), str(env.cwd))
    where = f"thread {start.thread}" if start.thread else "a new thread"
    env.note(f"{start.loaded.title} in {file}: would {_ACTIONS[action]} {where}; nothing was run")
    if wants_document(env):
        workflow = {key: origin.get(key) for key in ("ref", "path", "name", "sha256")}
        document = {"schema": "lgrun.plan/1", "thread": start.thread, "action": action, "workflow": workflow}
        print_document(env, document | {"input": readable(given), "exit": 0})
    else:
        print_saved(env, given)
    return ExitStatus.DONE


_ACTIONS = {
    "start": "start",
    "rerun": "make another run of",
    "continue": "go on with",
    "wait": "wait for the answer of",
    "print": "print the saved result of",
    "restart": "give up the unfinished run of, and start again,",
}


def action_of(standing: "Standing", *, only_once: bool) -> str:
    """Return what would be done to a thread that stands so: a key of machine output."""
    if standing.saved is None:
        return "start"
    if not only_once:
        return "rerun" if standing.status == "done" else "restart"
    return {"done": "print", "waiting": "wait"}.get(str(standing.status), "continue")
