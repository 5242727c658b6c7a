"""Hypothesis makes up lives: whatever happens in whatever order, what was acknowledged is there."""

import os
import random
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from lgrun.checkpoint.base import Saved, open_questions
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.forking import forked_from
from lgrun.errors import ForkError, StateIOError, ThreadBusyError, UnknownInterruptError
from lgrun.types import Command
from tests.crash.faults import ERRNOS, Call, Failing, Layer, Meddler, honest
from tests.crash.simulated import SimulatedFs
from tests.crash.workload import CONFIG, STATE, Killed, Ledger, check, next_run, workflow_with


class _Dying:
    """Kills the process at one operation."""

    def __init__(self, at: int) -> None:
        self._at = at
        self._is_dead = False

    def __call__(self, call: Call, do: Callable[..., Any]) -> Any:
        if self._is_dead and call.name == "close":
            # By what was being read: a process that is dead says nothing of it.
            return None
        if call.number >= self._at:
            self._is_dead = True
            raise Killed
        return do(*call.arguments)


class Life(RuleBasedStateMachine):
    """One thread. The oracle is what its users were told: `told`, which nothing that happens to a disk changes."""

    def __init__(self) -> None:
        super().__init__()
        self.disk = SimulatedFs({"home": {}})
        self.told: dict[Any, Any] = {}
        self.meddler: Meddler = honest
        self.swapped = False

    def saved(self) -> Saved | None:
        return FileSaver(STATE, fs=self.disk).load("t")

    def act(self, do: Callable[[Any, FileSaver, Ledger], None]) -> bool:
        """Do something with the next fault; say whether it came to its end."""
        ledger = Ledger(self.told)
        saver = FileSaver(STATE, fs=Layer(self.disk, self.meddler))
        self.meddler = honest
        try:
            do(workflow_with(saver, ledger, swapped=self.swapped), saver, ledger)
        except Killed:
            self.disk.close_all()
        except StateIOError:
            pass
        else:
            return True
        finally:
            self.told = ledger.snapshot()
            assert not self.disk._open, "descriptors are left open"
        return False

    # What may go wrong next

    @rule(name=st.sampled_from(sorted(ERRNOS)), at=st.integers(1, 70), forever=st.booleans())
    def the_disk_will_fail(self, name: str, at: int, forever: bool) -> None:
        self.meddler = Failing(ERRNOS[name], at, forever=forever)

    @rule(at=st.integers(1, 70))
    def the_process_will_be_killed(self, at: int) -> None:
        self.meddler = _Dying(at)

    @rule(seed=st.integers(0, 9))
    def the_power_goes(self, seed: int) -> None:
        left = list(self.disk.after_power_cut(random.Random(seed), 10))
        self.disk = SimulatedFs(left[seed % len(left)])

    @rule()
    def the_code_changes(self) -> None:
        self.swapped = not self.swapped

    # What users do

    @rule()
    def go_on(self) -> None:
        saved = self.saved()

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            run = next_run(FileSaver(STATE, fs=self.disk))
            if saved is None or saved.checkpoint.complete:
                answer = flow.invoke(run, CONFIG)
            else:
                answers = open_questions(saved.writes)
                answer = flow.invoke(Command(resume={answers[0].id: "yes"}) if answers else None, CONFIG)
            if isinstance(answer, dict):
                ledger.acknowledge(("asked", run), answer["__interrupt__"][0].id)
            else:
                ledger.acknowledge(("done", run), answer)

        self.act(do)

    @precondition(lambda self: self.saved() is not None and self.saved().checkpoint.complete)
    @rule(pick=st.integers(0, 20))
    def begin_again_from_an_older_end(self, pick: int) -> None:
        ends = [s.checkpoint.id for s in FileSaver(STATE, fs=self.disk).history("t") if s.checkpoint.complete]

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            run = next_run(FileSaver(STATE, fs=self.disk))
            config = {"configurable": {"thread_id": "t", "checkpoint_id": ends[pick % len(ends)]}}
            answer = flow.invoke(run, config)
            ledger.acknowledge(("asked", run), answer["__interrupt__"][0].id)

        self.act(do)

    @precondition(lambda self: self.saved() is not None and open_questions(self.saved().writes))
    @rule()
    def answer_a_question_that_was_never_asked(self) -> None:
        before = self.saved()

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            try:
                flow.invoke(Command(resume={"0" * 32: "yes"}), CONFIG)
            except UnknownInterruptError:
                return
            raise AssertionError("an answer to no question was taken")

        self.act(do)
        assert self.saved() == before

    @precondition(lambda self: self.saved() is not None)
    @rule(step=st.sampled_from(["step.1", "step", "q1", None]))
    def fork(self, step: str | None) -> None:
        """The thread stays as it is; the fork is there complete or not at all, and forgets nothing it has kept."""
        before = list(FileSaver(STATE, fs=self.disk).history("t"))
        made: list[Any] = []

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            try:
                made.append(flow.fork(CONFIG, before=step, thread="u"))
            except ForkError:
                pass  # there is no such step yet

        self.act(do)
        reader = FileSaver(STATE, fs=self.disk)
        assert list(reader.history("t")) == before
        fork = list(reader.history("u", oldest_first=True))
        assert fork or not made
        assert [saved.checkpoint.seq for saved in fork] == [*range(1, len(fork) + 1)]
        assert not fork or forked_from(fork[-1].writes[-1]) is not None
        reader.delete_thread("u")

    @rule()
    def two_at_a_time(self) -> None:
        first = FileSaver(STATE, fs=self.disk).claim("t")

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            try:
                flow.invoke(1, CONFIG)
            except ThreadBusyError:
                return
            raise AssertionError("two runs of one thread")

        ledger, self.meddler = Ledger(self.told), honest
        do(workflow_with(FileSaver(STATE, fs=self.disk), ledger), FileSaver(STATE, fs=self.disk), ledger)
        first.release()

    @rule(chance=st.integers(0, 3))
    def delete(self, chance: int) -> None:
        if chance:
            return

        def do(flow: Any, saver: FileSaver, ledger: Ledger) -> None:
            saver.delete_thread("t")

        before = self.told
        if self.act(do):
            assert self.saved() is None
        self.told = before if self.saved() is not None else {}

    @invariant()
    def what_was_acknowledged_is_there(self) -> None:
        check(self.disk, Ledger(self.told))


EXAMPLES = int(os.environ.get("LGRUN_MACHINE", "30"))
Life.TestCase.settings = settings(
    max_examples=EXAMPLES,
    stateful_step_count=40,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    print_blob=True,
)
TestLife = Life.TestCase
