"""The yard: what the end-to-end tests share, a real server, workers for the crane, plans for it.

Whatever a test is about, each run that ends here is held to the same laws: its events, computed
from its history, form a whole chain that ends in the head the run returned; its replay is the same
again; policy that it is put to again decides the same; an audit finds nothing against it; and no
secret is in its history.
"""

import asyncio
import json
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from temporalio.client import Client, WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import ApplicationError

from activities.package import AgentPackage, load_package
from activities.store import FolderStore
from lockstep.escalation import Answer, Question, Verdict
from lockstep.event import Event, broken_at
from lockstep.finding import Finding
from lockstep.loading import shaped
from lockstep.lock import Body, Lock
from lockstep.plan import Plan, Steps
from policies.check import check
from policies.locks.freeze import freeze
from policies.world import World
from worker import inbox
from worker.again.backtest import Backtest
from worker.again.replay import compared
from worker.audits.evidence import Evidence, against
from worker.home import Home
from worker.records.history import replay
from worker.runs import result, start
from worker.serve import serving
from workflows.run import Run
from workflows.run_request import RunRequest
from workflows.run_result import RunResult

ROOT = Path(__file__).parents[2]
CRANE = ROOT / "tests" / "agents" / "crane"
TEST = "test"
CANARY = "canary-5bf1c7e2a9"
"""The password that the crane's tools are given, and that must not be seen again."""
PATIENCE = 120.0
"""Seconds in which anything that is waited for has to happen, on a machine that has much to do."""
BACKOFF = timedelta(milliseconds=20)
"""Instead of a lock's usual second, which is Temporal's to wait and not ours to test."""
DEPLOYED = [sys.executable, "-P", "-m", "worker.cli.main"]
"""`lockstep`, whether or not it is installed."""

_numbers = count(1)

Handle = WorkflowHandle[Run, Any]
Json = dict[str, Any]


def step(id: str, tool: str, **args: Any) -> Json:
    """A step; what is not an argument of the tool goes through `with_`."""
    return {"id": id, "tool": tool, "args": args}


def with_(given: Json, **fields: Any) -> Json:
    """A step with `after`, `reason`, `timeout` or `attempts` as well."""
    return {**given, **fields}


def say(id: str = "hello", text: str | Json = "hello", **args: Any) -> Json:
    """An Echo, of which the rules want one in every plan."""
    return step(id, "Echo", text=text, **args)


def output(id: str, path: str = "/text") -> Json:
    return {"$from": id, "path": path}


def plan(*steps: Json) -> Json:
    """A plan that says something, as the rules want it."""
    said = steps if any(one["tool"] == "Echo" for one in steps) else (say(), *steps)
    return {"lockstep": "plan/1", "goal": "lift", "steps": list(said)}


def lock_in(world: World, proposed: Json, change: Callable[[Body], Body] = lambda b: b) -> Lock:
    """The lock of a plan that passes, with a short back-off, and with a change if one is given."""
    checked_plan = shaped(Plan, proposed, "plan")
    checked = check(checked_plan, world, "ana")
    assert not checked.errors, checked.errors
    body = freeze(checked_plan, checked, world)
    steps = Steps(one.model_copy(update={"backoff": BACKOFF}) for one in body.steps)
    return Lock.freeze(change(body.model_copy(update={"steps": steps})))


async def until(true: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Polls until something is so, and fails if it does not become so in time."""
    deadline = monotonic() + seconds
    while not true():
        assert monotonic() < deadline, "this did not happen in time"
        await asyncio.sleep(0.02)


@dataclass(frozen=True)
class Book:
    """A ledger of a test's own; `name` is what tools are told."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def lines(self) -> list[str]:
        """Without the keys of entries."""
        return [line.rpartition(" ")[2] if _keyed(line) else line for line in self.whole]

    @property
    def whole(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []


def _keyed(line: str) -> bool:
    return len(line.partition(" ")[0]) == 64


@dataclass(frozen=True)
class Ended:
    """A run that ended: its result, the events that its history gives, and the history."""

    result: RunResult
    events: list[Event]
    history: WorkflowHistory

    @property
    def finding(self) -> Finding:
        return self.result.findings[0]

    @property
    def text(self) -> str:
        """Everything that anybody could read of the run: its history and what follows from it."""
        return readable(self.history) + json.dumps([event.line for event in self.events])

    def of(self, kind: str, step: str | None = None) -> list[Any]:
        """What happened of one type, to one step if one is named."""
        found: list[Any] = [event.what for event in self.events if event.what.type == kind]
        return [what for what in found if step is None or what.step == step]

    def output(self, step: str) -> Any:
        return self.result.outputs[step].preview


def readable(history: WorkflowHistory) -> str:
    """The history with its payloads in plain text."""
    return "\n".join(repr(event) for event in history.events)


@dataclass
class Yard:
    """The server's client, one agent package, and the world it is checked in."""

    home: Home
    client: Client
    package: AgentPackage
    ledgers: Path
    log: Path
    environment: str = TEST
    world: World = field(init=False)

    def __post_init__(self) -> None:
        self.world = self.package.world(self.environment)

    def book(self) -> Book:
        return Book(self.ledgers / f"book-{next(_numbers)}")

    @property
    def queue(self) -> str:
        return f"{self.package.agent.name}.{self.environment}"

    def lock(self, *steps: Json, change: Callable[[Body], Body] = lambda b: b) -> Lock:
        return lock_in(self.world, plan(*steps), change)

    async def start(self, lock: Lock, **inputs: Any) -> Handle:
        return await start(self.client, RunRequest(lock=lock, inputs=inputs, started_by="ana"))

    async def run(self, *steps: Json, **inputs: Any) -> Ended:
        return await self.ended(await self.start(self.lock(*steps), **inputs))

    async def ended(self, handle: Handle, *, stricter: bool = False) -> Ended:
        """The end of a run, and proof that it is what its history says; `stricter` where policy
        became so in the middle of it.
        """
        async with asyncio.timeout(PATIENCE):
            found = await result(handle)
        assert isinstance(found, RunResult), found
        history = await handle.fetch_history()
        replayed = await replay(history)
        events = replayed.record.events
        assert broken_at(handle.id, events) is None, events
        assert (found.events, found.head) == (len(events), events[-1].digest), found
        report = compared(history, replayed, FolderStore(self.home.values), self.world)
        assert not report.findings, report.findings
        bench = Backtest(
            self.package, FolderStore(self.home.values), {self.environment: self.world}
        )
        turns = {one.turn for one in bench.revisited(history)}
        assert turns <= ({"same", "otherwise"} if stricter else {"same"}), turns
        speaking = against(Evidence.given(history, replayed))
        assert not speaking, speaking
        ended = Ended(found, events, history)
        assert CANARY not in ended.text, "a secret is in the history"
        return ended

    async def questions(self, handle: Handle, number: int = 1) -> list[Question]:
        """The run's open questions, once there are so many."""
        async with asyncio.timeout(PATIENCE):
            while True:
                lines = await handle.query(Run.questions)
                if len(lines) == number:
                    return [Question.model_validate(line) for line in lines]
                await asyncio.sleep(0.02)

    async def question(self, handle: Handle) -> Question:
        (found,) = await self.questions(handle)
        return found

    async def answer(
        self, handle: Handle, question: Question, verdict: Verdict, by: str = "ana", **more: Any
    ) -> None:
        """By the polite door; a refusal is raised."""
        async with asyncio.timeout(PATIENCE):
            await inbox.answer(self.client, handle.id, reply(question, verdict, by, **more))

    @asynccontextmanager
    async def other(self, folder: Path, change: Callable[[Path], None]) -> "AsyncIterator[Yard]":
        """A yard with a changed copy of the crane, which no worker serves yet."""
        root = copied(self.package.root, folder)
        change(root)
        yield Yard(self.home, self.client, load_package(root), self.ledgers, self.log)

    @asynccontextmanager
    async def worker(self) -> AsyncIterator[None]:
        """A worker for this yard's agent, while the block runs; then it has little patience."""
        grace = timedelta(milliseconds=100)
        here, values = self.environment, self.home.values
        async with serving(self.client, self.package, here, values, grace=grace):
            yield


def copied(root: Path, folder: Path) -> Path:
    """A copy of an agent package in a new folder."""
    target = folder / f"copy-{next(_numbers)}"
    shutil.copytree(root, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


def renamed(root: Path) -> None:
    """A name of its own, and so a queue of its own."""
    replace(root / "agent.toml", 'name = "crane"', f'name = "crane-{next(_numbers)}"')


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def reply(question: Question, verdict: Verdict, by: str = "ana", **more: Any) -> Answer:
    given = {"question": question.id, "verdict": verdict, "by": by}
    return Answer.model_validate({**given, "args_digest": question.args.digest, **more})


async def failure(handle: "WorkflowHandle[Any, Any]") -> ApplicationError:
    """The coded failure that a workflow ended with, in good time."""
    with pytest.raises(WorkflowFailureError) as failed:
        async with asyncio.timeout(PATIENCE):
            await handle.result()
    assert isinstance(failed.value.cause, ApplicationError), failed.value.cause
    return failed.value.cause
