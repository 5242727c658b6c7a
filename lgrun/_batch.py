"""Running something on several inputs at the same time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from typing import Any, TypeAlias

Config: TypeAlias = Mapping[str, Any]

MOST_THREADS = 32
"""How many runs have a thread at the same time unless `max_concurrency` says otherwise."""


def batch(
    invoke: Callable[[Any, Config | None], Any],
    inputs: Sequence[Any],
    config: Config | Sequence[Config] | None,
    return_exceptions: bool,
) -> list[Any]:
    """Call `invoke` with each input and its configuration, in threads; return the results in their order."""
    configs = _each(config, len(inputs))
    with ThreadPoolExecutor(_limit(configs) or max(1, min(len(inputs), MOST_THREADS))) as pool:
        calls = [
            pool.submit(copy_context().run, partial(invoke, value, own))
            for value, own in zip(inputs, configs, strict=True)
        ]
    return [(return_exceptions and call.exception()) or call.result() for call in calls]


async def abatch(
    invoke: Callable[[Any, Config | None], Awaitable[Any]],
    inputs: Sequence[Any],
    config: Config | Sequence[Config] | None,
    return_exceptions: bool,
) -> list[Any]:
    """Await `invoke` with each input and its configuration on the running event loop; see `batch`."""
    configs = _each(config, len(inputs))
    limit = asyncio.Semaphore(_limit(configs) or max(1, len(inputs)))

    async def one(value: Any, own: Config | None) -> Any:
        async with limit:
            return await invoke(value, own)

    calls = [one(value, own) for value, own in zip(inputs, configs, strict=True)]
    return list(await asyncio.gather(*calls, return_exceptions=return_exceptions))


def _each(config: Config | Sequence[Config] | None, count: int) -> list[Config | None]:
    if isinstance(config, Mapping) or config is None:
        return [config] * count
    if len(config) != count:
        raise ValueError(f"{count} inputs need one config or {count}, not {len(config)}")
    return list(config)


def _limit(configs: Sequence[Config | None]) -> int | None:
    """Return the smallest number of runs at a time that any configuration allows; None if none says anything."""
    return min((limit for config in configs if config and (limit := config.get("max_concurrency"))), default=None)
