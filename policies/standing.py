"""Does this grant hold, here and now?

A yes for every run of a lock is worth what it is bound to: the lock, the step, the rule, the exact
arguments, the policy. And it is worth what its giver may say today: whoever has lost the role has
lost the yes, and where the agent allows a shorter time by now, or none, that counts.
The yes that one run was given is worth no more: its giver must hold a role of the rule as well.
"""

from collections.abc import Iterable
from datetime import datetime

from lockstep.agent import ANYONE, Agent
from lockstep.canonical import Digest
from lockstep.decision import Decision, Grant, Rule, StandingGrant
from lockstep.duration import write_duration
from lockstep.names import Person
from policies.world import World


def holding(
    kept: Iterable[StandingGrant], decision: Decision, lock: Digest, world: World, now: datetime
) -> tuple[StandingGrant, ...]:
    """Of what is kept, one grant for each rule whose approval this decision misses."""
    found = []
    for rule in decision.missing:
        for grant in kept:
            bound = (grant.lock, grant.step, grant.rule, grant.args_digest)
            if bound != (lock, decision.step, rule.id, decision.args_digest):
                continue
            if fault(grant, rule, world.agent, decision.policy, now) is None:
                found.append(grant)
                break
    return tuple(found)


def lifting(given: Iterable[Grant], decision: Decision, agent: Agent) -> tuple[Grant, ...]:
    """Of a run's own grants those whose givers may lift the rules that this decision misses."""
    missing = {rule.id: rule for rule in decision.missing}
    return tuple(
        one for one in given if one.rule in missing and may_lift(one.by, missing[one.rule], agent)
    )


def may_lift(person: Person, rule: Rule, agent: Agent) -> bool:
    """Whether somebody holds a role that the rule names."""
    people = {one for role in rule.approvers for one in agent.approvers.get(role, ())}
    return person in people or ANYONE in people


def fault(
    grant: StandingGrant, rule: Rule | None, agent: Agent, policy: Digest, now: datetime
) -> str | None:
    """Why a grant counts for nothing, whatever it is bound to; None if it counts. `rule` is the one
    that it lifts, as it is now; `policy` the present one.
    """
    most = agent.asking.standing
    if now >= grant.expires_at:
        return f"expired on {grant.expires_at:%Y-%m-%d %H:%M} UTC"
    if rule is None:
        return "its rule is gone"
    if grant.policy != policy:
        return "was given under another policy"
    if grant.given_at > now:
        return "was given in the future"
    if most is None:
        return "no yes may stand: `asking.standing` is not set"
    if grant.expires_at - grant.given_at > most:
        return f"stands for longer than {write_duration(most)}"
    if not may_lift(grant.by, rule, agent):
        return f"`{grant.by}` may not lift it any more"
    return None
