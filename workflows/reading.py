"""What a run asks of stored values before it goes on with a step.

The run branches on recorded answers and never looks at a value itself: whatever a tool returned,
however large it is, stays out of the workflow. Each question is an activity, and takes a slot like
any other.
"""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from pydantic import JsonValue
from temporalio import workflow
from temporalio.exceptions import ActivityError, ApplicationError, CancelledError

from activities.contract.reader import Keep, Reader, Sources, Weigh
from lockstep.amount import Amount
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.loop import label
from lockstep.stepped import StepFailed, StepGuarded
from lockstep.value import Value
from workflows.context import RunContext
from workflows.ends import NotStarted, Skipped, Stopped
from workflows.verdicts import verdict

Asked = TypeVar("Asked")
Given = TypeVar("Given")


async def read(
    run: RunContext, id: str, method: Callable[[Any, Asked], Awaitable[Given]], asked: Asked
) -> Given | Finding:
    """What a method of the `Reader` contract says; a finding where it could not be said."""
    try:
        async with run.slots:
            return await verdict(id, method, asked)
    except ActivityError as error:
        if isinstance(error.cause, CancelledError) and workflow.cancellation_reason() is not None:
            raise
        return _told(error.cause)


def sources(run: RunContext, values: dict[str, Value], names: Iterable[str]) -> Sources:
    """What the references of a step draw from, as far as they name these steps."""
    return Sources(
        values={name: values[name].bare for name in names},
        inputs=run.facts.inputs,
        run=run.facts.told,
    )


async def guarded(
    run: RunContext, step: LockedStep, values: dict[str, Value]
) -> Skipped | Stopped | NotStarted | None:
    """How the step ends because of its guards; None where it may start."""
    if not step.when:
        return None
    request = Weigh(guards=step.when, sources=sources(run, values, step.guarded_by))
    found = await read(run, f"{step.id}.when", Reader.weigh, request)
    if isinstance(found, Finding):
        return stopped(run, step, found)
    run.journal.write(StepGuarded(step=step.id, holds=found.holds, comparisons=found.comparisons))
    if run.stopping:
        return NotStarted()
    if found.holds:
        return None
    return Skipped("; ".join(str(one) for one in found.comparisons if not one.holds))


async def kept(
    run: RunContext,
    step: LockedStep,
    name: str,
    output: JsonValue,
    item: int | None = None,
) -> Value | Stopped:
    """A value that was written down with the plan, or by a human, put where outputs are; `name` is
    of the occasion.
    """
    found = await read(run, f"{label(step.id, item)}.{name}", Reader.keep, Keep(value=output))
    return stopped(run, step, found) if isinstance(found, Finding) else found


def stopped(run: RunContext, step: LockedStep, finding: Finding) -> Stopped:
    """The end of a step that could not be gone on with, told as its own."""
    finding = finding.model_copy(update={"place": f"step `{step.id}`"})
    run.journal.write(StepFailed(step=step.id, finding=finding, spent=Amount()))
    return Stopped(finding)


def _told(cause: BaseException | None) -> Finding:
    details = cause.details if isinstance(cause, ApplicationError) else ()
    try:
        return Finding.model_validate(details[0] if details else None)
    except ValueError:
        return Finding(
            code="LS-STEP-004",
            place="",
            problem=f"stored values could not be read: {cause}"[:2000],
            fix="see the worker's log",
        )
