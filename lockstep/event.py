"""What happened: typed, numbered, each bound to the one before it by its digest.

Events are not written down while a run goes on; they are a function of the run's history, and
whoever has the history can compute them again. A run returns the digest of its last event, so a
changed, dropped or added event shows against any copy of that one line.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.compose import Composed
from lockstep.decision import Decision, Rule, Target
from lockstep.escalation import Question, Verdict
from lockstep.fallback import Fallback, is_absent
from lockstep.finding import Finding
from lockstep.guard import Weighed
from lockstep.names import Person, ToolName
from lockstep.outcome import Attempt
from lockstep.plan import is_empty
from lockstep.planner_event import GoalAsked, PlannerAnswered, PlannerFailed, PlanningHalted
from lockstep.record import Record
from lockstep.value import Value

VERSION = "events/1"

Item = Annotated[int | None, Field(exclude_if=is_absent)]
"""Which item of a loop this is about, from 0; not there where the step is no loop."""


class PlanProposed(Record):
    """`planner_calls` is how many requests to a model it took; 0 for a plan written by hand."""

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
    """`planner_calls` is 0 for every run of a lock: nothing asks a model again. `mocked` are the
    tools that a mock answers for.
    """

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
    mocked: tuple[ToolName, ...] = Field(default=(), exclude_if=is_empty)


class RunVerified(Record):
    type: Literal["run.verified"] = "run.verified"
    build: str


class RunRefused(Record):
    """Nothing of the plan was begun; `spent` is what it took to look, where a look was taken."""

    type: Literal["run.refused"] = "run.refused"
    findings: tuple[Finding, ...]
    spent: Amount | None = Field(default=None, exclude_if=is_absent)


class PreflightChecked(Record):
    """The environment was looked at before the first step; the run begins if all of it holds.

    The call itself is told like any step's, under `step`.
    """

    type: Literal["preflight.checked"] = "preflight.checked"
    preflight: str
    step: str
    holds: bool
    comparisons: tuple[Weighed, ...]


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
    """The decision an attempt was made under, or held back by."""

    type: Literal["step.decided"] = "step.decided"
    step: str
    item: Item = None
    decision: Decision


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


class StepCaught(Record):
    """The tool signalled an error for which the plan has a fallback, which is taken."""

    type: Literal["step.caught"] = "step.caught"
    step: str
    item: Item = None
    error: str
    detail: str
    fallback: Fallback
    spent: Amount
    mocked: bool = False


class StepReplaced(Record):
    """The step's output is another's: that of the step `by`, or one that the plan gives."""

    type: Literal["step.replaced"] = "step.replaced"
    step: str
    item: Item = None
    by: str | None = None
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
    GoalAsked
    | PlannerAnswered
    | PlannerFailed
    | PlanningHalted
    | PlanProposed
    | PlanChecked
    | PlanLocked
    | PlanRejected
    | RunStarted
    | RunVerified
    | RunRefused
    | PreflightChecked
    | StepGuarded
    | StepStarted
    | StepDecided
    | StepAttempted
    | StepCompleted
    | StepBlocked
    | StepCounted
    | StepGathered
    | StepCaught
    | StepReplaced
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


class Mocked(StrEnum):
    """What of an event is not real: something of its run, or the very call that it is about."""

    RUN = "run"
    STEP = "step"


class Event(Record):
    """One link: `digest` covers everything else, `prev` is the link before.

    `mocked` is there in every event of a run in which a mock answers for some tool.
    """

    seq: int
    at: AwareDatetime
    prev: Digest
    what: Happening
    mocked: Mocked | None = Field(default=None, exclude_if=is_absent)
    digest: Digest

    @property
    def line(self) -> dict[str, JsonValue]:
        dumped: dict[str, JsonValue] = self.model_dump(mode="json")
        return dumped


def genesis(workflow: str) -> Digest:
    """What the first event is bound to: the version of the events and the workflow they tell of."""
    return digest({"events": VERSION, "workflow": workflow})


def link(
    seq: int, at: AwareDatetime, prev: Digest, what: Happening, mocked: Mocked | None = None
) -> Event:
    unsigned = {
        "seq": seq,
        "at": at.isoformat(),
        "prev": prev,
        "what": what.model_dump(mode="json"),
        **({"mocked": mocked.value} if mocked else {}),
    }
    return Event(seq=seq, at=at, prev=prev, what=what, mocked=mocked, digest=digest(unsigned))


def step_of(what: Happening) -> str | None:
    """The step that something happened to; None where it is about the whole."""
    if isinstance(what, QuestionAsked):
        return what.question.step
    return getattr(what, "step", None)


def broken_at(workflow: str, events: list[Event]) -> int | None:
    """The number of the first event that does not follow from those before it; None if all do."""
    prev = genesis(workflow)
    for seq, event in enumerate(events, start=1):
        if event != link(seq, event.at, prev, event.what, event.mocked):
            return seq
        prev = event.digest
    return None
