"""What follows from policy's word on more than one call: on a plan as a whole, or on making one
anew.
"""

from collections.abc import Mapping, Sequence

from pydantic import JsonValue

from lockstep.decision import Decision, Outcome, Rule
from lockstep.finding import Finding
from lockstep.submission import Wanted
from policies.world import World


def denial(made: Decision, place: str, what: str, fix: str) -> Finding | None:
    """Why it may not be; None where it is not denied. An error of policy's own is told as one."""
    if made.outcome is not Outcome.DENY:
        return None
    return Finding(
        code="LS-POLICY-003" if made.errors else "LS-POLICY-002",
        place=place,
        problem=made.why if made.errors else f"{what} is BLOCKED by {made.why}",
        fix="correct the policy" if made.errors else fix,
    )


def wanting(
    made: Decision, rules: Sequence[Rule], facts: Mapping[str, JsonValue], world: World
) -> Wanted:
    """The yes that these rules ask for, from whoever may say it here; `facts` are what the one who
    is asked is shown.
    """
    people = world.agent.approvers
    roles = {role for rule in rules for role in rule.approvers}
    return Wanted(
        rules=tuple(rules),
        people={role: people[role] for role in sorted(roles) if role in people},
        asking=world.agent.asking,
        policy=made.policy,
        facts=dict(facts),
    )
