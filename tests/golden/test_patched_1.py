"""A thread of format 1 whose values grow, as lgrun 0.1 wrote it with patches, in `patched-1/`.

It is never written again: made once, from the root of the repository, by

    PYTHONPATH=. python tests/golden/test_patched_1.py tests/golden/patched-1
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lgrun.checkpoint.base import Checkpoint
from lgrun.checkpoint.doctor import examine
from lgrun.checkpoint.document import new_checkpoint_id
from lgrun.checkpoint.file import FileSaver
from lgrun.checkpoint.serde import decode, encode

FIRST: dict[str, Any] = {
    "numbers": [0, 1, True, 1.0, -0.0, 0.1, 1e16, 1e22, 1e-7, 5e-324, 1.7976931348623157e308, 2**53, 2**70, None],
    "strange": {"$lgrun": "tuple", "v": ["\ud800", "é\u2028😀"]},
    "pair": (1, {2: 3}),
    "messages": [{"role": "user", "content": f"{n}: " + "what was said before. " * 4} for n in range(30)],
    "draft": "A long text that is changed in its middle. " * 20,
}


def _grown() -> list[dict[str, Any]]:
    """Return the values of the checkpoints: something said, shortened, changed, dropped, moved, replaced, said."""
    said = FIRST | {"messages": [*FIRST["messages"], {"role": "assistant", "content": "é"}]}
    shortened = said | {"messages": said["messages"][5:]}
    changed = shortened | {"draft": FIRST["draft"][:400] + "NEW" + FIRST["draft"][403:], "numbers": [*range(9), 0.5]}
    dropped = {key: value for key, value in changed.items() if key != "strange"}
    moved = {"first": 1, **dropped}
    last = [moved | {"turn": turn, "messages": [*moved["messages"], *range(turn)]} for turn in range(20)]
    return [FIRST, said, shortened, changed, dropped, moved, *last]


VALUES = _grown()


def make(directory: Path) -> None:
    saver = FileSaver(directory)
    for seq, value in enumerate(VALUES, 1):
        claim = saver.claim("grown")
        identity = new_checkpoint_id(seq, bytes(range(12)))
        at = f"2026-01-01T12:00:{seq:02}.000000+01:00"
        claim.put(
            Checkpoint(thread="grown", seq=seq, id=identity, kind="end", step=seq, at=at, value=encode(value),
                       save=encode({"turn": seq, "state": value}))
        )  # fmt: skip
        claim.release()


@pytest.fixture
def state(copy_of: Callable[[str], Path]) -> Path:
    return copy_of("patched-1")


def test_read(state: Path) -> None:
    """Every value comes back, of the same types, in the same order."""
    history = list(FileSaver(state).history("grown", oldest_first=True))
    for number, (saved, value) in enumerate(zip(history, VALUES, strict=True), 1):
        assert saved.checkpoint.value is not None
        assert saved.checkpoint.save is not None
        assert repr(decode(saved.checkpoint.value)) == repr(value)
        assert repr(decode(saved.checkpoint.save)) == repr({"turn": number, "state": value})
    patched = [path for path in (state / "threads" / "grown").glob("0*.json") if b'"patches":' in path.read_bytes()]
    assert len(patched) > 15
    assert [finding for finding in examine(state) if finding.verdict == "damaged"] == []


def test_goes_on(state: Path) -> None:
    """What is put next is a patch, too."""
    saver = FileSaver(state)
    claim = saver.claim("grown")
    seq = len(VALUES) + 1
    identity = new_checkpoint_id(seq, bytes(12))
    value = VALUES[-1] | {"more": 1}
    claim.put(Checkpoint(thread="grown", seq=seq, id=identity, kind="end", step=seq, at="", value=encode(value)))
    claim.release()
    assert b'"patches":' in (state / "threads" / "grown" / f"{seq:08d}.json").read_bytes()
    saved = FileSaver(state).load("grown")
    assert saved is not None
    assert saved.checkpoint.value is not None
    assert repr(decode(saved.checkpoint.value)) == repr(value)


if __name__ == "__main__":
    make(Path(sys.argv[1]))
