"""What Cedar's answers come to, once targets, files and grants are taken together.

Cedar says yes or no, for one resource. A call may touch several, and we have a third answer: so
each target gets a verdict, and the strictest of them is the call's.
"""

import re
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass

from lockstep.canonical import Digest
from lockstep.decision import AnyGrant, Outcome, Request, Rule
from policies.cedar.rules import CedarRule

_ERRING = re.compile(r"error while evaluating policy `([^`]+)`")

_WEIGHT = (Outcome.ALLOW, Outcome.REQUIRE_APPROVAL, Outcome.UNDECIDED, Outcome.DENY)
"""What is undecided may yet be denied, so here it outweighs a certain need for approval: a verdict
other than UNDECIDED is a promise."""


@dataclass(frozen=True)
class Verdict:
    """A decision's substance; the fields are those of `lockstep.decision.Decision`."""

    outcome: Outcome
    rules: tuple[Rule, ...] = ()
    missing: tuple[Rule, ...] = ()
    grants: tuple[AnyGrant, ...] = ()
    errors: tuple[str, ...] = ()
    permits: tuple[str, ...] = ()


UNDECIDED = Verdict(Outcome.UNDECIDED)


def broken(*errors: str) -> Verdict:
    """What cannot be evaluated is denied, and says what could not."""
    return Verdict(Outcome.DENY, errors=tuple(sorted(set(errors))))


def erring(messages: Sequence[str], known: Set[str]) -> tuple[str, ...]:
    """The rules that Cedar could not evaluate.

    Cedar's messages echo arguments, so nothing of them is passed on but the names of our own rules.
    A message that names none is about the request.
    """
    if not messages:
        return ()
    named = (_ERRING.match(message) for message in messages)
    return tuple(
        sorted({found[1] if found and found[1] in known else "request" for found in named})
    )


def strictest(verdicts: Iterable[Verdict]) -> Verdict:
    """The verdict on a call from those on its targets, with the grounds of the strictest."""
    each = tuple(verdicts)
    if len(each) == 1:
        return each[0]
    outcome = max((one.outcome for one in each), key=_WEIGHT.index)
    deciding = [one for one in each if one.outcome is outcome]
    return Verdict(
        outcome=outcome,
        rules=by_id(rule for one in deciding for rule in one.rules),
        missing=by_id(rule for one in deciding for rule in one.missing),
        grants=tuple(dict.fromkeys(grant for one in each for grant in one.grants)),
        errors=tuple(sorted({error for one in deciding for error in one.errors})),
        permits=tuple(sorted({id for one in deciding for id in one.permits})),
    )


def named(rules: Mapping[str, CedarRule], ids: Iterable[str], effect: str) -> list[Rule]:
    """The rules of one effect among those that Cedar names."""
    found = (rules[id].rule for id in ids)
    return [rule for rule in found if rule.effect == effect]


def permits_in(rules: Mapping[str, CedarRule]) -> tuple[str, ...]:
    """The ids of the permits among them, sorted: what might have permitted, where nothing did."""
    return tuple(sorted(id for id, one in rules.items() if one.rule.effect == "permit"))


def by_id(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """Each rule once, in an order of ours: Cedar's own is random."""
    return tuple(rule for _, rule in sorted({rule.id: rule for rule in rules}.items()))


@dataclass(frozen=True)
class Grants:
    """The grants that came with a request, held against what each must be for."""

    given: tuple[AnyGrant, ...]
    step: str
    args_digest: Digest
    policy: Digest

    @classmethod
    def of(cls, request: Request, args_digest: Digest, policy: Digest) -> "Grants":
        return cls(request.grants, request.step, args_digest, policy)

    def covering(self, rule: Rule) -> AnyGrant | None:
        """The grant for this rule with these very arguments."""
        same = (grant for grant in self._for(rule) if grant.args_digest == self.args_digest)
        return next(same, None)

    def may_cover(self, rule: Rule) -> bool:
        """Whether some arguments would be covered: for while not all of them are known."""
        return any(True for _ in self._for(rule))

    def _for(self, rule: Rule) -> Iterable[AnyGrant]:
        return (
            grant
            for grant in self.given
            if (grant.step, grant.rule, grant.policy) == (self.step, rule.id, self.policy)
        )

    def reviewed(self, fired: Iterable[Rule], permits: Iterable[Rule]) -> Verdict:
        """What is permitted, once approvals were asked for and grants were looked at."""
        asked, permits = by_id(fired), tuple(permits)
        missing = tuple(rule for rule in asked if self.covering(rule) is None)
        return Verdict(
            outcome=Outcome.REQUIRE_APPROVAL if missing else Outcome.ALLOW,
            rules=asked if missing else by_id(permits),
            missing=missing,
            permits=tuple(sorted(rule.id for rule in permits)) if missing else (),
            grants=tuple(grant for rule in asked if (grant := self.covering(rule)) is not None),
        )
