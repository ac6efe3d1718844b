"""May this step happen? The question, the answer, and the record of both.

Three answers: ALLOW, DENY, REQUIRE_APPROVAL. While a plan is only a plan some arguments are not
known yet; then, and only then, the answer may also be UNDECIDED, which promises nothing: the same
question is asked again, with the real arguments, immediately before the call. What cannot be
decided there is denied.
"""

from enum import StrEnum
from functools import cached_property
from typing import Literal

from pydantic import AwareDatetime, Field
from pydantic_core import to_json

from lockstep.canonical import Digest, JsonObject, canonical, digest, digest_bytes
from lockstep.fallback import is_absent
from lockstep.names import EnvironmentName, Person, ResourceKind, ResourceName, Role, RuleId
from lockstep.provenance import Provenance
from lockstep.record import Record, is_empty

PLAN = "plan.submit"
"""The action that stands for a plan as a whole, where a tool's name would stand."""


REPLAN = "plan.replan"
"""The action of planning anew what is left of a run."""


def is_missing(value: object) -> bool:
    return not value


class Outcome(StrEnum):
    """In order of strictness, the strictest last."""

    ALLOW = "ALLOW"
    UNDECIDED = "UNDECIDED"
    REQUIRE_APPROVAL = "REQUIRE_APPROVAL"
    DENY = "DENY"

    def stricter(self, other: "Outcome") -> "Outcome":
        ranks = list(Outcome)
        return max(self, other, key=ranks.index)


class Phase(StrEnum):
    """`plan`: asked of a proposal. `run`: asked of an attempt, immediately before the call."""

    PLAN = "plan"
    RUN = "run"


class Target(Record):
    """A resource a call touches: `metric` `node_load1`."""

    kind: ResourceKind
    name: ResourceName


class Grant(Record):
    """A human's yes, good for one rule of one policy on one step with these exact arguments."""

    run: str
    step: str
    rule: RuleId
    args_digest: Digest
    policy: Digest
    by: Person
    expires_at: AwareDatetime


class StandingGrant(Record):
    """A human's yes that holds for every run of one lock: for one rule of one policy on one step
    with these exact arguments, until it expires. `run` and `question` are where it was given.
    """

    lock: Digest
    step: str
    rule: RuleId
    args_digest: Digest
    policy: Digest
    by: Person
    given_at: AwareDatetime
    expires_at: AwareDatetime
    run: str
    question: str

    @cached_property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))


AnyGrant = Grant | StandingGrant


class Principal(Record):
    """Who acts: an agent in its role, set going by a named person or schedule."""

    agent: str
    role: Role
    started_by: Person
    trigger: Literal["person", "schedule"]


class Request(Record):
    """Everything a decision is made from; nothing else is looked at.

    `unknown` holds the JSON pointers of arguments that only the run will know; they are absent from
    `args`. It is empty at run time. `provenance` is known at both times, and says the same;
    `outward` is whether the call leaves our own walls.
    """

    phase: Phase
    principal: Principal
    environment: EnvironmentName
    stage: str
    step: str
    tool: str
    effect: str
    outward: bool
    provenance: Provenance
    args: JsonObject
    unknown: tuple[str, ...] = ()
    targets: tuple[Target, ...] = ()
    grants: tuple[AnyGrant, ...] = ()

    @cached_property
    def _written(self) -> bytes:
        """The arguments in canonical form; ValueError where they have none."""
        return canonical(self.args)

    @cached_property
    def args_digest(self) -> Digest:
        return digest_bytes(self._written)

    @property
    def asked(self) -> Digest:
        """Of the whole question but for the grants; ValueError for arguments that have none."""
        # By hand, in canonical order: to have it dumped and sorted takes as long as all else that
        # is said of a call. What is left of it are words, and those have one spelling.
        who = self.principal
        origins = self.provenance.model_dump(mode="json") if self.provenance else {}
        rest = to_json(
            {
                "effect": self.effect,
                "environment": self.environment,
                "outward": self.outward,
                "phase": self.phase,
                "principal": {
                    "agent": who.agent,
                    "role": who.role,
                    "started_by": who.started_by,
                    "trigger": who.trigger,
                },
                "provenance": dict(sorted(origins.items())),
                "stage": self.stage,
                "step": self.step,
                "targets": [{"kind": one.kind, "name": one.name} for one in self.targets],
                "tool": self.tool,
                "unknown": self.unknown,
            }
        )
        # Of all names of fields `args` is the first in canonical order.
        return digest_bytes(b'{"args":%b,%b' % (self._written, rest[1:]))


class Rule(Record):
    """A policy that took part in a decision; `approvers` are roles, any one of which suffices.

    `reads` are the facts about provenance that it looks at, such as `trusted.recipient`.
    """

    id: RuleId
    effect: Literal["permit", "forbid", "approval"]
    reason: str
    approvers: tuple[Role, ...] = ()
    reads: tuple[str, ...] = Field(default=(), exclude_if=is_empty)


class Grounds(Record):
    """What decisions are made from beside the question: the same for all calls of one world.

    `files` are the policy files that count, `vocabulary` what they were validated against (the
    Cedar schema), `environment` the things they were asked about, `engine` what evaluated them, by
    name and version.
    """

    files: dict[str, Digest]
    vocabulary: Digest
    environment: Digest
    engine: dict[str, str]

    @cached_property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json"))


class ShadowRule(Record):
    """A rule that is only tried, and what it would have made of the call if it counted."""

    id: RuleId
    would: Outcome
    reason: str

    def __str__(self) -> str:
        return f"{self.id} {_WOULD_HAVE[self.would]} ({self.reason})"


_WOULD_HAVE = {
    Outcome.ALLOW: "would have permitted it",
    Outcome.UNDECIDED: "could not have said",
    Outcome.REQUIRE_APPROVAL: "would have asked",
    Outcome.DENY: "would have DENIED",
}


class Shadow(Record):
    """What `shadow.cedar` would have said; `policy` is its digest, `errors` the rules of it that
    could not be evaluated.
    """

    policy: Digest
    would: tuple[ShadowRule, ...] = ()
    errors: tuple[str, ...] = ()

    @property
    def lines(self) -> tuple[str, ...]:
        """A line for each rule that has something to say."""
        return (
            *(str(rule) for rule in self.would),
            *(f"{name} could not be evaluated, and would have DENIED" for name in self.errors),
        )


class Decision(Record):
    """The answer with its grounds: reproducible from the request and the policy's digest.

    `rules` are those that decided, sorted by id; `missing` the approvals that no grant covers;
    `errors` names the policies that could not be evaluated. A denial without rules is the default:
    nothing permits the call; `permits` are those that were considered, and did not apply, or that
    apply once the approvals are there.

    `asked` is the digest of the question, `grounds` that of the `Grounds` it was decided on. A
    plan's decisions do without both: its proposal and its check hold them in full.

    `shadow` took no part in it, and is not covered by the digest: there only where the agent has
    rules that are tried.
    """

    outcome: Outcome
    phase: Phase
    step: str
    tool: str
    targets: tuple[Target, ...]
    args_digest: Digest
    provenance: Provenance = Field(default=Provenance(), exclude_if=is_empty)
    rules: tuple[Rule, ...] = ()
    missing: tuple[Rule, ...] = ()
    grants: tuple[AnyGrant, ...] = ()
    errors: tuple[str, ...] = ()
    permits: tuple[RuleId, ...] = Field(default=(), exclude_if=is_missing)
    policy: Digest
    engine: str
    asked: Digest | None = Field(default=None, exclude_if=is_absent)
    grounds: Digest | None = Field(default=None, exclude_if=is_absent)
    shadow: Shadow | None = Field(default=None, exclude_if=is_absent)

    @cached_property
    def digest(self) -> Digest:
        return digest(self.model_dump(mode="json", exclude={"shadow"}))

    @property
    def disallowed(self) -> bool:
        """Whether it is the tool itself that may not be called, and not what it would touch or
        whose words it would be given.
        """
        denied = (
            self.outcome is Outcome.DENY and not self.errors and self.tool not in (PLAN, REPLAN)
        )
        about_call = bool(self.targets) or any(rule.reads for rule in self.rules)
        return denied and not (self.rules and about_call)

    @property
    def why(self) -> str:
        """One clause: the rule's own reason, or what stood in for one."""
        if self.errors:
            return f"policy could not be evaluated ({', '.join(self.errors)})"
        if self.outcome is Outcome.ALLOW and self.grants:
            return _approved(self.grants[0])
        deciding = self.missing or self.rules
        if self.disallowed and deciding:
            return f"DisallowedToolError: {deciding[0].reason} ({deciding[0].id})"
        if deciding and self.outcome is not Outcome.ALLOW:
            return f"{deciding[0].id}: {deciding[0].reason}"
        if self.outcome is Outcome.DENY and self.tool == PLAN:
            return "no policy permits this plan as a whole"
        if self.tool == REPLAN and self.outcome is Outcome.REQUIRE_APPROVAL:
            return "no policy permits planning anew without a human"
        if self.outcome is Outcome.DENY:
            return f"DisallowedToolError: no policy permits `{self.tool}` here"
        if self.outcome is Outcome.UNDECIDED:
            return "depends on values that only the run will know"
        return deciding[0].id if deciding else "permitted"

    @property
    def told(self) -> str:
        """`why`, with every approval that is missing or was used. `why` names the first alone: it
        stands in events, whose digests have to come out the same again.
        """
        if self.errors:
            return self.why
        if self.outcome is Outcome.ALLOW and self.grants:
            return "; ".join(map(_approved, self.grants))
        if self.outcome is Outcome.REQUIRE_APPROVAL and self.missing:
            return "; ".join(f"{rule.id}: {rule.reason}" for rule in self.missing)
        return self.why


def _approved(given: AnyGrant) -> str:
    standing = isinstance(given, StandingGrant)
    stands = f", standing until {given.expires_at:%Y-%m-%d}" if standing else ""
    return f"{given.rule} approved by {given.by}{stands}"
