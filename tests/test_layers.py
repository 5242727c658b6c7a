"""The import direction of the package, and what its pure core may import."""

import ast
from pathlib import Path

import pytest

import lgrun

ROOT = Path(lgrun.__file__).parent

LAYERS = [
    {"constants", "_folders", "_fs", "_hashing", "_engine.context", "_layout", "_typed", "_waiting"},
    {"types"},
    {
        "errors",
        "config",
        "_configuration",
        "runtime",
        "checkpoint.base",
        "graph.message",
        "store._ops",
        "store._meaning",
        "store.base",
        "cache.base",
    },
    {
        "_engine.annotations",
        "_engine.ids",
        "_engine.model",
        "_engine.replay",
        "_engine.program",
        "_engine.retry",
        "_engine.start",
        "_engine.strands",
        "_engine.events",
        "_engine.project",
        "checkpoint.serde",
        "checkpoint._classes",
        "checkpoint._libraries",
        "checkpoint._refusals",
        "checkpoint._table",
        "checkpoint._line",
        "checkpoint._plain",
        "checkpoint.document",
        "checkpoint.ids",
        "checkpoint.forking",
        "checkpoint.references",
        "checkpoint._salvage",
        "checkpoint._not_stored",
        "checkpoint.migrations",
        "checkpoint.patching",
        "graph._plan",
        "graph._program",
        "graph._schema",
        "store._table",
        "store._lines",
        "cache._entry",
    },
    {
        "checkpoint.memory",
        "checkpoint.file",
        "checkpoint._chains",
        "checkpoint._claim",
        "checkpoint._copying",
        "checkpoint._journal_file",
        "checkpoint._lock",
        "checkpoint._state_root",
        "checkpoint._thread_files",
        "store.memory",
        "store.file",
        "cache.memory",
        "cache.file",
        "checkpoint._examined_threads",
        "checkpoint._examiner",
        "store._examined",
        "checkpoint.doctor",
    },
    {
        "_engine.journal",
        "_engine.chat",
        "_engine.frame",
        "_engine.future",
        "_engine.ticks",
        "_engine.workers",
        "_engine.answers",
        "_engine.run",
        "_engine.lineage",
        "_engine.settings",
        "_engine.sleepers",
        "_engine.caching",
        "_engine.steps",
        "_engine.nested",
        "_engine.flow",
        "_engine.lifecycle",
        "_engine.opening",
        "_engine.sync",
        "_engine.aio",
        "_engine.reading",
        "_engine.snapshot",
        "_engine.request",
        "_engine.stream",
        "_engine.astream",
        "_engine.writing",
    },
    {"_batch", "_signature", "_world", "forking", "workflow", "drawing", "_mermaid", "_schemas"},
    {"func", "graph._node", "graph._reading", "graph.state"},
    {"cli"},
]
PURE = LAYERS[3]
IMPURE_MODULES = {"os", "time", "random", "threading", "asyncio", "socket", "subprocess", "tempfile", "shutil"}
SAVERS = LAYERS[4]


def modules() -> dict[str, Path]:
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        if not name.endswith("__init__"):
            found[name] = path
    return found


def layer(name: str) -> int:
    for number, names in enumerate(LAYERS):
        if name in names or name.split(".")[0] in names:
            return number
    raise AssertionError(f"lgrun.{name} has no layer: give it one in this test")


def imported(path: Path, *, top_level_only: bool) -> set[str]:
    """Return the absolute names of the modules that a file imports, those for type checkers left out."""
    tree = ast.parse(path.read_text())
    typing_only = {
        id(node)
        for test in ast.walk(tree)
        if isinstance(test, ast.If) and "TYPE_CHECKING" in ast.unparse(test.test)
        for node in ast.walk(test)
    }
    nodes = ast.iter_child_nodes(tree) if top_level_only else ast.walk(tree)
    found: set[str] = set()
    for node in nodes:
        if id(node) in typing_only:
            continue
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def own(names: set[str]) -> set[str]:
    """Keep the modules of this package, named as in LAYERS."""
    known = modules()
    return {name.removeprefix("lgrun.") for name in names if name.removeprefix("lgrun.") in known}


@pytest.mark.parametrize("name", modules())
def test_nothing_imports_upward(name: str) -> None:
    """A module imports from its own layer and those below only."""
    for other in own(imported(modules()[name], top_level_only=False)):
        assert layer(other) <= layer(name), f"lgrun.{name} imports lgrun.{other}, which is above it"


@pytest.mark.parametrize("name", sorted(PURE & set(modules())))
def test_the_core_is_pure(name: str) -> None:
    """The core knows no clock, thread, file or chance."""
    assert not imported(modules()[name], top_level_only=True) & IMPURE_MODULES


@pytest.mark.parametrize("name", sorted(LAYERS[5] | LAYERS[6]))
def test_the_engine_knows_savers_by_their_port_only(name: str) -> None:
    """No part of the engine imports a concrete saver."""
    assert not own(imported(modules()[name], top_level_only=False)) & SAVERS


@pytest.mark.parametrize("name", [n for n in modules() if n.startswith("cli.")])
def test_the_command_line_uses_public_modules(name: str) -> None:
    """The command line imports nothing of the engine."""
    assert not [other for other in own(imported(modules()[name], top_level_only=False)) if other.startswith("_engine")]


def test_only_one_door_to_the_disk() -> None:
    """In the part that keeps state, only `_fs` opens files."""
    for name, path in modules().items():
        if name.startswith(("_engine.", "checkpoint.", "store.", "cache.")):
            calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
            assert "open" not in {ast.unparse(call.func) for call in calls}, f"lgrun.{name} opens a file itself"


@pytest.mark.parametrize("name", modules())
def test_modules_stay_readable(name: str) -> None:
    """No module is longer than 400 lines, but those that are listed with their reason."""
    allowed = {
        "workflow": 640,  # mostly docstrings of the public methods
        "graph.state": 430,  # the same
    }
    assert len(modules()[name].read_text().splitlines()) <= allowed.get(name, 400)
