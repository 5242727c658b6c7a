"""lgrun doctor: what it says, what it mends, and its exit codes."""

import json
import os

import pytest

from tests.cli.conftest import MadeOnce, World
from tests.cli.sources import HELLO

JOURNAL = "00000001.writes.jsonl"


def fill(lgrun: World) -> None:
    """Fill a folder, once for all tests that look at it."""
    lgrun.write("hello.py", HELLO)
    assert lgrun("invoke", "hello.py", "Ann", "-t", "t").code == 0


@pytest.fixture
def filled(made_once: MadeOnce) -> World:
    """A world with a finished thread."""
    return made_once(fill)


def test_in_order(filled: World) -> None:
    """Nothing to say is 0, also where there is no state directory at all."""
    result = filled("doctor", "-q")

    assert (result.code, result.stdout, result.stderr) == (0, f"✓ {filled.state} is in order\n", "")
    assert filled("doctor", "-S", "nowhere").code == 0
    assert not (filled.folder / "nowhere").exists()


def test_damage(filled: World) -> None:
    """Damage is 6 and said with what would be done; --fix does it, and then it is 0."""
    (filled.state / "lgrun-state.json").write_text("?")
    (filled.state / "threads/t/.tmp-1").touch()

    first = filled("doctor", "-q")
    refused = filled("list")
    mended = filled("doctor", "--fix")

    assert (first.code, refused.code, mended.code) == (6, 6, 0)
    assert first.stdout.splitlines() == [
        "✗ lgrun-state.json is damaged (it is not one whole line) → would: write it anew; "
        "the old one becomes lgrun-state.json.damaged",
        "! threads/t/.tmp-1 is the beginning of a file that was never finished → would: remove it",
        "2 of 2 can be mended:  lgrun doctor --fix",
    ]
    assert mended.stdout.count("→ done") == 2
    assert filled("doctor").code == 0
    assert filled("list", "-q").stdout == "t\n"


def test_a_result_that_cannot_be_read(filled: World) -> None:
    """The thread goes on from the checkpoint before: what the tasks returned is known, so nothing runs again."""
    path = filled.state / "threads/t/00000002.json"
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))
    refused = filled("resume", "t")
    assert (refused.code, refused.stderr.splitlines()[-1]) == (
        6,
        "  what is wrong, and what can be done:  lgrun doctor",
    )

    result = filled("doctor", "--fix")

    assert result.code == 0
    assert "✓ threads/t/00000002.json is damaged" in result.stdout
    assert "is 1 → done: go on from there; what came after it is kept, as NAME.damaged" in result.stdout
    assert filled("doctor").stdout.count("was set aside; it is not read, and can be deleted") == 1
    again = filled("resume", "t")
    assert (again.code, again.stdout) == (0, '"hello Ann"\n')


def test_what_was_mended_is_not_proposed(filled: World) -> None:
    """With --fix a damaged line of a journal is told once, as mended, and it is 0."""
    path = filled.state / "threads/t" / JOURNAL
    path.write_bytes(path.read_bytes().replace(b"hello", b"jello"))
    found = filled("doctor", "-q")

    result = filled("doctor", "-q", "--fix")

    assert (found.code, found.stdout.splitlines()[-1]) == (6, "1 of 1 can be mended:  lgrun doctor --fix")
    first, last = result.stdout.splitlines()
    assert first.startswith(f"✓ threads/t/{JOURNAL} line ")
    assert first.endswith(f"→ done: take it out; the file as it is becomes {JOURNAL}.damaged")
    assert (result.code, last) == (0, f"✓ {filled.state} is in order")
    assert filled("doctor").code == 0


def test_some_can_be_mended(filled: World) -> None:
    """What stays is counted, and no command is proposed that has just done what it can."""
    (filled.state / "threads/t/.tmp-1").touch()
    for path in (filled.state / "threads/t").glob("0000000?.json"):
        path.write_bytes(path.read_bytes().replace(b"kind", b"kimd"))
    found = filled("doctor", "-q")

    result = filled("doctor", "-q", "--fix")

    assert found.stdout.splitlines()[-1] == "1 of 3 can be mended:  lgrun doctor --fix"
    assert (result.code, result.stdout.splitlines()[-1]) == (6, "1 of 3 mended")


def test_what_cannot_be_mended(filled: World) -> None:
    """A first checkpoint that does not verify stays 6, also with --fix."""
    for path in (filled.state / "threads/t").glob("0000000?.json"):
        path.write_bytes(path.read_bytes().replace(b"kind", b"kimd"))

    result = filled("doctor", "--fix", "--json")

    assert result.code == 6
    assert result.json["schema"] == "lgrun.doctor/1"
    found = [(finding["path"], finding["verdict"], finding["mended"]) for finding in result.json["findings"]]
    assert found == [(f"threads/t/0000000{number}.json", "damaged", False) for number in (1, 2)]


def test_newer(filled: World) -> None:
    """A file of a newer lgrun is 6 and says what to do."""
    path = filled.state / "threads/t/thread.json"
    path.write_bytes(path.read_bytes().replace(b'"format":1', b'"format":2'))

    result = filled("doctor")

    assert result.code == 6
    assert "upgrade lgrun" in result.stdout


def test_not_a_directory(lgrun: World) -> None:
    """A state directory that cannot be opened is 74."""
    lgrun.state.touch()

    result = lgrun("doctor", "--json")

    assert result.code == 74
    assert json.loads(result.stdout)["error"]["type"] == "state-io"


def test_hostile_names(filled: World) -> None:
    """Names in the directory cannot write to the terminal."""
    os.mkdir(filled.state / "threads" / "\x1b[31mred\u202e")

    result = filled("doctor")

    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
