"""Imports every module of programs, so that the lists are complete."""

import importlib
import pkgutil

from tests.fidelity import programs
from tests.fidelity.graphs import programs as graph_programs
from tests.fidelity.programs import PROGRAMS as _ALL

for _package in (programs, graph_programs):
    for _module in pkgutil.iter_modules(_package.__path__):
        importlib.import_module(f"{_package.__name__}.{_module.name}")

GRAPHS = {name: function for name, function in _ALL.items() if name.startswith("graphs.")}
"""The programs that make graphs."""

PROGRAMS = {name: function for name, function in _ALL.items() if name not in GRAPHS}
"""The programs of the functional interface."""

__all__ = ["GRAPHS", "PROGRAMS"]
