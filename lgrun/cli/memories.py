"""What a workflow remembers beside its threads: stores and caches in memory give way to those in the state directory.

A process ends with its run, so what is in its memory only would be gone with it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lgrun.cli.loading import Loaded
    from lgrun.store.base import BaseStore, Item

_PAGE = 1000


class Memories:
    """The stores and caches of one file, each replaced once, however many of its workflows and names refer to it.

    Args:
        loaded: the file.
        directory: the state directory.

    Attributes:
        notices: what the user should know.
    """

    def __init__(self, loaded: "Loaded", directory: Path) -> None:
        self._loaded = loaded
        self._directory = directory
        self._replaced: dict[int, tuple[Any, Any]] = {}
        self.notices: list[str] = []

    def attach(self) -> list[str]:
        """Replace them, in the workflows and in the file's own namespace; return the notices. Creates nothing."""
        main = self._loaded.workflow
        for kept, make in ((main.store, _store_instead), (main.cache, _cache_instead)):
            if kept is not None and self._instead(kept, make) is kept and not self._is_here(kept):
                name, kind = self._loaded.name, type(kept).__name__
                self.notices.append(f"{name} remembers with its own {kind}, not in the state directory")
        for workflow in (main, *self._loaded.siblings):
            if workflow.store is not None:
                workflow.store = self._instead(workflow.store, _store_instead)
            if workflow.cache is not None:
                workflow.cache = self._instead(workflow.cache, _cache_instead)
        names = vars(self._loaded.module)
        for name, value in list(names.items()):
            if id(value) in self._replaced:
                names[name] = self._replaced[id(value)][1]
        return self.notices

    def plant(self) -> None:
        """Put what the file had put into a store while it was loaded, unless something has its place already."""
        for old, new in self._replaced.values():
            if hasattr(old, "search"):
                _plant(_items(old), new)

    def _is_here(self, kept: Any) -> bool:
        return Path(getattr(kept, "directory", "")) == self._directory.resolve()

    def _instead(self, old: Any, make: Callable[[Any, Path], Any]) -> Any:
        if id(old) in self._replaced:
            return self._replaced[id(old)][1]
        new = make(old, self._directory)
        if new is None:
            return old
        self._replaced[id(old)] = (old, new)
        return new


def _store_instead(old: Any, directory: Path) -> Any:
    from lgrun.store.memory import InMemoryStore

    if type(old) is not InMemoryStore:
        return None
    from lgrun.store.file import FileStore

    return FileStore(directory, index=old.index_config, ttl=old.ttl_config)


def _cache_instead(old: Any, directory: Path) -> Any:
    from lgrun.cache.memory import InMemoryCache

    if type(old) is not InMemoryCache:
        return None
    from lgrun.cache.file import FileCache

    return FileCache(directory)


def _items(store: "BaseStore") -> "list[Item]":
    found: list[Item] = []
    while page := store.search((), limit=_PAGE, offset=len(found)):
        found += page
    return found


def _plant(items: "list[Item]", store: "BaseStore") -> None:
    if not items:
        return
    from lgrun.store.base import GetOp, PutOp

    known = store.batch([GetOp(item.namespace, item.key) for item in items])
    ttl = (store.ttl_config or {}).get("default_ttl")
    missing = [item for item, found in zip(items, known, strict=True) if found is None]
    if missing:
        store.batch([PutOp(item.namespace, item.key, item.value, None, ttl) for item in missing])
