"""Variables for the code of workflows, from a file. They are given to this process and recorded nowhere.

NAME=value          up to a # with a blank before it, blanks at the ends left out
NAME="value"        \\n \\t \\r \\" \\\\ \\$ are escapes; may go over several lines
NAME='value'        exactly these characters; may go over several lines
export NAME=value   the same; empty lines and those that begin with # say nothing

Nothing is put in for ${NAME}: outside of '...' it is refused rather than taken for these characters.
"""

import json
import os
import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lgrun.cli.configuration import Setting, setting
from lgrun.cli.diagnostics import Problem, short_path
from lgrun.cli.render.text import nearest

if TYPE_CHECKING:
    from lgrun.cli.env import Environment

_LINE = r"""
    [ \t]* (?: export [ \t]+ )?
    (?P<name> [A-Za-z_][A-Za-z0-9_]* ) [ \t]* = [ \t]*
    (?: '(?P<exact> [^']* )'
      | "(?P<quoted> (?: \\. | [^"\\] )* )"
      | (?P<bare> (?! (?<= [ \t] ) \# ) [^'" \t\n] [^\n]*? | )
    )
    [ \t]* (?: (?<= [ \t] ) \# [^\n]* )? (?: \n | \Z )
    """
_NOTHING = r"[ \t]*(?:#[^\n]*)?(?:\n|\Z)"
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", '"': '"', "\\": "\\", "$": "$"}


class BadLine(ValueError):
    """A line is none of those above; says which one, and what is wrong, without what stands there: it may be secret."""


def parse(text: str) -> dict[str, str]:
    """Return the variables; of two lines for one of them the later one counts.

    Raises:
        BadLine: a line is not of the form.
    """
    text = text.replace("\r\n", "\n")
    found: dict[str, str] = {}
    at = 0
    # Here, since most runs have no such file.
    nothing, line = re.compile(_NOTHING), re.compile(_LINE, re.VERBOSE | re.DOTALL)
    while at < len(text):
        match = nothing.match(text, at)
        if match is None:
            match = line.match(text, at)
            number = text.count("\n", 0, at) + 1
            if match is None:
                raise BadLine(f"line {number} is not of the form NAME=value")
            found[match["name"]] = _value(match, number)
        at = match.end()
    return found


def _value(match: re.Match[str], number: int) -> str:
    if match["exact"] is not None:
        value = match["exact"]
    else:
        raw = match["quoted"] if match["quoted"] is not None else match["bare"]
        if re.search(r"(?<!\\)\$\{", raw):
            name = match["name"]
            raise BadLine(
                f"line {number}: nothing is put in for ${{...}} in {name}; write the value, or '...' around it"
            )
        value = raw if match["quoted"] is None else re.sub(r"\\(.)", _unescaped, raw, flags=re.DOTALL)
    if "\0" in value:
        raise BadLine(f"line {number}: a variable cannot hold a NUL")
    return value


def _unescaped(match: re.Match[str]) -> str:
    return _ESCAPES.get(match[1], match[0])


# --- which file


def add_variables(env: "Environment", given: Path | None) -> None:
    """Give the variables of the file that is meant to the code that will run.

    Args:
        env: the world.
        given: what the option says; without it, LGRUN_ENV_FILE or the configuration may name a file, or else the `env`
            of the nearest langgraph.json of the project.

    Raises:
        Problem: the file cannot be read, or is not of the form (exit 2). Nothing was created.
    """
    found = env_file(env, given)
    if found.value is None:
        return
    variables = _read(env, found)
    own = next((name for name in variables if name.startswith("LGRUN_")), None)
    if own is not None:
        key = own.removeprefix("LGRUN_").lower()
        env.say(f"! {own} in {_short(env, found)} is not read from there: put {key} into lgrun.toml")
    env.add_variables({name: value for name, value in variables.items() if not name.startswith("LGRUN_")})
    env.again = f" --env-file {shlex.quote(str(given))}" if given is not None else ""


def env_file(env: "Environment", given: Path | None = None) -> Setting:
    """Return which file is meant; a value of None means none."""
    if given is not None:
        return Setting("env_file", str(env.cwd / os.path.expanduser(given)), "flag", "--env-file")
    return setting(env, "env_file")


def _read(env: "Environment", found: Setting) -> dict[str, str]:
    path = str(found.value)
    try:
        with open(path, "rb") as file:
            text = file.read().decode("utf-8-sig")
        if os.path.basename(path) == "langgraph.json":
            return _table(json.loads(text), path)
        return parse(text)
    except FileNotFoundError:
        return _missing(env, found)
    except OSError as error:
        raise Problem("no-such-file", f"cannot read {_short(env, found)}: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise Problem("not-text", f"{_short(env, found)} is not UTF-8 text (byte {error.start})") from None
    except ValueError as error:
        raise Problem("bad-env-file", f"{_short(env, found)}: {error}", hint="see lgrun help env") from None


def _missing(env: "Environment", found: Setting) -> dict[str, str]:
    """Refuse to go on without a file that was asked for now; a configured one need not be on every machine."""
    if found.origin in ("flag", "variable"):
        folder, name = os.path.split(str(found.value))
        near = nearest(name, os.listdir(folder) if os.path.isdir(folder) else [])
        hint = f"did you mean {near}?" if near else None
        raise Problem("no-such-file", f"{found.where}: no such file: {_short(env, found)}", hint=hint)
    env.note(f"! there is no {_short(env, found)}, which {short_path(str(found.where), str(env.cwd))} names")
    return {}


def _table(document: Any, path: str) -> dict[str, str]:
    table = document.get("env") if isinstance(document, dict) else None
    if not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise ValueError(f"env in {path} is no table of texts")
    return table


def _short(env: "Environment", found: Setting) -> str:
    return short_path(str(found.value), str(env.cwd))
