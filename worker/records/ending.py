"""How a workflow ended, read off its history alone."""

from typing import Any

from temporalio.client import WorkflowHistory

from worker.records.recorded import json_of
from workflows.run_result import RunResult

_ENDS = {
    f"workflow_execution_{end}_event_attributes": said
    for end, said in (
        ("completed", "completed"),
        ("failed", "failed"),
        ("canceled", "cancelled"),
        ("terminated", "terminated"),
        ("timed_out", "timed out"),
    )
}


def ending(history: WorkflowHistory) -> str | None:
    """In a word; None for one that is still under way, as far as the history goes."""
    return _ENDS.get(history.events[-1].WhichOneof("attributes") or "") if history.events else None


def goes_on(history: WorkflowHistory) -> bool:
    """Whether something stands in it after an end, which no server writes."""
    return any(one.WhichOneof("attributes") in _ENDS for one in history.events[:-1])


def result_of(history: WorkflowHistory) -> RunResult | None:
    """What a run returned, or failed with; None where it returned nothing that is a result."""
    last: Any = history.events[-1] if history.events else None
    if last is None:
        return None
    if last.HasField("workflow_execution_completed_event_attributes"):
        payloads = last.workflow_execution_completed_event_attributes.result.payloads
    elif last.HasField("workflow_execution_failed_event_attributes"):
        failure = last.workflow_execution_failed_event_attributes.failure
        payloads = failure.application_failure_info.details.payloads
    else:
        return None
    try:
        return RunResult.model_validate(json_of(payloads[:1])[0])
    except (ValueError, LookupError):
        return None
