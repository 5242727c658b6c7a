"""Processes that a workflow's code starts anew, with `spawn` or `forkserver`, and that call functions of its file.

`multiprocessing` sends a function by the name of its module, which for a workflow file is a private one that only the
process has that loaded it. What says which file that is goes along in a variable.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from types import ModuleType

VARIABLE = "_LGRUN_WORKFLOW"


def tell(name: str, path: str) -> None:
    """Say, for processes that are started from now on, which file a module's name stands for."""
    os.environ[VARIABLE] = f"{name}={path}"


class _Finder:
    def __init__(self, name: str, path: str) -> None:
        self._name = name
        self._path = path

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if name != self._name:
            return None
        folder, file = os.path.split(self._path)
        inside = [folder] if file == "__init__.py" else None
        return spec_from_file_location(name, self._path, submodule_search_locations=inside)


def find() -> None:
    """Have the module be found that `tell` has told of in the process around."""
    name, _, path = os.environ[VARIABLE].partition("=")
    sys.meta_path.append(_Finder(name, path))
