"""What can be told of workflows without running their code: names, the first line of what they say, keys of inputs."""

import ast
import os
from collections.abc import Iterator


def named_workflows() -> Iterator[tuple[str, str]]:
    """Yield the names in ./workflows and $LGRUN_PATH, each with the first line of its documentation."""
    seen: set[str] = set()
    for folder in ("workflows", *filter(None, os.environ.get("LGRUN_PATH", "").split(os.pathsep))):
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            continue
        for name in names:
            word, suffix = os.path.splitext(name)
            path = os.path.join(folder, name)
            if not suffix:
                path = os.path.join(path, "__init__.py")
            if suffix not in ("", ".py") or word in seen or not os.path.isfile(path):
                continue
            seen.add(word)
            yield word, first_line_in(path, None) or path


def first_line_in(path: str, name: str | None) -> str:
    """Return the first line of what a workflow's function, or else its file, says of itself."""
    tree = _parsed(path)
    found = _entrypoint(tree, name) if tree is not None else None
    text = (ast.get_docstring(found) if found else None) or (ast.get_docstring(tree) if tree else None)
    return (text or "").split("\n")[0]


def marked(source: bytes, mark: str) -> list[str]:
    """Return the names of the functions that a file marks with this decorator."""
    return [node.name for node in ast.parse(source).body if isinstance(node, _Function) and _has(node, mark)]


def input_keys(typed: str) -> list[tuple[str, str]]:
    """Return the keys of a workflow's input with their types: those declared, else those that its code reads."""
    target, _, name = typed.rpartition(":") if not typed.endswith(".py") else (typed, "", "")
    target, name = (target, name) if target else (typed, "")
    folders = ("workflows", *filter(None, os.environ.get("LGRUN_PATH", "").split(os.pathsep)))
    places = [target] if target.endswith(".py") else [os.path.join(folder, f"{target}.py") for folder in folders]
    tree = next((tree for place in places if (tree := _parsed(place)) is not None), None)
    found = _entrypoint(tree, name or None) if tree is not None else None
    if tree is None or found is None or not found.args.args:
        return []
    parameter = found.args.args[0]
    if isinstance(parameter.annotation, ast.Name):
        declared = _fields(tree, parameter.annotation.id)
        if declared:
            return declared
    return [(key, "") for key in dict.fromkeys(_read_keys(found, parameter.arg))]


_Function = ast.FunctionDef | ast.AsyncFunctionDef


def _parsed(path: str) -> ast.Module | None:
    try:
        with open(path, "rb") as file:
            return ast.parse(file.read(1 << 20))
    except (OSError, ValueError, SyntaxError, RecursionError):
        return None


def _entrypoint(tree: ast.Module, name: str | None) -> _Function | None:
    """Return the function marked @entrypoint, that of this name if one is given."""
    for node in tree.body:
        if isinstance(node, _Function) and name in (None, node.name) and _has(node, "entrypoint"):
            return node
    return None


def _has(node: _Function, word: str) -> bool:
    marks = (mark.func if isinstance(mark, ast.Call) else mark for mark in node.decorator_list)
    return any(ast.unparse(mark).rpartition(".")[2] == word for mark in marks)


def _fields(tree: ast.Module, name: str) -> list[tuple[str, str]]:
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            fields = [part for part in node.body if isinstance(part, ast.AnnAssign)]
            return [(f.target.id, ast.unparse(f.annotation)) for f in fields if isinstance(f.target, ast.Name)]
    return []


def _read_keys(function: _Function, parameter: str) -> Iterator[str]:
    """Yield what is read of a parameter: `p["key"]` and `p.get("key")`."""
    for node in ast.walk(function):
        owner, key = _part_read(node)
        is_ours = isinstance(owner, ast.Name) and owner.id == parameter
        if is_ours and isinstance(key, ast.Constant) and isinstance(key.value, str):
            yield key.value


def _part_read(node: ast.AST) -> tuple[ast.expr | None, ast.expr | None]:
    if isinstance(node, ast.Subscript):
        return node.value, node.slice
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
        return node.func.value, node.args[0]
    return None, None
