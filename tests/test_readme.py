"""What the README says is so."""

import re
from pathlib import Path

from lgrun.cli.status import ExitStatus

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def test_the_first_tour_is_a_program_that_is_run() -> None:
    """The code of the tour is `workflows/trip.py`, of which the pictures are made."""
    (code,) = re.findall(r"Put this into `trip.py`:\n\n```python\n(.*?)```", README, re.DOTALL)

    assert (ROOT / "workflows" / "trip.py").read_text().endswith(code)


def test_every_exit_code_is_explained() -> None:
    """The table has each status that the command can end with."""
    rows = re.findall(r"^\| ([\d, ]+) \|", README, re.MULTILINE)
    explained = {int(code) for row in rows for code in row.split(",")}

    assert {int(status) for status in ExitStatus} == explained


def test_every_file_that_is_named_exists() -> None:
    """Links within the repository, pictures and examples."""
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / target).exists(), target
    for name in re.findall(r"^\| `(\w+\.py)` \|", README, re.MULTILINE):
        assert (ROOT / "workflows" / name).exists(), name
