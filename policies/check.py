"""Is this plan one we would run?

The checks build on one another: a graph before paths in it, known tools before their arguments,
sound arguments before policy looks at them. What an earlier check found wrong is not reported again
in other words by a later one.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

from lockstep.action import Recoveries
from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.checked import Checked
from lockstep.compose import COMPOSE
from lockstep.decision import Decision, Outcome
from lockstep.environment import MAX_STEPS
from lockstep.finding import Finding, Severity, errors_in
from lockstep.lock import Author
from lockstep.loop import listed
from lockstep.plan import ComposeStep, Plan, Step
from lockstep.recovery import told, way_out
from lockstep.resource import Touched
from lockstep.schema import Schema
from lockstep.tool import ToolSpec
from lockstep.trust import Trust
from policies.arguments import Sources, check_arguments
from policies.bounds import (
    MAX_BYTES,
    MAX_COMMANDS,
    MAX_EVENTS,
    at_once,
    bounds,
    worst,
)
from policies.declared import uncallable
from policies.doubts import doubts
from policies.fallbacks import check_fallbacks
from policies.guards import check_guards
from policies.handling import check_handling, provided, recoveries, unhandled
from policies.labels import labels
from policies.loops import check_loop, item_of
from policies.misfit import did_you_mean
from policies.preflight import clashing, looked, looks, unapproved
from policies.provenance import Lineage
from policies.recovery import about
from policies.request import Foreseen, foreseen, planned
from policies.structure import structure
from policies.submission import proposed, refused, submitted, wanted
from policies.tighter import tighter
from policies.world import World

MAX_FINDINGS = 100
"""Nobody reads more, and the rest is mostly the same mistake again."""

PERSON = Author(model=False)
"""Who writes a plan that no model wrote."""

MAX_GUESSES = 5
_MOST_NAMED = 12
"""Tools that a finding lists; the model has the catalogue, a person may have only the finding."""
"""Of a step's unknown names: how many are compared with all the known ones."""


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
        long = _too_long(len(plan.steps), MAX_STEPS, "no environment allows more than")
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
    usable: list[tuple[Step, Foreseen]] = []
    for step, said in zip(steps, plan.steps, strict=True):
        problems = list(_tool(step, world))
        if not problems:
            spec, here = step.spec(world.tools), replace(sources, item=item_of(step, sources))
            seen = foreseen(step, spec)
            missing = missing_resources(f"step `{step.id}`", seen.named, world)
            problems = [
                *check_loop(step, sources),
                *check_arguments(step.id, spec, step.args, here),
                *check_guards(step.id, step.when, sources),
                *check_fallbacks(step, spec, sources.outputs),
                *check_handling(said, spec, known),
                *tighter(step, spec),
                *islice(missing, max(MAX_FINDINGS - len(findings), 1)),
            ]
            if not errors_in(problems):
                usable.append((step, seen))
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
    lineage, origins = Lineage(steps, labels(world, literals)), looked(world)
    decisions = tuple(
        world.decider.decide(
            planned(
                step,
                world,
                started_by,
                (origins if step.id in absent else lineage).of(step.id),
                seen,
            )
        )
        for step, seen in asked
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
    findings += (*_limits(steps, known, world, most), *_history(reach))
    findings += unhandled(sound, environment, world.tools)
    findings += uncallable([*before, *sound], world, Severity.WARNING)
    made = approval = None
    if whole:
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


def missing_resources(place: str, found: Iterable[Touched], world: World) -> Iterator[Finding]:
    """What the arguments name and the environment does not hold."""
    guesses = 0
    for resource in found:
        members = world.environment.resources.get(resource.kind, {})
        if resource.name in members:
            continue
        here = world.environment.name
        # Against hundreds of names a guess takes milliseconds, and the first few show the mistake.
        guess = did_you_mean(resource.name, members) if guesses < MAX_GUESSES else ""
        guesses += 1
        known = about(world.environment, resource.kind)
        if known is not None:
            name, recovery = known
            error = told(name, json.dumps(resource.name, ensure_ascii=False))
            problem = f"{error}: not in environment `{here}`"
            advice = "; ".join(filter(None, (way_out(recovery.recovery), guess)))
        else:
            problem = f"{resource.kind} `{resource.name}` is not in environment `{here}`"
            advice = guess or f"name a `{resource.kind}` of its manifest"
        yield Finding(
            code="LS-ENV-003",
            place=f"{place} {resource.at}",
            problem=problem,
            fix=advice,
        )


def _tool(step: Step, world: World) -> Iterator[Finding]:
    place = f"step `{step.id}`"
    spec = world.tools.get(step.tool)
    if step.tool == COMPOSE:
        yield from _compose(step, world)
    elif spec is None:
        yield Finding(
            code="LS-PLAN-004",
            place=place,
            problem=f"tool `{step.tool}` does not exist",
            fix=did_you_mean(step.tool, world.tools) or _one_of(world),
        )
    elif step.tool not in world.environment.tools:
        yield Finding(
            code="LS-ENV-002",
            place=place,
            problem=f"tool `{step.tool}` is not in environment `{world.environment.name}`",
            fix="use a tool that its manifest names",
        )


def _compose(step: Step, world: World) -> Iterator[Finding]:
    if not isinstance(step, ComposeStep):
        yield Finding(
            code="LS-PLAN-004",
            place=f"step `{step.id}`",
            problem=f"`{COMPOSE}` is no tool, it is what composes",
            fix="write a step of `kind` `compose`",
        )
    elif not world.offers(COMPOSE) or COMPOSE not in world.tools:
        yield Finding(
            code="LS-ENV-002",
            place=f"step `{step.id}`",
            problem=f"nothing is composed in environment `{world.environment.name}`",
            fix="add `[compose]` to its manifest, or leave the step out",
        )


def _one_of(world: World) -> str:
    """The tools there are, as far as they fit a line."""
    names = sorted(one for one in world.environment.tools if one in world.tools)
    if not names:
        return "use one of the agent's tools"
    listed = ", ".join(f"`{one}`" for one in names[:_MOST_NAMED])
    more = f" and {len(names) - _MOST_NAMED:,} more" if len(names) > _MOST_NAMED else ""
    return f"use one of the agent's tools: {listed}{more}"


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


def _limits(
    steps: Sequence[Step], known: Recoveries, world: World, most: Amount
) -> Iterator[Finding]:
    limits = world.environment.limits
    if len(steps) > limits.steps:
        yield _too_long(len(steps), limits.steps, f"`{world.environment.name}` allows")
    together = at_once(steps, known, limits.parallel)
    if together > MAX_COMMANDS:
        yield _plan_finding(
            "LS-PLAN-012",
            f"up to {together:,} bytes would be dispatched at once, more than {MAX_COMMANDS:,}",
            "lower `limits.parallel` in the manifest, or let a step gather what many steps need",
        )
    for part in most.over(limits.amount):
        yield _plan_finding(
            "LS-PLAN-012",
            f"may spend {getattr(most, part):,} {part}, and `{world.environment.name}` allows "
            f"{getattr(limits.amount, part):,} a run",
            f"lower `attempts`, take out steps, or raise `limits.{part}` in the manifest",
        )


def _history(reach: Bounds) -> Iterator[Finding]:
    for found, most, what in (
        (reach.events, MAX_EVENTS, "events"),
        (reach.bytes, MAX_BYTES, "bytes"),
    ):
        if found > most:
            yield _plan_finding(
                "LS-PLAN-012",
                f"a run may write a history of about {found:,} {what}, and {most:,} are safe",
                "lower `max` of its loops, or split the plan",
            )


def _too_long(steps: int, most: int, allowed: str) -> Finding:
    problem = f"{steps:,} steps, and {allowed} {most:,}"
    return _plan_finding("LS-PLAN-012", problem, "split the plan")


def _shortened(findings: list[Finding]) -> tuple[Finding, ...]:
    """What stops a plan is told before what only should be known."""
    errors = errors_in(findings)
    warnings = [found for found in findings if found.severity is Severity.WARNING]
    if len(errors) <= MAX_FINDINGS:
        return (*errors, *warnings[: MAX_FINDINGS - len(errors)])
    rest = len(errors) - MAX_FINDINGS
    last = _plan_finding(
        "LS-PLAN-012", f"has at least {rest:,} findings more", "mend these and check again"
    )
    return (*errors[:MAX_FINDINGS], last)


def _plan_finding(code: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place="plan", problem=problem, fix=fix)
