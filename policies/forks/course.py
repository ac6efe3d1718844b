"""What of a run may be carried into another one, and what would be done twice?

Answered from the events of the one and the lock of the other: by whoever asks for a fork, to be
told, and by the worker that is to run it, before anything is begun. A step is carried if it is over
and all that it needs is; if its lock says the same of it as the lock it was done by; and if nothing
that it was done with is otherwise now. Everything else is done again, and what may have had an
effect is called once more only if a person says so.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from pydantic import JsonValue

from lockstep.canonical import canonical
from lockstep.fallback import owners, without
from lockstep.finding import Finding
from lockstep.fork import Carried, CarriedItem, Fork, hanging
from lockstep.lock import Body, LockedStep
from lockstep.past import Ancestor, Past
from policies.check import MAX_FINDINGS
from policies.checks.misfit import did_you_mean
from policies.forks.twice import acted, keeps_its_key, refused
from policies.forks.unlike import differences, draws_on, unlike
from policies.world import World


@dataclass(frozen=True)
class Course:
    """What becomes of each step of a fork. `carried` are over, or loops in part; `redone` have an
    output, and are done again. `twice` may have had an effect that would be had twice; `keys` are
    those that may have had one and keep their idempotency key, and name the run that it is of.
    """

    carried: tuple[Carried, ...]
    redone: tuple[str, ...]
    twice: tuple[str, ...]
    keys: dict[str, str]
    findings: tuple[Finding, ...]


def course(
    fork: Fork,
    ancestor: Ancestor,
    body: Body,
    inputs: Mapping[str, JsonValue],
    world: World,
) -> Course:
    """Where a fork begins, and what speaks against it; `inputs` are its own, with defaults."""
    past = ancestor.past
    unknown = tuple(islice(_unknown(fork, body), MAX_FINDINGS))
    spared = _spared(body, past)
    left_out = past.because.keys() - _spared(ancestor.body, past)
    other = _other_inputs(ancestor.inputs, inputs)
    anew = {*fork.redo, *(step.id for step in body.steps if draws_on(step, other))}
    over = {*past.done, *left_out, *spared}
    again = hanging(
        body.steps, anew | {step.id for step in body.steps if step.id not in over}, spared
    )
    carried: list[Carried] = []
    findings: list[Finding] = []
    for step in body.steps:
        if step.id in again:
            if step.id not in anew and _goes_on(step, body, ancestor, again):
                carried.append(_in_part(step.id, past))
        elif step.id not in spared:
            findings += unlike(step, body, ancestor)
            carried.append(_whole(step.id, past))
    kept = {one.step: one for one in carried}
    parts = {id: frozenset(part.item for part in one.items) for id, one in kept.items()}
    whole: frozenset[int] = frozenset()
    begun = [
        step
        for step in body.steps
        if step.id in again and acted(step, ancestor, body, world, parts.get(step.id, whole))
    ]
    keys = {
        step.id: past.keys.get(step.id, ancestor.run)
        for step in begun
        if not draws_on(step, other)
        and keeps_its_key(step, ancestor, body, again, parts.get(step.id, whole))
    }
    twice = tuple(step.id for step in begun if step.id not in keys)
    findings += _mocks(carried, ancestor, body)
    findings += _broken(kept, body, world)
    agreed = {*fork.again}
    findings += (refused(id, ancestor) for id in twice if id not in agreed)
    return Course(
        carried=tuple(carried),
        redone=tuple(step.id for step in body.steps if step.id in again & past.done.keys()),
        twice=twice,
        keys=keys,
        findings=tuple(islice((*unknown, *_idle(fork, body, again), *findings), MAX_FINDINGS)),
    )


def belongs(ancestor: Body, body: Body, world: World) -> Iterator[Finding]:
    """Why the one run cannot be gone on with as the other: another agent, or another world."""
    for what, then, now, here in (
        ("agent", ancestor.agent, body.agent, world.agent.name),
        ("environment", ancestor.environment, body.environment, world.environment.name),
        ("stage", ancestor.stage, body.stage, world.environment.stage),
    ):
        if not then == now == here:
            yield Finding(
                code="LS-FORK-001",
                place="fork",
                problem=f"the run was of {what} `{then}`, and this is "
                f"`{now if now != then else here}`",
                fix="fork it where it ran, or run the lock from its beginning",
            )


def about(ancestor: Past, scheduled_at: datetime) -> Iterator[Finding]:
    """What is carried was made for one time, and the rest has to be about the same."""
    if ancestor.scheduled_at != scheduled_at:
        then = ancestor.scheduled_at.isoformat() if ancestor.scheduled_at else "none"
        yield Finding(
            code="LS-FORK-001",
            place="fork",
            problem=f"the run was about {then}, and this one is about {scheduled_at.isoformat()}",
            fix="use `lockstep fork`, which keeps the time",
        )


def _unknown(fork: Fork, body: Body) -> Iterator[Finding]:
    ids = [step.id for step in body.steps]
    for id in (*fork.redo, *fork.again):
        if id not in ids:
            yield Finding(
                code="LS-FORK-001",
                place="fork",
                problem=f"the lock has no step `{id}`",
                fix=did_you_mean(id, ids) or "name one of its steps; see `lockstep runs show`",
            )


def _idle(fork: Fork, body: Body, again: frozenset[str]) -> Iterator[Finding]:
    """Whoever forks a run wants something done; and whoever says that a step is to be called again
    means that it is.
    """
    if not again:
        yield Finding(
            code="LS-FORK-001",
            place="fork",
            problem="all of it is over, and nothing is left to be done",
            fix="name a step to do again with `--from STEP`",
        )
    over = {step.id for step in body.steps} - again
    for id in fork.again:
        if id in over:
            yield Finding(
                code="LS-FORK-001",
                place="fork",
                problem=f"step `{id}` is over, and would not be called again",
                fix=f"add `--from {id}`, or leave `--again {id}` out",
            )


def _spared(body: Body, past: Past) -> frozenset[str]:
    """The stand-ins that were not wanted: whoever did without them is over, or is done again."""
    return frozenset(id for id in owners(body.steps) if id not in past.used)


def _other_inputs(then: Mapping[str, JsonValue], now: Mapping[str, JsonValue]) -> frozenset[str]:
    """The inputs that are not what they were."""
    return frozenset(
        name
        for name in {*then, *now}
        if (name in then) != (name in now) or canonical(then[name]) != canonical(now[name])
    )


def _goes_on(step: LockedStep, body: Body, ancestor: Ancestor, again: frozenset[str]) -> bool:
    """Whether a loop that is not over goes on with the items that are not done."""
    past = ancestor.past
    return (
        step.for_each is not None
        and step.id in past.items
        and step.id not in {*past.done, *past.because}
        and step.id in ancestor.steps
        and again.isdisjoint(step.needs)
        and not differences(step, body, ancestor)
    )


def _whole(id: str, past: Past) -> Carried:
    value = past.done.get(id)
    return Carried(
        step=id,
        value=value,
        because="" if value is not None else past.because[id],
        edits=past.edits.get(id, ()),
        given=id in past.given,
    )


def _in_part(id: str, past: Past) -> Carried:
    return Carried(
        step=id,
        items=tuple(
            CarriedItem(item=item, value=value) for item, value in sorted(past.items[id].items())
        ),
        edits=past.edits.get(id, ()),
        given=id in past.given,
    )


def _mocks(carried: list[Carried], ancestor: Ancestor, body: Body) -> Iterator[Finding]:
    """A run in which a mock has answered stays one."""
    here = {step.id: step.tool for step in body.steps}
    lost = sorted({here[one.step] for one in carried} & (ancestor.mocked - {*body.mocked}))
    if lost or (carried and ancestor.mocked and not body.mocked):
        names = ", ".join(f"`{one}`" for one in lost or sorted(ancestor.mocked))
        yield Finding(
            code="LS-FORK-005",
            place="fork",
            problem=f"mocks answered for {names} in that run, and do not in this one",
            fix="run the lock from its beginning",
        )


def _broken(kept: Mapping[str, Carried], body: Body, world: World) -> Iterator[Finding]:
    """Plan rules, on what really happened: what was left out was not done, what a human wrote was
    called otherwise, what a human gave was not called.
    """
    silent = {id for id, one in kept.items() if one.because}
    edits = {id: one.edits for id, one in kept.items() if one.edits}
    given = {id for id, one in kept.items() if one.given}
    if silent or edits or given:
        gone = without(body.steps, silent)
        yield from world.violations(body.steps, gone, edits, given)
