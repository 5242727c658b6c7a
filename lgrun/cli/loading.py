"""Executing a workflow's file, so that it gets in nobody's way, and picking the workflow in it."""

import importlib
import os
import re
import sys
from collections.abc import Mapping
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import module_from_spec
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun._hashing import sha256
from lgrun.cli import collecting, declared
from lgrun.cli.diagnostics import Frames, Problem, frames_of, headline, interpreter, short_path
from lgrun.cli.discover import Reference, project_root
from lgrun.cli.env import Environment
from lgrun.cli.spawned import tell
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.workflow import Workflow


class Loaded(NamedTuple):
    """A workflow, ready to run.

    Args:
        reference: how it was found.
        workflow: what runs.
        name: the name it has in its file.
        siblings: all workflows of the file.
        module: the file's module.
        path: the source file.
        source: the file's bytes as they were executed.
    """

    reference: Reference
    workflow: "Workflow"
    name: str
    siblings: tuple["Workflow", ...]
    module: ModuleType
    path: Path
    source: bytes

    @property
    def sha256(self) -> str:
        """Return the version of the source."""
        return sha256(self.source).hexdigest()

    @property
    def title(self) -> str:
        """Return the word that names its threads: the entrypoint's, or the file's where that says more."""
        stem = self.path.parent.name if self.path.stem == "__init__" else self.path.stem
        return stem if self.name in ("main", "workflow", "run", "graph", "app") else self.name

    def origin(self) -> dict[str, Any]:
        """Return what a thread records of where its workflow is."""
        root = project_root(self.path.parent)
        return {
            "ref": self.reference.typed,
            "path": str(self.path),
            "project_path": str(self.path.relative_to(root)) if root else None,
            "name": self.name,
            "sha256": self.sha256,
            **self._outputs(),
        }

    def _outputs(self) -> dict[str, Any]:
        """Return which keys of its state a graph returns: a checkpoint holds all of them and does not say."""
        builder: Any = getattr(self.workflow, "builder", None)
        if builder is None or builder.output_schema is builder.state_schema:
            return {}
        return {"outputs": sorted(declared.hints(builder.output_schema))}


def load(reference: Reference, env: Environment, *, recorded: str | None = None) -> Loaded:
    """Execute the file or import the module, and pick the workflow.

    Args:
        reference: what to load.
        env: the world.
        recorded: where the file was when a thread began with it. Saved values name their classes by the module they
            came from, so a file that moved is loaded under the name it had.

    Raises:
        Problem: the code cannot be loaded, or does not hold the one workflow that is meant.
    """
    # What nearly all workflows import is there before their own code runs.
    import lgrun.func  # noqa: F401

    collecting.begin()
    if reference.path is not None:
        module, source = _load_file(reference.path, private_name(Path(recorded or reference.path)), env)
        path = reference.path
    else:
        module, path, source = _import(str(reference.module), env)
    from lgrun.checkpoint.serde import register_module

    register_module(module)
    found = workflows_of(module)
    name = _choose(reference, found, module, path, env)
    return Loaded(reference, found[name], name, tuple(found.values()), module, path, source)


def private_name(path: Path) -> str:
    """Return the name under which a workflow file is loaded: stable, and in nobody's way."""
    stem = path.parent.name if path.stem == "__init__" else path.stem
    digest = sha256(os.fsencode(path)).hexdigest()[:12]
    return f"lgrun_workflow_{re.sub(r'[^0-9A-Za-z_]', '_', stem)}_{digest}"


def _load_file(path: Path, name: str, env: Environment) -> tuple[ModuleType, bytes]:
    try:
        source = path.read_bytes()
    except OSError as error:
        raise Problem("unreadable-workflow", f"cannot read {path}: {error.strerror}") from None
    # Appended, so that nothing beside a workflow can stand in for a module of Python or of a package.
    _append_to_path(path.parent)
    package = path.name == "__init__.py"
    spec = ModuleSpec(name, SourceFileLoader(name, str(path)), origin=str(path), is_package=package)
    spec.has_location = True
    if package and spec.submodule_search_locations is not None:
        spec.submodule_search_locations.append(str(path.parent))
    module = module_from_spec(spec)
    sys.modules[name] = module
    tell(name, str(path))
    # Compiled from the bytes whose hash is recorded: never from a stale .pyc.
    with _Guard(short_path(str(path), str(env.cwd)), env, name):
        exec(compile(source, str(path), "exec", dont_inherit=True), module.__dict__)
    return module, source


def _import(name: str, env: Environment) -> tuple[ModuleType, Path, bytes]:
    _append_to_path(env.cwd)
    with _Guard(name, env):
        module = importlib.import_module(name)
    file = getattr(module, "__file__", None)
    if file is None:
        raise Problem("no-source", f"{name} has no source file, so a thread could not be continued with it")
    path = Path(os.path.abspath(file))
    return module, path, path.read_bytes()


def _append_to_path(folder: Path) -> None:
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


class _Guard:
    """Turns whatever user code does while it is loaded into one problem."""

    def __init__(self, what: str, env: Environment, module: str | None = None) -> None:
        self.what = what
        self.env = env
        self.module = module

    def __enter__(self) -> None: ...

    def __exit__(self, _kind: Any, error: BaseException | None, _tb: Any) -> None:
        if error is None or isinstance(error, KeyboardInterrupt):
            return
        sys.modules.pop(self.module or "", None)
        raise _load_problem(error, self.what, self.env) from error


def _load_problem(error: BaseException, what: str, env: Environment) -> Problem:
    cwd = str(env.cwd)
    # The two frames of this file are machinery, so what is shown begins with the user's file.
    frames = frames_of(error.__traceback__, verbose=env.flags.verbose > 0)
    context = list(frames.lines(cwd))
    if isinstance(error, SyntaxError):
        return _syntax_problem(error, what, cwd)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return _missing_module(error, what, frames, context)
    if isinstance(error, SystemExit):
        message = f"{what} called sys.exit({'' if error.code is None else repr(error.code)}) while it was being loaded"
        hint = 'put what only a script should do under: if __name__ == "__main__":'
        return Problem("exit-at-import", message, context=context, hint=hint)
    return Problem("load-failed", f"{what} cannot be loaded: {headline(error)}", context=context)


def _syntax_problem(error: SyntaxError, what: str, cwd: str) -> Problem:
    where = f"{short_path(error.filename, cwd)}:{error.lineno or 0}" if error.filename else what
    context = []
    if error.text:
        text = error.text.rstrip("\n")
        shift = len(text) - len(text.lstrip())
        context.append(text.strip())
        if error.offset:
            context.append(" " * max(error.offset - 1 - shift, 0) + "^")
    return Problem("syntax-error", f"{where}: {error.msg}", context=context)


def _missing_module(error: ModuleNotFoundError, what: str, frames: Frames, context: list[str]) -> Problem:
    if not frames.shown:
        message = f"no module named {error.name}"
        return Problem("no-such-workflow", message, status=ExitStatus.NOT_FOUND, context=[interpreter()])
    top = str(error.name).partition(".")[0]
    return Problem(
        "missing-module",
        f"{what} needs a module that is not installed: {error.name}",
        context=[*context, f"Python: {interpreter()}"],
        hint=f"if it is a package of that name: {interpreter()} -m pip install {top}",
    )


# --- choosing


def workflows_of(module: ModuleType) -> "dict[str, Workflow]":
    """Return the workflows in a module's namespace, by the name they have there."""
    from lgrun.workflow import Workflow

    found: dict[str, Workflow] = {}
    for name, value in vars(module).items():
        if isinstance(value, Workflow) and not any(value is known for known in found.values()):
            found[name] = value
    return found


def _own(found: "Mapping[str, Workflow]", module: ModuleType) -> "Mapping[str, Workflow]":
    """Leave out what the file imported to call it, and parts of its graphs, unless there is nothing else.

    A graph does not say where it was compiled, so it counts as the file's own unless a workflow there runs it.
    """
    graphs = {n: w for n, w in found.items() if hasattr(w, "builder")}
    own = {n: w for n, w in found.items() if getattr(w.source, "__module__", None) == module.__name__}
    if not graphs or len(found) < 2:
        return own or found
    from lgrun.workflow import workflows_in

    parts = [part for graph in graphs.values() for _, part in graph.get_subgraphs(recurse=True)]
    parts += [part for workflow in own.values() for part in workflows_in(workflow.source) if hasattr(part, "builder")]
    whole = {n: w for n, w in {**own, **graphs}.items() if not any(w is part for part in parts)}
    return whole or found


def _choose(
    reference: Reference, found: "Mapping[str, Workflow]", module: ModuleType, path: Path, env: Environment
) -> str:
    file = short_path(str(path), str(env.cwd)) if reference.path else str(reference.module)
    if reference.name is not None:
        return _named(reference.name, found, file)
    found = _own(found, module)
    if len(found) == 1:
        return next(iter(found))
    if not found:
        hint = _what_is_missing(module)
        raise Problem("no-entrypoint", f"there is no entrypoint in {file}", hint=hint)
    raise Problem(
        "several-entrypoints",
        f"there are {len(found)} entrypoints in {file}: say which",
        context=_menu(found, file),
    )


def _what_is_missing(module: ModuleType) -> str:
    from lgrun.graph.state import StateGraph

    for name, value in vars(module).items():
        if isinstance(value, StateGraph):
            return f"{name} is a graph that is not compiled: graph = {name}.compile()"
    return "mark the function to run with @entrypoint() from lgrun.func, or compile a StateGraph"


def _named(name: str, found: "Mapping[str, Workflow]", file: str) -> str:
    if name in found:
        return name
    for variable, workflow in found.items():
        if workflow.name == name:
            return variable
    raise Problem(
        "no-such-entrypoint",
        f"there is no entrypoint {name} in {file}",
        status=ExitStatus.NOT_FOUND,
        context=_menu(found, file) or ["it has none"],
    )


def _menu(found: "Mapping[str, Workflow]", file: str) -> list[str]:
    lines = [(f"{file}:{name}", first_line(workflow)) for name, workflow in found.items()]
    width = max((len(ref) for ref, _ in lines), default=0)
    return [f"{ref:<{width}}  {doc}".rstrip() for ref, doc in lines]


def first_line(workflow: "Workflow") -> str:
    """Return the first line of a workflow's docstring."""
    doc = getattr(workflow, "doc", None) or ""
    return doc.strip().partition("\n")[0] if isinstance(doc, str) else ""
