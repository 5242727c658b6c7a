"""When Python looks for garbage: not while a command starts, which makes none and creates thousands of objects."""

import gc

_AT_START = 50_000
"""So many objects more, and garbage is looked for all the same: a command that only looks may read much."""
_usual: list[tuple[int, int, int]] = []


def postpone() -> None:
    """Look for garbage rarely, until `begin` is called or the process ends."""
    _usual.append(gc.get_threshold())
    gc.set_threshold(_AT_START)


def begin() -> None:
    """Look for garbage as usual, but no longer among what is there by now: code that is not lgrun's is about to run."""
    if _usual:
        gc.freeze()
        gc.set_threshold(*_usual.pop())


def leave() -> None:
    """Keep the end of the process from looking through lgrun's own objects. What others made, Python clears away."""
    if _usual:
        gc.freeze()
