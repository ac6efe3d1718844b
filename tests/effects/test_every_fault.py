"""One table of all that can go wrong between a planner and its model, and what becomes of it.

On the real activity, the real SDK and the stand-in: what is answered is returned with its bill,
what is not is raised with a code, whether Temporal may try again, how long it is to wait, and a
bill.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from temporalio.exceptions import ApplicationError
from temporalio.testing import ActivityEnvironment

from activities.contract.planner import Ask, Goal, Reply
from activities.models.anthropic import Anthropic
from activities.models.messages import MessagesModel
from activities.package import load_package
from activities.propose import ModelPlanner
from activities.store import FolderStore
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.plan import Plan
from lockstep.usage import Bill
from policies.check import check
from policies.world import World
from tests.effects.asking import KEY, ROOT, billed, script, until
from worker.standin.ledger import Entry
from worker.standin.server import standin

Json = dict[str, Any]

PATIENCE = timedelta(seconds=1.5)
HTTP = "LS-MODEL-006"
BUSY = "LS-MODEL-005"
GOOD: Json = {"proposal": {"steps": [{"id": "hello", "tool": "Echo", "args": {"text": "hello"}}]}}
CUT_OFF: Json = {"truncated": '{"steps": ['}


@dataclass(frozen=True)
class Row:
    """What the model does, and what it must come to.

    `is_` is the status of an answer, or the code of a failure. `again` says whether Temporal tries
    again, `after` how many seconds it is told to wait; `unknown` is whether the call may have cost
    more than is known.
    """

    answer: Json
    is_: str
    again: bool = False
    after: float | None = None
    unknown: bool = False


def error(status: int, **more: Any) -> Json:
    return {"error": {"status": status, **more}}


def limited(**headers: str) -> Json:
    return error(429, headers={name.replace("_", "-"): value for name, value in headers.items()})


IN_A_MINUTE = 60.0

TABLE: dict[str, Row] = {
    "429 in seconds": Row(limited(retry_after="7"), BUSY, True, 7),
    "429 in milliseconds": Row(limited(retry_after_ms="1500"), BUSY, True, 1.5),
    "429 until a date": Row(limited(retry_after="DATE"), BUSY, True, IN_A_MINUTE),
    "429 for a month": Row(limited(retry_after="2592000"), BUSY, True, 900),
    "429 without a word": Row(error(429), BUSY, True),
    "429 on the ramp": Row(error(429, code="ramp_limit_exceeded"), BUSY, True),
    "429 spend limit": Row(error(429, code="enforced_spend_limit_reached"), "LS-MODEL-003"),
    "429 contract limit": Row(error(429, code="contract_spend_limit_reached"), "LS-MODEL-003"),
    "400": Row(error(400), "LS-MODEL-004"),
    "400 usage limit": Row(error(400, message="reached your usage limits"), "LS-MODEL-003"),
    "400 schema": Row(error(400, message="Schema is too complex"), "LS-MODEL-004"),
    "401": Row(error(401), "LS-MODEL-002"),
    "402": Row(error(402), "LS-MODEL-003"),
    "403": Row(error(403), "LS-MODEL-002"),
    "404": Row(error(404), "LS-MODEL-004"),
    "408": Row(error(408), BUSY, True),
    "409": Row(error(409), BUSY, True),
    "413": Row(error(413), "LS-MODEL-004"),
    "422": Row(error(422), "LS-MODEL-004"),
    "500": Row(error(500), HTTP, True),
    # What stands in front of the model may say these while the model answers all the same.
    "502": Row(error(502), HTTP, True, unknown=True),
    "503": Row(error(503), HTTP, True),
    "504": Row(error(504), HTTP, True, unknown=True),
    "529": Row(error(529), BUSY, True),
    "hang": Row({"hang": {"seconds": 30}}, HTTP, True, unknown=True),
    "hang in the middle": Row(
        {**GOOD, "hang": {"seconds": 30, "after_tokens": 3}}, HTTP, True, unknown=True
    ),
    "drop": Row({"drop": True}, HTTP, True, unknown=True),
    "half a body": Row({**GOOD, "half_body": True}, HTTP, True, unknown=True),
    "garbage 200": Row({"garbage": "<html>welcome</html>"}, HTTP, True, unknown=True),
    "SSE error, busy": Row({"sse_error": {"type": "overloaded_error"}}, BUSY, True, unknown=True),
    "SSE error in the middle": Row(
        {**GOOD, "sse_error": {"type": "api_error", "after_tokens": 3}}, HTTP, True, unknown=True
    ),
    "cut stream": Row({**GOOD, "cut": {"after_tokens": 3}}, HTTP, True, unknown=True),
    "cut stream, no stop reason": Row(
        {**GOOD, "cut": {"after_tokens": 3, "chunked": False}}, HTTP, True, unknown=True
    ),
    "truncated JSON": Row({"text": '{"steps": [{"id": "hello", "tool": "Ec'}, "invalid"),
    "prose": Row({"text": "Sure! First I would look around."}, "invalid"),
    "nothing": Row({"nothing": True}, "invalid"),
    "max_tokens": Row(CUT_OFF, "truncated"),
    "context exceeded": Row(
        {"text": "{", "stop_reason": "model_context_window_exceeded"}, "truncated"
    ),
    "pause_turn": Row({"text": "{", "stop_reason": "pause_turn"}, "truncated"),
    "refusal": Row({"refusal": "cyber"}, "refused"),
    # A word in another case is an answer like any other; that it is refused is the check's part.
    "enum in another case": Row({**GOOD, "other_case": ["tool"]}, "ok"),
    "what was asked for": Row(GOOD, "ok"),
}


async def proposed(
    answer: Json, world: World, folder: Path, attempt: int = 1
) -> tuple[Reply | ApplicationError, Entry]:
    """What the activity makes of one answer, and what the other side has in its books."""
    with standin(script(answer)) as provider:
        model = MessagesModel(KEY, provider.base_url, PATIENCE)
        planner = ModelPlanner(world, Anthropic(), model, FolderStore(folder))
        goal = Goal(goal="say hello", agent="crane", environment="test", by="ana")
        environment = ActivityEnvironment()
        environment.info = replace(environment.info, attempt=attempt)
        got: Reply | ApplicationError
        try:
            got = await environment.run(planner.propose, Ask(goal=goal))
        except ApplicationError as failure:
            got = failure
        await model.close()
        until(lambda: provider.ledger[0].ending != "open")
        (entry,) = provider.ledger
        return got, entry


@pytest.fixture(scope="module")
def world() -> World:
    return load_package(ROOT / "tests" / "agents" / "crane").world("test")


@pytest.mark.parametrize("name", TABLE)
async def test_every_fault_has_a_code_a_wait_and_a_bill(
    name: str, world: World, tmp_path: Path
) -> None:
    """One call each: the SDK repeats nothing. An answer is billed to the token; of what broke off
    nothing is billed that was not, and that there may be more is said.
    """
    row, answer = TABLE[name], TABLE[name].answer
    if row.after == IN_A_MINUTE:
        date = datetime.now(UTC) + timedelta(seconds=IN_A_MINUTE)
        answer = limited(retry_after=format_datetime(date, usegmt=True))

    got, entry = await proposed(answer, world, tmp_path)

    books = billed(entry)
    if isinstance(got, Reply):
        assert (row.is_, False) == (got.status, row.unknown)
        assert books == got.bill
        return
    bill = Bill.model_validate(got.details[0])
    assert (row.is_, row.again) == (got.type, not got.non_retryable)
    waits = got.next_retry_delay.total_seconds() if got.next_retry_delay else None
    assert row.after == (waits if row.after is None else pytest.approx(waits, abs=3))
    assert (1, int(row.unknown)) == (bill.calls, bill.unknown)
    for kind in ("input", "cache_write", "cache_read"):
        assert getattr(bill.usage, kind) in {0, getattr(books.usage, kind)}
    assert bill.usage.output <= books.usage.output
    assert row.unknown or bill.usage == books.usage


async def test_what_is_no_answer_at_all_is_tried_three_times(world: World, tmp_path: Path) -> None:
    """Whoever sends it sends it again, and may bill it each time."""
    answer = TABLE["garbage 200"].answer
    ends = [(await proposed(answer, world, tmp_path, attempt))[0] for attempt in (1, 2, 3)]

    assert [False, False, True] == [
        isinstance(one, ApplicationError) and one.non_retryable for one in ends
    ]


def findings(reply: Reply | ApplicationError, world: World) -> tuple[Finding, ...]:
    assert isinstance(reply, Reply)
    return check(shaped(Plan, reply.plan, "plan"), world, "ana").findings


async def test_a_word_in_another_case_is_refused_and_named(world: World, tmp_path: Path) -> None:
    """A tool, a word of an argument's enum: never taken for what was probably meant, and the
    finding that goes back to the model says what to write.
    """
    tool, _ = await proposed({**GOOD, "other_case": ["tool"]}, world, tmp_path)
    found = findings(tool, world)[0]
    assert ("LS-PLAN-004", "tool `eCHO` does not exist") == (found.code, found.problem)
    assert "write `Echo`: names are compared with their capitals" == found.fix

    step = {"id": "f", "tool": "Strike", "args": {"first": "return"}}
    given: Json = {"proposal": {"steps": [step]}, "other_case": ["first"]}
    enum, _ = await proposed(given, world, tmp_path)
    about = [one for one in findings(enum, world) if one.place == "step `f` /first"]
    assert [("LS-PLAN-008", "write `return`: names are compared with their capitals")] == [
        (one.code, one.fix) for one in about
    ]
