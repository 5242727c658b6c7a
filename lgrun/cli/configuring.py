"""Writing settings into a configuration file: whole or not at all, and never over what a person wrote for people."""

import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from lgrun._configuration import project_file, user_path
from lgrun.cli.configuration import KEYS, Key, known_key, parsed
from lgrun.cli.diagnostics import Problem
from lgrun.cli.status import ExitStatus

if TYPE_CHECKING:
    from lgrun.cli.env import Environment

_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|[^\\])*?"""|\'\'\'.*?\'\'\'|"(?:\\.|[^"\\\n])*"|\'[^\'\n]*\'|(?P<comment>#)', re.DOTALL
)


@dataclass(frozen=True, slots=True)
class Change:
    """A setting to be written, or with a value of None to be taken out.

    Args:
        name: as it was typed.
        key: which it is.
        word: of `workflows.NAME` the name.
        value: as it stands in the file.
    """

    name: str
    key: Key
    word: str | None
    value: Any

    def line(self) -> str:
        """Return the line of TOML that says it."""
        import tomli_w

        word = self.word or self.key.name
        if not isinstance(self.value, list):
            return tomli_w.dumps({word: self.value}).strip()
        parts = (tomli_w.dumps({"x": part}).strip().removeprefix("x = ") for part in self.value)
        return f"{word} = [{', '.join(parts)}]"

    def apply(self, table: dict[str, Any]) -> bool:
        """Make the change in the settings of a file; tell whether there was anything to take out or to put in."""
        place, word = table, self.key.name
        if self.word is not None:
            place, word = table.setdefault(self.key.name, {}), self.word
        had = word in place
        if self.value is None:
            place.pop(word, None)
        else:
            place[word] = self.value
        if self.word is not None and not place:
            del table[self.key.name]
        return had or self.value is not None


def target_file(env: "Environment", *, project: bool) -> str:
    """Return the file that is to be changed: the user's, or the project's, which is made if there is none.

    Raises:
        Problem: the project has its settings in a pyproject.toml, which is never rewritten; `refuse` says what to do.
    """
    if not project:
        return user_path()
    from lgrun.cli.discover import project_root

    found = project_file(str(env.cwd))
    if found is not None:
        return found.path
    return os.path.join(project_root(env.cwd) or env.cwd, "lgrun.toml")


def change_of(env: "Environment", name: str, text: str | None, file: str) -> Change:
    """Return the change that is meant, with the value checked.

    Args:
        env: the world.
        name: of the setting.
        text: the value, or None to take it out.
        file: where it is to stand: paths, typed relative to the current folder, mean the same there.

    Raises:
        Problem: there is no such setting, or it cannot have this value.
    """
    word = name.removeprefix("workflows.")
    if text is None and word == name and name not in KEYS:
        # A key that is not known is what makes a file unusable, so it can be taken out.
        return Change(name, Key(name, "unknown", ""), None, None)
    key = KEYS["workflows"] if word != name else known_key(name)
    if key.kind == "names" and word == name and text is not None:
        raise Problem("bad-config", "workflows is a table", hint="lgrun config workflows.NAME path.py")
    if key.kind == "names" and word != name and not re.fullmatch(r"[\w-]+", word):
        raise Problem("bad-config", f"{word!r} is no name for a workflow", hint="letters, digits, _ and -")
    value = None if text is None else _value(env, key, text, name, os.path.dirname(file))
    return Change(name, key, word if word != name else None, value)


def _value(env: "Environment", key: Key, text: str, name: str, folder: str) -> Any:
    if key.kind == "names":
        if not text:
            raise Problem("bad-config", f"{name}: expected path.py, path.py:name or pkg.mod:name, got nothing")
        is_file = os.sep in text or re.sub(r":\w+$", "", text).endswith(".py")
        return _relative(env, text, folder) if is_file else text
    value = parsed(key, text, name)
    if key.kind == "path":
        return _relative(env, value, folder)
    return [_relative(env, part, folder) for part in value] if key.kind == "paths" else value


def _relative(env: "Environment", path: str, folder: str) -> str:
    """Return a path for a file: relative where it lies beside or below that file, else absolute."""
    if path.startswith("~"):
        return path
    whole = os.path.abspath(os.path.join(env.cwd, path))
    inside = os.path.relpath(whole, folder)
    return whole if inside.startswith(os.pardir) else inside


# --- the file


def write(file: str, change: Change, *, force: bool) -> bool:
    """Make a change in a file.

    Args:
        file: which one; it is created if need be, with its folder.
        change: what is to be changed.
        force: give up the comments in it.

    Returns:
        Whether there was anything to change.

    Raises:
        Problem: the file is no TOML (exit 2), has comments, or cannot be written (exit 74).
    """
    import tomli_w

    text = _read(file)
    table = _parsed(file, text)
    changed = change.apply(_inner(file, table))
    if not changed:
        return False
    if os.path.basename(file) == "pyproject.toml":
        _refuse(file, change, text, f"{file} is never rewritten by lgrun")
    if not force and any(match["comment"] for match in _STRING_OR_COMMENT.finditer(text)):
        _refuse(
            file, change, text, f"{file} has comments, which would be lost", "; or give up the comments with --force"
        )
    _replace(file, tomli_w.dumps(table).encode())
    return True


def _read(file: str) -> str:
    try:
        with open(file, "rb") as stream:
            return stream.read().decode()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as error:
        raise Problem("config-io", f"cannot read {file}: {error.strerror}", status=ExitStatus.STATE_IO) from None
    except UnicodeDecodeError as error:
        raise Problem("bad-config", f"{file} is not UTF-8 text (byte {error.start})") from None


def _parsed(file: str, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except ValueError as error:
        raise Problem("bad-config", f"{file}: {error}", hint="mend it by hand") from None


def _inner(file: str, table: dict[str, Any]) -> dict[str, Any]:
    """Return lgrun's part of a file."""
    inner: dict[str, Any] = table["tool"]["lgrun"] if os.path.basename(file) == "pyproject.toml" else table
    if not isinstance(inner.get("workflows", {}), dict):
        raise Problem(
            "bad-config", f"{file}: workflows: expected a table of names and workflows", hint="mend it by hand"
        )
    return inner


def _refuse(file: str, change: Change, text: str, why: str, other: str = "") -> NoReturn:
    """Say which line a person has to write where."""
    table = ["tool.lgrun"] if os.path.basename(file) == "pyproject.toml" else []
    table += ["workflows"] if change.word is not None else []
    word = change.word or change.key.name
    number = _line_of(text, table, word)
    if change.value is None:
        what = f"take out line {number} of" if number else f"take out {change.name} in"
        raise Problem("not-rewritten", why, hint=f"{what} {file}{other}")
    if number:
        what = f"put this line in the place of {change.name}, which is in line {number} of {file}"
    elif not table:
        what = (
            f"add this line to {file}, above its first [table]" if "\n[" in f"\n{text}" else f"add this line to {file}"
        )
    else:
        what = f"add this line to {file}, under [{'.'.join(table)}]"
    raise Problem("not-rewritten", why, context=[f"{what}{other}:"], hint=f"  {change.line()}")


def _line_of(text: str, table: list[str], word: str) -> int | None:
    """Return the number of the line that sets a key, where it is written as one would expect."""
    here = ""
    for number, line in enumerate(text.split("\n"), 1):
        header = re.match(r"\s*\[\s*([\w.-]+)\s*\]", line)
        if header:
            here = header[1]
        elif here == ".".join(table) and re.match(rf"\s*[\"']?{re.escape(word)}[\"']?\s*=", line):
            return number
    return None


def _replace(file: str, data: bytes) -> None:
    from lgrun._fs import RealFs
    from lgrun.checkpoint._state_root import write_anew

    # What a link leads to is changed, not the link.
    folder, name = os.path.split(os.path.realpath(file))
    fs = RealFs()
    try:
        os.makedirs(folder, exist_ok=True)
        try:
            mode = os.stat(os.path.join(folder, name)).st_mode & 0o777
        except FileNotFoundError:
            mode = 0o644
        directory = fs.open_root(folder)
        try:
            write_anew(fs, directory, name, data, mode)
        finally:
            fs.close(directory)
    except OSError as error:
        message = f"cannot write {file}: {error.strerror}; nothing was changed"
        raise Problem("config-io", message, status=ExitStatus.STATE_IO) from None
