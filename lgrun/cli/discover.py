"""From what a person types to the file or module a workflow is in.

path.py            the one entrypoint inside          pkg.mod:name       an importable module
path.py:name       that one                           name               a table, or ./workflows/name.py
"""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, NoReturn

from lgrun.cli.diagnostics import Problem
from lgrun.cli.env import Environment
from lgrun.cli.render.text import nearest
from lgrun.cli.status import ExitStatus


class Reference(NamedTuple):
    """Where a workflow is: a file or a module, and which entrypoint of it.

    Args:
        typed: what was typed.
        path: the file, absolute.
        module: the module's dotted name, where there is no path.
        name: the entrypoint, or None for the only one.
    """

    typed: str
    path: Path | None = None
    module: str | None = None
    name: str | None = None


def project_root(folder: Path) -> Path | None:
    """Return the nearest folder, upwards, that is the root of a project."""
    for here in (folder, *folder.parents):
        if any((here / mark).exists() for mark in ("lgrun.toml", "pyproject.toml", ".git")):
            return here
    return None


def named(env: Environment) -> list[tuple[str, Reference]]:
    """Return the workflows that have a name here: those of the table first, then those in folders, by name."""
    found: dict[str, Reference] = {}
    for table, folder in _tables(env):
        for word, entry in table.items():
            target, name = _split(entry)
            is_file = target.endswith(".py") or os.sep in target
            path = Path(os.path.abspath(os.path.join(folder, target))) if is_file else None
            found.setdefault(word, Reference(entry, path=path, module=None if is_file else target, name=name))
    for place in _workflow_folders(env):
        for path in _listing(place):
            file = path / "__init__.py" if path.is_dir() else path
            if file.suffix == ".py" and file.is_file() and re.fullmatch(r"[\w-]+", path.stem):
                found.setdefault(path.stem, Reference(path.stem, path=Path(os.path.abspath(file))))
    return list(found.items())


# --- finding


def find(typed: str, env: Environment) -> Reference:
    """Say which file or module a WORKFLOW means.

    Raises:
        Problem: there is none (exit 4), or it is not of a known form (exit 2).
    """
    target, name = _split(typed)
    if not target:
        raise Problem("bad-workflow", f"{typed!r} names no workflow", hint="like review.py or review.py:main")
    if _is_path(target, env.cwd):
        return _file(typed, target, name, env)
    if re.fullmatch(r"[\w-]+", target):
        found = _by_name(target, env)
        if found is not None:
            return Reference(typed, path=found.path, module=found.module, name=name or found.name)
    if name is not None and re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", target):
        return Reference(typed, module=target, name=name)
    return _not_found(typed, target, env)


def _split(typed: str) -> tuple[str, str | None]:
    target, colon, name = typed.rpartition(":")
    return (target, name) if colon and name.isidentifier() else (typed, None)


def _is_path(target: str, cwd: Path) -> bool:
    return target.endswith(".py") or os.sep in target or (cwd / target).is_file()


def _file(typed: str, target: str, name: str | None, env: Environment) -> Reference:
    path = Path(os.path.abspath(env.cwd / os.path.expanduser(target)))
    if path.is_dir() and (path / "__init__.py").is_file():
        path /= "__init__.py"
    if not path.is_file():
        _not_found(typed, target, env)
    return Reference(typed, path=path, name=name)


def _by_name(word: str, env: Environment) -> Reference | None:
    for table, folder in _tables(env):
        if word in table:
            return _table_entry(table[word], folder, env)
    for place in _workflow_folders(env):
        for path in (place / f"{word}.py", place / word / "__init__.py"):
            if path.is_file():
                return Reference(word, path=Path(os.path.abspath(path)))
    return None


def _table_entry(entry: str, folder: str, env: Environment) -> Reference:
    target, name = _split(entry)
    if target.endswith(".py") or os.sep in target:
        return _file(entry, os.path.join(folder, target), name, env)
    return Reference(entry, module=target, name=name)


def _workflow_folders(env: Environment) -> list[Path]:
    from lgrun.cli.configuration import setting

    return [env.cwd / "workflows", *map(Path, setting(env, "path").value)]


def _tables(env: Environment) -> Iterator[tuple[Mapping[str, str], str]]:
    """Yield the tables of workflow names, the one that counts first, each with the folder it is relative to."""
    from lgrun.cli.configuration import tables

    for table, folder, _ in tables(env):
        yield table, folder


def _not_found(typed: str, target: str, env: Environment) -> NoReturn:
    folder = (env.cwd / target).parent
    prefix = target.rpartition(os.sep)[0]
    known = [os.path.join(prefix, path.name) for path in _listing(folder) if path.suffix == ".py"]
    known += [path.stem for base in _workflow_folders(env) for path in _listing(base) if path.suffix == ".py"]
    known += [path.name for path in _listing(env.cwd) if path.suffix == ".py"]
    known += [os.path.join("workflows", path.name) for path in _listing(env.cwd / "workflows") if path.suffix == ".py"]
    known += [word for table, _ in _tables(env) for word in table]
    alike = [name for name in known if Path(name).stem == Path(target).stem]
    near = f"{target}.py" if f"{target}.py" in known else next(iter(alike), None) or nearest(target, known)
    near = _above(target, env.cwd) or near
    raise Problem(
        "no-such-workflow",
        f"no workflow {typed}" if not target.endswith(".py") else f"no such file: {target}",
        status=ExitStatus.NOT_FOUND,
        hint=f"did you mean {near}?" if near else _what_there_may_be(target, known),
    )


def _above(word: str, cwd: Path) -> str | None:
    """Return the workflow of this name in a folder further up, as it can be typed here."""
    if not re.fullmatch(r"[\w-]+", word):
        return None
    places = (folder / "workflows" / f"{word}.py" for folder in cwd.parents)
    return next((os.path.relpath(place, cwd) for place in places if place.is_file()), None)


def _what_there_may_be(target: str, known: list[str]) -> str:
    if not known and target.isidentifier():
        return f"there are no workflows here; to write one:  lgrun new {target}"
    return "a WORKFLOW is path.py, path.py:name, pkg.mod:name, or a name in ./workflows"


def _listing(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
