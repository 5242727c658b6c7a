"""Code of the user that is run beside nodes and tasks: what it raises is a failure of the workflow like any other."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from lgrun.cache.memory import InMemoryCache
from lgrun.checkpoint.base import BaseCheckpointSaver, thread_status
from lgrun.errors import NotSerializableError
from lgrun.func import entrypoint, task
from lgrun.graph import START, StateGraph
from lgrun.types import CachePolicy, RetryPolicy
from tests.engine.conftest import THREAD, Style


@dataclass
class Picky:
    """A state that refuses some values."""

    n: int = 0

    def __post_init__(self) -> None:
        if self.n > 1:
            raise LookupError("broken")


def _broken(*_: Any, **__: Any) -> Any:
    raise LookupError("broken")


KEY = CachePolicy(key_func=_broken)
RETRY = RetryPolicy(retry_on=_broken)


class Forgetful(InMemoryCache[Any]):
    """A cache that cannot be reached."""

    def get(self, keys: Any) -> Any:
        raise LookupError("broken")


def _fails(_: Any) -> Any:
    raise ConnectionError("refused")


def _step(_: Any) -> Any:
    return {"n": 5}


def a_state_schema(**options: Any) -> Any:
    return StateGraph(Picky).add_sequence([("a", _step), ("b", _step)]).add_edge(START, "a").compile(**options)


def the_key_of_a_node(**options: Any) -> Any:
    return StateGraph(Picky).add_node("a", _step, cache_policy=KEY).add_edge(START, "a").compile(**options)


def the_key_of_an_entrypoint(**options: Any) -> Any:
    return entrypoint(cache_policy=KEY, **options)(_step)


def the_key_of_a_task(**options: Any) -> Any:
    step = task(_step, cache_policy=KEY)
    return entrypoint(**options)(lambda n: step(n).result())


def a_cache(cache: Any, **options: Any) -> Any:
    return entrypoint(cache=Forgetful(), cache_policy=CachePolicy(), **options)(_step)


def the_retry_of_a_node(**options: Any) -> Any:
    return StateGraph(Picky).add_node("a", _fails, retry_policy=RETRY).add_edge(START, "a").compile(**options)


def the_retry_of_an_entrypoint(**options: Any) -> Any:
    return entrypoint(retry_policy=RETRY, **options)(_fails)


def the_retry_of_a_task(**options: Any) -> Any:
    step = task(_fails, retry_policy=RETRY)
    return entrypoint(**options)(lambda n: step(n).result())


MADE = [
    a_state_schema, the_key_of_a_node, the_key_of_an_entrypoint, the_key_of_a_task, a_cache, the_retry_of_a_node,
    the_retry_of_an_entrypoint, the_retry_of_a_task,
]  # fmt: skip


@pytest.mark.parametrize("make", MADE)
def test_what_raises_fails_the_run(saver: BaseCheckpointSaver, style: Style, make: Callable[..., Any]) -> None:
    flow = make(checkpointer=saver, cache=InMemoryCache())

    with pytest.raises(LookupError, match="broken") as raised:
        style.invoke(flow, {"n": 0})

    saved = saver.load("t")
    assert saved is not None
    assert thread_status(saved, held=False) == "failed"
    error = [write for write in saved.writes if write.kind == "error"][-1]
    assert (error.type, error.message) == ("LookupError", "broken")
    # As in LangGraph, it is shown with what the rule for retries was asked about.
    assert isinstance(raised.value.__context__, ConnectionError) == ("retry" in make.__name__)
    assert flow.get_state(THREAD).next

    ended = list(flow.events(None, THREAD))[-1]
    assert (ended.type, ended.status, type(ended.error)) == ("run.end", "failed", LookupError)


def test_a_rule_for_retries_that_raises_what_it_was_asked_about() -> None:
    def pass_on(error: Exception) -> bool:
        raise error

    flow = entrypoint(retry_policy=RetryPolicy(retry_on=pass_on))(_fails)
    with pytest.raises(ConnectionError) as raised:
        flow.invoke(0)
    assert raised.value.__context__ is None


def test_a_result_that_cannot_be_cached(style: Style) -> None:
    @entrypoint(cache=InMemoryCache(), cache_policy=CachePolicy())
    def flow(_: int) -> Any:
        return threading.Lock()

    with pytest.raises(NotSerializableError, match="what 'flow' returned cannot be saved"):
        style.invoke(flow, 0)
    assert list(flow.events(0))[-1].status == "failed"
