"""What happened on a thread, read back from its checkpoints and their journals as the events of its runs. Pure."""

from collections.abc import Iterable, Iterator
from typing import Any

from lgrun.checkpoint.base import Checkpoint, Encoded, Path, PendingWrite, Saved
from lgrun.checkpoint.forking import forked_from
from lgrun.checkpoint.ids import task_id
from lgrun.cli.happenings import Happening
from lgrun.cli.question import question_of
from lgrun.cli.timeline import NO_NAME, node_result
from lgrun.constants import START


class Rebuilder:
    """Reads a thread again and again, and tells each time what is new.

    What is streamed (custom data, tokens, warnings) and failed attempts that are tried again are in no journal.

    Attributes:
        run: number of the last run seen.
        seq: number of the last checkpoint seen.
    """

    def __init__(self) -> None:
        self.run = 0
        self.seq = 0
        self._read = 0
        self._before = 0
        self._running: set[Path] = set()
        self._tasks: set[Path] = set()
        self._args: dict[Path, str | None] = {}
        self._done: set[Path] = set()
        self._hidden: set[Path] = set()
        self._numbers: dict[str, int] = {}
        self._open: set[str] = set()
        self._errors: dict[tuple[str, str], BaseException] = {}

    def feed(self, history: Iterable[Saved]) -> Iterator[Happening]:
        """Tell what is new.

        Args:
            history: the thread's checkpoints with their journals, oldest first, from number `seq` on or before.
        """
        for saved in history:
            point = saved.checkpoint
            if point.seq < self.seq:
                continue
            if point.seq > self.seq:
                yield from self._reach(saved)
            # A damaged end that was cut off is nothing that was told.
            new, self._read = saved.writes[self._read :], len(saved.writes)
            for write in new:
                yield from self._happen(write, point)

    def _reach(self, saved: Saved) -> Iterator[Happening]:
        point = saved.checkpoint
        self.seq, self._read = point.seq, 0
        for known in (self._running, self._tasks, self._done, self._hidden):
            known.clear()
        self._args.clear()
        if point.kind == "input":
            self.run, self._before = self.run + 1, point.step
            self._open.clear()
            yield Happening(type="run.start", at=point.at, run=self.run, name=point.entrypoint)
        names = point.next or ((point.entrypoint,) if point.kind == "input" else ())
        about: dict[str, Any] = {"id": point.id, "seq": point.seq, "kind": point.kind, "step": point.step}
        yield Happening(type="checkpoint", at=point.at, run=self.run, next=names, **about)
        if not (saved.writes and saved.writes[0].kind == "cancelled"):
            yield from self._nodes(point, point.at)

    def _nodes(self, point: Checkpoint, at: str) -> Iterator[Happening]:
        """The nodes of a step begin with it, without a record of their own."""
        for number, name in enumerate(point.next):
            path = ((point.step - self._before, number),)
            if name != START and path not in self._done:
                yield self._begin(point, path, name, at, None)

    def _happen(self, write: PendingWrite, point: Checkpoint) -> Iterator[Happening]:
        match write.kind:
            case "run" if forked_from(write) is not None:
                pass
            case "run":
                # What a killed run had begun was lost.
                self._running.clear()
                name = point.entrypoint
                yield Happening(type="run.start", at=write.at, run=self.run, name=name, continued=True)
                yield from self._nodes(point, write.at)
            case "start" if write.ns is not None:
                self._hidden.add(write.path)
            case "start" if write.name != START:
                self._tasks.add(write.path)
                yield self._begin(point, write.path, write.name, write.at, write.args)
            case "result" | "error":
                yield from self._finish(write, point)
            case "interrupt" if write.id is not None and write.id not in self._open:
                self._open.add(write.id)
                self._numbers[write.id] = write.q or 0
                question = question_of(write)
                yield Happening(type="question", at=write.at, run=self.run, name=write.name, question=question)
            case "answer":
                self._open.discard(write.id or "")
                yield self.answer(write)

    def answer(self, write: PendingWrite) -> Happening:
        """Return a recorded answer."""
        q = self._numbers.get(write.id or "")
        about: dict[str, Any] = {"id": write.id or "", "q": q, "value": write.value, "by": write.by}
        return Happening(type="answer", at=write.at, run=self.run, **about)

    def _begin(self, point: Checkpoint, path: Path, name: str, at: str, args: str | None) -> Happening:
        self._running.add(path)
        self._args[path] = args
        around = next((path[:n] for n in range(len(path) - 1, 0, -1) if path[:n] not in self._hidden), ())
        about: dict[str, Any] = {"id": task_id(point.id, path), "parent": task_id(point.id, around)}
        return Happening(type="task.start", at=at, run=self.run, name=name, depth=len(path), args=args, **about)

    def _finish(self, write: PendingWrite, point: Checkpoint) -> Iterator[Happening]:
        path = write.path
        nameless = write.name == NO_NAME and len(path) > 1
        if path == () or write.name == START or path in self._hidden or nameless:
            return
        if path not in self._running:
            yield self._begin(point, path, write.name, write.at, write.args)
        self._running.discard(path)
        about: dict[str, Any] = {"at": write.at, "run": self.run, "id": task_id(point.id, path), "name": write.name}
        task = write.digest is not None or path in self._tasks
        # Of a node nobody is told which attempt it was.
        about |= {
            "ms": write.ms,
            "depth": len(path),
            "args": self._args.get(path),
            "attempt": (write.attempt or 1) if task else 0,
        }
        if write.kind == "error":
            yield Happening(type="task.error", error=self.error(write.type or "", write.message or ""), **about)
            return
        self._done.add(path)
        value: Encoded | None = write.value
        if not task and value is not None:
            value, _ = node_result(value)
        yield Happening(type="task.saved" if write.cached else "task.end", value=value, **about)

    def error(self, kind: str, message: str) -> BaseException:
        """Return what stands for a recorded failure; the same one for the same failure of a task and of its run."""
        known = self._errors.get((kind, message))
        if known is None:
            made: type[Exception] = type(kind or "Exception", (Exception,), {})
            known = self._errors[kind, message] = made(message)
        return known
