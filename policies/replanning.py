"""May what is left of a run be planned anew: by whose leave, told what, and believed how far?

All three are read off where the values of the old plan come from, which is worked out once.
"""

from dataclasses import dataclass

from lockstep.decision import Decision, Outcome, Rule
from lockstep.finding import Finding
from lockstep.revision import Course, Passed, Progress, Replanning, State
from lockstep.submission import Wanted
from lockstep.trust import Trust, worst
from policies.decider import RESERVED
from policies.lineage.labels import labels, planner_reads
from policies.lineage.provenance import Lineage
from policies.revision import may_have_acted
from policies.ruling import denial, wanting
from policies.world import World


def lineage_of(progress: Progress, world: World) -> Lineage:
    """Where the arguments of the steps so far come from."""
    return Lineage(progress.body.steps, labels(world, progress.body.literals))


def reads(progress: Progress, world: World, lineage: Lineage) -> Trust:
    """How far to believe what a model writes that is told all this: the errors, and what became of
    each step, which may have been decided by what nobody believes.
    """
    return worst(
        [
            progress.body.literals,
            planner_reads(world),
            *(lineage.signals(one.step) for one in progress.signals),
            *(
                Trust.UNTRUSTED
                for step in progress.body.steps
                if lineage.of(step.id).steered and _state(step.id, progress) != "still to come"
            ),
        ]
    )


def course(progress: Progress, lineage: Lineage) -> Course:
    """What the model is told: no output, no input, nothing that a human wrote into a call; and of
    what a step signalled that saw something private, or that a human called, only the name.
    """
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


def ruled(progress: Progress, world: World, lineage: Lineage) -> Ruled:
    """May it be planned anew at all, and by whose leave?"""
    asked = _asked(progress, world, lineage)
    made = world.decider.replan(asked)
    if made.outcome is not Outcome.REQUIRE_APPROVAL:
        return Ruled(made, None)
    rules = made.missing or (_default(tuple(sorted(world.agent.approvers))),)
    return Ruled(made, wanting(made, rules, {}, world))


def denied(made: Decision) -> Finding | None:
    """Why the rest is not planned anew."""
    return denial(made, "run", "planning anew", "mend what was signalled, and run again")


def _default(roles: tuple[str, ...]) -> Rule:
    """Where no rule says otherwise, whoever may approve anything may approve this."""
    return Rule(
        id=f"{RESERVED}replanning-asks",
        effect="approval",
        reason="a run goes on with a new plan only if a human says so",
        approvers=roles,
    )


def _asked(progress: Progress, world: World, lineage: Lineage) -> Replanning:
    body = progress.body
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
        unknown=any(may_have_acted(one, progress, world) for one in progress.abandoned),
        replans=progress.replans,
        about=progress.lock,
    )
