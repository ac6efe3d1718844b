"""What a history holds of each activity: what it was asked, and what it gave.

A history is read as plain JSON and then as our nouns, so that it can be read without the code that
wrote it, and so that what is none of ours becomes a finding and not an exception.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import ValidationError
from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent

from activities.contract.planner import Reply
from activities.contract.reader import Counted, Gathered, Weighing
from activities.contract.validator import Permitted, Verified
from lockstep.checked import Checked
from lockstep.decision import Decision
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.outcome import Attempt, Report
from lockstep.record import Record
from lockstep.value import Value
from worker.payloads import data_converter
from worker.records.history import first_line

Scheduled = ActivityTaskScheduledEventAttributes
Recorded = tuple[Scheduled, Any]
"""What was asked, and what came of it; None where nothing did, or where nobody has to know."""

VERDICTS = "lockstep."
CHECK = "lockstep.check"
PROPOSE = "lockstep.propose"
FREEZE = "lockstep.freeze"
VERIFY = "lockstep.verify"
REPLAN = "lockstep.replan"
RECHECK = "lockstep.recheck"
_ANSWERS: dict[str, type[Record]] = {
    CHECK: Checked,
    PROPOSE: Reply,
    FREEZE: Lock,
    VERIFY: Verified,
    REPLAN: Permitted,
}
READINGS: dict[str, type[Record]] = {
    "lockstep.weigh": Weighing,
    "lockstep.keep": Value,
    "lockstep.count": Counted,
    "lockstep.gather": Gathered,
}


class Lost(Record):
    """A step's activity that failed, ran out of time or was stopped: what its attempts said of
    themselves before that, and what allowed the last call, where that was told.
    """

    attempts: tuple[Attempt, ...]
    decision: Decision | None = None


class Rechecked(Record):
    """What spoke against a human's change."""

    findings: tuple[Finding, ...]


Noun = TypeVar("Noun", bound=Record)


def given(scheduled: Scheduled, noun: type[Noun]) -> Noun:
    """What an activity was asked, as the noun that it is; ValueError or LookupError where it is
    none.
    """
    return noun.model_validate(json_of(scheduled.input.payloads)[0])


def recorded(events: "list[HistoryEvent] | Any") -> Iterator[Recorded]:
    """Each scheduled activity with what came of it: a step's outcome, the verdict on a plan, a
    lock or its rest, a model's answer, a lock, or what was read of stored values."""
    ends: dict[int, Any] = {}
    lost: dict[int, Any] = {}
    for event in events:
        if event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            ends[done.scheduled_event_id] = done.result.payloads
        elif event.HasField("activity_task_failed_event_attributes"):
            failed = event.activity_task_failed_event_attributes
            told = failed.failure.application_failure_info.details
            lost[failed.scheduled_event_id] = told.payloads
        elif event.HasField("activity_task_timed_out_event_attributes"):
            late = event.activity_task_timed_out_event_attributes
            told = late.failure.timeout_failure_info.last_heartbeat_details
            lost[late.scheduled_event_id] = told.payloads
        elif event.HasField("activity_task_canceled_event_attributes"):
            stopped = event.activity_task_canceled_event_attributes
            lost[stopped.scheduled_event_id] = stopped.details.payloads
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            if event.event_id in ends:
                yield scheduled, _end(scheduled, ends[event.event_id])
            elif event.event_id in lost and not scheduled.activity_type.name.startswith(VERDICTS):
                told = lost[event.event_id]
                yield scheduled, Lost(attempts=_attempts(told), decision=_allowed(told))
            else:
                yield scheduled, None


def numbered(scheduled: Scheduled) -> int:
    """Which of its kind an activity of a planning is: `check.3` is the third; a `check`, the only
    one.
    """
    number = scheduled.activity_id.rpartition(".")[2]
    return int(number) if number.isdecimal() else 1


def _end(scheduled: Scheduled, payloads: Any) -> Any:
    """What an activity returned; a finding where it is nothing that this activity returns."""
    kind = scheduled.activity_type.name
    try:
        if kind in _ANSWERS:
            return _ANSWERS[kind].model_validate(json_of(payloads)[0])
        if kind == RECHECK:
            return Rechecked.model_validate({"findings": json_of(payloads)[0]})
        if kind in READINGS:
            return READINGS[kind].model_validate(json_of(payloads)[0])
        if kind.startswith(VERDICTS):
            return None
        return Report.model_validate(json_of(payloads)[0]).outcome
    except (ValueError, LookupError, LockstepError) as error:
        return Finding(
            code="LS-REPLAY-001",
            place=f"step `{scheduled.activity_id}`",
            problem=f"its outcome cannot be read: {first_line(error)}",
            fix="replay with the version that ran it",
        )


def _attempts(payloads: Any) -> tuple[Attempt, ...]:
    """The account that failures and heartbeats carry; none where there is none, or nobody can
    read it.
    """
    try:
        listed = _carried(payloads).get("attempts") or ()
        return tuple(Attempt.model_validate(one) for one in listed)
    except (ValidationError, TypeError):
        return ()


def _allowed(payloads: Any) -> Decision | None:
    """The decision that they carry, if they do."""
    try:
        return Decision.model_validate(_carried(payloads).get("decision"))
    except ValidationError:
        return None


def _carried(payloads: Any) -> dict[str, Any]:
    told = json_of(payloads)
    return told[0] if told and isinstance(told[0], dict) else {}


def json_of(payloads: Any) -> list[Any]:
    """Payloads as plain JSON values, without the types that wrote them."""
    listed: list[Payload] = list(payloads)
    return data_converter.payload_converter.from_payloads(listed)


def written(values: list[Any]) -> list[Any]:
    """Values as the JSON they travel as."""
    return json_of(data_converter.payload_converter.to_payloads(values))
