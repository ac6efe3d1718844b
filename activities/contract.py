"""What workflows may ask of the world, and nothing of how it is done.

Workflows import this file and never an implementation: it is what keeps the policy engine, the
tools and every SDK out of the workflow sandbox. Each promise is an abstract method, so a type
checker holds both sides to it.

A step is not in here: its activity is called by its tool's name, takes one `Dispatch` and
returns one `Report` (see `activities/perform.py`).
"""

from abc import ABC, abstractmethod
from typing import Literal

from pydantic import JsonValue
from temporalio import activity

from lockstep.checked import Checked
from lockstep.escalation import Question
from lockstep.finding import Finding
from lockstep.lock import Body, Lock
from lockstep.names import AgentName, EnvironmentName, Person
from lockstep.record import Record


class Proposal(Record):
    """A plan as it came, not yet trusted to be one, and who put it forward for which world."""

    plan: JsonValue
    agent: AgentName
    environment: EnvironmentName
    by: Person


class Verify(Record):
    """A lock that somebody wants to run now, with these inputs."""

    body: Body
    inputs: dict[str, JsonValue]


class Verified(Record):
    """`inputs` have their defaults filled in; a run with any finding does not start."""

    build: str
    findings: tuple[Finding, ...]
    inputs: dict[str, JsonValue]


class Change(Record):
    """What a human wants changed: steps that will not run, or one step's arguments.

    The question is there for who asks and which arguments were resolved.
    """

    body: Body
    gone: tuple[str, ...]
    question: Question
    started_by: Person
    trigger: Literal["person", "schedule"]
    edited: dict[str, JsonValue] | None


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

    @activity.defn(name="lockstep.recheck")
    @abstractmethod
    async def recheck(self, change: Change) -> tuple[Finding, ...]:
        """What speaks against a human's change; empty if it may be made."""
