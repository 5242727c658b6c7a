"""The threads a command works on: where they are kept, which one is meant, which workflow it belongs to."""

import os
import re
import shlex
import stat
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun.checkpoint.base import (
    BaseCheckpointSaver,
    PendingWrite,
    Saved,
    ThreadStatus,
    open_questions,
    thread_status,
)
from lgrun.checkpoint.file import FileClaim, FileSaver
from lgrun.checkpoint.ids import fresh_id
from lgrun.cli.configuration import setting
from lgrun.cli.diagnostics import Problem, short_path
from lgrun.cli.env import Environment
from lgrun.cli.render.text import nearest
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.discover import Reference
    from lgrun.cli.loading import Loaded


class Guarded(FileSaver):
    """The file saver, with a check that is made once the thread is ours and before anything is written to it.

    What was true of a thread when the command line looked at it need not be true any more when the run claims it.
    """

    recalls = True
    guard: Callable[[Saved | None], None] | None = None

    def claim(self, thread_id: str, *, wait: float | None = 0.0) -> FileClaim:
        claim = super().claim(thread_id, wait=wait)
        guard, self.guard = self.guard, None
        try:
            if guard is not None:
                guard(claim.load())
        except BaseException:
            claim.release()
            raise
        return claim


# --- the state directory


def state_path(env: Environment) -> Path:
    """Return the state directory: the same as the library's `state_directory()`, unless the option says another."""
    return Path(setting(env, "state_dir").value)


def open_saver(
    env: Environment, loaded: "Loaded | None" = None, names: Mapping[str, Any] = {}, *, trust: bool = False
) -> Guarded:
    """Return the saver, which will record where `loaded` is. Creates nothing.

    Args:
        env: the world.
        loaded: the workflow.
        names: of what the run is given beside its input, to be recorded too.
        trust: use a state directory that others can write to.
    """
    keep = bool(setting(env, "store_input").value)
    recorded: dict[str, Any] = (
        {} if loaded is None else {"origin": {**loaded.origin(), **names}, "source": loaded.source}
    )
    return Guarded(state_path(env), trust_state=trust, store_input=keep, **recorded)


def is_private(directory: Path) -> bool:
    """Tell whether only its owner, who is us, can write to the state directory."""
    try:
        found = directory.stat()
    except OSError:
        return False
    return found.st_uid == os.geteuid() and not found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


# --- which thread


def check_thread_id(thread: str) -> str:
    """Return a thread id that may be used on the command line.

    Raises:
        Problem: it may not.
    """
    if not 1 <= len(thread) <= 200:
        reason = "must have 1 to 200 characters"
    elif thread[0] in "@-":
        reason = f"must not start with {thread[0]}"
    elif "/" in thread or re.search("[\x00-\x1f\x7f-\x9f\ud800-\udfff]", thread):
        reason = "must not contain / or control characters"
    else:
        return thread
    raise Problem("bad-thread", f"the thread id {thread[:40]!r} {reason}")


def new_thread_id(title: str, exists: Callable[[str], bool]) -> str:
    """Return an id nobody uses: the workflow's name and four characters, more if that is taken."""
    return fresh_id(slug(title), exists, os.urandom)


def slug(title: str) -> str:
    """Return a workflow's name as generated thread ids begin with it."""
    return re.sub(r"[^a-z0-9._-]+", "-", title.lower()).strip("-.")[:40] or "run"


def resolve(typed: str, saver: BaseCheckpointSaver, *, acting: bool) -> str:
    """Return the id of the existing thread that is meant.

    Args:
        typed: an id, `@last` or `@waiting`; for commands that only look, the unique start of an id.
        saver: where to look.
        acting: the command changes something, so only a full id will do.
    """
    if typed == "@last":
        return _last(saver)
    if typed == "@waiting":
        return _waiting(saver)
    if typed.startswith("@"):
        near = nearest(typed, ("@last", "@waiting"))
        hint = f"did you mean {near}?" if near else None
        raise Problem("bad-thread", f"{typed[:40]!r} is neither @last nor @waiting", hint=hint)
    check_thread_id(typed)
    if next(saver.checkpoints(typed), None) is not None:
        return typed
    known = sorted(saver.threads())
    matches = [thread for thread in known if thread.startswith(typed)]
    if not acting and len(matches) == 1:
        return matches[0]
    if not acting and matches:
        raise Problem("ambiguous-thread", f"{len(matches)} threads start with {typed}", context=matches[:20])
    raise unknown_thread(typed, matches, known)


def unknown_thread(typed: str, matches: Sequence[str] = (), known: Sequence[str] = ()) -> Problem:
    """Say that there is no such thread, or not any more; `matches` and `known`: others that may be meant."""
    import difflib

    near = matches[:3] or difflib.get_close_matches(typed, known, n=3, cutoff=0.7)
    hint = f"did you mean {' or '.join(near)}?" if near else "all threads: lgrun list"
    return Problem("no-such-thread", f"no thread {typed}", status=ExitStatus.NOT_FOUND, hint=hint)


def _last(saver: BaseCheckpointSaver) -> str:
    touched = [(touched_at(saved), thread) for thread in saver.threads() if (saved := saver.load(thread))]
    if not touched:
        raise Problem("no-such-thread", "there are no threads yet", status=ExitStatus.NOT_FOUND)
    return max(touched)[1]


def _waiting(saver: BaseCheckpointSaver) -> str:
    waiting = [thread for thread in sorted(saver.threads()) if standing_of(saver, thread).status == "waiting"]
    if not waiting:
        raise Problem("no-such-thread", "no thread is waiting", status=ExitStatus.NOT_FOUND)
    if len(waiting) > 1:
        raise Problem(
            "ambiguous-thread",
            f"{len(waiting)} threads are waiting",
            context=waiting[:20],
            hint="name one of them; at a terminal, lgrun resume goes through all",
        )
    return waiting[0]


def touched_at(saved: Saved) -> str:
    """Return when something was last saved of a thread."""
    return max([saved.checkpoint.at, *(write.at for write in saved.writes[-1:])])


# --- how it stands


class Standing(NamedTuple):
    """A thread as it was found: None for `saved` and `status` when there is none."""

    saved: Saved | None
    status: ThreadStatus | None

    def brief(self) -> "Standing":
        """Return the same without the journal, which may be large: the run reads it for itself."""
        return self if self.saved is None else self._replace(saved=Saved(self.saved.checkpoint, ()))

    @property
    def questions(self) -> list[PendingWrite]:
        """Return the questions that wait for an answer."""
        return open_questions(self.saved.writes) if self.saved and self.status != "done" else []


def standing_of(saver: BaseCheckpointSaver, thread: str, at: str | None = None) -> Standing:
    """Load a thread and say how it stands, or how it stood when checkpoint `at` was its last."""
    saved = saver.load(thread, at)
    held = at is None and holder_of(saver, thread) is not None
    if saved is None:
        return Standing(None, "running" if held else None)
    return Standing(saved, thread_status(saved, held=held))


def holder_of(saver: BaseCheckpointSaver, thread: str) -> dict[str, Any] | None:
    """Return what runs a thread right now, if its saver can tell."""
    holder = getattr(saver, "holder", None)
    return holder(thread) if holder is not None else None


# --- the workflow of a thread


def origin_of(saver: BaseCheckpointSaver, saved: Saved) -> dict[str, Any]:
    """Return what a thread recorded of where its workflow is: the steps of a run do not repeat it."""
    point = saved.checkpoint
    if point.origin:
        return point.origin
    earlier = saver.checkpoints(point.thread, before=point.seq)
    return next((each.origin for each in earlier if each.origin), {})


def workflow_of(env: Environment, thread: str, origin: dict[str, Any], *, given: str | None) -> "Reference":
    """Say which workflow a thread is continued with: the one given, else the one recorded, else where it moved to.

    Raises:
        Problem: it cannot be found (exit 4), or what is recorded cannot be trusted (exit 2).
    """
    if given is not None:
        from lgrun.cli.discover import find

        return _with_recorded_name(find(given, env), origin)
    if not origin.get("path"):
        raise Problem(
            "unknown-workflow",
            f"{thread} does not say which workflow it belongs to",
            status=ExitStatus.NOT_FOUND,
            hint="say where it is:  the same command with -w WORKFLOW (path.py or path.py:name)",
        )
    if not is_private(state_path(env)):
        raise Problem(
            "untrusted-state",
            f"others can write to {state_path(env)}, so the workflow it names is not run",
            hint=f"name it yourself: {command(env, 'resume', thread, '-w', 'WORKFLOW')}",
        )
    return _recorded(env, thread, origin)


def _with_recorded_name(reference: "Reference", origin: dict[str, Any]) -> "Reference":
    """A file with several entrypoints: the one the thread ran is meant."""
    from lgrun.cli.discover import Reference

    name = origin.get("name")
    if reference.name is not None or not isinstance(name, str) or reference.path is None:
        return reference
    return Reference(reference.typed, path=reference.path, name=name)


def _recorded(env: Environment, thread: str, origin: dict[str, Any]) -> "Reference":
    from lgrun.cli.discover import Reference

    path, name, typed = Path(str(origin["path"])), str(origin.get("name") or ""), str(origin.get("ref") or "")
    module = typed.rpartition(":")[0]
    if path.is_file():
        if re.fullmatch(r"[\w.]+", module) and not module.endswith(".py") and _is_module_file(path, module):
            return Reference(typed, module=module, name=name or None)
        return Reference(typed, path=path, name=name or None)
    moved = _moved(env, origin)
    gone = f"{short_path(str(path), str(env.cwd))}, which {thread} runs, is not there any more"
    if moved is not None:
        where = f"{short_path(str(moved), str(env.cwd))}" + (f":{name}" if name else "")
        hint = f"it may have moved: {command(env, 'resume', thread, '-w', where)}"
        raise Problem("workflow-moved", gone, status=ExitStatus.NOT_FOUND, hint=hint)
    raise Problem(
        "workflow-gone",
        gone,
        status=ExitStatus.NOT_FOUND,
        context=[f"where it is now:       {command(env, 'resume', thread, '-w', 'WORKFLOW')}"],
        hint=f"the code it ran with:  {command(env, 'show', thread, '--source')} > {shlex.quote(path.name)}",
    )


def _is_module_file(path: Path, module: str) -> bool:
    parts = path.with_suffix("").parts
    tail = tuple(module.split("."))
    return parts[-len(tail) :] == tail or parts[-len(tail) - 1 :] == (*tail, "__init__")


def _moved(env: Environment, origin: dict[str, Any]) -> Path | None:
    from lgrun.cli.discover import project_root

    relative = origin.get("project_path")
    root = project_root(env.cwd)
    if not isinstance(relative, str) or root is None:
        return None
    found = Path(os.path.abspath(root / relative))
    # What is recorded must not lead out of the project.
    return found if found.is_relative_to(root) and found.is_file() else None


# --- savers of workflows


def attach(loaded: "Loaded", saver: FileSaver) -> list[str]:
    """Make the workflow and its siblings keep their threads in the state directory.

    Returns:
        What the user should know: threads that runs had left in memory, savers that were kept.
    """
    from lgrun.checkpoint.memory import InMemorySaver

    notices = []
    seen: set[int] = set()
    for workflow in loaded.siblings:
        old = workflow.checkpointer
        if isinstance(old, FileSaver) and old.directory == saver.directory:
            # The same threads; ours also records where the workflow is.
            workflow.checkpointer = saver
        elif type(old) is InMemorySaver:
            if id(old) not in seen:
                notices += _left_behind(list(old.threads()))
            seen.add(id(old))
            workflow.checkpointer = saver
        elif workflow is loaded.workflow and old is None:
            workflow.checkpointer = saver
        elif workflow is loaded.workflow and old is not saver:
            kind = type(old).__name__
            notices.append(f"{loaded.name} keeps its threads with its own {kind}, not in the state directory")
    return notices


def _left_behind(threads: Iterable[str]) -> list[str]:
    names = sorted(threads)
    if not names:
        return []
    shown = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return [
        f"the file ran a workflow while it was loaded; thread {shown} was kept in memory only and is gone "
        '(put such calls under: if __name__ == "__main__":)'
    ]


# --- what to type next


def command(env: Environment, *words: str) -> str:
    """Return a command line that means the same state directory as this one."""
    given = env.flags.state_dir
    options = ["-S", str(given)] if given is not None else []
    return shlex.join(["lgrun", *words, *options])


def resume_command(env: Environment, thread: str, *words: str) -> str:
    """Return the command that goes on with a thread, with all that it has to be given again."""
    return command(env, "resume", thread, *words) + env.needs + env.again


def answer_words(questions: Iterable[int]) -> list[str]:
    """Return the arguments of `resume` that answer the open questions."""
    numbers = list(questions)
    return ["--value", "VALUE"] if len(numbers) == 1 else [f"q{number}=ANSWER" for number in numbers]


def next_commands(
    env: Environment, thread: str, status: str | None, questions: Iterable[int], *, located: bool = True
) -> list[str]:
    """Return what can be typed next, most useful first.

    Args:
        env: the world.
        thread: which one.
        status: how it stands.
        questions: numbers of its open questions.
        located: it says where its workflow is. Threads that a program of one's own started do not.
    """
    where = [] if located else ["-w", "WORKFLOW"]
    numbers = list(questions)
    answers = [resume_command(env, thread, *where, *answer_words(numbers))] if numbers else []
    if status == "waiting":
        return answers
    if status in ("failed", "stopped", "crashed"):
        return [resume_command(env, thread, *where), *answers]
    return []


def is_located(saved: Saved) -> bool:
    """Tell whether a thread says where its workflow is."""
    return bool((saved.checkpoint.origin or {}).get("path"))
