"""What the package promises to programs and to type checkers: its names and their types."""

import ast
import importlib
import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
USES = Path(__file__).with_name("api.py")

PUBLIC = [
    "lgrun",
    "lgrun.cache.base",
    "lgrun.cache.file",
    "lgrun.cache.memory",
    "lgrun.checkpoint.base",
    "lgrun.checkpoint.file",
    "lgrun.checkpoint.memory",
    "lgrun.config",
    "lgrun.constants",
    "lgrun.errors",
    "lgrun.func",
    "lgrun.graph",
    "lgrun.graph.message",
    "lgrun.graph.state",
    "lgrun.runtime",
    "lgrun.store.base",
    "lgrun.store.file",
    "lgrun.store.memory",
    "lgrun.types",
    "lgrun.workflow",
]

BETWEEN_MODULES = {
    "lgrun.checkpoint.base": {"ANY_ARGUMENTS"},
    "lgrun.workflow": {"Extras", "Listener", "check_saver", "workflows_in"},
}
"""Names without an underscore that only modules of lgrun use."""

DOCUMENTED = """
from lgrun.cache.base import BaseCache
from lgrun.cache.memory import InMemoryCache
from lgrun.checkpoint.base import BaseCheckpointSaver
from lgrun.checkpoint.memory import InMemorySaver, MemorySaver
from lgrun.config import get_config, get_store, get_stream_writer
from lgrun.constants import END, START, TAG_HIDDEN, TAG_NOSTREAM
from lgrun.errors import EmptyInputError, GraphInterrupt, GraphRecursionError, InvalidUpdateError
from lgrun.func import entrypoint, task
from lgrun.graph import END, START, MessagesState, StateGraph, add_messages
from lgrun.graph.message import REMOVE_ALL_MESSAGES, add_messages
from lgrun.runtime import ExecutionInfo, RunControl, Runtime, get_runtime
from lgrun.store.base import BaseStore
from lgrun.store.memory import InMemoryStore
from lgrun.types import CachePolicy, Command, Interrupt, Overwrite, RetryPolicy, Send, StateSnapshot, StateUpdate
from lgrun.types import StreamWriter, TimeoutPolicy, interrupt
"""
"""What LangGraph's documentation of these APIs imports, with the package's name replaced."""


def _defined(tree: ast.Module) -> set[str]:
    """Return the names without an underscore that a module defines itself."""
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Assign, ast.AnnAssign)):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {target.id for target in targets if isinstance(target, ast.Name)}
    return {name for name in found if not name.startswith("_")}


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names(name: str) -> None:
    """`__all__` lists what a module offers: all that it defines without an underscore, and what it hands on."""
    module = importlib.import_module(name)
    source = Path(str(module.__file__)).read_text()

    assert _defined(ast.parse(source)) - set(module.__all__) == BETWEEN_MODULES.get(name, set())
    assert [other for other in module.__all__ if not hasattr(module, other)] == []
    assert len(set(module.__all__)) == len(module.__all__)


@pytest.mark.parametrize("line", DOCUMENTED.strip().splitlines())
def test_documented_names(line: str) -> None:
    """Programs that were written for LangGraph find the names that they import."""
    exec(line, {})


def test_every_public_name_is_used() -> None:
    """The file that type checkers read leaves out no public name."""
    nodes = list(ast.walk(ast.parse(USES.read_text())))
    used = {node.id for node in nodes if isinstance(node, ast.Name)}
    used |= {node.attr for node in nodes if isinstance(node, ast.Attribute)}
    names = {name for module in PUBLIC for name in importlib.import_module(module).__all__}

    assert names - used == set()


def test_types() -> None:
    """Every `assert_type` holds and every mistake is found, by mypy at its strictest."""
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", str(USES)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_marker_is_shipped() -> None:
    """Type checkers use the annotations of an installed package only if it says that it has them."""
    assert files("lgrun").joinpath("py.typed").is_file()
