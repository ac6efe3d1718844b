"""Is this plan one we would run?

The checks build on one another: a graph before paths in it, known tools before their arguments,
sound arguments before policy looks at them. What an earlier check found wrong is not reported again
in other words by a later one.
"""

from lockstep.bounds import Bounds
from lockstep.checked import Checked
from lockstep.decision import Decision, Outcome
from lockstep.environment import MAX_STEPS
from lockstep.finding import Finding, Severity, errors_in
from lockstep.loop import listed
from lockstep.plan import Plan, Step
from lockstep.schema import Schema
from lockstep.statement import Author
from lockstep.tool import ToolSpec
from lockstep.trust import Trust
from policies.asked import decided
from policies.checks.arguments import Sources
from policies.checks.bounds import bounds, worst
from policies.checks.declared import uncallable
from policies.checks.handling import provided, recoveries, unhandled
from policies.checks.limits import check_history, check_limits, of_plan, too_long
from policies.checks.missing import missing_resources
from policies.checks.preflight import clashing, looked, looks, unapproved
from policies.checks.structure import structure
from policies.checks.usable import Usable
from policies.foreseen import Foreseen, foreseen
from policies.lineage.doubts import doubts
from policies.lineage.labels import labels
from policies.lineage.provenance import Lineage
from policies.submission import proposed, refused, submitted, wanted
from policies.world import World

MAX_FINDINGS = 100
"""Nobody reads more, and the rest is mostly the same mistake again."""

PERSON = Author(model=False)
"""Who writes a plan that no model wrote."""


def check(
    plan: Plan,
    world: World,
    started_by: str,
    literals: Trust = Trust.TRUSTED,
    author: Author = PERSON,
) -> Checked:
    """Every finding about the plan, and policy's decision on each step as far as it can be
    known. A plan too long for any environment is not looked at further.

    `literals` says how far to believe what the plan writes down itself; a person's is believed.
    `author` says who wrote it; a person did, unless somebody says otherwise.
    """
    if len(plan.steps) > MAX_STEPS:
        long = too_long(len(plan.steps), MAX_STEPS, "no environment allows more than")
        return Checked(findings=(long,))
    environment = world.environment
    known = recoveries(environment, world.tools, {step.tool for step in plan.steps})
    # What the environment does about errors is as much a part of what may happen as the plan.
    steps = [provided(step, known) for step in plan.steps]
    tangled = [*structure(steps), *clashing(plan, environment)]
    findings = [*tangled]
    sources = Sources(
        outputs={
            step.id: output_of(step, step.spec(world.tools))
            for step in steps
            if step.tool in world.tools
        },
        inputs=world.agent.input_schema,
    )
    usable, look = list[tuple[Step, Foreseen]](), Usable(world, sources, known).look
    for step, said in zip(steps, plan.steps, strict=True):
        problems, found = look(step, said, max(MAX_FINDINGS - len(findings), 1))
        if found is not None:
            usable.append((step, found))
        findings += problems
    # What else is wrong leaves the graph what it is, and rules are held against it.
    if not tangled:
        findings += world.violations(steps)
    before = looks(environment)
    glances = [(step, foreseen(step, step.spec(world.tools))) for step in before]
    absent = {
        step.id: tuple(missing_resources(f"step `{step.id}`", seen.named, world))
        for step, seen in glances
    }
    findings += (found for missing in absent.values() for found in missing)
    asked = [*((step, seen) for step, seen in glances if not absent[step.id]), *usable]
    lineage, origins = Lineage(steps, labels(world, literals, known)), looked(world)
    decisions = tuple(
        decided(
            (
                (step, seen, (origins if step.id in absent else lineage).of(step.id))
                for step, seen in asked
            ),
            world,
            started_by,
        )
    )
    doubted = doubts((made for made in decisions if made.step not in absent), lineage)
    findings += (
        _denied(step, made, [one.says for one in doubted if one.step == step.id])
        for (step, _), made in zip(asked, decisions, strict=True)
        if made.outcome is Outcome.DENY
    )
    findings += (one for made in decisions if made.step in absent for one in unapproved(made))
    sound = [step for step, _ in usable]
    most = worst(before, world.tools, {}) + worst(sound, world.tools, known)
    whole = len(sound) == len(steps) and not tangled
    parallel = environment.limits.parallel
    reach = bounds(sound, world.tools, parallel, known, before) if whole else Bounds()
    findings += (*check_limits(steps, known, world, most), *check_history(reach))
    findings += unhandled(sound, environment, world.tools)
    findings += uncallable([*before, *sound], world, Severity.WARNING)
    made = approval = None
    if whole and world.decider.weighs_plans:
        submission = proposed(plan, most, world, started_by, author)
        made = submitted(submission, world)
        if made is not None:
            findings += filter(None, (refused(made),))
            approval = wanted(made, submission, world)
    return Checked(
        findings=_shortened(findings),
        decisions=decisions,
        worst=most,
        bounds=reach,
        recoveries=known,
        doubts=doubted,
        literals=literals,
        plan=made,
        approval=approval,
        grounds=world.decider.grounds,
    )


def _denied(step: Step, decision: Decision, says: list[str]) -> Finding:
    code, fix = "LS-POLICY-002", "change the arguments or leave the step out"
    subject = ", ".join(f"`{target.name}`" for target in decision.targets)
    problem = f"{step.tool}({subject}) is BLOCKED by {decision.why}"
    if decision.errors:
        code, fix = "LS-POLICY-003", "correct the policy"
    elif decision.disallowed:
        problem, fix = decision.why, "use another tool or leave the step out"
    if says:
        problem = f"{problem} ({'; '.join(says)})"
    return Finding(code=code, place=f"step `{step.id}`", problem=problem, fix=fix)


def output_of(step: Step, spec: ToolSpec) -> Schema:
    """What those get who refer to the step."""
    return listed(spec.output, step.for_each.max) if step.for_each else spec.output


def _shortened(findings: list[Finding]) -> tuple[Finding, ...]:
    """What stops a plan is told before what only should be known."""
    errors = errors_in(findings)
    warnings = [found for found in findings if found.severity is Severity.WARNING]
    if len(errors) <= MAX_FINDINGS:
        return (*errors, *warnings[: MAX_FINDINGS - len(errors)])
    rest = len(errors) - MAX_FINDINGS
    last = of_plan(
        "LS-PLAN-012", f"has at least {rest:,} findings more", "mend these and check again"
    )
    return (*errors[:MAX_FINDINGS], last)
