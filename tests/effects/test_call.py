"""One exercise for the `Call` contract, run on the fake and on what a tool is really given."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.testing import ActivityEnvironment

from activities.attempts import Attempts
from activities.calling import ActivityCall
from lockstep.amount import Amount
from lockstep.call import Call
from lockstep.testing import FakeCall

WHEN = datetime(2026, 1, 5, 6, tzinfo=UTC)


def use(call: Call) -> None:
    """What a tool does with its call."""
    assert call.idempotency_key == "k"
    assert call.attempt == 1
    assert call.scheduled_at == WHEN
    assert call.progress is None
    call.heartbeat({"done": 1})
    call.spend(tokens=3, microdollars=5)
    call.spend(tokens=4)
    call.heartbeat({"done": 2})


def test_the_fake_remembers_what_a_tool_says() -> None:
    """Heartbeats in order, spending in total, and the next attempt finds the last progress."""
    call = FakeCall(idempotency_key="k", scheduled_at=WHEN)

    use(call)

    assert [{"done": 1}, {"done": 2}] == call.beats
    assert Amount(tokens=7, microdollars=5) == call.spent
    assert ({"done": 2}, 2) == (call.retried().progress, call.retried().attempt)


@pytest.mark.parametrize("threaded", [False, True])
async def test_the_real_call_carries_it_in_heartbeats(threaded: bool) -> None:
    """The same words, from the event loop or from a tool's thread, end in the heartbeat's details,
    and the next attempt reads them there.
    """
    heard: list[Any] = []
    all_heard = asyncio.Event()

    def hear(details: Any) -> None:
        heard.append(details)
        if details["progress"] == {"done": 2}:
            all_heard.set()

    environment = ActivityEnvironment()
    environment.on_heartbeat = hear

    async def body() -> None:
        attempts = Attempts(1, ())
        beating = asyncio.create_task(attempts.beat_for(60))
        if threaded:
            await asyncio.to_thread(use, _real(attempts))
        else:
            use(_real(attempts))
        await all_heard.wait()
        beating.cancel()

    async with asyncio.timeout(5):
        await environment.run(body)

    assert {"tokens": 7, "microdollars": 5, "calls": 0} == heard[-1]["attempts"][0]["spent"]
    async with asyncio.timeout(5):
        later = await environment.run(_next_attempt, heard[-1])
    assert {"done": 2} == later.progress
    assert [1, 2] == [attempt.number for attempt in later.all]


async def test_progress_is_small() -> None:
    """1 MiB of JSON is taken, as the contract says; a byte more is refused before it is sent."""
    most = 1024 * 1024 - len('""')

    async def body() -> None:
        call = _real(Attempts(1, ()))
        call.heartbeat("x" * most)
        with pytest.raises(ValueError, match="1,048,577 bytes, more than 1,048,576"):
            call.heartbeat("x" * (most + 1))

    await ActivityEnvironment().run(body)


async def _next_attempt(details: Any) -> Attempts:
    return Attempts(2, (details,))


def _real(attempts: Attempts) -> ActivityCall:
    return ActivityCall(
        idempotency_key="k",
        attempt=1,
        environment="test",
        endpoint="",
        settings={},
        folder=Path(),
        scheduled_at=WHEN,
        progress=None,
        attempts=attempts,
        scrub=lambda words, most: words[:most],
        scrubbed=lambda said: said,
    )
