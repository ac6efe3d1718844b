"""Policy tried on what really happened: runs on a real server, and policy changed since then."""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHistory

from activities.package import AgentPackage, load_package
from activities.store import FolderStore
from lockstep.decision import Outcome
from lockstep.errors import LockstepError
from lockstep.escalation import Verdict
from policies.trials.expected import rules_of
from policies.trials.tally import Hindsight, Kind, Tally
from tests.runs.command import lockstep
from tests.runs.yard import (
    CRANE,
    PATIENCE,
    Handle,
    Yard,
    copied,
    renamed,
    replace,
    say,
    step,
    with_,
)
from worker.again.backtest import Backtest
from worker.runs import attributes
from workflows.run_request import RunRequest

pytestmark = pytest.mark.asyncio(loop_scope="session")

ALLOW, DENY, ASK = Outcome.ALLOW, Outcome.DENY, Outcome.REQUIRE_APPROVAL
Histories = dict[str, WorkflowHistory]
Change = Callable[[Path], None]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def histories(yard: Yard) -> Histories:
    """One run of each kind that policy had something to say in."""
    book = yard.book()

    def lift(load: str) -> dict[str, Any]:
        return with_(step("lift", "Remove", ledger=book.name, load=load), after=["hello"])

    async def approved() -> Handle:
        handle = await yard.start(yard.lock(say(), lift("beam")))
        await yard.answer(handle, await yard.question(handle), Verdict.APPROVE)
        return handle

    async def edited() -> Handle:
        handle = await yard.start(yard.lock(say(), lift("beam")))
        asked = await yard.question(handle)
        bad, good = ({"ledger": book.name, "load": load} for load in ("engine", "rubble"))
        with pytest.raises(LockstepError, match="LS-POLICY-002"):
            await yard.answer(handle, asked, Verdict.EDIT, args=bad)
        await yard.answer(handle, asked, Verdict.EDIT, args=good)
        return handle

    runs = {
        "plain": yard.start(yard.lock(say())),
        "approved": approved(),
        "edited": edited(),
        "failed": yard.start(yard.lock(say(), with_(step("f", "Flaky", fails=9), attempts=2))),
    }
    handles = await asyncio.gather(*runs.values())
    return {
        kind: (await yard.ended(handle)).history for kind, handle in zip(runs, handles, strict=True)
    }


def hindsight(
    package: AgentPackage, values: Path, histories: Iterable[WorkflowHistory]
) -> Hindsight:
    bench, tally = Backtest(package, FolderStore(values)), Tally(rules_of(package.texts))
    for history in histories:
        tally.begin(planning=False)
        for one in bench.revisited(history):
            tally.take(one)
    return tally.hindsight


def changed(tmp_path: Path, *changes: Change) -> AgentPackage:
    root = copied(CRANE, tmp_path)
    for change in changes:
        change(root)
    return load_package(root)


def adding(file: str, text: str) -> Change:
    def change(root: Path) -> None:
        with (root / file).open("a") as stream:
            stream.write(f"\n{text}\n")

    return change


def replacing(file: str, old: str, new: str) -> Change:
    return lambda root: replace(root / file, old, new)


def turns(kinds: Iterable[Kind]) -> set[tuple[str, str, Any, Any, int]]:
    """Of each kind: what it is about, the tool, then, now, and how often."""
    return {
        (
            kind.about,
            kind.tool,
            kind.then and kind.then.outcome,
            kind.now and kind.now.outcome,
            kind.count,
        )
        for kind in kinds
    }


def rule(id: str, effect: str, action: str, when: str = "true", approvers: str = "") -> str:
    asked = f' @approvers("{approvers}")' if approvers else ""
    return (
        f'@id("{id}") @reason("because of {id}"){asked}\n'
        f'{effect} (principal, action == Action::"{action}", resource) when {{ {when} }};'
    )


async def test_the_policy_that_was_in_force_decides_the_same(
    yard: Yard, histories: Histories
) -> None:
    """Nothing is otherwise, nothing is unknown, whatever became of the runs; neither is it with a
    rule that says nothing of any of them, though it ends every grant.
    """
    found = hindsight(yard.package, yard.home.values, histories.values())
    assert ("same", 0, 0, 0) == (found.verdict, found.unknown, found.open, found.restated)
    # Calls: 4 Echo, Flaky, Remove asked and approved; asked, refused, and edited. Locks: of 1, 2
    # and 2 steps, and whether each passes; two runs have one lock.
    assert (4, 10 + 8) == (found.runs, found.same)
    assert {"crane.scrap-stays", "crane.critical-load"} >= set(found.silent) - {
        "crane.loud-word",
        "crane.strangers-load",
    }


def begun(history: WorkflowHistory) -> WorkflowHistory:
    """As far as it had come when it was asked for leave to start."""
    return WorkflowHistory(history.workflow_id, history.events[:6])


async def test_a_call_that_has_not_ended_is_open(yard: Yard, histories: Histories) -> None:
    """It was asked about, and nobody knows yet what was said."""
    history = histories["plain"]
    at = next(
        number
        for number, event in enumerate(history.events)
        if event.activity_task_scheduled_event_attributes.activity_type.name == "Echo"
    )
    cut = WorkflowHistory(history.workflow_id, history.events[: at + 1])
    found = hindsight(yard.package, yard.home.values, [cut])
    assert ("same", 1) == (found.verdict, found.open)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(
            adding("policy/authorize.cedar", rule("hush", "forbid", "Echo")),
            {("call", "Echo", ALLOW, DENY, 4), ("planned", "Echo", ALLOW, DENY, 3)},
            id="allow-deny",
        ),
        pytest.param(
            adding("policy/approvals.cedar", rule("hush", "forbid", "Echo", approvers="foreman")),
            {("call", "Echo", ALLOW, ASK, 4), ("planned", "Echo", ALLOW, ASK, 3)},
            id="allow-ask",
        ),
        pytest.param(
            replacing("policy/authorize.cedar", "when { resource.critical }", "when { false }"),
            {("call", "Remove", DENY, ASK, 1)},
            id="a-refused-edit",
        ),
        pytest.param(
            replacing("policy/approvals.cedar", "unless { resource.scrap }", "when { false }"),
            {("call", "Remove", ASK, ALLOW, 2), ("planned", "Remove", ASK, ALLOW, 1)},
            id="ask-allow",
        ),
        pytest.param(
            adding(
                "policy/authorize.cedar",
                rule(
                    "sum",
                    "forbid",
                    "Flaky",
                    "(if context.args.fails > 0 then 9223372036854775807 else 0) + 1 > 0",
                ),
            ),
            {("call", "Flaky", ALLOW, DENY, 1), ("planned", "Flaky", ALLOW, DENY, 1)},
            id="erring",
        ),
        pytest.param(
            replacing("policy/approvals.cedar", "crane.removal-review", "crane.removal-look"),
            {("call", "Remove", ALLOW, ASK, 1)},
            id="renamed",
        ),
        pytest.param(
            replacing("environments/test.toml", "beam = ", "girder = "),
            {
                ("call", "Remove", ASK, None, 2),
                ("call", "Remove", ALLOW, None, 1),
                ("planned", "Remove", ASK, None, 1),
                ("checks", "plan.submit", ALLOW, DENY, 1),
            },
            id="resource-gone",
        ),
        pytest.param(
            adding(
                "policy/rules.toml",
                '[[mandatory]]\nid = "mustered"\ntool = "Muster"\nreason = "all are counted"',
            ),
            {("checks", "plan.submit", ALLOW, DENY, 3)},
            id="graph-rule",
        ),
        pytest.param(
            adding(
                "policy/authorize.cedar",
                rule("small", "forbid", "plan.submit", "context.steps > 1"),
            ),
            {("plan", "plan.submit", ALLOW, DENY, 3)},
            id="whole-plan",
        ),
    ],
)
async def test_what_would_be_otherwise_is_told(
    yard: Yard,
    histories: Histories,
    tmp_path: Path,
    change: Change,
    expected: set[tuple[str, str, Any, Any, int]],
) -> None:
    """All of it and nothing else, by what it is about, and everything else is the same."""
    package = changed(tmp_path, change)
    found = hindsight(package, yard.home.values, histories.values())
    assert (expected, 0) == (turns(found.changes), found.unknown)
    assert "otherwise" == found.verdict


async def test_a_yes_to_a_rule_that_is_called_otherwise_is_lost(
    yard: Yard, histories: Histories, tmp_path: Path
) -> None:
    """It is named, and nobody is asked more often for it; those who were asked would be asked by
    the other rule.
    """
    change = replacing("policy/approvals.cedar", "crane.removal-review", "crane.removal-look")
    found = hindsight(changed(tmp_path, change), yard.home.values, histories.values())
    assert [("crane.removal-review", "ana", False, 1)] == [
        (one.rule, one.by, one.standing, one.count) for one in found.lost
    ]
    assert (0, 2) == (found.asks, found.other_rules)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda root: (root / "environments/test.toml").unlink(), "does not exist any more"),
        (replacing("environments/test.toml", "stage = ", "steps = 1 #"), "cannot be loaded"),
        (replacing("environments/test.toml", '"staging"', '"dev"'), "was of stage `staging` then"),
        (replacing("agent.toml", '"operator"', '"driver"'), "had the role `operator` then"),
    ],
    ids=["gone", "broken", "stage", "role"],
)
async def test_what_means_nothing_any_more_is_unknown(
    yard: Yard, histories: Histories, tmp_path: Path, change: Change, reason: str
) -> None:
    """Never the same, never otherwise: with the reason."""
    found = hindsight(changed(tmp_path, change), yard.home.values, histories.values())
    assert ("incomplete", 0, 0) == (found.verdict, found.same, found.otherwise)
    assert found.unknown
    assert all(reason in kind.unknown for kind in found.unknowns)


async def test_arguments_that_are_lost_are_unknown(
    yard: Yard, histories: Histories, tmp_path: Path
) -> None:
    """Where the values are gone, what was approved cannot be put together; what has no references
    can.
    """
    found = hindsight(yard.package, tmp_path, [histories["approved"]])
    assert "incomplete" == found.verdict
    assert {("call", "Remove", ALLOW, None, 1)} == turns(found.unknowns)
    assert "LS-STEP-007 cannot be read" in found.unknowns[0].unknown


async def test_a_history_that_nobody_can_read_is_unknown(yard: Yard, histories: Histories) -> None:
    """Neither what it was started with nor what it was asked ends the back-test of the others."""
    found = WorkflowHistory.from_json("x", histories["plain"].to_json())
    (start,) = found.events[0].workflow_execution_started_event_attributes.input.payloads
    start.data = b'{"lock": 1}'
    told = hindsight(yard.package, yard.home.values, [found])
    assert ("incomplete", 1) == (told.verdict, told.unknown)
    assert "neither a run nor a planning" in told.unknowns[0].unknown

    found = WorkflowHistory.from_json("x", histories["plain"].to_json())
    for event in found.events:
        scheduled = event.activity_task_scheduled_event_attributes
        if scheduled.activity_type.name == "Echo":
            scheduled.input.payloads[0].data = b"[[[\xff"
    told = hindsight(yard.package, yard.home.values, [found])
    assert ("incomplete", 1, 2) == (told.verdict, told.unknown, told.same)
    assert "it cannot be put again" in told.unknowns[0].unknown


async def test_whether_a_yes_stood_is_not_known_of_a_call_that_failed(
    yard: Yard, histories: Histories, tmp_path: Path
) -> None:
    """Where its decision is on record by its digest alone, as it was once. That it was called says
    that it was allowed, and not on whose word; what was planned says more.
    """
    asking = adding("policy/approvals.cedar", rule("ask", "forbid", "Flaky", approvers="foreman"))
    package = changed(tmp_path, asking)
    told = hindsight(package, yard.home.values, histories.values())
    assert {("call", "Flaky", ALLOW, ASK, 1), ("planned", "Flaky", ALLOW, ASK, 1)} == (
        turns(told.changes)
    )
    assert (set(), 1) == (turns(told.unknowns), told.asks)

    found = hindsight(package, yard.home.values, map(_of_before, histories.values()))
    assert {("call", "Flaky", ALLOW, None, 1)} == turns(found.unknowns)
    assert "whether one stood is not on record" in found.unknowns[0].unknown
    assert {("planned", "Flaky", ALLOW, ASK, 1)} == turns(found.changes)
    assert 0 == found.asks


def _of_before(history: WorkflowHistory) -> WorkflowHistory:
    """As it was when a failure carried no decision."""
    found = WorkflowHistory.from_json(history.workflow_id, history.to_json())
    for event in found.events:
        failed = event.activity_task_failed_event_attributes
        for payload in failed.failure.application_failure_info.details.payloads:
            told = json.loads(payload.data)
            payload.data = json.dumps(
                {part: said for part, said in told.items() if part != "decision"}
            ).encode()
    return found


async def test_a_policy_that_cannot_be_loaded_is_told(
    yard: Yard, histories: Histories, tmp_path: Path
) -> None:
    """Nothing is asked of the rest of it."""
    package = changed(tmp_path, adding("policy/authorize.cedar", "forbid (what;"))
    with pytest.raises(LockstepError, match="LS-POLICY-001"):
        hindsight(package, yard.home.values, histories.values())


async def test_the_command_asks_about_all_that_an_agent_did(yard: Yard, tmp_path: Path) -> None:
    """Or about what is named; 0, 3 and 1; for people and for programs; a saved history without a
    server; and nothing of another agent, as whose a run may be listed that is not its own.
    """
    async with yard.other(tmp_path, renamed) as other:
        root, name = other.package.root, other.package.agent.name
        none = await lockstep("backtest", "--agent", str(root))
        assert (1, True) == (none.code, "LS-BACK-001" in none.err)
        posing = await yard.client.start_workflow(
            "Run",
            RunRequest(lock=yard.lock(say()), started_by="eve").model_dump(mode="json"),
            id=f"posing-{name}",
            task_queue=other.queue,
            search_attributes=attributes(name, "test"),
        )
        await posing.terminate("enough")
        async with other.worker():
            first, _ = [await other.run(say(text=f"[red]hi\x1b {n}")) for n in range(2)]
        saved = tmp_path / "saved.json"
        saved.write_text(json.dumps(first.history.to_json_dict()))
        (tmp_path / "begun.json").write_text(begun(first.history).to_json())
        adding("policy/shadow.cedar", rule("hush", "forbid", "Echo"))(root)
        moved = copied(root, tmp_path)
        replace(moved / "environments" / "test.toml", '"staging"', '"dev"')
        nowhere = "127.0.0.1:1"
        one = first.history.workflow_id

        async with asyncio.timeout(4 * PATIENCE):
            same, forced, newest, away, stranger, unknown, early = await asyncio.gather(
                lockstep("backtest", folder=root),
                lockstep("backtest", one, "--shadow", "--env", "test", folder=root),
                lockstep("backtest", "--limit", "1", "--format", "json", "--shadow", folder=root),
                lockstep("backtest", folder=root, TEMPORAL_ADDRESS=nowhere),
                lockstep("backtest", str(saved), "--agent", str(CRANE)),
                lockstep("backtest", str(saved), folder=moved, TEMPORAL_ADDRESS=nowhere),
                lockstep("backtest", str(tmp_path / "begun.json"), folder=root),
            )

    left_out = f"left out: `{posing.id}` is of agent `crane`, and this policy is of `{name}`\n"
    assert (0, left_out) == (same.code, same.err)
    assert "silent  took part in no decision: crane.critical-load, " in same.out
    assert "shadow  hush would have said DENY 4 times" in same.out
    last = f"the same {name}: 6 decisions, in 2 runs and 0 plannings of the last 30d\n"
    assert same.out.endswith(last)

    assert (3, "") == (forced.code, forced.err)
    assert (
        "     1  ALLOW -> DENY  Echo in test: DisallowedToolError: because of hush (hush)\n"
        f"        hello of {one}; 1 time while planned, too\n" in forced.out
    )
    assert forced.out.endswith(f"otherwise {name}: 2 of 3 decisions, in 1 run and 0 plannings\n")

    assert (3, "otherwise", 1, 2, 2, "30d") == (
        newest.code,
        *(newest.json[key] for key in ("verdict", "runs", "left_out", "otherwise", "since")),
    )
    assert (1, True) == (away.code, "LS-SRV-001" in away.err)
    assert (2, True) == (stranger.code, f"is of agent `{name}`" in stranger.err)

    assert (1, True) == (unknown.code, "LS-BACK-002 1 question" in unknown.out)
    assert unknown.out.endswith("; 2 questions cannot be put again, in 1 run and 0 plannings\n")
    assert (1, True) == (early.code, "LS-BACK-001" in early.err)
