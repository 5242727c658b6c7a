"""The threads for what waits for a device or for another process."""

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from pathlib import Path
from typing import Any, NoReturn

import pytest

from lgrun._waiting import WAITING, Waiting, apart
from lgrun.cache.file import FileCache
from lgrun.checkpoint.file import FileSaver
from lgrun.func import entrypoint, task
from lgrun.store.file import FileStore
from lgrun.types import CachePolicy

PATIENCE = 30.0
MANY = 100


def test_there_is_a_thread_for_each_action_that_waits() -> None:
    """However many wait for one that comes later; afterwards they are used again."""
    waiting, last = Waiting(), threading.Event()
    futures = [waiting.submit(lambda: threading.get_ident() * last.wait(PATIENCE)) for _ in range(MANY)]
    futures.append(waiting.submit(lambda: last.set() or threading.get_ident()))

    threads = {future.result(PATIENCE) for future in futures}
    assert len(threads - {0}) == MANY + 1
    assert waiting.submit(threading.get_ident).result(PATIENCE) in threads


def test_actions_one_after_another_share_a_thread() -> None:
    waiting = Waiting()
    assert len({waiting.submit(threading.get_ident).result(PATIENCE) for _ in range(MANY)}) == 1


def test_what_an_action_raises_arrives() -> None:
    waiting, error = Waiting(), KeyError("gone")

    def fail() -> NoReturn:
        raise error

    assert waiting.submit(fail).exception(PATIENCE) is error
    assert waiting.submit(lambda: 1).result(PATIENCE) == 1


def test_a_call_is_made_in_the_context_of_its_caller() -> None:
    where = ContextVar("where", default="nowhere")

    async def ask() -> str:
        where.set("here")
        return await apart(where.get)

    assert asyncio.run(ask()) == "here"


def test_without_a_thread_the_caller_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(_: threading.Thread) -> NoReturn:
        raise RuntimeError("can't start new thread")

    waiting = Waiting()
    monkeypatch.setattr(threading.Thread, "start", none_left)
    assert waiting.submit(threading.get_ident).result(0) == threading.get_ident()
    monkeypatch.undo()
    assert waiting.submit(threading.get_ident).result(PATIENCE) != threading.get_ident()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_has_threads_of_its_own() -> None:
    WAITING.submit(int).result(PATIENCE)
    child = os.fork()
    if child == 0:
        try:
            os._exit(WAITING.submit(lambda: 7).result(PATIENCE))
        finally:
            os._exit(99)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7


class Full(ThreadPoolExecutor):
    """The loop's executor, all of whose threads are at work for ever."""

    def submit(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("the loop's executor is for the user's code")


def test_the_threads_of_the_loop_are_left_to_the_user(tmp_path: Path) -> None:
    """Else a run would wait for ever for code that waits, in all these threads, for the run."""
    saver, store, cache = FileSaver(tmp_path), FileStore(tmp_path), FileCache(tmp_path / "cache")

    @task(cache_policy=CachePolicy())
    async def work(n: int) -> int:
        await store.aput(("a",), "k", {"n": n})
        found = await store.aget(("a",), "k")
        assert found is not None
        return int(found.value["n"])

    @entrypoint(checkpointer=saver, store=store, cache=cache)
    async def flow(n: int) -> int:
        return await work(n)

    async def main() -> list[Any]:
        asyncio.get_running_loop().set_default_executor(Full())
        config = {"configurable": {"thread_id": "t"}}
        value = await flow.ainvoke(3, config)
        state = await flow.aget_state(config)
        await flow.aclear_cache()
        await cache.aclear()
        return [value, state.values]

    # No asyncio.run, which waits for the threads of its executor.
    loop = asyncio.new_event_loop()
    try:
        assert loop.run_until_complete(main()) == [3, 3]
    finally:
        loop.close()
