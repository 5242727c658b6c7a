"""Finding items by meaning: which texts of a value count, and how their vectors are made."""

import json
import re
from array import array
from collections.abc import Iterator, Mapping, Sequence
from math import sqrt
from operator import mul
from typing import TYPE_CHECKING, Any, TypeAlias

from lgrun.store._ops import IndexConfig

__all__ = ["Embedder", "Vector", "likeness", "texts_at"]

# Subscripting array fails before Python 3.12.
if TYPE_CHECKING:
    Vector: TypeAlias = array[float]
else:
    Vector = array
"""A vector of length 1 (or 0), so that a product of two is their cosine."""

_STEP = re.compile(r"\{[^}]*\}|\[[^\]]*\]|[^.\[{]+")


def texts_at(value: Mapping[Any, Any], paths: Sequence[str]) -> list[str]:
    """Return the texts at some paths of a value, each once.

    Args:
        value: of an item.
        paths: names joined by periods; `[0]`, `[-1]` and `[*]` go into lists, `*` and `{a,b}` into objects; `$` is
            everything. Numbers and truth values count as their text, lists and objects as their JSON.
    """
    found: dict[str, None] = {}
    for path in paths:
        steps = [] if path in ("", "$") else _STEP.findall(path)
        for part in _parts(value, steps):
            if part is not None:
                found[_text(part)] = None
    return list(found)


def _parts(value: Any, steps: Sequence[str]) -> Iterator[Any]:
    if not steps:
        yield value
        return
    step, rest = steps[0], steps[1:]
    for part in _next(value, step):
        yield from _parts(part, rest)


def _next(value: Any, step: str) -> list[Any]:
    if step.startswith("["):
        return _elements(value, step[1:-1]) if isinstance(value, (list, tuple)) else []
    if not isinstance(value, Mapping):
        return []
    if step == "*":
        return list(value.values())
    names = step[1:-1].split(",") if step.startswith("{") else [step]
    return [value[name.strip()] for name in names if name.strip() in value]


def _elements(value: Sequence[Any], index: str) -> list[Any]:
    if index == "*":
        return list(value)
    try:
        return [value[int(index)]]
    except (ValueError, IndexError):
        return []


def _text(part: Any) -> str:
    if isinstance(part, (str, bool, int, float)):
        return str(part)
    return json.dumps(part, sort_keys=True, ensure_ascii=False, default=str)


def _unit(vector: Sequence[float]) -> Vector:
    made = array("f", vector)
    length = sqrt(sum(map(mul, made, made)))
    return array("f", [x / length for x in made]) if length else made


def likeness(query: Vector, vectors: Sequence[Vector]) -> float | None:
    """Return the cosine of the nearest of some vectors; None if there is none that can be compared."""
    return max((sum(map(mul, query, each)) for each in vectors if len(each) == len(query)), default=None)


class Embedder:
    """Makes vectors of texts.

    Args:
        config: with `embed`, and the `fields` that count.

    Raises:
        ValueError: there is nothing to embed with.
    """

    def __init__(self, config: IndexConfig) -> None:
        self._embed: Any = config.get("embed")
        self.fields = config.get("fields") or ["$"]
        self._is_object = hasattr(self._embed, "embed_documents")
        if not self._is_object and not callable(self._embed):
            raise ValueError(
                "an index needs 'embed': a function from a list of texts to a list of vectors, or an object with "
                f"embed_documents and embed_query; not {self._embed!r}"
            )
        self._is_async = not self._is_object and _is_async(self._embed)

    def vectors(self, texts: list[str], queries: list[str]) -> dict[str, Vector]:
        """Return the vector of each text and query.

        Raises:
            ValueError: the function is async, or returns another number of vectors.
        """
        if self._is_async and (texts or queries):
            raise ValueError("the index's embed function is async: use aput, asearch and abatch")
        if not self._is_object:
            return self._paired(texts + queries, self._embed(texts + queries) if texts or queries else [])
        made = self._embed.embed_documents(texts) if texts else []
        return self._paired(texts + queries, [*made, *map(self._embed.embed_query, queries)])

    async def avectors(self, texts: list[str], queries: list[str]) -> dict[str, Vector]:
        """Like `vectors`, off the event loop or on it."""
        both = texts + queries
        if not both:
            return {}
        if self._is_async:
            return self._paired(both, await self._embed(both))
        if self._is_object and hasattr(self._embed, "aembed_documents"):
            made = await self._embed.aembed_documents(texts) if texts else []
            return self._paired(both, [*made, *[await self._embed.aembed_query(query) for query in queries]])
        import asyncio

        return await asyncio.to_thread(self.vectors, texts, queries)

    def _paired(self, texts: list[str], made: Any) -> dict[str, Vector]:
        vectors = list(made)
        if len(vectors) != len(texts):
            raise ValueError(f"the index's embed function returned {len(vectors)} vectors for {len(texts)} texts")
        return {text: _unit(vector) for text, vector in zip(texts, vectors, strict=True)}


def _is_async(function: Any) -> bool:
    import inspect

    call = function if inspect.isroutine(function) else type(function).__call__
    return inspect.iscoroutinefunction(call)
