"""A stop reaches a run that sleeps or waits."""

import threading
import time
from typing import Any

import pytest

from lgrun._engine.sleepers import Sleepers
from lgrun.checkpoint.base import BaseCheckpointSaver, thread_status
from lgrun.func import entrypoint, task
from lgrun.types import RetryPolicy
from tests.engine.conftest import THREAD

LONG = 20.0
"""Seconds for which a run that is not stopped would wait."""

SLOW_TO_RETRY = RetryPolicy(initial_interval=LONG, jitter=False)


@task(retry_policy=SLOW_TO_RETRY)
def fails() -> None:
    raise ConnectionError("refused")


@task(retry_policy=SLOW_TO_RETRY)
async def afails() -> None:
    raise ConnectionError("refused")


def flow(_: int) -> None:
    fails().result()


async def aflow(_: int) -> None:
    await afails()


@pytest.mark.parametrize("code", [flow, aflow])
def test_between_two_attempts(saver: BaseCheckpointSaver, code: Any) -> None:
    began = time.monotonic()
    events = entrypoint(checkpointer=saver)(code).events(0, THREAD)
    types = []
    for event in events:
        types.append(event.type)
        if event.type == "task.retry":
            events.cancel("SIGTERM")

    assert time.monotonic() - began < LONG / 2
    assert types.count("task.start") == types.count("task.retry") == 1
    assert event.status == "stopped"
    saved = saver.load("t")
    assert saved is not None
    assert thread_status(saved, held=False) == "stopped"


def test_while_another_run_has_the_thread(saver: BaseCheckpointSaver) -> None:
    claim = saver.claim("t")
    events = entrypoint(checkpointer=saver)(flow).events(0, THREAD, wait=LONG)
    got: list[Any] = []
    reader = threading.Thread(target=lambda: got.extend(events))
    reader.start()
    events.cancel("SIGTERM")
    reader.join(LONG / 2)
    claim.release()

    assert [(event.type, event.status) for event in got] == [("run.end", "stopped")]
    assert saver.load("t") is None


def test_sleepers_are_woken_once_and_for_all() -> None:
    sleepers, woken = Sleepers(), []
    with sleepers.asleep(lambda: woken.append(1)):
        pass
    with sleepers.asleep(lambda: woken.append(2)):
        sleepers.wake()
    with sleepers.asleep(lambda: woken.append(3)):
        pass
    assert woken == [2, 3]
