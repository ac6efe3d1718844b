"""The model that plans: what it is asked, what it answers, and how far planning may go here."""

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field, JsonValue
from temporalio import activity

from lockstep.agent import Asking
from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.duration import Duration
from lockstep.fallback import is_absent
from lockstep.finding import Finding
from lockstep.names import AgentName, EnvironmentName, Person, Role, Sentence
from lockstep.record import Record
from lockstep.revision import Course
from lockstep.usage import Bill


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


class Planner(ABC):
    """The model that plans: one question at a time, counted."""

    @activity.defn(name="lockstep.brief")
    @abstractmethod
    async def brief(self, goal: Goal) -> Brief: ...

    @activity.defn(name="lockstep.propose")
    @abstractmethod
    async def propose(self, ask: Ask) -> Reply:
        """An answer, or a failure typed by its code whose details hold the `Bill` so far."""
