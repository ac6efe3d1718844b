"""Runs as a client sees them: start, find, follow."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError
from temporalio.client import (
    Client,
    WorkflowExecution,
    WorkflowExecutionDescription,
    WorkflowExecutionStatus,
    WorkflowFailureError,
    WorkflowHandle,
    WorkflowHistory,
    WorkflowQueryFailedError,
)
from temporalio.common import SearchAttributeKey, SearchAttributePair, TypedSearchAttributes
from temporalio.exceptions import ApplicationError
from temporalio.service import RPCError, RPCStatusCode

from lockstep.errors import LockstepError
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.lock import Lock
from worker.payloads import data_converter
from worker.records.history import PLANNING
from workflows.doors import Doors
from workflows.lock_plan import LockRequest
from workflows.run import Run
from workflows.run_request import RunRequest
from workflows.run_result import RunResult

AGENT = SearchAttributeKey.for_keyword("LockstepAgent")
ENVIRONMENT = SearchAttributeKey.for_keyword("LockstepEnvironment")
LOCK = SearchAttributeKey.for_keyword("LockstepLock")
FORKED = "LockstepForked"
"""Under which a run's memo says from which one it goes on: for lists, which read no histories."""
LATEST = "latest"
_LOOKED_AT = 200


@dataclass(frozen=True)
class Listed:
    """One row of `runs list`; `forked` is the run that it says it went on from. A planning has no
    lock yet.
    """

    id: str
    status: str
    agent: str
    environment: str
    lock: str
    started_at: datetime
    closed_at: datetime | None
    forked: str = ""


def new_id(lock: Lock) -> str:
    """Sorts by time, says what it is, and is never used twice."""
    at = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return f"{lock.body.agent}.{lock.body.environment}.{at}-{secrets.token_hex(3)}"


def attributes(agent: str, environment: str, lock: str = "") -> TypedSearchAttributes:
    """What a run or a planning is found by."""
    pairs = [
        SearchAttributePair(AGENT, agent),
        SearchAttributePair(ENVIRONMENT, environment),
    ]
    return TypedSearchAttributes([*pairs, SearchAttributePair(LOCK, lock)] if lock else pairs)


async def start(client: Client, request: RunRequest) -> WorkflowHandle[Run, Any]:
    """Start a run of a lock on its own queue."""
    lock = request.lock
    return await client.start_workflow(
        Run.run,
        request.model_dump(mode="json"),
        id=new_id(lock),
        task_queue=lock.body.task_queue,
        search_attributes=attributes(lock.body.agent, lock.body.environment, lock.digest),
        static_summary=lock.body.goal[:200] or None,
        memo={FORKED: request.fork.run} if request.fork else None,
    )


async def listed(client: Client, limit: int, kind: str = "Run") -> list[Listed]:
    """The latest runs, newest first; or plannings, by the name of their workflow."""
    rows: list[Listed] = []
    # The server lists open runs before closed ones, so the newest are found among more.
    query, most = f'WorkflowType="{kind}"', max(limit, _LOOKED_AT)
    async for found in client.list_workflows(query, limit=most):
        given = found.typed_search_attributes
        state = given.get(SearchAttributeKey.for_keyword("LockstepState"))
        running = found.status is WorkflowExecutionStatus.RUNNING
        rows.append(
            Listed(
                id=found.id,
                status="waiting" if running and state == "waiting" else _status(found.status),
                agent=given.get(AGENT) or "",
                environment=given.get(ENVIRONMENT) or "",
                lock=given.get(LOCK) or "",
                started_at=found.start_time,
                closed_at=found.close_time,
                forked=await _forked(found),
            )
        )
    return sorted(rows, key=lambda row: row.started_at, reverse=True)[:limit]


async def _forked(found: WorkflowExecution) -> str:
    """What a memo says; whoever starts a workflow may have written anything there."""
    with suppress(Exception):
        said = await found.memo_value(FORKED, "")
        return said if isinstance(said, str) else ""
    return ""


async def resolve(client: Client, name: str) -> str:
    """An id from `latest`, which is a run's, from a prefix that fits one run or planning, or from
    itself.
    """
    if name == LATEST:
        rows = await listed(client, 1)
        if rows:
            return rows[0].id
        raise _unknown("there are no runs on this server")
    fitting = [
        row.id
        for kind in ("Run", PLANNING)
        for row in await listed(client, 1000, kind)
        if row.id.startswith(name)
    ]
    if name in fitting or not fitting:
        return name
    if len(fitting) == 1:
        return fitting[0]
    some = ", ".join(f"`{one}`" for one in fitting[:3]) + (", …" if len(fitting) > 3 else "")
    raise _unknown(f"{len(fitting)} runs or plannings begin with `{name}`: {some}")


@dataclass(frozen=True)
class Heard:
    """News of a run: new events, and the steps that are being retried (attempt, last failure).

    No events means only that nothing was heard: no worker may be up to tell.
    """

    events: list[Event]
    retrying: dict[str, tuple[int, str]]


async def follow(handle: WorkflowHandle[Any, Any]) -> AsyncIterator[Heard]:
    """The news of a run or a planning as they come, some of them empty; ends with it."""
    seen, pause = 0, 0.1
    while True:
        description = await handle.describe()
        closed = description.status is not WorkflowExecutionStatus.RUNNING
        events = await _events(handle, seen)
        seen += len(events)
        yield Heard(events, _retrying(description))
        if closed and not events:
            return
        pause = 0.1 if events else min(pause * 1.5, 0.5)
        await asyncio.sleep(pause)


def _retrying(description: WorkflowExecutionDescription) -> dict[str, tuple[int, str]]:
    return {
        pending.activity_id.partition(".")[0]: (pending.attempt, pending.last_failure.message)
        for pending in description.raw_description.pending_activities
        if pending.attempt > 1
    }


async def _events(handle: WorkflowHandle[Any, Any], since: int) -> list[Event]:
    try:
        lines = await handle.query(Doors.events, since, rpc_timeout=timedelta(seconds=5))
    except (WorkflowQueryFailedError, RPCError):
        return []
    return [Event.model_validate(line) for line in lines]


async def result(handle: WorkflowHandle[Run, Any]) -> RunResult | Finding:
    """How a closed run ended: its result, or why it has none."""
    try:
        given = await handle.result()
    except WorkflowFailureError as failure:
        cause = failure.cause
        if not (isinstance(cause, ApplicationError) and cause.details):
            return _ended(handle.id, (str(cause).splitlines() or ["without a result"])[0].lower())
        given = cause.details[0]
    try:
        return RunResult.model_validate(given)
    except ValidationError:
        return _ended(handle.id, "ended with something else than a run's result")


def _ended(run: str, problem: str) -> Finding:
    return Finding(
        code="LS-RUN-008",
        place=f"run `{run}`",
        problem=problem,
        fix="see its events, or Temporal's own pages for who ended it",
    )


def subject_of(history: WorkflowHistory) -> tuple[str, str] | None:
    """The agent and environment that a history is about, whether it runs a lock or makes one."""
    lock = lock_of(history)
    if lock is not None:
        return lock.body.agent, lock.body.environment
    try:
        request = LockRequest.model_validate(_argument(history))
    except ValidationError:
        return None
    return request.agent, request.environment


def lock_of(history: WorkflowHistory) -> Lock | None:
    """The lock that a run was started with; None for a workflow that was started with none."""
    try:
        return RunRequest.model_validate(_argument(history)).lock
    except (ValidationError, LockstepError):
        return None


def _argument(history: WorkflowHistory) -> Any:
    """The first thing a workflow was started with, as plain JSON."""
    started = history.events[0].workflow_execution_started_event_attributes
    payloads = list(started.input.payloads[:1])
    if not payloads:
        return None
    given = data_converter.payload_converter.from_payloads(payloads)
    return given[0] if given else None


async def raise_if_ended(client: Client, run: str) -> None:
    """LS-RUN-005 for a run that is not there, LS-RUN-008 for one that has ended."""
    try:
        description = await client.get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise _unknown(f"run `{run}` does not exist on this server") from None
    if description.status is not WorkflowExecutionStatus.RUNNING:
        raise LockstepError(_ended(run, f"has ended already: {_status(description.status)}"))


async def stuck(client: Client) -> list[str]:
    """Runs whose workflow tasks fail again and again: a bug or a bad deploy has parked them."""
    query = (
        'ExecutionStatus="Running" AND TemporalReportedProblems IN '
        '("category=WorkflowTaskFailed", "category=WorkflowTaskTimedOut")'
    )
    return [found.id async for found in client.list_workflows(query, limit=200)]


def _status(status: WorkflowExecutionStatus | None) -> str:
    return status.name.lower() if status else "unknown"


def _unknown(problem: str) -> LockstepError:
    return LockstepError.of("LS-RUN-005", "run", problem, "see `lockstep runs list`")
