"""A lock: everything a run needs to be the same run again.

One canonical body, one SHA-256. Who proposed and who approved are statements about the digest and
stand outside it, so that two proposals of one plan give one lock.
"""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field, JsonValue, Tag, model_validator

from lockstep.action import Actions
from lockstep.agent import Asking
from lockstep.amount import Amount
from lockstep.canonical import Digest, digest
from lockstep.compose import InputName, Instruction, Long, MaxInputTokens, MaxTokens
from lockstep.decision import Outcome
from lockstep.duration import Duration
from lockstep.environment import Attribute, Limits, Stage
from lockstep.errors import LockstepError
from lockstep.fallback import MAX_FALLBACKS, Fallback, is_absent
from lockstep.guard import MAX_GUARDS, Guard
from lockstep.loop import ForEach
from lockstep.names import (
    AgentName,
    EnvironmentName,
    ErrorName,
    Person,
    Role,
    Sentence,
    StepId,
    ToolName,
)
from lockstep.output import OutputSchema
from lockstep.plan import BY_KIND, COMPOSE_TAG, TOOL_TAG, Composing, Flow, Steps
from lockstep.planner import Effort, ModelName
from lockstep.preflight import MAX_PREFLIGHTS
from lockstep.provenance import Provenance
from lockstep.record import Record, is_empty
from lockstep.statement import Asked, Author, Proposed, Statement
from lockstep.tool import MAX_ATTEMPTS, Effect, Idempotency, ToolSpec
from lockstep.trust import Trust, is_trusted

Attempts = Annotated[int, Field(ge=1, le=MAX_ATTEMPTS)]
"""Of one dispatch. What a lock says is reckoned with before it is held against its world, so that a
number which no tool could have must not be read.
"""

MAX_LOCK_BYTES = 1024 * 1024
"""A lock travels as one Temporal payload, which may hold 2 MiB; half is room for the rest."""


class LockedToolStep(Record, Flow):
    """A step with nothing left to choose.

    `needs` are all edges, sorted; `timeout` is start-to-close of one attempt, `deadline` is
    schedule-to-close of all attempts with their back-offs; `expected` is the verdict at plan time;
    `provenance` is what policy is told of where its arguments come from.
    """

    kind: Literal["tool"] = "tool"
    id: StepId
    tool: ToolName
    args: dict[str, JsonValue]
    when: tuple[Guard, ...] = Field(default=(), max_length=MAX_GUARDS, exclude_if=is_empty)
    on_error: dict[ErrorName, Fallback] = Field(
        default={}, max_length=MAX_FALLBACKS, exclude_if=is_empty
    )
    for_each: ForEach | None = Field(default=None, exclude_if=is_empty)
    needs: tuple[StepId, ...]
    reason: Sentence
    effect: Effect
    idempotency: Idempotency
    timeout: Duration
    heartbeat: Duration
    deadline: Duration
    attempts: Attempts
    backoff: Duration
    cost: Amount
    expected: Outcome
    provenance: Provenance = Field(default=Provenance(), exclude_if=is_empty)

    @property
    def name(self) -> str:
        return self.tool

    @property
    def worst_cost(self) -> Amount:
        """Of one dispatch; a loop has one for each item."""
        return self.cost.times(self.attempts)

    def spec(self, tools: Mapping[str, ToolSpec]) -> ToolSpec:
        """What the step is held against; KeyError for a tool that does not exist."""
        return tools[self.tool]


class LockedComposeStep(Record, Composing):
    """A question to a model with nothing left to choose.

    `models` are asked in their order, each only where the one before it refuses; `prompt` is the
    digest of the constant words that they are told; `cost` is of all calls that one attempt may
    make, at the dearest price. The rest is as in a locked tool step.
    """

    kind: Literal["compose"]
    id: StepId
    instruction: Instruction
    inputs: dict[InputName, JsonValue]
    output: OutputSchema
    models: tuple[ModelName, ...] = Field(min_length=1)
    effort: Effort
    prompt: Digest
    max_tokens: MaxTokens
    max_input_tokens: MaxInputTokens
    long: Long
    when: tuple[Guard, ...] = Field(default=(), max_length=MAX_GUARDS, exclude_if=is_empty)
    on_error: dict[ErrorName, Fallback] = Field(
        default={}, max_length=MAX_FALLBACKS, exclude_if=is_empty
    )
    for_each: ForEach | None = Field(default=None, exclude_if=is_empty)
    needs: tuple[StepId, ...]
    reason: Sentence
    timeout: Duration
    heartbeat: Duration
    deadline: Duration
    attempts: Attempts
    backoff: Duration
    cost: Amount
    expected: Outcome
    provenance: Provenance = Field(default=Provenance(), exclude_if=is_empty)

    @property
    def effect(self) -> Effect:
        return Effect.READ

    @property
    def idempotency(self) -> Idempotency:
        return Idempotency.NATURAL

    @property
    def worst_cost(self) -> Amount:
        """Of one dispatch; a loop has one for each item."""
        return self.cost.times(self.attempts)


LockedStep = LockedToolStep | LockedComposeStep
"""Every kind of locked step."""

AnyLockedStep = Annotated[
    Annotated[LockedToolStep, Tag(TOOL_TAG)] | Annotated[LockedComposeStep, Tag(COMPOSE_TAG)],
    BY_KIND,
]
"""The same, told apart by `kind`."""


class LockedPreflight(Record):
    """A look at the environment before the first step, and what must hold of what it shows."""

    step: LockedToolStep
    expect: Annotated[tuple[Guard, ...], Field(min_length=1, max_length=MAX_GUARDS)]


class Pins(Record):
    """Digests of what was true when the lock was made, each under the name a person would use."""

    policy: dict[str, Digest]
    environment: dict[str, Digest]
    tools: dict[ToolName, Digest]


class Body(Record):
    """What the digest covers. `resources` is the slice of the catalogue that the plan names, or
    that `recoveries` put in its place; those are what is done about each error of its tools.
    `literals` says whether what the plan writes down itself may be believed. `whole` says that
    policy decides about it as a whole, too. `parent` is there where the plan was made anew in the
    middle of a run: the lock that the run began with, or the last before this one.
    """

    lockstep: Literal["lock/1"] = "lock/1"
    agent: AgentName
    role: Role
    environment: EnvironmentName
    stage: Stage
    task_queue: str
    goal: Sentence
    inputs: dict[str, JsonValue]
    steps: Steps[AnyLockedStep]
    limits: Limits
    approvers: dict[Role, tuple[Person, ...]]
    asking: Asking
    resources: dict[str, dict[str, dict[str, Attribute]]]
    recoveries: dict[ToolName, dict[ErrorName, Actions]] = Field(default={}, exclude_if=is_empty)
    pins: Pins
    preflight: tuple[LockedPreflight, ...] = Field(
        default=(), max_length=MAX_PREFLIGHTS, exclude_if=is_empty
    )
    whole: bool = Field(default=False, exclude_if=is_empty)
    literals: Trust = Field(default=Trust.TRUSTED, exclude_if=is_trusted)
    parent: Digest | None = Field(default=None, exclude_if=is_absent)

    @property
    def mocked(self) -> tuple[ToolName, ...]:
        """The tools that a mock answers for in a run of this; what is pinned is what is there."""
        used = {step.tool for step in self.calls}
        return tuple(sorted(one for one in used if f"mocks.{one}" in self.pins.environment))

    @property
    def calls(self) -> tuple[LockedStep, ...]:
        """All that a run may call: the environment's looks, then the plan's steps."""
        return (*(one.step for one in self.preflight), *self.steps)


class Lock(Record):
    """The file that is committed, reviewed and run."""

    digest: Digest
    body: Body
    statements: tuple[Statement, ...] = ()

    @classmethod
    def freeze(cls, body: Body, *statements: Statement) -> "Lock":
        return cls(digest=digest(body.model_dump(mode="json")), body=body, statements=statements)

    def stating(self, *statements: Statement) -> "Lock":
        """The same lock, about which more is said."""
        return self.model_copy(update={"statements": (*self.statements, *statements)})

    def made_of(self, parent: "Lock") -> "Lock":
        """The same lock, made of another in the middle of a run: whoever wrote that one has a part
        in it. Where nobody says who did, a model is taken to have, and so of this one.
        """
        before = [one for one in parent.statements if isinstance(one, Proposed)]
        own = self.statements if before or self.planner else ()
        return self.model_copy(update={"statements": (*before, *own)})

    @model_validator(mode="after")
    def _digest_fits(self) -> "Lock":
        found = digest(self.body.model_dump(mode="json"))
        if found != self.digest:
            raise LockstepError.of(
                "LS-LOCK-001",
                "lock",
                f"the digest says `{self.digest[:19]}…`, the contents are `{found[:19]}…`",
                "make a new lock with `lockstep lock`; a lock is not edited by hand",
            )
        return self

    @property
    def steps(self) -> Steps[AnyLockedStep]:
        return self.body.steps

    @property
    def author(self) -> Author:
        """Who wrote the plan, as far as its statements say."""
        return Author.said(self.statements)

    @property
    def planner(self) -> Asked | None:
        """The model that wrote the plan, where a statement names one."""
        said = [one.planner for one in self.statements if isinstance(one, Proposed)]
        return next((one for one in said if one is not None), None)
