"""A verdict on a call whose arguments are known.

Approvals are asked about only where the rest allows: nobody should be asked to approve what would
be denied all the same. With one file for both, a forbid that can be lifted would hide whether
anything permits the call at all.
"""

from collections.abc import Mapping

from lockstep.decision import Outcome
from policies.cedar.firing import Fired
from policies.cedar.rules import CedarRule
from policies.cedar.verdict import Grants, Verdict, by_id, named, permits_in


def judged(
    fired: Fired,
    rules: Mapping[str, CedarRule],
    grants: Grants,
    *,
    silence_permits: bool = False,
) -> Verdict:
    """The verdict for one resource. `silence_permits`: what no rule denies is permitted."""
    approvals = {id for id in fired.errors if id in rules and rules[id].rule.effect == "approval"}
    errors = tuple(sorted(fired.errors - approvals))
    forbids = named(rules, fired.certain, "forbid")
    permits = named(rules, fired.certain, "permit")
    if errors or forbids:
        return Verdict(Outcome.DENY, rules=by_id(forbids), errors=errors)
    if not permits and not silence_permits:
        return Verdict(Outcome.DENY, permits=permits_in(rules))
    if approvals:
        return Verdict(Outcome.DENY, errors=tuple(sorted(approvals)))
    return grants.reviewed(named(rules, fired.certain, "approval"), permits)
