"""The programs, by area. Each is a function of the package under test that yields or returns observations."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from tests.fidelity.api import Api
from tests.fidelity.plain import Failed, lines

Program: TypeAlias = Callable[[Api], Any]

PROGRAMS: dict[str, Program] = {}
"""Every program by its name, `area.program`; those of graphs are `graphs.area.program`."""

_PREFIXES = {"tests.fidelity.programs": "", "tests.fidelity.graphs.programs": "graphs."}


def program(function: Program) -> Program:
    """List a program."""
    package, _, area = function.__module__.rpartition(".")
    name = f"{_PREFIXES[package]}{area}.{function.__name__}"
    assert name not in PROGRAMS, name
    PROGRAMS[name] = function
    return function


def observe(name: str, api: Api) -> list[str]:
    """Run a program and return its observations as lines; an error it lets pass is the last one."""
    return lines(_observations(PROGRAMS[name], api))


def _observations(function: Program, api: Api) -> Iterator[Any]:
    try:
        outcome = function(api)
        if inspect.isgenerator(outcome):
            yield from outcome
        else:
            yield outcome
    except Exception as error:
        yield {"the program raised": Failed(error, True)}
