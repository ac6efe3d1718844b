"""A tool that does nothing."""

from lockstep import Record, tool


class Nothing(Record):
    """No arguments, no result."""


@tool("Idle", effect="read")
async def idle(request: Nothing) -> Nothing:
    """Return at once."""
    return request
