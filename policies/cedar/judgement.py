"""A verdict on a call whose arguments are known.

Approvals are asked about only where the rest allows: nobody should be asked to approve what would
be denied all the same. With one file for both, a forbid that can be lifted would hide whether
anything permits the call at all.
"""

import cedarpy

from lockstep.decision import Outcome
from policies.cedar.question import Question, Slice
from policies.cedar.verdict import Grants, Verdict, by_id, erring


def judged(
    question: Question,
    about: Slice,
    schema: cedarpy.Schema,
    grants: Grants,
    *,
    silence_permits: bool = False,
) -> Verdict:
    """The verdict for one resource; whatever cedarpy raises is raised. `silence_permits`: what no
    rule denies is permitted.
    """
    assert question.resource is not None
    request = {
        "principal": question.principal.form,
        "action": question.action.form,
        "resource": question.resource.form,
        "context": question.context,
    }
    answer = cedarpy.is_authorized(request, about.authorize, question.store, schema)
    errors = erring(answer.diagnostics.errors, about.rules)
    if answer.decision is cedarpy.Decision.NoDecision:
        return Verdict(Outcome.DENY, errors=errors or ("request",))
    reasons = answer.diagnostics.reasons
    if errors or answer.decision is cedarpy.Decision.Deny:
        forbids = by_id(about.named(reasons, "forbid"))
        if errors or forbids or not silence_permits:
            considered = () if errors or forbids else about.permits
            return Verdict(Outcome.DENY, rules=forbids, errors=errors, permits=considered)
    permits = about.named(reasons, "permit")
    if not len(about.approvals):
        return Verdict(Outcome.ALLOW, rules=by_id(permits))
    review = cedarpy.is_authorized(request, about.approvals, question.store, schema)
    errors = erring(review.diagnostics.errors, about.rules)
    if errors or review.decision is cedarpy.Decision.NoDecision:
        return Verdict(Outcome.DENY, errors=errors or ("request",))
    return grants.reviewed(about.named(review.diagnostics.reasons, "approval"), permits)
