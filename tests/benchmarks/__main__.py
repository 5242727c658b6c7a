"""How fast lgrun is against real LangGraph and against floors, all in the same run.

    python -m tests.benchmarks [--cases CASE ...] [--tasks N] [--rounds N] [--json FILE] [--markdown FILE]

What is compared is measured in turn, so that a busy machine slows all of it down; figures are medians. `memory` is the
in-memory savers against each other, `files` lgrun's files against LangGraph's sqlite saver. With durability `async`
results are written at once and synced behind, which is LangGraph's default; `sync` is lgrun's default: every result is
on the disk before the workflow goes on (LangGraph's `sync` does not wait for single results). Against LangGraph the
ratio says how many times faster or smaller lgrun is; against a floor, and where the target is a `<=`, how many times as
much it takes. Files are written below $TMPDIR, which has to be on a real disk for the syncs to mean anything.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from tests.benchmarks.chats import chat, per_turn
from tests.benchmarks.comparing import Bench, Case, Line
from tests.benchmarks.graphs import history, superstep
from tests.benchmarks.libraries import Library
from tests.benchmarks.memory import large, memory
from tests.benchmarks.processes import processes
from tests.benchmarks.streams import stream
from tests.benchmarks.tasks import fan_out, growth, nested, resume, sequential, tiny

CASES: dict[str, tuple[Case, ...]] = {
    # First: once LangGraph is loaded, the garbage collector has its objects to look through, too.
    "growth": (growth, per_turn),
    "sequential": (sequential,),
    "fan-out": (fan_out,),
    "nested": (nested,),
    "resume": (resume,),
    "tiny": (tiny,),
    "stream": (stream,),
    "superstep": (superstep,),
    "history": (history,),
    "chat": (chat,),
    "large": (large,),
    "memory": (memory,),
    "processes": (processes,),
}


def _short(figure: float) -> str:
    return f"{figure:.2f}" if figure < 10 else f"{figure:,.0f}"


def _written(line: Line) -> str:
    """Return a line of the table."""
    ratio = f"{_short(line.ratio)}x"
    if line.at_least is not None:
        target = f">= {line.at_least:g}x"
    else:
        target = f"<= {line.at_most:g}x" if line.at_most is not None else ""
    mark = {True: "✓", False: "✗", None: ""}[line.is_met]
    return (
        f"{line.case:<11}{line.what:<33}{line.unit:<18}{line.lgrun:>9,.1f}  "
        f"{line.against:<30}{line.other:>9,.1f}{ratio:>8}  {target:<8} {mark}".rstrip()
    )


def _markdown(lines: Sequence[Line]) -> str:
    """Return the comparisons that have a target as the table of the README."""
    rows = ["| | | lgrun | against | ratio |", "|---|---|---|---|---|"]
    for line in lines:
        if line.is_met is not None:
            ratio = f"{_short(line.ratio)}x" + (" faster" if line.at_least is not None else "")
            ours = f"{_short(line.lgrun)} {line.unit}"
            rows.append(f"| {line.case} | {line.what} | {ours} | {line.against}: {_short(line.other)} | {ratio} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Print the table; write JSON if asked."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--tasks", type=int, default=1000, help="the size that all others follow (1000)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each thing is measured, processes 9 times (5)")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    parser.add_argument("--markdown", type=Path, help="write the table of the README to this file")
    arguments = parser.parse_args()
    load = f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors"
    print(f"Python {sys.version.split()[0]}, {load}; N = {arguments.tasks:,}, medians of {arguments.rounds}\n")
    print(f"{'case':<11}{'what':<33}{'unit':<18}{'lgrun':>9}  {'against':<30}{'it':>9}{'ratio':>8}  target")
    lines: list[Line] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.tasks, arguments.rounds, Path(folder), Library("lgrun"), Library("langgraph"))
        for case in (case for name in arguments.cases for case in CASES[name]):
            for line in case(bench):
                lines.append(line)
                print(_written(line), flush=True)
    met = [line.is_met for line in lines if line.is_met is not None]
    print(f"\n{sum(met)} of {len(met)} targets met; load {os.getloadavg()[0]:.1f} at the end")
    if arguments.json:
        found = [{**asdict(line), "ratio": line.ratio, "met": line.is_met} for line in lines]
        arguments.json.write_text(json.dumps(found, indent=1) + "\n")
    if arguments.markdown:
        arguments.markdown.write_text(_markdown(lines))


if __name__ == "__main__":
    main()
