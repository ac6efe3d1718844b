"""May this step happen?

One question, asked before every step and answered from data alone. A forbid beats any permit, and
silence means no. We add a third answer, approval, which beats a permit and loses to a forbid: the
rules in `approvals.cedar` are forbids that a named role can lift.

We differ from Cedar in one place: Cedar skips a rule that fails to evaluate, so a broken forbid
reads as consent. Here a broken rule denies, and says so.

A grant counts if it is for this step, this rule, these arguments and this policy. That it is for
this run and has not expired is for the caller to see: there is no clock here.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import Any

import cedarpy

from lockstep.canonical import Digest, digest
from lockstep.decision import Decision, Phase, Principal, Request, Target
from lockstep.environment import Environment
from lockstep.errors import LockstepError
from lockstep.tool import ToolSpec
from policies.cedar.advice import one_line
from policies.cedar.foresight import foreseen
from policies.cedar.judgement import judged
from policies.cedar.load import load, schema_of
from policies.cedar.question import Question, Slice, Uid
from policies.cedar.rules import CedarRule
from policies.cedar.schema import (
    AGENT,
    ENVIRONMENT,
    Vocabulary,
    agent,
    context,
    entities,
    vocabulary,
)
from policies.cedar.targets import may_name
from policies.cedar.types import Misfit
from policies.cedar.verdict import Grants, Verdict, broken, strictest
from policies.decider import PolicyTexts

ENGINE = f"cedarpy {version('cedarpy')}"
NO_DIGEST = Digest("")
"""Stands for arguments that canonical JSON cannot write; such a call is denied."""
_PRINCIPALS = 64
"""How many principals' stores are kept; an agent is one, so this is never reached in earnest."""


@dataclass(frozen=True, eq=False)
class CedarDecider:
    """A `Decider` over Cedar policies; may be shared between threads."""

    policy: Digest
    engine: str
    _environment: Environment
    _inputs: Mapping[str, Mapping[str, Any]]
    _words: Vocabulary
    _schema: cedarpy.Schema
    _store: cedarpy.Entities
    _rules: tuple[CedarRule, ...]
    _slices: dict[str, Slice] = field(default_factory=dict)
    _stores: dict[tuple[str, str], cedarpy.Entities] = field(default_factory=dict)

    @classmethod
    def load(
        cls, texts: PolicyTexts, tools: Mapping[str, ToolSpec], environment: Environment
    ) -> "CedarDecider":
        """Parsed, validated and ready; LS-POLICY-001 with everything that is wrong."""
        words = vocabulary(tools, environment)
        schema = schema_of(words)
        rules = load(texts, words, schema)
        known: dict[str, Any] = {"files": texts.digests(), "schema": words.document}
        return cls(
            policy=digest(known),
            engine=ENGINE,
            _environment=environment,
            _inputs={name: spec.input for name, spec in tools.items()},
            _words=words,
            _schema=schema,
            _store=_stored(environment, words, schema),
            _rules=rules,
        )

    def decide(self, request: Request) -> Decision:
        """Never raises.

        `errors` names rules, or says what else stood in the way: `arguments`, `engine`,
        `environment`, `request`, `unknown-arguments`, `unknown-target`, `unknown-tool`.
        """
        try:
            args_digest = request.args_digest
        except ValueError:
            args_digest = NO_DIGEST
        verdict = self._verdict(request, args_digest)
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
            policy=self.policy,
            engine=self.engine,
        )

    def _verdict(self, request: Request, args_digest: Digest) -> Verdict:
        here = (self._environment.name, self._environment.stage)
        if request.tool not in self._words.args:
            return broken("unknown-tool")
        if (request.environment, request.stage) != here:
            return broken("environment")
        if request.unknown and request.phase is Phase.RUN:
            return broken("unknown-arguments")
        # Existence was checked before. A name that does not exist would slip past every rule about
        # what does, so it is checked again.
        if not all(self._exists(request.tool, target) for target in request.targets):
            return broken("unknown-target")
        if args_digest == NO_DIGEST:
            return broken("arguments")
        try:
            return self._asked(request, Grants.of(request, args_digest, self.policy))
        except Misfit:
            return broken("arguments")
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception, and its text may hold arguments
            return broken("engine")

    def _asked(self, request: Request, grants: Grants) -> Verdict:
        about = self._slice(request.tool)
        if request.unknown:
            return strictest(foreseen(one, about, grants) for one in self._questions(request))
        schema = self._schema
        return strictest(judged(one, about, schema, grants) for one in self._questions(request))

    def _questions(self, request: Request) -> Iterator[Question]:
        """One for each target; for a call that touches nothing, one about the environment."""
        known = json.dumps(context(request, self._words.args[request.tool]))
        store = self._store_with(request.principal)
        for resource in self._resources(request):
            yield Question(
                principal=Uid(AGENT, request.principal.agent),
                action=Uid("Action", request.tool),
                resource=resource,
                context=known,
                store=store,
            )

    def _resources(self, request: Request) -> list[Uid | None]:
        targets: list[Uid | None] = [
            Uid(self._words.types[target.kind], target.name)
            for target in _each_once(request.targets)
        ]
        if self._words.targets[request.tool]:
            schema = self._inputs[request.tool]
            if any(may_name(schema, at) for at in request.unknown):
                targets.append(None)
        return targets or [Uid(ENVIRONMENT, self._environment.name)]

    def _exists(self, tool: str, target: Target) -> bool:
        members = self._environment.resources.get(target.kind, {})
        return target.kind in self._words.targets[tool] and target.name in members

    def _slice(self, tool: str) -> Slice:
        found = self._slices.get(tool)
        if found is None:
            found = self._slices[tool] = Slice.of(self._rules, tool)
        return found

    def _store_with(self, principal: Principal) -> cedarpy.Entities:
        who = (principal.agent, principal.role)
        found = self._stores.get(who)
        if found is None:
            if len(self._stores) >= _PRINCIPALS:
                self._stores.clear()
            found = self._store.with_added_json_str(json.dumps([agent(principal)]))
            self._stores[who] = found
        return found


def _each_once(targets: tuple[Target, ...]) -> tuple[Target, ...]:
    return tuple(sorted(set(targets), key=lambda target: (target.kind, target.name)))


def _stored(
    environment: Environment, words: Vocabulary, schema: cedarpy.Schema
) -> cedarpy.Entities:
    try:
        members = entities(environment, words.types)
        return cedarpy.Entities.from_json_str(json.dumps(members), schema)
    except ValueError as error:
        raise LockstepError.of(
            "LS-POLICY-001",
            f"environment `{environment.name}`",
            f"Cedar cannot be told of its resources: {one_line(str(error))}",
            "write numbers of at most 64 bits and plain names",
        ) from None
