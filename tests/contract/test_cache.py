"""What every task cache does, in memory or on disk."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lgrun.cache.base import BaseCache, FullKey
from lgrun.cache.file import FileCache
from lgrun.cache.memory import InMemoryCache
from lgrun.errors import NotSerializableError


class Now:
    """A clock that stands still."""

    def __init__(self) -> None:
        self.at = 1_000_000.0

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def now() -> Now:
    return Now()


@pytest.fixture(params=["memory", "file"])
def cache(request: pytest.FixtureRequest, tmp_path: Path, now: Now) -> BaseCache[Any]:
    return InMemoryCache(now=now) if request.param == "memory" else FileCache(tmp_path / "state", now=now)


def key(name: str, *namespace: str) -> FullKey:
    return (namespace or ("n",), name)


def put(cache: BaseCache[Any], value: Any, *keys: FullKey, ttl: float | None = None) -> None:
    cache.set(dict.fromkeys(keys, (value, ttl)))


def test_empty(cache: BaseCache[Any]) -> None:
    """Nothing is there, and forgetting it is silent."""
    assert cache.get([]) == {}
    assert cache.get([key("k")]) == {}
    cache.set({})
    cache.clear()
    cache.clear([("n",)])


@pytest.mark.parametrize("value", [None, 0, "", {"v": (1, {2}), 5: None}, ["\ud800"], b"x", 2**80, ValueError("e")])
def test_values(cache: BaseCache[Any], value: Any) -> None:
    """A value comes back equal and of the same types; None is one, too."""
    put(cache, value, key("k"))
    got = cache.get([key("k"), key("other")])

    assert list(got) == [key("k")]
    assert repr(got[key("k")]) == repr(value)


def test_keys(cache: BaseCache[Any]) -> None:
    """Namespace and key tell entries apart, whatever is in them; a list counts as a tuple."""
    keys = [
        *(key("k"), key("k", "n", "k"), key("n", "k"), key("", ""), key("../x"), key("a/b", "..", "/"), key("K")),
        *(key("\ud800", "\0"), key("x" * 10_000), key("ab", "c"), key("b", "ca"), key("b", "c", "a"), ((), "k")),
    ]
    cache.set({each: (number, None) for number, each in enumerate(keys)})

    assert cache.get(keys) == {each: number for number, each in enumerate(keys)}
    assert cache.get([(["n"], "k")]) == {key("k"): 0}  # type: ignore[list-item]


@pytest.mark.parametrize("wrong", [("n", "k"), (("n",), 5), (("n",), b"k"), ((1,), "k"), (("n",), None)])
def test_wrong_keys(cache: BaseCache[Any], wrong: Any) -> None:
    """Anything else is refused."""
    with pytest.raises(TypeError, match="a tuple of texts with a text"):
        cache.get([wrong])
    with pytest.raises(TypeError, match="a tuple of texts with a text"):
        cache.set({wrong: (1, None)})


def test_values_are_copies(cache: BaseCache[Any]) -> None:
    """Changing what was kept or got does not change the entry."""
    value = {"list": [1]}
    put(cache, value, key("k"))
    value["list"].append(2)
    cache.get([key("k")])[key("k")]["list"].append(3)

    assert cache.get([key("k")]) == {key("k"): {"list": [1]}}


def test_overwriting(cache: BaseCache[Any], now: Now) -> None:
    """The last value counts, with its time."""
    put(cache, 1, key("k"), ttl=5)
    put(cache, 2, key("k"))
    now.at += 10
    assert cache.get([key("k")]) == {key("k"): 2}


def test_time_to_live(cache: BaseCache[Any], now: Now) -> None:
    """An entry is there for its seconds, and not at all with 0 or less."""
    for seconds in (0, -1, 0.5, 5, None):
        put(cache, seconds, key(str(seconds)), ttl=seconds)
    keys = [key(str(seconds)) for seconds in (0, -1, 0.5, 5, None)]

    assert list(cache.get(keys).values()) == [0.5, 5, None]
    now.at += 0.5
    assert list(cache.get(keys).values()) == [5, None]
    now.at += 4.5
    assert list(cache.get(keys).values()) == [None]
    put(cache, 7, key("5"), ttl=1)
    assert cache.get([key("5")]) == {key("5"): 7}


def test_clear(cache: BaseCache[Any]) -> None:
    """Exactly the namespaces that are named; no list is all of them, an empty one none."""
    keys = [key("k", "a"), key("l", "a"), key("k", "a", "b"), key("k", "c")]
    put(cache, 1, *keys)
    cache.clear([])
    assert len(cache.get(keys)) == 4
    cache.clear([("a",), ("never",)])
    assert list(cache.get(keys)) == keys[2:]
    put(cache, 2, keys[0])
    assert cache.get(keys)[keys[0]] == 2
    cache.clear()
    assert cache.get(keys) == {}


def test_values_that_cannot_be_saved(cache: BaseCache[Any]) -> None:
    """Are refused, and nothing of the call is kept."""
    with pytest.raises(NotSerializableError):
        cache.set({key("before"): (1, None), key("k"): (print, None)})
    assert cache.get([key("before")]) == {}


def test_async(cache: BaseCache[Any]) -> None:
    """Every method has an async twin that does the same."""

    async def use() -> Any:
        await cache.aset({key("k"): (1, None), key("k", "b"): (2, None)})
        await cache.aclear([("b",)])
        return await cache.aget([key("k"), key("k", "b")])

    assert asyncio.run(use()) == {key("k"): 1} == cache.get([key("k")])


def test_threads(cache: BaseCache[Any]) -> None:
    """Threads that set, get and clear the same entries see whole values or none."""
    errors: list[Any] = []

    def work(name: int, do: Callable[[int], Any]) -> None:
        try:
            for number in range(60):
                do(number)
        except BaseException as error:
            errors.append(error)

    def check(number: int) -> None:
        for value in cache.get([key("k"), key(str(number))]).values():
            assert value == [value[0]] * 100

    jobs: list[Callable[[int], Any]] = [
        lambda number: put(cache, [number] * 100, key("k"), key(str(number))),
        lambda number: put(cache, [number] * 100, key("k"), ttl=0),
        lambda number: cache.clear([("n",)] if number % 2 else None),
        check,
    ]
    workers = [threading.Thread(target=work, args=(name, job)) for name, job in enumerate(jobs)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()

    assert errors == []
