"""A run's account says what was held back and why, and which answers nobody gave."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.decision import Rule, Target
from lockstep.event import genesis, link
from lockstep.finding import Finding
from lockstep.lock import Lock
from lockstep.stepped import StepBlocked, StepCompleted, StepFailed, StepStarted
from lockstep.value import Value
from tests.laws.port import LIST, frozen
from worker.cli.progress import Progress
from worker.cli.story import tell

AT = datetime(2026, 11, 16, 6, tzinfo=UTC)
METRIC = Target(kind="metric", name="node_cpu_throttle_time_seconds")
FORBID = Rule(
    id="metrics.critical-removal", effect="forbid", reason="Critical metric; removal prohibited"
)
REVIEW = Rule(id="metrics.review", effect="approval", reason="nobody watches it", approvers=("a",))
OTHER = Rule(id="metrics.abroad", effect="approval", reason="it is far away", approvers=("b",))
ABSENT = Finding(code="LS-ENV-003", place="step `drop`", problem="it is not there", fix="no")


def told(what: Any) -> list[str]:
    return tell(link(1, AT, genesis("run"), what)).splitlines()


def blocked(**fields: Any) -> StepBlocked:
    given = {"step": "drop", "tool": "RemoveMetric", "args": None, "shown": "frame={…9,000 bytes}"}
    reason = "Metric appears outdated."
    return StepBlocked.model_validate({**given, "reason": reason, "why": "because", **fields})


def test_a_blocked_step_reads_as_in_the_articles() -> None:
    """What was proposed, why, and what policy said; then the rule, for whoever looks it up."""
    assert [
        'Step drop: Proposed Action -> RemoveMetric("node_cpu_throttle_time_seconds")',
        '  Reason -> "Metric appears outdated."',
        "  Policy -> BLOCKED (Critical metric; removal prohibited) by metrics.critical-removal",
    ] == told(blocked(targets=(METRIC,), rules=(FORBID,)))


@pytest.mark.parametrize(
    ("fields", "last"),
    [
        (
            {"targets": (METRIC,), "rules": (REVIEW,)},
            "  Policy -> APPROVAL REQUIRED (nobody watches it) by metrics.review",
        ),
        (
            {"rules": (FORBID,), "why": "DisallowedToolError: not here (tools.dev)"},
            "  Policy -> BLOCKED (DisallowedToolError: not here (tools.dev))",
        ),
        (
            {"rules": (REVIEW, OTHER)},
            "  Policy -> APPROVAL REQUIRED (nobody watches it) by metrics.review, "
            "and (it is far away) by metrics.abroad",
        ),
        (
            {"targets": (METRIC,), "findings": (ABSENT,), "why": str(ABSENT)},
            "  Check -> FAILED (LS-ENV-003 step `drop`: it is not there; no)",
        ),
    ],
    ids=["approval", "tool", "approvals of a call that touches nothing", "fact"],
)
def test_what_stood_in_the_way_is_told_apart(fields: dict[str, Any], last: str) -> None:
    """A question of approval is no denial, and a fact no policy."""
    assert last == told(blocked(**fields))[-1]


def test_without_a_target_the_arguments_are_shown() -> None:
    """There is always something between the brackets."""
    assert told(blocked())[0].endswith("RemoveMetric(frame={…9,000 bytes})")


def completed(mocked: bool) -> StepCompleted:
    return StepCompleted(
        step="list",
        value=Value(digest=digest(1), size=1),
        spent=Amount(calls=1),
        decision=digest(2),
        idempotency_key="k",
        mocked=mocked,
    )


def test_an_answer_of_a_mock_is_told_as_one() -> None:
    """Nobody may take a sandbox's account for that of a real call."""
    assert "Step list: completed, 1 bytes" == told(completed(False))[0].rpartition(",")[0]
    assert "Step list: answered by a mock, 1 bytes" == told(completed(True))[0].rpartition(",")[0]
    failed = StepFailed(step="list", finding=ABSENT, spent=Amount(), mocked=True)
    assert told(failed)[0].startswith("step failed on a mock's answer: LS-ENV-003")


def shown(mocked: bool) -> tuple[str, str]:
    """The step's row in the table of a terminal, and its last line in a pipe."""
    started = StepStarted(
        step="list", tool="ListShips", dispatch=1, reason="", reserved=Amount(calls=1)
    )
    first = link(1, AT, genesis("run"), started)
    events = [first, link(2, AT, first.digest, completed(mocked))]
    piped = Console(file=io.StringIO(), width=100)
    progress = Progress(Lock.freeze(frozen(LIST)), piped)
    progress.take(events)
    table = Console(file=io.StringIO(), width=100)
    table.print(progress.table(AT))
    rows: list[str] = [one.file.getvalue().splitlines()[-1].rstrip() for one in (table, piped)]  # type: ignore[attr-defined]  # StringIO, as made above
    return rows[0], rows[1].partition("s  ")[2]


def test_progress_says_which_steps_were_mocked() -> None:
    """In the list that ticks as in a pipe."""
    assert ("✓  list  ListShips  0.0 s", "list  ListShips  done (0.0 s)") == shown(False)
    assert ("✓  list  ListShips  0.0 s (mock)", "list  ListShips  done (0.0 s, mock)") == (
        shown(True)
    )
