"""One invocation of a workflow: what it knows, what it decides, and the one place where it changes what is known.

Rule 1: what a run knows changes in `commit` only, in this order: journal, replay state, event; the future comes last.
Rule 2: a value is handed on as a replay would hand it on.
Rule 3: a run that was refused, broken or cancelled starts nothing more.
"""

import logging
import threading
from collections.abc import Callable, Generator, Mapping
from typing import Any, NamedTuple, TypeAlias

from lgrun._engine import answers, ids, replay
from lgrun._engine.annotations import broken_promise
from lgrun._engine.chat import Chat
from lgrun._engine.context import caller
from lgrun._engine.events import Event, Outputs, QuestionAsked, ReplayMismatch, TaskCached, nearest
from lgrun._engine.frame import Frame
from lgrun._engine.journal import Journal
from lgrun._engine.model import Flush, Function, Instruction, NodeCall, RunCancelled, StreamReader
from lgrun._engine.program import Pauses, Program
from lgrun._engine.settings import Settings, World
from lgrun._engine.sleepers import Sleepers
from lgrun._engine.writing import Hearing, Shortcut, told
from lgrun.cache.base import BaseCache
from lgrun.checkpoint.base import BaseCheckpointSaver, Claim, Path, PendingWrite, Saved
from lgrun.checkpoint.serde import decode, encode, hand_on
from lgrun.errors import GraphInterrupt, NotSerializableError, ReplayMismatchError, StateError
from lgrun.runtime import RunControl
from lgrun.types import CachePolicy, Interrupt

CacheOf: TypeAlias = tuple[BaseCache[Any] | None, CachePolicy | None]
"""A workflow's task cache, and which calls it may answer for tasks that do not say so themselves."""


class Planned(NamedTuple):
    """A call that must run: its frame and what is known of it; `given` are the keyword arguments of the caller."""

    frame: Frame
    function: Function
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    digest: str | None
    summary: str | None
    given: dict[str, Any]


class Known(NamedTuple):
    """A call whose result is known, and where it was made."""

    value: Any
    path: Path


class Run:
    """The state of one invocation.

    Args:
        program: the workflow.
        saver: where its threads are kept; None keeps nothing.
        settings: what the caller asked for.
        world: clock, randomness and the like.
        emit: called with every event, from any thread; None when nobody listens.
        reader: who reads the stream that comes of it, if there is one.

    Attributes:
        told: who is told of all that happens; None if nobody is.
        listeners: who hears of some nested runs.
        outputs: which of their channels nested runs show, where their callers ask for some.
        around: of each nested run, the run whose code started it.
        nested: where nested runs were called, and the number of the checkpoint that each stands at.
        taken_up: the checkpoint that the run goes on from, with its journal.
        nests: nested runs whose code calls other workflows.
        shortcut: takes what code writes to its stream, in place of `emit`; set before any code is run.
        counting: held by code of a frame that counts something.
        timed: some code has a limit for how long it may show no progress.
    """

    def __init__(
        self,
        program: Program,
        saver: BaseCheckpointSaver | None,
        settings: Settings,
        world: World,
        emit: Callable[[Event], None] | None = None,
        reader: StreamReader | None = None,
    ) -> None:
        self.program = program
        self.saver, self.settings, self.world = saver, settings, world
        self.config = settings.config
        self.configs: dict[tuple[str, ...], dict[str, Any]] = {(): settings.config}
        self.claim: Claim | None = None
        self.journal: Journal | None = None
        self.calls, self.questions = replay.Calls(), replay.Questions()
        self.asked: dict[str, QuestionAsked] = {}
        self.around: dict[tuple[str, ...], tuple[str, ...]] = {}
        self.nested: dict[tuple[str, ...], tuple[Path, int]] = {}
        self.pauses: dict[tuple[str, ...], Pauses] = {}
        self.outputs: dict[tuple[str, ...], Outputs] = {}
        self.taken_up: Saved | None = None
        self.nests: set[tuple[str, ...]] = set()
        self.chat = Chat(settings.messages)
        self.control = settings.control or RunControl()
        self.held: Mapping[str, Any] = {}
        self.step = 0
        self.memories: dict[str, Any] = {}
        self.next_answer: tuple[Any, ...] = ()
        # Empty as long as nothing is cached anywhere, as a rule for ever.
        cached = settings.cache is not None
        self.caches: dict[tuple[str, ...], CacheOf] = {(): (settings.cache, settings.policy)} if cached else {}
        self.contexts: dict[tuple[str, ...], Any] = {(): settings.context}
        self.previous: Any = None
        self.seed = world.token(8).hex()
        self.stopped: BaseException | None = None
        self.sleepers = Sleepers()
        self.timed = False
        self.counting = threading.Lock()
        self.shortcut: Shortcut | None = None
        self.reader, self.told = reader, emit
        self.listeners: tuple[Hearing, ...] = ()
        self._lock = threading.Lock()

    # --- events and records ---

    def emit(self, event: Event) -> None:
        """Tell whoever listens."""
        if self.listeners:
            for tell in told(self, event):
                tell(event)
        elif self.told is not None:
            self.told(event)

    @property
    def heard(self) -> bool:
        """Somebody listens: events are worth making."""
        return self.told is not None or bool(self.listeners)

    @property
    def checkpoints(self) -> bool:
        """Somebody wants to hear of checkpoints."""
        return self.settings.checkpoints or any(each.checkpoints for each in self.listeners)

    def commit(
        self, write: PendingWrite, event: Event | None, *, barrier: bool = False
    ) -> Generator[Instruction, Any, None]:
        """Make a record durable, known and heard, in this order."""
        if self.journal is not None:
            ticket = self.journal.add(write)
            if self.journal.waits(barrier):
                yield Flush(ticket, barrier, last=write.kind == "result")
            else:
                self.flush(ticket, barrier)
            if write.kind == "result":
                self.calls.record(write)
        if event is not None:
            self.emit(event)

    def flush(self, ticket: int, barrier: bool) -> None:
        """Write what is queued in the journal; a disk that refuses stops the run."""
        assert self.journal is not None
        try:
            self.journal.flush(ticket, barrier)
        except StateError as error:
            self.stop(error)
            raise

    def stop(self, error: BaseException) -> None:
        """Start nothing more; the first reason counts."""
        with self._lock:
            self.stopped = self.stopped or error
        self.sleepers.wake()

    def cancel(self, by: str) -> None:
        """Stop the run in good order: running tasks finish, nothing more starts."""
        self.stop(RunCancelled(by))

    def _check(self) -> None:
        if self.stopped is not None:
            raise self.stopped

    # --- calls ---

    def plan(
        self,
        parent: Frame,
        strand: object,
        function: Function,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        *,
        nested: tuple[str, ...] | None = None,
    ) -> Known | Planned:
        """Decide what a task call comes to. `nested`: it is a workflow of its own, with this namespace.

        Raises:
            ReplayMismatchError: the code changed and the run was told not to go on.
        """
        self._check()
        digest, summary = ids.digest_call(args, kwargs)
        with self._lock:
            place = parent.place(strand)
            decision = self.calls.decide(parent.path, place, function.name, digest, summary)
        if decision.mismatch is not None:
            self.mismatch(function.name, decision.mismatch, parent)
        if isinstance(decision, replay.Recorded):
            assert decision.write.value is not None
            value = decode(decision.write.value)
            if promise := broken_promise(function, value):
                self.mismatch(function.name, promise, parent)
            if self.heard and nested is None:
                self.emit(self._replayed(parent, decision, function.name, summary, (args, kwargs), value))
            return Known(value, decision.path)
        ns = parent.ns if nested is None else nested
        frame = Frame(self, function.name, decision.path, parent, ns)
        used = {**frame.offered(function.inject), **kwargs} if function.inject else kwargs
        return Planned(frame, function, args, used, digest, summary, kwargs)

    def _replayed(
        self, parent: Frame, known: replay.Recorded, name: str, args: str | None, given: Any, value: Any
    ) -> TaskCached:
        return TaskCached(
            id=ids.task_id(self.seed, known.path),
            parent=parent.id,
            name=name,
            depth=len(known.path),
            args=args,
            input=given,
            value=value,
            replayed=True,
            ns=parent.ns,
        )

    def cache_at(self, ns: tuple[str, ...]) -> CacheOf:
        """Return the cache of the runs nested at `ns` and the policy of their tasks: their own, or those around."""
        return nearest(self.caches, self.around, ns) or (None, None)

    def config_at(self, ns: tuple[str, ...]) -> dict[str, Any]:
        """Return the configuration of the runs nested at `ns`: their own, or that of the run around."""
        return self.config if len(self.configs) == 1 else nearest(self.configs, self.around, ns)

    def context_at(self, ns: tuple[str, ...]) -> Any:
        """Return the context of the runs nested at `ns`: their own, or that of the run around."""
        return nearest(self.contexts, self.around, ns)

    def step_of(self, frame: Frame) -> int:
        """Return the number of the step that a frame belongs to."""
        while frame.parent is not None and frame.parent.ns == frame.ns:
            frame = frame.parent
        stepwise = frame.call is not None and frame.call.recorded and (self.saver is None or frame.ns)
        if stepwise and frame.call is not None:
            return frame.call.path[0][0]
        # A functional workflow inside has one step, whatever the thread has seen.
        return 0 if frame.ns and (frame.call is None or not frame.call.recorded) else self.step

    def known_node(self, path: Path, call: NodeCall) -> Any:
        """Return what the node at `path` came to, if that is known, else None."""
        names = [call.function.name, *([call.handler.name] if call.handler else [])]
        with self._lock:
            write = self.calls.node(path, names)
        return None if write is None or write.value is None else decode(write.value)

    # --- values ---

    def hand_on(self, value: Any, what: str) -> tuple[Any, Any]:
        """Return a result's encoding (None without a saver) and the value to hand on.

        Raises:
            NotSerializableError: it cannot be saved; names `what` it is.
        """
        if self.saver is None:
            return None, value
        try:
            return hand_on(value)
        except NotSerializableError as error:
            raise NotSerializableError(error.path, error.reason, what) from None

    def encode(self, value: Any, what: str) -> Any:
        """Return a value's encoding. Raises NotSerializableError naming `what` it is."""
        try:
            return encode(value)
        except NotSerializableError as error:
            raise NotSerializableError(error.path, error.reason, what) from None

    # --- questions ---

    def interrupt(self, frame: Frame, index: int, value: Any, schema: Any) -> Any:
        """Return the answer to a question of `frame`, or raise GraphInterrupt."""
        self._check()
        digest = ids.digest_value(value)
        with self._lock:
            decision = self.questions.decide(self.seed, frame.path, index, digest, repr(value)[:200])
        if isinstance(decision, replay.Answer):
            if decision.mismatch is not None:
                self.mismatch(frame.name, decision.mismatch, frame)
            return self._accept(decision, schema)
        question = Interrupt(value, decision.id, answers.json_schema(schema))
        self._ask(frame, index, digest, decision, question)
        if self.next_answer:
            return self._accept(self._answer(question), schema)
        error = GraphInterrupt((question,))
        frame.saw(error)
        raise error

    def _answer(self, question: Interrupt) -> replay.Answer:
        """Give a question the answer that the run was given for whatever is asked first."""
        with self._lock:
            (value,), self.next_answer = self.next_answer, ()
        encoded = self.encode(value, f"the answer to {question.id}")
        with self._lock:
            self.questions.answer(question.id, encoded)
            self.asked.pop(question.id, None)
        if self.journal is not None:
            write = PendingWrite("answer", self.world.now(), value=encoded, id=question.id, by=self.settings.by)
            self.journal.add(write)
        return replay.Answer(question.id, encoded)

    def _accept(self, answer: replay.Answer, schema: Any) -> Any:
        """Return an answer in the form its schema asks for; one that does not fit leaves the question open."""
        try:
            return answers.validated(decode(answer.value), schema)
        except Exception:
            with self._lock:
                again = self.questions.reopen(answer.id)
            if self.journal is not None:
                self.journal.add(again._replace(at=self.world.now()))
            raise

    def _ask(self, frame: Frame, index: int, digest: str | None, decision: replay.Suspend, question: Interrupt) -> None:
        encoded = None
        if self.saver is not None:
            encoded = self.encode(question.value, f"the question asked by {frame.name!r}")
        write = PendingWrite(
            "interrupt",
            self.world.now(),
            frame.path,
            frame.name,
            digest=digest,
            value=encoded,
            id=decision.id,
            q=decision.q,
            index=index,
            schema=question.response_schema,
        )
        with self._lock:
            self.questions.ask(write)
            self.asked[decision.id] = QuestionAsked(q=decision.q, name=frame.name, interrupt=question, ns=frame.ns)
        if self.journal is not None and not decision.known:
            self.journal.add(write)

    def asked_below(self, path: Path) -> bool:
        """Tell whether the code at `path`, or what it called, has asked a question."""
        with self._lock:
            return self.questions.asked_below(path)

    def open_questions(self) -> tuple[QuestionAsked, ...]:
        """Return all questions that wait for an answer, in order."""
        with self._lock:
            return tuple(self.asked.get(write.id or "") or self._asked_before(write) for write in self.questions.open())

    def _asked_before(self, write: PendingWrite) -> QuestionAsked:
        value = decode(write.value) if write.value is not None else None
        return QuestionAsked(q=write.q or 0, name=write.name, interrupt=Interrupt(value, write.id or "", write.schema))

    # --- the code changed ---

    def mismatch(self, name: str, mismatch: replay.Mismatch, frame: Frame | None) -> None:
        """Report that the code does not do what was recorded.

        Raises:
            ReplayMismatchError: the run was told not to go on then.
        """
        where = "" if mismatch.now == replay.GONE else caller()
        ns = () if frame is None else frame.ns
        recorded, calls, used = mismatch
        self.emit(ReplayMismatch(name=name, recorded=recorded, now=calls, where=where, used=used, ns=ns))
        message = f"recorded {recorded}"
        message += f", the code now calls {calls} at {where}" if where else "; the code no longer calls it"
        on_change = self.settings.on_change
        if on_change == "library":
            logging.getLogger("lgrun").warning("replay mismatch: %s", message)
        elif on_change == "fail" or (on_change == "warn" and not used):
            error = ReplayMismatchError(message)
            self.stop(error)
            raise error

    def check_unreached(self, frame: Frame) -> None:
        """Report results that were recorded for `frame` and that its finished code did not ask for."""
        for call in self.calls.unreached(frame.path):
            self.mismatch(frame.name, replay.Mismatch(call, replay.GONE, True), frame)

    def rewind(self, path: Path) -> None:
        """The frame at `path` runs again from its top."""
        with self._lock:
            self.calls.rewind(path)
            self.questions.rewind(path)
