"""What happens while a model is asked for a plan; told in the same chain as everything else."""

from typing import Literal

from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.finding import Finding
from lockstep.record import Record
from lockstep.usage import Bill


class GoalAsked(Record):
    """A plan was asked for; `replans` and `limit` are what its making may take."""

    type: Literal["goal.asked"] = "goal.asked"
    agent: str
    environment: str
    by: str
    goal: str
    model: str
    replans: int
    limit: Amount


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
