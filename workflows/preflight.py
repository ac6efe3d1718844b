"""Before the first step: is the environment what its manifest expects?

All looks are made at once, each a call like any step's, and all are waited for, so that whoever
mends the environment is told of everything that is wrong with it. If one does not show what was
expected, or cannot be made, nothing of the plan is begun. What cannot be known is not as expected.
"""

import asyncio

from activities.contract.reader import Reader, Weigh
from lockstep.event import PreflightChecked
from lockstep.finding import Finding
from lockstep.lock import LockedPreflight
from lockstep.preflight import name_of
from workflows.context import RunContext
from workflows.ends import Stopped
from workflows.reading import read, sources
from workflows.step import StepLife
from workflows.together import together

_FIX = "mend the environment and run again, or correct what its manifest expects"


async def preflight(run: RunContext) -> tuple[Finding, ...]:
    """What speaks against beginning; empty if all is as expected."""
    tasks = [asyncio.create_task(_look(run, one)) for one in run.body.preflight]
    return tuple(found for found in await together(tasks) if found is not None)


async def _look(run: RunContext, one: LockedPreflight) -> Finding | None:
    step = one.step
    end = await StepLife(run, step, {}).once()
    if isinstance(end, Stopped):
        return _unlike(step.id, f"it could not be looked at: {end.finding}")
    request = Weigh(guards=one.expect, sources=sources(run, {step.id: end.value}, [step.id]))
    weighed = await read(run, f"{step.id}.expect", Reader.weigh, request)
    if isinstance(weighed, Finding):
        return _unlike(step.id, f"it could not be looked at: {weighed}")
    run.journal.write(
        PreflightChecked(
            preflight=name_of(step.id),
            step=step.id,
            holds=weighed.holds,
            comparisons=weighed.comparisons,
        )
    )
    if weighed.holds:
        return None
    return _unlike(step.id, "; ".join(str(each) for each in weighed.comparisons if not each.holds))


def _unlike(step: str, problem: str) -> Finding:
    place = f"preflight `{name_of(step)}`"
    return Finding(code="LS-RUN-009", place=place, problem=problem[:2000], fix=_FIX)
