"""What rules that are only tried would have said: `shadow.cedar`.

They are asked the same questions as the rules that count, after these have decided, and nothing of
their answer leads back: neither what they say nor that they cannot be evaluated.

A forbid would have denied, or asked where it names approvers. A permit would have changed something
only where nothing else permits, so it is told only there. What cannot be known yet is not told: the
same question is put again immediately before the call.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lockstep.canonical import Digest, digest
from lockstep.decision import Outcome, Shadow, ShadowRule
from policies.cedar.question import Question
from policies.cedar.rules import CedarRule
from policies.cedar.slices import Slice
from policies.cedar.verdict import Verdict

_WOULD = {
    "forbid": Outcome.DENY,
    "approval": Outcome.REQUIRE_APPROVAL,
    "permit": Outcome.ALLOW,
}


@dataclass(frozen=True, eq=False)
class ShadowPolicy:
    """The rules of `shadow.cedar`; `policy` is the digest of the file and its schema."""

    policy: Digest
    rules: tuple[CedarRule, ...]
    _slices: dict[tuple[str, str], Slice] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        text: Digest,
        rules: Iterable[CedarRule],
        document: Mapping[str, Any],
    ) -> "ShadowPolicy":
        known: dict[str, Any] = {"file": text, "schema": document}
        return cls(policy=digest(known), rules=tuple(rules))

    def said(
        self, action: str, questions: Iterable[Question], decided: Verdict, *, known: bool
    ) -> Shadow:
        """Never raises. `known`: no argument is left open."""
        try:
            return self._said(action, list(questions), decided, known)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException:  # a panic in Rust is no Exception, and its text may hold arguments
            return Shadow(policy=self.policy, errors=("engine",))

    def _said(
        self, action: str, questions: list[Question], decided: Verdict, known: bool
    ) -> Shadow:
        missed = decided.outcome is Outcome.DENY and not (decided.rules or decided.errors)
        found: dict[str, ShadowRule] = {}
        errors: set[str] = set()
        for effect, would in _WOULD.items():
            about = self._slice(action, effect)
            if not about.rules or (effect == "permit" and not missed):
                continue
            for question in questions:
                fired = about.fired(question) if known else about.foreseen(question)
                errors |= fired.errors
                for id in fired.certain:
                    rule = about.rules[id].rule
                    found[id] = ShadowRule(id=id, would=would, reason=rule.reason)
        return Shadow(
            policy=self.policy,
            would=tuple(rule for _, rule in sorted(found.items())),
            errors=tuple(sorted(errors)),
        )

    def _slice(self, action: str, effect: str) -> Slice:
        # One set for each effect: in one set a forbid would hide what else fires.
        key = (action, effect)
        found = self._slices.get(key)
        if found is None:
            rules = (rule for rule in self.rules if rule.rule.effect == effect)
            found = self._slices[key] = Slice.of(rules, action, None)
        return found
