"""Was each approval that was used a yes to this very thing, by somebody who may give it, in time?

A run's own grant must follow from an answer in the same history. A standing one was given in
another run: what it is bound to is looked at here, that run's own audit says how it was given.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import assert_never

from lockstep.agent import ANYONE
from lockstep.asked import QuestionAnswered, QuestionAsked
from lockstep.decision import AnyGrant, Decision, Grant, Outcome, Rule, StandingGrant
from lockstep.escalation import Ground, Question, Verdict
from lockstep.event import Event, RunVerified
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.names import Person
from lockstep.planned import PlanApproved
from lockstep.replanned import RunReplanned, RunReplanning
from lockstep.statement import Approved
from lockstep.stepped import StepDecided, StepStarted
from policies.audits.trail import Leg, Trail, wrong

CODE = "LS-AUDIT-004"
_SLACK = timedelta(minutes=1)
"""Between an answer and the moment from which its grant is counted."""


def approvals(trail: Trail) -> Iterator[Finding]:
    """What speaks against the approvals that were used."""
    for leg in trail.legs:
        for event in leg.events:
            if isinstance(event.what, StepDecided):
                for grant in event.what.decision.grants:
                    yield from _grant(grant, event.what.decision, leg, trail)
    yield from _whole(trail)
    yield from _anew(trail)


def standing(trail: Trail) -> Iterator[str]:
    """The approvals that were given elsewhere."""
    told: set[str] = set()
    for leg in trail.legs:
        for event in leg.events:
            if isinstance(event.what, StepDecided):
                for one in event.what.decision.grants:
                    if isinstance(one, StandingGrant) and one.digest not in told:
                        told.add(one.digest)
                        yield (
                            f"step `{leg.label}`: the yes of `{one.by}` to {one.rule} stands; it "
                            f"was given in run `{one.run}`, whose audit shows how"
                        )


def _grant(grant: AnyGrant, made: Decision, leg: Leg, trail: Trail) -> Iterator[Finding]:
    place = f"step `{leg.label}`"
    yes = f"the yes of `{grant.by}` to {grant.rule}"
    if grant.step != made.step:
        yield wrong(CODE, place, f"{yes} is for step `{grant.step}`")
    if grant.args_digest != made.args_digest:
        yield wrong(CODE, place, f"{yes} is for other arguments than it was used for")
    if grant.policy != made.policy:
        yield wrong(CODE, place, f"{yes} was given under another policy")
    if grant.expires_at <= leg.start.at:
        yield wrong(CODE, place, f"{yes} expired at {grant.expires_at:%Y-%m-%d %H:%M} UTC")
    match grant:
        case Grant():
            problem = _unanswered(grant, leg, trail)
        case StandingGrant():
            problem = _unstanding(grant, leg)
        case unknown:
            assert_never(unknown)
    if problem is not None:
        yield wrong(CODE, place, f"{yes} {problem}")


def _unanswered(grant: Grant, leg: Leg, trail: Trail) -> str | None:
    """Why no answer in this run gave the grant; None if one did."""
    if grant.run != trail.run:
        return f"was given in run `{grant.run}`, and holds there alone"
    asked: dict[str, Question] = {}
    for event in trail.events:
        if event.seq >= leg.start.seq:
            break
        match event.what:
            case QuestionAsked(question=question):
                asked[question.id] = question
            case QuestionAnswered(question=id, by=by, verdict=Verdict.APPROVE) if id in asked:
                if by == grant.by and _is_about(asked[id], grant):
                    rule = next(one for one in asked[id].rules if one.id == grant.rule)
                    return _unlifted(grant, rule, event, leg.lock)
            case _:
                continue
    return "follows from no answer in this run"


def _is_about(question: Question, grant: Grant) -> bool:
    named = {rule.id for rule in question.rules}
    right = question.ground is Ground.APPROVAL and question.step == grant.step
    return right and grant.rule in named and question.args.digest == grant.args_digest


def _unlifted(grant: Grant, rule: Rule, answered: Event, lock: Lock) -> str | None:
    if not _may(grant.by, rule, lock):
        return f"is not theirs to give: {' or '.join(rule.approvers) or 'nobody'} may"
    if grant.expires_at > answered.at + lock.body.asking.grant + _SLACK:
        return "holds for longer than the lock lets one hold"
    return None


def _unstanding(grant: StandingGrant, leg: Leg) -> str | None:
    body, most = leg.lock.body, leg.lock.body.asking.standing
    if grant.lock != leg.lock.digest:
        return "is for another lock"
    if most is None:
        return "stands, and by this lock none may"
    if grant.expires_at - grant.given_at > most:
        return "stands for longer than the lock lets one stand"
    if grant.given_at > leg.start.at:
        return "was given after it was used"
    if not any(grant.by in people or ANYONE in people for people in body.approvers.values()):
        return "is of somebody who holds no role"
    return None


def _may(person: Person, rule: Rule, lock: Lock) -> bool:
    people = {one for role in rule.approvers for one in lock.body.approvers.get(role, ())}
    return person in people or ANYONE in people


def _whole(trail: Trail) -> Iterator[Finding]:
    """Of a lock about which policy decides as a whole, before the first step."""
    if not trail.locks:
        return
    lock, made = trail.locks[0], None
    given: list[PlanApproved] = []
    for event in trail.events:
        match event.what:
            case RunVerified(plan=plan):
                made = plan
            case PlanApproved():
                given.append(event.what)
            case StepStarted():
                break
            case _:
                continue
    else:
        return
    if made is None:
        if lock.body.whole:
            yield wrong(CODE, "plan", "nobody asked policy about the plan as a whole")
        return
    if made.outcome not in (Outcome.ALLOW, Outcome.REQUIRE_APPROVAL):
        yield wrong(CODE, "plan", f"steps were run, and policy says {made.outcome} of the whole")
    for rule in made.missing:
        if not any(rule.id in yes.rules and _may(yes.by, rule, lock) for yes in given):
            yield wrong(CODE, "plan", f"steps were run without the yes that {rule.id} asks for")
    for grant in made.grants:
        said = [one for one in lock.statements if isinstance(one, Approved)]
        if not any(
            (one.lock, one.by, one.policy) == (lock.digest, grant.by, grant.policy)
            and grant.rule in one.rules
            for one in said
        ):
            yield wrong(CODE, "plan", f"no statement has the yes of `{grant.by}` to {grant.rule}")


def _anew(trail: Trail) -> Iterator[Finding]:
    """Of each new rest that the run went on with."""
    made: Decision | None = None
    given = False
    for event in trail.events:
        match event.what:
            case RunReplanning(decision=decision):
                made, given = decision, False
            case PlanApproved():
                given = True
            case RunReplanned(number=number):
                place = f"new rest {number}"
                if made is None or made.outcome not in (Outcome.ALLOW, Outcome.REQUIRE_APPROVAL):
                    yield wrong(CODE, place, "the run went on with it, and policy does not permit")
                elif made.outcome is Outcome.REQUIRE_APPROVAL and not given:
                    yield wrong(CODE, place, "the run went on with it, and nobody said yes")
                made = None
            case _:
                continue
