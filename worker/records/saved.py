"""A history that was saved: its form as JSON, and the way back."""

import json
from typing import Any

from temporalio.client import WorkflowHistory

from lockstep.errors import LockstepError
from worker.records.history import first_line


def parsed(document: bytes | dict[str, Any], place: str, name: str = "") -> WorkflowHistory:
    """A history as Temporal writes it; LS-LOAD-002 for anything else. Which run it is of stands in
    it; where it does not, `name` does.
    """
    try:
        read = document.decode() if isinstance(document, bytes) else document
        history = WorkflowHistory.from_json(name, read)
        started = history.events[0].workflow_execution_started_event_attributes
        if not started.original_execution_run_id:
            # Temporal's replayer never answers to a history that does not begin like this.
            raise ValueError("its first event is not the start of a workflow")
    except Exception as error:  # every layer below has errors of its own, and all mean this one
        raise LockstepError.of(
            "LS-LOAD-002",
            place,
            f"not a history: {first_line(error)[:200]}",
            "save one with `lockstep replay RUN --save FILE`",
        ) from None
    return WorkflowHistory(started.workflow_id or name, history.events)


def written_down(history: WorkflowHistory) -> bytes:
    """The same bytes for the same history, in ASCII."""
    return (json.dumps(history.to_json_dict(), indent=1, sort_keys=True) + "\n").encode()
