"""Verdicts on plans, locks and changes: what they are about, and what they come to."""

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import AwareDatetime, Field, JsonValue
from temporalio import activity

from lockstep.canonical import Digest, ExactObject
from lockstep.checked import Checked
from lockstep.decision import Decision, Grounds
from lockstep.escalation import Question
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.lock import Body, Lock
from lockstep.names import AgentName, EnvironmentName, Person, StepId
from lockstep.record import Record, is_empty
from lockstep.revision import Course, Progress
from lockstep.statement import Asked, Author, Statement
from lockstep.submission import Wanted
from lockstep.trust import Trust, is_trusted


class Proposal(Record):
    """A plan as it came, not yet trusted to be one, and who put it forward for which world.

    `planner` is there where a model wrote it; `refreshes` is the lock whose plan it is, where one
    is made anew, `author` who wrote that one, and `literals` how far it believed what the plan
    writes down itself. With `revises` the plan holds what is still to be done in a run that has
    come so far.
    """

    plan: JsonValue
    agent: AgentName
    environment: EnvironmentName
    by: Person
    planner: Asked | None = None
    author: Author | None = Field(default=None, exclude_if=is_absent)
    refreshes: Digest | None = Field(default=None, exclude_if=is_absent)
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)
    revises: Progress | None = Field(default=None, exclude_if=is_absent)


class Submitted(Record):
    """What policy is told of a lock as a whole: its digest, what is said about it, who starts it
    and when.
    """

    lock: Digest
    statements: tuple[Statement, ...]
    by: Person
    trigger: Literal["person", "schedule"]
    at: AwareDatetime


class Verify(Record):
    """A lock that somebody wants to run now, with these inputs. `submitted` is there where the lock
    says that policy decides about it as a whole.
    """

    body: Body
    inputs: dict[str, JsonValue]
    submitted: Submitted | None = Field(default=None, exclude_if=is_absent)


class Verified(Record):
    """`inputs` have their defaults filled in; a run with any finding does not start. `plan` is the
    decision on the lock as a whole, `approval` what has to be said yes to first; `grounds` are what
    decisions are made from here.
    """

    build: str
    findings: tuple[Finding, ...]
    inputs: dict[str, JsonValue]
    plan: Decision | None = Field(default=None, exclude_if=is_absent)
    approval: Wanted | None = Field(default=None, exclude_if=is_absent)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class Permitted(Record):
    """Whether what is left of a run may be planned anew: policy's `decision`, and `approval`, what
    has to be said yes to before the run goes on. `course` is what a model is told of the run, and
    `literals` how far to believe what it then writes.
    """

    decision: Decision
    findings: tuple[Finding, ...] = ()
    approval: Wanted | None = Field(default=None, exclude_if=is_absent)
    course: Course
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)
    grounds: Grounds | None = Field(default=None, exclude_if=is_absent)


class Change(Record):
    """What a human wants changed: steps that will not run, one step's arguments, or its output.

    The question is there for who asks and which arguments were resolved; `edits` are arguments that
    were given before, by step, and `hollow` the steps whose output a human gave before.
    """

    body: Body
    gone: tuple[str, ...]
    question: Question
    started_by: Person
    trigger: Literal["person", "schedule"]
    edited: dict[str, JsonValue] | None
    edits: dict[str, tuple[dict[str, JsonValue], ...]] = Field(default={}, exclude_if=is_empty)
    supplied: ExactObject | None = Field(default=None, exclude_if=is_absent)
    hollow: tuple[StepId, ...] = Field(default=(), exclude_if=is_empty)


class Validator(ABC):
    """Verdicts on plans, locks and changes: quick, free of effects, recorded by the workflow."""

    @activity.defn(name="lockstep.check")
    @abstractmethod
    async def check(self, proposal: Proposal) -> Checked: ...

    @activity.defn(name="lockstep.freeze")
    @abstractmethod
    async def freeze(self, proposal: Proposal) -> Lock:
        """The lock of a proposal that passed; the findings again, as a failure, if it no longer
        does.
        """

    @activity.defn(name="lockstep.verify")
    @abstractmethod
    async def verify(self, request: Verify) -> Verified: ...

    @activity.defn(name="lockstep.replan")
    @abstractmethod
    async def replan(self, progress: Progress) -> Permitted: ...

    @activity.defn(name="lockstep.recheck")
    @abstractmethod
    async def recheck(self, change: Change) -> tuple[Finding, ...]:
        """What speaks against a human's change; empty if it may be made."""
