"""A run that goes on from where another one got to.

What it may carry is found out by the worker, in an activity that reads the other run's history; the
request names that run and holds none of its outputs. What is carried then stands as if it had been
done here: its outputs feed later steps, what was left out stays left out, and what humans wrote
counts where a later change is held to the rules.
"""

from datetime import timedelta

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.contract.carrier import Carrier
from lockstep.finding import Finding
from lockstep.fork import Carry, Fork, Heritage, RunForked, over
from lockstep.lock import Lock
from lockstep.outcome import RunFacts
from lockstep.tail import shortened
from lockstep.value import Value
from workflows.context import RunContext
from workflows.verdicts import verdict

_LONGEST, _SILENT = timedelta(minutes=10), timedelta(seconds=20)
"""For a history to be fetched, replayed and compared; and between two signs of life meanwhile."""


async def inherited(
    fork: Fork, lock: Lock, inputs: dict[str, JsonValue], facts: RunFacts
) -> Heritage:
    """What the run may carry; a finding where that could not be found out."""
    request = Carry(fork=fork, body=lock.body, inputs=inputs, scheduled_at=facts.scheduled_at)
    try:
        return await verdict("carry", Carrier.carry, request, timeout=_LONGEST, heartbeat=_SILENT)
    except ActivityError as error:
        if workflow.cancellation_reason() is not None:
            raise
        why = shortened(str(error.cause or error), 300)
        finding = Finding(
            code="LS-FORK-002",
            place="fork",
            problem=f"run `{fork.run}` could not be looked at: {why}",
            fix="see the worker's log, and fork it again",
        )
        return Heritage(findings=(finding,))


def forked(fork: Fork, heritage: Heritage) -> RunForked:
    """What is written down of it."""
    assert heritage.lock is not None, "what has no finding has a lock"
    return RunForked(
        run=fork.run,
        execution=fork.execution,
        head=fork.head,
        lock=heritage.lock,
        spent=heritage.spent,
        carried=heritage.carried,
        again=fork.again,
        keys=heritage.keys,
    )


def taken_over(
    fork: Fork,
    heritage: Heritage,
    run: RunContext,
    values: dict[str, Value],
    skipped: list[str],
) -> frozenset[str]:
    """Begin with what is carried: the steps that the run comes by.

    What may have had an effect is begun, so that a rest that is planned anew gives it up, as it
    would in the other run, instead of having it done again in other words.
    """
    run.keys = heritage.keys
    for id in (*fork.again, *heritage.keys):
        run.begun.add(id)
        run.ended(id)
    carried = {one.step: one for one in heritage.carried}
    for id, one in carried.items():
        if one.value is not None:
            values[id] = one.value
        if one.because:
            run.leave_out(id)
            skipped.append(id)
        if one.items:
            run.made[id] = {part.item: part.value for part in one.items}
            run.begun.add(id)
        if one.edits:
            run.edits[id] = one.edits
        if one.given:
            run.hollow.add(id)
    return over(run.body.steps, carried)
