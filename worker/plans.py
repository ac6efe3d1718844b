"""Plannings as a client sees them: begin one, and read how it ended."""

import secrets
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError, CancelledError, TerminatedError

from lockstep.codes import CODES
from lockstep.finding import Finding
from lockstep.names import task_queue
from worker.runs import attributes
from workflows.lock_plan import LockPlan, LockRequest, LockResult


async def begin(client: Client, request: LockRequest) -> WorkflowHandle[LockPlan, Any]:
    """Have a plan locked, or made and locked, by a worker of its agent and environment."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    what = "samples" if request.samples else "plan" if request.goal else "lock"
    return await client.start_workflow(
        LockPlan.run,
        request.model_dump(mode="json"),
        id=f"{what}.{request.agent}.{request.environment}.{at}-{secrets.token_hex(3)}",
        task_queue=task_queue(request.agent, request.environment),
        search_attributes=attributes(request.agent, request.environment),
        static_summary=request.goal[:200] or f"lock a plan for {request.environment}",
    )


async def ended(handle: WorkflowHandle[LockPlan, Any]) -> LockResult | Finding:
    """The result of a planning, waited for; a finding where it failed without one."""
    try:
        given = await handle.result()
    except WorkflowFailureError as error:
        cause = error.cause
        if not (isinstance(cause, ApplicationError) and cause.details):
            return _finding(error)
        given = cause.details[0]
    try:
        return LockResult.model_validate(given)
    except ValidationError:
        return Finding(
            code="LS-RUN-008",
            place=f"planning `{handle.id}`",
            problem="ended with something else than a planning's result",
            fix="see Temporal's own pages for who ended it",
        )


def _finding(error: WorkflowFailureError) -> Finding:
    cause: BaseException | None = error.cause
    if isinstance(cause, CancelledError | TerminatedError):
        return Finding(
            code="LS-RUN-008",
            place="planning",
            problem=f"was {'cancelled' if isinstance(cause, CancelledError) else 'terminated'}",
            fix="plan again; `lockstep runs list` has what else is there",
        )
    while cause is not None and getattr(cause, "cause", None) is not None:
        cause = getattr(cause, "cause", None)
    kind = getattr(cause, "type", None) or ""
    code = kind if kind in CODES else "LS-CLI-002"
    text = str(getattr(cause, "message", cause)).removeprefix(f"{code} ")
    problem, _, fix = text.rpartition("; ")
    return Finding(code=code, place="", problem=problem or text, fix=fix or "see the worker's log")
