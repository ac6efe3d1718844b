"""Does policy say of plans as a whole, and of planning anew, what it is to say?"""

from collections.abc import Iterable

from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.case import PlanCase, ReplanCase
from lockstep.decision import PLAN, Grant
from lockstep.finding import Finding
from lockstep.revision import Replanning
from lockstep.submission import SUBJECT, Submission
from policies.trials.expected import LATER, Tried, failed, known_rules, known_tool, wrong
from policies.world import World

_ABOUT = digest("a plan that is only thought of")


def tried_plan(place: str, case: PlanCase, world: World) -> Tried:
    """What policy says of a plan as a whole."""
    here = world.environment
    problems = _unknown(place, case.tools, (*(case.rules or ()), *case.approved), case, world)
    if problems:
        return Tried(place, case, here.name, None, problems)
    grants = tuple(
        Grant(
            run=SUBJECT,
            step=SUBJECT,
            rule=rule,
            args_digest=_ABOUT,
            policy=world.decider.policy,
            by=case.started_by,
            expires_at=LATER,
        )
        for rule in case.approved
    )
    asked = Submission(
        phase=case.phase,
        principal=world.principal_of(case.started_by, case.trigger),
        environment=here.name,
        stage=here.stage,
        steps=case.steps or len(case.tools),
        tools=tuple(sorted({*case.tools})),
        effects=tuple(sorted({world.tools[tool].effect for tool in case.tools})),
        worst=Amount(calls=case.calls, tokens=case.tokens, microdollars=case.microdollars),
        model=case.model,
        replans=case.replans,
        about=_ABOUT,
        grants=grants,
    )
    made = world.decider.submit(asked)
    if made is None:
        nothing = failed(place, f"no rule names `{PLAN}`, so policy is not asked", "write one")
        return Tried(place, case, here.name, None, (nothing,))
    return Tried(place, case, here.name, made, tuple(wrong(place, case, made)))


def tried_replan(place: str, case: ReplanCase, world: World) -> Tried:
    """What policy says of planning the rest of a run anew."""
    here = world.environment
    problems = _unknown(place, (*case.tools, *case.done), case.rules or (), case, world)
    if problems:
        return Tried(place, case, here.name, None, problems)
    asked = Replanning(
        principal=world.principal_of(case.started_by, case.trigger),
        environment=here.name,
        stage=here.stage,
        errors=tuple(sorted({*case.errors})),
        tools=tuple(sorted({*case.tools})),
        done=tuple(sorted({*case.done})),
        untrusted=case.untrusted,
        sensitive=case.sensitive,
        unknown=case.unknown,
        replans=case.replans,
        about=_ABOUT,
    )
    made = world.decider.replan(asked)
    return Tried(place, case, here.name, made, tuple(wrong(place, case, made)))


def _unknown(
    place: str,
    tools: Iterable[str],
    rules: Iterable[str],
    case: PlanCase | ReplanCase,
    world: World,
) -> tuple[Finding, ...]:
    """What names nothing."""
    found = (
        *(one for tool in tools for one in known_tool(tool, world)),
        *known_rules((*rules, *(case.shadow or ())), world),
    )
    return tuple(one.model_copy(update={"place": place}) for one in found)
