"""Is this the plan for a run to go on with?

What is proposed are the steps that are still to come. They are checked as a part of one plan,
together with all that is over: so whatever a plan must hold to, what the run has done and will do
holds to, and the lock that comes of it can be run from its beginning as well. Beyond that, no new
step may take the place of an old one, and what is left of the budget has to be enough.
"""

from collections.abc import Iterator

from pydantic import JsonValue

from lockstep.checked import Checked
from lockstep.contents import Look, nothing
from lockstep.errors import LockstepError
from lockstep.fallback import stand_ins
from lockstep.finding import Finding
from lockstep.guard import Guard
from lockstep.loading import shaped
from lockstep.lock import LockedStep
from lockstep.plan import Plan, Step
from lockstep.revision import Progress
from policies.checks.bounds import worst as most
from policies.checks.handling import recoveries
from policies.locks.thaw import thaw
from policies.world import World

_CODE = "LS-PLAN-019"
_NEVER = Guard.model_validate({"left": 0, "is": "==", "right": 1})


def anew(progress: Progress, tail: JsonValue, world: World, look: Look = nothing) -> Plan:
    """The whole plan with this tail; LockstepError where the tail is none."""
    given = shaped(Plan, tail, "plan")
    taken = [step for step in given.steps if step.id in progress.used]
    if taken:
        raise LockstepError(*(_taken(step, progress) for step in taken))
    kept = {step.id for step in progress.kept}
    whole = thaw(progress.body, world.tools, look)
    steps = whole["steps"]
    assert isinstance(steps, list), "a plan's steps are a list"
    over = [_over(one, kept) for one in steps if isinstance(one, dict) and one["id"] in kept]
    new = given.model_dump(mode="json")["steps"]
    return shaped(Plan, {**whole, "steps": [*over, *new]}, "plan")


def _over(step: dict[str, JsonValue], kept: set[str]) -> JsonValue:
    """A step that stays, without a stand-in that does not: nobody wants it any more."""
    fallbacks = step.get("on_error")
    if not isinstance(fallbacks, dict):
        return step
    stay = {
        error: one
        for error, one in fallbacks.items()
        if not isinstance(one, dict) or one.get("step") is None or one["step"] in kept
    }
    return {**step, "on_error": stay}


def against(progress: Progress, plan: Plan, checked: Checked, world: World) -> tuple[Finding, ...]:
    """What speaks against going on with the plan, beside all that speaks against it as a plan."""
    if not checked.passed:
        return ()
    new = [step for step in plan.steps if step.id not in progress.used]
    silent = {step.id for step in progress.kept} - {*progress.done}
    known = {*checked.findings}
    return (
        *(one for step in new for one in _empty(step, silent)),
        *(one for step in new for one in _again(step, progress)),
        *(one for one in _broken(progress, plan, silent, world) if one not in known),
        *_dear(progress, new, world),
    )


def _taken(step: Step, progress: Progress) -> Finding:
    if step.id in {one.id for one in progress.kept}:
        what, fix = "is over, and stays as it is", "leave it out"
    else:
        lost = "was begun, and is given up" if step.id in progress.begun else "was left out"
        what, fix = lost, "call the new step otherwise"
    return _finding(f"step `{step.id}`", f"a step of this id {what}", fix)


def _empty(step: Step, silent: set[str]) -> Iterator[Finding]:
    for id in sorted({*step.draws} & silent):
        problem = f"draws from `{id}`, which was left out and gave nothing"
        yield _finding(f"step `{step.id}`", problem, "draw from a step that is done")


def _again(step: Step, progress: Progress) -> Iterator[Finding]:
    for id in sorted({*stand_ins(step)} & progress.used):
        problem = f"has `{id}` stand in for it, which is over"
        yield _finding(f"step `{step.id}` /on_error", problem, "name a step that is still to come")


def _broken(progress: Progress, plan: Plan, silent: set[str], world: World) -> Iterator[Finding]:
    """Plan rules, on what really happened: what was left out was not done, what humans edited was
    called otherwise, and what was given up may have done something.
    """
    there = {step.id for step in plan.steps}
    begun = [
        # Whoever counts calls counts it, and whoever needs it done does not.
        step.model_copy(
            update={
                "when": (_NEVER,),
                "needs": tuple(one for one in step.needs if one in there),
                "on_error": {},
            }
        )
        for step in progress.abandoned
        if may_have_acted(step, progress, world)
    ]
    steps: list[Step | LockedStep] = [*plan.steps, *begun]
    return world.violations(steps, silent, progress.edits, {*progress.hollow})


def _dear(progress: Progress, new: list[Step], world: World) -> Iterator[Finding]:
    known = recoveries(world.environment, world.tools, {step.tool for step in new})
    needed = most(new, world.tools, known)
    for part in needed.over(progress.left):
        yield _finding(
            "plan",
            f"the new steps may spend {getattr(needed, part):,} {part}, and the run has "
            f"{getattr(progress.left, part):,} left",
            "plan with fewer steps",
        )


def may_have_acted(step: LockedStep, progress: Progress, world: World) -> bool:
    """Whether it is not certain that a step which is given up did nothing that counts, however
    often it was called.
    """
    spec = world.tools.get(step.tool)
    ends = {one.error for one in progress.signals if one.step == step.id}
    ends |= {*progress.ends.get(step.id, ())}
    # Of a loop some items may be done, and a step that nobody signalled for ended otherwise.
    sure = spec is not None and bool(ends) and step.for_each is None
    return not sure or not all(spec.may_repeat(one) for one in ends if spec is not None)


def _finding(place: str, problem: str, fix: str) -> Finding:
    return Finding(code=_CODE, place=place, problem=problem, fix=fix)
