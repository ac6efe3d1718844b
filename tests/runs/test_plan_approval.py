"""A plan that somebody must say yes to as a whole, before it is locked or before it is run."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from lockstep.escalation import Answer, Ground, Question, Verdict
from lockstep.lock import Lock
from lockstep.statement import Approved
from tests.runs.yard import PATIENCE, TEST, Yard, failure, plan, renamed, say
from worker import inbox
from worker.records.history import events_of, replay
from worker.runs import start
from workflows.doors import Doors
from workflows.lock_plan import LockPlan, LockRequest, LockResult
from workflows.run_request import RunRequest

pytestmark = pytest.mark.asyncio(loop_scope="session")

RULES = """
@id("whole.looked-at")
@reason("two steps are looked at")
@approvers("foreman")
forbid (principal, action == Action::"plan.submit", resource)
when { context.steps == 2 };

@id("whole.heard")
@reason("and heard")
@approvers("harbour-master")
forbid (principal, action == Action::"plan.submit", resource)
when { context.steps == 2 };
"""


def asking(root: Path) -> None:
    renamed(root)
    with (root / "policy" / "approvals.cedar").open("a") as policy:
        policy.write(RULES)


async def question(handle: WorkflowHandle[Any, Any], id: str) -> Question:
    async with asyncio.timeout(PATIENCE):
        while True:
            for line in await handle.query(Doors.questions):
                found = Question.model_validate(line)
                if found.id == id:
                    return found
            await asyncio.sleep(0.02)


def answer(asked: Question, by: str, verdict: Verdict = Verdict.APPROVE) -> Answer:
    return Answer(question=asked.id, verdict=verdict, by=by, args_digest=asked.args.digest)


async def test_a_plan_is_locked_when_all_have_said_yes_and_run_on_their_word(
    yard: Yard, tmp_path: Path
) -> None:
    """Each rule is answered by a role of its own; the lock carries both, and a run asks no more. A
    lock without them asks at its start, and a no ends it before its first step.
    """
    async with yard.other(tmp_path, asking) as other, other.worker():
        request = LockRequest(
            plan=plan(say("a"), say("b")),
            agent=other.package.agent.name,
            environment=TEST,
            by="ana",
        )
        handle = await other.client.start_workflow(
            LockPlan.run,
            request.model_dump(mode="json"),
            id=f"approval-{other.package.agent.name}",
            task_queue=other.queue,
        )
        first = await question(handle, "plan.submit.1")
        assert (Ground.PLAN, ("ana", "ben", "cleo")) == (first.ground, first.approvers)
        with pytest.raises(Exception, match="LS-ASK-003"):
            await inbox.answer(other.client, handle.id, answer(first, "eve"))
        with pytest.raises(Exception, match="LS-ASK-002"):
            await inbox.answer(other.client, handle.id, answer(first, "ana", Verdict.SKIP))
        await inbox.answer(other.client, handle.id, answer(first, "ben"))
        second = await question(handle, "plan.submit.2")
        assert (("cleo",), ["whole.heard"]) == (second.approvers, [r.id for r in second.rules])
        await inbox.answer(other.client, handle.id, answer(second, "cleo"))
        async with asyncio.timeout(PATIENCE):
            result = LockResult.model_validate(await handle.result())
        lock = result.lock
        assert lock is not None
        given = [one for one in lock.statements if isinstance(one, Approved)]
        assert [("ben", ("whole.looked-at",)), ("cleo", ("whole.heard",))] == [
            (one.by, one.rules) for one in given
        ]
        history = await handle.fetch_history()
        events = await events_of(history)
        assert 2 == [event.what.type for event in events].count("plan.approved")
        assert (await replay(history)).failure is None

        ended = await other.ended(
            await start(other.client, RunRequest(lock=lock, started_by="ana"))
        )
        assert "completed" == ended.result.status
        assert not ended.of("question.asked")

        bare = Lock.freeze(lock.body)
        asked = await start(other.client, RunRequest(lock=bare, started_by="ana"))
        again = await question(asked, "plan.submit.1")
        await inbox.answer(other.client, asked.id, answer(again, "ana"))
        last = await question(asked, "plan.submit.2")
        await inbox.answer(other.client, asked.id, answer(last, "cleo", Verdict.DENY))
        refused = await other.ended(asked)
        assert ("refused", "LS-POLICY-006") == (refused.result.status, refused.finding.code)
        assert "`cleo` said no" == refused.finding.problem
        assert not refused.of("step.started")
        assert "LS-POLICY-006" == (await failure(asked)).type
