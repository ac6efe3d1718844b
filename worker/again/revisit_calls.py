"""Attempts at steps, put to policy again on their real arguments.

One question stands for all attempts of a call, which had the same arguments.
"""

from collections.abc import Iterable, Iterator

from pydantic import JsonValue

from activities.contract.validator import Change
from activities.edits import edit_of
from lockstep.decision import AnyGrant, Decision, Outcome
from lockstep.finding import Finding
from lockstep.outcome import Attempt, Dispatch
from lockstep.resource import touched
from lockstep.schema import Schema
from policies.checks.arguments import check_value
from policies.checks.missing import missing_resources
from policies.trials.hindsight import Revisited, Said, asked_again
from policies.world import World
from worker.again.bearings import UNMADE, Bearings, in_short, unknown
from worker.again.rebuild import rebuilt


def called(call: Dispatch, then: Decision, at: Bearings) -> Revisited:
    """A call that policy decided about, whatever became of it."""
    one = _about(call, Said.by(then), at)
    targets = tuple(target.name for target in then.targets)
    return _again(one.model_copy(update={"targets": targets}), call, then.grants, then, at)


def lost(call: Dispatch, attempts: tuple[Attempt, ...], at: Bearings) -> Revisited:
    """A call whose decision is on record by its digest alone. That there was one means that the
    call was made, and so that policy allowed it; where there is none, nobody knows of an answer.
    """
    if all(one.decision is None for one in attempts):
        return unanswered(call, at)
    then = Said(outcome=Outcome.ALLOW, rules=None)
    found = _again(_about(call, then, at), call, call.grants, None, at)
    if found.now is None or found.now.outcome is not Outcome.REQUIRE_APPROVAL:
        return found
    return unknown(found, "policy asks for a yes now, and whether one stood is not on record")


def unanswered(call: Dispatch, at: Bearings) -> Revisited:
    """A call that has not ended, or that left nothing behind."""
    return _about(call, None, at)


def edited(change: Change, then: Iterable[Finding], at: Bearings) -> Iterator[Revisited]:
    """A human's edit that policy denied. One that it let pass has become a call."""
    question, args = change.question, change.edited
    if args is None or all(found.code != "LS-POLICY-002" for found in then):
        return
    said = Said(outcome=Outcome.DENY, rules=None, why="the edited call was denied")
    tool = change.body.steps[question.step].tool
    one = at.about("call", question.label, tool, said)
    world = at.here(tool, change.body.stage, change.body.role)
    if isinstance(world, str):
        yield unknown(one, world)
        return
    yield one.answered(world.decider.decide(edit_of(change, args, world)))


def _about(call: Dispatch, then: Said | None, at: Bearings) -> Revisited:
    return at.about("call", call.label, call.step.tool, then)


def _again(
    one: Revisited,
    call: Dispatch,
    grants: tuple[AnyGrant, ...],
    then: Decision | None,
    at: Bearings,
) -> Revisited:
    world = at.here(one.tool, call.run.stage, call.run.role)
    if isinstance(world, str):
        return unknown(one, world)
    try:
        again = rebuilt(call, (), at.store, world)
    except UNMADE as error:
        return unknown(one, f"its arguments cannot be put together again: {in_short(error)}")
    request, decider = again.request, world.decider
    if then is not None and request.args_digest != then.args_digest:
        return unknown(one, "the tool takes its arguments otherwise than it did")
    for held in _before(call, request.args, again.spec.input, world):
        return one.model_copy(update={"now": Said.held(held)})

    def ask(holding: tuple[AnyGrant, ...]) -> Decision:
        # A copy would have its digest made anew, and arguments may be large.
        held = request.model_copy(update={"grants": holding}) if holding else request
        return decider.decide(held)

    made = asked_again(ask, grants, world)
    restated = then is not None and then.asked not in (None, request.asked)
    return one.answered(made, grants).model_copy(update={"restated": restated})


def _before(
    call: Dispatch, args: dict[str, JsonValue], schema: Schema, world: World
) -> Iterator[Finding]:
    """What would hold the call back before policy is asked, in the order in which a run finds
    it.
    """
    tool, place = call.step.tool, f"step `{call.label}`"
    if not world.offers(tool):
        yield Finding(
            code="LS-ENV-002",
            place=place,
            problem=f"`{tool}` is not in environment `{world.environment.name}`",
            fix="use a tool that its manifest names",
        )
    yield from check_value(place, schema, args, "LS-PLAN-008")
    yield from missing_resources(place, touched(schema, args), world)
