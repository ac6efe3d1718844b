"""What the demonstration is played on: a copy of the example, a stand-in model, a real server.

The copy has a name, and so queues, of its own: no worker that happens to run serves it, and what it
writes lies in `.lockstep` and not among anybody's files. What a model says comes from the script in
the example's `demo` folder; everything else is what `plan`, `run` and `replay` do.
"""

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from temporalio.client import WorkflowHandle

from activities.models.anthropic import Anthropic
from activities.package import MANIFEST, AgentPackage, load_package
from activities.store import FolderStore
from lockstep.errors import LockstepError
from lockstep.escalation import Answer, Question, Verdict
from lockstep.event import Event
from lockstep.finding import Finding
from lockstep.lock import Lock
from worker.again.replay import ReplayReport, compare
from worker.cli.options import person
from worker.cli.terminal import say
from worker.embedded.ports import LOOPBACK
from worker.home import Home
from worker.inbox import answer, open_questions
from worker.plans import begin, ended
from worker.records.history import events_of, fetch
from worker.records.proposals import Proposed, proposals
from worker.runs import follow, result, start
from worker.session import Served, Session, session
from worker.standin.server import StandIn, standin
from workflows.lock_plan import LockRequest, LockResult
from workflows.run_request import RunRequest
from workflows.run_result import RunResult

EXAMPLE = Path(__file__).parents[3] / "examples" / "cluster_digest"
ENVIRONMENTS = ("sandbox", "prod")
AT = datetime.fromisoformat("2026-11-16T06:00:00+00:00")
"""The end of the week that the sandbox's mocks are of."""


@dataclass(frozen=True)
class Planned:
    """A planning that ended, or waits: every proposal of the model, and what came of the last."""

    id: str
    proposals: list[Proposed]
    result: LockResult | None
    question: Question | None

    @property
    def lock(self) -> Lock:
        if self.result is None or self.result.lock is None:
            raise LockstepError.of(
                "LS-CLI-002", "demo", f"planning `{self.id}` made no lock", "report this"
            )
        return self.result.lock


@dataclass(frozen=True)
class Ran:
    """A run that ended, or waits."""

    id: str
    events: list[Event]
    result: RunResult | None
    question: Question | None


@dataclass
class Stage:
    """Plans, runs, answers and replays; whatever is open when it is left is cancelled."""

    open_: Session
    package: AgentPackage
    model: StandIn
    runs: list[str] = field(default_factory=list)
    _open: list[WorkflowHandle[Any, Any]] = field(default_factory=list)

    async def plan(self, goal: str, environment: str) -> Planned:
        """Have the model plan until there is a lock, or a question."""
        request = LockRequest(
            goal=goal, agent=self.package.agent.name, environment=environment, by=person(None)
        )
        handle = await begin(self.open_.client, request)
        question = await self._watched(handle)
        result = None
        if question is None:
            given = await ended(handle)
            if isinstance(given, Finding):
                raise LockstepError(given)
            if given.status == "failed":
                raise LockstepError(*given.findings)
            result = given
        found = proposals(await fetch(self.open_.client, handle.id))
        return Planned(handle.id, found, result, question)

    async def run(self, lock: Lock) -> Ran:
        """Run a lock until it ends, or asks."""
        request = RunRequest(lock=lock, started_by=person(None), scheduled_at=AT)
        handle = await start(self.open_.client, request)
        self.runs.append(handle.id)
        question = await self._watched(handle)
        given = None if question else await result(handle)
        if isinstance(given, Finding):
            raise LockstepError(given)
        events = await events_of(await fetch(self.open_.client, handle.id))
        return Ran(handle.id, events, given, question)

    async def answer(self, question: Question, verdict: Verdict) -> None:
        """Answer as whoever sits here, and wait for what that brings."""
        given = Answer(
            question=question.id,
            verdict=verdict,
            by=person(None),
            args_digest=question.args.digest,
        )
        await answer(self.open_.client, question.run, given)
        async for _ in follow(self.open_.client.get_workflow_handle(question.run)):
            pass

    async def replay(self, run: str) -> ReplayReport:
        history = await fetch(self.open_.client, run)
        world = self.package.world(ENVIRONMENTS[0])
        return await compare(history, FolderStore(self.open_.home.values), world)

    async def _watched(self, handle: WorkflowHandle[Any, Any]) -> Question | None:
        """Follow to the end, or to the first question."""
        self._open.append(handle)
        async for heard in follow(handle):
            if any(event.what.type == "question.asked" for event in heard.events):
                return (await open_questions(self.open_.client, handle.id))[0]
        self._open.remove(handle)
        return None

    async def close(self) -> None:
        """Nothing that was begun here goes on without its model."""
        for handle in self._open:
            with suppress(Exception):
                await handle.cancel()


@asynccontextmanager
async def staged(home: Home) -> AsyncIterator[Stage]:
    """The stage, for as long as the block lasts; then nothing of it is left running."""
    with _alone(home):
        package = _copied(home)
        with standin(package.root / "demo" / "script.json") as model:
            _tell_the_worker(home, model)
            chosen = [Served.of(package, name) for name in ENVIRONMENTS]
            async with session(home, say, serve=chosen) as open_:
                stage = Stage(open_, package, model)
                try:
                    yield stage
                finally:
                    await stage.close()


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """One demonstration at a time: two would answer for each other's model."""
    home.ensure()
    lock = FileLock(home.root / "demo.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise LockstepError.of(
            "LS-SRV-004",
            str(home.root),
            "another demonstration is playing here",
            "wait for its end, or set LOCKSTEP_HOME to a folder of its own",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _tell_the_worker(home: Home, model: StandIn) -> None:
    """What the worker that is started inherits."""
    direct = ",".join(filter(None, (os.environ.get("NO_PROXY"), LOOPBACK)))
    os.environ |= {
        Anthropic.key: "any-will-do",
        "ANTHROPIC_BASE_URL": model.base_url,
        "DIGEST_FOLDER": str(home.root / "demo" / "digests"),
        # The stand-in is on this machine, whatever stands between it and others.
        "NO_PROXY": direct,
        "no_proxy": direct,
    }


def _copied(home: Home) -> AgentPackage:
    if not (EXAMPLE / MANIFEST).is_file():
        raise LockstepError.of(
            "LS-AGENT-001",
            str(EXAMPLE),
            "the example that is shown is not here",
            "run `lockstep demo` from a checkout of Lockstep",
        )
    root = home.root / "demo" / "agent"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(EXAMPLE, root, ignore=shutil.ignore_patterns("__pycache__"))
    manifest = root / MANIFEST
    text = manifest.read_text()
    manifest.write_text(text.replace('name = "cluster_digest"', 'name = "cluster_digest_demo"', 1))
    return load_package(root)
