"""What workflows may ask of the world, and nothing of how it is done.

Workflows import this file and never an implementation: it is what keeps the policy engine, the
tools and every SDK out of the workflow sandbox. Each promise is an abstract method, so a type
checker holds both sides to it.

A step is not in here: its activity is called by its tool's name, takes one `Dispatch` and
returns one `Report` (see `activities/perform.py`).
"""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, JsonValue
from temporalio import activity

from lockstep.agent import Asking
from lockstep.amount import Amount
from lockstep.canonical import Digest, Exact, ExactObject
from lockstep.checked import Checked
from lockstep.decision import Decision, Grounds
from lockstep.duration import Duration
from lockstep.escalation import Question
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.fork import Carry, Heritage
from lockstep.guard import Guard, Weighed
from lockstep.lock import Body, Lock
from lockstep.names import AgentName, EnvironmentName, Person, Role, Sentence, StepId
from lockstep.record import Record, is_empty
from lockstep.revision import Course, Progress
from lockstep.statement import Asked, Author, Statement
from lockstep.submission import Wanted
from lockstep.trust import Trust, is_trusted
from lockstep.usage import Bill
from lockstep.value import Value


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


class Goal(Record):
    """What somebody wants planned, and in which world. `course` is there in the middle of a run,
    where only the rest is to be planned.
    """

    goal: Annotated[Sentence, Field(min_length=1)]
    agent: AgentName
    environment: EnvironmentName
    by: Person
    course: Course | None = Field(default=None, exclude_if=is_absent)


class Brief(Record):
    """What planning may take here, or why there is none.

    `models` are asked in their order, each only where the one before it refuses; `reserve` is set
    aside for each call: what it may cost at most. `timeout` is of one call.
    """

    findings: tuple[Finding, ...] = ()
    models: tuple[str, ...] = ()
    replans: int = 0
    limit: Amount = Amount()
    reserve: Amount = Amount()
    timeout: Duration = timedelta(minutes=1)
    roles: tuple[Role, ...] = ()
    approvers: tuple[Person, ...] = ()
    asking: Asking = Asking()


class Rejected(Record):
    """A proposal that was not taken: the model's own words, as far as they are shown to it again,
    and what was found wrong.
    """

    text: str
    findings: tuple[Finding, ...]


class Ask(Record):
    """One question to the model, to that of the settings unless another is named. `room`
    multiplies the answer's length that is allowed.
    """

    goal: Goal
    rejected: Rejected | None = None
    room: int = 1
    model: str = ""


class Reply(Record):
    """What came of one question; everything that was billed for it is in `bill`.

    `plan` is there where `status` is `ok`; `findings` say why it is not. A call that was cancelled
    is answered too, because what it had cost until then would be lost with a failure.
    """

    status: Literal["ok", "invalid", "truncated", "refused", "cancelled"]
    plan: JsonValue = None
    gaps: tuple[str, ...] = ()
    text: str
    findings: tuple[Finding, ...] = ()
    model: str
    stop_reason: str
    request: str
    prompt: Digest
    bill: Bill


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


class Sources(Record):
    """What references draw from: outputs by reference, the run's inputs, what it may know of
    itself.
    """

    values: dict[str, Value]
    inputs: dict[str, JsonValue]
    run: dict[str, JsonValue]


class Weigh(Record):
    """The guards of one step, which is about to start."""

    guards: tuple[Guard, ...]
    sources: Sources


class Weighing(Record):
    """Each comparison as it came out; the step may start if all of them hold."""

    comparisons: tuple[Weighed, ...]

    @property
    def holds(self) -> bool:
        return all(one.holds for one in self.comparisons)


class Keep(Record):
    """A value that a plan gives for a step's output."""

    value: Exact


class Count(Record):
    """The list that a loop is to go through."""

    list: Exact
    sources: Sources


class Counted(Record):
    """How many items there are; None where there is no list, with the reason."""

    items: int | None
    problem: str = ""


class Gather(Record):
    """The outputs of a loop's items, in their order, and how many bytes they may have together."""

    items: tuple[Value, ...]
    most: int


class Gathered(Record):
    """The list of all of them by reference; None where it would be too large."""

    value: Value | None
    size: int


class Planner(ABC):
    """The model that plans: one question at a time, counted."""

    @activity.defn(name="lockstep.brief")
    @abstractmethod
    async def brief(self, goal: Goal) -> Brief: ...

    @activity.defn(name="lockstep.propose")
    @abstractmethod
    async def propose(self, ask: Ask) -> Reply:
        """An answer, or a failure typed by its code whose details hold the `Bill` so far."""


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


class Carrier(ABC):
    """What a run that goes on from another one may carry, proved by that one's history."""

    @activity.defn(name="lockstep.carry")
    @abstractmethod
    async def carry(self, request: Carry) -> Heritage:
        """What is carried, or findings that say why nothing is."""


class Reader(ABC):
    """What a run must know of stored values to go on: small answers, recorded by the workflow.

    The values themselves never enter it. A value that is missing or damaged is a failure typed by
    its code.
    """

    @activity.defn(name="lockstep.weigh")
    @abstractmethod
    async def weigh(self, request: Weigh) -> Weighing: ...

    @activity.defn(name="lockstep.keep")
    @abstractmethod
    async def keep(self, request: Keep) -> Value:
        """The value by reference, stored."""

    @activity.defn(name="lockstep.count")
    @abstractmethod
    async def count(self, request: Count) -> Counted: ...

    @activity.defn(name="lockstep.gather")
    @abstractmethod
    async def gather(self, request: Gather) -> Gathered: ...
