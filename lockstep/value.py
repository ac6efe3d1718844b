"""A step's output, by reference.

The value itself is kept by its digest in a store; what travels through Temporal is this record. So
a 10 MB output ends no run, and two runs with equal outputs can be told equal without reading them.
"""

from pydantic import JsonValue

from lockstep.canonical import Digest, canonical, digest_bytes
from lockstep.loading import MAX_CANONICAL_DEPTH
from lockstep.record import Record

PREVIEW_BYTES = 1024
ARGS_PREVIEW_BYTES = 16 * 1024
"""Arguments are shown to whoever approves them, so more of them travels along."""


class Value(Record):
    """A JSON value in the store; `size` in bytes of canonical JSON, `preview` where that is
    small.
    """

    digest: Digest
    size: int
    preview: JsonValue = None

    @classmethod
    def of(cls, value: JsonValue, preview: int = PREVIEW_BYTES) -> tuple["Value", bytes]:
        """The reference and the bytes to store; ValueError for what canonical JSON cannot say, or
        could not be read again.
        """
        data = canonical(value)
        if _depth(value) > MAX_CANONICAL_DEPTH:
            raise ValueError(f"the value is nested more than {MAX_CANONICAL_DEPTH} levels deep")
        small = len(data) <= preview
        return cls(
            digest=digest_bytes(data), size=len(data), preview=value if small else None
        ), data

    @property
    def bare(self) -> "Value":
        """The reference alone, for where many of them travel together."""
        return self.model_copy(update={"preview": None})


def _depth(value: JsonValue) -> int:
    depth, level = 0, [value]
    while holders := [one for one in level if isinstance(one, dict | list)]:
        depth += 1
        level = [
            inner
            for holder in holders
            for inner in (holder.values() if isinstance(holder, dict) else holder)
        ]
    return depth
