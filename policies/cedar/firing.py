"""Which rules fire?

Cedar is asked that and nothing else. Every rule is put to it as a forbid, so that one answer names
all that fire: Cedar itself keeps quiet about permits as soon as a forbid fires, and our third
answer would need a second question. What the fired rules come to is said in `judgement` and
`foresight`.

A rule costs Cedar the same whether it fires or not, and mostly it does not. So where there are many
forbids they are asked in handfuls: one condition, which holds if that of any of them does. Only a
handful of which something holds, or cannot be evaluated, is asked rule by rule.
"""

from collections.abc import Callable, Iterable, Mapping, Set
from dataclasses import dataclass, field
from typing import Any

import cedarpy
from pydantic import JsonValue

from policies.cedar.forms import any_of, policy_set
from policies.cedar.question import Path, Question
from policies.cedar.reads import Key, Reads
from policies.cedar.rules import CedarRule
from policies.cedar.verdict import erring
from policies.cedar.witness import telling

_HANDFUL = 16
_FEW = 4
"""So few that asking them together would gain nothing."""
_REMEMBERED = 1024
"""Answers that a group keeps; then it begins anew, which costs less than to choose."""


@dataclass(frozen=True)
class Fired:
    """Ids of rules: those that fire whatever is not known yet, those that may, and those that
    cannot be evaluated (`request` where Cedar refused the question as such).
    """

    certain: frozenset[str] = frozenset()
    possible: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()

    def __or__(self, other: "Fired") -> "Fired":
        if other is NOTHING:
            return self
        return Fired(
            self.certain | other.certain,
            self.possible | other.possible,
            self.errors | other.errors,
        )

    def __sub__(self, ids: Set[str]) -> "Fired":
        return Fired(self.certain - ids, self.possible - ids, self.errors - ids)

    @property
    def ids(self) -> frozenset[str]:
        return self.certain | self.possible | self.errors


NOTHING = Fired()
Ask = Callable[[cedarpy.PolicySet, Set[str]], Fired]
"""Puts one question to a set of policies, whose ids are given; what cedarpy raises is raised."""


@dataclass(frozen=True, eq=False)
class Group:
    """Rules that are asked together; `handfuls` are the forms of some, by rule and by the id that
    stands for them in `asked`.
    """

    ids: frozenset[str]
    reads: Reads
    asked: cedarpy.PolicySet
    handfuls: Mapping[str, Mapping[str, Any]]
    _known: dict[Key, Fired] = field(default_factory=dict)
    _names: frozenset[str] = frozenset()
    _apart: dict[str, cedarpy.PolicySet] = field(default_factory=dict)
    _telling: Mapping[Path, JsonValue] = field(default_factory=dict)

    @classmethod
    def of(cls, rules: Iterable[CedarRule]) -> "Group":
        found = {rule.rule.id: rule for rule in rules}
        handfuls = _handfuls(found.values())
        alone = found.keys() - {id for members in handfuls.values() for id in members}
        asked = {id: found[id].form for id in sorted(alone)}
        try:
            together = {name: any_of(members.values()) for name, members in handfuls.items()}
            policies = policy_set(asked | together)
        except ValueError:  # deeper than Cedar reads
            handfuls, policies = {}, policy_set({id: rule.form for id, rule in found.items()})
        return cls(
            ids=frozenset(found),
            reads=Reads.of(rule.looks_at for rule in found.values()),
            asked=policies,
            handfuls=handfuls,
            _names=frozenset(found) | handfuls.keys(),
            _telling=telling(rule.form for rule in found.values()),
        )

    def fired(self, question: Question) -> Fired:
        """Of a question with nothing open that these rules look at."""
        return self.remembered(question, lambda: self._answered(question))

    def likely(self, question: Question) -> Fired:
        """Of a question with something open, as if it were filled in with what is plain."""
        return self._answered(question, {})

    def thinkable(self, question: Question) -> Fired:
        """The same, as if it were filled in with what these rules compare it with."""
        return self._answered(question, self._telling)

    def foreseen(self, question: Question) -> Fired:
        """Of a question with something open."""
        return self.remembered(question, lambda: self._previewed(question))

    def remembered(self, question: Question, find: Callable[[], Fired]) -> Fired:
        """What was found for a question that these rules do not tell from this one."""
        if not self.ids:
            return NOTHING
        key = self.reads.key(question)
        found = self._known.get(key) if key else None
        if found is None:
            found = find()
            if key:
                if len(self._known) >= _REMEMBERED:
                    self._known.clear()
                self._known[key] = found
        return found

    def _answered(self, question: Question, tried: Mapping[Path, JsonValue] | None = None) -> Fired:
        """Without a schema: the facts have passed the sieve that its types are made of. What is
        open is filled in with what is `tried`.
        """
        facts, read = question.facts, self.reads.context
        request = {
            "principal": question.principal.form,
            "action": question.action.form,
            # Where it is open none of the rules looks at it, and any thing can stand there.
            "resource": (question.resource or question.principal).form,
            "context": facts.told(read) if tried is None else facts.example(read, tried),
        }

        def ask(policies: cedarpy.PolicySet, ids: Set[str]) -> Fired:
            answer = cedarpy.is_authorized(request, policies, question.store)
            found = answer.diagnostics
            errors = frozenset(erring(found.errors, ids))
            if answer.decision is cedarpy.Decision.NoDecision:
                return Fired(errors=errors or frozenset({"request"}))
            return Fired(certain=frozenset(found.reasons), errors=errors)

        return self._each(ask)

    def _previewed(self, question: Question) -> Fired:
        told = {
            "principal": question.principal.text,
            "action": question.action.text,
            "resource": question.resource and question.resource.text,
            "context": question.facts.told(self.reads.context),
        }
        # Without the schema: with one, Cedar refuses placeholders.
        request = {part: value for part, value in told.items() if value is not None}

        def ask(policies: cedarpy.PolicySet, ids: Set[str]) -> Fired:
            found = cedarpy.is_authorized_partial(request, policies, question.store).diagnostics
            return Fired(
                frozenset(found.reasons),
                frozenset(found.nontrivial_residuals),
                frozenset(erring(found.errors, ids)),
            )

        return self._each(ask)

    def _each(self, ask: Ask) -> Fired:
        """The rules by their own ids, whichever way they are asked."""
        found = ask(self.asked, self._names)
        raised = found.ids & self.handfuls.keys() if self.handfuls else None
        if not raised:
            return found
        found -= raised
        for name in sorted(raised):
            found |= ask(self._rule_by_rule(name), self.handfuls[name].keys())
        return found

    def _rule_by_rule(self, name: str) -> cedarpy.PolicySet:
        """A handful's rules; mostly nothing of it holds, so they are read once it does."""
        found = self._apart.get(name)
        if found is None:
            found = self._apart[name] = policy_set(self.handfuls[name])
        return found


def _handfuls(rules: Iterable[CedarRule]) -> dict[str, dict[str, Mapping[str, Any]]]:
    forbids = [rule for rule in rules if rule.rule.effect != "permit"]
    cut = [forbids[first : first + _HANDFUL] for first in range(0, len(forbids), _HANDFUL)]
    # No rule's id begins so.
    return {
        f"#{number}": {rule.rule.id: rule.form for rule in members}
        for number, members in enumerate(cut)
        if len(members) > _FEW
    }
