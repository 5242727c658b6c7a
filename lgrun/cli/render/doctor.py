"""What is wrong in a state directory, for people and for programs."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from lgrun.checkpoint.doctor import Finding
from lgrun.cli.configuration import Setting
from lgrun.cli.render.text import one_line

_MARKS = {"note": "·", "litter": "!", "damaged": "✗", "refused": "✗", "newer": "✗", "unreadable": "✗"}


def lines(directory: Path, findings: Sequence[Finding], *, fix: bool) -> Iterator[str]:
    """Draw the findings, one line each, and what they come to; `fix`: what can be mended has been."""
    for finding in findings:
        yield _line(finding)
    open_ones = [finding for finding in findings if not finding.mended and finding.verdict != "note"]
    mendable = sum(bool(finding.remedy) for finding in open_ones)
    if not open_ones:
        yield f"✓ {directory} is in order"
    elif fix:
        done = sum(finding.mended for finding in findings)
        yield f"{done} of {done + len(open_ones)} mended"
    elif mendable:
        yield f"{mendable} of {len(open_ones)} can be mended:  lgrun doctor --fix"


def setting_lines(settings: Sequence[Setting]) -> Iterator[str]:
    """Draw the settings, one line each, with who says so."""
    width = max(len(row.key) for row in settings)
    for row in settings:
        yield one_line(f"· {row.key:<{width}}  {row.text or '-'}  ({row.source})")


def document(directory: Path, findings: Sequence[Finding], status: int, settings: Sequence[Setting]) -> dict[str, Any]:
    """Return them as machine output shows them."""
    return {
        "schema": "lgrun.doctor/1",
        "state_dir": str(directory),
        "exit": int(status),
        "findings": [finding._asdict() for finding in findings],
        "settings": [row.document() for row in settings],
    }


def _line(finding: Finding) -> str:
    mark = "✓" if finding.mended else _MARKS[finding.verdict]
    done = f" → {'done' if finding.mended else 'would'}: {finding.remedy}" if finding.remedy else ""
    return one_line(f"{mark} {finding.path} {finding.problem}{done}")
