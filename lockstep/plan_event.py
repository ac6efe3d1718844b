"""What happens to a plan on its way to a lock: the events of the validator workflow."""

from typing import Literal

from pydantic import Field

from lockstep.canonical import Digest
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.names import Person, Role, RuleId
from lockstep.record import Record


class PlanProposed(Record):
    """`planner_calls` is how many requests to a model it took; 0 for a plan written by hand."""

    type: Literal["plan.proposed"] = "plan.proposed"
    agent: str
    environment: str
    by: str
    plan: Digest
    planner_calls: int = 0


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
