"""The settings: which there are, what holds now, and who says so.

The first of these counts: an option, a variable `LGRUN_KEY`, the project's file, the user's file, what is built in.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lgrun._configuration import Found, SettingsFile, find, is_out_of_sight, read_switch, resolved, settings_files
from lgrun._folders import user_folder
from lgrun.cli.diagnostics import Problem
from lgrun.cli.render.text import brief, nearest

if TYPE_CHECKING:
    from lgrun.cli.env import Environment


class Key(NamedTuple):
    """A setting that there is.

    Args:
        name: what it is called in a file.
        kind: path, paths, switch, choice, words, program or names.
        about: what it is for.
        default: what holds if nobody says anything.
        choices: what it may be, or its parts.
    """

    name: str
    kind: str
    about: str
    default: Any = None
    choices: tuple[str, ...] = ()


KEYS = {
    key.name: key
    for key in (
        Key("state_dir", "path", "Where threads are kept."),
        Key("store_input", "switch", "Whether a summary of each task's arguments is kept, for people.", True),
        Key("workflows", "names", "Names of workflows: workflows.NAME is path.py, path.py:name or pkg.mod:name.", {}),
        Key("path", "paths", "Folders with workflows, beside ./workflows.", []),
        Key(
            "on_change",
            "choice",
            "What to do when the code no longer does what is recorded.",
            "warn",
            ("warn", "ask", "fail", "ignore"),
        ),
        Key(
            "events",
            "words",
            "Which events of a run --ndjson carries.",
            ["task", "custom"],
            ("task", "custom", "token", "checkpoint"),
        ),
        Key("env_file", "path", "A file with variables for the code of workflows."),
        Key("pager", "program", "What shows more than fits on the screen; cat or nothing: no pager.", "less"),
        Key("color", "choice", "Colours.", "auto", ("auto", "always", "never")),
    )
}


class Setting(NamedTuple):
    """What holds now.

    Args:
        key: its name; `workflows.NAME` of the name of a workflow.
        value: plain data; paths are absolute.
        origin: flag, variable, project, user or default.
        where: which option, variable or file says so.
    """

    key: str
    value: Any
    origin: str
    where: str | None

    @property
    def text(self) -> str:
        """Return the value as it can be typed."""
        return text_of(self.value)

    @property
    def source(self) -> str:
        """Return who says so, for people."""
        return self.where or self.origin

    def document(self) -> dict[str, Any]:
        """Return it for machine output."""
        return {"key": self.key, "value": self.value, "origin": self.origin, "where": self.where}


def text_of(value: Any) -> str:
    """Return the value of a setting as text."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        # Words have no colon in them, folders no comma between them.
        return (os.pathsep if any(os.sep in part for part in value) else ",").join(value)
    if isinstance(value, dict):
        return " ".join(f"{name}={target}" for name, target in value.items())
    return "" if value is None else str(value)


# --- files


def files_of(env: "Environment") -> list[SettingsFile]:
    """Return the configuration files, the one that counts first.

    Raises:
        Problem: a file has a key that there is not, or a value of another type.
        ConfigurationError: one cannot be read.
    """
    if env.configuration is None:
        files = list(settings_files(str(env.cwd)))
        for file in files:
            check_table(file)
        env.configuration = files
    return env.configuration


def check_table(file: SettingsFile) -> None:
    """Check all that stands in a file.

    Raises:
        Problem: something in it is not as it should be.
    """
    for name, value in file.table.items():
        if name not in KEYS:
            near = nearest(name, KEYS)
            hint = f"did you mean {near}?" if near else f"there are {', '.join(KEYS)}"
            raise Problem("bad-config", f"{file.path}: there is no setting {name}", hint=hint)
        if file.kind == "project":
            check_project(KEYS[name], file.path)
        reason = mismatch(KEYS[name], value)
        if reason is not None:
            raise Problem("bad-config", f"{file.path}: {name}: {reason}", hint=_meant(KEYS[name], value))


def check_project(key: Key, path: str) -> None:
    """Refuse a setting that the file of a project cannot have: looking must not run what somebody else wrote there.

    Raises:
        Problem: it is a program.
    """
    if key.kind == "program":
        raise Problem(
            "bad-config",
            f"{path}: {key.name} is a program, and cannot be set by the file of a project",
            hint=f"lgrun config --unset {key.name} --project; for yourself alone: lgrun config {key.name} PROGRAM",
        )


def mismatch(key: Key, value: Any) -> str | None:
    """Return what is wrong with a value of TOML, or None."""
    expected, fits = {
        "path": ("a path", isinstance(value, str) and bool(value)),
        "program": ("text", isinstance(value, str)),
        "switch": ("true or false", isinstance(value, bool)),
        "choice": (f"one of {', '.join(key.choices)}", isinstance(value, str) and value in key.choices),
        "paths": ("a list of paths", _are_texts(value) and all(value)),
        "words": (f"a list of {', '.join(key.choices)}", _are_texts(value) and set(value) <= set(key.choices)),
        "names": ("a table of names and workflows", isinstance(value, dict) and _are_texts(list(value.values()))),
    }[key.kind]
    return None if fits else f"expected {expected}, got {_shown(value)}"


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, str) for part in value)


def _shown(value: Any) -> str:
    try:
        return brief(value)
    except TypeError:
        # A date, which TOML has and JSON has not.
        return str(value)


def _meant(key: Key, value: Any) -> str | None:
    words = [value] if isinstance(value, str) else value if isinstance(value, list) else []
    wrong = (word for word in words if isinstance(word, str) and word not in key.choices)
    near = next((found for word in wrong if (found := nearest(word, key.choices))), None)
    return f"did you mean {near}?" if near else None


# --- what holds


def setting(env: "Environment", name: str) -> Setting:
    """Return what holds of one setting.

    Args:
        env: the world.
        name: a key, or `workflows.NAME`.

    Raises:
        Problem: there is no such setting, or what is set is not of its type.
    """
    word = name.removeprefix("workflows.")
    if word != name:
        rows = {row.key: row for row in _workflows(env)}
        if name not in rows:
            near = nearest(word, [row.removeprefix("workflows.") for row in rows])
            hint = f"did you mean workflows.{near}?" if near else "all settings: lgrun config"
            raise Problem("no-such-setting", f"no workflow is named {word} by the configuration", hint=hint)
        return rows[name]
    key = known_key(name)
    return _by_option(env, key) or _found(env, key) or _built_in(env, key)


def known_key(name: str) -> Key:
    """Return the key of this name.

    Raises:
        Problem: there is none.
    """
    if name not in KEYS:
        near = nearest(name, KEYS)
        hint = f"did you mean {near}?" if near else f"there are {', '.join(KEYS)}"
        raise Problem("no-such-setting", f"there is no setting {name}", hint=hint)
    return KEYS[name]


def settings(env: "Environment") -> list[Setting]:
    """Return all of them, names of workflows one by one."""
    rows: list[Setting] = []
    for name in KEYS:
        rows += (_workflows(env) if name == "workflows" else []) or [setting(env, name)]
    return rows


def _by_option(env: "Environment", key: Key) -> Setting | None:
    if key.name == "state_dir" and env.flags.state_dir is not None:
        return Setting(key.name, resolved(str(env.cwd), str(env.flags.state_dir)), "flag", "--state-dir")
    if key.name == "color" and (asked := env.color_asked()) is not None:
        value, where = asked
        if value not in key.choices:
            raise Problem("bad-config", f"{where}: expected one of {', '.join(key.choices)}, got {brief(value)}")
        return Setting(key.name, value, "flag" if where.startswith("-") else "variable", where)
    if key.name == "pager":
        if env.flags.no_pager:
            return Setting(key.name, "", "flag", "--no-pager")
        if env.environ.get("LGRUN_PAGER") == "":
            return Setting(key.name, "", "variable", "LGRUN_PAGER")
    return None


def _found(env: "Environment", key: Key) -> Setting | None:
    # A table of names is no text for a variable.
    environ: Mapping[str, str] = {} if key.kind == "names" else env.environ
    found = find(key.name, environ, str(env.cwd), files_of(env))
    if key.name == "env_file" and (found is None or found.origin == "user"):
        found = _foreign_env(env) or found
    if found is None:
        return None
    value = found.value
    if found.origin == "variable":
        value = parsed(key, value, found.where)
    return Setting(key.name, _absolute(key, found, value), found.origin, found.where)


def _absolute(key: Key, found: Found, value: Any) -> Any:
    if key.kind == "path":
        return resolved(found.folder, value)
    return [resolved(found.folder, part) for part in value] if key.kind == "paths" else value


def _built_in(env: "Environment", key: Key) -> Setting:
    value = key.default
    if key.name == "state_dir":
        value = user_folder("state")
    if key.name == "pager" and "PAGER" in env.environ:
        return Setting(key.name, env.environ["PAGER"], "variable", "PAGER")
    return Setting(key.name, value, "default", None)


def tables(env: "Environment") -> Iterator[tuple[Mapping[str, Any], str, SettingsFile]]:
    """Yield the tables of workflow names, the one that counts first, each with the folder it is relative to."""
    foreign = foreign_file(env)
    files = [*files_of(env), *([] if foreign is None else [foreign])]
    for file in sorted(files, key=lambda file: file.kind):
        yield file.table.get("workflows", {}), file.folder, file


def _workflows(env: "Environment") -> list[Setting]:
    rows: dict[str, Setting] = {}
    for table, folder, file in tables(env):
        for word, entry in table.items():
            name = f"workflows.{word}"
            rows.setdefault(name, Setting(name, workflow_from(folder, entry), file.kind, file.path))
    return list(rows.values())


def workflow_from(folder: str, entry: str) -> str:
    """Return what a table says of a workflow so that it means the same everywhere."""
    target = re.sub(r":\w+$", "", entry)
    return resolved(folder, entry) if target.endswith(".py") or os.sep in target else entry


# --- langgraph.json


def foreign_file(env: "Environment") -> SettingsFile | None:
    """Return what the nearest langgraph.json says of workflows and variables, as if it stood in a lgrun.toml.

    Raises:
        Problem: it cannot be read.
    """
    import json

    for folder in (env.cwd, *env.cwd.parents):
        path = folder / "langgraph.json"
        try:
            document = json.loads(path.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            continue
        except (OSError, ValueError) as error:
            if is_out_of_sight(str(path)):
                continue
            raise Problem("bad-config", f"{path} cannot be read: {error}") from None
        document = document if isinstance(document, dict) else {}
        graphs, variables = document.get("graphs"), document.get("env")
        graphs = graphs if isinstance(graphs, dict) else {}
        table: dict[str, Any] = {"workflows": {word: target for word, target in graphs.items() if _is_text(target)}}
        if isinstance(variables, dict) and variables:
            # They stand in this very file.
            table["env_file"] = path.name
        elif _is_text(variables):
            table["env_file"] = variables
        return SettingsFile(str(path), "project", table)
    return None


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _foreign_env(env: "Environment") -> Found | None:
    foreign = foreign_file(env)
    return find("env_file", {}, str(env.cwd), [] if foreign is None else [foreign])


# --- from text


def parsed(key: Key, text: str, where: str) -> Any:
    """Read what was typed, or stands in a variable.

    Args:
        key: what for.
        text: true and false in any of their ways; parts of a list with : (folders) or , (words) between them.
        where: what to name in a message.

    Raises:
        Problem: it is nothing that the setting may be.
    """
    value = _read(key, text)
    reason = mismatch(key, value)
    if reason is not None:
        raise Problem("bad-config", f"{where}: {reason}", hint=_meant(key, value))
    return value


def _read(key: Key, text: str) -> Any:
    if key.kind == "switch":
        known = read_switch(text)
        return text if known is None else known
    if key.kind in ("paths", "words"):
        parts: Sequence[str] = text.split(os.pathsep if key.kind == "paths" else ",")
        return [part.strip() for part in parts if part.strip()]
    return text
