"""A run whose rest is planned anew: how far it had come, what the model is told of that, and what
policy is asked.

What is done stays as it was locked, under its id. What was sent out and has no output is given up,
and its id is not used again: a call is known by its step, and a new one must not be taken for it.
The rest is replaced.
"""

from functools import cached_property
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.decision import REPLAN, Principal
from lockstep.fallback import Fallback, is_absent, owners, stand_ins
from lockstep.guard import Guard
from lockstep.lock import Body, LockedStep
from lockstep.loop import ForEach, label
from lockstep.names import EnvironmentName, ErrorName, Person, Sentence, StepId, ToolName
from lockstep.record import Record, is_empty

ACTION = REPLAN
MAX_DETAIL = 500
"""Characters of what an error says of itself."""


class Signal(Record):
    """An error that a tool signalled, for which the rest is to be planned anew."""

    step: StepId
    item: Annotated[int | None, Field(exclude_if=is_absent)] = None
    tool: ToolName
    error: ErrorName
    detail: Annotated[str, Field(max_length=MAX_DETAIL)]

    def __str__(self) -> str:
        return f"{label(self.step, self.item)}: {self.tool} signalled {self.error}({self.detail})"


class Progress(Record):
    """How far a run of `lock` has come. `done` have an output, `skipped` were left out, `begun`
    were sent out and have none; `gone` are all that will not run any more. `left` is what of the
    run's budget is neither spent nor set aside; `replans` how often the model was asked so far.

    `given_up` are steps of locks before this one that were sent out and have no output. `ends` says
    how the calls of steps ended that have none, where `signals` do not: in which errors, or in a
    way that leaves open what they did, which has no name.
    """

    lock: Digest
    body: Body
    done: tuple[StepId, ...]
    skipped: tuple[StepId, ...]
    gone: tuple[StepId, ...]
    begun: tuple[StepId, ...]
    signals: Annotated[tuple[Signal, ...], Field(min_length=1)]
    edits: dict[StepId, tuple[dict[str, JsonValue], ...]] = Field(default={}, exclude_if=is_empty)
    hollow: tuple[StepId, ...] = Field(default=(), exclude_if=is_empty)
    given_up: tuple[LockedStep, ...] = Field(default=(), exclude_if=is_empty)
    ends: dict[StepId, tuple[str, ...]] = Field(default={}, exclude_if=is_empty)
    left: Amount
    replans: Annotated[int, Field(ge=0)]
    started_by: Person
    trigger: Literal["person", "schedule"]

    @cached_property
    def kept(self) -> tuple[LockedStep, ...]:
        """The steps that stay: those that are over, and what might have stood in for them, unless
        that needs a step which does not stay.
        """
        over, whose = {*self.done, *self.skipped}, owners(self.body.steps)
        for step in self.body.steps:
            # A stand-in comes after the step that it stands in for, and after all that it needs.
            owner = whose.get(step.id)
            if owner in over and over.issuperset({*step.needs} - {owner}):
                over.add(step.id)
        return tuple(step for step in self.body.steps if step.id in over)

    @cached_property
    def used(self) -> frozenset[str]:
        """The ids that no new step may have."""
        kept = [one for step in self.kept for one in (step.id, *stand_ins(step))]
        return frozenset({*kept, *self.begun, *self.gone})

    @property
    def pending(self) -> tuple[LockedStep, ...]:
        """The steps that were still to come."""
        return tuple(step for step in self.body.steps if step.id not in self.used)

    @property
    def abandoned(self) -> tuple[LockedStep, ...]:
        """The steps that were sent out, and are given up: now, or when planned anew before."""
        here = (step for step in self.body.steps if step.id in {*self.begun})
        return (*self.given_up, *here)


State = Literal["done", "left out", "given up", "still to come"]


class Passed(Record):
    """A step as the model is told of it: what the lock says, and nothing of what it gave.

    Whoever is to list a step again has to know all of it: `output` is the schema of what a compose
    step gives.
    """

    id: StepId
    tool: ToolName
    args: dict[str, JsonValue]
    when: tuple[Guard, ...] = Field(default=(), exclude_if=is_empty)
    for_each: ForEach | None = Field(default=None, exclude_if=is_absent)
    on_error: dict[ErrorName, Fallback] = Field(default={}, exclude_if=is_empty)
    output: dict[str, JsonValue] | None = Field(default=None, exclude_if=is_absent)
    reason: Sentence
    state: State


class Course(Record):
    """A run so far, in what a model may read."""

    steps: tuple[Passed, ...]
    signals: tuple[Signal, ...]


class Replanning(Record):
    """Everything that a decision on planning anew is made from.

    `errors`, `tools` and `done` are sorted: what was signalled, by which tools, and which tools
    have given an output. `untrusted` and `sensitive` are of what was signalled; `unknown` says that
    a step which is given up may have done something. `about` is the lock that is departed from.
    """

    principal: Principal
    environment: EnvironmentName
    stage: str
    errors: tuple[ErrorName, ...]
    tools: tuple[ToolName, ...]
    done: tuple[ToolName, ...]
    untrusted: bool
    sensitive: bool
    unknown: bool
    replans: Annotated[int, Field(ge=0)]
    about: Digest

    @cached_property
    def facts(self) -> Digest:
        """Of all that is asked."""
        return digest(self.model_dump(mode="json"))
