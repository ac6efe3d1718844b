"""What an environment says about an error: which kind of resource it is about, the way out in
words, and the actions that are taken on it.

The error catalogue. A name here is one that a tool declares in `signals`; whoever meets it, at plan
time or in a run, reads the same words: the error, and what to do instead.
"""

from typing import Annotated, Self

from pydantic import Field, model_validator

from lockstep.action import MAX_ACTIONS, Actions
from lockstep.names import ResourceKind, Sentence
from lockstep.record import Record, is_empty


class Recovery(Record):
    """`[errors.NAME]` of a manifest.

    With `resource` the error is also what a resource of that kind gives rise to when a plan names
    one that is not there. Without `actions` it is described, and stops the run.
    """

    resource: ResourceKind | None = None
    recovery: Annotated[Sentence, Field(min_length=1)]
    actions: Actions = Field(default=(), max_length=MAX_ACTIONS, exclude_if=is_empty)

    @model_validator(mode="after")
    def _can_all_be_reached(self) -> Self:
        kinds = [action.kind for action in self.actions]
        if len(kinds) != len(set(kinds)):
            raise ValueError("of each kind of action there is one at most")
        if {"fallback", "escalate", "replan"} & {*kinds[:-1]}:
            raise ValueError("nothing comes after `fallback`, `escalate` or `replan`")
        return self


def told(name: str, detail: str) -> str:
    """The error as people read it; Python's own `EnvironmentError` has no part in this."""
    return f"EnvironmentError: {name}({detail})"


def way_out(recovery: str) -> str:
    return f"RecoveryPath: {recovery}"
