"""`lockstep explain`: a code in a line or two, a step from its proposal to its end."""

import asyncio
from typing import Any

import pytest

from lockstep.codes import CODES
from lockstep.decision import Grounds
from lockstep.escalation import Verdict
from lockstep.help import HELP
from tests.runs.command import lockstep
from tests.runs.yard import Book, Yard, output, plan, say, step, with_
from worker.records.account import account
from worker.records.considered import considered
from worker.records.history import events_of

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_a_code_is_explained_without_a_server() -> None:
    """In capitals or not; the same words for a program; a code that is none has a nearest."""
    human, machine, near, run = await asyncio.gather(
        lockstep("explain", "ls-plan-003"),
        lockstep("explain", "LS-PLAN-003", "--format", "json"),
        lockstep("explain", "LS-PLN-003"),
        lockstep("explain", "latest"),
    )
    code = CODES["LS-PLAN-003"]
    assert (0, f"LS-PLAN-003  {code.title}") == (human.code, human.out.splitlines()[0])
    assert f"help  {HELP['LS-PLAN-003']}" in human.out
    assert {
        "code": "LS-PLAN-003",
        "title": code.title,
        "exit": 3,
        "help": HELP["LS-PLAN-003"],
    } == machine.json
    assert (2, 2) == (near.code, run.code)
    assert "there is no code `LS-PLN-003`; did you mean `LS-PLAN-003`?" in near.err
    assert "write `lockstep explain LS-PLAN-001` or `lockstep explain RUN STEP`" in run.err


async def test_a_step_is_told_from_its_proposal_to_its_end(yard: Yard, book: Book) -> None:
    """What was proposed and why, where arguments came from, who said yes, under which policy."""
    reason = "it is in the \x1b[31mway"
    lift = with_(
        step("lift", "Remove", ledger=book.name, load=output("pick")),
        reason=reason,
        after=["hello"],
    )
    steps = say(), say("pick", text="beam"), lift
    handle = await yard.start(yard.lock(*steps))
    question = await yard.question(handle)
    waiting = await lockstep("explain", handle.id, "lift")
    assert "so it waits for a human" in waiting.out
    assert "approval missing for crane.removal-review" in waiting.out
    await yard.answer(handle, question, Verdict.APPROVE, "ben", note="take it")
    ended = await yard.ended(handle)
    human, machine, strange = await asyncio.gather(
        lockstep("explain", handle.id, "lift"),
        lockstep("explain", handle.id, "lift", "--format", "json"),
        lockstep("explain", handle.id, "lfit"),
    )
    assert (0, 0, 2) == (human.code, machine.code, strange.code)
    assert "has no step `lfit`; did you mean `lift`?" in strange.err
    lines = human.out.splitlines()
    assert [
        'Step lift: Proposed Action -> Remove("beam")',
        '  Reason -> "it is in the \\x1b[31mway"',
        "  Policy -> ALLOW (crane.removal-review approved by ben)",
    ] == lines[:3]
    assert f'/ledger  written in the plan: "{book.name}"' in human.out
    assert '/load    from step pick/text (Echo), untrusted: "beam" (' in human.out
    assert "locked as  UNDECIDED" in human.out
    assert "approved crane.removal-review by ben" in human.out
    assert 'approval crane.removal-review: "what is taken away is gone", foreman may' in human.out
    assert f"policy {yard.world.decider.policy[:19]}…" in human.out
    assert f"engine {yard.world.decider.engine}" in human.out
    assert "asked by crane as operator, started by ana (person), in test (staging)" in human.out
    grounds = yard.world.decider.grounds
    assert f"on approvals.cedar {grounds.files['approvals.cedar'][:19]}…" in human.out
    assert f"rules.toml {yard.world.pins.policy['rules.toml'][:19]}…" in human.out
    assert [grounds.digest] == [one.digest for one in found_grounds(machine.json)]
    assert "permitted by crane.removal" in human.out
    assert "question lift.1 answered: approve by ben (update), saying: take it" in human.out
    assert lines[-1] == "  so it completed"
    assert "completed" == machine.json["end"]
    assert ["REQUIRE_APPROVAL", "ALLOW"] == [one["outcome"] for one in machine.json["decisions"]]
    found = account(ended.history, ended.events, "lift")
    assert machine.json == found.model_dump(mode="json")


def found_grounds(told: Any) -> list[Grounds]:
    return [Grounds.model_validate(one) for one in told["grounds"]]


async def test_every_kind_of_origin_and_end_is_told(yard: Yard, book: Book) -> None:
    """The run's input, its own time, a human's edit, a failure; a step that never began."""
    greet = step("hello", "Echo", text={"$input": "/greeting"}, number={"$input": "/floor"})
    at = say("at", text={"$run": "/scheduled_at"})
    failing = with_(step("f", "Flaky", fails=9), attempts=1, after=["hello", "at", "loud"])
    loud = with_(step("loud", "Echo", text="SHOUT"), after=["hello"])
    last = with_(step("last", "Echo", text=output("f")), after=["f"])
    handle = await yard.start(yard.lock(greet, at, loud, failing, last), greeting="hi")
    question = await yard.question(handle)
    edited = {"text": "whisper", "number": 1}
    await yard.answer(handle, question, Verdict.EDIT, "cleo", args=edited)
    ended = await yard.ended(handle)
    told = {id: account(ended.history, ended.events, id) for id in ("hello", "at", "loud", "f")}
    assert [("/text", "input", "/greeting", '"hi"'), ("/number", "input", "/floor", "1")] == [
        (one.at, one.source, one.name, one.text) for one in told["hello"].arguments
    ]
    assert ["run"] == [one.source for one in told["at"].arguments]
    assert [("human", "cleo", '"whisper"'), ("human", "cleo", "1")] == [
        (one.source, one.name, one.text) for one in told["loud"].arguments
    ]
    assert {"hello": "completed", "at": "completed", "loud": "completed", "f": "failed"} == {
        id: one.end for id, one in told.items()
    }
    never = account(ended.history, ended.events, "last")
    assert ("not started", (), ()) == (never.end, never.decisions, never.events)
    assert [("step", "f/text", "")] == [(one.source, one.name, one.text) for one in never.arguments]


async def test_a_step_of_a_planning_is_told_for_each_proposal(yard: Yard) -> None:
    """What was written, what policy said, and what was found."""
    lift = with_(
        step("lift", "Remove", ledger="a", load="engine"), reason="it is old", after=["hello"]
    )
    request = {"plan": plan(say(), lift), "agent": "crane", "environment": "test", "by": "ana"}
    handle = await yard.client.start_workflow(
        "LockPlan", request, id="lock-explained", task_queue=yard.queue
    )
    await handle.result()
    human, machine, strange = await asyncio.gather(
        lockstep("explain", handle.id, "lift"),
        lockstep("explain", handle.id, "lift", "--format", "json"),
        lockstep("explain", handle.id, "nothing"),
    )
    assert (0, 0, 2) == (human.code, machine.code, strange.code)
    assert ["proposal 1  rejected", 'Step lift: Proposed Action -> Remove("engine")'] == (
        human.out.splitlines()[:2]
    )
    assert 'forbid crane.critical-load: "Critical load; removal prohibited"' in human.out
    assert "LS-POLICY-002 step `lift`: Remove(`engine`) is BLOCKED by" in human.out
    (proposal,) = machine.json["proposals"]
    assert ("DENY", False) == (proposal["decision"]["outcome"], proposal["passed"])
    history = await handle.fetch_history()
    assert [1] == [one.number for one in considered(history, "hello")]
    assert "plan.rejected" == (await events_of(history))[-1].what.type
