"""A step's output, by reference.

The value itself is kept by its digest in a store; what travels through Temporal is this record. So
a 10 MB output ends no run, and two runs with equal outputs can be told equal without reading them.
"""

from pydantic import JsonValue

from lockstep.canonical import MAX_DEPTH, Digest, canonical, depth, digest_bytes
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
        if depth(value) > MAX_DEPTH:
            raise ValueError(f"the value is nested more than {MAX_DEPTH} levels deep")
        small = len(data) <= preview
        return cls(
            digest=digest_bytes(data), size=len(data), preview=value if small else None
        ), data

    @property
    def bare(self) -> "Value":
        """The reference alone, for where many of them travel together."""
        return self.model_copy(update={"preview": None})
