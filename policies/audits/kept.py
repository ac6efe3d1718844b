"""Did the run do what its locks say, under the policy that they pin, within what they allow?"""

from collections.abc import Iterator

from lockstep.action import MAX_DISPATCHES
from lockstep.amount import MOST, Amount
from lockstep.decision import Grounds
from lockstep.event import RunCompleted, RunFailed, RunRefused, RunStarted, RunVerified
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.outcome import Dispatch
from lockstep.outlay import Outlay
from lockstep.planned import PlannerAnswered, PlannerFailed
from lockstep.replanned import RunReplanned
from lockstep.stepped import StepAttempted, StepCounted
from lockstep.value import Value
from policies.audits.trail import Trail, wrong

CODE = "LS-AUDIT-006"
SPENT = "LS-AUDIT-007"


def lock_kept(trail: Trail) -> Iterator[Finding]:
    """What was done outside the locks, or beyond them."""
    yield from _bound(trail)
    for call in trail.sent:
        yield from _sent(call, trail)
    for leg in trail.legs:
        step = trail.steps.get((leg.lock.digest, leg.started.step))
        place = f"step `{leg.label}`"
        if step is None:
            yield wrong(CODE, place, "is no step of the lock that the run went by")
            continue
        if step.tool != leg.started.tool:
            yield wrong(CODE, place, f"called {leg.started.tool}, and the lock says {step.tool}")
        made = sum(isinstance(event.what, StepAttempted) for event in leg.events)
        if made > step.attempts:
            yield wrong(CODE, place, f"was tried {made} times, and the lock says {step.attempts}")
        if leg.started.dispatch > MAX_DISPATCHES:
            yield wrong(CODE, place, f"was sent out more than {MAX_DISPATCHES} times")


def budget_kept(trail: Trail) -> Iterator[Finding]:
    """Where more was spent than the first lock allows: what is planned anew has no more."""
    if not trail.locks:
        return
    limits = trail.locks[0].body.limits
    allowed = limits.amount + planning(trail)
    for event, lock in trail.under():
        match event.what:
            case RunCompleted(spent=spent) | RunFailed(spent=spent):
                pass
            case RunRefused(spent=Amount() as spent):
                pass
            case StepCounted(step=id, items=items):
                step = trail.steps.get((lock.digest, id))
                most = step.for_each.max if step is not None and step.for_each else 0
                if items > most:
                    yield wrong(SPENT, f"step `{id}`", f"went through {items} items of {most}")
                continue
            case _:
                continue
        for part in spent.over(allowed):
            used, most = getattr(spent, part), getattr(allowed, part)
            yield wrong(SPENT, "budget", f"{part}: {used:,} spent of {most:,}")
    tries = (e.what for leg in trail.legs for e in leg.events if isinstance(e.what, StepAttempted))
    calls = sum(one.attempt.decision is not None for one in tries)
    if calls > limits.calls:
        yield wrong(SPENT, "budget", f"{calls:,} calls were made of {limits.calls:,}")


def shown_right(trail: Trail) -> Iterator[Finding]:
    """Where what is told of a value is not what its digest is of."""
    for value in trail.told():
        if value.preview is not None and not _is_of(value):
            place = f"value `{value.digest[:19]}…`"
            yield wrong("LS-AUDIT-002", place, "is told otherwise than its digest has it")


def _is_of(value: Value) -> bool:
    try:
        again, data = Value.of(value.preview)
    except ValueError:
        return False
    return (again.digest, len(data)) == (value.digest, value.size)


def planning(trail: Trail) -> Amount:
    """What planning cost, which has a budget of its own: before the run, and in the middle of it.
    What it cost at most, where that is not known, has no limit here.
    """
    total = Amount()
    for event in trail.events:
        match event.what:
            case RunStarted(planned=Outlay() as planned):
                total += planned.spent
            case PlannerAnswered(bill=bill) | PlannerFailed(bill=bill):
                total += bill.amount
                if bill.unknown:
                    total += Amount(tokens=MOST, microdollars=MOST)
            case _:
                continue
    return total


def _bound(trail: Trail) -> Iterator[Finding]:
    """That the events name the locks, one made of the other, and the policy that they pin."""
    for event, lock in trail.under():
        match event.what:
            case RunStarted(lock=named) if named != lock.digest:
                yield wrong(CODE, "run", f"says it was started with lock `{named[:19]}…`")
            case RunReplanned(lock=named) if named != lock.digest:
                yield wrong(CODE, "run", f"went on with a lock that is not there: `{named[:19]}…`")
            case RunVerified(grounds=grounds) if grounds is not None:
                yield from _policy(grounds, lock)
            case _:
                continue
    for parent, child in trail.parents():
        if child.body.parent != parent.digest:
            yield wrong(CODE, "lock", "a lock of the run was not made of the one before")
        if child.body.limits.amount.over(parent.body.limits.amount):
            yield wrong(CODE, "lock", "a lock of the run allows more than the one before")


def _policy(grounds: Grounds, lock: Lock) -> Iterator[Finding]:
    for name, found in grounds.files.items():
        if lock.body.pins.policy.get(name) != found:
            yield wrong(CODE, "run", f"was verified on another `{name}` than the lock pins")


def _sent(call: Dispatch, trail: Trail) -> Iterator[Finding]:
    place = f"step `{call.label}`"
    locks: dict[str, Lock] = {lock.digest: lock for lock in trail.locks}
    lock = locks.get(call.run.lock)
    if lock is None:
        yield wrong(CODE, place, "was sent out by a lock that the run did not go by")
        return
    step = trail.steps.get((lock.digest, call.step.id))
    if step != call.step:
        yield wrong(CODE, place, "was sent out otherwise than its lock says")
    if call.run.policy != lock.body.pins.policy:
        yield wrong(CODE, place, "was sent out under other policy than its lock pins")
    if call.run.tool != lock.body.pins.tools.get(call.step.tool):
        yield wrong(CODE, place, f"was sent out with another {call.step.tool} than its lock pins")
    if call.run.id != trail.run:
        yield wrong(CODE, place, f"was sent out for run `{call.run.id}`")
