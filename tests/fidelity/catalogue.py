"""Imports every module of programs, so that the list is complete."""

import importlib
import pkgutil

from tests.fidelity import programs
from tests.fidelity.programs import PROGRAMS

for _module in pkgutil.iter_modules(programs.__path__):
    importlib.import_module(f"{programs.__name__}.{_module.name}")

__all__ = ["PROGRAMS"]
