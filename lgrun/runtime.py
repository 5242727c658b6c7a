"""What a caller holds of a run while it goes on."""

__all__ = ["RunControl"]


class RunControl:
    """Asks runs to stop before their next step: pass it as `control=` to `invoke` or a sibling.

    A functional workflow is one step, so it is stopped before it begins; it can be taken up with None.

    Attributes:
        drain_reason: why, or None if nobody asked.
    """

    def __init__(self) -> None:
        self.drain_reason: str | None = None

    @property
    def drain_requested(self) -> bool:
        """Somebody asked."""
        return self.drain_reason is not None

    def request_drain(self, reason: str = "shutdown") -> None:
        """Ask the runs that hold this to stop before their next step."""
        self.drain_reason = reason
