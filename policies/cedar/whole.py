"""May this plan be, as a whole? The rules that name `Action::"plan.submit"`, and no others.

They have a schema of their own: a plan has no arguments, and a tool no number of steps. A rule that
constrains no action speaks of calls. So a policy that was written before anybody thought of whole
plans means what it meant.

Where no permit names the action, a plan is permitted as a whole, because each of its steps has to
be permitted anyway. Where one does, that is a list of what may be, and the rest is denied.

    context      steps, calls, tokens, microdollars, replans: Long; tools, effects: Set of String;
                 model: Boolean; environment {name, stage}, phase, trigger, started_by: String
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cedarpy
from pydantic import JsonValue

from lockstep.canonical import Digest
from lockstep.decision import Decision
from lockstep.environment import Environment
from lockstep.submission import ACTION, SUBJECT, Submission
from policies.cedar.judgement import judged
from policies.cedar.question import Facts, Question, Uid
from policies.cedar.rules import CedarRule
from policies.cedar.schema import AGENT, ENVIRONMENT, Vocabulary, agent, place
from policies.cedar.shadow import ShadowPolicy
from policies.cedar.slices import Slice
from policies.cedar.types import Fields
from policies.cedar.verdict import Grants, Verdict, broken
from policies.decider import SHADOW

_STRING = {"type": "String"}
_LONG = {"type": "Long"}
_STRINGS = {"type": "Set", "element": _STRING}


def about_plans(rule: CedarRule) -> bool:
    return rule.tools is not None and ACTION in rule.tools


def words() -> Vocabulary:
    """What rules about whole plans may speak of; the same for every agent."""
    return Vocabulary(
        document={"": {"entityTypes": _entities(), "actions": {ACTION: _action()}}},
        args={ACTION: Fields({}, True)},
        targets={ACTION: frozenset()},
        types={},
    )


def beside(document: dict[str, Any]) -> dict[str, Any]:
    """A schema of tools with the plan's action in it, for editors."""
    (space,) = document.values()
    return {"": {**space, "actions": {**space["actions"], ACTION: _action()}}}


def _entities() -> dict[str, Any]:
    return {
        AGENT: {"shape": {"type": "Record", "attributes": {"role": _STRING}}},
        ENVIRONMENT: {"shape": {"type": "Record", "attributes": {"stage": _STRING}}},
    }


def _action() -> dict[str, Any]:
    attributes: dict[str, Any] = {
        **dict.fromkeys(("steps", "calls", "tokens", "microdollars", "replans"), _LONG),
        **dict.fromkeys(("tools", "effects"), _STRINGS),
        **dict.fromkeys(("phase", "trigger", "started_by"), _STRING),
        "model": {"type": "Boolean"},
        "environment": {"type": "Record", "attributes": {"name": _STRING, "stage": _STRING}},
    }
    return {
        "appliesTo": {
            "principalTypes": [AGENT],
            "resourceTypes": [ENVIRONMENT],
            "context": {"type": "Record", "attributes": attributes},
        }
    }


@dataclass(frozen=True, eq=False)
class PlanPolicy:
    """The rules about whole plans, those that are only tried among them."""

    counts: bool
    _permits: bool
    _slice: Slice
    _shadow: ShadowPolicy | None
    _store: cedarpy.Entities
    _environment: Environment

    @classmethod
    def of(
        cls,
        rules: Iterable[CedarRule],
        environment: Environment,
        shadow: Digest,
    ) -> "PlanPolicy":
        found = list(rules)
        counting = [rule for rule in found if rule.file != SHADOW]
        tried = [rule for rule in found if rule.file == SHADOW]
        return cls(
            counts=bool(counting),
            _permits=any(rule.rule.effect == "permit" for rule in counting),
            _slice=Slice.of(counting, ACTION, None),
            _shadow=ShadowPolicy.of(shadow, tried, words().document) if tried else None,
            _store=cedarpy.Entities.from_json_str(json.dumps([place(environment)])),
            _environment=environment,
        )

    def submit(self, request: Submission, policy: Digest, engine: str) -> Decision:
        """Never raises."""
        verdict = self._verdict(request, policy)
        shadow = None
        if self._shadow is not None:
            questions = (self._question(one) for one in (request,))
            shadow = self._shadow.said(ACTION, questions, verdict, known=True)
        return Decision(
            outcome=verdict.outcome,
            phase=request.phase,
            step=SUBJECT,
            tool=ACTION,
            targets=(),
            args_digest=request.facts,
            rules=verdict.rules,
            missing=verdict.missing,
            grants=verdict.grants,
            errors=verdict.errors,
            permits=verdict.permits,
            policy=policy,
            engine=engine,
            shadow=shadow,
        )

    def _verdict(self, request: Submission, policy: Digest) -> Verdict:
        here = (self._environment.name, self._environment.stage)
        if (request.environment, request.stage) != here:
            return broken("environment")
        try:
            grants = Grants(request.grants, SUBJECT, request.about, policy)
            question = self._question(request)
            fired = self._slice.fired(question)
            return judged(fired, self._slice.rules, grants, silence_permits=not self._permits)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception
            return broken("engine")

    def _question(self, request: Submission) -> Question:
        who = request.principal
        context: dict[str, JsonValue] = {
            "steps": request.steps,
            "tools": list(request.tools),
            "effects": [effect.value for effect in request.effects],
            "calls": request.worst.calls,
            "tokens": request.worst.tokens,
            "microdollars": request.worst.microdollars,
            "model": request.model,
            "replans": request.replans,
            "environment": {"name": request.environment, "stage": request.stage},
            "phase": request.phase.value,
            "trigger": who.trigger,
            "started_by": who.started_by,
        }
        return Question(
            principal=Uid(AGENT, who.agent),
            action=Uid("Action", ACTION),
            role=who.role,
            resource=Uid(ENVIRONMENT, request.environment),
            attributes={},
            facts=Facts(context, words().context(ACTION)),
            store=self._store.with_added_json_str(json.dumps([agent(who)])),
        )
