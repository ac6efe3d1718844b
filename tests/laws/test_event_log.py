"""The worker's log of events: lines that a log store can index, each of them short."""

from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from lockstep.amount import Amount
from lockstep.canonical import digest
from lockstep.event import Happening, RunRefused, RunStarted, genesis, link
from lockstep.finding import Finding
from lockstep.stepped import StepStarted
from worker.listening import log_event

RUN = "harbour.test.weekly"
NOW = datetime(2026, 11, 16, 6, tzinfo=UTC)


def logged(what: Happening, replaying: bool = False) -> list[dict[str, Any]]:
    with capture_logs() as lines:
        log_event(RUN, link(1, NOW, genesis(RUN), what), replaying)
    return [dict(line) for line in lines]


def started(*mocked: str) -> RunStarted:
    return RunStarted(
        run=RUN, lock=digest("lock"), agent="harbour", environment="test", started_by="ana",
        trigger="person", scheduled_at=NOW, inputs={"card": "4111 1111"}, mocked=mocked,
    )  # fmt: skip


def test_what_has_parts_is_logged_as_such() -> None:
    """An object stays an object and a list a list, so that a field can be asked for."""
    (line,) = logged(
        StepStarted(step="a", tool="T", dispatch=1, reason="", reserved=Amount(calls=3))
    )
    (run,) = logged(started("Fetch"))

    assert {"calls": 3, "tokens": 0, "microdollars": 0} == line["reserved"]
    assert ["Fetch"] == run["mocked"]


@pytest.mark.parametrize("tools", [200, 1000])
def test_of_what_is_long_the_size_is_logged(tools: int) -> None:
    """A field is never there in half, nor a list in one line and a text in the next."""
    (line,) = logged(started(*(f"Tool{n}" for n in range(tools))))

    assert "mocked" not in line
    assert line["mocked_bytes"] > 1000


def test_a_refusal_names_its_codes() -> None:
    """Whoever is alerted reads why, and drift can be told from what is malformed."""
    found = [
        Finding(code=code, place="lock", problem="is otherwise", fix="look")
        for code in ("LS-RUN-006", "LS-LOCK-002", "LS-LOCK-002")
    ]
    (line,) = logged(RunRefused(findings=tuple(found)))

    assert (3, ["LS-LOCK-002", "LS-RUN-006"]) == (line["findings"], line["codes"])


def test_inputs_and_replays_are_not_logged() -> None:
    """What a run was given may be anybody's; and what is looked at again happened once."""
    (line,) = logged(started())

    assert "inputs" not in line
    assert [] == logged(started(), replaying=True)
