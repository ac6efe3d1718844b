"""Does a lock say of itself only what this world says of it?

A digest shows that a lock is whole, not who made it. So what a lock claims (who may approve, in
which role it acts, what its tools do) is held against the agent, the manifest and the tools as they
are. It may be tighter than they are, never looser.
"""

from collections import defaultdict
from collections.abc import Iterator

from lockstep.agent import Asking, Silence
from lockstep.compose import COMPOSE, ComposeSpec
from lockstep.decision import Outcome
from lockstep.environment import Limits
from lockstep.finding import Finding
from lockstep.lock import Body, LockedComposeStep, LockedPreflight, LockedStep
from lockstep.names import task_queue
from lockstep.tool import ToolSpec
from policies.arguments import check_value
from policies.certainty import Shape
from policies.freeze import BACKOFF, preflights
from policies.labels import labels
from policies.provenance import Lineage
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
    lineage = Lineage(body.steps, labels(world, body.literals))
    for step in body.steps:
        if step.provenance != lineage.of(step.id):
            # What policy is told at each call; a lock that left out a doubt would be believed.
            yield _claim(f"steps.{step.id}.provenance")
        if step.tool not in body.pins.tools:
            yield _claim(f"pins.tools.{step.tool}")
        yield from _step(step, world)
    yield from world.rules.violations(Shape.of(body.steps))


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


def _looser(said: Limits, true: Limits) -> list[str]:
    return [name for name in Limits.model_fields if getattr(said, name) > getattr(true, name)]


def _more_patient(said: Asking, true: Asking) -> list[str]:
    parts = [name for name in ("deadline", "grant") if getattr(said, name) > getattr(true, name)]
    if said.silence is not true.silence and said.silence is not Silence.ABORT:
        parts.append("silence")
    return parts


def _claim(part: str) -> Finding:
    return Finding(
        code="LS-LOCK-002",
        place="lock",
        problem=f"claims something else of `{part}` than the agent and its manifest say",
        fix="make the lock with `lockstep lock`; a lock is not written by hand",
    )
