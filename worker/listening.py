"""Lets somebody outside the workflow sandbox hear a run's events as they are written.

The same ear serves two: a worker logs what happens now, and a replay collects what happened then.
"""

import json
from typing import Any

import structlog
from temporalio.worker import Interceptor, WorkflowInboundInterceptor, WorkflowInterceptorClassInput

from lockstep.event import Event
from workflows.journal import LISTENER, Listener

log = structlog.get_logger()

_LONGEST = 1000
"""Characters of JSON; of a longer list or object its size is logged, since half of one is none."""


class Listening(Interceptor):
    """Hands each event of each workflow to a listener."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def workflow_interceptor_class(
        self, input: WorkflowInterceptorClassInput
    ) -> type[WorkflowInboundInterceptor] | None:
        input.unsafe_extern_functions[LISTENER] = self._listener
        return None


def log_event(workflow: str, event: Event, replaying: bool) -> None:
    """Write an event to the log once: a replay is not a second happening."""
    if replaying:
        return
    fields: dict[str, Any] = event.what.model_dump(mode="json", exclude={"type", "inputs"})
    log.info(event.what.type, run=workflow, seq=event.seq, **_brief(fields))


def _brief(fields: dict[str, Any]) -> dict[str, Any]:
    """What fits a log line: names and reasons, not whole arguments and decisions."""
    brief: dict[str, Any] = {}
    for key, value in fields.items():
        match key, value:
            case "run", _:
                continue
            case ("decision", {"outcome": outcome, "tool": tool, "rules": rules}):
                brief |= {"outcome": outcome, "tool": tool, "rules": [rule["id"] for rule in rules]}
            case ("question", {"id": id, "step": step, "why": why, "deadline": deadline}):
                brief |= {"question": id, "step": step, "why": why, "deadline": deadline}
            case ("finding", {"code": code, "problem": problem}):
                brief |= {"code": code, "problem": problem}
            case ("findings", list()):
                brief |= {"findings": len(value), "codes": sorted({one["code"] for one in value})}
            case ("decisions", list()):
                brief[key] = len(value)
            case ("attempt", {"number": number, "end": end, "failure": failure}):
                brief |= {"attempt": number, "end": end, "failure": failure}
            case ("value" | "args", {"digest": digest, "size": size}):
                brief |= {"digest": digest, "bytes": size}
            case _, dict() | list() if (size := len(json.dumps(value))) > _LONGEST:
                brief[f"{key}_bytes"] = size
            case _:
                brief[key] = value
    return brief
