"""What can be said of a call before all its arguments are known.

Never a guess: a verdict from here holds whatever the unknown turns out to be, or it is UNDECIDED.
Cedar tells us which rules fire in any case and which may; the rest is ours, because in two things
its own preview is not our promise. A rule that may yet fail to evaluate may yet deny. And a forbid
from `approvals.cedar` asks, it does not deny.

A rule that reads `context.phase` has asked to be answered differently at run time, and will be.
"""

import cedarpy

from lockstep.decision import Outcome
from policies.cedar.question import Question, Slice
from policies.cedar.verdict import UNDECIDED, Grants, Verdict, by_id, erring


def foreseen(question: Question, about: Slice, grants: Grants) -> Verdict:
    """The verdict for one resource, or for any where the question leaves it open."""
    request = {
        "principal": question.principal.text,
        "action": question.action.text,
        "resource": question.resource and question.resource.text,
        "context": question.context,
    }
    # Without the schema: with one, Cedar refuses placeholders.
    known = {part: value for part, value in request.items() if value is not None}
    answer = cedarpy.is_authorized_partial(known, about.both, question.store)
    diagnostics = answer.diagnostics
    errors = erring(diagnostics.errors, about.rules)
    certain = diagnostics.reasons
    possible = diagnostics.nontrivial_residuals
    forbids = about.named(certain, "forbid")
    permits = about.named(certain, "permit")
    if errors or forbids:
        return Verdict(Outcome.DENY, rules=by_id(forbids), errors=errors)
    if not permits and not about.named(possible, "permit"):
        return Verdict(Outcome.DENY, permits=about.permits)
    may_fail = any(not about.rules[id].steady for id in possible)
    if not permits or about.named(possible, "forbid") or may_fail:
        return UNDECIDED
    asked = about.named(certain, "approval")
    if any(not grants.may_cover(rule) for rule in asked):
        missing = by_id(rule for rule in asked if not grants.may_cover(rule))
        return Verdict(Outcome.REQUIRE_APPROVAL, rules=by_id(asked), missing=missing)
    if asked or about.named(possible, "approval"):
        return UNDECIDED
    return Verdict(Outcome.ALLOW, rules=by_id(permits))
