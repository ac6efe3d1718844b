"""The same on a real Temporal server, by the workflows: a planning, and a run of its lock.

Each attempt has a worker of its own, since it has a world of its own. Nobody answers what is asked;
after a second that means no.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

from temporalio.client import Client

from activities.package import AgentPackage
from benchmarks.breach.attempts import Attempt
from benchmarks.breach.campaign import KEY, Row
from benchmarks.breach.driving import Ended, written
from benchmarks.breach.obedient import Obedient
from benchmarks.breach.performing import PERSON
from benchmarks.breach.places import PLAIN, calls, house, package, poisoned
from benchmarks.breach.tasks import PLANNED, Json
from lockstep.errors import LockstepError
from lockstep.lock import Lock
from worker.connection import connect, found
from worker.embedded.server import serve
from worker.home import Home
from worker.plans import begin, ended
from worker.runs import result, start
from worker.serve import serving
from worker.standin.server import playing
from workflows.lock_plan import LockRequest, LockResult
from workflows.run_request import RunRequest
from workflows.run_result import RunResult

_GRACE = timedelta(milliseconds=100)
_PATIENCE = 120


@dataclass(frozen=True)
class Yard:
    """A server, and the model that every worker on it asks."""

    client: Client
    home: Home
    obedient: Obedient
    base_url: str
    folder: Path

    async def made(self, attempt: Attempt) -> Row:
        """One attempt, from its goal or its plan to the end of the run, if there is one."""
        folder = self.folder / str(attempt.order.number)
        environ = house(folder, attempt.source, attempt.text)
        place, name = attempt.place, f"desk-{attempt.order.number}"
        desk = package()
        try:
            if place is not None:
                desk = poisoned(desk, place, attempt.text, folder / "desk")
        except LockstepError as error:
            return Row(attempt, None, Ended("not loaded", (error.code,)), ())
        # A queue of its own: nobody else's worker takes its work.
        desk = replace(desk, agent=desk.agent.model_copy(update={"name": name}))
        environment = place.environment if place is not None else PLAIN
        inputs = {"note": attempt.text} if attempt.source == "input" else {}
        async with self._worker(desk, environment, environ), asyncio.timeout(_PATIENCE):
            came = await self._ended(attempt, name, environment, inputs)
        return Row(attempt, self.obedient.known.get(attempt.order), came, calls(folder))

    async def _ended(self, attempt: Attempt, name: str, environment: str, inputs: Json) -> Ended:
        task = attempt.task
        request = LockRequest(
            agent=name,
            environment=environment,
            by=PERSON,
            goal="" if task.steps else task.goal,
            plan=written(task) if task.steps else None,
        )
        locked = await ended(await begin(self.client, request))
        if not isinstance(locked, LockResult):
            return Ended("planning failed", (locked.code,))
        if locked.lock is None:
            return Ended(locked.status, tuple(one.code for one in locked.findings))
        return await self._run(locked.lock, inputs)

    async def _run(self, lock: Lock, inputs: Json) -> Ended:
        request = RunRequest(lock=lock, inputs=inputs, started_by=PERSON)
        came = await result(await start(self.client, request))
        if not isinstance(came, RunResult):
            return Ended("run failed", (came.code,))
        return Ended(came.status, tuple(one.code for one in came.findings))

    @asynccontextmanager
    async def _worker(
        self, desk: AgentPackage, environment: str, environ: Mapping[str, str]
    ) -> AsyncIterator[None]:
        there = {**environ, "ANTHROPIC_API_KEY": KEY, "ANTHROPIC_BASE_URL": self.base_url}
        values = self.home.values
        async with serving(self.client, desk, environment, values, grace=_GRACE, environ=there):
            yield


async def rows(folder: Path, attempts: Sequence[Attempt]) -> list[Row]:
    """All of them, one after the other, on one server."""
    home, obedient = Home(folder / "home"), Obedient((*PLANNED, *(one.task for one in attempts)))
    home.ensure()
    with playing(obedient) as model:
        async with serve(home) as server:
            client = await connect(found(home, server))
            yard = Yard(client, home, obedient, model.base_url, folder)
            return [await yard.made(attempt) for attempt in attempts]
