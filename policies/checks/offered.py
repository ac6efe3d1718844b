"""Is what a step does on offer here, and does it ask for no more than that grants?

A tool that does not exist and one that this environment does not have are two mistakes: the one is
mended in the plan, the other perhaps in the manifest.
"""

from collections.abc import Iterator

from lockstep.compose import COMPOSE, ComposeSpec
from lockstep.cutting import TooLong, fitted
from lockstep.duration import write_duration
from lockstep.finding import Finding
from lockstep.plan import ComposeStep, Step
from lockstep.reference import references
from lockstep.tool import ToolSpec
from policies.checks.misfit import did_you_mean
from policies.world import World

_MOST_NAMED = 12
"""Tools that a finding lists; the model has the catalogue, a person may have only the finding."""


def check_offered(step: Step, world: World) -> Iterator[Finding]:
    """Why the step cannot be held against a tool of this environment."""
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


def check_tighter(step: Step, spec: ToolSpec) -> Iterator[Finding]:
    """A step may ask for less time and fewer attempts than its tool declares, never for more."""
    if step.timeout is not None and step.timeout > spec.timeout:
        yield _looser(step, "timeout", write_duration(step.timeout), write_duration(spec.timeout))
    if step.attempts is not None and step.attempts > spec.attempts:
        yield _looser(step, "attempts", str(step.attempts), str(spec.attempts))
    if isinstance(step, ComposeStep) and isinstance(spec, ComposeSpec):
        for name in ("max_tokens", "max_input_tokens"):
            asked, most = getattr(step, name), getattr(spec, name)
            if asked is not None and asked > most:
                yield _looser(step, name, f"{asked:,}", f"{most:,}")
        yield from _measured(step, spec)


def _measured(step: ComposeStep, spec: ComposeSpec) -> Iterator[Finding]:
    """Inputs that the plan writes down itself are measured now: a step that can only be refused
    need not wait for its run. What references bring comes on top of it, and leaves less room.
    """
    known = {name: value for name, value in step.inputs.items() if not any(references({"": value}))}
    try:
        fitted(known, step.max_input_tokens or spec.max_input_tokens, cut=step.long == "cut")
    except TooLong as error:
        yield Finding(
            code="LS-PLAN-012",
            place=f"step `{step.id}` /inputs",
            problem=f"what the plan itself writes there is too long: {error}",
            fix="raise `max_input_tokens`, write less, or split the step",
        )


def _looser(step: Step, name: str, asked: str, most: str) -> Finding:
    by = "the manifest's `[compose]`" if step.kind == "compose" else f"tool `{step.tool}`"
    return Finding(
        code="LS-PLAN-012",
        place=f"step `{step.id}`",
        problem=f"asks for {name} {asked}, and {by} allows {most}",
        fix=f"lower `{name}` or leave it out",
    )
