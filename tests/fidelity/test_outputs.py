"""What `invoke(version="v2")` returns, asked for its keys, beside LangGraph's."""

import warnings
from dataclasses import dataclass
from typing import Any

import pytest
from langgraph.types import GraphOutput as Theirs

from lgrun.types import GraphOutput


@dataclass
class State:
    a: int = 1


@pytest.mark.parametrize("value", [{"a": 1}, {}, 5, None, "abc", [4, 5], State()], ids=repr)
@pytest.mark.parametrize("interrupts", [(), ("q",)])
def test_keys(value: Any, interrupts: Any) -> None:
    def found(output: Any, key: str) -> Any:
        with warnings.catch_warnings():
            # LangGraph advises against it.
            warnings.simplefilter("ignore")
            try:
                return key in output, output[key]
            except KeyError as error:
                return key in output, repr(error)

    ours, theirs = GraphOutput(value, interrupts), Theirs(value, interrupts)
    for key in ("a", "b", "__interrupt__"):
        assert found(ours, key) == found(theirs, key)
