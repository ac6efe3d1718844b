"""What happened: typed, numbered, each bound to the one before it by its digest.

Events are not written down while a run goes on; they are a function of the run's history, and
whoever has the history can compute them again. A run returns the digest of its last event, so a
changed, dropped or added event shows against any copy of that one line.
"""

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue

from lockstep.amount import Amount
from lockstep.asked import (
    AnswerRefused,
    GrantGiven,
    QuestionAnswered,
    QuestionAsked,
    QuestionExpired,
)
from lockstep.canonical import Digest, digest
from lockstep.decision import Decision, Grounds
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.fork import Fork, RunForked
from lockstep.guard import Weighed
from lockstep.names import ToolName
from lockstep.outlay import Outlay
from lockstep.planned import (
    GoalAsked,
    GoalSampled,
    PlanApproved,
    PlanChecked,
    PlanLocked,
    PlannerAnswered,
    PlannerFailed,
    PlanningHalted,
    PlanProposed,
    PlanRejected,
)
from lockstep.record import Record, is_empty
from lockstep.replanned import RunReplanned, RunReplanning, RunRevised
from lockstep.stepped import (
    StepAttempted,
    StepBlocked,
    StepCaught,
    StepCompleted,
    StepCounted,
    StepDecided,
    StepEdited,
    StepFailed,
    StepGathered,
    StepGuarded,
    StepRecovering,
    StepReplaced,
    StepSkipped,
    StepStarted,
)

VERSION = "events/1"


class RunStarted(Record):
    """`planner_calls` is 0 for every run that begins with a lock. Where one command
    planned and ran, it counts that planning, and `planned` says what it cost. `mocked` are the
    tools that a mock answers for. `fork` is the run that this one is to go on from.
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
    planned: Outlay | None = Field(default=None, exclude_if=is_absent)
    mocked: tuple[ToolName, ...] = Field(default=(), exclude_if=is_empty)
    fork: Fork | None = Field(default=None, exclude_if=is_absent)


class RunVerified(Record):
    """`plan` is the decision on the whole of it, where policy speaks of that; `grounds` are what
    the run's decisions are made from, as long as nothing changes under it.
    """

    type: Literal["run.verified"] = "run.verified"
    build: str
    plan: Decision | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


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
    | GoalSampled
    | PlanProposed
    | PlanChecked
    | PlanApproved
    | PlanLocked
    | PlanRejected
    | RunStarted
    | RunVerified
    | RunForked
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
    | StepRecovering
    | StepCaught
    | StepReplaced
    | StepEdited
    | StepSkipped
    | StepFailed
    | RunReplanning
    | RunRevised
    | RunReplanned
    | QuestionAsked
    | QuestionAnswered
    | GrantGiven
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
