"""Can an environment be looked at as its manifest says, and may it be?

That the call and its expectations make sense is a matter of the manifest and the tools, and is
found when they are read. Whether policy lets it is asked with each plan, since policy may ask who
wants to run it. A look that somebody would have to approve is refused: nobody is asked about a run
that has not begun.
"""

from collections.abc import Iterator, Mapping

from lockstep.decision import Decision, Outcome
from lockstep.environment import Environment
from lockstep.finding import Finding
from lockstep.plan import Plan, Step
from lockstep.tool import Effect, ToolSpec
from lockstep.trust import Trust
from policies.checks.arguments import Sources, check_value
from policies.checks.guards import check_guards
from policies.checks.misfit import did_you_mean
from policies.lineage.labels import labels
from policies.lineage.provenance import Lineage
from policies.world import World

_CODE = "LS-ENV-010"


def looks(environment: Environment) -> tuple[Step, ...]:
    """The calls that come before every plan's first."""
    return tuple(one.step(name) for name, one in environment.preflight.items())


def looked(world: World) -> Lineage:
    """Where the arguments of the looks come from: the agent's own people wrote all of them, and
    nothing is put in their place.
    """
    return Lineage(looks(world.environment), labels(world, Trust.TRUSTED, {}))


def impossible(
    environment: Environment, specs: Mapping[str, ToolSpec], place: str
) -> Iterator[Finding]:
    """Looks that could not be made, or whose expectations could not be weighed."""
    for name, preflight in environment.preflight.items():
        at = f"{place}/preflight/{name}"
        spec = specs.get(preflight.tool) if preflight.tool in environment.tools else None
        if spec is None:
            yield Finding(
                code=_CODE,
                place=f"{at}/tool",
                problem=f"tool `{preflight.tool}` is not in environment `{environment.name}`",
                fix=did_you_mean(preflight.tool, environment.tools)
                or "name a tool of the manifest",
            )
            continue
        if spec.effect is not Effect.READ:
            yield Finding(
                code=_CODE,
                place=f"{at}/tool",
                problem=f"tool `{spec.name}` is of effect `{spec.effect}`, and a look changes "
                "nothing",
                fix="use a tool that only reads",
            )
            continue
        yield from (
            _at(f"{at}/args", found) for found in check_value("", spec.input, preflight.args, _CODE)
        )
        step = preflight.step(name)
        sources = Sources(outputs={step.id: spec.output}, inputs={})
        for index, guard in enumerate(preflight.guards(name)):
            for found in check_guards(step.id, (guard,), sources):
                yield found.model_copy(update={"code": _CODE, "place": f"{at}/expect/{index}"})


def clashing(plan: Plan, environment: Environment) -> Iterator[Finding]:
    """Steps that are called as a look is: nobody could tell which of the two an account means."""
    taken = {one.id for one in looks(environment)}
    for step in plan.steps if taken else ():
        if step.id in taken:
            yield Finding(
                code="LS-PLAN-002",
                place=f"step `{step.id}`",
                problem=f"environment `{environment.name}` has a preflight of this name",
                fix="rename the step",
            )


def unapproved(decision: Decision) -> Iterator[Finding]:
    """What stands against a look that policy neither permits nor denies."""
    if decision.outcome is Outcome.REQUIRE_APPROVAL:
        yield Finding(
            code=_CODE,
            place=f"step `{decision.step}`",
            problem=f"{decision.tool} would have to be approved ({decision.why}), and nobody is "
            "asked before a run has begun",
            fix="permit it without approval, or take the preflight out",
        )


def _at(place: str, found: Finding) -> Finding:
    return found.model_copy(update={"place": f"{place}{found.place.strip()}"})
