"""A yes that stands: given once, kept in a file, good for all runs of its lock until revoked."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

from lockstep.decision import Outcome, StandingGrant
from lockstep.escalation import Verdict
from lockstep.lock import Lock
from tests.runs.command import launched, lockstep
from tests.runs.yard import Book, Json, Yard, renamed, replace, say, step, with_
from worker.cli.standing import keep, standing_in

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEEK = timedelta(days=7)


def lenient(root: Path) -> None:
    renamed(root)
    replace(root / "agent.toml", 'grant = "1h"', 'grant = "1h"\nstanding = "30d"')
    (root / "plans").mkdir(exist_ok=True)


@pytest_asyncio.fixture(loop_scope="session")
async def other(yard: Yard, tmp_path: Path) -> AsyncIterator[Yard]:
    """A crane whose agent lets a yes stand for a month."""
    async with yard.other(tmp_path, lenient) as other, other.worker():
        yield other


def locked(yard: Yard, book: Book) -> tuple[Lock, Path]:
    lift = step("lift", "Remove", ledger=book.name, load="beam")
    given: Json = with_(lift, after=["hello"], reason="it is in the way")
    lock = yard.lock(say(), given)
    path = yard.package.root / "plans" / "weekly.test.lock.json"
    path.write_text(lock.model_dump_json(indent=2))
    return lock, path


async def test_a_yes_that_stands_is_asked_for_once(other: Yard, book: Book) -> None:
    """Given by answering, kept beside the lock; the next run calls, and says under whose yes. Taken
    out of the file, it is asked for again.
    """
    lock, path = locked(other, book)
    first = await other.start(lock)
    question = await other.question(first)
    assert timedelta(days=30) == question.standing
    said = await lockstep(
        *("inbox", "approve", first.id, "--as", "ben", "--standing", "7d"),
        *("--agent", str(other.package.root), "--format", "json"),
    )
    assert 0 == said.code, said
    ended = await other.ended(first)
    (given,) = ended.of("grant.given")
    (grant,) = given.grants
    assert (lock.digest, "lift", "crane.removal-review", "ben", first.id, "lift.1") == (
        *(grant.lock, grant.step, grant.rule, grant.by, grant.run, grant.question),
    )
    assert WEEK == grant.expires_at - grant.given_at
    file = path.with_name("weekly.test.grants.json")
    assert grant.digest[7:19] in (await listed(other))

    second = await other.ended(await other.start(lock))
    assert ["removed beam"] * 2 == book.lines
    assert [] == second.of("question.asked")
    (decided,) = second.of("step.decided", "lift")
    assert (Outcome.ALLOW, (grant,)) == (decided.decision.outcome, decided.decision.grants)

    # Taken back, it counts no more, with no worker started again.
    gone = await lockstep("grants", "revoke", grant.digest[7:19], "--agent", *agent(other))
    assert (0, False) == (gone.code, file.exists()), gone
    third = await other.start(lock)
    await other.answer(third, await other.question(third), Verdict.DENY)
    assert "failed" == (await other.ended(third)).result.status
    # What was given is in the first run's history, and can be kept again.
    again = await lockstep("grants", "keep", first.id, "--agent", *agent(other))
    assert (0, True) == (again.code, file.exists()), again


async def test_a_yes_to_one_lock_is_none_to_another(other: Yard, book: Book) -> None:
    """Nor is one that somebody else wrote down, nor one for longer than the agent allows; a yes
    that may not stand is refused, and the question stays.
    """
    lock, _ = locked(other, book)
    longer = yard_lock(other, book)
    first = await other.start(lock)
    question = await other.question(first)
    with pytest.raises(Exception, match="LS-ASK-007"):
        await other.answer(first, question, Verdict.APPROVE, standing="31d")
    await other.answer(first, question, Verdict.APPROVE, standing="7d")
    await other.ended(first)
    (grant,) = await standing_in(other.client, first.id, other.package)
    forged = [
        grant.model_copy(update={"by": "mallory"}),
        grant.model_copy(update={"expires_at": grant.expires_at + timedelta(days=24)}),
    ]
    for kept, lock_ in ((forged, lock), ([grant], longer)):
        written(other, kept)
        handle = await other.start(lock_)
        await other.answer(handle, await other.question(handle), Verdict.DENY)
        await other.ended(handle)
    assert ["removed beam"] == book.lines


async def test_where_no_yes_may_stand_none_is_taken(yard: Yard, book: Book) -> None:
    """An agent that says nothing about it lets none stand."""
    lift = with_(step("lift", "Remove", ledger=book.name, load="beam"), after=["hello"])
    handle = await yard.start(yard.lock(say(), lift))
    question = await yard.question(handle)
    assert question.standing is None
    with pytest.raises(Exception, match="LS-ASK-007"):
        await yard.answer(handle, question, Verdict.APPROVE, standing="1d")
    await yard.answer(handle, question, Verdict.APPROVE)
    assert [] == (await yard.ended(handle)).of("grant.given")


def yard_lock(yard: Yard, book: Book) -> Lock:
    """The same step with the same arguments, in another plan."""
    lift = with_(step("lift", "Remove", ledger=book.name, load="beam"), after=["hello"])
    return yard.lock(say(), lift, say("bye"))


def written(yard: Yard, grants: list[StandingGrant]) -> None:
    for path in (yard.package.root / "plans").glob("*.grants.json"):
        path.unlink()
    assert keep(yard.package, grants, datetime.now(UTC))


def agent(yard: Yard) -> tuple[str, ...]:
    return str(yard.package.root), "--format", "json"


async def listed(yard: Yard) -> list[str]:
    said = await launched("grants", "list", "--agent", *agent(yard))
    assert 0 == said.code, said
    return [one["grant"] for one in said.json if one["fault"] is None]
