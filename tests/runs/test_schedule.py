"""What a schedule promises: a lock at set times, and nobody asks a model."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from lockstep.errors import LockstepError
from lockstep.lock import Lock
from tests.runs.yard import PATIENCE, Yard, say
from worker import schedules
from workflows.run import Run

pytestmark = pytest.mark.asyncio(loop_scope="session")

NAME = "weekly"


async def create(yard: Yard, lock: Lock, name: str = NAME, **more: Any) -> None:
    given = {"cron": "0 6 * * 1", "every": None, "timezone": None, "inputs": {}, **more}
    await schedules.create(yard.client, name, lock, started_by="ana", **given)


@pytest_asyncio.fixture(loop_scope="session")
async def lock(yard: Yard) -> AsyncIterator[Lock]:
    """A lock with a schedule that is gone after the test."""
    made = yard.lock(say("greet", {"$input": "/greeting"}), say("when", {"$run": "/scheduled_at"}))
    await create(yard, made, inputs={"greeting": "monday"})
    yield made
    await schedules.delete(yard.client, NAME)


async def listed(yard: Yard, wanted: bool) -> list[schedules.Scheduled]:
    """The list, once it shows the schedule or no longer does: it may be a moment behind."""
    async with asyncio.timeout(PATIENCE):
        while True:
            rows = await schedules.listed(yard.client)
            if wanted == (NAME in [row.id for row in rows]):
                return rows
            await asyncio.sleep(0.05)


async def ran(yard: Yard) -> str:
    """The id of the schedule's only run, once there is one."""
    async with asyncio.timeout(PATIENCE):
        while True:
            row, _ = await schedules.describe(yard.client, NAME)
            if row.recent:
                (id,) = row.recent
                return id
            await asyncio.sleep(0.05)


async def test_a_schedule_is_listed_with_its_lock(yard: Yard, lock: Lock) -> None:
    """Name, agent, environment, lock and next time; monday at six is when it says."""
    (row,) = [row for row in await listed(yard, True) if row.id == NAME]
    assert ("crane", "test", lock.digest) == (row.agent, row.environment, row.lock)
    described, upcoming = await schedules.describe(yard.client, NAME)
    assert lock.digest == described.lock
    assert not described.paused
    assert described.next_at == upcoming[0]
    assert {(0, 6)} == {(at.weekday(), at.astimezone(UTC).hour) for at in upcoming}


async def test_a_triggered_run_is_the_schedule_s(yard: Yard, lock: Lock) -> None:
    """It completes without a planner, is about the time of its trigger, and says who started it."""
    before = datetime.now(UTC) - timedelta(seconds=1)
    await schedules.trigger(yard.client, NAME)
    ended = await yard.ended(yard.client.get_workflow_handle_for(Run.run, await ran(yard)))
    assert "completed" == ended.result.status
    assert "monday" == ended.output("greet")["text"]
    (started,) = ended.of("run.started")
    assert (0, "schedule", f"schedule {NAME}") == (
        started.planner_calls,
        started.trigger,
        started.started_by,
    )
    assert before < started.scheduled_at <= datetime.now(UTC)
    assert started.scheduled_at == datetime.fromisoformat(ended.output("when")["text"])
    (verified,) = ended.of("run.verified")
    assert verified.build


async def test_a_name_is_taken_once(yard: Yard, lock: Lock) -> None:
    """A second schedule of that name is refused, and the first is as it was."""
    with pytest.raises(LockstepError) as taken:
        await create(yard, lock, cron="0 7 * * 2")
    assert "LS-SCHED-002" == taken.value.code
    assert "cron 0 6 * * 1: lift" == (await schedules.describe(yard.client, NAME))[0].note


async def test_a_deleted_schedule_is_gone(yard: Yard) -> None:
    """It can be asked about no more, and its name is free again."""
    made = yard.lock(say())
    await create(yard, made)
    await schedules.delete(yard.client, NAME)
    with pytest.raises(LockstepError) as unknown:
        await schedules.describe(yard.client, NAME)
    assert "LS-SCHED-001" == unknown.value.code
    await listed(yard, False)
    await create(yard, made)
    await schedules.delete(yard.client, NAME)


@pytest.mark.parametrize("act", [schedules.describe, schedules.trigger, schedules.delete])
async def test_an_unknown_schedule_is_named(yard: Yard, act: Any) -> None:
    """Whatever is wanted of a schedule that does not exist, the error says that it does not."""
    with pytest.raises(LockstepError, match="schedule `nowhere`") as unknown:
        await act(yard.client, "nowhere")
    assert "LS-SCHED-001" == unknown.value.code


@pytest.mark.parametrize(
    "when",
    [
        {"cron": "whenever"},
        {"cron": "0 25 * * *"},
        {"cron": "0 6 * *"},
        {"cron": "@monday"},
        {"timezone": "Mars/Olympus"},
        {"cron": ""},
        {"cron": None, "every": timedelta(0)},
    ],
    ids=str,
)
async def test_a_time_that_is_none_is_refused(yard: Yard, when: dict[str, Any]) -> None:
    """What the server cannot keep is refused when it is made, in the words of the command."""
    with pytest.raises(LockstepError) as refused:
        await create(yard, yard.lock(say()), "never", **when)
    assert "LS-SCHED-003" == refused.value.code
    assert "--cron" in str(refused.value)
