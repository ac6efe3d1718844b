"""What a step's failure comes to, whatever its worker said of it: an account that nobody can read
is none, and parks no run.
"""

from datetime import timedelta
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError, TimeoutType
from temporalio.exceptions import TimeoutError as ActivityTimeout

from lockstep.canonical import digest
from lockstep.decision import Decision, Outcome, Phase
from lockstep.lock import LockedToolStep
from lockstep.outcome import Attempt, AttemptEnd, Dispatch, Withheld
from lockstep.tool import Effect, Idempotency
from workflows.dispatch import Failed, failed

PIN = digest("pinned")
MADE = Decision(
    outcome=Outcome.ALLOW,
    phase=Phase.RUN,
    step="open",
    tool="Open",
    targets=(),
    args_digest=PIN,
    policy=PIN,
    engine="none",
)
HONEST: dict[str, Any] = {
    "attempts": [{"number": 1, "decision": MADE.digest, "end": "failed"}],
    "decision": MADE.model_dump(mode="json"),
}
STRANGE: list[Any] = [None, 5, "words", True, [], [5], [None], {}, {"a": 1}, 1.5, [["x"]]]


FIELDS: dict[str, Any] = {
    "id": "open",
    "tool": "Open",
    "effect": Effect.WRITE,
    "idempotency": Idempotency.NONE,
    "heartbeat": timedelta(seconds=9),
}
"""All of a step that is looked at here."""


def call() -> Dispatch:
    said: dict[str, Any] = {"step": LockedToolStep.model_construct(**FIELDS), "item": None}
    return Dispatch.model_construct(**said)


def ended(*details: Any) -> tuple[Failed, Failed]:
    """The two ways in which an account comes back: of a failure, and of a worker that was lost."""
    late = ActivityTimeout("late", type=TimeoutType.HEARTBEAT, last_heartbeat_details=details)
    causes = (ApplicationError("no", *details), late)
    one, other = (failed(call(), cause, timedelta(minutes=1)) for cause in causes)
    return one, other


def test_what_allowed_a_call_that_failed_is_told() -> None:
    """In full, and it is the decision that its attempt names."""
    for found in ended(HONEST):
        assert MADE == found.decision
        assert [MADE.digest] == [one.decision for one in found.attempts]
        assert found.unknown


@pytest.mark.parametrize("part", ["attempts", "decision", "grounds", "args", "finding"])
@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_a_malformed_account_is_none(part: str, strange: Any) -> None:
    """Of an older worker, or of one that lies: the step fails, and if it may act it is not known
    whether it did.
    """
    for found in ended({**HONEST, part: strange}):
        assert "step `open`" == found.finding.place
        assert found.attempts
        assert found.unknown
        assert found.decision in (MADE, None)


@pytest.mark.parametrize("strange", STRANGE, ids=repr)
def test_details_that_are_no_account_are_none(strange: Any) -> None:
    """As a whole they may be anything as well, or not there."""
    for found in (*ended(strange), *ended()):
        assert ((Attempt(number=1),), None) == (found.attempts, found.decision)
        assert found.unknown


@pytest.mark.parametrize(
    ("before", "called"),
    [
        (None, False),
        (Attempt(number=1), True),
        (Attempt(number=1, decision=PIN, end=AttemptEnd.FAILED), True),
        (Attempt(number=1, end=AttemptEnd.FAILED), False),
        (Attempt(number=1, decision=PIN, end=AttemptEnd.WITHHELD), False),
    ],
    ids=["alone", "unrecorded", "called", "not called", "withheld"],
)
def test_a_call_that_is_held_back_may_have_been_made_before(
    before: Attempt | None, called: bool
) -> None:
    """By an attempt that decided and was not held back itself, or that nobody lived to tell of."""
    last = Attempt(number=2, end=AttemptEnd.WITHHELD)
    attempts = (last,) if before is None else (before, last)
    assert called is Withheld(decision=None, args=None, attempts=attempts).called
