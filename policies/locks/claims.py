"""Does a lock say of itself only what this world says of it?

A digest shows that a lock is whole, not who made it. So what a lock claims (who may approve, in
which role it acts, what its tools do) is held against the agent, the manifest and the tools as they
are. It may be tighter than they are, never looser.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from lockstep.action import Recoveries
from lockstep.agent import Asking, Silence
from lockstep.compose import COMPOSE, ComposeSpec
from lockstep.decision import Outcome
from lockstep.environment import Limits
from lockstep.fallback import owners
from lockstep.finding import Finding
from lockstep.lock import Body, LockedComposeStep, LockedPreflight, LockedStep
from lockstep.names import task_queue
from lockstep.plan import ComposeStep, Step, ToolStep
from lockstep.tool import ToolSpec
from policies.check import output_of
from policies.checks.arguments import Sources, check_arguments, check_value
from policies.checks.bounds import MAX_BYTES, MAX_COMMANDS, MAX_EVENTS, at_once, written
from policies.checks.guards import check_guards
from policies.checks.handling import recoveries
from policies.checks.loops import check_loop, item_of
from policies.checks.missing import missing_resources
from policies.lineage.labels import labels
from policies.lineage.provenance import Lineage
from policies.locks.freeze import BACKOFF, deadline, preflights, resources
from policies.world import World


def claims(body: Body, world: World) -> Iterator[Finding]:
    """Everything in a lock's body that this world does not bear out."""
    agent, environment = world.agent, world.environment
    for part, said, true in (
        ("role", body.role, agent.role),
        ("stage", body.stage, environment.stage),
        ("task_queue", body.task_queue, task_queue(agent.name, environment.name)),
        ("inputs", body.inputs, agent.input_schema),
        ("approvers", body.approvers, agent.approvers),
        ("preflight", body.preflight, _preflights(body, world)),
        ("whole", body.whole, world.decider.submits),
    ):
        if said != true:
            yield _claim(part)
    yield from (_claim(f"limits.{name}") for name in _looser(body.limits, environment.limits))
    yield from (_claim(f"asking.{name}") for name in _more_patient(body.asking, agent.asking))
    for kind, members in body.resources.items():
        for name, attributes in members.items():
            if environment.resources.get(kind, {}).get(name) != attributes:
                yield _claim(f"resources.{kind}.{name}")
    if len(body.steps) > environment.limits.steps:
        yield _claim("limits.steps")
    tools = {step.tool for step in body.steps} & world.tools.keys()
    known = recoveries(environment, world.tools, tools)
    for tool in sorted({*known, *body.recoveries}):
        if body.recoveries.get(tool) != known.get(tool):
            yield _claim(f"recoveries.{tool}")
    lineage = Lineage(body.steps, labels(world, body.literals))
    for step in body.steps:
        if step.provenance != lineage.of(step.id):
            # What policy is told at each call; a lock that left out a doubt would be believed.
            yield _claim(f"steps.{step.id}.provenance")
        yield from _step(step, world)
    yield from (
        _claim(f"pins.tools.{tool}")
        for tool in sorted({step.tool for step in body.calls} - body.pins.tools.keys())
    )
    if len(tools) == len({step.tool for step in body.steps}):
        whose = owners(body.steps)
        steps = [_planned(step, whose.get(step.id)) for step in body.steps]
        yield from _unlisted(steps, body, known, world)
        yield from _conditions(steps, body, world)
        yield from _size(steps, body, known)
    yield from world.violations(body.steps)


def _unlisted(steps: list[Step], body: Body, known: Recoveries, world: World) -> Iterator[Finding]:
    """What the steps touch and the lock keeps from whoever reviews it, and so from drift."""
    for kind, members in resources(steps, known, world).items():
        for name in sorted(members.keys() - body.resources.get(kind, {}).keys()):
            yield _claim(f"resources.{kind}.{name}")


def _preflights(body: Body, world: World) -> tuple[LockedPreflight, ...]:
    """What the lock would have to hold; what policy said of it then is not ours to repeat."""
    said = {one.step.id: one.step.expected for one in body.preflight}
    asked = defaultdict(lambda: Outcome.DENY, said)
    return preflights(world, asked)


def _step(step: LockedStep, world: World) -> Iterator[Finding]:
    if step.tool not in world.tools:
        # A tool that is gone is drift, and is told as that.
        return
    spec = step.spec(world.tools)
    for part, fits in (
        ("effect", step.effect == spec.effect),
        ("idempotency", step.idempotency == spec.idempotency),
        ("heartbeat", step.heartbeat == spec.heartbeat),
        ("cost", _reserves(step, spec)),
        ("timeout", step.timeout <= spec.timeout),
        # None would mean no end of them, and a longer pause no retry that Temporal accepts.
        ("attempts", 1 <= step.attempts <= spec.attempts),
        ("deadline", step.deadline <= deadline(step.timeout, step.attempts)),
        ("backoff", step.backoff <= BACKOFF),
        *_composes(step, spec),
        *((f"on_error.{name}", _provides(step, name, spec)) for name in step.on_error),
    ):
        if not fits:
            yield _claim(f"steps.{step.id}.{part}")


def _reserves(step: LockedStep, spec: ToolSpec) -> bool:
    if isinstance(step, LockedComposeStep):
        # Prices change; what is set aside has to be enough by those of today.
        return not spec.cost.over(step.cost)
    return step.cost == spec.cost


def _composes(step: LockedStep, spec: ToolSpec) -> Iterator[tuple[str, bool]]:
    """Only a compose step composes, and by what the manifest says."""
    if isinstance(step, LockedComposeStep) and isinstance(spec, ComposeSpec):
        yield "models", step.models == spec.models
        yield "effort", step.effort == spec.effort
        yield "prompt", step.prompt == spec.prompt
        yield "max_tokens", step.max_tokens <= spec.max_tokens
        yield "max_input_tokens", step.max_input_tokens <= spec.max_input_tokens
    elif isinstance(step, LockedComposeStep) or step.tool == COMPOSE:
        yield "kind", False


def _provides(step: LockedStep, error: str, spec: ToolSpec) -> bool:
    """Whether a fallback is one that a plan would have been allowed."""
    fallback = step.on_error[error]
    if error not in spec.signals or (step.for_each and fallback.step is not None):
        return False
    given = fallback.output
    return given is None or not any(check_value("", spec.output, given, "LS-PLAN-016"))


def _conditions(steps: list[Step], body: Body, world: World) -> Iterator[Finding]:
    """Guards that nobody could weigh, lists that nobody could go through, and calls that no tool
    would take or that name what does not exist: as in a plan, and before any of it is done.
    """
    outputs = {step.id: output_of(step, step.spec(world.tools)) for step in steps}
    sources = Sources(outputs=outputs, inputs=body.inputs)
    for step in steps:
        if any(check_guards(step.id, step.when, sources)):
            yield _claim(f"steps.{step.id}.when")
        if any(check_loop(step, sources)):
            yield _claim(f"steps.{step.id}.for_each")
        if not _fits(step, sources, world):
            yield _claim(f"steps.{step.id}.args")


def _fits(step: Step, sources: Sources, world: World) -> bool:
    spec = step.spec(world.tools)
    if step.for_each:
        sources = replace(sources, item=item_of(step, sources))
    known = sources if "$" in step.spelled else None
    if any(check_arguments(step.id, spec, step.args, known)):
        return False
    return not any(missing_resources("", world.familiar.foreseen(step, spec).named, world))


def _size(steps: list[Step], body: Body, known: Recoveries) -> Iterator[Finding]:
    """What the server would end a run for."""
    events, size = written(steps, known)
    if events > MAX_EVENTS or size > MAX_BYTES:
        yield _too_much(f"a history of about {events:,} events and {size:,} bytes")
    together = at_once(steps, known, body.limits.parallel)
    if together > MAX_COMMANDS:
        yield _too_much(f"{together:,} bytes dispatched at once")


def _planned(step: LockedStep, owner: str | None) -> Step:
    """The step as it stood in the plan, so that it is measured as it was there."""
    silent = {*step.needs} - {*step.draws, owner}
    if isinstance(step, LockedComposeStep):
        return ComposeStep(
            kind="compose",
            id=step.id,
            instruction=step.instruction,
            inputs=step.inputs,
            output=step.output,
            max_tokens=step.max_tokens,
            max_input_tokens=step.max_input_tokens,
            long=step.long,
            when=step.when,
            on_error=step.on_error,
            for_each=step.for_each,
            after=tuple(sorted(silent)),
            reason=step.reason,
        )
    return ToolStep(
        id=step.id,
        tool=step.tool,
        args=step.args,
        when=step.when,
        on_error=step.on_error,
        for_each=step.for_each,
        after=tuple(sorted(silent)),
        reason=step.reason,
    )


def _too_much(what: str) -> Finding:
    return Finding(
        code="LS-LOCK-003",
        place="lock",
        problem=f"would take {what}, more than a run can have",
        fix="make the lock with `lockstep lock`; a lock is not written by hand",
    )


def _looser(said: Limits, true: Limits) -> list[str]:
    return [name for name in Limits.model_fields if getattr(said, name) > getattr(true, name)]


def _more_patient(said: Asking, true: Asking) -> list[str]:
    parts = [name for name in ("deadline", "grant") if getattr(said, name) > getattr(true, name)]
    if (said.standing or timedelta()) > (true.standing or timedelta()):
        parts.append("standing")
    if said.silence is not true.silence and said.silence is not Silence.ABORT:
        parts.append("silence")
    if said.approval != true.approval:
        parts.append("approval")
    return parts


def _claim(part: str) -> Finding:
    return Finding(
        code="LS-LOCK-002",
        place="lock",
        problem=f"claims something else of `{part}` than the agent and its manifest say",
        fix="make the lock with `lockstep lock`; a lock is not written by hand",
    )
