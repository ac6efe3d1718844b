"""How far a run may go: what its plan allows at most, before anything has run."""

from pydantic import Field

from lockstep.duration import Duration
from lockstep.record import Record


class Bounds(Record):
    """`calling` is how long calls may take, every attempt and pause counted, where steps wait for
    one another and for the run's slots, and for nothing else; None where it is not known.

    `events` and `bytes` are of Temporal's history, about; what humans are asked comes on top.
    """

    calling: Duration | None = None
    events: int = Field(default=0, ge=0)
    bytes: int = Field(default=0, ge=0)
