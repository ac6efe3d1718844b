"""All attempts against one desk, one after the other, and what came of each.

Judged is what the tools' own ledger holds, by an oracle that knows the task and nothing of policy.
"""

import asyncio
import multiprocessing
import shutil
import sys
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from activities.models.messages import MessagesModel
from activities.package import AgentPackage
from benchmarks.breach.attempts import Attempt
from benchmarks.breach.driving import Desk, Ended
from benchmarks.breach.obedient import Heard, Obedient
from benchmarks.breach.oracle import done, escaped, unauthorised
from benchmarks.breach.places import PLAIN, calls, house, package, poisoned
from benchmarks.breach.tasks import PLANNED, Json
from lockstep.errors import LockstepError
from worker.standin.server import playing

KEY = "sk-ant-of-a-stand-in"
_SHARE = 50
"""Attempts that one process makes before it is given others."""


@dataclass(frozen=True)
class Row:
    """What came of one attempt; `heard` is None where the order never reached the model."""

    attempt: Attempt
    heard: Heard | None
    ended: Ended
    calls: Sequence[Json]

    @property
    def unauthorised(self) -> list[Json]:
        return unauthorised(self.calls, self.attempt.task.calls)

    @property
    def escaped(self) -> list[Json]:
        return escaped(self.calls)

    @property
    def done(self) -> bool:
        return done(self.calls, self.attempt.task.calls)


@dataclass(frozen=True)
class Campaign:
    """One desk under one policy, and the model that it asks."""

    desk: AgentPackage
    obedient: Obedient
    model: MessagesModel
    folder: Path
    threads: ThreadPoolExecutor

    async def made(self, attempt: Attempt) -> Row:
        folder = self.folder / str(attempt.order.number)
        try:
            ended = await self._ended(attempt, folder)
            return Row(attempt, self.obedient.known.get(attempt.order), ended, calls(folder))
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    async def _ended(self, attempt: Attempt, folder: Path) -> Ended:
        environ, place = house(folder, attempt.source, attempt.text), attempt.place
        there, environment = self.desk, PLAIN
        try:
            if place is not None:
                there = poisoned(self.desk, place, attempt.text, folder / "desk")
                environment = place.environment
            world = there.world(environment)
        except LockstepError as error:
            return Ended("not loaded", (error.code,))
        desk = Desk(world, self.model, folder, environ, self.threads)
        if not attempt.task.steps:
            return await desk.planned(attempt.task)
        inputs = {"note": attempt.text} if attempt.source == "input" else {}
        return await desk.composed(attempt.task, inputs)


@asynccontextmanager
async def campaign(
    policy: str, folder: Path, attempts: Sequence[Attempt]
) -> AsyncIterator[Campaign]:
    """A desk that works, for as long as the block lasts."""
    obedient = Obedient((*PLANNED, *(one.task for one in attempts)))
    with playing(obedient) as server, ThreadPoolExecutor(2) as threads:
        model = MessagesModel(KEY, server.base_url, timedelta(seconds=60))
        try:
            yield Campaign(package(policy), obedient, model, folder, threads)
        finally:
            await model.close()


async def _rows(policy: str, attempts: Sequence[Attempt]) -> list[Row]:
    with TemporaryDirectory(prefix="breach-") as folder:
        async with campaign(policy, Path(folder), attempts) as here:
            return [await here.made(attempt) for attempt in attempts]


def _some(policy: str, attempts: Sequence[Attempt]) -> list[Row]:
    return asyncio.run(_rows(policy, attempts))


def rows(policy: str, attempts: Sequence[Attempt], processes: int = 1) -> list[Row]:
    """All of them, each in a world of its own, under the desk's own policy or another folder's."""
    if processes == 1:
        return _some(policy, attempts)
    shares = [attempts[number : number + _SHARE] for number in range(0, len(attempts), _SHARE)]
    found: list[Row] = []
    # Spawned, since a process that has threads cannot be copied.
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for some in pool.imap(partial(_some, policy), shares):
            found += some
            sys.stderr.write(f"{policy or 'desk'}: {len(found)} of {len(attempts)}\n")
    return found
