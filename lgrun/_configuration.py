"""Where settings stand: variables, then the nearest `lgrun.toml` or `[tool.lgrun]`, then the user's `config.toml`.

The library reads `state_dir` with this, the command line everything. Nothing is imported for it unless there is a file.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal, NamedTuple

from lgrun._folders import user_folder
from lgrun.errors import ConfigurationError

__all__ = [
    "Found",
    "SettingsFile",
    "configured_switch",
    "find",
    "project_file",
    "read_switch",
    "read_table",
    "resolved",
    "settings_files",
    "user_path",
]


class SettingsFile(NamedTuple):
    """The settings of one file, as they stand there."""

    path: str
    kind: Literal["project", "user"]
    table: dict[str, Any]

    @property
    def folder(self) -> str:
        """Return what paths in it are relative to."""
        return os.path.dirname(self.path)


class Found(NamedTuple):
    """A setting that somebody made: its value as it stands there, what paths in it begin at, and where that is."""

    value: Any
    folder: str
    origin: Literal["variable", "project", "user"]
    where: str


def find(key: str, environ: Mapping[str, str], cwd: str, files: Iterable[SettingsFile]) -> Found | None:
    """Return what is set, or None if nothing is.

    Args:
        key: of the setting; its variable is `LGRUN_` and the key in capitals. An empty one counts as not set.
        environ: the environment variables.
        cwd: the current folder.
        files: see `settings_files`; no more of them are read than are needed.
    """
    variable = f"LGRUN_{key.upper()}"
    if environ.get(variable):
        return Found(environ[variable], cwd, "variable", variable)
    for file in files:
        if key in file.table:
            return Found(file.table[key], file.folder, file.kind, file.path)
    return None


def configured_switch(key: str, default: bool) -> bool:
    """Return whether something is switched on, for this process in its current folder.

    Raises:
        ConfigurationError: what is set is neither true nor false.
    """
    cwd = os.getcwd()
    found = find(key, os.environ, cwd, settings_files(cwd))
    if found is None:
        return default
    value = read_switch(found.value) if found.origin == "variable" else found.value
    if not isinstance(value, bool):
        raise ConfigurationError(f"{found.where}: {key} must be true or false")
    return value


def read_switch(text: str) -> bool | None:
    """Read what people type for yes and no; None for anything else."""
    word = text.strip().lower()
    if word in ("y", "yes", "true", "on", "1"):
        return True
    return False if word in ("n", "no", "false", "off", "0") else None


def settings_files(cwd: str) -> Iterator[SettingsFile]:
    """Yield the nearest file of a project, then the user's, as far as there are any.

    Raises:
        ConfigurationError: one cannot be read.
    """
    project = project_file(cwd)
    if project is not None:
        yield project
    user = user_path()
    table = read_table(user)
    if table is not None:
        yield SettingsFile(user, "user", table)


def project_file(cwd: str) -> SettingsFile | None:
    """Return the nearest `lgrun.toml`, or `pyproject.toml` with a table `[tool.lgrun]`, upwards."""
    folder = cwd
    while True:
        for name, tables in (("lgrun.toml", ()), ("pyproject.toml", ("tool", "lgrun"))):
            path = os.path.join(folder, name)
            table = read_table(path, *tables)
            if table is not None:
                return SettingsFile(path, "project", table)
        above = os.path.dirname(folder)
        if above == folder:
            return None
        folder = above


def user_path() -> str:
    """Return where the user's own file is, whether or not there is one: config.toml in `user_config_dir("lgrun")`."""
    return os.path.join(user_folder("config"), "config.toml")


def read_table(path: str, *tables: str) -> dict[str, Any] | None:
    """Return a table of a TOML file; None if there is no such file or table.

    Raises:
        ConfigurationError: it is no TOML, or the system does not let it be read.
    """
    try:
        with open(path, "rb") as file:
            data = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        if is_out_of_sight(path):
            return None
        raise ConfigurationError(f"{path}: {error.strerror}") from error
    if tables and b"lgrun" not in data:
        return None
    import tomllib

    try:
        found: Any = tomllib.loads(data.decode())
    except ValueError as error:
        raise ConfigurationError(f"{path}: {error}") from error
    for table in tables:
        found = found.get(table) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def is_out_of_sight(path: str) -> bool:
    """Tell whether nobody may know if there is such a file: its folder, far above perhaps, is closed to this user."""
    return not os.access(os.path.dirname(path), os.X_OK)


def resolved(folder: str, path: str) -> str:
    """Return a path of a setting as an absolute one: `~` is the home, anything relative begins at `folder`."""
    return os.path.join(folder, os.path.expanduser(path))
