"""Preflight: what an environment must look like before the first step of a run.

A read tool, called with literal arguments, and comparisons that must hold of its output. It is a
call like any other (policy decides on it, it is counted, it is in the account of the run), but it
is the environment's and not the plan's: no plan can leave it out, and none can refer to it.
"""

from typing import Annotated, Self

from pydantic import ConfigDict, Field, JsonValue, StringConstraints, model_validator

from lockstep.canonical import Exact, ExactObject
from lockstep.guard import MAX_GUARDS, Comparator, Guard
from lockstep.names import Sentence, ToolName
from lockstep.plan import Step
from lockstep.record import Record
from lockstep.reference import references

MAX_PREFLIGHTS = 20
"""Of one environment; they run before anything else does, and somebody waits for them."""

PreflightName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,49}$")]
_Pointer = Annotated[str, StringConstraints(pattern=r"^(/.*)?$", max_length=500)]


class Expectation(Record):
    """What must be found at a place in the output (RFC 6901; empty for all of it)."""

    model_config = ConfigDict(serialize_by_alias=True)

    at: _Pointer
    is_: Comparator = Field(alias="is")
    value: Exact


class Preflight(Record):
    """`[preflight.NAME]` of a manifest; all expectations must hold."""

    tool: ToolName
    args: ExactObject = {}
    expect: Annotated[tuple[Expectation, ...], Field(min_length=1, max_length=MAX_GUARDS)]
    reason: Sentence = ""

    @model_validator(mode="after")
    def _is_literal(self) -> Self:
        written: list[JsonValue] = [self.args, *(one.value for one in self.expect)]
        if any(True for one in written for _ in references(one)):
            raise ValueError("holds a reference, and nothing has run that it could refer to")
        return self

    def step(self, name: str) -> Step:
        """The call, as a step that needs nothing."""
        return Step(id=step_of(name), tool=self.tool, args=self.args, reason=self.reason)

    def guards(self, name: str) -> tuple[Guard, ...]:
        """The expectations, as comparisons with what the call gives."""
        return tuple(
            Guard.model_validate(
                {
                    "left": {"$from": step_of(name), "path": one.at},
                    "is": one.is_,
                    "right": one.value,
                }
            )
            for one in self.expect
        )


_PREFIX = "preflight-"


def step_of(name: str) -> str:
    """What its call is called among the calls of a run."""
    return f"{_PREFIX}{name}"


def name_of(step: str) -> str:
    return step.removeprefix(_PREFIX)
