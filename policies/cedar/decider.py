"""May this step happen?

One question, asked before every step and answered from data alone. A forbid beats any permit, and
silence means no. We add a third answer, approval, which beats a permit and loses to a forbid: the
rules in `approvals.cedar` are forbids that a named role can lift.

We differ from Cedar in one place: Cedar skips a rule that fails to evaluate, so a broken forbid
reads as consent. Here a broken rule denies, and says so.

Rules in `shadow.cedar` are asked once that is over, and only written down.

A grant counts if it is for this step, this rule, these arguments and this policy. That it is for
this run or this lock and has not expired is for the caller to see: there is no clock here.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

from lockstep.canonical import Digest, digest, digest_bytes
from lockstep.decision import (
    PLAN,
    REPLAN,
    Decision,
    Grounds,
    Phase,
    Request,
    Shadow,
    Target,
)
from lockstep.environment import Attribute, Environment
from lockstep.revision import Replanning
from lockstep.submission import Submission
from lockstep.tool import ToolSpec
from policies.cedar.load import load, schema_of
from policies.cedar.own import OwnPolicy, own
from policies.cedar.question import Facts, Question, Uid
from policies.cedar.reads import Reads
from policies.cedar.replan import ReplanPolicy
from policies.cedar.rules import CedarRule
from policies.cedar.schema import (
    AGENT,
    ENVIRONMENT,
    Vocabulary,
    context,
    entities,
    vocabulary,
)
from policies.cedar.shadow import ShadowPolicy
from policies.cedar.slices import Slice
from policies.cedar.store import Store
from policies.cedar.targets import may_name
from policies.cedar.types import Misfit
from policies.cedar.verdict import Grants, Verdict, broken, strictest
from policies.cedar.whole import PlanPolicy
from policies.decider import SHADOW, PolicyTexts

ENGINE = f"cedarpy {version('cedarpy')}"
VERSIONS = {"cedarpy": version("cedarpy"), "cedar": ".".join(version("cedarpy").split(".")[:2])}
"""By its own convention a release of cedarpy is called as the Cedar in it, but for the patch."""
NO_DIGEST = Digest("")
"""Stands for arguments that canonical JSON cannot write; such a call is denied."""


@dataclass(frozen=True, eq=False)
class CedarDecider:
    """A `Decider` over Cedar policies; may be shared between threads."""

    policy: Digest
    engine: str
    grounds: Grounds
    _environment: Environment
    _inputs: Mapping[str, Mapping[str, Any]]
    _words: Vocabulary
    _store: Store
    _rules: tuple[CedarRule, ...]
    _shadow: ShadowPolicy | None
    _plans: PlanPolicy
    _anew: ReplanPolicy
    _names_steps: bool
    _slices: dict[tuple[str, str | None], Slice] = field(default_factory=dict)

    @classmethod
    def load(
        cls, texts: PolicyTexts, tools: Mapping[str, ToolSpec], environment: Environment
    ) -> "CedarDecider":
        """Parsed, validated and ready; LS-POLICY-001 with everything that is wrong."""
        words = vocabulary(tools, environment)
        schema = schema_of(words)
        rules = load(texts, words, schema)
        known: dict[str, Any] = {"files": texts.digests(), "schema": words.document}
        calls = [rule for rule in rules if not own(rule)]
        tried = [rule for rule in calls if rule.file == SHADOW]
        shadow = digest_bytes(texts.shadow.encode())
        held = entities(environment, words.types)
        # Before its digest is made: what Cedar cannot be told, canonical JSON often cannot say.
        store = Store.of(environment, words, held, schema)
        return cls(
            policy=digest(known),
            engine=ENGINE,
            grounds=Grounds(
                files=texts.digests(),
                vocabulary=digest(words.document),
                environment=digest(held),
                engine=VERSIONS,
            ),
            _environment=environment,
            _inputs={name: spec.input for name, spec in tools.items()},
            _words=words,
            _store=store,
            _rules=tuple(rule for rule in calls if rule.file != SHADOW),
            _shadow=ShadowPolicy.of(shadow, tried, words.document) if tried else None,
            _plans=PlanPolicy(OwnPolicy.of(PLAN, rules, environment, shadow)),
            _anew=ReplanPolicy(OwnPolicy.of(REPLAN, rules, environment, shadow)),
            _names_steps=Reads.of(rule.looks_at for rule in calls).looks_at("step"),
        )

    @property
    def submits(self) -> bool:
        return self._plans.own.counts

    @property
    def weighs_plans(self) -> bool:
        return self._plans.own.speaks

    @property
    def names_steps(self) -> bool:
        return self._names_steps

    def submit(self, request: Submission) -> Decision | None:
        """As `decide`, of a whole plan."""
        if not self._plans.own.speaks:
            return None
        made = self._plans.submit(request, self.policy, self.engine)
        if request.phase is not Phase.RUN:
            return made
        known = {"asked": request.facts, "grounds": self.grounds.digest}
        return made.model_copy(update=known)

    def replan(self, request: Replanning) -> Decision:
        """As `decide`, of planning anew."""
        made = self._anew.decide(request, self.policy, self.engine)
        known = {"asked": request.facts, "grounds": self.grounds.digest}
        return made.model_copy(update=known)

    def decide(self, request: Request) -> Decision:
        """Never raises.

        `errors` names rules, or says what else stood in the way: `arguments`, `engine`,
        `environment`, `request`, `unknown-arguments`, `unknown-target`, `unknown-tool`.
        """
        try:
            args_digest = request.args_digest
        except ValueError:
            args_digest = NO_DIGEST
        is_run = request.phase is Phase.RUN
        obstacle = self._obstacle(request, args_digest)
        verdict = broken(obstacle) if obstacle else self._verdict(request, args_digest)
        return Decision(
            outcome=verdict.outcome,
            phase=request.phase,
            step=request.step,
            tool=request.tool,
            targets=_each_once(request.targets),
            args_digest=args_digest,
            provenance=request.provenance,
            rules=verdict.rules,
            missing=verdict.missing,
            grants=verdict.grants,
            errors=verdict.errors,
            permits=verdict.permits,
            policy=self.policy,
            engine=self.engine,
            asked=_asked(request) if is_run else None,
            grounds=self.grounds.digest if is_run else None,
            shadow=None if obstacle else self._tried(request, verdict),
        )

    def _obstacle(self, request: Request, args_digest: Digest) -> str:
        """What keeps the question from being put at all."""
        here = (self._environment.name, self._environment.stage)
        if request.tool not in self._words.args:
            return "unknown-tool"
        if (request.environment, request.stage) != here:
            return "environment"
        if request.unknown and request.phase is Phase.RUN:
            return "unknown-arguments"
        # Existence was checked before. A name that does not exist would slip past every rule about
        # what does, so it is checked again.
        if not all(self._exists(request.tool, target) for target in request.targets):
            return "unknown-target"
        # Of a plan a step's tool may not exist, and is found elsewhere; nothing real came from one.
        if not request.unknown and not {*request.provenance.sources} <= self._words.args.keys():
            return "request"
        return "arguments" if args_digest == NO_DIGEST else ""

    def _tried(self, request: Request, verdict: Verdict) -> Shadow | None:
        if self._shadow is None:
            return None
        questions = self._questions(request)
        return self._shadow.said(request.tool, questions, verdict, known=not request.unknown)

    def _verdict(self, request: Request, args_digest: Digest) -> Verdict:
        try:
            return self._asked(request, Grants.of(request, args_digest, self.policy))
        except Misfit:
            return broken("arguments")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception, and its text may hold arguments
            return broken("engine")

    def _asked(self, request: Request, grants: Grants) -> Verdict:
        # Targets that no rule tells apart get one verdict.
        verdicts: dict[int, Verdict] = {}
        seen: set[Slice] = set()
        for question in self._questions(request):
            about = self._slice(request.tool, question.resource)
            if about.blind and about in seen:
                continue
            seen.add(about)
            verdict = about.verdict(question, grants, known=not request.unknown)
            verdicts[id(verdict)] = verdict
        return strictest(verdicts.values())

    def _questions(self, request: Request) -> Iterator[Question]:
        """One for each target; for a call that touches nothing, one about the environment."""
        facts = Facts(
            context(request, self._words.args[request.tool]), self._words.context(request.tool)
        )
        store = self._store.told_of(request.principal)
        principal, action = Uid(AGENT, request.principal.agent), Uid("Action", request.tool)
        for resource, attributes in self._resources(request):
            yield Question(
                principal=principal,
                role=request.principal.role,
                action=action,
                resource=resource,
                attributes=attributes,
                facts=facts,
                store=store,
            )

    def _resources(self, request: Request) -> list[tuple[Uid | None, Mapping[str, Attribute]]]:
        found: list[tuple[Uid | None, Mapping[str, Attribute]]] = [
            self._store.things[target.kind, target.name] for target in _each_once(request.targets)
        ]
        if self._words.targets[request.tool]:
            schema = self._inputs[request.tool]
            if any(may_name(schema, at) for at in request.unknown):
                found.append((None, {}))
        return found or [(Uid(ENVIRONMENT, self._environment.name), {})]

    def _exists(self, tool: str, target: Target) -> bool:
        known = (target.kind, target.name) in self._store.things
        return known and target.kind in self._words.targets[tool]

    def _slice(self, tool: str, resource: Uid | None) -> Slice:
        key = (tool, resource.type if resource else None)
        found = self._slices.get(key)
        if found is None:
            found = self._slices[key] = Slice.of(self._rules, *key)
        return found


def _asked(request: Request) -> Digest | None:
    """None for a question that canonical JSON cannot write; such a one is denied."""
    try:
        return request.asked
    except ValueError:
        return None


def _each_once(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    if len(targets) < 2:
        return targets
    # By name: a record takes long to compare, and a call may touch hundreds.
    return tuple(one for _, one in sorted({(one.kind, one.name): one for one in targets}.items()))
