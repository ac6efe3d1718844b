"""May what is left of a run be planned anew, and is this the plan to go on with?

What is proposed are the steps that are still to come. They are checked as a part of one plan,
together with all that is over: so whatever a plan must hold to, what the run has done and will do
holds to, and the lock that comes of it can be run from its beginning as well. Beyond that, no new
step may take the place of an old one, and what is left of the budget has to be enough.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from pydantic import JsonValue

from lockstep.checked import Checked
from lockstep.contents import Look, nothing
from lockstep.decision import Decision, Outcome, Rule
from lockstep.errors import LockstepError
from lockstep.fallback import stand_ins
from lockstep.finding import Finding
from lockstep.guard import Guard
from lockstep.loading import shaped
from lockstep.lock import LockedStep
from lockstep.plan import Plan, Step
from lockstep.revision import Course, Passed, Progress, Replanning, State
from lockstep.submission import Wanted
from lockstep.trust import Trust, worst
from policies.bounds import worst as most
from policies.decider import RESERVED
from policies.handling import recoveries
from policies.labels import labels, planner_reads
from policies.provenance import Lineage
from policies.thaw import thaw
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
        if _may_have_acted(step, progress, world)
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


def reads(progress: Progress, world: World) -> Trust:
    """How far to believe what a model writes that is told all this."""
    lineage = Lineage(progress.body.steps, labels(world, progress.body.literals))
    return worst(
        [
            progress.body.literals,
            planner_reads(world),
            *(lineage.signals(one.step) for one in progress.signals),
        ]
    )


def course(progress: Progress, world: World) -> Course:
    """What the model is told: no output, no input, nothing that a human wrote into a call; and of
    what a step signalled that saw something private, or that a human called, only the name.
    """
    lineage = Lineage(progress.body.steps, labels(world, progress.body.literals))
    return Course(
        steps=tuple(
            Passed(
                id=step.id,
                tool=step.tool,
                args=step.args,
                when=step.when,
                for_each=step.for_each,
                on_error=dict(step.on_error),
                output=dict(step.output) if step.kind == "compose" else None,
                reason=step.reason,
                state=_state(step.id, progress),
            )
            for step in progress.body.steps
        ),
        signals=tuple(
            one.model_copy(update={"detail": ""})
            if lineage.is_private(one.step) or one.step in progress.edits
            else one
            for one in progress.signals
        ),
    )


def _state(id: str, progress: Progress) -> State:
    if id in progress.done:
        return "done"
    if id in progress.begun:
        return "given up"
    return "left out" if id in progress.used else "still to come"


@dataclass(frozen=True)
class Ruled:
    """Policy's answer; `approval` is there where a human has to say yes to the new plan."""

    decision: Decision
    approval: Wanted | None


def ruled(progress: Progress, world: World) -> Ruled:
    """May it be planned anew at all, and by whose leave?"""
    asked = _asked(progress, world)
    made = world.decider.replan(asked)
    if made.outcome is not Outcome.REQUIRE_APPROVAL:
        return Ruled(made, None)
    people = world.agent.approvers
    rules = made.missing or (_default(tuple(sorted(people))),)
    roles = {role for rule in rules for role in rule.approvers}
    return Ruled(
        made,
        Wanted(
            rules=rules,
            people={role: people[role] for role in sorted(roles) if role in people},
            asking=world.agent.asking,
            policy=made.policy,
            facts={},
        ),
    )


def denied(made: Decision) -> Finding | None:
    """Why the rest is not planned anew."""
    if made.outcome is not Outcome.DENY:
        return None
    return Finding(
        code="LS-POLICY-003" if made.errors else "LS-POLICY-002",
        place="run",
        problem=made.why if made.errors else f"planning anew is BLOCKED by {made.why}",
        fix="correct the policy" if made.errors else "mend what was signalled, and run again",
    )


def _default(roles: tuple[str, ...]) -> Rule:
    """Where no rule says otherwise, whoever may approve anything may approve this."""
    return Rule(
        id=f"{RESERVED}replanning-asks",
        effect="approval",
        reason="a run goes on with a new plan only if a human says so",
        approvers=roles,
    )


def _asked(progress: Progress, world: World) -> Replanning:
    body = progress.body
    lineage = Lineage(body.steps, labels(world, body.literals))
    found = [one.step for one in progress.signals]
    return Replanning(
        principal=world.principal_of(progress.started_by, progress.trigger),
        environment=body.environment,
        stage=body.stage,
        errors=tuple(sorted({one.error for one in progress.signals})),
        tools=tuple(sorted({one.tool for one in progress.signals})),
        done=tuple(sorted({body.steps[id].tool for id in progress.done})),
        untrusted=worst(lineage.signals(one) for one in found) is Trust.UNTRUSTED,
        sensitive=any(lineage.is_private(one) for one in found),
        unknown=any(_may_have_acted(one, progress, world) for one in progress.abandoned),
        replans=progress.replans,
        about=progress.lock,
    )


def _may_have_acted(step: LockedStep, progress: Progress, world: World) -> bool:
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
