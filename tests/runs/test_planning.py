"""What planning promises, whatever the model says: a lock, a question or a coded end."""

import asyncio
from pathlib import Path

import pytest

from lockstep.errors import LockstepError
from lockstep.escalation import Ground, Question, Verdict
from lockstep.finding import Finding
from lockstep.statement import Proposed
from lockstep.usage import Bill
from tests.runs.office import BAD, GOOD, KEY, Office, Planning, office, scene, working
from tests.runs.yard import PATIENCE, Json, Yard, failure, plan, reply, say, until
from worker import inbox
from worker.plans import ended
from worker.records.history import events_of
from worker.records.proposals import proposals

pytestmark = pytest.mark.asyncio(loop_scope="session")

LIMIT = "PlanRegenerationLimitError: exceeded max retries (2)"


async def test_a_goal_becomes_a_lock_that_asks_nothing_again(yard: Yard, tmp_path: Path) -> None:
    """The lock names the model and the bill, to the token; a run of it makes no planner call."""
    async with office(yard, tmp_path, scene("say hello", GOOD)) as opened:
        made = await opened.plan("say hello")
        assert ("locked", 1) == (made.result.status, opened.asked)
        lock = made.result.lock
        assert lock is not None
        (proposed,) = lock.statements
        assert isinstance(proposed, Proposed)
        assert proposed.planner is not None
        assert opened.billed == proposed.planner.bill.usage.tokens
        assert [
            *("goal.asked", "planner.answered", "plan.proposed"),
            *("plan.checked", "plan.locked"),
        ] == made.types
        assert ("completed", 0) == await _ran(opened, made.result.lock)
        assert 1 == opened.asked


async def _ran(opened: Office, lock: object) -> tuple[str, int]:
    ended = await opened.yard.ended(await opened.yard.start(lock))  # type: ignore[arg-type]  # a lock
    (started,) = ended.of("run.started")
    assert started.planner_calls == ended.result.planner_calls
    return ended.result.status, ended.result.planner_calls


async def test_what_was_found_goes_back_to_the_model(yard: Yard, tmp_path: Path) -> None:
    """A second proposal is asked for with the first one's findings, and is locked if it passes."""
    async with office(yard, tmp_path, scene("say hello", BAD, GOOD)) as opened:
        made = await opened.plan("say hello")
        assert ("locked", 2, 2) == (made.result.status, made.result.bill.calls, opened.asked)
        told = opened.model.ledger[1].last_message
        assert "LS-PLAN-004 step `fly`: tool `Fly` does not exist" in told
        passed = [one.checked.passed for one in proposals(made.history) if one.checked]
        assert [False, True] == passed
        assert opened.billed == made.result.bill.usage.tokens


async def test_one_goal_gives_one_lock(yard: Yard, tmp_path: Path) -> None:
    """The order in which a model writes its steps down is nobody's choice, and changes nothing."""
    first, second = say("one"), say("two")
    either = {"proposal": plan(first, second)}, {"proposal": plan(second, first)}
    async with office(yard, tmp_path, scene("say hello", *either)) as opened:
        locks = [(await opened.plan("say hello")).result.lock for _ in either]
        assert 2 == opened.asked
        assert locks[0] is not None
        assert locks[1] is not None
        assert locks[0].digest == locks[1].digest


async def _halted(opened: Office, goal: str) -> tuple[Planning, Question]:
    handle = await opened.begin(goal)
    question = await opened.question(handle)
    assert Ground.PLANNING is question.ground
    return handle, question


async def test_endless_planning_ends_with_a_human(yard: Yard, tmp_path: Path) -> None:
    """Two re-plans and no more; a human may allow as many again, and then stop it."""
    async with office(yard, tmp_path, scene("fly", BAD)) as opened:
        handle, question = await _halted(opened, "fly")
        assert (LIMIT, 3) == (question.why, opened.asked)
        await inbox.answer(yard.client, handle.id, reply(question, Verdict.RETRY, "ben"))
        await until(lambda: opened.asked == 5)
        question = await opened.question(handle)
        while question.id != "plan.2":
            question = await opened.question(handle)
        assert LIMIT.replace("2", "4") == question.why
        await inbox.answer(yard.client, handle.id, reply(question, Verdict.DENY, "ben"))
        made = await opened.ended(handle)
        assert ("stopped", 5, None) == (made.result.status, opened.asked, made.result.lock)
        assert opened.billed == made.result.bill.usage.tokens
        assert ["LS-PLAN-014"] == [found.code for found in made.result.findings]
        assert 2 == len(made.of("planning.halted"))


async def test_a_human_may_give_the_plan(yard: Yard, tmp_path: Path) -> None:
    """It goes through the same check: one that fails is refused and the question stays open."""
    async with office(yard, tmp_path, scene("fly", BAD)) as opened:
        handle, question = await _halted(opened, "fly")
        with pytest.raises(LockstepError) as refused:
            await _give(opened, handle, question, BAD["proposal"])
        assert "LS-PLAN-004" == refused.value.code
        await _give(opened, handle, question, plan(say("hello")))
        made = await opened.ended(handle)
        assert made.result.lock is not None
        (proposed,) = made.result.lock.statements
        assert isinstance(proposed, Proposed)
        assert ("cleo", None) == (proposed.by, proposed.planner)
        assert 3 == opened.asked


async def _give(opened: Office, handle: Planning, question: Question, given: Json) -> None:
    answer = reply(question, Verdict.EDIT, "cleo", args=given)
    await inbox.answer(opened.yard.client, handle.id, answer)


async def test_only_who_may_answer_is_heard(yard: Yard, tmp_path: Path) -> None:
    """Those who hold a role, and whoever asked for the plan; nobody else."""
    async with office(yard, tmp_path, scene("fly", BAD)) as opened:
        handle, question = await _halted(opened, "fly")
        assert ("ana", "ben", "cleo") == question.approvers
        with pytest.raises(LockstepError) as refused:
            await inbox.answer(yard.client, handle.id, reply(question, Verdict.DENY, "mallory"))
        assert "LS-ASK-003" == refused.value.code
        await inbox.answer(yard.client, handle.id, reply(question, Verdict.DENY, "ana"))
        assert "stopped" == (await opened.ended(handle)).result.status


ANSWERS: dict[str, tuple[Json, str]] = {
    "prose": ({"text": "Sure! First I would look around."}, LIMIT),
    "half": ({"text": '{"steps": [{"id": "hello", "tool": "Ec'}, LIMIT),
    "nothing": ({"nothing": True}, LIMIT),
    "arguments": (
        {
            "json": {
                "steps": [
                    {"id": "a", "tool": "Echo", "args_json": "{", "after": [], "reason": "r"}
                ],
                "gaps": [],
            }
        },
        LIMIT,
    ),
    "endless": ({"truncated": '{"steps": ['}, LIMIT),
    "refusal": ({"refusal": "cyber"}, "refused to plan this (cyber)"),
}


async def test_no_answer_of_a_model_is_lost_or_left_hanging(yard: Yard, tmp_path: Path) -> None:
    """Prose, half of a document, nothing, a refusal: each ends with a human who is told why, and
    every token is counted.
    """
    scenes = [scene(f"give {name}", answer) for name, (answer, _) in ANSWERS.items()]
    async with office(yard, tmp_path, *scenes) as opened:
        halted = await asyncio.gather(*(_halted(opened, f"give {name}") for name in ANSWERS))
        assert [why for _, why in ANSWERS.values()] == [question.why for _, question in halted]
        spent = 0
        for handle, question in halted:
            await inbox.answer(yard.client, handle.id, reply(question, Verdict.DENY, "ana"))
            made = await opened.ended(handle)
            assert "stopped" == made.result.status
            spent += made.result.bill.usage.tokens
        assert opened.billed == spent


async def test_where_one_model_refuses_the_next_is_asked(yard: Yard, tmp_path: Path) -> None:
    """And goes on from there: what the first refused once it would refuse again."""
    settings = 'model = "claude-opus-5-5"\nfallbacks = ["claude-sonnet-5-5"]'
    scenes = [
        scene("mend it", {"refusal": "cyber"}, BAD, GOOD),
        scene("leave it", {"refusal": "cyber"}),
    ]
    async with office(yard, tmp_path, *scenes, settings=settings) as opened:
        made = await opened.plan("mend it")
        assert ["refused", "ok", "ok"] == [one.status for one in made.of("planner.answered")]
        asked = [entry.model for entry in opened.model.ledger]
        assert ["claude-opus-5-5", "claude-sonnet-5-5", "claude-sonnet-5-5"] == asked
        assert made.result.lock is not None
        assert opened.billed == made.result.bill.usage.tokens

        handle = await opened.begin("leave it")
        question = await opened.question(handle)
        assert "refused to plan this (cyber)" == question.why
        assert 5 == opened.asked
        await inbox.answer(yard.client, handle.id, reply(question, Verdict.DENY, "ana"))
        await opened.ended(handle)


FAULTS: dict[str, tuple[list[Json], str | None]] = {
    "is busy": ([{"error": {"status": 529, "type": "overloaded_error"}}, GOOD], None),
    "is slow": ([{"error": {"status": 429, "headers": {"retry-after": "1"}}}, GOOD], None),
    "breaks off": ([{**GOOD, "cut": {"after_tokens": 5}}, GOOD], None),
    "wants money": (
        [{"error": {"status": 402, "type": "billing_error"}}],
        "LS-MODEL-003",
    ),
    "knows nobody": ([{"error": {"status": 401, "type": "authentication_error"}}], "LS-MODEL-002"),
    "knows no such model": ([{"error": {"status": 404}}], "LS-MODEL-004"),
    "stays busy": ([{"error": {"status": 529, "type": "overloaded_error"}}], "LS-MODEL-005"),
}


async def test_faults_are_overcome_or_named(yard: Yard, tmp_path: Path) -> None:
    """What may pass is tried again and then gone; what will not is asked once, and has a code."""
    scenes = [scene(f"it {name}", *answers) for name, (answers, _) in FAULTS.items()]
    async with office(yard, tmp_path, *scenes) as opened:
        ends = await asyncio.gather(*(_end(opened, f"it {name}") for name in FAULTS))
        assert [code for _, code in FAULTS.values()] == [code for code, _ in ends]
        # What broke off is counted as far as it was heard, and as one call of unknown cost.
        broken = [entry for entry in opened.model.ledger if entry.ending == "broken"]
        unheard = sum(entry.usage.output_tokens for entry in broken)
        assert 0 <= opened.billed - sum(bill.usage.tokens for _, bill in ends) <= unheard
        assert len(broken) == sum(bill.unknown for _, bill in ends)
        asked = [entry.last_message for entry in opened.model.ledger]
        for once in ("wants money", "knows nobody", "knows no such model"):
            assert 1 == sum(f"it {once}" in message for message in asked)
        assert 5 == sum("it stays busy" in message for message in asked)


async def _end(opened: Office, goal: str) -> tuple[str | None, Bill]:
    """The code that a planning failed with, if it did, and what it counted."""
    result = (await opened.plan(goal)).result
    if result.status == "locked":
        return None, result.bill
    assert "failed" == result.status
    return result.findings[0].code, result.bill


async def test_a_call_that_nobody_lived_to_count_keeps_its_reservation(
    yard: Yard, tmp_path: Path
) -> None:
    """A worker that goes away in the middle of a call: another asks again, and the first counts as
    one of unknown cost, with the tokens that had been heard of.
    """
    hang = {**GOOD, "hang": {"seconds": 60, "after_tokens": 3}}
    async with office(yard, tmp_path, scene("say hello", hang, GOOD), serve=False) as opened:
        async with working(opened):
            handle = await opened.begin("say hello")
            await until(lambda: opened.asked == 1)
            # The bill so far goes out with a heartbeat, once a second at most.
            await asyncio.sleep(1.5)
        async with working(opened):
            made = await opened.ended(handle)
        bill = made.result.bill
        assert ("locked", 2, 1) == (made.result.status, bill.calls, bill.unknown)
        reserved = made.of("goal.asked")[0].limit.tokens
        assert opened.billed <= bill.usage.tokens + bill.unknown * reserved
        assert bill.usage.tokens > opened.model.ledger[1].usage.output_tokens


async def test_planning_stays_within_its_budget(yard: Yard, tmp_path: Path) -> None:
    """A call that might exceed the budget is not made; a human may allow as much again."""
    settings = "tokens = 18_000\nmax_tokens = 1_000"
    async with office(yard, tmp_path, scene("fly", BAD), settings=settings) as opened:
        handle, question = await _halted(opened, "fly")
        assert "the budget for planning has no room for another call" in question.why
        assert opened.billed <= 18_000
        asked = opened.asked
        await inbox.answer(yard.client, handle.id, reply(question, Verdict.RETRY, "ana"))
        await until(lambda: opened.asked > asked)
        await handle.cancel()


@pytest.mark.parametrize("when", ["asking the model", "asking a human"])
async def test_a_cancelled_planning_closes_its_account(
    yard: Yard, tmp_path: Path, when: str
) -> None:
    """The last event says so, and a call that was under way counts as one of unknown cost."""
    hang = {**GOOD, "hang": {"seconds": 60, "after_tokens": 3}}
    answer = hang if when == "asking the model" else BAD
    async with office(yard, tmp_path, scene("say hello", answer)) as opened:
        handle = await opened.begin("say hello")
        if when == "asking the model":
            await until(lambda: opened.asked == 1)
            # The first of the answer tells what it was billed for.
            await asyncio.sleep(0.5)
        else:
            await opened.question(handle)
        await handle.cancel()
        async with asyncio.timeout(PATIENCE):
            found = await ended(handle)
        assert isinstance(found, Finding)
        assert ("LS-RUN-008", "was cancelled") == (found.code, found.problem)
        events = await events_of(await handle.fetch_history())
        assert "plan.rejected" == events[-1].what.type
        failed = [event.what for event in events if event.what.type == "planner.failed"]
        if when == "asking the model":
            (one,) = failed
            assert (1, 1) == (one.bill.calls, one.bill.unknown)
            assert 0 < one.bill.usage.tokens <= opened.billed
        else:
            assert [] == failed


async def test_without_a_key_nothing_is_asked(yard: Yard, tmp_path: Path) -> None:
    """The planning fails at once and says what to set."""
    async with office(yard, tmp_path, scene("say", GOOD), serve=False) as opened:
        async with working(opened, key=""):
            failed = await failure(await opened.begin("say hello"))
        assert ("LS-MODEL-001", 0) == (failed.type, opened.asked)
        assert "ANTHROPIC_API_KEY is not set" in failed.message


async def test_the_key_is_seen_by_nobody(yard: Yard, tmp_path: Path) -> None:
    """Not by the log, and not by a tool's placeholder that asks for it by name."""
    async with office(yard, tmp_path, scene("say hello", GOOD)) as opened:
        await opened.plan("say hello")
        assert KEY not in yard.log.read_text()
        assert all(entry.key_present for entry in opened.model.ledger)


@pytest.mark.parametrize("given", [{"goal": "x" * 1001}, {"goal": 7}, {"goal": "g", "plan": [1]}])
async def test_a_request_that_is_none_fails_clearly(yard: Yard, given: Json) -> None:
    """Too long, of the wrong kind, or both a goal and a plan."""
    request = {"agent": "crane", "environment": "test", "by": "ana", **given}
    handle = await yard.client.start_workflow(
        "LockPlan", request, id=f"odd-{len(str(given))}", task_queue=yard.queue
    )
    assert "LS-LOAD-007" == (await failure(handle)).type
