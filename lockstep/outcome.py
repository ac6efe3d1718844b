"""What one dispatch of a step came to.

Expected ends are values that the run matches on; only surprises (a tool's own exception, a lost
worker) travel as failures, because those are what Temporal should retry.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from lockstep.action import Substitute
from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.compose import Composed
from lockstep.decision import Decision, Grant, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.lock import AnyLockedStep
from lockstep.loop import label
from lockstep.names import ErrorName, Person
from lockstep.record import Record, is_empty
from lockstep.substitution import Replaced
from lockstep.value import Value


class AttemptEnd(StrEnum):
    """How an attempt ended; `unrecorded` is one whose worker did not live to say."""

    COMPLETED = "completed"
    FAILED = "failed"
    SIGNALLED = "signalled"
    WITHHELD = "withheld"
    UNRECORDED = "unrecorded"


class Attempt(Record):
    """One try at the call: what was decided before it, what it spent, how it ended and why."""

    number: int
    decision: Digest | None = None
    end: AttemptEnd = AttemptEnd.UNRECORDED
    failure: str = ""
    spent: Amount = Amount()

    @property
    def may_have_called(self) -> bool:
        """Whether it is not certain that nothing happened."""
        decided = self.decision is not None and self.end is not AttemptEnd.WITHHELD
        return decided or self.end is AttemptEnd.UNRECORDED


class RunFacts(Record):
    """What every step of a run may know about the run; `grounds` are those it was verified on."""

    id: str
    scheduled_at: AwareDatetime
    started_by: Person
    trigger: Literal["person", "schedule"]
    inputs: dict[str, JsonValue]
    lock: Digest
    agent: str
    role: str
    environment: str
    stage: str
    policy: dict[str, Digest]
    tool: Digest
    output_bytes: int
    grounds: Digest | None = Field(default=None, exclude_if=is_absent)

    @property
    def told(self) -> dict[str, JsonValue]:
        """What a plan may know of its run: what `$run` refers to."""
        return {"scheduled_at": self.scheduled_at.isoformat(), "id": self.id}


class Dispatch(Record):
    """The one argument of a step's activity.

    `values` are the outputs its references name; `edited` replaces its arguments after a human
    changed them, `approved` by the very ones that a human said yes to; `grants` are the approvals.
    `item` counts from 0 in the list that a loop goes through. `keyed` is the run that its
    idempotency key is of, where that is another one: it was begun there. `substitutes` are what the
    catalogue would put in for an error, and `substituted` the errors for which it does so now.
    """

    run: RunFacts
    step: AnyLockedStep
    values: dict[str, Value] = {}
    edited: dict[str, JsonValue] | None = None
    approved: Value | None = None
    grants: tuple[Grant, ...] = ()
    item: int | None = Field(default=None, exclude_if=is_absent)
    keyed: str | None = Field(default=None, exclude_if=is_absent)
    substitutes: dict[ErrorName, Substitute] = Field(default={}, exclude_if=is_empty)
    substituted: tuple[ErrorName, ...] = Field(default=(), exclude_if=is_empty)

    @property
    def label(self) -> str:
        """What this is called among all that a run sends out, but for repeated dispatches."""
        return label(self.step.id, self.item)


class Completed(Record):
    """The tool was called, and its output fits; `mocked` where a mock answered instead, `composed`
    where a model did. `grounds` are there where the decision was made on others than the run's.
    """

    kind: Literal["completed"] = "completed"
    value: Value
    spent: Amount
    attempts: tuple[Attempt, ...]
    decision: Decision
    idempotency_key: str
    mocked: bool = False
    composed: Composed | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class Withheld(Record):
    """The tool is not called: policy denies, or approval is missing, or the facts do not hold.

    `args` are the resolved arguments, for a human to look at; None where they could not be
    resolved. `error` is there where what was found is an error that the tool declares: the
    environment knew of it before the tool could say so.
    """

    kind: Literal["withheld"] = "withheld"
    decision: Decision | None
    findings: tuple[Finding, ...] = ()
    args: Value | None
    shown: str = ""
    attempts: tuple[Attempt, ...]
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)
    error: "Signalled | None" = Field(default=None, exclude_if=is_absent)

    @property
    def called(self) -> bool:
        """Whether a tool may have been, by an attempt before the one that was held back."""
        return any(one.may_have_called for one in self.attempts)


class Signalled(Record):
    """The tool named its trouble: one of its declared errors.

    `recovery` is the way out that the environment names, if it names one, and `changes` what its
    substitute would change in these arguments. `args` are there where a human is to be asked.
    Outcomes of before there were `decision` and `idempotency_key` do not have them.
    """

    kind: Literal["signalled"] = "signalled"
    name: ErrorName
    detail: str
    data: dict[str, JsonValue] = {}
    recovery: str = ""
    spent: Amount
    attempts: tuple[Attempt, ...]
    decision: Decision | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)
    idempotency_key: str = Field(default="", exclude_if=is_empty)
    changes: tuple[Replaced, ...] = Field(default=(), exclude_if=is_empty)
    args: Value | None = Field(default=None, exclude_if=is_absent)
    shown: str = Field(default="", exclude_if=is_empty)
    mocked: bool = False

    @property
    def called(self) -> bool:
        """Whether a tool was: not where its environment knew of the error before."""
        return bool(self.attempts)


class Unfit(Record):
    """The tool was called and its output cannot be used; calling again would not help. Outcomes of
    before there was a `decision` do not have one.
    """

    kind: Literal["unfit"] = "unfit"
    finding: Finding
    spent: Amount
    attempts: tuple[Attempt, ...]
    decision: Decision | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)
    mocked: bool = False


StepOutcome = Completed | Withheld | Signalled | Unfit


class Report(Record):
    """What a step's activity returns."""

    outcome: Annotated[StepOutcome, Field(discriminator="kind")]
