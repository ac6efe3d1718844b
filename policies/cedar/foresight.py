"""What can be said of a call before all its arguments are known.

Never a guess: a verdict from here holds whatever the unknown turns out to be, or it is UNDECIDED.
Cedar tells us which rules fire in any case and which may; the rest is ours, because in two things
its own preview is not our promise. A rule that may yet fail to evaluate may yet deny. And a forbid
from `approvals.cedar` asks, it does not deny.

A rule that reads `context.phase` has asked to be answered differently at run time, and will be.
"""

from collections.abc import Mapping

from lockstep.decision import Outcome
from policies.cedar.firing import Fired
from policies.cedar.rules import CedarRule
from policies.cedar.verdict import UNDECIDED, Grants, Verdict, by_id, named, permits_in


def foreseen(fired: Fired, rules: Mapping[str, CedarRule], grants: Grants) -> Verdict:
    """The verdict for one resource, or for any where the question leaves it open."""
    certain, possible = fired.certain, fired.possible
    forbids = named(rules, certain, "forbid")
    permits = named(rules, certain, "permit")
    if fired.errors or forbids:
        return Verdict(Outcome.DENY, rules=by_id(forbids), errors=tuple(sorted(fired.errors)))
    if not permits and not named(rules, possible, "permit"):
        return Verdict(Outcome.DENY, permits=permits_in(rules))
    may_fail = any(not rules[id].steady for id in possible)
    if not permits or named(rules, possible, "forbid") or may_fail:
        return UNDECIDED
    asked = named(rules, certain, "approval")
    if any(not grants.may_cover(rule) for rule in asked):
        missing = by_id(rule for rule in asked if not grants.may_cover(rule))
        return Verdict(Outcome.REQUIRE_APPROVAL, rules=by_id(asked), missing=missing)
    if asked or named(rules, possible, "approval"):
        return UNDECIDED
    return Verdict(Outcome.ALLOW, rules=by_id(permits))
