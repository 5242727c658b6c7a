"""Ids of calls. They follow from where a call is made, so readers of a journal find those of the run that writes it."""

from collections.abc import Callable

from lgrun._hashing import blake2b
from lgrun.checkpoint.base import Path

__all__ = ["call_hash", "fresh_id", "in_uuid_form", "task_id"]


def task_id(seed: str, path: Path) -> str:
    """Return the id of the call at `path`, in UUID form. `seed` is the checkpoint's id."""
    return in_uuid_form(call_hash(seed, path, "task"))


def call_hash(seed: str, path: Path, salt: str) -> str:
    """Return 32 hex digits for a call, others for each `salt`."""
    return blake2b(f"{seed}{path}{salt}".encode(), digest_size=16).hexdigest()


def in_uuid_form(digits: str) -> str:
    """Return 32 hex digits with the hyphens of a UUID."""
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def fresh_id(beginning: str, exists: Callable[[str], bool], random: Callable[[int], bytes]) -> str:
    """Return an id of a thread that nobody uses: a beginning and four characters, more if that is taken."""
    length = 4
    while exists(thread := f"{beginning}-{_base32(random(length))}"):
        length += 1
    return thread


def _base32(data: bytes) -> str:
    # Without i, l, o and u: read aloud and typed without mistakes.
    return "".join("0123456789abcdefghjkmnpqrstvwxyz"[byte & 31] for byte in data)
