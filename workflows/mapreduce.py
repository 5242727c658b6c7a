"""What is left to do in a folder of files: every file is read by a node of its own, then a report is made of all.

    lgrun invoke workflows/mapreduce.py path=lgrun                        # {"files": 90, "words": ..., "todos": [...]}
    lgrun invoke workflows/mapreduce.py -t docs path=. pattern='**/*.md' marks:='["TODO", "TBD"]'
    lgrun resume docs                                                     # read those again that could not be read
    lgrun show docs --graph                                               # what ran

A graph: `find` sends each file to `scan`, which runs once per file, at the same time; `report` runs when all are done.
"""

import operator
import re
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from lgrun.graph import START, StateGraph
from lgrun.types import Overwrite, Send


class Input(TypedDict):
    """The input. `lgrun invoke` reads `key=text` into it and refuses a key that is not here."""

    path: str
    pattern: NotRequired[str]
    marks: NotRequired[list[str]]


class Report(TypedDict):
    """What the graph returns."""

    files: int
    words: int
    largest: str
    todos: list[str]


class State(Input, Report):
    """What nodes see. What they write to `scanned` is added up, whatever the order in which they finish."""

    scanned: Annotated[list[dict[str, Any]], operator.add]


def find(state: State) -> dict[str, Any]:
    """Begin anew: the thread may remember an earlier run. What is wrong with the input is said here."""
    if not Path(state["path"]).is_dir():
        raise ValueError(f"no such folder: {state['path']}")
    return {"scanned": Overwrite([])}


def each_file(state: State) -> list[Send] | str:
    """Send every file to a node of its own; where there is none, go on at once."""
    folder, marks = Path(state["path"]), state.get("marks", ["TODO", "FIXME"])
    files = sorted(file for file in folder.glob(state.get("pattern", "**/*.py")) if file.is_file())
    return [Send("scan", {"file": str(file), "marks": marks}) for file in files] or "report"


def scan(given: dict[str, Any]) -> dict[str, Any]:
    """Count the words of one file and find its marks. `given` is what was sent, not the state."""
    text = Path(given["file"]).read_text(encoding="utf-8")
    mark = re.compile(r"\b(" + "|".join(map(re.escape, given["marks"])) + r")\b")
    lines = enumerate(text.splitlines(), 1)
    todos = [f"{given['file']}:{number}: {line.strip()}" for number, line in lines if mark.search(line)]
    return {"scanned": [{"file": given["file"], "words": len(text.split()), "todos": todos}]}


def report(state: State) -> Report:
    """Make one report of all files."""
    scanned = state["scanned"]
    return {
        "files": len(scanned),
        "words": sum(one["words"] for one in scanned),
        "largest": max(scanned, key=lambda one: one["words"], default={"file": ""})["file"],
        "todos": [line for one in scanned for line in one["todos"]],
    }


mapreduce = (
    StateGraph(State, input_schema=Input, output_schema=Report)
    .add_node(find)
    .add_node(scan)
    .add_node(report)
    .add_edge(START, "find")
    .add_conditional_edges("find", each_file, ["scan", "report"])
    .add_edge("scan", "report")
    .compile(name="mapreduce")
)
