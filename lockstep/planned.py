"""What happens to a plan on its way to a lock: the events of the validator workflow."""

from typing import Literal

from pydantic import Field

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.names import Person, Role, RuleId
from lockstep.plan import is_empty
from lockstep.record import Record
from lockstep.usage import Bill


class GoalAsked(Record):
    """A plan was asked for; `replans` and `limit` are what its making may take. With `samples`, so
    many first proposals are wanted, and no lock.
    """

    type: Literal["goal.asked"] = "goal.asked"
    agent: str
    environment: str
    by: str
    goal: str
    model: str
    replans: int
    limit: Amount
    samples: int = Field(default=0, exclude_if=is_empty)


class PlannerAnswered(Record):
    """A model's answer; `bill` counts every attempt at it, `text` is the digest of what it said."""

    type: Literal["planner.answered"] = "planner.answered"
    answer: int
    status: str
    model: str
    stop_reason: str
    request: str
    prompt: Digest
    text: Digest
    gaps: tuple[str, ...]
    findings: tuple[Finding, ...]
    bill: Bill


class PlannerFailed(Record):
    """No answer came; what its attempts are known to have cost is counted all the same."""

    type: Literal["planner.failed"] = "planner.failed"
    answer: int
    finding: Finding
    bill: Bill


class PlanningHalted(Record):
    """The model is not asked again unless a human says so."""

    type: Literal["planning.halted"] = "planning.halted"
    finding: Finding
    bill: Bill


class GoalSampled(Record):
    """The samples are drawn: so many were answered, whatever with; `findings` say why no more."""

    type: Literal["goal.sampled"] = "goal.sampled"
    asked: int
    answered: int
    findings: tuple[Finding, ...]
    bill: Bill


class PlanProposed(Record):
    """`planner_calls` is how many requests to a model it took; 0 for a plan written by hand.
    Where several answers are out at once, `answer` says which of them it is. `refreshes` is the
    lock that is made anew, if one is.
    """

    type: Literal["plan.proposed"] = "plan.proposed"
    agent: str
    environment: str
    by: str
    plan: Digest
    planner_calls: int = 0
    answer: int = Field(default=0, exclude_if=is_empty)
    refreshes: Digest | None = Field(default=None, exclude_if=is_absent)


class PlanChecked(Record):
    """`plan` is the decision on the whole of it, where policy speaks of that; `grounds` are what
    the decisions were made from.
    """

    type: Literal["plan.checked"] = "plan.checked"
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]
    plan: Decision | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class PlanApproved(Record):
    """A human said yes to the plan as a whole, as far as these rules go."""

    type: Literal["plan.approved"] = "plan.approved"
    by: Person
    roles: tuple[Role, ...]
    rules: tuple[RuleId, ...]
    policy: Digest


class PlanLocked(Record):
    type: Literal["plan.locked"] = "plan.locked"
    lock: Digest


class PlanRejected(Record):
    type: Literal["plan.rejected"] = "plan.rejected"
    findings: tuple[Finding, ...]
