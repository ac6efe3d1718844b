"""From a plan that passed to a lock: every choice made, every default written out.

Freezing is a pure function of the plan and the world, so the same proposal gives the same digest on
any machine, today and next year.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from lockstep.action import Recoveries, substitutes
from lockstep.checked import Checked
from lockstep.compose import ComposeSpec
from lockstep.decision import Outcome
from lockstep.duration import LONGEST
from lockstep.environment import Limits
from lockstep.fallback import edges
from lockstep.graph import order
from lockstep.lock import Body, LockedComposeStep, LockedPreflight, LockedStep, LockedToolStep
from lockstep.names import task_queue
from lockstep.plan import Plan, Step, Steps, ToolStep
from lockstep.provenance import Provenance
from lockstep.resource import touched
from lockstep.revision import Progress
from lockstep.tool import ToolSpec
from policies.checks.handling import provided, recoveries
from policies.checks.preflight import looked, looks
from policies.foreseen import foreseen
from policies.lineage.labels import labels
from policies.lineage.provenance import Lineage
from policies.world import World

Resources = dict[str, dict[str, dict[str, bool | int | str]]]
"""Attributes of resources by kind and name."""

BACKOFF = timedelta(seconds=1)
BACKOFF_COEFFICIENT = 2
MAX_BACKOFF = timedelta(seconds=60)
SLACK = timedelta(hours=1)
"""What `deadline` allows beyond attempts and back-offs: the wait for a free worker, through a
deploy or an outage."""


def freeze(plan: Plan, checked: Checked, world: World, revises: Progress | None = None) -> Body:
    """The body of the lock; ValueError for a plan that did not pass. What was planned anew in the
    middle of a run names the lock that it departs from, and has no more room than that.
    """
    if not checked.passed:
        raise ValueError("a plan that did not pass is not frozen")
    verdicts = {decision.step: decision.outcome for decision in checked.decisions}
    known = recoveries(world.environment, world.tools, {step.tool for step in plan.steps})
    steps = {step.id: provided(step, known) for step in plan.steps}
    needs = edges(steps.values())
    in_order = order(needs)
    environment = world.environment
    lineage = Lineage(steps.values(), labels(world, checked.literals))
    return Body(
        agent=world.agent.name,
        role=world.agent.role,
        environment=environment.name,
        stage=environment.stage,
        task_queue=task_queue(world.agent.name, environment.name),
        goal=plan.goal or world.agent.goal,
        inputs=world.agent.input_schema,
        steps=Steps(
            _step(steps[id], world, needs[id], verdicts[id], lineage.of(id)) for id in in_order
        ),
        limits=environment.limits if revises is None else tighter(revises.body.limits, world),
        approvers=world.agent.approvers,
        asking=world.agent.asking,
        resources=resources(plan.steps, known, world),
        recoveries=known,
        pins=world.pins,
        preflight=preflights(world, verdicts),
        literals=checked.literals,
        whole=world.decider.submits,
        parent=revises.lock if revises else None,
    )


def tighter(limits: Limits, world: World) -> Limits:
    """Of each limit the lower one."""
    here = world.environment.limits
    lower = {name: min(getattr(limits, name), getattr(here, name)) for name in Limits.model_fields}
    return here.model_copy(update=lower)


def preflights(world: World, verdicts: Mapping[str, Outcome]) -> tuple[LockedPreflight, ...]:
    """The looks that come before the first step, each with policy's verdict on its call."""
    lineage = looked(world)
    return tuple(
        LockedPreflight(
            step=_tool_step(step, world, (), verdicts[step.id], lineage.of(step.id)),
            expect=one.guards(name),
        )
        for name, one in world.environment.preflight.items()
        for step in (one.step(name),)
    )


def deadline(timeout: timedelta, attempts: int) -> timedelta:
    """Schedule-to-close: all attempts, the back-offs between them, and some slack."""
    return min(timeout * attempts + pauses(attempts) + SLACK, LONGEST)


def pauses(attempts: int) -> timedelta:
    """The back-offs between so many attempts."""
    return sum(
        (min(BACKOFF * BACKOFF_COEFFICIENT**n, MAX_BACKOFF) for n in range(attempts - 1)),
        timedelta(),
    )


def _step(
    step: Step,
    world: World,
    needs: tuple[str, ...],
    expected: Outcome,
    provenance: Provenance,
) -> LockedStep:
    if isinstance(step, ToolStep):
        return _tool_step(step, world, needs, expected, provenance)
    spec = step.spec(world.tools)
    assert isinstance(spec, ComposeSpec), "a plan that passed composes where somebody does"
    return LockedComposeStep(
        kind="compose",
        instruction=step.instruction,
        inputs=step.inputs,
        output=step.output,
        models=spec.models,
        effort=spec.effort,
        prompt=spec.prompt,
        max_tokens=step.max_tokens or spec.max_tokens,
        max_input_tokens=step.max_input_tokens or spec.max_input_tokens,
        long=step.long,
        **_chosen(step, spec),
        needs=needs,
        expected=expected,
        provenance=provenance,
    )


def _tool_step(
    step: ToolStep,
    world: World,
    needs: tuple[str, ...],
    expected: Outcome,
    provenance: Provenance,
) -> LockedToolStep:
    spec = step.spec(world.tools)
    return LockedToolStep(
        tool=step.tool,
        args=step.args,
        effect=spec.effect,
        idempotency=spec.idempotency,
        **_chosen(step, spec),
        needs=needs,
        expected=expected,
        provenance=provenance,
    )


def _chosen(step: Step, spec: ToolSpec) -> dict[str, Any]:
    """What both kinds of steps say alike, with what they left open filled in."""
    timeout = step.timeout or spec.timeout
    attempts = step.attempts or spec.attempts
    return {
        "id": step.id,
        "when": step.when,
        "on_error": step.on_error,
        "for_each": step.for_each,
        "reason": step.reason,
        "timeout": timeout,
        "heartbeat": spec.heartbeat,
        "deadline": deadline(timeout, attempts),
        "attempts": attempts,
        "backoff": BACKOFF,
        "cost": spec.cost,
    }


def resources(steps: Iterable[Step], known: Recoveries, world: World) -> Resources:
    """The part of the catalogue that the steps name, or that may be put in its place, so that a
    reviewer sees what they will touch.
    """
    here = world.environment.resources
    found: Resources = {}

    def add(kind: str, name: str) -> None:
        if name in here.get(kind, {}):
            found.setdefault(kind, {})[name] = here[kind][name]

    for step in (*looks(world.environment), *steps):
        for resource in foreseen(step, step.spec(world.tools)).named:
            add(resource.kind, resource.name)
    for tool, errors in known.items():
        for way in substitutes(errors).values():
            for resource in touched(world.tools[tool].input, way.args):
                add(resource.kind, resource.name)
            for kind, names in way.resources.items():
                for name in names.values():
                    add(kind, name)
    return found
