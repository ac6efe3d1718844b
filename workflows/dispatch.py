"""One dispatch: a step becomes one Temporal activity, and its end a value.

The activity's type is the tool's name and its id the step's, so that Temporal's own pages tell the
story. Every timeout, the heartbeat and the retries come from the lock; Temporal keeps them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    CancelledError,
    TimeoutType,
)
from temporalio.exceptions import TimeoutError as ActivityTimeout

from lockstep.amount import Amount
from lockstep.decision import Decision, Grounds
from lockstep.finding import Finding
from lockstep.lock import LockedStep
from lockstep.outcome import Attempt, AttemptEnd, Dispatch, Report, StepOutcome
from lockstep.tool import harms_twice
from lockstep.value import Value

BACKOFF_COEFFICIENT = 2.0
MAX_BACKOFF = timedelta(seconds=60)


@dataclass(frozen=True)
class Failed:
    """All attempts are used up; `unknown` where it is not known whether the last one took
    effect; `args` are what it was called with, if it lived to say, and `decision` is what allowed
    its last call.
    """

    finding: Finding
    attempts: tuple[Attempt, ...]
    unknown: bool
    args: Value | None = None
    shown: str = ""
    decision: Decision | None = None
    grounds: Grounds | None = None


async def dispatch(
    call: Dispatch, number: int, task_queue: str, deadline: timedelta
) -> StepOutcome | Failed:
    """Run the step's activity to its end. `number` counts dispatches of this step from 1."""
    step = call.step
    # No longer than all attempts together, as the server would have it anyway.
    timeout = min(step.timeout, deadline)
    try:
        report: Report = await workflow.execute_activity(
            step.tool,
            call,
            result_type=Report,
            activity_id=call.label if number == 1 else f"{call.label}.{number}",
            task_queue=task_queue,
            start_to_close_timeout=timeout,
            heartbeat_timeout=min(step.heartbeat, timeout),
            schedule_to_close_timeout=deadline,
            retry_policy=RetryPolicy(
                initial_interval=step.backoff,
                backoff_coefficient=BACKOFF_COEFFICIENT,
                maximum_interval=MAX_BACKOFF,
                maximum_attempts=step.attempts,
                non_retryable_error_types=["PayloadsTooLarge", "PayloadSizeError"],
            ),
            cancellation_type=workflow.ActivityCancellationType.WAIT_CANCELLATION_COMPLETED,
            summary=call.label,
        )
        return report.outcome
    except ActivityError as error:
        # An activity may also be cancelled by itself, which is a failure like any other.
        if isinstance(error.cause, CancelledError) and workflow.cancellation_reason() is not None:
            raise
        return failed(call, error.cause, deadline)


def spent(attempts: tuple[Attempt, ...], cost: Amount) -> Amount:
    """What the attempts used; one that nobody recorded is taken to have used all it could."""
    total = Amount()
    for attempt in attempts:
        total += cost if attempt.end is AttemptEnd.UNRECORDED else attempt.spent
    return total


def failed(call: Dispatch, cause: BaseException | None, deadline: timedelta) -> Failed:
    step, place = call.step, f"step `{call.label}`"
    harmful = harms_twice(step.effect, step.idempotency)
    details: Sequence[Any] = ()
    match cause:
        case ApplicationError():
            details = cause.details
            attempts, finding = _attempts(details), _told(cause)
        case ActivityTimeout():
            details = cause.last_heartbeat_details
            attempts = _attempts(details)
            finding = Finding(
                code="LS-STEP-005",
                place=place,
                problem=_overdue(step, cause.type, deadline),
                fix="see whether the tool or its worker hung, or give it more time and lock again",
            )
        case _:
            attempts, finding = (), None
    # Silence is not proof that nothing happened: the heartbeat that would have told of the call
    # may be what was lost. Only a step that no worker ever took has had no effect for certain.
    never_taken = isinstance(cause, ActivityTimeout) and cause.type == TimeoutType.SCHEDULE_TO_START
    lost = not never_taken and (finding is None or isinstance(cause, ActivityTimeout))
    # A heartbeat that never arrived leaves the last attempt unrecorded; it was made all the same.
    if not attempts:
        attempts = (Attempt(number=1),)
    if finding is None:
        problem = f"{type(cause).__name__}: {cause}"[:2000]
        finding = Finding(
            code="LS-STEP-004", place=place, problem=problem, fix="see the worker's log"
        )
    unknown = harmful and (lost or attempts[-1].decision is not None)
    args, shown = _asked(details) if unknown else (None, "")
    decision, grounds = _allowed(details)
    return Failed(
        finding.model_copy(update={"place": place}),
        attempts,
        unknown,
        args,
        shown,
        decision,
        grounds,
    )


def _told(error: ApplicationError) -> Finding | None:
    """The finding that a step's own failure carries; None for a failure that is not ours."""
    first = error.details[0] if error.details else None
    try:
        return Finding.model_validate(first.get("finding") if isinstance(first, dict) else None)
    except ValueError:
        return None


def _overdue(step: LockedStep, kind: TimeoutType | None, deadline: timedelta) -> str:
    match kind:
        case TimeoutType.HEARTBEAT:
            return f"its worker fell silent for {step.heartbeat.total_seconds():g} s"
        case TimeoutType.START_TO_CLOSE:
            return f"an attempt took more than {step.timeout.total_seconds():g} s"
        case TimeoutType.SCHEDULE_TO_START:
            return "no worker took it in time"
        case _:
            return f"it was not done within {deadline.total_seconds():g} s, all attempts counted"


def _asked(details: object) -> tuple[Value | None, str]:
    """The arguments that a failure or its last heartbeat carries, and the same in a line."""
    first = details[0] if isinstance(details, (list, tuple)) and details else None
    said = first if isinstance(first, dict) else {}
    try:
        return Value.model_validate(said.get("args")), str(said.get("shown", ""))
    except ValueError:
        return None, ""


def _allowed(details: object) -> tuple[Decision | None, Grounds | None]:
    """The decision that a failure or its last heartbeat carries, and its grounds where they are not
    the run's; of before they did, none.
    """
    first = details[0] if isinstance(details, (list, tuple)) and details else None
    said = first if isinstance(first, dict) else {}
    try:
        grounds = said.get("grounds")
        return (
            Decision.model_validate(said.get("decision")),
            Grounds.model_validate(grounds) if grounds is not None else None,
        )
    except ValueError:
        return None, None


def _attempts(details: object) -> tuple[Attempt, ...]:
    """The attempts that a failure or its last heartbeat carries; none where there are none to
    read.
    """
    first = details[0] if isinstance(details, (list, tuple)) and details else None
    found = first.get("attempts") if isinstance(first, dict) else None
    try:
        return tuple(Attempt.model_validate(item) for item in found or ())
    except (ValueError, TypeError):
        return ()
