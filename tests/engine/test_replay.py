"""The replay core, driven by records alone."""

from dataclasses import replace
from typing import Any

import pytest

from lgrun._engine.annotations import broken_promise
from lgrun._engine.model import Function
from lgrun._engine.replay import Answer, Calls, Launch, Questions, Recorded, Suspend
from lgrun._engine.start import Continue, Finished, Fork, Fresh, decide_start, match_answers
from lgrun.checkpoint.base import Checkpoint, Path, PendingWrite, Saved
from lgrun.checkpoint.serde import encode
from lgrun.errors import EmptyInputError, UnknownInterruptError
from lgrun.types import Command

A, B = "a" * 32, "b" * 32


def result(path: Path, name: str, args: str | None, value: Any = 0) -> PendingWrite:
    """A recorded result whose digest is its arguments."""
    return PendingWrite("result", path=path, name=name, digest=args, args=args, value=encode(value))


def started(path: Path, name: str, args: str) -> PendingWrite:
    return PendingWrite("start", path=path, name=name, digest=args, args=args)


def asked(id: str, path: Path, index: int, text: str, q: int = 1) -> PendingWrite:
    return PendingWrite("interrupt", path=path, id=id, index=index, digest=text, value=encode(text), q=q)


def answered(id: str, value: Any) -> PendingWrite:
    return PendingWrite("answer", id=id, value=encode(value))


def head(kind: Any, *writes: PendingWrite) -> Saved:
    given = None if kind == "end" else encode("the input")
    return Saved(Checkpoint(thread="t", seq=1, id="1", kind=kind, step=-1, at="", input=given), writes)


def start_at(head: Saved | None, given: Any) -> Any:
    """Decide for a caller that names no checkpoint."""
    return decide_start(head, head, given)


def path_of(decision: Recorded | Launch) -> Path:
    assert decision.mismatch is None
    return decision.path


# --- calls ---


def test_an_unknown_call_is_launched_at_its_place() -> None:
    """Nothing recorded: the call runs under its own path."""
    assert Calls().decide((), (0, 0), "t", "x", "x") == Launch(((0, 0),))


def test_a_recorded_call_hands_back_its_result() -> None:
    """Same parent, place, name and arguments: the result is known."""
    calls = Calls([result(((0, 0),), "t", "x", 7)])

    decision = calls.decide((), (0, 0), "t", "x", "x")

    assert isinstance(decision, Recorded)
    assert decision.write.value == encode(7)
    assert decision.mismatch is None


def test_reordered_calls_get_their_own_results() -> None:
    """Arguments tell calls apart before places do."""
    calls = Calls([result(((0, 0),), "t", "x"), result(((0, 1),), "t", "y")])

    assert path_of(calls.decide((), (0, 0), "t", "y", "y")) == ((0, 1),)
    assert path_of(calls.decide((), (0, 1), "t", "x", "x")) == ((0, 0),)


def test_equal_calls_take_their_own_place_first_then_the_lowest() -> None:
    """Two equal calls never share a record."""
    calls = Calls([result(((0, i),), "t", "x", i) for i in range(3)])

    assert path_of(calls.decide((), (0, 1), "t", "x", "x")) == ((0, 1),)
    assert path_of(calls.decide((), (0, 5), "t", "x", "x")) == ((0, 0),)
    assert path_of(calls.decide((), (0, 6), "t", "x", "x")) == ((0, 2),)
    assert isinstance(calls.decide((), (0, 7), "t", "x", "x"), Launch)


def test_other_arguments_at_the_same_place_use_the_record_and_say_so() -> None:
    """The recorded result is handed on, as in LangGraph, with a mismatch."""
    calls = Calls([result(((0, 0),), "t", "x")])

    decision = calls.decide((), (0, 0), "t", "y", "y")

    assert isinstance(decision, Recorded)
    assert decision.mismatch is not None
    assert (decision.mismatch.recorded, decision.mismatch.now, decision.mismatch.used) == ("t(x)", "t(y)", True)


def test_another_task_at_a_recorded_place_runs_and_says_so() -> None:
    """It gets a free path, because the recorded call may still come."""
    calls = Calls([result(((0, 0),), "t", "x"), result(((0, 1),), "u", "y")])

    decision = calls.decide((), (0, 0), "other", "x", "x")

    assert isinstance(decision, Launch)
    assert decision.path == ((0, 2),)
    assert decision.mismatch is not None
    assert decision.mismatch.used is False


def test_a_strand_never_takes_another_strands_result() -> None:
    """Beyond the first strand numbers are given in the order of first calls, so only arguments count."""
    calls = Calls([result(((1, 0),), "job", "A")])

    assert path_of(calls.decide((), (1, 0), "job", "B", "B")) == ((1, 1),)
    assert path_of(calls.decide((), (2, 0), "job", "A", "A")) == ((1, 0),)


def test_an_unfinished_call_keeps_its_path_when_strands_swap() -> None:
    """What was recorded below a call that had only started is found again."""
    calls = Calls(
        [started(((1, 0),), "job", "A"), result(((1, 0), (0, 0)), "inner", "x"), started(((2, 0),), "job", "B")]
    )

    assert calls.decide((), (1, 0), "job", "B", "B") == Launch(((2, 0),))
    assert calls.decide((), (2, 0), "job", "A", "A") == Launch(((1, 0),))
    assert isinstance(calls.decide(((1, 0),), (0, 0), "inner", "x", "x"), Recorded)


def test_calls_without_a_digest_are_known_by_place_and_name() -> None:
    """Arguments that cannot be digested leave only the place."""
    calls = Calls([result(((0, 0),), "t", None), result(((0, 1),), "t", None)])

    assert path_of(calls.decide((), (0, 1), "t", None, None)) == ((0, 1),)
    assert isinstance(calls.decide((), (0, 2), "t", None, None), Launch)


def test_no_two_calls_share_a_path() -> None:
    """A launched call that took another one's place pushes that one to a free path."""
    calls = Calls([started(((0, 1),), "t", "b")])

    assert calls.decide((), (0, 0), "t", "b", "b") == Launch(((0, 1),))
    assert calls.decide((), (0, 1), "t", "c", "c") == Launch(((0, 2),))
    assert calls.decide((), (0, 2), "t", "d", "d") == Launch(((0, 3),))


def test_unreached_results_are_reported() -> None:
    """A finished body that did not ask for a recorded result is told of it; nested ones are their parent's."""
    calls = Calls([result(((0, 0),), "t", "x"), result(((0, 1),), "gone", "y"), result(((0, 0), (0, 0)), "n", "z")])
    calls.decide((), (0, 0), "t", "x", "x")

    assert calls.unreached(()) == ["gone(y)"]


def test_rewind_lets_a_body_take_its_results_again() -> None:
    """A retried body replays what its first attempt recorded."""
    calls = Calls()
    calls.decide((), (0, 0), "t", "x", "x")
    calls.record(result(((0, 0),), "t", "x", 5))

    calls.rewind(())

    assert isinstance(calls.decide((), (0, 0), "t", "x", "x"), Recorded)


# --- questions ---


def ask(questions: Questions, index: int, text: str | None, path: Path = ()) -> Answer | Suspend:
    return questions.decide("seed", path, index, text, repr(text))


def test_a_new_question_suspends_with_the_next_number() -> None:
    """Numbers go on from those the thread has given before."""
    decision = ask(Questions((), count=4), 0, "ok?")

    assert isinstance(decision, Suspend)
    assert (decision.q, decision.known, len(decision.id)) == (5, False, 32)


def test_an_answered_question_is_answered_whatever_the_answer() -> None:
    """False, None and the empty string are answers."""
    for value in (None, False, 0, "", [], {}):
        questions = Questions([asked(A, (), 0, "ok?"), answered(A, value)])

        assert ask(questions, 0, "ok?") == Answer(A, encode(value))


def test_an_open_question_keeps_its_id() -> None:
    """Asked again it is the same question, even when its text has changed."""
    assert ask(Questions([asked(A, (), 0, "ok?")]), 0, "ok?") == Suspend(A, 1, True)
    assert ask(Questions([asked(A, (), 0, "at 10:00?")]), 0, "at 10:01?") == Suspend(A, 1, False)


def test_swapped_questions_get_their_own_answers() -> None:
    """The question's text comes before its place."""
    questions = Questions([asked(A, (), 0, "one"), asked(B, (), 1, "two", 2), answered(A, 1), answered(B, 2)])

    assert ask(questions, 0, "two") == Answer(B, encode(2))
    assert ask(questions, 1, "one") == Answer(A, encode(1))


def test_an_answer_does_not_slip_to_a_question_that_is_still_open() -> None:
    """A question known by its text is asked, though another one at its place has an answer."""
    questions = Questions([asked(A, (), 0, "one"), asked(B, (), 1, "two", 2), answered(A, 1)])

    assert ask(questions, 0, "two") == Suspend(B, 2, True)


def test_a_changed_question_gets_the_answer_of_its_place_and_says_so() -> None:
    """Otherwise a question that shows the time could never be answered."""
    questions = Questions([asked(A, (), 0, "at 10:00?"), answered(A, "yes")])

    decision = ask(questions, 0, "at 10:01?")

    assert isinstance(decision, Answer)
    assert decision.mismatch is not None


def test_questions_of_different_frames_are_different() -> None:
    """The same text asked in two tasks is two questions."""
    questions = Questions([asked(A, ((0, 0),), 0, "ok?"), answered(A, 1)])

    assert isinstance(ask(questions, 0, "ok?", ((0, 1),)), Suspend)


# --- start and answers ---


def test_where_a_run_starts() -> None:
    """A new input starts over, None and answers continue, a finished thread has nothing left to do."""
    open_ = head("input", asked(A, (), 0, "ok?"))

    assert start_at(None, 0) == Fresh(None)
    assert start_at(open_, {"x": 1}) == Fresh(open_)
    assert start_at(open_, None) == Continue(open_, {})
    assert start_at(open_, Command(resume=False)) == Continue(open_, {A: False})
    assert start_at(head("end"), None) == Finished(head("end"))
    assert start_at(head("end"), Command(resume=1)) == Finished(head("end"))


def test_going_back() -> None:
    """From an older checkpoint a run starts over, or knows what was known before the question it answers."""
    latest = Saved(replace(head("end").checkpoint, seq=9), ())
    known = [result(((0, 0),), "t", "x"), asked(A, (), 0, "ok?"), answered(A, 1), result(((0, 1),), "u", "y")]
    old = head("input", *known)

    assert decide_start(latest, old, 5) == Fresh(old)
    assert decide_start(latest, old, None) == Fork(old, (), {})
    assert decide_start(latest, old, Command(resume=2)) == Fork(old, known[:2], {A: 2})
    assert decide_start(latest, None, 5) == Fresh(None)


def test_nothing_to_start_with() -> None:
    """None and an answer need a thread."""
    for nothing in (None, Command(resume=1)):
        with pytest.raises(EmptyInputError):
            start_at(None, nothing)


def test_answers_by_id() -> None:
    """A non-empty dict of ids is a map; an empty one, or any other dict, is an answer."""
    assert match_answers({A: 1}, [A, B]) == {A: 1}
    assert match_answers({}, [A]) == {A: {}}
    assert match_answers({"x": 1}, [A]) == {A: {"x": 1}}
    assert match_answers(1, []) == {}


def test_answers_that_fit_no_question() -> None:
    """An unknown or stale id is an error, and so is one answer for two questions."""
    with pytest.raises(UnknownInterruptError, match=B):
        match_answers({B: 1}, [A])
    with pytest.raises(RuntimeError, match="multiple pending interrupts"):
        match_answers(1, [A, B])
    with pytest.raises(UnknownInterruptError):
        start_at(head("end"), Command(resume={A: 1}))


@pytest.mark.parametrize(
    ("annotation", "value", "promised"),
    [
        (int, 1, None),
        (int, True, None),
        (float, 1, None),
        (int, "1", "int"),
        (str, None, "str"),
        (list[int], [1], None),
        (list[int], {}, "list"),
        ("dict[str, int]", [], "dict"),
        ("dict[str, int]", {}, None),
        ("int | None", "x", None),
        (int | None, "x", None),
        (None, 1, None),
        (object, 1, None),
    ],
)
def test_a_result_that_cannot_be_what_the_function_now_returns(
    annotation: Any, value: Any, promised: str | None
) -> None:
    """Only builtin types are compared, and only where there is no doubt."""

    def call() -> None: ...

    call.__annotations__ = {"return": annotation}

    found = broken_promise(Function("f", call, False), value)

    assert (found and found.now) == (promised and f"f, which returns {promised}")
