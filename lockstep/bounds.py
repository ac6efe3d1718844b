"""How far a run may go: what its plan allows at most, before anything has run."""

from pydantic import Field

from lockstep.duration import Duration
from lockstep.record import Record

_MOST_EVENTS, _MOST_BYTES = 50_000, 48 * 1024 * 1024
"""Of a whole history; the server ends a run a little later."""


class Bounds(Record):
    """`calling` is how long calls may take, every attempt and pause counted, where steps wait for
    one another and for the run's slots, and for nothing else; None where it is not known.

    `events` and `bytes` are of Temporal's history, about; what humans are asked comes on top.
    """

    calling: Duration | None = None
    events: int = Field(default=0, ge=0)
    bytes: int = Field(default=0, ge=0)

    def fit_after(self, events: int, size: int) -> bool:
        """Whether there is room for all of it in a history that is so long already."""
        return self.events + events <= _MOST_EVENTS and self.bytes + size <= _MOST_BYTES
