"""Does policy say of these calls what it is to say?

Each case takes the way of a real one: as a plan's step, through the checks that come before policy
and the question about what is planned; or as an attempt, through the tool's own model and the
question about real arguments. A call that policy would never be asked about (an argument that does
not fit, a resource that does not exist) fails its case, whatever was expected of policy: the case
would go on passing after policy stopped saying anything.

A denial because policy could not be evaluated is no answer either, and fails its case.
"""

from collections.abc import Iterator

from pydantic import JsonValue

from lockstep.canonical import digest
from lockstep.case import AnyCase, Case, PlanCase, ReplanCase
from lockstep.decision import Grant, Phase, Request
from lockstep.finding import Finding
from lockstep.plan import ToolStep
from lockstep.provenance import Provenance
from lockstep.reference import path_parts
from lockstep.resource import touched
from lockstep.schema import fields
from lockstep.tool import ToolSpec
from policies.checks.arguments import Sources, check_arguments, check_value
from policies.checks.misfit import did_you_mean
from policies.checks.missing import missing_resources
from policies.foreseen import foreseen
from policies.request import planned, real
from policies.trials.expected import LATER, Tried, failed, known_rules, known_tool, wrong
from policies.trials.whole_cases import tried_plan, tried_replan
from policies.world import World

_STEP = "case"


def tried(place: str, case: AnyCase, world: World) -> Tried:
    """Ask about one case of any kind, which messages call by its `place`."""
    match case:
        case Case():
            return tried_call(place, case, world)
        case PlanCase():
            return tried_plan(place, case, world)
        case ReplanCase():
            return tried_replan(place, case, world)


def tried_call(place: str, case: Case, world: World) -> Tried:
    """Ask about one case; never raises for what the case says."""
    problems = tuple(found.model_copy(update={"place": place}) for found in _known(case, world))
    if problems:
        return Tried(place, case, world.environment.name, None, problems)
    spec = world.tools[case.tool]
    ask = _as_planned if case.asked is Phase.PLAN else _as_attempted
    request, stopped = ask(case, spec, world)
    if request is None:
        unasked = tuple(
            failed(place, f"policy is not asked about this call: {found.problem}", found.fix)
            for found in stopped
        )
        return Tried(place, case, world.environment.name, None, unasked)
    decision = world.decider.decide(request)
    found = tuple(wrong(place, case, decision))
    return Tried(place, case, world.environment.name, decision, found)


def _known(case: Case, world: World) -> Iterator[Finding]:
    """What names nothing: a tool, or a rule, of which nobody could say anything."""
    yield from known_tool(case.tool, world)
    for name in case.sources:
        if name not in world.tools:
            yield failed(
                "",
                f"`sources`: tool `{name}` does not exist",
                did_you_mean(name, world.tools) or "use one of the agent's tools",
            )
    if case.tool in world.tools:
        known = fields(world.tools[case.tool].input)
        for at in case.untrusted:
            name = path_parts(at)[0]
            if name not in known:
                yield failed(
                    "",
                    f"`untrusted`: `{case.tool}` takes no argument `{name}`",
                    did_you_mean(name, known) or "name an argument of the tool",
                )
    yield from known_rules((*(case.rules or ()), *case.approved, *(case.shadow or ())), world)


Asked = tuple[Request | None, tuple[Finding, ...]]


def _as_planned(case: Case, spec: ToolSpec, world: World) -> Asked:
    step = ToolStep(id=_STEP, tool=case.tool, args=case.planned_args())
    # What the unknown arguments will be is left open, and so is their type.
    sources = Sources(outputs={}, inputs=world.agent.input_schema)
    found = (
        *check_arguments(_STEP, spec, step.args, sources),
        *missing_resources(_STEP, foreseen(step, spec).named, world),
    )
    if found:
        return None, found
    return planned(step, world, case.started_by, _provenance(case, spec)), ()


def _as_attempted(case: Case, spec: ToolSpec, world: World) -> Asked:
    found = tuple(check_value(_STEP, spec.input, case.args, "LS-PLAN-008"))
    if found:
        return None, found
    args: dict[str, JsonValue] = case.args
    if case.tool in world.code:
        try:
            _, args = world.code[case.tool].accept(args)
        except Exception as error:  # a model's validators are the agent's code
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            problem = f"the tool does not take these arguments: {reason}"
            return None, (failed("", problem, "correct the arguments"),)
    found = (
        *check_value(_STEP, spec.input, args, "LS-PLAN-008"),
        *missing_resources(_STEP, touched(spec.input, args), world),
    )
    if found:
        return None, found
    grants = tuple(
        Grant(
            run=_STEP,
            step=_STEP,
            rule=rule,
            args_digest=digest(args),
            policy=world.decider.policy,
            by=case.started_by,
            expires_at=LATER,
        )
        for rule in case.approved
    )
    request = real(
        world.principal_of(case.started_by, case.trigger),
        spec,
        environment=world.environment.name,
        stage=world.environment.stage,
        step=_STEP,
        provenance=_provenance(case, spec),
        args=args,
        grants=grants,
    )
    return request, ()


def _provenance(case: Case, spec: ToolSpec) -> Provenance:
    return Provenance(
        untrusted=case.untrusted,
        steered=case.steered,
        sensitive=case.sensitive or spec.sensitive,
        sources=tuple(sorted(set(case.sources))),
    )
