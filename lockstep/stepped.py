"""What happens to one step of a run, from its guards to its end: the events between a run's first
and its last.
"""

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from lockstep.amount import Amount
from lockstep.asked import Item
from lockstep.canonical import Digest
from lockstep.compose import Composed
from lockstep.decision import Decision, Grounds, Rule, Target
from lockstep.duration import Duration
from lockstep.fallback import Fallback, is_absent
from lockstep.finding import Finding
from lockstep.guard import Weighed
from lockstep.names import Person
from lockstep.outcome import Attempt
from lockstep.record import Record, is_empty
from lockstep.substitution import Replaced
from lockstep.value import Value


class StepGuarded(Record):
    """The step's guards were weighed; it is left out unless all of them hold."""

    type: Literal["step.guarded"] = "step.guarded"
    step: str
    holds: bool
    comparisons: tuple[Weighed, ...]


class StepStarted(Record):
    """The step was dispatched, with what was set aside for it."""

    type: Literal["step.started"] = "step.started"
    step: str
    item: Item = None
    tool: str
    dispatch: int
    reason: str
    reserved: Amount


class StepAttempted(Record):
    type: Literal["step.attempted"] = "step.attempted"
    step: str
    item: Item = None
    attempt: Attempt


class StepCompleted(Record):
    """`mocked` is true where a mock answered in the tool's place; `composed` says which model wrote
    the output.
    """

    type: Literal["step.completed"] = "step.completed"
    step: str
    item: Item = None
    value: Value
    spent: Amount
    decision: Digest
    idempotency_key: str
    mocked: bool = False
    composed: Composed | None = Field(default=None, exclude_if=is_absent)


class StepDecided(Record):
    """The decision an attempt was made under, or held back by; `grounds` are there where they are
    not those that the run was verified on.
    """

    type: Literal["step.decided"] = "step.decided"
    step: str
    item: Item = None
    decision: Decision
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class StepBlocked(Record):
    """The call was held back: what was proposed, why it was proposed, and what stood in the way.

    `rules` are policy's, as in the question that follows; `targets` what the call would touch.
    """

    type: Literal["step.blocked"] = "step.blocked"
    step: str
    item: Item = None
    tool: str
    targets: tuple[Target, ...] = ()
    args: Value | None
    shown: str = ""
    reason: str
    why: str
    rules: tuple[Rule, ...] = ()
    findings: tuple[Finding, ...] = ()


class StepCounted(Record):
    """The list that the step goes through has been counted; each item is a dispatch."""

    type: Literal["step.counted"] = "step.counted"
    step: str
    items: int


class StepGathered(Record):
    """Every item of the loop is done; `value` is the list of their outputs."""

    type: Literal["step.gathered"] = "step.gathered"
    step: str
    items: int
    value: Value


class StepRecovering(Record):
    """The tool signalled an error about which the environment's catalogue does something.

    `number` is for the how-manieth time, of `times` (0: as often as a human says so). `delay` is
    how long the step waits before it is sent out again; without one it goes at once.
    """

    type: Literal["step.recovering"] = "step.recovering"
    step: str
    item: Item = None
    error: str
    detail: str
    action: Literal["retry", "wait", "substitute", "escalate", "replan"]
    number: int
    times: int
    delay: Annotated[Duration | None, Field(exclude_if=is_absent)] = None
    changes: Annotated[tuple[Replaced, ...], Field(exclude_if=is_empty)] = ()
    recovery: str
    spent: Amount
    mocked: bool = False


class StepCaught(Record):
    """The tool signalled an error for which the step has a fallback, which is taken."""

    type: Literal["step.caught"] = "step.caught"
    step: str
    item: Item = None
    error: str
    detail: str
    fallback: Fallback
    spent: Amount
    mocked: bool = False


class StepReplaced(Record):
    """The step's output is that of the step `by`, one that a `person` gave, or its lock's."""

    type: Literal["step.replaced"] = "step.replaced"
    step: str
    item: Item = None
    by: str | None = None
    person: Annotated[Person | None, Field(exclude_if=is_absent)] = None
    value: Value


class StepEdited(Record):
    type: Literal["step.edited"] = "step.edited"
    step: str
    item: Item = None
    by: Person
    args: dict[str, JsonValue]


class StepSkipped(Record):
    type: Literal["step.skipped"] = "step.skipped"
    step: str
    because: str


class StepFailed(Record):
    """`mocked` is true where it was a mock's answer that ended the step."""

    type: Literal["step.failed"] = "step.failed"
    step: str
    item: Item = None
    finding: Finding
    spent: Amount
    mocked: bool = False
