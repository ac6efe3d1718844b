"""The standing grants of a lock, as their file holds them: committed and reviewed like the lock.

The file is where they live. A run is given none, so whoever merely starts one can bring none along;
to take a yes back is to take it out of the file.
"""

from typing import Annotated, Literal

from pydantic import Field

from lockstep.decision import StandingGrant
from lockstep.record import Record

MAX_GRANTS = 1000


class StandingGrants(Record):
    """In an order of their own, so that a diff shows what came and went."""

    lockstep: Literal["grants/1"] = "grants/1"
    grants: Annotated[tuple[StandingGrant, ...], Field(max_length=MAX_GRANTS)]

    @classmethod
    def of(cls, grants: "set[StandingGrant]") -> "StandingGrants":
        def order(one: StandingGrant) -> tuple[str, ...]:
            return (one.lock, one.step, one.rule, one.args_digest, one.by, one.digest)

        return cls(grants=tuple(sorted(grants, key=order)))
