"""What survives kill -9: every run, and every effect exactly once or not without being asked."""

import asyncio
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from activities.package import load_package
from activities.store import FolderStore, load
from lockstep.amount import Amount
from lockstep.escalation import Ground, Verdict
from lockstep.outcome import AttemptEnd
from tests.runs.yard import (
    CRANE,
    TEST,
    Book,
    Ended,
    Handle,
    Json,
    Yard,
    output,
    say,
    step,
    until,
    with_,
)
from worker.connection import connect
from worker.embedded.claim import recorded
from worker.embedded.stack import Stack, embedded_stack
from worker.home import Home
from worker.session import Served, worker_command

pytestmark = pytest.mark.asyncio(loop_scope="session")

RUNS = 4
LINES = 8
KILLS = 3
LINGER = 0.15
"""Seconds that a call goes on before and after its effect: what a kill may fall into."""


@dataclass(frozen=True)
class Site:
    """A server and a worker, each a process of its own that somebody brings back."""

    yard: Yard
    stack: Stack

    def kill_worker(self) -> None:
        os.kill(self.stack.worker.pid, signal.SIGKILL)

    def kill_server(self) -> None:
        record = recorded(self.yard.home)
        if record is not None:
            os.kill(record.pid, signal.SIGKILL)

    @property
    def polling(self) -> int:
        """How often a worker has come up so far."""
        return self.stack.worker.log_file.read_text().count("worker.started")


@asynccontextmanager
async def site(home: Home, ledgers: Path) -> AsyncIterator[Site]:
    served = Served(CRANE, "crane", TEST)
    async with embedded_stack(
        home, worker_command=worker_command([served]), kind="embedded", ui=False, say=print
    ) as stack:
        client = await connect(stack.target)
        package = load_package(CRANE)
        yield Site(Yard(home, client, package, ledgers, stack.worker.log_file), stack)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def place(surroundings: Path) -> AsyncIterator[Site]:
    async with site(Home(surroundings / "killed"), surroundings / "ledgers") as ready:
        yield ready


def work(book: Book) -> list[Json]:
    """A chain of entries, and beside it a few that need only the greeting. That is over once there
    is a line: a kill falls into entries, which are tried often enough for all the kills there are.
    """

    def entry(number: int, *after: str) -> Json:
        args = {"ledger": book.name, "text": f"line-{number}", "linger": LINGER}
        return with_(step(f"w{number}", "Write", **args), after=after)

    half = LINES // 2
    chain = [entry(n, f"w{n - 1}" if n else "hello") for n in range(half)]
    return [say(), *chain, *(entry(n, "hello") for n in range(half, LINES))]


async def begun(site: Site, book: Book) -> Handle:
    return await site.yard.start(site.yard.lock(*work(book)))


async def all_done(site: Site, handles: list[Handle]) -> list[Ended]:
    return [await site.yard.ended(handle) for handle in handles]


def settled(books: list[Book]) -> bool:
    return all(len(book.whole) >= LINES for book in books)


async def test_kill_9_of_the_worker(place: Site) -> None:
    """At random moments over several runs: each completes, each keyed effect is there once, and a
    call that cannot be repeated is asked about."""
    moments = random.Random(2026)
    books = [place.yard.book() for _ in range(RUNS)]
    struck, left = place.yard.book(), place.yard.book()
    handles = [await begun(place, book) for book in books]

    def strike(book: Book) -> Json:
        blow = step("s", "Strike", ledger=book.name, text="hit", first="hang")
        return with_(blow, after=["hello"])

    retried = await place.yard.start(place.yard.lock(say(), strike(struck)))
    skipped = await place.yard.start(
        place.yard.lock(say(), strike(left), say("after", output("s")))
    )
    await until(lambda: all(book.lines for book in (*books, struck, left)))
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(0.0, 0.5))  # the moment is what is tried
        up = place.polling
        place.kill_worker()
        await until(lambda up=up: place.polling > up)  # type: ignore[misc]  # mypy has no defaults
    ended = await all_done(place, handles)

    assert ["completed"] * RUNS == [one.result.status for one in ended]
    expected = sorted(f"line-{n}" for n in range(LINES))
    assert [expected] * RUNS == [sorted(book.lines) for book in books]
    attempts = [what.attempt for one in ended for what in one.of("step.attempted")]
    assert any(attempt.number > 1 for attempt in attempts)

    for handle, verdict in ((retried, Verdict.RETRY), (skipped, Verdict.SKIP)):
        question = await place.yard.question(handle)
        assert Ground.UNKNOWN == question.ground
        assert "its worker fell silent" in question.why
        await place.yard.answer(handle, question, verdict)
    again, without = await all_done(place, [retried, skipped])
    assert (["hit", "hit"], ["hit"]) == (struck.lines, left.lines)
    assert ("s", "after") == without.result.skipped
    lost, _ = again.of("step.attempted", "s")
    assert AttemptEnd.UNRECORDED == lost.attempt.end
    assert lost.attempt.decision is not None
    # What the lost call used is not known, so it counts as all it could have used.
    assert Amount(calls=3) == again.result.spent


async def test_kill_9_of_the_worker_within_a_loop(place: Site) -> None:
    """Items that were done are not done again, those that ran are tried again with their keys, and
    the list of outputs is whole and in order. Those that waited out an error wait on.
    """
    moments = random.Random(1815)
    book, names = place.yard.book(), [f"n{number}" for number in range(3 * LINES)]
    entry = step("w", "Write", ledger=book.name, text={"$item": "/name"}, linger=LINGER)
    hands = {"in": {"$from": "all", "path": "/hands"}, "max": len(names)}
    stuck = place.yard.book()
    lift = step("l", "Lift", ledger=stuck.name, load="pallet", busy=2)
    handle = await place.yard.start(
        place.yard.lock(
            say(), step("all", "Muster", names=names), with_(entry, for_each=hands), lift
        )
    )
    await until(lambda: len(book.lines) > 2)
    for _ in range(2):
        up = place.polling
        place.kill_worker()
        await until(lambda up=up: place.polling > up)  # type: ignore[misc]  # mypy has no defaults
        await asyncio.sleep(moments.uniform(0.0, 0.5))  # the moment is what is tried
    ended = await place.yard.ended(handle)

    assert "completed" == ended.result.status
    assert sorted(names) == sorted(book.lines)
    (gathered,) = ended.of("step.gathered")
    kept = load(FolderStore(place.yard.home.values), gathered.value)
    assert isinstance(kept, list)
    assert names == [one["text"] for one in kept]  # type: ignore[index,call-overload]  # it is what a Write gives
    attempts = ended.of("step.attempted", "w")
    assert any(what.attempt.number > 1 for what in attempts)
    assert [*range(len(names))] == sorted(what.item for what in ended.of("step.completed", "w"))
    assert 2 == len(ended.of("step.recovering", "l"))


async def test_kill_9_of_the_server(place: Site) -> None:
    """The server comes back with all it knew, and the worker finds it again."""
    moments = random.Random(1970)
    books = [place.yard.book() for _ in range(RUNS)]
    handles = [await begun(place, book) for book in books]
    await until(lambda: all(book.lines for book in books))
    killed = []
    for _ in range(KILLS):
        await asyncio.sleep(moments.uniform(0.1, 0.6))  # the moment is what is tried
        record = recorded(place.yard.home)
        assert record is not None
        killed.append(record.pid)
        place.kill_server()
        await until(lambda: (now := recorded(place.yard.home)) and now.pid not in killed)
    ended = await all_done(place, handles)

    assert ["completed"] * RUNS == [one.result.status for one in ended]
    expected = sorted(f"line-{n}" for n in range(LINES))
    assert [expected] * RUNS == [sorted(book.lines) for book in books]
