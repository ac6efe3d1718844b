"""Is this plan one we would run?

The checks build on one another: a graph before paths in it, known tools before their arguments,
sound arguments before policy looks at them. What an earlier check found wrong is not reported again
in other words by a later one.
"""

import difflib
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice

from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.checked import Checked
from lockstep.decision import Decision, Outcome
from lockstep.duration import write_duration
from lockstep.environment import MAX_STEPS
from lockstep.finding import Finding
from lockstep.loop import listed
from lockstep.plan import Plan, Step
from lockstep.recovery import told, way_out
from lockstep.resource import Touched
from lockstep.schema import Schema
from lockstep.tool import ToolSpec
from lockstep.trust import Trust
from policies.arguments import Sources, check_arguments
from policies.bounds import MAX_BYTES, MAX_EVENTS, bounds, dispatched, times, worst
from policies.certainty import Shape
from policies.doubts import doubts
from policies.fallbacks import check_fallbacks
from policies.guards import check_guards
from policies.labels import labels
from policies.loops import check_loop, item_of
from policies.misfit import did_you_mean
from policies.provenance import Lineage
from policies.recovery import about
from policies.request import named, planned
from policies.structure import GRAPHLESS, structure
from policies.world import World

MAX_FINDINGS = 100
"""Nobody reads more, and the rest is mostly the same mistake again."""

MAX_GUESSES = 5
"""Of a step's unknown names: how many are compared with all the known ones."""

MAX_COMMANDS = 3 * 1024 * 1024
"""Bytes of what may be dispatched at once: past 4 MiB the server would terminate the run."""


def check(plan: Plan, world: World, started_by: str, literals: Trust = Trust.TRUSTED) -> Checked:
    """Every finding about the plan, and policy's decision on each step as far as it can be
    known. A plan too long for any environment is not looked at further.

    `literals` says how far to believe what the plan writes down itself; a person's is believed.
    """
    if len(plan.steps) > MAX_STEPS:
        return Checked(findings=(_too_long(plan, MAX_STEPS, "no environment allows more than"),))
    findings = list(structure(plan.steps))
    sources = Sources(
        outputs={
            step.id: output_of(step, world.tools[step.tool])
            for step in plan.steps
            if step.tool in world.tools
        },
        inputs=world.agent.input_schema,
    )
    usable: list[Step] = []
    for step in plan.steps:
        problems = list(_tool(step, world))
        if not problems:
            spec, here = world.tools[step.tool], replace(sources, item=item_of(step, sources))
            problems = [
                *check_loop(step, sources),
                *check_arguments(step.id, spec, step.args, here),
                *check_guards(step.id, step.when, sources),
                *check_fallbacks(step, spec, sources.outputs),
                *_tighter(step, spec),
                *islice(_existence(step, world), max(MAX_FINDINGS - len(findings), 1)),
            ]
            if not problems:
                usable.append(step)
        findings += problems
    if not any(found.code in GRAPHLESS for found in findings):
        findings += world.rules.violations(Shape.of(plan.steps))
    lineage = Lineage(plan.steps, labels(world, literals))
    decisions = tuple(
        world.decider.decide(planned(step, world, started_by, lineage.of(step.id)))
        for step in usable
    )
    doubted = doubts(decisions, lineage)
    findings += (
        _denied(step, made, [one.says for one in doubted if one.step == step.id])
        for step, made in zip(usable, decisions, strict=True)
        if made.outcome is Outcome.DENY
    )
    most = worst(usable, world.tools)
    whole = len(usable) == len(plan.steps) and not any(one.code in GRAPHLESS for one in findings)
    parallel = world.environment.limits.parallel
    reach = bounds(usable, world.tools, parallel) if whole else Bounds()
    findings += (*_limits(plan, world, most), *_history(reach))
    return Checked(
        findings=_shortened(findings),
        decisions=decisions,
        worst=most,
        bounds=reach,
        doubts=doubted,
        literals=literals,
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
    if spec is None:
        close = difflib.get_close_matches(step.tool, list(world.tools), 1)
        yield Finding(
            code="LS-PLAN-004",
            place=place,
            problem=f"tool `{step.tool}` does not exist",
            fix=f"did you mean `{close[0]}`?" if close else "use one of the agent's tools",
        )
    elif step.tool not in world.environment.tools:
        yield Finding(
            code="LS-ENV-002",
            place=place,
            problem=f"tool `{step.tool}` is not in environment `{world.environment.name}`",
            fix="use a tool that its manifest names",
        )


def _tighter(step: Step, spec: ToolSpec) -> Iterator[Finding]:
    """A step may ask for less time and fewer attempts than its tool declares, never for more."""
    if step.timeout is not None and step.timeout > spec.timeout:
        yield _looser(step, "timeout", write_duration(step.timeout), write_duration(spec.timeout))
    if step.attempts is not None and step.attempts > spec.attempts:
        yield _looser(step, "attempts", str(step.attempts), str(spec.attempts))


def _looser(step: Step, name: str, asked: str, most: str) -> Finding:
    return Finding(
        code="LS-PLAN-012",
        place=f"step `{step.id}`",
        problem=f"asks for {name} {asked}, and tool `{step.tool}` allows {most}",
        fix=f"lower `{name}` or leave it out",
    )


def _existence(step: Step, world: World) -> Iterator[Finding]:
    yield from missing_resources(f"step `{step.id}`", named(step, world.tools[step.tool]), world)


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


def _limits(plan: Plan, world: World, most: Amount) -> Iterator[Finding]:
    limits = world.environment.limits
    if len(plan.steps) > limits.steps:
        yield _too_long(plan, limits.steps, f"`{world.environment.name}` allows")
    sizes = [dispatched(step) for step in plan.steps for _ in range(times(step))]
    largest = sorted(sizes, reverse=True)[: limits.parallel]
    if sum(largest) > MAX_COMMANDS:
        yield _plan_finding(
            "LS-PLAN-012",
            f"up to {sum(largest):,} bytes would be dispatched at once, more than {MAX_COMMANDS:,}",
            "lower `limits.parallel` in the manifest, or let a step gather what many steps need",
        )
    for part in most.over(limits.amount):
        yield _plan_finding(
            "LS-PLAN-012",
            f"may spend {getattr(most, part):,} {part}, and `{world.environment.name}` allows "
            f"{getattr(limits.amount, part):,} a run",
            "lower `attempts`, take out steps, or raise the limit in the manifest",
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


def _too_long(plan: Plan, most: int, allowed: str) -> Finding:
    return _plan_finding(
        "LS-PLAN-012", f"{len(plan.steps):,} steps, and {allowed} {most:,}", "split the plan"
    )


def _shortened(findings: list[Finding]) -> tuple[Finding, ...]:
    if len(findings) <= MAX_FINDINGS:
        return tuple(findings)
    rest = len(findings) - MAX_FINDINGS
    last = _plan_finding(
        "LS-PLAN-012", f"has at least {rest:,} findings more", "mend these and check again"
    )
    return (*findings[:MAX_FINDINGS], last)


def _plan_finding(code: str, problem: str, fix: str) -> Finding:
    return Finding(code=code, place="plan", problem=problem, fix=fix)
