"""Bytes that no reader takes, in the place of everything that a workflow can be handed.

An exception while Temporal decodes them would park the workflow; each of these is refused with a
code instead, and what waits for a real answer still gets it.
"""

import asyncio

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.client import RPCError, WorkflowQueryFailedError, WorkflowUpdateFailedError
from temporalio.common import RawValue
from temporalio.exceptions import ApplicationError

from lockstep.canonical import digest
from lockstep.escalation import Verdict
from tests.runs.yard import PATIENCE, Book, Yard, failure, say, step, with_
from worker.records.history import events_of
from worker.runs import stuck
from workflows.run import Run

pytestmark = pytest.mark.asyncio(loop_scope="session")


def raw(data: bytes, encoding: bytes = b"json/plain", **more: bytes) -> RawValue:
    return RawValue(Payload(metadata={"encoding": encoding, **more}, data=data))


HOSTILE = {
    "deep": raw(b"[" * 500 + b"]" * 500),
    "long": raw(b"9" * 6000),
    "half": raw(b'{"question": "\\ud800"}'),
    "latin": raw(b"\xff"),
    "loud": raw(b'{"%b": 1, "%b": 2} {' % (b"k" * 400_000, b"k" * 400_000)),
    "cut": raw(b'{"lock": {'),
    "nothing": raw(b""),
    "unnamed": RawValue(Payload(data=b"{}")),
    "unknown": raw(b"{}", b"binary/of-mine"),
    "foreign": raw(b"{}", b"json/protobuf", messageType=b"no.such.Message"),
    "message": raw(b"{}", b"json/protobuf", messageType=b"google.protobuf.Struct"),
    "bytes": raw(b"\x00\x01", b"binary/plain"),
}


@pytest.mark.parametrize(("workflow", "code"), [("Run", "LS-RUN-006"), ("LockPlan", "LS-LOAD-007")])
async def test_a_start_that_cannot_be_read_fails_and_parks_nothing(
    yard: Yard, workflow: str, code: str
) -> None:
    """Alone or as the second of two, whatever is wrong with it: the workflow ends with a code, and
    its events can be told.
    """
    handles = [
        await yard.client.start_workflow(
            workflow,
            args=args,
            id=f"unreadable-{workflow}-{name}-{len(args)}",
            task_queue=yard.queue,
        )
        for name, given in HOSTILE.items()
        for args in ([given], [{}, given])
    ]
    ends = await asyncio.gather(*(failure(handle) for handle in handles))
    assert {code} == {end.type for end in ends}
    for handle in handles:
        (event,) = await events_of(await handle.fetch_history())
        assert event.what.type in ("run.refused", "plan.rejected")
    assert not [one for one in await stuck(yard.client) if one.startswith("unreadable-")]


async def test_a_plan_of_any_depth_parks_no_planning(yard: Yard) -> None:
    """Up to where it can be read and beyond, a plan that is nested too deeply is refused."""
    for levels in (65, 120, 190, 197, 198, 199, 201, 260):
        plan = b"[" * levels + b"]" * levels
        request = b'{"agent": "crane", "environment": "test", "by": "ana", "plan": %b}' % plan
        handle = await yard.client.start_workflow(
            "LockPlan", raw(request), id=f"nested-{levels}", task_queue=yard.queue
        )
        assert "LS-LOAD-007" == (await failure(handle)).type, levels


async def test_answers_that_cannot_be_read_leave_the_question_open(yard: Yard, book: Book) -> None:
    """Updates are refused with a code, signals are written down as refused, queries fail, and the
    real answer still counts.
    """
    lock = yard.lock(
        say(), with_(step("r", "Remove", ledger=book.name, load="beam"), after=["hello"])
    )
    handle = await yard.start(lock)
    question = await yard.question(handle)
    async with asyncio.timeout(PATIENCE):
        for name, given in HOSTILE.items():
            with pytest.raises(WorkflowUpdateFailedError) as refused:
                await handle.execute_update("answer", given)
            assert isinstance(refused.value.cause, ApplicationError)
            assert "LS-ASK-005" == refused.value.cause.type, name
            await handle.signal("answer", args=[given, given])
            with pytest.raises((WorkflowQueryFailedError, RPCError)):
                await handle.query("events", given)
    assert [question] == await yard.questions(handle)
    assert handle.id not in await stuck(yard.client)
    await yard.answer(handle, question, Verdict.APPROVE)
    ended = await yard.ended(handle)
    assert "completed" == ended.result.status
    assert ["LS-ASK-005"] * len(HOSTILE) == [one.finding.code for one in ended.of("answer.refused")]


async def test_a_run_that_was_never_one_can_be_told(yard: Yard) -> None:
    """`events` of a run that was started with what cannot be read are whole, and replay."""
    handle = await yard.client.start_workflow(
        Run.run, args=[HOSTILE["deep"]], id="unreadable-told", task_queue=yard.queue
    )
    await failure(handle)
    ended = await yard.ended(handle)
    assert ("refused", "LS-RUN-006") == (ended.result.status, ended.finding.code)
    assert "nested more than" in ended.finding.problem


async def test_a_lock_that_was_forged_parks_no_run(yard: Yard) -> None:
    """With a digest that fits it is read like any other, and some of it before it is verified."""
    whole = yard.lock(say()).body.model_dump(mode="json")
    (one,) = whole["steps"]
    pins = whole["pins"]
    strange = {**pins["environment"], "resources.metric": whole["pins"]["tools"]["Echo"]}
    forged = (
        {**whole, "steps": [{**one, "attempts": -1}]},
        {**whole, "steps": [{**one, "attempts": 2**53 - 1}]},
        {**whole, "pins": {**pins, "environment": strange}},
    )
    planned = {"planning": "p", "bill": {}, "limit": {"tokens": 9, "microdollars": 9}}
    handles = [
        await yard.client.start_workflow(
            "Run",
            {
                "lock": {"digest": digest(body), "body": body},
                "started_by": "ana",
                "planned": planned,
            },
            id=f"unreadable-forged-{number}",
            task_queue=yard.queue,
        )
        for number, body in enumerate(forged)
    ]
    ends = await asyncio.gather(*(failure(handle) for handle in handles))
    assert ["LS-RUN-006", "LS-RUN-006", "LS-LOCK-002"] == [end.type for end in ends]
