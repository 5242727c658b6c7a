"""The queue of task calls, used by many threads at once without a lock."""

import asyncio
import concurrent.futures
import sys
import threading
from collections import deque
from typing import Any

import pytest

from lgrun._engine import workers as workers_module
from lgrun._engine.future import TaskFuture
from lgrun._engine.ticks import REST
from lgrun._engine.workers import WORKERS, LimitedWorkers, Workers

CALLS = 1000
WAIT = 60


def test_every_call_is_run_once() -> None:
    """Some are claimed by their callers, the others are left to the threads, with nobody who would run them."""
    ran: list[int] = []
    left: list[TaskFuture[Any]] = []

    def call(number: int) -> TaskFuture[Any]:
        def job(future: TaskFuture[Any]) -> None:
            ran.append(number)
            future.finish(number, None)

        return TaskFuture(job, WORKERS)

    def submit(first: int) -> None:
        for number in range(first, first + CALLS):
            future = call(number)
            WORKERS.submit(future, now=number % 7 == 0)
            if number % 3 == 0:
                assert future.result() == number
            else:
                left.append(future)

    threads = [threading.Thread(target=submit, args=(first,)) for first in range(0, 4 * CALLS, CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT)
    done, waiting = concurrent.futures.wait(left, WAIT)
    assert not waiting
    assert sorted(ran) == list(range(4 * CALLS))
    assert len(done) == len(left)


def test_a_call_that_was_claimed_leaves_the_queue() -> None:
    """Else the threads would be woken for nothing."""
    workers = Workers()
    calls: list[TaskFuture[Any]] = [TaskFuture(lambda future: future.finish(None, None), workers) for _ in range(3)]
    # Not by submit: no thread is to come by.
    workers._calls.extend(calls)
    calls[1].result()
    assert list(workers._calls) == calls
    calls[0].result()
    assert list(workers._calls) == calls[2:]
    assert workers._begun == 2


def test_a_call_that_another_thread_has_uncovered_stays_in_the_queue() -> None:
    """The first one, which was claimed, is taken out by somebody else between the look at it and the hand."""
    workers = Workers()
    first, second = (TaskFuture[Any](lambda future: future.finish(None, None), workers) for _ in range(2))

    class Raced(deque[TaskFuture[Any]]):
        def popleft(self) -> TaskFuture[Any]:
            if self[0] is first:
                super().popleft()
            return super().popleft()

    workers._calls = Raced([first, second])
    workers._is_watched = True
    first.result()
    assert list(workers._calls) == [second]


def test_calls_that_do_not_wait_are_looked_at_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Until one is left waiting: then it is looked at before the rest is over."""
    hurried: list[bool] = []
    monkeypatch.setattr(workers_module.TICKS, "hurry", lambda: hurried.append(True))
    workers = Workers()
    workers._is_watched = True
    look = workers._look_on()

    def called() -> TaskFuture[Any]:
        future: TaskFuture[Any] = TaskFuture(lambda future: future.finish(None, None), workers)
        workers.submit(future)
        return future

    assert next(look) == 1
    for _ in range(5):
        called().result()
    assert next(look) == REST
    called()
    assert hurried == []
    called()
    called()
    assert hurried == [True]
    assert next(look) == 1
    woken: list[int] = []
    monkeypatch.setattr(workers, "_wake", lambda count: woken.append(count) or count)
    assert next(look) == 1
    assert woken == [1]


def test_a_call_is_not_over_for_whoever_will_be_told_of_it() -> None:
    """`as_completed` and `wait` hold the condition while they look and register: what they know they are not told."""
    asked = threading.Event()

    class Asked(threading.Condition):
        def __enter__(self) -> bool:
            asked.set()
            return super().__enter__()

    future: TaskFuture[int] = TaskFuture(lambda _: None, WORKERS)
    future._is_awaited = True
    vars(future)["_condition"] = condition = Asked()
    condition.acquire()
    finishing = threading.Thread(target=future.finish, args=(1, None), daemon=True)
    finishing.start()
    assert asked.wait(WAIT)
    assert future._state != "FINISHED"
    condition.release()
    finishing.join(WAIT)
    assert future.result(0) == 1


def test_what_may_wait_is_left_to_another_thread() -> None:
    """`wait` that an interrupt cuts short may hold on to the conditions of some calls for ever."""
    acts: list[Any] = []
    called: list[object] = []
    held, called_back = (TaskFuture[Any](lambda _: None, WORKERS) for _ in range(2))
    called_back.add_done_callback(called.append)
    with held._condition:
        for future in (held, called_back):
            finishing = threading.Thread(target=future.finish, args=(1, None, acts.append), daemon=True)
            finishing.start()
            finishing.join(WAIT)
            assert not finishing.is_alive()
    assert (held.done(), called_back.result(), called, len(acts)) == (False, 1, [], 2)
    for act in acts:
        act()
    assert (held.result(), called) == (1, [called_back])


def test_what_tells_an_event_loop_is_not() -> None:
    async def told() -> int:
        future: TaskFuture[int] = TaskFuture(lambda _: None, WORKERS)
        wrapped = asyncio.wrap_future(future)
        future.finish(1, None, pytest.fail)
        return await wrapped

    assert asyncio.run(told()) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_ends_with_what_a_callback_raised_leaves_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers_module, "MAX_WORKERS", 1)
    workers, ran = Workers(), threading.Event()
    # Nobody looks at the queue.
    workers._is_watched = True
    threads = set(threading.enumerate())
    raises = TaskFuture[Any](lambda future: future.finish(None, None), workers)
    raises.add_done_callback(lambda _: sys.exit())
    workers.submit(raises, now=True)
    for thread in set(threading.enumerate()) - threads:
        thread.join(WAIT)
    workers.submit(TaskFuture[Any](lambda _: ran.set(), workers), now=True)
    assert ran.wait(WAIT)


def test_a_place_that_another_thread_frees_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that ran the call, and would have looked for the next, sleeps by then."""
    workers = Workers()
    # Nobody looks at the queue.
    workers._is_watched = True
    monkeypatch.setattr(workers_module, "WORKERS", workers)
    limited, ran = LimitedWorkers(1), threading.Event()
    first = TaskFuture[Any](lambda future: future.finish(None, None), limited)
    second = TaskFuture[Any](lambda _: ran.set(), limited)
    limited.submit(first)
    limited.submit(second)
    assert first.claim() is not None
    limited.over(first)
    assert ran.wait(WAIT)


def test_a_future_of_the_library_has_no_more_than_ours_knows() -> None:
    """`TaskFuture` makes all of these itself, when they are needed, since making them costs more than a call."""
    assert vars(concurrent.futures.Future()).keys() == {
        "_condition",
        "_state",
        "_result",
        "_exception",
        "_waiters",
        "_done_callbacks",
    }
    future: TaskFuture[Any] = TaskFuture(lambda _: None, WORKERS)
    made = vars(concurrent.futures.Future())
    assert {name: type(getattr(future, name)) for name in made if name != "_waiters"} == {
        name: type(value) for name, value in made.items() if name != "_waiters"
    }
    assert isinstance(future._waiters, list)
