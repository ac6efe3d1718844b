"""Schedules: a lock, a time, and Temporal to keep it.

Everything about time is Temporal's; what is ours is that a schedule carries a lock and not a goal,
so that a run at three in the morning asks no model what to do.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import JsonValue
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleDescription,
    ScheduleIntervalSpec,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
)
from temporalio.service import RPCError, RPCStatusCode

from lockstep.duration import write_duration
from lockstep.errors import LockstepError
from lockstep.lock import Lock
from worker.runs import attributes
from workflows.run import Run
from workflows.run_request import RunRequest

CATCH_UP = timedelta(hours=1)
"""How late a missed run may still start; Temporal's default, a year, would start them all at
once.
"""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")


@dataclass(frozen=True)
class Scheduled:
    """One schedule, as far as a list shows it."""

    id: str
    agent: str
    environment: str
    lock: str
    note: str
    next_at: datetime | None
    paused: bool
    recent: tuple[str, ...] = ()


async def create(
    client: Client,
    name: str,
    lock: Lock,
    *,
    cron: str | None,
    every: timedelta | None,
    timezone: str | None,
    inputs: dict[str, JsonValue],
    started_by: str,
) -> None:
    """Run the lock at these times; LS-SCHED-002 if the name is taken, LS-SCHED-003 for bad
    times.
    """
    if not _NAME.fullmatch(name):
        raise LockstepError.of(
            "LS-SCHED-003",
            f"schedule `{name[:40]}`",
            "a name is up to 100 letters, digits, `.`, `_` and `-`",
            "choose such a name",
        )
    request = RunRequest(lock=lock, inputs=inputs, started_by=started_by)
    schedule = Schedule(
        action=ScheduleActionStartWorkflow(
            Run.run,
            request.model_dump(mode="json"),
            id=f"{lock.body.agent}.{lock.body.environment}.{name}",
            task_queue=lock.body.task_queue,
            typed_search_attributes=attributes(lock.body.agent, lock.body.environment, lock.digest),
            static_summary=lock.body.goal[:200] or None,
        ),
        spec=ScheduleSpec(
            cron_expressions=[] if cron is None else [cron],
            intervals=[] if every is None else [ScheduleIntervalSpec(every=every)],
            time_zone_name=timezone,
        ),
        policy=SchedulePolicy(overlap=ScheduleOverlapPolicy.SKIP, catchup_window=CATCH_UP),
        state=ScheduleState(note=_note(lock, cron, every)),
    )
    try:
        await client.create_schedule(name, schedule, memo={"lockstep": _memo(lock)})
    except ScheduleAlreadyRunningError:
        raise LockstepError.of(
            "LS-SCHED-002",
            f"schedule `{name}`",
            "exists already",
            f"choose another name, or `lockstep schedule delete {name}` first",
        ) from None
    except RPCError as error:
        if error.status is not RPCStatusCode.INVALID_ARGUMENT:
            raise
        raise LockstepError.of(
            "LS-SCHED-003",
            f"schedule `{name}`",
            f"the server does not take it: {error.message.splitlines()[0]}",
            'write --cron "0 6 * * 1" (minute hour day month weekday) or --every 7d, and a zone '
            "as `Europe/Berlin`",
        ) from None


async def listed(client: Client) -> list[Scheduled]:
    """All schedules that run a lock."""
    rows = []
    async for found in await client.list_schedules():
        memo = await found.memo_value("lockstep", None)
        if not isinstance(memo, dict) or found.schedule is None or found.info is None:
            continue
        upcoming = found.info.next_action_times
        rows.append(
            Scheduled(
                id=found.id,
                agent=str(memo.get("agent", "")),
                environment=str(memo.get("environment", "")),
                lock=str(memo.get("lock", "")),
                note=str(found.schedule.state.note or ""),
                next_at=upcoming[0] if upcoming else None,
                paused=found.schedule.state.paused,
            )
        )
    return rows


async def describe(client: Client, name: str) -> tuple[Scheduled, list[datetime]]:
    """One schedule, with its recent runs and its next times."""
    found = await _described(client, name)
    memo = await found.memo_value("lockstep", {})
    runs = []
    for recent in found.info.recent_actions:
        execution = getattr(recent.action, "workflow_id", None)
        if execution:
            runs.append(str(execution))
    row = Scheduled(
        id=found.id,
        agent=str(memo.get("agent", "")),
        environment=str(memo.get("environment", "")),
        lock=str(memo.get("lock", "")),
        note=str(found.schedule.state.note or ""),
        next_at=found.info.next_action_times[0] if found.info.next_action_times else None,
        paused=found.schedule.state.paused,
        recent=tuple(runs),
    )
    return row, list(found.info.next_action_times)


async def trigger(client: Client, name: str) -> None:
    """Start a run now, besides the schedule's own times."""
    await _described(client, name)
    await client.get_schedule_handle(name).trigger(overlap=ScheduleOverlapPolicy.ALLOW_ALL)


async def delete(client: Client, name: str) -> None:
    await _described(client, name)
    await client.get_schedule_handle(name).delete()


async def _described(client: Client, name: str) -> ScheduleDescription:
    try:
        return await client.get_schedule_handle(name).describe()
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        raise LockstepError.of(
            "LS-SCHED-001",
            f"schedule `{name}`",
            "does not exist on this server",
            "see `lockstep schedule list`",
        ) from None


def _memo(lock: Lock) -> dict[str, str]:
    return {
        "agent": lock.body.agent,
        "environment": lock.body.environment,
        "lock": lock.digest,
    }


def _note(lock: Lock, cron: str | None, every: timedelta | None) -> str:
    when = f"cron {cron}" if every is None else f"every {write_duration(every)}"
    return f"{when}: {lock.body.goal}"[:200]
