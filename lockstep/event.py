"""What happened: typed, numbered, each bound to the one before it by its digest.

Events are not written down while a run goes on; they are a function of the run's history, and
whoever has the history can compute them again. A run returns the digest of its last event, so a
changed, dropped or added event shows against any copy of that one line.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.decision import Decision
from lockstep.escalation import Question, Verdict
from lockstep.finding import Finding
from lockstep.names import Person
from lockstep.outcome import Attempt
from lockstep.record import Record
from lockstep.value import Value

VERSION = "events/1"


class PlanProposed(Record):
    type: Literal["plan.proposed"] = "plan.proposed"
    agent: str
    environment: str
    by: str
    plan: Digest
    planner_calls: int = 0


class PlanChecked(Record):
    type: Literal["plan.checked"] = "plan.checked"
    findings: tuple[Finding, ...]
    decisions: tuple[Decision, ...]


class PlanLocked(Record):
    type: Literal["plan.locked"] = "plan.locked"
    lock: Digest


class PlanRejected(Record):
    type: Literal["plan.rejected"] = "plan.rejected"
    findings: tuple[Finding, ...]


class RunStarted(Record):
    """`planner_calls` is 0 for every run of a lock: nothing asks a model again."""

    type: Literal["run.started"] = "run.started"
    run: str
    lock: Digest
    agent: str
    environment: str
    started_by: str
    trigger: str
    scheduled_at: AwareDatetime
    inputs: dict[str, JsonValue]
    planner_calls: int = 0


class RunVerified(Record):
    type: Literal["run.verified"] = "run.verified"
    build: str


class RunRefused(Record):
    type: Literal["run.refused"] = "run.refused"
    findings: tuple[Finding, ...]


class StepStarted(Record):
    """The step was dispatched, with what was set aside for it."""

    type: Literal["step.started"] = "step.started"
    step: str
    tool: str
    dispatch: int
    reason: str
    reserved: Amount


class StepAttempted(Record):
    type: Literal["step.attempted"] = "step.attempted"
    step: str
    attempt: Attempt


class StepCompleted(Record):
    type: Literal["step.completed"] = "step.completed"
    step: str
    value: Value
    spent: Amount
    decision: Digest
    idempotency_key: str


class StepDecided(Record):
    """The decision an attempt was made under, or held back by."""

    type: Literal["step.decided"] = "step.decided"
    step: str
    decision: Decision


class StepBlocked(Record):
    """The call was held back: what was proposed, why it was proposed, and what stood in the way."""

    type: Literal["step.blocked"] = "step.blocked"
    step: str
    tool: str
    args: Value | None
    shown: str = ""
    reason: str
    why: str
    findings: tuple[Finding, ...] = ()


class StepEdited(Record):
    type: Literal["step.edited"] = "step.edited"
    step: str
    by: Person
    args: dict[str, JsonValue]


class StepSkipped(Record):
    type: Literal["step.skipped"] = "step.skipped"
    step: str
    because: str


class StepFailed(Record):
    type: Literal["step.failed"] = "step.failed"
    step: str
    finding: Finding
    spent: Amount


class QuestionAsked(Record):
    type: Literal["question.asked"] = "question.asked"
    question: Question


class QuestionAnswered(Record):
    type: Literal["question.answered"] = "question.answered"
    question: str
    step: str
    verdict: Verdict
    by: Person
    note: str
    door: Literal["update", "signal"]


class QuestionExpired(Record):
    type: Literal["question.expired"] = "question.expired"
    question: str
    step: str
    silence: str


class AnswerRefused(Record):
    """An answer came through the signal's door and could not be taken."""

    type: Literal["answer.refused"] = "answer.refused"
    finding: Finding


class RunCompleted(Record):
    type: Literal["run.completed"] = "run.completed"
    spent: Amount
    skipped: tuple[str, ...]


class RunFailed(Record):
    type: Literal["run.failed"] = "run.failed"
    finding: Finding
    spent: Amount


Happening = Annotated[
    PlanProposed
    | PlanChecked
    | PlanLocked
    | PlanRejected
    | RunStarted
    | RunVerified
    | RunRefused
    | StepStarted
    | StepDecided
    | StepAttempted
    | StepCompleted
    | StepBlocked
    | StepEdited
    | StepSkipped
    | StepFailed
    | QuestionAsked
    | QuestionAnswered
    | QuestionExpired
    | AnswerRefused
    | RunCompleted
    | RunFailed,
    Field(discriminator="type"),
]


class Event(Record):
    """One link: `digest` covers everything else, `prev` is the link before."""

    seq: int
    at: AwareDatetime
    prev: Digest
    what: Happening
    digest: Digest

    @property
    def line(self) -> dict[str, JsonValue]:
        dumped: dict[str, JsonValue] = self.model_dump(mode="json")
        return dumped


def genesis(workflow: str) -> Digest:
    """What the first event is bound to: the version of the events and the workflow they tell of."""
    return digest({"events": VERSION, "workflow": workflow})


def link(seq: int, at: AwareDatetime, prev: Digest, what: Happening) -> Event:
    unsigned = {
        "seq": seq,
        "at": at.isoformat(),
        "prev": prev,
        "what": what.model_dump(mode="json"),
    }
    return Event(seq=seq, at=at, prev=prev, what=what, digest=digest(unsigned))


def broken_at(workflow: str, events: list[Event]) -> int | None:
    """The number of the first event that does not follow from those before it; None if all do."""
    prev = genesis(workflow)
    for seq, event in enumerate(events, start=1):
        if event != link(seq, event.at, prev, event.what):
            return seq
        prev = event.digest
    return None
