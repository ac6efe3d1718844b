"""What an environment says about an error: which kind of resource it is about, and the way out.

The first part of an error catalogue. A name here is one that a tool declares in `signals`; whoever
meets it, at plan time or in a run, reads the same words: the error, and what to do instead.
"""

from typing import Annotated

from pydantic import Field

from lockstep.names import ResourceKind, Sentence
from lockstep.record import Record


class Recovery(Record):
    """`[errors.NAME]` of a manifest.

    With `resource` the error is also what a resource of that kind gives rise to when a plan names
    one that is not there.
    """

    resource: ResourceKind | None = None
    recovery: Annotated[Sentence, Field(min_length=1)]


def told(name: str, detail: str) -> str:
    """The error as people read it; Python's own `EnvironmentError` has no part in this."""
    return f"EnvironmentError: {name}({detail})"


def way_out(recovery: str) -> str:
    return f"RecoveryPath: {recovery}"
