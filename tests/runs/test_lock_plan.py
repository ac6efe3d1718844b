"""What the validator workflow promises: a lock for a good plan, findings for a bad one."""

import asyncio
from typing import Any

import pytest
from temporalio.client import WorkflowHandle

from lockstep.event import broken_at
from lockstep.lock import Lock
from tests.runs.yard import PATIENCE, Yard, failure, plan, say, step, with_
from worker.records.history import events_of
from worker.runs import stuck
from workflows.lock_plan import LockResult

pytestmark = pytest.mark.asyncio(loop_scope="session")

GOOD = plan(say(), with_(step("lift", "Remove", ledger="a", load="beam"), after=["hello"]))


def proposal(proposed: Any) -> dict[str, Any]:
    return {"plan": proposed, "agent": "crane", "environment": "test", "by": "ana"}


async def begun(yard: Yard, id: str, *arguments: Any) -> WorkflowHandle[Any, Any]:
    return await yard.client.start_workflow(
        "LockPlan", args=arguments, id=f"lock-{id}", task_queue=yard.queue
    )


async def locked(yard: Yard, id: str, proposed: Any) -> LockResult:
    """The result, and proof that its head is the end of the chain that the history gives."""
    handle = await begun(yard, id, proposal(proposed))
    async with asyncio.timeout(PATIENCE):
        result = LockResult.model_validate(await handle.result())
    events = await events_of(await handle.fetch_history())
    assert broken_at(handle.id, events) is None
    assert (len(events), events[-1].digest) == (result.events, result.head)
    return result


async def test_a_good_plan_is_locked(yard: Yard) -> None:
    """The lock is whole, names who proposed it, and the events tell how it came about."""
    result = await locked(yard, "good", GOOD)
    assert "locked" == result.status
    assert result.lock is not None
    assert result.lock == Lock.model_validate_json(result.lock.model_dump_json())
    assert ["ana"] == [statement.by for statement in result.lock.statements]
    events = await events_of(await yard.client.get_workflow_handle("lock-good").fetch_history())
    assert ["plan.proposed", "plan.checked", "plan.locked"] == [e.what.type for e in events]


async def test_a_bad_plan_is_returned_with_its_findings(yard: Yard) -> None:
    """A rejection is an expected end: the workflow completes, and no lock comes out of it."""
    bad = plan(say(), step("lift", "Remove", ledger="a", load="engine"))
    result = await locked(yard, "bad", bad)
    assert ("rejected", None) == (result.status, result.lock)
    assert {"LS-POLICY-002", "LS-RULE-001"} == {f.code for f in result.checked.errors}
    denied = next(f for f in result.checked.errors if f.code == "LS-POLICY-002")
    assert "Critical load; removal prohibited" in denied.problem


async def test_one_plan_has_one_digest(yard: Yard) -> None:
    """Proposed twice, in another order of steps and keys, a plan gives the same lock."""
    other_order = dict(reversed({**GOOD, "steps": GOOD["steps"][::-1]}.items()))
    first, second = await locked(yard, "once", GOOD), await locked(yard, "twice", other_order)
    assert first.lock is not None
    assert second.lock is not None
    assert first.lock.digest == second.lock.digest


@pytest.mark.parametrize(
    ("id", "proposed"),
    [("null", None), ("list", []), ("string", "plan"), ("other", {"steps": "none"})],
)
async def test_what_is_no_plan_is_rejected(yard: Yard, id: str, proposed: Any) -> None:
    """A proposal whose plan is none is checked as any other, and the findings say what it is."""
    result = await locked(yard, f"no-plan-{id}", proposed)
    assert ("rejected", None) == (result.status, result.lock)
    assert {"LS-LOAD-007"} == {found.code for found in result.checked.errors}


@pytest.mark.parametrize("number", [2**60, float("nan")])
async def test_a_plan_that_has_no_digest_fails(yard: Yard, number: float) -> None:
    """What JSON cannot say exactly cannot be chained to anything: the workflow fails, and says."""
    handle = await begun(yard, f"no-digest-{number:g}", proposal(plan(say(number=number))))
    assert "LS-LOAD-007" == (await failure(handle)).type


NONSENSE: dict[str, tuple[Any, ...]] = {
    "missing": (),
    "null": (None,),
    "list": ([],),
    "string": ("plan",),
    "other": ({"hello": "world"},),
    "half": (proposal(GOOD) | {"by": ""},),
    "two": (proposal(GOOD), proposal(GOOD)),
    "bytes": (b"\x00\xff",),
}


@pytest.mark.parametrize("workflow", ["LockPlan", "Run"])
@pytest.mark.parametrize("kind", NONSENSE)
async def test_nonsense_ends_with_a_code_and_parks_nothing(
    yard: Yard, workflow: str, kind: str
) -> None:
    """Whoever reaches the server can start a workflow with anything; it fails, clearly and soon."""
    handle = await yard.client.start_workflow(
        workflow, args=NONSENSE[kind], id=f"{workflow}-{kind}", task_queue=yard.queue
    )
    assert (await failure(handle)).type in ("LS-LOAD-007", "LS-RUN-006")
    assert handle.id not in await stuck(yard.client)
