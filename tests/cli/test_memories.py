"""Stores and caches in memory give way to those in the state directory."""

import subprocess
import sys

from .conftest import World
from .sources import HEAD, HELLO

NOTES = (
    HEAD
    + """
from lgrun.cache.memory import InMemoryCache
from lgrun.store.memory import InMemoryStore
from lgrun.types import CachePolicy

store = InMemoryStore()

@task(cache_policy=CachePolicy())
def double(n: int) -> int:
    print("doubling")
    return n * 2

@entrypoint(store=store, cache=InMemoryCache())
def note(n: int, *, store) -> list:
    store.put(("notes",), str(n), {"n": double(n).result()})
    return [item.value["n"] for item in store.search(("notes",))]

@entrypoint(store=store)
def look(key: str) -> list:
    return [item.key for item in store.search(())]
"""
)


def test_what_is_remembered(lgrun: World) -> None:
    """What a run puts into the store, another run of another thread in another process finds; results are cached."""
    lgrun.write("notes.py", NOTES)

    first = lgrun("invoke", "notes.py:note", "1", "-t", "a")
    second = lgrun("invoke", "notes.py:note", "2", "-t", "b")
    third = lgrun("invoke", "notes.py:note", "1", "-t", "c")

    assert [first.json, second.json, third.json] == [[2], [2, 4], [2, 4]]
    assert ["doubling" in run.stderr for run in (first, second, third)] == [True, True, False]
    assert (lgrun.state / "store").is_dir()
    assert (lgrun.state / "cache").is_dir()


def test_names_of_the_file(lgrun: World) -> None:
    """A workflow that uses the file's own name of the store, not the one it is given, finds the same."""
    lgrun.write("notes.py", NOTES)
    lgrun("invoke", "notes.py:note", "1")

    assert lgrun("invoke", "notes.py:look", "x").json == ["1"]


def test_graphs(lgrun: World) -> None:
    """A compiled graph is treated alike."""
    lgrun.write(
        "graph.py",
        """
from typing import TypedDict
from lgrun.graph import END, START, StateGraph
from lgrun.store.memory import InMemoryStore

class State(TypedDict, total=False):
    name: str
    seen: int

def count(state: State, *, store) -> State:
    store.put(("seen",), state["name"], {})
    return {"seen": len(store.search(("seen",)))}

graph = StateGraph(State).add_node(count).add_edge(START, "count").add_edge("count", END).compile(store=InMemoryStore())
""",
    )

    runs = [lgrun("invoke", "graph.py", f"name={name}", "--get", "value.seen").stdout for name in ("a", "b")]

    assert runs == ["1\n", "2\n"]


def test_items_of_the_file(lgrun: World) -> None:
    """What the file puts into its store while it is loaded is kept, and later changes to it are not undone."""
    text = NOTES + "\nstore.put(('notes',), '1', {'n': -1})\nstore.put(('notes',), '9', {'n': 9})\n"
    lgrun.write("notes.py", text)

    assert lgrun("invoke", "notes.py:look", "x").json == ["1", "9"]
    assert sorted(lgrun("invoke", "notes.py:note", "1").json) == [2, 9]
    assert sorted(lgrun("invoke", "notes.py:note", "1").json) == [2, 9]


def test_an_index_is_kept(lgrun: World) -> None:
    """A store that finds items by meaning goes on doing so."""
    index = "index={'dims': 2, 'embed': lambda texts: [[t.count('a'), t.count('b')] for t in texts]}"
    lgrun.write(
        "meaning.py",
        HEAD
        + f"""
from lgrun.store.memory import InMemoryStore

@entrypoint(store=InMemoryStore({index}))
def meaning(text: str, *, store) -> str:
    found = store.search(("texts",), query=text, limit=1)
    store.put(("texts",), text, {{"text": text}})
    return found[0].key if found else ""
""",
    )
    for text in ("aaa", "bbb"):
        lgrun("invoke", "meaning.py", text)

    assert lgrun("invoke", "meaning.py", "aba").json == "aaa"
    assert lgrun("invoke", "meaning.py", "bab").json == "bbb"


def test_another_kind_is_kept(lgrun: World) -> None:
    """A store or a cache of another class stays, with a notice, unless it is in the state directory anyway."""
    imports = "from lgrun.store.file import FileStore\nfrom lgrun.cache.file import FileCache\n"
    for name, where in (("own", "'own'"), ("same", "")):
        made = f"@entrypoint(store=FileStore({where}), cache=FileCache({where}))"
        more = "\nother = hello.with_config(tags=['x'])\n"
        lgrun.write(f"{name}.py", imports + HELLO.replace("@entrypoint()", made) + more)

    own, same = (lgrun("invoke", f"{name}.py:hello", "Ann") for name in ("own", "same"))

    assert own.code == same.code == 0
    assert own.stderr.count("hello remembers with its own FileStore, not in the state directory") == 1
    assert own.stderr.count("hello remembers with its own FileCache, not in the state directory") == 1
    assert "!" not in same.stderr


def test_nothing_is_created_for_a_mistake(lgrun: World) -> None:
    """Items of the file are not written before the run is known to begin."""
    lgrun.write("notes.py", NOTES + "\nstore.put(('notes',), '1', {'n': -1})\n")

    assert lgrun("invoke", "notes.py:note", "x").code == 2
    assert lgrun.files() == []


def test_nothing_is_imported_for_nothing(lgrun: World) -> None:
    """A workflow without a store and a cache does not pay for them."""
    lgrun.write("hello.py", HELLO)
    code = (
        "import sys; from lgrun.cli.app import run; code = run(['invoke', 'hello.py', 'Ann', '-q']);"
        "print(code, [n for n in sys.modules if n.startswith(('lgrun.store.', 'lgrun.cache.'))], file=sys.__stdout__)"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=lgrun.folder, env=lgrun.env(), capture_output=True, text=True, check=True
    )

    loaded = done.stdout + done.stderr
    assert "0 [" in loaded
    assert not [name for name in ("store.file", "store.memory", "cache.file", "cache.memory") if name in loaded]
