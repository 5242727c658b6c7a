"""What is wrong in a state directory, for people and for programs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lgrun.checkpoint.doctor import Finding
from lgrun.cli.render.text import one_line

_MARKS = {"note": "·", "litter": "!", "damaged": "✗", "refused": "✗", "newer": "✗", "unreadable": "✗"}


def lines(directory: Path, findings: Sequence[Finding]) -> Iterator[str]:
    """Draw the findings, one line each, and what they come to."""
    for finding in findings:
        yield _line(finding)
    open_ones = [finding for finding in findings if not finding.mended and finding.verdict != "note"]
    mendable = sum(bool(finding.remedy) for finding in open_ones)
    if not open_ones:
        yield f"✓ {directory} is in order"
    elif mendable:
        yield f"{mendable} of {len(open_ones)} can be mended:  lgrun doctor --fix"


def document(directory: Path, findings: Sequence[Finding], status: int) -> dict[str, Any]:
    """Return them as machine output shows them."""
    return {
        "schema": "lgrun.doctor/1",
        "state_dir": str(directory),
        "exit": int(status),
        "findings": [finding._asdict() for finding in findings],
    }


def _line(finding: Finding) -> str:
    mark = "✓" if finding.mended else _MARKS[finding.verdict]
    done = f" → {'done' if finding.mended else 'would'}: {finding.remedy}" if finding.remedy else ""
    return one_line(f"{mark} {finding.path} {finding.problem}{done}")
