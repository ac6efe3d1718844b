"""The question that is put to policy about a plan as a whole, and the yes that may answer it.

A yes is a statement beside the lock. It is good for that one lock, for the rules it names, under
the very policy it was given under, from a person who still holds a role that may give it, and until
it expires. Who wrote the plan is a statement too; where it is missing, a model is taken to have.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from lockstep.action import dispatches
from lockstep.amount import Amount
from lockstep.canonical import Digest
from lockstep.decision import Decision, Grant, Outcome, Phase
from lockstep.finding import Finding
from lockstep.lock import Body
from lockstep.plan import Plan
from lockstep.statement import Approved, Author, Statement
from lockstep.submission import SUBJECT, Submission, Wanted, holds
from policies.ruling import denial, wanting
from policies.world import World

_NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def proposed(plan: Plan, worst: Amount, world: World, by: str, author: Author) -> Submission:
    """About a plan that is checked; all its tools are known."""
    specs = [world.tools[step.tool] for step in plan.steps]
    return Submission(
        phase=Phase.PLAN,
        principal=world.principal_of(by, "person"),
        environment=world.environment.name,
        stage=world.environment.stage,
        steps=len(plan.steps),
        tools=tuple(sorted({spec.name for spec in specs})),
        effects=tuple(sorted({spec.effect for spec in specs})),
        worst=worst,
        model=author.model,
        replans=author.replans,
        about=plan.digest,
    )


def started(
    body: Body,
    lock: Digest,
    statements: Sequence[Statement],
    world: World,
    *,
    by: str,
    trigger: str,
) -> Submission:
    """About a lock that is to be run."""
    worst = Amount()
    for look in body.preflight:
        worst += look.step.worst_cost
    for step in body.steps:
        often = dispatches(body.recoveries.get(step.tool, {}))
        worst += step.worst_cost.times(often * (step.for_each.max if step.for_each else 1))
    author = Author.said(statements)
    return Submission(
        phase=Phase.RUN,
        principal=world.principal_of(by, trigger),
        environment=body.environment,
        stage=body.stage,
        steps=len(body.steps),
        tools=tuple(sorted({step.tool for step in body.steps})),
        effects=tuple(sorted({step.effect for step in body.steps})),
        worst=worst,
        model=author.model,
        replans=author.replans,
        about=lock,
    )


def submitted(
    asked: Submission, world: World, statements: Iterable[Statement] = (), now: datetime = _NEVER
) -> Decision | None:
    """Policy's answer, with every statement that still counts; None where policy does not speak of
    whole plans. Never raises.
    """
    made = world.decider.submit(asked)
    if made is None or made.outcome is not Outcome.REQUIRE_APPROVAL:
        return made
    grants = tuple(_grants(made, asked, world, statements, now))
    if not grants:
        return made
    return world.decider.submit(asked.model_copy(update={"grants": grants}))


def wanted(made: Decision, asked: Submission, world: World) -> Wanted | None:
    """What a human is to be asked for; None where nothing is missing."""
    if made.outcome is not Outcome.REQUIRE_APPROVAL:
        return None
    return wanting(made, made.missing, asked.told, world)


def refused(made: Decision) -> Finding | None:
    """The finding of a plan that is denied as a whole."""
    return denial(made, "plan", "the plan as a whole", "change the plan, or split it")


def _grants(
    made: Decision,
    asked: Submission,
    world: World,
    statements: Iterable[Statement],
    now: datetime,
) -> Iterable[Grant]:
    for statement in statements:
        if not isinstance(statement, Approved) or statement.lock != asked.about:
            continue
        until = statement.expires_at or _NEVER
        if until <= now or statement.policy != made.policy:
            continue
        for rule in made.missing:
            people = [world.agent.approvers.get(role, ()) for role in rule.approvers]
            if rule.id in statement.rules and any(holds(statement.by, one) for one in people):
                yield Grant(
                    run=SUBJECT,
                    step=SUBJECT,
                    rule=rule.id,
                    args_digest=asked.about,
                    policy=statement.policy,
                    by=statement.by,
                    expires_at=until,
                )
