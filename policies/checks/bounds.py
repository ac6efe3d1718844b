"""What a run of this plan may cost at most, how long it may take, and whether its history fits.

Every way is counted that the plan leaves open: all attempts of all calls, every call that an error
catalogue makes again, loops as often as they may go round, stand-ins on top of the steps they stand
in for. Guards are taken to hold.

How long calls take is the longest of two things put together: the longest chain of steps that wait
for one another, and all the work there is, spread over the run's slots. Whoever starts what is
ready whenever a slot is free takes no longer than (work + (slots - 1) x chain) / slots. Not in it
is the wait for a worker, for a human, and for the run's own readings.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import lru_cache
from typing import TypeVar

from lockstep.action import Actions, Recoveries, dispatches, paused, substitutes
from lockstep.action import pauses as timers
from lockstep.amount import Amount
from lockstep.bounds import Bounds
from lockstep.duration import LONGEST
from lockstep.fallback import owners, stand_ins, waits
from lockstep.graph import anyhow
from lockstep.plan import Step
from lockstep.tool import ToolSpec
from policies.locks.freeze import pauses

EVENTS = 6
"""Of one activity in a chain: scheduled, started, completed, and a workflow task's three."""
FIRST_EVENTS = 20
"""Of a run that does nothing: its start, the verdict on its lock, its end."""
ANSWER = 8 * 1024
"""Bytes of what a step's activity gives back: a preview, a decision, its attempts."""
READING = 4 * 1024

_AT_ONCE = timedelta()
_NOTHING: Mapping[str, Actions] = {}

Found = TypeVar("Found")

MAX_EVENTS = 40_000
MAX_BYTES = 40 * 1024 * 1024
"""The server ends a run at 51,200 events or 50 MiB; the rest is for questions and answers."""
MAX_COMMANDS = 3 * 1024 * 1024
"""Bytes of what may be dispatched at once: past 4 MiB the server would terminate the run."""


def worst(steps: Sequence[Step], specs: Mapping[str, ToolSpec], recoveries: Recoveries) -> Amount:
    """What the steps may spend together."""
    return Amount.total(_each(steps, lambda step: _spends(step, step.spec(specs), recoveries)))


def _each(steps: Iterable[Step], find: Callable[[Step], Found]) -> Iterator[Found]:
    """What is found of each step, by its tool, its time, its attempts and its loop alone: once for
    all that are alike in these. A compose step has a price of its own.
    """
    known: dict[tuple[object, ...], Found] = {}
    for step in steps:
        if step.kind == "compose":
            yield find(step)
            continue
        alike = (step.tool, step.timeout, step.attempts, times(step))
        if alike not in known:
            known[alike] = find(step)
        yield known[alike]


def _spends(step: Step, spec: ToolSpec, recoveries: Recoveries) -> tuple[Amount, int]:
    attempts = (step.attempts or spec.attempts) * dispatches(errors_of(step, recoveries))
    return spec.cost, attempts * times(step)


def times(step: Step) -> int:
    """How often a run may go through the step: once, or for each item of a loop."""
    return step.for_each.max if step.for_each else 1


def errors_of(step: Step, recoveries: Recoveries) -> Mapping[str, Actions]:
    """What is done about the errors of a step's tool."""
    return recoveries.get(step.tool, _NOTHING)


def bounds(
    steps: Sequence[Step],
    specs: Mapping[str, ToolSpec],
    parallel: int,
    recoveries: Recoveries,
    before: Sequence[Step] = (),
) -> Bounds:
    """Of steps that form a graph and whose tools are known, and of looks that come before them,
    about whose errors nothing is done.
    """
    reach = _bounds(steps, specs, parallel, recoveries)
    if not before:
        return reach
    first = _bounds(before, specs, parallel, {})
    calling = (first.calling or timedelta()) + (reach.calling or timedelta())
    # Each look is weighed in an activity of its own.
    return Bounds(
        calling=min(calling, LONGEST) or None,
        events=first.events + reach.events - FIRST_EVENTS + EVENTS * len(before),
        bytes=first.bytes + reach.bytes + READING * len(before),
    )


def _bounds(
    steps: Sequence[Step], specs: Mapping[str, ToolSpec], parallel: int, recoveries: Recoveries
) -> Bounds:
    lasting = _each(steps, lambda step: _lasts(step, step.spec(specs), recoveries))
    own = dict(zip((step.id for step in steps), lasting, strict=True))
    work = sum((own[step.id] * times(step) for step in steps), timedelta())
    # Items of a loop run beside one another, as far as there are slots.
    calling = (work + (parallel - 1) * _chain(steps, own)) / parallel
    events, size = written(steps, recoveries)
    return Bounds(
        calling=min(timedelta(seconds=math.ceil(calling.total_seconds())), LONGEST) or None,
        events=events,
        bytes=size,
    )


def written(steps: Sequence[Step], recoveries: Recoveries) -> tuple[int, int]:
    """How many events and bytes a run's history may have."""
    activities = size = 0
    counted = _each(steps, lambda step: _counted(step, errors_of(step, recoveries)))
    for step, (calls, timed) in zip(steps, counted, strict=True):
        # A timer takes fewer events than an activity, and hardly any bytes.
        activities += calls + timed
        size += calls * (dispatched(step, errors_of(step, recoveries)) + ANSWER)
        readings = _readings(step)
        if readings:
            activities += readings
            size += readings * (READING + 160 * times(step))
    # The plan itself comes three times: asked for, verified, and in the answer's place.
    plan = 3 * sum(step.size for step in steps)
    return FIRST_EVENTS + EVENTS * activities, size + plan


def _counted(step: Step, errors: Mapping[str, Actions]) -> tuple[int, int]:
    """How many calls and how many timers a step may come to."""
    return times(step) * dispatches(errors), times(step) * timers(errors)


def dispatched(step: Step, errors: Mapping[str, Actions]) -> int:
    """About how many bytes it takes to send the step out: its arguments, its references, and what
    may be put in the arguments' place.
    """
    # Ten kilobytes are for the run's inputs and facts, which go out with every step.
    known = 10 * 1024 + 160 * len(step.needs) + step.size
    if not errors:
        return known
    return known + sum(len(one.model_dump_json().encode()) for one in substitutes(errors).values())


def at_once(steps: Sequence[Step], recoveries: Recoveries, parallel: int) -> int:
    """How many bytes may be sent out in one moment."""
    sizes = [
        size
        for step in steps
        for size in [dispatched(step, errors_of(step, recoveries))] * times(step)
    ]
    return sum(sorted(sizes, reverse=True)[:parallel])


def _lasts(step: Step, spec: ToolSpec, recoveries: Recoveries) -> timedelta:
    """Of all dispatches, every attempt of each at its full time, and what lies between them."""
    errors = errors_of(step, recoveries)
    one = _longest(step.timeout or spec.timeout, step.attempts or spec.attempts)
    return min(one * dispatches(errors) + paused(errors), LONGEST) if errors else min(one, LONGEST)


@lru_cache(maxsize=256)
def _longest(timeout: timedelta, attempts: int) -> timedelta:
    """Of one dispatch."""
    return timeout * attempts + pauses(attempts)


def _readings(step: Step) -> int:
    """The activities beside its calls: guards, a loop's list and its outputs, given outputs."""
    if not (step.when or step.for_each or step.on_error):
        return 0
    given = any(one.output is not None for one in step.on_error.values())
    return bool(step.when) + 2 * bool(step.for_each) + given * times(step)


def _chain(steps: Sequence[Step], own: Mapping[str, timedelta]) -> timedelta:
    """When the last step ends if there are slots for all; a stand-in begins when its step has
    signalled.
    """
    known, whose = {step.id: step for step in steps}, owners(steps)
    ends: dict[str, timedelta] = {}

    def begins(step: Step) -> timedelta:
        if not step.needs:
            return _AT_ONCE
        return max((ends[need] for need in step.needs if need in ends), default=_AT_ONCE)

    def over(step: Step, begun: timedelta) -> timedelta:
        signalled = begun + own[step.id]
        if not step.on_error:
            return signalled
        others = [known[name] for name in stand_ins(step)]
        return max([signalled, *(over(one, max(signalled, begins(one))) for one in others)])

    for id in anyhow(waits(steps)):
        if id not in whose:
            ends[id] = over(known[id], begins(known[id]))
    return max(ends.values(), default=_AT_ONCE)
