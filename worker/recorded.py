"""What a history holds of each activity: what it was asked, and what it gave.

A history is read as plain JSON and then as our nouns, so that it can be read without the code that
wrote it, and so that what is none of ours becomes a finding and not an exception.
"""

from collections.abc import Iterator
from typing import Any

from temporalio.api.common.v1 import Payload
from temporalio.api.history.v1 import ActivityTaskScheduledEventAttributes, HistoryEvent

from activities.contract import Counted, Gathered, Reply, Weighing
from lockstep.checked import Checked
from lockstep.errors import LockstepError
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.outcome import Report
from lockstep.record import Record
from lockstep.value import Value
from worker.history import first_line
from worker.payloads import data_converter

Scheduled = ActivityTaskScheduledEventAttributes
Recorded = tuple[Scheduled, Any]
"""What was asked, and what came of it; None where nothing did, or where nobody has to know."""

VERDICTS = "lockstep."
CHECK = "lockstep.check"
PROPOSE = "lockstep.propose"
FREEZE = "lockstep.freeze"
READINGS: dict[str, type[Record]] = {
    "lockstep.weigh": Weighing,
    "lockstep.keep": Value,
    "lockstep.count": Counted,
    "lockstep.gather": Gathered,
}


def recorded(events: "list[HistoryEvent] | Any") -> Iterator[Recorded]:
    """Each scheduled activity with what came of it: a step's outcome, the verdict on a
    plan, a model's answer, a lock, or what was read of stored values."""
    ends: dict[int, Any] = {}
    for event in events:
        if event.HasField("activity_task_completed_event_attributes"):
            done = event.activity_task_completed_event_attributes
            ends[done.scheduled_event_id] = done.result.payloads
    for event in events:
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled = event.activity_task_scheduled_event_attributes
            end = ends.get(event.event_id)
            yield scheduled, None if end is None else _end(scheduled, end)


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
        if kind == CHECK:
            return Checked.model_validate(json_of(payloads)[0])
        if kind == PROPOSE:
            return Reply.model_validate(json_of(payloads)[0])
        if kind == FREEZE:
            return Lock.model_validate(json_of(payloads)[0])
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


def json_of(payloads: Any) -> list[Any]:
    """Payloads as plain JSON values, without the types that wrote them."""
    listed: list[Payload] = list(payloads)
    return data_converter.payload_converter.from_payloads(listed)


def written(values: list[Any]) -> list[Any]:
    """Values as the JSON they travel as."""
    return json_of(data_converter.payload_converter.to_payloads(values))
