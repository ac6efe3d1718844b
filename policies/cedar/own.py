"""The actions that no tool stands behind: a plan as a whole, and planning anew in the middle of a
run.

Each has a schema of its own: a plan has no arguments, and a tool no number of steps. A rule that
constrains no action speaks of calls. So a policy that was written before anybody thought of these
means what it meant.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import cedarpy
from pydantic import JsonValue

from lockstep.canonical import Digest
from lockstep.decision import PLAN, REPLAN, Decision, Grant, Phase, Principal, Shadow
from lockstep.environment import Environment
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
_BOOLEAN = {"type": "Boolean"}
_STRINGS = {"type": "Set", "element": _STRING}
_ANY: dict[str, Any] = {
    **dict.fromkeys(("trigger", "started_by"), _STRING),
    "replans": _LONG,
    "environment": {"type": "Record", "attributes": {"name": _STRING, "stage": _STRING}},
}

CONTEXTS: dict[str, dict[str, Any]] = {
    PLAN: {
        **_ANY,
        **dict.fromkeys(("steps", "calls", "tokens", "microdollars"), _LONG),
        **dict.fromkeys(("tools", "effects"), _STRINGS),
        "phase": _STRING,
        "model": _BOOLEAN,
    },
    REPLAN: {
        **_ANY,
        **dict.fromkeys(("errors", "tools", "done"), _STRINGS),
        **dict.fromkeys(("untrusted", "sensitive", "unknown"), _BOOLEAN),
    },
}
"""The type of `context`, by action."""


def own(rule: CedarRule) -> frozenset[str]:
    """Those of these actions that a rule names."""
    return (rule.tools or frozenset()) & CONTEXTS.keys()


def words(action: str) -> Vocabulary:
    """What rules about an action may speak of; the same for every agent."""
    return Vocabulary(
        document={"": {"entityTypes": _entities(), "actions": {action: _action(action)}}},
        args={action: Fields({}, True)},
        targets={action: frozenset()},
        types={},
    )


def beside(document: dict[str, Any], actions: Iterable[str]) -> dict[str, Any]:
    """A schema of tools with these actions in it, for editors."""
    (space,) = document.values()
    more = {action: _action(action) for action in sorted(actions)}
    return {"": {**space, "actions": {**space["actions"], **more}}}


def _entities() -> dict[str, Any]:
    return {
        AGENT: {"shape": {"type": "Record", "attributes": {"role": _STRING}}},
        ENVIRONMENT: {"shape": {"type": "Record", "attributes": {"stage": _STRING}}},
    }


def _action(action: str) -> dict[str, Any]:
    return {
        "appliesTo": {
            "principalTypes": [AGENT],
            "resourceTypes": [ENVIRONMENT],
            "context": {"type": "Record", "attributes": CONTEXTS[action]},
        }
    }


@dataclass(frozen=True)
class Asked:
    """One question about an action: `subject` is what stands where the step would, `facts` the
    digest of all that is asked, `about` what a grant has to be for.
    """

    subject: str
    phase: Phase
    who: Principal
    environment: str
    stage: str
    context: dict[str, JsonValue]
    facts: Digest
    about: Digest
    grants: tuple[Grant, ...] = ()


@dataclass(frozen=True, eq=False)
class OwnPolicy:
    """The rules about one of the actions, those that are only tried among them. `speaks` says
    whether there are any, `counts` whether one counts, `permits` whether one of those permits.
    """

    action: str
    speaks: bool
    counts: bool
    permits: bool
    rules: Slice
    _shadow: ShadowPolicy | None
    _store: cedarpy.Entities
    _here: tuple[str, str]

    @classmethod
    def of(
        cls, action: str, rules: Iterable[CedarRule], environment: Environment, shadow: Digest
    ) -> "OwnPolicy":
        """Of all rules, those that name the action; `shadow` is the digest of those only tried."""
        found = [rule for rule in rules if action in own(rule)]
        counting = [rule for rule in found if rule.file != SHADOW]
        tried = [rule for rule in found if rule.file == SHADOW]
        return cls(
            action=action,
            speaks=bool(found),
            counts=bool(counting),
            permits=any(rule.rule.effect == "permit" for rule in counting),
            rules=Slice.of(counting, action, None),
            _shadow=ShadowPolicy.of(shadow, tried, words(action).document) if tried else None,
            _store=cedarpy.Entities.from_json_str(json.dumps([place(environment)])),
            _here=(environment.name, environment.stage),
        )

    def decide(
        self, asked: Asked, policy: Digest, engine: str, *, silence_permits: bool
    ) -> Decision:
        """Never raises."""
        verdict = self._verdict(asked, policy, silence_permits)
        return Decision(
            outcome=verdict.outcome,
            phase=asked.phase,
            step=asked.subject,
            tool=self.action,
            targets=(),
            args_digest=asked.facts,
            rules=verdict.rules,
            missing=verdict.missing,
            grants=verdict.grants,
            errors=verdict.errors,
            permits=verdict.permits,
            policy=policy,
            engine=engine,
            shadow=self._said(asked, verdict),
        )

    def _verdict(self, asked: Asked, policy: Digest, silence_permits: bool) -> Verdict:
        if (asked.environment, asked.stage) != self._here:
            return broken("environment")
        try:
            grants = Grants(asked.grants, asked.subject, asked.about, policy)
            fired = self.rules.fired(self._question(asked))
            return judged(fired, self.rules.rules, grants, silence_permits=silence_permits)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception
            return broken("engine")

    def _said(self, asked: Asked, decided: Verdict) -> Shadow | None:
        """What the rules that are only tried would have said."""
        if self._shadow is None:
            return None
        questions = (self._question(one) for one in (asked,))
        return self._shadow.said(self.action, questions, decided, known=True)

    def _question(self, asked: Asked) -> Question:
        name, stage = self._here
        known: dict[str, JsonValue] = {
            **asked.context,
            "environment": {"name": name, "stage": stage},
            "trigger": asked.who.trigger,
            "started_by": asked.who.started_by,
        }
        return Question(
            principal=Uid(AGENT, asked.who.agent),
            action=Uid("Action", self.action),
            role=asked.who.role,
            resource=Uid(ENVIRONMENT, name),
            attributes={},
            facts=Facts(known, words(self.action).context(self.action)),
            store=self._store.with_added_json_str(json.dumps([agent(asked.who)])),
        )
