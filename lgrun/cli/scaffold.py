"""A new workflow and its test, made of a template: which names it may have, where it goes, both files or none."""

import builtins
import importlib.util
import keyword
import os
import re
import sys
import unicodedata
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from lgrun.cli.diagnostics import Problem, short_path
from lgrun.cli.env import Environment
from lgrun.cli.status import ExitStatus

_PLACE = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Template:
    """What a new workflow is made of: templates/workflows/NAME.py and templates/tests/test_NAME.py.

    Args:
        name: of the template, and of the workflow in its files, where another name is put in its place.
        about: what it shows, in one line.
        example: words of an input to begin with.
    """

    name: str
    about: str
    example: tuple[str, ...]

    def workflow(self, name: str) -> str:
        """Return the source of the workflow under this name."""
        return self._renamed(f"workflows/{self.name}.py", name)

    def test(self, name: str, folder: str) -> str:
        """Return the source of its test; `folder` is where the workflow is, seen from beside the folder of tests."""
        text = self._renamed(f"tests/test_{self.name}.py", name)
        return text.replace('parents[1] / "workflows"', f'parents[1] / "{folder}"').replace(
            f"workflows/{name}.py", f"{folder}/{name}.py"
        )

    def identifiers(self) -> set[str]:
        """Return the names that the workflow's file gives to something else."""
        import ast

        found: set[str] = set()
        for node in ast.walk(ast.parse(self.workflow(self.name))):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.arg):
                found.add(node.arg)
            elif isinstance(node, ast.alias):
                found.add(node.asname or node.name.partition(".")[0])
            elif isinstance(node, ast.FunctionDef | ast.ClassDef):
                found.add(node.name)
        return found - {self.name}

    def _renamed(self, file: str, name: str) -> str:
        # Templates use their own name for nothing else; a test sees to that.
        text = re.sub(rf"(?<![^\W_]){self.name}(?![^\W_])", name, (_PLACE / file).read_text("utf-8"))
        return _COMMANDS.sub(lambda found: _aligned(found[0]), text, count=1)


_COMMANDS = re.compile(r"(?:^    .*\n)+", re.MULTILINE)
"""The lines to be typed, which a file begins with."""


def _aligned(lines: str) -> str:
    """Put the comments behind lines below each other."""
    parts = [re.split(r" +(?=# )", line, maxsplit=1) for line in lines.splitlines()]
    widest = max((len(part[0]) for part in parts if len(part) > 1), default=0)
    return "".join("  ".join([f"{part[0]:<{widest}}", *part[1:]]).rstrip() + "\n" for part in parts)


TEMPLATES = {
    template.name: template
    for template in (
        Template("hello", "two tasks and an input; runs at once", ("name=Ann",)),
        Template("approve", "a draft, a question to a person, an effect that comes once", ("topic=our new office",)),
        Template("llm", "calls of a language model, tried again, paid for once", ("text=Once upon a time",)),
        Template("parallel", "many tasks at the same time, their results put together", ("folder=workflows",)),
    )
}


# --- names


def check_name(name: str, template: Template) -> None:
    """Refuse a name that a module, or a function in it, cannot have.

    Raises:
        Problem: it is none, or it would hide something that is needed.
    """
    wrong = _wrong_with(name, template)
    if wrong is not None:
        raise Problem("bad-name", wrong, hint=f"like:  lgrun new {_nearest(name, template)}")


def _wrong_with(name: str, template: Template) -> str | None:
    if not name.isidentifier() or unicodedata.normalize("NFKC", name) != name:
        return f"{name!r} is no name of a Python module: letters, digits and _, no digit first"
    if keyword.iskeyword(name):
        return f"{name} is a word of Python's own"
    if name in ("conftest", "lgrun") or (name.startswith("__") and name.endswith("__")):
        return f"{name} has a meaning of its own as the name of a module"
    if hasattr(builtins, name):
        return f"{name} is built into Python: a workflow of this name would hide it"
    if name in sys.stdlib_module_names or importlib.util.find_spec(name) is not None:
        return f"{name} is a module that is installed: a workflow of this name would hide it, or be hidden by it"
    if name in template.identifiers():
        return f"{name} is the name of something else in the template {template.name}"
    return None


def _nearest(name: str, template: Template) -> str:
    """Return a name that may be taken, like the one that may not."""
    word = name.rstrip("/").rpartition("/")[2].removesuffix(".py")
    word = re.sub(r"\W+", "_", unicodedata.normalize("NFKC", word)).strip("_")
    word = f"flow_{word}".rstrip("_") if not word[:1] or word[0].isdigit() else word
    return word if _wrong_with(word, template) is None else f"{word}_flow"


# --- places


def places(env: Environment, name: str) -> tuple[Path, Path]:
    """Return where the workflow goes and where its test goes.

    The folder is ./workflows, unless there is none and the project's `path` names another one.

    Raises:
        Problem: another workflow or file has the name, so that `lgrun invoke NAME` would not run this one.
    """
    from lgrun.cli.configuration import setting
    from lgrun.cli.discover import named

    folder, path = env.cwd / "workflows", setting(env, "path")
    if path.origin == "project" and path.value and not folder.is_dir():
        folder = Path(path.value[0])
    target = folder / f"{name}.py"
    if (env.cwd / name).is_file():
        raise _taken(f"there is a file {name} here, and lgrun invoke {name} would take that for the workflow")
    for word, reference in named(env):
        if word == name and reference.path != Path(os.path.abspath(target)):
            where = reference.module if reference.path is None else short_path(str(reference.path), str(env.cwd))
            raise _taken(f"{name} is the name of another workflow: {where}")
    return target, env.cwd / "tests" / f"test_{name}.py"


def _taken(message: str) -> Problem:
    return Problem("name-taken", message, hint="give the new one another name")


# --- files


def write_files(env: Environment, files: Mapping[Path, str], *, force: bool, again: str) -> None:
    """Write all files or none.

    Args:
        env: the world.
        files: their texts.
        force: replace those that there are.
        again: the command that does.

    Raises:
        Problem: one of them is there already (exit 2), or the disk refuses (exit 74).
    """
    known = [short_path(str(path), str(env.cwd)) for path in files if os.path.lexists(path)]
    if known and not force:
        raise _exists(known, again)
    undo: list[Callable[[], object]] = []
    try:
        for path, text in files.items():
            _make_folder(path.parent, undo)
            undo.append(_put(path, text.encode(), force=force))
    except BaseException as error:
        for step in reversed(undo):
            try:
                step()
            except OSError as failure:
                env.say(f"! {failure.filename}: {failure.strerror}")
        if isinstance(error, FileExistsError) and error.filename == str(path):
            # Since we looked, somebody else has written it.
            raise _exists([short_path(str(path), str(env.cwd))], again) from None
        if isinstance(error, OSError):
            message = f"cannot write {short_path(str(path), str(env.cwd))}: {error.strerror}; nothing was written"
            raise Problem("not-written", message, status=ExitStatus.STATE_IO) from None
        raise


def _exists(files: list[str], again: str) -> Problem:
    there = f"{files[0]} is there already" if len(files) == 1 else f"{' and '.join(files)} are there already"
    return Problem("exists", f"{there}; nothing was written", hint=f"to replace what is there:  {again}")


def _make_folder(folder: Path, undo: list[Callable[[], object]]) -> None:
    """Make a folder and those it is in; add how each is taken away again."""
    for one in (*reversed(folder.parents), folder):
        if not one.is_dir():
            one.mkdir()
            undo.append(one.rmdir)


def _put(path: Path, data: bytes, *, force: bool) -> Callable[[], object]:
    """Write a file; return how that is taken back."""
    before = path.read_bytes() if force and os.path.lexists(path) else None
    undo: Callable[[], object] = path.unlink if before is None else lambda: path.write_bytes(before)
    # Opened apart from being written: what is somebody else's is not taken away.
    with path.open("xb" if before is None else "r+b", buffering=0) as file:
        try:
            file.truncate(0)
            written = 0
            while written < len(data):
                written += file.write(data[written:])
        except BaseException:
            undo()
            raise
    return undo
