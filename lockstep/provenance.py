"""What is known of where a step's arguments come from, before anybody knows what they are.

Worked out from the plan alone, so that it is the same when the plan is checked, when it is locked
and when the call is made. What the values turn out to be changes nothing of it.
"""

from pydantic import Field

from lockstep.names import ToolName
from lockstep.record import Record
from lockstep.reference import path_parts


class Provenance(Record):
    """Of one step. `untrusted` are JSON pointers of the arguments that hold what may not be
    believed.

    `steered`: whether the step is done, how often, or with which of several values, hangs on what
    may not be believed. `sensitive`: something private flows in, or decides over it, or is what its
    tool gives. `sources` are the tools whose outputs its arguments are made of, directly or through
    others, sorted.
    """

    untrusted: tuple[str, ...] = Field(default=(), exclude_if=lambda value: not value)
    steered: bool = Field(default=False, exclude_if=lambda value: not value)
    sensitive: bool = Field(default=False, exclude_if=lambda value: not value)
    sources: tuple[ToolName, ...] = Field(default=(), exclude_if=lambda value: not value)

    def __bool__(self) -> bool:
        return bool(self.untrusted or self.steered or self.sensitive or self.sources)

    @property
    def doubted(self) -> frozenset[str]:
        """The top-level arguments with something untrusted in them."""
        return frozenset(path_parts(at)[0] for at in self.untrusted)
